//! Sound -> utterance.
//!
//! Reading order: a recording ([`wav`]) or the microphone ([`mic`]) -> [`resample`] to 16 kHz mono -> [`listener`], which joins
//! [`wake`] (wake words), [`vad`] (is this speech?) and [`endpointer`] (has the speaker finished?).
//!
//! Nothing here knows what was said or what it means; it only finds where somebody speaks to the house.

pub mod endpointer;
pub mod listener;
pub mod mic;
pub mod resample;
pub mod vad;
pub mod wake;
pub mod wav;
