//! `[llm]` as typed -> the language model to fall back on.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Faults;
use super::handlers::languages;
use crate::decide::llm::tools::Tools;
use crate::decide::llm::{Llm, LlmSettings, NAME, Secret};
use crate::facts::home::Home;
use crate::text;

/// Fields of the request that are ours to fill.
const OURS: [&str; 7] = ["model", "messages", "tools", "tool_choice", "max_tokens", "stream", "n"];
/// No key is longer.
const KEY_BYTES_MAX: usize = 4096;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    url: String,
    model: String,
    key_env: Option<String>,
    key_file: Option<PathBuf>,
    confidence: Option<f32>,
    tokens_per_minute: Option<u32>,
    answer_tokens_max: Option<u32>,
    timeout_ms: Option<u64>,
    languages: Option<Vec<String>>,
    #[serde(default)]
    extra: Map<String, Value>,
}

/// What is configured; every fault goes to `faults`. `award_min`: the least that any bid needs. `beside`: a path
/// as written -> where it is.
pub(super) fn llm(
    raw: Raw,
    home: &Home,
    award_min: f32,
    beside: impl Fn(PathBuf) -> PathBuf,
    faults: &mut Faults,
) -> LlmSettings {
    let url = raw.url.trim_end_matches('/').trim_end_matches("/chat/completions").to_owned();
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let odd = |c: char| c.is_whitespace() || c.is_control() || ['?', '#', '@', '"', '<', '>'].contains(&c);
    if rest.is_none_or(|rest| rest.is_empty() || rest.contains(odd)) {
        let remedy = "write where its interface is, for example \"http://127.0.0.1:11434/v1\"; a key goes into key_env";
        faults.add("llm.url", "it is no address of the form http://host/v1", remedy);
    }
    if raw.model.trim().is_empty() {
        faults.add("llm.model", "it is empty", "write the model's name as the server knows it");
    }
    let key = key(raw.key_env, raw.key_file.map(beside), faults);
    let confidence = raw.confidence.unwrap_or(0.7);
    faults.between("llm.confidence", f64::from(confidence), f64::from(award_min), 1.0);
    let tokens_per_minute = raw.tokens_per_minute.unwrap_or(20_000);
    faults.between("llm.tokens_per_minute", f64::from(tokens_per_minute), 1.0, 100_000_000.0);
    let answer_tokens_max = raw.answer_tokens_max.unwrap_or(128);
    faults.between("llm.answer_tokens_max", f64::from(answer_tokens_max), 16.0, 8192.0);
    let timeout_ms = raw.timeout_ms.unwrap_or(10_000);
    faults.between("llm.timeout_ms", timeout_ms as f64, 100.0, 120_000.0);
    for key in raw.extra.keys().filter(|k| OURS.contains(&k.as_str())) {
        faults.add(&format!("llm.extra.{key}"), "this field of the request is ours to fill", "remove it");
    }
    let settings = LlmSettings {
        url,
        model: raw.model,
        key,
        confidence,
        tokens_per_minute,
        answer_tokens_max,
        timeout: Duration::from_millis(timeout_ms),
        languages: languages(raw.languages, "llm.languages", faults),
        extra: raw.extra,
    };
    // A home file with faults has none of its things, and says so itself.
    if !home.entities.is_empty() && Tools::of(home, NAME).is_empty() {
        let what = "there is nothing in the house that the language model may control";
        faults.add("llm", what, "add \"llm\" to `assistants` of the things that it may, in the home file");
    }
    let (_, cost) = Llm::new(settings.clone(), home).request("");
    if cost > tokens_per_minute {
        let what = format!("one question about this house costs about {cost} tokens, so that none could be asked");
        faults.add("llm.tokens_per_minute", &what, "raise it, or let the model control fewer things");
    }
    settings
}

fn key(env: Option<String>, file: Option<PathBuf>, faults: &mut Faults) -> Option<Secret> {
    let (name, text, remedy) = match (env, file) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            faults.add("llm.key_file", "there is a key_env too", "keep one of them");
            return None;
        }
        (Some(env), None) => {
            let text = std::env::var(&env).map_err(|_| format!("the environment has no variable {env:?}"));
            ("llm.key_env", text, "set the variable before Tiebreak starts, or remove key_env")
        }
        (None, Some(path)) => {
            let text = text::read(&path).map_err(|e| format!("{} cannot be read: {e}", path.display()));
            ("llm.key_file", text, "name a file that holds the key and nothing else")
        }
    };
    let key = text.and_then(|text| {
        let key = text.trim();
        // What a header can carry; anything else is no key but another file.
        let fine = !key.is_empty() && key.len() <= KEY_BYTES_MAX && key.bytes().all(|b| b.is_ascii_graphic());
        fine.then(|| Secret(key.to_owned())).ok_or_else(|| "what is there is no key".to_owned())
    });
    key.map_err(|what| faults.add(name, &what, remedy)).ok()
}
