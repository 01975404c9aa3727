//! The desk at which bids from outside are handed in while one decision is open.
//!
//! It lets through only so many of each handler that a flood of one can neither crowd out another nor fill the
//! channel, which has room for all that pass. What a bid is worth is judged behind it, in `decide`.

use tokio::sync::mpsc;

use super::inbox::BidMessage;
use crate::decide::auction::RemoteAnswer;

/// Answers of one handler that are let through: the first counts, the others show in the receipt.
const ANSWERS_MAX: u32 = 4;
/// Answers of handlers that nobody registered, all of them together.
const STRANGERS_MAX: u32 = 4;

/// Takes bids for one decision.
#[derive(Debug)]
pub struct Desk {
    id: String,
    /// Who was asked, and how many more answers of each are taken.
    asked: Vec<(String, u32)>,
    strangers: u32,
    to: mpsc::Sender<RemoteAnswer>,
}

impl Desk {
    /// Opens the desk for the handlers `names` and decision `id`; it is closed by being dropped.
    pub fn open(id: &str, names: impl Iterator<Item = String>) -> (Self, mpsc::Receiver<RemoteAnswer>) {
        let asked: Vec<(String, u32)> = names.map(|name| (name, ANSWERS_MAX)).collect();
        let room = asked.len() * ANSWERS_MAX as usize + STRANGERS_MAX as usize;
        let (to, answers) = mpsc::channel(room);
        (Self { id: id.to_owned(), asked, strangers: STRANGERS_MAX, to }, answers)
    }

    /// Takes what `handler` has sent; `bid` reads it, and is not called for what is not let through. A bid that
    /// names no decision counts for this one: a handler that cannot be understood has answered, badly.
    pub fn take(&mut self, handler: &str, bid: impl FnOnce() -> BidMessage) {
        let left = self.asked.iter_mut().find(|(name, _)| name == handler).map(|(_, left)| left);
        let left = left.unwrap_or(&mut self.strangers);
        if *left == 0 {
            return;
        }
        *left -= 1;
        let BidMessage { id, answer } = bid();
        let id = id.unwrap_or_else(|| self.id.clone());
        // There is room for all that are let through; only the auction may have ended meanwhile.
        let _ = self.to.try_send(RemoteAnswer { id, handler: handler.to_owned(), answer });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::bid::Answer;

    fn message(id: Option<&str>) -> BidMessage {
        BidMessage { id: id.map(str::to_owned), answer: Answer::Decline("no".into()) }
    }

    #[test]
    fn a_flood_of_one_leaves_room_for_the_others() {
        let (mut desk, mut answers) = Desk::open("7", ["a", "b"].map(str::to_owned).into_iter());
        let mut read = 0;
        for _ in 0..10_000 {
            for name in ["a", "stranger", "another stranger"] {
                desk.take(name, || {
                    read += 1;
                    message(Some("7"))
                });
            }
        }
        assert_eq!(read, ANSWERS_MAX + STRANGERS_MAX, "what is not let through is not even read");
        desk.take("b", || message(None));
        let taken: Vec<RemoteAnswer> = std::iter::from_fn(|| answers.try_recv().ok()).collect();
        assert_eq!(taken.len(), read as usize + 1);
        let last = taken.last().expect("not empty");
        assert_eq!((last.handler.as_str(), last.id.as_str()), ("b", "7"));
    }
}
