//! The receipt: what happened to one utterance. The command line, the MQTT topic, the journal and the tests
//! all read this one record; its names are a contract with other programs (docs/protocol.md).

use serde::{Deserialize, Serialize};

use crate::facts::bid::{BidRecord, Command, Verdict, VerdictKind};
use crate::facts::intent::{Hypothesis, Lang};
use crate::facts::utterance::Transcript;

/// The wake word's line of the receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WakeRecord {
    /// Its name in the configuration.
    pub word: String,
    /// Peak score 0..=1, uncalibrated.
    pub score: f32,
    /// Where it ended, in milliseconds of the stream.
    pub at_ms: f64,
}

/// Milliseconds since the stream began, one stamp for every arrow of the pipeline. A stage that was not
/// reached has no stamp.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// End of speech, as the endpointer sees it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub speech_end: Option<f64>,
    /// The endpointer decided.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<f64>,
    /// Words are known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transcript: Option<f64>,
    /// Readings are known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hypotheses: Option<f64>,
    /// The auction is over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verdict: Option<f64>,
    /// The command was handed to the broker.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub published: Option<f64>,
}

/// The two latencies that count, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// End of speech to command handed to the broker.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub felt: Option<f64>,
    /// Hypotheses ready to verdict.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decision: Option<f64>,
}

/// One of several commands in one sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

/// What happened to one utterance, or to one of several commands in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Decision id (ULID).
    pub id: String,
    /// File, capture device, `say` or `mqtt`.
    pub source: String,
    /// Which of several commands in one sentence this is; absent where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<Part>,
    /// The decision that had ended in asking and was confirmed now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confirms: Option<String>,
    /// Language of the utterance; absent where nothing was understood.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lang: Option<Lang>,
    /// The wake word, if one was heard.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wake: Option<WakeRecord>,
    /// What was heard.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transcript: Option<Transcript>,
    /// What it may mean, best first.
    #[serde(default)]
    pub hypotheses: Vec<Hypothesis>,
    /// Who answered what.
    #[serde(default)]
    pub bids: Vec<BidRecord>,
    /// What was decided.
    pub verdict: Verdict,
    /// What was published (with `--dry-run`: what would have been).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<Command>,
    /// The same in the winner's own protocol: characteristic writes of HomeKit, directives of AliGenie.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub native: Option<serde_json::Value>,
    /// What was answered in words, for a handler that answers by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply: Option<String>,
    /// When.
    pub timeline_ms: Timeline,
    /// How long it took.
    pub latency_ms: Latency,
}

impl Receipt {
    /// A receipt that says why nothing happened.
    pub fn nothing(id: String, source: String, reason: impl Into<String>) -> Self {
        Self {
            id,
            source,
            part: None,
            confirms: None,
            lang: None,
            wake: None,
            transcript: None,
            hypotheses: Vec::new(),
            bids: Vec::new(),
            verdict: Verdict { kind: VerdictKind::None, handler: None, reason: reason.into(), closed: None },
            command: None,
            native: None,
            reply: None,
            timeline_ms: Timeline::default(),
            latency_ms: Latency::default(),
        }
    }

    /// Computes both latencies from the timeline.
    pub fn with_latencies(mut self) -> Self {
        let t = &self.timeline_ms;
        let between = |from: Option<f64>, to: Option<f64>| Some(round(to? - from?));
        self.latency_ms =
            Latency { felt: between(t.speech_end, t.published), decision: between(t.hypotheses, t.verdict) };
        self
    }
}

/// Milliseconds to a thousandth: a receipt is read by people too.
pub fn round(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}
