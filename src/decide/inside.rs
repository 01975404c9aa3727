//! Handlers inside the process: one that panics costs only its bid, and so does one that waits, for it has a thread of
//! its own.

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

/// A handler, ready to be asked.
pub struct Inside {
    name: String,
    confidence_max: f32,
    place: Place,
}

enum Place {
    /// On the auction's own thread.
    Here(Arc<dyn Handler>),
    /// On a thread of its own.
    Apart { asks: Sender<Job>, busy: Arc<AtomicBool> },
}

struct Job {
    seat: usize,
    ask: Arc<Ask>,
    to: mpsc::Sender<Given>,
}

/// What comes of asking a handler.
pub enum Reply {
    /// It has answered.
    Now(Given),
    /// It answers on the channel.
    Later,
    /// Why it was not asked.
    No(String),
}

impl Inside {
    /// Starts a thread for `handler` if it may wait; that ends when this is dropped and the handler has answered.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(handler: Arc<dyn Handler>) -> Result<Self, Fault> {
        let (name, confidence_max) = (handler.name().to_owned(), handler.confidence_max());
        if !handler.may_wait() {
            return Ok(Self { name, confidence_max, place: Place::Here(handler) });
        }
        let (asks, asked) = bounded(1);
        let busy = Arc::new(AtomicBool::new(false));
        let at_work = Arc::clone(&busy);
        thread::Builder::new().name(name.clone()).spawn(move || work(&*handler, &at_work, &asked)).map_err(|e| {
            Fault::new("tiebreak", &name, format!("the system gives no thread: {e}"), "close other programs")
        })?;
        Ok(Self { name, confidence_max, place: Place::Apart { asks, busy } })
    }

    /// As the handler says.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As the handler says, 0..=1.
    pub fn confidence_max(&self) -> f32 {
        self.confidence_max
    }

    /// Asks it, as number `seat`. Never waits: who may take long answers on `to`, whose capacity leaves room for it.
    pub fn ask(&self, seat: usize, ask: &Arc<Ask>, to: &mpsc::Sender<Given>) -> Reply {
        match &self.place {
            Place::Here(handler) => Reply::Now(given(&**handler, seat, ask)),
            Place::Apart { busy, .. } if busy.swap(true, Ordering::AcqRel) => {
                Reply::No("it is still busy with an earlier command".into())
            }
            Place::Apart { asks, .. } => match asks.try_send(Job { seat, ask: Arc::clone(ask), to: to.clone() }) {
                Ok(()) => Reply::Later,
                Err(_) => Reply::No("its thread has ended; see the log".into()),
            },
        }
    }
}

fn work(handler: &dyn Handler, busy: &AtomicBool, asked: &Receiver<Job>) {
    for Job { seat, ask, to } in asked {
        let given = given(handler, seat, &ask);
        busy.store(false, Ordering::Release);
        if to.try_send(given).is_err() {
            tracing::info!("{} answered after the auction was over", handler.name());
        }
    }
}

fn given(handler: &dyn Handler, seat: usize, ask: &Ask) -> Given {
    let answer = handler::ask(handler, ask);
    let native = match &answer {
        Answer::Bid(bid) => native(handler, ask, &bid.proposal),
        _ => None,
    };
    Given { seat, answer, native }
}

/// Only for the receipt: if it fails, nothing else does.
fn native(handler: &dyn Handler, ask: &Ask, proposal: &Proposal) -> Option<Value> {
    let (Proposal::Act(action) | Proposal::Confirm(action)) = proposal else { return None };
    catch_unwind(AssertUnwindSafe(|| handler.native(&ask.id, action))).ok().flatten()
}
