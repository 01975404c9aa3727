//! How many tokens a language model may be sent: a token bucket, so that a chatty evening, or a fault, cannot run
//! up a bill or keep a graphics card busy. Pure: time comes in as an argument.

use std::time::Duration;

/// What one answer may claim to have cost; more is no figure but a fault of the server.
const REPORTED_MAX: u64 = 1_000_000;

/// A bucket that holds what may be spent within a minute, and fills up steadily.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    tokens_per_minute: f64,
    left: f64,
    filled: Duration,
}

impl Budget {
    /// A full bucket at time zero.
    pub fn new(tokens_per_minute: u32) -> Self {
        let tokens_per_minute = f64::from(tokens_per_minute);
        Self { tokens_per_minute, left: tokens_per_minute, filled: Duration::ZERO }
    }

    /// Takes `tokens` out at `now`, if they are there.
    ///
    /// # Errors
    /// How long until there is enough; `None` if there never is.
    pub fn take(&mut self, tokens: u32, now: Duration) -> Result<(), Option<Duration>> {
        let tokens = f64::from(tokens);
        // A clock that jumps back fills nothing.
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        self.left = (self.left + passed / 60.0 * self.tokens_per_minute).min(self.tokens_per_minute);
        self.filled = self.filled.max(now);
        if tokens > self.tokens_per_minute {
            return Err(None);
        }
        if tokens > self.left {
            return Err(Some(Duration::from_secs_f64((tokens - self.left) / self.tokens_per_minute * 60.0)));
        }
        self.left -= tokens;
        Ok(())
    }

    /// An exchange for which `taken` was set aside cost `reported` tokens, as the server says: the difference is
    /// put back, or owed.
    pub fn settle(&mut self, taken: u32, reported: u64) {
        if (1..=REPORTED_MAX).contains(&reported) {
            self.left = (self.left + f64::from(taken) - reported as f64).min(self.tokens_per_minute);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_tokens_and_no_more() {
        let s = Duration::from_secs;
        let mut budget = Budget::new(1000);
        assert_eq!(budget.take(600, s(100)), Ok(()));
        assert_eq!(budget.take(600, s(100)), Err(Some(s(12))), "200 are missing, which takes a fifth of a minute");
        assert_eq!(budget.take(600, s(112)), Ok(()));
        assert_eq!(budget.take(1001, s(1000)), Err(None));
        assert_eq!(budget.take(1000, s(1000)), Ok(()), "it never holds more than a minute's worth");
        assert!(budget.take(1, s(10)).is_err(), "a clock that jumps back fills nothing");
        // Cheaper than thought: the rest comes back. Nonsense does not.
        budget.settle(1000, 900);
        assert_eq!(budget.take(100, s(1000)), Ok(()));
        budget.settle(1000, 0);
        budget.settle(1000, u64::MAX);
        assert!(budget.take(10, s(1000)).is_err());
        // Dearer than thought: it is owed.
        budget.settle(0, 500);
        assert!(budget.take(10, s(1020)).is_err());
        assert_eq!(budget.take(10, s(1040)), Ok(()));
    }
}
