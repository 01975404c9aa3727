//! Any sample rate -> 16 kHz, streaming, positions kept true.
//!
//! Output sample `n` is the sound at input time `n / 16000` s: the filter's delay is trimmed at the start and
//! flushed at the end. A hot call never blocks or logs, and allocates only what `out` needs to grow.
//! Next: `listener.rs`.

use std::ops::RangeInclusive;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, Fft, FixedAsync, FixedSync, SincInterpolationParameters, SincInterpolationType, WindowFunction};

use crate::facts::audio::SAMPLE_RATE_HZ;
use crate::facts::error::Fault;

/// The sample rates that are taken, in Hz.
pub const RATES_HZ: RangeInclusive<u32> = 4_000..=384_000;

/// The largest unit of an FFT block in input samples; where the ratio is so odd that it would be longer, an
/// interpolating filter is used, which costs more but delays less.
const FFT_UNIT_MAX: usize = 4096;

/// A resampler of one mono stream.
pub struct Resampler {
    /// `None` passes 16 kHz through untouched.
    filter: Option<Box<dyn rubato::Resampler<f32>>>,
    rate_hz: u32,
    /// Input that does not fill a block yet.
    pending: Vec<f32>,
    block: Vec<f32>,
    /// Output samples still to be dropped: the filter's delay.
    skip: usize,
    consumed: u64,
    produced: u64,
}

impl Resampler {
    /// A stream of `rate_hz` samples per second. Errors: the rate is outside [`RATES_HZ`].
    pub fn new(rate_hz: u32) -> Result<Self, Fault> {
        let fault = |what: String| Fault::new("audio", "sample_rate_hz", what, "use 16000, 44100 or 48000");
        if !RATES_HZ.contains(&rate_hz) {
            return Err(fault(format!("{rate_hz} Hz is outside {}..={} Hz", RATES_HZ.start(), RATES_HZ.end())));
        }
        let filter = if rate_hz == SAMPLE_RATE_HZ {
            None
        } else {
            Some(filter(rate_hz).map_err(|e| fault(format!("{rate_hz} Hz cannot be resampled: {e}")))?)
        };
        let skip = filter.as_ref().map_or(0, |f| f.output_delay());
        let pending = Vec::with_capacity(filter.as_ref().map_or(0, |f| f.input_frames_max()));
        let block = vec![0.0; filter.as_ref().map_or(0, |f| f.output_frames_max())];
        Ok(Self { filter, rate_hz, pending, block, skip, consumed: 0, produced: 0 })
    }

    /// Takes a chunk of any length and appends what is ready to `out`.
    pub fn process(&mut self, chunk: &[f32], out: &mut Vec<f32>) {
        self.consumed += chunk.len() as u64;
        let Some(filter) = &self.filter else {
            self.produced += chunk.len() as u64;
            out.extend_from_slice(chunk);
            return;
        };
        let mut rest = chunk;
        let mut wanted = filter.input_frames_next();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(wanted - self.pending.len()));
            self.pending.extend_from_slice(now);
            rest = later;
            if self.pending.len() == wanted {
                wanted = self.run_block(out, u64::MAX);
            }
        }
    }

    /// Ends the stream: appends what the filter still holds, so that the whole output is as long as the input.
    /// The resampler is then as new.
    pub fn flush(&mut self, out: &mut Vec<f32>) {
        let total = (self.consumed * u64::from(SAMPLE_RATE_HZ)).div_ceil(u64::from(self.rate_hz));
        while self.produced < total {
            let Some(filter) = &self.filter else { break };
            self.pending.resize(filter.input_frames_next(), 0.0);
            self.run_block(out, total);
        }
        if let Some(filter) = &mut self.filter {
            filter.reset();
            self.skip = filter.output_delay();
        }
        self.pending.clear();
        (self.consumed, self.produced) = (0, 0);
    }

    /// Filters `pending`, appends at most up to `total` output samples; answers how many inputs come next.
    fn run_block(&mut self, out: &mut Vec<f32>, total: u64) -> usize {
        let Some(filter) = &mut self.filter else { return 0 };
        let frames = self.block.len();
        let input = InterleavedSlice::new(&self.pending, 1, self.pending.len());
        let output = InterleavedSlice::new_mut(&mut self.block, 1, frames);
        let (input, mut output) = (
            input.expect("one channel of exactly that many samples"),
            output.expect("one channel of exactly that many samples"),
        );
        let (_, made) = filter
            .process_into_buffer(&input, &mut output, None)
            .expect("both buffers have the sizes that the filter asks for");
        self.pending.clear();
        let skipped = self.skip.min(made);
        self.skip -= skipped;
        let ready = &self.block[skipped..made];
        let ready = &ready[..ready.len().min((total - self.produced) as usize)];
        self.produced += ready.len() as u64;
        out.extend_from_slice(ready);
        filter.input_frames_next()
    }
}

