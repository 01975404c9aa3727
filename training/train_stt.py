"""Trains the speech model: CTC first, the decoder joins later.

    python train_stt.py --steps 10000 --decoder-from 4000

Resumes from .cache/stt.pt.  The learning rate is constant after the warm-up and falls linearly over the
last fifth of the steps, so a run can be lengthened before that fifth begins.
"""

import argparse
import json
import os
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

import features
import synth
import units
from model import AUDIO_CTX, Whisper

FRAMES_MAX = 2 * AUDIO_CTX
EASY_STEPS, HARD_STEPS = 800, 4500
# In ten thousand steps the network underfits: at full strength it hears rooms better and words worse.
STRENGTH_MAX = 0.5


class Data:
    """Batches of one length each: synthetic sentences, recordings, and recordings joined into sentences."""

    def __init__(self, sets, tokens, seed):
        self.rng = random.Random(seed)
        self.tokens = tokens
        rows = [r for s in sets for r in synth.load(s)]
        self.synthetic = sorted((r for r in ((*r, units.text_to_units(r[0])) for r in rows) if r[4]), key=lambda r: len(r[3]))
        self.people = []
        for text, lang, who, a in synth.load("people"):
            u = self._label(text, who)
            if u:
                self.people.append((text if who != "cmn-chen-wang" else None, lang, who, a, u))
        # Every source of recordings weighs by the square root of its size, so that 4,000 words of one speaker
        # do not drown thirty people; single syllables are only good for joining.
        groups = {}
        for i, r in enumerate(self.people):
            groups.setdefault(r[2], []).append(i)
        self.groups = [(g, len(g) ** 0.5) for g in groups.values()]
        self.augment = features.Augment([r[3] for r in synth.load("noise")], seed)

    def _label(self, text, who):
        if who == "cmn-chen-wang":
            out = []
            s = text.strip("_").rstrip("0123456789").replace("ü", "v")
            return out if s.isalpha() and s.isascii() and units.add_pinyin([s], out) else None
        t = units.normalise(text)
        return units.text_to_units(t) if t else None

    def _person(self):
        g = self.rng.choices([g for g, _ in self.groups], [w for _, w in self.groups])[0]
        return self.people[self.rng.choice(g)]

    def _joined(self):
        """A few recordings of one speaker, or of several, with short pauses: labels are joined likewise."""
        g = self.rng.choices([g for g, _ in self.groups], [w for _, w in self.groups])[0]
        same = self.rng.random() < 0.8
        parts = [self.people[self.rng.choice(g)] if same else self._person() for _ in range(self.rng.randint(1, 4))]
        frames, label, text, total = [], [], "", 0
        for p in parts:
            a = np.asarray(p[3])
            if total + len(a) > FRAMES_MAX - 60:
                break
            if frames:
                gap = self.rng.randint(0, 12)
                frames.append(np.full((gap, 80), -6.0, np.float16))
                if p[1] != "zh" and parts[0][1] != "zh":
                    label.append(units.UNIT_ID[" "])
                cut = self.rng.randint(0, 5)  # recordings are trimmed with 60 ms around: take some of it off
                frames[-2], a = frames[-2][: len(frames[-2]) - cut], a[cut:]
            frames.append(a)
            label += p[4]
            text = None if text is None or p[0] is None else units.normalise(text + " " + units.normalise(p[0]))
            total += len(a)
        if not frames:
            return self._joined()
        return (text, parts[0][1], "joined", np.concatenate(frames), label)

    def batch(self, step, seconds=50.0):
        """About `seconds` of speech: arrays augmented, CTC labels, decoder texts.

        The first EASY_STEPS hear short, clean utterances: CTC finds its first alignments there, where long
        noisy ones leave it on the plateau of blanks. Rooms, noise and microphones grow until HARD_STEPS, and
        recordings (mostly single words) come in larger numbers once sentences are heard.
        """
        rows, budget = [], seconds * 100
        self.augment.strength = min(STRENGTH_MAX, max(0.0, (step - EASY_STEPS / 2) / HARD_STEPS))
        shortest = min(1.0, 0.25 + 0.75 * step / EASY_STEPS)
        i = self.rng.randrange(int(len(self.synthetic) * shortest))
        length = len(self.synthetic[i][3]) + 40
        n = max(8, int(budget / length))
        n_people = n // 8
        j = max(0, min(len(self.synthetic) - 1, i - n * 2))
        window = self.synthetic[j: i + n * 2 + 1]
        rows = [self.rng.choice(window) for _ in range(n - n_people)]
        while len(rows) < n:
            r = self._joined()
            if len(r[3]) <= length * 1.25 and len(r[3]) > 12:
                rows.append(r)
        x, lengths = self.augment([np.asarray(r[3]) for r in rows], FRAMES_MAX)
        return x, lengths, [r[4] for r in rows], [(r[0], r[1]) for r in rows]


