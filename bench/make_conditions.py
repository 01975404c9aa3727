#!/usr/bin/env python3
"""Speaks commands and other sentences in held-out voices and lets them sound as a house makes them sound.

    python bench/make_conditions.py target/conditions [--seed 1] [--per-condition 20] [--data ../shared/data]

Every condition below holds the same takes, so conditions compare like with like: N commands in each language
after a wake word, and N/4 sentences that are none (also after a wake word).  A .toml beside each recording says what
was spoken, how it sounds and what Tiebreak must answer, as in audio-fixtures/.  The same seed gives the same bytes,
with the same versions of the synthesisers and of the Python packages in bench/requirements.txt.

Voices are those of voices.HELD_OUT, sentences those of sentences.tsv; sentences.py checks that no model learnt them.
"""

import argparse
import dataclasses
import os
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

import sentences

sys.path.insert(0, str(sentences.ROOT / "training"))
import room  # noqa: E402
import voices  # noqa: E402

RATE = voices.RATE
PEAK = -12  # dBFS, where the condition says nothing else
FLOOR = -82  # dBFS, RMS: the microphone's own noise, in every recording
NOISE_S_MIN = 8  # shorter noises would come round more than once in a recording
BABBLE = "babble of six"

FESTIVAL = {"festival-slt": "cmu_us_slt_arctic_hts", "festival-kdl": "ked_diphone"}
EN_VOICES = ["flite-slt", "festival-kdl", "festival-slt", "espeak", "espeak"]
# What is spoken for a wake word, and which voice's language says it; and which ones a language calls with, how often.
WAKE = {"hey_siri": ("hey siri", "en"), "computer": ("computer", "en"), "tian_mao_jing_ling": ("天猫精灵", "zh")}
CALLS = {"en": {"hey_siri": 0.5, "computer": 0.5}, "zh": {"tian_mao_jing_ling": 0.75, "hey_siri": 0.25}}


@dataclasses.dataclass(frozen=True)
class Room:
    name: str
    size: tuple  # m
    rt60: float  # s
    distance: float  # m from mouth to microphone

    def __str__(self):
        return f"{self.name}, RT60 {self.rt60} s, {self.distance} m"


@dataclasses.dataclass(frozen=True)
class Condition:
    slug: str
    name: str
    snr: float | None = None  # dB
    room: Room | None = None
    peak: float = PEAK  # dBFS
    telephone: bool = False


SMALL = Room("small room", (3.2, 2.6, 2.4), 0.2, 1)
LIVING = Room("living room", (5.2, 4.1, 2.6), 0.45, 3)
HALL = Room("open-plan room", (8, 6, 3), 0.7, 6)
CONDITIONS = [
    Condition("clean", "clean"),
    *(Condition(f"snr-{snr:02}", f"noise, {snr} dB", snr=snr) for snr in (20, 10, 5, 0)),
    *(Condition(f"room-{i + 1}", str(r), room=r) for i, r in enumerate((SMALL, LIVING, HALL))),
    Condition("room-2-snr-10", f"{LIVING}; noise, 10 dB", snr=10, room=LIVING),
    Condition("loud", "loud, -6 dBFS peak", peak=-6),
    Condition("quiet", "quiet, -30 dBFS peak", peak=-30),
    Condition("telephone", "telephone, 300 to 3400 Hz", telephone=True),
]


