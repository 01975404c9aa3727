"""Trains a speech encoder by CTC: `acoustic` (the default engine's network) or `whisper` (that of the Whisper-shaped model; see train_decoder.py).

    python train_stt.py acoustic --steps 8500
    python train_stt.py acoustic --steps 4000 --init ../models/stt-ctc.onnx --ready --strength 0.9
    python train_stt.py whisper --steps 5200 --easy 300 --hard 1300 --strength 0.5 --teacher ../models/stt-ctc.onnx

Resumes from .cache/MODEL.pt.  The learning rate is constant after the warm-up and falls linearly over the
last two fifths of the steps, so a run can be lengthened before they begin.
"""

import argparse
import json
import os
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

import export_onnx
import features
import muon
import synth
import units
import whisper
from acoustic import BLOCKS, STRIDE, Acoustic

# Share of each batch that are recordings of people.
PEOPLE = 0.22
# Shares of what is heard with noise added to its samples, and in a room (with mel noise); see synth.py.
NOISY_SHARE, ROOM_SHARE = 0.5, 0.25
# With weights from elsewhere the head of the middle block is new: until this step it learns what that block hears, and
# the block nothing from it.
NEW_HEAD_STEPS = 400
# What is kept is a running average of the weights (Polyak & Juditsky 1992) over about 1 / (1 - AVERAGE) steps: a small
# batch's gradient is mostly noise, and the average is without it.
AVERAGE = 0.999
# A teacher whose own loss per label is more than this mishears the recording, and is not asked.
TAUGHT_LOSS_MAX = 0.25
# Whisper's: share of the batches whose sentences come after a wake word, of them that of which only the end is left, and
# its usual frames.
LEAD_IN_SHARE, CUT_SHARE, LEAD_IN_FRAMES = 0.3, 0.75, 50


