//! Recordings of every kind and damage, built byte by byte.

use super::*;

/// A WAV header and `data`; `tag` 1 is integer, 3 is float.
fn wav(tag: u16, bits: u16, channels: u16, rate: u32, data: &[u8]) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut b = Vec::new();
    b.extend(b"RIFF");
    b.extend((36 + data.len() as u32).to_le_bytes());
    b.extend(b"WAVEfmt ");
    b.extend(16u32.to_le_bytes());
    b.extend(tag.to_le_bytes());
    b.extend(channels.to_le_bytes());
    b.extend(rate.to_le_bytes());
    b.extend((rate.saturating_mul(u32::from(block))).to_le_bytes());
    b.extend(block.to_le_bytes());
    b.extend(bits.to_le_bytes());
    b.extend(b"data");
    b.extend((data.len() as u32).to_le_bytes());
    b.extend(data);
    b
}

fn open(bytes: &[u8]) -> Result<Recording, Fault> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.wav");
    std::fs::write(&path, bytes).unwrap();
    Recording::open(&path)
}

fn pcm16(samples: impl Iterator<Item = i16>) -> Vec<u8> {
    samples.flat_map(i16::to_le_bytes).collect()
}

#[test]
fn every_usual_sample_format_gives_the_same_levels() {
    // 0, +1/2, -1/2 of full scale in each format.
    let i24 = |x: i32| x.to_le_bytes()[..3].to_vec();
    let cases: [(u16, u16, Vec<u8>); 6] = [
        (1, 8, vec![128, 192, 64]),
        (1, 16, pcm16([0, 16384, -16384].into_iter())),
        (1, 24, [i24(0), i24(1 << 22), i24(-(1 << 22))].concat()),
        (1, 32, [0i32, 1 << 30, -(1 << 30)].iter().flat_map(|x| x.to_le_bytes()).collect()),
        (3, 32, [0f32, 0.5, -0.5].iter().flat_map(|x| x.to_le_bytes()).collect()),
        (3, 64, [0f64, 0.5, -0.5].iter().flat_map(|x| x.to_le_bytes()).collect()),
    ];
    for (tag, bits, data) in cases {
        for rate in [8000, 11_025, 16_000, 44_100, 48_000, 192_000] {
            let r = open(&wav(tag, bits, 1, rate, &data)).unwrap();
            assert_eq!((r.sample_rate_hz, r.channels, r.samples.len()), (rate, 1, 3), "{bits} bits");
            for (got, want) in r.samples.iter().zip([0.0, 0.5, -0.5]) {
                assert!((got - want).abs() < 0.01, "{bits} bits: {got} instead of {want}");
            }
            assert!(r.warnings.is_empty(), "{:?}", r.warnings);
        }
    }
}

#[test]
fn channels_are_mixed_by_their_mean() {
    for channels in [2u16, 6] {
        // Channel 0 is at half scale, all others are silent.
        let data = pcm16((0..10 * channels).map(|i| if i % channels == 0 { 16384 } else { 0 }));
        let r = open(&wav(1, 16, channels, 16_000, &data)).unwrap();
        assert_eq!((r.channels, r.samples.len()), (usize::from(channels), 10));
        assert!(r.samples.iter().all(|x| (x - 0.5 / f32::from(channels)).abs() < 1e-3));
    }
}

#[test]
fn samples_that_are_no_numbers_become_silence_and_are_counted() {
    let data: Vec<u8> =
        [0.25, f32::NAN, f32::INFINITY, -0.25, 7.0].iter().flat_map(|x: &f32| x.to_le_bytes()).collect();
    let r = open(&wav(3, 32, 1, 16_000, &data)).unwrap();
    assert_eq!(r.samples, [0.25, 0.0, 0.0, -0.25, 1.0]);
    assert_eq!(r.warnings, ["2 samples are no numbers and count as silence"]);
}

#[test]
fn a_cut_file_gives_every_sample_that_is_there() {
    let whole = wav(1, 16, 1, 16_000, &pcm16(0..5000));
    for bytes in [46, 47, 1000, 5001, whole.len() - 1] {
        let r = open(&whole[..bytes]).unwrap();
        assert_eq!(r.samples.len(), (bytes - 44) / 2);
        assert_eq!(r.warnings.len(), 1, "{bytes}: {:?}", r.warnings);
    }
    for bytes in 1..46 {
        let fault = open(&whole[..bytes]).unwrap_err();
        assert!(fault.what.contains("not a WAV") || fault.what.contains("no samples"), "{bytes}: {fault}");
    }
}

#[test]
fn sizes_of_a_writer_that_did_not_know_the_length_are_no_fault() {
    for size in [u32::MAX, 0x7fff_f000] {
        let mut bytes = wav(1, 16, 1, 22_050, &pcm16(0..3000));
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        bytes[40..44].copy_from_slice(&size.to_le_bytes());
        let r = open(&bytes).unwrap();
        assert_eq!((r.samples.len(), r.warnings.len()), (3000, 0));
    }
    // A RIFF size that is too small, as some editors leave it.
    let mut bytes = wav(1, 16, 1, 16_000, &pcm16(0..3000));
    bytes[4..8].copy_from_slice(&4u32.to_le_bytes());
    assert_eq!(open(&bytes).unwrap().samples.len(), 3000);
}

