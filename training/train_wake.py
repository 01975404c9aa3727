"""Trains the wake-word model on what wake_data.py made, measures it with wake_test.py, writes models/wake.onnx.

    python wake_data.py && python wake_test.py && python train_wake.py --minutes 10
    python train_wake.py --smoke        # seconds; needs no cache, checks that everything fits together

Negatives that the model takes for a word are found twice while training (mining) and heard again.
"""

import argparse
import copy
import json
import math
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import features
import synth
import wake_test
from wake_data import WORDS, cut, held_out_recording, manifest, row, speak_near, speak_word
from wake_mix import W, Mixer
from wake_net import Wake, write_onnx

# Of all sets of sentences together; a set of people weighs twice the square root of how many recordings it has.
SENTENCES_WEIGHT = 430.0
SAYS_IT = ("siri", "computer", "天猫精灵")  # negatives must not


def talk(shared, names):
    """Training negatives: [(weight, [frames])], none of them held out, none with a wake word in it."""
    flags = {}  # the cache keeps the manifest's order, but texts and speakers only: held out or not, one by one
    for i, r in manifest(shared):
        flags.setdefault((r["text"], r["speaker"]), []).append(held_out_recording(r, i))
    rows, left = synth.load("people"), Counter()
    for text, _, who, _ in rows:
        left[text, who] += 1
    groups = {}
    for text, _, who, a in rows:
        f = flags.get((text, who), [True])
        complete = left[text, who] == len(f) or all(f) or not any(f)
        nth = left[text, who, "seen"]
        left[text, who, "seen"] += 1
        if not complete or any(s in text for s in SAYS_IT) or len(a) < 12 or f[min(nth, len(f) - 1)]:
            continue
        groups.setdefault("dsp" if who.startswith("dsp") else who.split("-")[0], []).append(a)
    sets = [(len(g) ** 0.5 * 2, g) for g in groups.values()]
    for name in names:
        sets.append((SENTENCES_WEIGHT / len(names), [synth.without_lead(a) for t, _, _, a in synth.load(name) if not any(s in t for s in SAYS_IT) and len(a) >= 12]))
    return sets


def mine(net, sets, frames, rng, keep=4000):
    """Streams random training negatives through the network: [(utterance, last frame)] of the windows it likes best."""
    net.eval()
    found, used = [], 0
    weights = np.array([w for w, _ in sets])
    while used < frames:
        group = sets[rng.choice(len(sets), p=weights / weights.sum())][1]
        parts = [group[i] for i in rng.integers(0, len(group), 60)]
        scores = wake_test.track(net, np.concatenate(parts)).max(1)
        edges = np.cumsum([len(p) for p in parts])
        for i in np.nonzero(scores > 0.1)[0]:
            end = wake_test.STRIDE * (i + 1)
            j = min(int(np.searchsorted(edges, end)), len(parts) - 1)
            before = edges[j] - len(parts[j])
            context = np.concatenate(parts[max(0, j - 2): j + 1])
            found.append((scores[i], context, int(end - before) + len(context) - len(parts[j])))
        used += edges[-1]
    found.sort(key=lambda f: -f[0])
    net.train()
    return [(a, f) for _, a, f in found[:keep]], len(found), used / 360000


