//! All that can be said, as a deterministic automaton over acoustic units: built once from the word graph of
//! the grammars, walked frame by frame by the CTC search (ctc.rs), which is the next file to read.

use std::collections::{BTreeMap, HashMap};

use super::units::Unit;
use super::word_graph::WordGraph;
pub use super::written::Parts;
use super::written::{Reading, Written};

/// Determinising stops with an error beyond this many states: a grammar that needs more is not one that
/// people speak (the shipped ones with the demonstration home end up with 148,000 once minimal).
const STATES_MAX: usize = 1_000_000;

/// One step of the automaton.
#[derive(Debug, Clone, Copy)]
pub struct Arc {
    /// The unit that is heard.
    pub unit: Unit,
    /// The state it leads to.
    pub to: u32,
}

/// The automaton, and the way back from units to words.
#[derive(Debug, Clone, Default)]
pub struct UnitGraph {
    arcs: Vec<Arc>,
    /// `arcs[first[s]..first[s + 1]]` leave state `s`.
    first: Vec<u32>,
    ends: Vec<bool>,
    written: Written,
}

/// Stands before every sentence that people say seldom: no sound, but a price for the search. No alphabet has so many
/// units, and UTF-8 has no such byte.
pub const SELDOM: Unit = Unit::MAX;
/// The same for polite words before a sentence; apart from [`SELDOM`], or each state would have to remember both.
pub const OPENER: Unit = Unit::MAX - 1;

/// The state where a sentence begins, with or without a wake phrase before it.
pub const START: u32 = 0;
/// The state where a wake phrase must come first; a sentence may follow or not.
pub const START_ADDRESSED: u32 = 1;

/// How words are written in units.
pub trait Spelling {
    /// A text cut into parts, each with every way to write it; `None` where a part cannot be written.
    fn spell(&self, text: &str) -> Option<Parts>;
}

/// The words' graph with every word written in units; not deterministic. Its first nodes are the words' graph's.
struct Spelled<'a> {
    written: &'a Written,
    /// By node, the steps that leave it: the unit, if any, and where they lead.
    out: Vec<Vec<(Option<Unit>, u32)>>,
}

impl UnitGraph {
    /// Joins the word graphs of all languages into one automaton: what is said often, and, behind [`SELDOM`], what is
    /// said seldom, and, behind [`OPENER`], what is said often after one of `openers` ("could you"). Any of `lead_ins`
    /// (the wake words as they are spoken) may come before a sentence, or must (see [`START_ADDRESSED`]); it is no part
    /// of the text.
    ///
    /// # Errors
    /// A message if the grammars are too large to compile.
    pub fn build(
        often: &[WordGraph],
        seldom: &[WordGraph],
        openers: &[String],
        lead_ins: &[String],
        units: &impl Spelling,
    ) -> Result<Self, String> {
        let written = Written::join(often, seldom, openers, lead_ins, units);
        let graph = Spelled::new(&written).determinise([written.start, written.addressed])?.minimal();
        Ok(Self { written, ..graph })
    }

    /// States from which the same can be said become one. There are no cycles, so from the ends backwards one look at
    /// each state suffices (Revuz 1992).
    fn minimal(self) -> Self {
        const NEW: u32 = u32::MAX;
        type State = (bool, Vec<(Unit, u32)>);
        let starts = START_ADDRESSED + 1;
        let mut merged = vec![NEW; self.states()];
        (0..starts).for_each(|s| merged[s as usize] = s);
        let state = |merged: &[u32], s: u32| -> State {
            (self.is_end(s), self.arcs_from(s).map(|(_, a)| (a.unit, merged[a.to as usize])).collect())
        };
        let mut known: HashMap<State, u32> = HashMap::new();
        let mut open: Vec<u32> = (starts..self.states() as u32).collect();
        while let Some(&s) = open.last() {
            let before = open.len();
            if merged[s as usize] == NEW {
                open.extend(self.arcs_from(s).map(|(_, a)| a.to).filter(|&to| merged[to as usize] == NEW));
            }
            if open.len() == before {
                if merged[s as usize] == NEW {
                    let fresh = known.len() as u32 + starts;
                    merged[s as usize] = *known.entry(state(&merged, s)).or_insert(fresh);
                }
                open.pop();
            }
        }
        let mut states: Vec<(u32, State)> = (0..starts).map(|s| (s, state(&merged, s))).collect();
        states.extend(known.into_iter().map(|(state, id)| (id, state)));
        states.sort_unstable_by_key(|(id, _)| *id);
        let mut small = Self { first: vec![0], ..Self::default() };
        for (_, (end, arcs)) in states {
            small.arcs.extend(arcs.into_iter().map(|(unit, to)| Arc { unit, to }));
            small.first.push(small.arcs.len() as u32);
            small.ends.push(end);
        }
        small.arcs.shrink_to_fit();
        small.first.shrink_to_fit();
        small.ends.shrink_to_fit();
        small
    }

