//! The wake words in the configuration: which, how they are spoken, and the ones that the user has enrolled.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Faults, read_text};
use crate::facts::error::{Fault, toml_fault};
use crate::understand::calls::WakePhrase;
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
    pub(super) handlers: BTreeMap<String, String>,
    pub(super) model: Option<PathBuf>,
}

impl Default for RawWake {
    fn default() -> Self {
        Self {
            enabled: true,
            words: Vec::new(),
            thresholds: BTreeMap::new(),
            phrases: BTreeMap::new(),
            handlers: BTreeMap::new(),
            model: None,
        }
    }
}

/// How words are spoken, by word: the phrases, and the file and key where they are written.
pub(super) type Spoken = BTreeMap<String, (Vec<String>, (String, String))>;

/// The phrases that ship with Tiebreak, and over them those of the configuration; an empty list means none.
pub(super) fn spoken(own: BTreeMap<String, Vec<String>>, file: &str) -> Spoken {
    let shipped = [
        ("hey_siri", &["hey siri"][..]),
        ("computer", &["computer", "hey computer"]),
        ("tian_mao_jing_ling", &["天猫精灵"]),
    ];
    let owned = |(word, said): (&str, &[&str])| (word.to_owned(), said.iter().map(|s| (*s).to_owned()).collect());
    let mut phrases: BTreeMap<String, Vec<String>> = shipped.into_iter().map(owned).collect();
    phrases.extend(own);
    let written = |word: &String| (file.to_owned(), format!("wake.phrases.{word}"));
    phrases.into_iter().map(|(word, said)| (word.clone(), (said, written(&word)))).collect()
}

/// Adds the phrases of every `NAME.toml` in `dir`, if there is such a folder.
pub(super) fn enrolled(dir: &Path, spoken: &mut Spoken, faults: &mut Faults) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Enrolled {
        phrases: Vec<String>,
    }
    let paths = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>();
    let mut files = match paths() {
        Ok(files) => files,
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        Err(e) => {
            let what = format!("it cannot be read: {e}");
            let remedy = "it is the folder of enrolled wake words: check its rights, or move it away";
            faults.list.push(Fault::new(dir.display().to_string(), "", what, remedy));
            Vec::new()
        }
    };
    files.retain(|p| p.extension() == Some("toml".as_ref()));
    files.sort();
    for file in files {
        let name = file.display().to_string();
        let read = read_text(&file)
            .and_then(|text| toml::from_str::<Enrolled>(&text).map_err(|e| vec![toml_fault(&e, &text, &name)]));
        match read {
            Ok(e) => {
                let word = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                spoken.insert(word, (e.phrases, (name, "phrases".to_owned())));
            }
            Err(mut more) => faults.list.append(&mut more),
        }
    }
}

/// Words that were enrolled, or whose phrases stand in the configuration `file`, and that `wake.words` leaves out: they
/// are not listened for.
pub(super) fn left_out(spoken: &Spoken, raw: &RawWake, file: &str) -> Vec<Fault> {
    let is_own = |word: &String, written: &(String, String)| raw.phrases.contains_key(word) || written.0 != file;
    let is_left_out = |word: &String| !raw.words.is_empty() && !raw.words.contains(word);
    let words =
        spoken.iter().filter(|(word, (said, written))| !said.is_empty() && is_own(word, written) && is_left_out(word));
    words
        .map(|(word, (_, (file, key)))| {
            let what = format!("nobody listens for {word:?}: wake.words does not name it");
            Fault::new(file.clone(), key.clone(), what, "add it to wake.words, or remove the phrases")
        })
        .collect()
}

/// The phrases of the words that are listened for (all, if `words` is empty), with the words' thresholds.
pub(super) fn phrases(spoken: Spoken, raw: &RawWake, faults: &mut Faults) -> Vec<WakePhrase> {
    let mut out = Vec::new();
    let is_wanted = |word: &String| raw.words.is_empty() || raw.words.contains(word);
    for (word, (said, written)) in spoken.into_iter().filter(|(word, _)| is_wanted(word)) {
        for phrase in said {
            let sounds = phrase.starts_with('/');
            let said: String = if sounds { phrase.clone() } else { normalise(&phrase).into_iter().collect() };
            if said.chars().filter(|c| c.is_alphabetic()).count() < 3 {
                let what = format!("{phrase:?} is too short to be told from other speech");
                let (file, key) = written.clone();
                faults.list.push(Fault::new(file, key, what, "write it out"));
            }
            let threshold = raw.thresholds.get(&word).copied();
            out.push(WakePhrase { word: word.clone(), spoken: said, threshold, written: written.clone() });
        }
    }
    out
}

#[cfg(test)]
#[path = "wake_tests.rs"]
mod tests;
