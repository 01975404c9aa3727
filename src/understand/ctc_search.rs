//! The grammar-constrained CTC search: which sentence of the [`UnitGraph`] explains the frames best, and how
//! much worse than the free path (the best unit of every frame, grammar or not) that explanation is.
//!
//! Token passing with a beam; alignments of one sentence add up, as in CTC's own loss, as far as they share the beam
//! (a place keeps one sentence; its end counts once). Sound before the sentence (the wake word, a breath) is skipped on
//! the free path for a small price a frame; sound after it likewise. Nothing here knows models or audio.

use super::unit_graph::{OPENER, SELDOM, UnitGraph};
use super::units::{BLANK, Unit};

/// Tokens this much (natural log) worse than the best are dropped. Guessed: a wrong letter costs about 5.
const BEAM: f32 = 22.0;
/// At most this many tokens live from one frame to the next.
const TOKENS_MAX: usize = 12_000;
/// Price of a sentence that is said seldom (natural log): one in e^4 commands is one of them, it is assumed.
const SELDOM_PRICE: f32 = 4.0;

/// How many sounds in a row tell that another word was said: "house" for "treehouse" is wrong in three or four. Of 2 to
/// 14, all did about as well on 505 calibration recordings; 4 was a little better than the others on 600 more.
const STRETCH: usize = 4;

/// A unit sounds for about this many rows.
pub const UNIT_ROWS: usize = 3;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The state in which it begins.
    pub start: u32,
    /// How many rows may be skipped before it, for a price (up to the end of the wake word) ...
    pub lead_steps: usize,
    /// ... and how many more, for another one (the wake word may end a little later than it was heard to end).
    pub late_steps: usize,
    /// Price of a row that is skipped before it, so that speech is explained rather than skipped.
    pub lead_price: f32,
    /// The same for the rows that may be the wake word's or the sentence's.
    pub late_price: f32,
    /// Price of a row that is skipped after it.
    pub tail_price: f32,
}

impl Wanted {
    /// All that was said is one sentence. CTC's sounds are peaks of a row or two, so the price of a row after it is
    /// about what a sound costs that is left over; a wrong one costs two to three times as much. So is that of a row
    /// that may be the wake word's: at 0.08 "off with the light" lost its "off" (on 240 development commands 1.2 left
    /// 19.2 % of the English words wrong, 0.08 20.5 %).
    pub fn sentence(start: u32, lead_steps: usize, late_steps: usize) -> Self {
        Self { start, lead_steps, late_steps, lead_price: 0.08, late_price: 1.2, tail_price: 1.5 }
    }

    /// A phrase, whatever is said before and after it.
    pub fn phrase(start: u32) -> Self {
        Self { start, lead_steps: usize::MAX, late_steps: 0, lead_price: 0.0, late_price: 0.0, tail_price: 0.0 }
    }

    /// The most that it may cost to skip row `t` before the sentence.
    fn skip_price(&self, t: usize) -> f32 {
        if t < self.lead_steps {
            self.lead_price
        } else if t < self.lead_steps.saturating_add(self.late_steps) {
            self.late_price
        } else {
            f32::INFINITY
        }
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

    /// Where units begin on the free path from `row` on that are likelier than all else together.
    pub fn likely_units(&self, row: usize) -> Vec<usize> {
        let best = self.best();
        let is_likely = |t: usize| best[t].0 != BLANK && best[t].1 > 0.5f32.ln();
        let is_new = |&t: &usize| t == 0 || !is_likely(t - 1) || best[t - 1].0 != best[t].0;
        (row..best.len()).filter(|&t| is_likely(t)).filter(is_new).collect()
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
    /// Natural log of its probability minus that of the free path over the same frames, per unit. Mostly below 0; the
    /// free path is one alignment, the sentence all of its own.
    pub margin: f32,
    /// Natural log of the free path's own probability while it was said, per unit: in noise the model doubts that path
    /// too, and that a sentence is hardly worse says little; <= 0.
    pub free: f32,
    /// What the worst [`STRETCH`] sounds in a row add to the sentence's log-probability, with the pause after them;
    /// <= 0. Noise takes a little from every sound, a name that the home does not have takes all from a few.
    pub worst: f32,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    /// Log-probability minus the free path's, over all frames so far.
    score: f32,
    /// Which units were heard: tokens of one history are one hypothesis, whenever its units began.
    history: u64,
    /// Last unit in the history.
    trace: u32,
}

#[derive(Debug, Clone, Copy)]
struct Trace {
    unit: Unit,
    /// The row in which it begins.
    row: u32,
    /// Log-probability minus the free path's, over all frames until then.
    score: f32,
    before: u32,
}

const NONE: u32 = u32::MAX;

/// Beyond this difference (natural log) the smaller of two probabilities adds nothing that matters.
const NEGLIGIBLE: f32 = 7.0;

impl Token {
    /// The history of this token and one unit more.
    fn heard(&self, unit: Unit) -> u64 {
        (self.history ^ u64::from(unit)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
    }

    /// Two tokens in one place: those of one history add up (CTC sums over alignments), of two histories the better
    /// lives.
    fn join(&mut self, other: Token) {
        let (better, worse) = if other.score > self.score { (other, *self) } else { (*self, other) };
        let gap = better.score - worse.score;
        *self = better;
        if better.history == worse.history && gap < NEGLIGIBLE {
            self.score += (-gap).exp().ln_1p();
        }
    }
}

/// Finds the sentence that explains the rows best; `None` if none survives the beam.
pub fn search(probs: LogProbs, graph: &UnitGraph, wanted: Wanted) -> Option<Found> {
    if graph.is_empty() || probs.steps() == 0 {
        return None;
    }
    let mut walk = Walk::new(graph, wanted);
    let best = probs.best();
    for (t, &(_, free)) in best.iter().enumerate() {
        walk.step(probs.row(t), free, wanted.skip_price(t));
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
    /// The best score that was offered for the next row so far: what is [`BEAM`] below it is not remembered.
    best: f32,
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
            best: f32::NEG_INFINITY,
            tail: None,
        }
    }

    fn step(&mut self, row: &[f32], free: f32, skip_price: f32) {
        let cost = |unit: Unit| row.get(usize::from(unit)).copied().unwrap_or(f32::NEG_INFINITY) - free;
        let after = self.wanted.tail_price.min(-cost(BLANK));
        if let Some(tail) = &mut self.tail {
            tail.score -= after;
        }
        self.best = f32::NEG_INFINITY;
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
            self.enter(self.wanted.start, Token { score, history: 0, trace: NONE }, None, &cost);
            self.lead = Some(score + cost(BLANK).max(-skip_price));
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
                let priced = Token { score: token.score - SELDOM_PRICE, history: token.heard(arc.unit), ..token };
                let trace = self.trace(arc.unit, priced);
                self.enter(arc.to, Token { trace, ..priced }, sounding, cost);
                continue;
            }
            let score = token.score + cost(arc.unit);
            if self.is_hopeless(score) {
                continue;
            }
            let mut entered = Token { score, history: token.heard(arc.unit), ..token };
            if self.born.get(self.place[i * 2] as usize).is_none_or(|(_, t)| t.score < entered.score) {
                entered.trace = self.trace(arc.unit, entered);
            }
            self.offer(i * 2, entered);
        }
    }

