//! Whisper's log-mel features: what the wake word and the speech model see instead of samples.
//!
//! 16 kHz, periodic Hann window of 400 samples, hop 160, frames centred with reflected edges, power spectrum,
//! 80 Slaney mel bands, log10 with a floor of -10. It must stay equal to `training/features.py`, number for
//! number: a model trained on one and run on the other hears nothing but noise. Before speech is recognised the
//! spectra are dereverberated (`dereverb.rs`; `features.dereverberate`). Pure; reads no clock.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::audio::SAMPLE_RATE_HZ;

/// Samples in one analysis window (25 ms).
pub const WINDOW: usize = 400;
/// Samples between two frames (10 ms).
pub const HOP: usize = 160;
/// Mel bands in a frame.
pub const BANDS: usize = 80;
/// Frames over which [`background`] takes a mean, and frames from one such stretch to the next.
const BACKGROUND_FRAMES: usize = 15;
const BACKGROUND_HOP: usize = 5;
/// log10 of the least power that is told from silence.
pub const FLOOR: f32 = -10.0;

/// The spectrum of one window, 0 to 8 kHz in steps of 40 Hz.
pub type Spectrum = [Complex<f32>; WINDOW / 2 + 1];

/// log10 of the mel power of 10 ms, band 0 the lowest.
pub type Frame = [f32; BANDS];

/// One triangle of the filter bank: its weights begin at `first` of the spectrum.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

/// The transform from samples to log-mel frames, with its plan, tables and scratch.
pub struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    bands: Vec<Band>,
    windowed: Vec<f32>,
    scratch: Vec<Complex<f32>>,
}

impl Default for LogMel {
    fn default() -> Self {
        Self::new()
    }
}

impl LogMel {
    /// Plans the transform once; everything after it reuses the same buffers.
    pub fn new() -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
        let hann = (0..WINDOW)
            .map(|i| (0.5 - 0.5 * (2.0 * std::f64::consts::PI * i as f64 / WINDOW as f64).cos()) as f32)
            .collect();
        Self { hann, bands: slaney_bands(), windowed: fft.make_input_vec(), scratch: fft.make_scratch_vec(), fft }
    }

    /// Spectra of 16 kHz mono samples, `samples.len() / 160` of them; number `t` is centred at sample `t * 160`.
    /// Fewer than 400 samples are padded with zeros to 400 (2 spectra), as in training.
    pub fn spectra(&mut self, samples: &[f32]) -> Vec<Spectrum> {
        let len = samples.len().max(WINDOW);
        let at = |i: usize| samples.get(i).copied().unwrap_or(0.0);
        let mut window = [0.0; WINDOW];
        let half = WINDOW / 2;
        (0..len / HOP)
            .map(|t| {
                let centre = t * HOP;
                if centre >= half && centre + half <= samples.len() {
                    window.copy_from_slice(&samples[centre - half..centre + half]);
                } else {
                    for (i, x) in window.iter_mut().enumerate() {
                        let padded = centre + i;
                        *x = match padded.checked_sub(half) {
                            None => at(half - padded),
                            Some(j) if j < len => at(j),
                            Some(j) => at(2 * (len - 1) - j),
                        };
                    }
                }
                self.spectrum(&window)
            })
            .collect()
    }

    /// Raw log10 mel power of each spectrum.
    pub fn frames(&self, spectra: &[Spectrum]) -> Vec<Frame> {
        spectra.iter().map(|s| self.frame(s)).collect()
    }

    /// The spectrum of one window. Allocates nothing.
    fn spectrum(&mut self, window: &[f32; WINDOW]) -> Spectrum {
        for ((y, x), h) in self.windowed.iter_mut().zip(window).zip(&self.hann) {
            *y = x * h;
        }
        let mut spectrum = [Complex::ZERO; WINDOW / 2 + 1];
        self.fft
            .process_with_scratch(&mut self.windowed, &mut spectrum, &mut self.scratch)
            .expect("the three buffers have the lengths of the plan");
        spectrum
    }

    /// One frame from one spectrum. Allocates nothing.
    fn frame(&self, spectrum: &Spectrum) -> Frame {
        let power = spectrum.map(|c| c.norm_sqr());
        let mut frame = [FLOOR; BANDS];
        for (y, band) in frame.iter_mut().zip(&self.bands) {
            let sum: f32 = power[band.first..].iter().zip(&band.weights).map(|(p, w)| p * w).sum();
            *y = sum.max(1e-10).log10();
        }
        frame
    }
}

