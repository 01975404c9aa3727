//! Utterance -> transcript -> hypotheses.
//!
//! The path of a sound: `stt` (the trait) -> `ctc` (acoustic model) -> `ctc_search` over the `unit_graph` that
//! `speakable` and `units` make of the grammars, with `calls` for what wakes; or `whisper`, behind the same calls
//! (`addressed`).
//!
//! The path of a text: `normalise` -> `automaton` (templates of one language, compiled by `grammar` and
//! `compile`), run by `matcher` -> `meaning` (scores, confidences), with `breath` and `clauses` for several
//! commands in one sentence, and `classifier` with `resolve` and `tagged` where no template matches; `guard` knows the
//! words that rule a reading out. `explain` goes
//! the same way and says what it saw; `sentence_tests` hold it to examples.

pub mod addressed;
pub mod automaton;
mod breath;
pub mod calls;
pub mod classifier;
mod clauses;
mod compile;
pub mod ctc;
pub mod ctc_search;
pub mod enroll;
pub mod explain;
mod ggml;
pub mod grammar;
mod guard;
pub mod matcher;
pub mod meaning;
mod mended;
pub mod normalise;
pub mod numbers;
pub mod pronounce;
mod resolve;
pub mod sentence_tests;
pub mod sentences;
mod sound;
mod speakable;
pub mod stt;
mod tagged;
pub mod template;
pub mod token_grammar;
mod token_search;
pub mod unit_graph;
pub mod units;
pub mod whisper;
pub mod word_graph;
mod written;

pub use automaton::Said;
pub use grammar::embedded_grammars;
pub use meaning::Understanding;
pub use sentences::load_sentences;
