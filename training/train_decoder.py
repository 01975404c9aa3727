"""Trains the decoder of the Whisper-shaped model on what its encoder hears; the encoder stays as it is.

    python train_decoder.py --steps 2500 --seconds 36

Hearing takes most of a step, so what was heard is kept and learnt from again. Resumes from .cache/decoder.pt, which
holds the encoder's averaged weights, too: it is what export_ggml.py writes.
"""

import argparse
import json
import os
import random

import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

import features
import muon
import synth
import units
import whisper
from align import align
from train_stt import AVERAGE, Data, edit_distance, rate

# Batches that are kept, and how many of them are learnt from again at every step.
KEPT, AGAIN = 3000, 4
# Share of the letters before the next one that are wrong: a decoder that always reads the right ones believes them
# more than its ears.
WRONG = 0.1
# Encoder steps around a letter where the decoder is to look for it.
LOOK_STEPS = 4
PROMPT = 4  # tokens before the text


def sequences(texts, tokens, index):
    """Inputs and targets; -100 where nothing is learnt (forced prompt tokens, padding, unknown text)."""
    rows = []
    for text, _ in texts:
        lang = "zh" if text and units.HAN.search(text) else "en"
        ids = tokens.encode(text or "")[:100]
        rows.append((text, [units.SOT, units.LANG[lang], units.TRANSCRIBE, units.NO_TIMESTAMPS] + ids + [units.EOT]))
    t = max(len(s) for _, s in rows) - 1
    x = torch.full((len(rows), t), index[units.EOT])
    y = torch.full((len(rows), t), -100)
    for i, (text, s) in enumerate(rows):
        s = [index[k] for k in s]
        x[i, : len(s) - 1] = torch.tensor(s[:-1])
        if text is not None:
            y[i, : len(s) - 1] = torch.tensor(s[1:])
            y[i, 1:3] = -100
    return x, y


def letter_steps(log_probs, texts, spelt, frames):
    """For each token of each text the encoder step where the sound of its last letter begins; None where it cannot be found."""
    first = align(log_probs, spelt, frames)
    out = []
    for (text, _), steps in zip(texts, first):
        ends, n = [], 0
        for ch in text or "":
            n += len(units.label(ch)[1]) if units.HAN.match(ch) else 1
            ends.append(n - 1)
        out.append([steps[i] for i in ends] if text and steps is not None and n == len(steps) else None)
    return out


def astray(looks, wanted):
    """How improbable it is that the decoder looks where a token is heard: mean negative log-probability over tokens and blocks.

    looks: [B, tokens, steps] of each block; wanted: letter_steps.  After Tachibana et al., "guided attention" (2017): a decoder
    that has to find out by itself which sound it is at learns to listen late.
    """
    b, t, n = looks[0].shape
    near = torch.zeros(b, t, n, dtype=torch.bool, device=looks[0].device)
    for row, steps in zip(near, wanted):
        for i, s in enumerate(steps or []):
            if PROMPT - 1 + i < t:
                row[PROMPT - 1 + i, max(0, s - LOOK_STEPS): s + LOOK_STEPS + 1] = True
    asked = near.any(-1)
    if not asked.any():
        return looks[0].new_zeros(())
    return -sum(l.masked_fill(~near, float("-inf")).logsumexp(-1)[asked].mean() for l in looks) / len(looks)


def misread(x, y):
    """The inputs with WRONG of the letters exchanged for letters of anywhere in the batch."""
    letters = torch.zeros_like(x, dtype=torch.bool)
    letters[:, PROMPT:] = y[:, PROMPT - 1: -1] >= 0
    some = letters & (torch.rand(x.shape) < WRONG)
    pool = x[letters]
    return x.masked_scatter(some, pool[torch.randint(len(pool), (int(some.sum()),))]) if len(pool) else x


