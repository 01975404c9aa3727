//! Runs the sentences of grammars/<lang>/tests.yaml against the house of the fixtures: each must be
//! understood as it says, and each refused one not at all.

use std::collections::BTreeMap;

use serde::Deserialize;
use tiebreak::facts::home::{EMBEDDED_HOME, Home};
use tiebreak::facts::intent::{Lang, SlotValue};
use tiebreak::onnx::Model;
use tiebreak::understand::classifier::{EMBEDDED_MODEL, IntentModel};
use tiebreak::understand::grammar::embedded_grammars;
use tiebreak::understand::meaning::Understanding;
use tiebreak::understand::sentences::parse_yaml;

#[derive(Deserialize)]
struct SentenceTests {
    tests: Vec<Case>,
    refused: Vec<String>,
}

#[derive(Deserialize)]
struct Case {
    sentences: Vec<String>,
    intent: String,
    slots: BTreeMap<String, SlotValue>,
}

fn sentence_tests(lang: Lang) -> SentenceTests {
    let file = format!("{}/grammars/{lang}/tests.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).expect("the tests stand beside the grammars");
    parse_yaml(&file, &text).unwrap_or_else(|e| panic!("{e}"))
}

fn understanding() -> Understanding {
    let home = Home::parse(EMBEDDED_HOME, "home.toml").expect("the shipped home is valid");
    let name = "embedded";
    let classifier = Model::from_bytes(EMBEDDED_MODEL, name).and_then(|model| IntentModel::new(model, name));
    let classifier = classifier.unwrap_or_else(|e| panic!("{e}"));
    Understanding::new(&home, &embedded_grammars(), Some(classifier))
        .unwrap_or_else(|faults| panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

fn check(lang: Lang, positive_min: usize) {
    let understanding = understanding();
    let tests = sentence_tests(lang);
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in &tests.tests {
        for sentence in &case.sentences {
            count += 1;
            // The language is found out, too.
            let (found, hypotheses) = understanding.hypotheses(sentence, None);
            match hypotheses.first() {
                Some(h) if h.intent == case.intent && h.slots == case.slots && found == Some(lang) => {
                    if h.confidence < 0.5 {
                        wrong.push(format!("{sentence}: unsure: {hypotheses:?}"));
                    }
                }
                Some(h) => {
                    wrong.push(format!("{sentence}: {} {:?}, not {} {:?}", h.intent, h.slots, case.intent, case.slots))
                }
                None => wrong.push(format!("{sentence}: not understood, should be {} {:?}", case.intent, case.slots)),
            }
        }
    }
    for sentence in &tests.refused {
        if let Some(h) = understanding.hypotheses(sentence, None).1.first() {
            wrong.push(format!("{sentence}: {} {:?}, not refused", h.intent, h.slots));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} + {}:\n{}", wrong.len(), tests.refused.len(), wrong.join("\n"));
    assert!(count >= positive_min && tests.refused.len() >= 40, "{count} and {} sentences", tests.refused.len());
}

#[test]
fn english_sentences() {
    check(Lang::En, 120);
}

#[test]
fn chinese_sentences() {
    check(Lang::Zh, 100);
}
