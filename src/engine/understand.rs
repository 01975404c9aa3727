//! The understand thread: utterances and sentences in, hypotheses out. It may block inside a model; whoever
//! feeds it does so through a bounded channel and never waits for it in live use.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use tokio::sync::mpsc;
use ulid::Ulid;

use super::stamps::Stamps;
use crate::facts::audio::SampleIndex;
use crate::facts::clock::Clock;
use crate::facts::intent::{Hypothesis, Lang};
use crate::facts::utterance::{Detection, Opening, Transcript, Utterance};
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
    /// A wake word without a command: there is only a receipt to write.
    Nothing { source: String, wake: Detection },
    /// A recording has ended; a receipt says so if it was the only thing to say.
    Ended { source: String },
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
    /// What has been done with the stream so far.
    pub progress: Progress,
}

/// What has been done with one stream.
#[derive(Debug, Default)]
pub struct Progress {
    /// Something was passed on.
    found: bool,
    /// Where the utterance begins whose draft was taken for the command: the rest of it is not another one.
    taken: Option<SampleIndex>,
}

/// How sure a draft must be. A pause is no end: what is guessed now cannot be corrected by what follows.
const DRAFT_CONFIDENCE_MIN: f32 = 0.9;

impl Mind {
    /// Works until every sender of `jobs` is gone, or nobody wants the results any more.
    pub fn work(mut self, jobs: &Receiver<Job>, done: &mpsc::Sender<Understood>) {
        for job in jobs {
            let Some(understood) = self.understand(job) else { continue };
            self.progress.found = true;
            if done.blocking_send(understood).is_err() {
                return;
            }
        }
    }

    fn understand(&mut self, job: Job) -> Option<Understood> {
        match job {
            Job::Utterance(utterance, stamps) => self.hear(utterance, stamps),
            Job::Sentence { text, lang, source, stamps } => {
                let transcript = Transcript { text, confidence: 1.0, lang: lang.unwrap_or_default() };
                let start = Understood { source, stamps, ..empty(stamps) };
                Some(self.read(start, Some(transcript), lang))
            }
            Job::Nothing { source, wake } => {
                Some(self.nothing(source, Some(wake), "nothing was said after the wake word"))
            }
            Job::Ended { source } => {
                let nothing = !std::mem::take(&mut self.progress).found;
                nothing.then(|| self.nothing(source, None, "no wake word and no command was heard"))
            }
        }
    }

    fn nothing(&self, source: String, wake: Option<Detection>, reason: &str) -> Understood {
        Understood { source, wake, reason: Some(reason.to_owned()), ..empty(Stamps::since(self.clock.now())) }
    }

