//! Why a text is understood as it is, or is not: what was tried in which order, which templates matched and where
//! they are written, how far the nearest ones got, what the classifier thought.
//!
//! It goes the same way as meaning.rs, through the same functions, and decides nothing: `hypotheses` is what
//! [`Understanding::hypotheses`] says. Slower, and never used while anything is listening.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::facts::intent::{Hypothesis, Lang, Slots, Via};

use super::automaton::{Automaton, Origin, Range, SlotList, Step};
use super::classifier::Opinion;
use super::clauses::without_gerund;
use super::matcher::Reached;
use super::meaning::{Contradiction, Language, Understanding, by_characters};
use super::normalise::{self, is_boundary};
use super::numbers;

/// Readings kept of one attempt: several for each of the hypotheses that there can be.
const READINGS_MAX: usize = 24;
/// Templates shown that nearly match.
const NEAREST_MAX: usize = 3;
/// Continuations shown of one template, and examples of one list.
const EXPECTED_MAX: usize = 12;
const EXAMPLES_MAX: usize = 3;

/// Everything that happened to one text.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// As it was given.
    pub sentence: String,
    /// As templates see it; absent: it is empty, or too long to be a sentence.
    pub normalised: Option<String>,
    /// The language that was found.
    pub lang: Option<Lang>,
    /// What it may mean, best first.
    pub hypotheses: Vec<Hypothesis>,
    /// No template matches the whole: it is several commands (these hypotheses are the first one's), or one
    /// command beside words that mean nothing here.
    pub in_parts: bool,
    /// English words that no sentence and no name contains.
    pub unknown_words: Vec<String>,
    /// What the templates were tried on, in this order.
    pub attempts: Vec<Attempt>,
    /// If no template matches, not even one that contradicts itself: those that got furthest.
    pub nearest: Vec<Near>,
    /// What the classifier thought; absent: it was not asked, because a template matches as written, or there is none.
    pub classifier: Option<Opinion>,
    /// The text as the classifier sees it, if it was asked.
    pub tokens: Option<Vec<String>>,
}

/// One round of templates of one language.
#[derive(Debug, Serialize)]
pub struct Attempt {
    /// Which language's templates.
    pub lang: Lang,
    /// Whether words that sound alike counted as the same.
    pub by_sound: bool,
    /// Words that were taken for others.
    pub corrections: Vec<Correction>,
    /// What matched, best first; those that contradict themselves last.
    pub readings: Vec<ReadAs>,
}

/// A word that was taken for another one.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Correction {
    /// As it was given.
    pub said: String,
    /// As a sentence or a name has it.
    pub taken_for: String,
}

/// Where a template is written.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Template {
    /// The file as the user named it.
    pub file: String,
    /// `line:column`.
    pub at: String,
    /// The template.
    pub template: String,
}

/// One way in which one template matches.
#[derive(Debug, Serialize)]
pub struct ReadAs {
    /// Which template.
    #[serde(flatten)]
    pub template: Template,
    /// Its intent.
    pub intent: String,
    /// What it captured, and what it implies.
    pub slots: Slots,
    /// How much had to be assumed; the smallest wins.
    pub cost: f32,
    /// Words or characters that only sound right.
    pub misheard: u32,
    /// Why it does not count all the same.
    pub rejected: Option<String>,
}

/// A template that matches the beginning of the text only.
#[derive(Debug, Serialize)]
pub struct Near {
    /// Which template.
    #[serde(flatten)]
    pub template: Template,
    /// How much of the text it matches.
    pub matched: String,
    /// The word at which it failed; absent: the text ended too soon.
    pub failed_at: Option<String>,
    /// What could have stood there.
    pub expected: Vec<String>,
    /// How many more templates got just as far.
    pub more: usize,
}

