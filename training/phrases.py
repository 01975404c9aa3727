"""Cuts long readings into phrases: a sentence of ten seconds is no command, but a few of its words sound like one.

    python phrases.py --shared ../../shared/data --model ../models/stt-ctc.onnx

A speech model that hears the words finds where each begins and ends (forced alignment by Viterbi); each reading is
cut several times, elsewhere every time, and all but the first time another speaker reads it.
"""

import argparse
import csv
import os
import random
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import torch
from tqdm import tqdm

import features
import synth
import units
import voices
from acoustic import STRIDE
from align import align

WORDS_MIN, WORDS_MAX = 2, 7
MARGIN_S = 0.02  # kept before the first word and after the last
PHRASE_S = (0.3, 6)


def word_ends(session, x, words):
    """Samples between which each word lies, one more than there are words; None if they cannot be found."""
    labels = [units.label(w) for w in words]
    if not all(labels):
        return None
    mel = features.log_mel(x / np.abs(x).max() * 0.5).astype(np.float32)
    log_probs = session.run(None, {"features": features.normalise(torch.from_numpy(mel)[None]).numpy()})[0]
    (first,) = align(torch.from_numpy(log_probs), [[u for l in labels for u in l[0]]], [log_probs.shape[1]])
    if first is None:
        return None
    level = mel.max(1)
    ends, n = [0], 0
    for label in labels[:-1]:
        n += len(label[0])
        # The next word begins where it is quietest between the two sounds.
        a, b = first[n - 1] * STRIDE + 1, max(first[n] * STRIDE, first[n - 1] * STRIDE + 2)
        ends.append((a + int(level[a:b].argmin())) * features.HOP)
    return ends + [len(x)]


def recordings(folder):
    """(text, speaker, samples) of the readings whose numbers are written as words."""
    with open(folder / "manifest.tsv") as f:
        for r in csv.DictReader(f, delimiter="\t"):
            if r["file"].startswith("ljspeech/") and not any(c.isdigit() for c in r["text"]):
                x, rate = soundfile.read(folder / r["file"], dtype="float32")
                yield r["text"], r["speaker"], voices.resample(x, rate / voices.RATE)


def pieces(count, rng):
    """Ranges of words, one after the other, that cover `count` words."""
    i = 0
    while i < count:
        n = rng.randint(WORDS_MIN, WORDS_MAX)
        n = count - i if count - i - n < WORDS_MIN else n
        yield i, i + n
        i += n


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--shared", default=os.environ.get("TIEBREAK_DATA", "../../shared/data"))
    a.add_argument("--model", default=str(Path(__file__).parent.parent / "models/stt-ctc.onnx"))
    a.add_argument("--times", type=int, default=6, help="how often each reading is cut")
    a.add_argument("--smoke", action="store_true", help="two sentences by a synthesiser instead of the readings")
    args = a.parse_args()
    if args.smoke:
        synth.ROOMS = 3
        text = "the kettle in the kitchen and the lamp beside the window are on"
        readings = [(text, voice, voices.flite(text, voice)) for voice in ("awb", "rms")]
    else:
        readings = list(recordings(Path(args.shared) / "speech"))
    synth._init(11, None if args.smoke else args.shared)
    session = onnxruntime.InferenceSession(args.model)
    rows = []
    for text, speaker, x in tqdm(readings, desc="phrases"):
        words = units.normalise(text).split()
        for turn in range(args.times):
            rng = random.Random(f"{text} {turn}")
            said = voices.another_speaker(x, rng) if turn else x
            ends = word_ends(session, said, words)
            if ends is None:
                continue
            margin = int(MARGIN_S * voices.RATE)
            for i, j in pieces(len(words), rng):
                part = features.trim(said[max(0, ends[i] - margin): ends[j] + margin])
                if PHRASE_S[0] * voices.RATE < len(part) < PHRASE_S[1] * voices.RATE:
                    rows.append((" ".join(words[i:j]), "en", f"{speaker}@{turn}", *synth._heard(part, len(rows), rng.uniform(0, synth.LEAD_S))))
    synth.store("phrases", rows)


if __name__ == "__main__":
    main()
