//! The grammar-constrained CTC search: which sentence of the [`UnitGraph`] explains the frames best, and how
//! much worse than the free path (the best unit of every frame, grammar or not) that explanation is.
//!
//! Viterbi token passing with a beam. Sound before the sentence (the wake word, a breath) is skipped on the
//! free path for a small price a frame; sound after it likewise. Nothing here knows models or audio.

use super::unit_graph::{OPENER, SELDOM, UnitGraph};
use super::units::{BLANK, Unit};

/// Tokens this much (natural log) worse than the best are dropped. Guessed: a wrong letter costs about 5.
const BEAM: f32 = 22.0;
/// At most this many tokens live from one frame to the next.
const TOKENS_MAX: usize = 12_000;
/// Price of a sentence that is said seldom (natural log): one in e^4 commands is one of them, it is assumed.
const SELDOM_PRICE: f32 = 4.0;

/// A unit sounds for about this many rows.
pub const UNIT_ROWS: usize = 3;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The state in which it begins.
    pub start: u32,
    /// How many rows may be skipped before it, for a price (up to the end of the wake word and a little more).
    pub lead_steps: usize,
    /// Price of a row that is skipped before it, so that speech is explained rather than skipped.
    pub lead_price: f32,
    /// Price of a row that is skipped after it.
    pub tail_price: f32,
}

impl Wanted {
    /// All that was said is one sentence. CTC's sounds are peaks of a row or two, so the price of a row after it is
    /// about what a sound costs that is left over; a wrong one costs two to three times as much.
    pub fn sentence(start: u32, lead_steps: usize) -> Self {
        Self { start, lead_steps, lead_price: 0.08, tail_price: 1.5 }
    }

    /// A phrase, whatever is said before and after it.
    pub fn phrase(start: u32) -> Self {
        Self { start, lead_steps: usize::MAX, lead_price: 0.0, tail_price: 0.0 }
    }
}

/// The model's output: natural log of each unit's probability, `steps` rows of `units`.
#[derive(Debug, Clone, Copy)]
pub struct LogProbs<'a> {
    /// Row-major, `steps * units` values.
    pub values: &'a [f32],
    /// Units a row.
    pub units: usize,
}

impl<'a> LogProbs<'a> {
    /// Number of rows.
    pub fn steps(&self) -> usize {
        self.values.len() / self.units.max(1)
    }

    /// The rows from `step` on.
    pub fn from(&self, step: usize) -> Self {
        Self { values: self.values.get(step * self.units..).unwrap_or_default(), units: self.units }
    }

    fn row(&self, t: usize) -> &'a [f32] {
        &self.values[t * self.units..(t + 1) * self.units]
    }

    /// The best unit of every row with its log-probability.
    fn best(&self) -> Vec<(Unit, f32)> {
        (0..self.steps())
            .map(|t| {
                let row = self.row(t);
                row.iter()
                    .enumerate()
                    .fold((BLANK, f32::NEG_INFINITY), |best, (u, &v)| if v > best.1 { (u as Unit, v) } else { best })
            })
            .collect()
    }

    /// Greedy decoding: repeats merged, blanks dropped.
    pub fn greedy(&self) -> Vec<Unit> {
        let mut out = Vec::new();
        let mut last = BLANK;
        for (u, _) in self.best() {
            if u != BLANK && u != last {
                out.push(u);
            }
            last = u;
        }
        out
    }
}

/// The best sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its units.
    pub path: Vec<Unit>,
    /// The row in which each unit begins.
    pub begins: Vec<u32>,
    /// Natural log of its probability minus that of the free path over the same frames, per unit; <= 0.
    pub margin: f32,
    /// Natural log of the free path's own probability while it was said, per unit: in noise the model doubts that path
    /// too, and that a sentence is hardly worse says little; <= 0.
    pub free: f32,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    /// Log-probability minus the free path's, over all frames so far.
    score: f32,
    /// Last unit in the history.
    trace: u32,
}

#[derive(Debug, Clone, Copy)]
struct Trace {
    unit: Unit,
    /// The row in which it begins.
    row: u32,
    before: u32,
}

