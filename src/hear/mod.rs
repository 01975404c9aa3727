//! Sound -> utterance.
