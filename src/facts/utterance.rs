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
    /// The wake word that opened it; `None` with `--no-wake`.
    pub wake: Option<Detection>,
    /// The stream ended, or the longest utterance was reached, before any trailing silence.
    pub cut_off: bool,
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
