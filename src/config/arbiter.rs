//! `[arbiter]` as typed -> [`Rules`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Faults;
use crate::decide::llm::NAME;
use crate::decide::rules::{ByRisk, Policy, Reserve, Rules};
use crate::facts::bid::Risk;
use crate::facts::home::Home;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    policy: Option<String>,
    window_ms: Option<u64>,
    wake_preference: Option<f64>,
    margin: Option<f64>,
    priority: Option<Vec<String>>,
    confirm: Option<bool>,
    pins: BTreeMap<String, String>,
    risk: BTreeMap<String, Risk>,
    reserve: BTreeMap<Risk, RawReserve>,
    cost: BTreeMap<Risk, f64>,
    /// A file that `tiebreak calibrate --write` wrote.
    pub(super) calibration: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReserve {
    award: f32,
    ask: f32,
}

/// What the arbiter goes by; `handlers`: whose wake word it is, where the configuration says so; the others stay whose
/// they are.
pub(super) fn rules(raw: Raw, handlers: BTreeMap<String, String>, faults: &mut Faults) -> Rules {
    let mut rules = Rules::default();
    if let Some(name) = raw.policy {
        rules.policy = Policy::from_name(&name).unwrap_or_else(|| {
            faults.unknown("arbiter.policy", &name, "write \"utility\", \"fastest\", \"confidence\" or \"priority\"")
        });
    }
    if let Some(window_ms) = raw.window_ms {
        faults.between("arbiter.window_ms", window_ms as f64, 1.0, 10_000.0);
        rules.window = Duration::from_millis(window_ms);
    }
    if let Some(preference) = raw.wake_preference {
        faults.between("arbiter.wake_preference", preference, 0.0, 10.0);
        rules.wake_preference = preference;
    }
    if let Some(margin) = raw.margin {
        faults.between("arbiter.margin", margin, 0.0, 1.0);
        rules.margin = margin;
    }
    rules.priority = raw.priority.unwrap_or(rules.priority);
    rules.confirm = raw.confirm.unwrap_or(rules.confirm);
    rules.pins = raw.pins;
    rules.risk = raw.risk;
    for (risk, raw) in raw.reserve {
        let key = format!("arbiter.reserve.{}", name(risk));
        faults.between(&format!("{key}.award"), f64::from(raw.award), 0.0, 1.0);
        faults.between(&format!("{key}.ask"), f64::from(raw.ask), 0.0, f64::from(raw.award.min(1.0)));
        *place(&mut rules.reserve, risk) = Reserve { award: raw.award, ask: raw.ask };
    }
    for (risk, cost) in raw.cost {
        faults.between(&format!("arbiter.cost.{}", name(risk)), cost, 0.0, 100.0);
        *place(&mut rules.cost, risk) = cost;
    }
    rules.wake_words.extend(handlers);
    rules
}

/// Whether everything that the rules name exists: the things in `home`, the handlers in `handlers`.
///
/// The language model is the last resort: it cannot be pinned.
pub(super) fn check_names(rules: &Rules, home: &Home, handlers: &[&str], faults: &mut Faults) {
    let there = |key: &str| home.entities.iter().any(|e| e.id.0 == key || e.id.domain() == key);
    for (key, table) in rules.pins.keys().map(|k| (k, "pins")).chain(rules.risk.keys().map(|k| (k, "risk"))) {
        if !there(key) {
            let remedy = "write a domain such as light, or an entity's id such as light.kitchen, in quotes";
            faults.add(&format!("arbiter.{table}.{key}"), "there is no such thing in the house", remedy);
        }
    }
    let pinnable: Vec<&str> = handlers.iter().copied().filter(|h| *h != NAME).collect();
    let pins = rules.pins.iter().map(|(key, handler)| (format!("arbiter.pins.{key}"), handler, &pinnable[..]));
    let called = rules.wake_words.iter().map(|(word, handler)| (format!("wake.handlers.{word}"), handler, handlers));
    let first = rules.priority.iter().map(|handler| ("arbiter.priority".to_owned(), handler, handlers));
    for (key, handler, known) in pins.chain(called).chain(first) {
        if !known.contains(&handler.as_str()) {
            let what = format!("there is no handler {handler:?}");
            faults.add(&key, &what, &format!("write one of {}", known.join(", ")));
        }
    }
}

fn place<T>(values: &mut ByRisk<T>, risk: Risk) -> &mut T {
    match risk {
        Risk::Low => &mut values.low,
        Risk::Medium => &mut values.medium,
        Risk::High => &mut values.high,
    }
}

fn name(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
    }
}
