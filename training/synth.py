"""Speaks the corpus and reads the recordings, once, into training/.cache: log-mel features and what was said.

    python synth.py --shared ../../shared/data --en 30000 --zh 18000

Each training set NAME has two twins whose late reverberation is taken out again, as the recogniser does: NAME_room,
the same rows heard in one of ROOMS simulated rooms each, and NAME_noisy, most of them in a room, all with noise.
"""

import argparse
import collections
import csv
import math
import multiprocessing as mp
import os
import pickle
import random
import zlib
from pathlib import Path

import numpy as np
import soundfile
import torch
from scipy.signal import fftconvolve
from tqdm import tqdm

import features
import noise
import room
import units
import voices

CACHE = Path(os.environ.get("TIEBREAK_CACHE", Path(__file__).parent / ".cache"))
# Real people that only measure: five of the thirty in dspspeech, two of the six who read digits.
RICH_SPEAKERS = {"cmn-chen-wang", "cmn-yue-tan"}  # thousands of different words each
HELD_OUT_SPEAKERS = {"dsp25", "dsp26", "dsp27", "dsp28", "dsp29", "fsdd-theo", "fsdd-lucas"}


ROOMS = 240
TWINS = ("room", "noisy")
LEAD_S = 0.35  # at most so much silence, or noise, comes before a sentence
TAIL_S = (0.15, 0.5)  # and after it
TALKERS = 12  # how many of the last utterances may talk behind the next one
_rooms, _noises, _talkers = [], [], collections.deque(maxlen=TALKERS)


def _init(seed=None, shared=None):
    """With a seed, the worker makes its own impulse responses; `shared`/noise holds what is heard behind the voices."""
    torch.set_num_threads(1)
    if seed is not None:
        rng = np.random.default_rng(seed)
        _rooms.extend(room.random_response(rng) for _ in range(ROOMS))
        _noises.extend(noise.recorded(Path(shared) / "noise") if shared else [])


def _half(x):
    """With a peak of 0.5."""
    return x / max(np.abs(x).max(), 1e-4) * 0.5


def _heard(x, where, lead_s=0.0, noisy=True):
    """Log-mel of samples after `lead_s` of silence: dry, in room number `where`, and with noise, mostly in another room."""
    x = np.pad(_half(x), (round(lead_s * voices.RATE), 0))
    dry = features.log_mel(x)
    if not _rooms:
        return dry, None, None
    rng = np.random.default_rng(where)

    x = np.pad(x, (0, round(rng.uniform(*TAIL_S) * voices.RATE)))
    heard = features.log_mel(_half(fftconvolve(x, _rooms[where % ROOMS])[: len(x)]), reverberant=True)
    if not noisy:
        return dry, heard, None
    y = fftconvolve(x, _rooms[rng.integers(ROOMS)])[: len(x)] if rng.random() < 0.7 else x
    y = noise.behind(y, _noises, _talkers, rng)
    _talkers.append(x)
    return dry, heard, features.log_mel(_half(y), reverberant=True)


def _speak(job):
    text, lang, seed, held_out, *shares = job
    rng = random.Random(seed)
    try:
        if held_out:
            voice, x = voices.random_held_out_voice(text, lang, rng)
        else:
            voice, x = voices.random_training_voice(text, lang, rng, *shares)
    except Exception as e:  # a synthesiser that refuses a word, or lacks a sound, loses only that sentence
        return None
    x = features.trim(x)
    if len(x) < 0.15 * voices.RATE or len(x) > 6.0 * voices.RATE:
        return None
    return (text, lang, voice, *_heard(x, seed, rng.uniform(0, LEAD_S)))


def _record(job):
    path, text, lang, speaker, factor = job
    x, rate = soundfile.read(path, dtype="float32")
    x = features.trim(voices.resample(x, factor * rate / voices.RATE))
    if len(x) > 10.5 * voices.RATE:
        return None
    # The trainer joins recordings into sentences before it adds noise.
    return (text, lang, speaker, *_heard(x, zlib.crc32(f"{path} {speaker}".encode()), noisy=False))


def store(name, rows):
    """One array of all frames with offsets: memory-mapped by the trainers."""
    rows = [r for r in rows if r is not None]
    for i, twin in enumerate(TWINS, 4):
        if rows and len(rows[0]) > i and rows[0][i] is not None:
            store(f"{name}_{twin}", [(*r[:3], r[i]) for r in rows])
    rows = [r[:4] for r in rows]
    lens = np.array([len(r[3]) for r in rows])
    frames = np.concatenate([r[3] for r in rows]) if rows else np.zeros((0, 80), np.float16)
    np.save(CACHE / f"{name}.npy", frames)
    with open(CACHE / f"{name}.pkl", "wb") as f:
        pickle.dump({"offset": np.concatenate([[0], np.cumsum(lens)]), "rows": [r[:3] for r in rows]}, f)
    print(f"{name}: {len(rows)} utterances, {lens.sum() / 360000:.1f} h")


def load(name):
    with open(CACHE / f"{name}.pkl", "rb") as f:
        meta = pickle.load(f)
    a = np.load(CACHE / f"{name}.npy", mmap_mode="r")
    return [(t, l, v, a[s:e]) for (t, l, v), s, e in zip(meta["rows"], meta["offset"], meta["offset"][1:])]