    /// Remembers that `unit` begins in this row and what its token scores; `token.trace` is what was before it.
    fn trace(&mut self, unit: Unit, token: Token) -> u32 {
        self.traces.push(Trace { unit, row: self.row, score: token.score, before: token.trace });
        (self.traces.len() - 1) as u32
    }

    /// Whether a token of this score would be pruned anyway.
    fn is_hopeless(&self, score: f32) -> bool {
        score <= self.best - BEAM
    }

    fn offer(&mut self, slot: usize, token: Token) {
        if self.is_hopeless(token.score) {
            return;
        }
        let score = match self.born.get_mut(self.place[slot] as usize) {
            Some((_, there)) => {
                there.join(token);
                there.score
            }
            None => {
                self.place[slot] = self.born.len() as u32;
                self.born.push((slot as u32, token));
                token.score
            }
        };
        self.best = self.best.max(score);
    }

    fn prune(&mut self) {
        let mut born = std::mem::take(&mut self.born);
        for (slot, _) in &born {
            self.place[*slot as usize] = NONE;
        }
        let best = self.lead.map_or(self.best, |lead| lead.max(self.best));
        born.retain(|(_, t)| t.score > best - BEAM);
        if born.len() > TOKENS_MAX {
            born.select_nth_unstable_by(TOKENS_MAX, |a, b| b.1.score.total_cmp(&a.1.score));
            born.truncate(TOKENS_MAX);
        }
        if self.lead.is_some_and(|l| l < best - BEAM) {
            self.lead = None;
        }
        // What follows the best token is mostly the best: the sooner it is known, the more of the others are passed over.
        if let Some(first) = (0..born.len()).max_by(|&a, &b| born[a].1.score.total_cmp(&born[b].1.score)) {
            born.swap(0, first);
        }
        self.born = std::mem::replace(&mut self.alive, born);
        self.born.clear();
    }

    fn finish(self) -> Option<Found> {
        let ended =
            self.alive.iter().filter(|(slot, _)| self.graph.is_end(self.graph.arc(*slot as usize / 2).to)).map(|a| a.1);
        let best = ended.chain(self.tail).max_by(|a, b| a.score.total_cmp(&b.score))?;
        let mut heard = Vec::new();
        let mut at = best.trace;
        while at != NONE {
            heard.push(self.traces[at as usize]);
            at = heard[heard.len() - 1].before;
        }
        heard.reverse();
        // A price is no sound: what comes after it is as good as if it had not been paid.
        let mut paid = 0.0;
        let mut scores = Vec::new();
        for trace in &heard {
            if matches!(trace.unit, SELDOM | OPENER) {
                paid += SELDOM_PRICE;
            } else {
                scores.push(trace.score + paid);
            }
        }
        scores.push(best.score + paid);
        let stretch = STRETCH.min(scores.len() - 1);
        let worst = scores.windows(stretch + 1).map(|s| s[stretch] - s[0]).fold(0.0, f32::min);
        let margin = best.score / heard.len().max(1) as f32;
        let (path, begins) = heard.iter().map(|trace| (trace.unit, trace.row)).unzip();
        Some(Found { path, begins, margin, free: 0.0, worst })
    }
}

#[cfg(test)]
#[path = "ctc_search_tests.rs"]
mod tests;