const NONE: u32 = u32::MAX;

/// Finds the sentence that explains the rows best; `None` if none survives the beam.
pub fn search(probs: LogProbs, graph: &UnitGraph, wanted: Wanted) -> Option<Found> {
    if graph.is_empty() || probs.steps() == 0 {
        return None;
    }
    let mut walk = Walk::new(graph, wanted);
    let best = probs.best();
    for (t, &(_, free)) in best.iter().enumerate() {
        walk.step(probs.row(t), free, t < wanted.lead_steps);
    }
    let mut found = walk.finish()?;
    let (first, last) = (*found.begins.first()? as usize, *found.begins.last()? as usize);
    let free: f32 = best[first..best.len().min(last + UNIT_ROWS)].iter().map(|(_, free)| free).sum();
    found.free = free / found.path.len() as f32;
    Some(found)
}

/// Two tokens live on every arc: "this unit is sounding" (`2 * arc`) and "it has ended" (`2 * arc + 1`).
struct Walk<'a> {
    graph: &'a UnitGraph,
    wanted: Wanted,
    /// The row that is being explained.
    row: u32,
    alive: Vec<(u32, Token)>,
    born: Vec<(u32, Token)>,
    /// By slot: where in `born` its token is, or `NONE`.
    place: Vec<u32>,
    traces: Vec<Trace>,
    lead: Option<f32>,
    /// A whole sentence, and the sound after it.
    tail: Option<Token>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a UnitGraph, wanted: Wanted) -> Self {
        Self {
            graph,
            wanted,
            row: 0,
            alive: Vec::new(),
            born: Vec::new(),
            place: vec![NONE; graph.len() * 2],
            traces: Vec::new(),
            lead: Some(0.0),
            tail: None,
        }
    }

    fn step(&mut self, row: &[f32], free: f32, may_skip: bool) {
        let cost = |unit: Unit| row.get(usize::from(unit)).copied().unwrap_or(f32::NEG_INFINITY) - free;
        let after = self.wanted.tail_price.min(-cost(BLANK));
        if let Some(tail) = &mut self.tail {
            tail.score -= after;
        }
        let alive = std::mem::take(&mut self.alive);
        for (slot, token) in alive {
            let (arc, ended) = (slot as usize / 2, slot % 2 == 1);
            let here = self.graph.arc(arc);
            let blank = Token { score: token.score + cost(BLANK), ..token };
            self.offer(arc * 2 + 1, blank);
            if !ended {
                self.offer(arc * 2, Token { score: token.score + cost(here.unit), ..token });
            }
            self.enter(here.to, token, (!ended).then_some(here.unit), &cost);
            if self.graph.is_end(here.to) {
                let over = Token { score: token.score - after, ..token };
                if self.tail.is_none_or(|t| t.score < over.score) {
                    self.tail = Some(over);
                }
            }
        }
        if let Some(score) = self.lead {
            self.enter(self.wanted.start, Token { score, trace: NONE }, None, &cost);
            let skip = if may_skip { cost(BLANK).max(-self.wanted.lead_price) } else { cost(BLANK) };
            self.lead = Some(score + skip);
        }
        self.prune();
        self.row += 1;
    }

    /// Starts every unit that can follow in `state`. A unit may follow itself only across a blank.
    fn enter(&mut self, state: u32, token: Token, sounding: Option<Unit>, cost: &impl Fn(Unit) -> f32) {
        let graph = self.graph;
        for (i, arc) in graph.arcs_from(state) {
            if Some(arc.unit) == sounding {
                continue;
            }
            if matches!(arc.unit, SELDOM | OPENER) {
                self.traces.push(Trace { unit: arc.unit, row: self.row, before: token.trace });
                let trace = (self.traces.len() - 1) as u32;
                self.enter(arc.to, Token { score: token.score - SELDOM_PRICE, trace }, sounding, cost);
                continue;
            }
            let score = token.score + cost(arc.unit);
            if self.born.get(self.place[i * 2] as usize).is_none_or(|(_, t)| t.score < score) {
                self.traces.push(Trace { unit: arc.unit, row: self.row, before: token.trace });
                let trace = (self.traces.len() - 1) as u32;
                self.offer(i * 2, Token { score, trace });
            }
        }
    }

    fn offer(&mut self, slot: usize, token: Token) {
        match self.born.get_mut(self.place[slot] as usize) {
            Some((_, there)) if there.score >= token.score => {}
            Some((_, there)) => *there = token,
            None => {
                self.place[slot] = self.born.len() as u32;
                self.born.push((slot as u32, token));
            }
        }
    }

    fn prune(&mut self) {
        let mut born = std::mem::take(&mut self.born);
        for (slot, _) in &born {
            self.place[*slot as usize] = NONE;
        }
        let lead = self.lead.unwrap_or(f32::NEG_INFINITY);
        let best = born.iter().map(|(_, t)| t.score).fold(lead, f32::max);
        born.retain(|(_, t)| t.score > best - BEAM);
        if born.len() > TOKENS_MAX {
            born.select_nth_unstable_by(TOKENS_MAX, |a, b| b.1.score.total_cmp(&a.1.score));
            born.truncate(TOKENS_MAX);
        }
        if self.lead.is_some_and(|l| l < best - BEAM) {
            self.lead = None;
        }
        self.born = std::mem::replace(&mut self.alive, born);
        self.born.clear();
    }

    fn finish(self) -> Option<Found> {
        let ended =
            self.alive.iter().filter(|(slot, _)| self.graph.is_end(self.graph.arc(*slot as usize / 2).to)).map(|a| a.1);
        let best = ended.chain(self.tail).max_by(|a, b| a.score.total_cmp(&b.score))?;
        let (mut path, mut begins) = (Vec::new(), Vec::new());
        let mut at = best.trace;
        while at != NONE {
            let trace = self.traces[at as usize];
            path.push(trace.unit);
            begins.push(trace.row);
            at = trace.before;
        }
        path.reverse();
        begins.reverse();
        let margin = best.score / path.len().max(1) as f32;
        Some(Found { path, begins, margin, free: 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::unit_graph::{START, START_ADDRESSED, Spelling};
    use super::super::units::Units;
    use super::super::units::tests::small_alphabet;
    use super::super::word_graph::{WordArc, WordGraph};
    use super::*;

    /// More rows than the small alphabet has units.
    const UNITS: usize = 120;

    fn rows(frames: &str, alphabet: &Units) -> Vec<f32> {
        let mut values = Vec::new();
        for c in frames.chars() {
            let mut row = vec![(0.02f32 / UNITS as f32).ln(); UNITS];
            let unit = alphabet.spell(&c.to_string()).map_or(BLANK, |said| said[0][0][0]);
            row[usize::from(unit)] = 0.98f32.ln();
            values.extend(row);
        }
        values
    }

    fn find(frames: &str, words: &[&str], lead: usize) -> Option<(String, f32)> {
        let alphabet = small_alphabet();
        let arcs = words.iter().map(|w| WordArc { from: 0, to: 1, text: (*w).to_owned() }).collect();
        let often = WordGraph { start: 0, ends: vec![1], arcs };
        let arc = WordArc { from: 0, to: 1, text: "laugh".into() };
        let seldom = WordGraph { start: 0, ends: vec![1], arcs: vec![arc] };
        let graph = UnitGraph::build(&[often], &[seldom], &[], &[], &alphabet).expect("small");
        let values = rows(frames, &alphabet);
        let found = search(LogProbs { values: &values, units: UNITS }, &graph, Wanted::sentence(START, lead))?;
        Some((graph.read(START, &found.path).expect("a whole sentence").text, found.margin))
    }

    #[test]
    fn a_sentence_of_the_grammar_is_found_at_no_cost() {
        let (text, margin) = find("__ll_i_gg_h_tt__", &["light", "lamp"], 0).expect("found");
        assert_eq!(text, "light");
        assert!(margin > -0.01, "{margin}");
    }

    #[test]
    fn a_model_that_doubts_everything_is_sure_of_nothing() {
        let alphabet = small_alphabet();
        let arcs = vec![WordArc { from: 0, to: 1, text: "lamp".into() }];
        let words = WordGraph { start: 0, ends: vec![1], arcs };
        let graph = UnitGraph::build(&[words], &[], &[], &[], &alphabet).expect("small");
        let clear = rows("__o__l_a_m_p_", &alphabet);
        // The best unit of each row has half of what it had, another one the other half.
        let mut noisy = clear.clone();
        for row in noisy.chunks_mut(UNITS) {
            row.iter_mut().filter(|v| **v > 0.9f32.ln()).for_each(|v| *v = 0.49f32.ln());
            row[UNITS - 1] = 0.48f32.ln();
        }
        let find = |values: &[f32]| {
            let found = search(LogProbs { values, units: UNITS }, &graph, Wanted::sentence(START, 5));
            found.map(|f| (f.margin, f.free)).expect("found")
        };
        let ((margin, free), (noisy_margin, noisy_free)) = (find(&clear), find(&noisy));
        assert!(margin > -0.2 && noisy_margin > -0.2, "{margin} {noisy_margin}");
        // Eight rows from the first unit to the end of the last one, four units.
        assert!((free - 8.0 / 4.0 * 0.98f32.ln()).abs() < 1e-3, "{free}");
        assert!((noisy_free - 8.0 / 4.0 * 0.49f32.ln()).abs() < 1e-3, "{noisy_free}");
    }

    #[test]
    fn doubled_letters_need_a_blank() {
        assert_eq!(find("f_aa_l_l_", &["fall", "fal"], 0).expect("found").0, "fall");
        assert_eq!(find("f_aa_ll_", &["fall", "fal"], 0).expect("found").0, "fal");
    }

    #[test]
    fn a_misheard_letter_costs_but_is_forgiven() {
        let (text, margin) = find("_l_i_k_h_t_", &["light", "lamp"], 0).expect("found");
        assert_eq!(text, "light");
        assert!(margin < -0.5, "{margin}");
    }

    #[test]
    fn the_wake_word_before_and_noise_after_are_skipped() {
        let (text, margin) = find("h_e_y_l_a_m_p____k_", &["light", "lamp"], 6).expect("found");
        assert_eq!(text, "lamp");
        assert!(margin > -0.6, "{margin}");
    }

    #[test]
    fn what_is_said_seldom_needs_better_evidence() {
        assert_eq!(find("__l_a_u_g_h_", &["light", "lamp"], 0).expect("found").0, "laugh");
        assert_eq!(find("__l_a_u_t__", &["laut", "lamp"], 0).expect("found").0, "laut");
        // One sound is wrong in either.
        assert_eq!(find("__l_a_u_g_t_", &["laugt", "lamp"], 0).expect("found").0, "laugt");
        let (text, margin) = find("__l_a_u_m_h_", &["laumt", "lamp"], 0).expect("found");
        assert!(text == "laumt" && margin < -0.5, "{text} {margin}");
    }

    #[test]
    fn a_phrase_is_found_among_other_speech() {
        let alphabet = small_alphabet();
        let graph = UnitGraph::build(&[], &[], &[], &["lamp".into()], &alphabet).expect("small");
        let values = rows("_t_u_r_n__l_a_m_p__o_n_l_i__", &alphabet);
        let probs = LogProbs { values: &values, units: UNITS };
        let found = search(probs, &graph, Wanted::phrase(START_ADDRESSED)).expect("found");
        assert!(found.margin > -0.01 && found.begins == [10, 12, 14, 16], "{found:?}");
        let values = rows("_t_u_r_n__l_o_m_i__o_n_l_i__", &alphabet);
        let probs = LogProbs { values: &values, units: UNITS };
        assert!(search(probs, &graph, Wanted::phrase(START_ADDRESSED)).is_none_or(|f| f.margin < -1.0));
    }

    #[test]
    fn nonsense_is_far_from_every_sentence() {
        let (_, margin) = find("_o_b_u_z_o_w_e_", &["light", "lamp"], 0).expect("the beam keeps something");
        assert!(margin < -2.0, "{margin}");
    }
}
