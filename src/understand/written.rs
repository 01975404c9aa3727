//! The way back from a path of units to words: the word graph as it was spelled, in little memory.

use std::collections::{BTreeMap, BTreeSet};

use super::units::Unit;

/// A path read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The sentence: words with spaces between, Chinese characters without.
    pub text: String,
    /// The wake phrase before it, by its index, and how many units it took.
    pub lead_in: Option<(usize, usize)>,
}

/// All sentences, written in units; not deterministic.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    pub(super) edges: Vec<Edge>,
    /// `edges[first[n]..first[n + 1]]` leave node `n`.
    pub(super) first: Vec<u32>,
    pub(super) ends: BTreeSet<u32>,
    pub(super) words: Vec<String>,
    /// Words from this index on are the wake phrases, which are heard, but not written.
    pub(super) lead_ins: u32,
    pub(super) lead_in_count: usize,
    /// Where sentences begin, and where those that have a wake phrase before them.
    pub(super) start: u32,
    pub(super) addressed: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    /// `None`: a step without sound.
    pub(super) unit: Option<Unit>,
    pub(super) to: u32,
    /// Index of the word that begins here, or [`NO_WORD`].
    pub(super) word: u32,
}

pub(super) const NO_WORD: u32 = u32::MAX;

impl Written {
    fn edges(&self, node: u32) -> &[Edge] {
        &self.edges[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }

    /// Breadth-first over the nodes that a prefix of `path` can reach; each remembers how it was reached.
    pub(super) fn read(&self, start: u32, path: &[Unit]) -> Option<Reading> {
        type Step = BTreeMap<u32, Option<(usize, u32, u32)>>;
        let mut steps: Vec<Step> = vec![Step::from([(start, None)])];
        for i in 0..=path.len() {
            let mut todo: Vec<u32> = steps[i].keys().copied().collect();
            while let Some(n) = todo.pop() {
                for e in self.edges(n) {
                    if e.unit.is_none() && !steps[i].contains_key(&e.to) {
                        steps[i].insert(e.to, Some((i, n, e.word)));
                        todo.push(e.to);
                    }
                }
            }
            let Some(&unit) = path.get(i) else { break };
            let mut next = Step::new();
            for &n in steps[i].keys() {
                for e in self.edges(n).iter().filter(|e| e.unit == Some(unit)) {
                    next.entry(e.to).or_insert(Some((i, n, e.word)));
                }
            }
            steps.push(next);
        }
        let last = steps.last()?;
        let mut at = (path.len(), *last.keys().find(|n| self.ends.contains(n))?);
        let mut words = Vec::new();
        let mut lead_in = None;
        // How many units come before the word that follows the one being read.
        let mut next_word_at = path.len();
        while let Some((i, n, word)) = steps[at.0].get(&at.1).copied().flatten() {
            match word {
                NO_WORD => {}
                w if w >= self.lead_ins => {
                    lead_in = Some(((w - self.lead_ins) as usize % self.lead_in_count.max(1), next_word_at));
                }
                w => {
                    words.push(w);
                    next_word_at = i;
                }
            }
            at = (i, n);
        }
        let mut text = String::new();
        for word in words.into_iter().rev().map(|w| self.words[w as usize].as_str()) {
            let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii() && c != ' ');
            if latin(text.chars().last()) && latin(word.chars().next()) {
                text.push(' ');
            }
            text.push_str(word);
        }
        Some(Reading { text, lead_in })
    }
}
