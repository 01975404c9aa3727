//! Several commands in one sentence ("turn off the lights and lock the door"), commands with a reason before or
//! after them ("I'm leaving, turn off the lights"), and "it" for what was named last.
//!
//! Tried only where the sentence as a whole is no command; then every part must be one, or an aside. Words are
//! cut by clauses.rs; what a part means is for templates alone to say, never for sounds or the classifier.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::facts::intent::{Lang, Slots};

use super::clauses::{
    Clause, beginnings, clauses, conjunctions, edges, is_aside, is_statement, joined, resolved, spoken,
};
use super::meaning::{Candidate, LATER, Language, Understanding};
use super::normalise::normalise;
use super::numbers;

/// Commands in one breath.
const COMMANDS_MAX: usize = 4;
/// Beginnings or ends that are borrowed from the command next to it: "turn off the lamp and the fan".
const BORROWED_MAX: usize = 10;

/// What "it" stands for.
#[derive(Debug, Clone)]
struct Referent {
    /// In words that templates understand.
    words: Vec<char>,
    /// Named in this sentence, so that it may also be left out: 风扇太吵了，关掉.
    here: bool,
}

/// The readings of one command, cheapest first.
type Readings = Vec<Candidate>;

/// Reads parts of one breath in one language. The same words come up in several ways to cut it.
struct Reader<'a> {
    understanding: &'a Understanding,
    language: &'a Language,
    known: RefCell<HashMap<Vec<char>, Readings>>,
}

impl Reader<'_> {
    /// Words as one command; `None` if they are none.
    fn read(&self, words: &[char]) -> Option<Readings> {
        let known = self.known.borrow().get(words).cloned();
        let readings = known.unwrap_or_else(|| {
            let readings = self.understanding.candidates(self.language, words, false);
            self.known.borrow_mut().insert(words.to_vec(), readings.clone());
            readings
        });
        Some(readings).filter(|r| !r.is_empty())
    }
}

impl Understanding {
    /// The commands of `text` in order; nothing if any part of it is neither a command nor an aside. `last` is
    /// what the command before was about.
    pub(super) fn breath(&self, language: &Language, text: &str, last: Option<&Slots>) -> Vec<Readings> {
        let reader = Reader { understanding: self, language, known: RefCell::default() };
        let clauses = clauses(text);
        let found = self.breath_of(&reader, &clauses, last);
        match spoken(&clauses) {
            Some(clauses) if found.is_empty() => self.breath_of(&reader, &clauses, last),
            _ => found,
        }
    }

    fn breath_of(&self, reader: &Reader, clauses: &[Clause], last: Option<&Slots>) -> Vec<Readings> {
        let lang = reader.language.lang;
        let mut referent = last.and_then(|slots| self.words_for(slots, lang, false));
        let mut commands: Vec<Readings> = Vec::new();
        // The wish in "it's dark in the kitchen", until the command that follows from it.
        let mut wish: Option<Readings> = None;
        // The command before, in words.
        let mut said: &[char] = &[];
        for clause in clauses {
            if !commands.is_empty() && self.goes_on(&clause.names) {
                // "Turn off the lamp, the fan": what is only named has the beginning of the command before.
                let borrowed = |beginning: &[char]| {
                    let found = self.parts(reader, &joined(beginning, &clause.words), None, COMMANDS_MAX)?;
                    let same = |c: &Readings| commands.last().is_some_and(|last| last[0].intent == c[0].intent);
                    found.iter().all(same).then_some(found)
                };
                let Some(found) = edges(said, true, BORROWED_MAX).into_iter().find_map(borrowed) else {
                    return Vec::new();
                };
                commands.extend(found);
                continue;
            }
            match self.parts(reader, &clause.words, referent.as_ref(), COMMANDS_MAX) {
                Some(found) => {
                    referent = found.last().and_then(|c| self.referent_of(c, lang)).or(referent);
                    said = &clause.words;
                    if is_statement(&clause.words) && found.len() == 1 {
                        wish = found.into_iter().next();
                        continue;
                    }
                    for command in found {
                        // "... turn on the lights": those of the kitchen.
                        let same = wish.take().filter(|wish| is_part_of(&command, wish));
                        commands.push(same.unwrap_or(command));
                    }
                }
                None if is_aside(&clause.words) => {
                    let named = self.spotter.spot(&clause.names).named();
                    let named = named.and_then(|slots| self.words_for(&slots, lang, true));
                    referent = named.or(referent);
                }
                None => return Vec::new(),
            }
        }
        if commands.is_empty() {
            commands.extend(wish);
        }
        if commands.len() > COMMANDS_MAX { Vec::new() } else { commands }
    }

