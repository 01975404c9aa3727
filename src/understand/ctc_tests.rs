//! Files that are no speech models, and phrases that nobody can say.

use super::*;

const TINY: &[u8] = include_bytes!("../../tests/data/tiny.onnx");

#[test]
fn a_phrase_that_nobody_can_say_names_the_file_in_which_it_is_written() {
    let written = ("wake/computer.toml".into(), "phrases".into());
    let phrase = WakePhrase { word: "computer".into(), spoken: "/QQ AA/".into(), threshold: None, written };
    let acoustic = AcousticModel::new(EMBEDDED_MODEL, "embedded").expect("the shipped model");
    let fault = CtcRecognizer::new(acoustic, &[], &[], &[], &[phrase]).err().expect("refused");
    assert_eq!((fault.file.as_str(), fault.key.as_str()), ("wake/computer.toml", "phrases"), "{fault}");
}

/// `model` with entries of metadata before its own.
fn with_metadata(model: &[u8], entries: &[(&str, &str)]) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| {
        assert!(bytes.len() < 128, "one byte of length");
        [&[(number << 3) | 2, bytes.len() as u8], bytes].concat()
    };
    let entry =
        |(key, value): &(&str, &str)| field(14, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat());
    let mut out: Vec<u8> = entries.iter().flat_map(entry).collect();
    out.extend(model);
    out
}

#[test]
fn a_model_of_another_kind_is_found_at_the_start() {
    let numbers = [("frames_per_step", "4"), ("frames_max", "1500")];
    let tiny = with_metadata(TINY, &[&[("units", "_\na"), ("letters", "_\na")], &numbers[..]].concat());
    for (bytes, what) in [
        (with_metadata(EMBEDDED_MODEL, &[("units", "_\nAA\nB")]), "one row of units"),
        (with_metadata(EMBEDDED_MODEL, &[("letters", "_\na\nb")]), "one row of units"),
        (tiny, "cannot be run"),
    ] {
        let fault = AcousticModel::new(&bytes, "other.onnx").err().expect(what);
        assert!(fault.file == "other.onnx" && fault.what.contains(what), "{fault}");
    }
    assert!(AcousticModel::new(&with_metadata(EMBEDDED_MODEL, &[]), "ours.onnx").is_ok());
}

#[test]
fn who_goes_on_after_a_sentence_has_not_fallen_silent_with_it() {
    // Blank, and two sounds.
    let rows = |likely: &[usize]| -> Vec<f32> {
        likely.iter().flat_map(|&u| (0..3).map(move |i| if i == u { 0.9f32.ln() } else { 0.05f32.ln() })).collect()
    };
    let heard = |likely: &[usize]| heard_until(3, 4, &LogProbs { values: &rows(likely), units: 3 });
    let sentence = [0, 1, 0, 2, 0, 0];
    assert_eq!(heard(&[&sentence[..], &[0, 0, 0, 0]].concat()), 3);
    assert_eq!(heard(&[&sentence[..], &[0, 1, 0, 0]].concat()), 3, "one sound may be noise");
    assert_eq!(heard(&[&sentence[..], &[0, 1, 0, 2]].concat()), 9);
    assert_eq!(heard(&[&sentence[..], &[0, 1, 0, 2, 0, 0, 0, 0, 1]].concat()), 9, "after a pause");
    assert_eq!(heard(&[&sentence[..], &[0, 0, 0, 0, 1, 0, 2]].concat()), 3, "after a pause");
}
