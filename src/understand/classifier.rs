//! The ONNX intent classifier and slot tagger: what a sentence asks for, and with which of its words, when no template
//! matches it.
//!
//! It names an intent with the slots that its wording implies, and the words of the other slots; what those words mean
//! in this home is for tagged.rs to find. It must never make a command of what it does not know.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::facts::error::Fault;
use crate::facts::intent::{Hypothesis, Lang, Slots};
use crate::onnx::Model;

use super::normalise::is_han;
use super::resolve::Spotted;
use super::sound;

/// The classifier that ships with Tiebreak (models/intent.md).
pub const EMBEDDED_MODEL: &[u8] = include_bytes!("../../models/intent.onnx");

/// Buckets of hashed features, 0 for none; the rows of the model's embedding. `training/train_intent.py` has the same.
const BUCKETS: u32 = 8192;
/// Features of one token at most; the model's input has so many columns.
const FEATURES: usize = 24;
/// Longer sentences are no commands.
const TOKENS_MAX: usize = 40;
/// Below this nothing is claimed. So high that none of the grammars' tests that must be refused is claimed; in Chinese, where
/// one character makes another sentence, 0.05 higher.
pub const fn confidence_min(lang: Lang) -> f32 {
    match lang {
        Lang::En => 0.62,
        Lang::Zh => 0.75,
    }
}
/// The model's name for everything that is no command.
const OUT_OF_SCOPE: &str = "out_of_scope";
/// A word that no command contains may stand in a sentence if it is as short as this (a sound that the recogniser made
/// up), the sentence as long as this, and no other such word is in it.
const STRAY_LEN_MAX: usize = 3;
const STRAY_TOKENS_MIN: usize = 5;

/// The classifier with what it says about itself.
pub struct IntentModel {
    model: Model,
    labels: Vec<Label>,
    /// `O`, then `B-` and `I-` of each slot.
    slots: Vec<String>,
    /// Words and characters of the sentences that it learned to be commands.
    words: HashSet<String>,
    /// Calibration: probabilities are those of scores divided by this.
    temperatures: BTreeMap<Lang, f32>,
}

/// What sentences that ask for the same have in common.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Label {
    /// The intent.
    pub intent: String,
    /// Slots that the wording implies.
    pub slots: Slots,
    /// Which other slots were named together where it was learned.
    shapes: Vec<Vec<String>>,
}

/// Words that fill a slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Which slot.
    pub slot: String,
    /// Where in the text: from, to (exclusive), in characters.
    pub place: (usize, usize),
}

/// What the model makes of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<'a> {
    /// A command: what is asked for, with which words, how sure it is of both (0..=1, calibrated).
    Command(&'a Label, Vec<Span>, f32),
    /// Not one.
    Not(Opinion),
}

/// What is made of a text that no template matches.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Opinion {
    /// A command, in one way or several.
    Commands {
        /// Best first.
        hypotheses: Vec<Hypothesis>,
    },
    /// These words are in none of the sentences that it learned from, and fill no slot.
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
        /// How sure it would have to be.
        needed: f32,
    },
    /// A command, but the text names too little or too much for its slots, or what this home has not got.
    SlotsMissing {
        /// Which one.
        intent: String,
        /// How sure.
        confidence: f32,
    },
    /// Nothing: an empty text, a question or a prohibition that looked like a deed, or a model that fails.
    None,
}

impl IntentModel {
    /// Reads what the model says about itself; `name` is the file as the user named it.
    ///
    /// # Errors
    /// Metadata that is missing or does not fit the model's outputs, or a model that does not run.
    pub fn new(mut model: Model, name: &str) -> Result<Self, Fault> {
        let remedy = "use models/intent.onnx, or train one with training/train_intent.py";
        let metadata = |model: &Model, key: &str| {
            model.metadata(key).ok_or_else(|| Fault::new(name, key, "the model lacks this metadata", remedy))
        };
        let labels: Vec<Label> = serde_json::from_str(&metadata(&model, "labels")?)
            .map_err(|e| Fault::new(name, "labels", e.to_string(), remedy))?;
        let tags = metadata(&model, "tags")?;
        let slots: Option<Vec<String>> = match tags.split(' ').collect::<Vec<_>>()[..] {
            ["O", ref rest @ ..] => rest.chunks(2).map(slot_of).collect(),
            _ => None,
        };
        let slots = slots.ok_or_else(|| Fault::new(name, "tags", "they are not O, B-slot, I-slot, ...", remedy))?;
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
        let (label_scores, tag_scores) = scores(&mut model, &["on"])?;
        if label_scores.len() != labels.len() || !labels.iter().any(|l| l.intent == OUT_OF_SCOPE) {
            let what = format!("{} labels for {} outputs, or no {OUT_OF_SCOPE}", labels.len(), label_scores.len());
            return Err(Fault::new(name, "labels", what, remedy));
        }
        if tag_scores.len() != 2 * slots.len() + 1 {
            let what = format!("{} tags for {} outputs", 2 * slots.len() + 1, tag_scores.len());
            return Err(Fault::new(name, "tags", what, remedy));
        }
        Ok(Self { model, labels, slots, words, temperatures })
    }

