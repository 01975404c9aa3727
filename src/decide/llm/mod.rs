//! The fallback: a language model behind any OpenAI-compatible endpoint, asked only when nobody in the house can
//! do, or would ask back about, what was said.
//!
//! `tools` (the house as tools, and the check of what comes back) and `budget` are pure, and so is this file:
//! what is sent, and what an answer is worth. `endpoint` does the talking on a thread of its own; `auction` decides
//! when. It must never be asked about something that a handler inside the process has bid on.

pub mod budget;
pub mod endpoint;
pub mod tools;

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::tools::Tools;
use super::targets::{Assistant, Offer};
use crate::facts::bid::{Action, Answer, Bid, Proposal};
use crate::facts::home::Home;
use crate::facts::intent::Lang;

/// As in `assistants` of the home file.
pub const NAME: &str = "llm";
/// Longest answer that is read, in bytes: a call of a tool has a few hundred.
pub const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Longest sentence that is sent, in bytes: nobody says more in one utterance.
pub const WORDS_BYTES_MAX: usize = 1024;
/// Tool calls in one answer that are read.
const CALLS_MAX: usize = 16;
/// Bytes of JSON that make one token, about; English and JSON have four, Chinese fewer. Used until the server has
/// said what an exchange cost.
const BYTES_PER_TOKEN: usize = 3;

/// A key that cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// Which model, and how far it is trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmSettings {
    /// Address of the interface, without `/chat/completions` behind it.
    pub url: String,
    /// Name of the model at the server.
    pub model: String,
    /// Key for the server, where it wants one.
    pub key: Option<Secret>,
    /// What a valid answer is worth, 0..=1, times the transcript's confidence: a model does not know how sure it is.
    pub confidence: f32,
    /// Rate budget, prompts and answers together.
    pub tokens_per_minute: u32,
    /// Longest answer, in tokens.
    pub answer_tokens_max: u32,
    /// After this the server is no longer listened to, though its answer is late long before.
    pub timeout: Duration,
    /// Languages in which it is asked; never empty.
    pub languages: Vec<Lang>,
    /// Further fields of the request, as the server wants them.
    pub extra: Map<String, Value>,
}

/// What a sentence to the model is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Words<'a> {
    /// What was said.
    pub text: &'a str,
    /// How sure the transcript is, 0..=1.
    pub confidence: f32,
}

/// The pure part of the fallback: requests out, answers in.
#[derive(Debug, Clone, PartialEq)]
pub struct Llm {
    settings: LlmSettings,
    tools: Tools,
    home: Home,
    /// The same bytes at the beginning of every request, so that servers which keep prompts need not read them again.
    prompt: String,
}

impl Llm {
    /// A fallback for `home`: it may control the things that list `llm` among their `assistants`.
    pub fn new(settings: LlmSettings, home: &Home) -> Self {
        let tools = Tools::of(home, NAME);
        let prompt = format!(
            "You carry out what somebody says to their house. Call the tools for it, once for each thing that shall \
             change, and always the same tool; if it is not certain what shall be done, or it has nothing to do with \
             these things, call {}. Never answer in words.\nThe things (id | room | names):\n{}",
            tools::NOTHING,
            tools.things()
        );
        Self { settings, tools, home: home.clone(), prompt }
    }

    /// What it was configured with.
    pub fn settings(&self) -> &LlmSettings {
        &self.settings
    }

    /// The most that it can bid on anything, 0..=1.
    pub fn confidence_max(&self) -> f32 {
        self.settings.confidence
    }

    /// Why it is not asked about `words`; `None` if it may be. `award_min`: what a bid needs at the least.
    pub fn passed_over(&self, lang: Option<Lang>, words: Option<Words<'_>>, award_min: f32) -> Option<String> {
        let Some(words) = words else { return Some("there are no words to ask about".into()) };
        if let Some(lang) = lang.filter(|l| !self.settings.languages.contains(l)) {
            return Some(format!("it is not configured for {lang} and was not asked"));
        }
        if words.text.len() > WORDS_BYTES_MAX {
            return Some(format!("the sentence has more than {WORDS_BYTES_MAX} bytes; it was not asked"));
        }
        // Written so that NaN is passed over too.
        let most = self.settings.confidence * words.confidence;
        let enough = most >= award_min;
        (!enough).then(|| format!("the transcript is too doubtful ({:.2}); it was not asked", words.confidence))
    }

    /// The request about `text`, and how many tokens it may cost.
    pub fn request(&self, text: &str) -> (Vec<u8>, u32) {
        let mut body = json!({
            "model": self.settings.model,
            "messages": [{ "role": "system", "content": self.prompt }, { "role": "user", "content": text }],
            "tools": self.tools.json(),
            "temperature": 0,
            "max_tokens": self.settings.answer_tokens_max,
            "stream": false,
        });
        for (key, value) in &self.settings.extra {
            body[key] = value.clone();
        }
        let bytes = body.to_string().into_bytes();
        let tokens = u32::try_from(bytes.len() / BYTES_PER_TOKEN).unwrap_or(u32::MAX);
        (bytes, tokens.saturating_add(self.settings.answer_tokens_max))
    }

