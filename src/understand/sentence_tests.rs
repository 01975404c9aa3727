//! Sentences with what they must mean, beside the templates: `tests.yaml`, or YAML files in a folder `tests`.
//! docs/sentences.md has the form.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::facts::error::Fault;
use crate::facts::intent::{Hypothesis, Lang, Slots};
use crate::text;

use super::meaning::Understanding;
use super::sentences::{Placed, parse_yaml, said_language, yaml_files};

/// A reading that is less sure than this is no pass: a handler would not act on it.
const CONFIDENCE_MIN: f32 = 0.5;

/// The name of a file of tests, and of a folder of them.
pub const TESTS: &str = "tests";

/// One file of tests.
#[derive(Debug)]
pub struct SentenceTests {
    /// The file as the user named it.
    pub file: String,
    /// The language that must be found; `None`: any.
    pub lang: Option<Lang>,
    /// Sentences with their meaning.
    pub cases: Vec<Case>,
    /// Sentences that must not be understood at all.
    pub refused: Vec<Placed<String>>,
}

/// Sentences that mean the same.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is said.
    pub sentences: Vec<Placed<String>>,
    /// Which intent it is.
    pub intent: String,
    /// All its slots.
    #[serde(default)]
    pub slots: Slots,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    language: Option<String>,
    #[serde(default)]
    tests: Vec<Case>,
    #[serde(default)]
    refused: Vec<Placed<String>>,
}

/// A test that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// `line:column` of the sentence.
    pub at: String,
    /// The sentence.
    pub sentence: String,
    /// Intent and slots; `None`: it must be refused.
    pub expected: Option<(String, Slots)>,
    /// The best reading there is.
    pub got: Option<Hypothesis>,
    /// What is wrong with it.
    pub what: &'static str,
}

impl SentenceTests {
    /// Reads one file; `lang` is the language of its folder, if that says one.
    ///
    /// # Errors
    /// What YAML or the form forbids, with `line:column`.
    pub fn parse(file: &str, text: &str, lang: Option<Lang>) -> Result<Self, Fault> {
        let raw: Raw = parse_yaml(file, text)?;
        let said = raw.language.as_deref().and_then(Lang::from_tag);
        Ok(Self { file: file.to_owned(), lang: said.or(lang), cases: raw.tests, refused: raw.refused })
    }

    /// How many sentences must be understood.
    pub fn positive(&self) -> usize {
        self.cases.iter().map(|c| c.sentences.len()).sum()
    }

    /// Every sentence whose best reading is another one than it should be.
    pub fn failures(&self, understanding: &Understanding) -> Vec<Failure> {
        let mut failures = Vec::new();
        let mut note = |sentence: &Placed<String>, expected: Option<&Case>| {
            // The language is found out, too.
            let (found, hypotheses) = understanding.hypotheses(&sentence.value, None);
            let best = hypotheses.into_iter().next();
            let what = match (expected, &best) {
                (None, None) => return,
                (None, Some(_)) => "it must not be understood",
                (Some(_), None) => "it is not understood",
                (Some(case), Some(h)) if h.intent != case.intent => "another intent",
                (Some(case), Some(h)) if h.slots != case.slots => "other slots",
                _ if self.lang.is_some() && found != self.lang => "another language",
                (_, Some(h)) if h.confidence < CONFIDENCE_MIN => "too unsure",
                _ => return,
            };
            failures.push(Failure {
                at: sentence.at.clone(),
                sentence: sentence.value.clone(),
                expected: expected.map(|case| (case.intent.clone(), case.slots.clone())),
                got: best,
                what,
            });
        };
        for case in &self.cases {
            case.sentences.iter().for_each(|sentence| note(sentence, Some(case)));
        }
        self.refused.iter().for_each(|sentence| note(sentence, None));
        failures
    }
}

/// The tests of the sentences that ship with Tiebreak. They hold in the house that ships with it.
///
/// # Errors
/// None, unless what is compiled in is broken.
pub fn shipped_tests() -> Result<Vec<SentenceTests>, Fault> {
    let all = [
        ("grammars/en/tests.yaml", include_str!("../../grammars/en/tests.yaml")),
        ("grammars/zh/tests.yaml", include_str!("../../grammars/zh/tests.yaml")),
    ];
    all.into_iter().map(|(file, text)| SentenceTests::parse(file, text, None)).collect()
}

/// The tests in a folder of sentences: `tests.yaml` and `tests/*.yaml`, in the folder itself and in those of its
/// languages. None is no fault.
///
/// # Errors
/// Every file that cannot be read.
pub fn load_tests(dir: &Path) -> Result<Vec<SentenceTests>, Vec<Fault>> {
    let (mut tests, mut faults) = (Vec::new(), Vec::new());
    for path in test_files(dir).map_err(|f| vec![f])? {
        let file = path.display().to_string();
        let parsed = text::read(&path).map_err(|what| Fault::new(&file, "", what, "correct or remove it"));
        let parsed = parsed.and_then(|text| match language_of(&path, &text) {
            Some(tag) if Lang::from_tag(&tag).is_none() => {
                tracing::warn!(file, "left out: Tiebreak speaks en and zh");
                Ok(None)
            }
            tag => SentenceTests::parse(&file, &text, tag.as_deref().and_then(Lang::from_tag)).map(Some),
        });
        match parsed {
            Ok(parsed) => tests.extend(parsed),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(tests) } else { Err(faults) }
}

/// What the file says, else the nearest folder that is named like a language we know.
fn language_of(path: &Path, text: &str) -> Option<String> {
    let folders = path.ancestors().skip(1).take(2).filter_map(Path::file_name).filter_map(|n| n.to_str());
    let known = || folders.map(str::to_owned).find(|name| Lang::from_tag(name).is_some());
    said_language(text).or_else(known)
}

fn test_files(dir: &Path) -> Result<Vec<PathBuf>, Fault> {
    let fault = |e: std::io::Error| {
        Fault::new(dir.display().to_string(), "", e.to_string(), "name a readable folder with --sentences")
    };
    let mut folders = vec![dir.to_owned()];
    for entry in fs::read_dir(dir).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path.is_dir() && path.file_name().is_some_and(|n| n != TESTS) {
            folders.push(path);
        }
    }
    folders.sort();
    let mut files = Vec::new();
    for folder in folders {
        let single = ["yaml", "yml"].map(|e| folder.join(TESTS).with_extension(e));
        files.extend(single.into_iter().filter(|p| p.is_file()));
        let several = folder.join(TESTS);
        if several.is_dir() {
            files.extend(yaml_files(&several, true)?);
        }
    }
    Ok(files)
}
