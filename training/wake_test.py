"""What the wake-word model is measured on: held-out voices, held-out people, and the fixtures; and the measuring.

    python wake_test.py --shared ../../shared/data      # makes the sets wake_test and wake_test_negatives
    python wake_test.py --model ../models/wake.onnx     # streams audio-fixtures/ through a finished model

The rule is that of src/hear/wake.rs: a score every 8 frames, the best word at or over its threshold, at most
240 ms until its peak, then deaf for 1.5 s.
"""

import argparse
import os
import random
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
import torch
from tqdm import tqdm

import features
import synth
import voices
from wake_data import MARGIN, WORDS, cut, held_out_recording, manifest, people_say_computer, row
from wake_mix import SILENCE, W

STRIDE, REFRACTORY, PEAK = 8, 150, 24
FOLLOW = {"en": ["turn on the lamp", "what time is it", "close the window please"], "zh": ["打开台灯", "现在几点了", "请关窗户"]}


def pink(n, rng):
    s = np.fft.rfft(rng.standard_normal(n)) / np.sqrt(np.maximum(np.arange(n // 2 + 1), 20))
    x = np.fft.irfft(s, n)
    return (x / x.std()).astype(np.float32)


def in_a_room(x, snr_db, rng):
    """Reverberation (RT60 0.4 s, tail as loud as the direct sound) and pink noise snr_db under the speech."""
    n = int(0.4 * voices.RATE)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    tail /= np.sqrt((tail ** 2).sum())
    h = np.concatenate([[1.0], np.zeros(320), tail])
    y = np.fft.irfft(np.fft.rfft(x, len(x) + len(h)) * np.fft.rfft(h, len(x) + len(h)))[: len(x)].astype(np.float32)
    on = np.abs(y) > np.abs(y).max() * 0.03
    return y + pink(len(y), rng) * np.sqrt((y[on] ** 2).mean()) * 10 ** (-snr_db / 20)


def held_out_say(word, rng):
    """The wake word by a voice that nothing is trained on: (voice, word, what follows)."""
    lang = "zh" if word == "tian_mao_jing_ling" else "en"
    said = {"hey_siri": "hey siri", "computer": "computer", "tian_mao_jing_ling": "天猫精灵"}[word]
    follow, u = rng.choice(FOLLOW[lang]), rng.random()
    if lang == "en" and u < 0.3:
        k = rng.uniform(0.85, 1.2)
        return "flite-slt", *(voices.flite(t, "slt", k) for t in (said, follow))
    if lang == "en" and u < 0.5:
        v, k = rng.choice(["cmu_us_slt_arctic_hts", "ked_diphone"]), round(rng.uniform(0.85, 1.2), 2)
        return "festival-" + ("slt" if "slt" in v else "kdl"), *(voices.festival(t, v, k) for t in (said, follow))
    v = rng.choice(voices.ESPEAK_HELD_OUT)
    how = (rng.choice(["en-us", "en-gb"]), rng.randint(130, 200), rng.randint(30, 75))
    return "espeak-" + v, *(voices.espeak(t, lang, v, *how) for t in (said, follow))


def make_words(shared, n, seed):
    """Rows (word|condition|last frame of the word, lang, voice, frames): each heard clean, and at 10 dB in a room."""
    rng, nr, rows = random.Random(seed), np.random.default_rng(seed), []
    quiet = lambda s: np.zeros(int(s * voices.RATE), np.float32)
    takes = [(w, *held_out_say(w, rng)) for w in WORDS for _ in tqdm(range(n), desc=w)]
    for word, voice, x, follow in takes:
        x, follow = (features.trim(a, 0.0, -34) for a in (x, follow))
        before, gap = quiet(rng.uniform(0.3, 1.2)), quiet(rng.choice([0.0, rng.uniform(0.1, 0.6)]))
        y = np.concatenate([before, x, gap, follow, quiet(0.5)]) if rng.random() < 0.7 else np.concatenate([before, x, quiet(1.0)])
        y = y / np.abs(y).max() * 0.3
        end = (len(before) + len(x)) // features.HOP
        for condition, z in (("clean", y + 1e-4 * pink(len(y), nr)), ("room 10 dB", in_a_room(y, 10, nr))):
            rows.append((f"{word}|{condition}|{end}", "", voice, features.log_mel(z)))
    for r in people_say_computer(shared, True, rng):
        if r:
            lead, tail = np.full((40, 80), -6.0, np.float16), np.full((60, 80), -6.0, np.float16)
            rows.append((f"computer|people|{40 + len(r[3]) - MARGIN}", "", r[2], np.concatenate([lead, r[3], tail])))
    return rows


def make_negatives(shared, seed):
    """People who say no wake word, whole recordings: clean, and in a room with pink noise at 15 dB."""
    nr, rows = np.random.default_rng(seed), []
    for i, r in tqdm(manifest(shared), desc="negatives"):
        if "computer" in r["text"] or not held_out_recording(r, i):
            continue
        x, rate = soundfile.read(Path(shared) / "speech" / r["file"], dtype="float32")
        x = voices.resample(x, rate / voices.RATE)
        x = x / max(np.abs(x).max(), 1e-3) * 0.3
        rows.append(("clean", r["lang"], r["speaker"], features.log_mel(x)))
        rows.append(("room 15 dB", r["lang"], r["speaker"], features.log_mel(in_a_room(x, 15, nr))))
    rows += [("synthetic", l, v, synth.without_lead(a)) for t, l, v, a in synth.load("held_out") if not any(w in t for w in ("siri", "computer", "天猫精灵"))]
    return rows


def track(net, a, batch=256):
    """Scores [steps, K] of a stream [frames, 80]: row i is the window that ends after 8 * (i + 1) frames."""
    a = torch.from_numpy(np.concatenate([np.full((W, 80), SILENCE, np.float32), a.astype(np.float32)]))
    ends = range(W + STRIDE, len(a) + 1, STRIDE)
    out = []
    with torch.no_grad():
        for i in range(0, len(ends), batch):
            x = torch.stack([a[e - W: e] for e in ends[i: i + batch]])
            out.append(torch.sigmoid(net(x)).numpy())
    return np.concatenate(out) if out else np.zeros((0, len(WORDS)), np.float32)


def detect(scores, thresholds):
    """[(word, frame)]: the PeakPicker of src/hear/wake.rs."""
    out, candidate, deaf = [], None, 0
    for i, s in enumerate([*scores, np.full(len(WORDS), -1.0)]):
        at = STRIDE * (i + 1)
        if at < deaf:
            continue
        over = [(s[k], k) for k in range(len(WORDS)) if s[k] >= thresholds[k]]
        best = max(over) if over else None
        if candidate is None:
            candidate = (*best, at, at) if best else None
        elif best and best[0] > candidate[0] and at < candidate[3] + PEAK:
            candidate = (*best, at, candidate[3])
        else:
            out.append((WORDS[candidate[1]], candidate[2]))
            deaf, candidate = candidate[2] + REFRACTORY, None
    return out


def false_alarms(tracks, k, threshold):
    """How often word k alone would wake on streams that hold no wake word."""
    off = [2.0] * len(WORDS)
    off[k] = threshold
    return sum(len(detect(t, off)) for t in tracks if t[:, k].max(initial=0) >= threshold)


def choose_thresholds(tracks, hours, per_hour=0.5, floor=0.3):
    """For each word the lowest threshold (0.3 at least) with at most per_hour false alarms, and the alarms it has."""
    out = []
    for k in range(len(WORDS)):
        for t in [*np.arange(floor, 0.95, 0.02), 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995]:
            n = false_alarms(tracks, k, t)
            if n <= per_hour * hours:
                break
        out.append((round(float(t), 3), n))
    return out


def measure(net, per_hour=0.5 / len(WORDS)):
    """Thresholds, false alarms and miss rates on the held-out sets."""
    streams, hours = {}, Counter()
    for condition, _, _, a in synth.load("wake_test_negatives"):
        streams.setdefault(condition, []).append(a)
        hours[condition] += len(a) / 360000
    tracks = {c: track(net, np.concatenate(s)) for c, s in streams.items()}
    chosen = choose_thresholds(list(tracks.values()), sum(hours.values()), per_hour)
    thresholds = [t for t, _ in chosen]
    report = {"thresholds": dict(zip(WORDS, thresholds)), "negative_hours": {c: round(h, 2) for c, h in hours.items()}}
    report["false_alarms"] = {c: dict(Counter(w for w, _ in detect(t, thresholds))) for c, t in tracks.items()}
    hits, total, by_voice = Counter(), Counter(), Counter()
    for label, _, voice, a in synth.load("wake_test"):
        word, condition, end = label.split("|")
        found = detect(track(net, a), thresholds)
        hit = any(w == word and -15 <= at - int(end) <= 50 for w, at in found)
        total[word, condition] += 1
        hits[word, condition] += hit
        if not hit:
            by_voice[f"{word} {voice}"] += 1
    report["miss"] = {f"{w} {c}": f"{n - hits[w, c]}/{n}" for (w, c), n in sorted(total.items())}
    report["missed_voices"] = dict(by_voice.most_common(12))
    return thresholds, report


class OnnxNet:
    """The finished file behind the network's interface (logits), to stream the fixtures through."""

    def __init__(self, path):
        import onnxruntime

        self.session = onnxruntime.InferenceSession(str(path))
        meta = self.session.get_modelmeta().custom_metadata_map
        self.thresholds = [float(t) for t in meta["thresholds"].split(",")]
        assert meta["words"].split(",") == WORDS and int(meta["frames"]) == W

    def __call__(self, x):
        s = np.concatenate([self.session.run(None, {"mel": w[None].numpy()})[0] for w in x])
        return torch.logit(torch.from_numpy(s).clamp(1e-7, 1 - 1e-7))


def fixtures(net, thresholds, folder):
    """[(name, what its sidecar expects, what woke, when, the word's true end)] for every fixture."""
    rows = []
    for t in sorted(Path(folder).glob("*.toml")):
        audio = [t.with_suffix(s) for s in (".flac", ".wav") if t.with_suffix(s).exists()]
        if not audio:
            continue
        facts = tomllib.loads(t.read_text())
        x, rate = soundfile.read(audio[0], dtype="float32", always_2d=True)
        found = detect(track(net, features.log_mel(voices.resample(x.mean(1), rate / voices.RATE))), thresholds)
        rows.append((t.stem, facts["expect"].get("wake", "none"), found, facts.get("wake_end_ms"), facts))
    return rows


def report_fixtures(rows):
    right = wrong = missed = late = positives = 0
    for name, want, found, end, facts in rows:
        got = [w for w, _ in found]
        positives += want != "none"
        ok = (got[:1] == [want] and len(got) == 1) if want != "none" else not got
        right += ok and want != "none"
        missed += want != "none" and want not in got
        wrong += len(got) - (want in got)
        off = [10 * at - end for w, at in found if w == want and end]
        late += any(o > 350 or o < -150 for o in off)
        if not ok:
            print(f"  {name}: {facts['voice']}, {facts['condition']}: wanted {want} (ends {end}), heard {[(w, at * 10) for w, at in found]}")
    print(f"fixtures: {right} of {positives} wake rightly and once, {missed} missed; {wrong} wrong or extra wakes; {late} badly placed; {len(rows)} files")


def make(shared, words=100, seed=77):
    synth.store("wake_test", make_words(shared, words, seed))
    synth.store("wake_test_negatives", make_negatives(shared, seed))


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--shared", default=os.environ.get("TIEBREAK_DATA", "../../shared/data"))
    a.add_argument("--model", help="a finished model: stream the fixtures through it")
    a.add_argument("--fixtures", default=str(Path(__file__).parent.parent / "audio-fixtures"))
    args = a.parse_args()
    torch.set_num_threads(1)
    if args.model:
        net = OnnxNet(args.model)
        report_fixtures(fixtures(net, net.thresholds, args.fixtures))
    else:
        make(args.shared)


if __name__ == "__main__":
    main()