    /// `None`: this was nobody's business, or not ready to be acted on.
    fn hear(&mut self, utterance: Utterance, stamps: Stamps) -> Option<Understood> {
        if self.progress.taken == Some(utterance.start) {
            tracing::debug!("{}: the rest of a command that has been taken", utterance.source);
            return None;
        }
        let timeline = Timeline {
            speech_end: Some(crate::receipt::round(utterance.speech_end.as_ms())),
            endpoint: Some(stamps.at(self.clock.now())),
            ..Timeline::default()
        };
        let heard = match &mut self.recognizer {
            Some(r) => r.transcribe(&utterance).map_err(|fault| fault.to_string()),
            None => Err("no speech recogniser is loaded".to_owned()),
        };
        let wake = utterance.opening.detection().cloned();
        let start = Understood { source: utterance.source, wake, timeline, ..empty(stamps) };
        match heard {
            Ok(None) if utterance.draft || utterance.opening == Opening::Overheard => None,
            Ok(None) => Some(self.read(start, None, None)),
            Ok(Some(heard)) => {
                let ready = heard.whole && heard.transcript.confidence >= DRAFT_CONFIDENCE_MIN;
                if utterance.draft && !ready {
                    return None;
                }
                let lang = heard.transcript.lang;
                let start = Understood { wake: start.wake.or(heard.wake), ..start };
                let understood = self.read(start, Some(heard.transcript), Some(lang));
                if utterance.draft && understood.hypotheses.is_empty() {
                    return None;
                }
                self.progress.taken = utterance.draft.then_some(utterance.start);
                Some(understood)
            }
            Err(reason) => {
                tracing::error!("{reason}");
                Some(Understood { reason: Some(reason), ..start })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides};
    use crate::engine::load;
    use crate::engine::stamps::WallClock;
    use crate::facts::error::Fault;
    use crate::understand::stt::Recognized;

    /// Hears what it is told to hear.
    struct Told(Vec<Option<Recognized>>);

    impl Recognizer for Told {
        fn transcribe(&mut self, _: &Utterance) -> Result<Option<Recognized>, Fault> {
            Ok(self.0.remove(0))
        }
    }

    fn words(text: &str, confidence: f32, whole: bool) -> Option<Recognized> {
        let transcript = Transcript { text: text.into(), confidence, lang: Lang::En };
        Some(Recognized { transcript, wake: None, whole })
    }

    fn mind(told: Vec<Option<Recognized>>) -> Mind {
        let config = Config::load(None, &Overrides::default()).expect("defaults");
        Mind {
            recognizer: Some(Box::new(Told(told))),
            understanding: load::understanding(&config).expect("embedded grammars"),
            clock: Arc::new(WallClock::start()),
            progress: Progress::default(),
        }
    }

    fn utterance(start: u64, opening: Opening, draft: bool) -> Job {
        let at = |ms: u64| SampleIndex(start + ms * 16);
        let (samples, source) = (vec![0.0; 16_000], "test".to_owned());
        let (speech_end, endpoint) = (at(700), at(1000));
        let utterance =
            Utterance { source, samples, start: at(0), speech_end, endpoint, opening, draft, cut_off: false };
        Job::Utterance(utterance, Stamps::pinned(std::time::Duration::ZERO, 0.0))
    }

    fn run(mind: &mut Mind, jobs: Vec<Job>) -> Vec<String> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        jobs.into_iter().for_each(|j| sender.send(j).expect("open"));
        drop(sender);
        let (done, mut out) = mpsc::channel(16);
        std::mem::replace(mind, self::mind(Vec::new())).work(&receiver, &done);
        drop(done);
        let mut said = Vec::new();
        while let Some(u) = out.blocking_recv() {
            said.push(u.transcript.map(|t| t.text).or(u.reason).unwrap_or_default());
        }
        said
    }

    #[test]
    fn a_sure_draft_is_taken_once_and_its_rest_is_dropped() {
        let mut mind = mind(vec![words("turn on the kitchen light", 0.97, true), words("open the blinds", 0.8, true)]);
        let jobs = vec![
            utterance(0, Opening::Open, true),
            utterance(0, Opening::Open, true),
            utterance(0, Opening::Open, false),
            utterance(50_000, Opening::Open, false),
        ];
        assert_eq!(run(&mut mind, jobs), ["turn on the kitchen light", "open the blinds"]);
    }

    #[test]
    fn a_doubtful_draft_waits_for_the_end() {
        for draft in [words("turn on the kitchen light", 0.7, true), words("turn on the", 0.95, false), None] {
            let mut mind = mind(vec![draft, words("turn on the kitchen light", 0.7, true)]);
            let jobs = vec![utterance(0, Opening::Open, true), utterance(0, Opening::Open, false)];
            assert_eq!(run(&mut mind, jobs), ["turn on the kitchen light"]);
        }
    }

    #[test]
    fn what_people_say_to_each_other_leaves_no_trace_but_the_end_of_a_recording_does() {
        let mut mind = mind(vec![None, None, words("turn on the kitchen light", 0.95, true)]);
        let jobs = vec![
            utterance(0, Opening::Overheard, true),
            utterance(0, Opening::Overheard, false),
            Job::Ended { source: "a.wav".into() },
            utterance(0, Opening::Overheard, false),
            Job::Ended { source: "b.wav".into() },
        ];
        assert_eq!(run(&mut mind, jobs), ["no wake word and no command was heard", "turn on the kitchen light"]);
    }
}
