//! Bad templates, sentence files and sentences: an error or no reading, never a panic, and bounded work. The same
//! that tests/fuzz tries without an end, here for so many seeded cases; a failure names its seed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tiebreak::facts::home::{EMBEDDED_HOME, Home};
use tiebreak::facts::intent::Lang;
use tiebreak::understand::grammar::compile;
use tiebreak::understand::sentences::GrammarSource;
use tiebreak::understand::template::parse;
use tiebreak::understand::{Understanding, embedded_grammars};

/// Arcs that a language may have at most, as in compile.rs.
const ARCS_MAX: usize = 1_500_000;

fn home() -> Home {
    Home::parse(EMBEDDED_HOME, "embedded").expect("valid")
}

fn source(text: String) -> GrammarSource {
    GrammarSource { file: "x.yaml".into(), text, lang: Lang::En, shipped: false }
}

/// A sentence file with one template and other top-level keys.
fn file(template: &str, more: &str) -> String {
    let quoted = serde_json::to_string(template).expect("any text is JSON");
    format!("intents: {{T: {{data: [{{sentences: [{quoted}]}}]}}}}\n{more}\n")
}

/// The faults, or nothing if it compiles to something of bounded size.
fn faults(text: String) -> Vec<String> {
    match compile(&home(), &[source(text)], Lang::En) {
        Ok(automaton) => {
            let arcs = automaton.arcs.between(0, automaton.arcs.states() as u32).len();
            assert!(arcs <= ARCS_MAX, "{arcs} arcs");
            Vec::new()
        }
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn what_would_never_end_is_a_fault() {
    let doubling: String = (0..20).map(|i| format!("  r{i}: \"<r{}> <r{}>\"\n", i + 1, i + 1)).collect();
    let deep: String = (0..40).map(|i| format!("  r{i}: \"a <r{}>\"\n", i + 1)).collect();
    let nested = format!("{}a{}", "(".repeat(60), ")".repeat(60));
    let optionals = "[a ]".repeat(10_000);
    let permutation = format!("({})", ["a"; 20].join(";"));
    let permutations = format!("({})", ["(a;b;c;d;e;f)"; 6].join(";"));
    let alternatives = "(a|b|c|d|e|f|g|h)".repeat(2_000);
    let cases = [
        ("a <x>", "expansion_rules: {x: \"b <y>\", y: \"c <x>\"}".to_owned(), "leads back to itself"),
        ("<x>", "expansion_rules: {x: \"<x>\"}".to_owned(), "leads back to itself"),
        ("<r0>", format!("expansion_rules:\n{doubling}  r20: z\n"), "many sentences"),
        ("<r0>", format!("expansion_rules:\n{deep}  r40: z\n"), "nested more than 30 deep"),
        (&nested, String::new(), "nested"),
        (&optionals, String::new(), "longer than"),
        (&permutation, String::new(), "in any order"),
        (&permutations, String::new(), "many sentences"),
        (&alternatives, String::new(), "longer than"),
        ("{l}", format!("lists: {{l: {{values: [\"{}\"]}}}}", "(a|b)".repeat(30)), "wordings"),
        ("{l}", "lists: {l: {values: [\"<x>\"]}}\nexpansion_rules: {x: \"<x>\"}".to_owned(), "leads back to itself"),
        (&"a".repeat(1 << 20), String::new(), "longer than"),
        ("{nothing}", String::new(), "no list"),
        ("{r}", "lists: {r: {range: {from: .nan, to: 5}}}".to_owned(), ""),
    ];
    for (template, more, reason) in cases {
        let found = faults(file(template, &more)).join("\n");
        let shown: String = template.chars().take(40).collect();
        assert!(!found.is_empty() && found.contains(reason), "{shown}: {found:?}");
    }
    // No Unicode text: an escape of half a character.
    assert!(!faults("intents: {T: {data: [{sentences: [\"a \\ud800\"]}]}}\n".to_owned()).is_empty());
}

#[test]
fn what_nobody_says_means_nothing() {
    let understanding = Understanding::new(&home(), &embedded_grammars(), None).unwrap_or_else(|f| panic!("{}", f[0]));
    let megabyte = "turn on the light ".repeat(60_000);
    for text in [
        &megabyte,
        &"关".repeat(400_000),
        &"in ten minutes ".repeat(33),
        &"and then ".repeat(55),
        "\u{0}\u{1}\u{7}\u{1b}[31m",
        "💡💡💡",
        "👩‍👩‍👧‍👦",
        "\u{202e}\u{200d}\u{feff}",
        "\u{fffd}\u{fffd}",
        "",
    ] {
        let shown: String = text.chars().take(30).collect();
        assert!(understanding.commands(text, None, None).1.is_empty(), "{shown:?}");
    }
    // What surrounds words does not change them.
    let (_, found) = understanding.hypotheses("\u{0}turn\u{7} on 💡 the ceiling light\u{200d}!\u{1f600}", None);
    assert_eq!(found.first().map(|h| h.intent.as_str()), Some("HassTurnOn"));
}

/// Marsaglia's xorshift64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

const PIECES: [&str; 30] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "|",
    ";",
    "\\",
    ":",
    "{name}",
    "{area}",
    "<turn>",
    "<all>",
    " ",
    "%",
    "5",
    "百分之",
    "灯",
    "打开",
    "the",
    "\u{0}",
    "💡",
    "\u{301}",
    "'",
    "\"",
    "- ",
    "\n",
];

/// `text` with a few of its parts cut, doubled, swapped, or replaced.
fn mutated(text: &str, random: &mut Random) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(6) {
        let at = random.below(chars.len() + 1);
        let end = (at + random.below(8)).min(chars.len());
        match random.below(4) {
            0 => drop(chars.drain(at..end)),
            1 => {
                let part = chars[at..end].to_vec();
                let to = random.below(chars.len() + 1);
                chars.splice(to..to, part);
            }
            2 => drop(chars.splice(at..end, PIECES[random.below(PIECES.len())].chars())),
            _ => drop(chars.splice(at..at, PIECES[random.below(PIECES.len())].chars())),
        }
    }
    chars.into_iter().collect()
}

