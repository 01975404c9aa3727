//! Runs a text through an automaton: one sweep over (position, state), without recursion, and every reading
//! comes out. Knows nothing of homes or intents; scores and contradictions are meaning.rs's business. Work is
//! bounded whatever the text and the sentences are.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::automaton::{Automaton, Step};
use super::normalise::is_boundary;
use super::numbers;
use super::sound;

/// Different readings kept per (position, state): beyond this they are noise.
const READINGS_MAX: usize = 12;
/// Readings taken a step further in one match; a text that needs more is no sentence. (Sentences of a hundred
/// characters need some thousands.)
const WORK_MAX: usize = 60_000;

/// What a slot was filled with.
#[derive(Debug, Clone, PartialEq)]
pub enum Filled {
    /// Value `value` of list `list`.
    List { list: u32, value: u32 },
    /// A number.
    Number(f64),
    /// The words between these positions.
    Words(usize, usize),
}

/// One way to read a text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Which block.
    pub block: u32,
    /// The final state: it belongs to the template that matched.
    pub end: u32,
    /// Slots (by number) in the order in which they were said.
    pub filled: Vec<(u32, Filled)>,
    /// Skip words passed over.
    pub skipped: u32,
    /// Characters taken by wildcards.
    pub wild: u32,
    /// Values said in the other language.
    pub foreign: u32,
    /// Characters that only sound like what the sentence wants.
    pub misheard: u32,
}

/// How far one template got in a text that it does not match.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    /// Characters of the text that it took.
    pub pos: usize,
    /// How many of them by wildcards, which take anything.
    pub wild: u32,
    /// Where in the template it stood then.
    pub states: BTreeSet<u32>,
}

impl Reading {
    /// Smaller is better, among readings with the same slots.
    fn untidiness(&self) -> u32 {
        self.skipped + 2 * self.wild + 2 * self.foreign + 20 * self.misheard
    }
}

impl Automaton {
    /// Every way to read `text` (normalised), in no particular order. With `by_sound`, Chinese characters
    /// also match others of the same sound.
    pub fn readings(&self, text: &[char], by_sound: bool) -> Vec<Reading> {
        self.sweep(text, by_sound, None).0
    }

    /// How far each template got that may begin like `text`, by the template's first state. For explanations.
    pub fn reached(&self, text: &[char], by_sound: bool) -> BTreeMap<u32, Reached> {
        self.sweep(text, by_sound, Some(BTreeMap::new())).1.unwrap_or_default()
    }

    fn sweep(&self, text: &[char], by_sound: bool, trace: Option<Trace>) -> (Vec<Reading>, Option<Trace>) {
        if self.arcs.is_empty() || text.is_empty() {
            return (Vec::new(), trace);
        }
        let mut sweep = Sweep {
            automaton: self,
            text,
            by_sound,
            skips: self.skips(text),
            at: (0..=text.len()).map(|_| BTreeMap::new()).collect(),
            found: Vec::new(),
            trace,
            work: 0,
        };
        sweep.enter(0, 0);
        for pos in 0..=text.len() {
            // Skip words may also come before anything else.
            if pos == 0 {
                let mut leading = vec![(0usize, 0u32)];
                while let Some((from, skipped)) = leading.pop() {
                    for &end in &sweep.skips[from].clone() {
                        if skipped < 4 && end < text.len() {
                            sweep.enter(end, skipped + 1);
                            leading.push((end, skipped + 1));
                        }
                    }
                }
            }
            while let Some((state, readings)) = sweep.at[pos].pop_first() {
                for reading in readings {
                    if sweep.work > WORK_MAX {
                        return (sweep.found, sweep.trace);
                    }
                    sweep.advance(pos, state, reading);
                }
            }
        }
        (sweep.found, sweep.trace)
    }

