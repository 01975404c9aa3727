//! What can be said, as a word graph: for a recogniser that hears only sentences that mean something.
//!
//! The automaton without captures, as the smallest deterministic acyclic graph over words (English) and
//! characters (Chinese), with lists and numbers spelled out. Signs and free words cannot be said and are
//! left out, with the sentences that need them.

use std::collections::{BTreeMap, HashMap};

use super::automaton::{Automaton, Range, Said, SkipSaid, Step};
use super::normalise::{is_boundary, is_han};
use super::numbers;
use super::word_graph::{WordArc, WordGraph};

/// Numbers above this are not spelled out.
const SPOKEN_MAX: u32 = 100;
/// Numbers above that, of which only multiples are spelled out (kelvins).
const ROUND: u32 = 500;
/// Words that are spelled with an apostrophe, which templates lose: recognisers write it.
const APOSTROPHES: [(&str, &str); 15] = [
    ("whats", "what's"),
    ("hows", "how's"),
    ("its", "it's"),
    ("thats", "that's"),
    ("were", "we're"),
    ("weve", "we've"),
    ("wed", "we'd"),
    ("cant", "can't"),
    ("wheres", "where's"),
    ("im", "i'm"),
    ("id", "i'd"),
    ("ive", "i've"),
    ("ill", "i'll"),
    ("lets", "let's"),
    ("dont", "don't"),
];
/// A graph that needs more states is not built; recognition is then free.
const STATES_MAX: usize = 200_000;

/// Sentences with silent arcs, before they are made small. Node 0 is the start.
#[derive(Default)]
struct Spelled {
    words: Vec<String>,
    word_ids: HashMap<String, u32>,
    /// By node: word (`None` = nothing), next node.
    arcs: Vec<Vec<(Option<u32>, u32)>>,
    finals: Vec<bool>,
    /// Node of an automaton's state with the letters of a word that has begun.
    nodes: HashMap<(u32, String), u32>,
    open: Vec<(u32, String)>,
    /// Whether names in the other language are said here: only where things are switched, for each doubles
    /// the names and speakers mix languages in short commands.
    foreign: bool,
}

/// The word graph of the sentences of `automaton` that are `said` so; empty where it would be too large.
///
/// The sentences of each block are made deterministic and small on their own; blocks then share what can
/// follow. One deterministic graph of everything would have to remember in each state which blocks are
/// still possible, and be ten times larger.
pub fn word_graph(automaton: &Automaton, said: Said) -> WordGraph {
    let mut spelled = Spelled::default();
    let mut minimal = Minimal::default();
    let mut starts = Vec::new();
    for (block, sentences) in blocks(automaton) {
        if automaton.blocks[block as usize].said != said {
            continue;
        }
        spelled.clear();
        spelled.foreign = matches!(automaton.blocks[block as usize].intent.as_str(), "HassTurnOn" | "HassTurnOff");
        spelled.start(&sentences);
        while let Some((state, begun)) = spelled.open.pop() {
            spelled.expand(automaton, state, &begun);
            if spelled.arcs.len() > STATES_MAX {
                return WordGraph::default();
            }
        }
        let Some(block) = determinise(&spelled.arcs, &spelled.finals) else { return WordGraph::default() };
        starts.extend(minimal.add(&block));
    }
    let graph = minimal.graph(&starts, &spelled.words);
    with_skip_words(graph, automaton)
}

/// The states in which sentences begin, by the block of their end. Sentences are compiled one after the
/// other, so a sentence's end is the first final state after its start.
fn blocks(automaton: &Automaton) -> BTreeMap<u32, Vec<u32>> {
    let mut finals: Vec<(u32, u32)> = automaton.finals.iter().map(|(state, block)| (*state, *block)).collect();
    finals.sort_unstable();
    let mut starts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (_, start) in automaton.arcs.of(0) {
        let end = finals.partition_point(|(state, _)| state < start);
        if let Some((_, block)) = finals.get(end) {
            starts.entry(*block).or_default().push(*start);
        }
    }
    starts
}

