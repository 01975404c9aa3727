//! Utterance -> transcript -> hypotheses.
