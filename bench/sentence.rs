//! How long a sentence takes to understand, and the grammars to load.
//!
//!     cargo bench --bench sentence
//!
//! Sentences are the tests of the shipped grammars, those to be refused included: they go through everything
//! (templates as written, in parts, by sound, then the classifier). One thread.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tiebreak::engine::load::shipped_understanding;
use tiebreak::facts::home::{EMBEDDED_HOME, Home};
use tiebreak::onnx::Model;
use tiebreak::understand::classifier::{EMBEDDED_MODEL, IntentModel};
use tiebreak::understand::sentence_tests::shipped_tests;
use tiebreak::understand::{Understanding, embedded_grammars};

const ROUNDS: usize = 5;
const LOADS: usize = 9;
/// Things in the large house, besides the shipped one's.
const ENTITIES: usize = 300;

fn main() {
    // `cargo test --all-targets` runs benches as well: only `cargo bench` measures.
    if !std::env::args().any(|a| a == "--bench") {
        return;
    }
    let shipped = shipped_understanding().unwrap_or_else(|f| panic!("{}", f[0]));
    let large = large_house();
    let loads: Vec<Duration> = (0..LOADS).map(|_| timed(|| drop(black_box(understanding(&large))))).collect();
    println!("all grammars, {ENTITIES} entities and the classifier loaded in {:.1} ms", ms(quantile(loads, 0.5)));
    for (house, understanding) in [("the shipped house", &shipped), ("300 entities", &understanding(&large))] {
        for tests in shipped_tests().unwrap_or_else(|f| panic!("{f}")) {
            let lang = tests.lang.expect("each language has its tests");
            let right = tests.cases.iter().flat_map(|c| &c.sentences).map(|s| s.value.as_str());
            let refused = tests.refused.iter().map(|s| s.value.as_str());
            for (what, sentences) in [("understood", right.collect::<Vec<_>>()), ("refused", refused.collect())] {
                let mut times = Vec::new();
                for _ in 0..ROUNDS {
                    for sentence in &sentences {
                        times.push((timed(|| drop(black_box(understanding.hypotheses(sentence, None)))), *sentence));
                    }
                }
                let (worst, longest) = times.iter().copied().max().expect("there are sentences");
                let times: Vec<Duration> = times.into_iter().map(|(time, _)| time).collect();
                let (median, slow) = (quantile(times.clone(), 0.5), quantile(times, 0.99));
                println!(
                    "{house}, {lang}, {} sentences {what}: median {:.3} ms, p99 {:.3} ms, slowest {:.3} ms ({longest:?})",
                    sentences.len(),
                    ms(median),
                    ms(slow),
                    ms(worst)
                );
            }
        }
    }
}

fn understanding(home: &Home) -> Understanding {
    let model = Model::from_bytes(EMBEDDED_MODEL, "intent.onnx").expect("the shipped model");
    let classifier = IntentModel::new(model, "intent.onnx").expect("the shipped model");
    Understanding::new(home, &embedded_grammars(), Some(classifier)).unwrap_or_else(|f| panic!("{}", f[0]))
}

/// The shipped house with [`ENTITIES`] more things of many names.
fn large_house() -> Home {
    let mut text = EMBEDDED_HOME.to_owned();
    let kinds =
        [("light", "lamp", "灯"), ("switch", "plug", "插座"), ("fan", "ventilator", "风机"), ("cover", "shade", "帘")];
    let words =
        [("oak", "橡木"), ("glass", "玻璃"), ("corner", "角落"), ("old", "旧"), ("tall", "高"), ("green", "绿")];
    for i in 0..ENTITIES {
        let (domain, en, zh) = kinds[i % kinds.len()];
        let ((a, a_zh), (b, b_zh)) = (words[i / 4 % 6], words[i / 24 % 6]);
        let _ = write!(
            text,
            "\n[[entity]]\nid = \"{domain}.x{i}\"\narea = \"study\"\ncan = [\"on_off\"]\n\
             name = {{ en = [\"{a} {b} {en} {i}\", \"{b} {en} number {i}\"], zh = [\"{a_zh}{b_zh}{zh}{i}号\"] }}\n"
        );
    }
    Home::parse(&text, "large house").expect("valid")
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn quantile(mut times: Vec<Duration>, share: f64) -> Duration {
    times.sort();
    times[((times.len() - 1) as f64 * share).round() as usize]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
