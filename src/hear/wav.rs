//! Reads a recording (WAV or FLAC, any rate, channel count and usual sample format) into mono `f32`.
//!
//! Whatever the file holds, the answer is the audio that is there or one [`Fault`]; never a panic, and never more
//! memory than [`BYTES_MAX`] + [`SAMPLES_MAX`] allow, whatever sizes the header claims. Next: `resample.rs`.

use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;

use super::resample::RATES_HZ;
use crate::facts::error::Fault;

/// The longest recording in samples of one channel: 10 minutes at 48 kHz.
pub const SAMPLES_MAX: usize = 600 * 48_000;
/// The largest file: 10 minutes of 48 kHz stereo in 32 bits.
pub const BYTES_MAX: u64 = 256 << 20;

const REMEDY: &str =
    "give a WAV (PCM) or FLAC recording of at most 10 minutes at 48 kHz; `ffmpeg -i FILE -ar 16000 out.flac` makes one";

/// A recording in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The mean of all channels, -1..=1.
    pub samples: Vec<f32>,
    /// Samples of one channel per second.
    pub sample_rate_hz: u32,
    /// Channels in the file, before mixing.
    pub channels: usize,
    /// What was odd about the file, in words for the user; empty for a good one.
    pub warnings: Vec<String>,
}

impl Recording {
    /// Reads the file at `path`.
    ///
    /// A recording that was ended before its first sample is sound, and empty.
    ///
    /// Errors: there is no such file, it is no WAV or FLAC, it is damaged or cut off before its first sample, has a
    /// sample rate outside 4..=384 kHz, or is longer than [`SAMPLES_MAX`].
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let fault = |what: String| Fault::new(path.display().to_string(), "", what, REMEDY);
        let mut bytes = read_bounded(path).map_err(fault)?;
        let mut warnings = Vec::new();
        warnings.extend(mend_riff_sizes(&mut bytes).map(|odd| format!("{odd}; the audio that is there is used")));
        // symphonia is fuzzed, but a recording is a stranger's file and this process has others to serve.
        let mut recording = catch_unwind(AssertUnwindSafe(|| decode(bytes)))
            .unwrap_or_else(|_| Err("is damaged: the decoder failed".to_owned()))
            .map_err(fault)?;
        if recording.samples.is_empty() && !warnings.is_empty() {
            return Err(fault("holds no samples, although its header says so".to_owned()));
        }
        recording.warnings.splice(0..0, warnings);
        Ok(recording)
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    // A pipe or a device could block for ever or never end.
    let metadata = std::fs::metadata(path).map_err(|e| format!("cannot be read: {e}"))?;
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|e| format!("cannot be read: {e}"))?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| format!("cannot be read: {e}"))?;
    if bytes.is_empty() {
        return Err("is empty".to_owned());
    }
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("is larger than {} MB", BYTES_MAX >> 20));
    }
    Ok(bytes)
}

/// Corrects the sizes in a RIFF header that are not the file's (a file cut short, or written by a program that could
/// not know the length, or was ended before it wrote it), so that the decoder reads up to the last sample. Says what
/// was odd about the size of the audio itself.
fn mend_riff_sizes(bytes: &mut [u8]) -> Option<&'static str> {
    const CHUNKS_MAX: usize = 256;
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        return None;
    }
    // The decoder then judges every chunk by the file, not by the sum in the header.
    bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut at = 12;
    for _ in 0..CHUNKS_MAX {
        let header = bytes.get(at..at + 8)?;
        let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let left = bytes.len() - at - 8;
        if &header[..4] == b"data" {
            let unknown = size == 0 && !is_chunk(&bytes[at + 8..]);
            if size > left || unknown {
                bytes[at + 4..at + 8].copy_from_slice(&(left as u32).to_le_bytes());
            }
            // Writers to a pipe put a size near 2 or 4 GB; that is no damage worth a warning.
            let cut = size > left && size < 0x7f00_0000;
            return match (cut, unknown) {
                (true, _) => Some("the file is shorter than its header says"),
                (_, true) => Some("the header says that there is no audio"),
                _ => None,
            };
        }
        at = at.saturating_add(8).saturating_add(size).saturating_add(size & 1);
    }
    None
}

