//! One auction in real time: asks every handler, hands the answers to the arbiter, ends at the deadline.
//!
//! Handlers inside the process are asked first: those that never wait on this very thread, within microseconds, the
//! others on threads of their own. Those outside answer over a bounded channel. The language model is asked last, and only if nobody else has
//! bid. Nothing here publishes: that is `act`'s, through its fence.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{self, Receiver};

use super::arbiter::{Auction, Decision, Participant, Standing, Taken, Terms};
use super::handler::Handler;
use super::inside::{Given, Inside, Reply};
use super::llm::endpoint::Fallback;
use super::llm::{self, Words};
use super::remote::RemoteHandler;
use super::rules::Rules;
use super::track::Tracker;
use crate::facts::bid::{Answer, Ask, BidRecord, Closed, Outcome, Proposal, Verdict};
use crate::facts::clock::Clock;
use crate::facts::error::Fault;
use crate::facts::home::Home;
use crate::facts::intent::Hypothesis;

/// No auction ends later than this after the end of speech, unless the hypotheses themselves came later.
pub const CEILING: Duration = Duration::from_millis(500);

/// What one round of the handlers inside the process is always given, however late it already is, and for how long
/// they are all waited for even if those who are left could not win: the receipt then tells what each of them bid. A
/// hundred times what they need.
pub const ROUND: Duration = Duration::from_millis(20);

/// How long handlers outside are given before the language model is asked in their stead, while it is not known
/// how fast they are. Guessed: a program on the same network answers within a tenth of that.
const HEDGE_UNKNOWN: Duration = Duration::from_millis(100);

/// The answer of a handler outside the process.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteAnswer {
    /// The decision that it answers.
    pub id: String,
    /// Whose.
    pub handler: String,
    /// What.
    pub answer: Answer,
}

/// How an auction went.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// For the receipt.
    pub verdict: Verdict,
    /// For the receipt: one line for each handler.
    pub records: Vec<BidRecord>,
    /// What the winner does; `None` unless the verdict is an award.
    pub proposal: Option<Proposal>,
    /// What is done if the speaker confirms it; `None` unless the verdict is to ask.
    pub pending: Option<Proposal>,
    /// What the winner would say in its own protocol, where it has one.
    pub native: Option<Value>,
    /// When it was decided, on the stream's clock.
    pub decided: Duration,
}

/// Holds auctions.
pub struct Auctioneer {
    handlers: Vec<Inside>,
    rules: Rules,
    clock: Arc<dyn Clock>,
    fallback: Option<Fallback>,
    tracker: Mutex<Tracker>,
}

/// Handlers outside the process: who they are and where their answers arrive.
pub struct Remotes<'a> {
    /// Everyone registered, asked or not.
    pub handlers: &'a [RemoteHandler],
    /// The house, to judge what they offer.
    pub home: &'a Home,
    /// Where they answer, or why they could not be asked.
    pub answers: Result<&'a mut Receiver<RemoteAnswer>, String>,
}

/// When one auction takes place, on the stream's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The hypotheses were ready.
    pub opened: Duration,
    /// An answer that comes at this instant still counts.
    pub deadline: Duration,
}

/// Handlers that nobody registered and that answered nevertheless: so many are named in a receipt.
const STRANGERS_MAX: usize = 4;

impl Auctioneer {
    /// An auctioneer for `handlers`, going by `rules`.
    ///
    /// # Errors
    /// The system gives no thread for a handler.
    pub fn new(handlers: Vec<Arc<dyn Handler>>, rules: Rules, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let handlers = handlers.into_iter().map(Inside::start).collect::<Result<_, _>>()?;
        Ok(Self { handlers, rules, clock, fallback: None, tracker: Mutex::default() })
    }

    /// The same with a language model to fall back on.
    pub fn with_fallback(self, fallback: Option<Fallback>) -> Self {
        Self { fallback, ..self }
    }

    /// Whether there is one that may make something of words that nobody here understands.
    pub fn has_fallback(&self) -> bool {
        self.fallback.is_some()
    }

    /// How the handlers have done; held for moments only.
    pub fn tracker(&self) -> MutexGuard<'_, Tracker> {
        // Every step leaves it valid.
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot of an auction that opens now. `speech_end` is when the speaker fell silent, on the clock's
    /// time; `None` for a typed sentence.
    pub fn slot(&self, speech_end: Option<Duration>) -> Slot {
        let opened = self.clock.now();
        Slot { opened, deadline: deadline(opened, speech_end, self.rules.window) }
    }

