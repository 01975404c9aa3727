//! Speech to text: one trait, two engines. `ctc` (ctc.rs) hears only what the grammars and the home's names
//! can form, and says when it is something else; `whisper` (whisper.rs) runs any Whisper model in ggml format.

use crate::facts::audio::SampleIndex;
use crate::facts::error::Fault;
use crate::facts::intent::Lang;
use crate::facts::utterance::{Detection, Transcript, Utterance};

/// What a recogniser makes of an utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognized {
    /// The words.
    pub transcript: Transcript,
    /// The wake phrase that an overheard sentence began with.
    pub wake: Option<Detection>,
    /// The words are a whole sentence of the grammars.
    pub whole: bool,
    /// The words are none, and so few sounds that they may be the beginning of a sentence: "I am ... done with this".
    pub begun: bool,
    /// Its last sound, where the engine knows it.
    pub last_sound: Option<LastSound>,
}

impl Recognized {
    /// A wake phrase that was overheard, and nothing after it.
    pub fn call(wake: Detection) -> Self {
        let transcript = Transcript { text: String::new(), confidence: wake.score, lang: Lang::default() };
        Self { transcript, wake: Some(wake), whole: true, begun: false, last_sound: None }
    }
}

/// Where somebody fell silent, and how slowly they speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastSound {
    /// Where the sentence's last sound begins.
    pub at: SampleIndex,
    /// The same, or where the last of the clear sounds begins that follow it without a pause: somebody goes on.
    pub heard_until: SampleIndex,
    /// From the beginning of one sound to that of the next, on average, in samples.
    pub pace: u64,
}

/// A speech recogniser. It may take its time: it runs on the understand thread, never on the listening one.
pub trait Recognizer: Send {
    /// What was said in `utterance`; `None` if there is no speech in it, or if it was only overheard and does not
    /// begin with a wake phrase.
    ///
    /// # Errors
    /// A model that breaks; the utterance is then lost, the next one is tried again.
    fn transcribe(&mut self, utterance: &Utterance) -> Result<Option<Recognized>, Fault>;
}

/// Which engine recognises speech.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engine {
    /// The embedded acoustic model with the grammar-constrained search.
    #[default]
    Ctc,
    /// whisper.cpp with the embedded model or one of the user's.
    Whisper,
}

impl Engine {
    /// How much of an utterance its embedded model hears, in ms; models of the user's own may hear more.
    pub fn embedded_ms_max(self) -> u64 {
        match self {
            Self::Ctc => 15_000,
            Self::Whisper => 6400,
        }
    }
}
