"""Mixes what the wake-word model hears in training: words, near words and talk, in rooms, noise and company.

All in log10 mel power, on the fly: a sequence of W + ROOM frames is laid out, made to sound like a room, and
cut into windows that end at or away from a word's end.  Held-out voices never come here.
"""

import math
import random

import numpy as np
import torch

import features
from wake_data import MARGIN, WORDS

W = 144  # frames in a window
ROOM = 170
LENGTH = W + ROOM
POSITIVE = (-3, 20)  # a window that ends this many frames after the word is a hit
SILENCE = -10.0


# The centres of the mel bands in Hz, and how far harmonics still show in them (they blur above 2.5 kHz).
_MEL = np.linspace(0, 15 + np.log(8) * 27 / np.log(6.4), 82)[1:-1]
CENTRES = np.where(_MEL < 15, _MEL * 200 / 3, 1000 * np.exp((_MEL - 15) * np.log(6.4) / 27))
FADE = np.clip(1.3 - CENTRES / 2200, 0, 1)


def lines(a, at):
    """Rows of a at fractional positions."""
    lo = np.minimum(at.astype(int), len(a) - 2)
    f = (at - lo)[:, None].astype(np.float32)
    return a[lo] * (1 - f) + a[lo + 1] * f


def kind_of(voice):
    return voice.split("-")[0]


