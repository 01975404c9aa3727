//! `[[handler]]` as typed -> the registered handlers outside the process.

use serde::Deserialize;

use super::Faults;
use crate::act::inbox::HANDLER_BYTES_MAX;
use crate::decide::remote::{Acts, RemoteHandler};
use crate::facts::intent::Lang;

/// Each of them may hold up a decision for the whole window; a house has a few, not a crowd.
const HANDLERS_MAX: usize = 16;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    name: String,
    languages: Option<Vec<String>>,
    confidence_max: Option<f32>,
    acts: Option<String>,
}

/// The handlers that are registered, beside those `inside` the process; every fault goes to `faults`.
pub(super) fn remotes(raw: Vec<Raw>, inside: &[&str], faults: &mut Faults) -> Vec<RemoteHandler> {
    if raw.len() > HANDLERS_MAX {
        faults.add("handler", &format!("there are {}", raw.len()), &format!("register at most {HANDLERS_MAX}"));
    }
    let mut out: Vec<RemoteHandler> = Vec::new();
    for (i, raw) in raw.into_iter().enumerate() {
        let key = |field: &str| format!("handler[{i}].{field}");
        let taken = inside.contains(&raw.name.as_str()) || out.iter().any(|h| h.name == raw.name);
        if taken {
            faults.add(&key("name"), &format!("there is a handler {:?} already", raw.name), "choose another name");
        }
        let odd = |c: char| c.is_control() || ['/', '+', '#'].contains(&c);
        if raw.name.is_empty() || raw.name.len() > HANDLER_BYTES_MAX || raw.name.contains(odd) {
            let what = format!("{:?} cannot be one level of a topic", raw.name);
            faults.add(&key("name"), &what, "use 1 to 64 letters, digits, '-' or '_'");
        }
        let confidence_max = raw.confidence_max.unwrap_or(1.0);
        faults.between(&key("confidence_max"), f64::from(confidence_max), 0.0, 1.0);
        let acts = raw.acts.as_deref().and_then(Acts::from_name).unwrap_or_else(|| {
            let what = raw.acts.as_ref().map_or("it is missing".into(), |a| format!("{a:?} is not known"));
            let remedy = "write \"itself\" (it acts once it is awarded) or \"command\" (we publish what it hands over)";
            faults.add(&key("acts"), &what, remedy);
            Acts::Command
        });
        let languages = languages(raw.languages, &key("languages"), faults);
        out.push(RemoteHandler { name: raw.name, languages, confidence_max, acts });
    }
    out
}

/// The languages of the list `key`; all of them where there is none.
pub(super) fn languages(raw: Option<Vec<String>>, key: &str, faults: &mut Faults) -> Vec<Lang> {
    let Some(tags) = raw else { return Lang::ALL.to_vec() };
    if tags.is_empty() {
        faults.add(key, "the list is empty", "name en, zh or both, or leave it out for all");
    }
    let mut out = Vec::new();
    for tag in tags {
        match Lang::from_tag(&tag) {
            Some(lang) => out.push(lang),
            None => faults.add(key, &format!("the language {tag:?} is not known"), "write en or zh"),
        }
    }
    out
}