#[test]
fn mutated_templates_files_and_sentences_never_panic() {
    const CASES: u64 = 3_000;
    let sources = embedded_grammars();
    let templates: Vec<&str> = sources
        .iter()
        .flat_map(|s| s.text.lines())
        .filter_map(|l| l.trim().strip_prefix("- \"").and_then(|l| l.strip_suffix('"')))
        .collect();
    let sentences: Vec<&str> = [include_str!("../grammars/en/tests.yaml"), include_str!("../grammars/zh/tests.yaml")]
        .into_iter()
        .flat_map(|t| t.split(['"', ',', '[', ']', '\n']))
        .map(str::trim)
        .filter(|s| s.chars().count() > 3)
        .collect();
    let house = home();
    let shipped = Understanding::new(&house, &sources, None).unwrap_or_else(|f| panic!("{}", f[0]));
    for case in 1..=CASES {
        let mut random = Random(case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let template = mutated(templates[random.below(templates.len())], &mut random);
        let sentence = mutated(sentences[random.below(sentences.len())], &mut random);
        let work = || {
            let _ = parse(&template);
            let mut texts = vec![file(&template, "")];
            if case % 50 == 0 {
                let whole = &sources[random.below(sources.len())].text;
                texts.push(mutated(whole, &mut random));
            }
            for text in texts {
                if let Ok(understanding) = Understanding::new(&house, &[source(text)], None) {
                    let _ = understanding.commands(&sentence, None, None);
                }
            }
            let (_, commands) = shipped.commands(&sentence, None, None);
            assert!(commands.len() <= 4 && commands.iter().all(|c| c.len() <= 8), "too many readings");
        };
        let result = catch_unwind(AssertUnwindSafe(work));
        assert!(result.is_ok(), "case {case}: template {template:?}, sentence {sentence:?}");
    }
}
