#!/usr/bin/env python3
"""Intent and slots on written sentences: how many are understood, and how many of the others are refused.

    bench/understanding.py tests/data/held_out_en.yaml tests/data/held_out_zh.yaml [--show] [--tiebreak ...]

A sentence is right when the best hypothesis has the expected intent and exactly the expected slots. Reads the
form of grammars/*/tests.yaml. Needs PyYAML.
"""

import argparse
import collections
import json
import subprocess

import yaml


def load(path):
    """[(sentence, (intent, slots) or None where it must be refused)], language."""
    with open(path, encoding="utf-8") as f:
        data = yaml.safe_load(f)
    rows = [(s, (t["intent"], t.get("slots") or {})) for t in data["tests"] for s in t["sentences"]]
    return rows + [(s, None) for s in data.get("refused", [])], data["language"]


def hypotheses(tiebreak, sentences, lang):
    lines = "".join(s.replace("\n", " ") + "\n" for s in sentences)
    out = subprocess.run([tiebreak, "say", "-", "--json", "--dry-run", "--lang", lang], input=lines, stdout=subprocess.PIPE, text=True, check=False)
    receipts = [json.loads(line) for line in out.stdout.splitlines()]
    # Of several commands in one sentence the first counts.
    receipts = [r for r in receipts if (r.get("part") or {"number": 1})["number"] == 1]
    if len(receipts) != len(sentences):
        raise SystemExit(f"{len(receipts)} receipts for {len(sentences)} sentences")
    return [(r.get("hypotheses") or [None])[0] for r in receipts]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("files", nargs="+")
    a.add_argument("--tiebreak", default="target/release/tiebreak")
    a.add_argument("--show", action="store_true", help="print every sentence that went wrong")
    args = a.parse_args()
    for path in args.files:
        rows, lang = load(path)
        count = collections.Counter()
        by_intent = collections.defaultdict(collections.Counter)
        for (sentence, want), got in zip(rows, hypotheses(args.tiebreak, [s for s, _ in rows], lang)):
            if want is None:
                kind = "refused" if got is None else "not refused"
            elif got is None:
                kind = "wrongly refused"
            else:
                kind = "right" if (got["intent"], got["slots"]) == want else "wrong"
                kind = "intent right" if kind == "wrong" and got["intent"] == want[0] else kind
            count[kind] += 1
            if want:
                by_intent[want[0]][kind] += 1
            if args.show and kind not in ("right", "refused"):
                print(f"{kind:16} {sentence!r} wanted {want} got {got and (got['intent'], got['slots'], got['via'])}")
        inside = sum(count[k] for k in ("right", "intent right", "wrong", "wrongly refused"))
        outside = count["refused"] + count["not refused"]
        print(f"\n{path}: {inside} commands, {count['right'] / inside:.1%} right, intent alone {(count['right'] + count['intent right']) / inside:.1%}, "
              f"wrongly refused {count['wrongly refused'] / inside:.1%}; {outside} others, refused {count['refused'] / max(1, outside):.1%}")
        for intent, c in sorted(by_intent.items(), key=lambda p: p[1]["right"] / sum(p[1].values())):
            print(f"  {intent:28} {c['right']:4} / {sum(c.values()):4}")


if __name__ == "__main__":
    main()
