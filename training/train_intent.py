"""Trains models/intent.onnx: what a sentence asks for when no template matches it.

    python training/train_intent.py            (about a minute on one core)

Sentences come from the grammars (sampled) and from intent_sentences.py.  A part of the patterns is held out, for
calibration and for the figures in models/intent.md.  Features are computed as in src/understand/classifier.rs; the
file models/intent_reference.json, which this script writes, lets a Rust test compare them.
"""

import argparse
import itertools
import json
import math
import os
import random
import re

import numpy as np
import onnx
import torch
import yaml
from onnx import TensorProto, helper

import intent_sentences as said

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GRAMS, HIDDEN, OOS = 4096, 48, "out_of_scope"
HAN = "\u4e00-\u9fff"
TOKEN = re.compile(rf"<[a-z_:]+>|[{HAN}]|[a-z]+|[0-9.]+|[%°]")
EN_NUMBER = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety".split()
ZH_NUMBER = "零一二三四五六七八九十两"
EN_COLOR = "white red green blue yellow orange purple violet pink cyan turquoise brown black".split()
ZH_COLOR = re.compile("(白色|白光|红色|红光|绿色|绿光|蓝色|蓝光|黄色|黄光|橙色|橘色|紫色|粉红色|粉色|青色|棕色|黑色)")


# --- features, as in classifier.rs --------------------------------------------------------------------------------
def fnv(text):
    h = 0x811C9DC5
    for b in text.encode():
        h = ((h ^ b) * 0x01000193) & 0xFFFFFFFF
    return h % GRAMS


def grams(tokens):
    symbols = ["_"]
    for t in tokens:
        symbols += [t] if t.startswith("<") else list(t)
        symbols.append("_")
    keys = ["".join(symbols[i:i + n]) for n in (1, 2, 3) for i in range(len(symbols) - n + 1)]
    keys += ["w=" + t for t in tokens] + [f"b={a} {b}" for a, b in itertools.pairwise(tokens)]
    counts = {}
    for k in keys:
        counts[fnv(k)] = counts.get(fnv(k), 0.0) + 1.0
    length = math.sqrt(sum(c * c for c in counts.values())) or 1.0
    return {k: c / length for k, c in counts.items()}


def dishes():
    """What the grammars' lists of dishes say, longest first; one Chinese character is part of too many words."""
    words = set()
    for lang in ("en", "zh"):
        with open(os.path.join(ROOT, "grammars", lang, "common.yaml"), encoding="utf8") as f:
            lists = yaml.safe_load(f)["lists"]
        for name in ("dish", "rare_dish"):
            for value in lists.get(name, {}).get("values", []):
                said = value["in"] if isinstance(value, dict) else value
                words.update(said.strip("()").split("|"))
    words = sorted((w for w in words if len(w) > 1), key=len, reverse=True)
    return re.compile("|".join(w if re.match(f"[{HAN}]", w) else rf"\b{w}\b" for w in words))


def tokens(text):
    """Tokens of a sentence that may hold class tokens; numbers, colours and dishes become theirs, as in resolve.rs."""
    text = DISH.sub("<dish>", ZH_COLOR.sub("<color>", text.lower().replace("'", "")))
    out = []
    for t in TOKEN.findall(text):
        number = t in EN_NUMBER or t in ZH_NUMBER or t[0].isdigit()
        t = "<num>" if number else "<color>" if t in EN_COLOR else t
        if t == "<num>" and out and out[-1] == "<num>":
            continue
        out.append(t)
    return out


DISH = dishes()


# --- patterns ------------------------------------------------------------------------------------------------------
def expand(pattern, lang, rng):
    """One sentence of a pattern of intent_sentences.py."""
    pattern = re.sub(r"(.)\?", r"(\1|)", pattern)
    while "(" in pattern:
        pattern = re.sub(r"\(([^()]*)\)", lambda m: rng.choice(m.group(1).split("|")), pattern)
    if lang == "en":
        return re.sub(r"\b([LCFSKVDMAONHY])\b", lambda m: said.CLASS[m.group(1)], pattern)
    return re.sub(r"[LCFSKVDMAONHY]", lambda m: said.CLASS[m.group()], pattern)


