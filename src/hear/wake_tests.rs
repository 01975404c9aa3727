//! Tones stand for words (tests/data/make_models.py): `low` is about 500 Hz, `high` about 5 kHz.

use super::*;

const MODEL: &[u8] = include_bytes!("../../tests/data/wake.onnx");
const TINY: &[u8] = include_bytes!("../../tests/data/tiny.onnx");

fn wake(settings: &WakeSettings) -> Result<Wake, Fault> {
    Wake::from_bytes(MODEL, "wake.onnx", settings)
}

fn tone(hz: f32, ms: u64) -> Vec<f32> {
    (0..samples_in_ms(ms)).map(|i| 0.5 * (std::f32::consts::TAU * hz * i as f32 / 16_000.0).sin()).collect()
}

fn silence(ms: u64) -> Vec<f32> {
    vec![0.0; samples_in_ms(ms) as usize]
}

fn hear(wake: &mut Wake, samples: &[f32], chunk: usize) -> Vec<Detection> {
    let mut out = Vec::new();
    for c in samples.chunks(chunk) {
        wake.push(c, &mut out).unwrap();
    }
    out.extend(wake.finish());
    out
}

fn words(detections: &[Detection]) -> Vec<&str> {
    detections.iter().map(|d| d.word.as_str()).collect()
}

#[test]
fn each_word_is_detected_once_near_its_end_at_any_chunk_size() {
    let samples = [silence(1000), tone(500.0, 500), silence(2000), tone(5000.0, 500), silence(1000)].concat();
    let first = hear(&mut wake(&WakeSettings::default()).unwrap(), &samples, 256);
    assert_eq!(words(&first), ["low", "high"]);
    assert!((1200.0..1700.0).contains(&first[0].at.as_ms()), "{first:?}");
    assert!((3700.0..4200.0).contains(&first[1].at.as_ms()), "{first:?}");
    assert!(first.iter().all(|d| d.score > 0.6 && d.score <= 1.0));
    for chunk in [1, 7, 160, 1000, 100_000] {
        assert_eq!(hear(&mut wake(&WakeSettings::default()).unwrap(), &samples, chunk), first, "chunk {chunk}");
    }
}

fn noise(ms: u64, mut seed: u32) -> Vec<f32> {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..samples_in_ms(ms)).map(|_| next()).collect()
}

#[test]
fn silence_noise_and_speech_are_no_wake_word() {
    let speech = crate::hear::wav::Recording::open("tests/data/speech.flac".as_ref()).unwrap().samples;
    for samples in [silence(5000), noise(5000, 7), speech] {
        assert_eq!(hear(&mut wake(&WakeSettings::default()).unwrap(), &samples, 256), []);
    }
}

#[test]
fn a_word_cut_by_the_end_of_the_stream_still_counts() {
    let samples = [silence(1000), tone(500.0, 390)].concat();
    assert_eq!(words(&hear(&mut wake(&WakeSettings::default()).unwrap(), &samples, 256)), ["low"]);
}

#[test]
fn only_enabled_words_count_and_thresholds_can_be_set() {
    let samples = [silence(1000), tone(500.0, 500), silence(2000), tone(5000.0, 500), silence(1000)].concat();
    let only_high = WakeSettings { words: vec!["high".into()], ..Default::default() };
    let mut only_high = wake(&only_high).unwrap();
    assert_eq!(only_high.words().collect::<Vec<_>>(), ["high"]);
    assert_eq!(words(&hear(&mut only_high, &samples, 256)), ["high"]);
    let faint = [silence(1000), tone(500.0, 220), silence(1000)].concat();
    let count = |threshold: f32| {
        let settings = WakeSettings { thresholds: [("low".into(), threshold)].into(), ..Default::default() };
        hear(&mut wake(&settings).unwrap(), &faint, 256).len()
    };
    assert_eq!((count(1e-6), count(1.0)), (1, 0));
}

