//! What comes in over MQTT: sentences on `<base>/say`, confirmations on `<base>/confirm`, bids on
//! `<base>/bid/<handler>`.
//!
//! Pure. All of it is untrusted: bounded, checked, and refused with a reason; it never causes a panic, and
//! nothing in here acts. Whether a bid is taken at all is decided in `desk`.

use serde::Deserialize;
use serde_json::Value;

use crate::facts::bid::{Answer, Bid, Command, Message, Proposal, Risk};
use crate::facts::home::check_topic;
use crate::facts::intent::Lang;

/// Longer payloads are refused unread.
pub const PAYLOAD_BYTES_MAX: usize = 4096;
/// Longest name of a remote handler, in bytes.
pub const HANDLER_BYTES_MAX: usize = 64;
/// Longest decision id that is read; ours, ULIDs, have 26 bytes.
const ID_BYTES_MAX: usize = 64;
/// So much of a handler's own words reaches the receipt, in characters.
const REASON_CHARS_MAX: usize = 200;

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
    /// Somebody confirms what was asked about.
    Confirm {
        /// The decision that ended in asking.
        id: String,
    },
    /// Something that could not be used.
    Refused {
        /// Where it came from.
        topic: String,
        /// Why.
        reason: String,
    },
}

/// What was sent as a bid.
#[derive(Debug, Clone, PartialEq)]
pub struct BidMessage {
    /// The decision that it answers; `None` if that cannot be read.
    pub id: Option<String>,
    /// What; a bid that cannot be used is a decline that says why.
    pub answer: Answer,
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
    pub fn filters(&self) -> [String; 4] {
        ["say", "confirm", "bid/+", "done/+"].map(|below| format!("{}/{below}", self.base))
    }

    /// Reads one message; `None` if its topic is none of ours. Bids are read by [`Inbox::bid`].
    pub fn read(&self, topic: &str, payload: &[u8], retained: bool) -> Option<Incoming> {
        let read = match self.below(topic)? {
            "say" => bounded(payload, retained).and_then(say),
            "confirm" => bounded(payload, retained).and_then(confirm),
            _ => return None,
        };
        Some(read.unwrap_or_else(|reason| Incoming::Refused { topic: topic.to_owned(), reason }))
    }

