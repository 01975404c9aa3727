//! Utterance -> transcript -> hypotheses.

pub mod ctc_search;
pub mod unit_graph;
pub mod units;
pub mod word_graph;