    /// For each position, where a skip word that begins there (after a space, if there is one) ends.
    fn skips(&self, text: &[char]) -> Vec<Vec<usize>> {
        (0..=text.len())
            .map(|pos| {
                let from = pos + usize::from(text.get(pos) == Some(&' '));
                if !is_boundary(text, from) {
                    return Vec::new();
                }
                let here = text.get(from).and_then(|c| self.skip_by_first.get(c)).into_iter().flatten();
                let ends = here.map(|i| &self.skip[*i as usize].word).filter(|s| text[from..].starts_with(s));
                ends.map(|s| from + s.len())
                    .filter(|&end| is_boundary(text, end))
                    .map(|end| end + usize::from(from == pos && text.get(end) == Some(&' ')))
                    .collect()
            })
            .collect()
    }
}

/// The furthest that templates got, by their first states.
type Trace = BTreeMap<u32, Reached>;

struct Sweep<'a> {
    automaton: &'a Automaton,
    text: &'a [char],
    by_sound: bool,
    skips: Vec<Vec<usize>>,
    /// Readings under way, by position and state.
    at: Vec<BTreeMap<u32, Vec<Reading>>>,
    found: Vec<Reading>,
    /// Kept for explanations only.
    trace: Option<Trace>,
    work: usize,
}