impl Understanding {
    /// Goes through everything that is tried on `sentence`.
    pub fn explain(&self, sentence: &str, lang: Option<Lang>) -> Explanation {
        let (found, hypotheses) = self.hypotheses(sentence, lang);
        let text = normalise::sentence(sentence).map(|t| without_gerund(&t).unwrap_or(t));
        let mut explanation = Explanation {
            sentence: sentence.to_owned(),
            normalised: text.as_ref().map(|t| t.iter().collect()),
            lang: found,
            hypotheses,
            in_parts: false,
            unknown_words: Vec::new(),
            attempts: Vec::new(),
            nearest: Vec::new(),
            classifier: None,
            tokens: None,
        };
        let Some(text) = text else { return explanation };
        let tried: Vec<&Language> = self.languages.iter().filter(|l| lang.is_none_or(|lang| lang == l.lang)).collect();
        explanation.unknown_words = unknown_words(&text, &tried);
        let attempts =
            |by_sound| tried.iter().filter_map(|l| self.attempt(l, &text, by_sound)).collect::<Vec<Attempt>>();
        explanation.attempts = attempts(false);
        if explanation.attempts.iter().flat_map(|a| &a.readings).any(|r| r.rejected.is_none()) {
            return explanation;
        }
        // Nothing matches the whole, and yet it is understood: several commands, or one beside other words.
        explanation.in_parts = tried.iter().any(|l| !self.breath(l, sentence, None).is_empty());
        if explanation.in_parts {
            return explanation;
        }
        explanation.attempts.extend(attempts(true));
        // A template that matches and contradicts itself says more than one that nearly matches.
        if explanation.attempts.iter().all(|a| a.readings.is_empty()) {
            explanation.nearest = nearest(&text, &tried);
        }
        if let Some((tokens, opinion)) = self.classifier_says(&text, lang.unwrap_or(by_characters(&text))) {
            explanation.classifier = Some(opinion);
            explanation.tokens = Some(tokens);
        }
        explanation
    }

    /// `None`: there was nothing to try.
    fn attempt(&self, language: &Language, text: &[char], by_sound: bool) -> Option<Attempt> {
        let (heard, replaced) = language.heard(text, by_sound)?;
        let automaton = &language.automaton;
        let mut readings: Vec<ReadAs> = Vec::new();
        for reading in automaton.readings(&heard, by_sound) {
            let block = &automaton.blocks[reading.block as usize];
            let slots = self.slots(automaton, &reading, &heard);
            let rejected = slots.as_ref().err().map(|why| words_for(why, automaton));
            let misheard = reading.misheard + replaced;
            let read_as = ReadAs {
                template: template(automaton.origin(reading.end)?),
                intent: block.intent.clone(),
                slots: slots.unwrap_or_default(),
                cost: self.cost(automaton, &reading) + misheard as f32,
                misheard,
                rejected,
            };
            // The same template may match in several ways that mean the same.
            let same = |r: &&mut ReadAs| {
                (&r.template, &r.slots, &r.rejected) == (&read_as.template, &read_as.slots, &read_as.rejected)
            };
            match readings.iter_mut().find(same) {
                Some(old) if old.cost <= read_as.cost => {}
                Some(old) => *old = read_as,
                None => readings.push(read_as),
            }
        }
        let rejected = |r: &ReadAs| r.rejected.is_some();
        readings.sort_by(|a, b| rejected(a).cmp(&rejected(b)).then(a.cost.total_cmp(&b.cost)));
        readings.truncate(READINGS_MAX);
        Some(Attempt { lang: language.lang, by_sound, corrections: corrections(text, &heard), readings })
    }
}

impl Explanation {
    /// The template that hypothesis `h` comes from.
    pub fn template_of(&self, h: &Hypothesis) -> Option<&ReadAs> {
        let readings = self.attempts.iter().filter(|a| Some(a.lang) == self.lang).flat_map(|a| &a.readings);
        let mut same = readings.filter(|r| r.rejected.is_none() && r.intent == h.intent && r.slots == h.slots);
        if h.via == Via::Grammar { same.next() } else { None }
    }
}