    /// What the model makes of a text, and why it is silent where it is.
    pub fn answer(&mut self, spotted: &Spotted, lang: Lang) -> Answer<'_> {
        let tokens: Vec<&str> = spotted.tokens.iter().map(String::as_str).collect();
        if tokens.is_empty() || tokens.len() > TOKENS_MAX {
            return Answer::Not(Opinion::None);
        }
        // A model that fails at run time understands nothing; `check` runs it once and reports the fault.
        let Ok((label_scores, tag_scores)) = scores(&mut self.model, &tokens) else {
            return Answer::Not(Opinion::None);
        };
        let temperature = self.temperatures.get(&lang).copied().unwrap_or(1.0);
        let Some((label, sure)) = best(&label_scores, temperature) else { return Answer::Not(Opinion::None) };
        let label = &self.labels[label];
        if label.intent == OUT_OF_SCOPE {
            return Answer::Not(Opinion::OutOfScope { confidence: sure });
        }
        let tags = tag_scores.chunks(2 * self.slots.len() + 1).map(|scores| best(scores, temperature));
        let Some(tags) = tags.collect::<Option<Vec<_>>>() else { return Answer::Not(Opinion::None) };
        let confidence = sure * tags.iter().map(|(_, p)| *p).fold(1.0, f32::min);
        let intent = label.intent.clone();
        if confidence < confidence_min(lang) {
            return Answer::Not(Opinion::Unsure { intent, confidence, needed: confidence_min(lang) });
        }
        let unknown = |(token, tag): (&&str, &(usize, f32))| {
            (tag.0 == 0 && !token.starts_with('<') && !self.words.contains(*token)).then(|| (*token).to_owned())
        };
        let words: Vec<String> = tokens.iter().zip(&tags).filter_map(unknown).collect();
        let stray = words.len() == 1 && words[0].len() <= STRAY_LEN_MAX && tokens.len() >= STRAY_TOKENS_MIN;
        if !words.is_empty() && !stray {
            return Answer::Not(Opinion::UnknownWords { words });
        }
        let spans = self.spans(&tags, &spotted.places);
        let mut named: Vec<&str> = spans.iter().map(|s| s.slot.as_str()).collect();
        named.sort_unstable();
        if !label.shapes.iter().any(|shape| shape.iter().eq(named.iter())) {
            return Answer::Not(Opinion::SlotsMissing { intent, confidence });
        }
        Answer::Command(label, spans, confidence)
    }

    /// Runs of tokens with tags of the same slot; a run begins where its slot does, whatever the tag's letter says.
    fn spans(&self, tags: &[(usize, f32)], places: &[(usize, usize)]) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut before = None;
        for ((tag, _), place) in tags.iter().zip(places) {
            let slot = tag.checked_sub(1).map(|t| t / 2);
            let begins = tag % 2 == 1 || slot != before;
            match (slot, spans.last_mut()) {
                (Some(_), Some(span)) if !begins => span.place.1 = place.1,
                (Some(slot), _) => spans.push(Span { slot: self.slots[slot].clone(), place: *place }),
                (None, _) => {}
            }
            before = slot;
        }
        spans
    }
}

/// The slot of its two tags.
fn slot_of(tags: &[&str]) -> Option<String> {
    match tags {
        [b, i] => b.strip_prefix("B-").filter(|slot| i.strip_prefix("I-") == Some(slot)).map(str::to_owned),
        _ => None,
    }
}

/// Scores of the labels, and of the tags of each token, one token after the other.
fn scores(model: &mut Model, tokens: &[&str]) -> Result<(Vec<f32>, Vec<f32>), Fault> {
    let (mut ids, mut weights) = (Vec::new(), Vec::new());
    for token in tokens {
        let found = features(token);
        let weight = 1.0 / (found.len() as f32).sqrt();
        ids.extend(found.iter().map(|id| *id as f32).chain(std::iter::repeat(0.0)).take(FEATURES));
        weights.extend(found.iter().map(|_| weight).chain(std::iter::repeat(0.0)).take(FEATURES));
    }
    let shape = [tokens.len(), FEATURES];
    let mut outputs = model.run(&[("features", &shape, &ids), ("weights", &shape, &weights)])?.into_iter();
    let mut next = || outputs.next().map(|(_, numbers)| numbers).unwrap_or_default();
    Ok((next(), next()))
}

/// The largest of some scores, and its probability.
fn best(scores: &[f32], temperature: f32) -> Option<(usize, f32)> {
    let (at, most) = scores.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let total: f32 = scores.iter().map(|s| ((s - most) / temperature).exp()).sum();
    Some((at, 1.0 / total)).filter(|(_, p)| p.is_finite())
}

/// Buckets of one token's features, each 1..[`BUCKETS`]: itself; of a Chinese character how it sounds, of a word how it
/// sounds and its runs of three and two letters (`_` at its edges). The same as in `training/train_intent.py`.
fn features(token: &str) -> Vec<u32> {
    let mut found = vec![bucket("w=", token)];
    match token.chars().next() {
        Some(c) if is_han(c) => {
            if let Some((plain, blurred)) = sound::syllables(c) {
                found.extend([bucket("p=", plain), bucket("q=", &blurred)]);
            }
        }
        Some(c) if c.is_ascii_lowercase() => {
            let letters: Vec<char> = token.chars().collect();
            let spelt: String = sound::spelling(&letters).into_iter().collect();
            found.push(bucket("s=", &spelt));
            let edged = format!("_{token}_");
            for n in [3, 2] {
                found.extend((0..=edged.len() - n).map(|i| bucket("", &edged[i..i + n])));
            }
        }
        _ => {}
    }
    found.truncate(FEATURES);
    found
}

/// FNV-1a, 32 bit (offset basis and prime from its definition by Fowler, Noll and Vo).
fn bucket(kind: &str, text: &str) -> u32 {
    let bytes = kind.bytes().chain(text.bytes());
    let hash = bytes.fold(0x811c_9dc5u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    1 + hash % (BUCKETS - 1)
}

#[cfg(test)]
#[path = "classifier_tests.rs"]
mod tests;
