//! The ONNX intent classifier: what a sentence asks for when no template matches it.
//!
//! It only names the intent; slots are what the text names (resolve.rs). It must never make a command of
//! what it does not know: one unknown word, one missing slot or a low confidence, and it stays silent.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::facts::error::Fault;
use crate::facts::intent::{Hypothesis, Lang, Via};
use crate::onnx::Model;

use super::resolve::Spotted;

/// The classifier that ships with Tiebreak (models/intent.md).
pub const EMBEDDED_MODEL: &[u8] = include_bytes!("../../models/intent.onnx");

/// Buckets of hashed features; the model's input size. `training/train_intent.py` has the same.
pub const GRAMS: usize = 4096;
/// Below this nothing is claimed: a guess that is wrong two times in five is no help.
pub const CONFIDENCE_MIN: f32 = 0.6;
/// The model's name for everything that is no command.
const OUT_OF_SCOPE: &str = "out_of_scope";

/// The classifier with what it says about itself.
pub struct IntentModel {
    model: Model,
    intents: Vec<String>,
    /// Words and characters of the sentences that it learned to be commands.
    words: HashSet<String>,
    /// Calibration: confidences are the model's to the power of 1/temperature, made to sum to 1.
    temperatures: BTreeMap<Lang, f32>,
}

impl IntentModel {
    /// Reads what the model says about itself; `name` is the file as the user named it.
    ///
    /// # Errors
    /// Metadata that is missing or does not fit the model's output, or a model that does not run.
    pub fn new(mut model: Model, name: &str) -> Result<Self, Fault> {
        let remedy = "use models/intent.onnx, or train one with training/train_intent.py";
        let metadata = |model: &Model, key: &str| {
            model.metadata(key).ok_or_else(|| Fault::new(name, key, "the model lacks this metadata", remedy))
        };
        let intents: Vec<String> = metadata(&model, "intents")?.split(',').map(str::to_owned).collect();
        let words = metadata(&model, "words")?.split_whitespace().map(str::to_owned).collect();
        let mut temperatures = BTreeMap::new();
        for lang in Lang::ALL {
            let key = format!("temperature_{lang}");
            let temperature = metadata(&model, &key)?.parse::<f32>().ok().filter(|t| (0.05..=20.0).contains(t));
            temperatures.insert(
                lang,
                temperature.ok_or_else(|| Fault::new(name, &key, "it is not a number in 0.05..=20", remedy))?,
            );
        }
        let probabilities = probabilities(&mut model, &vec![0.0; GRAMS])?;
        if probabilities.len() != intents.len() || !intents.iter().any(|i| i == OUT_OF_SCOPE) {
            let what = format!("{} intents for {} outputs, or no {OUT_OF_SCOPE}", intents.len(), probabilities.len());
            return Err(Fault::new(name, "intents", what, remedy));
        }
        Ok(Self { model, intents, words, temperatures })
    }

    /// The command that the text asks for, if the model is sure enough and all its slots were named.
    pub fn hypothesis(&mut self, spotted: &Spotted, lang: Lang) -> Option<Hypothesis> {
        match self.opinion(spotted, lang) {
            Opinion::Command(hypothesis) => Some(hypothesis),
            _ => None,
        }
    }

    /// What the model makes of a text, and why it is silent where it is.
    pub fn opinion(&mut self, spotted: &Spotted, lang: Lang) -> Opinion {
        let known = |token: &&String| token.starts_with('<') || self.words.contains(*token);
        let unknown: Vec<String> = spotted.tokens.iter().filter(|t| !known(t)).cloned().collect();
        if !unknown.is_empty() {
            return Opinion::UnknownWords { words: unknown };
        }
        let Some((intent, confidence)) = self.best(spotted, lang) else { return Opinion::None };
        if intent == OUT_OF_SCOPE {
            return Opinion::OutOfScope { confidence };
        }
        if confidence < CONFIDENCE_MIN {
            return Opinion::Unsure { intent, confidence };
        }
        match spotted.slots(&intent) {
            Some(slots) => {
                let confidence = (confidence * 1000.0).round() / 1000.0;
                Opinion::Command(Hypothesis { intent, slots, confidence, via: Via::Classifier })
            }
            None => Opinion::SlotsMissing { intent, confidence },
        }
    }

    fn best(&mut self, spotted: &Spotted, lang: Lang) -> Option<(String, f32)> {
        if spotted.tokens.is_empty() {
            return None;
        }
        // A model that fails at run time understands nothing; `check` runs it once and reports the fault.
        let raw = probabilities(&mut self.model, &grams(&spotted.tokens)).ok()?;
        let calibrated = calibrate(&raw, self.temperatures.get(&lang).copied().unwrap_or(1.0));
        let best = calibrated.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        best.filter(|(_, confidence)| confidence.is_finite()).map(|(i, c)| (self.intents[i].clone(), c))
    }
}

/// What the model makes of a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Opinion {
    /// A command.
    Command(Hypothesis),
    /// It was not run: these words are in none of the sentences that it learned from.
    UnknownWords {
        /// Words, or Chinese characters.
        words: Vec<String>,
    },
    /// No command, it says.
    OutOfScope {
        /// How sure it is of that.
        confidence: f32,
    },
    /// A command, but it is too unsure.
    Unsure {
        /// Which one.
        intent: String,
        /// How sure.
        confidence: f32,
    },
    /// A command, but the text names too little or too much for its slots.
    SlotsMissing {
        /// Which one.
        intent: String,
        /// How sure.
        confidence: f32,
    },
    /// Nothing: an empty text, or a model that fails.
    None,
}

