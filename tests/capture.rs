//! Live capture through a virtual ALSA device that plays a recorded sentence, and the audio thread's promise never
//! to allocate. No sound card is needed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

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

const FIFO: &str = "TIEBREAK_TEST_FIFO";
const DEVICE: &str = "tiebreak_test";

/// ALSA reads its configuration once, from the environment, so the capture runs in a process of its own.
#[test]
fn a_sentence_is_captured_from_a_virtual_device() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("sound.raw");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let conf = dir.path().join("asound.conf");
    // `null` captures silence as fast as it is asked; `file` replaces it by what it reads from the pipe.
    let text = format!(
        "</usr/share/alsa/alsa.conf>\npcm.{DEVICE} {{ type file; slave.pcm \"null\"; file \"/dev/null\"; \
         infile \"{}\"; format \"raw\"; hint {{ show on; description \"A test\" }} }}\n",
        fifo.display()
    );
    std::fs::write(&conf, text).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "capture_in_this_process", "--include-ignored", "--nocapture"])
        .env("ALSA_CONFIG_PATH", &conf)
        .env(FIFO, &fifo)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("captured one utterance"), "{out}\n{err}");
}

#[test]
#[ignore = "started by a_sentence_is_captured_from_a_virtual_device"]
fn capture_in_this_process() {
    let Some(fifo) = std::env::var_os(FIFO) else { return };
    let listed = mic::devices().unwrap();
    assert!(listed.iter().any(|line| line.id == DEVICE), "{listed:?}");
    let (permits, allowed) = mpsc::sync_channel(1000);
    std::thread::spawn(move || play(Path::new(&fifo), &allowed));
    for _ in 0..10 {
        permits.send(()).unwrap();
    }
    let outcome = std::panic::catch_unwind(|| capture(&permits));
    // Leaves without waiting for the audio thread, which blocks in the pipe.
    std::process::exit(i32::from(outcome.is_err()));
}

/// Plays the sentence and then silence into the pipe, 100 ms for each permit, so that the ring never overflows.
fn play(fifo: &Path, allowed: &mpsc::Receiver<()>) {
    let samples = Recording::open("tests/data/speech.flac".as_ref()).unwrap().samples;
    let mut pipe = OpenOptions::new().read(true).write(true).open(fifo).unwrap();
    let mut chunks = samples.chunks(1600);
    let mut last = 0.0;
    while allowed.recv().is_ok() {
        let chunk = chunks.next().unwrap_or(&[0.0; 1600]);
        // 48 kHz by straight lines between the samples: what that adds lies above 8 kHz and is filtered away.
        let mut bytes = Vec::new();
        for x in chunk {
            for i in 1..=3 {
                let y: f32 = last + (x - last) * i as f32 / 3.0;
                bytes.extend(y.to_ne_bytes());
            }
            last = *x;
        }
        pipe.write_all(&bytes).unwrap();
    }
}

fn capture(permits: &mpsc::SyncSender<()>) {
    let mut capture = Capture::open(Some(DEVICE)).unwrap();
    assert_eq!(capture.name(), DEVICE);
    let mut listener = Listener::new(ListenSettings::default(), None, capture.name());
    let mut all = Vec::new();
    let (mut sound, mut heard, mut received) = (Vec::new(), Vec::new(), 0);
    while received < 5 * 16_000 {
        sound.clear();
        capture.read(&mut sound);
        // A permit for every 100 ms received.
        for _ in received / 1600..(received + sound.len()) / 1600 {
            permits.send(()).unwrap();
        }
        received += sound.len();
        listener.push(&sound, &mut heard).unwrap();
        all.extend_from_slice(&sound);
    }
    std::fs::write("/tmp/tb/hear/cap.raw", all.iter().flat_map(|x: &f32| x.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    let health = capture.health();
    assert_eq!((health.overrun_samples, health.reopened, &health.lost), (0, 0, &None), "{health:?}");
    let [Heard::Utterance(utterance)] = &heard[..] else { panic!("{} events", heard.len()) };
    assert!((utterance.speech_end.as_ms() - 2310.0).abs() < 60.0, "{}", utterance.speech_end.as_ms());
    let peak = utterance.samples.iter().fold(0f32, |m, x| m.max(x.abs()));
    assert!((0.3..=1.0).contains(&peak), "{peak}");
    println!("captured one utterance");
}