/// Whisper's scaling, in place: all below the utterance's maximum - 8 (80 dB) is raised to that, then (x + 4) / 4.
pub fn normalise(frames: &mut [Frame]) {
    let top = frames.iter().flatten().copied().fold(f32::NEG_INFINITY, f32::max);
    for x in frames.iter_mut().flatten() {
        *x = (x.max(top - 8.0) + 4.0) / 4.0;
    }
}

/// Every band's lowest level, over stretches of 150 ms: how the recording sounds when nobody speaks. Silence if there
/// is not one frame.
pub fn background(frames: &[Frame]) -> Frame {
    if frames.is_empty() {
        return [FLOOR; BANDS];
    }
    let stretch = BACKGROUND_FRAMES.min(frames.len());
    std::array::from_fn(|band| {
        let mean = |part: &[Frame]| part.iter().map(|f| f[band]).sum::<f32>() / stretch as f32;
        frames.windows(stretch).step_by(BACKGROUND_HOP).map(mean).fold(f32::INFINITY, f32::min)
    })
}

/// The same frames from audio that never ends: each frame is computed once, as soon as the 200 samples after its
/// centre are there. Equal to [`LogMel::frames`] over the whole stream but for the reflected end.
pub struct MelStream {
    mel: LogMel,
    /// Samples not yet left behind; begins 200 samples before the next frame's centre.
    pending: Vec<f32>,
    /// The reflected start is in `pending`.
    begun: bool,
}

impl Default for MelStream {
    fn default() -> Self {
        Self::new()
    }
}

impl MelStream {
    /// A stream whose next sample is sample 0.
    pub fn new() -> Self {
        Self { mel: LogMel::new(), pending: Vec::with_capacity(4 * WINDOW), begun: false }
    }

    /// Adds samples (any number) and calls `each` for every frame that they complete, oldest first.
    /// Allocates only when a chunk is longer than any before it.
    pub fn push(&mut self, samples: &[f32], mut each: impl FnMut(Frame)) {
        self.pending.extend_from_slice(samples);
        let half = WINDOW / 2;
        if !self.begun {
            if self.pending.len() <= half {
                return;
            }
            let mut reflected = [0.0; WINDOW / 2];
            for (i, x) in reflected.iter_mut().enumerate() {
                *x = self.pending[half - i];
            }
            self.pending.splice(0..0, reflected);
            self.begun = true;
        }
        let mut first = 0;
        while let Some(window) = self.pending[first..].first_chunk::<WINDOW>() {
            let spectrum = self.mel.spectrum(window);
            each(self.mel.frame(&spectrum));
            first += HOP;
        }
        self.pending.drain(..first);
    }
}

