//! Takes late reverberation out of a recording, before its features are computed.
//!
//! Weighted prediction error (Nakatani et al. 2010) for one microphone: what a room sends back later than
//! `DELAY` frames after the sound can be predicted, bin by bin, from the frames before, and is subtracted. Speech
//! itself reaches less far, so it stays. One pass of the iteration is enough: a second and third one changed nothing
//! that the recogniser could hear. Pure; reads no clock.

use std::array::from_fn;

use realfft::num_complex::Complex;

use super::mel::Spectrum;

/// Frames (10 ms) between a sound and the first of its reverberation that is taken away: the windows of nearer ones overlap.
const DELAY: usize = 4;
/// Frames from which the reverberation is predicted. More were no better.
const TAPS: usize = 8;
/// What a bin is weighted by is never less than this share of the loudest bin's power: -40 dB.
const POWER_MIN: f32 = 1e-4;
/// Share of the mean power that is added to every tap's own, so that the equations can be solved.
const LOADING: f32 = 1e-3;

type C = Complex<f32>;

/// Subtracts from each frame what the frames before it predict, in place. Silence stays silence.
pub fn dereverberate(frames: &mut [Spectrum]) {
    let Some(bins) = frames.first().map(|f| f.len()) else { return };
    let mut bin: Vec<C> = vec![C::ZERO; frames.len()];
    let smoothed: Vec<Vec<f32>> = (0..bins)
        .map(|k| {
            let power = |t: usize| frames[t][k].norm_sqr();
            let last = frames.len() - 1;
            (0..=last).map(|t| (power(t.saturating_sub(1)) + power(t) + power((t + 1).min(last))) / 3.0).collect()
        })
        .collect();
    let loudest = smoothed.iter().flatten().copied().fold(0.0, f32::max);
    if loudest <= 0.0 || !loudest.is_finite() {
        return;
    }
    for (k, power) in smoothed.iter().enumerate() {
        for (y, frame) in bin.iter_mut().zip(frames.iter()) {
            *y = frame[k];
        }
        let weights: Vec<f32> = power.iter().map(|p| 1.0 / p.max(POWER_MIN * loudest)).collect();
        let taps = prediction(&bin, &weights);
        for (t, frame) in frames.iter_mut().enumerate().skip(DELAY) {
            let past = bin[..=t - DELAY].iter().rev();
            frame[k] -= taps.iter().zip(past).map(|(g, y)| g.conj() * y).sum::<C>();
        }
    }
}

/// The taps that predict one bin best, every frame's error weighted: the normal equations' solution.
fn prediction(y: &[C], weights: &[f32]) -> [C; TAPS] {
    // Real and imaginary parts apart, so that the compiler sums several taps at once.
    let (mut re, mut im) = ([[0.0; TAPS]; TAPS], [[0.0; TAPS]; TAPS]);
    let mut wanted = [C::ZERO; TAPS];
    let (mut past_re, mut past_im) = ([0.0; TAPS], [0.0; TAPS]);
    for ((now, late), weight) in y.iter().skip(DELAY).zip(y).zip(&weights[DELAY.min(weights.len())..]) {
        past_re.rotate_right(1);
        past_im.rotate_right(1);
        (past_re[0], past_im[0]) = (late.re, late.im);
        for i in 0..TAPS {
            let (a, b) = (weight * past_re[i], weight * past_im[i]);
            wanted[i] += C::new(a, b) * now.conj();
            for j in 0..TAPS {
                re[i][j] += a * past_re[j] + b * past_im[j];
                im[i][j] += b * past_re[j] - a * past_im[j];
            }
        }
    }
    let mut matrix: [[C; TAPS]; TAPS] = from_fn(|i| from_fn(|j| C::new(re[i][j], im[i][j])));
    let mean = matrix.iter().enumerate().map(|(i, row)| row[i].re).sum::<f32>() / TAPS as f32;
    if mean <= 0.0 {
        return [C::ZERO; TAPS];
    }
    for (i, row) in matrix.iter_mut().enumerate() {
        row[i] += LOADING * mean;
    }
    solve(matrix, wanted)
}

