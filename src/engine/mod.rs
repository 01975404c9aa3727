//! Starts threads and tasks, owns every channel and its bound, and ends them in order.
//!
//! listen thread -> `jobs` -> understand thread -> `understood` -> async line -> `receipts` -> whoever prints.
//! The shutdown goes the same way: whoever feeds drops its `jobs` sender, the understand thread ends and drops
//! its own, and so on; when `receipts` is closed, everything has been said and published.

mod feed;
mod line;
mod live;
pub mod load;
mod stamps;
mod understand;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::mpsc;

use self::feed::Feed;
use self::line::Line;
use self::live::Live;
use self::stamps::Stamps;
pub use self::stamps::WallClock;
use self::understand::{Job, Mind, Progress, Understood};
use crate::act::broker::EmbeddedBroker;
use crate::act::fence::Fence;
use crate::act::inbox::Incoming;
use crate::act::journal::Journal;
use crate::act::mqtt::{Broker, Link};
use crate::config::Config;
use crate::decide::auction::Auctioneer;
use crate::facts::audio::samples_in_ms;
use crate::facts::clock::Clock;
use crate::facts::error::Fault;
use crate::facts::intent::Lang;
use crate::hear::listener::Listener;
use crate::hear::mic::Capture;
use crate::receipt::Receipt;

/// Utterances that wait for the understand thread: people do not speak faster than it understands, and what
/// would wait longer is no longer worth doing.
const JOBS_MAX: usize = 4;
/// Hypotheses that wait for the async line.
const UNDERSTOOD_MAX: usize = 4;
/// Confirmations that wait for the async line: only one question stands at a time.
const CONFIRMS_MAX: usize = 4;
/// Receipts that wait to be printed.
const RECEIPTS_MAX: usize = 64;
/// Receipts that wait for the disk; more are dropped with a warning.
const JOURNAL_MAX: usize = 256;
/// How long the broker may take to answer at the start.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How soon a live pipeline notices that it shall end.
const STOP_SEEN_WITHIN: Duration = Duration::from_millis(200);

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Speech recognition (not for typed sentences).
    pub hearing: bool,
    /// A broker (not with `--dry-run`).
    pub acting: bool,
    /// Runs until Ctrl-C or SIGTERM, and takes sentences over MQTT.
    pub live: bool,
}

/// A running pipeline. Drop [`Engine::feed_with`]'s sender to end it, then read [`Engine::next_receipt`] until `None`.
pub struct Engine {
    jobs: Option<Sender<Job>>,
    receipts: mpsc::Receiver<Receipt>,
    threads: Vec<JoinHandle<()>>,
    clock: Arc<dyn Clock>,
    config: Config,
    stop: Arc<AtomicBool>,
    /// Keeps the broker inside this process running.
    broker: Option<EmbeddedBroker>,
}

impl Engine {
    /// Loads everything and starts the threads.
    ///
    /// # Errors
    /// Every fault in grammars, models and home; a broker that is not there.
    pub fn start(config: Config, needs: Needs) -> Result<Self, Vec<Fault>> {
        keep_little_memory();
        let understanding = load::understanding(&config)?;
        let recognizer =
            needs.hearing.then(|| load::recognizer(&config, &understanding)).transpose().map_err(|f| vec![f])?;
        give_memory_back();
        let clock: Arc<dyn Clock> = Arc::new(WallClock::start());
        let (jobs, jobs_in) = bounded(JOBS_MAX);
        let (understood, understood_in) = mpsc::channel(UNDERSTOOD_MAX);
        let (receipts_out, receipts) = mpsc::channel(RECEIPTS_MAX);
        let stop = Arc::new(AtomicBool::new(false));
        let broker = start_broker(&config, needs).map_err(|f| vec![f])?;
        let (journal, writer) = match config.journal.clone() {
            None => (None, None),
            Some(settings) => {
                let journal = Journal::open(settings, SystemTime::now()).map_err(|f| vec![f])?;
                let (to, from) = bounded(JOURNAL_MAX);
                (Some(to), Some(spawn("journal", move || write_down(journal, &from))?))
            }
        };
        let parts = LineParts {
            config: config.clone(),
            journal,
            clock: Arc::clone(&clock),
            needs,
            port: broker.as_ref().map(EmbeddedBroker::port),
            say: needs.live.then(|| jobs.clone()),
            stop: Arc::clone(&stop),
        };
        let (ready, ready_in) = bounded(1);
        let line = spawn("async line", move || parts.run(understood_in, receipts_out, &ready))?;
        ready_in
            .recv()
            .unwrap_or_else(|_| Err(Fault::new("tiebreak", "", "the async line ended at its start", "see the log")))
            .map_err(|f| vec![f])?;
        let wait = samples_in_ms(config.listen.endpointer.wait_ms_max);
        let mind = Mind { recognizer, understanding, clock: Arc::clone(&clock), wait, progress: Progress::default() };
        let mind = spawn("understand", move || mind.work(&jobs_in, &understood))?;
        let threads = [line, mind].into_iter().chain(writer).collect();
        Ok(Self { jobs: Some(jobs), receipts, threads, clock, config, stop, broker })
    }

