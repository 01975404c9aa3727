//! Anything as a template, as a sentence file and as a sentence: an error or a reading, and never a panic.
//!
//! The input is a template or a sentence file, a NUL, and a sentence; without a NUL it is both.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tiebreak::facts::home::{EMBEDDED_HOME, Home};
use tiebreak::facts::intent::Lang;
use tiebreak::understand::sentences::GrammarSource;
use tiebreak::understand::template::parse;
use tiebreak::understand::{Understanding, embedded_grammars};

static HOME: LazyLock<Home> = LazyLock::new(|| Home::parse(EMBEDDED_HOME, "embedded").expect("valid"));
static SHIPPED: LazyLock<Understanding> =
    LazyLock::new(|| Understanding::new(&HOME, &embedded_grammars(), None).expect("valid"));

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (grammar, sentence) = text.split_once('\0').unwrap_or((&text, &text));
    let _ = parse(grammar);
    let quoted = serde_json::to_string(grammar).expect("any text is JSON");
    let block = format!("intents: {{T: {{data: [{{sentences: [{quoted}]}}]}}}}\n");
    for (text, lang) in [(block, Lang::En), (grammar.to_owned(), Lang::Zh)] {
        let source = GrammarSource { file: "fuzz.yaml".into(), text, lang, shipped: false };
        if let Ok(understanding) = Understanding::new(&HOME, &[source], None) {
            let _ = understanding.commands(sentence, None, None);
        }
    }
    let _ = SHIPPED.commands(sentence, None, None);
});