    /// Who bids on `topic`; `None` if it is no topic for bids.
    pub fn bidder<'t>(&self, topic: &'t str) -> Option<&'t str> {
        let handler = self.below(topic)?.strip_prefix("bid/")?;
        let fine = !handler.is_empty() && handler.len() <= HANDLER_BYTES_MAX && !handler.chars().any(char::is_control);
        fine.then_some(handler)
    }

    /// Reads one bid. Whatever is wrong with it makes it a decline.
    pub fn bid(&self, payload: &[u8], retained: bool) -> BidMessage {
        let bad = |id, why: String| BidMessage { id, answer: Answer::Decline(format!("a bad bid: {}", short(&why))) };
        let raw = match bounded(payload, retained).map(serde_json::from_slice::<Value>) {
            Ok(Ok(raw)) => raw,
            Ok(Err(e)) => return bad(None, format!("it is not JSON: {e}")),
            Err(why) => return bad(None, why),
        };
        let id = raw.get("id").and_then(Value::as_str).filter(|id| id.len() <= ID_BYTES_MAX).map(str::to_owned);
        match self.answer(raw) {
            Ok(answer) if id.is_some() => BidMessage { id, answer },
            Ok(_) => bad(None, "it names no decision".into()),
            Err(why) => bad(id, why),
        }
    }

    fn below<'t>(&self, topic: &'t str) -> Option<&'t str> {
        topic.strip_prefix(&self.base)?.strip_prefix('/')
    }

    fn answer(&self, raw: Value) -> Result<Answer, String> {
        let raw: RawBid = serde_json::from_value(raw).map_err(|e| e.to_string())?;
        match (raw.decline, raw.confidence) {
            (Some(why), None) => Ok(Answer::Decline(short(&why))),
            (None, Some(confidence)) if (0.0..=1.0).contains(&confidence) => Ok(Answer::Bid(Bid {
                confidence: confidence as f32,
                // What is not stated counts as medium; how much its word is worth, decide/remote.rs judges.
                risk: raw.risk.unwrap_or(Risk::Medium),
                proposal: raw.command.map_or(Ok(Proposal::Itself), |c| self.command(c).map(Proposal::Publish))?,
            })),
            (None, Some(confidence)) => Err(format!("its confidence {confidence:?} is not within 0 to 1")),
            _ => Err("it must hold either \"confidence\" or \"decline\"".into()),
        }
    }

    fn command(&self, raw: RawCommand) -> Result<Command, String> {
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
struct RawConfirm {
    id: String,
}

#[derive(Deserialize)]
struct RawBid {
    confidence: Option<f64>,
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

/// A stranger's words, without control characters and not too long.
fn short(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect()
}

fn confirm(payload: &[u8]) -> Result<Incoming, String> {
    let raw: RawConfirm =
        serde_json::from_slice(payload).map_err(|e| format!("it is not of the form {{\"id\": \"...\"}}: {e}"))?;
    Ok(Incoming::Confirm { id: raw.id })
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
        assert_eq!(read("tiebreak/confirm", r#"{"id": "7"}"#), Incoming::Confirm { id: "7".into() });
        assert!(refused(read("tiebreak/confirm", "7")).contains("not of the form"));
        let inbox = Inbox::new("tiebreak");
        assert!(refused(inbox.read("tiebreak/say", b"{}", true).expect("ours")).contains("retained"));
        assert!(refused(inbox.read("tiebreak/say", &[0xff, 0xfe], false).expect("ours")).contains("form"));
        for other in ["tiebreak/status", "tiebreaker/say", "tiebreak/say/x", "say"] {
            assert_eq!(inbox.read(other, b"{}", false), None, "{other}");
        }
    }

    fn bid(payload: &str) -> BidMessage {
        Inbox::new("tiebreak").bid(payload.as_bytes(), false)
    }

    #[test]
    fn bids() {
        let sent =
            r#"{"id": "1", "confidence": 0.9, "command": {"topic": "a/set", "payload": {"state": "ON"}, "qos": 1}}"#;
        let BidMessage { id, answer: Answer::Bid(read) } = bid(sent) else { panic!("no bid") };
        assert_eq!((id.as_deref(), read.risk), (Some("1"), Risk::Medium));
        assert!(matches!(read.proposal, Proposal::Publish(_)));
        let Answer::Bid(itself) = bid(r#"{"id": "1", "confidence": 1, "risk": "low"}"#).answer else {
            panic!("no bid")
        };
        assert_eq!((itself.proposal, itself.risk), (Proposal::Itself, Risk::Low));
        assert_eq!(bid(r#"{"id": "1", "decline": "n\no"}"#).answer, Answer::Decline("no".into()));
        for (payload, id, reason) in [
            (r#"{"confidence": 0.9}"#, None, "names no decision"),
            (r#"{"id": 7, "confidence": 0.9}"#, None, "names no decision"),
            (r#"{"id": "1"}"#, Some("1"), "either"),
            (r#"{"id": "1", "confidence": 0.9, "decline": "no"}"#, Some("1"), "either"),
            (r#"{"id": "1", "confidence": NaN}"#, None, "not JSON"),
            (r#"{"id": "1", "confidence": 1e300}"#, Some("1"), "not within"),
            (r#"{"id": "1", "confidence": -0.5}"#, Some("1"), "not within"),
            (r#"{"id": "1", "confidence": "high"}"#, Some("1"), "expected"),
            (r#"{"id": "1", "confidence": 0.9, "command": {"topic": "a/#", "payload": 1}}"#, Some("1"), "wildcard"),
            (
                r#"{"id": "1", "confidence": 0.9, "command": {"topic": "tiebreak/say", "payload": 1}}"#,
                Some("1"),
                "may not",
            ),
            (r#"{"id": "1", "confidence": 0.9, "command": {"topic": "a", "payload": 1, "qos": 2}}"#, Some("1"), "QoS"),
            ("", None, "not JSON"),
            ("[[[[", None, "not JSON"),
        ] {
            let read = bid(payload);
            assert_eq!(read.id.as_deref(), id, "{payload}");
            assert!(matches!(&read.answer, Answer::Decline(why) if why.contains(reason)), "{payload}: {read:?}");
        }
        let long = bid(&format!(r#"{{"id": "1", "decline": "{}"}}"#, "x".repeat(PAYLOAD_BYTES_MAX)));
        assert!(matches!(long.answer, Answer::Decline(why) if why.contains("bytes")));
        let deep = "[".repeat(PAYLOAD_BYTES_MAX);
        assert!(matches!(bid(&deep).answer, Answer::Decline(_)));
    }

    #[test]
    fn bidders() {
        let inbox = Inbox::new("tiebreak");
        assert_eq!(inbox.bidder("tiebreak/bid/far"), Some("far"));
        for topic in ["tiebreak/bid/", "tiebreak/bid", "tiebreak/say", &format!("tiebreak/bid/{}", "x".repeat(65))] {
            assert_eq!(inbox.bidder(topic), None, "{topic}");
        }
    }
}
