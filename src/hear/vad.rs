//! How likely somebody is speaking, window by window (earshot's small network).
//!
//! Only a probability: where speech begins and ends is for `endpointer.rs` to decide.

use earshot::Detector;

use crate::facts::audio::SAMPLE_RATE_HZ;

/// Samples in a window, which is what the detector was trained on.
pub const WINDOW: usize = 256;
/// A window in milliseconds.
pub const WINDOW_MS: u64 = WINDOW as u64 * 1000 / SAMPLE_RATE_HZ as u64;

/// What is known of one window of sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// That somebody speaks, 0..=1.
    pub probability: f32,
    /// Level above 200 Hz in dB of full scale, -120 for silence.
    pub level_db: f32,
}

/// The detector with the memory of one stream; never mix two streams in one.
pub struct Vad {
    detector: Box<Detector>,
    clean: [f32; WINDOW],
    /// The last input and output of the high-pass.
    last: (f32, f32),
}

/// A one-pole high-pass at 200 Hz: traffic and wind would drown the difference between speech and silence.
const HIGH_PASS: f32 = 1.0 / (1.0 + std::f32::consts::TAU * 200.0 / SAMPLE_RATE_HZ as f32);

impl Default for Vad {
    fn default() -> Self {
        Self::new()
    }
}

impl Vad {
    /// A detector at the start of a stream.
    pub fn new() -> Self {
        Self { detector: Box::new(Detector::default()), clean: [0.0; WINDOW], last: (0.0, 0.0) }
    }

    /// Hears the next window of 16 kHz mono samples. Allocates nothing.
    pub fn hear(&mut self, window: &[f32; WINDOW]) -> Window {
        let mut power = 0.0;
        for (y, x) in self.clean.iter_mut().zip(window) {
            // The memories here would keep a value that is no number for ever.
            *y = if x.is_finite() { x.clamp(-1.0, 1.0) } else { 0.0 };
            let high = HIGH_PASS * (self.last.1 + *y - self.last.0);
            self.last = (*y, high);
            power += high * high / WINDOW as f32;
        }
        let p = self.detector.predict_f32(&self.clean);
        let probability = if p.is_finite() { p.clamp(0.0, 1.0) } else { 0.0 };
        Window { probability, level_db: 10.0 * power.max(1e-12).log10() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_probability(vad: &mut Vad, samples: &[f32]) -> f32 {
        let (windows, _) = samples.as_chunks::<WINDOW>();
        windows.iter().map(|w| vad.hear(w).probability).sum::<f32>() / windows.len() as f32
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
            let window = vad.hear(&[bad; WINDOW]);
            assert!((0.0..=1.0).contains(&window.probability) && window.level_db.is_finite());
        }
        assert!(mean_probability(&mut vad, &[0.0; 16_000]) < 0.2);
    }

    /// Mean level of the second half of a tone at `amplitude`.
    fn level(hz: f32, amplitude: f32) -> f32 {
        let tone = |i: usize| amplitude * (std::f32::consts::TAU * hz * i as f32 / 16_000.0).sin();
        let samples: Vec<f32> = (0..8192).map(tone).collect();
        let mut vad = Vad::new();
        let levels = samples.as_chunks::<WINDOW>().0.iter().map(|w| vad.hear(w).level_db).skip(16);
        levels.sum::<f32>() / 16.0
    }

    #[test]
    fn levels_are_decibels_of_full_scale_without_rumble() {
        assert_eq!(Vad::new().hear(&[0.0; WINDOW]).level_db, -120.0);
        assert!((level(2000.0, 1.0) + 3.0).abs() < 0.5, "{}", level(2000.0, 1.0));
        assert!((level(2000.0, 0.1) + 23.0).abs() < 0.5);
        assert!(level(20.0, 1.0) < -20.0, "{}", level(20.0, 1.0));
    }
}
