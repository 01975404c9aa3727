//! Runs a text through an automaton: one sweep over (position, state), without recursion, and every reading
//! comes out. Knows nothing of homes or intents; scores and contradictions are meaning.rs's business. Work is
//! bounded whatever the text and the sentences are.

use std::cmp::{Ordering, Reverse};
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use super::automaton::{Automaton, Beginning, Next, Step, beginning};
use super::normalise::{is_boundary, is_han};
use super::numbers;
use super::sound;

/// Different readings kept per (position, state): beyond this they are noise.
const READINGS_MAX: usize = 12;
/// Readings taken a step further in one match; a text that needs more is no sentence. (Sentences of a hundred
/// characters need some thousands.)
const WORK_MAX: usize = 60_000;

/// What a slot was filled with.
#[derive(Debug, Clone, Copy, PartialEq)]
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
        if self.arcs.states() == 0 || text.is_empty() {
            return (Vec::new(), trace);
        }
        let mut sweep = Sweep {
            automaton: self,
            text,
            by_sound,
            skips: self.skips(text),
            next: text.iter().map(|c| Next::of(*c)).chain([Next::END]).collect(),
            at: vec![BinaryHeap::new(); text.len() + 1],
            fills: Fills::default(),
            found: Vec::new(),
            trace,
            came: 0,
            work: 0,
        };
        sweep.run();
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

/// A reading under way, in a state.
#[derive(Debug, Clone, Copy)]
struct Partial {
    /// What it has filled, a number of [`Fills`].
    filled: u32,
    skipped: u32,
    wild: u32,
    foreign: u32,
    misheard: u32,
}

impl Partial {
    /// Smaller is better, among readings with the same slots.
    fn untidiness(&self) -> u32 {
        self.skipped + 2 * self.wild + 2 * self.foreign + 20 * self.misheard
    }
}

/// What readings have filled, in the order in which it was said. Equal fillings have equal numbers, so that a reading
/// under way is a few numbers.
#[derive(Debug, Default)]
struct Fills {
    /// Each: the filling before it (its number from 1; 0 is the empty one), the slot, what it was filled with.
    all: Vec<(u32, u32, Filled)>,
    known: HashMap<(u32, u32, [u64; 2]), u32>,
}

impl Fills {
    fn with(&mut self, before: u32, slot: u32, value: Filled) -> u32 {
        let key = match value {
            Filled::List { list, value } => [u64::from(list) << 32 | u64::from(value), 0],
            Filled::Number(n) => [n.to_bits(), 1],
            Filled::Words(from, to) => [(from as u64) << 32 | to as u64, 2],
        };
        *self.known.entry((before, slot, key)).or_insert_with(|| {
            self.all.push((before, slot, value));
            self.all.len() as u32
        })
    }

    fn get(&self, mut number: u32) -> Vec<(u32, Filled)> {
        let mut out = Vec::new();
        while let Some((before, slot, value)) = number.checked_sub(1).map(|i| self.all[i as usize]) {
            out.push((slot, value));
            number = before;
        }
        out.reverse();
        out
    }
}

/// A reading that waits for its turn: lower states first, then in the order in which they came.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    state: u32,
    came: u32,
    partial: Partial,
}

impl Waiting {
    fn turn(&self) -> Reverse<(u32, u32)> {
        Reverse((self.state, self.came))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.turn() == other.turn()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.turn().cmp(&other.turn())
    }
}

struct Sweep<'a> {
    automaton: &'a Automaton,
    text: &'a [char],
    by_sound: bool,
    skips: Vec<Vec<usize>>,
    /// What comes at each position.
    next: Vec<Next>,
    /// Readings under way, by position.
    at: Vec<BinaryHeap<Waiting>>,
    fills: Fills,
    found: Vec<Reading>,
    /// Kept for explanations only.
    trace: Option<Trace>,
    came: u32,
    work: usize,
}

