"""Trains models/intent.onnx: what a sentence asks for, and with which words, where no template matches it.

    python training/train_intent.py            (some minutes on one core)

Sentences come from intent_data.py.  A part of the written patterns is held out, for calibration and for the figures in
models/intent.md.  Features are computed as in src/understand/classifier.rs; the file models/intent_reference.json, which
this script writes, lets a Rust test compare them.
"""

import argparse
import json
import os
import random

import numpy as np
import onnx
import torch

from intent_data import OOS, ROOT, build

BUCKETS, FEATURES, TOKENS_MAX = 8192, 24, 40
EMBEDDED, WIDTH, KERNEL = 48, 96, 3


# --- features, as in classifier.rs --------------------------------------------------------------------------------
def bucket(text):
    h = 0x811C9DC5
    for b in text.encode():
        h = ((h ^ b) * 0x01000193) & 0xFFFFFFFF
    return 1 + h % (BUCKETS - 1)


SAME_SOUND = [("igh", "i"), ("ea", "i"), ("ee", "i"), ("ei", "i"), ("ie", "i"), ("ai", "a"), ("oo", "u"), ("ou", "u"), ("ph", "f"), ("ck", "k"), ("ce", "s"), ("ci", "s"), ("kn", "n"), ("c", "k"), ("y", "i")]


def spelling(word):
    """As `spelling` in src/understand/sound.rs."""
    out, rest = "", word
    while rest:
        rule = next((r for r in SAME_SOUND if rest.startswith(r[0])), None)
        taken, sound = (1, rest[0]) if rule is None else (1, "s") if rule[0] in ("ce", "ci") else (len(rule[0]), rule[1])
        out += "" if out.endswith(sound) else sound
        rest = rest[taken:]
    return out


def syllables(character):
    """Its commonest pinyin without tone, and that without what is often confused, as in sound.rs."""
    from pypinyin import Style, lazy_pinyin

    plain = lazy_pinyin(character, style=Style.NORMAL)[0]
    blurred = plain.removesuffix("g")
    if len(blurred) > 2 and blurred[0] in "zcs" and blurred[1] == "h":
        blurred = blurred[0] + blurred[2:]
    elif len(blurred) > 1 and blurred[0] == "n":
        blurred = "l" + blurred[1:]
    return plain, blurred


def features(token, known={}):
    """Buckets of one token: itself, how it sounds, and runs of two and three letters."""
    if token not in known:
        keys = ["w=" + token]
        if "\u4e00" <= token[0] <= "\u9fff":
            plain, blurred = syllables(token)
            keys += ["p=" + plain, "q=" + blurred]
        elif token[0].isalpha():
            edged = "_" + token + "_"
            keys += ["s=" + spelling(token)] + [edged[i:i + n] for n in (3, 2) for i in range(len(edged) - n + 1)]
        known[token] = [bucket(k) for k in keys[:FEATURES]]
    return known[token]


