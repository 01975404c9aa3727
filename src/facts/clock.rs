//! How stages learn the time: through this trait, so that tests and the simulator can decide what time it is.

use std::time::Duration;

/// A monotonic clock whose zero is the moment the stream (or the program) began.
pub trait Clock: Send + Sync {
    /// Time since the clock's zero; never goes back.
    fn now(&self) -> Duration;
}