def decoder_batch(texts, tokens, index):
    """Inputs and targets; -100 where nothing is learnt (forced prompt tokens, padding, unknown text)."""
    seqs = []
    for text, lang in texts:
        lang = "zh" if text and units.HAN.search(text) else "en"
        ids = tokens.encode(text or "")[:100]
        seqs.append((text, [units.SOT, units.LANG[lang], units.TRANSCRIBE, units.NO_TIMESTAMPS] + ids + [units.EOT]))
    t = max(len(s) for _, s in seqs) - 1
    x = torch.full((len(seqs), t), index[units.EOT])
    y = torch.full((len(seqs), t), -100)
    for i, (text, s) in enumerate(seqs):
        s = [index[k] for k in s]
        x[i, : len(s) - 1] = torch.tensor(s[:-1])
        if text is not None:
            y[i, : len(s) - 1] = torch.tensor(s[1:])
            y[i, 1:3] = -100
    return x, y


def edit_distance(a, b):
    d = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        prev, d[0] = d[0], i
        for j, y in enumerate(b, 1):
            prev, d[j] = d[j], min(d[j] + 1, d[j - 1] + 1, prev + (x != y))
    return d[-1]


def greedy(logits):
    ids = logits.argmax(-1).tolist()
    return [k for i, k in enumerate(ids) if k and (i == 0 or k != ids[i - 1])]


@torch.no_grad()
def evaluate(net, name, limit=150):
    """Unit error rate of the greedy CTC path on clean recordings of voices that are held out."""
    net.eval()
    rows = [r for r in synth.load(name) if units.text_to_units(units.normalise(r[0]))]
    rows = rows[:: max(1, len(rows) // limit)]
    err = {}
    for text, lang, who, a in rows:
        x = torch.full((1, len(a) + 30 + len(a) % 2, 80), -10.0)
        x[0, 15: 15 + len(a)] = torch.from_numpy(np.array(a, dtype=np.float32))
        h, _ = net.encoder(features.normalise(x))
        u = units.text_to_units(units.normalise(text))
        e = err.setdefault(lang, [0, 0])
        e[0] += edit_distance(greedy(net.encoder.ctc(h)[0]), u)
        e[1] += len(u)
    net.train()
    return {k: round(e / n, 3) for k, (e, n) in err.items()}


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--steps", type=int, default=9000)
    a.add_argument("--decoder-from", type=int, default=3500)
    a.add_argument("--sets", default="synthetic_en,synthetic_zh")
    a.add_argument("--lr", type=float, default=1.2e-3)
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--checkpoint", default=str(synth.CACHE / "stt.pt"))
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--eval-sets", default="held_out,people_held_out")
    args = a.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokens = units.Tokens()
    net = Whisper(tokens.used).to(device)
    opt = torch.optim.AdamW(net.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)
    step = 0
    try:
        ck = torch.load(args.checkpoint, weights_only=True)
        net.load_state_dict(ck["net"])
        opt.load_state_dict(ck["opt"])
        step = ck["step"]
        print("resumed at step", step)
    except FileNotFoundError:
        pass
    data = Data(args.sets.split(","), tokens, args.seed + step)
    evals = [s for s in args.eval_sets.split(",") if s and (synth.CACHE / f"{s}.npy").exists()]
    print(f"{sum(p.numel() for p in net.parameters()) / 1e6:.2f} M parameters on {device}, {len(data.synthetic)} sentences, {len(data.people)} recordings")
    log = open(args.checkpoint + ".log", "a")
    mean, t0 = {}, time.time()
    bar = tqdm(total=args.steps, initial=step)
    while step < args.steps:
        x, lengths, labels, texts = data.batch(step)
        x = x.to(device)
        lr = args.lr * min(1, (step + 1) / 400) * min(1, (args.steps - step) / (0.2 * args.steps))
        for g in opt.param_groups:
            g["lr"] = lr
        h, mid = net.encoder(x, drop=0.05)
        flat = torch.tensor([u for l in labels for u in l])
        sizes = torch.tensor([len(l) for l in labels])
        frames = (lengths // 2).clamp(max=h.shape[1])

        def ctc(logits):
            lp = F.log_softmax(logits, -1).transpose(0, 1)
            return F.ctc_loss(lp, flat, frames, sizes, zero_infinity=True, reduction="sum") / sizes.sum()

        loss_ctc = ctc(net.encoder.ctc(h))
        loss = loss_ctc + 0.3 * ctc(net.encoder.ctc_mid(mid))
        now = {"ctc": float(loss_ctc.detach())}
        if step >= args.decoder_from:
            tx, ty = decoder_batch(texts, tokens, net.decoder.index)
            logits = net.decoder(tx.to(device), h)
            ce = F.cross_entropy(logits.flatten(0, 1), ty.flatten().to(device), ignore_index=-100)
            loss = loss + 0.3 * ce
            now["ce"] = float(ce.detach())
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        step += 1
        for k, v in now.items():
            mean[k] = 0.98 * mean.get(k, v) + 0.02 * v
        bar.update()
        if step % 20 == 0:
            bar.set_postfix({k: f"{v:.3f}" for k, v in mean.items()})
        if step % 250 == 0 or step == args.steps:
            torch.save({"net": net.state_dict(), "opt": opt.state_dict(), "step": step, "han": "".join(tokens.han)}, args.checkpoint + ".tmp")
            os.replace(args.checkpoint + ".tmp", args.checkpoint)
            row = {"step": step, "minutes": round((time.time() - t0) / 60, 1), **{k: round(v, 3) for k, v in mean.items()}}
            row.update({s: evaluate(net, s) for s in evals})
            print(json.dumps(row), file=log, flush=True)


if __name__ == "__main__":
    main()
