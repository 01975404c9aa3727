//! The understand thread: utterances and sentences in, hypotheses out. It may block inside a model; whoever
//! feeds it does so through a bounded channel and never waits for it in live use.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use tokio::sync::mpsc;
use ulid::Ulid;

use super::stamps::Stamps;
use crate::decide::operations;
use crate::facts::audio::{SampleIndex, samples_in_ms};
use crate::facts::clock::Clock;
use crate::facts::intent::{Hypothesis, Lang, Slots};
use crate::facts::utterance::{Detection, Draft, Opening, Transcript, Utterance};
use crate::receipt::{Part, Timeline};
use crate::understand::Understanding;
use crate::understand::stt::{LastSound, Recognized, Recognizer};

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
    /// The same for commands that came after it in one sentence.
    pub more: Vec<Vec<Hypothesis>>,
    /// Which of them it is.
    pub part: Option<Part>,
    /// Why there are no hypotheses.
    pub reason: Option<String>,
    /// Stamps so far.
    pub timeline: Timeline,
    /// For the stamps to come.
    pub stamps: Stamps,
}

impl Understood {
    /// One for each command, in order, each to be decided by itself and with an id of its own.
    fn parts(mut self) -> Vec<Self> {
        let more = std::mem::take(&mut self.more);
        let of = more.len() + 1;
        if of == 1 {
            return vec![self];
        }
        let id = || Ulid::generate().to_string();
        let others: Vec<Self> = (2..)
            .zip(more)
            .map(|(number, hypotheses)| Self {
                id: id(),
                hypotheses,
                part: Some(Part { number, of }),
                more: Vec::new(),
                source: self.source.clone(),
                wake: self.wake.clone(),
                lang: self.lang,
                transcript: self.transcript.clone(),
                reason: None,
                timeline: self.timeline.clone(),
                stamps: self.stamps,
            })
            .collect();
        self.part = Some(Part { number: 1, of });
        std::iter::once(self).chain(others).collect()
    }
}

/// Everything the thread owns.
pub struct Mind {
    /// Speech to text; `None` where only sentences come (`tiebreak say`).
    pub recognizer: Option<Box<dyn Recognizer>>,
    /// Text to hypotheses.
    pub understanding: Understanding,
    /// The only way to learn the time here.
    pub clock: Arc<dyn Clock>,
    /// How long a command may follow a wake phrase that was overheard alone, in samples.
    pub wait: u64,
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
    /// A wake phrase without a command was overheard, up to here.
    called: Option<(Detection, SampleIndex)>,
    /// A wake phrase that was overheard in a draft, and where that utterance begins: more speech may drown it.
    drafted: Option<(Detection, SampleIndex)>,
    /// What the last command was about, and when.
    last: Option<(Slots, Duration)>,
}

/// How long "it" means what the last command was about.
const REFERENT_VALID: Duration = Duration::from_secs(60);

/// How sure a draft must be. A pause is no end: what is guessed now cannot be corrected by what follows.
const DRAFT_CONFIDENCE_MIN: f32 = 0.9;
/// In speech or noise that goes on, a command is over when the recogniser has heard nothing more for so long, in ms ...
const NO_MORE_MS: u64 = 450;
/// ... and for so many sounds: who speaks slowly is not cut off ("up to seven", "ty percent").
const NO_MORE_SOUNDS: u64 = 5;

impl Mind {
    /// Works until every sender of `jobs` is gone, or nobody wants the results any more.
    pub fn work(mut self, jobs: &Receiver<Job>, done: &mpsc::Sender<Understood>) {
        for job in jobs {
            let ended = matches!(job, Job::Ended { .. });
            let Some(understood) = self.understand(job) else { continue };
            self.progress.found = !ended;
            for part in understood.parts() {
                if done.blocking_send(part).is_err() {
                    return;
                }
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
                let progress = std::mem::take(&mut self.progress);
                if let Some((wake, _)) = progress.called {
                    return Some(self.nothing(source, Some(wake), "nothing was said after the wake word"));
                }
                (!progress.found).then(|| self.nothing(source, None, "no wake word and no command was heard"))
            }
        }
    }

    fn nothing(&self, source: String, wake: Option<Detection>, reason: &str) -> Understood {
        Understood { source, wake, reason: Some(reason.to_owned()), ..empty(Stamps::since(self.clock.now())) }
    }