class Data:
    """Batches of one length each: synthetic sentences, recordings, and recordings joined into sentences."""

    def __init__(self, sets, seed, frames_max, strength, ready, easy_steps, hard_steps, for_whisper):
        self.strength, self.ready = strength, ready
        self.easy_steps, self.hard_steps = easy_steps, hard_steps
        self.lead_ins = [(*r, units.label(r[0])) for r in self._load("lead_ins")] if for_whisper else []
        self.rng = random.Random(seed)
        self.frames_max = frames_max
        rows = [r for s in sets for r in self._load(s)]
        self.synthetic = sorted((r for r in ((*r, units.label(r[0])) for r in rows) if r[4]), key=lambda r: len(r[3][0]))
        self.people = []
        for text, lang, who, a in self._load("people"):
            u = self._label(text, who)
            if u and len(a[0]) < frames_max - 110:
                self.people.append((None if who.startswith("cmn-chen-wang") else text, lang, who, a, u))
        # Every speaker weighs by the square root of what they say, so that 4,000 words of one speaker do not
        # drown thirty people; a set that names no speakers counts as several.
        groups = {}
        for i, r in enumerate(self.people):
            groups.setdefault(r[2], []).append(i)
        self.groups = [
            (g, max(len({self.people[i][0] or i for i in g}) ** 0.5, len(g) ** 0.5 / 3)) for g in groups.values()
        ]
        self.augment = features.Augment([r[3] for r in synth.load("noise")], seed, late=for_whisper)

    @staticmethod
    def _load(name):
        """Rows (text, language, voice, (dry, in a room, with noise)); a set without twins is dry every time."""
        dry = synth.load(name)
        twins = [synth.load(f"{name}_{t}") if (synth.CACHE / f"{name}_{t}.npy").exists() else None for t in synth.TWINS]
        assert all(t is None or len(t) == len(dry) for t in twins), f"{name}: twins of another synthesis; delete them from {synth.CACHE}"
        return [(*row[:3], (row[3], *(t and t[i][3] for t in twins))) for i, row in enumerate(dry)]

    def _sound(self, row, noise=True):
        """[2, t, 80]: the row's log-mel, dry and as it is heard; and whether there is noise in it already.

        At full strength NOISY_SHARE are heard with the noise that was added to their samples, and ROOM_SHARE in a room;
        where there is no such noise, both shares are heard in a room.
        """
        dry, room, noisy = row[3]
        u = self.rng.random() / max(self.augment.strength, 1e-6)
        heard = noisy if noise and noisy is not None and u < NOISY_SHARE else room if room is not None and u < NOISY_SHARE + ROOM_SHARE else dry
        return np.stack([np.pad(dry, ((0, len(heard) - len(dry)), (0, 0)), constant_values=-10), heard]), heard is noisy

    def _with_lead_in(self, row):
        """The row after a wake word in another voice, of either language; mostly only after its last sound, as the recogniser cuts it off."""
        first = self.rng.choice(self.lead_ins)
        sound, gap = self._sound(first, noise=False)[0], self.rng.randint(2, 40)
        text, (heard, spelt) = row[0], row[4]
        if self.rng.random() < CUT_SHARE:
            sound = sound[:, -self.rng.randint(7, 22):]  # six frames are the margin that synth.py leaves around what is said
        else:
            text = units.normalise(f"{first[0]} {row[0]}")
            space = [units.LETTER_ID[" "]] if first[1] != "zh" and row[1] != "zh" else []
            heard, spelt = first[4][0] + heard, [*first[4][1], *space, *spelt]
        sound = np.concatenate([sound, np.full((2, gap, 80), -10.0, np.float16), self._sound(row, noise=False)[0]], 1)
        return (text, row[1], row[2], sound, (heard, spelt), False)

    def _label(self, text, who):
        if who.startswith("cmn-chen-wang"):  # single syllables, written in pinyin
            parts = units.split_syllable(text.strip("_").rstrip("0123456789").replace("ü", "v"))
            return ([units.UNIT_ID[u] for u in parts], [units.LETTER_ID[u] for u in parts]) if parts else None
        t = units.normalise(text)
        return units.label(t) if t and not any(c.isdigit() for c in text) else None

    def _person(self):
        g = self.rng.choices([g for g, _ in self.groups], [w for _, w in self.groups])[0]
        return self.people[self.rng.choice(g)]

    def _joined(self):
        """A few recordings of one speaker, or of several, with short pauses: labels are joined likewise."""
        g = self.rng.choices([g for g, _ in self.groups], [w for _, w in self.groups])[0]
        same = self.rng.random() < 0.8
        parts = [self.people[self.rng.choice(g)] if same else self._person() for _ in range(self.rng.randint(1, 4))]
        frames, label, text, total = [], ([], []), "", 0
        for p in parts:
            a, _ = self._sound(p, noise=False)
            if total + a.shape[1] > self.frames_max - 60:
                break
            if frames:
                gap = self.rng.randint(0, 12)
                frames.append(np.full((2, gap, 80), -6.0, np.float16))
                if p[1] != "zh" and parts[0][1] != "zh":
                    label[1].append(units.LETTER_ID[" "])
                cut = self.rng.randint(0, 5)  # recordings are trimmed with 60 ms around: take some of it off
                frames[-2], a = frames[-2][:, : frames[-2].shape[1] - cut], a[:, cut:]
            frames.append(a)
            for whole, part in zip(label, p[4]):
                whole += part
            text = None if text is None or p[0] is None else units.normalise(text + " " + units.normalise(p[0]))
            total += a.shape[1]
        if not frames:
            return self._joined()
        return (text, parts[0][1], "joined", np.concatenate(frames, 1), label)

    def batch(self, step, seconds):
        """About `seconds` of speech: what is heard, the same dry, lengths, units, letters, (text, language).

        The first steps hear short, clean utterances: CTC finds its first alignments there, where long
        noisy ones leave it on the plateau of blanks. Rooms, noise and microphones grow until --hard, and
        recordings (mostly single words) come in larger numbers once sentences are heard.
        """
        rows, budget = [], seconds * 100
        grown = 1.0 if self.ready else (step - self.easy_steps / 2) / self.hard_steps
        self.augment.strength = min(self.strength, max(0.0, grown))
        shortest = 1.0 if self.ready else min(1.0, 0.25 + 0.75 * step / self.easy_steps)
        i = self.rng.randrange(int(len(self.synthetic) * shortest))
        lead_in = self.lead_ins and self.rng.random() < LEAD_IN_SHARE
        length = len(self.synthetic[i][3][0]) + 40 + (LEAD_IN_FRAMES if lead_in else 0)
        n = max(8, int(budget / length))
        n_people = round(n * PEOPLE)
        j = max(0, min(len(self.synthetic) - 1, i - n * 2))
        window = self.synthetic[j: i + n * 2 + 1]
        rows = []
        for r in (self.rng.choice(window) for _ in range(n - n_people)):
            if lead_in:
                rows.append(self._with_lead_in(r))
                continue
            sound, noisy = self._sound(r)
            rows.append((*r[:3], sound, r[4], noisy))
        # Where every recording is longer than these sentences, the batch does without.
        for _ in range(50 * n_people):
            if len(rows) == n:
                break
            r = self._joined()
            if 12 < r[3].shape[1] <= length * 1.25:
                rows.append((*r, False))
        x, dry, lengths = self.augment([r[3] for r in rows], self.frames_max, [r[5] for r in rows])
        return x, dry, lengths, [r[4][0] for r in rows], [r[4][1] for r in rows], [(r[0], r[1]) for r in rows]


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
def evaluate(net, name, limit=160):
    """Unit error rate of the greedy CTC path on clean recordings of voices that are held out."""
    net.eval()
    rows = [(*r, units.label(units.normalise(r[0]))) for r in synth.load(name)]
    rows = [r for r in rows if r[4]]
    random.Random(0).shuffle(rows)
    err = {}
    for text, lang, who, a, (u, _) in rows[:limit]:
        x = torch.full((1, len(a) + 30 + len(a) % 2, 80), -10.0)
        x[0, 15: 15 + len(a)] = torch.from_numpy(np.array(a, dtype=np.float32))
        h, _ = net(features.normalise(x))
        e = err.setdefault(lang, [0, 0])
        e[0] += edit_distance(greedy(net.units(h)[0]), u)
        e[1] += len(u)
    net.train()
    return {k: round(e / n, 3) for k, (e, n) in err.items()}


