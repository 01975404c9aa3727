//! Synthetic rooms and speakers, window by window.

use super::*;

/// (milliseconds, probability, level): a stretch of equal windows.
type Part = (u64, f32, f32);

const QUIET: (f32, f32) = (0.15, -62.0);
const TALK: (f32, f32) = (0.95, -20.0);

fn quiet(ms: u64) -> Part {
    (ms, QUIET.0, QUIET.1)
}

fn talk(ms: u64) -> Part {
    (ms, TALK.0, TALK.1)
}

fn feed(endpointer: &mut Endpointer, parts: &[Part], events: &mut Vec<Event>) {
    for (ms, probability, level_db) in parts {
        for _ in 0..ms / WINDOW_MS {
            events.extend(endpointer.push(Window { probability: *probability, level_db: *level_db }));
        }
    }
}

fn always(endpointer: &mut Endpointer) {
    endpointer.arm(Arm { from: SampleIndex(0), audio_from: SampleIndex(0), deadline: false });
}

/// Armed from the start without a deadline, as with `--no-wake`.
fn run(parts: &[Part]) -> Vec<Event> {
    let mut endpointer = Endpointer::new(EndpointerSettings::default());
    always(&mut endpointer);
    let mut events = Vec::new();
    feed(&mut endpointer, parts, &mut events);
    events
}

fn ms(at: SampleIndex) -> f64 {
    at.as_ms()
}

