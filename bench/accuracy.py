#!/usr/bin/env python3
"""Replays a folder of recordings with sidecars and counts what came out right.

    bench/accuracy.py audio-fixtures [--realtime] [--tiebreak target/release/tiebreak] [-- REPLAY FLAGS]

A recording is right when everything that its sidecar's [expect] names is so in the receipt (for files with
several receipts: in the last one that is no `none`). Prints right / all by kind, language and voice, word
error rate, and latencies. Needs only Python 3.11.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tomllib


def sidecars(folder):
    for path in sorted(pathlib.Path(folder).glob("*.toml")):
        sound = next((s for e in (".flac", ".wav") if (s := path.with_suffix(e)).exists()), None)
        if sound:
            yield sound, tomllib.loads(path.read_text(encoding="utf-8"))


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
    """English words and single Chinese characters, without punctuation."""
    return re.findall(r"[a-z']+|[\u4e00-\u9fff]", text.lower())


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(p / 100 * len(values)))] if values else float("nan")


def table(title, counts):
    print(f"\n{title}")
    for name, (right, total) in sorted(counts.items()):
        print(f"  {name:28} {right:4} / {total:<4} {100 * right / total:5.1f} %")


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("folder")
    a.add_argument("--tiebreak", default="target/release/tiebreak")
    a.add_argument("--realtime", action="store_true")
    a.add_argument("--ignore", default="", help="expectations not to check, comma-separated (wake,handler with --no-wake)")
    a.add_argument("--show", action="store_true", help="print what went wrong, file by file")
    args, more = a.parse_known_args()
    cases = list(sidecars(args.folder))
    if not cases:
        sys.exit(f"{args.folder}: no recording with a sidecar (NAME.flac or NAME.wav beside NAME.toml)")
    cmd = [args.tiebreak, "replay", "--json", *(["--realtime"] if args.realtime else []), *[m for m in more if m != "--"]]
    out = subprocess.run([*cmd, *[str(s) for s, _ in cases]], stdout=subprocess.PIPE, check=False)
    receipts = collections.defaultdict(list)
    for line in out.stdout.splitlines():
        r = json.loads(line)
        receipts[r["source"]].append(r)
    by = {k: collections.defaultdict(lambda: [0, 0]) for k in ("kind", "language", "voice", "condition")}
    errors, spoken, felt, decision = 0, 0, [], []
    for sound, side in cases:
        mine = receipts.get(sound.name, [])
        r = next((r for r in reversed(mine) if r["verdict"]["kind"] != "none"), mine[-1] if mine else None)
        expect = {k: v for k, v in side.get("expect", {}).items() if k not in args.ignore.split(",")}
        bad = ["no receipt"] if r is None else wrong(expect, r)
        keys = {"kind": side["kind"], "language": f"{side.get('lang', '-')} {side['kind']}", "voice": side.get("voice", "?"), "condition": side.get("condition", "-")}
        for k, v in keys.items():
            by[k][v][0] += not bad
            by[k][v][1] += 1
        heard = ((r or {}).get("transcript") or {}).get("text", "")
        if side["kind"] == "command":
            said = side.get("command_text") or re.sub(r"^(hey siri|computer|天猫精灵)[ ,，]*", "", side["text"].lower())
            errors += edits(words(said), words(heard))
            spoken += len(words(said))
        if bad and args.show:
            print(f"{sound.name}: wrong {', '.join(bad)}; said {side.get('text')!r}, heard {heard!r}")
        for receipt in mine:
            latency = receipt.get("latency_ms", {})
            if latency.get("felt") is not None:
                # From the true end of speech where the sidecar knows it, else from the endpointer's.
                shift = receipt["timeline_ms"]["speech_end"] - side.get("speech_end_ms", receipt["timeline_ms"]["speech_end"])
                felt.append(latency["felt"] + shift)
            if latency.get("decision") is not None:
                decision.append(latency["decision"])
    for name, counts in by.items():
        table(f"right / all by {name}", counts)
    if spoken:
        print(f"\nword errors in commands: {errors} / {spoken} = {100 * errors / spoken:.1f} %")
    for name, values in (("felt latency (true end of speech to broker)", felt), ("decision", decision)):
        print(f"{name}: p50 {percentile(values, 50):.1f} ms, p95 {percentile(values, 95):.1f} ms, n {len(values)}")


if __name__ == "__main__":
    main()
