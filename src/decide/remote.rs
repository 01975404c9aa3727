//! Handlers outside the process: what the user registered about them, and what their answers are worth.
//!
//! Pure. What such a handler says is untrusted: a bid that breaks what is registered becomes a decline with a
//! reason, and its own estimate of the risk may be raised, never lowered. The messages themselves are read in
//! act/inbox.rs; `auction` waits for them.

use super::arbiter::Participant;
use super::targets;
use crate::facts::bid::{Answer, Ask, Bid, Operation, Proposal, Risk};
use crate::facts::home::{Entity, Home};
use crate::facts::intent::Lang;

/// Who carries out what a handler was awarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acts {
    /// The handler itself, once it holds the award; we publish nothing else.
    Itself,
    /// We publish the command that it handed over with its bid.
    Command,
}

impl Acts {
    /// The value of this name in the configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "itself" => Some(Self::Itself),
            "command" => Some(Self::Command),
            _ => None,
        }
    }
}

/// A handler outside the process, as registered in the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteHandler {
    /// Unique, also among the handlers inside the process; one level of an MQTT topic.
    pub name: String,
    /// Languages in which it is asked; never empty.
    pub languages: Vec<Lang>,
    /// The highest confidence that it can bid, 0..=1: the auction closes early on the strength of it.
    pub confidence_max: f32,
    /// Who carries out what it was awarded.
    pub acts: Acts,
}

/// Rounding on the way through JSON; far below anything that decides.
const SLACK: f32 = 1e-6;

impl RemoteHandler {
    /// Its seat in an auction.
    pub fn participant(&self) -> Participant {
        Participant::new(&self.name, self.confidence_max)
    }

    /// Why it is not asked about a sentence in `lang`; `None` if it is.
    pub fn passed_over(&self, lang: Lang) -> Option<String> {
        let asked = self.languages.contains(&lang);
        (!asked).then(|| format!("it is not registered for {lang} and was not asked"))
    }

    /// What of its `answer` to `ask` can be believed: a bid that breaks what is registered is a decline.
    pub fn vetted(&self, answer: Answer, ask: &Ask, home: &Home) -> Answer {
        let Answer::Bid(bid) = answer else { return answer };
        let bad = |why: String| Answer::Decline(format!("a bad bid: {why}"));
        // Written so that NaN is refused too.
        if !(0.0..=self.confidence_max + SLACK).contains(&bid.confidence) {
            let max = self.confidence_max;
            return bad(format!("its confidence {} is not within 0 and its registered highest, {max}", bid.confidence));
        }
        let risk = bid.risk.max(risk_min(ask, &bid.proposal, home));
        let confidence = bid.confidence.min(self.confidence_max);
        match (self.acts, bid.proposal) {
            (Acts::Command, Proposal::Itself) => {
                bad("it holds no command, and the handler is registered as acts = \"command\"".into())
            }
            (Acts::Itself, _) => Answer::Bid(Bid { confidence, risk, proposal: Proposal::Itself }),
            (Acts::Command, proposal) => Answer::Bid(Bid { confidence, risk, proposal }),
        }
    }
}

/// The least risk that doing `proposal` has: nobody vouches for a stranger who calls a front door harmless.
/// What exactly a foreign payload does is unknown, so a thing counts with the worst that can be done to it.
fn risk_min(ask: &Ask, proposal: &Proposal, home: &Home) -> Risk {
    let worst = |e: &Entity| targets::risk(e, &Operation::TurnOn).max(targets::risk(e, &Operation::TurnOff));
    let addressed = |e: &&Entity| match (proposal, &e.mqtt) {
        (Proposal::Publish(command), Some(mqtt)) => mqtt.hears(&command.message.topic),
        _ => false,
    };
    let by_topic = home.entities.iter().filter(addressed).map(worst).max();
    let best = ask.hypotheses.first();
    let by_name = best.and_then(|h| h.text("name")).and_then(|id| home.entity(id)).map(worst);
    let locks = best.is_some_and(|h| h.text("domain") == Some("lock"));
    let by_domain = if locks { Risk::High } else { Risk::Low };
    by_topic.max(by_name).unwrap_or_default().max(by_domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::bid::{Command, Message};
    use crate::facts::home::EMBEDDED_HOME;

    fn handler(acts: Acts) -> RemoteHandler {
        RemoteHandler { name: "far".into(), languages: vec![Lang::En], confidence_max: 0.9, acts }
    }

    fn vetted(acts: Acts, confidence: f32, proposal: Proposal) -> Answer {
        let home = Home::parse(EMBEDDED_HOME, "embedded").expect("it is valid");
        let ask = Ask { id: "1".into(), lang: Lang::En, wake: None, hypotheses: Vec::new() };
        handler(acts).vetted(Answer::Bid(Bid { confidence, risk: Risk::Low, proposal }), &ask, &home)
    }

    fn publish(topic: &str) -> Proposal {
        let message = Message { topic: topic.into(), payload: "x".into(), qos: 0, retain: false };
        Proposal::Publish(Command { message, and: Vec::new() })
    }

    #[test]
    fn a_bid_that_breaks_what_is_registered_is_a_decline() {
        for confidence in [0.95, -0.1, f32::NAN, f32::INFINITY] {
            assert!(matches!(vetted(Acts::Itself, confidence, Proposal::Itself), Answer::Decline(_)), "{confidence}");
        }
        assert!(matches!(vetted(Acts::Command, 0.9, Proposal::Itself), Answer::Decline(_)));
        let Answer::Bid(bid) = vetted(Acts::Itself, 0.9, publish("a/set")) else { panic!("a good bid") };
        assert_eq!(bid.proposal, Proposal::Itself, "who acts itself hands nothing over");
        assert!(handler(Acts::Itself).passed_over(Lang::Zh).is_some());
    }

    #[test]
    fn a_stranger_cannot_call_a_lock_harmless() {
        let home = Home::parse(EMBEDDED_HOME, "embedded").expect("it is valid");
        let lock = home.entities.iter().find(|e| e.id.domain() == "lock").expect("there is a lock");
        let topic = format!("{}/set", lock.mqtt.as_ref().expect("reachable").topic());
        for (topic, risk) in [(topic.as_str(), Risk::High), ("elsewhere/set", Risk::Low)] {
            let Answer::Bid(bid) = vetted(Acts::Command, 0.9, publish(topic)) else { panic!("a good bid") };
            assert_eq!(bid.risk, risk, "{topic}");
        }
    }
}
