//! All sentences of one language as one automaton: its states, arcs, lists and what final states mean.
//!
//! States are numbered so that every arc leads to a larger number, which lets the matcher (matcher.rs, the
//! next file to read) go through a text in one sweep. Built by compile.rs; never changed afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::facts::intent::{SlotValue, Slots};

use super::mended::{self, Name};
use super::sound;

/// One arc's condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing.
    Epsilon,
    /// These characters; the first one also by itself, where it is found sooner.
    Text(char, Box<[char]>),
    /// A place where a word can end; takes the space there, if any.
    Break,
    /// A value of list `list` into slot `slot`.
    List { list: u32, slot: u32 },
    /// A number of range `range` into slot `slot`.
    Range { range: u32, slot: u32 },
    /// Any words into slot `slot`, unless they begin with one of `excepted[except]`.
    Wildcard { slot: u32, except: u32 },
}

/// What a list is about; the home's own lists are checked against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// Entities.
    Name,
    /// Rooms.
    Area,
    /// Storeys.
    Floor,
    /// Anything else.
    Other,
}

/// One value of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListValue {
    /// What is meant.
    pub out: SlotValue,
    /// What saying it adds to the context.
    pub context: BTreeMap<String, String>,
}

/// One way to say a value: characters, number of the value, whether it is in the other language.
pub type Wording = (Box<[char]>, u32, bool);

/// A list of words.
#[derive(Debug, Clone)]
pub struct SlotList {
    /// What it is about.
    pub kind: ListKind,
    /// Its values.
    pub values: Vec<ListValue>,
    /// What is said, by its first character.
    pub said: BTreeMap<char, Vec<Wording>>,
}

/// A range of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// Smallest that may be said.
    pub from: f64,
    /// Largest that may be said.
    pub to: f64,
    /// Numbers are multiples of this.
    pub step: f64,
    /// The slot's value is the number said times this.
    pub multiplier: f64,
}

/// What a sentence means once it has matched.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// Intent's name.
    pub intent: String,
    /// Slots that the sentence implies.
    pub slots: Slots,
    /// Context keys with the values that will do.
    pub requires: Vec<(String, Vec<String>)>,
    /// Context keys whose value becomes a slot.
    pub context_slots: Vec<String>,
    /// The listening device's room fills slot `area`; without one the sentence does not match.
    pub needs_area: bool,
    /// For a recogniser that hears only sentences of the grammars.
    pub said: Said,
}

/// How often the sentences of a block are spoken, by their grammar (`metadata: {spoken: false}` is seldom).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Said {
    /// In everyday use.
    #[default]
    Often,
    /// Now and then: recognisers need good evidence for them.
    Seldom,
}

/// Where words that mean nothing are spoken; in a text they may stand anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipSaid {
    /// Before a sentence, by some.
    Before,
    /// After a sentence.
    After,
    /// Before and after one.
    Around,
}

/// Words that may stand anywhere and mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkipWord {
    /// The words.
    pub word: Box<[char]>,
    /// Where a recogniser expects them.
    pub said: SkipSaid,
}

/// Where one template is written. Its states are those from `first` up to the next template's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its first state.
    pub first: u32,
    /// The file as the user named it.
    pub file: String,
    /// `line:column`.
    pub at: String,
    /// The template as written.
    pub template: String,
    /// Whether it came with Tiebreak.
    pub shipped: bool,
}

/// One language's sentences.
#[derive(Debug, Clone, Default)]
pub struct Automaton {
    /// Arcs by state.
    pub arcs: Arcs,
    /// Block by final state.
    pub finals: HashMap<u32, u32>,
    /// What final states mean.
    pub blocks: Vec<Block>,
    /// Templates, by their states: only explanations need them.
    pub origins: Vec<Origin>,
    /// Lists by number.
    pub lists: Vec<SlotList>,
    /// Number of each list that sentence files define, with its name there; several where contexts differ.
    pub list_names: Vec<(String, u32)>,
    /// Ranges by number.
    pub ranges: Vec<Range>,
    /// Words with which wildcards must not begin, by number.
    pub excepted: Vec<Vec<Box<[char]>>>,
    /// Slot names by number.
    pub slots: Vec<String>,
    /// Words that may stand anywhere.
    pub skip: Vec<SkipWord>,
    /// Numbers of skip words by their first character.
    pub skip_by_first: HashMap<char, Vec<u32>>,
    /// Words are written without spaces, so that a space before a value means nothing.
    pub unspaced: bool,
    /// Where sentences begin.
    pub entries: Entries,
    /// By state: what must come next for a reading in it to go on.
    pub next: Vec<Next>,
}

