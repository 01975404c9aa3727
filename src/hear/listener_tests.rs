//! Whole streams: a 500 Hz tone is the wake word `low` (tests/data/make_models.py), a recorded sentence the command.

use super::*;
use crate::hear::wav::Recording;

const WAKE: &[u8] = include_bytes!("../../tests/data/wake.onnx");

/// 1.6 s of speech ("turn on the living room light"), trimmed to its first and last sound.
fn sentence() -> Vec<f32> {
    Recording::open("tests/data/speech.flac".as_ref()).unwrap().samples[11_300..37_000].to_vec()
}

fn wake_word() -> Vec<f32> {
    (0..8000).map(|i| 0.3 * (std::f32::consts::TAU * 500.0 * i as f32 / 16_000.0).sin()).collect()
}

fn silence(ms: u64) -> Vec<f32> {
    let mut state: u32 = 3;
    // A quiet room at -66 dB.
    (0..samples_in_ms(ms))
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.0008 * ((state >> 16) as f32 / 32768.0 - 1.0)
        })
        .collect()
}

fn listener(with_wake: bool) -> Listener {
    listener_with(ListenSettings::default(), with_wake)
}

fn listener_with(settings: ListenSettings, with_wake: bool) -> Listener {
    let wake = with_wake.then(|| Wake::from_bytes(WAKE, "wake.onnx", &settings.wake).unwrap());
    Listener::new(settings, wake, "test.wav")
}

fn hear(with_wake: bool, parts: &[Vec<f32>], chunk: usize) -> Vec<Heard> {
    hear_by(listener(with_wake), parts, chunk)
}

fn hear_by(mut listener: Listener, parts: &[Vec<f32>], chunk: usize) -> Vec<Heard> {
    let mut out = Vec::new();
    for c in parts.concat().chunks(chunk) {
        listener.push(c, &mut out).unwrap();
        assert!(listener.kept.len() <= listener.kept_max());
    }
    listener.finish(&mut out);
    out
}

fn one_command(heard: &[Heard]) -> &Utterance {
    match heard {
        [Heard::Woke(_), Heard::Utterance(u)] => u,
        other => panic!("{}", summary(other)),
    }
}

