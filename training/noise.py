"""Noise behind speech, sample by sample: recorded, made up, or other people who talk."""

import numpy as np
import soundfile

import voices

RATE = voices.RATE
SNR_DB = (-2, 25)
PART_S = 30  # a long recording is kept in parts of so many seconds


def recorded(folder):
    """The FLACs of a folder, 16 kHz, in parts of at most PART_S; int16, which takes half the memory."""
    parts = []
    for path in sorted(folder.glob("*.flac")):
        x, rate = soundfile.read(path, dtype="float32")
        x = voices.resample(x, rate / RATE)
        x = np.round(x / max(np.abs(x).max(), 1e-4) * 32767).astype(np.int16)
        parts += [x[s: s + PART_S * RATE] for s in range(0, len(x), PART_S * RATE) if len(x) - s > RATE]
    return parts


def made_up(n, rng):
    """A fan, a street, a machine: white noise whose smooth spectrum is random, and which swells and ebbs."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / RATE), 60) / 60)  # 0 to 7
    x = np.fft.irfft(spectrum * 10 ** np.interp(octaves, np.linspace(0, 7.1, 6), rng.normal(0, 0.35, 6) - np.linspace(0, rng.uniform(-0.3, 1.5), 6)), n)
    knots = max(2, n // (RATE // 2))
    x *= 10 ** np.interp(np.arange(n), np.linspace(0, n, knots), rng.normal(0, rng.uniform(0, 0.25), knots))
    if rng.random() < 0.3:  # and hums
        turn = 2 * np.pi * rng.uniform(48, 130) * np.arange(n) / RATE
        x += sum(np.sin(k * turn) / k for k in (1, 2, 3, 4)) * x.std() * rng.uniform(0.2, 2)
    return x


def stretch(sounds, n, rng):
    """n samples from somewhere in one of the sounds."""
    x = sounds[rng.integers(len(sounds))]
    return np.take(x, np.arange(n) + rng.integers(len(x)), mode="wrap").astype(np.float32)


def power_of(x):
    """Mean square where it is loud: within 30 dB of the loudest 10 ms."""
    n = RATE // 100
    e = (x[: len(x) // n * n].reshape(-1, n) ** 2).mean(1)
    return e[e >= e.max() * 1e-3].mean()


def behind(x, recordings, talkers, rng):
    """x with one kind of noise behind it, at a signal-to-noise ratio of SNR_DB; talkers: other utterances."""
    kind = rng.random()
    if len(talkers) > 3 and kind < 0.12:
        noise = sum(stretch(talkers, len(x), rng) for _ in range(rng.integers(1, 7)))
    elif recordings and kind < 0.75:
        noise = stretch(recordings, len(x), rng)
    else:
        noise = made_up(len(x), rng)
    gain = np.sqrt(power_of(x) / max(float(np.mean(noise**2)), 1e-12)) * 10 ** (-rng.uniform(*SNR_DB) / 20)
    return (x + gain * noise).astype(np.float32)
