//! What comes in over MQTT: sentences on `<base>/say`, bids on `<base>/bid/<handler>`.
//!
//! Pure. All of it is untrusted: bounded, checked, and refused with a reason; it never causes a panic, and
//! nothing in here acts.

use serde::Deserialize;
use serde_json::Value;

use crate::facts::bid::{Answer, Bid, Command, Message, Proposal, Risk};
use crate::facts::home::check_topic;
use crate::facts::intent::Lang;

/// Longer payloads are refused unread.
pub const PAYLOAD_BYTES_MAX: usize = 4096;
/// Longest name of a remote handler, in bytes.
const HANDLER_BYTES_MAX: usize = 64;

/// Something that came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// A sentence, as with `tiebreak say`.
    Say {
        /// What is said; trimmed, never empty.
        text: String,
        /// In which language, if stated.
        lang: Option<Lang>,
    },
    /// A remote handler's answer.
    Bid {
        /// The decision that it answers.
        id: String,
        /// Whose, from the topic.
        handler: String,
        /// What.
        answer: Answer,
    },
    /// Something that could not be used.
    Refused {
        /// Where it came from.
        topic: String,
        /// Why.
        reason: String,
    },
}

/// Where things come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbox {
    base: String,
}

impl Inbox {
    /// The inbox below `base`.
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned() }
    }

    /// What to subscribe to.
    pub fn filters(&self) -> [String; 2] {
        [format!("{}/say", self.base), format!("{}/bid/+", self.base)]
    }

    /// Reads one message; `None` if its topic is none of ours.
    pub fn read(&self, topic: &str, payload: &[u8], retained: bool) -> Option<Incoming> {
        let below = topic.strip_prefix(&self.base)?.strip_prefix('/')?;
        let read = match below.split_once('/') {
            None if below == "say" => bounded(payload, retained).and_then(say),
            Some(("bid", handler)) => bounded(payload, retained).and_then(|p| self.bid(handler, p)),
            _ => return None,
        };
        Some(read.unwrap_or_else(|reason| Incoming::Refused { topic: topic.to_owned(), reason }))
    }

    fn bid(&self, handler: &str, payload: &[u8]) -> Result<Incoming, String> {
        if handler.is_empty() || handler.len() > HANDLER_BYTES_MAX || handler.chars().any(char::is_control) {
            return Err("the topic names no handler".into());
        }
        let raw: RawBid = serde_json::from_slice(payload).map_err(|e| format!("it is no bid: {e}"))?;
        let answer = match (raw.decline, raw.confidence) {
            (Some(why), None) => Answer::Decline(why),
            (None, Some(confidence)) => Answer::Bid(Bid {
                confidence,
                // Nobody vouches for a stranger's estimate of "low"; what is not stated counts as medium.
                risk: raw.risk.unwrap_or(Risk::Medium),
                proposal: Proposal::Publish(self.command(raw.command)?),
            }),
            _ => return Err("it must hold either \"confidence\" or \"decline\"".into()),
        };
        Ok(Incoming::Bid { id: raw.id, handler: handler.to_owned(), answer })
    }

    fn command(&self, raw: Option<RawCommand>) -> Result<Command, String> {
        let raw = raw.ok_or("it holds no command; a handler that acts by itself is not supported yet")?;
        check_topic(&raw.topic)?;
        // A handler may command devices, not speak in our name or bid in another's.
        let ours = raw.topic == self.base || raw.topic.strip_prefix(&self.base).is_some_and(|t| t.starts_with('/'));
        if ours || raw.topic.starts_with('$') {
            return Err(format!("it may not publish to {:?}", raw.topic));
        }
        if raw.qos > 1 {
            return Err(format!("QoS {} is not 0 or 1", raw.qos));
        }
        let message = Message { topic: raw.topic, payload: raw.payload, qos: raw.qos, retain: false };
        Ok(Command { message, and: Vec::new() })
    }
}

#[derive(Deserialize)]
struct RawSay {
    text: String,
    lang: Option<String>,
}

#[derive(Deserialize)]
struct RawBid {
    id: String,
    confidence: Option<f32>,
    risk: Option<Risk>,
    command: Option<RawCommand>,
    decline: Option<String>,
}

#[derive(Deserialize)]
struct RawCommand {
    topic: String,
    payload: Value,
    #[serde(default)]
    qos: u8,
}

