//! A running pipeline that is fed typed sentences, and MQTT clients that play the handlers outside it.
//!
//! Each test uses what it needs of it.
#![allow(dead_code)]

pub mod mosquitto;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use tiebreak::config::{Config, Overrides};
use tiebreak::engine::{Engine, Needs};
use tiebreak::receipt::Receipt;

/// How often a client looks whether the test is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Far more than anything here takes; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Windows of milliseconds leave no time for the load of another test.
static ALONE: Mutex<()> = Mutex::new(());

pub fn alone() -> MutexGuard<'static, ()> {
    // A test that failed has left nothing behind that matters to the next.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running pipeline that is fed sentences one by one.
pub struct House {
    /// Dropped first: the engine ends when nobody feeds it any more.
    lines: mpsc::Sender<String>,
    pub engine: Engine,
}

impl House {
    pub fn start(config: &str) -> Self {
        Self::with_files(config, &[], true)
    }

    /// One that also takes messages over MQTT, as `tiebreak run` does.
    pub fn live(config: &str) -> Self {
        Self::with_needs(config, &[], Needs { hearing: false, acting: true, live: true })
    }

    /// With further `files` (name, text) beside the configuration, and a broker only if it is `acting`.
    pub fn with_files(config: &str, files: &[(&str, &str)], acting: bool) -> Self {
        Self::with_needs(config, files, Needs { hearing: false, acting, live: false })
    }

    fn with_needs(config: &str, files: &[(&str, &str)], needs: Needs) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files.iter().copied().chain([("tiebreak.toml", config)]) {
            std::fs::write(folder.path().join(name), text).expect("writable");
        }
        let path = folder.path().join("tiebreak.toml");
        let config = Config::load(Some(&path), &Overrides::default()).expect("valid");
        let mut engine = Engine::start(config, needs).expect("it starts");
        let (lines, fed) = mpsc::channel::<String>();
        engine.say(None, fed.into_iter()).expect("fed once");
        Self { engine, lines }
    }

    pub fn port(&self) -> u16 {
        self.engine.broker_port().expect("embedded")
    }

    pub fn say(&mut self, sentence: &str) -> Receipt {
        self.lines.send(sentence.to_owned()).expect("it is fed");
        self.engine.next_receipt().expect("one receipt for each sentence")
    }
}

/// Publishes one message and waits until the broker has it.
pub fn publish(port: u16, topic: &str, payload: &Value) {
    let id = format!("somebody-{}", ulid::Ulid::generate());
    let (client, mut connection) = Client::new(MqttOptions::new(id, "127.0.0.1", port), 16);
    client.publish(topic, QoS::AtLeastOnce, false, payload.to_string()).expect("room");
    loop {
        let event = connection.recv_timeout(PATIENCE).expect("in time").expect("the broker is there");
        if matches!(event, Event::Incoming(Packet::PubAck(_))) {
            return;
        }
    }
}

/// One message as it was heard.
#[derive(Debug, Clone)]
pub struct Heard {
    pub at: Instant,
    pub topic: String,
    pub payload: Value,
    pub retain: bool,
}

/// What a client does about one message: payloads for its bid topic, each after a while.
pub type Behaviour = Box<dyn FnMut(&Heard) -> Vec<(Duration, String)> + Send>;

/// Somebody at the broker: hears `topics`, answers on `<base>/bid/<name>`.
pub struct Guest {
    heard: Arc<Mutex<Vec<Heard>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Guest {
    pub fn join(port: u16, name: &str, topics: &[&str], mut behave: Behaviour) -> Self {
        let id = format!("{name}-{}", ulid::Ulid::generate());
        let (client, mut connection) = Client::new(MqttOptions::new(id, "127.0.0.1", port), 4096);
        for topic in topics {
            client.subscribe(*topic, QoS::AtLeastOnce).expect("room");
        }
        let mut subscribed = 0;
        while subscribed < topics.len() {
            let event = connection.recv_timeout(PATIENCE).expect("in time").expect("the broker is there");
            subscribed += usize::from(matches!(event, Event::Incoming(Packet::SubAck(_))));
        }
        let (heard, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (tell, over, topic) = (Arc::clone(&heard), Arc::clone(&stop), format!("tiebreak/bid/{name}"));
        let thread = std::thread::spawn(move || {
            let mut waiting: Vec<(Instant, String)> = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let (due, rest) = waiting.into_iter().partition(|(at, _)| *at <= Instant::now());
                waiting = rest;
                for (_, payload) in due {
                    client.publish(&topic, QoS::AtMostOnce, false, payload).expect("room");
                }
                let next = waiting.iter().map(|(at, _)| at.saturating_duration_since(Instant::now())).min();
                match connection.recv_timeout(next.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)) {
                    Ok(Ok(Event::Incoming(Packet::Publish(p)))) => {
                        let payload = serde_json::from_slice(&p.payload).unwrap_or(Value::Null);
                        let message = Heard { at: Instant::now(), topic: p.topic, payload, retain: p.retain };
                        waiting.extend(behave(&message).into_iter().map(|(wait, text)| (message.at + wait, text)));
                        tell.lock().expect("no panic").push(message);
                    }
                    Ok(Ok(_)) | Err(rumqttc::RecvTimeoutError::Timeout) => {}
                    // The broker is gone. A client that lost its session may lock up (rumqtt issue 1056): join anew.
                    _ => return,
                }
            }
        });
        Self { heard, stop, thread: Some(thread) }
    }

    /// A handler that answers every ask with what `answer` makes of its decision id.
    pub fn handler(port: u16, name: &str, answer: impl Fn(&str) -> Vec<(u64, String)> + Send + 'static) -> Self {
        let award = format!("tiebreak/award/{name}");
        let behave = move |heard: &Heard| {
            let id = heard.payload["id"].as_str().unwrap_or_default();
            let asked = heard.topic == "tiebreak/ask";
            let answers = if asked { answer(id) } else { Vec::new() };
            answers.into_iter().map(|(ms, text)| (Duration::from_millis(ms), text)).collect()
        };
        Self::join(port, name, &["tiebreak/ask", &award], Box::new(behave))
    }

    /// Hears everything, and says nothing.
    pub fn observer(port: u16) -> Self {
        Self::join(port, "observer", &["#"], Box::new(|_| Vec::new()))
    }

    /// What was heard on topics that `wanted` accepts.
    pub fn heard(&self, wanted: impl Fn(&str) -> bool) -> Vec<Heard> {
        self.heard.lock().expect("no panic").iter().filter(|h| wanted(&h.topic)).cloned().collect()
    }

    /// Waits until `count` messages were heard on `topic`.
    pub fn wait_for(&self, topic: &str, count: usize) -> Vec<Heard> {
        let end = Instant::now() + PATIENCE;
        loop {
            let heard = self.heard(|t| t == topic);
            if heard.len() >= count {
                return heard;
            }
            assert!(Instant::now() < end, "only {} of {count} on {topic}", heard.len());
            std::thread::yield_now();
        }
    }

    pub fn awards(&self) -> Vec<Heard> {
        self.heard(|t| t.starts_with("tiebreak/award/"))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("a guest panicked");
        }
    }
}
