#!/usr/bin/env python3
"""Replays a folder of recordings with sidecars and counts what came out right.

    bench/accuracy.py FOLDER [--false-alarms WHERE] [--write docs] [-- REPLAY FLAGS]

    bench/accuracy.py audio-fixtures --show -- --dry-run
    bench/accuracy.py target/conditions --false-alarms ../shared/data/speech/manifest.tsv --write docs -- --dry-run

A recording is right when everything that its sidecar's [expect] names is so in the receipt (for files with
several receipts: in the last one that is no `none`).  What the figures mean stands in bench/README.md.
Needs Python 3.11 alone; --false-alarms and --write need bench/requirements.txt.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import tomllib

import report


def sidecars(folder):
    for path in sorted(pathlib.Path(folder).glob("*.toml")):
        sound = next((s for e in (".flac", ".wav") if (s := path.with_suffix(e)).exists()), None)
        if sound:
            yield sound, tomllib.loads(path.read_text(encoding="utf-8"))


def replay(tiebreak, sounds, flags):
    """The receipts of every file, by its name."""
    receipts = collections.defaultdict(list)
    with subprocess.Popen([tiebreak, "replay", "--json", *flags, *map(str, sounds)], stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            r = json.loads(line)
            receipts[r["source"]].append(r)
            if sys.stderr.isatty():
                print(f"\r{len(receipts)} of {len(sounds)} recordings", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    if process.returncode:
        sys.exit(f"{tiebreak} replay failed ({process.returncode}); figures of half a run would mislead")
    return receipts


def wrong(expect, receipt):
    """The names of the expectations that do not hold."""
    best = (receipt.get("hypotheses") or [{}])[0]
    command = receipt.get("command") or {}
    got = {
        "verdict": receipt["verdict"]["kind"],
        "wake": (receipt.get("wake") or {}).get("word"),
        "intent": best.get("intent"),
        "slots": best.get("slots"),
        "handler": receipt["verdict"].get("handler"),
        "topic": command.get("topic"),
        "payload": command.get("payload"),
    }
    # wake = "none": nothing may wake.
    return [k for k, v in expect.items() if not same(None if (k, v) == ("wake", "none") else v, got[k])]


def same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return abs(a - b) < 1e-6
    return a == b


def words(text):
    """English words, numbers and single Chinese characters, without punctuation."""
    return re.findall(r"[a-z']+|[0-9]+|[\u4e00-\u9fff]", text.lower())


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@dataclasses.dataclass
class Result:
    """One recording: what its sidecar says, and what came of it."""

    name: str
    side: dict
    bad: list  # expectations that do not hold
    verdict: str | None
    heard: str
    called: str | None  # the wake word that is spoken; None: none is, or wake words are not checked
    woke: bool  # by the right word
    errors: int  # in words, against what is said after the wake word
    spoken: int
    felt: list  # ms
    decision: list

    @property
    def is_command(self):
        return self.side["kind"] == "command"

    @property
    def is_out_of_domain(self):
        return self.side["kind"] in ("speech_without_command", "unknown_room")

    @property
    def heard_at_all(self):
        """The speech recogniser had its chance."""
        return self.woke or self.called is None

    @property
    def acted_wrongly(self):
        return self.verdict == "award" and bool({"verdict", "intent", "slots", "topic"} & set(self.bad))


def judge(sound, side, receipts, ignore):
    r = next((r for r in reversed(receipts) if r["verdict"]["kind"] != "none"), receipts[-1] if receipts else None)
    expect = {k: v for k, v in side.get("expect", {}).items() if k not in ignore}
    called = expect.get("wake", "none")
    said = side.get("command_text") or re.sub(r"^(hey siri|computer|天猫精灵)[ ,，]*", "", side.get("text", "").lower())
    heard = ((r or {}).get("transcript") or {}).get("text", "")
    felt, decision = [], []
    for receipt in receipts:
        latency = receipt.get("latency_ms", {})
        if latency.get("felt") is not None:
            # From the true end of speech where the sidecar knows it, else from the endpointer's.
            shift = receipt["timeline_ms"]["speech_end"] - side.get("speech_end_ms", receipt["timeline_ms"]["speech_end"])
            felt.append(latency["felt"] + shift)
        if latency.get("decision") is not None:
            decision.append(latency["decision"])
    return Result(
        name=sound.name, side=side, bad=["no receipt"] if r is None else wrong(expect, r), verdict=r and r["verdict"]["kind"], heard=heard,
        called=None if called == "none" else called, woke=any((x.get("wake") or {}).get("word") == called for x in receipts),
        errors=edits(words(said), words(heard)), spoken=len(words(said)), felt=felt, decision=decision,
    )


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("folder")
    a.add_argument("--tiebreak", default="target/release/tiebreak")
    a.add_argument("--realtime", action="store_true")
    a.add_argument("--ignore", default="", help="expectations not to check, comma-separated (wake,handler with --no-wake)")
    a.add_argument("--show", action="store_true", help="print what went wrong, file by file")
    a.add_argument("--false-alarms", metavar="WHERE", help="also count wakes in speech without wake words: a folder of it, or a manifest.tsv")
    a.add_argument("--hours", type=float, help="at most so much of it, spread evenly")
    a.add_argument("--write", metavar="DIR", help="also write accuracy.md and accuracy.png there")
    args, more = a.parse_known_args()
    flags = [m for m in more if m != "--"]
    cases = list(sidecars(args.folder))
    if not cases:
        sys.exit(f"{args.folder}: no recording with a sidecar (NAME.flac or NAME.wav beside NAME.toml)")
    receipts = replay(args.tiebreak, [s for s, _ in cases], [*(["--realtime"] if args.realtime else []), *flags])
    results = [judge(sound, side, receipts[sound.name], args.ignore.split(",")) for sound, side in cases]
    if args.show:
        for r in results:
            if r.bad:
                print(f"{r.name}: wrong {', '.join(r.bad)}; said {r.side.get('text')!r}, heard {r.heard!r}")
    tables = report.tables(results)
    if args.false_alarms:
        import false_alarms

        alarms = false_alarms.listen(args.false_alarms, lambda sounds: replay(args.tiebreak, sounds, flags), args.hours)
        tables.insert(1, false_alarms.table(alarms))
        if args.show:
            for word, where in (w for a in alarms for w in a.wakes):
                print(f"false alarm: {word} at {where}")
    for table in tables:
        print(f"\n{table}")
    if args.write:
        print(f"\nwritten: {report.write(args.write, args.folder, args.tiebreak, tables, results)}")


if __name__ == "__main__":
    main()