# --- the network ---------------------------------------------------------------------------------------------------
class Tagger(torch.nn.Module):
    """Embedded features, two convolutions over the tokens, one head for the sentence and one for each token."""

    def __init__(self, labels, tags):
        super().__init__()
        self.bag = torch.nn.Embedding(BUCKETS, EMBEDDED, padding_idx=0)
        torch.nn.init.normal_(self.bag.weight, std=0.3)
        self.first = torch.nn.Conv1d(EMBEDDED, WIDTH, KERNEL, padding=KERNEL // 2)
        self.second = torch.nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=KERNEL // 2)
        self.label = torch.nn.Linear(2 * WIDTH, labels)
        self.tag = torch.nn.Linear(WIDTH, tags)
        self.tag_context = torch.nn.Linear(2 * WIDTH, tags, bias=False)
        self.drop = torch.nn.Dropout(0.15)

    def forward(self, ids, weights, mask):
        """ids, weights [B, T, FEATURES]; mask [B, T], 1 where there is a token. Scores of labels [B, L], of tags [B, T, G]."""
        x = (self.bag(ids) * weights[..., None]).sum(2).transpose(1, 2)
        m = mask[:, None]
        x = self.drop(torch.relu(self.first(x)) * m)
        x = x + self.drop(torch.relu(self.second(x)) * m)
        pooled = torch.cat([x.max(2).values, (x * m).sum(2) / m.sum(2)], 1)
        return self.label(pooled), self.tag(x.transpose(1, 2)) + self.tag_context(pooled)[:, None]


class Data:
    def __init__(self, rows, labels, tags):
        self.rows, number = rows, {t: i for i, t in enumerate(tags)}
        self.tokens = [[features(t) for t in row[2][:TOKENS_MAX]] for row in rows]
        self.label = torch.tensor([labels.index(row[1]) if row[1] in labels else -1 for row in rows])
        # Nothing in what is no command is a slot, and nothing is to be learned from where it would be.
        self.tags = [[-100 if row[1] == OOS else number[t] for t in row[3][:TOKENS_MAX]] for row in rows]

    def batch(self, ids):
        n = max(len(self.tokens[i]) for i in ids)
        x, tags = np.zeros((len(ids), n, FEATURES), np.int64), np.full((len(ids), n), -100)
        for r, i in enumerate(ids):
            for t, found in enumerate(self.tokens[i]):
                x[r, t, :len(found)] = found
            tags[r, :len(self.tags[i])] = self.tags[i]
        x = torch.from_numpy(x)
        present = (x > 0).float()
        return x, present / present.sum(2, keepdim=True).clamp(min=1).sqrt(), present[..., 0], self.label[ids], torch.from_numpy(tags)

    def batches(self, size, shuffled):
        """Sentences of about the same length together."""
        order = torch.randperm(len(self.rows)).tolist() if shuffled else list(range(len(self.rows)))
        step = 40 * size if shuffled else len(order)
        groups = []
        for i in range(0, len(order), step):
            chunk = sorted(order[i:i + step], key=lambda k: len(self.tokens[k]))
            groups += [chunk[j:j + size] for j in range(0, len(chunk), size)]
        if shuffled:
            random.shuffle(groups)
        return groups


def train(data, labels, tags, epochs):
    model = Tagger(len(labels), len(tags))
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=epochs * (len(data.batches(256, True)) + 1))
    for epoch in range(epochs):
        total, groups = 0.0, data.batches(256, True)
        for ids in groups:
            x, w, mask, y, t = data.batch(ids)
            label, tag = model(x, w, mask)
            loss = torch.nn.functional.cross_entropy(label, y, label_smoothing=0.02)
            loss = loss + torch.nn.functional.cross_entropy(tag.flatten(0, 1), t.flatten(), ignore_index=-100)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(ids)
        print(f"epoch {epoch + 1}: loss {total / len(data.rows):.4f}", flush=True)
    return model.eval()


def answers(model, data):
    """For each row: scores of the labels, and scores of the tags of each token."""
    out = [None] * len(data.rows)
    with torch.no_grad():
        for ids in data.batches(512, False):
            x, w, mask, _, _ = data.batch(ids)
            label, tag = model(x, w, mask)
            for r, i in enumerate(ids):
                out[i] = (label[r], tag[r, :len(data.tokens[i])])
    return out


def temperature(z, y):
    """The temperature at which these scores are least surprised."""
    grid = np.exp(np.linspace(np.log(0.3), np.log(5), 120))
    return float(min(grid, key=lambda t: torch.nn.functional.cross_entropy(z / t, y).item()))


def calibration_error(p, right, bins=10):
    error = 0.0
    for k in range(bins):
        inside = (p > k / bins) & (p <= (k + 1) / bins)
        if inside.any():
            error += inside.mean() * abs(p[inside].mean() - right[inside].mean())
    return float(error)