fn ended(events: &[Event]) -> Bounds {
    match events {
        [Event::SpeechStarted { .. }, Event::Ended(bounds)] => *bounds,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sentence_in_a_quiet_room() {
    let bounds = ended(&run(&[quiet(1600), talk(1600), quiet(1600)]));
    assert_eq!(ms(bounds.speech_start), 1600.0);
    assert_eq!(ms(bounds.speech_end), 3200.0);
    assert_eq!(ms(bounds.start), 1300.0);
    // Half a second of silence, up to the next whole window.
    assert_eq!(ms(bounds.endpoint), 3712.0);
    assert!(!bounds.cut_off);
}

#[test]
fn pauses_of_slow_speakers_do_not_end_it_but_half_a_second_does() {
    for pause in [16, 160, 320, 400, 480] {
        let bounds = ended(&run(&[quiet(800), talk(800), quiet(pause), talk(800), quiet(1600)]));
        assert_eq!(ms(bounds.speech_end) as u64, 1600 / 16 * 16 + pause + 800, "pause of {pause} ms");
    }
    let bounds = ended(&run(&[quiet(800), talk(800), quiet(640), quiet(1600)]));
    assert_eq!(ms(bounds.speech_end), 1600.0);
}

#[test]
fn noise_without_speech_is_nothing() {
    let cases: [(&str, &[Part]); 6] = [
        ("silence", &[(16_000, 0.1, -120.0)]),
        ("a loud fan from the start", &[(16_000, 0.3, -25.0)]),
        ("a tap that is turned on and off", &[quiet(3200), (6400, 0.4, -18.0), quiet(3200)]),
        ("a fan that fools the network now and then", &[(3200, 0.3, -30.0), (8000, 0.7, -30.0)]),
        ("steady noise that the network takes for speech at first", &[(320, 0.68, -30.0), (8000, 0.4, -30.0)]),
        ("a door", &[quiet(3200), (64, 0.9, -8.0), quiet(3200)]),
    ];
    for (what, parts) in cases {
        assert_eq!(run(parts), [], "{what}");
    }
}

#[test]
fn a_fan_that_fools_the_network_does_not_hold_it_open() {
    // The fan alone scores 0.55, above `probability_off`: only its level gives it away.
    let fan = |ms| (ms, 0.55, -30.0);
    let bounds = ended(&run(&[fan(4800), (1600, 0.95, -18.0), fan(3200)]));
    assert_eq!(ms(bounds.speech_end), 6400.0);
}

#[test]
fn speech_at_0_db_snr_is_heard_to_its_end() {
    // Speech and noise at the same level: vowels at +5 dB, weak sounds drowned; the network is less sure.
    let mut parts = vec![(4800, 0.3, -30.0)];
    for _ in 0..8 {
        parts.extend([(96, 0.8, -25.0), (48, 0.6, -28.0), (64, 0.5, -30.0)]);
    }
    parts.push((1600, 0.3, -30.0));
    let bounds = ended(&run(&parts));
    assert!((ms(bounds.speech_start) - 4800.0).abs() <= 32.0, "{}", ms(bounds.speech_start));
    assert!((ms(bounds.speech_end) - 6464.0).abs() <= 130.0, "{}", ms(bounds.speech_end));
}

#[test]
fn the_networks_fading_memory_is_no_speech() {
    // After the word the probability falls slowly while the level is already that of the room.
    let bounds =
        ended(&run(&[quiet(3200), talk(800), (64, 0.9, -61.0), (64, 0.7, -62.0), (64, 0.5, -62.0), quiet(1600)]));
    assert_eq!(ms(bounds.speech_end), 4000.0);
}

#[test]
fn a_speaker_who_never_stops_is_cut_off_at_the_longest_utterance() {
    // Syllables, since only a fan keeps one level for seconds.
    let mut parts = vec![quiet(1600)];
    for _ in 0..60 {
        parts.extend([talk(96), (32, 0.9, -32.0)]);
    }
    let bounds = ended(&run(&parts));
    assert!(bounds.cut_off);
    assert_eq!(ms(bounds.start), 1300.0);
    assert!(ms(bounds.endpoint) <= 7300.0 && ms(bounds.endpoint) > 7300.0 - 32.0);
}

#[test]
fn with_a_deadline_it_gives_up_and_not_earlier() {
    let mut endpointer = Endpointer::new(EndpointerSettings::default());
    let mut events = Vec::new();
    feed(&mut endpointer, &[quiet(800)], &mut events);
    let from = SampleIndex(samples_in_ms(800));
    assert_eq!(endpointer.arm(Arm { from, audio_from: SampleIndex(0), deadline: true }), None);
    feed(&mut endpointer, &[quiet(3984)], &mut events);
    assert_eq!(events, []);
    feed(&mut endpointer, &[quiet(1600)], &mut events);
    assert_eq!(events, [Event::NothingSaid { at: from + samples_in_ms(4000) }]);
    // Speech that begins in the last moment is waited for.
    endpointer.arm(Arm { from: SampleIndex(samples_in_ms(6384)), audio_from: SampleIndex(0), deadline: true });
    events.clear();
    feed(&mut endpointer, &[quiet(3952), talk(800), quiet(800)], &mut events);
    assert!(matches!(events[..], [Event::SpeechStarted { .. }, Event::Ended(_)]), "{events:?}");
}

#[test]
fn after_a_wake_word_what_was_already_said_counts() {
    // The wake word ends at 1600 ms, the command follows at once, and the detection comes 320 ms late.
    let mut endpointer = Endpointer::new(EndpointerSettings::default());
    let mut events = Vec::new();
    feed(&mut endpointer, &[quiet(800), talk(800), talk(320)], &mut events);
    let from = SampleIndex(samples_in_ms(1600));
    let audio_from = endpointer.stretch_start(from, 300, SampleIndex(0));
    assert_eq!(ms(audio_from), 800.0);
    events.extend(endpointer.arm(Arm { from, audio_from, deadline: true }));
    feed(&mut endpointer, &[talk(800), quiet(800)], &mut events);
    let bounds = ended(&events);
    assert_eq!((ms(bounds.start), ms(bounds.speech_start), ms(bounds.speech_end)), (800.0, 1600.0, 2720.0));
}

#[test]
fn a_command_spoken_whole_before_a_late_detection_still_ends() {
    let mut endpointer = Endpointer::new(EndpointerSettings::default());
    let mut events = Vec::new();
    feed(&mut endpointer, &[quiet(800), talk(800), talk(400), quiet(640)], &mut events);
    let from = SampleIndex(samples_in_ms(1600));
    events.extend(endpointer.arm(Arm { from, audio_from: SampleIndex(0), deadline: true }));
    feed(&mut endpointer, &[quiet(32)], &mut events);
    assert_eq!(ms(ended(&events).speech_end), 2000.0);
}

#[test]
fn the_end_of_the_wake_word_is_no_command_and_a_pause_moves_the_start() {
    for pause in [320, 1200, 2496] {
        let mut endpointer = Endpointer::new(EndpointerSettings::default());
        let mut events = Vec::new();
        feed(&mut endpointer, &[quiet(800), talk(800)], &mut events);
        let from = SampleIndex(samples_in_ms(1600));
        let audio_from = SampleIndex(samples_in_ms(600));
        events.extend(endpointer.arm(Arm { from, audio_from, deadline: true }));
        // 80 ms of the wake word are left.
        feed(&mut endpointer, &[talk(80), quiet(pause), talk(1600), quiet(800)], &mut events);
        let bounds = ended(&events);
        let speech_start = 1680.0 + (pause / 16 * 16) as f64;
        assert_eq!(ms(bounds.speech_end), speech_start + 1600.0, "pause of {pause} ms");
        let want = if pause < 700 { 600.0 } else { speech_start - 300.0 };
        assert_eq!(ms(bounds.start), want, "pause of {pause} ms");
    }
}

#[test]
fn the_end_of_the_stream_ends_it() {
    for (tail_ms, cut_off) in [(0, true), (80, true), (112, false), (400, false)] {
        let mut endpointer = Endpointer::new(EndpointerSettings::default());
        always(&mut endpointer);
        let mut events = Vec::new();
        feed(&mut endpointer, &[quiet(800), talk(800), quiet(tail_ms)], &mut events);
        let end = SampleIndex(samples_in_ms(1600 + tail_ms / 16 * 16));
        events.extend(endpointer.finish(end));
        let bounds = ended(&events);
        assert_eq!((bounds.cut_off, bounds.endpoint), (cut_off, end), "{tail_ms} ms of silence");
        assert_eq!(endpointer.finish(end), None);
    }
}

#[test]
fn a_finished_wait_says_whether_somebody_waited() {
    let end = SampleIndex(16_000);
    for deadline in [true, false] {
        let mut endpointer = Endpointer::new(EndpointerSettings::default());
        endpointer.arm(Arm { from: SampleIndex(0), audio_from: SampleIndex(0), deadline });
        assert_eq!(endpointer.finish(end), deadline.then_some(Event::NothingSaid { at: end }));
    }
}

#[test]
fn random_rooms_never_break_the_order_of_positions() {
    for seed in 0..200u32 {
        let mut state = seed;
        let mut next = |n: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % n
        };
        let mut endpointer = Endpointer::new(EndpointerSettings::default());
        let mut position = SampleIndex(0);
        for _ in 0..3000 {
            position = position + WINDOW as u64;
            let level_db = -(next(80) as f32);
            let event = endpointer.push(Window { probability: next(100) as f32 / 100.0, level_db });
            if let Some(Event::Ended(b)) = event {
                let ordered = b.start <= b.speech_start && b.speech_start < b.speech_end && b.speech_end <= b.endpoint;
                assert!(ordered && b.endpoint == position, "seed {seed}: {b:?}");
                assert!(b.endpoint.0 - b.start.0 <= samples_in_ms(6000), "seed {seed}: {b:?}");
            }
            if next(50) == 0 && !endpointer.is_speaking() {
                let from = position - u64::from(next(16_000));
                endpointer.arm(Arm { from, audio_from: from - u64::from(next(16_000)), deadline: next(2) == 0 });
            }
        }
    }
}
