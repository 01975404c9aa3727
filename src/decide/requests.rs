//! Requests beyond the house (calls, messages, appointments, food): no assistant here can carry them out, so
//! they are handed on over MQTT to a program that can.

use serde_json::json;

use super::targets::Offer;
use crate::facts::bid::{Ask, Command, Message, Proposal, Risk};
use crate::facts::intent::{Hypothesis, Lang};

/// An assistant's world beyond the house.
pub struct Requests {
    topic: String,
    /// Intents that it passes on, with how bad a mistake would be.
    takes: &'static [(&'static str, Risk)],
}

impl Requests {
    /// Requests of `assistant` go to `<base>/request/<assistant>`.
    pub fn new(assistant: &str, base: &str, takes: &'static [(&'static str, Risk)]) -> Self {
        Self { topic: format!("{base}/request/{assistant}"), takes }
    }

    /// What would be done about `h`; `None` if that is not for this assistant, or is about things in the house.
    pub fn offer(&self, h: &Hypothesis, ask: &Ask) -> Option<Offer> {
        let (proposal, risk) = match h.intent.as_str() {
            "HassNevermind" => {
                let words = if ask.lang == Lang::Zh { "好的，不用了。" } else { "OK, never mind." };
                (Proposal::Reply(words.into()), Risk::Low)
            }
            "HassRespond" => (Proposal::Reply(h.text("response")?.to_owned()), Risk::Low),
            intent => {
                let (_, risk) = self.takes.iter().find(|(name, _)| *name == intent)?;
                (self.request(h, ask), *risk)
            }
        };
        Some(Offer { proposal, risk, share: 1.0 })
    }

    fn request(&self, h: &Hypothesis, ask: &Ask) -> Proposal {
        let payload = json!({ "id": ask.id, "lang": ask.lang, "intent": h.intent, "slots": h.slots });
        let message = Message { topic: self.topic.clone(), payload, qos: 1, retain: false };
        Proposal::Publish(Command { message, and: Vec::new() })
    }
}