fn template(origin: &Origin) -> Template {
    Template { file: origin.file.clone(), at: origin.at.clone(), template: origin.template.clone() }
}

fn words_for(why: &Contradiction, automaton: &Automaton) -> String {
    match why {
        Contradiction::Misheard => "half of it or more only sounds alike".to_owned(),
        Contradiction::TwoValues(slot) => {
            format!("{} is said twice, with two values", automaton.slots[*slot as usize])
        }
        Contradiction::Elsewhere => "the thing that is named is not in the place that is named".to_owned(),
        Contradiction::OtherFloor => "the room that is named is not on the floor that is named".to_owned(),
        Contradiction::NoRoom => "it names no room, and in which room it was said is not known".to_owned(),
        Contradiction::RuledOut => "it asks, makes an exception, or only sounds like a request".to_owned(),
        Contradiction::NoCommand => "what is to be done later is no command".to_owned(),
        Contradiction::Nobody => "nobody has such a name".to_owned(),
        Contradiction::Context(key) if key == "area" => "in which room it was said is not known".to_owned(),
        Contradiction::Context(key) => format!("it requires another {key}"),
    }
}

/// Texts of the same number of words, word by word.
fn corrections(said: &[char], taken: &[char]) -> Vec<Correction> {
    let pairs = said.split(|c| *c == ' ').zip(taken.split(|c| *c == ' '));
    let text = |word: &[char]| word.iter().collect::<String>();
    pairs.filter(|(a, b)| a != b).map(|(a, b)| Correction { said: text(a), taken_for: text(b) }).collect()
}

fn unknown_words(text: &[char], languages: &[&Language]) -> Vec<String> {
    let mut at = 0;
    let mut unknown = Vec::new();
    for word in text.split(|c| *c == ' ') {
        let is_word = word.iter().all(char::is_ascii_lowercase) && !word.is_empty();
        let known =
            |l: &&Language| l.vocabulary.contains_key(word) || l.automaton.skip.iter().any(|s| *s.word == *word);
        if is_word && !languages.iter().any(known) && numbers::at(text, at).is_empty() {
            unknown.push(word.iter().collect());
        }
        at += word.len() + 1;
    }
    unknown
}

/// The templates that got furthest, over all languages; those alike in what they wait for are shown once.
fn nearest(text: &[char], languages: &[&Language]) -> Vec<Near> {
    let mut all: Vec<(usize, &Origin, Near)> = Vec::new();
    for language in languages {
        let by_sound = language.heard(text, true);
        let (heard, _) = by_sound.clone().unwrap_or((text.to_vec(), 0));
        let automaton = &language.automaton;
        for (first, reached) in automaton.reached(&heard, by_sound.is_some()) {
            let own = reached.pos.saturating_sub(reached.wild as usize);
            let begun = reached.states.difference(&closure(automaton, first)).next().is_some();
            if let (Some(origin), true) = (automaton.origin(first), begun) {
                let near = near(automaton, origin, &reached, &heard);
                // A few letters of the first word are no beginning.
                if own > 0 && !near.matched.is_empty() {
                    all.push((own, origin, near));
                }
            }
        }
    }
    let furthest = all.iter().map(|(own, ..)| *own).max().unwrap_or(0);
    all.retain(|(own, ..)| *own == furthest);
    // The user's own sentences are asked about most; a short template is easier to recognise.
    all.sort_by_key(|(_, origin, _)| (origin.shipped, origin.template.len()));
    let mut shown: Vec<Near> = Vec::new();
    for (_, _, near) in all {
        let alike = |n: &&mut Near| (&n.matched, &n.expected) == (&near.matched, &near.expected);
        match shown.iter_mut().find(alike) {
            Some(old) => old.more += 1,
            None => shown.push(near),
        }
    }
    let rest: usize = shown.iter().skip(NEAREST_MAX).map(|n| n.more + 1).sum();
    shown.truncate(NEAREST_MAX);
    if let Some(last) = shown.last_mut() {
        last.more += rest;
    }
    shown
}