class Grammar:
    """Random sentences of grammars/<lang>, with class tokens for what the home fills in."""

    def __init__(self, lang, rng):
        self.rng, self.lang, self.rules, self.lists, self.blocks = rng, lang, {}, {}, []
        folder = os.path.join(ROOT, "grammars", lang)
        for name in sorted(os.listdir(folder)):
            if name == "tests.yaml":
                continue
            with open(os.path.join(folder, name), encoding="utf8") as f:
                file = yaml.safe_load(f)
            self.rules.update(file.get("expansion_rules", {}))
            self.lists.update(file.get("lists", {}))
            for intent, body in file.get("intents", {}).items():
                self.blocks += [(intent, block) for block in body["data"]]

    def sentence(self, block):
        template = self.rng.choice(block["sentences"])
        return self.fill(template, {**self.rules, **block.get("expansion_rules", {})}, block)

    def fill(self, template, rules, block):
        for _ in range(200):
            m = re.search(r"<([a-z_]+)>", template)
            if not m or m.group(1) not in rules:
                break
            template = template[:m.start()] + "(" + rules[m.group(1)] + ")" + template[m.end():]
        template = template.replace("[", "(|").replace("]", ")")
        while "(" in template:
            template = re.sub(r"\(([^()]*)\)", lambda m: self.rng.choice(m.group(1).split("|")), template)
        template = self.rng.choice(template.split("|"))
        return re.sub(r"\{([^}]*)\}", lambda m: self.slot(m.group(1).split(":")[0], block), template)

    def slot(self, name, block):
        if name in ("area", "floor"):
            return f"<{name}>"
        if name == "name":
            wanted = block.get("requires_context", {}).get("domain")
            banned = block.get("excludes_context", {}).get("domain", [])
            wanted = [wanted] if isinstance(wanted, str) else wanted or ["light", "fan", "switch", "climate"]
            known = [d for d in wanted if d not in banned]
            return f"<name:{self.rng.choice(known)}>" if known else "WILD"
        if name in ("dish", "rare_dish"):
            return "<dish>"
        entry = {**self.lists, **block.get("lists", {})}[name]
        if entry.get("wildcard"):
            return "WILD"
        if "range" in entry:
            return "<num>"
        value = self.rng.choice(entry["values"])
        value = str(value["in"] if isinstance(value, dict) else value)
        return self.fill(value, self.rules, block)


# --- data ----------------------------------------------------------------------------------------------------------
PREFIX = {"en": ["", "", "", "", "please ", "could you ", "hey ", "i want you to "], "zh": ["", "", "", "", "请", "帮我", "麻烦你", "能不能"]}
SUFFIX = {"en": ["", "", "", "", " please", " thanks", " for me"], "zh": ["", "", "", "", "吧", "好吗", "啊"]}


def damage(toks, rng):
    """A word dropped, doubled or misspelt: what recognisers do.  Class tokens stay."""
    plain = [i for i, t in enumerate(toks) if not t.startswith("<")]
    if len(plain) < 3:
        return toks
    toks, i = list(toks), rng.choice(plain)
    kind = rng.random()
    if kind < 0.4 and toks[i] in ("the", "a", "to", "in", "of", "my", "is", "be", "at", "的", "了", "在", "里", "是", "把"):
        del toks[i]
    elif kind < 0.5:
        toks.insert(i, toks[i])
    elif len(toks[i]) > 4:
        k = rng.randrange(1, len(toks[i]) - 1)
        toks[i] = toks[i][:k] + rng.choice("aeiourstln") + toks[i][k + 1:]
    return toks


def split_patterns(patterns, key):
    """Whole patterns to train (70 %), calibrate (15 %) and test (15 %); always the same ones."""
    patterns = list(patterns)
    random.Random(key).shuffle(patterns)
    a, b = max(1, round(len(patterns) * 0.15)), max(2, round(len(patterns) * 0.3))
    return patterns[b:], patterns[:a], patterns[a:b]