    /// What an answer of the server to a question about words of `confidence` is worth. All of it is untrusted: what
    /// is not exactly a call of the tools that were offered is a decline that says why.
    pub fn answer(&self, reply: &[u8], confidence: f32) -> Answer {
        match self.offer(reply) {
            Ok(Some(offer)) => Answer::Bid(Bid {
                confidence: self.settings.confidence * confidence.clamp(0.0, 1.0) * offer.share,
                risk: offer.risk,
                proposal: offer.proposal,
            }),
            Ok(None) => Answer::Decline("the model sees nothing to do".into()),
            Err(why) => Answer::Decline(format!("a bad answer of the model: {why}")),
        }
    }

    fn offer(&self, reply: &[u8]) -> Result<Option<Offer>, String> {
        let reply: Reply = serde_json::from_slice(reply).map_err(|e| format!("it is no chat completion: {e}"))?;
        let [choice] = &reply.choices[..] else { return Err(format!("it has {} choices", reply.choices.len())) };
        if choice.finish_reason.as_deref() == Some("length") {
            return Err("it was cut off (raise answer_tokens_max, or switch the model's thinking off)".into());
        }
        let calls = choice.message.tool_calls.as_deref().unwrap_or_default();
        if calls.is_empty() {
            let words: String = choice.message.content.as_deref().unwrap_or_default().chars().take(80).collect();
            return Err(format!("it calls no tool but says {words:?}"));
        }
        if calls.len() > CALLS_MAX {
            return Err(format!("it calls {} tools at once", calls.len()));
        }
        let mut all: Option<Offer> = None;
        for call in calls {
            let Some(hypothesis) = self.tools.read(&call.function.name, &call.function.arguments)? else {
                return if calls.len() == 1 { Ok(None) } else { Err("it calls for something and for nothing".into()) };
            };
            let fits = |_: &_, _: &_| Ok(());
            let offer = Assistant { name: NAME, home: &self.home, fits: &fits }.offer(&hypothesis)?;
            all = Some(match all {
                None => offer,
                Some(before) => both(before, offer)?,
            });
        }
        Ok(all)
    }
}

/// Two offers that do the same to different things as one.
fn both(a: Offer, b: Offer) -> Result<Offer, String> {
    let risk = a.risk.max(b.risk);
    let asks_first = matches!(a.proposal, Proposal::Confirm(_)) || matches!(b.proposal, Proposal::Confirm(_));
    let (Proposal::Act(mut one) | Proposal::Confirm(mut one), Proposal::Act(two) | Proposal::Confirm(two)) =
        (a.proposal, b.proposal)
    else {
        return Err("it calls for what cannot be done at once".into());
    };
    if one.operation != two.operation {
        return Err("it calls for different things at once, and one decision does one".into());
    }
    let more: Vec<_> = two.targets.into_iter().filter(|t| !one.targets.contains(t)).collect();
    one.targets.extend(more);
    let action = Action { targets: one.targets, operation: one.operation };
    let proposal = if asks_first { Proposal::Confirm(action) } else { Proposal::Act(action) };
    Ok(Offer { proposal, risk, share: a.share.min(b.share) })
}

/// What an exchange cost, as the server says; `None` if it does not say.
pub fn cost(reply: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Reply>(reply).ok()?.usage?.total_tokens
}

/// The parts of a chat completion that matter here; servers add fields of their own.
#[derive(Deserialize)]
struct Reply {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct Call {
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    /// A JSON text; some servers send the object itself.
    #[serde(default)]
    arguments: Value,
}

#[derive(Deserialize)]
struct Usage {
    total_tokens: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::bid::{Operation, Risk};
    use crate::facts::home::EMBEDDED_HOME;

    pub fn llm() -> Llm {
        let home = EMBEDDED_HOME.replace("\"tmall\"]", "\"tmall\", \"llm\"]");
        let settings = LlmSettings {
            url: "http://127.0.0.1:1/v1".into(),
            model: "m".into(),
            key: Some(Secret("hush".into())),
            confidence: 0.7,
            tokens_per_minute: 10_000,
            answer_tokens_max: 100,
            timeout: Duration::from_secs(1),
            languages: vec![Lang::En],
            extra: Map::new(),
        };
        Llm::new(settings, &Home::parse(&home, "test").expect("valid"))
    }

    fn completion(calls: &[(&str, &str)]) -> Vec<u8> {
        let calls: Vec<Value> = calls
            .iter()
            .map(|(name, arguments)| json!({ "id": "1", "type": "function", "function": { "name": name, "arguments": arguments } }))
            .collect();
        let message = json!({ "role": "assistant", "content": null, "tool_calls": calls });
        json!({ "id": "x", "choices": [{ "index": 0, "message": message, "finish_reason": "tool_calls" }], "usage": { "total_tokens": 321 } })
            .to_string()
            .into_bytes()
    }

