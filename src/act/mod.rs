//! Verdict -> the world.
//!
//! `command` writes an action as MQTT messages, `fence` lets each decision act once, `mqtt` is the link to the
//! broker (with `inbox` for what comes in over it), `broker` is the one inside the process.

pub mod broker;
pub mod command;
pub mod fence;
pub mod inbox;
pub mod mqtt;
pub mod outbox;
pub mod settings;
