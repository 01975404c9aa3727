//! From what the classifier and tagger says to hypotheses: which value of the home, which number or which words each
//! tagged span is.
//!
//! The spans are put into a block of the sentence files that has the same intent and the same implied slots, so that
//! what holds for templates (which things a list may name, numbers in range, a lamp in the room that was named) holds
//! here, too. A span that names nothing makes the whole no command.

use std::collections::{BTreeSet, HashMap};

use crate::facts::intent::{Hypothesis, Lang, SlotValue, Slots, Via};

use super::automaton::{Automaton, Step};
use super::classifier::{Answer, IntentModel, Label, Opinion, Span, confidence_min};
use super::matcher::{Filled, Reading};
use super::meaning::{Language, Understanding};
use super::normalise::is_boundary;
use super::numbers;
use super::sound;

/// Ways to fill all slots that are looked at.
const FILLINGS_MAX: usize = 16;
/// Values of a list are equally close if their distances differ by less.
const TIE: f32 = 0.05;
/// Words of which one must be said before a whole class of things, or everything, is switched: a room that was not
/// heard must not become the whole house.
const EVERYTHING: [&str; 18] = [
    "all",
    "every",
    "each",
    "both",
    "everything",
    "everywhere",
    "whole",
    "entire",
    "house",
    "home",
    "所有",
    "全",
    "每",
    "都",
    "家里",
    "整个",
    "屋子",
    "各",
];

/// What can fill a slot in a block's sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    List(u32),
    Range(u32),
    Words(u32),
}

/// Sources by block and slot.
pub(super) type Sources = HashMap<(u32, u32), BTreeSet<Source>>;

/// Gathers what can fill each slot of each block.
pub(super) fn sources(automaton: &Automaton) -> Sources {
    let mut block_of: HashMap<u32, u32> = HashMap::new();
    for (state, block) in &automaton.finals {
        block_of.extend(automaton.origin(*state).map(|origin| (origin.first, *block)));
    }
    let mut sources = Sources::new();
    for (i, origin) in automaton.origins.iter().enumerate() {
        let Some(&block) = block_of.get(&origin.first) else { continue };
        let end = automaton.origins.get(i + 1).map_or(automaton.arcs.states() as u32, |next| next.first);
        for (step, _) in automaton.arcs.between(origin.first, end) {
            let (slot, source) = match *step {
                Step::List { list, slot } => (slot, Source::List(list)),
                Step::Range { range, slot } => (slot, Source::Range(range)),
                Step::Wildcard { slot, except } => (slot, Source::Words(except)),
                Step::Epsilon | Step::Text(..) | Step::Break => continue,
            };
            sources.entry((block, slot)).or_default().insert(source);
        }
    }
    sources
}

impl Understanding {
    /// What `text` (normalised) means if the classifier is asked.
    pub(super) fn opinion(&self, model: &mut IntentModel, text: &[char], lang: Lang) -> (Vec<String>, Opinion) {
        let spotted = self.spotter.spot(text);
        let opinion = match model.answer(&spotted, lang) {
            Answer::Not(opinion) => opinion,
            Answer::Command(label, spans, confidence) => {
                let language = self.languages.iter().find(|l| l.lang == lang);
                let hypotheses = language.map(|l| self.filled(l, text, label, &spans, confidence)).unwrap_or_default();
                if hypotheses.is_empty() {
                    Opinion::SlotsMissing { intent: label.intent.clone(), confidence }
                } else {
                    Opinion::Commands { hypotheses }
                }
            }
        };
        (spotted.tokens, opinion)
    }

    /// The ways to fill `label`'s slots with what the spans name, best first, if one of them is sure enough.
    fn filled(
        &self,
        language: &Language,
        text: &[char],
        label: &Label,
        spans: &[Span],
        confidence: f32,
    ) -> Vec<Hypothesis> {
        let automaton = &language.automaton;
        let mut found: Vec<(Slots, f32)> = Vec::new();
        for (block, _) in automaton
            .blocks
            .iter()
            .enumerate()
            .filter(|(_, block)| block.intent == label.intent && block.slots == label.slots)
        {
            for (filled, distance) in fillings(language, block as u32, text, spans) {
                let reading = Reading { block: block as u32, filled, ..Reading::default() };
                let Ok(slots) = self.slots(automaton, &reading, text) else { continue };
                if reaches_everything(&label.intent, &slots) && !says_everything(text) {
                    continue;
                }
                match found.iter_mut().find(|(old, _)| *old == slots) {
                    Some(old) => old.1 = old.1.min(distance),
                    None => found.push((slots, distance)),
                }
            }
        }
        let least = found.iter().map(|(_, distance)| *distance).fold(f32::INFINITY, f32::min);
        found.retain(|(_, distance)| *distance < least + TIE);
        let each = confidence * (1.0 - least) / found.len() as f32;
        let confidence = (each * 1000.0).round() / 1000.0;
        let hypothesis =
            |(slots, _)| Hypothesis { intent: label.intent.clone(), slots, confidence, via: Via::Classifier };
        if each < confidence_min(language.lang) { Vec::new() } else { found.into_iter().map(hypothesis).collect() }
    }
}