@torch.no_grad()
def hear(encoder, data, step, seconds, tokens, index, device):
    """A batch as the encoder hears it: encoder output [B, steps, DIM], inputs, targets, where each token is heard."""
    x, _, lengths, _, spelt, texts = data.batch(step, seconds)
    h, _ = encoder(whisper.as_whisper_hears(x, lengths, data.augment.rng).to(device))
    where = letter_steps(F.log_softmax(encoder.letters(h), -1).cpu(), texts, spelt, lengths // whisper.STRIDE)
    return h.half(), *sequences(texts, tokens, index), where


@torch.no_grad()
def evaluate(net, tokens, name, limit=120):
    """Errors a letter of what the decoder writes, greedily, of clean recordings of voices that are held out."""
    rows = [(units.normalise(r[0]), r[1], r[3]) for r in synth.load(name)]
    random.Random(0).shuffle(rows)
    decoder, device, err = net.decoder, next(net.parameters()).device, {}
    for text, lang, a in rows[:limit]:
        x = torch.full((1, min(len(a) + 94 + len(a) % 2, whisper.FRAMES_MAX), 80), -10.0)
        x[0, 15: 15 + len(a)] = torch.from_numpy(a[: x.shape[1] - 15].astype("f4"))
        x = features.normalise(x)
        h, _ = net.encoder((x - x.max() + whisper.PEAK).to(device))
        ids = [decoder.index[k] for k in (units.SOT, units.LANG["zh" if lang == "zh" else "en"], units.TRANSCRIBE, units.NO_TIMESTAMPS)]
        while len(ids) < PROMPT + len(text) + 20:
            k = decoder(torch.tensor([ids], device=device), h)[0][0, -1].argmax().item()
            if k == len(decoder.rows) or decoder.rows[k] == units.EOT:
                break
            ids.append(k)
        e = err.setdefault(lang, [0, 0])
        e[0] += edit_distance(tokens.decode([decoder.rows[k] for k in ids[PROMPT:]]), text)
        e[1] += len(text)
    return {k: round(e / n, 3) for k, (e, n) in err.items()}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--encoder", default=str(synth.CACHE / "whisper.pt"), help="a checkpoint of `train_stt.py whisper`")
    a.add_argument("--checkpoint", default=str(synth.CACHE / "decoder.pt"))
    a.add_argument("--steps", type=int, default=2500)
    a.add_argument("--sets", default="synthetic_en,synthetic_zh")
    a.add_argument("--seconds", type=float, default=36, help="of speech in a batch")
    a.add_argument("--lr", type=float, default=1e-3)
    a.add_argument("--strength", type=float, default=0.7, help="of rooms, noise and microphones, 0 to 1")
    a.add_argument("--easy", type=int, default=200, help="steps on short, clean sentences")
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--eval-sets", default="held_out")
    args = a.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokens = units.Tokens()
    net = whisper.Whisper(tokens.used).to(device)
    decoder = net.decoder
    hidden = [p for k, p in decoder.named_parameters() if p.ndim == 2 and "blocks." in k]
    others = [p for k, p in decoder.named_parameters() if not (p.ndim == 2 and "blocks." in k)]
    opts = [muon.Muon(hidden, args.lr), torch.optim.AdamW(others, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)]
    averaged = AveragedModel(decoder, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
    step = 0
    if os.path.exists(args.checkpoint):
        ck = torch.load(args.checkpoint, weights_only=True)
        step = ck["step"]
        net.encoder.load_state_dict(ck["encoder"])
        decoder.load_state_dict(ck["decoder"])
        averaged.module.load_state_dict(ck["averaged"])
        averaged.n_averaged.fill_(step)
        for opt, state in zip(opts, ck["opts"]):
            opt.load_state_dict(state)
        print("resumed at step", step)
    else:
        net.encoder.load_state_dict(torch.load(args.encoder, weights_only=True)["averaged"])
    data = Data(args.sets.split(","), args.seed + step, whisper.FRAMES_MAX, args.strength, False, args.easy, args.easy, True)
    evals = [s for s in args.eval_sets.split(",") if s and (synth.CACHE / f"{s}.npy").exists()]
    print(f"{sum(p.numel() for p in decoder.parameters()) / 1e6:.2f} M parameters on {device}, {len(data.synthetic)} sentences, {len(data.people)} recordings")
    kept, mean = [], {}
    bar = tqdm(total=args.steps, initial=step, mininterval=5)
    while step < args.steps:
        new = hear(net.encoder, data, step, args.seconds, tokens, decoder.index, device)
        for opt in opts:
            for g in opt.param_groups:
                g["lr"] = args.lr * rate(step * (1 + AGAIN), args.steps * (1 + AGAIN))
        for h, x, y, where in [new, *data.rng.sample(kept, min(AGAIN, len(kept)))]:
            logits, looks = decoder(misread(x, y).to(device), h.float())
            ce = F.cross_entropy(logits.flatten(0, 1), y.flatten().to(device), ignore_index=-100)
            lost = astray(looks, where)
            decoder.zero_grad()
            (ce + 0.4 * lost).backward()
            torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
            for opt in opts:
                opt.step()
            averaged.update_parameters(decoder)
            for k, v in (("ce", ce.item()), ("astray", lost.item())):
                mean[k] = 0.99 * mean.get(k, v) + 0.01 * v
        if len(kept) == KEPT:
            kept.pop(data.rng.randrange(KEPT))
        kept.append(new)
        step += 1
        bar.update()
        if step % 20 == 0:
            bar.set_postfix({k: f"{v:.3f}" for k, v in mean.items()}, refresh=False)
        if step % 100 == 0 or step == args.steps:
            ck = {"encoder": net.encoder.state_dict(), "decoder": decoder.state_dict(), "averaged": averaged.module.state_dict(), "opts": [o.state_dict() for o in opts], "step": step, "han": "".join(tokens.han)}
            torch.save(ck, args.checkpoint + ".tmp")
            os.replace(args.checkpoint + ".tmp", args.checkpoint)
        if step % 250 == 0 or step == args.steps:
            net.decoder = averaged.module
            row = {"step": step, **{k: round(v, 3) for k, v in mean.items()}, **{s: evaluate(net, tokens, s) for s in evals}}
            net.decoder = decoder
            with open(args.checkpoint + ".log", "a") as log:
                print(json.dumps(row), file=log)


if __name__ == "__main__":
    main()