impl Sweep<'_> {
    /// Keeps where a template got furthest, wildcards not counted.
    fn note(&mut self, pos: usize, state: u32, wild: u32) {
        let (Some(trace), Some(origin)) = (&mut self.trace, self.automaton.origin(state)) else { return };
        let reached = trace.entry(origin.first).or_insert(Reached { pos, wild, states: BTreeSet::new() });
        let own = |pos: usize, wild: u32| pos.saturating_sub(wild as usize);
        match own(pos, wild).cmp(&own(reached.pos, reached.wild)) {
            Ordering::Less => return,
            Ordering::Equal if pos != reached.pos => return,
            Ordering::Equal => {}
            Ordering::Greater => *reached = Reached { pos, wild, states: BTreeSet::new() },
        }
        reached.states.insert(state);
    }

    /// Begins at `pos` with every sentence that may begin with what stands there.
    fn enter(&mut self, pos: usize, skipped: u32) {
        let entries = &self.automaton.entries;
        let reading = Reading { skipped, ..Reading::default() };
        if self.by_sound {
            for states in
                entries.0.iter().filter(|(c, _)| sound::unlikeness(**c, self.text[pos]).is_some()).map(|(_, s)| s)
            {
                for &state in states {
                    keep(self.at[pos].entry(state).or_default(), reading.clone());
                }
            }
        } else if let Some(states) = entries.0.get(&self.text[pos]) {
            for &state in states {
                keep(self.at[pos].entry(state).or_default(), reading.clone());
            }
        }
        for &state in &entries.1 {
            keep(self.at[pos].entry(state).or_default(), reading.clone());
        }
    }

    fn advance(&mut self, pos: usize, state: u32, reading: Reading) {
        let automaton = self.automaton;
        if self.trace.is_some() {
            self.note(pos, state, reading.wild);
        }
        if pos == self.text.len()
            && let Some(&block) = automaton.finals.get(&state)
        {
            self.found.push(Reading { block, end: state, ..reading.clone() });
        }
        let arcs = &automaton.arcs[state as usize];
        let takes = arcs.iter().any(|(step, _)| *step != Step::Epsilon) || automaton.finals.contains_key(&state);
        if takes && pos > 0 {
            for i in 0..self.skips[pos].len() {
                let end = self.skips[pos][i];
                if reading.skipped < 6 && end > pos {
                    self.go(end, state, Reading { skipped: reading.skipped + 1, ..reading.clone() });
                }
            }
        }
        for (step, to) in arcs {
            self.step(pos, step, *to, &reading);
        }
    }

    fn step(&mut self, pos: usize, step: &Step, to: u32, reading: &Reading) {
        let text = self.text;
        match step {
            Step::Epsilon => self.go(pos, to, reading.clone()),
            Step::Text(wanted) => {
                if let Some(misheard) = self.compare(pos, wanted) {
                    let misheard = reading.misheard + misheard;
                    self.go(pos + wanted.len(), to, Reading { misheard, ..reading.clone() });
                }
            }
            Step::Break => {
                if text.get(pos) == Some(&' ') {
                    self.go(pos + 1, to, reading.clone());
                } else if is_boundary(text, pos) {
                    self.go(pos, to, reading.clone());
                }
            }
            Step::List { list, slot } => self.take_list(self.value_start(pos), (*list, *slot), to, reading),
            Step::Range { range, slot } => {
                let range = &self.automaton.ranges[*range as usize];
                for (end, said) in numbers::at(text, self.value_start(pos)) {
                    if range.holds(said) {
                        let value = Filled::Number(round(said * range.multiplier));
                        self.go(end, to, with(reading, *slot, value));
                    }
                }
            }
            Step::Wildcard { slot, except } => {
                let from = self.value_start(pos);
                if from >= text.len() || text[from] == ' ' || !is_boundary(text, from) {
                    return;
                }
                let begins = |w: &[char]| text[from..].starts_with(w) && is_boundary(text, from + w.len());
                if self.automaton.excepted[*except as usize].iter().any(|w| begins(w)) {
                    return;
                }
                for end in from + 1..=text.len() {
                    if is_boundary(text, end) && text[end - 1] != ' ' {
                        let mut more = with(reading, *slot, Filled::Words(from, end));
                        more.wild += (end - from) as u32;
                        self.go(end, to, more);
                    }
                }
            }
        }
    }

    fn take_list(&mut self, pos: usize, (list, slot): (u32, u32), to: u32, reading: &Reading) {
        let Some(&first) = self.text.get(pos) else { return };
        if !is_boundary(self.text, pos) {
            return;
        }
        let automaton = self.automaton;
        let said = &automaton.lists[list as usize].said;
        let by_sound = self.by_sound;
        let exact = (!by_sound).then(|| said.get(&first)).flatten();
        let similar = said
            .iter()
            .filter(|(c, _)| by_sound && sound::unlikeness(**c, first).is_some())
            .map(|(_, entries)| entries);
        for (words, value, foreign) in exact.into_iter().chain(similar).flatten() {
            if let Some(misheard) = self.compare(pos, words) {
                let mut more = with(reading, slot, Filled::List { list, value: *value });
                more.foreign += u32::from(*foreign);
                more.misheard += misheard;
                self.go(pos + words.len(), to, more);
            }
        }
    }

    /// How many characters of `wanted` at `pos` only sound right; `None` if it does not stand there.
    fn compare(&self, pos: usize, wanted: &[char]) -> Option<u32> {
        let said = self.text.get(pos..pos + wanted.len())?;
        if !self.by_sound {
            return (said == wanted).then_some(0);
        }
        let mut misheard = 0;
        for (a, b) in said.iter().zip(wanted) {
            misheard += sound::unlikeness(*a, *b)?;
        }
        Some(misheard)
    }

    fn value_start(&self, pos: usize) -> usize {
        pos + usize::from(self.automaton.unspaced && self.text.get(pos) == Some(&' '))
    }

    fn go(&mut self, pos: usize, state: u32, reading: Reading) {
        self.work += 1;
        keep(self.at[pos].entry(state).or_default(), reading);
    }
}

/// Adds a reading unless one with the same slots is there already and no worse.
fn keep(readings: &mut Vec<Reading>, new: Reading) {
    if let Some(old) = readings.iter_mut().find(|r| r.filled == new.filled) {
        if new.untidiness() < old.untidiness() {
            *old = new;
        }
    } else if readings.len() < READINGS_MAX {
        readings.push(new);
    } else if let Some(worst) = readings.iter_mut().max_by_key(|r| r.untidiness())
        && new.untidiness() < worst.untidiness()
    {
        *worst = new;
    }
}

fn with(reading: &Reading, slot: u32, value: Filled) -> Reading {
    let mut more = reading.clone();
    more.filled.push((slot, value));
    more
}

fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
