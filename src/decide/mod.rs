//! Hypotheses -> bids -> one verdict.
//!
//! `handler` says what may bid, and `inside` asks it, on a thread of its own if it may wait. `siri` and `tmall` bid, with
//! `operations` and `targets` to read what is asked and of which things, `requests` for what lies beyond the house, and
//! `naming` for the names that a Genie knows. `remote` knows the handlers outside the process, `llm` is the one of last
//! resort, `arbiter` decides by the `rules`, `track` knows how everyone did before, `auction` runs one round of it in
//! real time.

pub mod arbiter;
#[cfg(test)]
mod arbiter_tests;
pub mod auction;
#[cfg(test)]
mod auction_tests;
pub mod handler;
#[cfg(test)]
mod handler_tests;
mod inside;
pub mod llm;
pub mod naming;
pub mod operations;
pub mod remote;
mod requests;
pub mod rules;
pub mod siri;
pub mod targets;
pub mod tmall;
pub mod track;
