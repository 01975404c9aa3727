//! The CTC engine: Whisper's log-mel features -> acoustic model (ONNX) -> grammar-constrained search.
//! The search itself is in ctc_search.rs.

use super::calls::{Calls, WakePhrase};
use super::ctc_search::{Found, LogProbs, UNIT_ROWS, Wanted, search};
use super::pronounce::{EMBEDDED_LEXICON, Lexicon};
use super::stt::{LastSound, Recognized, Recognizer};
use super::unit_graph::{START, START_ADDRESSED, UnitGraph};
use super::units::{Alphabet, Units};
use super::word_graph::WordGraph;
use crate::facts::audio::samples_in_ms;
use crate::facts::dereverb::dereverberate;
use crate::facts::error::Fault;
use crate::facts::intent::Lang;
use crate::facts::mel::{self, LogMel};
use crate::facts::utterance::{Detection, Opening, Transcript, Utterance};
use crate::onnx::{Model, Tensor};

/// The acoustic model that ships with Tiebreak (models/stt.md).
pub const EMBEDDED_MODEL: &[u8] = include_bytes!("../../models/stt-ctc.onnx");

/// How far after the wake word's reported end its last sounds may still be skipped, in ms.
const WAKE_TAIL_MS: u64 = 300;
/// Without a wake word: breath and clicks that may be skipped before the sentence, in ms.
const LEAD_MS: u64 = 300;
/// What is added at the end, in ms, as quiet as the recording ever is: the model was trained with some.
const PAD_MS: u64 = 200;
/// Of a feature frame.
const FRAME_MS: usize = 10;
/// What is shorter holds no speech.
pub const SAMPLES_MIN: usize = samples_in_ms(100) as usize;

/// Fewer sounds than this, if they make no sentence, are taken for the beginning of one: "could you" has five.
const BEGUN_UNITS_MAX: usize = 8;
/// A sound after a sentence may be noise; so many are more speech.
const MORE_UNITS_MIN: usize = 2;
/// Between two sounds of one speech, in ms: what comes after a longer pause is another matter.
const GAP_MS: u64 = 450;
/// Below this a sentence of the grammars is taken for something else.
const CONFIDENCE_MIN: f32 = 0.5;

/// A network that writes sounds: Whisper's log-mel features -> units, and letters.
pub struct AcousticModel {
    model: Model,
    units: Alphabet,
    letters: Alphabet,
    mel: LogMel,
    /// Feature frames (10 ms) for each row of the model's output.
    frames_per_step: usize,
    frames_max: usize,
    confidence: Logistic,
}

/// A recogniser that hears sentences of the grammars.
pub struct CtcRecognizer {
    acoustic: AcousticModel,
    graph: UnitGraph,
    calls: Calls,
}

/// How well a sentence explains the sound -> probability that the transcript is right; fitted on held-out voices by
/// training/calibrate_stt.py (see models/stt.md).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Logistic {
    slope: f32,
    middle: f32,
    /// What the free path's log-probability counts beside the margin.
    doubt: f32,
    /// What the worst stretch counts.
    stretch: f32,
}

impl Logistic {
    fn of(self, found: &Found) -> f32 {
        let fit = found.margin + self.doubt * found.free + self.stretch * found.worst;
        1.0 / (1.0 + (-self.slope * (fit - self.middle)).exp())
    }
}

impl AcousticModel {
    /// Loads an ONNX file's bytes; `file` is for messages.
    ///
    /// # Errors
    /// A model that is no CTC model of ours.
    pub fn new(model: &[u8], file: &str) -> Result<Self, Fault> {
        let wrong =
            |key: &str, what: &str| Fault::new(file, key, what, "use a model written by training/export_onnx.py");
        let model = Model::from_bytes(model, file)?;
        let alphabet = |key: &str| match model.metadata(key) {
            Some(list) => Alphabet::parse(&list, file, key),
            None => Err(wrong(&format!("metadata `{key}`"), "it is missing: this is no CTC speech model")),
        };
        let number = |key: &str| {
            let value = model.metadata(key).and_then(|v| v.parse().ok()).filter(|&v: &usize| v > 0);
            value.ok_or_else(|| wrong(&format!("metadata `{key}`"), "it is missing or no number"))
        };
        let (units, letters) = (alphabet("units")?, alphabet("letters")?);
        let (frames_per_step, frames_max) = (number("frames_per_step")?, number("frames_max")?);
        let confidence = match model.metadata("confidence") {
            // What the embedded model's was when this was written: a new network is calibrated from there.
            None => Logistic { slope: 2.3, middle: -1.8, doubt: 1.4, stretch: 0.07 },
            Some(text) => match text.split(' ').map(str::parse).collect::<Result<Vec<f32>, _>>().as_deref() {
                Ok(&[slope, middle, doubt, stretch])
                    if slope > 0.0 && middle.is_finite() && doubt >= 0.0 && stretch >= 0.0 =>
                {
                    Logistic { slope, middle, doubt, stretch }
                }
                _ => return Err(wrong("metadata `confidence`", "it is not four numbers")),
            },
        };
        let mut out = Self { model, units, letters, mel: LogMel::new(), frames_per_step, frames_max, confidence };
        // A model of another kind is found here, not when somebody speaks.
        let rows = |(shape, _): &Tensor, alphabet: &Alphabet| match shape[..] {
            [1, rows, width] if width == alphabet.count() && rows > 0 => Some(rows),
            _ => None,
        };
        match &out.run(&[0.0; SAMPLES_MIN])?[..] {
            [units, letters] if rows(units, &out.units).is_some_and(|r| rows(letters, &out.letters) == Some(r)) => {}
            _ => return Err(wrong("outputs", "they are not one row of units and one of letters for each step")),
        }
        Ok(out)
    }

