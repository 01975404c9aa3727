//! Listens for wake words: log-mel frames through a small ONNX model, its score's peaks are detections.
//!
//! The model (docs/architecture.md): input `mel` f32 [1, W, 80], raw log10 mel power of the last W frames of 10 ms;
//! output `scores` f32 [1, K] in 0..=1; metadata `words` (K names), `frames` (W), `thresholds` (K numbers).
//! Positions in, positions out: it reads no clock. Next: `listener.rs`.

use std::collections::{BTreeMap, VecDeque};

use crate::facts::audio::{SampleIndex, samples_in_ms};
use crate::facts::error::Fault;
use crate::facts::mel::{BANDS, FLOOR, Frame, HOP, MelStream};
use crate::facts::utterance::Detection;
use crate::onnx::Model;

/// The wake-word model that ships with Tiebreak (models/wake.md).
pub const EMBEDDED_MODEL: &[u8] = include_bytes!("../../models/wake.onnx");

/// What the user wants of the wake words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WakeSettings {
    /// The words to listen for; empty means every word of the model. If none of them is the model's, it listens to none.
    pub words: Vec<String>,
    /// Thresholds that replace the model's own, by word, above 0 and up to 1: higher is stricter.
    pub thresholds: BTreeMap<String, f32>,
    /// The words that belong to a handler.
    pub owned: Vec<String>,
    /// Words that the speech recogniser hears: they may be named without being the model's.
    pub also: Vec<String>,
    /// The file in which the user wrote that, for messages.
    pub file: String,
}

/// Frames between two runs of the model: 80 ms.
const STRIDE: usize = 8;
/// A detection waits at most this long for its score to stop rising.
const PEAK_MS_MAX: u64 = 240;
/// After a detection, nothing is detected for this long.
const REFRACTORY_MS: u64 = 1500;
/// A score from here on is worth a second opinion (the speech recogniser's, see [`Wake::hinted`]).
const HINT: f32 = 0.2;
/// Hints are remembered for longer than any utterance lasts: 10 s.
const HINT_MS_MAX: u64 = 10_000;
/// The longest window a model may ask for: 10 s.
const FRAMES_MAX: usize = 1000;

/// A wake-word model at some position of one stream.
pub struct Wake {
    model: Model,
    mel: MelStream,
    /// The last W frames, oldest first; before the stream began there was silence.
    window: Vec<f32>,
    frames: usize,
    fresh: Vec<Frame>,
    /// Frames that the model has seen.
    seen: u64,
    picker: PeakPicker,
    /// Where a word scored [`HINT`] or more.
    hints: VecDeque<SampleIndex>,
}

impl Wake {
    /// Loads the model from its bytes; `name` is the file as the user named it.
    ///
    /// Errors: no ONNX model, not a wake-word model by the contract above, or settings that name a word that
    /// nobody knows or a threshold outside 0..=1.
    pub fn from_bytes(bytes: &[u8], name: &str, settings: &WakeSettings) -> Result<Self, Fault> {
        let mut model = Model::from_bytes(bytes, name)?;
        let remedy = "give a wake-word model made by training/, or install the models again";
        let fault = |key: &str, what: &str| Fault::new(name, key, what, remedy);
        let names = list(&model, "words").ok_or_else(|| fault("words", "the model does not name its words"))?;
        let frames = list(&model, "frames").and_then(|f| f.first()?.parse::<usize>().ok());
        let frames = frames
            .filter(|f| (STRIDE..=FRAMES_MAX).contains(f))
            .ok_or_else(|| fault("frames", "the model does not say how many frames it hears (8..=1000)"))?;
        let thresholds: Vec<f32> =
            list(&model, "thresholds").unwrap_or_default().iter().filter_map(|t| t.parse().ok()).collect();
        if thresholds.len() != names.len() {
            return Err(fault("thresholds", "the model does not give one threshold for each of its words"));
        }
        let words = names
            .into_iter()
            .zip(thresholds)
            .map(|(name, threshold)| Word { name, threshold, enabled: settings.words.is_empty() })
            .collect();
        let words = apply(words, settings)?;
        let window = vec![FLOOR; frames * BANDS];
        // A model of another kind is found here, not when somebody speaks.
        let out = model.run(&[("mel", &[1, frames, BANDS], &window)])?;
        if out.len() != 1 || out[0].0 != [1, words.len()] {
            return Err(fault("scores", "the model does not give one score for each of its words"));
        }
        let picker = PeakPicker { words, candidate: None, deaf_until: SampleIndex(0) };
        Ok(Self {
            model,
            mel: MelStream::new(),
            window,
            frames,
            fresh: Vec::new(),
            seen: 0,
            picker,
            hints: VecDeque::new(),
        })
    }

    /// The same model at the start of another stream.
    pub fn renewed(self) -> Self {
        let picker = PeakPicker { words: self.picker.words, candidate: None, deaf_until: SampleIndex(0) };
        Self {
            mel: MelStream::new(),
            window: vec![FLOOR; self.window.len()],
            fresh: Vec::new(),
            seen: 0,
            picker,
            hints: VecDeque::new(),
            ..self
        }
    }

