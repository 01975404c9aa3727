//! Utterance -> transcript -> hypotheses.
//!
//! The path of a text: `normalise` -> `automaton` (templates of one language, compiled by `grammar` and
//! `compile`) -> `meaning` (scores, confidences), and `classifier` with `resolve` where no template matches.

pub mod normalise;
pub mod numbers;
pub mod sentences;
pub mod template;
