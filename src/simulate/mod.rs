//! Millions of made-up auctions over the pure arbiter and the fence, in virtual time: does an invariant ever
//! break, and which policy picks the right winner how often and how fast?
//!
//! `world` draws one auction from a seed, `play` holds it and checks it; here the results are added up. Nothing
//! here reads a clock: the same seed always gives the same figures.

mod play;
mod world;

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use serde_json::{Value, json};

use self::play::{Played, play};
use self::world::{NAMES, WINDOW_US, World};
use crate::decide::rules::{Policy, Rules};
use crate::facts::bid::VerdictKind;

/// Resolution of the percentiles.
const BIN_US: u64 = 100;
/// So many broken invariants are told; more say the same.
const TOLD_MAX: usize = 20;

/// What to simulate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many auctions, for each policy.
    pub auctions: u64,
    /// Auction `i` has the seed `seed + i`.
    pub seed: u64,
    /// Under which policies.
    pub policies: Vec<Policy>,
    /// On how many threads; does not change the figures.
    pub threads: usize,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What should have held.
    pub invariant: String,
    /// `tiebreak simulate --seed SEED --auctions 1` shows it again.
    pub seed: u64,
    /// Under which policy.
    pub policy: Policy,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was simulated.
    pub plan: Plan,
    /// How many invariants were broken.
    pub violation_count: u64,
    /// The first of them, by seed.
    pub violations: Vec<Violation>,
    /// Figures of each policy, in the plan's order.
    pub tallies: Vec<(Policy, Tally)>,
}

/// Figures of one policy. The shares are over the auctions that neither a pin nor a wake word decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    awards: u64,
    asks: u64,
    nones: u64,
    early: u64,
    plain: u64,
    plain_awards: u64,
    wrong: u64,
    /// Wrong, although a right bid was there.
    avoidable: u64,
    /// Not awarded, although a right bid was there.
    missed: u64,
    /// No right bid was there, so that nobody could have chosen well.
    impossible: u64,
    took: BTreeMap<u64, u64>,
}

/// The rules that are simulated: the defaults, and a wake word for each handler.
pub(crate) fn rules(policy: Policy) -> Rules {
    let wake_words = NAMES.map(|n| (n.to_owned(), n.to_owned())).into();
    Rules { policy, wake_words, ..Rules::default() }
}

/// Runs `plan`.
pub fn run(plan: &Plan) -> Report {
    let threads = plan.threads.clamp(1, 64) as u64;
    let parts: Vec<Part> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|t| scope.spawn(move || part(plan, t, threads))).collect();
        // What panics inside an auction is caught there and told as a violation.
        workers.into_iter().filter_map(|w| w.join().ok()).collect()
    });
    let mut report = Report { plan: plan.clone(), violation_count: 0, violations: Vec::new(), tallies: Vec::new() };
    report.tallies = plan.policies.iter().map(|p| (*p, Tally::default())).collect();
    for part in parts {
        report.violation_count += part.violation_count;
        report.violations.extend(part.violations);
        for ((_, sum), tally) in report.tallies.iter_mut().zip(part.tallies) {
            sum.merge(tally);
        }
    }
    report.violations.sort_by_key(|v| v.seed.wrapping_sub(plan.seed));
    report.violations.truncate(TOLD_MAX);
    report
}

struct Part {
    violation_count: u64,
    violations: Vec<Violation>,
    tallies: Vec<Tally>,
}

/// Every `step`th auction from number `first` on.
fn part(plan: &Plan, first: u64, step: u64) -> Part {
    let rules: Vec<Rules> = plan.policies.iter().map(|p| rules(*p)).collect();
    let mut part =
        Part { violation_count: 0, violations: Vec::new(), tallies: vec![Tally::default(); plan.policies.len()] };
    let mut i = first;
    while i < plan.auctions {
        let seed = plan.seed.wrapping_add(i);
        let world = World::draw(seed);
        for ((rules, tally), policy) in rules.iter().zip(&mut part.tallies).zip(&plan.policies) {
            let broken: Vec<String> = match catch_unwind(|| play(&world, rules)) {
                Ok(played) => {
                    tally.add(&world, &played);
                    played.broken.into_iter().map(str::to_owned).collect()
                }
                Err(_) => vec!["it never panics".to_owned()],
            };
            part.violation_count += broken.len() as u64;
            let room = TOLD_MAX.saturating_sub(part.violations.len());
            let told = broken.into_iter().take(room);
            part.violations.extend(told.map(|invariant| Violation { invariant, seed, policy: *policy }));
        }
        i += step;
    }
    part
}

impl Tally {
    fn add(&mut self, world: &World, p: &Played) {
        match p.kind {
            VerdictKind::Award => self.awards += 1,
            VerdictKind::Ask => self.asks += 1,
            VerdictKind::None => self.nones += 1,
        }
        self.early += u64::from(p.early);
        // No window is longer, so the number of bins is bounded.
        *self.took.entry(p.took_us.min(WINDOW_US).div_ceil(BIN_US)).or_default() += 1;
        if !world.is_plain() {
            return;
        }
        self.plain += 1;
        self.impossible += u64::from(!p.possible);
        match p.right {
            Some(right) => {
                self.plain_awards += 1;
                self.wrong += u64::from(!right);
                self.avoidable += u64::from(!right && p.possible);
            }
            None => self.missed += u64::from(p.possible),
        }
    }