#[test]
fn the_audio_of_a_writer_that_was_ended_is_there() {
    let mut bytes = wav(1, 16, 1, 16_000, &pcm16(-1500..1500));
    bytes[40..44].copy_from_slice(&0u32.to_le_bytes());
    let r = open(&bytes).unwrap();
    assert_eq!((r.samples.len(), r.warnings.len()), (3000, 1), "{:?}", r.warnings);
    // An empty recording with a title.
    bytes.truncate(44);
    bytes.extend(b"LIST\x04\0\0\0INFO");
    let r = open(&bytes).unwrap();
    assert_eq!((r.samples.len(), r.warnings.len()), (0, 0));
}

#[test]
fn a_recording_that_ended_before_its_first_sample_is_empty() {
    let whole = wav(1, 16, 1, 16_000, b"");
    let mut piped = whole.clone();
    piped[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    for bytes in [whole, piped] {
        let r = open(&bytes).unwrap();
        assert_eq!((r.sample_rate_hz, r.samples.len(), r.warnings.len()), (16_000, 0, 0));
    }
    // The rest of this one got lost.
    let cut = open(&wav(1, 16, 1, 16_000, &[0; 100])[..44]).unwrap_err().to_string();
    assert!(cut.contains("holds no samples"), "{cut}");
}

#[test]
fn what_is_no_recording_is_one_clear_fault() {
    let silence = pcm16((0..100).map(|_| 0));
    let zero_channels = wav(1, 16, 0, 16_000, &silence);
    let cases: [(&[u8], &str); 7] = [
        (b"", "is empty"),
        (b"RIFF", "not a WAV or FLAC"),
        (b"This is a text file that somebody named .wav.\n", "not a WAV or FLAC"),
        (&wav(1, 16, 1, 0, &silence), "0 Hz"),
        (&wav(1, 16, 1, 4_000_000_000, &silence), "4000000000 Hz"),
        (&wav(0x55, 16, 1, 16_000, &silence), "wave format"),
        (&zero_channels, "channel count"),
    ];
    for (bytes, want) in cases {
        let fault = open(bytes).unwrap_err();
        assert!(fault.what.contains(want), "{fault}");
        let fault = fault.to_string();
        assert!(fault.contains("x.wav: ") && fault.contains("; give a WAV"), "{fault}");
    }
    let missing = Recording::open(Path::new("/nowhere/at-all.wav")).unwrap_err().to_string();
    assert!(missing.contains("cannot be read"), "{missing}");
    let folder = Recording::open(Path::new("/")).unwrap_err().to_string();
    assert!(folder.contains("not a file"), "{folder}");
}

#[test]
fn a_recording_beyond_ten_minutes_is_refused() {
    let long = wav(1, 8, 1, 48_000, &vec![128; SAMPLES_MAX + 1]);
    assert!(open(&long).unwrap_err().to_string().contains("10 minutes"));
    assert_eq!(open(&long[..long.len() - 1]).unwrap().samples.len(), SAMPLES_MAX);
}

#[test]
fn damaged_bytes_never_panic() {
    let whole = wav(1, 16, 2, 16_000, &pcm16(0..400));
    let mut state: u32 = 99;
    for _ in 0..3000 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes[(state >> 8) as usize % 60] = (state >> 24) as u8;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| super::decode(bytes)));
        assert!(outcome.is_ok(), "panicked; seed state {state}");
    }
}

/// 0.5 s of a 440 Hz tone at half scale, 16 kHz, 16 bits (ffmpeg's encoder).
const FLAC: &[u8] = include_bytes!("../../tests/data/tone.flac");

#[test]
fn flac_is_read_whole_or_as_far_as_it_goes() {
    let r = open(FLAC).unwrap();
    assert_eq!((r.sample_rate_hz, r.channels, r.samples.len()), (16_000, 1, 8000));
    let peak = r.samples.iter().fold(0f32, |m, x| m.max(x.abs()));
    assert!((peak - 0.5).abs() < 0.01, "{peak}");
    let cut = open(&FLAC[..FLAC.len() / 2]).unwrap();
    assert!(cut.samples.len() < 8000 && !cut.samples.is_empty());
    assert_eq!(cut.warnings.len(), 1, "{:?}", cut.warnings);
    for len in (0..FLAC.len()).step_by(13) {
        let _ = open(&FLAC[..len]);
    }
}

#[test]
fn a_damaged_byte_is_told() {
    for at in (FLAC.len() / 3..FLAC.len()).step_by(97) {
        let mut bytes = FLAC.to_vec();
        bytes[at] ^= 0x55;
        let r = open(&bytes);
        assert!(!r.as_ref().is_ok_and(|r| r.warnings.is_empty()), "byte {at}: {r:?}");
    }
}