    /// Asks everyone about `ask` and decides within `slot`, whatever the handlers do; one inside the process that
    /// hangs holds it up by one [`ROUND`] the first time, and is not asked again until it has answered. Handlers outside
    /// have been asked already; here their answers are awaited. `words`: what was said, for the language model alone.
    pub async fn hold(&self, ask: &Ask, slot: Slot, remotes: Option<Remotes<'_>>, words: Option<Words<'_>>) -> Held {
        let inside = self.handlers.iter().map(|h| Participant::new(h.name(), h.confidence_max()));
        let outside = remotes.iter().flat_map(|r| r.handlers).map(RemoteHandler::participant);
        let last = self.fallback.iter().map(|f| Participant::new(llm::NAME, f.llm().confidence_max()));
        let participants: Vec<Participant> = inside
            .chain(outside)
            .chain(last)
            .map(|p| Participant { standing: self.standing(&p.name, ask), ..p })
            .collect();
        let best = ask.hypotheses.first();
        let pinned = self.rules.pinned(best);
        let terms = Terms { wake: ask.wake.as_deref(), pinned, opened: slot.opened, deadline: slot.deadline };
        let mut auction = Auction::open(&participants, &self.rules, terms);
        let mut round = Round { auctioneer: self, opened: self.clock.now(), best, natives: Vec::new() };
        let given = round.ask(&mut auction, ask, slot).await;
        let strangers = self.await_others(&mut auction, ask, slot, (&mut round, given), remotes, words).await;
        let decision = auction.close(self.clock.now());
        if decision.verdict.closed == Some(Closed::Deadline) {
            // How long they take is not known, but that it is longer than this.
            let waited = decision.at.saturating_sub(slot.opened);
            auction.outstanding().for_each(|name| self.tracker().of_mut(name).answered(waited));
        }
        let mut records = auction.records();
        records.extend(strangers.into_iter().map(not_registered));
        let Decision { verdict, at: decided, proposal, pending } = decision;
        let native = verdict.handler.as_deref().and_then(|winner| round.native_of(winner));
        Held { verdict, records, proposal, pending, native, decided }
    }

    fn standing(&self, name: &str, ask: &Ask) -> Standing {
        let calibration = self.rules.calibration(name, ask.lang);
        let tracker = self.tracker();
        let track = tracker.of(name);
        Standing {
            calibration,
            success: track.map_or(1.0, |t| t.success()),
            has_acted: track.is_some_and(|t| t.has_acted()),
            p95: track.and_then(|t| t.p95()),
        }
    }

