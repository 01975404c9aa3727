//! The understand thread: utterances and sentences in, hypotheses out. It may block inside a model; whoever
//! feeds it does so through a bounded channel and never waits for it in live use.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use tokio::sync::mpsc;
use ulid::Ulid;

use super::stamps::Stamps;
use crate::facts::clock::Clock;
use crate::facts::intent::{Hypothesis, Lang};
use crate::facts::utterance::{Detection, Transcript, Utterance};
use crate::receipt::Timeline;
use crate::understand::Understanding;
use crate::understand::stt::Recognizer;

/// Work for the understand thread. Everything that can reach it is in this one enum.
#[derive(Debug)]
pub enum Job {
    /// Something was said.
    Utterance(Utterance, Stamps),
    /// Something was typed, or came over MQTT.
    Sentence { text: String, lang: Option<Lang>, source: String, stamps: Stamps },
    /// A recording, or a wake word, without a command: there is only a receipt to write.
    Nothing { source: String, wake: Option<Detection>, reason: String },
}

/// What goes on to the async line.
#[derive(Debug)]
pub struct Understood {
    /// Decision id.
    pub id: String,
    /// File, device, `say` or `mqtt`.
    pub source: String,
    /// The wake word.
    pub wake: Option<Detection>,
    /// Language, once known.
    pub lang: Option<Lang>,
    /// What was heard.
    pub transcript: Option<Transcript>,
    /// What it may mean, best first; empty: there is nothing to decide.
    pub hypotheses: Vec<Hypothesis>,
    /// Why there are no hypotheses.
    pub reason: Option<String>,
    /// Stamps so far.
    pub timeline: Timeline,
    /// For the stamps to come.
    pub stamps: Stamps,
}

/// Everything the thread owns.
pub struct Mind {
    /// Speech to text; `None` where only sentences come (`tiebreak say`).
    pub recognizer: Option<Box<dyn Recognizer>>,
    /// Text to hypotheses.
    pub understanding: Understanding,
    /// The only way to learn the time here.
    pub clock: Arc<dyn Clock>,
}

impl Mind {
    /// Works until every sender of `jobs` is gone, or nobody wants the results any more.
    pub fn work(mut self, jobs: &Receiver<Job>, done: &mpsc::Sender<Understood>) {
        for job in jobs {
            if done.blocking_send(self.understand(job)).is_err() {
                return;
            }
        }
    }

    fn understand(&mut self, job: Job) -> Understood {
        match job {
            Job::Utterance(utterance, stamps) => self.hear(utterance, stamps),
            Job::Sentence { text, lang, source, stamps } => {
                let transcript = Transcript { text, confidence: 1.0, lang: lang.unwrap_or_default() };
                let start = Understood { source, stamps, ..empty(stamps) };
                self.read(start, Some(transcript), lang)
            }
            Job::Nothing { source, wake, reason } => {
                let stamps = Stamps::since(self.clock.now());
                Understood { source, wake, reason: Some(reason), ..empty(stamps) }
            }
        }
    }

    fn hear(&mut self, utterance: Utterance, stamps: Stamps) -> Understood {
        let timeline = Timeline {
            speech_end: Some(crate::receipt::round(utterance.speech_end.as_ms())),
            endpoint: Some(stamps.at(self.clock.now())),
            ..Timeline::default()
        };
        let heard = match &mut self.recognizer {
            Some(r) => r.transcribe(&utterance).map_err(|fault| fault.to_string()),
            None => Err("no speech recogniser is loaded".to_owned()),
        };
        let start = Understood { source: utterance.source, wake: utterance.wake, timeline, ..empty(stamps) };
        match heard {
            Ok(transcript) => {
                let lang = transcript.as_ref().map(|t| t.lang);
                self.read(start, transcript, lang)
            }
            Err(reason) => {
                tracing::error!("{reason}");
                Understood { reason: Some(reason), ..start }
            }
        }
    }

    /// Transcript -> hypotheses; a doubtful transcript makes doubtful hypotheses.
    fn read(&mut self, mut u: Understood, transcript: Option<Transcript>, lang: Option<Lang>) -> Understood {
        u.timeline.transcript = Some(u.stamps.at(self.clock.now()));
        let Some(transcript) = transcript else {
            return Understood { reason: Some("there was no speech to understand".into()), ..u };
        };
        // A recogniser only guesses the language; what the words mean decides.
        let (found, mut hypotheses) = self.understanding.hypotheses(&transcript.text, lang);
        for h in &mut hypotheses {
            h.confidence *= transcript.confidence;
        }
        u.lang = found.or(lang);
        u.timeline.hypotheses = Some(u.stamps.at(self.clock.now()));
        if hypotheses.is_empty() {
            u.reason = Some(format!("“{}” is no command that is known here", transcript.text));
        }
        Understood { transcript: Some(transcript), hypotheses, ..u }
    }
}

fn empty(stamps: Stamps) -> Understood {
    Understood {
        id: Ulid::generate().to_string(),
        source: String::new(),
        wake: None,
        lang: None,
        transcript: None,
        hypotheses: Vec::new(),
        reason: None,
        timeline: Timeline::default(),
        stamps,
    }
}