    /// The words that are listened for.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.picker.words.iter().filter(|w| w.enabled).map(|w| w.name.as_str())
    }

    /// Hears the next samples of the stream (any number) and appends what it detects. Errors: the model fails.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<Detection>) -> Result<(), Fault> {
        let (mel, fresh) = (&mut self.mel, &mut self.fresh);
        mel.push(samples, |frame| fresh.push(frame));
        while self.fresh.len() >= STRIDE {
            let kept = (self.frames - STRIDE) * BANDS;
            self.window.copy_within(STRIDE * BANDS.., 0);
            self.window[kept..].copy_from_slice(self.fresh[..STRIDE].as_flattened());
            self.fresh.drain(..STRIDE);
            self.seen += STRIDE as u64;
            let scores = self.model.run(&[("mel", &[1, self.frames, BANDS], &self.window)])?;
            let newest = SampleIndex((self.seen - 1) * HOP as u64);
            let scores = scores.first().map_or(&[][..], |(_, scores)| scores);
            if self.picker.best(scores) >= HINT {
                self.hints.push_back(newest);
            }
            self.hints.retain(|at| *at + samples_in_ms(HINT_MS_MAX) >= newest);
            out.extend(self.picker.push(scores, newest));
        }
        Ok(())
    }

    /// Whether any word scored a fifth or more between two positions: not enough for a detection, but for a second look.
    pub fn hinted(&self, from: SampleIndex, to: SampleIndex) -> bool {
        self.hints.iter().any(|at| (from..=to).contains(at))
    }

    /// The stream has ended: a score that was still rising counts.
    pub fn finish(&mut self) -> Option<Detection> {
        self.picker.fire()
    }
}

/// A comma-separated list of the model's metadata; `None` if it is absent or empty.
fn list(model: &Model, key: &str) -> Option<Vec<String>> {
    let text = model.metadata(key)?;
    let items: Vec<String> = text.split(',').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect();
    (!items.is_empty()).then_some(items)
}

/// Enables the words and sets the thresholds that the user asks for.
fn apply(mut words: Vec<Word>, settings: &WakeSettings) -> Result<Vec<Word>, Fault> {
    let mut known: Vec<String> = words.iter().map(|w| w.name.clone()).collect();
    known.extend(settings.also.iter().filter(|name| words.iter().all(|w| w.name != **name)).cloned());
    let check = |key: &str, name: &String| {
        let what = format!("the wake-word model does not know `{name}`");
        let unknown = || Fault::new(&settings.file, key, what, format!("use one of: {}", known.join(", ")));
        known.contains(name).then_some(()).ok_or_else(unknown)
    };
    for name in &settings.words {
        check("wake.words", name)?;
        words.iter_mut().filter(|w| w.name == *name).for_each(|w| w.enabled = true);
    }
    for name in &settings.owned {
        check("wake.handlers", name)?;
    }
    for (name, threshold) in &settings.thresholds {
        check("wake.thresholds", name)?;
        if !(*threshold > 0.0 && *threshold <= 1.0) {
            let key = format!("wake.thresholds.{name}");
            return Err(Fault::new(
                &settings.file,
                key,
                format!("{threshold} is no threshold"),
                "give a number above 0 and up to 1",
            ));
        }
        words.iter_mut().filter(|w| w.name == *name).for_each(|w| w.threshold = *threshold);
    }
    Ok(words)
}

struct Word {
    name: String,
    threshold: f32,
    enabled: bool,
}

/// Turns scores into detections: one for each peak above the threshold, over all words the best one.
struct PeakPicker {
    words: Vec<Word>,
    candidate: Option<Candidate>,
    deaf_until: SampleIndex,
}

struct Candidate {
    word: usize,
    score: f32,
    at: SampleIndex,
    since: SampleIndex,
}

impl PeakPicker {
    /// The best score of a word that is listened for.
    fn best(&self, scores: &[f32]) -> f32 {
        self.words.iter().zip(scores).filter(|(word, _)| word.enabled).map(|(_, s)| *s).fold(0.0, f32::max)
    }

    fn push(&mut self, scores: &[f32], at: SampleIndex) -> Option<Detection> {
        if at < self.deaf_until {
            return None;
        }
        let best = self
            .words
            .iter()
            .zip(scores)
            .enumerate()
            .filter(|(_, (word, score))| word.enabled && **score >= word.threshold)
            .map(|(i, (_, score))| (i, *score))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match (&mut self.candidate, best) {
            (None, Some((word, score))) => {
                self.candidate = Some(Candidate { word, score, at, since: at });
                None
            }
            (Some(c), Some((word, score))) if score > c.score && at < c.since + samples_in_ms(PEAK_MS_MAX) => {
                (c.word, c.score, c.at) = (word, score, at);
                None
            }
            (Some(_), _) => self.fire(),
            (None, None) => None,
        }
    }

    fn fire(&mut self) -> Option<Detection> {
        let Candidate { word, score, at, .. } = self.candidate.take()?;
        self.deaf_until = at + samples_in_ms(REFRACTORY_MS);
        Some(Detection { word: self.words[word].name.clone(), score, at })
    }
}

#[cfg(test)]
#[path = "wake_tests.rs"]
mod tests;