    /// Hands in what comes from outside until the auction is decided; returns the names of those who answered
    /// although nobody registered them.
    async fn await_others(
        &self,
        auction: &mut Auction<'_>,
        ask: &Ask,
        slot: Slot,
        (round, given): (&mut Round<'_>, Receiver<Given>),
        remotes: Option<Remotes<'_>>,
        words: Option<Words<'_>>,
    ) -> Vec<String> {
        let mut given = Some(given);
        let (handlers, home, mut answers) = match remotes {
            None => (&[][..], None, None),
            Some(Remotes { handlers, home, answers }) => {
                for h in handlers {
                    let why = match (&answers, h.passed_over(ask.lang)) {
                        (_, Some(why)) => Answer::Decline(why),
                        (Err(why), None) => Answer::Failed(why.clone()),
                        (Ok(_), None) => continue,
                    };
                    auction.answer(&h.name, why, self.clock.now());
                }
                (handlers, Some(home), answers.ok())
            }
        };
        let mut outside = Outside { auctioneer: self, ask, slot, handlers, home, strangers: Vec::new() };
        let mut last = self.fallback.as_ref().map(|fallback| Last { fallback, words, hedge_over: false, answer: None });
        loop {
            // Bounded by what the channel holds: a flood cannot keep the tick from coming.
            for _ in 0..answers.as_ref().map_or(0, |a| a.len()) {
                if let Some(Ok(a)) = answers.as_mut().map(|a| a.try_recv()) {
                    outside.hand_in(auction, a);
                }
            }
            let hedge = last.as_mut().and_then(|last| last.step(self, auction, ask, slot));
            let now = self.clock.now();
            if auction.tick(now).is_some() {
                break;
            }
            let left = auction.deadline().saturating_sub(now);
            let wait = hedge.map_or(left, |at| at.saturating_sub(now).min(left));
            let asked_at = last.as_ref().and_then(|last| last.answer.as_ref()).map(|asked| asked.at);
            let model = last.as_mut().and_then(|last| last.answer.as_mut()).map(|asked| &mut asked.from);
            let is_hedge = wait < left;
            tokio::select! {
                next = receive(given.as_mut()) => match next {
                    Some(next) => round.hand_in(auction, next),
                    None => given = None,
                },
                next = receive(answers.as_deref_mut()) => match next {
                    Some(a) => outside.hand_in(auction, a),
                    None => {
                        answers = None;
                        for h in handlers {
                            auction.answer(&h.name, Answer::Failed("the connection is closed".into()), self.clock.now());
                        }
                    }
                },
                next = receive(model) => {
                    let now = self.clock.now();
                    let answer = next.map_or(Answer::Failed("its thread has ended; see the log".into()), |a| a.answer);
                    self.tracker().of_mut(llm::NAME).answered(now.saturating_sub(asked_at.unwrap_or(now)));
                    // Whatever it says, it has said it.
                    last = None;
                    auction.answer(llm::NAME, self.rules.raised(answer, ask.hypotheses.first()), now);
                }
                () = tokio::time::sleep(wait) => {
                    if is_hedge {
                        if let Some(last) = &mut last {
                            last.hedge_over = true;
                        }
                    } else {
                        // The timer and the clock may disagree by a little; the deadline has passed.
                        auction.close(self.clock.now());
                        break;
                    }
                }
            }
        }
        outside.strangers
    }
}

/// The next message; never, where none can come.
async fn receive<T>(from: Option<&mut Receiver<T>>) -> Option<T> {
    match from {
        Some(from) => from.recv().await,
        None => pending().await,
    }
}

/// The round of the handlers inside the process.
struct Round<'a> {
    auctioneer: &'a Auctioneer,
    opened: Duration,
    best: Option<&'a Hypothesis>,
    /// What those who bid would say in their own protocol.
    natives: Vec<(usize, Value)>,
}

impl Round<'_> {
    /// Asks all and hands in what comes within one [`ROUND`]; who takes longer answers on what is returned.
    async fn ask(&mut self, auction: &mut Auction<'_>, ask: &Ask, slot: Slot) -> Receiver<Given> {
        let handlers = &self.auctioneer.handlers;
        let (to, mut given) = mpsc::channel(handlers.len().max(1));
        let ask = Arc::new(ask.clone());
        let mut asked = 0;
        for (seat, h) in handlers.iter().enumerate() {
            match h.ask(seat, &ask, &to) {
                Reply::Now(given) => self.hand_in(auction, given),
                Reply::Later => asked += 1,
                Reply::No(why) => {
                    auction.answer(h.name(), Answer::Failed(why), self.opened);
                }
            }
        }
        drop(to);
        if asked == 0 {
            return given;
        }
        let left = slot.deadline.saturating_sub(self.opened);
        let all = async {
            for _ in 0..asked {
                let Some(next) = given.recv().await else { break };
                self.hand_in(auction, next);
            }
        };
        // Whoever is late may still answer until the close.
        let _ = tokio::time::timeout(ROUND.min(left), all).await;
        given
    }

    fn hand_in(&mut self, auction: &mut Auction<'_>, Given { seat, answer, native }: Given) {
        let name = self.auctioneer.handlers[seat].name();
        let now = self.auctioneer.clock.now();
        self.auctioneer.tracker().of_mut(name).answered(now.saturating_sub(self.opened));
        auction.answer(name, self.auctioneer.rules.raised(answer, self.best), now);
        self.natives.extend(native.map(|native| (seat, native)));
    }

    fn native_of(self, winner: &str) -> Option<Value> {
        self.natives.into_iter().find(|(seat, _)| self.auctioneer.handlers[*seat].name() == winner).map(|(_, n)| n)
    }
}

