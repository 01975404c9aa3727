//! Sentence files in Home Assistant's form: YAML in, typed data with line numbers out.
//!
//! The only file that knows the YAML crate. Keys that Home Assistant knows and we do not need (responses) are read over, so that a user's `custom_sentences` load unchanged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::facts::error::Fault;
use crate::facts::intent::Lang;
use crate::text;

use super::sentence_tests::TESTS;

/// More files are no folder of sentences.
const FILES_MAX: usize = 1_000;

/// One sentence file before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrammarSource {
    /// The file as the user named it, for messages.
    pub file: String,
    /// Its YAML.
    pub text: String,
    /// The language of its sentences.
    pub lang: Lang,
    /// Whether it came with Tiebreak; a user's file sees our rules and lists, ours never see a user's.
    pub shipped: bool,
}

/// A value with the place where it is written, `line:column`.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed<T> {
    /// What is written.
    pub value: T,
    /// Where, from 1.
    pub at: String,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(d)?;
        let at = format!("{}:{}", spanned.referenced.line(), spanned.referenced.column());
        Ok(Self { value: spanned.value, at })
    }
}

/// A sentence file as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentenceFile {
    /// `en`, `zh-CN`, ...
    pub language: Option<String>,
    /// By name.
    #[serde(default)]
    pub intents: BTreeMap<String, RawIntent>,
    /// By name.
    #[serde(default)]
    pub lists: BTreeMap<String, Placed<RawList>>,
    /// By name.
    #[serde(default)]
    pub expansion_rules: BTreeMap<String, Placed<String>>,
    /// Words that may stand anywhere.
    #[serde(default)]
    pub skip_words: Vec<String>,
    /// The same, but spoken only before a sentence (ours; Home Assistant has no such key): what may follow every
    /// sentence makes the recogniser's automaton larger than what may come before it.
    #[serde(default)]
    pub opening_words: Vec<String>,
    /// The same, but spoken only after a sentence (ours, too): "too bright" begins with no such word.
    #[serde(default)]
    pub closing_words: Vec<String>,
    /// Read over.
    #[serde(default, rename = "responses")]
    pub _responses: IgnoredAny,
    /// Read over.
    #[serde(default, rename = "settings")]
    pub _settings: IgnoredAny,
}

/// One intent's sentences.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawIntent {
    /// Blocks that share slots and context.
    #[serde(default)]
    pub data: Vec<RawBlock>,
}

/// Sentences with the same slots and context.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBlock {
    /// Templates.
    #[serde(default)]
    pub sentences: Vec<Placed<String>>,
    /// Slots that these sentences imply.
    #[serde(default)]
    pub slots: BTreeMap<String, Value>,
    /// What the context must hold.
    #[serde(default)]
    pub requires_context: BTreeMap<String, Value>,
    /// What the context must not hold.
    #[serde(default)]
    pub excludes_context: BTreeMap<String, Value>,
    /// Rules of this block only.
    #[serde(default)]
    pub expansion_rules: BTreeMap<String, Placed<String>>,
    /// Lists of this block only.
    #[serde(default)]
    pub lists: BTreeMap<String, Placed<RawList>>,
    /// Of all that it may hold, `spoken: false` counts: a recogniser that hears only sentences of the grammar
    /// leaves these out.
    #[serde(default)]
    pub metadata: BTreeMap<String, Value>,
    /// Read over.
    #[serde(default, rename = "response")]
    pub _response: IgnoredAny,
    /// Read over.
    #[serde(default, rename = "required_keywords")]
    pub _required_keywords: IgnoredAny,
}

/// A slot list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawList {
    /// The words it holds.
    pub values: Option<Vec<RawListValue>>,
    /// The numbers it holds.
    pub range: Option<RawRange>,
    /// Any words.
    #[serde(default)]
    pub wildcard: bool,
    /// Words with which they must not begin (ours; Home Assistant has no such key): "call it a day" calls nobody.
    #[serde(default)]
    pub except: Vec<String>,
}