def report(model, data, labels, tags, temperatures):
    """Figures on held-out patterns, as written and misheard. A claim: confidence at least 0.6, and not out of scope."""
    found, lines, oos = answers(model, data), [], labels.index(OOS)
    for lang in ("en", "zh"):
        for noise in (False, True):
            rows = [i for i, r in enumerate(data.rows) if (r[0], r[4]) == (lang, noise)]
            p, best, whole, tags_right = [], [], [], []
            for i in rows:
                label, tag = found[i]
                probable = torch.softmax(label / temperatures[lang], 0)
                sure = torch.softmax(tag / temperatures[lang], 1).max(1)
                same = all(t in (-100, g) for t, g in zip(data.tags[i], sure.indices.tolist()))
                best.append(int(probable.argmax()))
                p.append(float(probable.max()) * (1 if best[-1] == oos else float(sure.values.min())))
                whole.append(best[-1] == int(data.label[i]) and same)
                tags_right.append(same)
            p, best, whole, tags_right = np.array(p), np.array(best), np.array(whole), np.array(tags_right)
            inside = data.label[rows].numpy() != oos
            claimed, right = (p >= 0.6) & (best != oos), best == data.label[rows].numpy()
            lines.append(
                f"{lang}{' misheard' if noise else ''}: {inside.sum()} commands, intent and implied slots right {right[inside].mean():.3f}, tags right {tags_right[inside].mean():.3f}, "
                f"claimed {claimed[inside].mean():.3f}, wholly right of the claimed {whole[inside & claimed].mean():.3f}; {(~inside).sum()} others, refused {1 - claimed[~inside].mean():.3f}; "
                f"temperature {temperatures[lang]:.2f}, calibration error {calibration_error(p, whole | (~inside & right)):.3f}"
            )
    return lines


# --- export --------------------------------------------------------------------------------------------------------
def export(model, labels, tags, shapes, temperatures, words, path):
    h, T = onnx.helper, onnx.TensorProto
    d = {k: v.detach().numpy() for k, v in model.state_dict().items()}
    tensors = {
        "bag": d["bag.weight"], "w1": d["first.weight"], "b1": d["first.bias"], "w2": d["second.weight"], "b2": d["second.bias"],
        "wl": d["label.weight"].T, "bl": d["label.bias"], "wt": d["tag.weight"].T, "bt": d["tag.bias"], "wc": d["tag_context.weight"].T,
    }
    n = h.make_node
    conv = {"kernel_shape": [KERNEL], "pads": [KERNEL // 2] * 2}
    nodes = [
        n("Cast", ["features"], ["ids"], to=T.INT64), n("Gather", ["bag", "ids"], ["gathered"]),  # [T, FEATURES, EMBEDDED]
        n("Unsqueeze", ["weights", "one"], ["rows"]), n("MatMul", ["rows", "gathered"], ["summed"]),  # [T, 1, EMBEDDED]
        n("Transpose", ["summed"], ["columns"], perm=[1, 2, 0]),  # [1, EMBEDDED, T]
        n("Conv", ["columns", "w1", "b1"], ["c1"], **conv), n("Relu", ["c1"], ["r1"]),
        n("Conv", ["r1", "w2", "b2"], ["c2"], **conv), n("Relu", ["c2"], ["r2"]), n("Add", ["r1", "r2"], ["x"]),
        n("ReduceMax", ["x"], ["most"], axes=[2], keepdims=0), n("ReduceMean", ["x"], ["mean"], axes=[2], keepdims=0),
        n("Concat", ["most", "mean"], ["pooled"], axis=1),
        n("Gemm", ["pooled", "wl", "bl"], ["label_scores"]),
        n("Transpose", ["x"], ["by_token"], perm=[0, 2, 1]), n("MatMul", ["by_token", "wt"], ["own"]), n("Add", ["own", "bt"], ["biased"]),
        n("MatMul", ["pooled", "wc"], ["context"]), n("Unsqueeze", ["context", "one"], ["shared"]), n("Add", ["biased", "shared"], ["tag_scores"]),
    ]
    graph = h.make_graph(
        nodes, "intent",
        [h.make_tensor_value_info("features", T.FLOAT, ["tokens", FEATURES]), h.make_tensor_value_info("weights", T.FLOAT, ["tokens", FEATURES])],
        [h.make_tensor_value_info("label_scores", T.FLOAT, [1, len(labels)]), h.make_tensor_value_info("tag_scores", T.FLOAT, [1, "tokens", len(tags)])],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(w, dtype=np.float32), k) for k, w in tensors.items()] + [onnx.numpy_helper.from_array(np.array([1], np.int64), "one")],
    )
    m = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8, producer_name="tiebreak")
    table = [{"intent": OOS, "slots": {}, "shapes": []} if l == OOS else dict(zip(("intent", "slots"), json.loads(l)), shapes=sorted(map(list, shapes[l]))) for l in labels]
    meta = {
        "labels": json.dumps(table, ensure_ascii=False, separators=(",", ":")), "tags": " ".join(tags),
        "words": " ".join(sorted(set(words["en"]) | set(words["zh"]))), **{f"temperature_{k}": f"{v:.4f}" for k, v in temperatures.items()},
    }
    for k, v in meta.items():
        m.metadata_props.add(key=k, value=v)
    onnx.checker.check_model(m)
    onnx.save(m, path)


