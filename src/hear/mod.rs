//! Sound -> utterance.
//!
//! Reading order: a recording ([`wav`]) or the microphone -> [`resample`] to 16 kHz mono -> ...
//!
//! Nothing here knows what was said or what it means; it only finds where somebody speaks to the house.

pub mod resample;
pub mod wav;
