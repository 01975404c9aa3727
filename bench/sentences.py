#!/usr/bin/env python3
"""The sentences that make_conditions.py speaks (sentences.tsv), and their check.

    python bench/sentences.py [--tiebreak target/release/tiebreak]

Checks that every command is understood rightly *when written*, so that a recording of it measures hearing alone,
that out-of-domain sentences are refused when written, and that none is one that a model learnt from or was tuned on:
no template of training/corpus.py makes it, what that samples from the grammars leaves its pattern out, and it stands
neither in the grammars' tests nor in audio-fixtures/.
"""

import argparse
import csv
import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
HOME = ROOT / "audio-fixtures/home.toml"


@dataclasses.dataclass(frozen=True)
class Sentence:
    lang: str
    kind: str  # as in the sidecar: command, speech_without_command, unknown_room
    text: str
    intent: str
    slots: dict

    @property
    def verdict(self):
        """What it must come to: what lets somebody in is asked about."""
        thing = self.slots.get("name", self.slots.get("domain", ""))
        lets_in = {"HassTurnOff": thing.split(".")[0] == "lock", "HassTurnOn": thing == "cover.garage_door"}
        return "none" if not self.intent else "ask" if lets_in.get(self.intent) else "award"


def load():
    with open(HERE / "sentences.tsv", encoding="utf-8") as f:
        return [Sentence(**{**r, "slots": json.loads(r["slots"] or "{}")}) for r in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)]


def misunderstood(sentences, tiebreak):
    """What `tiebreak say` makes of each sentence, where that is not what stands here."""
    out = subprocess.run(
        [tiebreak, "say", "-", "--json", "--dry-run", "--home", str(HOME)],
        input="\n".join(s.text for s in sentences), text=True, stdout=subprocess.PIPE, check=True,
    )
    receipts = [json.loads(line) for line in out.stdout.splitlines()]
    assert len(receipts) == len(sentences), "one receipt for each sentence"
    for s, r in zip(sentences, receipts):
        best = (r.get("hypotheses") or [{}])[0]
        got = (r["verdict"]["kind"], best.get("intent", ""), best.get("slots", {}))
        if got != (s.verdict, s.intent, s.slots):
            yield s, got


def templates():
    """A regular expression for each language: all that training/corpus.py can say of a home."""
    sys.path.insert(0, str(ROOT / "training"))
    import corpus

    out = {}
    for lang, lines, slots in (("en", corpus.EN_TEMPLATES, corpus.EN_SLOTS), ("zh", corpus.ZH_TEMPLATES, corpus.ZH_SLOTS)):
        said = [re.sub(r"\{(\w+)\}", lambda m: "(" + "|".join(slots[m[1]]) + ")", line) for line in lines]
        out[lang] = re.compile("|".join(said))
    return out


def known():
    """The sentences of the grammars' tests and of the fixtures."""
    import yaml

    sys.path.insert(0, str(ROOT / "audio-fixtures"))
    import plan

    out = {c[2] for c in plan.COMMANDS_EN + plan.COMMANDS_ZH} | {c[3] for c in plan.UNKNOWN_ROOM + plan.CHAT}
    for lang in ("en", "zh"):
        tests = yaml.safe_load((ROOT / f"grammars/{lang}/tests.yaml").read_text(encoding="utf-8"))
        out |= {s for t in tests["tests"] for s in t["sentences"]} | set(tests["refused"])
    return {plain(s) for s in out}


def plain(text):
    return re.sub(r"[^\w ]", "", text.lower()).strip()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--tiebreak", default=str(ROOT / "target/release/tiebreak"))
    sentences, faults = load(), []
    faults += [f"{s.text}: written, it gives {got}" for s, got in misunderstood(sentences, a.parse_args().tiebreak)]
    learnt, seen = templates(), known()
    import corpus

    left_out = lambda s: corpus.held_out_patterns(s.lang).search(corpus.pattern(s.text, s.lang))
    faults += [f"{s.text}: training/corpus.py may sample its pattern from the grammars" for s in sentences if not left_out(s)]
    faults += [f"{s.text}: training/corpus.py can say it" for s in sentences if learnt[s.lang].fullmatch(s.text)]
    faults += [f"{s.text}: it is in the grammars' tests or in audio-fixtures/" for s in sentences if plain(s.text) in seen]
    faults += [f"{s.text}: stands here twice" for i, s in enumerate(sentences) if s.text in {t.text for t in sentences[:i]}]
    print("\n".join(faults) or f"{len(sentences)} sentences, all as they should be")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