    /// The port of the embedded broker on this machine, if it runs.
    pub fn broker_port(&self) -> Option<u16> {
        self.broker.as_ref().map(EmbeddedBroker::port)
    }

    /// A flag that ends all feeding when it is set.
    pub fn stopper(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// The next receipt; `None` when everything that was fed has been answered.
    pub fn next_receipt(&mut self) -> Option<Receipt> {
        self.receipts.blocking_recv()
    }

    /// Feeds recordings from a thread of their own; the returned channel says which could not be read.
    pub fn replay(&mut self, files: Vec<PathBuf>, realtime: bool) -> Result<Receiver<Vec<Fault>>, Vec<Fault>> {
        let mut feed =
            Feed { realtime, listener: self.listener()?, clock: Arc::clone(&self.clock), stop: Arc::clone(&self.stop) };
        let (faults, faults_in) = bounded(1);
        self.feed_with("listen", move |jobs| {
            // Nobody may be waiting for the faults any more.
            let _ = faults.send(feed.all(&files, &jobs));
        })?;
        Ok(faults_in)
    }

    /// Listens to the microphone until [`Engine::stopper`] is set.
    ///
    /// # Errors
    /// No such device, or none that can be opened.
    pub fn listen(&mut self) -> Result<(), Vec<Fault>> {
        let mut listener = self.listener()?;
        let capture = Capture::open(self.config.device.as_deref()).map_err(|f| vec![f])?;
        listener.restart(capture.name());
        let live = Live { capture, listener, clock: Arc::clone(&self.clock), stop: Arc::clone(&self.stop) };
        self.feed_with("listen", move |jobs| live.run(&jobs))
    }

    /// Feeds sentences; `lines` is asked for the next one from a thread of its own.
    pub fn say(
        &mut self,
        lang: Option<Lang>,
        lines: impl Iterator<Item = String> + Send + 'static,
    ) -> Result<(), Vec<Fault>> {
        let clock = Arc::clone(&self.clock);
        self.feed_with("say", move |jobs| {
            for text in lines {
                let stamps = Stamps::since(clock.now());
                if jobs.send(Job::Sentence { text, lang, source: "say".into(), stamps }).is_err() {
                    return;
                }
            }
        })
    }

    /// Hands the only other sender of `jobs` to `feed`, so that the pipeline ends when it does.
    fn feed_with(&mut self, name: &str, feed: impl FnOnce(Sender<Job>) + Send + 'static) -> Result<(), Vec<Fault>> {
        let Some(jobs) = self.jobs.take() else {
            return Err(vec![Fault::new("tiebreak", "", "this pipeline is being fed already", "start another")]);
        };
        self.threads.push(spawn(name, move || feed(jobs))?);
        Ok(())
    }

    /// A listener with its wake model.
    fn listener(&self) -> Result<Listener, Vec<Fault>> {
        let wake = load::wake(&self.config).map_err(|f| vec![f])?;
        Ok(Listener::new(self.config.listen.clone(), wake, ""))
    }
}

/// Waits for the threads: they have all ended once the receipts have.
impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        self.receipts.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the pipeline panicked");
            }
        }
    }
}

/// Freed blocks of this size, in bytes, go back to the system at once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES_MAX: libc::c_int = 1 << 20;

/// Once large tensors have come and gone, glibc would keep up to 64 MB of each thread's for the next ones.
fn keep_little_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: both may be set at any time; that ends glibc's own adjustment of the two (mallopt(3)).
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, KEPT_BYTES_MAX);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES_MAX);
    }
}

