//! Which actions were confirmed: the thing itself reports its new state, or the handler that acts by itself says
//! that it is done. Pure: time comes in as an argument.
//!
//! Silence counts against a handler only where the topic has confirmed something before: a house whose devices
//! report nothing (or are not there) says nothing about its handlers.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::facts::bid::Command;

/// How long a thing may take to report: covers run for a while.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(20);
/// Actions that are waited for; of more, the oldest is forgotten.
const WAITING_MAX: usize = 256;
/// Longest report that is read, in bytes; Zigbee2MQTT's have some hundred.
const REPORT_BYTES_MAX: usize = 16 * 1024;
/// Keys of a command that are no state to be reported.
const NO_STATE: [&str; 3] = ["brightness_step", "color_temp_step", "transition"];
/// Share by which a reported number may differ: devices count in steps of their own.
const NUMBER_SLACK: f64 = 0.03;

/// What became of one action of a handler: whether it was confirmed.
pub type Outcome = (String, bool);

/// Actions that wait for their confirmation, and what became of others.
#[derive(Debug, Default)]
pub struct Confirmations {
    waiting: VecDeque<Waiting>,
    /// Topics that have confirmed something.
    reporting: BTreeSet<String>,
    outcomes: Vec<Outcome>,
}

#[derive(Debug)]
struct Waiting {
    handler: String,
    topic: String,
    wanted: Value,
    until: Instant,
}

impl Confirmations {
    /// `handler` won with `command`, which was published at `now`; `reports`: topics on which things report.
    pub fn expect(&mut self, handler: &str, command: &Command, reports: &[String], now: Instant) {
        for message in std::iter::once(&command.message).chain(&command.and) {
            let topic = message.topic.strip_suffix("/set").filter(|t| reports.iter().any(|r| r == t));
            if let (Some(topic), Value::Object(wanted)) = (topic, &message.payload) {
                let mut wanted = wanted.clone();
                wanted.retain(|key, _| !NO_STATE.contains(&key.as_str()));
                self.wait(handler, topic, Value::Object(wanted), now);
            }
        }
    }

    /// `handler` was given the licence to act on decision `id` and shall say on `topic` when it has.
    pub fn expect_done(&mut self, handler: &str, topic: &str, id: &str, now: Instant) {
        self.wait(handler, topic, Value::String(id.to_owned()), now);
    }

    fn wait(&mut self, handler: &str, topic: &str, wanted: Value, now: Instant) {
        self.expire(now);
        // What is wanted now is what the thing will report; of what was wanted before nothing can be said.
        self.waiting.retain(|w| w.topic != topic);
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        let until = now + CONFIRMED_WITHIN;
        self.waiting.push_back(Waiting { handler: handler.to_owned(), topic: topic.to_owned(), wanted, until });
    }

    /// Something came on `topic` at `now`.
    pub fn heard(&mut self, topic: &str, payload: &[u8], now: Instant) {
        self.expire(now);
        let Some(i) = self.waiting.iter().position(|w| w.topic == topic) else { return };
        let report = (payload.len() <= REPORT_BYTES_MAX).then(|| serde_json::from_slice::<Value>(payload).ok());
        let Some(report) = report.flatten() else { return };
        let confirmed = match &self.waiting[i].wanted {
            // Said by the handler itself, about the decision that it was awarded.
            Value::String(id) if report["id"] == id.as_str() => report["ok"].as_bool(),
            Value::String(_) => None,
            // A report of something else than what is wanted is perhaps the state before.
            wanted => covers(&report, wanted).then_some(true),
        };
        if let Some(confirmed) = confirmed
            && let Some(w) = self.waiting.remove(i)
        {
            self.reporting.insert(w.topic);
            self.outcomes.push((w.handler, confirmed));
        }
    }

    /// What has become known until `now` and was not told before.
    pub fn outcomes(&mut self, now: Instant) -> Vec<Outcome> {
        self.expire(now);
        std::mem::take(&mut self.outcomes)
    }

    fn expire(&mut self, now: Instant) {
        while self.waiting.front().is_some_and(|w| w.until <= now) {
            if let Some(w) = self.waiting.pop_front().filter(|w| self.reporting.contains(&w.topic)) {
                self.outcomes.push((w.handler, false));
            }
        }
        // Nobody asks for them while nothing is decided.
        let excess = self.outcomes.len().saturating_sub(WAITING_MAX);
        self.outcomes.drain(..excess);
    }
}