/// States with arcs that take something and can be reached without taking anything.
#[derive(Debug, Clone, Default)]
pub struct Entries {
    /// Those that take these characters.
    pub by_beginning: HashMap<Beginning, Vec<u32>>,
    /// Beginnings by their first character.
    pub by_first: BTreeMap<char, BTreeSet<Beginning>>,
    /// Those that take lists, numbers or anything.
    pub others: Vec<u32>,
}

/// The first characters of a text, filled up with `\0`.
pub type Beginning = [char; 3];

/// The first characters of `words`.
pub fn beginning(words: &[char]) -> Beginning {
    std::array::from_fn(|i| words.get(i).copied().unwrap_or_default())
}

/// Arcs, those of one state after those of the state before it.
#[derive(Debug, Clone, Default)]
pub struct Arcs {
    all: Vec<(Step, u32)>,
    /// `all[first[s]..first[s + 1]]` leave state `s`.
    first: Vec<u32>,
}

impl Arcs {
    /// From the arcs of each state.
    pub fn new(by_state: Vec<Vec<(Step, u32)>>) -> Self {
        let mut arcs = Self { all: Vec::new(), first: vec![0] };
        for own in by_state {
            arcs.all.extend(own);
            arcs.first.push(arcs.all.len() as u32);
        }
        arcs
    }

    /// Number of states.
    pub fn states(&self) -> usize {
        self.first.len().saturating_sub(1)
    }

    /// Those that leave `state`: a condition and the state it leads to.
    pub fn of(&self, state: u32) -> &[(Step, u32)] {
        self.between(state, state + 1)
    }

    /// Those that leave the states from `from` up to `to`.
    pub fn between(&self, from: u32, to: u32) -> &[(Step, u32)] {
        match (self.first.get(from as usize), self.first.get(to as usize)) {
            (Some(&from), Some(&to)) => &self.all[from as usize..to as usize],
            _ => &[],
        }
    }
}

/// A set of characters and the end of the text, with false positives: what may come next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Next(u64);

impl Next {
    /// The end of the text.
    pub const END: Self = Self(1 << 63);
    /// Any character.
    const ANY: Self = Self(!Self::END.0);

    /// One character: letters have a bit each, the space one, and 36 are shared by the sounds of Chinese characters and
    /// by all others.
    pub fn of(c: char) -> Self {
        let shared = |number: u32| 1 << (27 + number % 36);
        Self(match c {
            'a'..='z' => 1 << (c as u32 - 'a' as u32),
            ' ' => 1 << 26,
            _ => match sound::sounds(c).fold(0, |all, sound| all | shared(u32::from(sound))) {
                0 => shared(c as u32),
                sounds => sounds,
            },
        })
    }

    /// Whether something is in both.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Automaton {
    /// The template that a state belongs to; state 0 belongs to all.
    pub fn origin(&self, state: u32) -> Option<&Origin> {
        self.origins[..self.origins.partition_point(|o| o.first <= state)].last()
    }

