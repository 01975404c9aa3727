//! All sentences as words, joined from the word graphs of all languages, and the way back to them from a path of units.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::unit_graph::{OPENER, SELDOM, Spelling};
use super::units::Unit;
use super::word_graph::WordGraph;

/// A path read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The sentence: words with spaces between, Chinese characters without.
    pub text: String,
    /// The wake phrase before it, by its index, and how many units it took.
    pub lead_in: Option<(usize, usize)>,
}

/// All sentences as a graph of words; not deterministic.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    edges: Vec<Edge>,
    /// `edges[first[n]..first[n + 1]]` leave node `n`.
    first: Vec<u32>,
    ends: BTreeSet<u32>,
    words: Vec<Word>,
    /// The words from this index on are the wake phrases, which are heard, but not written.
    lead_ins: u32,
    /// Where sentences begin, and where those that have a wake phrase before them.
    pub(super) start: u32,
    pub(super) addressed: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) to: u32,
    /// Index of the word, or [`NO_WORD`].
    word: u32,
}

const NO_WORD: u32 = u32::MAX;

/// Each part of a text (a word, a character), with every way to write it in units.
pub type Parts = Vec<Vec<Vec<Unit>>>;

#[derive(Debug, Clone)]
struct Word {
    text: String,
    parts: Parts,
}

/// The graph while it grows.
struct Joined<'a, S> {
    units: &'a S,
    out: Vec<Vec<Edge>>,
    ends: BTreeSet<u32>,
    words: Vec<Word>,
    /// `None`: it cannot be written in units, and so not be said either.
    word_ids: HashMap<String, Option<u32>>,
}

impl Written {
    /// Joins what [`UnitGraph::build`](super::unit_graph::UnitGraph::build) is given.
    pub(super) fn join(
        often: &[WordGraph],
        seldom: &[WordGraph],
        openers: &[String],
        lead_ins: &[String],
        units: &impl Spelling,
    ) -> Self {
        let mut joined =
            Joined { units, out: Vec::new(), ends: BTreeSet::new(), words: Vec::new(), word_ids: HashMap::new() };
        let [start, after, addressed, called, rare, opener, opened] = std::array::from_fn(|_| joined.node());
        for graph in often {
            let to = joined.add(graph);
            joined.silent(after, to);
            joined.silent(opened, to);
        }
        for graph in seldom {
            let to = joined.add(graph);
            joined.silent(rare, to);
        }
        for text in openers {
            joined.say(text, opener, opened);
        }
        joined.silent(start, after);
        joined.silent(called, after);
        if !seldom.is_empty() {
            joined.priced(SELDOM, after, rare);
        }
        if !openers.is_empty() {
            joined.priced(OPENER, after, opener);
        }
        joined.ends.insert(called);
        let phrases = joined.words.len() as u32;
        for phrase in lead_ins {
            // One that cannot be said keeps its index, too.
            let parts = units.spell(phrase).unwrap_or_default();
            let is_said = !parts.is_empty();
            let word = joined.push(phrase, parts);
            for (from, to) in [(start, after), (addressed, called)].into_iter().filter(|_| is_said) {
                joined.out[from as usize].push(Edge { to, word });
            }
        }
        let Joined { out, ends, words, .. } = joined;
        let mut written = Self { ends, words, first: vec![0], lead_ins: phrases, start, addressed, ..Self::default() };
        written.edges.reserve_exact(out.iter().map(Vec::len).sum());
        written.first.reserve_exact(out.len());
        for edges in out {
            written.edges.extend(edges);
            written.first.push(written.edges.len() as u32);
        }
        written
    }

    /// How many nodes there are.
    pub(super) fn nodes(&self) -> u32 {
        self.first.len() as u32 - 1
    }

