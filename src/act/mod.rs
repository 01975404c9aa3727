//! Verdict -> the world.
//!
//! `command` writes an action as MQTT messages (`dialects`: what each kind of thing understands), `fence` lets each
//! decision act once, `mqtt` is the link to the broker (`inbox`: what comes in over it, `desk`: who may bid now,
//! `outbox`: what waits for its acknowledgement, `confirm`: what waits for the thing to report, `settings`), `probe`
//! asks whether it is there, `broker` is the one inside the process, `journal` keeps receipts on disk.

pub mod broker;
pub mod command;
pub mod confirm;
pub mod desk;
pub mod dialects;
pub mod fence;
pub mod inbox;
pub mod journal;
pub mod mqtt;
pub mod outbox;
pub mod probe;
pub mod settings;