    fn merge(&mut self, other: Self) {
        let pairs = [
            (&mut self.awards, other.awards),
            (&mut self.asks, other.asks),
            (&mut self.nones, other.nones),
            (&mut self.early, other.early),
            (&mut self.plain, other.plain),
            (&mut self.plain_awards, other.plain_awards),
            (&mut self.wrong, other.wrong),
            (&mut self.avoidable, other.avoidable),
            (&mut self.missed, other.missed),
            (&mut self.impossible, other.impossible),
        ];
        pairs.into_iter().for_each(|(sum, more)| *sum += more);
        for (bin, count) in other.took {
            *self.took.entry(bin).or_default() += count;
        }
    }

    fn total(&self) -> u64 {
        self.awards + self.asks + self.nones
    }

    /// The time that `share` (0..=1) of the decisions took at the most, in milliseconds.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let wanted = (self.total() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let bin = self.took.iter().find(|(_, count)| {
            seen += **count;
            seen >= wanted
        });
        bin.map_or(0.0, |(bin, _)| (bin * BIN_US) as f64 / 1000.0)
    }

    /// Wrong winners among the awards, 0..=1.
    pub fn wrong_winner_rate(&self) -> f64 {
        share(self.wrong, self.plain_awards)
    }

    /// Wrong winners among the awards where one who knows the truth would have chosen rightly, 0..=1.
    pub fn avoidable_rate(&self) -> f64 {
        share(self.avoidable, self.plain_awards)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Report {
    /// One JSON object.
    pub fn json(&self) -> Value {
        let policies: Vec<Value> = self
            .tallies
            .iter()
            .map(|(policy, t)| {
                json!({
                    "policy": policy.name(),
                    "outcomes": { "award": t.awards, "ask": t.asks, "none": t.nones },
                    "closed_early": share(t.early, t.total()),
                    "decision_ms": { "p50": t.percentile_ms(0.5), "p95": t.percentile_ms(0.95), "p99": t.percentile_ms(0.99), "max": t.percentile_ms(1.0) },
                    "wrong_winner_rate": t.wrong_winner_rate(),
                    "avoidable_rate": t.avoidable_rate(),
                    "missed_rate": share(t.missed, t.plain),
                    "oracle": { "no_right_bid_rate": share(t.impossible, t.plain), "auctions": t.plain },
                })
            })
            .collect();
        let violations: Vec<Value> = self
            .violations
            .iter()
            .map(|v| json!({ "invariant": v.invariant, "seed": v.seed, "policy": v.policy.name() }))
            .collect();
        json!({ "auctions": self.plan.auctions, "seed": self.plan.seed, "violation_count": self.violation_count, "violations": violations, "policies": policies })
    }

    /// A Markdown table, and what broke.
    pub fn text(&self) -> String {
        let mut out = format!("{} auctions for each policy, seeds from {}\n\n", self.plan.auctions, self.plan.seed);
        out += "| policy | award / ask / none | closed early | p50 | p95 | p99 | wrong winner | of these avoidable | missed |\n";
        out += "|---|---|---|---|---|---|---|---|---|\n";
        let percent = |x: f64| format!("{:.1} %", x * 100.0);
        for (policy, t) in &self.tallies {
            let of_all = |n| format!("{:.1}", share(n, t.total()) * 100.0);
            out += &format!(
                "| {} | {} / {} / {} % | {} | {:.1} ms | {:.1} ms | {:.1} ms | {} | {} | {} |\n",
                policy.name(),
                of_all(t.awards),
                of_all(t.asks),
                of_all(t.nones),
                percent(share(t.early, t.total())),
                t.percentile_ms(0.5),
                t.percentile_ms(0.95),
                t.percentile_ms(0.99),
                percent(t.wrong_winner_rate()),
                percent(t.avoidable_rate()),
                percent(share(t.missed, t.plain)),
            );
        }
        if let Some((_, t)) = self.tallies.first() {
            out += &format!(
                "\nIn {} of the auctions nobody offered what was meant.\n",
                percent(share(t.impossible, t.plain))
            );
        }
        out += &match self.violation_count {
            0 => "No invariant was broken.\n".to_owned(),
            n => format!("{n} times an invariant was BROKEN:\n"),
        };
        for v in &self.violations {
            let (policy, seed) = (v.policy.name(), v.seed);
            out += &format!("  {}: tiebreak simulate --policy {policy} --seed {seed} --auctions 1\n", v.invariant);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(auctions: u64, threads: usize) -> Plan {
        Plan { auctions, seed: 7, policies: Policy::ALL.to_vec(), threads }
    }

    #[test]
    fn no_invariant_breaks_and_the_figures_do_not_depend_on_the_threads() {
        let one = run(&plan(20_000, 1));
        assert_eq!(one.violations, []);
        assert_eq!(Report { plan: plan(20_000, 1), ..run(&plan(20_000, 3)) }, one);
        for (policy, tally) in &one.tallies {
            assert_eq!(tally.total(), 20_000);
            assert!(tally.awards > 10_000 && tally.asks > 0 && tally.nones > 0, "{policy:?}: {tally:?}");
            assert!(tally.percentile_ms(1.0) <= 500.0);
            assert!(tally.avoidable <= tally.wrong && tally.wrong < tally.plain_awards);
        }
        assert_eq!(one.json()["violation_count"], 0);
    }
}
