//! Whisper behind a wake phrase: what it is given, and what not.

use tiebreak::facts::audio::SampleIndex;
use tiebreak::facts::utterance::{Detection, Opening, Utterance};
use tiebreak::hear::wav::Recording;
use tiebreak::understand::addressed::Addressed;
use tiebreak::understand::calls::{Calls, WakePhrase};
use tiebreak::understand::ctc::{AcousticModel, EMBEDDED_MODEL};
use tiebreak::understand::stt::Recognizer;
use tiebreak::understand::whisper::{self, WhisperRecognizer};

fn addressed() -> Addressed {
    let written = (String::new(), String::new());
    let phrase =
        WakePhrase { word: "tian_mao_jing_ling".into(), spoken: "天猫精灵".into(), threshold: None, written };
    let acoustic = AcousticModel::new(EMBEDDED_MODEL, "embedded").expect("the shipped model");
    let calls = Calls::new(&[phrase], &acoustic.sounds_of_words().expect("it knows both languages")).expect("few");
    let whisper = WhisperRecognizer::new(whisper::EMBEDDED_MODEL, "embedded", &[], &[], 1).expect("it loads");
    Addressed::new(acoustic, calls, whisper)
}

fn utterance(file: &str, opening: Opening) -> Utterance {
    let samples = Recording::open(file.as_ref()).expect("a recording").samples;
    let end = SampleIndex(samples.len() as u64);
    let start = SampleIndex(0);
    Utterance {
        source: file.into(),
        samples,
        start,
        speech_end: end,
        endpoint: end,
        opening,
        draft: None,
        cut_off: false,
    }
}

#[test]
fn only_what_comes_after_the_wake_phrase_is_transcribed() {
    let mut addressed = addressed();
    let wake = Detection { word: "tian_mao_jing_ling".into(), score: 0.9, at: SampleIndex(27_000) };
    for opening in [Opening::Overheard { hinted: true }, Opening::Woken(wake)] {
        let is_overheard = opening.is_overheard();
        let said = utterance("audio-fixtures/zh-ceiling-light-on.flac", opening);
        let heard = addressed.transcribe(&said).expect("it runs").expect("somebody speaks");
        assert!(!heard.transcript.text.contains("精灵"), "{heard:?}");
        assert_eq!(heard.wake.is_some(), is_overheard, "{heard:?}");
    }
}

#[test]
fn what_nobody_said_to_the_house_is_not_transcribed() {
    let said = utterance("tests/data/speech.flac", Opening::Overheard { hinted: true });
    assert_eq!(addressed().transcribe(&said).expect("it runs"), None);
}
