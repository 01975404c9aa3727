#!/usr/bin/env python3
"""Understanding under the recogniser's own errors: sentences with 10 % of their words misheard.

    bench/misheard.py measure audio-fixtures [target/conditions ...]    # writes bench/confusions.json
    bench/misheard.py tests/data/held_out_en.yaml tests/data/held_out_zh.yaml [--rate 0.1] [--rounds 3]

`measure` replays recordings with known words through `tiebreak replay --dry-run`, aligns what was heard with what was
said (English words, Chinese characters), and counts which words were replaced by which, lost and added.  Left out are
recordings of which more than half came out wrong, because nothing in them tells which word was heard as which, and what
is left of a wake phrase before the first word.  The other form
makes each word of a sentence wrong with probability `rate`: in the proportions of replaced, lost and added words that
were measured, lost words in runs as long as those measured; a replaced word becomes what it was heard as, where that was measured, and else a word of the grammars
that sounds like it, the likelier the closer: by edit distance over the recogniser's phones (models/english.lexicon), or
by pinyin without tones.  The same seed gives the same sentences.  Prints totals only.  Needs PyYAML and pypinyin.
"""

import argparse
import collections
import functools
import json
import random
import re
import sys
from pathlib import Path

import yaml

from accuracy import edits, replay, sidecars, words
from understanding import hypotheses, load

ROOT = Path(__file__).resolve().parent.parent
MODEL = Path(__file__).resolve().parent / "confusions.json"
WAKE = re.compile(r"^(hey siri|computer|天猫精灵)[ ,，]*")
# What is left of a wake phrase that was cut is no word of the command.
WAKE_WORDS = ("computer", "hey", "siri", "heysiri", "tian", "mao", "jing", "ling", "天", "猫", "精", "灵")
# Sounds that differ least, for words whose confusions were not seen.
INITIALS = [{"zh", "z", "j"}, {"ch", "c", "q"}, {"sh", "s", "x"}, {"n", "l"}, {"f", "h"}, {"b", "p"}, {"d", "t"}, {"g", "k"}, {"r", "l"}]
FINALS = [{"an", "ang"}, {"en", "eng"}, {"in", "ing"}, {"ian", "iang"}, {"uan", "uang"}, {"o", "uo", "e"}, {"ai", "ei"}, {"ong", "eng"}, {"u", "v"}, {"i", "in"}]