class Mixer:
    """Batches of windows [N, W, 80] with labels [N, K]; every word's voices weigh by kind, so no synthesiser drowns another."""

    WEIGHTS = {"espeak": 0.8, "flite": 0.7, "pico": 0.7, "rhvoice": 0.7, "precise": 1.0, "cmn": 0.5, "digits": 0.6}

    def __init__(self, words, near, talk, noises, seed):
        self.rng, self.np_rng = random.Random(seed), np.random.default_rng(seed)
        self.words = {w: {} for w in WORDS}
        for label, _, voice, a in words:
            self.words[label].setdefault(kind_of(voice), []).append(a)
        self.near = [r[3] for r in near]
        self.talk = talk  # list of (weight, [arrays])
        self.noises = noises
        self.mined = []  # (array, frame): negatives that the model took for a word, ending at that frame

    def batch(self, n):
        x = torch.full((n, LENGTH, 80), SILENCE)
        ends, labels, start = [], [], []
        for i in range(n):
            u = self.rng.random()
            lay = self._positive if u < 0.4 else self._near if u < 0.62 else self._mined if u < 0.75 and self.mined else self._talk
            a, e, y, s = lay()
            x[i] = torch.from_numpy(a)
            ends.append(e)
            labels.append(y)
            start.append(s)
        x = self._sound(x)
        for i, s in enumerate(start):
            x[i, :s] = SILENCE  # nothing was heard before the stream began
        return self._windows(x, ends), torch.tensor(np.concatenate(labels), dtype=torch.float32)

    @staticmethod
    def _windows(x, ends):
        rows = [x[i, e - W: e] for i, es in enumerate(ends) for e in es]
        return torch.stack(rows)

    # What is laid out: (frames [LENGTH, 80], window ends, labels [windows, K], start of the stream)

    def _positive(self):
        r = self.rng
        word = r.randrange(len(WORDS))
        kinds = self.words[WORDS[word]]
        kind = r.choices(list(kinds), [self.WEIGHTS.get(k, 0.5) for k in kinds])[0]
        a = self._paced(r.choice(kinds[kind]), 0.28)
        e = W + r.randint(18, 90)
        out, spoken = self._place(a, e)
        far = min(LENGTH, e + r.randint(62, 75)) if r.random() < 0.3 else max(W, e - int(spoken * r.uniform(0.48, 1.3)) - 3)
        ends = [*(e + r.randint(*POSITIVE) for _ in range(3)), far]
        y = np.zeros((4, len(WORDS)))
        y[:3, word] = 1
        if far > e and far - W < e - spoken - 3:
            ends, y = ends[:3], y[:3]  # the word is still whole in the window: neither right nor wrong
        return out, ends, y, self._start(e - spoken)

    def _near(self):
        r = self.rng
        if r.random() < 0.6:
            a = r.choice(self.near)
        else:  # a wake word that breaks off, or whose beginning nobody heard
            kinds = self.words[WORDS[r.randrange(len(WORDS))]]
            a = r.choice(kinds[r.choice(list(kinds))])
            n = len(a) - 2 * MARGIN
            k = MARGIN + int(n * (r.uniform(0.25, 0.55) if r.random() < 0.6 else -1) )
            a = a[:k] if k > MARGIN else a[len(a) - MARGIN - int(n * r.uniform(0.25, 0.5)):]
        a = self._paced(a, 0.2)
        e = W + r.randint(18, 90)
        out, spoken = self._place(a, e)
        ends = [e + r.randint(*POSITIVE), e + r.randint(*POSITIVE), e + r.randint(0, 60), max(W, e - r.randint(0, 60))]
        return out, ends, np.zeros((4, len(WORDS))), self._start(e - spoken)

    def _talk(self):
        r = self.rng
        out = np.full((LENGTH, 80), SILENCE, np.float32)
        if r.random() < 0.9:
            self._fill(out, 0, LENGTH, r.randint(0, 30))
        return out, [r.randint(W, LENGTH) for _ in range(4)], np.zeros((4, len(WORDS))), self._start(W + 100)

    def _mined(self):
        r = self.rng
        a, f = r.choice(self.mined)
        e = W + r.randint(20, 90)
        out = np.full((LENGTH, 80), SILENCE, np.float32)
        a, f = a[max(0, f - e):], min(f, e)
        a = a[: LENGTH - (e - f)].astype(np.float32)
        if r.random() < 0.5:
            a = self._another_throat(a)
        out[e - f: e - f + len(a)] = a
        return out, [e, e + r.randint(-4, 4), e + r.randint(-9, 9)], np.zeros((3, len(WORDS))), self._start(W)

    def _start(self, before):
        """Where the stream begins: mostly before all this, sometimes just before the word."""
        return max(0, before - self.rng.randint(4, 60)) if self.rng.random() < 0.3 else 0

    def _paced(self, a, spread):
        """Another speaking rate, other sounds drawn out; never longer than fits a window.  Then another throat."""
        a = a.astype(np.float32)
        t = int(len(a) * math.exp(self.rng.uniform(-spread, spread * 0.7)))
        t = max(12, min(t, 126))
        pace = np.interp(np.linspace(0, 5, t), np.arange(6), np.exp(self.np_rng.normal(0, 0.3, 6)))
        i = np.cumsum(pace) - pace[0]
        return self._another_throat(lines(a, i / i[-1] * (len(a) - 1)))

    def _another_throat(self, a):
        """Formants moved apart or together, vowels and consonants louder or softer, another pitch of voice."""
        r = self.np_rng
        if r.random() < 0.25:
            return a
        t = len(a)
        bent = np.arange(80) + np.interp(np.arange(80), [0, 15, 30, 45, 60, 79], r.normal(0, 1.4, 6))
        a = np.ascontiguousarray(lines(np.ascontiguousarray(a.T), np.clip(bent, 0, 79)).T)
        rows = lines(r.normal(0, 0.3, (max(2, t // 12), 6)).astype(np.float32), np.linspace(0, max(2, t // 12) - 1, t))
        a += lines(np.ascontiguousarray(rows.T), np.linspace(0, 5, 80)).T
        if r.random() < 0.5:  # the harmonics blurred away, and new ones put where there is a voice
            low = a[:, :46]
            blurred = low
            for _ in range(3):
                b = np.pad(blurred, ((0, 0), (1, 1)), "edge")
                blurred = 0.25 * b[:, :-2] + 0.5 * b[:, 1:-1] + 0.25 * b[:, 2:]
            f0 = r.uniform(110, 330) * np.exp(np.interp(np.linspace(0, 3, t), np.arange(4), r.normal(0, 0.12, 4)))
            depth = np.clip((f0 - 120) / 120, 0, 1) * r.uniform(0.2, 0.7)
            voice = (blurred[:, :24].max(1) > a.max() - 2.2) * depth
            a[:, :46] = blurred + voice[:, None] * np.cos(2 * np.pi * CENTRES[None, :46] / f0[:, None]) * FADE[None, :46]
        return a

    def _place(self, a, e):
        """Puts a word so that it ends at e, with talk or silence around: the frames, and how many the word takes."""
        r = self.rng
        out = np.full((LENGTH, 80), SILENCE, np.float32)
        m = min(MARGIN, len(a) // 4)
        first = e + m - len(a)
        if r.random() < 0.45:
            gap = r.choice([0, r.randint(0, 20), r.randint(0, 80)])
            self._fill_left(out, max(0, first + m - gap), r.uniform(-0.8, 0.4))
        if r.random() < 0.72:
            gap = r.choice([0, r.randint(0, 20), r.randint(0, 60)])
            self._fill(out, min(LENGTH, e + gap), LENGTH, 0, r.uniform(-0.4, 0.4))
        s = max(0, first)
        out[s: e + m] = np.maximum(out[s: e + m], a[s - first: e + m - first])
        return out, len(a) - 2 * m

    def _utterance(self):
        sets = self.talk
        arrays = self.rng.choices([s for _, s in sets], [w for w, _ in sets])[0]
        return self._paced_talk(self.rng.choice(arrays))

    def _paced_talk(self, a):
        a = a.astype(np.float32) if self.rng.random() < 0.5 or len(a) > 400 else self._stretched(a)
        return self._another_throat(a) if self.rng.random() < 0.25 and len(a) < 400 else a

    def _stretched(self, a):
        t = max(8, int(len(a) * math.exp(self.rng.uniform(-0.25, 0.25))))
        return a[np.linspace(0, len(a) - 1, t).round().astype(int)].astype(np.float32)

    def _fill(self, out, s, end, skip, level=0.0):
        while s < end:
            a = self._utterance()[skip:]
            a, skip = a[: end - s], 0
            out[s: s + len(a)] = a + level
            s += len(a) + self.rng.choice([0, 5, self.rng.randint(0, 70)])

    def _fill_left(self, out, end, level):
        while end > 0:
            a = self._utterance()[-end:]
            out[end - len(a): end] = a + level
            end -= len(a) + self.rng.choice([0, 5, self.rng.randint(0, 70)])

    # How it sounds

    def _sound(self, x):
        r, b = self.np_rng, len(x)
        warp = torch.from_numpy(np.exp(r.uniform(-0.17, 0.17, b)).astype(np.float32))
        x = torch.bmm(x, features._warp_matrix(warp[:, None]).transpose(1, 2))
        p = 10.0 ** x
        speech = p.sum(2)
        top = speech.amax(1)
        loud = (speech * (speech > top[:, None] * 1e-3)).sum(1) / (speech > top[:, None] * 1e-3).sum(1).clamp(min=1)
        p = self._reverb(p)
        p = self._noise(p, loud)
        log = torch.log10(p.clamp(min=1e-12)) + self._microphone(b)
        return (log + torch.from_numpy(r.uniform(-3.5, 1.0, (b, 1, 1)).astype(np.float32))).clamp(min=SILENCE)

    def _reverb(self, p):
        """A late tail: an exponential decay of each band's power behind the direct sound."""
        r, b = self.np_rng, len(p)
        wet = (r.random(b) < 0.6).astype(np.float32)
        rt60 = r.uniform(0.15, 0.9, b).astype(np.float32)
        d = 10 ** (-6 * 0.01 / rt60)
        k = wet * (1 - d) * 10 ** (-r.uniform(-6, 14, b).astype(np.float32) / 10)
        d, k = torch.from_numpy(d)[:, None], torch.from_numpy(k)[:, None]
        tail = torch.zeros(b, 80)
        out = p.clone()
        for t in range(1, p.shape[1]):
            tail = tail * d + p[:, t - 1]
            out[:, t] += k * tail
        return out

    def _noise(self, p, loud):
        r = self.np_rng
        for i in range(len(p)):
            if r.random() < 0.15:
                continue
            level = float(loud[i]) if loud[i] > 1e-9 else 10 ** r.uniform(-3, 2)
            n = self._some_noise(i)
            snr = r.uniform(0, 35)
            p[i] += n * (level / float(n.sum(1).mean().clamp(min=1e-12))) * 10 ** (-snr / 10)
        return p

    def _some_noise(self, i):
        r, u = self.np_rng, self.np_rng.random()
        if u < 0.5:
            a = self.noises[r.integers(len(self.noises))]
            s = r.integers(0, max(1, len(a) - LENGTH))
            n = 10.0 ** torch.from_numpy(a[s: s + LENGTH].astype(np.float32))
            n = n.repeat(LENGTH // len(n) + 1, 1)[:LENGTH]
        elif u < 0.78:  # steady noise of any colour: periodogram bins of noise are exponentially distributed
            knots = torch.from_numpy(r.normal(0, 0.5, (1, 1, 7)).astype(np.float32))
            shape = torch.nn.functional.interpolate(knots, size=80, mode="linear", align_corners=True)[0, 0]
            shape = shape + r.uniform(-2.5, 1.0) * torch.linspace(-0.5, 0.5, 80)
            n = torch.from_numpy(r.gamma(1.4, 1, (LENGTH, 80)).astype(np.float32)) * 10 ** shape
        else:  # company: others talk
            n = torch.zeros(LENGTH, 80)
            for _ in range(int(r.integers(1, 5))):
                a = np.full((LENGTH, 80), SILENCE, np.float32)
                self._fill(a, 0, LENGTH, 0)
                n += 10.0 ** torch.from_numpy(a)
        if r.random() < 0.3:
            n = n * 10 ** (r.uniform(-2, 2) * torch.linspace(-0.5, 0.5, 80))
        return n

    def _microphone(self, b):
        """A smooth random gain for each band in log10 power, sometimes a low or high cut."""
        r = self.np_rng
        knots = torch.from_numpy(r.normal(0, 0.35, (b, 1, 6)).astype(np.float32))
        g = torch.nn.functional.interpolate(knots, size=80, mode="linear", align_corners=True)
        for i in range(b):
            u = r.random()
            if u < 0.12:
                g[i, 0, int(r.integers(55, 74)):] -= r.uniform(1, 4)
            elif u < 0.25:
                g[i, 0, : int(r.integers(2, 9))] -= r.uniform(1, 3)
        return g
