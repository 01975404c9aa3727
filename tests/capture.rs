//! Live capture through a virtual ALSA device that plays a recorded sentence, and the audio thread's promise never
//! to allocate. No sound card is needed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::Command;
use std::time::{Duration, Instant};

use tiebreak::hear::listener::{Heard, ListenSettings, Listener};
use tiebreak::hear::mic::{self, Capture, Ingest};
use tiebreak::hear::wav::Recording;

/// Counts what the current thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn the_audio_thread_never_allocates() {
    let (mut ingest, reader) = Ingest::new(10_000, 2);
    let (ints, floats) = ([1000i16; 960], [0.1f32; 960]);
    let before = ALLOCATIONS.get();
    // Also when the ring is full.
    for _ in 0..20 {
        ingest.push(&ints);
        ingest.push(&floats);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert_eq!((reader.slots(), ingest.overrun_samples()), (10_000, 20 * 960 - 10_000));
}

const SOUND: &str = "TIEBREAK_TEST_SOUND";
const DEVICE: &str = "tiebreak_test";

/// ALSA reads its configuration once, from the environment, so the capture runs in a process of its own.
#[test]
fn a_sentence_is_captured_from_a_virtual_device() {
    let dir = tempfile::tempdir().unwrap();
    let sound = dir.path().join("sound.raw");
    std::fs::write(&sound, sentence_at_48_khz()).unwrap();
    let conf = dir.path().join("asound.conf");
    // `null` captures silence as fast as it is asked; `file` puts the sentence in its place.
    let text = format!(
        "</usr/share/alsa/alsa.conf>\npcm.{DEVICE} {{ type file; slave.pcm \"null\"; file \"/dev/null\"; \
         infile \"{}\"; format \"raw\"; hint {{ show on; description \"A test\" }} }}\n",
        sound.display()
    );
    std::fs::write(&conf, text).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "capture_in_this_process", "--include-ignored", "--nocapture"])
        .env("ALSA_CONFIG_PATH", &conf)
        .env(SOUND, &sound)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("captured one utterance"), "{out}\n{err}");
}

/// 32-bit floats, mono, 48 kHz by straight lines between the samples: what that adds lies above 8 kHz and is
/// filtered away. It lasts 3.5 s, so the ring takes it whole, however fast it comes.
fn sentence_at_48_khz() -> Vec<u8> {
    let samples = Recording::open("tests/data/speech.flac".as_ref()).unwrap().samples;
    let between = |pair: &[f32]| [0.0, 1.0, 2.0].map(|i| pair[0] + (pair[1] - pair[0]) * i / 3.0);
    samples.windows(2).flat_map(between).flat_map(f32::to_ne_bytes).collect()
}

#[test]
#[ignore = "started by a_sentence_is_captured_from_a_virtual_device"]
fn capture_in_this_process() {
    if std::env::var_os(SOUND).is_none() {
        return;
    }
    let outcome = std::panic::catch_unwind(capture);
    // Leaves without waiting for the audio thread, which finds no more sound in the file.
    std::process::exit(i32::from(outcome.is_err()));
}

fn capture() {
    let listed = mic::devices().unwrap();
    assert!(listed.iter().any(|line| line.id == DEVICE), "{listed:?}");
    let mut capture = Capture::open(Some(DEVICE)).unwrap();
    assert_eq!(capture.name(), DEVICE);
    let mut listener = Listener::new(ListenSettings::default(), None, capture.name());
    let (mut sound, mut heard, mut received) = (Vec::new(), Vec::new(), 0);
    // The last piece of the file does not fill a period and may not come.
    let give_up = Instant::now() + Duration::from_secs(30);
    while received < 3400 * 16 {
        assert!(Instant::now() < give_up, "only {received} samples came");
        sound.clear();
        capture.read(&mut sound);
        received += sound.len();
        listener.push(&sound, &mut heard).unwrap();
    }
    listener.finish(&mut heard);
    let health = capture.health();
    assert_eq!((health.xruns, health.reopened, &health.lost), (0, 0, &None), "{health:?}");
    let [Heard::Utterance(utterance)] = &heard[..] else { panic!("{} events", heard.len()) };
    assert!((utterance.speech_end.as_ms() - 2320.0).abs() < 40.0, "{}", utterance.speech_end.as_ms());
    // Sample by sample the recorded sentence, but for the straight lines.
    let original = Recording::open("tests/data/speech.flac".as_ref()).unwrap().samples;
    let (start, len) = (utterance.start.0 as usize, utterance.samples.len());
    let (mut error, mut power) = (0.0, 0.0);
    for (got, want) in utterance.samples.iter().zip(&original[start..start + len]) {
        error += (got - want).powi(2);
        power += want.powi(2);
    }
    assert!(error < 0.01 * power, "{error} of {power}");
    println!("captured one utterance");
}
