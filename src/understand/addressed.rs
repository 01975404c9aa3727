//! Whisper in a house with wake words: the acoustic model of the `ctc` engine finds the wake phrase in what was said,
//! and Whisper transcribes what comes after it. So a wake word is heard as well with either engine, and
//! the transcript begins with the command, in its own language: 天猫精灵 before it would decide that for Whisper.

use super::calls::Calls;
use super::ctc::{AcousticModel, SAMPLES_MIN};
use super::stt::{Recognized, Recognizer};
use super::whisper::WhisperRecognizer;
use crate::facts::audio::samples_in_ms;
use crate::facts::error::Fault;
use crate::facts::utterance::{Opening, Utterance};

/// The wake-word model says where its word ended to within so much, in ms: a wake phrase that ends elsewhere is part of
/// the command ("turn off the computer").
const APART_MS_MAX: u64 = 500;

/// A Whisper model that hears commands without the wake phrase before them.
pub struct Addressed {
    acoustic: AcousticModel,
    calls: Calls,
    whisper: WhisperRecognizer,
}

impl Addressed {
    /// Joins what finds the wake phrases with what transcribes the rest.
    pub fn new(acoustic: AcousticModel, calls: Calls, whisper: WhisperRecognizer) -> Self {
        Self { acoustic, calls, whisper }
    }
}

impl Recognizer for Addressed {
    fn transcribe(&mut self, utterance: &Utterance) -> Result<Option<Recognized>, Fault> {
        let hinted = match utterance.opening {
            Opening::Open => return self.whisper.transcribe(utterance),
            Opening::Overheard { hinted } => hinted,
            Opening::Woken(_) => true,
        };
        if utterance.samples.len() < SAMPLES_MIN {
            return Ok(None);
        }
        let (values, _) = self.acoustic.log_probs(&utterance.samples)?;
        let probs = self.acoustic.probs(&values);
        let call = self.calls.find(&self.acoustic, probs, utterance, hinted);
        let samples = |row: usize| row as u64 * self.acoustic.row_samples();
        let (from, called) = match (&utterance.opening, call) {
            (Opening::Woken(wake), call) => {
                let said = wake.at.0.saturating_sub(utterance.start.0);
                let end =
                    call.map(|call| samples(call.end)).filter(|end| end.abs_diff(said) <= samples_in_ms(APART_MS_MAX));
                (end.unwrap_or(said), None)
            }
            (_, None) => return Ok(None),
            (_, Some(call)) if call.is_all(probs) => return Ok(Some(Recognized::call(call.wake))),
            (_, Some(call)) => (samples(call.end), Some(call.wake)),
        };
        let mut command = utterance.clone();
        command.samples.drain(..command.samples.len().min(from as usize));
        command.start = command.start + from;
        let heard = self.whisper.transcribe(&command)?;
        Ok(heard.map(|heard| Recognized { wake: called, ..heard }))
    }
}
