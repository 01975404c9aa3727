"""Whisper's log-mel features, dereverberation, and augmentation in the mel-power domain.

Most noise, levels, microphones, rates and vocal-tract lengths are simulated on mel power rather than on samples: a
batch costs milliseconds, so every epoch hears every sentence otherwise.  Power adds where sounds add, but for
what their phases make of it; a microphone is a gain per band, and a vocal tract is a warp of the mel axis.
"""

import math

import numpy as np
import torch

RATE, N_FFT, HOP, N_MELS = 16000, 400, 160, 80
# So many frames at the end of every noisy recording hold no speech (synth.TAIL_S).
QUIET = 12
# Of the prediction of late reverberation; src/facts/dereverb.rs says what they mean.
DELAY, TAPS, POWER_MIN, LOADING = 4, 8, 1e-4, 1e-3
# The late reverberation of rooms: seconds to 60 dB less, its power less that of what came before it (1 to 6 m), its length.
RT60, LATE_DB, LATE_FRAMES = (0.15, 0.8), (-15, 0), 60
# Of a mel band of noise within one frame, independent parts: some 1 to 8, the higher the more.
FREEDOM = np.linspace(1, 8, N_MELS)
# Hiss lies above 3 kHz, voice below 2 kHz; a few dB tell them apart (log10 power).
HISS_FROM, VOICE_BELOW, HISS_SLOPE = 54, 40, 0.2


