//! From a text to its possible readings, with confidences: the entry to the whole folder for text.
//!
//! Templates decide; what only sounds like a template is tried next, the classifier last. Ambiguity is kept
//! as several hypotheses that share the confidence, never resolved by accident.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use crate::facts::error::Fault;
use crate::facts::home::{Home, Names};
use crate::facts::intent::{Hypothesis, Lang, SlotValue, Slots, Via};

use super::automaton::{Automaton, ListKind, Said, SkipSaid, names, vocabulary};
use super::classifier::{IntentModel, Opinion};
use super::clauses::without_gerund;
use super::grammar;
use super::guard;
use super::matcher::{Filled, Reading};
use super::mended;
use super::normalise;
use super::resolve::Spotter;
use super::sentences::GrammarSource;
use super::speakable::{apostrophes, word_graph};
use super::tagged::{self, Sources};
use super::word_graph::WordGraph;

/// A template that matches as it stands and in one way only. Guessed, not calibrated.
const CONFIDENCE_EXACT: f32 = 0.98;
/// What one word or character that only sounds right takes away, and what is left at least.
const CONFIDENCE_MISHEARD: (f32, f32) = (0.07, 0.6);
/// Readings below this share are noise.
const CONFIDENCE_MIN: f32 = 0.01;
/// Readings kept.
const HYPOTHESES_MAX: usize = 8;
/// How sharply a better-fitting reading wins: weight is exp(-SHARPNESS x cost).
const SHARPNESS: f32 = 2.0;

/// The slot of a timer that holds what is to be done when it ends, in words. Home Assistant's name.
pub(super) const LATER: &str = "conversation_command";

/// What texts mean in one home.
pub struct Understanding {
    pub(super) languages: Vec<Language>,
    pub(super) spotter: Spotter,
    /// Names of things and places by id.
    pub(super) names: BTreeMap<String, Names>,
    pub(super) classifier: Option<Mutex<IntentModel>>,
    listening_area: Option<String>,
}

/// One language's sentences.
pub(super) struct Language {
    pub(super) lang: Lang,
    pub(super) automaton: Automaton,
    /// English words that some sentence or name contains.
    pub(super) vocabulary: mended::Vocabulary,
    /// Names of things and places in this language, longest first.
    names: Vec<mended::Name>,
    /// What can fill which slot.
    pub(super) sources: Sources,
}

/// Why a reading means nothing although its template matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contradiction {
    /// Half of what was said only sounds right: it was something else.
    Misheard,
    /// It asks, names an exception, or would leave the house for what it only sounds like.
    RuledOut,
    /// Slot (by number) was said twice, with two values.
    TwoValues(u32),
    /// The thing that was named is not in the place that was named.
    Elsewhere,
    /// The room that was named is not on the floor that was named.
    OtherFloor,
    /// No room was named, and the listening device's is not known.
    NoRoom,
    /// What is to be done later is no command.
    NoCommand,
    /// Words that are no name stand where somebody is named.
    Nobody,
    /// What the block requires of this context key is not so.
    Context(String),
}

/// One reading with its cost: how much had to be assumed to get there.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) intent: String,
    pub(super) slots: Slots,
    cost: f32,
    misheard: u32,
    /// A slot holds words as they were said.
    pub(super) free: bool,
}