impl Sweep<'_> {
    fn run(&mut self) {
        self.enter(0, 0);
        // Skip words may also come before anything else.
        let mut leading = vec![(0usize, 0u32)];
        while let Some((from, skipped)) = leading.pop() {
            for i in 0..self.skips[from].len() {
                let end = self.skips[from][i];
                if skipped < 4 && end < self.text.len() {
                    self.enter(end, skipped + 1);
                    leading.push((end, skipped + 1));
                }
            }
        }
        let mut here = Vec::new();
        for pos in 0..=self.text.len() {
            while let Some(first) = self.at[pos].pop() {
                here.clear();
                here.push(first.partial);
                while let Some(next) = self.at[pos].peek_mut().filter(|next| next.state == first.state) {
                    keep(&mut here, PeekMut::pop(next).partial);
                }
                for partial in &here {
                    if self.work > WORK_MAX {
                        return;
                    }
                    self.advance(pos, first.state, *partial);
                }
            }
        }
    }

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
        let begin = Partial { filled: 0, skipped, wild: 0, foreign: 0, misheard: 0 };
        let here = &self.text[pos..];
        let as_written = (1..=here.len()).map(|len| beginning(&here[..len])).take(beginning(&[]).len());
        let alike = |c: &char| sound::unlikeness(*c, here[0]).is_some();
        let by_sound = self.by_sound && here.iter().take(beginning(&[]).len()).copied().any(is_han);
        let begins: Vec<Beginning> = if by_sound {
            entries.by_first.iter().filter(|(c, _)| alike(c)).flat_map(|(_, begins)| begins).copied().collect()
        } else {
            as_written.collect()
        };
        for states in begins.iter().filter_map(|b| entries.by_beginning.get(b)).chain([&entries.others]) {
            states.iter().for_each(|state| self.wait(pos, *state, begin));
        }
    }

    fn advance(&mut self, pos: usize, state: u32, partial: Partial) {
        let automaton = self.automaton;
        if self.trace.is_some() {
            self.note(pos, state, partial.wild);
        }
        let block = automaton.finals.get(&state);
        if let (Some(&block), true) = (block, pos == self.text.len()) {
            let Partial { filled, skipped, wild, foreign, misheard } = partial;
            let filled = self.fills.get(filled);
            self.found.push(Reading { block, end: state, filled, skipped, wild, foreign, misheard });
        }
        let arcs = automaton.arcs.of(state);
        if pos > 0 && partial.skipped < 6 && !self.skips[pos].is_empty() {
            let takes = arcs.iter().any(|(step, _)| *step != Step::Epsilon) || block.is_some();
            for i in 0..if takes { self.skips[pos].len() } else { 0 } {
                let end = self.skips[pos][i];
                if end > pos {
                    self.go(end, state, Partial { skipped: partial.skipped + 1, ..partial });
                }
            }
        }
        for (step, to) in arcs {
            self.step(pos, step, *to, partial);
        }
    }

    fn step(&mut self, pos: usize, step: &Step, to: u32, partial: Partial) {
        let text = self.text;
        match step {
            Step::Epsilon => self.go(pos, to, partial),
            Step::Text(first, wanted) => {
                let begins = text.get(pos).is_some_and(|c| self.alike(*c, *first).is_some());
                if let Some(misheard) = begins.then(|| self.compare(pos, wanted)).flatten() {
                    let misheard = partial.misheard + misheard;
                    self.go(pos + wanted.len(), to, Partial { misheard, ..partial });
                }
            }
            Step::Break => {
                if text.get(pos) == Some(&' ') {
                    self.go(pos + 1, to, partial);
                } else if is_boundary(text, pos) {
                    self.go(pos, to, partial);
                }
            }
            Step::List { list, slot } => self.take_list(self.value_start(pos), (*list, *slot), to, partial),
            Step::Range { range, slot } => {
                let range = &self.automaton.ranges[*range as usize];
                for (end, said) in numbers::at(text, self.value_start(pos)) {
                    if range.holds(said) {
                        let filled =
                            self.fills.with(partial.filled, *slot, Filled::Number(round(said * range.multiplier)));
                        self.go(end, to, Partial { filled, ..partial });
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
                        let filled = self.fills.with(partial.filled, *slot, Filled::Words(from, end));
                        let wild = partial.wild + (end - from) as u32;
                        self.go(end, to, Partial { filled, wild, ..partial });
                    }
                }
            }
        }
    }

    fn take_list(&mut self, pos: usize, (list, slot): (u32, u32), to: u32, partial: Partial) {
        let Some(&first) = self.text.get(pos) else { return };
        if !is_boundary(self.text, pos) {
            return;
        }
        let said = &self.automaton.lists[list as usize].said;
        let by_sound = self.by_sound && is_han(first);
        let exact = (!by_sound).then(|| said.get(&first)).flatten();
        let similar = said
            .iter()
            .filter(|(c, _)| by_sound && sound::unlikeness(**c, first).is_some())
            .map(|(_, entries)| entries);
        for (words, value, foreign) in exact.into_iter().chain(similar).flatten() {
            if let Some(misheard) = self.compare(pos, words) {
                let filled = self.fills.with(partial.filled, slot, Filled::List { list, value: *value });
                let foreign = partial.foreign + u32::from(*foreign);
                let misheard = partial.misheard + misheard;
                self.go(pos + words.len(), to, Partial { filled, foreign, misheard, ..partial });
            }
        }
    }

    /// How many characters of `wanted` at `pos` only sound right; `None` if it does not stand there.
    fn compare(&self, pos: usize, wanted: &[char]) -> Option<u32> {
        let said = self.text.get(pos..pos + wanted.len())?;
        let mut misheard = 0;
        for (a, b) in said.iter().zip(wanted) {
            misheard += self.alike(*a, *b)?;
        }
        Some(misheard)
    }

    /// How unlike the character `said` may sound to the one that is wanted; `None` if it is another.
    fn alike(&self, said: char, wanted: char) -> Option<u32> {
        if said == wanted { Some(0) } else { self.by_sound.then(|| sound::unlikeness(said, wanted)).flatten() }
    }

    fn value_start(&self, pos: usize) -> usize {
        pos + usize::from(self.automaton.unspaced && self.text.get(pos) == Some(&' '))
    }

    fn go(&mut self, pos: usize, state: u32, partial: Partial) {
        self.work += 1;
        self.wait(pos, state, partial);
    }

    /// A reading that cannot go on waits only where explanations want to know how far it got.
    fn wait(&mut self, pos: usize, state: u32, partial: Partial) {
        let goes_on = self.automaton.next[state as usize].meets(self.next[pos]) || !self.skips[pos].is_empty();
        if !goes_on && self.trace.is_none() {
            return;
        }
        self.came += 1;
        self.at[pos].push(Waiting { state, came: self.came, partial });
    }
}

/// Adds a reading unless one with the same slots is there already and no worse.
fn keep(readings: &mut Vec<Partial>, new: Partial) {
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

fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