/// Every way to fill the spans in `block`, with how unlike what was said it is (0..1).
fn fillings(language: &Language, block: u32, text: &[char], spans: &[Span]) -> Vec<(Vec<(u32, Filled)>, f32)> {
    let automaton = &language.automaton;
    let mut all: Vec<(Vec<(u32, Filled)>, f32)> = vec![(Vec::new(), 0.0)];
    for span in spans {
        let slot = automaton.slots.iter().position(|s| *s == span.slot).map(|s| s as u32);
        let values = slot.and_then(|slot| Some((slot, language.sources.get(&(block, slot))?)));
        let Some((slot, sources)) = values else { return Vec::new() };
        let values = values_of(language, sources, text, span.place);
        all = (all.iter())
            .flat_map(|(filled, distance)| {
                values.iter().map(move |(value, more)| {
                    let filled = filled.iter().copied().chain([(slot, *value)]).collect();
                    (filled, 1.0 - (1.0 - distance) * (1.0 - more))
                })
            })
            .take(FILLINGS_MAX)
            .collect();
    }
    all
}

/// What the words at `place` may be, each with how unlike it they are: values of lists, else numbers, else the words.
fn values_of(
    language: &Language,
    sources: &BTreeSet<Source>,
    text: &[char],
    (from, to): (usize, usize),
) -> Vec<(Filled, f32)> {
    let automaton = &language.automaton;
    let said = &text[from..to];
    let mut found: Vec<(Filled, f32)> = Vec::new();
    for source in sources {
        if let Source::Range(range) = *source {
            let range = &automaton.ranges[range as usize];
            let numbers = numbers::at(text, from).into_iter().filter(|(end, n)| *end == to && range.holds(*n));
            found.extend(numbers.map(|(_, n)| (Filled::Number((n * range.multiplier * 1e6).round() / 1e6), 0.0)));
        }
    }
    for by_sound in [false, true] {
        if !found.is_empty() {
            return found;
        }
        for source in sources {
            let Source::List(number) = *source else { continue };
            let list = &automaton.lists[number as usize];
            for (words, value, _) in list.said.values().flatten() {
                let distance =
                    if by_sound { sound::distance(said, words) } else { (said == &words[..]).then_some(0.0) };
                let Some(distance) = distance else { continue };
                let value = Filled::List { list: number, value: *value };
                match found.iter_mut().find(|(old, _)| *old == value) {
                    Some(old) => old.1 = old.1.min(distance),
                    None => found.push((value, distance)),
                }
            }
        }
        let least = found.iter().map(|(_, distance)| *distance).fold(f32::INFINITY, f32::min);
        found.retain(|(_, distance)| *distance < least + TIE);
    }
    if found.is_empty() {
        let begins = |w: &[char]| said.starts_with(w) && is_boundary(said, w.len());
        let free = sources.iter().any(|source| match *source {
            Source::Words(except) => !automaton.excepted[except as usize].iter().any(|w| begins(w)),
            Source::List(_) | Source::Range(_) => false,
        });
        found.extend(free.then_some((Filled::Words(from, to), 0.0)));
    }
    found
}

/// Whether a deed is done to a class of things in the whole house, or to everything.
fn reaches_everything(intent: &str, slots: &Slots) -> bool {
    let text = |slot: &str| slots.get(slot).and_then(SlotValue::as_text);
    let confined = text("area").or(text("floor")).or(text("name").filter(|name| *name != "all"));
    let wide = slots.contains_key("domain") || slots.contains_key("name");
    wide && confined.is_none() && !intent.starts_with("HassGet")
}

fn says_everything(text: &[char]) -> bool {
    let text: String = text.iter().collect();
    EVERYTHING.iter().any(|w| if w.is_ascii() { text.split(' ').any(|said| said == *w) } else { text.contains(w) })
}