impl Spelled {
    /// Forgets all sentences, but not the words.
    fn clear(&mut self) {
        self.arcs.clear();
        self.finals.clear();
        self.nodes.clear();
    }

    fn start(&mut self, sentences: &[u32]) {
        let start = self.plain_node();
        for &state in sentences {
            let node = self.node(state, String::new());
            self.arcs[start as usize].push((None, node));
        }
    }

    fn node(&mut self, state: u32, begun: String) -> u32 {
        let key = (state, begun);
        if let Some(&node) = self.nodes.get(&key) {
            return node;
        }
        let node = self.plain_node();
        self.open.push(key.clone());
        self.nodes.insert(key, node);
        node
    }

    fn plain_node(&mut self) -> u32 {
        self.arcs.push(Vec::new());
        self.finals.push(false);
        self.arcs.len() as u32 - 1
    }

    fn word(&mut self, word: &str) -> u32 {
        let word = apostrophe(word);
        if let Some(&id) = self.word_ids.get(word) {
            return id;
        }
        let id = self.words.len() as u32;
        self.words.push(word.to_owned());
        self.word_ids.insert(word.to_owned(), id);
        id
    }

    fn expand(&mut self, automaton: &Automaton, state: u32, begun: &str) {
        let node = self.nodes[&(state, begun.to_owned())];
        if automaton.finals.contains_key(&state) {
            let end = self.say(node, begun);
            self.finals[end as usize] = true;
        }
        for (step, to) in automaton.arcs.of(state) {
            match step {
                Step::Epsilon => {
                    let next = self.node(*to, begun.to_owned());
                    self.arcs[node as usize].push((None, next));
                }
                Step::Break => self.then(node, begun, *to),
                Step::Text(_, t) => self.text(node, begun, t, *to),
                Step::List { list, .. } => {
                    let from = self.say(node, begun);
                    let next = self.node(*to, String::new());
                    for (said, _, foreign) in automaton.lists[*list as usize].said.values().flatten() {
                        if self.foreign || !foreign {
                            self.phrase(from, &said.iter().collect::<String>(), next);
                        }
                    }
                }
                Step::Range { range, .. } => {
                    let from = self.say(node, begun);
                    let next = self.node(*to, String::new());
                    for said in spoken_range(&automaton.ranges[*range as usize], automaton.unspaced) {
                        self.phrase(from, &said, next);
                    }
                }
                Step::Wildcard { .. } => {}
            }
        }
    }

    /// Ends the begun word, if any, and goes on at `to`.
    fn then(&mut self, node: u32, begun: &str, to: u32) {
        let from = self.say(node, begun);
        let next = self.node(to, String::new());
        self.arcs[from as usize].push((None, next));
    }

    /// Literal text: Chinese characters are said one by one, letters go on until the word ends.
    fn text(&mut self, node: u32, begun: &str, text: &[char], to: u32) {
        // A lone "s" is a possessive: it belongs to the name before it, and recognisers hear it as part of that.
        if text.iter().any(|c| !c.is_alphabetic()) || (begun.is_empty() && text == ['s']) {
            return;
        }
        if !text.iter().copied().any(is_han) {
            let next = self.node(to, format!("{begun}{}", text.iter().collect::<String>()));
            self.arcs[node as usize].push((None, next));
            return;
        }
        let from = self.say(node, begun);
        let next = self.node(to, String::new());
        self.phrase(from, &text.iter().collect::<String>(), next);
    }

    /// Node after the begun word.
    fn say(&mut self, node: u32, begun: &str) -> u32 {
        if begun.is_empty() {
            return node;
        }
        let word = self.word(begun);
        let next = self.plain_node();
        self.arcs[node as usize].push((Some(word), next));
        next
    }

    /// A path of words and characters; nothing where it holds digits or signs.
    fn phrase(&mut self, from: u32, phrase: &str, to: u32) {
        if phrase.chars().any(|c| !c.is_alphabetic() && c != ' ') {
            return;
        }
        let chunks = chunks(phrase);
        let mut at = from;
        for (i, chunk) in chunks.iter().enumerate() {
            let next = if i + 1 == chunks.len() { to } else { self.plain_node() };
            let word = self.word(chunk);
            self.arcs[at as usize].push((Some(word), next));
            at = next;
        }
    }
}