    /// Longest utterance that is heard to its end, in ms, but for the quiet that is added after it.
    pub fn ms_max(&self) -> u64 {
        (self.frames_max * FRAME_MS) as u64
    }

    /// Longest recording that is heard to its end, in samples.
    pub fn samples_max(&self) -> usize {
        (self.frames_max * mel::HOP).saturating_sub(samples_in_ms(PAD_MS) as usize)
    }

    /// What a recording of 16 kHz mono sounds like: the names of the units on the free path.
    ///
    /// # Errors
    /// The model fails.
    pub fn sounds(&mut self, samples: &[f32]) -> Result<Vec<String>, Fault> {
        let (values, _) = self.log_probs(samples)?;
        let path = self.probs(&values).greedy();
        Ok(path.into_iter().map(|u| self.units.name(u).to_owned()).collect())
    }

    /// How the words of the embedded lexicon, and pinyin, sound in this model's units.
    ///
    /// # Errors
    /// A model without the sounds of a language.
    pub fn sounds_of_words(&self) -> Result<Units, Fault> {
        Units::new(&self.units, Lexicon::parse(EMBEDDED_LEXICON, "embedded lexicon")?, "speech model")
    }

    /// The model's rows over units, as the search takes them.
    pub fn probs<'a>(&self, values: &'a [f32]) -> LogProbs<'a> {
        LogProbs { values, units: self.units.count() }
    }

    /// How sure it is, 0 to 1, that what was found is what was said.
    pub fn confidence(&self, found: &Found) -> f32 {
        self.confidence.of(found)
    }

    /// Samples for each row of the model's output.
    pub fn row_samples(&self) -> u64 {
        (mel::HOP * self.frames_per_step) as u64
    }

    /// The model's rows over units, and over letters; at least [`SAMPLES_MIN`] samples are wanted.
    ///
    /// # Errors
    /// The model fails.
    pub fn log_probs(&mut self, samples: &[f32]) -> Result<(Vec<f32>, Vec<f32>), Fault> {
        let mut out = self.run(samples)?.into_iter().map(|(_, values)| values);
        Ok((out.next().unwrap_or_default(), out.next().unwrap_or_default()))
    }

    /// The model's outputs for a recording with something quiet after it.
    fn run(&mut self, samples: &[f32]) -> Result<Vec<Tensor>, Fault> {
        let mut spectra = self.mel.spectra(samples);
        dereverberate(&mut spectra);
        let mut frames = self.mel.frames(&spectra);
        let quiet = mel::background(&frames);
        frames.extend([quiet; PAD_MS as usize / FRAME_MS]);
        frames.truncate(self.frames_max);
        mel::normalise(&mut frames);
        let flat: &[f32] = frames.as_flattened();
        self.model.run(&[("features", &[1, frames.len(), mel::BANDS], flat)])
    }
}

impl CtcRecognizer {
    /// Compiles what people say often, and what they say seldom, into the search automaton. `openers` are polite words
    /// before a sentence; `phrases` the wake words, which may come before it.
    ///
    /// # Errors
    /// A wake phrase that cannot be said, or grammars too large to compile.
    pub fn new(
        acoustic: AcousticModel,
        often: &[WordGraph],
        seldom: &[WordGraph],
        openers: &[String],
        phrases: &[WakePhrase],
    ) -> Result<Self, Fault> {
        let sounds = acoustic.sounds_of_words()?;
        let calls = Calls::new(phrases, &sounds)?;
        let lead_ins: Vec<String> = phrases.iter().map(|p| p.spoken.clone()).collect();
        let graph = UnitGraph::build(often, seldom, openers, &lead_ins, &sounds)
            .map_err(|what| Fault::new("grammars", "", what, "use fewer or simpler sentence templates"))?;
        tracing::debug!("the grammars make an automaton of {} states and {} arcs", graph.states(), graph.len());
        Ok(Self { acoustic, graph, calls })
    }
}

/// The row in which the last sound begins, and rows for each sound on average; `begins`: those of all.
fn last_sound(begins: &[u32]) -> Option<(u32, f32)> {
    let (first, last) = (begins.first()?, begins.last()?);
    Some((*last, (last - first) as f32 / (begins.len() - 1).max(1) as f32))
}

