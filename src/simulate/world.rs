//! A made-up world for one auction, drawn from one seed: handlers of different skill and speed, what is really
//! meant, what goes wrong, and a clock that may jump. The same seed always makes the same world.

use std::time::Duration;

use crate::facts::bid::Risk;

/// Names of the handlers; as many as take part at the most.
pub const NAMES: [&str; 8] = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7"];
/// When every auction opens, on its own clock; late enough for a clock to jump back.
pub const OPENED: Duration = Duration::from_secs(100);
/// The window, in microseconds.
pub const WINDOW_US: u64 = 500_000;
/// The one deed that is meant; all others are wrong.
pub const RIGHT: u8 = 0;

/// Sebastiano Vigna's splitmix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for each `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`, which is not 0.
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Within `from..to`.
    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What a handler says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Said {
    /// It would do `deed`.
    Bid { confidence: f32, deed: u8 },
    /// Not its business.
    Decline,
    /// It crashed.
    Crash,
}

/// Something said at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// Microseconds of true time since the auction opened.
    pub at_us: u64,
    /// Index into [`NAMES`]; beyond the participants: a stranger.
    pub who: usize,
    /// What.
    pub said: Said,
}

/// One auction to be held.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// `confidence_max` of each participant.
    pub participants: Vec<f32>,
    /// By time; at one instant each handler speaks once at most.
    pub events: Vec<Event>,
    /// How bad a mistake would be.
    pub risk: Risk,
    /// Called by its wake word.
    pub called: Option<usize>,
    /// Pinned by the user.
    pub pinned: Option<usize>,
    /// From this moment of true time on (in microseconds) the clock is wrong by so many.
    pub jump: Option<(u64, i64)>,
    /// Between the verdict and the first attempt to act, in microseconds.
    pub act_after_us: u64,
}

impl World {
    /// The world of `seed`. Figures are guesses about a house: three of five handlers run inside the process,
    /// a quarter near by, the rest far away; calibration is off by a few percent; one in seven misbehaves.
    /// Skill and speed are independent of each other.
    pub fn draw(seed: u64) -> Self {
        let r = &mut Random::new(seed);
        let count = 2 + r.below(7) as usize;
        let difficulty = r.between(0.0, 1.0);
        let mut world = Self {
            participants: Vec::with_capacity(count),
            events: Vec::with_capacity(count + 4),
            risk: [
                Risk::Low,
                Risk::Low,
                Risk::Low,
                Risk::Low,
                Risk::Low,
                Risk::Low,
                Risk::Low,
                Risk::Medium,
                Risk::Medium,
                Risk::High,
            ][r.below(10) as usize],
            called: None,
            pinned: None,
            jump: None,
            act_after_us: 0,
        };
        for who in 0..count {
            world.join(who, difficulty, r);
        }
        world.called = r.one_in(8).then(|| r.below(count as u64) as usize);
        world.pinned = r.one_in(16).then(|| r.below(count as u64) as usize);
        if r.one_in(20) {
            let by = [-60_000_000, -200_000, -1, 1, 200_000, 10_000_000][r.below(6) as usize];
            world.jump = Some((r.below(WINDOW_US), by));
        }
        world.act_after_us = if r.one_in(4) { r.below(4_000_000) } else { r.below(2_000) };
        world.events.sort_by_key(|e| (e.at_us, e.who));
        world.events.dedup_by_key(|e| (e.at_us, e.who));
        world
    }

    /// Whether the figures of a policy count this one: neither a pin nor a name decided it.
    pub fn is_plain(&self) -> bool {
        self.called.is_none() && self.pinned.is_none()
    }

    /// What the clock shows at `true_us`.
    pub fn now(&self, true_us: u64) -> Duration {
        let us = OPENED.as_micros() as i64 + true_us as i64;
        let wrong = self.jump.filter(|(from, _)| true_us >= *from).map_or(0, |(_, by)| by);
        Duration::from_micros(us.saturating_add(wrong).max(0) as u64)
    }

    fn join(&mut self, who: usize, difficulty: f64, r: &mut Random) {
        let confidence_max = r.between(0.85, 1.0) as f32;
        self.participants.push(confidence_max);
        let sure = r.between(0.6, 0.99) * (1.0 - 0.4 * difficulty * difficulty);
        let deed = if r.between(0.0, 1.0) < sure { RIGHT } else { 1 + r.below(3) as u8 };
        let calibration = r.between(-0.08, 0.08) + r.between(-0.05, 0.05);
        let confidence = ((sure + calibration) as f32).clamp(0.0, confidence_max);
        let at_us = match r.below(20) {
            0..=11 => 50 + r.below(3_000),
            12..=16 => 5_000 + r.below(55_000),
            _ => 80_000 + r.below(620_000),
        };
        let said = if r.one_in(8) { Said::Decline } else { Said::Bid { confidence, deed } };
        if r.one_in(7) {
            self.misbehave(who, at_us, confidence, r)
        } else {
            self.events.push(Event { at_us, who, said })
        }
    }

    fn misbehave(&mut self, who: usize, at_us: u64, confidence: f32, r: &mut Random) {
        let mut say = |at_us, who, said| self.events.push(Event { at_us, who, said });
        let wrong = 1 + r.below(3) as u8;
        let bid = |confidence, deed| Said::Bid { confidence, deed };
        match r.below(9) {
            // Late, by up to two seconds.
            0 => say(WINDOW_US + 1 + r.below(2_000_000), who, bid(0.84, wrong)),
            // Twice, the second time better.
            1 => {
                say(at_us, who, bid(confidence, RIGHT));
                say(at_us + 1 + r.below(1_000_000), who, bid(0.85, wrong));
            }
            // Sure of the opposite.
            2 => say(at_us, who, bid(0.85, wrong)),
            // Silent.
            3 => {}
            4 => say(at_us, who, Said::Crash),
            5 => say(at_us, who, bid([f32::NAN, f32::INFINITY, -1.0, 1e30][r.below(4) as usize], wrong)),
            // A flood, under its own name and under others'.
            6 => (0..20).for_each(|i| say(at_us + i * 7, who, bid(confidence, wrong))),
            7 => (0..20).for_each(|i| say(at_us + i * 7, NAMES.len() + i as usize, bid(0.99, wrong))),
            // Surer than it declared it could be.
            _ => say(at_us, who, bid(1.0, wrong)),
        }
    }
}