/// Whether what comes after a chunk is nothing, or another chunk.
fn is_chunk(bytes: &[u8]) -> bool {
    match bytes {
        [a, b, c, d, w, x, y, z, rest @ ..] => {
            let size = u32::from_le_bytes([*w, *x, *y, *z]) as usize;
            [a, b, c, d].iter().all(|name| name.is_ascii_graphic() || **name == b' ') && size <= rest.len()
        }
        few => few.iter().all(|byte| *byte == 0),
    }
}

fn decode(bytes: Vec<u8>) -> Result<Recording, String> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, Default::default(), Default::default())
        .map_err(|e| format!("is not a WAV or FLAC recording, or its header is damaged ({e})"))?;
    let track = format.default_track(TrackType::Audio).ok_or("holds no audio")?;
    let (track_id, claimed) = (track.id, track.num_frames.unwrap_or(0));
    let params = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or("does not say how it is encoded")?;
    let rate = params.sample_rate.unwrap_or(0);
    if !RATES_HZ.contains(&rate) {
        return Err(format!("has a sample rate of {rate} Hz; {}..={} Hz work", RATES_HZ.start(), RATES_HZ.end()));
    }
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(params, &Default::default())
        .map_err(|e| format!("has an encoding that is not supported ({e})"))?;
    let mut mix = Mix { recording: Recording::empty(rate), interleaved: Vec::new(), not_finite: 0, damaged: 0 };
    let end = mix.read_all(&mut *format, &mut *decoder, track_id)?;
    if mix.recording.samples.is_empty() && (end.is_some() || mix.damaged > 0 || claimed > 0) {
        return Err(end.map_or("holds no samples that can be read".to_owned(), |e| format!("holds no samples ({e})")));
    }
    let lost = claimed.saturating_sub(mix.recording.samples.len() as u64);
    if lost > 0 && end.is_none() && mix.damaged == 0 {
        let what = format!("{lost} of {claimed} samples are missing or damaged; what was said there is lost");
        mix.recording.warnings.push(what);
    }
    Ok(mix.finish(end))
}

/// Decoded packets on their way to mono.
struct Mix {
    recording: Recording,
    interleaved: Vec<f32>,
    not_finite: usize,
    damaged: usize,
}

impl Mix {
    /// Reads packets up to the end; `Some` says why the file ended before its time.
    fn read_all(
        &mut self,
        format: &mut dyn FormatReader,
        decoder: &mut dyn AudioDecoder,
        track_id: u32,
    ) -> Result<Option<String>, String> {
        loop {
            let packet = match format.next_packet() {
                Ok(Some(packet)) if packet.track_id == track_id => packet,
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(None),
                Err(e) => return Ok(Some(e.to_string())),
            };
            match decoder.decode(&packet) {
                Ok(decoded) => {
                    let channels = decoded.spec().channels().count().max(1);
                    self.recording.channels = channels;
                    decoded.copy_to_vec_interleaved(&mut self.interleaved);
                    self.add(channels)?;
                }
                Err(Error::DecodeError(_)) => self.damaged += 1,
                Err(e) => return Ok(Some(e.to_string())),
            }
        }
    }

    fn add(&mut self, channels: usize) -> Result<(), String> {
        for x in &mut self.interleaved {
            if !x.is_finite() {
                *x = 0.0;
                self.not_finite += 1;
            }
        }
        if self.recording.samples.len() + self.interleaved.len() / channels > SAMPLES_MAX {
            return Err(format!("is longer than {SAMPLES_MAX} samples (10 minutes at 48 kHz)"));
        }
        let mono = self.interleaved.chunks_exact(channels).map(|frame| {
            let sum: f64 = frame.iter().map(|x| f64::from(*x)).sum();
            ((sum / channels as f64) as f32).clamp(-1.0, 1.0)
        });
        self.recording.samples.extend(mono);
        Ok(())
    }

    fn finish(mut self, end: Option<String>) -> Recording {
        let warnings = &mut self.recording.warnings;
        if let Some(end) = end {
            warnings.push(format!("the file is cut short ({end}); the audio that is there is used"));
        }
        if self.not_finite > 0 {
            warnings.push(format!("{} samples are no numbers and count as silence", self.not_finite));
        }
        if self.damaged > 0 {
            warnings.push(format!("{} damaged packets are left out", self.damaged));
        }
        self.recording
    }
}

impl Recording {
    fn empty(sample_rate_hz: u32) -> Self {
        Self { samples: Vec::new(), sample_rate_hz, channels: 0, warnings: Vec::new() }
    }
}

#[cfg(test)]
#[path = "wav_tests.rs"]
mod tests;