def mel_filters():
    """Slaney-scale, area-normalised triangles, [80, 201]; the same as Whisper's mel_filters.npz."""
    def hz_to_mel(f):
        f = np.asarray(f, dtype=np.float64)
        return np.where(f < 1000, f * 3 / 200, 15 + np.log(np.maximum(f, 1e-9) / 1000) * 27 / np.log(6.4))

    def mel_to_hz(m):
        return np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))

    edges = mel_to_hz(np.linspace(hz_to_mel(0), hz_to_mel(RATE / 2), N_MELS + 2))
    freqs = np.fft.rfftfreq(N_FFT, 1 / RATE)
    up = (freqs[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - freqs[None]) / (edges[2:] - edges[1:-1])[:, None]
    w = np.maximum(0, np.minimum(up, down))
    return (w * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


_FILTERS = torch.from_numpy(mel_filters())
_WINDOW = torch.hann_window(N_FFT)


def dereverberate(spectra):
    """Takes late reverberation out of complex spectra [bins, frames], as src/facts/dereverb.rs does."""
    power = torch.nn.functional.avg_pool1d(torch.nn.functional.pad((spectra.abs() ** 2)[None], (1, 1), mode="replicate"), 3, 1)[0]
    loudest = power.max()
    if loudest <= 0:
        return spectra
    past = torch.nn.functional.pad(spectra, (DELAY + TAPS - 1, 0)).unfold(1, TAPS, 1)[:, : spectra.shape[1]].flip(2)
    weighted = (past / power.clamp(min=POWER_MIN * loudest)[:, :, None]).mT
    matrix = weighted @ past.conj()
    mean = matrix.diagonal(dim1=1, dim2=2).real.mean(1).clamp(min=1e-20)
    matrix.diagonal(dim1=1, dim2=2).add_(LOADING * mean[:, None])
    taps = torch.linalg.solve(matrix, weighted @ spectra.conj()[:, :, None])
    return spectra - (past @ taps.conj())[:, :, 0]


def log_mel(x, reverberant=False):
    """Samples -> log10 mel power [len // 160, 80], float16, floored at -10 as Whisper does; late reverberation is taken out on demand."""
    x = torch.as_tensor(x, dtype=torch.float32)
    if len(x) < N_FFT:
        x = torch.nn.functional.pad(x, (0, N_FFT - len(x)))
    spectra = torch.stft(x, N_FFT, HOP, window=_WINDOW, return_complex=True)[:, :-1]
    power = (dereverberate(spectra) if reverberant else spectra).abs() ** 2
    return torch.log10((_FILTERS @ power).T.clamp(min=1e-10)).to(torch.float16).numpy()


def normalise(log10_mel, lengths=None):
    """Whisper's scaling: clamp to the utterance's maximum - 8 (80 dB), then (x + 4) / 4.  [B, T, 80]."""
    top = log10_mel.amax(dim=(1, 2), keepdim=True)
    return (torch.maximum(log10_mel, top - 8) + 4) / 4


def trim(x, margin=0.06, floor_db=-38):
    """Cut silence before and after: all that lies floor_db under the loudest 10 ms."""
    n = len(x) // HOP
    if n < 3:
        return x
    e = 10 * np.log10((x[: n * HOP].reshape(n, HOP) ** 2).mean(1) + 1e-12)
    on = np.nonzero(e > e.max() + floor_db)[0]
    m = int(margin * RATE)
    return x[max(0, on[0] * HOP - m): (on[-1] + 1) * HOP + m]


def _warp_matrix(factors):
    """Vocal-tract warps: [B, 80, 80] that read mel band i from around band i * factor.

    factors: [B, K], at K equally spaced bands; the mouth and the throat of two people differ by different factors.
    """
    i = torch.arange(N_MELS, dtype=torch.float32)
    each = torch.nn.functional.interpolate(factors[:, None], size=N_MELS, mode="linear", align_corners=True)[:, 0]
    src = (i * each).clamp(max=N_MELS - 1.001)
    lo = src.floor().long()
    w = torch.zeros(len(factors), N_MELS, N_MELS)
    frac = src - lo
    w.scatter_(2, lo[:, :, None], (1 - frac)[:, :, None])
    w.scatter_add_(2, (lo + 1)[:, :, None], frac[:, :, None])
    return w


class Augment:
    """Random noises, microphones, rates and levels for a batch of log10 mel arrays."""

    def __init__(self, noises, seed, late=False):
        self.noises = noises  # list of float16 [frames, 80] log10 mel
        self.late = late  # whether late reverberation is heard: whisper.cpp does not take it out
        self.rng = np.random.default_rng(seed)
        self.strength = 1.0  # 0: only the level changes, which the acoustic model takes back; raised by the trainer once the network hears something

    def __call__(self, arrays, frames_max, noisy):
        """arrays: list of [2, t, 80] log10 mel, dry and as its room has it; noisy: which hold noise already.

        Returns features [B, T, 80] of what is heard, those of the dry sound at the same rate and in the same voice,
        both normalised, and the true lengths in frames.
        """
        r = self.rng
        out = []
        for a in arrays:
            a = torch.from_numpy(a.astype(np.float32))
            rate = math.exp(r.uniform(-0.2, 0.2)) if r.random() < 0.7 * self.strength else 1.0
            t = int(min(a.shape[1] * rate, frames_max - 12))
            a = torch.nn.functional.interpolate(a.mT, size=max(t, 8), mode="linear", align_corners=False).mT
            out.append(a)
        # Nothing comes before or after noise that is there already: it would have an edge.
        lead = [int(r.integers(0, max(2, min(40, frames_max - a.shape[1] - 6)))) if not n and r.random() < 0.8 else 0 for a, n in zip(out, noisy)]
        tail = [0 if n else int(r.integers(3, 45)) for n in noisy]
        total = min(frames_max, max(a.shape[1] + l + t for a, l, t in zip(out, lead, tail)))
        total += total % 2
        x = torch.full((2, len(out), total, N_MELS), -10.0)
        lengths = []
        for i, a in enumerate(out):
            a = a[:, : total - lead[i]]
            x[:, i, lead[i]: lead[i] + a.shape[1]] = a
            if noisy[i] and a.shape[1] < total:  # the noise goes on: its last frames, to and fro
                last = torch.cat([a[1, -QUIET:].flip(0), a[1, -QUIET:]])
                x[1, i, a.shape[1]:] = last.repeat(total // len(last) + 1, 1)[: total - a.shape[1]]
            lengths.append(min(total, lead[i] + a.shape[1] + 6))
        b = len(out)
        warp = r.uniform(-0.13, 0.13, (b, 1)) + r.normal(0, 0.035, (b, 5))
        dry, heard = x @ _warp_matrix(torch.from_numpy(np.exp(self.strength * warp).astype(np.float32))).mT
        hiss = self._hiss(dry, noisy)
        dry, heard = dry + hiss, heard + hiss
        p = self._noise(self._late(10.0 ** heard), noisy)
        log = torch.log10(p.clamp(min=1e-10)) + self._microphone(b)
        log = log + torch.from_numpy(r.uniform(-3.5, 1.0, (b, 1, 1)).astype(np.float32))
        return self._mask(normalise(log.clamp(min=-10))), normalise(dry), torch.tensor(lengths)

    def _late(self, p):
        """Half of the recordings get the late reverberation of a room: mel power that decays from DELAY frames on."""
        if not self.late:
            return p
        r, b = self.rng, len(p)
        k = torch.arange(LATE_FRAMES, dtype=torch.float32)
        decay = torch.from_numpy(10 ** (-6 * HOP / RATE / r.uniform(*RT60, (b, 1)))).float()
        level = torch.from_numpy(10 ** (r.uniform(*LATE_DB, (b, 1)) / 10) * (r.random((b, 1)) < 0.5 * self.strength)).float()
        tail = torch.nn.functional.pad(level * (1 - decay) * decay ** k, (DELAY, 0)).flip(1)
        heard = torch.nn.functional.conv1d(torch.nn.functional.pad(p.permute(2, 0, 1), (tail.shape[1] - 1, 0)), tail[:, None], groups=b)
        return p + heard.permute(1, 2, 0)

    def _hiss(self, dry, noisy):
        """Log10 gains [B, T, 80] of what hisses, as s, f and t do: it differs between people as their vowels do, but apart from them.

        Not where there is noise, which would give the hiss away by swelling with it.
        """
        r, b = self.rng, len(dry)
        upper = torch.sigmoid((dry[..., HISS_FROM:].mean(-1) - dry[..., :VOICE_BELOW].mean(-1)) / HISS_SLOPE)
        knots = r.normal(0, 0.2, (b, 1, 8)) + r.normal(0, 0.15, (b, 1, 1))
        knots[np.array(noisy, bool)] = 0
        gain = torch.from_numpy((self.strength * knots).astype(np.float32))
        return upper[:, :, None] * torch.nn.functional.interpolate(gain, size=N_MELS, mode="linear", align_corners=True)

    def _noise(self, p, noisy):
        """Where there is none: recorded noise, the other sentences of the batch talking at once, or noise of a random spectrum."""
        r, (b, t, _) = self.rng, p.shape
        talk = p.clone()
        for i in range(b):
            if noisy[i] or r.random() > 0.85 * self.strength:
                continue
            snr = r.uniform(0, 32)
            kind = r.random()
            if b > 2 and kind < 0.12:
                n = sum(talk[(i + k) % b].roll(int(r.integers(0, t)), 0) for k in range(1, 1 + int(r.integers(2, min(6, b)))))
            elif kind < 0.35:
                n = self._random_noise(t)
            else:
                a = self.noises[r.integers(len(self.noises))]
                s = r.integers(0, max(1, len(a) - t))
                n = 10.0 ** torch.from_numpy(a[s: s + t].astype(np.float32))
                if len(n) < t:
                    n = n.repeat(t // len(n) + 1, 1)[:t]
                if r.random() < 0.4:  # coloured by a random slope, 0.1 is 1 dB
                    n = n * 10 ** (r.uniform(-2.5, 2.5) * torch.linspace(-0.5, 0.5, N_MELS))
            speech = p[i].sum(1)
            level = speech[speech > speech.max() * 1e-3].mean()
            n = n * (level / n.sum(1).mean().clamp(min=1e-12)) * 10 ** (-snr / 10)
            # Two sounds in one band help or hinder each other as their phases fall.
            phase = torch.from_numpy((r.standard_normal((t, N_MELS)) / np.sqrt(2 * FREEDOM)).astype(np.float32))
            p[i] += n + 2 * torch.sqrt(p[i] * n) * phase.clamp(-0.95, 0.95)
        return p

    def _random_noise(self, t):
        """A fan, a street, a machine: a smooth spectrum that swells and ebbs, with or without a hum."""
        r = self.rng
        spectrum = torch.from_numpy(r.normal(0, 0.7, (1, 1, 6)).astype(np.float32))
        level = torch.from_numpy(r.normal(0, r.uniform(0, 0.5), (1, 1, max(2, t // 40))).astype(np.float32))
        spectrum, level = (
            torch.nn.functional.interpolate(a, size=n, mode="linear", align_corners=True)[0, 0]
            for a, n in ((spectrum, N_MELS), (level, t))
        )
        n = 10 ** (spectrum + level[:, None])
        n = n * torch.from_numpy(r.gamma(FREEDOM, 1 / FREEDOM, (t, N_MELS)).astype(np.float32))
        if r.random() < 0.3:
            n[:, r.integers(0, 30, 3)] *= 10 ** r.uniform(0.5, 2)
        return n

    def _microphone(self, b):
        """Smooth random gain per band in log10 power (0.1 = 1 dB), and what differs between two people's heads; sometimes a low or high cut."""
        r = self.rng
        g = 0
        for knots, spread in ((6, 0.35), (18, 0.12)):
            knots = torch.from_numpy(r.normal(0, spread, (b, 1, knots)).astype(np.float32))
            g = g + torch.nn.functional.interpolate(knots * self.strength, size=N_MELS, mode="linear", align_corners=True)
        for i in range(b):
            u = r.random()
            if u < 0.12:
                g[i, 0, int(r.integers(55, 74)):] -= r.uniform(1, 4)
            elif u < 0.25:
                g[i, 0, : int(r.integers(2, 9))] -= r.uniform(1, 3)
        return g

    def _mask(self, x):
        r, (b, t, _) = self.rng, x.shape
        for i in range(b):
            for _ in range(round(self.strength)):
                w, s = int(r.integers(0, 12)), int(r.integers(0, t))
                x[i, s: s + w] = x[i].mean()
                w, s = int(r.integers(0, 10)), int(r.integers(0, N_MELS))
                x[i, :, s: s + w] = x[i].mean()
        return x