def build(rng):
    """{'train'|'calibrate'|'test': [(lang, intent, tokens)]}; the words of commands, trained and held out."""
    data, words, held_out = {"train": [], "calibrate": [], "test": []}, {}, {}
    for lang, table, other, unknown in [("en", said.EN, said.EN_OTHER, said.EN_UNKNOWN), ("zh", said.ZH, said.ZH_OTHER, said.ZH_UNKNOWN)]:
        grammar = Grammar(lang, rng)
        known = sorted(table)
        in_scope = []
        for intent, block in grammar.blocks:
            label = intent if intent in known else OOS if intent.startswith("Hass") else intent
            if label not in known:
                label = OOS  # shopping lists, calls, messages: their free words are for the templates
            for _ in range(100):
                t = grammar.sentence(block)
                if "WILD" not in t:
                    add(data["train"], lang, label, t, rng)
                    in_scope.append((label, t))
        for intent in known:
            parts = zip(("train", "calibrate", "test"), split_patterns(table[intent], lang + intent))
            for part, patterns in parts:
                for p in patterns:
                    for _ in range(40 if part == "train" else 8):
                        t = expand(p, lang, rng)
                        add(data[part], lang, intent, t, rng, part == "train")
                        if part == "train":
                            in_scope.append((intent, t))
                        for w in tokens(t):
                            held_out[w] = held_out.get(w, 0) + 1
        for label, t in in_scope:
            if label != OOS:
                for w in tokens(t):
                    words[w] = words.get(w, 0) + 1
        for part, patterns in zip(("train", "calibrate", "test"), split_patterns(other, lang)):
            for p in patterns:
                for _ in range(30 if part == "train" else 8):
                    add(data[part], lang, OOS, expand(p, lang, rng), rng, part == "train", polite=False)
        unknown = random.Random(lang).sample(unknown, len(unknown))
        cut = len(unknown) * 7 // 10
        for part, names, n in (("train", unknown[:cut], 6000), ("calibrate", unknown[cut::2], 300), ("test", unknown[cut + 1::2], 300)):
            for _ in range(n):
                label, t = rng.choice(in_scope)
                spots = [m.span() for m in re.finditer(r"<(area|name:[a-z]+|floor)>", t)]
                if label != OOS and spots:
                    i, j = rng.choice(spots)
                    add(data[part], lang, OOS, t[:i] + rng.choice(names) + t[j:], rng, False)
        every = sorted({w for _, t in in_scope for w in tokens(t)})
        for part, n in (("train", 4000), ("calibrate", 200), ("test", 200)):  # words of the house in no order
            for _ in range(n):
                data[part].append((lang, OOS, rng.sample(every, rng.randint(1, 6))))
        data["train"] += [(lang, OOS, t) for t in everyday(lang, rng, 5000)]
        data["test"] += [(lang, OOS, t) for t in everyday(lang, rng, 400)]
    for skip in list(PREFIX["en"]) + SUFFIX["en"] + PREFIX["zh"] + SUFFIX["zh"]:
        for w in tokens(skip):
            words[w] = words.get(w, 0) + 9
    plain = lambda counts: {w for w, n in counts.items() if n >= 3 and not w.startswith("<")}
    return data, sorted(plain(words)), sorted(plain(words) | plain(held_out))


def everyday(lang, rng, n):
    """Random runs of common words."""
    import wordfreq

    top = wordfreq.top_n_list(lang, 5000)
    return [t for t in (tokens((" " if lang == "en" else "").join(rng.choices(top, k=rng.randint(2, 7)))) for _ in range(n)) if t]


def add(out, lang, label, text, rng, noisy=True, polite=True):
    if polite:
        text = rng.choice(PREFIX[lang]) + text + rng.choice(SUFFIX[lang])
    t = tokens(text)
    if noisy and rng.random() < 0.2:
        t = damage(t, rng)
    if t:
        out.append((lang, label, t))


# --- training ------------------------------------------------------------------------------------------------------
class Data:
    def __init__(self, rows, labels):
        self.rows = rows
        feats = [grams(t) for _, _, t in rows]
        self.index = torch.tensor([k for f in feats for k in f], dtype=torch.long)
        self.value = torch.tensor([v for f in feats for v in f.values()], dtype=torch.float32)
        self.start = np.concatenate([[0], np.cumsum([len(f) for f in feats])])
        self.label = torch.tensor([labels.index(l) for _, l, _ in rows])

    def dense(self, ids):
        x = torch.zeros(len(ids), GRAMS)
        for r, i in enumerate(ids):
            a, b = self.start[i], self.start[i + 1]
            x[r, self.index[a:b]] = self.value[a:b]
        return x