impl Understanding {
    /// Compiles all sources for `home`.
    ///
    /// # Errors
    /// Every fault in the sources, with file and place.
    pub fn new(home: &Home, sources: &[GrammarSource], classifier: Option<IntentModel>) -> Result<Self, Vec<Fault>> {
        let mut languages = Vec::new();
        let mut faults = Vec::new();
        for lang in Lang::ALL {
            match grammar::compile(home, sources, lang) {
                Ok(automaton) => {
                    let vocabulary = vocabulary(&automaton);
                    let (names, sources) = (names(&automaton), tagged::sources(&automaton));
                    languages.push(Language { lang, automaton, vocabulary, names, sources });
                }
                Err(found) => faults.extend(found),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let spotter = Spotter::new(home, languages.iter().map(|l: &Language| &l.automaton));
        Ok(Self {
            languages,
            spotter,
            names: (home.entities.iter().map(|e| (e.id.0.clone(), e.names.clone())))
                .chain(home.areas.iter().map(|a| (a.id.clone(), a.names.clone())))
                .chain(home.floors.iter().map(|f| (f.id.clone(), f.names.clone())))
                .collect(),
            classifier: classifier.map(Mutex::new),
            listening_area: None,
        })
    }

    /// The room in which the microphone stands: fills a room that is not named, and decides between things
    /// of the same name.
    pub fn with_listening_area(mut self, area: Option<String>) -> Self {
        self.listening_area = area;
        self
    }

    /// What `text` may mean, best first; nothing if it is not understood. Of several commands, the first.
    pub fn hypotheses(&self, text: &str, lang: Option<Lang>) -> (Option<Lang>, Vec<Hypothesis>) {
        let (lang, commands) = self.commands(text, lang, None);
        (lang, commands.into_iter().next().unwrap_or_default())
    }

    /// The commands of `text` in order, each with what it may mean, best first; nothing if it is not understood.
    /// `last`: what the command before was about, for "it". Without `lang`, all languages are tried and the one
    /// that fits best is returned.
    pub fn commands(
        &self,
        text: &str,
        lang: Option<Lang>,
        last: Option<&Slots>,
    ) -> (Option<Lang>, Vec<Vec<Hypothesis>>) {
        let Some(whole) = normalise::sentence(text) else { return (lang, Vec::new()) };
        let whole = without_gerund(&whole).unwrap_or(whole);
        let tried = || self.languages.iter().filter(|l| lang.is_none_or(|lang| lang == l.lang));
        let best = |by_sound| {
            tried()
                .map(|language| (language.lang, self.candidates(language, &whole, by_sound)))
                .filter(|(_, candidates)| !candidates.is_empty())
                .min_by(|a, b| a.1[0].cost.total_cmp(&b.1[0].cost))
        };
        if let Some((lang, candidates)) = best(false) {
            return (Some(lang), vec![share(candidates)]);
        }
        let breath = || tried().map(|l| (l.lang, self.breath(l, text, last))).find(|(_, found)| !found.is_empty());
        if let Some((lang, commands)) = breath() {
            return (Some(lang), commands.into_iter().map(share).collect());
        }
        // What only sounds like a template, or what the classifier makes of it: the surer one counts.
        let heard = best(true).map(|(lang, candidates)| (lang, share(candidates)));
        let (guessed_in, guessed) = self.classified(&whole, lang);
        match heard {
            Some((heard_in, heard)) => {
                let worth = |h: &[Hypothesis]| h.first().map_or(0.0, |h| h.confidence);
                let (lang, both) = if worth(&guessed) > worth(&heard) {
                    (guessed_in, [guessed, heard])
                } else {
                    (heard_in, [heard, guessed])
                };
                (Some(lang), vec![one_after_the_other(both)])
            }
            None if guessed.is_empty() => (lang, Vec::new()),
            None => (Some(guessed_in), vec![guessed]),
        }
    }

    /// What people say in `lang` so often, for a recogniser that hears only that.
    pub fn speakable(&self, lang: Lang, said: Said) -> WordGraph {
        let language = self.languages.iter().find(|l| l.lang == lang);
        language.map_or_else(WordGraph::default, |l| word_graph(&l.automaton, said))
    }

    /// Words that may stand before any sentence in `lang` and mean nothing, beside those in [`Self::speakable`].
    pub fn openers(&self, lang: Lang) -> Vec<String> {
        let skip = self.languages.iter().filter(|l| l.lang == lang).flat_map(|l| &l.automaton.skip);
        skip.filter(|s| s.said == SkipSaid::Before).map(|s| apostrophes(&s.word.iter().collect::<String>())).collect()
    }

    /// Readings by template, cheapest first, without doubles.
    pub(super) fn candidates(&self, language: &Language, text: &[char], by_sound: bool) -> Vec<Candidate> {
        let automaton = &language.automaton;
        let Some((text, replaced)) = language.heard(text, by_sound) else { return Vec::new() };
        let mut candidates: Vec<Candidate> = Vec::new();
        for reading in automaton.readings(&text, by_sound) {
            let Ok(slots) = self.slots(automaton, &reading, &text) else { continue };
            let intent = automaton.blocks[reading.block as usize].intent.clone();
            let misheard = reading.misheard + replaced;
            let cost = self.cost(automaton, &reading) + misheard as f32;
            let free = reading.filled.iter().any(|(_, filled)| matches!(filled, Filled::Words(..)));
            if free && reading.misheard > 0 {
                // Free words match anything: what frames them must be as written.
                continue;
            }
            let found = Candidate { intent, slots, cost, misheard, free };
            match candidates.iter_mut().find(|c| c.intent == found.intent && c.slots == found.slots) {
                Some(old) if old.cost <= cost => {}
                Some(old) => *old = found,
                None => candidates.push(found),
            }
        }
        // 帮我把灯关了好吗 asks for a deed, and not whether it is done.
        let deed = |c: &Candidate| guard::is_deed(&c.intent);
        if guard::is_han_request(&String::from_iter(&text)) && candidates.iter().any(deed) {
            candidates.retain(deed);
        }
        candidates.sort_by(|a, b| a.cost.total_cmp(&b.cost).then_with(|| a.intent.cmp(&b.intent)));
        // Where free words begin and end is no ambiguity worth asking about: the cheapest reading of them counts.
        let mut free = BTreeSet::new();
        candidates.retain(|c| !c.free || free.insert(c.intent.clone()));
        candidates
    }

    /// The slots of a reading, if it contradicts neither itself nor its context.
    pub(super) fn slots(
        &self,
        automaton: &Automaton,
        reading: &Reading,
        text: &[char],
    ) -> Result<Slots, Contradiction> {
        if reading.misheard as usize * 2 > text.len() {
            return Err(Contradiction::Misheard);
        }
        let block = &automaton.blocks[reading.block as usize];
        if guard::rules_out(text, &block.intent, reading.misheard) {
            return Err(Contradiction::RuledOut);
        }
        let mut slots = block.slots.clone();
        let mut context: Vec<(&str, &str)> = Vec::new();
        let (mut entity, mut area, mut floor) = (None, None, None);
        for (slot, filled) in &reading.filled {
            let value = match filled {
                Filled::Number(n) => SlotValue::Number(*n),
                Filled::Words(from, to) => SlotValue::Text(text[*from..*to].iter().collect()),
                Filled::List { list, value } => {
                    let list = &automaton.lists[*list as usize];
                    let value = &list.values[*value as usize];
                    context.extend(value.context.iter().map(|(k, v)| (k.as_str(), v.as_str())));
                    match list.kind {
                        ListKind::Name => entity = Some(&value.context),
                        ListKind::Area => area = value.out.as_text().map(|id| (id, value.context.get("@floor"))),
                        ListKind::Floor => floor = value.out.as_text(),
                        ListKind::Other => {}
                    }
                    value.out.clone()
                }
            };
            if automaton.slots[*slot as usize] == LATER
                && let Filled::Words(from, to) = filled
                && !self.is_command(automaton, &text[*from..*to])
            {
                return Err(Contradiction::NoCommand);
            }
            // A slot said twice with two values is no command.
            let name = &automaton.slots[*slot as usize];
            if name == "contact" && matches!(filled, Filled::Words(from, to) if !guard::is_contact(&text[*from..*to])) {
                return Err(Contradiction::Nobody);
            }
            if slots.get(name).is_some_and(|old| *old != value) {
                return Err(Contradiction::TwoValues(*slot));
            }
            slots.insert(name.clone(), value);
        }
        // "the ceiling light in the kitchen" names nothing if it hangs in the living room.
        let elsewhere = |entity: &std::collections::BTreeMap<String, String>| {
            area.is_some_and(|(id, _)| entity.get("@area").map(String::as_str) != Some(id))
                || floor.is_some_and(|id| entity.get("@floor").map(String::as_str) != Some(id))
        };
        let not_there = || match (area, floor) {
            (Some((_, on)), Some(floor)) => on.map(String::as_str) != Some(floor),
            _ => false,
        };
        if entity.is_some_and(elsewhere) {
            return Err(Contradiction::Elsewhere);
        }
        if not_there() {
            return Err(Contradiction::OtherFloor);
        }
        if block.needs_area {
            let here = self.listening_area.clone().ok_or(Contradiction::NoRoom)?;
            slots.insert("area".to_owned(), SlotValue::Text(here));
        }
        for (key, values) in &block.requires {
            let here = if key == "area" { self.listening_area.as_deref() } else { None };
            let mut given = context.iter().filter(|(k, _)| k == key).map(|(_, v)| *v).chain(here);
            let met = given.find(|v| values.is_empty() || values.iter().any(|allowed| allowed == v));
            let met = met.ok_or_else(|| Contradiction::Context(key.clone()))?;
            if block.context_slots.contains(key) {
                slots.insert(key.clone(), met.into());
            }
        }
        Ok(slots)
    }

    /// Whether some template makes a command of `words` that can be carried out at once.
    fn is_command(&self, automaton: &Automaton, words: &[char]) -> bool {
        // Nothing is put off twice: that would try every part of every part.
        let later = |r: &Reading| r.filled.iter().any(|(slot, _)| automaton.slots[*slot as usize] == LATER);
        let readings = automaton.readings(words, false);
        readings.iter().any(|r| !later(r) && self.slots(automaton, r, words).is_ok())
    }

    /// How much a reading assumes: small for a thing called by its name, larger for a room and a class of
    /// things, largest for free words. Chosen so that a name beats the same words read as room and class.
    pub(super) fn cost(&self, automaton: &Automaton, reading: &Reading) -> f32 {
        let block = &automaton.blocks[reading.block as usize];
        let mut cost = 0.05 * reading.skipped as f32 + 0.3 * reading.foreign as f32;
        let (mut name, mut place, mut wildcards) = (false, false, 0);
        for (_, filled) in &reading.filled {
            cost += 0.1;
            match filled {
                Filled::List { list, value } => {
                    let list = &automaton.lists[*list as usize];
                    let value = &list.values[*value as usize];
                    name |= list.kind == ListKind::Name;
                    place |= matches!(list.kind, ListKind::Area | ListKind::Floor);
                    if let (ListKind::Name, Some(here)) = (list.kind, &self.listening_area)
                        && value.context.get("@area") != Some(here)
                    {
                        cost += 0.7;
                    }
                }
                Filled::Words(..) => wildcards += 1,
                Filled::Number(_) => {}
            }
        }
        cost += wildcards as f32 + 0.05 * reading.wild as f32;
        cost += if place || block.needs_area { 0.5 } else { 0.0 };
        cost += match (name, block.slots.contains_key("domain")) {
            (true, _) => 0.0,
            (false, false) => 1.0,
            (false, true) => 1.5,
        };
        // "turn off the lights" means those of this room before those of the whole house.
        cost - if block.needs_area { 1.0 } else { 0.0 }
    }

    fn classified(&self, text: &[char], lang: Option<Lang>) -> (Lang, Vec<Hypothesis>) {
        let lang = lang.unwrap_or(by_characters(text));
        match self.classifier_says(text, lang) {
            Some((_, Opinion::Commands { hypotheses })) => (lang, hypotheses),
            _ => (lang, Vec::new()),
        }
    }

    /// The text as the classifier sees it, and what is made of it; `None` without a classifier.
    pub(super) fn classifier_says(&self, text: &[char], lang: Lang) -> Option<(Vec<String>, Opinion)> {
        // A panic elsewhere cannot leave the model half changed: it holds weights only.
        let mut classifier = self.classifier.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, opinion) = self.opinion(&mut classifier, text, lang);
        // A question must not become a deed: "are all the lights off" would switch them off.
        let no_deed = || guard::is_question(text) || guard::forbids(text);
        let is_ruled_out = |h: &Hypothesis| guard::contradicts(text, h) || (guard::is_deed(&h.intent) && no_deed());
        let opinion = match opinion {
            Opinion::Commands { .. } if guard::is_told(text) || guard::excepts(text) => Opinion::None,
            Opinion::Commands { hypotheses } if hypotheses.iter().any(is_ruled_out) => Opinion::None,
            other => other,
        };
        Some((tokens, opinion))
    }
}

impl Language {
    /// The text that templates are tried on, and how many of its words were replaced by ones that sound alike;
    /// `None`: by sound there is nothing else to try than as it is written.
    pub(super) fn heard(&self, text: &[char], by_sound: bool) -> Option<(Vec<char>, u32)> {
        if !by_sound {
            return Some((text.to_vec(), 0));
        }
        let has_han = || text.iter().copied().any(normalise::is_han);
        let restored = mended::restored(text, &self.names, &self.vocabulary);
        let (names_right, restored) = restored.unwrap_or_else(|| (text.to_vec(), 0));
        match mended::corrected(&names_right, &self.vocabulary) {
            Some((words_right, corrected)) => Some((words_right, corrected + restored)),
            None => (restored > 0 || has_han()).then_some((names_right, restored)),
        }
    }
}

/// The language of a text that no template knows.
pub(super) fn by_characters(text: &[char]) -> Lang {
    if text.iter().copied().any(normalise::is_han) { Lang::Zh } else { Lang::En }
}

/// Confidences: the candidates share what the best one is worth, by how well they fit.
fn share(candidates: Vec<Candidate>) -> Vec<Hypothesis> {
    let best = candidates.first().map_or(0.0, |c| c.cost);
    let weight = |c: &Candidate| (-SHARPNESS * (c.cost - best)).exp();
    let total: f32 = candidates.iter().map(weight).sum();
    let worth = |c: &Candidate| {
        let (each, least) = CONFIDENCE_MISHEARD;
        let worth = (CONFIDENCE_EXACT - each * c.misheard as f32).max(least);
        // Free words take in whatever was misheard.
        if c.free && c.misheard > 0 { worth.min(least) } else { worth }
    };
    let mut hypotheses: Vec<Hypothesis> = candidates
        .iter()
        .map(|c| Hypothesis {
            intent: c.intent.clone(),
            slots: c.slots.clone(),
            confidence: rounded(worth(c) * weight(c) / total),
            via: Via::Grammar,
        })
        .filter(|h| h.confidence >= CONFIDENCE_MIN)
        .collect();
    hypotheses.truncate(HYPOTHESES_MAX);
    hypotheses
}

/// Two opinions as one list: the second shares what the first leaves of the confidence.
fn one_after_the_other([first, second]: [Vec<Hypothesis>; 2]) -> Vec<Hypothesis> {
    let left = 1.0 - first.iter().map(|h| h.confidence).sum::<f32>().min(1.0);
    let new = |h: &Hypothesis| !first.iter().any(|old| (&old.intent, &old.slots) == (&h.intent, &h.slots));
    let second: Vec<Hypothesis> = second.into_iter().filter(new).collect();
    let rest = second.into_iter().map(|h| Hypothesis { confidence: rounded(h.confidence * left), ..h });
    let rest: Vec<Hypothesis> = rest.filter(|h| h.confidence >= CONFIDENCE_MIN).collect();
    let mut all = [first, rest].concat();
    all.truncate(HYPOTHESES_MAX);
    all
}

fn rounded(confidence: f32) -> f32 {
    (confidence * 1000.0).round() / 1000.0
}

#[cfg(test)]
#[path = "meaning_tests.rs"]
mod tests;