/// Gaussian elimination; `a` is positive definite, so that no row needs to be exchanged.
fn solve(mut a: [[C; TAPS]; TAPS], mut b: [C; TAPS]) -> [C; TAPS] {
    for i in 0..TAPS {
        for j in i + 1..TAPS {
            let factor = a[j][i] / a[i][i];
            let above = a[i];
            for (x, up) in a[j].iter_mut().zip(above).skip(i) {
                *x -= factor * up;
            }
            let up = b[i];
            b[j] -= factor * up;
        }
    }
    for i in (0..TAPS).rev() {
        let known: C = (i + 1..TAPS).map(|j| a[i][j] * b[j]).sum();
        b[i] = (b[i] - known) / a[i][i];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::mel::{BANDS, LogMel};

    /// Bursts of noise, 100 ms of every 300, made of integers.
    fn bursts(len: usize) -> Vec<f32> {
        let mut state = 1u32;
        (0..len)
            .map(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (state >> 8) as f32 / 8_388_608.0 - 1.0;
                if i % 4800 < 1600 { 0.2 * noise } else { 0.0 }
            })
            .collect()
    }

    /// The sound and its echoes, one every 7 ms, each quieter by the same factor: 60 dB in `rt60` seconds.
    fn in_a_room(dry: &[f32], rt60: f32) -> Vec<f32> {
        let mut wet = dry.to_vec();
        for n in 1..100 {
            let (gain, delay) = (10f32.powf(-3.0 * 0.007 * n as f32 / rt60), 112 * n);
            for (t, x) in dry.iter().enumerate().take(dry.len().saturating_sub(delay)) {
                wet[t + delay] += 0.5 * gain * x;
            }
        }
        wet
    }

    /// Power between the bursts, 60 ms and later after each, over the power within them, in dB.
    fn tail_db(spectra: &[Spectrum]) -> f32 {
        let power = |t: usize| spectra[t].iter().map(|c| c.norm_sqr()).sum::<f32>();
        let (mut inside, mut after) = (0.0, 0.0);
        for t in 30..spectra.len() - 30 {
            match t % 30 {
                2..8 => inside += power(t),
                16..28 => after += power(t),
                _ => {}
            }
        }
        10.0 * (after / inside).log10()
    }

    #[test]
    fn a_rooms_tail_becomes_quieter() {
        let mut spectra = LogMel::new().spectra(&in_a_room(&bursts(48_000), 0.5));
        let before = tail_db(&spectra);
        dereverberate(&mut spectra);
        let after = tail_db(&spectra);
        assert!(after < before - 6.0, "{before} dB -> {after} dB");
    }

    #[test]
    fn a_dry_recording_is_left_nearly_as_it_is() {
        let mut mel = LogMel::new();
        let dry = mel.spectra(&bursts(48_000));
        let mut out = dry.clone();
        dereverberate(&mut out);
        let error: f32 = dry.iter().flatten().zip(out.iter().flatten()).map(|(a, b)| (a - b).norm_sqr()).sum();
        let power: f32 = dry.iter().flatten().map(|a| a.norm_sqr()).sum();
        assert!(error < 0.05 * power, "{error} of {power}");
    }

    #[test]
    fn silence_short_and_broken_sounds_are_survived() {
        for samples in [vec![], vec![0.0; 8000], vec![0.5; 170], vec![f32::NAN; 3000]] {
            let mut mel = LogMel::new();
            let mut spectra = mel.spectra(&samples);
            dereverberate(&mut spectra);
            assert_eq!(mel.frames(&spectra).len(), spectra.len());
        }
        let mut mel = LogMel::new();
        let mut silence = mel.spectra(&[0.0; 8000]);
        dereverberate(&mut silence);
        assert!(mel.frames(&silence).iter().all(|f| *f == [crate::facts::mel::FLOOR; BANDS]));
    }

    #[test]
    fn the_equations_are_solved() {
        let at = |i: usize, j: usize| {
            C::new(if i == j { 9.0 } else { 1.0 / (1 + i + j) as f32 }, (j as f32 - i as f32) * 0.1)
        };
        let matrix: [[C; TAPS]; TAPS] = from_fn(|i| from_fn(|j| at(i, j)));
        let want: [C; TAPS] = from_fn(|i| C::new(i as f32, 1.0 - i as f32));
        let right = matrix.map(|row| row.iter().zip(want).map(|(a, x)| a * x).sum());
        for (got, want) in solve(matrix, right).iter().zip(want) {
            assert!((got - want).norm() < 1e-4, "{got} instead of {want}");
        }
    }
}