def train(mixer, sets, args):
    net = Wake(W, len(WORDS))
    average, rng = copy.deepcopy(net), np.random.default_rng(args.seed)
    opt = torch.optim.AdamW(net.parameters(), lr=args.lr, weight_decay=0.01)
    begin, step, mined, seen, log = time.time(), 0, 0, 0, []
    while True:
        done = (time.time() - begin) / 60 / args.minutes if not args.steps else step / args.steps
        if done >= 1:
            break
        if sets and args.mine and mined < len(args.mine) and done > args.mine[mined]:
            mined += 1
            mixer.mined, n, hours = mine(average, sets, args.mine_frames, rng)
            print(f"mined {n} windows over 0.1 in {hours:.1f} h", flush=True)
        for g in opt.param_groups:
            g["lr"] = args.lr * min(1, (step + 1) / 60) * (0.5 + 0.5 * math.cos(math.pi * min(1, done))) + 1e-5
        x, y = mixer.batch(args.batch)
        net.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            z = net(x)
        loss = F.binary_cross_entropy_with_logits(z.float(), y, reduction="none").sum(1).mean()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        opt.step()
        step, seen = step + 1, seen + len(x)
        k = min(0.995, step / (step + 20))
        for a, b in zip(average.state_dict().values(), net.state_dict().values()):
            a.lerp_(b, 1 - k) if a.dtype.is_floating_point else a.copy_(b)
        log.append(loss.item())
        if step % 50 == 0:
            print(f"step {step} {(time.time() - begin) / 60:.1f} min windows {seen} loss {np.mean(log[-50:]):.4f}", flush=True)
    return average.eval(), step, seen


def load_words(suffixes):
    words = [r for s in suffixes for r in synth.load("wake_words" + s)]
    return words, [r for s in suffixes for r in synth.load("wake_near" + s)]


def metadata(thresholds, note):
    return {"words": ",".join(WORDS), "frames": str(W), "thresholds": ",".join(f"{t:g}" for t in thresholds), "note": note}


def smoke(args):
    """Tiny data made on the spot: every part runs, and the loss falls."""
    import random
    import tempfile

    rng = random.Random(1)
    words = [row(w, "", v, cut(x)) for w in WORDS for v, x in (speak_word(w, rng) for _ in range(4))]
    near = [row(t, "", v, cut(x)) for t, _, v, x in (speak_near(rng) for _ in range(6))]
    words, near = [r for r in words if r], [r for r in near if r]
    noise = [features.log_mel(np.random.default_rng(1).standard_normal(48000).astype(np.float32) * 0.01)]
    sets = [(1.0, [r[3] for r in near])]
    args.steps, args.batch, args.mine, args.mine_frames = 12, 8, [0.5], 1000
    net, steps, _ = train(Mixer(words, near, sets, noise, 1), sets, args)
    with tempfile.TemporaryDirectory() as d:
        path = Path(d) / "wake.onnx"
        write_onnx(net, path, metadata([0.5] * len(WORDS), "smoke"))
        found = wake_test.detect(wake_test.track(wake_test.OnnxNet(path), np.concatenate([r[3] for r in words])), [0.0] * len(WORDS))
    assert steps == 12 and found
    print("smoke: fine")


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--shared", default="../../shared/data")
    a.add_argument("--minutes", type=float, default=10)
    a.add_argument("--steps", type=int, default=0, help="instead of --minutes")
    a.add_argument("--batch", type=int, default=64, help="sequences of about four windows")
    a.add_argument("--bf16", action="store_true", help="twice as fast where the processor multiplies bfloat16")
    a.add_argument("--lr", type=float, default=3e-3)
    a.add_argument("--mine", type=float, nargs="*", default=[0.3, 0.6], help="when to mine, as shares of the run")
    a.add_argument("--mine-frames", type=int, default=400000)
    a.add_argument("--sets", default="synthetic_en,synthetic_zh", help="sentences that hold no wake word, of synth.py")
    a.add_argument("--suffixes", nargs="*", default=[""], help="helpings of wake_data.py")
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--seed", type=int, default=5)
    a.add_argument("--out", default=str(Path(__file__).parent.parent / "models/wake.onnx"))
    a.add_argument("--smoke", action="store_true")
    args = a.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    if args.smoke:
        return smoke(args)
    sets = talk(args.shared, args.sets.split(","))
    mixer = Mixer(*load_words(args.suffixes), sets, [r[3] for r in synth.load("noise")], args.seed)
    net, steps, seen = train(mixer, sets, args)
    thresholds, report = wake_test.measure(net)
    Path(args.out).parent.mkdir(exist_ok=True)
    write_onnx(net, args.out, metadata(thresholds, f"{steps} steps, {seen} windows"))
    print(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
