//! From wall time to the timeline of one stream.

use std::time::{Duration, Instant};

use crate::facts::clock::Clock;
use crate::receipt::round;

/// The wall clock of a running program; its zero is the moment it was made.
#[derive(Debug, Clone, Copy)]
pub struct WallClock(Instant);

impl WallClock {
    /// Starts at zero.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for WallClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Where the stream's time zero lies on the wall clock.
///
/// A live or paced stream began at one moment; a recording that is replayed as fast as possible has no such
/// moment: its audio time is then pinned to the wall clock where the endpoint was found, so that every later
/// stamp counts what the stages really took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stamps {
    zero_ms: f64,
}

impl Stamps {
    /// The stream began at `zero` on the wall clock.
    pub fn since(zero: Duration) -> Self {
        Self { zero_ms: ms(zero) }
    }

    /// The wall clock shows `now` while the stream is at `stream_ms`.
    pub fn pinned(now: Duration, stream_ms: f64) -> Self {
        Self { zero_ms: ms(now) - stream_ms }
    }

    /// Milliseconds of the stream when the wall clock shows `now`.
    pub fn at(&self, now: Duration) -> f64 {
        round(ms(now) - self.zero_ms)
    }

    /// The wall clock's time when the stream is at `stream_ms`; zero for a time before the clock began.
    pub fn wall(&self, stream_ms: f64) -> Duration {
        Duration::from_secs_f64(((self.zero_ms + stream_ms) / 1000.0).max(0.0))
    }
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_and_paced_streams_count_alike() {
        let paced = Stamps::since(Duration::from_millis(1000));
        let pinned = Stamps::pinned(Duration::from_millis(3000), 2000.0);
        assert_eq!(paced, pinned);
        assert_eq!(paced.at(Duration::from_millis(3050)), 2050.0);
        assert_eq!(paced.wall(2050.0), Duration::from_millis(3050));
    }
}
