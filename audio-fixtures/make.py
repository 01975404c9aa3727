"""Makes every recording of this folder and the .toml beside it; the same seed gives the same house noises.

    python make.py            # from any folder; needs espeak-ng, flite, festival and training/requirements.txt

Every voice is one of training/voices.py HELD_OUT: no model is trained on any of them.
"""

import argparse
import random
import sys
import tomllib
from pathlib import Path

import numpy as np
import soundfile
from scipy.io import wavfile
from scipy.signal import fftconvolve, resample_poly

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "training"))
import features  # noqa: E402
import plan  # noqa: E402
import voices  # noqa: E402

RATE = voices.RATE
FESTIVAL = {"festival-slt": "cmu_us_slt_arctic_hts", "festival-kdl": "ked_diphone"}
EN_VOICES = ["flite-slt", "festival-kdl", "espeak", "festival-slt", "espeak"]
# How commands sound, dealt out in turn: (what it is called, room's RT60 in s, noise, SNR in dB, peak in dBFS).
CONDITIONS = [
    ("clean", 0, None, 0, -8), ("pink noise, 20 dB", 0, "pink", 20, -8), ("room, RT60 0.3 s", 0.3, None, 0, -8),
    ("clean", 0, None, 0, -8), ("quiet, -30 dBFS peak", 0, None, 0, -30), ("babble, 15 dB", 0, "babble", 15, -8),
    ("clean", 0, None, 0, -8), ("loud, -0.5 dBFS peak", 0, None, 0, -0.5), ("tap, 15 dB", 0, "tap", 15, -8),
    ("clean", 0, None, 0, -8), ("room, RT60 0.5 s, pink noise 20 dB", 0.5, "pink", 20, -8), ("pink noise, 10 dB", 0, "pink", 10, -8),
    ("clean", 0, None, 0, -8), ("hum, 20 dB", 0, "hum", 20, -8),
]
# What is not a 16 kHz mono FLAC: (rate in Hz, channels, sample format, extension).
FORMATS = {
    "en-turn-on-living-room-light": (48000, 2, "PCM_16", "wav"), "en-fan-on": (44100, 1, "PCM_16", "flac"),
    "zh-living-room-light-on": (44100, 2, "PCM_16", "flac"), "zh-curtain-open": (48000, 1, "PCM_24", "flac"),
    "en-curtains-open": (8000, 1, "PCM_16", "wav"), "zh-fan-on": (16000, 1, "FLOAT", "wav"),
}


def speak(text, lang, voice, rng):
    """One utterance at 16 kHz, trimmed, loudest sample 1."""
    if voice == "flite-slt":
        x = voices.flite(text, "slt", rng.uniform(0.9, 1.1))
    elif voice in FESTIVAL:
        x = voices.festival(text, FESTIVAL[voice], round(rng.uniform(0.9, 1.1), 2))
    else:
        accent = rng.choice(["en-us", "en-us", "en-gb"])
        speed = rng.randint(140, 180) if lang == "en" else rng.randint(150, 190)
        x = voices.espeak(text, lang, voice.removeprefix("espeak-"), accent, speed, rng.randint(38, 62))
    x = features.trim(x, margin=0.02)
    return x / np.abs(x).max()


