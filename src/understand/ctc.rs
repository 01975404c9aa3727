//! The CTC engine: Whisper's log-mel features -> acoustic model (ONNX) -> grammar-constrained search.
//! The search itself is in ctc_search.rs.

use super::ctc_search::{LogProbs, search};
use super::stt::Recognizer;
use super::unit_graph::UnitGraph;
use super::units::Units;
use super::word_graph::WordGraph;
use crate::facts::audio::{SAMPLE_RATE_HZ, samples_in_ms};
use crate::facts::error::Fault;
use crate::facts::intent::Lang;
use crate::facts::mel::{self, LogMel};
use crate::facts::utterance::{Transcript, Utterance};
use crate::onnx::Model;

/// The acoustic model that ships with Tiebreak (models/stt.md).
pub const EMBEDDED_MODEL: &[u8] = include_bytes!("../../models/stt-ctc.onnx");

/// Feature frames (10 ms) for each row of the model's output.
const FRAMES_PER_STEP: usize = 2;
/// How far after the wake word's reported end its last sounds may still be skipped, in ms.
const WAKE_TAIL_MS: u64 = 300;
/// Without a wake word: breath and clicks that may be skipped before the sentence, in ms.
const LEAD_MS: u64 = 300;
/// Silence that is added at the end, in ms: the model was trained with some.
const PAD_MS: u64 = 200;

/// A recogniser that hears sentences of the grammars.
pub struct CtcRecognizer {
    model: Model,
    units: Units,
    graph: UnitGraph,
    mel: LogMel,
    frames_max: usize,
    confidence: Logistic,
}

/// Margin per unit -> probability that the transcript is right; fitted on held-out voices by
/// bench/calibrate (see models/stt.md).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Logistic {
    slope: f32,
    middle: f32,
}

impl Logistic {
    fn at(self, margin: f32) -> f32 {
        1.0 / (1.0 + (-self.slope * (margin - self.middle)).exp())
    }
}

impl CtcRecognizer {
    /// Compiles what can be said into the search automaton. `lead_ins`: wake words as they are spoken, which may
    /// come before a sentence.
    ///
    /// # Errors
    /// A model that is no CTC model of ours, or grammars too large to compile.
    pub fn new(model: &[u8], file: &str, speakable: &[WordGraph], lead_ins: &[String]) -> Result<Self, Fault> {
        let wrong =
            |key: &str, what: &str| Fault::new(file, key, what, "use a model written by training/export_stt.py");
        let model = Model::from_bytes(model, file)?;
        let list = model
            .metadata("units")
            .ok_or_else(|| wrong("metadata `units`", "it is missing: this is no CTC speech model"))?;
        let units = Units::parse(&list, file)?;
        let frames_max = model
            .metadata("frames_max")
            .and_then(|v| v.parse().ok())
            .filter(|&v| v >= FRAMES_PER_STEP)
            .ok_or_else(|| wrong("metadata `frames_max`", "it is missing or no number"))?;
        let confidence = match model.metadata("confidence") {
            None => Logistic { slope: 4.0, middle: -0.9 },
            Some(text) => match text.split(' ').map(str::parse).collect::<Result<Vec<f32>, _>>().as_deref() {
                Ok(&[slope, middle]) if slope > 0.0 && middle.is_finite() => Logistic { slope, middle },
                _ => return Err(wrong("metadata `confidence`", "it is not two numbers")),
            },
        };
        let graph = UnitGraph::build(speakable, lead_ins, &units)
            .map_err(|what| Fault::new("grammars", "", what, "use fewer or simpler sentence templates"))?;
        Ok(Self { model, units, graph, mel: LogMel::new(), frames_max, confidence })
    }

    fn log_probs(&mut self, samples: &[f32]) -> Result<Vec<f32>, Fault> {
        let mut sound = samples.to_vec();
        sound.resize(samples.len() + samples_in_ms(PAD_MS) as usize, 0.0);
        let mut frames = self.mel.compute(&sound);
        frames.truncate(self.frames_max);
        frames.truncate(frames.len() / FRAMES_PER_STEP * FRAMES_PER_STEP);
        mel::normalise(&mut frames);
        let flat: &[f32] = frames.as_flattened();
        let mut out = self.model.run(&[("features", &[1, frames.len(), mel::BANDS], flat)])?;
        Ok(out.pop().map(|(_, values)| values).unwrap_or_default())
    }
}

impl Recognizer for CtcRecognizer {
    fn transcribe(&mut self, utterance: &Utterance) -> Result<Option<Transcript>, Fault> {
        if utterance.samples.len() < SAMPLE_RATE_HZ as usize / 10 {
            return Ok(None);
        }
        let values = self.log_probs(&utterance.samples)?;
        let probs = LogProbs { values: &values, units: self.units.count() };
        let lead = match &utterance.wake {
            Some(wake) => wake.at.0.saturating_sub(utterance.start.0) + samples_in_ms(WAKE_TAIL_MS),
            None => samples_in_ms(LEAD_MS),
        };
        let step = (mel::HOP * FRAMES_PER_STEP) as u64;
        let found = search(probs, &self.graph, (lead / step) as usize);
        let confidence = found.as_ref().map_or(0.0, |f| self.confidence.at(f.margin));
        let text = found.as_ref().and_then(|f| self.graph.text(&f.path));
        if let (Some(found), Some(text)) = (&found, &text) {
            // training/calibrate_stt.py reads this line.
            tracing::debug!("grammar search margin={} text={text:?}", found.margin);
        }
        if let Some(text) = text.filter(|_| confidence >= 0.5) {
            let lang = if text.is_ascii() { Lang::En } else { Lang::Zh };
            return Ok(Some(Transcript { text, confidence, lang }));
        }
        let free = probs.greedy();
        if free.is_empty() {
            return Ok(None);
        }
        // Outside the grammar: what it sounded like. The confidence is low on purpose, whatever the acoustics.
        let lang = if self.units.is_mostly_mandarin(&free) { Lang::Zh } else { Lang::En };
        Ok(Some(Transcript { text: self.units.render(&free), confidence, lang }))
    }
}