def without_lead(a):
    """Log-mel from the first sound on."""
    return a[int((a.max(1) > -9.9).argmax()):]


def speak_all(name, sentences, workers, seed=0, held_out=False, transformed=0.0, foreign=0.0, shared=None):
    jobs = [(t, l, seed * 1_000_003 + i, held_out, transformed, foreign) for i, (t, l) in enumerate(sentences)]
    with mp.Pool(workers, _init, (None if held_out else seed, shared)) as pool:
        store(name, list(tqdm(pool.imap(_speak, jobs, chunksize=16), total=len(jobs), desc=name)))


def record_all(shared, workers):
    jobs = {"people": [], "people_held_out": []}
    with open(Path(shared) / "speech/manifest.tsv") as f:
        for r in csv.DictReader(f, delimiter="\t"):
            job = (str(Path(shared) / "speech" / r["file"]), r["text"], r["lang"])
            if r["speaker"] in HELD_OUT_SPEAKERS:
                jobs["people_held_out"].append((*job, r["speaker"], 1.0))
                continue
            jobs["people"].append((*job, r["speaker"], 1.0))
            # More speakers out of few: the same recordings with a shorter or longer vocal tract and another pitch.
            for i in range(3 if r["speaker"] in RICH_SPEAKERS else 1):
                speaker = f"{r['speaker']}@{i + 1}"
                factor = math.exp(random.Random(speaker).uniform(-0.2, 0.22))
                jobs["people"].append((*job, speaker, factor))
    for name, js in jobs.items():
        with mp.Pool(workers, _init, (None if "held_out" in name else 7, shared)) as pool:
            store(name, list(tqdm(pool.imap(_record, js, chunksize=32), total=len(js), desc=name)))


def noise_all(shared):
    rows = []
    for p in sorted((Path(shared) / "noise").glob("*.flac")):
        x, _ = soundfile.read(p, dtype="float32")
        for s in range(0, len(x), 30 * voices.RATE):
            part = x[s: s + 30 * voices.RATE]
            if len(part) > voices.RATE:
                rows.append(("", "", p.stem, features.log_mel(part)))
    store("noise", rows)


def lead_ins(times):
    """Wake words, to be joined with sentences of either language."""
    return [(w, l) for w, l in (("hey siri", "en"), ("computer", "en"), ("天猫精灵", "zh")) for _ in range(times)]


def smoke(corpus, workers):
    global ROOMS
    ROOMS = 3  # a room takes a fifth of a second
    for name, langs, n in [
        ("synthetic_en", "en", 24), ("synthetic_zh", "zh", 24), ("people", "both", 8), ("people_held_out", "both", 4), ("held_out", "both", 4),
    ]:
        todo = [(corpus.sentence(l, p_command=0.5), l) for _ in range(n) for l in (("en", "zh") if langs == "both" else (langs,))]
        speak_all(name, todo, workers, 1, held_out=name == "held_out", transformed=0.5, foreign=0.2)
    speak_all("lead_ins", lead_ins(2), workers, 1)
    store("noise", [("", "", "white", features.log_mel(np.random.default_rng(1).standard_normal(80000).astype(np.float32) * 0.01))])


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--shared", default=os.environ.get("TIEBREAK_DATA", "../../shared/data"))
    a.add_argument("--en", type=int, default=30000)
    a.add_argument("--zh", type=int, default=18000)
    a.add_argument("--workers", type=int, default=os.cpu_count())
    a.add_argument("--name", default="synthetic")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--transformed", type=float, default=0.0, help="share of natural voices' utterances that WORLD gives to another speaker")
    a.add_argument("--foreign", type=float, default=0.0, help="share of the English sentences that voices of other languages say")
    a.add_argument("--commands", type=float, default=0.0, help="share of the sentences that are sampled from grammars/")
    a.add_argument("--smoke", action="store_true", help="a few sentences for each set, without recordings of people")
    args = a.parse_args()
    from corpus import Corpus

    CACHE.mkdir(exist_ok=True)
    if args.smoke:
        return smoke(Corpus(args.seed), args.workers)
    if not (CACHE / "noise.npy").exists():
        noise_all(args.shared)
    if not (CACHE / "people.npy").exists():
        record_all(args.shared, args.workers)
    if not (CACHE / "held_out.npy").exists():
        c = Corpus(999)
        speak_all("held_out", [(c.sentence(l, 0.5), l) for _ in range(200) for l in ("en", "zh")], args.workers, 999, held_out=True)
    if not (CACHE / "lead_ins.npy").exists():  # "hey siri" is said before Mandarin, too
        speak_all("lead_ins", lead_ins(100), args.workers, 998)
    c = Corpus(args.seed)
    todo = [(c.sentence(l, p_command=args.commands), l) for l, n in (("en", args.en), ("zh", args.zh)) for _ in range(n)]
    c.rng.shuffle(todo)
    speak_all(args.name, todo, args.workers, args.seed, transformed=args.transformed, foreign=args.foreign, shared=args.shared)


if __name__ == "__main__":
    main()
