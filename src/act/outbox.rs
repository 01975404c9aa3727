//! Which message waits for which acknowledgement. Pure bookkeeping for `mqtt`: MQTT numbers a message only
//! when it leaves, so those not yet sent wait in the order in which they were queued.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use tokio::sync::oneshot;

/// Why a message was not, or perhaps not, handed to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpublished {
    /// There is no connection; nothing was sent and nothing will be.
    NotConnected(String),
    /// Too much is under way already; nothing was sent.
    Busy,
    /// The topic or payload cannot be published; nothing was sent.
    Invalid(String),
    /// The connection broke before the broker said that it has the message: it may have acted or not.
    Lost,
    /// The broker did not acknowledge in time: it may have acted or not.
    Unacknowledged,
}

impl fmt::Display for Unpublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected(why) => write!(f, "not published: {why}"),
            Self::Busy => f.write_str("not published: too many messages are under way"),
            Self::Invalid(why) => write!(f, "not published: {why}"),
            Self::Lost => f.write_str("the connection broke before the broker acknowledged the command"),
            Self::Unacknowledged => f.write_str("the broker did not acknowledge the command in time"),
        }
    }
}

impl std::error::Error for Unpublished {}

/// Whom to tell; nobody, for messages whose fate does not matter.
pub type Reply = Option<oneshot::Sender<Result<(), Unpublished>>>;

/// Where one is told.
pub type Told = oneshot::Receiver<Result<(), Unpublished>>;

/// QoS 1 messages under way.
#[derive(Debug, Default)]
pub struct Outbox {
    queued: VecDeque<Reply>,
    sent: HashMap<u16, Reply>,
}

impl Outbox {
    /// How many are under way.
    pub fn len(&self) -> usize {
        self.queued.len() + self.sent.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One was handed to the client.
    pub fn queued(&mut self, reply: Reply) {
        self.queued.push_back(reply);
    }

    /// The one that has waited longest went out as number `packet`.
    pub fn sent(&mut self, packet: u16) {
        if let Some(reply) = self.queued.pop_front() {
            self.sent.insert(packet, reply);
        }
    }

    /// The broker has number `packet`.
    pub fn acknowledged(&mut self, packet: u16) {
        if let Some(reply) = self.sent.remove(&packet).flatten() {
            // Whoever asked may have stopped waiting.
            let _ = reply.send(Ok(()));
        }
    }

    /// The connection is gone, and everything under way with it.
    pub fn lost(&mut self) {
        let sent = self.sent.drain().map(|(_, reply)| reply);
        for reply in self.queued.drain(..).chain(sent).flatten() {
            let _ = reply.send(Err(Unpublished::Lost));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_find_their_message() {
        let mut outbox = Outbox::default();
        let (a, mut told_a) = oneshot::channel();
        let (b, mut told_b) = oneshot::channel();
        outbox.queued(Some(a));
        outbox.queued(None);
        outbox.queued(Some(b));
        (1..=2).for_each(|packet| outbox.sent(packet));
        outbox.acknowledged(7);
        outbox.acknowledged(2);
        assert!(told_a.try_recv().is_err(), "not yet");
        outbox.acknowledged(1);
        assert_eq!(told_a.try_recv(), Ok(Ok(())));
        assert_eq!(outbox.len(), 1);
        outbox.lost();
        assert_eq!(told_b.try_recv(), Ok(Err(Unpublished::Lost)));
        assert!(outbox.is_empty());
    }
}