class Noises:
    """Noises of a house, made from random numbers and from the held-out voices."""

    def __init__(self, rng):
        self.rng, self.np = rng, np.random.default_rng(rng.getrandbits(32))
        self.crowd = {}
        for lang in ("en", "zh"):
            talk = [c[3] for c in plan.CHAT if c[0] == lang]
            self.crowd[lang] = [speak(rng.choice(talk), lang, "espeak-" + v, rng) for v in rng.sample(voices.ESPEAK_HELD_OUT, 6)]

    def make(self, kind, n):
        x = getattr(self, kind.split("-")[0])(n, *kind.split("-")[1:])
        return (x / (np.sqrt((x ** 2).mean()) + 1e-12)).astype(np.float32)

    def _colored(self, n, slope):
        """Gaussian noise whose power falls with frequency ** slope."""
        f = np.fft.rfft(self.np.standard_normal(n))
        return np.fft.irfft(f / np.maximum(np.arange(len(f)), n * 40 / RATE) ** (slope / 2), n)

    def pink(self, n):
        return self._colored(n, 1)

    def hum(self, n):
        """50 Hz and its harmonics, as of a fridge, over a little brown noise."""
        t = np.arange(n) / RATE
        x = sum(np.sin(2 * np.pi * 50 * k * t + k) / k for k in (1, 2, 3, 4, 6, 8, 12))
        return x + self._colored(n, 2) / 200

    def tap(self, n):
        """Running water: blue-ish noise that flutters, with drops."""
        x = np.diff(self._colored(n + 1, 0.6))
        steps = np.arange(0, n + 400, 400)
        x = x / x.std() * (1 + 0.4 * np.interp(np.arange(n), steps, self.np.standard_normal(len(steps))))
        return x + self._hits(n, n * 12 // RATE, (900, 3500), 0.006)

    def knocks(self, n):
        return self._hits(n, n * 3 // RATE, (120, 900), 0.03) + self._colored(n, 1) * 1e-3

    def _hits(self, n, count, hz, decay_s):
        x = np.zeros(n + RATE)
        t = np.arange(int(decay_s * 8 * RATE)) / RATE
        for _ in range(count):
            s = self.np.integers(0, n)
            x[s: s + len(t)] += self.np.uniform(1, 6) * np.exp(-t / decay_s) * np.sin(2 * np.pi * self.np.uniform(*hz) * t)
        return x[:n]

    def music(self, n):
        """Four plucked chords."""
        x = np.zeros(n + RATE)
        for i in range(0, n, RATE // 4):
            root = [0, 5, 7, 3][i // RATE % 4] + [0, 4, 7, 12][i // (RATE // 4) % 4]
            t = np.arange(RATE) / RATE
            f = 220 * 2 ** (root / 12)
            x[i: i + RATE] += sum(np.sin(2 * np.pi * f * k * t) / k ** 1.5 for k in range(1, 7)) * np.exp(-t * 4)
        return x[:n] + self._colored(n, 1) * 1e-3

    def babble(self, n, lang="en"):
        """Six people talking about other things at once."""
        x = np.zeros(n)
        for voice in self.crowd[lang]:
            loop = np.concatenate([voice, np.zeros(self.rng.randint(1000, 8000), np.float32)])
            x += np.roll(np.tile(loop, n // len(loop) + 1), self.rng.randrange(len(loop)))[:n] * self.rng.uniform(0.5, 1)
        return x

    def silence(self, n):
        return self._colored(n, 0)


def room(x, rt60, rng):
    """A shoebox room by the image-source method (Allen & Berkley 1979), walls alike, 5 x 4 x 2.6 m."""
    size = np.array([5, 4, 2.6])
    volume, surface = size.prod(), 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    reflect = np.sqrt(max(0.0, 1 - 0.161 * volume / (surface * rt60)))
    source = size * [rng.uniform(0.2, 0.4), rng.uniform(0.2, 0.8), 0.6]
    mic = size * [rng.uniform(0.6, 0.8), rng.uniform(0.2, 0.8), 0.3]
    h = np.zeros(int((rt60 + 0.05) * RATE))
    order = int(np.ceil(rt60 * 343 / size.min() / 2)) + 1
    g = np.arange(-order, order + 1)
    n = np.stack(np.meshgrid(g, g, g, indexing="ij"), -1).reshape(-1, 1, 3)
    p = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(1, -1, 3)
    d = np.linalg.norm((1 - 2 * p) * source + 2 * n * size - mic, axis=-1).ravel()
    bounces = (np.abs(n - p) + np.abs(n)).sum(-1).ravel()
    at = (d / 343 * RATE).astype(int)
    keep = at < len(h)
    np.add.at(h, at[keep], (reflect ** bounces / (4 * np.pi * d))[keep])
    direct = np.argmax(h > 0)
    return fftconvolve(x, h[direct:] / np.abs(h).max())[: len(x)]


def end_of_speech(dry):
    """Samples up to the last 10 ms that lie within 38 dB of the loudest."""
    n = len(dry) // 160
    e = 10 * np.log10((dry[: n * 160].reshape(n, 160) ** 2).mean(1) + 1e-12)
    return int(np.nonzero(e > e.max() - 38)[0][-1] + 1) * 160


class Maker:
    def __init__(self, out, seed):
        self.out, self.rng = out, random.Random(seed)
        self.noises = Noises(self.rng)
        self.count = {"en": 0, "zh": 0, "condition": 0}

    def voice(self, lang):
        self.count[lang] += 1
        v = "espeak" if lang == "zh" else EN_VOICES[self.count["en"] % len(EN_VOICES)]
        if v == "espeak":
            v = "espeak-" + voices.ESPEAK_HELD_OUT[(self.count["en"] + self.count["zh"]) % len(voices.ESPEAK_HELD_OUT)]
        assert v in voices.HELD_OUT, v
        return v

    def condition(self):
        self.count["condition"] += 1
        return CONDITIONS[(self.count["condition"] - 1) % len(CONDITIONS)]

    def utterance(self, slug, kind, lang, wake, text, *, expect, condition=None, share=None):
        """A wake word, a pause, a sentence; either may be None.  share: cut the file there in its last part."""
        rng, voice = self.rng, self.voice(lang)
        long_pause = kind == "command" and self.count[lang] % 9 == 4
        pause = 1.0 if long_pause else rng.uniform(0.1, 0.6)
        parts, wake_end = [np.zeros(int(rng.uniform(0.35, 0.8) * RATE))], None
        if wake:
            wake_lang = "en" if plan.WAKE[wake].get("zh", "").isascii() else "zh"
            parts.append(speak(plan.WAKE[wake][wake_lang], wake_lang, voice, rng))
            wake_end = sum(map(len, parts))
        if wake and text:
            parts.append(np.zeros(int(pause * RATE)))
        if text:
            parts.append(speak(text, lang, voice, rng))
        if share:
            parts[-1] = parts[-1][: int(share * len(parts[-1]))]
        else:
            parts.append(np.zeros(int(rng.uniform(1.0, 1.2) * RATE)))
        if share and not text:
            wake_end = None
        dry = np.concatenate(parts)
        said = ", ".join(p for p in [wake and plan.WAKE[wake].get(lang), text] if p)
        note, rt60, noise, snr, peak = condition or self.condition()
        x = room(dry, rt60, rng) if rt60 else dry
        x = x / np.abs(x).max() * 10 ** (peak / 20)
        if noise:
            kind_of_noise = noise + ("-" + lang if noise == "babble" else "")
            active = x[np.abs(x) > np.abs(x).max() * 0.02]
            x = x + self.noises.make(kind_of_noise, len(x)) * np.sqrt((active ** 2).mean()) * 10 ** (-snr / 20)
        x = x + self.noises.make("silence", len(x)) * 10 ** (-82 / 20)
        if long_pause:
            note += ", a pause of 1 s"
        facts = {"kind": kind, "text": said, "lang": lang, "voice": voice, "condition": note,
                 "speech_end_ms": end_of_speech(dry) * 1000 // RATE}
        if wake_end:
            facts["wake_end_ms"] = wake_end * 1000 // RATE
        self.write(slug, x, facts, expect)

    def write(self, slug, x, facts, expect):
        rate, channels, subtype, ext = FORMATS.get(slug, (RATE, 1, "PCM_16", "flac"))
        if rate != RATE:
            x = resample_poly(x, rate // 100, RATE // 100)
        x = np.clip(x, -1, 1)
        if channels == 2:  # the right microphone hears it softer and 0.2 ms later
            x = np.stack([x, 0.7 * np.roll(x, rate // 5000)], 1)
        if subtype == "FLOAT":  # libsndfile would write the time of day into the file
            wavfile.write(self.out / f"{slug}.{ext}", rate, x.astype(np.float32))
        else:
            soundfile.write(self.out / f"{slug}.{ext}", x, rate, subtype=subtype)
        text = "".join(f"{k} = {toml(v)}\n" for k, v in facts.items()) + "\n[expect]\n"
        text += "".join(f"{k} = {toml(v)}\n" for k, v in expect.items())
        tomllib.loads(text)
        (self.out / f"{slug}.toml").write_text(text)


def toml(v):
    if isinstance(v, dict):
        return "{ " + ", ".join(f"{k} = {toml(x)}" for k, x in v.items()) + " }" if v else "{}"
    return str(v) if isinstance(v, (int, float)) else '"' + v + '"'


CLEAN = ("clean", 0, None, 0, -8)
NOTHING = {"verdict": "none"}


def make_all(m):
    for lang, table in (("en", plan.COMMANDS_EN), ("zh", plan.COMMANDS_ZH)):
        for slug, wake, text, expect in table:
            first = {"verdict": "award", "wake": wake}
            handler = {"handler": plan.OF_WAKE[wake]} if wake in plan.OF_WAKE else {}
            m.utterance(f"{lang}-{slug}", "command", lang, wake, text, expect={**first, **handler, **expect})
    for i, (lang, wake) in enumerate(plan.WAKE_ONLY):
        slug = f"{lang}-wake-only-{wake.replace('_', '-')}-{i + 1}"
        m.utterance(slug, "wake_only", lang, wake, None, expect={"verdict": "none", "wake": wake})
    for lang, slug, wake, text in plan.UNKNOWN_ROOM:
        m.utterance(f"{lang}-unknown-room-{slug}", "unknown_room", lang, wake, text, condition=CLEAN, expect={**NOTHING, "wake": wake})
    for lang, slug, wake, text in plan.CHAT:
        m.utterance(f"{lang}-chat-{slug}", "speech_without_command", lang, wake, text, condition=CLEAN, expect={**NOTHING, "wake": wake or "none"})
    for lang, slug, text in plan.NO_WAKE:
        m.utterance(f"{lang}-no-wake-{slug}", "command_without_wake", lang, None, text, condition=CLEAN, expect={**NOTHING, "wake": "none"})
    for lang, slug, wake, text, share, verdict in plan.CUT_OFF:
        expect = {**({"verdict": verdict} if verdict else {}), "wake": wake if text else "none"}
        m.utterance(f"{lang}-cut-off-{slug}", "cut_off", lang, wake, text, condition=CLEAN, share=share, expect=expect)
    for kind in plan.NOISE:
        x = m.noises.make(kind, int(3.5 * RATE)) * 10 ** ((-80 if kind == "silence" else -32) / 20)
        facts = {"kind": "noise", "text": "", "lang": "zh" if kind.endswith("zh") else "en", "voice": "none", "condition": kind}
        m.write(f"noise-{kind}", x, facts, {**NOTHING, "wake": "none"})


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--out", type=Path, default=HERE)
    a.add_argument("--seed", type=int, default=20240517)
    args = a.parse_args()
    args.out.mkdir(exist_ok=True, parents=True)
    for old in [*args.out.glob("*.flac"), *args.out.glob("*.wav")]:
        old.unlink()
        old.with_suffix(".toml").unlink(missing_ok=True)
    make_all(Maker(args.out, args.seed))


if __name__ == "__main__":
    main()
