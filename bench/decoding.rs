//! How long decoding takes: our acoustic model with the grammar search against a Whisper of the official `tiny`
//! shape with random weights, both on 2.5 s of speech and 2 threads at most, in one run.
//!
//!     cargo bench --bench decoding
//!
//! Random weights take as long as trained ones; the decoder is stopped after as many tokens as a short command has.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tiebreak::config::{Config, Overrides};
use tiebreak::engine::load;
use tiebreak::facts::audio::{SAMPLE_RATE_HZ, SampleIndex};
use tiebreak::facts::utterance::{Opening, Utterance};
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters};

const SECONDS: f32 = 2.5;
const RUNS: usize = 15;
const TOKENS: i32 = 10;

fn main() {
    // `cargo test --all-targets` runs benches as well: only `cargo bench` measures.
    if !std::env::args().any(|a| a == "--bench") {
        return;
    }
    whisper_rs::install_logging_hooks();
    let samples = speech();
    let config = Config::load(None, &Overrides::default()).expect("embedded defaults");
    let understanding = load::understanding(&config).expect("embedded grammars");
    let mut ours = load::recognizer(&config, &understanding).expect("embedded model");
    let utterance = Utterance {
        source: "bench".into(),
        endpoint: SampleIndex(samples.len() as u64),
        speech_end: SampleIndex(samples.len() as u64),
        start: SampleIndex(0),
        opening: Opening::Open,
        draft: None,
        cut_off: false,
        samples: samples.clone(),
    };
    let tiny = tiny_with_random_weights();
    let context = WhisperContext::new_from_buffer_with_params(&tiny, WhisperContextParameters::default());
    let mut theirs = context.expect("a valid model").create_state().expect("memory");
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        a.push(timed(|| drop(black_box(ours.transcribe(&utterance)))));
        b.push(timed(|| {
            let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
            params.set_n_threads(2);
            params.set_language(Some("en"));
            params.set_single_segment(true);
            params.set_no_timestamps(true);
            params.set_temperature_inc(0.0);
            params.set_max_tokens(TOKENS);
            params.set_print_progress(false);
            theirs.full(params, &samples).expect("it decodes");
        }));
    }
    let (a, b) = (median(a), median(b));
    println!("ours (ctc, one thread): {:.1} ms; Whisper tiny's shape at 30 s, 2 threads: {:.1} ms", ms(a), ms(b));
    println!("ratio: {:.1}", ms(b) / ms(a));
}

/// A recording of somebody's command, cut or repeated to [`SECONDS`].
fn speech() -> Vec<f32> {
    let recording = tiebreak::hear::wav::Recording::open("tests/data/speech.flac".as_ref()).expect("it is there");
    assert_eq!(recording.sample_rate_hz, SAMPLE_RATE_HZ);
    recording.samples.iter().copied().cycle().skip(8000).take((SECONDS * SAMPLE_RATE_HZ as f32) as usize).collect()
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

/// A ggml file of OpenAI's `tiny` shape (384 wide, 4 + 4 layers, 51,865 tokens), 2-D weights in f16.
fn tiny_with_random_weights() -> Vec<u8> {
    let (vocabulary, width, layers, text_ctx, audio_ctx) = (51_865, 384, 4, 448, 1500);
    let mut file = Ggml { bytes: Vec::new(), state: 7 };
    for v in [0x6767_6d6c, vocabulary, audio_ctx, width, 6, layers, text_ctx, width, 6, layers, 80, 1, 80, 201] {
        file.int(v);
    }
    for _ in 0..80 * 201 {
        file.bytes.extend(0.01f32.to_le_bytes());
    }
    file.int(50_257);
    for i in 0..50_257 {
        // whisper.cpp looks up the blank by its text.
        let word = if i == 220 { " ".to_owned() } else { format!("w{i}") };
        file.int(word.len() as i32);
        file.bytes.extend(word.as_bytes());
    }
    file.tensor("encoder.positional_embedding", &[audio_ctx, width], false);
    file.tensor("encoder.conv1.weight", &[width, 80, 3], true);
    file.tensor("encoder.conv1.bias", &[width, 1], false);
    file.tensor("encoder.conv2.weight", &[width, width, 3], true);
    file.tensor("encoder.conv2.bias", &[width, 1], false);
    file.tensor("decoder.positional_embedding", &[text_ctx, width], false);
    file.tensor("decoder.token_embedding.weight", &[vocabulary, width], true);
    for (part, norm) in [("encoder", "ln_post"), ("decoder", "ln")] {
        file.norm(&format!("{part}.{norm}"), width);
        for i in 0..layers {
            let block = format!("{part}.blocks.{i}");
            for attention in if part == "encoder" { &["attn"][..] } else { &["attn", "cross_attn"] } {
                file.norm(&format!("{block}.{attention}_ln"), width);
                for name in ["query", "key", "value", "out"] {
                    file.tensor(&format!("{block}.{attention}.{name}.weight"), &[width, width], true);
                    if name != "key" {
                        file.tensor(&format!("{block}.{attention}.{name}.bias"), &[width], false);
                    }
                }
            }
            file.norm(&format!("{block}.mlp_ln"), width);
            for (name, rows, columns) in [("0", 4 * width, width), ("2", width, 4 * width)] {
                file.tensor(&format!("{block}.mlp.{name}.weight"), &[rows, columns], true);
                file.tensor(&format!("{block}.mlp.{name}.bias"), &[rows], false);
            }
        }
    }
    file.bytes
}

struct Ggml {
    bytes: Vec<u8>,
    state: u32,
}

impl Ggml {
    fn int(&mut self, v: i32) {
        self.bytes.extend(v.to_le_bytes());
    }

    fn norm(&mut self, name: &str, width: i32) {
        self.tensor(&format!("{name}.weight"), &[width], false);
        self.tensor(&format!("{name}.bias"), &[width], false);
    }

    /// Small random numbers of either sign: between 2^-6 and 2^-5.
    fn tensor(&mut self, name: &str, shape: &[i32], half: bool) {
        self.int(shape.len() as i32);
        self.int(name.len() as i32);
        self.int(i32::from(half));
        shape.iter().rev().for_each(|&n| self.int(n));
        self.bytes.extend(name.as_bytes());
        for _ in 0..shape.iter().product::<i32>() {
            self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (sign, fraction) = (self.state >> 31, (self.state >> 8) & 0x3ff);
            if half {
                self.bytes.extend(((sign << 15 | 0x2400 | fraction) as u16).to_le_bytes());
            } else {
                self.bytes.extend((sign << 31 | 0x3c80_0000 | fraction << 13).to_le_bytes());
            }
        }
    }
}
