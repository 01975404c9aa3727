//! Which words wake, how they are spoken, and what names the file that is at fault.

use std::fs;

use super::super::*;
use crate::hear::wake::{EMBEDDED_MODEL, Wake};

fn load_in(folder: Option<&Path>, text: &str) -> Result<Config, Vec<Fault>> {
    let raw: Raw = toml::from_str(text).expect("TOML");
    Config::validate(raw, "t.toml", folder, &Overrides::default())
}

fn load(text: &str) -> Config {
    load_in(None, text).expect(text)
}

fn spoken(config: &Config, word: &str) -> Vec<String> {
    config.phrases.iter().filter(|p| p.word == word).map(|p| p.spoken.clone()).collect()
}

#[test]
fn whose_a_new_wake_word_is_changes_nothing_for_the_others() {
    let rules = load("[wake.handlers]\njarvis = \"siri\"\ntian_mao_jing_ling = \"siri\"").rules;
    let called = ["jarvis", "hey_siri", "tian_mao_jing_ling", "computer"].map(|w| rules.called(Some(w)));
    assert_eq!(called, [Some("siri"), Some("siri"), Some("siri"), None]);
}

#[test]
fn phrases_of_ones_own_join_the_built_in_ones() {
    let config = load("[wake.phrases]\njarvis = [\"hey jarvis\"]\ncomputer = [\"Computer\"]\nhey_siri = []");
    assert_eq!(spoken(&config, "jarvis"), ["hey jarvis"]);
    assert_eq!(spoken(&config, "computer"), ["computer"]);
    assert_eq!(spoken(&config, "tian_mao_jing_ling"), ["天猫精灵"]);
    assert!(spoken(&config, "hey_siri").is_empty(), "an empty list means none");
}

#[test]
fn an_utterance_is_no_longer_than_the_speech_model_hears() {
    for (stt, ms, is_valid) in [
        ("", 15_000, true),
        ("", 15_001, false),
        ("engine = \"whisper\"", 6400, true),
        ("engine = \"whisper\"", 6401, false),
        ("engine = \"whisper\"\nmodel = \"ggml-base.bin\"", 30_000, true),
        ("model = \"my.onnx\"", 30_001, false),
    ] {
        let text = format!("[endpointer]\nutterance_ms_max = {ms}\n[stt]\n{stt}");
        let faults = load_in(None, &text).err().unwrap_or_default();
        let keys: Vec<&str> = faults.iter().map(|f| f.key.as_str()).collect();
        assert_eq!(keys, &["endpointer.utterance_ms_max"][usize::from(is_valid)..], "{text}");
    }
}

/// A folder with an enrolled word, `jarvis`.
fn enrolled(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join(ENROLLED_DIR)).expect("writable");
    fs::write(dir.path().join("wake/jarvis.toml"), text).expect("writable");
    dir
}

#[test]
fn enrolled_words_can_be_chosen_and_have_thresholds() {
    let dir = enrolled("phrases = [\"/JH AA R V AH S/\"]\n");
    let text = "[wake]\nwords = [\"jarvis\", \"hey_siri\"]\nthresholds = { jarvis = 0.9, computer = 0.8 }";
    let config = load_in(Some(dir.path()), text).expect("valid");
    let words: Vec<&str> = config.phrases.iter().map(|p| p.word.as_str()).collect();
    assert_eq!(words, ["hey_siri", "jarvis"]);
    assert_eq!(config.phrases.iter().map(|p| p.threshold).collect::<Vec<_>>(), [None, Some(0.9)]);
    let listen = |config: &Config| Wake::from_bytes(EMBEDDED_MODEL, "embedded", &config.listen.wake);
    assert_eq!(listen(&config).expect("the words are known").words().collect::<Vec<_>>(), ["hey_siri"]);
    let config = load_in(Some(dir.path()), "[wake]\nwords = [\"jarvis\"]").expect("valid");
    assert_eq!(listen(&config).expect("known").words().count(), 0);
    let config = load_in(Some(dir.path()), "[wake]\nwords = [\"jervis\"]").expect("valid so far");
    let fault = listen(&config).err().expect("nobody knows it");
    assert!(fault.file == "t.toml" && fault.remedy.contains("jarvis"), "{fault}");
}

#[test]
fn words_of_ones_own_that_are_left_out_are_noted() {
    let dir = enrolled("phrases = [\"/JH AA R V AH S/\"]\n");
    let own = "[wake.phrases]\nalfred = [\"hey alfred\"]\ncomputer = []\n";
    let left_out = |wake: &str| load_in(Some(dir.path()), &format!("[wake]\n{wake}\n{own}")).expect("valid").left_out;
    assert_eq!(left_out(""), []);
    assert_eq!(left_out("words = [\"alfred\", \"jarvis\"]"), []);
    let notes = left_out("words = [\"hey_siri\"]");
    let named: Vec<&str> = notes.iter().map(|note| note.key.as_str()).collect();
    assert_eq!(named, ["wake.phrases.alfred", "phrases"]);
    assert!(notes[1].file.ends_with("jarvis.toml") && notes[1].remedy.contains("wake.words"), "{}", notes[1]);
}

#[test]
fn an_enrolled_file_at_fault_is_named() {
    let fault = |dir: &Path, text: &str| load_in(Some(dir), text).expect_err("a fault").remove(0);
    let dir = enrolled("phrases = [\"/B/\"]\n");
    let short = fault(dir.path(), "");
    assert!(short.file.ends_with("jarvis.toml") && short.key == "phrases", "{short}");
    // A folder of enrolled words that is none.
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join(ENROLLED_DIR), "").expect("writable");
    let none = fault(dir.path(), "");
    assert!(none.file.ends_with("wake") && none.what.contains("cannot be read"), "{none}");
}
