//! How likely somebody is speaking, window by window (earshot's small network).
//!
//! Only a probability: where speech begins and ends is for `endpointer.rs` to decide.

use earshot::Detector;

use crate::facts::audio::SAMPLE_RATE_HZ;

/// Samples in a window, which is what the detector was trained on.
pub const WINDOW: usize = 256;
/// A window in milliseconds.
pub const WINDOW_MS: u64 = WINDOW as u64 * 1000 / SAMPLE_RATE_HZ as u64;

/// The detector with the memory of one stream; never mix two streams in one.
pub struct Vad {
    detector: Box<Detector>,
    clipped: [f32; WINDOW],
}

impl Default for Vad {
    fn default() -> Self {
        Self::new()
    }
}

impl Vad {
    /// A detector at the start of a stream.
    pub fn new() -> Self {
        Self { detector: Box::new(Detector::default()), clipped: [0.0; WINDOW] }
    }

    /// The probability 0..=1 that somebody speaks in this window of 16 kHz mono samples. Allocates nothing.
    pub fn probability(&mut self, window: &[f32; WINDOW]) -> f32 {
        for (y, x) in self.clipped.iter_mut().zip(window) {
            // The detector's memory would keep a value that is no number for ever.
            *y = if x.is_finite() { x.clamp(-1.0, 1.0) } else { 0.0 };
        }
        let p = self.detector.predict_f32(&self.clipped);
        if p.is_finite() { p.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// The level of a window in dB of full scale, -120 for silence.
pub fn level_db(window: &[f32; WINDOW]) -> f32 {
    let power = window.iter().map(|x| x * x).sum::<f32>() / WINDOW as f32;
    if power.is_finite() { 10.0 * power.max(1e-12).log10() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_probability(vad: &mut Vad, samples: &[f32]) -> f32 {
        let (windows, _) = samples.as_chunks::<WINDOW>();
        windows.iter().map(|w| vad.probability(w)).sum::<f32>() / windows.len() as f32
    }

    fn noise(len: usize, level: f32) -> Vec<f32> {
        let mut state: u32 = 1;
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                level * ((state >> 16) as f32 / 32768.0 - 1.0)
            })
            .collect()
    }

    #[test]
    fn silence_and_noise_are_not_speech() {
        assert!(mean_probability(&mut Vad::new(), &[0.0; 16_000]) < 0.2);
        assert!(mean_probability(&mut Vad::new(), &noise(16_000, 0.1)) < 0.45);
    }

    #[test]
    fn a_spoken_sentence_is_speech() {
        let recording = crate::hear::wav::Recording::open("tests/data/speech.flac".as_ref()).unwrap();
        let p = mean_probability(&mut Vad::new(), &recording.samples[8_000..24_000]);
        assert!(p > 0.7, "{p}");
    }

    #[test]
    fn what_is_no_number_does_no_lasting_harm() {
        let mut vad = Vad::new();
        for bad in [f32::NAN, f32::INFINITY, 1e30] {
            assert!((0.0..=1.0).contains(&vad.probability(&[bad; WINDOW])));
        }
        assert!(mean_probability(&mut vad, &[0.0; 16_000]) < 0.2);
    }

    #[test]
    fn levels_are_decibels_of_full_scale() {
        assert_eq!(level_db(&[0.0; WINDOW]), -120.0);
        assert!((level_db(&[1.0; WINDOW])).abs() < 1e-4);
        assert!((level_db(&[0.1; WINDOW]) + 20.0).abs() < 1e-3);
    }
}