    /// `None`: this was nobody's business, or not ready to be acted on.
    fn hear(&mut self, mut utterance: Utterance, stamps: Stamps) -> Option<Understood> {
        if self.progress.taken == Some(utterance.start) {
            tracing::debug!("{}: the rest of a command that has been taken", utterance.source);
            return None;
        }
        let mut called_before = false;
        if let (Opening::Overheard { .. }, Some((wake, at))) = (&utterance.opening, &self.progress.called)
            && utterance.start <= *at + self.wait
        {
            utterance.opening = Opening::Woken(wake.clone());
            called_before = true;
        }
        if utterance.draft.is_none() {
            self.progress.called = None;
        }
        let timeline = Timeline {
            speech_end: Some(crate::receipt::round(utterance.speech_end.as_ms())),
            endpoint: Some(stamps.at(self.clock.now())),
            ..Timeline::default()
        };
        let mut heard = self.transcribe(&utterance);
        if let (Ok(None), true, Some((wake, start))) =
            (&heard, utterance.opening.is_overheard(), &self.progress.drafted)
            && utterance.start == *start
        {
            utterance.opening = Opening::Woken(wake.clone());
            heard = self.transcribe(&utterance);
        }
        let wake = utterance.opening.detection().cloned();
        let start = Understood { source: utterance.source, wake, timeline, ..empty(stamps) };
        match heard {
            Ok(None) if utterance.draft.is_some() || utterance.opening.is_overheard() => None,
            Ok(None) => Some(self.read(start, None, None)),
            Ok(Some(heard)) => {
                if let (Some(wake), true) = (&heard.wake, heard.transcript.text.is_empty()) {
                    if utterance.draft.is_some() {
                        self.progress.drafted = Some((wake.clone(), utterance.start));
                    } else {
                        tracing::info!("{}: {} ({:.2})", start.source, wake.word, wake.score);
                        self.progress.called = Some((wake.clone(), utterance.endpoint));
                    }
                    return None;
                }
                if let (None, true, false, Some(wake)) =
                    (utterance.draft, heard.begun, called_before, start.wake.as_ref().or(heard.wake.as_ref()))
                {
                    tracing::info!("{}: a command may have begun after {}", start.source, wake.word);
                    self.progress.called = Some((wake.clone(), utterance.endpoint));
                }
                let sure = heard.whole && heard.transcript.confidence >= DRAFT_CONFIDENCE_MIN;
                let over = || {
                    let quiet = |last: LastSound| samples_in_ms(NO_MORE_MS).max(last.pace * NO_MORE_SOUNDS);
                    heard.last_sound.is_some_and(|last| last.heard_until + quiet(last) <= utterance.endpoint)
                };
                let ready = match utterance.draft {
                    None => true,
                    Some(Draft::Paused) => sure,
                    Some(Draft::GoingOn) => sure && over(),
                };
                if !ready {
                    return None;
                }
                let lang = heard.transcript.lang;
                let last = self.progress.last.clone();
                let mut start = Understood { wake: start.wake.or(heard.wake), ..start };
                if let (Some(Draft::GoingOn), Some(last)) = (utterance.draft, heard.last_sound) {
                    start.timeline.speech_end = Some(crate::receipt::round(last.at.as_ms()));
                }
                let understood = self.read(start, Some(heard.transcript), Some(lang));
                if utterance.draft.is_some() && understood.hypotheses.is_empty()
                    || utterance.draft == Some(Draft::Paused) && may_be_narrowed(&understood)
                {
                    self.progress.last = last;
                    return None;
                }
                if utterance.draft.is_some() {
                    self.progress.taken = Some(utterance.start);
                    self.progress.called = None;
                }
                Some(understood)
            }
            Err(reason) => {
                tracing::error!("{reason}");
                Some(Understood { reason: Some(reason), ..start })
            }
        }
    }

    fn transcribe(&mut self, utterance: &Utterance) -> Result<Option<Recognized>, String> {
        match &mut self.recognizer {
            Some(r) => r.transcribe(utterance).map_err(|fault| fault.to_string()),
            None => Err("no speech recogniser is loaded".to_owned()),
        }
    }

    /// Transcript -> hypotheses; a doubtful transcript makes doubtful hypotheses.
    fn read(&mut self, mut u: Understood, transcript: Option<Transcript>, lang: Option<Lang>) -> Understood {
        u.timeline.transcript = Some(u.stamps.at(self.clock.now()));
        let Some(transcript) = transcript else {
            return Understood { reason: Some("there was no speech to understand".into()), ..u };
        };
        // A recogniser only guesses the language; what the words mean decides.
        let now = self.clock.now();
        let last = self.progress.last.as_ref().filter(|(_, at)| now.saturating_sub(*at) <= REFERENT_VALID);
        let (found, mut commands) = self.understanding.commands(&transcript.text, lang, last.map(|(slots, _)| slots));
        for h in commands.iter_mut().flatten() {
            h.confidence *= transcript.confidence;
        }
        if let Some(about) = commands.last().and_then(|c| c.first()).map(|h| &h.slots)
            && (about.contains_key("name") || about.contains_key("domain"))
        {
            self.progress.last = Some((about.clone(), now));
        }
        let mut commands = commands.into_iter();
        let hypotheses = commands.next().unwrap_or_default();
        u.more = commands.collect();
        u.lang = found.or(lang);
        u.timeline.hypotheses = Some(u.stamps.at(self.clock.now()));
        if hypotheses.is_empty() {
            u.reason = Some(format!("“{}” is no command that is known here", transcript.text));
        }
        Understood { transcript: Some(transcript), hypotheses, ..u }
    }
}

/// Whether a place may still follow that changes what is meant: "turn off the lights ... in the bedroom". So it is where
/// the last command reaches a class of things, or everything, without a room, a floor or a name.
fn may_be_narrowed(u: &Understood) -> bool {
    let Some(best) = u.more.last().unwrap_or(&u.hypotheses).first() else { return false };
    let is_said = |slot: &&str| best.text(slot).is_some_and(|value| value != "all");
    let reaches_many = best.slots.contains_key("domain")
        || best.text("name") == Some("all")
        || operations::asked(best).is_ok_and(|asked| asked.domains.contains(&"climate"));
    reaches_many && !["area", "floor", "name"].iter().any(is_said)
}

fn empty(stamps: Stamps) -> Understood {
    Understood {
        id: Ulid::generate().to_string(),
        source: String::new(),
        wake: None,
        lang: None,
        transcript: None,
        hypotheses: Vec::new(),
        more: Vec::new(),
        part: None,
        reason: None,
        timeline: Timeline::default(),
        stamps,
    }
}

#[cfg(test)]
#[path = "understand_tests.rs"]
mod tests;
