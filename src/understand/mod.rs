//! Utterance -> transcript -> hypotheses.
//!
//! The path of a text: `normalise` -> `automaton` (templates of one language, compiled by `grammar` and
//! `compile`), run by `matcher` -> `meaning` (scores, confidences), and `classifier` with `resolve` where no template matches.

pub mod automaton;
pub mod classifier;
mod compile;
pub mod ctc_search;
pub mod grammar;
pub mod matcher;
pub mod meaning;
pub mod normalise;
pub mod numbers;
mod resolve;
pub mod sentences;
mod sound;
mod speakable;
pub mod template;
pub mod unit_graph;
pub mod units;
pub mod word_graph;