#[test]
fn wrong_settings_and_models_are_faults_with_a_remedy() {
    let named = |word: &str| WakeSettings {
        words: vec![word.into()],
        thresholds: [(word.into(), 0.5)].into(),
        owned: vec![word.into()],
        also: vec!["high".into(), "jarvis".into()],
        file: "t.toml".into(),
    };
    let fault = wake(&named("alexa")).err().unwrap().to_string();
    assert_eq!(fault, "t.toml: wake.words: the wake-word model does not know `alexa`; use one of: low, high, jarvis");
    // What the speech recogniser hears may be named; the model then listens to none.
    let mut jarvis = wake(&named("jarvis")).unwrap();
    assert_eq!(jarvis.words().count(), 0);
    assert_eq!(hear(&mut jarvis, &[silence(1000), tone(500.0, 500), silence(1000)].concat(), 256), []);
    assert!(!jarvis.hinted(SampleIndex(0), SampleIndex(40_000)));
    for bad in [0.0, -1.0, 1.5, f32::NAN] {
        let settings = WakeSettings { thresholds: [("low".into(), bad)].into(), ..Default::default() };
        assert!(wake(&settings).err().unwrap().to_string().contains("wake.thresholds.low"));
    }
    let settings = WakeSettings { owned: vec!["x".into()], ..Default::default() };
    assert!(
        wake(&settings).err().unwrap().to_string().contains("wake.handlers: the wake-word model does not know `x`")
    );
    let settings = WakeSettings { thresholds: [("x".into(), 0.5)].into(), ..Default::default() };
    assert!(wake(&settings).err().unwrap().to_string().contains("does not know `x`"));
    let other = Wake::from_bytes(TINY, "tiny.onnx", &WakeSettings::default()).err().unwrap().to_string();
    assert!(other.starts_with("tiny.onnx: frames: "), "{other}");
    assert!(Wake::from_bytes(b"text", "x", &WakeSettings::default()).is_err());
}

/// Scores of two words every 80 ms -> (word, step of the peak).
fn pick(scores: &[[f32; 2]]) -> Vec<(String, u64)> {
    let words = ["a", "b"].map(|name| Word { name: name.into(), threshold: 0.5, enabled: true }).into();
    let mut picker = PeakPicker { words, candidate: None, deaf_until: SampleIndex(0) };
    let step = samples_in_ms(80);
    let detections = scores.iter().zip(0..).filter_map(|(s, i)| picker.push(s, SampleIndex(i * step)));
    let mut out: Vec<_> = detections.map(|d| (d.word, d.at.0 / step)).collect();
    out.extend(picker.fire().map(|d| (d.word, d.at.0 / step)));
    out
}

#[test]
fn peaks_become_detections() {
    let one = |word: &str, step| vec![(word.to_owned(), step)];
    let quiet = [0.0, 0.0];
    assert_eq!(pick(&[quiet, [0.4, 0.3], quiet]), []);
    assert_eq!(pick(&[quiet, [0.6, 0.0], [0.9, 0.0], [0.7, 0.0], quiet]), one("a", 2), "the peak, once");
    assert_eq!(pick(&[[0.6, 0.0], [0.7, 0.9], [0.6, 0.6]]), one("b", 1), "the best word wins");
    assert_eq!(pick(&[[0.60, 0.0], [0.7, 0.0], [0.8, 0.0], [0.9, 0.0], [0.95, 0.0]]), one("a", 2), "240 ms at most");
    let mut twice = vec![[0.9, 0.0], quiet];
    twice.resize(10, quiet);
    twice.extend([[0.0, 0.9], quiet]);
    assert_eq!(pick(&twice), one("a", 0), "deaf for 1.5 s to every word");
    twice.resize(19, quiet);
    twice.extend([[0.0, 0.9], quiet]);
    assert_eq!(pick(&twice).len(), 2);
}
