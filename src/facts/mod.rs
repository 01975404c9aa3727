//! Ground: the plain data that every stage speaks.
//!
//! Nothing here does I/O, starts a thread, logs or reads a clock; the other folders meet only here.

pub mod audio;
pub mod bid;
pub mod clock;
pub mod dereverb;
pub mod error;
pub mod home;
pub mod intent;
pub mod mel;
pub mod mqtt;
pub mod utterance;
