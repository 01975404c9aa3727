#!/usr/bin/env python3
"""Tiebreak's understanding against hassil (PyPI), Home Assistant's own: the same templates, sentences and house.

    pip install hassil PyYAML
    bench/against_hassil.py [--tiebreak target/release/tiebreak] [--per-language 150]

hassil gets the shipped grammars, with our `opening_words` and `closing_words` among its `skip_words`; both get the positive test sentences
of the grammars, in a shuffled order that the seed fixes. Its time is that of `recognize_best` alone; ours is the
whole of `tiebreak say -` (understanding, auction, receipt, JSON) over the sentences repeated until loading no longer
counts, so the ratio is to our disadvantage. Prints totals only.
"""

import argparse
import json
import random
import re
import subprocess
import time
import tomllib
from pathlib import Path

import yaml
from hassil.intents import Intents, TextSlotList
from hassil.recognize import recognize_best

ROOT = Path(__file__).resolve().parent.parent
REPEATS = 5


class Loader(yaml.SafeLoader):
    """YAML 1.2, as ours and Home Assistant's: `on`, `off`, `yes` and `no` are words."""


Loader.yaml_implicit_resolvers = {k: [(tag, r) for tag, r in v if not tag.endswith(":bool")] for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


def grammar(lang):
    merged = {"language": lang, "intents": {}, "lists": {}, "expansion_rules": {}, "skip_words": []}
    for path in sorted((ROOT / "grammars" / lang).glob("*.yaml")):
        file = yaml.load(path.read_text("utf8"), Loader)
        if path.stem == "tests":
            continue
        for intent, body in file.get("intents", {}).items():
            merged["intents"].setdefault(intent, {"data": []})["data"] += body["data"]
        merged["lists"].update(file.get("lists", {}))
        merged["expansion_rules"].update(file.get("expansion_rules", {}))
        merged["skip_words"] += file.get("skip_words", []) + file.get("opening_words", []) + file.get("closing_words", [])
    # It takes the first skip word that fits, we take any.
    merged["skip_words"].sort(key=len, reverse=True)
    return Intents.from_dict(merged)


def house(lang):
    home = tomllib.loads((ROOT / "audio-fixtures" / "home.toml").read_text("utf8"))

    def slot_list(name, things, context):
        return TextSlotList.from_tuples(((said, thing["id"], context(thing)) for thing in things for said in thing["name"][lang]), name=name)

    return {
        "name": slot_list("name", home["entity"], lambda e: {"domain": e["id"].split(".")[0]}),
        "area": slot_list("area", home["area"], lambda _: {}),
        "floor": slot_list("floor", home["floor"], lambda _: {}),
    }


def number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def same(intent, slots, want):
    return intent == want[0] and {k: number(v) for k, v in slots.items()} == {k: number(v) for k, v in want[1].items()}


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--tiebreak", default="target/release/tiebreak")
    args.add_argument("--per-language", type=int, default=150)
    args.add_argument("--seed", type=int, default=7)
    a = args.parse_args()
    for lang in ("en", "zh"):
        tests = yaml.safe_load((ROOT / "grammars" / lang / "tests.yaml").read_text("utf8"))["tests"]
        rows = [(str(s), (t["intent"], t.get("slots") or {})) for t in tests for s in t["sentences"]]
        random.Random(a.seed).shuffle(rows)
        rows = rows[: a.per_language]

        intents, lists = grammar(lang), house(lang)
        recognize_best(rows[0][0], intents, slot_lists=lists)  # what it prepares once is not counted
        theirs, right = 0.0, 0
        for sentence, want in rows:
            start = time.perf_counter()
            found = recognize_best(sentence, intents, slot_lists=lists, best_metadata_key=None)
            theirs += time.perf_counter() - start
            right += bool(found) and same(found.intent.name, {e.name: e.value for e in found.entities_list}, want)

        def say(sentences):
            lines = "".join(s.replace("\n", " ") + "\n" for s in sentences)
            start = time.perf_counter()
            out = subprocess.run([a.tiebreak, "say", "-", "--json", "--dry-run", "--lang", lang], input=lines, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
            receipts = [json.loads(line) for line in out.splitlines()]
            return time.perf_counter() - start, [r for r in receipts if (r.get("part") or {"number": 1})["number"] == 1]

        sentences = [s for s, _ in rows]
        once, receipts = say(sentences)
        often, _ = say(sentences * (REPEATS + 1))
        ours = (often - once) / REPEATS
        firsts = [(r.get("hypotheses") or [None])[0] for r in receipts]
        our_right = sum(bool(h) and same(h["intent"], h["slots"], want) for h, (_, want) in zip(firsts, rows))
        print(
            f"{lang}, {len(rows)} sentences: hassil {right / len(rows):.1%} right, {1000 * theirs / len(rows):.2f} ms each; "
            f"Tiebreak {our_right / len(rows):.1%} right, {1000 * ours / len(rows):.3f} ms each: {theirs / ours:.0f} times as fast",
            flush=True,
        )


if __name__ == "__main__":
    main()