    /// How many arcs there are.
    pub fn len(&self) -> usize {
        self.arcs.len()
    }

    /// How many states there are.
    pub fn states(&self) -> usize {
        self.ends.len()
    }

    /// Whether nothing can be said.
    pub fn is_empty(&self) -> bool {
        self.arcs.is_empty()
    }

    /// The arcs that leave `state`, with their indices.
    pub fn arcs_from(&self, state: u32) -> impl Iterator<Item = (usize, Arc)> + '_ {
        let (from, to) = (self.first[state as usize] as usize, self.first[state as usize + 1] as usize);
        self.arcs[from..to].iter().enumerate().map(move |(i, &a)| (from + i, a))
    }

    /// The arc with index `i`.
    pub fn arc(&self, i: usize) -> Arc {
        self.arcs[i]
    }

    /// Whether a sentence may end in `state`.
    pub fn is_end(&self, state: u32) -> bool {
        self.ends[state as usize]
    }

    /// Reads a path of units back that begins in `start` ([`START`] or [`START_ADDRESSED`]): homophones become the
    /// first word of the grammar that sounds so. `None` if the path is no whole sentence.
    pub fn read(&self, start: u32, path: &[Unit]) -> Option<Reading> {
        self.written.read(if start == START_ADDRESSED { self.written.addressed } else { self.written.start }, path)
    }
}

impl Spelled<'_> {
    fn new(written: &Written) -> Spelled<'_> {
        let nodes = written.nodes();
        let mut spelled = Spelled { written, out: vec![Vec::new(); nodes as usize] };
        for from in 0..nodes {
            for &edge in written.edges(from) {
                match written.parts(edge) {
                    None => spelled.out[from as usize].push((None, edge.to)),
                    Some(parts) => spelled.spell(parts, from, edge.to),
                }
            }
        }
        // Half a million little lists stay in memory.
        spelled.out.iter_mut().for_each(Vec::shrink_to_fit);
        spelled
    }

    fn node(&mut self) -> u32 {
        self.out.push(Vec::new());
        (self.out.len() - 1) as u32
    }

    /// Writes a word as a path between two nodes, with branches where a part of it has several readings.
    fn spell(&mut self, parts: &Parts, from: u32, to: u32) {
        let mut at = from;
        for (i, readings) in parts.iter().enumerate() {
            let next = if i + 1 == parts.len() { to } else { self.node() };
            for reading in readings {
                let mut here = at;
                for (j, &unit) in reading.iter().enumerate() {
                    let there = if j + 1 == reading.len() { next } else { self.node() };
                    self.out[here as usize].push((Some(unit), there));
                    here = there;
                }
            }
            at = next;
        }
    }

    fn is_end(&self, node: u32) -> bool {
        node < self.written.nodes() && self.written.is_end(node)
    }

    /// By node, where silence leads from there: only nodes that matter, those with sounds after them or an end.
    fn closures(&self) -> Vec<Vec<u32>> {
        let matters = |n: u32| self.is_end(n) || self.out[n as usize].iter().any(|(unit, _)| unit.is_some());
        let mut seen = vec![u32::MAX; self.out.len()];
        let closure = |from: u32| {
            let (mut open, mut set) = (vec![from], Vec::new());
            while let Some(n) = open.pop() {
                if std::mem::replace(&mut seen[n as usize], from) == from {
                    continue;
                }
                if matters(n) {
                    set.push(n);
                }
                open.extend(self.out[n as usize].iter().filter(|(unit, _)| unit.is_none()).map(|(_, to)| *to));
            }
            set
        };
        (0..self.out.len() as u32).map(closure).collect()
    }

    /// Subset construction (Rabin and Scott 1959); the states of `starts` are [`START`] and [`START_ADDRESSED`].
    fn determinise(&self, starts: [u32; 2]) -> Result<UnitGraph, String> {
        let closures = self.closures();
        let union = |nodes: &mut dyn Iterator<Item = u32>| {
            let mut set: Vec<u32> = nodes.flat_map(|n| closures[n as usize].iter().copied()).collect();
            set.sort_unstable();
            set.dedup();
            set
        };
        let mut sets = starts.map(|s| union(&mut std::iter::once(s))).to_vec();
        let mut ids = HashMap::from([(sets[0].clone(), START), (sets[1].clone(), START_ADDRESSED)]);
        let mut graph = UnitGraph::default();
        let mut state = 0;
        while state < sets.len() {
            graph.first.push(graph.arcs.len() as u32);
            let set = std::mem::take(&mut sets[state]);
            graph.ends.push(set.iter().any(|&n| self.is_end(n)));
            let mut next: BTreeMap<Unit, Vec<u32>> = BTreeMap::new();
            for &n in &set {
                for &(unit, to) in &self.out[n as usize] {
                    if let Some(unit) = unit {
                        next.entry(unit).or_default().push(to);
                    }
                }
            }
            for (unit, nodes) in next {
                let set = union(&mut nodes.into_iter());
                let to = *ids.entry(set).or_insert_with_key(|set| {
                    sets.push(set.clone());
                    (sets.len() - 1) as u32
                });
                graph.arcs.push(Arc { unit, to });
            }
            if sets.len() > STATES_MAX {
                return Err(format!("the grammars need more than {STATES_MAX} states"));
            }
            state += 1;
        }
        graph.first.push(graph.arcs.len() as u32);
        Ok(graph)
    }
}

