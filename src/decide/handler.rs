//! Who may bid: the trait of handlers inside the process, and the safe way to ask one.
//!
//! A handler answers in microseconds and changes nothing in the world. What it gets wrong (a panic, a
//! confidence that is no probability) costs only its own bid.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use crate::facts::bid::{Action, Answer, Ask};

/// A handler inside the process.
pub trait Handler: Send + Sync {
    /// Unique; as in the receipt, in `assistants` of the home file and in the rules.
    fn name(&self) -> &str;

    /// The highest confidence it can ever bid, 0..=1. A bid above it is a fault of the handler, because
    /// the arbiter closes early on the strength of it.
    fn confidence_max(&self) -> f32;

    /// Its offer, or why it makes none.
    fn bid(&self, ask: &Ask) -> Answer;

    /// Whether its bid may take long, because it waits for something. One that never waits is asked on the auction's own
    /// thread, which saves the way to another and back.
    fn may_wait(&self) -> bool {
        true
    }

    /// What it would say to do `action` for decision `id` in its own protocol; `None` where it has none.
    fn native(&self, _id: &str, _action: &Action) -> Option<Value> {
        None
    }
}

/// Asks `handler`; a panic becomes [`Answer::Failed`].
pub fn ask(handler: &dyn Handler, ask: &Ask) -> Answer {
    // A handler is asked through a shared reference and its answer is dropped on a panic; what it may have
    // left half done is its own affair.
    match catch_unwind(AssertUnwindSafe(|| handler.bid(ask))) {
        Ok(answer) => checked(answer, handler.confidence_max()),
        Err(panic) => Answer::Failed(format!("it panicked: {}", words(&*panic))),
    }
}

/// Turns a bid whose confidence is no number within 0..=`confidence_max` into [`Answer::Failed`].
pub fn checked(answer: Answer, confidence_max: f32) -> Answer {
    // Rounding of f32 products; far below anything that decides.
    const SLACK: f32 = 1e-6;
    let Answer::Bid(bid) = &answer else { return answer };
    let c = bid.confidence;
    if !(0.0..=1.0).contains(&c) {
        return Answer::Failed(format!("it bid a confidence of {c}, which is not within 0 to 1"));
    }
    if c > confidence_max + SLACK {
        return Answer::Failed(format!(
            "it bid a confidence of {c:.3}, above its declared highest of {confidence_max:.3}"
        ));
    }
    answer
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::bid::{Bid, Proposal, Risk};
    use crate::facts::intent::Lang;

    struct Says(fn() -> Answer);

    impl Handler for Says {
        fn name(&self) -> &str {
            "says"
        }
        fn confidence_max(&self) -> f32 {
            0.9
        }
        fn bid(&self, _: &Ask) -> Answer {
            (self.0)()
        }
    }

    fn bid(confidence: f32) -> Answer {
        Answer::Bid(Bid { confidence, risk: Risk::Low, proposal: Proposal::Reply("yes".into()) })
    }

    fn asked(answer: fn() -> Answer) -> Answer {
        ask(&Says(answer), &Ask { id: "1".into(), lang: Lang::En, wake: None, hypotheses: Vec::new() })
    }

    #[test]
    fn a_panic_costs_only_the_bid() {
        let Answer::Failed(reason) = asked(|| panic!("out of {}", "cheese")) else { panic!("not failed") };
        assert!(reason.contains("out of cheese"), "{reason}");
    }

    #[test]
    fn a_confidence_that_is_no_probability_is_a_failure() {
        assert_eq!(asked(|| bid(0.9)), bid(0.9));
        assert_eq!(asked(|| bid(0.0)), bid(0.0));
        for wrong in [|| bid(f32::NAN), || bid(f32::INFINITY), || bid(-0.1), || bid(1.1), || bid(0.95)] {
            assert!(matches!(asked(wrong), Answer::Failed(_)));
        }
    }
}
