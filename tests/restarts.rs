//! Everything may be restarted in the middle, over a real broker: the handlers, the broker, and Tiebreak itself,
//! which is killed without a chance to tidy up. Whatever happens, a decision acts once at the most, never for a
//! loser, never after its licence has expired.
//!
//! Half of the sentences go over the embedded broker, half over mosquitto. Each sentence sets a brightness of its
//! own, so that what the house hears can be told apart.

mod house;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use house::mosquitto::Mosquitto;
use house::{Guest, Heard, PATIENCE};
use serde_json::json;
use tiebreak::act::broker::EmbeddedBroker;
use tiebreak::facts::bid::VerdictKind;
use tiebreak::receipt::Receipt;

const WINDOW_MS: u64 = 60;
/// Houses for each broker; they run side by side.
const HOUSES: u64 = 4;
/// Handlers, and whether they act themselves.
const HANDLERS: [(&str, bool); 3] = [("far", false), ("near", true), ("other", true)];
/// Brightness in percent, 1 to this, each in its turn.
const LEVELS: usize = 100;

/// Sentences, over all houses together; `TIEBREAK_FAULTS=100000` for a long run.
fn sentence_count() -> usize {
    std::env::var("TIEBREAK_FAULTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1000)
}

/// Sebastiano Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// A broker that can be started again at the same port.
enum Broker {
    Embedded { _runs: EmbeddedBroker },
    Mosquitto { _runs: Mosquitto },
}

impl Broker {
    fn start(is_mosquitto: bool, port: u16) -> Self {
        let end = Instant::now() + PATIENCE;
        loop {
            // The port may still be in use for a moment after the broker before.
            match Self::try_start(is_mosquitto, port) {
                Some(broker) => return broker,
                None => assert!(Instant::now() < end, "the broker does not start again"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn try_start(is_mosquitto: bool, port: u16) -> Option<Self> {
        if !is_mosquitto {
            return EmbeddedBroker::start(port).ok().map(|broker| Self::Embedded { _runs: broker });
        }
        Mosquitto::start(port).map(|broker| Self::Mosquitto { _runs: broker })
    }
}

/// `tiebreak say -` as its own process, so that it can be killed.
struct Tiebreak {
    child: Child,
    stdin: ChildStdin,
    receipts: Receiver<Receipt>,
}

impl Tiebreak {
    fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tiebreak"))
            .args(["say", "-", "--json", "--config"])
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (tell, receipts) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tell.send(serde_json::from_str(&line).expect("a receipt")).is_err() {
                    return;
                }
            }
        });
        Self { child, stdin, receipts }
    }

    /// Says it; `None`: killed before the receipt came.
    fn say(&mut self, sentence: &str, patience: Duration) -> Option<Receipt> {
        writeln!(self.stdin, "{sentence}").expect("it reads");
        match self.receipts.recv_timeout(patience) {
            Ok(receipt) => Some(receipt),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("it ended by itself"),
        }
    }
}

impl Drop for Tiebreak {
    fn drop(&mut self) {
        // SIGKILL: no goodbye, no flush.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn handler(port: u16, name: &str, acts_itself: bool, seed: u64) -> Guest {
    let random = std::sync::Mutex::new(Random(seed));
    Guest::handler(port, name, move |id| {
        let mut r = random.lock().expect("no panic");
        // Two of three answer at once, the others within two seconds; every fourth answers twice.
        let mut wait = || if r.below(3) == 0 { r.below(2000) } else { 0 };
        let (first, second) = (wait(), wait());
        let confidence = [0.6, 0.9, 0.98, 0.99][r.below(4) as usize];
        let mut bid = json!({ "id": id, "confidence": confidence, "risk": "low" });
        if !acts_itself {
            bid["command"] = json!({ "topic": "far/set", "payload": { "id": id }, "qos": 1 });
        }
        let twice = r.below(4) == 0;
        [Some(first), twice.then_some(second)].into_iter().flatten().map(|ms| (ms, bid.to_string())).collect()
    })
}

/// What one house has seen.
struct Seen {
    /// For each sentence its level, and its receipt unless Tiebreak was killed before.
    said: Vec<(usize, Option<Receipt>)>,
    /// What the observer heard.
    heard: Vec<Heard>,
    /// What each handler heard, in all its lives.
    guests: Vec<(&'static str, Vec<Heard>)>,
}

fn house(is_mosquitto: bool, house_seed: u64, count: usize) -> Seen {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("bound").port();
    let mut config = format!("[arbiter]\nwindow_ms = {WINDOW_MS}\n[mqtt]\nhost = \"127.0.0.1\"\nport = {port}\n");
    for (name, itself) in HANDLERS {
        let acts = if itself { "itself" } else { "command" };
        config += &format!("[[handler]]\nname = \"{name}\"\nacts = \"{acts}\"\n");
    }
    let path = folder.path().join("tiebreak.toml");
    std::fs::write(&path, config).expect("writable");
    let mut random = Random(house_seed);
    let mut broker = Some(Broker::start(is_mosquitto, port));
    let all = |random: &mut Random| -> Vec<Guest> {
        HANDLERS.iter().map(|(name, itself)| handler(port, name, *itself, random.below(u64::MAX))).collect()
    };
    let (mut observer, mut handlers) = (Guest::observer(port), all(&mut random));
    let mut tiebreak = Tiebreak::start(&path);
    let mut seen = Seen { said: Vec::new(), heard: Vec::new(), guests: Vec::new() };
    let everything = |guest: &Guest| guest.heard(|_| true);
    for i in 0..count {
        let level = i % LEVELS + 1;
        let kill = i % 50 == 49;
        // To be killed while it waits for bids, or just before or after.
        let patience = if kill { Duration::from_millis(random.below(2 * WINDOW_MS)) } else { PATIENCE };
        let receipt = tiebreak.say(&format!("set the kitchen light to {level} percent"), patience);
        assert!(kill || receipt.is_some(), "no receipt in {PATIENCE:?}");
        seen.said.push((level, receipt));
        if kill {
            drop(tiebreak);
            tiebreak = Tiebreak::start(&path);
        }
        if i % 20 == 19 {
            let which = random.below(HANDLERS.len() as u64) as usize;
            let (name, itself) = HANDLERS[which];
            seen.guests.push((name, everything(&handlers[which])));
            handlers[which] = handler(port, name, itself, random.below(u64::MAX));
        }
        if i % 70 == 34 {
            drop(broker.take());
            broker = Some(Broker::start(is_mosquitto, port));
            // Its sessions are gone. What Tiebreak may do before the observer is back goes unseen: that can hide a
            // command, and never make one up.
            seen.heard.extend(everything(&observer));
            observer = Guest::observer(port);
            seen.guests.extend(HANDLERS.iter().zip(&handlers).map(|((name, _), guest)| (*name, everything(guest))));
            handlers = all(&mut random);
        }
    }
    // All is out once a receipt has been heard that came after it.
    let end = Instant::now() + PATIENCE;
    loop {
        let last = tiebreak.say("turn off the hallway light", PATIENCE).expect("a receipt");
        let out = Instant::now() + Duration::from_secs(1);
        let is_it = |h: &Heard| h.payload["id"] == last.id.as_str();
        while Instant::now() < out && !observer.heard(|t| t == "tiebreak/receipt").iter().any(is_it) {
            std::thread::sleep(Duration::from_millis(10));
        }
        if observer.heard(|t| t == "tiebreak/receipt").iter().any(is_it) {
            break;
        }
        assert!(Instant::now() < end, "the observer hears nothing any more");
    }
    seen.heard.extend(everything(&observer));
    seen.guests.extend(HANDLERS.iter().zip(&handlers).map(|((name, _), guest)| (*name, everything(guest))));
    seen
}

fn check(seen: &Seen) -> usize {
    let receipts = || seen.said.iter().filter_map(|(_, r)| r.as_ref());
    let winners: BTreeMap<&str, &str> = receipts()
        .filter(|r| r.verdict.kind == VerdictKind::Award)
        .map(|r| (r.id.as_str(), r.verdict.handler.as_deref().expect("a winner")))
        .collect();
    // Every licence and every command that names its decision, by decision.
    let mut actions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for h in &seen.heard {
        assert!(!h.retain || h.topic == "tiebreak/status", "a command was kept: {h:?}");
        let id = h.payload["id"].as_str().unwrap_or_default().to_owned();
        match h.topic.strip_prefix("tiebreak/award/") {
            // 0: the command was published, and nothing is left to be done.
            Some(who) if h.payload["valid_ms"] != 0 => actions.entry(id).or_default().push(who),
            _ if h.topic == "far/set" => actions.entry(id).or_default().push("far"),
            _ => {}
        }
    }
    for (id, who) in &actions {
        assert_eq!(who.len(), 1, "decision {id} acted more than once: {who:?}");
        if let Some(winner) = winners.get(id.as_str()) {
            assert_eq!(who[0], *winner, "a loser acted on {id}");
        }
        let known = receipts().any(|r| r.id == *id);
        assert!(!known || winners.contains_key(id.as_str()), "{id} was not awarded, and acted");
    }
    // The handlers inside: each level as often as they won it at the most, and where nobody knows, once a sentence.
    let mut allowed = [0usize; LEVELS + 1];
    for (level, receipt) in &seen.said {
        let inside = |r: &Receipt| matches!(r.verdict.handler.as_deref(), Some("siri" | "tmall"));
        allowed[*level] += usize::from(receipt.as_ref().is_none_or(inside));
    }
    let mut heard = [0usize; LEVELS + 1];
    for h in seen.heard.iter().filter(|h| h.topic == "zigbee2mqtt/kitchen_light/set") {
        let level = h.payload["brightness"].as_f64().expect("a number") / 2.54;
        heard[level.round() as usize] += 1;
    }
    assert!(heard.iter().zip(allowed).all(|(h, a)| *h <= a), "acted twice:\n{heard:?}\n{allowed:?}");
    // A licence comes while it is valid, counted from the ask as the handler heard it.
    for (name, all) in &seen.guests {
        let asked: BTreeMap<String, Instant> =
            all.iter().filter(|h| h.topic == "tiebreak/ask").map(|h| (h.payload["id"].to_string(), h.at)).collect();
        for award in all.iter().filter(|h| h.topic.starts_with("tiebreak/award/") && h.payload["valid_ms"] != 0) {
            let valid = Duration::from_millis(award.payload["valid_ms"].as_u64().expect("a number"));
            if let Some(asked) = asked.get(&award.payload["id"].to_string()) {
                let took = award.at - *asked;
                assert!(took <= Duration::from_millis(WINDOW_MS) + valid, "{name}: an award came after {took:?}");
            }
        }
    }
    heard.iter().sum::<usize>() + actions.len()
}

#[test]
fn whatever_is_restarted_nothing_acts_twice_late_or_as_a_loser() {
    let all = sentence_count();
    let each = all.div_ceil(2 * HOUSES as usize);
    let threads: Vec<_> = (0..2 * HOUSES)
        .map(|i| {
            let seed = 0x5eed + i;
            (seed, std::thread::spawn(move || house(i % 2 == 1, seed, each)))
        })
        .collect();
    let mut acted = 0;
    for (seed, thread) in threads {
        let seen = thread.join().unwrap_or_else(|_| panic!("the house of seed {seed:#x}"));
        acted += check(&seen);
    }
    // Most sentences act: otherwise this would show nothing.
    assert!(acted > all / 2, "only {acted} of {all} acted");
}