    /// The edges that leave `node`.
    pub(super) fn edges(&self, node: u32) -> &[Edge] {
        &self.edges[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }

    /// What is said on an edge; `None`: nothing.
    pub(super) fn parts(&self, edge: Edge) -> Option<&Parts> {
        (edge.word != NO_WORD).then(|| &self.words[edge.word as usize].parts)
    }

    /// Whether a sentence may end in `node`.
    pub(super) fn is_end(&self, node: u32) -> bool {
        self.ends.contains(&node)
    }

    /// Breadth-first over the nodes that a prefix of `path` can reach from `start`; each remembers how it was reached.
    pub(super) fn read(&self, start: u32, path: &[Unit]) -> Option<Reading> {
        type Step = BTreeMap<u32, Option<(usize, u32, u32)>>;
        let mut steps = vec![Step::new(); path.len() + 1];
        steps[0].insert(start, None);
        for i in 0..=path.len() {
            let mut todo: Vec<u32> = steps[i].keys().copied().collect();
            while let Some(n) = todo.pop() {
                for e in self.edges(n).iter().filter(|e| e.word == NO_WORD) {
                    if !steps[i].contains_key(&e.to) {
                        steps[i].insert(e.to, Some((i, n, NO_WORD)));
                        todo.push(e.to);
                    }
                }
            }
            let nodes: Vec<u32> = steps[i].keys().copied().collect();
            for n in nodes {
                for e in self.edges(n) {
                    for read in self.parts(*e).into_iter().flat_map(|parts| lengths(parts, &path[i..])) {
                        steps[i + read].entry(e.to).or_insert(Some((i, n, e.word)));
                    }
                }
            }
        }
        let mut at = (path.len(), *steps.last()?.keys().find(|n| self.is_end(**n))?);
        let mut words = Vec::new();
        let mut lead_in = None;
        while let Some((i, n, word)) = steps[at.0].get(&at.1).copied().flatten() {
            match word {
                NO_WORD => {}
                w if w >= self.lead_ins => lead_in = Some(((w - self.lead_ins) as usize, at.0)),
                w => words.push(w),
            }
            at = (i, n);
        }
        let mut text = String::new();
        for word in words.into_iter().rev().map(|w| self.words[w as usize].text.as_str()) {
            let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii() && c != ' ');
            if latin(text.chars().last()) && latin(word.chars().next()) {
                text.push(' ');
            }
            text.push_str(word);
        }
        Some(Reading { text, lead_in })
    }
}

/// How many units of `path` the parts can take, one after the other; at least one each.
fn lengths(parts: &Parts, path: &[Unit]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::from([0]);
    for readings in parts {
        let ends = |from: usize| {
            readings.iter().filter(move |r| path[from..].starts_with(r)).map(move |reading| from + reading.len())
        };
        reached = reached.iter().flat_map(|&from| ends(from)).collect();
    }
    reached
}

impl<S: Spelling> Joined<'_, S> {
    fn node(&mut self) -> u32 {
        self.out.push(Vec::new());
        (self.out.len() - 1) as u32
    }

    /// A step without a word.
    fn silent(&mut self, from: u32, to: u32) {
        self.out[from as usize].push(Edge { to, word: NO_WORD });
    }

    /// A step without a word that has a price for the search.
    fn priced(&mut self, unit: Unit, from: u32, to: u32) {
        let word = self.push("", vec![vec![vec![unit]]]);
        self.out[from as usize].push(Edge { to, word });
    }

    fn push(&mut self, text: &str, parts: Parts) -> u32 {
        self.words.push(Word { text: text.to_owned(), parts });
        (self.words.len() - 1) as u32
    }

    /// A text that cannot be written is left out: it cannot be said either.
    fn say(&mut self, text: &str, from: u32, to: u32) {
        let id = match self.word_ids.get(text) {
            Some(&id) => id,
            None => {
                let parts = self.units.spell(text).filter(|p| !p.is_empty());
                let id = parts.map(|parts| self.push(text, parts));
                self.word_ids.insert(text.to_owned(), id);
                id
            }
        };
        if let Some(word) = id {
            self.out[from as usize].push(Edge { to, word });
        }
    }

    /// Adds one language's graph; returns where its sentences begin.
    fn add(&mut self, graph: &WordGraph) -> u32 {
        let mut nodes: HashMap<u32, u32> = HashMap::new();
        for arc in &graph.arcs {
            let from = self.node_of(&mut nodes, arc.from);
            let to = self.node_of(&mut nodes, arc.to);
            if arc.text.is_empty() {
                self.silent(from, to);
            } else {
                self.say(&arc.text, from, to);
            }
        }
        for &end in &graph.ends {
            let node = self.node_of(&mut nodes, end);
            self.ends.insert(node);
        }
        self.node_of(&mut nodes, graph.start)
    }

    fn node_of(&mut self, nodes: &mut HashMap<u32, u32>, key: u32) -> u32 {
        *nodes.entry(key).or_insert_with(|| self.node())
    }
}