def train(data, n_labels, epochs):
    model = torch.nn.Sequential(torch.nn.Linear(GRAMS, HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(HIDDEN, n_labels))
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)
    steps = epochs * (len(data.rows) // 256 + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps + 1)
    for epoch in range(epochs):
        order, total = torch.randperm(len(data.rows)).tolist(), 0.0
        for i in range(0, len(order), 256):
            ids = order[i:i + 256]
            loss = torch.nn.functional.cross_entropy(model(data.dense(ids)), data.label[ids], label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(ids)
        print(f"epoch {epoch + 1}: loss {total / len(order):.4f}", flush=True)
    return model.eval()


def logits(model, data):
    with torch.no_grad():
        return torch.cat([model(data.dense(range(i, min(i + 512, len(data.rows))))) for i in range(0, len(data.rows), 512)])


def temperature(z, y):
    """The temperature at which these logits are least surprised."""
    grid = np.exp(np.linspace(np.log(0.3), np.log(5), 120))
    return float(min(grid, key=lambda t: torch.nn.functional.cross_entropy(z / t, y).item()))


def calibration_error(p, right, bins=10):
    error = 0.0
    for k in range(bins):
        inside = (p > k / bins) & (p <= (k + 1) / bins)
        if inside.any():
            error += inside.mean() * abs(p[inside].mean() - right[inside].mean())
    return float(error)


def report(model, data, labels, temperatures, words):
    """Figures on held-out patterns; `gate` is what the Rust side does: no unknown word, confidence >= 0.6."""
    z = logits(model, data)
    lines, known = [], set(words)
    for lang in ("en", "zh"):
        rows = [i for i, r in enumerate(data.rows) if r[0] == lang]
        p = torch.softmax(z[rows] / temperatures[lang], 1).numpy()
        y, best, top = data.label[rows].numpy(), p.argmax(1), p.max(1)
        oos = labels.index(OOS)
        gate = np.array([all(t.startswith("<") or t in known for t in data.rows[i][2]) for i in rows]) & (top >= 0.6) & (best != oos)
        inside, outside = y != oos, y == oos
        lines.append(
            f"{lang}: {inside.sum()} commands, intent right {np.mean(best[inside] == y[inside]):.3f}, claimed after the gates "
            f"{gate[inside].mean():.3f}, right of the claimed {np.mean(best[inside & gate] == y[inside & gate]):.3f}; "
            f"{outside.sum()} others, refused by the model {np.mean((best[outside] == oos) | (top[outside] < 0.6)):.3f}, after the gates {1 - gate[outside].mean():.3f}; "
            f"temperature {temperatures[lang]:.2f}, calibration error {calibration_error(top, best == y):.3f}"
        )
    return lines


# --- export --------------------------------------------------------------------------------------------------------
def export(model, labels, temperatures, words, path):
    first, last = model[0], model[3]
    weights = {
        "w1": first.weight.detach().numpy().T, "b1": first.bias.detach().numpy(),
        "w2": last.weight.detach().numpy().T, "b2": last.bias.detach().numpy(),
    }
    nodes = [
        helper.make_node("Gemm", ["grams", "w1", "b1"], ["h"]), helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["z"]), helper.make_node("Softmax", ["z"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes, "intent", [helper.make_tensor_value_info("grams", TensorProto.FLOAT, [1, GRAMS])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, len(labels)])],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(w, dtype=np.float32), n) for n, w in weights.items()],
    )
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tiebreak")
    meta = {"intents": ",".join(labels), "words": " ".join(words), **{f"temperature_{k}": f"{v:.4f}" for k, v in temperatures.items()}}
    for k, v in meta.items():
        m.metadata_props.add(key=k, value=v)
    onnx.checker.check_model(m)
    onnx.save(m, path)


def reference(model, labels, path):
    """Features and answers on a few sentences, for the Rust test."""
    out = []
    for s in ["make sure the <name:light> is on", "<name:light> should be at <num> percent", "把 <name:light> 弄成 <color>", "<area> 有点暗", "good morning"]:
        t = tokens(s)
        g = grams(t)
        x = torch.zeros(1, GRAMS)
        for k, v in g.items():
            x[0, k] = v
        with torch.no_grad():
            p = torch.softmax(model(x), 1)[0]
        out.append({"tokens": t, "grams": sorted([k, round(v, 6)] for k, v in g.items()), "best": labels[int(p.argmax())], "probability": round(float(p.max()), 5)})
    with open(path, "w", encoding="utf8") as f:
        json.dump(out, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--epochs", type=int, default=6)
    args.add_argument("--seed", type=int, default=7)
    args.add_argument("--smoke", action="store_true", help="one pass over a small part of the sentences")
    args.add_argument("--out", default=os.path.join(ROOT, "models"))
    a = args.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    rng = random.Random(a.seed)
    data, words, all_words = build(rng)
    if a.smoke:
        a.epochs, data = 1, {k: v[::20] for k, v in data.items()}
    labels = sorted({l for _, l, _ in data["train"]})
    print({k: len(v) for k, v in data.items()}, len(labels), "labels,", len(words), "words", flush=True)
    sets = {k: Data(v, labels) for k, v in data.items()}
    model = train(sets["train"], len(labels), a.epochs)
    z = logits(model, sets["calibrate"])
    temperatures = {}
    for lang in ("en", "zh"):
        rows = [i for i, r in enumerate(data["calibrate"]) if r[0] == lang]
        temperatures[lang] = temperature(z[rows], sets["calibrate"].label[rows])
    for line in report(model, sets["test"], labels, temperatures, words):
        print(line)
    # What ships has also learned the patterns that the figures above were measured on.
    model = train(Data(data["train"] + 5 * (data["calibrate"] + data["test"]), labels), len(labels), a.epochs)
    os.makedirs(a.out, exist_ok=True)
    export(model, labels, temperatures, all_words, os.path.join(a.out, "intent.onnx"))
    reference(model, labels, os.path.join(a.out, "intent_reference.json"))


if __name__ == "__main__":
    main()