#[cfg(test)]
mod tests {
    use super::super::units::tests::small_alphabet;
    use super::super::word_graph::{WordArc, WordGraph};
    use super::*;

    fn graph(arcs: &[(u32, u32, &str)], end: u32) -> WordGraph {
        let arcs = arcs.iter().map(|&(from, to, t)| WordArc { from, to, text: t.to_owned() }).collect();
        WordGraph { start: 0, ends: vec![end], arcs }
    }

    fn accepts(g: &UnitGraph, start: u32, path: &[Unit]) -> bool {
        let mut state = start;
        for &u in path {
            match g.arcs_from(state).find(|(_, a)| a.unit == u) {
                Some((_, a)) => state = a.to,
                None => return false,
            }
        }
        g.is_end(state)
    }

    #[test]
    fn words_are_joined_and_read_back() {
        let units = small_alphabet();
        let en = graph(&[(0, 1, "turn"), (1, 2, "on"), (1, 2, "off"), (2, 3, ""), (2, 3, "lamp"), (2, 3, "well")], 3);
        let zh = graph(&[(0, 1, "打开"), (1, 2, "灯"), (1, 2, "lamp")], 2);
        let g = UnitGraph::build(&[en, zh], &[], &["well".into()], &["hey you".into()], &units).expect("small");
        let path = |s: &str| -> Vec<Unit> {
            units
                .spell(s)
                .expect("known")
                .into_iter()
                .flat_map(|readings| readings.into_iter().next_back())
                .flatten()
                .collect()
        };
        for (said, text) in [
            ("turn on lamp", Some("turn on lamp")),
            ("turnoff", Some("turn off")),
            ("well 打开灯", None),
            ("turn off well", Some("turn off well")),
            ("打开灯", Some("打开灯")),
            ("打开lamp", Some("打开lamp")),
            ("hey you turn off lamp", Some("turn off lamp")),
            ("hey you打开灯", Some("打开灯")),
            ("hey turn off lamp", None),
            ("turn lamp", None),
        ] {
            assert_eq!(accepts(&g, START, &path(said)), text.is_some(), "{said}");
            let addressed = text.is_some() && said.starts_with("hey you");
            assert_eq!(accepts(&g, START_ADDRESSED, &path(said)), addressed, "{said}");
            let lead_in = g.read(START, &path(said)).and_then(|r| r.lead_in);
            assert_eq!(lead_in, addressed.then_some((0, 6)), "{said}");
            assert_eq!(g.read(START, &path(said)).map(|r| r.text).as_deref(), text, "{said}");
        }
        assert!(accepts(&g, START_ADDRESSED, &path("hey you")) && !accepts(&g, START, &path("hey you")));
        assert_eq!(g.read(START_ADDRESSED, &path("hey you")), Some(Reading { text: "".into(), lead_in: Some((0, 6)) }));
    }
}