/// A word as it is spelled.
fn apostrophe(word: &str) -> &str {
    APOSTROPHES.iter().find(|(without, _)| *without == word).map_or(word, |(_, with)| *with)
}

pub(super) fn apostrophes(phrase: &str) -> String {
    phrase.split(' ').map(apostrophe).collect::<Vec<_>>().join(" ")
}

/// Words and Chinese characters of a phrase.
fn chunks(phrase: &str) -> Vec<String> {
    let chars: Vec<char> = phrase.chars().collect();
    let mut chunks = vec![String::new()];
    for (i, c) in chars.iter().enumerate() {
        if i > 0 && is_boundary(&chars, i) {
            chunks.push(String::new());
        }
        if *c != ' '
            && let Some(last) = chunks.last_mut()
        {
            last.push(*c);
        }
    }
    chunks.retain(|c| !c.is_empty());
    chunks
}

fn spoken_range(range: &Range, chinese: bool) -> Vec<String> {
    // Large values are said in round numbers.
    if range.from > f64::from(SPOKEN_MAX) {
        let spoken = if chinese { numbers::spoken_chinese } else { numbers::spoken_english };
        let (from, to) = (range.from.ceil() as u32, range.to.clamp(0.0, 9999.0) as u32);
        return (from..=to).filter(|n| n.is_multiple_of(ROUND)).flat_map(spoken).collect();
    }
    let from = range.from.max(0.0).ceil() as u32;
    let to = range.to.clamp(0.0, f64::from(SPOKEN_MAX)) as u32;
    let mut said = Vec::new();
    for n in from..=to {
        let wholes = if chinese { numbers::spoken_chinese(n) } else { numbers::spoken_english(n) };
        if range.step <= 0.5 && n < to {
            let half = if chinese { "点五" } else { " and a half" };
            said.extend(wholes.first().map(|whole| format!("{whole}{half}")));
        }
        said.extend(wholes);
    }
    said
}

/// Deterministic arcs by state, and which states are final.
type Deterministic = (Vec<BTreeMap<u32, u32>>, Vec<bool>);

/// Subset construction; `None` where it grows too large.
fn determinise(arcs: &[Vec<(Option<u32>, u32)>], finals: &[bool]) -> Option<Deterministic> {
    let closure = |mut open: Vec<u32>| {
        let mut set = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                // Nodes that only pass on silently need no place in the set.
                let node_arcs = &arcs[node as usize];
                if finals[node as usize] || node_arcs.iter().any(|(w, _)| w.is_some()) {
                    set.push(node);
                }
                open.extend(node_arcs.iter().filter(|(w, _)| w.is_none()).map(|(_, to)| *to));
            }
        }
        set.sort_unstable();
        set
    };
    let mut ids: HashMap<Vec<u32>, u32> = HashMap::new();
    let mut sets = vec![closure(vec![0])];
    ids.insert(sets[0].clone(), 0);
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < sets.len() {
        let mut by_word: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &node in &sets[at] {
            for (word, to) in &arcs[node as usize] {
                if let Some(word) = word {
                    by_word.entry(*word).or_default().push(*to);
                }
            }
        }
        ends.push(sets[at].iter().any(|n| finals[*n as usize]));
        let mut next = BTreeMap::new();
        for (word, targets) in by_word {
            let set = closure(targets);
            let id = *ids.entry(set.clone()).or_insert_with(|| {
                sets.push(set);
                sets.len() as u32 - 1
            });
            next.insert(word, id);
        }
        out.push(next);
        at += 1;
        if sets.len() > STATES_MAX {
            return None;
        }
    }
    Some((out, ends))
}

/// States merged with all others from which the same can be said.
#[derive(Default)]
struct Minimal {
    /// Whether a sentence ends here, and words with the states they lead to; to the state's number.
    known: HashMap<(bool, Vec<(u32, u32)>), u32>,
    states: Vec<(bool, Vec<(u32, u32)>)>,
}