/// Compiling the grammars takes some 100 MB for a moment, which glibc would keep for ever.
fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it may be called at any time, from any thread (malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
}

fn start_broker(config: &Config, needs: Needs) -> Result<Option<EmbeddedBroker>, Fault> {
    match config.mqtt.broker {
        Broker::Embedded { port } if needs.acting => EmbeddedBroker::start(port).map(Some),
        _ => Ok(None),
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Vec<Fault>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|e| {
        vec![Fault::new("tiebreak", name, format!("the system gives no thread: {e}"), "close other programs")]
    })
}

/// What the async line is made of, on its own thread.
struct LineParts {
    config: Config,
    journal: Option<Sender<Receipt>>,
    clock: Arc<dyn Clock>,
    needs: Needs,
    port: Option<u16>,
    say: Option<Sender<Job>>,
    stop: Arc<AtomicBool>,
}

impl LineParts {
    fn run(
        self,
        understood: mpsc::Receiver<Understood>,
        receipts: mpsc::Sender<Receipt>,
        ready: &Sender<Result<(), Fault>>,
    ) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => {
                let _ = ready.send(Err(Fault::new(
                    "tiebreak",
                    "",
                    format!("no async runtime: {e}"),
                    "close other programs",
                )));
                return;
            }
        };
        runtime.block_on(async move {
            match self.line().await {
                Err(fault) => {
                    let _ = ready.send(Err(fault));
                }
                Ok(line) => {
                    let _ = ready.send(Ok(()));
                    line.work(understood, receipts).await;
                }
            }
        });
    }

    async fn line(self) -> Result<Line, Fault> {
        let (confirm, confirmed) = mpsc::channel(CONFIRMS_MAX);
        let link = match self.needs.acting {
            false => None,
            true => {
                let (link, said) = Link::connect(&self.config.mqtt, self.port, CONNECT_WITHIN).await?;
                if let Some(jobs) = self.say {
                    tokio::spawn(take_messages(said, jobs, confirm, Arc::clone(&self.clock), Arc::clone(&self.stop)));
                }
                Some(link)
            }
        };
        if self.needs.live {
            tokio::spawn(stop_on_signal(Arc::clone(&self.stop)));
        }
        let handlers = load::handlers(&self.config);
        let auctioneer = Auctioneer::new(handlers, self.config.rules.clone(), Arc::clone(&self.clock))?;
        Ok(Line {
            auctioneer: auctioneer.with_fallback(load::fallback(&self.config)?),
            fence: Fence::default(),
            link,
            journal: self.journal,
            remotes: self.config.remotes,
            share_transcript: self.config.share_transcript,
            home: Arc::new(self.config.home),
            home_file: self.config.home_file,
            clock: self.clock,
            confirmed,
            asked: None,
        })
    }
}

/// The journal's thread: a slow disk delays nobody.
fn write_down(mut journal: Journal, receipts: &Receiver<Receipt>) {
    for receipt in receipts {
        if let Err(e) = journal.append(&receipt, SystemTime::now()) {
            tracing::error!("receipt {} could not be written down: {e}", receipt.id);
        }
    }
}

/// Sets `stop` at Ctrl-C or SIGTERM: the listen thread then ends, and the others after it.
async fn stop_on_signal(stop: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
    stop.store(true, Ordering::Relaxed);
}

/// Sentences and confirmations over MQTT: when the understand thread is busy they are refused, not kept for later. Ends soon
/// after `stop`, so that it does not keep the pipeline open.
async fn take_messages(
    mut said: mpsc::Receiver<Incoming>,
    jobs: Sender<Job>,
    confirm: mpsc::Sender<String>,
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(next) = tokio::time::timeout(STOP_SEEN_WITHIN, said.recv()).await else { continue };
        match next {
            Some(Incoming::Say { text, lang }) => {
                let job = Job::Sentence { text, lang, source: "mqtt".into(), stamps: Stamps::since(clock.now()) };
                if jobs.try_send(job).is_err() {
                    tracing::warn!("a sentence over MQTT came while {JOBS_MAX} others were waiting, and was dropped");
                }
            }
            Some(Incoming::Confirm { id }) => {
                if confirm.try_send(id).is_err() {
                    tracing::warn!("more than {CONFIRMS_MAX} confirmations came at once: one was dropped");
                }
            }
            Some(Incoming::Refused { topic, reason }) => tracing::warn!("{topic}: {reason}"),
            None => return,
        }
    }
}