    fn declined(answer: Answer) -> String {
        match answer {
            Answer::Decline(why) => why,
            other => panic!("not declined but {other:?}"),
        }
    }

    #[test]
    fn a_call_of_what_was_offered_is_a_bid_in_the_houses_own_terms() {
        let reply = completion(&[("HassLightSet", r#"{"name":"light.kitchen","brightness":40}"#)]);
        let Answer::Bid(bid) = llm().answer(&reply, 0.9) else { panic!("no bid") };
        assert!((bid.confidence - 0.63).abs() < 1e-6 && bid.risk == Risk::Low, "{bid:?}");
        let Proposal::Act(action) = bid.proposal else { panic!("no action") };
        assert_eq!((action.targets[0].0.as_str(), action.operation), ("light.kitchen", Operation::Brightness(0.4)));
        assert_eq!(cost(&reply), Some(321));
        // The same to several things is one action; a risky one stays risky.
        let two = [("HassTurnOff", r#"{"name":"light.kitchen"}"#), ("HassTurnOff", r#"{"name":"lock.front_door"}"#)];
        let Answer::Bid(bid) = llm().answer(&completion(&two), 1.0) else { panic!("no bid") };
        assert_eq!(bid.risk, Risk::High);
        assert!(matches!(bid.proposal, Proposal::Confirm(a) if a.targets.len() == 2));
        assert_eq!(declined(llm().answer(&completion(&[(tools::NOTHING, "{}")]), 1.0)), "the model sees nothing to do");
    }

    #[test]
    fn whatever_else_comes_back_is_a_decline_that_says_why() {
        let on = ("HassTurnOn", r#"{"name":"light.kitchen"}"#);
        let many = vec![on; 17];
        let cut = String::from_utf8(completion(&[on]))
            .expect("UTF-8")
            .replace("\"finish_reason\":\"tool_calls\"", "\"finish_reason\":\"length\"");
        let words = json!({ "choices": [{ "message": { "content": "Sure, I turned it on!" } }] }).to_string();
        for (reply, reason) in [
            (b"<html>".to_vec(), "no chat completion"),
            (b"{}".to_vec(), "no chat completion"),
            (br#"{"choices": []}"#.to_vec(), "0 choices"),
            (vec![0xff; 100], "no chat completion"),
            (words.into_bytes(), "calls no tool but says \"Sure, I turned it on!\""),
            (cut.into_bytes(), "cut off"),
            (completion(&many), "17 tools"),
            (completion(&[on, ("HassTurnOff", r#"{"name":"light.hallway"}"#)]), "different things"),
            (completion(&[on, (tools::NOTHING, "")]), "something and for nothing"),
            (completion(&[("HassTurnOn", "{}")]), "names nothing"),
            (completion(&[("HassTurnOn", r#"{"name":"light.kitchen","area":"bedroom"}"#)]), "no kitchen light in the"),
            (completion(&[("HassTurnOn", r#"{"name":"garage"}"#)]), "none of those offered"),
        ] {
            let why = declined(llm().answer(&reply, 1.0));
            assert!(why.starts_with("a bad answer of the model: ") && why.contains(reason), "{reason}: {why}");
        }
    }

    #[test]
    fn it_is_not_asked_where_it_could_not_win() {
        let words = |text, confidence| Some(Words { text, confidence });
        assert_eq!(llm().passed_over(Some(Lang::En), words("make it cosy", 0.9), 0.5), None);
        assert_eq!(llm().passed_over(None, words("make it cosy", 0.9), 0.5), None);
        for (lang, words, reason) in [
            (Lang::Zh, words("舒服一点", 1.0), "not configured for zh"),
            (Lang::En, words("make it cosy", 0.6), "too doubtful"),
            (Lang::En, words("make it cosy", f32::NAN), "too doubtful"),
            (Lang::En, None, "no words"),
        ] {
            let why = llm().passed_over(Some(lang), words, 0.5).expect(reason);
            assert!(why.contains(reason), "{why}");
        }
        let long = "x".repeat(WORDS_BYTES_MAX + 1);
        assert!(llm().passed_over(None, words(&long, 1.0), 0.5).is_some());
    }

    #[test]
    fn requests_begin_alike_and_never_hold_the_key() {
        let llm = llm();
        let (one, tokens) = llm.request("make it cosy");
        assert!(tokens as usize > one.len() / 4, "{tokens}");
        let text = String::from_utf8(one).expect("UTF-8");
        assert!(text.contains("make it cosy") && text.contains("light.kitchen") && !text.contains("hush"));
        assert!(!format!("{llm:?}").contains("hush"));
    }
}