impl Minimal {
    /// Adds sentences; returns their start, or nothing where no sentence ends.
    fn add(&mut self, (arcs, finals): &Deterministic) -> Option<u32> {
        const NEW: u32 = u32::MAX;
        const DEAD: u32 = u32::MAX - 1;
        let mut merged = vec![NEW; arcs.len()];
        let mut open = vec![0u32];
        while let Some(&state) = open.last() {
            let here = &arcs[state as usize];
            let unseen: Vec<u32> = here.values().copied().filter(|to| merged[*to as usize] == NEW).collect();
            if merged[state as usize] == NEW && !unseen.is_empty() {
                open.extend(unseen);
                continue;
            }
            open.pop();
            if merged[state as usize] != NEW {
                continue;
            }
            let kept: Vec<(u32, u32)> =
                here.iter().map(|(w, to)| (*w, merged[*to as usize])).filter(|(_, to)| *to != DEAD).collect();
            let end = finals[state as usize];
            merged[state as usize] = if kept.is_empty() && !end { DEAD } else { self.state((end, kept)) };
        }
        Some(merged[0]).filter(|start| *start != DEAD)
    }

    fn state(&mut self, state: (bool, Vec<(u32, u32)>)) -> u32 {
        let fresh = self.states.len() as u32;
        let id = *self.known.entry(state.clone()).or_insert(fresh);
        if id == fresh {
            self.states.push(state);
        }
        id
    }

    /// One graph whose start joins `starts`.
    fn graph(self, starts: &[u32], words: &[String]) -> WordGraph {
        let start = self.states.len() as u32;
        let mut begin: Vec<(u32, u32)> = starts.iter().flat_map(|s| self.states[*s as usize].1.clone()).collect();
        begin.sort_unstable();
        begin.dedup();
        let only_starts =
            |id: u32| starts.contains(&id) && !self.states.iter().any(|(_, a)| a.iter().any(|(_, to)| *to == id));
        let unused: Vec<u32> = starts.iter().copied().filter(|s| only_starts(*s)).collect();
        let mut graph = WordGraph { start, ..WordGraph::default() };
        let states = self.states.into_iter().chain([(false, begin)]);
        for (id, (end, arcs)) in (0u32..).zip(states) {
            if unused.contains(&id) {
                continue;
            }
            if end {
                graph.ends.push(id);
            }
            let arc = |(word, to): (u32, u32)| WordArc { from: id, to, text: words[word as usize].clone() };
            graph.arcs.extend(arcs.into_iter().map(arc));
        }
        graph
    }
}

/// Lets skip words stand before and after every sentence, closing words after it. Opening words are left out: there are
/// so many that recognisers take other sounds for them.
fn with_skip_words(mut graph: WordGraph, automaton: &Automaton) -> WordGraph {
    if graph.arcs.is_empty() {
        return graph;
    }
    let mut next = graph.arcs.iter().map(|a| a.from.max(a.to)).max().unwrap_or(0) + 1;
    let mut fresh = || {
        next += 1;
        next - 1
    };
    let (start, end, after) = (fresh(), fresh(), fresh());
    let mut arcs = vec![WordArc { from: start, to: graph.start, text: String::new() }];
    arcs.extend(graph.ends.iter().map(|e| WordArc { from: *e, to: end, text: String::new() }));
    let places = [(start, graph.start, &[SkipSaid::Around][..]), (end, after, &[SkipSaid::Around, SkipSaid::After])];
    for (from, to, said) in places {
        for skip in automaton.skip.iter().filter(|s| said.contains(&s.said)) {
            let chunks = chunks(&apostrophes(&skip.word.iter().collect::<String>()));
            let mut at = from;
            for (i, text) in chunks.iter().enumerate() {
                let node = if i + 1 == chunks.len() { to } else { fresh() };
                arcs.push(WordArc { from: at, to: node, text: text.clone() });
                at = node;
            }
        }
    }
    graph.arcs.extend(arcs);
    graph.start = start;
    graph.ends = vec![end, after];
    graph
}