def ctc(logits, labels, frames):
    """Mean loss per label; logits [B, T, units]."""
    sizes = torch.tensor([len(l) for l in labels])
    return (ctc_each(F.log_softmax(logits, -1), labels, frames) * sizes).sum() / sizes.sum()


def ctc_each(log_probs, labels, frames):
    """Loss per label of each recording [B]; log_probs [B, T, units]."""
    flat = torch.tensor([u for l in labels for u in l])
    sizes = torch.tensor([len(l) for l in labels])
    loss = F.ctc_loss(log_probs.transpose(0, 1), flat, frames.clamp(max=log_probs.shape[1]), sizes, zero_infinity=True, reduction="none")
    return loss / sizes


def distance(logits, wanted, frames, labels):
    """Kullback-Leibler divergence of `wanted` (log-probabilities) from the logits, per label; both [B, T, units].

    Where `wanted` is not what was said, it counts for nothing.
    """
    each = (wanted.exp() * (wanted - F.log_softmax(logits, -1))).sum(-1)
    right = ctc_each(wanted, labels, frames) < TAUGHT_LOSS_MAX
    heard = (torch.arange(each.shape[1])[None] < frames[:, None]) & right[:, None]
    return each[heard].sum() / sum(map(len, labels))


def rate(step, steps):
    """Of the learning rate: it rises for 400 steps and falls over the last two fifths."""
    return min(1, (step + 1) / 400) * min(1, (steps - step) / (0.4 * steps))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("model", choices=["acoustic", "whisper"])
    a.add_argument("--steps", type=int, default=9000)
    a.add_argument("--sets", default="synthetic_en,synthetic_zh")
    a.add_argument("--seconds", type=float, default=50, help="of speech in a batch")
    a.add_argument("--lr", type=float, default=1e-3)
    # In ten thousand steps the networks underfit: at full strength they hear rooms better and words worse.
    a.add_argument("--strength", type=float, default=0.7, help="of rooms, noise and microphones, 0 to 1")
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--checkpoint", help="default: .cache/MODEL.pt")
    a.add_argument("--init", help="without a checkpoint, start from the weights of this ONNX model (acoustic only)")
    a.add_argument("--easy", type=int, default=800, help="steps on short, clean sentences")
    a.add_argument("--hard", type=int, default=6000, help="the step from which on rooms and noise have their full strength")
    a.add_argument("--ready", action="store_true", help="the weights hear something already: neither --easy nor --hard counts")
    a.add_argument("--blocks", type=int, default=BLOCKS, help="of the network; with --init no fewer than that model has (acoustic only)")
    a.add_argument("--teacher", help="an ONNX model that hears everything dry; what it hears there is learnt in rooms and noise, too")
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--eval-sets", default="held_out,people_held_out")
    args = a.parse_args()
    checkpoint = args.checkpoint or str(synth.CACHE / f"{args.model}.pt")
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for_whisper = args.model == "whisper"
    if for_whisper:
        net, stride, frames_max = whisper.Encoder().to(device), whisper.STRIDE, whisper.FRAMES_MAX
    else:
        net = (export_onnx.read_onnx(args.init, args.blocks) if args.init and not os.path.exists(checkpoint) else Acoustic(args.blocks)).to(device)
        stride, frames_max = STRIDE, 1100
    hidden = [p for k, p in net.named_parameters() if p.ndim == 2 and "blocks." in k]
    others = [p for p in net.parameters() if all(p is not h for h in hidden)]
    opts = [muon.Muon(hidden, args.lr), torch.optim.AdamW(others, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)]
    step = 0
    if os.path.exists(checkpoint):
        ck = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(ck["net"])
        for opt, state in zip(opts, ck["opts"]):
            opt.load_state_dict(state)
        step = ck["step"]
        print("resumed at step", step)
    elif args.init:
        print("weights of", args.init)
    averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
    if step:
        averaged.module.load_state_dict(ck["averaged"])
        averaged.n_averaged.fill_(step)
    teacher = None
    if args.teacher:
        # After Li et al., "Large-Scale Domain Adaptation via Teacher-Student Learning" (2017): where each sound is
        # need not be found out in the noise again.
        teacher = export_onnx.read_onnx(args.teacher).to(device).eval()
    data = Data(args.sets.split(","), args.seed + step, frames_max, args.strength, args.ready, args.easy, args.hard, for_whisper)
    evals = [s for s in args.eval_sets.split(",") if s and (synth.CACHE / f"{s}.npy").exists()]
    print(f"{sum(p.numel() for p in net.parameters()) / 1e6:.2f} M parameters on {device}, {len(data.synthetic)} sentences, {len(data.people)} recordings")
    log = open(checkpoint + ".log", "a")
    mean, t0 = {}, time.time()
    bar = tqdm(total=args.steps, initial=step, mininterval=5)
    while step < args.steps:
        x, dry, lengths, heard, spelt, _ = data.batch(step, args.seconds)
        lr = args.lr * rate(step, args.steps)
        for opt in opts:
            for g in opt.param_groups:
                g["lr"] = lr
        if for_whisper:
            x = whisper.as_whisper_hears(x, lengths, data.augment.rng)
        h, mid = net(x.to(device))
        if args.init and step < NEW_HEAD_STEPS:
            mid = mid.detach()
        frames = lengths // stride
        loss_ctc, loss_letters = ctc(net.units(h), heard, frames), ctc(net.letters(h), spelt, frames)
        loss = loss_ctc + 0.3 * ctc(net.units_mid(mid), heard, frames) + 0.2 * loss_letters
        now = {"ctc": loss_ctc.item(), "letters": loss_letters.item()}
        if teacher:
            with torch.no_grad():
                wanted = F.log_softmax(teacher.units(teacher(dry.to(device))[0]), -1)
                wanted = wanted[:, (torch.arange(h.shape[1]) * stride // STRIDE).clamp(max=wanted.shape[1] - 1)]
            taught = distance(net.units(h), wanted, frames, heard)
            loss = loss + taught + 0.3 * distance(net.units_mid(mid), wanted, frames, heard)
            now["taught"] = taught.item()
        net.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for opt in opts:
            opt.step()
        averaged.update_parameters(net)
        step += 1
        for k, v in now.items():
            mean[k] = 0.98 * mean.get(k, v) + 0.02 * v
        bar.update()
        if step % 20 == 0:
            bar.set_postfix({k: f"{v:.3f}" for k, v in mean.items()}, refresh=False)
        if step % 100 == 0 or step == args.steps:
            ck = {"net": net.state_dict(), "averaged": averaged.module.state_dict(), "opts": [o.state_dict() for o in opts], "step": step}
            torch.save(ck, checkpoint + ".tmp")
            os.replace(checkpoint + ".tmp", checkpoint)
        if step % 500 == 0 or step == args.steps:
            row = {"step": step, "minutes": round((time.time() - t0) / 60, 1), **{k: round(v, 3) for k, v in mean.items()}}
            row.update({s: evaluate(averaged.module, s) for s in evals})
            print(json.dumps(row), file=log, flush=True)


if __name__ == "__main__":
    main()