/// One value of a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a list's value is a word, a number, or {in: ..., out: ..., context: ...}"
)]
pub enum RawListValue {
    /// `in` is said, `out` is meant.
    Full {
        /// A template.
        r#in: Value,
        /// The slot's value; `in` where it is missing.
        out: Option<Value>,
        /// What saying it adds to the context.
        #[serde(default)]
        context: BTreeMap<String, Value>,
        /// Read over.
        #[serde(default, rename = "metadata")]
        _metadata: IgnoredAny,
    },
    /// Said and meant are the same.
    Plain(#[serde(deserialize_with = "plain")] Value),
}

/// A value that is said and meant: no mapping, whose keys would be lost.
fn plain<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Value, D::Error> {
    let value = Value::deserialize(d)?;
    if value.is_object() || value.is_array() {
        return Err(serde::de::Error::custom("neither a word nor a number"));
    }
    Ok(value)
}

/// A range of numbers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRange {
    /// `number`, `percentage` or `temperature`.
    #[serde(default)]
    pub r#type: String,
    /// Smallest.
    pub from: f64,
    /// Largest.
    pub to: f64,
    /// Distance between numbers; 1 where it is missing.
    pub step: Option<f64>,
    /// The slot's value is the number said times this.
    pub multiplier: Option<f64>,
    /// `halves` or `tenths`: fractions that may be said.
    pub fraction_type: Option<String>,
    /// Read over: all that is understood is said in words or in digits.
    #[serde(default, rename = "digits")]
    pub _digits: IgnoredAny,
    /// Read over.
    #[serde(default, rename = "words")]
    pub _words: IgnoredAny,
    /// Read over: a file has one language.
    #[serde(default, rename = "words_language")]
    pub _words_language: IgnoredAny,
    /// Read over.
    #[serde(default, rename = "words_ruleset")]
    pub _words_ruleset: IgnoredAny,
}

/// Reads one sentence file.
///
/// # Errors
/// What YAML or its shape forbids, with `line:column`.
pub fn read(source: &GrammarSource) -> Result<SentenceFile, Fault> {
    let file: SentenceFile = parse_yaml(&source.file, &source.text)?;
    match file.language.as_deref().map(Lang::from_tag) {
        Some(lang) if lang != Some(source.lang) => Err(Fault::new(
            &source.file,
            "language",
            format!("it says {:?}, its folder says {:?}", file.language.unwrap_or_default(), source.lang.tag()),
            "put it into the folder of its language",
        )),
        _ => Ok(file),
    }
}

/// Any YAML document, with `line:column` in the fault.
///
/// # Errors
/// See [`read`].
pub fn parse_yaml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Fault> {
    serde_saphyr::from_str(text).map_err(|e| {
        let key = e.location().map_or(String::new(), |l| format!("{}:{}", l.line(), l.column()));
        // The crate's message goes on with a picture of the lines; its first line says what is wrong.
        let what = e.to_string().lines().next().unwrap_or_default().to_owned();
        Fault::new(file, key, what, "correct it (see docs/sentences.md)")
    })
}

/// Reads a folder in the form of Home Assistant's `custom_sentences`: `<lang>/*.yaml`, or YAML files whose
/// `language:` says what they speak. Files in languages that we do not speak are left out, with a warning.
///
/// # Errors
/// A folder that cannot be read or holds no sentences; each file that is unreadable, too large or in no
/// known language.
pub fn load_sentences(dir: &Path) -> Result<Vec<GrammarSource>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut sources = Vec::new();
    let mut left_out = false;
    for path in yaml_files(dir, true).map_err(|f| vec![f])? {
        let file = path.display().to_string();
        match read_source(&path, dir) {
            Ok(Some(source)) => sources.push(source),
            Ok(None) => {
                left_out = true;
                tracing::warn!(file, "left out: Tiebreak speaks en and zh");
            }
            Err(what) => faults.push(Fault::new(file, "", what, "correct or remove it")),
        }
    }
    if sources.is_empty() && faults.is_empty() && !left_out {
        let remedy = "name a folder that holds en/*.yaml or zh/*.yaml";
        faults.push(Fault::new(dir.display().to_string(), "", "there are no sentence files in it", remedy));
    }
    if faults.is_empty() { Ok(sources) } else { Err(faults) }
}

/// The YAML files in `dir` and, with `descend`, in its folders. Tests are no sentences and are left out.
pub(super) fn yaml_files(dir: &Path, descend: bool) -> Result<Vec<std::path::PathBuf>, Fault> {
    let fault = |e: std::io::Error| {
        Fault::new(dir.display().to_string(), "", e.to_string(), "name a readable folder with --sentences")
    };
    let mut files = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(dir).map_err(fault)?.collect::<Result<_, _>>().map_err(fault)?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for path in entries.into_iter().map(|e| e.path()) {
        if path.file_stem().is_some_and(|n| n == TESTS) {
            continue;
        }
        if path.is_dir() && descend {
            files.extend(yaml_files(&path, false)?);
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(Fault::new(
                dir.display().to_string(),
                "",
                format!("there are more than {FILES_MAX} files in it"),
                "name the folder of sentences only",
            ));
        }
    }
    Ok(files)
}

