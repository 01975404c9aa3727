"""How often speech without a wake word wakes Tiebreak: long streams of what people said, replayed.

WHERE is a folder of such recordings (WAV, FLAC, Opus), or a manifest.tsv as docs/training.md describes it.  Of a
manifest only what no model was trained on is heard: training/wake_data.py, `held_out_recording`.
"""

import bisect
import csv
import dataclasses
import itertools
import math
import random
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import soundfile

from report import LANGUAGES, Table

RATE = 16000
STREAM_S = 600  # how long one stream is
PEAK, GAP_S, FLOOR_DB = 0.3, 0.3, -82  # of every recording; between two; of the microphone's own noise
WAKE_WORDS = ("computer", "siri", "天猫精灵", "天猫 精灵")


@dataclasses.dataclass
class Alarms:
    lang: str
    seconds: float = 0.0  # of recordings, without the gaps between them
    wakes: list = dataclasses.field(default_factory=list)  # (word, which recording)
    actions: int = 0


def listen(where, replay, hours=None):
    """Alarms of each language.  replay: files -> receipts by file name."""
    said = [s for s in (manifest if Path(where).suffix == ".tsv" else folder)(Path(where)) if not any(w in s[2].lower() for w in WAKE_WORDS)]
    if not said:
        sys.exit(f"{where}: no recording without a wake word")
    random.Random(1).shuffle(said)  # or one speaker's same few words would follow each other
    if hours:
        total = sum(soundfile.info(path).duration for path, _, _ in said)
        step = max(1.0, total / (3600 * hours))
        said = [said[int(i * step)] for i in range(int(len(said) / step))]
    out = []
    for lang, group in itertools.groupby(sorted(said, key=lambda s: s[1]), key=lambda s: s[1]):
        alarms = Alarms(lang)
        for i, (sound, starts, names, seconds) in enumerate(streams(group)):
            with tempfile.TemporaryDirectory() as temp:
                path = Path(temp) / f"negatives-{lang}-{i}.wav"
                soundfile.write(path, sound, RATE, subtype="PCM_16")
                receipts = replay([path])[path.name]
            alarms.seconds += seconds
            for r in receipts:
                if r.get("wake"):
                    at = bisect.bisect_right(starts, r["wake"]["at_ms"] / 1000) - 1
                    alarms.wakes.append((r["wake"]["word"], names[at]))
                alarms.actions += r["verdict"]["kind"] == "award"
        out.append(alarms)
    return out


def manifest(path):
    """(file, language, text) of what only measures."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))
    from wake_data import held_out_recording

    with open(path, encoding="utf-8") as f:
        for i, row in enumerate(csv.DictReader(f, delimiter="\t")):
            if held_out_recording(row, i):
                yield path.parent / row["file"], row["lang"], row["text"]


def folder(path):
    """(file, language, text); sidecars say the last two where there are any."""
    for sound in sorted(p for p in path.rglob("*") if p.suffix in (".wav", ".flac", ".opus", ".ogg")):
        side = sound.with_suffix(".toml")
        facts = tomllib.loads(side.read_text(encoding="utf-8")) if side.exists() else {}
        yield sound, facts.get("lang", "-"), facts.get("text", "")


def streams(said):
    """Recordings one after another: (samples, where each begins in s, what each is, seconds of recordings)."""
    rng = np.random.default_rng(1)
    parts, starts, names, seconds, length = [], [], [], 0.0, 0
    for path, _, text in said:
        x, rate = soundfile.read(path, dtype="float32", always_2d=True)
        x = x.mean(1)
        if rate != RATE:
            from scipy.signal import resample_poly

            x = resample_poly(x, RATE // math.gcd(RATE, rate), rate // math.gcd(RATE, rate))
        x = np.concatenate([x / max(np.abs(x).max(), 1e-3) * PEAK, np.zeros(int(GAP_S * RATE))])
        starts.append(length / RATE)
        names.append(f"{path.parent.name}/{path.name} ({text!r})")
        parts.append(x + rng.standard_normal(len(x)) * 10 ** (FLOOR_DB / 20))
        length += len(x)
        seconds += len(x) / RATE - GAP_S
        if length > STREAM_S * RATE:
            yield np.concatenate(parts), starts, names, seconds
            parts, starts, names, seconds, length = [], [], [], 0.0, 0
    if parts:
        yield np.concatenate(parts), starts, names, seconds


def poisson(count, z=1.96):
    """95 % interval of a count (Byar's approximation)."""
    low = count * (1 - 1 / (9 * count) - z / (3 * math.sqrt(count))) ** 3 if count else 0.0
    return low, (count + 1) * (1 - 1 / (9 * (count + 1)) + z / (3 * math.sqrt(count + 1))) ** 3


def table(all_alarms):
    rows = []
    for a in [*all_alarms, Alarms("all", sum(a.seconds for a in all_alarms), [w for a in all_alarms for w in a.wakes], sum(a.actions for a in all_alarms))]:
        hours = a.seconds / 3600
        low, high = poisson(len(a.wakes))
        words = ", ".join(f"{w} {sum(x == w for x, _ in a.wakes)}" for w in sorted({w for w, _ in a.wakes})) or "-"
        rate = f"{len(a.wakes) / hours:.2f} ({low / hours:.2f} to {high / hours:.2f})"
        rows.append([LANGUAGES.get(a.lang, a.lang), f"{hours:.2f}", len(a.wakes), rate, words, a.actions])
    note = "What people said without a wake word, one recording after another; hours are those of the recordings."
    return Table("False alarms", ["language", "hours", "wakes", "an hour (95 %)", "by word", "commands carried out"], rows, note)