/// Slaney-scale triangles, each of unit area in Hz, as in Whisper's `mel_filters.npz`.
fn slaney_bands() -> Vec<Band> {
    let log_step = 6.4f64.ln() / 27.0;
    let mel_max = 15.0 + (f64::from(SAMPLE_RATE_HZ) / 2.0 / 1000.0).ln() / log_step;
    let mel_to_hz = |m: f64| if m < 15.0 { m * 200.0 / 3.0 } else { 1000.0 * ((m - 15.0) * log_step).exp() };
    let edges: Vec<f64> = (0..BANDS + 2).map(|i| mel_to_hz(mel_max * i as f64 / (BANDS + 1) as f64)).collect();
    let bin_hz = f64::from(SAMPLE_RATE_HZ) / WINDOW as f64;
    edges
        .windows(3)
        .map(|e| {
            let weight = |bin: usize| {
                let hz = bin as f64 * bin_hz;
                let rise = (hz - e[0]) / (e[1] - e[0]);
                let fall = (e[2] - hz) / (e[2] - e[1]);
                (rise.min(fall).max(0.0) * 2.0 / (e[2] - e[0])) as f32
            };
            let all: Vec<f32> = (0..=WINDOW / 2).map(weight).collect();
            let first = all.iter().position(|w| *w > 0.0).unwrap_or(0);
            let last = all.iter().rposition(|w| *w > 0.0).unwrap_or(0);
            Band { first, weights: all[first..=last].to_vec() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames_of(samples: &[f32]) -> Vec<Frame> {
        let mut mel = LogMel::new();
        let spectra = mel.spectra(samples);
        mel.frames(&spectra)
    }

    /// The test signal: made of integers so that every language computes the same samples.
    fn signal(len: usize) -> Vec<f32> {
        let mut state: u32 = 12345;
        (0..len)
            .map(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (state >> 16) as f32 / 65536.0 - 0.5;
                let tone = ((i * 7 % 160) as f32 / 160.0 - 0.5) * ((i * 3 % 1000) as f32 / 1000.0);
                0.1 * noise + 0.5 * tone
            })
            .collect()
    }

    // From training/features.py with the same signal.
    const REFERENCE: &[(usize, usize, f32)] = &[
        (0, 0, -2.69409),
        (0, 1, -2.50587),
        (0, 17, -0.95413),
        (0, 40, -3.08105),
        (0, 79, -2.72957),
        (1, 0, -2.19399),
        (1, 1, -1.79011),
        (1, 17, 0.02591),
        (1, 40, -2.63567),
        (1, 79, -1.97256),
        (2, 0, -2.49710),
        (2, 1, -2.13236),
        (2, 17, 0.08390),
        (2, 40, -1.99878),
        (2, 79, -1.98914),
        (13, 0, -2.37623),
        (13, 1, -2.66692),
        (13, 17, -0.38187),
        (13, 40, -2.70509),
        (13, 79, -2.26277),
        (25, 0, -1.36626),
        (25, 1, -1.55107),
        (25, 17, 0.04500),
        (25, 40, -1.96153),
        (25, 79, -2.14413),
        (26, 0, -1.97411),
        (26, 1, -1.80606),
        (26, 17, -0.02292),
        (26, 40, -1.96921),
        (26, 79, -2.25685),
    ];

    const SHORT: &[(usize, usize, f32)] = &[
        (0, 0, -2.69409),
        (0, 3, -3.51026),
        (0, 30, -2.40191),
        (0, 60, -2.52927),
        (0, 79, -2.72957),
        (1, 0, -2.16153),
        (1, 3, -1.79205),
        (1, 30, -2.53447),
        (1, 60, -2.32781),
        (1, 79, -1.97253),
    ];

    const NORMALISED: &[(usize, usize, f32)] = &[
        (0, 0, 0.32648),
        (0, 40, 0.22974),
        (0, 79, 0.31761),
        (13, 0, 0.40594),
        (13, 40, 0.32373),
        (13, 79, 0.43431),
        (26, 0, 0.50647),
        (26, 40, 0.50770),
        (26, 79, 0.43579),
    ];

    #[test]
    fn equals_training_features_number_for_number() {
        let frames = frames_of(&signal(4321));
        assert_eq!(frames.len(), 27);
        for (t, band, want) in REFERENCE {
            let got = frames[*t][*band];
            assert!((got - want).abs() < 2e-4, "frame {t} band {band}: {got} instead of {want}");
        }
    }

    #[test]
    fn short_audio_is_padded_and_silence_lies_on_the_floor() {
        assert_eq!(frames_of(&[]).len(), 2);
        assert_eq!(frames_of(&[0.0; 100]), vec![[FLOOR; BANDS]; 2]);
        assert_eq!(frames_of(&[0.0; 16_000]).len(), 100);
        let short = frames_of(&signal(321));
        for (t, band, want) in SHORT {
            assert!((short[*t][*band] - want).abs() < 2e-4, "frame {t} band {band}");
        }
    }

    #[test]
    fn normalised_frames_span_at_most_two() {
        let mut frames = frames_of(&signal(4321));
        normalise(&mut frames);
        for (t, band, want) in NORMALISED {
            assert!((frames[*t][*band] - want).abs() < 1e-4, "frame {t} band {band}");
        }
        let mut two = [[FLOOR; BANDS], [0.0; BANDS]];
        normalise(&mut two);
        assert_eq!((two[0][0], two[1][0]), (-1.0, 1.0));
        normalise(&mut []);
    }

    #[test]
    fn a_stream_gives_the_same_frames_at_any_chunk_size() {
        let samples = signal(4321);
        let whole = frames_of(&samples);
        for size in [1, 7, 159, 160, 161, 400, 1000, 5000] {
            let mut stream = MelStream::new();
            let mut frames = Vec::new();
            for chunk in samples.chunks(size) {
                stream.push(chunk, |f| frames.push(f));
            }
            assert_eq!(frames.len(), (4321 - 200) / 160 + 1, "chunk {size}");
            assert_eq!(frames[..], whole[..frames.len()], "chunk {size}");
        }
    }
    #[test]
    fn the_background_is_what_lies_under_the_speech() {
        let level = |t: usize| if (40..80).contains(&t) { -1.0 } else { -3.0 };
        let frames: Vec<Frame> = (0..120).map(|t| [level(t); BANDS]).collect();
        assert!(background(&frames).iter().all(|x| (x + 3.0).abs() < 1e-4));
        assert_eq!(background(&frames[50..54]), [-1.0; BANDS]);
        assert_eq!(background(&[]), [FLOOR; BANDS]);
    }
}
