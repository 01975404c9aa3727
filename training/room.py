"""The impulse response of a shoebox room by the image-source method (Allen & Berkley 1979)."""

import numpy as np
from scipy.signal import butter, resample_poly, sosfilt

SOUND = 343  # m/s
FINE = 4  # arrival times are rounded to a quarter of a sample
WALL = 0.3  # nobody stands, and no microphone hangs, nearer to a wall (m)


def places(size, distance, rng):
    """A talking head and a microphone, `distance` metres apart, anywhere in the room."""
    size = np.array(size)
    while True:
        microphone = np.array([*rng.uniform(WALL, size[:2] - WALL), rng.uniform(0.7, 1.2)])
        source = np.array([0, 0, rng.uniform(1.1, 1.7)])
        flat = np.sqrt(max(0.0, distance**2 - (source[2] - microphone[2]) ** 2))
        angle = rng.uniform(0, 2 * np.pi)
        source[:2] = microphone[:2] + flat * np.array([np.cos(angle), np.sin(angle)])
        if (source[:2] > WALL).all() and (source[:2] < size[:2] - WALL).all():
            return source, microphone


def images(size, source, microphone, reach, rng):
    """Distances (m) of all mirror images within `reach`, the nearest first, and how often each was reflected."""
    size = np.array(size)
    spans = [np.arange(-m, m + 1) for m in np.ceil(reach / (2 * size)).astype(int)]
    n = np.stack(np.meshgrid(*spans, indexing="ij"), -1).reshape(-1, 1, 3)
    p = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(1, -1, 3)
    d = np.linalg.norm((1 - 2 * p) * source + 2 * n * size - microphone, axis=-1).ravel()
    bounces = (np.abs(n - p) + np.abs(n)).sum(-1).ravel()
    # Exact mirrors would ring in step: sweeping echoes, which no real room has (De Sena et al. 2015).
    d = d + np.where(bounces > 0, rng.uniform(-0.08, 0.08, len(d)), 0)
    near = (d < reach) & (d > 0)
    order = np.argsort(d[near])
    return d[near][order], bounces[near][order]


def rt60_of(h, rate):
    """Reverberation time (s) of an impulse response: backward integration, the slope from -5 to -25 dB."""
    decay = 10 * np.log10(np.cumsum(h[::-1] ** 2)[::-1] / (h**2).sum() + 1e-12)
    a, b = np.argmax(decay < -5), np.argmax(decay < -25)
    return 60 / 20 * (b - a) / rate


def random_response(rng, rate=16000):
    """That of a room of 2.2 to 8 m, 0.3 to 6 m from the microphone, RT60 0.1 to 0.8 s (short ones more often)."""
    size = (rng.uniform(2.6, 8), rng.uniform(2.2, 6.5), rng.uniform(2.2, 3.3))
    distance = rng.uniform(0.3, min(6, 0.8 * (max(size[:2]) - 2 * WALL)))
    rt60 = 0.1 + 0.7 * rng.beta(1.3, 1.7)
    return impulse_response(size, *places(size, distance, rng), rt60, rng, rate)


def impulse_response(size, source, microphone, rt60, rng, rate=16000):
    """From the direct sound on; `size`, `source` and `microphone` in metres, `rt60` in seconds.

    All walls absorb alike, at all frequencies alike.  Eyring's formula gives the first guess of how much, which is
    then corrected until the response has the reverberation time that was asked for.
    """
    d, bounces = images(size, source, microphone, rt60 * SOUND, rng)
    at = np.round((d - d[0]) / SOUND * rate * FINE).astype(int)
    area = 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    loss = 0.161 * np.prod(size) / (2 * area * rt60)  # -ln of the reflection factor
    high_pass = butter(2, 50, "high", fs=rate, output="sos")
    for _ in range(6):
        h = np.bincount(at, np.exp(-loss * bounces) / d)
        h = sosfilt(high_pass, resample_poly(h, 1, FINE))
        loss *= rt60_of(h, rate) / rt60
    return h