/// Whether `report` says everything that `wanted` does.
fn covers(report: &Value, wanted: &Value) -> bool {
    match (report, wanted) {
        (Value::Object(report), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| report.get(key).is_some_and(|r| covers(r, value)))
        }
        (Value::String(a), Value::String(b)) => a.eq_ignore_ascii_case(b),
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= (b.abs() * NUMBER_SLACK).max(1.0),
            _ => false,
        },
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::bid::Message;
    use serde_json::json;

    fn command(topic: &str, payload: Value) -> Command {
        let message = Message { topic: topic.into(), payload, qos: 1, retain: false };
        Command { message, and: Vec::new() }
    }

    #[test]
    fn a_report_of_what_was_wanted_confirms_it() {
        let (mut c, now, reports) = (Confirmations::default(), Instant::now(), ["z/lamp".to_owned()]);
        c.expect("siri", &command("z/lamp/set", json!({ "state": "ON", "brightness": 100 })), &reports, now);
        for other in [
            json!({ "state": "OFF" }),
            json!({ "state": "ON" }),
            json!("ON"),
            json!({ "state": "ON", "brightness": 5 }),
        ] {
            c.heard("z/lamp", other.to_string().as_bytes(), now);
        }
        c.heard("z/other", br#"{"state":"ON","brightness":100}"#, now);
        c.heard("z/lamp", b"\xff{", now);
        assert_eq!(c.outcomes(now), []);
        c.heard("z/lamp", br#"{"state":"on","brightness":102,"linkquality":80}"#, now);
        assert_eq!(c.outcomes(now), [("siri".to_owned(), true)]);
        c.heard("z/lamp", br#"{"state":"on","brightness":102}"#, now);
        assert_eq!(c.outcomes(now), [], "once");
    }

    #[test]
    fn silence_counts_only_where_reports_have_come() {
        let (mut c, now, reports) = (Confirmations::default(), Instant::now(), ["z/lamp".to_owned()]);
        let on = command("z/lamp/set", json!({ "state": "ON" }));
        let later = |n: u32| now + CONFIRMED_WITHIN * n;
        c.expect("siri", &on, &reports, now);
        assert_eq!(c.outcomes(later(1)), [], "it has never reported anything");
        c.expect("siri", &on, &reports, later(1));
        c.heard("z/lamp", br#"{"state":"ON"}"#, later(1));
        c.expect("tmall", &on, &reports, later(2));
        assert_eq!(c.outcomes(later(3)), [("siri".to_owned(), true), ("tmall".to_owned(), false)]);
        c.heard("z/lamp", br#"{"state":"ON"}"#, later(3));
        assert_eq!(c.outcomes(later(4)), [], "too late");
        c.expect("siri", &command("elsewhere/set", json!({ "state": "ON" })), &reports, now);
        c.expect("siri", &command("z/lamp/set", json!("ON")), &reports, now);
        assert_eq!(c.waiting.len(), 0, "nobody would report these");
    }

    #[test]
    fn who_acts_itself_says_so_and_only_about_its_own_decision() {
        let (mut c, now) = (Confirmations::default(), Instant::now());
        c.expect_done("far", "tiebreak/done/far", "7", now);
        c.heard("tiebreak/done/far", br#"{"id":"6","ok":true}"#, now);
        c.heard("tiebreak/done/near", br#"{"id":"7","ok":true}"#, now);
        c.heard("tiebreak/done/far", br#"{"id":"7"}"#, now);
        assert_eq!(c.outcomes(now), []);
        c.heard("tiebreak/done/far", br#"{"id":"7","ok":false}"#, now);
        assert_eq!(c.outcomes(now), [("far".to_owned(), false)]);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut c, now) = (Confirmations::default(), Instant::now());
        for i in 0..10 * WAITING_MAX {
            c.expect_done("far", &format!("t/{i}"), "7", now);
            c.heard(&format!("t/{i}"), br#"{"id":"7","ok":true}"#, now);
            c.expect_done("far", &format!("u/{i}"), "7", now);
        }
        assert!(c.waiting.len() <= WAITING_MAX && c.outcomes.len() <= 2 * WAITING_MAX + 2, "{}", c.outcomes.len());
    }
}
