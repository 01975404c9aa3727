//! The wake words in the configuration: which, how they are spoken, and the ones that the user has enrolled.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Faults, read_text};
use crate::facts::home::toml_fault;
use crate::understand::ctc::WakePhrase;
use crate::understand::normalise::normalise;

/// Wake words that the user has enrolled lie here, beside the configuration file: NAME.toml.
pub const ENROLLED_DIR: &str = "wake";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWake {
    pub(super) enabled: bool,
    pub(super) words: Vec<String>,
    pub(super) thresholds: BTreeMap<String, f32>,
    pub(super) phrases: BTreeMap<String, Vec<String>>,
    pub(super) handlers: Option<BTreeMap<String, String>>,
    pub(super) model: Option<PathBuf>,
}

impl Default for RawWake {
    fn default() -> Self {
        let phrases = [
            ("hey_siri", &["hey siri"][..]),
            ("computer", &["computer", "hey computer"]),
            ("tian_mao_jing_ling", &["天猫精灵"]),
        ];
        let owned =
            |(word, spoken): (&str, &[&str])| (word.to_owned(), spoken.iter().map(|s| (*s).to_owned()).collect());
        Self {
            enabled: true,
            words: Vec::new(),
            thresholds: BTreeMap::new(),
            phrases: phrases.into_iter().map(owned).collect(),
            handlers: None,
            model: None,
        }
    }
}

/// Adds the phrases of every `NAME.toml` in `dir`, if there is such a folder.
pub(super) fn enrolled(dir: &Path, phrases: &mut BTreeMap<String, Vec<String>>, faults: &mut Faults) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Enrolled {
        phrases: Vec<String>,
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|p| p.extension() == Some("toml".as_ref())).collect();
    files.sort();
    for file in files {
        let name = file.display().to_string();
        let read = read_text(&file)
            .and_then(|text| toml::from_str::<Enrolled>(&text).map_err(|e| vec![toml_fault(&e, &text, &name)]));
        match read {
            Ok(e) => {
                phrases.insert(file.file_stem().unwrap_or_default().to_string_lossy().into_owned(), e.phrases);
            }
            Err(mut more) => faults.list.append(&mut more),
        }
    }
}

/// The phrases of the words that are listened for (all, if `words` is empty).
pub(super) fn phrases(raw: BTreeMap<String, Vec<String>>, words: &[String], faults: &mut Faults) -> Vec<WakePhrase> {
    let mut out = Vec::new();
    for (word, spoken) in raw.into_iter().filter(|(word, _)| words.is_empty() || words.contains(word)) {
        for phrase in spoken {
            let sounds = phrase.starts_with('/');
            let said: String = if sounds { phrase.clone() } else { normalise(&phrase).into_iter().collect() };
            if said.chars().filter(|c| c.is_alphabetic()).count() < 3 {
                let key = format!("wake.phrases.{word}");
                faults.add(&key, &format!("{phrase:?} is too short to be told from other speech"), "write it out");
            }
            out.push(WakePhrase { word: word.clone(), spoken: said });
        }
    }
    out
}
