//! Tiebreak: several assistants bid for one sentence, one of them acts.
//!
//! # The path of one utterance
//! microphone or recording -> 16 kHz mono -> wake word and voice activity -> endpoint (an utterance is born)
//! -> transcript -> hypotheses (intent and slots) -> bids from every handler -> one verdict -> one command
//! -> MQTT. Every arrow leaves one stamp in the timeline; the timeline, the bids and the verdict together
//! are the [`receipt::Receipt`].
//!
//! # Reading order
//! Imports go down only: `facts` <- `http`, `text` <- `receipt`, `onnx`, `models` <- `hear`, `understand`, `decide`, `calibrate`
//! <- `act` <- `config`, `simulate` <- `engine` <- `cli` <- `main`. The middle folders never import each other
//! (tests/imports.rs checks it).

pub mod facts;

pub mod http;

pub mod text;

pub mod receipt;

pub mod onnx;

pub mod models;

pub mod hear;

pub mod understand;

pub mod decide;

pub mod calibrate;

pub mod act;

pub mod simulate;

pub mod config;

pub mod engine;

pub mod cli;