def loud_frames(x, under_db=38):
    """Which 10 ms stretches lie within `under_db` of the loudest one."""
    n = RATE // 100
    e = 10 * np.log10((x[: len(x) // n * n].reshape(-1, n) ** 2).mean(1) + 1e-12)
    return e > e.max() - under_db


def rms(x):
    return float(np.sqrt((x**2).mean()) + 1e-12)


def speak(text, lang, voice, rng):
    """One utterance: what is spoken and 20 ms around it, the loudest sample 1."""
    if voice == "flite-slt":
        x = voices.flite(text, "slt", rng.uniform(0.9, 1.1))
    elif voice in FESTIVAL:
        x = voices.festival(text, FESTIVAL[voice], round(rng.uniform(0.9, 1.1), 2))
    else:
        speed = rng.randint(140, 180) if lang == "en" else rng.randint(150, 190)
        accent = rng.choice(["en-us", "en-us", "en-gb"])
        x = voices.espeak(text, lang, voice.removeprefix("espeak-"), accent, speed, rng.randint(38, 62))
    on = np.flatnonzero(loud_frames(x))
    n = RATE // 100
    x = x[max(0, on[0] - 2) * n: (on[-1] + 3) * n]
    return x / np.abs(x).max()


@dataclasses.dataclass
class Take:
    """A wake word, a pause and a sentence, as dry as the synthesiser speaks them."""

    sentence: sentences.Sentence
    voice: str
    wake: str
    sound: np.ndarray
    wake_end: int  # samples
    speech_end: int

    @classmethod
    def spoken(cls, sentence, voice, rng):
        calls = CALLS[sentence.lang]
        wake = rng.choices(list(calls), list(calls.values()))[0]
        before = np.zeros(int(rng.uniform(0.4, 0.8) * RATE))
        call = speak(*WAKE[wake], voice, rng)
        pause = np.zeros(int(rng.uniform(0.1, 0.6) * RATE))
        x = np.concatenate([before, call, pause, speak(sentence.text, sentence.lang, voice, rng)])
        end = int(np.flatnonzero(loud_frames(x))[-1] + 1) * RATE // 100
        return cls(sentence, voice, wake, np.concatenate([x, np.zeros(int(1.2 * RATE))]), len(before) + len(call), end)


def takes(per_condition, seed):
    """The takes of every condition: (name, take), commands first, each language in its own order."""
    for lang in ("en", "zh"):
        everything = [s for s in sentences.load() if s.lang == lang]
        for group, count, said in (
            ("", per_condition, [s for s in everything if s.kind == "command"]),
            ("ood-", max(1, round(per_condition / 4)), [s for s in everything if s.kind != "command"]),
        ):
            rng = random.Random(f"{seed} {lang} {group}")
            said = rng.sample(said, len(said))
            kinds, variants = [], []
            for i in range(count):
                # Dealt out in shuffled rounds, so that every voice speaks about as often and any sentence.
                kinds = kinds or rng.sample(EN_VOICES, len(EN_VOICES))
                voice = kinds.pop() if lang == "en" else "espeak"
                if voice == "espeak":
                    variants = variants or rng.sample(voices.ESPEAK_HELD_OUT, len(voices.ESPEAK_HELD_OUT))
                    voice = "espeak-" + variants.pop()
                assert voice in voices.HELD_OUT, voice
                yield f"{lang}-{group}{i + 1:03}", Take.spoken(said[i % len(said)], voice, rng)


class Noises:
    """Noises of a folder, and six held-out voices that talk at once."""

    def __init__(self, folder, seed):
        self.sounds = {}
        for path in sorted(Path(folder).glob("*.flac")):
            x, rate = soundfile.read(path, dtype="float32")
            if len(x) >= NOISE_S_MIN * rate:
                self.sounds[path.stem] = voices.resample(x, rate / RATE)
        if not self.sounds:
            sys.exit(f"{folder}: no FLAC of {NOISE_S_MIN} s or longer")
        rng = random.Random(f"{seed} babble")
        talk = [s for s in sentences.load() if s.kind == "speech_without_command"]
        babble = np.zeros(60 * RATE)
        for variant in rng.sample(voices.ESPEAK_HELD_OUT, 6):
            lang = rng.choice(["en", "zh"])
            said = rng.sample([s.text for s in talk if s.lang == lang], 4)
            voice = np.concatenate([part for t in said for part in (speak(t, lang, "espeak-" + variant, rng), np.zeros(rng.randint(2000, 9000)))])
            babble += np.resize(voice, len(babble)) * rng.uniform(0.5, 1)
        self.sounds[BABBLE] = babble

    def some(self, samples, rng):
        """The name of a noise and a stretch of it with RMS 1, from where it is not much quieter than elsewhere."""
        name = rng.choice(list(self.sounds))
        x = self.sounds[name]
        for _ in range(50):
            start = rng.randrange(len(x))
            part = np.take(x, np.arange(start, start + samples), mode="wrap")
            if rms(part) > rms(x) / 2:
                break
        return name, part / rms(part)


class Maker:
    def __init__(self, out, noises, seed):
        self.out, self.noises, self.seed = out, noises, seed
        self.responses = {}  # of each room, four places

    def response(self, where, turn):
        key = (where, turn % 4)
        if key not in self.responses:
            rng = np.random.default_rng([self.seed, round(1000 * where.rt60), turn % 4])
            self.responses[key] = room.impulse_response(where.size, *room.places(where.size, where.distance, rng), where.rt60, rng, RATE)
        return self.responses[key]

    def make(self, name, take, turn, condition):
        # Not of the condition: a take meets the same stretch of the same noise at every level.
        rng = random.Random(f"{self.seed} {name}")
        x = take.sound
        if condition.room:
            x = fftconvolve(x, self.response(condition.room, turn))[: len(x)]
        x = x / np.abs(x).max() * 10 ** (condition.peak / 20)
        more = {"peak_dbfs": condition.peak}  # of the speech
        if condition.room:
            more |= {"room": str(condition.room), "rt60_s": condition.room.rt60, "distance_m": condition.room.distance}
        if condition.snr is not None:
            kind, noise = self.noises.some(len(x), rng)
            speech = x[np.repeat(loud_frames(x, 30), RATE // 100).nonzero()]
            x = x + noise * rms(speech) * 10 ** (-condition.snr / 20)
            quieter = min(1.0, 0.9 / np.abs(x).max())  # clattering dishes would be clipped
            x = x * quieter
            more |= {"peak_dbfs": round(condition.peak + 20 * float(np.log10(quieter)), 1), "noise": kind, "snr_db": condition.snr}
        x = x + np.random.default_rng([self.seed, turn]).standard_normal(len(x)) * 10 ** (FLOOR / 20)
        rate = RATE
        if condition.telephone:
            x = resample_poly(sosfilt(butter(4, [300, 3400], "bandpass", fs=RATE, output="sos"), x), 1, 2)
            rate = RATE // 2
        self.write(f"{condition.slug}-{name}", x, rate, take, condition, more)

    def write(self, name, x, rate, take, condition, more):
        said = take.sentence
        facts = {
            "kind": said.kind, "text": f"{WAKE[take.wake][0]}, {said.text}", "command_text": said.text, "lang": said.lang, "voice": take.voice,
            "condition": condition.name, **more, "speech_end_ms": take.speech_end * 1000 // RATE, "wake_end_ms": take.wake_end * 1000 // RATE,
        }
        expect = {"verdict": said.verdict, "wake": take.wake}
        if said.intent:
            expect |= {"intent": said.intent, "slots": said.slots}
        lines = [f"{k} = {toml(v)}" for k, v in facts.items()] + ["", "[expect]"] + [f"{k} = {toml(v)}" for k, v in expect.items()]
        soundfile.write(self.out / f"{name}.flac", np.clip(x, -1, 1), rate, subtype="PCM_16")
        (self.out / f"{name}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def toml(v):
    if isinstance(v, dict):
        return "{ " + ", ".join(f"{k} = {toml(x)}" for k, x in v.items()) + " }" if v else "{}"
    return str(v) if isinstance(v, (int, float)) else '"' + v + '"'


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("out", type=Path, help="a new folder, or one that this script made: its recordings are replaced")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--per-condition", type=int, default=20, metavar="N", help="commands in each language in each condition")
    a.add_argument("--only", help="conditions to make, comma-separated: " + ", ".join(c.slug for c in CONDITIONS))
    a.add_argument("--data", type=Path, default=os.environ.get("TIEBREAK_DATA", "../shared/data"), help="the folder that holds noise/")
    args = a.parse_args()
    wanted = [c for c in CONDITIONS if not args.only or c.slug in args.only.split(",")]
    if not wanted:
        a.error(f"--only: none of {args.only} is a condition")
    made = args.out / "made-by.txt"
    if args.out.exists() and any(args.out.iterdir()):
        if not made.exists():
            sys.exit(f"{args.out}: holds files that are not this script's; name a new folder")
        shutil.rmtree(args.out)
    noises = Noises(args.data / "noise", args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    made.write_text(f"bench/make_conditions.py --seed {args.seed} --per-condition {args.per_condition}{' --only ' + args.only if args.only else ''}\n")
    maker, count = Maker(args.out, noises, args.seed), 0
    for turn, (name, take) in enumerate(takes(args.per_condition, args.seed)):
        for condition in wanted:
            maker.make(name, take, turn, condition)
            count += 1
    print(f"{count} recordings in {args.out}: {len(wanted)} conditions")


if __name__ == "__main__":
    main()