def reference(model, labels, tags, data, path):
    """Features and answers of some sentences, for the Rust test."""
    out = []
    for i in range(0, len(data.rows), max(1, len(data.rows) // 40)):
        row = data.rows[i]
        if len(row[2]) > TOKENS_MAX:
            continue
        with torch.no_grad():
            label, tag = model(*data.batch([i])[:3])
        out.append({"tokens": row[2], "features": data.tokens[i], "label": labels[int(label[0].argmax())], "score": round(float(label[0].max()), 4), "tags": [tags[k] for k in tag[0].argmax(1).tolist()]})
    with open(path, "w", encoding="utf8") as f:
        json.dump(out, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--epochs", type=int, default=4)
    args.add_argument("--seed", type=int, default=7)
    args.add_argument("--smoke", action="store_true", help="one pass over a small part of the sentences")
    args.add_argument("--out", default=os.path.join(ROOT, "models"))
    a = args.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    random.seed(a.seed)
    data, shapes, words = build(random.Random(a.seed), *((8, 2) if a.smoke else ()))
    a.epochs = 1 if a.smoke else a.epochs
    rows = [r for part in data.values() for r in part]
    labels = sorted({r[1] for r in rows})
    # B before I, and O first: the Rust side counts on it.
    slots = sorted({t[2:] for r in rows for t in r[3] if t != "O"})
    tags = ["O"] + [f"{b}-{s}" for s in slots for b in "BI"]
    print({k: len(v) for k, v in data.items()}, len(labels), "labels,", len(tags), "tags", flush=True)
    sets = {k: Data(v, labels, tags) for k, v in data.items()}
    model = train(sets["train"], labels, tags, a.epochs)
    found = answers(model, sets["calibrate"])
    temperatures = {}
    for lang in ("en", "zh"):
        at = [i for i, r in enumerate(data["calibrate"]) if r[0] == lang]
        temperatures[lang] = temperature(torch.stack([found[i][0] for i in at]), sets["calibrate"].label[at])
    for line in report(model, sets["test"], labels, tags, temperatures):
        print(line, flush=True)
    os.makedirs(a.out, exist_ok=True)
    export(model, labels, tags, shapes, temperatures, words, os.path.join(a.out, "intent.onnx"))
    reference(model, labels, tags, sets["test"], os.path.join(a.out, "intent_reference.json"))


if __name__ == "__main__":
    main()