    /// Fills `next`, `entries` and `skip_by_first`; called once, after the last sentence was added.
    pub fn index(&mut self) {
        let states = self.arcs.states() as u32;
        self.next = vec![Next::default(); states as usize];
        self.finals.keys().for_each(|state| self.next[*state as usize] = Next::END);
        let space = if self.unspaced { Next::of(' ').0 } else { 0 };
        let lists: Vec<u64> =
            self.lists.iter().map(|l| l.said.keys().fold(space, |all, c| all | Next::of(*c).0)).collect();
        // Every arc leads to a larger number.
        for state in (0..states).rev() {
            let each = self.arcs.of(state).iter().map(|(step, to)| match step {
                Step::Epsilon => self.next[*to as usize].0,
                Step::Break => self.next[*to as usize].0 | Next::of(' ').0,
                Step::Text(first, _) => Next::of(*first).0,
                Step::List { list, .. } => lists[*list as usize],
                Step::Range { .. } | Step::Wildcard { .. } => Next::ANY.0,
            });
            self.next[state as usize] = Next(each.fold(self.next[state as usize].0, |all, next| all | next));
        }
        for (i, skip) in self.skip.iter().enumerate() {
            let same_first = skip.word.first().map(|c| self.skip_by_first.entry(*c).or_default());
            same_first.into_iter().for_each(|numbers| numbers.push(i as u32));
        }
        let mut open = vec![0u32];
        let mut seen = vec![false; states as usize];
        while let Some(state) = open.pop() {
            if std::mem::replace(&mut seen[state as usize], true) {
                continue;
            }
            let mut firsts: Vec<Option<Beginning>> = Vec::new();
            for (step, to) in self.arcs.of(state) {
                match step {
                    Step::Epsilon | Step::Break => open.push(*to),
                    Step::Text(_, words) => firsts.push(Some(beginning(words))),
                    _ => firsts.push(None),
                }
            }
            firsts.sort_unstable();
            firsts.dedup();
            for first in firsts {
                match first {
                    Some(begins) => {
                        self.entries.by_first.entry(begins[0]).or_default().insert(begins);
                        self.entries.by_beginning.entry(begins).or_default().push(state);
                    }
                    None => self.entries.others.push(state),
                }
            }
        }
    }
}

impl Range {
    /// Whether a number may be said.
    pub fn holds(&self, said: f64) -> bool {
        let steps = said / self.step;
        (self.from..=self.to).contains(&said) && (steps - steps.round()).abs() < 1e-6
    }
}

/// Names of things and places in the automaton's own language, longest first.
pub fn names(automaton: &Automaton) -> Vec<Name> {
    let lists = automaton.lists.iter().filter(|l| l.kind != ListKind::Other);
    let said = lists.flat_map(|l| l.said.values().flatten()).filter(|(_, _, foreign)| !foreign);
    let distinct: BTreeSet<Vec<char>> = said.map(|(words, _, _)| words.to_vec()).collect();
    let mut names: Vec<Name> = distinct.into_iter().map(Name::new).collect();
    names.sort_by_key(|n| std::cmp::Reverse(n.letters.len()));
    names
}

/// English words that sentences and names contain.
pub fn vocabulary(automaton: &Automaton) -> mended::Vocabulary {
    let arcs = automaton.arcs.between(0, automaton.arcs.states() as u32);
    let texts = arcs.iter().filter_map(|(step, _)| match step {
        Step::Text(_, t) => Some(&t[..]),
        _ => None,
    });
    let said = automaton.lists.iter().flat_map(|l| l.said.values().flatten()).map(|(words, _, _)| &words[..]);
    // Words that make free words something else are no mistakes for others either.
    let excepted = automaton.excepted.iter().flatten().map(|words| &words[..]);
    let words = texts.chain(said).chain(excepted).flat_map(|t| t.split(|c| *c == ' '));
    mended::vocabulary(words.filter(|w| w.iter().all(char::is_ascii_lowercase)).map(<[char]>::to_vec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_come_next_leaves_out_no_character_that_sounds_alike() {
        let common: Vec<char> = "打开关上客厅的灯登吊掉窗帘山三农隆".chars().collect();
        for a in &common {
            for b in &common {
                let alike = sound::unlikeness(*a, *b).is_some();
                assert!(!alike || Next::of(*a).meets(Next::of(*b)), "{a} {b}");
            }
        }
        let letters: Vec<char> = ('a'..='z').chain([' ']).collect();
        for (i, a) in letters.iter().enumerate() {
            for (j, b) in letters.iter().enumerate() {
                assert_eq!(Next::of(*a).meets(Next::of(*b)), i == j, "{a} {b}");
            }
        }
        assert!(!Next::END.meets(Next::ANY) && Next::of('é').meets(Next::ANY) && Next::of('灯').meets(Next::ANY));
    }

    #[test]
    fn arcs_of_a_state_and_of_several() {
        let arcs =
            Arcs::new(vec![vec![(Step::Epsilon, 1), (Step::Break, 2)], vec![], vec![(Step::Epsilon, 3)], vec![]]);
        assert_eq!((arcs.states(), arcs.of(0).len(), arcs.of(1).len()), (4, 2, 0));
        assert_eq!(arcs.of(2), [(Step::Epsilon, 3)]);
        assert_eq!(arcs.between(0, 3).len(), 3);
        assert!(arcs.of(4).is_empty() && Arcs::default().of(0).is_empty());
    }
}