/// Answers that come in from handlers outside the process.
struct Outside<'a> {
    auctioneer: &'a Auctioneer,
    ask: &'a Ask,
    slot: Slot,
    handlers: &'a [RemoteHandler],
    home: Option<&'a Home>,
    strangers: Vec<String>,
}

impl Outside<'_> {
    /// Only those who were asked from outside may answer from outside, and only to this decision.
    fn hand_in(&mut self, auction: &mut Auction<'_>, a: RemoteAnswer) {
        let now = self.auctioneer.clock.now();
        match (self.handlers.iter().find(|h| h.name == a.handler), self.home) {
            (Some(_), _) if a.id != self.ask.id => auction.stray(&a.handler),
            (Some(h), Some(home)) => {
                let vetted = h.vetted(a.answer, self.ask, home);
                let answer = self.auctioneer.rules.raised(vetted, self.ask.hypotheses.first());
                if auction.answer(&h.name, answer, now) == Taken::Counted {
                    let took = now.saturating_sub(self.slot.opened);
                    self.auctioneer.tracker().of_mut(&h.name).answered(took);
                }
            }
            _ if self.strangers.len() < STRANGERS_MAX && !self.strangers.contains(&a.handler) => {
                self.strangers.push(a.handler);
            }
            _ => {}
        }
    }
}

/// The language model's place in one auction.
struct Last<'a> {
    fallback: &'a Fallback,
    words: Option<Words<'a>>,
    /// The timer says that the others have had their time.
    hedge_over: bool,
    /// Where its answer comes, once it was asked, and when that was.
    answer: Option<Asked>,
}

struct Asked {
    at: Duration,
    from: Receiver<RemoteAnswer>,
}

impl Last<'_> {
    /// Asks it if the time has come, or says why it is not asked; otherwise returns when to look again.
    fn step(&mut self, a: &Auctioneer, auction: &mut Auction<'_>, ask: &Ask, slot: Slot) -> Option<Duration> {
        if self.answer.is_some() || !auction.outstanding().any(|name| name == llm::NAME) {
            return None;
        }
        let now = a.clock.now();
        if now >= slot.deadline {
            return None;
        }
        let declines = |auction: &mut Auction<'_>, why: String| {
            auction.answer(llm::NAME, Answer::Decline(why), now);
            None
        };
        if let Some(who) = auction.served() {
            let why = format!("not asked: {who} can do it here");
            return declines(auction, why);
        }
        let lang = (!ask.hypotheses.is_empty()).then_some(ask.lang);
        if let Some(why) = self.fallback.llm().passed_over(lang, self.words, a.rules.award_min()) {
            return declines(auction, why);
        }
        let tracker = a.tracker();
        let p95 = |name| tracker.of(name).and_then(|t| t.p95()).unwrap_or(HEDGE_UNKNOWN);
        let hedge = auction.outstanding().filter(|name| *name != llm::NAME).map(p95).max();
        drop(tracker);
        // Somebody who never answers must not keep it from ever being asked.
        let half = slot.deadline.saturating_sub(slot.opened) / 2;
        let hedge =
            hedge.map(|p95| slot.opened.saturating_add(p95.min(half))).filter(|at| *at > now && !self.hedge_over);
        if hedge.is_some() {
            return hedge;
        }
        // It has no words only if it was passed over.
        let asked = self.words.ok_or_else(String::new).and_then(|words| self.fallback.ask(&ask.id, words, now));
        match asked {
            Ok(from) => {
                self.answer = Some(Asked { at: now, from });
                None
            }
            Err(why) => declines(auction, format!("not asked: {why}")),
        }
    }
}

fn not_registered(handler: String) -> BidRecord {
    let reason = Some("a bid of no registered handler; add a [[handler]] of this name".to_owned());
    BidRecord {
        handler,
        confidence: None,
        calibrated: None,
        at_ms: None,
        outcome: Outcome::Declined,
        p95_ms: None,
        success: None,
        reason,
    }
}

/// The last instant at which an answer counts: the window after opening, but no later than [`CEILING`] after
/// the end of speech, and in any case one [`ROUND`].
pub fn deadline(opened: Duration, speech_end: Option<Duration>, window: Duration) -> Duration {
    let ceiling = speech_end.map_or(Duration::MAX, |end| end.saturating_add(CEILING));
    opened.saturating_add(window.min(CEILING)).min(ceiling).max(opened.saturating_add(ROUND))
}