fn summary(heard: &[Heard]) -> String {
    let line = |h: &Heard| match h {
        Heard::Utterance(u) => format!(
            "utterance {}..{} speech_end {} cut_off {}",
            u.start.as_ms(),
            u.endpoint.as_ms(),
            u.speech_end.as_ms(),
            u.cut_off
        ),
        other => format!("{other:?}"),
    };
    heard.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// `got` lies at most `slack` ms from `want`.
fn near(got: SampleIndex, want: f64, slack: f64, what: &str) {
    assert!((got.as_ms() - want).abs() <= slack, "{what}: {} instead of {want}", got.as_ms());
}

#[test]
fn a_command_after_the_wake_word_with_any_pause_up_to_2_5_s() {
    let speech_ms = sentence().len() as f64 / 16.0;
    for pause in [0, 100, 300, 600, 1000, 1500, 2000, 2500] {
        let parts = [silence(1500), wake_word(), silence(pause), sentence(), silence(1200)];
        let heard = hear(true, &parts, 320);
        let u = one_command(&heard);
        let begin = 2000.0 + pause as f64;
        near(u.speech_end, begin + speech_ms, 60.0, &format!("speech end, pause of {pause} ms"));
        near(u.endpoint, begin + speech_ms + 500.0, 80.0, "endpoint");
        assert_eq!(u.samples.len() as u64, u.endpoint.0 - u.start.0);
        assert!(u.samples.len() as u64 <= samples_in_ms(6000) && !u.cut_off);
        assert_eq!(u.opening.detection().unwrap().word, "low");
        if pause <= 600 {
            assert!(u.start.as_ms() < 1500.0, "pause of {pause} ms: the wake word is part of it: {}", u.start.as_ms());
        } else {
            assert!(u.start.as_ms() > 2000.0, "pause of {pause} ms: {}", u.start.as_ms());
        }
        assert!(u.start.as_ms() < begin - 100.0, "there is pre-roll");
        let stream = parts.concat();
        assert_eq!(u.samples, stream[u.start.0 as usize..u.endpoint.0 as usize], "the samples are those of the stream");
    }
}

#[test]
fn the_same_stream_in_any_chunks_is_heard_the_same() {
    let parts = [silence(1500), wake_word(), sentence(), silence(1500), wake_word(), silence(5000), sentence()];
    let whole = hear(true, &parts, 1_000_000);
    assert_eq!(whole.len(), 4, "{}", summary(&whole));
    for chunk in [1, 2, 3, 5, 31, 128, 255, 256, 257, 320, 480, 1000, 1024, 4096, 5000] {
        assert!(hear(true, &parts, chunk) == whole, "chunk of {chunk}");
    }
    let free = hear(false, &parts, 1_000_000);
    for chunk in [1, 7, 255, 256, 257, 5000] {
        assert!(hear(false, &parts, chunk) == free, "chunk of {chunk} without a wake word");
    }
}

#[test]
fn a_wake_word_without_a_command_is_nothing_said() {
    let heard = hear(true, &[silence(1500), wake_word(), silence(6000)], 320);
    let [Heard::Woke(woke), Heard::NothingSaid { wake, at }] = &heard[..] else { panic!("{}", summary(&heard)) };
    assert_eq!(woke, wake);
    near(*at, woke.at.as_ms() + 4000.0, 150.0, "gives up");
    // And at the end of a file that ends at once.
    let heard = hear(true, &[silence(1500), wake_word()], 320);
    assert!(matches!(&heard[..], [Heard::Woke(_), Heard::NothingSaid { .. }]), "{}", summary(&heard));
}

#[test]
fn without_its_wake_word_nothing_is_heard() {
    let heard = hear(true, &[silence(1500), sentence(), silence(1000), sentence(), silence(1000)], 320);
    assert_eq!(summary(&heard), "");
}

#[test]
fn a_pause_gives_a_draft_and_its_end_the_utterance() {
    let endpointer = EndpointerSettings { draft_ms: Some(240), ..EndpointerSettings::default() };
    let settings = ListenSettings { endpointer, ..ListenSettings::default() };
    let parts = [silence(1500), wake_word(), silence(300), sentence(), silence(400), sentence(), silence(1200)];
    let heard = hear_by(listener_with(settings, true), &parts, 320);
    let [Heard::Woke(_), rest @ ..] = &heard[..] else { panic!("{}", summary(&heard)) };
    let said: Vec<&Utterance> =
        rest.iter().map(|h| if let Heard::Utterance(u) = h { u } else { panic!("{}", summary(&heard)) }).collect();
    let (last, drafts) = said.split_last().expect("an utterance");
    assert!(last.draft.is_none() && drafts.iter().all(|d| d.draft.is_some() && !d.cut_off), "{}", summary(&heard));
    let paused: Vec<&&Utterance> = drafts.iter().filter(|d| d.draft == Some(Draft::Paused)).collect();
    let sentence_ms = sentence().len() as f64 / 16.0;
    let first =
        paused.iter().find(|d| d.endpoint.as_ms() > 2300.0 + sentence_ms).expect("one after the first sentence");
    near(first.endpoint, 2300.0 + sentence_ms + 240.0, 60.0, "the first draft");
    near(paused[paused.len() - 1].endpoint, last.endpoint.as_ms() - 260.0, 40.0, "the last draft");
    assert!(said.iter().all(|u| u.start == last.start && u.opening == last.opening), "they are one utterance");
}

#[test]
fn speech_without_a_wake_word_is_overheard_if_that_is_wanted() {
    let settings = ListenSettings { overhear: true, ..ListenSettings::default() };
    let parts =
        [silence(1500), sentence(), silence(1000), wake_word(), silence(300), sentence(), silence(1200), sentence()];
    let heard = hear_by(listener_with(settings, true), &parts, 320);
    let openings: Vec<&str> = heard
        .iter()
        .map(|h| match h {
            Heard::Utterance(Utterance { opening: Opening::Overheard { .. }, .. }) => "overheard",
            Heard::Utterance(Utterance { opening: Opening::Woken(_), .. }) => "woken",
            Heard::Woke(_) => "woke",
            _ => "else",
        })
        .collect();
    assert_eq!(openings, ["overheard", "woke", "woken", "overheard"], "{}", summary(&heard));
}

#[test]
fn the_end_of_a_file_ends_the_utterance() {
    for (tail, cut_off) in [(0, true), (30, true), (200, false), (450, false)] {
        let heard = hear(true, &[silence(1500), wake_word(), silence(200), sentence(), silence(tail)], 320);
        let u = one_command(&heard);
        assert_eq!(u.cut_off, cut_off, "{tail} ms of silence: {}", summary(&heard));
        assert_eq!(u.endpoint.0, (samples_in_ms(2200 + tail) as usize + sentence().len()) as u64);
    }
    // Cut in the middle of a word.
    let half = sentence()[..12_000].to_vec();
    assert!(one_command(&hear(true, &[silence(1500), wake_word(), silence(200), half], 320)).cut_off);
}

#[test]
fn without_wake_words_each_stretch_of_speech_is_an_utterance() {
    let heard = hear(false, &[silence(1000), sentence(), silence(1500), sentence(), silence(1000)], 320);
    let [Heard::Utterance(a), Heard::Utterance(b)] = &heard[..] else { panic!("{}", summary(&heard)) };
    near(a.start, 700.0, 80.0, "pre-roll");
    assert!(a.opening == Opening::Open && !a.cut_off && a.endpoint <= b.start);
    // A recording that begins with speech.
    let heard = hear(false, &[sentence(), silence(1000)], 320);
    let [Heard::Utterance(a)] = &heard[..] else { panic!("{}", summary(&heard)) };
    assert_eq!(a.start, SampleIndex(0));
    assert_eq!(summary(&hear(false, &[silence(8000)], 320)), "");
    assert_eq!(summary(&hear(false, &[], 320)), "");
}

#[test]
fn hours_of_noise_and_talk_are_heard_in_bounded_memory() {
    let mut listener = listener(true);
    let mut out = Vec::new();
    let minute = [wake_word(), sentence(), sentence(), silence(300), sentence(), silence(700), sentence()].concat();
    for _ in 0..8 {
        listener.push(&minute, &mut out).unwrap();
        assert!(listener.kept.len() <= listener.kept_max());
        assert!(listener.kept.capacity() <= 2 * listener.kept_max());
    }
    for heard in &out {
        if let Heard::Utterance(u) = heard {
            assert!(u.samples.len() as u64 <= samples_in_ms(6000));
        }
    }
    assert!(out.len() >= 8, "{}", summary(&out));
}

#[test]
fn a_command_under_talk_that_never_pauses_gives_drafts() {
    let endpointer = EndpointerSettings { draft_ms: Some(240), ..EndpointerSettings::default() };
    let settings = ListenSettings { endpointer, ..ListenSettings::default() };
    let talk = [sentence(), sentence(), sentence()].concat();
    let heard = hear_by(listener_with(settings, true), &[silence(1500), wake_word(), silence(200), talk], 320);
    let drafts = |why| {
        let same = |h: &&Heard| matches!(h, Heard::Utterance(u) if u.draft == Some(why));
        heard.iter().filter(same).count()
    };
    assert!((4..=12).contains(&drafts(Draft::GoingOn)), "{}", summary(&heard));
    let without = hear(true, &[silence(1500), wake_word(), silence(200), sentence(), sentence()], 320);
    one_command(&without);
}

#[test]
fn a_restarted_listener_hears_what_a_new_one_hears() {
    let parts = [silence(1000), wake_word(), silence(300), sentence(), silence(1500)];
    let mut used = listener(true);
    // The stream before it ended in the middle of a command.
    for c in [wake_word(), sentence()].concat().chunks(160) {
        used.push(c, &mut Vec::new()).unwrap();
    }
    used.restart("test.wav");
    let heard = hear_by(used, &parts, 160);
    one_command(&heard);
    assert_eq!(heard, hear(true, &parts, 160));
}