fn filter(rate_hz: u32) -> Result<Box<dyn rubato::Resampler<f32>>, rubato::ResamplerConstructionError> {
    let (from, to) = (rate_hz as usize, SAMPLE_RATE_HZ as usize);
    // About 20 ms at a time: the filter then delays by 10 ms and is flat up to about 7.5 kHz.
    let chunk = from / 50;
    let unit = from / gcd(rate_hz, SAMPLE_RATE_HZ) as usize;
    if unit <= FFT_UNIT_MAX {
        // The filter is centred on half a block, so an odd block would shift the sound by half a sample.
        let units = chunk.div_ceil(unit).next_multiple_of(1 + unit % 2);
        return Ok(Box::new(Fft::<f32>::new_custom(
            from,
            to,
            units * unit,
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )?));
    }
    let parameters = SincInterpolationParameters {
        sinc_len: 256,
        f_cutoff: Some(0.93),
        oversampling_factor: 256,
        interpolation: SincInterpolationType::Linear,
        window: WindowFunction::BlackmanHarris2,
    };
    let ratio = to as f64 / from as f64;
    Ok(Box::new(Async::<f32>::new_sinc(ratio, 1.0, &parameters, chunk, 1, FixedAsync::Input)?))
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [u32; 13] =
        [4_000, 8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 37_801, 44_100, 48_000, 88_200, 96_000, 192_000];

    fn tone(hz: f64, rate: u32, len: usize) -> Vec<f32> {
        (0..len).map(|i| (0.5 * (std::f64::consts::TAU * hz * i as f64 / f64::from(rate)).sin()) as f32).collect()
    }

    fn run(rate: u32, input: &[f32], chunk: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(rate).unwrap();
        let mut out = Vec::new();
        for c in input.chunks(chunk) {
            resampler.process(c, &mut out);
        }
        resampler.flush(&mut out);
        out
    }

    fn rms(x: &[f32]) -> f32 {
        (x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32).sqrt()
    }

    #[test]
    fn a_tone_keeps_its_length_place_frequency_and_level() {
        for rate in RATES {
            let out = run(rate, &tone(1000.0, rate, rate as usize), 480);
            assert_eq!(out.len(), 16_000, "{rate} Hz");
            // Compared sample by sample with the same tone made at 16 kHz: frequency, level and position at once.
            let want = tone(1000.0, 16_000, 16_000);
            let worst = (400..15_600).map(|i| (out[i] - want[i]).abs()).fold(0.0, f32::max);
            // The interpolating filter's delay is no whole number of samples: this tone may be off by half of one.
            let allowed = if rate == 37_801 { 0.2 } else { 0.005 };
            assert!(worst < allowed, "{rate} Hz: off by {worst}");
        }
    }

    #[test]
    fn speech_up_to_7_khz_passes_and_what_would_fold_is_gone() {
        for rate in [37_801, 44_100, 48_000, 96_000, 192_000] {
            let high = run(rate, &tone(7000.0, rate, rate as usize), 480);
            assert!(rms(&high[400..15_600]) > 0.33, "{rate} Hz: 7 kHz at {}", rms(&high[400..15_600]));
            for hz in [9_000.0, 11_000.0, 15_000.0] {
                let folded = run(rate, &tone(hz, rate, rate as usize), 480);
                // 60 dB below the tone.
                assert!(rms(&folded[400..15_600]) < 0.00035, "{rate} Hz: {hz} Hz leaves {}", rms(&folded));
            }
        }
    }

    #[test]
    fn any_length_and_chunk_size_gives_the_same_samples() {
        for rate in RATES {
            // The interpolating filter takes long to plan, so it is tried on fewer cases.
            let lens: &[usize] = if rate == 37_801 { &[0, 5000] } else { &[0, 1, 2, 3, 159, 441, 5000] };
            for &len in lens {
                let input = tone(440.0, rate, len);
                let whole = run(rate, &input, 100_000);
                assert_eq!(whole.len() as u64, (len as u64 * 16_000).div_ceil(u64::from(rate)), "{rate} Hz, {len}");
                for chunk in [1, 7, 160, 1023] {
                    assert_eq!(run(rate, &input, chunk), whole, "{rate} Hz, {len} samples, chunk {chunk}");
                }
            }
        }
    }

    #[test]
    fn a_flushed_resampler_is_as_new() {
        let mut resampler = Resampler::new(48_000).unwrap();
        let input = tone(440.0, 48_000, 5000);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        resampler.process(&input, &mut first);
        resampler.flush(&mut first);
        resampler.process(&input, &mut second);
        resampler.flush(&mut second);
        assert_eq!(first, second);
    }

    #[test]
    fn impossible_rates_are_faults() {
        for rate in [0, 1, 3_999, 384_001, u32::MAX] {
            assert!(Resampler::new(rate).err().expect("must be refused").to_string().contains("sample_rate_hz"));
        }
    }
}
