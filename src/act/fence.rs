//! The fence: each decision acts once, in time, or not at all.
//!
//! Whatever reaches the world must show a [`Pass`], and only the fence gives one out: once per decision id and
//! never after the decision has expired. A late, repeated or losing answer has no pass and cannot act.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// How many decisions may be valid at the same time. One household speaks one sentence at a time; what comes
/// faster than this is a fault, and is refused.
pub const OPEN_MAX: usize = 256;

/// How long a decision may wait to be carried out. After two seconds people have walked to the switch.
pub const VALID: Duration = Duration::from_secs(2);

/// The licence to act on one decision, once: it cannot be copied and is used up by publishing.
#[derive(Debug, PartialEq, Eq)]
pub struct Pass {
    id: String,
    expires: Duration,
}

impl Pass {
    /// The decision's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// On the stream's clock.
    pub fn expires(&self) -> Duration {
        self.expires
    }
}

/// Why a decision may not act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It has acted already.
    Repeated,
    /// It came this much too late.
    Expired(Duration),
    /// Too many decisions at once.
    Flooded,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated => f.write_str("this decision has acted already"),
            Self::Expired(by) => write!(f, "the decision expired {} ms ago", by.as_millis()),
            Self::Flooded => write!(f, "more than {OPEN_MAX} decisions at once"),
        }
    }
}

impl std::error::Error for Refusal {}

/// The one gate.
#[derive(Debug)]
pub struct Fence {
    valid: Duration,
    /// Ids that have passed and could still pass by time; what has expired needs no memory.
    passed: VecDeque<(String, Duration)>,
}

impl Default for Fence {
    fn default() -> Self {
        Self::new(VALID)
    }
}

impl Fence {
    /// A fence behind which a decision stays valid for `valid` after it was made.
    pub fn new(valid: Duration) -> Self {
        Self { valid, passed: VecDeque::new() }
    }

    /// How long a decision stays valid.
    pub fn valid(&self) -> Duration {
        self.valid
    }

    /// Asks to act at `now` on decision `id`, made at `decided` (both on the stream's clock; a `decided` in the
    /// future counts as made just now).
    ///
    /// # Errors
    /// It has acted before, it has expired, or too many are open at once.
    pub fn admit(&mut self, id: &str, decided: Duration, now: Duration) -> Result<Pass, Refusal> {
        let decided = decided.min(now);
        let expires = decided.saturating_add(self.valid);
        // An id is forgotten only when showing it again with the same decision time would be too late anyway.
        self.passed.retain(|(_, e)| *e >= now);
        if self.passed.iter().any(|(passed, _)| passed == id) {
            return Err(Refusal::Repeated);
        }
        if now > expires {
            return Err(Refusal::Expired(now - expires));
        }
        if self.passed.len() >= OPEN_MAX {
            return Err(Refusal::Flooded);
        }
        // Remembered from now on, not from the decision: a caller that lies about when it was made gains
        // nothing within the validity.
        self.passed.push_back((id.to_owned(), now.saturating_add(self.valid)));
        Ok(Pass { id: id.to_owned(), expires })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(t: u64) -> Duration {
        Duration::from_millis(t)
    }

    #[test]
    fn once_and_in_time() {
        let mut fence = Fence::new(ms(2000));
        assert_eq!(fence.admit("a", ms(100), ms(110)).map(|p| p.expires()), Ok(ms(2100)));
        assert_eq!(fence.admit("a", ms(100), ms(120)), Err(Refusal::Repeated));
        assert_eq!(fence.admit("a", ms(119), ms(120)), Err(Refusal::Repeated), "not even when dated anew");
        assert!(fence.admit("b", ms(100), ms(2100)).is_ok(), "the last instant counts");
        assert_eq!(fence.admit("c", ms(100), ms(2101)), Err(Refusal::Expired(ms(1))));
        assert_eq!(fence.admit("a", ms(100), ms(9999)), Err(Refusal::Expired(ms(7899))), "forgotten, and too late");
    }

    #[test]
    fn memory_is_bounded_and_a_flood_lets_nothing_slip() {
        let mut fence = Fence::new(ms(2000));
        let admitted = (0..100_000).filter(|i| fence.admit(&format!("{}", i % 1000), ms(5), ms(10)).is_ok()).count();
        assert_eq!(admitted, OPEN_MAX);
        assert_eq!(fence.admit("1000", ms(5), ms(10)), Err(Refusal::Flooded));
        assert!(fence.admit("1000", ms(2100), ms(2100)).is_ok(), "once the others have expired there is room");
        assert_eq!(fence.passed.len(), 1);
    }

    #[test]
    fn a_clock_that_jumps_back_harms_nothing() {
        let mut fence = Fence::new(ms(2000));
        assert!(fence.admit("a", ms(5000), ms(5000)).is_ok());
        assert_eq!(fence.admit("a", ms(5000), ms(10)), Err(Refusal::Repeated));
        assert!(fence.admit("b", ms(5000), ms(10)).is_ok_and(|p| p.expires() == ms(2010)));
    }
}