    /// A clause as one command or several that are joined by conjunctions.
    fn parts(
        &self,
        reader: &Reader,
        clause: &[char],
        referent: Option<&Referent>,
        left: usize,
    ) -> Option<Vec<Readings>> {
        if let Some(command) = one(reader, clause, referent) {
            return Some(vec![command]);
        }
        if left <= 1 {
            return None;
        }
        for (end, start) in conjunctions(clause) {
            let (before, after) = (&clause[..end], &clause[start..]);
            let whole = one(reader, before, referent).map(|c| (c, before.to_vec()));
            // "The kitchen and the bedroom lights off": what comes first borrows the end of what comes next.
            let borrowed = || {
                edges(after, false, BORROWED_MAX).into_iter().find_map(|end| {
                    let said = joined(before, end);
                    Some((one(reader, &said, referent)?, said))
                })
            };
            let Some((first, said)) = whole.or_else(borrowed) else { continue };
            if first[0].slots.contains_key(LATER) {
                // "In ten minutes turn off the fan and close the curtains": both then, or nothing.
                return None;
            }
            let next = self.referent_of(&first, reader.language.lang);
            let alone = self.parts(reader, after, next.as_ref().or(referent), left - 1);
            // "Turn off the lamp and the fan": the other way round. A number goes on with the one before it.
            let rest = alone.or_else(|| {
                if !numbers::at(after, 0).is_empty() {
                    return None;
                }
                edges(&said, true, BORROWED_MAX).into_iter().find_map(|beginning| {
                    let command = one(reader, &joined(beginning, after), None)?;
                    (command[0].intent == first[0].intent).then(|| vec![command])
                })
            });
            if let Some(rest) = rest {
                return Some([vec![first], rest].concat());
            }
        }
        // Nothing is borrowed where no conjunction says that it goes on.
        beginnings(clause).into_iter().find_map(|at| {
            // 不用关灯 is no "never mind" and then a deed.
            let first = reader.read(stripped_end(&clause[..at])).filter(|first| !first[0].slots.is_empty())?;
            Some([vec![first], self.parts(reader, &clause[at..], None, left - 1)?].concat())
        })
    }

    /// Whether a clause goes on with a list: nothing but names of things and places, or a name and a conjunction.
    fn goes_on(&self, clause: &[char]) -> bool {
        const BETWEEN: [&str; 10] = ["the", "my", "and", "also", "or", "in", "的", "和", "还", "有"];
        let tokens = self.spotter.spot(clause).tokens;
        let name = |t: &String| t.starts_with('<') && t != "<num>";
        let only_names = tokens.iter().all(|t| name(t) || BETWEEN.contains(&t.as_str()));
        tokens.iter().any(name) && (only_names || !conjunctions(clause).is_empty())
    }

    fn referent_of(&self, command: &Readings, lang: Lang) -> Option<Referent> {
        self.words_for(&command.first()?.slots, lang, false)
    }

    /// Words for what `slots` are about.
    fn words_for(&self, slots: &Slots, lang: Lang, here: bool) -> Option<Referent> {
        let id = |slot: &str| slots.get(slot).and_then(|v| v.as_text());
        let named = |id: &str| self.names.get(id).and_then(|names| names.get(&lang)?.first()).map(String::as_str);
        let words = match (id("name").filter(|n| *n != "all"), id("area").or(id("floor")), id("domain")) {
            (Some(name), _, _) => named(name)?.to_owned(),
            (None, Some(place), Some(domain)) => format!("{} {}", named(place)?, class(domain, lang)?),
            (None, None, Some(domain)) if lang == Lang::Zh => format!("所有{}", class(domain, lang)?),
            (None, None, Some(domain)) => format!("all {}", class(domain, lang)?),
            (None, _, None) => return None,
        };
        Some(Referent { words: normalise(&words), here })
    }
}

/// One command, with "it" resolved.
fn one(reader: &Reader, clause: &[char], referent: Option<&Referent>) -> Option<Readings> {
    let with_referent = || {
        let referent = referent?;
        // "Call it a night" is about nothing that was named: in free words, "it" stays what it is.
        let as_named = |readings: &Readings| !readings[0].free;
        let by_pronoun = resolved(clause, &referent.words).and_then(|words| reader.read(&words)).filter(as_named);
        by_pronoun.or_else(|| referent.here.then(|| reader.read(&joined(&referent.words, clause))).flatten())
    };
    reader.read(clause).or_else(with_referent)
}

/// Without the space at its end.
fn stripped_end(words: &[char]) -> &[char] {
    words.strip_suffix(&[' ']).unwrap_or(words)
}

/// Whether `command` says nothing that `wish` does not say too.
fn is_part_of(command: &Readings, wish: &Readings) -> bool {
    match (command.first(), wish.first()) {
        (Some(c), Some(w)) => c.intent == w.intent && c.slots.iter().all(|(slot, v)| w.slots.get(slot) == Some(v)),
        _ => false,
    }
}

/// A class of things in words.
fn class(domain: &str, lang: Lang) -> Option<&'static str> {
    Some(match (domain, lang) {
        ("light", Lang::En) => "lights",
        ("light", Lang::Zh) => "灯",
        ("cover", Lang::En) => "blinds",
        ("cover", Lang::Zh) => "百叶窗",
        ("fan", Lang::En) => "fan",
        ("fan", Lang::Zh) => "风扇",
        ("lock", Lang::En) => "doors",
        ("lock", Lang::Zh) => "门",
        _ => return None,
    })
}
