//! One bounded stretch of speech, and what was heard in it.

use serde::{Deserialize, Serialize};

use super::audio::SampleIndex;
use super::intent::Lang;

/// A wake word that was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Its name, as in the configuration: `hey_siri`.
    pub word: String,
    /// The model's peak score, 0..=1, uncalibrated.
    pub score: f32,
    /// Where the wake word ended.
    pub at: SampleIndex,
}

/// How an utterance came to be heard.
#[derive(Debug, Clone, PartialEq)]
pub enum Opening {
    /// A wake word was detected.
    Woken(Detection),
    /// No wake word is needed (`--no-wake`).
    Open,
    /// People spoke, and no wake word was detected: it counts only if it begins with a wake phrase.
    Overheard {
        /// The wake-word model was not sure, but thought of one.
        hinted: bool,
    },
}

impl Opening {
    /// Nobody is known to have spoken to the house.
    pub fn is_overheard(&self) -> bool {
        matches!(self, Self::Overheard { .. })
    }

    /// The wake word that was detected.
    pub fn detection(&self) -> Option<&Detection> {
        match self {
            Self::Woken(detection) => Some(detection),
            Self::Open | Self::Overheard { .. } => None,
        }
    }
}

/// One command attempt: sound between a wake word and an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Utterance {
    /// File name of a replayed recording, or the capture device.
    pub source: String,
    /// 16 kHz mono, -1..=1; begins a little before the speech (pre-roll) and ends at the endpoint.
    pub samples: Vec<f32>,
    /// Position of `samples[0]`.
    pub start: SampleIndex,
    /// Last sample that the endpointer takes for speech.
    pub speech_end: SampleIndex,
    /// Where the endpointer decided that the speaker has finished.
    pub endpoint: SampleIndex,
    /// What opened it.
    pub opening: Opening,
    /// The speaker may go on: worth acting on only if it is a whole command beyond doubt. The utterance comes once
    /// more when it has ended.
    pub draft: Option<Draft>,
    /// The stream ended, or the longest utterance was reached, before any trailing silence.
    pub cut_off: bool,
}

/// Why an utterance is passed on before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    /// The speaker pauses.
    Paused,
    /// There has been speech for so long that it may be noise, or others who talk.
    GoingOn,
}

/// What the recogniser understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// Normalised text: lower case, no punctuation, numbers as words.
    pub text: String,
    /// Calibrated 0..=1: how sure it is that this is what was said.
    pub confidence: f32,
    /// The language it was heard in.
    #[serde(skip)]
    pub lang: Lang,
}