fn near(automaton: &Automaton, origin: &Origin, reached: &Reached, text: &[char]) -> Near {
    let mut from = reached.pos;
    while !is_boundary(text, from) {
        from -= 1;
    }
    let begun: String = text[from..reached.pos].iter().collect();
    let start = from + usize::from(text.get(from) == Some(&' '));
    let mut end = (start + 1).min(text.len());
    while !is_boundary(text, end) {
        end += 1;
    }
    let matched: String = text[..from].iter().collect();
    Near {
        template: template(origin),
        matched: matched.trim_end().to_owned(),
        failed_at: (start < text.len()).then(|| text[start..end].iter().collect()),
        expected: expected(automaton, &reached.states, &begun),
        more: 0,
    }
}

/// States that can be reached from `state` without taking anything.
fn closure(automaton: &Automaton, state: u32) -> BTreeSet<u32> {
    let mut seen = BTreeSet::new();
    let mut open = vec![state];
    while let Some(state) = open.pop() {
        if seen.insert(state) {
            let free = |(step, _): &&(Step, u32)| matches!(step, Step::Epsilon | Step::Break);
            open.extend(automaton.arcs.of(state).iter().filter(free).map(|(_, to)| *to));
        }
    }
    seen
}

/// What may follow in any of `states`, if `begun` is the beginning of a word that stands there already.
fn expected(automaton: &Automaton, states: &BTreeSet<u32>, begun: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut open: Vec<u32> = states.iter().rev().copied().collect();
    let mut seen = BTreeSet::new();
    while let Some(state) = open.pop() {
        if !seen.insert(state) {
            continue;
        }
        let mut add = |what: String| {
            if !out.contains(&what) {
                out.push(what);
            }
        };
        if automaton.finals.contains_key(&state) {
            add(if begun.is_empty() { "the end".to_owned() } else { begun.to_owned() });
        }
        for (step, to) in automaton.arcs.of(state).iter().rev() {
            match step {
                Step::Epsilon => open.push(*to),
                // Inside a word a break means that the word ends here.
                Step::Break if begun.is_empty() => open.push(*to),
                Step::Break => add(begun.to_owned()),
                Step::Text(_, t) => add(format!("{begun}{}", t.iter().collect::<String>())),
                Step::List { list, slot } => {
                    add(list_shown(&automaton.slots[*slot as usize], &automaton.lists[*list as usize]));
                }
                Step::Range { range, slot } => {
                    add(range_shown(&automaton.slots[*slot as usize], &automaton.ranges[*range as usize]));
                }
                Step::Wildcard { slot, .. } => add(format!("{{{}}} (any words)", automaton.slots[*slot as usize])),
            }
        }
    }
    if out.len() > EXPECTED_MAX {
        let more = out.len() - EXPECTED_MAX;
        out.truncate(EXPECTED_MAX);
        out.push(format!("{more} more"));
    }
    out
}

fn list_shown(slot: &str, list: &SlotList) -> String {
    let mut examples: Vec<(u32, String)> = Vec::new();
    for (words, value, foreign) in list.said.values().flatten() {
        if !foreign && !examples.iter().any(|(v, _)| v == value) {
            examples.push((*value, words.iter().collect()));
        }
    }
    examples.sort();
    match &examples[..] {
        [] => format!("{{{slot}}} (this house has none)"),
        all => {
            let shown: Vec<&str> = all.iter().take(EXAMPLES_MAX).map(|(_, words)| words.as_str()).collect();
            format!("{{{slot}}} ({}{})", shown.join(", "), if all.len() > shown.len() { ", ..." } else { "" })
        }
    }
}

fn range_shown(slot: &str, range: &Range) -> String {
    format!("{{{slot}}} (a number from {} to {})", range.from, range.to)
}
