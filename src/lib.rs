//! Tiebreak: several assistants bid for one sentence, one of them acts.
//!
//! # The path of one utterance
//! microphone or recording -> 16 kHz mono -> wake word and voice activity -> endpoint (an utterance is born)
//! -> transcript -> hypotheses (intent and slots) -> bids from every handler -> one verdict -> one command
//! -> MQTT. Every arrow leaves one stamp in the timeline; the timeline, the bids and the verdict together
//! are the [`receipt::Receipt`].
//!
//! # Reading order
//! Imports go down only: `facts` <- `receipt`, `onnx`, `models` <- `hear`, `understand`, `decide` <- `act` <-
//! `config`, `simulate`, `calibrate` <- `engine` <- `cli` <- `main`. The three middle folders never import each
//! other (tests/imports.rs checks it).

pub mod facts;

pub mod receipt;

pub mod onnx;

pub mod models;

pub mod hear;

pub mod understand;

pub mod decide;

pub mod act;

pub mod simulate;

pub mod calibrate;

pub mod config;

pub mod engine;

pub mod cli;
