//! `[arbiter]` as typed -> [`Rules`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::Faults;
use crate::decide::rules::{Policy, Rules};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    policy: Option<String>,
    window_ms: Option<u64>,
    wake_preference: Option<f64>,
    margin: Option<f64>,
    priority: Option<Vec<String>>,
}

/// What the arbiter goes by; `handlers`: whose wake word it is, where the configuration says so.
pub(super) fn rules(raw: Raw, handlers: Option<BTreeMap<String, String>>, faults: &mut Faults) -> Rules {
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
    rules.wake_words = handlers.unwrap_or(rules.wake_words);
    rules
}
