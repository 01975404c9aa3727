//! What was meant: languages, intents, slots, hypotheses.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A language that Tiebreak speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Mandarin Chinese.
    Zh,
}

impl Lang {
    /// Every language, in the order in which ties are broken.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// The tag in receipts, folder names and MQTT payloads.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// Folds any usual tag (`en-GB`, `zh-CN`, `zh-Hans`, `cmn`) to one of ours; `None` for other languages.
    pub fn from_tag(tag: &str) -> Option<Self> {
        match tag.to_ascii_lowercase().split(['-', '_']).next()? {
            "en" => Some(Self::En),
            "zh" | "cmn" => Some(Self::Zh),
            _ => None,
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A slot's value: an id of the home, free text, or a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SlotValue {
    /// A number in the slot's own unit (percent, degrees Celsius, minutes).
    Number(f64),
    /// An id (`living_room`, `light.ceiling`), a keyword (`light`, `red`) or words as they were said.
    Text(String),
}

impl SlotValue {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(t) => Some(t),
            Self::Number(_) => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Text(_) => None,
        }
    }
}

impl From<&str> for SlotValue {
    fn from(t: &str) -> Self {
        Self::Text(t.to_owned())
    }
}

impl From<f64> for SlotValue {
    fn from(n: f64) -> Self {
        Self::Number(n)
    }
}

/// Slots by name; ordered, so that receipts are the same in every run.
pub type Slots = BTreeMap<String, SlotValue>;

/// Where a hypothesis comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// A sentence template matched.
    Grammar,
    /// The ONNX classifier guessed.
    Classifier,
}

/// One possible reading of an utterance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// Home Assistant's name where one exists: `HassTurnOn`.
    pub intent: String,
    /// Named arguments.
    pub slots: Slots,
    /// Calibrated 0..=1: how sure the understanding is, the transcript's own confidence counted in.
    pub confidence: f32,
    /// Where it comes from.
    pub via: Via,
}

impl Hypothesis {
    /// The text of slot `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.slots.get(name).and_then(SlotValue::as_text)
    }

    /// The number of slot `name`.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.slots.get(name).and_then(SlotValue::as_number)
    }
}