fn probabilities(model: &mut Model, grams: &[f32]) -> Result<Vec<f32>, Fault> {
    let outputs = model.run(&[("grams", &[1, GRAMS], grams)])?;
    Ok(outputs.into_iter().next().map(|(_, numbers)| numbers).unwrap_or_default())
}

fn calibrate(raw: &[f32], temperature: f32) -> Vec<f32> {
    let powered: Vec<f32> = raw.iter().map(|p| p.max(1e-12).powf(1.0 / temperature)).collect();
    let total: f32 = powered.iter().sum();
    powered.iter().map(|p| p / total).collect()
}

/// Features of a tokenised text: counts of runs of 1 to 3 symbols (letters, Chinese characters, class
/// tokens; `_` at the edges of words), of words and of pairs of words, hashed into [`GRAMS`] buckets and
/// scaled to length 1. The same as `grams` in `training/train_intent.py`.
pub fn grams(tokens: &[String]) -> Vec<f32> {
    let mut counts = vec![0.0f32; GRAMS];
    let mut symbols: Vec<String> = vec!["_".to_owned()];
    for token in tokens {
        if token.starts_with('<') {
            symbols.push(token.clone());
        } else {
            symbols.extend(token.chars().map(String::from));
        }
        symbols.push("_".to_owned());
    }
    for n in 1..=3 {
        for run in symbols.windows(n) {
            counts[bucket(&run.concat())] += 1.0;
        }
    }
    for token in tokens {
        counts[bucket(&format!("w={token}"))] += 1.0;
    }
    for pair in tokens.windows(2) {
        counts[bucket(&format!("b={} {}", pair[0], pair[1]))] += 1.0;
    }
    let length = counts.iter().map(|c| c * c).sum::<f32>().sqrt().max(1e-9);
    counts.iter().map(|c| c / length).collect()
}

/// FNV-1a, 32 bit (offset basis and prime from its definition by Fowler, Noll and Vo).
fn bucket(text: &str) -> usize {
    let hash = text.bytes().fold(0x811c_9dc5u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    hash as usize % GRAMS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::home::{EMBEDDED_HOME, Home};
    use crate::understand::meaning::Understanding;

    fn shipped() -> Result<IntentModel, Fault> {
        IntentModel::new(Model::from_bytes(EMBEDDED_MODEL, "intent.onnx")?, "intent.onnx")
    }

    #[derive(serde::Deserialize)]
    struct Reference {
        tokens: Vec<String>,
        grams: Vec<(usize, f32)>,
        best: String,
        probability: f32,
    }

    #[test]
    fn features_and_answers_equal_the_trainers() {
        let mut model = shipped().expect("the shipped model loads");
        let references: Vec<Reference> =
            serde_json::from_str(include_str!("../../models/intent_reference.json")).expect("valid");
        assert!(references.len() >= 5);
        for r in references {
            let ours = grams(&r.tokens);
            assert_eq!(ours.iter().filter(|v| **v > 0.0).count(), r.grams.len(), "{:?}", r.tokens);
            for (k, v) in r.grams {
                assert!((ours[k] - v).abs() < 1e-5, "{:?} bucket {k}: {} is not {v}", r.tokens, ours[k]);
            }
            let p = probabilities(&mut model.model, &ours).expect("runs");
            let best = (0..p.len()).max_by(|a, b| p[*a].total_cmp(&p[*b])).expect("some");
            assert_eq!(model.intents[best], r.best, "{:?}", r.tokens);
            assert!((p[best] - r.probability).abs() < 1e-3, "{:?}: {} is not {}", r.tokens, p[best], r.probability);
        }
    }

    #[test]
    fn catches_what_templates_miss_and_nothing_else() {
        let home = Home::parse(EMBEDDED_HOME, "embedded").expect("valid");
        let model = shipped().expect("the shipped model loads");
        // Without templates: the classifier alone.
        let understanding = Understanding::new(&home, &[], Some(model)).expect("valid");
        let first = |text: &str| understanding.hypotheses(text, None).1.into_iter().next();
        for (text, intent, slot, value) in [
            ("make sure that the ceiling light is switched on", "HassTurnOn", "name", "light.living_room_ceiling"),
            ("the bedside lamp should be switched off please", "HassTurnOff", "name", "light.bedroom_lamp"),
            ("吊灯应该关掉", "HassTurnOff", "name", "light.living_room_ceiling"),
            ("台灯应该开着", "HassTurnOn", "name", "light.bedroom_lamp"),
        ] {
            let h = first(text).unwrap_or_else(|| panic!("{text}: not understood"));
            assert_eq!((h.intent.as_str(), h.text(slot), h.via), (intent, Some(value), Via::Classifier), "{text}");
            assert!(h.confidence >= CONFIDENCE_MIN, "{text}: {}", h.confidence);
        }
        for text in [
            "make sure that the light in the wine cellar is switched on",
            "the attic fan should be on",
            "my grandmother used to bake bread every sunday",
            "she turned on the ceiling light",
            "打开酒窖的灯",
            "阁楼的风扇应该关掉",
            "我昨天和朋友一起去爬山了",
            "good morning",
        ] {
            assert_eq!(first(text), None, "{text}");
        }
    }

    #[test]
    fn a_model_of_another_kind_is_a_fault() {
        // As another model: the same file with one of its keys renamed.
        let at = EMBEDDED_MODEL.windows(7).position(|w| w == b"intents").expect("the key is in the file");
        let mut bytes = EMBEDDED_MODEL.to_vec();
        bytes[at] = b'X';
        let model = Model::from_bytes(&bytes, "x.onnx").expect("still a model");
        assert_eq!(IntentModel::new(model, "x.onnx").err().map(|f| f.key), Some("intents".to_owned()));
    }
}
