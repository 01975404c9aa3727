//! How each handler has done lately: how fast it answers, and how many of its actions were confirmed.
//!
//! Pure, and bounded in memory. What is old counts less with every new observation, so that a handler which has
//! changed is soon seen as it is now. It is learnt anew in every run: a restart is often the repair.

use std::collections::BTreeMap;
use std::time::Duration;

/// What an observation still counts after each further one: the last fifty make up two thirds.
const DECAY: f64 = 0.98;
/// Confirmed actions that everyone is credited with at the start: one failure in ten is then no verdict.
const CREDIT: f64 = 10.0;
/// Upper edges of the bins are 2^(i/4) times this: 20 microseconds to 5 seconds, each 19 percent above the last.
const BIN_MIN: Duration = Duration::from_micros(20);
const BINS: usize = 72;
/// Of answers, for which a percentile says something.
const ANSWERS_MIN: f64 = 3.0;

/// How one handler has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    latency: [f64; BINS],
    confirmed: f64,
    unconfirmed: f64,
}

impl Default for Track {
    fn default() -> Self {
        Self { latency: [0.0; BINS], confirmed: 0.0, unconfirmed: 0.0 }
    }
}

impl Track {
    /// It answered after `took`; or had not answered after `took`, when nobody waited any more.
    pub fn answered(&mut self, took: Duration) {
        let steps = (took.as_secs_f64() / BIN_MIN.as_secs_f64()).max(1.0).log2() * 4.0;
        self.latency.iter_mut().for_each(|bin| *bin *= DECAY);
        // The ceiling: an edge is never below what it stands for.
        self.latency[(steps.ceil() as usize).min(BINS - 1)] += 1.0;
    }

    /// An action of its was confirmed by the thing itself, or was not although it could have been.
    pub fn acted(&mut self, confirmed: bool) {
        self.confirmed *= DECAY;
        self.unconfirmed *= DECAY;
        *(if confirmed { &mut self.confirmed } else { &mut self.unconfirmed }) += 1.0;
    }

    /// Within this time it mostly answers: the 95th percentile, at most 19 percent too high. `None` while it has
    /// hardly been asked.
    pub fn p95(&self) -> Option<Duration> {
        let all: f64 = self.latency.iter().sum();
        let mut seen = 0.0;
        let bin = self.latency.iter().position(|bin| {
            seen += bin;
            seen >= 0.95 * all
        })?;
        (all >= ANSWERS_MIN * DECAY * DECAY).then(|| BIN_MIN.mul_f64(2f64.powf(bin as f64 / 4.0)))
    }

    /// Share of its actions that were confirmed, 0..=1, drawn towards 1 while few are known.
    pub fn success(&self) -> f64 {
        (self.confirmed + CREDIT) / (self.confirmed + self.unconfirmed + CREDIT)
    }

    /// Whether any action of its is known to have been confirmed or not.
    pub fn has_acted(&self) -> bool {
        self.confirmed + self.unconfirmed > 0.0
    }
}

/// All handlers, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tracker {
    tracks: BTreeMap<String, Track>,
}

impl Tracker {
    /// How `handler` has done; `None` if nothing is known of it.
    pub fn of(&self, handler: &str) -> Option<&Track> {
        self.tracks.get(handler)
    }

    /// To note how `handler` does. Only those who were asked may be named: their number bounds the memory.
    pub fn of_mut(&mut self, handler: &str) -> &mut Track {
        self.tracks.entry(handler.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(t: u64) -> Duration {
        Duration::from_millis(t)
    }

    #[test]
    fn a_percentile_needs_answers_and_follows_them() {
        let mut t = Track::default();
        assert_eq!(t.p95(), None);
        t.answered(ms(10));
        t.answered(ms(10));
        assert_eq!(t.p95(), None);
        (0..200).for_each(|i| t.answered(if i % 10 == 0 { ms(200) } else { ms(10) }));
        let p95 = t.p95().expect("enough");
        assert!((ms(200)..ms(240)).contains(&p95), "one in ten takes 200 ms: {p95:?}");
        // It has become fast: the slow past is soon forgotten.
        (0..40).for_each(|_| t.answered(ms(10)));
        let p95 = t.p95().expect("enough");
        assert!((ms(10)..ms(12)).contains(&p95) || p95 >= ms(200), "{p95:?}");
        (0..100).for_each(|_| t.answered(ms(10)));
        assert!(t.p95().is_some_and(|p| (ms(10)..ms(12)).contains(&p)), "{:?}", t.p95());
    }

    #[test]
    fn extreme_times_stay_within_the_bins() {
        for took in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let mut t = Track::default();
            (0..5).for_each(|_| t.answered(took));
            assert!(t.p95().is_some(), "{took:?}");
        }
    }

    #[test]
    fn success_decays_and_one_failure_is_no_verdict() {
        let mut t = Track::default();
        assert!((t.success() - 1.0).abs() < 1e-12 && !t.has_acted());
        t.acted(false);
        assert!(t.success() > 0.9);
        (0..200).for_each(|_| t.acted(false));
        let worst = t.success();
        assert!((0.15..0.2).contains(&worst), "{worst}");
        (0..100).for_each(|_| t.acted(true));
        assert!(t.success() > 0.8, "{}", t.success());
        (0..1000).for_each(|i| t.acted(i % 5 != 0));
        assert!((t.success() - 0.83).abs() < 0.05, "{}", t.success());
    }
}