fn bounded(payload: &[u8], retained: bool) -> Result<&[u8], String> {
    if retained {
        // It would be said again after every reconnection.
        return Err("it is retained; publish it without the retain flag".into());
    }
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(format!("it has {} bytes, more than {PAYLOAD_BYTES_MAX}", payload.len()));
    }
    Ok(payload)
}

fn say(payload: &[u8]) -> Result<Incoming, String> {
    let raw: RawSay =
        serde_json::from_slice(payload).map_err(|e| format!("it is not of the form {{\"text\": \"...\"}}: {e}"))?;
    let text = raw.text.trim();
    if text.is_empty() {
        return Err("the text is empty".into());
    }
    let lang = match raw.lang {
        Some(tag) => Some(Lang::from_tag(&tag).ok_or(format!("the language {tag:?} is not one of en, zh"))?),
        None => None,
    };
    Ok(Incoming::Say { text: text.to_owned(), lang })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(topic: &str, payload: &str) -> Incoming {
        Inbox::new("tiebreak").read(topic, payload.as_bytes(), false).expect("one of ours")
    }

    fn refused(incoming: Incoming) -> String {
        match incoming {
            Incoming::Refused { reason, .. } => reason,
            other => panic!("not refused but {other:?}"),
        }
    }

    #[test]
    fn sentences() {
        let said = Incoming::Say { text: "打开客厅的灯".into(), lang: Some(Lang::Zh) };
        assert_eq!(read("tiebreak/say", r#"{"text": " 打开客厅的灯 ", "lang": "zh-CN"}"#), said);
        assert_eq!(read("tiebreak/say", r#"{"text": "hi"}"#), Incoming::Say { text: "hi".into(), lang: None });
        for (payload, reason) in [
            ("turn on the light", "not of the form"),
            ("", "not of the form"),
            (r#"{"text": 1}"#, "not of the form"),
            (r#"{"text": "  "}"#, "empty"),
            (r#"{"text": "hei", "lang": "no"}"#, "language"),
        ] {
            assert!(refused(read("tiebreak/say", payload)).contains(reason), "{payload}");
        }
        assert!(refused(read("tiebreak/say", &"x".repeat(PAYLOAD_BYTES_MAX + 1))).contains("bytes"));
        let inbox = Inbox::new("tiebreak");
        assert!(refused(inbox.read("tiebreak/say", b"{}", true).expect("ours")).contains("retained"));
        assert!(refused(inbox.read("tiebreak/say", &[0xff, 0xfe], false).expect("ours")).contains("form"));
        for other in ["tiebreak/status", "tiebreaker/say", "tiebreak/say/x", "say"] {
            assert_eq!(inbox.read(other, b"{}", false), None, "{other}");
        }
    }

    #[test]
    fn bids() {
        let bid =
            r#"{"id": "1", "confidence": 0.9, "command": {"topic": "a/set", "payload": {"state": "ON"}, "qos": 1}}"#;
        let Incoming::Bid { id, handler, answer: Answer::Bid(bid) } = read("tiebreak/bid/far", bid) else {
            panic!("no bid")
        };
        assert_eq!((id.as_str(), handler.as_str(), bid.risk), ("1", "far", Risk::Medium));
        let declined = read("tiebreak/bid/far", r#"{"id": "1", "decline": "no"}"#);
        assert!(matches!(declined, Incoming::Bid { answer: Answer::Decline(_), .. }));
        for (payload, reason) in [
            (r#"{"confidence": 0.9}"#, "id"),
            (r#"{"id": "1"}"#, "either"),
            (r#"{"id": "1", "confidence": 0.9, "decline": "no"}"#, "either"),
            (r#"{"id": "1", "confidence": 0.9}"#, "no command"),
            (r#"{"id": "1", "confidence": 0.9, "command": {"topic": "a/#", "payload": 1}}"#, "wildcard"),
            (r#"{"id": "1", "confidence": 0.9, "command": {"topic": "tiebreak/say", "payload": 1}}"#, "may not"),
            (r#"{"id": "1", "confidence": 0.9, "command": {"topic": "a", "payload": 1, "qos": 2}}"#, "QoS"),
        ] {
            assert!(refused(read("tiebreak/bid/far", payload)).contains(reason), "{payload}");
        }
        assert!(refused(read(&format!("tiebreak/bid/{}", "x".repeat(65)), "{}")).contains("handler"));
    }
}
