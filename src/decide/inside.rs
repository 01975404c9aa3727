//! Handlers inside the process, each on a thread of its own: one that hangs, blocks or panics costs only its bid.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::Value;
use tokio::sync::mpsc;

use super::handler::{self, Handler};
use crate::facts::bid::{Answer, Ask, Proposal};
use crate::facts::error::Fault;

/// What a handler inside the process has to say about one ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// Whose, by its place among the handlers.
    pub seat: usize,
    /// Its bid, or why it makes none.
    pub answer: Answer,
    /// What it would say to do that in its own protocol, where it has one.
    pub native: Option<Value>,
}

/// A handler and the thread that it answers on.
pub struct Inside {
    name: String,
    confidence_max: f32,
    asks: Sender<Job>,
    busy: Arc<AtomicBool>,
}

struct Job {
    seat: usize,
    ask: Arc<Ask>,
    to: mpsc::Sender<Given>,
}

impl Inside {
    /// Starts the thread; it ends when this is dropped and the handler has answered.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(handler: Arc<dyn Handler>) -> Result<Self, Fault> {
        let (name, confidence_max) = (handler.name().to_owned(), handler.confidence_max());
        let (asks, asked) = bounded(1);
        let busy = Arc::new(AtomicBool::new(false));
        let at_work = Arc::clone(&busy);
        thread::Builder::new().name(name.clone()).spawn(move || work(&*handler, &at_work, &asked)).map_err(|e| {
            Fault::new("tiebreak", &name, format!("the system gives no thread: {e}"), "close other programs")
        })?;
        Ok(Self { name, confidence_max, asks, busy })
    }

    /// As the handler says.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As the handler says, 0..=1.
    pub fn confidence_max(&self) -> f32 {
        self.confidence_max
    }

    /// Asks it, as number `seat`; it answers on `to`, whose capacity leaves room for it. Never waits.
    ///
    /// # Errors
    /// Why it was not asked.
    pub fn ask(&self, seat: usize, ask: &Arc<Ask>, to: &mpsc::Sender<Given>) -> Result<(), String> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err("it is still busy with an earlier command".into());
        }
        let job = Job { seat, ask: Arc::clone(ask), to: to.clone() };
        self.asks.try_send(job).map_err(|_| "its thread has ended; see the log".into())
    }
}

fn work(handler: &dyn Handler, busy: &AtomicBool, asked: &Receiver<Job>) {
    for Job { seat, ask, to } in asked {
        let answer = handler::ask(handler, &ask);
        let native = match &answer {
            Answer::Bid(bid) => native(handler, &ask, &bid.proposal),
            _ => None,
        };
        busy.store(false, Ordering::Release);
        if to.try_send(Given { seat, answer, native }).is_err() {
            tracing::info!("{} answered after the auction was over", handler.name());
        }
    }
}

/// Only for the receipt: if it fails, nothing else does.
fn native(handler: &dyn Handler, ask: &Ask, proposal: &Proposal) -> Option<Value> {
    let (Proposal::Act(action) | Proposal::Confirm(action)) = proposal else { return None };
    catch_unwind(AssertUnwindSafe(|| handler.native(&ask.id, action))).ok().flatten()
}