/// What a file says its language is, before it is read as YAML.
pub(super) fn said_language(text: &str) -> Option<String> {
    let line = text.lines().find_map(|l| l.strip_prefix("language:"))?;
    Some(line.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned())
}

fn read_source(path: &Path, dir: &Path) -> Result<Option<GrammarSource>, String> {
    let text = text::read(path)?;
    let folder = path.parent().filter(|p| *p != dir).and_then(Path::file_name).and_then(|n| n.to_str());
    // What the file says counts; a folder given directly (`--sentences custom_sentences/en`) has its own name.
    let said = said_language(&text);
    let own = dir.file_name().and_then(|n| n.to_str());
    let tag = said.as_deref().or(folder).or(own).unwrap_or_default();
    let known = Lang::from_tag(tag);
    if known.is_none() && said.is_none() && folder.is_none() {
        return Err("it does not say which language it is in (language: en)".to_owned());
    }
    Ok(known.map(|lang| GrammarSource { file: path.display().to_string(), text, lang, shipped: false }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> GrammarSource {
        GrammarSource { file: "x.yaml".into(), text: text.into(), lang: Lang::En, shipped: false }
    }

    #[test]
    fn reads_home_assistants_form_with_places() {
        let text = "language: en\nintents:\n  Greet:\n    data:\n      - sentences:\n          - \"hi {who}\"\n        slots: {n: 3}\n        response: x\nlists:\n  who:\n    values:\n      - bob\n      - in: \"(al|allen)\"\n        out: al\n        context: {domain: light}\n  n:\n    range: {from: 1, to: 5, type: percentage}\n  any: {wildcard: true, except: [it]}\nresponses: {a: b}\n";
        let file = read(&source(text)).expect("valid");
        let block = &file.intents["Greet"].data[0];
        assert_eq!((block.sentences[0].value.as_str(), block.sentences[0].at.as_str()), ("hi {who}", "6:13"));
        assert!(file.lists["any"].value.wildcard && file.lists["any"].value.except == ["it"]);
        let values = file.lists["who"].value.values.as_deref().expect("values");
        assert!(matches!(&values[0], RawListValue::Plain(Value::String(s)) if s == "bob"), "{values:?}");
        assert!(matches!(&values[1], RawListValue::Full { out: Some(Value::String(s)), .. } if s == "al"));
    }

    #[test]
    fn bad_files_name_their_line() {
        for (text, at) in [
            ("intents: [1", "1"),
            ("language: en\nintents:\n  A: 3\n", "3:"),
            ("language: de\n", "language"),
            ("intent: {}\n", "1:1"),
            ("intents:\n  A:\n    data:\n      - sentences: [a]\n        requires_contexts: {domain: light}\n", "5:9"),
            ("lists:\n  n:\n    range: {from: 1, to: 2, stop: 3}\n", "3:"),
            ("lists:\n  n:\n    values:\n      - {in: a, outt: b}\n", "4:"),
        ] {
            let fault = read(&source(text)).expect_err(text);
            assert!(fault.key.starts_with(at), "{text:?}: {fault}");
        }
        // Lone surrogates, deep nesting, alias bombs: an error, and soon.
        for text in ["a: \"\\ud800\"", &"[".repeat(100_000), "a: &a [x]\nb: &b [*a,*a]\nlists: *zz"] {
            assert!(read(&source(text)).is_err(), "{}", &text[..8]);
        }
    }

    #[test]
    fn folders_are_read_by_language() {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
            fs::write(path, text).expect("written");
        };
        write("en/a.yaml", "intents: {}\n");
        write("zh-CN/b.yaml", "language: zh-cn\n");
        write("de/c.yaml", "language: de\n");
        write("d.yml", "language: \"en\"  # mine\n");
        write("en/tests.yaml", "tests: []\n");
        write("tests/e.yaml", "language: en\n");
        let sources = load_sentences(dir.path()).expect("readable");
        let langs: Vec<_> = sources.iter().map(|s| s.lang).collect();
        assert_eq!(langs, [Lang::En, Lang::En, Lang::Zh]);
        assert!(load_sentences(&dir.path().join("nowhere")).is_err());
        write("e.yaml", "intents: {}\n");
        assert!(load_sentences(dir.path()).is_err());
    }
}