/// Until which row somebody speaks: beyond the sentence's `last` sound if more clear ones follow it, no gap between two
/// of which is longer than `gap` rows.
fn heard_until(last: usize, gap: usize, probs: &LogProbs) -> usize {
    let (mut until, mut count) = (last, 0);
    for row in probs.likely_units(last + UNIT_ROWS) {
        if row > until + gap {
            break;
        }
        (until, count) = (row, count + 1);
    }
    if count >= MORE_UNITS_MIN { until } else { last }
}

impl Recognizer for CtcRecognizer {
    fn transcribe(&mut self, utterance: &Utterance) -> Result<Option<Recognized>, Fault> {
        if utterance.samples.len() < SAMPLES_MIN {
            return Ok(None);
        }
        let (values, letters) = self.acoustic.log_probs(&utterance.samples)?;
        let probs = self.acoustic.probs(&values);
        let row_samples = self.acoustic.row_samples();
        let rows = |samples: u64| (samples / row_samples) as usize;
        let call = match utterance.opening {
            Opening::Overheard { hinted } => self.calls.find(&self.acoustic, probs, utterance, hinted),
            _ => None,
        };
        let tail = rows(samples_in_ms(WAKE_TAIL_MS));
        let (start, lead, late) = match (&utterance.opening, &call) {
            // Where the wake word was said before, nothing of it is left: what is heard is the sentence, or a click.
            (Opening::Woken(wake), _) => (START, rows(wake.at.0.saturating_sub(utterance.start.0)), tail),
            (Opening::Open, _) => (START, 0, rows(samples_in_ms(LEAD_MS))),
            (Opening::Overheard { .. }, Some(call)) => {
                if call.is_all(probs) {
                    return Ok(Some(Recognized::call(call.wake.clone())));
                }
                (START, call.end, tail)
            }
            // Somebody may have talked about something else just before.
            (Opening::Overheard { .. }, None) => (START_ADDRESSED, probs.steps(), 0),
        };
        // Where the command begins at the latest.
        let after = call.as_ref().map_or(lead + late, |call| call.end);
        let called = call.map(|call| call.wake);
        let found = search(probs, &self.graph, Wanted::sentence(start, lead, late));
        let confidence = found.as_ref().map_or(0.0, |f| self.acoustic.confidence(f));
        let reading = found.as_ref().and_then(|f| Some((f, self.graph.read(start, &f.path)?)));
        if let Some((found, reading)) = &reading {
            // training/calibrate_stt.py reads this line.
            tracing::debug!(
                "grammar search source={} margin={} free={} worst={} text={:?}",
                utterance.source,
                found.margin,
                found.free,
                found.worst,
                reading.text
            );
        }
        // Without a call before it, the sentence's own beginning must be one.
        let is_called = |lead_in: Option<(usize, usize)>| {
            !utterance.opening.is_overheard()
                || called.is_some()
                || lead_in.is_some_and(|(phrase, _)| self.calls.is_enough(phrase, confidence))
        };
        if let Some((found, reading)) = reading.filter(|(_, r)| confidence >= CONFIDENCE_MIN && is_called(r.lead_in)) {
            let said = reading.lead_in.map(|(phrase, units)| Detection {
                word: self.calls.word(phrase),
                score: confidence,
                at: utterance.start + u64::from(found.begins.get(units).copied().unwrap_or(0)) * row_samples,
            });
            let wake = called.or(said);
            let lang = if reading.text.is_ascii() { Lang::En } else { Lang::Zh };
            let transcript = Transcript { text: reading.text, confidence, lang };
            let last_sound = last_sound(&found.begins).map(|(row, pace)| LastSound {
                at: utterance.start + u64::from(row) * row_samples,
                heard_until: utterance.start
                    + heard_until(row as usize, rows(samples_in_ms(GAP_MS)), &probs) as u64 * row_samples,
                pace: (pace * row_samples as f32) as u64,
            });
            return Ok(Some(Recognized { transcript, wake, whole: true, begun: false, last_sound }));
        }
        let free = LogProbs { values: &letters, units: self.acoustic.letters.count() }.greedy();
        if free.is_empty() || utterance.opening.is_overheard() && called.is_none() {
            return Ok(None);
        }
        // Outside the grammar: what it sounded like. The confidence is low on purpose, whatever the acoustics.
        let lang = if self.acoustic.letters.is_mostly_mandarin(&free) { Lang::Zh } else { Lang::En };
        let transcript = Transcript { text: self.acoustic.letters.render(&free), confidence, lang };
        let begun = probs.from(after).greedy().len() < BEGUN_UNITS_MAX;
        Ok(Some(Recognized { transcript, wake: called, whole: false, begun, last_sound: None }))
    }
}

#[cfg(test)]
#[path = "ctc_tests.rs"]
mod tests;
