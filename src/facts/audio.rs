//! Positions on the audio clock. Every stage after the resampler sees 16 kHz mono `f32` in -1..=1.

use std::ops::{Add, Sub};
use std::time::Duration;

/// What every model here was trained on, in Hz.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// A position on the audio clock: samples at 16 kHz since the stream began.
///
/// Audio time and wall time are different things: a replayed file runs through its audio time as fast as
/// the models allow, and an endpoint is found at the same `SampleIndex` however fast that is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleIndex(pub u64);

impl SampleIndex {
    /// The position `at` after the start of the stream; a fraction of a sample is dropped.
    pub fn from_duration(at: Duration) -> Self {
        Self((at.as_secs_f64() * f64::from(SAMPLE_RATE_HZ)) as u64)
    }

    /// Time since the start of the stream.
    pub fn as_duration(self) -> Duration {
        Duration::from_secs_f64(self.0 as f64 / f64::from(SAMPLE_RATE_HZ))
    }

    /// Milliseconds since the start of the stream.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 * 1000.0 / f64::from(SAMPLE_RATE_HZ)
    }
}

impl Add<u64> for SampleIndex {
    type Output = Self;
    fn add(self, samples: u64) -> Self {
        Self(self.0 + samples)
    }
}

/// Saturates at the start of the stream.
impl Sub<u64> for SampleIndex {
    type Output = Self;
    fn sub(self, samples: u64) -> Self {
        Self(self.0.saturating_sub(samples))
    }
}

/// How many samples at 16 kHz last `ms` milliseconds.
pub const fn samples_in_ms(ms: u64) -> u64 {
    ms * SAMPLE_RATE_HZ as u64 / 1000
}