def measure(folders, tiebreak, flags):
    model = {lang: {"said": 0, "replaced": 0, "lost": 0, "lost_in_a_row": 0, "added": 0, "added_at_an_end": 0, "pairs": {}, "additions": {}} for lang in ("en", "zh")}
    garbled = 0
    for folder in folders:
        cases = [(sound, side) for sound, side in sidecars(folder) if side.get("kind") == "command"]
        receipts = replay(tiebreak, [sound for sound, _ in cases], ["--dry-run", *flags])
        for sound, side in cases:
            heard = [r["transcript"]["text"] for r in receipts[sound.name] if (r.get("transcript") or {}).get("text")]
            if not heard:
                continue
            said = words(side.get("command_text") or WAKE.sub("", side["text"].lower()))
            m = model[side["lang"]]
            pairs = aligned(said, words(WAKE.sub("", heard[-1].lower())))
            while pairs and pairs[0][0] is None and any(edits(pairs[0][1], w) <= len(w) // 2 for w in WAKE_WORDS):
                del pairs[0]
            if 2 * sum(a != b for a, b in pairs) > len(said):
                garbled += 1
                continue
            m["said"] += len(said)
            for i, (a, b) in enumerate(pairs):
                if a and b and a != b:
                    m["replaced"] += 1
                    pair = m["pairs"].setdefault(a, {})
                    pair[b] = pair.get(b, 0) + 1
                elif a and not b:
                    m["lost"] += 1
                    m["lost_in_a_row"] += i > 0 and not pairs[i - 1][1]
                elif b and not a:
                    m["added"] += 1
                    m["added_at_an_end"] += not any(x for x, _ in pairs[:i]) or not any(x for x, _ in pairs[i:])
                    m["additions"][b] = m["additions"].get(b, 0) + 1
    print(f"{garbled} recordings of which more than half came out wrong are left out")
    for lang, m in model.items():
        wrong = m["replaced"] + m["lost"] + m["added"]
        print(f"{lang}: {m['said']} words said, {wrong / max(1, m['said']):.1%} wrong: {m['replaced']} replaced, {m['lost']} lost, {m['added']} added")
    MODEL.write_text(json.dumps(model, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf8")


def aligned(a, b):
    """Pairs of words, None where one has none."""
    cost = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost[i][j] = min(cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
    pairs, i, j = [], len(a), len(b)
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((a[i], b[j]))
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            pairs.append((a[i], None))
        else:
            j -= 1
            pairs.append((None, b[j]))
    return pairs[::-1]


class Mishears:
    """Makes words wrong as the recogniser does."""

    def __init__(self, lang, rng):
        self.lang, self.rng = lang, rng
        self.model = json.loads(MODEL.read_text("utf8"))[lang]
        text = "".join(path.read_text("utf8") for path in sorted((ROOT / "grammars" / lang).glob("*.yaml")))
        house = (ROOT / "audio-fixtures/home.toml").read_text("utf8")
        self.vocabulary = sorted(set(re.findall(r"[a-z']{2,}" if lang == "en" else "[\u4e00-\u9fff]", text + house)))
        if lang == "en":
            self.sounds = lexicon()
            self.vocabulary = [w for w in self.vocabulary if w in self.sounds]

    def sentence(self, text, rate):
        """The sentence as heard, how many of its words are wrong, how many words it has."""
        said, wrong, out = re.findall(r"[a-z']+|[0-9.%°]+|[\u4e00-\u9fff]", text.lower()), 0, []
        shares = self.shares()
        # Words are lost in runs, so runs begin more rarely than words are lost.
        go_on = self.model["lost_in_a_row"] / (self.model["lost"] + 1)
        starts = rate / (1 + shares[1] / sum(shares) * go_on / (1 - go_on))
        losing = False
        for word in said:
            if losing and self.rng.random() < go_on:
                wrong += 1
                continue
            losing = False
            if self.rng.random() >= starts:
                out.append(word)
                continue
            kind = self.rng.choices(("replaced", "lost", "added"), shares)[0]
            losing = kind == "lost"
            other = self.other(word) if kind == "replaced" else None
            if kind == "lost":
                wrong += 1
            elif kind == "replaced" and other != word:
                wrong += 1
                out.append(other)
            else:  # added, or a number, which has no neighbour
                wrong += 1
                at_an_end = (self.model["added_at_an_end"] + 1) / (self.model["added"] + 2)
                ends = self.rng.random() < at_an_end
                where = self.rng.choice((0, None)) if ends else len(out)
                out.append(word)
                out.insert(len(out) if where is None else where, self.addition())
        return " ".join(out), wrong, len(said)

    def shares(self):
        """Of wrong words: replaced, lost, added; by what happened first, for runs of lost words."""
        m = self.model
        return [m["replaced"] + 1, m["lost"] - m["lost_in_a_row"] + 1, m["added"] + 1]

    def other(self, word):
        seen = self.model["pairs"].get(word)
        if seen and self.rng.random() < 0.5:
            return self.rng.choices(list(seen), list(seen.values()))[0]
        near = self.near(word)
        return self.rng.choices([w for w, _ in near], [w for _, w in near])[0] if near else word

    def addition(self):
        seen = self.model["additions"] or {"the" if self.lang == "en" else "的": 1}
        return self.rng.choices(list(seen), list(seen.values()))[0]

    @functools.cache
    def near(self, word):
        """The eight words that sound most like it, with weights."""
        if self.lang == "en":
            sound = self.sounds.get(word)
            if not sound:
                return []
            distance = lambda other: min(edits(a, b) / max(len(a), len(b)) for a in sound[:1] for b in self.sounds[other])
        else:
            if not re.match("[\u4e00-\u9fff]", word):
                return []
            sound = pinyin(word)
            distance = lambda other: unlike(sound, pinyin(other))
        ranked = sorted(((distance(w), w) for w in self.vocabulary if w != word))[:8]
        return [(w, 0.1 ** (2 * d)) for d, w in ranked]


def lexicon():
    out = {}
    for line in (ROOT / "models/english.lexicon").read_text("utf8").split("[rules]")[0].splitlines():
        if "\t" in line:
            word, *readings = line.split("\t")
            out[word] = [r.split() for r in readings]
    return out


@functools.cache
def pinyin(character):
    from pypinyin import Style, lazy_pinyin

    initial = lazy_pinyin(character, style=Style.INITIALS, strict=False)[0]
    final = lazy_pinyin(character, style=Style.FINALS, strict=False)[0]
    return initial, final


def unlike(a, b):
    """0 for the same syllable, 0.3 for each neighbouring half, 0.5 for each other half that differs."""
    near = lambda x, y, sets: 0 if x == y else 0.3 if any({x, y} <= s for s in sets) else 0.5
    return near(a[0], b[0], INITIALS) + near(a[1], b[1], FINALS)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("files", nargs="+", help="files of sentences, or `measure` and folders of recordings")
    a.add_argument("--tiebreak", default="target/release/tiebreak")
    a.add_argument("--rate", type=float, default=0.1)
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--seed", type=int, default=7)
    a.add_argument("--show", action="store_true", help="print what went wrong (never for held-out sentences)")
    args = a.parse_args()
    if args.files[0] == "measure":
        measure(args.files[1:], args.tiebreak, [])
        return
    for path in args.files:
        rows, lang = load(path)
        mishears = Mishears(lang, random.Random(args.seed))
        count, wrong, total = collections.Counter(), 0, 0
        for _ in range(args.rounds):
            heard = []
            for sentence, _ in rows:
                text, errors, length = mishears.sentence(sentence, args.rate)
                heard.append(text or "-")
                wrong, total = wrong + errors, total + length
            for (sentence, want), text, got in zip(rows, heard, hypotheses(args.tiebreak, heard, lang)):
                kind = ("refused" if got is None else "not refused") if want is None else "wrongly refused" if got is None else "right" if (got["intent"], got["slots"]) == want else "wrong"
                count[kind] += 1
                if args.show and kind in ("wrong", "wrongly refused"):
                    print(f"{kind:16} {sentence!r} heard as {text!r} got {got and (got['intent'], got['slots'])}")
        inside = count["right"] + count["wrong"] + count["wrongly refused"]
        outside = count["refused"] + count["not refused"]
        print(
            f"{path}: {wrong / total:.1%} of words wrong; {inside} commands, {count['right'] / inside:.1%} right, {count['wrong'] / inside:.1%} taken for "
            f"another, {count['wrongly refused'] / inside:.1%} refused; {outside} others, {count['refused'] / max(1, outside):.1%} refused"
        )


if __name__ == "__main__":
    sys.exit(main())
