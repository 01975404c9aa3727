"""Tables and a plot of what accuracy.py found: on the terminal, as Markdown, as PNG."""

import dataclasses
import math
import pathlib
import shlex
import subprocess
import sys

LANGUAGES = {"en": "English", "zh": "Mandarin", "es": "Spanish", "-": "unknown"}


@dataclasses.dataclass
class Table:
    title: str
    header: list
    rows: list
    note: str = ""

    def __str__(self):
        """Markdown, its columns aligned."""
        rows = [[str(c) for c in r] for r in [self.header, *self.rows]]
        widths = [max(len(r[i]) for r in rows) for i in range(len(self.header))]
        rows.insert(1, ["-" * w for w in widths])
        lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(r, widths)) + " |" for r in rows]
        return "\n".join([f"## {self.title}", "", *([self.note, ""] if self.note else []), *lines])


def interval(right, total, z=1.96):
    """Wilson's 95 % interval of a share, as two shares."""
    if not total:
        return 0.0, 1.0
    p, n = right / total, total
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


def share(part, total):
    return f"{part} / {total} = {100 * part / total:.1f} %" if total else "-"


def understood(commands):
    """Share of commands that are right, and its 95 % interval.

    The same take in another condition is no new witness: the interval is that of so many takes, not recordings.
    """
    p = sum(not r.bad for r in commands) / len(commands)
    takes = len({(r.side.get("voice"), r.side.get("text")) for r in commands})
    return p, *interval(p * takes, takes)


def with_interval(commands):
    if not commands:
        return "-"
    _, low, high = understood(commands)
    return f"{share(sum(not r.bad for r in commands), len(commands))} ({100 * low:.0f} to {100 * high:.0f})"


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(p / 100 * len(values)))]


MEASURES = ["sentences right (95 %)", "word errors", "wrong actions", "out of domain refused", "wake words missed"]


def measures(results):
    """One cell for each of MEASURES."""
    commands = [r for r in results if r.is_command]
    awake = [r for r in commands if r.heard_at_all]
    called = [r for r in results if r.called]
    strange = [r for r in results if r.is_out_of_domain and r.heard_at_all]
    spoken = [r for r in results if r.is_command or r.is_out_of_domain]
    return [
        with_interval(commands),
        share(sum(r.errors for r in awake), sum(r.spoken for r in awake)),
        share(sum(r.acted_wrongly for r in spoken), len(spoken)),
        share(sum(r.verdict == "none" for r in strange), len(strange)),
        share(sum(not r.woke for r in called), len(called)),
    ]


def broken_down(title, name, label, results, note=""):
    """A table by `label`, (sort key, label) or None to leave out, and by language, of all that is command or out of domain."""
    groups = {}
    for r in results:
        if (key := label(r)) is not None and (r.is_command or r.is_out_of_domain):
            groups.setdefault((key, r.side["lang"]), []).append(r)
    rows = [[key[1], LANGUAGES.get(lang, lang), *measures(groups[key, lang])] for key, lang in sorted(groups)]
    return Table(title, [name, "language", *MEASURES], rows, note)


# Labels: (sort key, label) of a result, or None where it does not belong into the table.
def by_snr(r):
    if "snr_db" in r.side and "room" not in r.side:
        return (-r.side["snr_db"], f"{r.side['snr_db']:g} dB")
    return (-1000, "clean") if r.side.get("condition") == "clean" else None


def by_room(r):
    if "room" in r.side:
        snr = r.side.get("snr_db")
        return (r.side.get("rt60_s", 0), r.side["room"] + (f"; noise, {snr:g} dB" if snr is not None else ""))
    return (-1, "clean") if r.side.get("condition") == "clean" else None


def by_other_condition(r):
    return None if "snr_db" in r.side or "room" in r.side else (r.side.get("condition") != "clean", r.side.get("condition", "-"))


def by_room_or_other(r):
    other = by_other_condition(r)
    return by_room(r) or (other and (1000, other[1]))


def by_voice(r):
    return (0, r.side.get("voice", "?"))


def tables(results):
    """What there is to say about these results; the first table is the whole."""
    out = [broken_down("All commands and out-of-domain sentences", "", lambda r: (0, "all"), results)]
    if any("snr_db" in r.side and "room" not in r.side for r in results):
        out.append(broken_down("By signal-to-noise ratio", "SNR", by_snr, results, "Without a room."))
    if any("room" in r.side for r in results):
        out.append(broken_down("By room", "room", by_room, results))
    if any("noise" in r.side for r in results):
        out.append(broken_down("By noise", "noise", lambda r: (0, r.side["noise"]) if "noise" in r.side else None, results, "At all SNRs together."))
    out.append(broken_down("By other condition", "condition", by_other_condition, results))
    out.append(broken_down("By voice", "voice", by_voice, results, "In all conditions together."))
    kinds = {}
    for r in results:
        kinds.setdefault(r.side["kind"], []).append(not r.bad)
    rows = [[kind, share(sum(right), len(right))] for kind, right in sorted(kinds.items())]
    out.append(Table("By kind of recording", ["kind", "right"], rows, "Right: all that the sidecar's `[expect]` names is so."))
    times = {"felt: true end of speech to broker": [t for r in results for t in r.felt], "decision": [t for r in results for t in r.decision]}
    rows = [[name, f"{percentile(ts, 50):.1f} ms", f"{percentile(ts, 95):.1f} ms", len(ts)] for name, ts in times.items() if ts]
    if rows:
        out.append(Table("Latency", ["", "median", "95 %", "n"], rows))
    return out


def write(folder, recordings, tiebreak, all_tables, results):
    """accuracy.md and accuracy.png in `folder`."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = pathlib.Path(recordings) / "made-by.txt"
    version = subprocess.run([tiebreak, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    voices = {r.side.get("voice") for r in results if r.is_command}
    about = [
        "# Accuracy", "",
        "<!-- Written by bench/accuracy.py; do not edit. -->",
        "What the figures mean, and what they do not say: [bench/README.md](../bench/README.md).", "",
        f"- {version}, {len(results)} recordings, {sum(r.is_command for r in results)} of them commands, in {len(voices)} voices",
        *([f"- recordings: `{made.read_text().strip()}`"] if made.exists() else []),
        f"- measured: `bench/accuracy.py {shlex.join(sys.argv[1:])}`", "",
    ]
    if plot(folder / "accuracy.png", results):
        about += ["![Share of commands understood, by SNR, by condition and by voice](accuracy.png)", ""]
    (folder / "accuracy.md").write_text("\n".join(about) + "\n" + "\n\n".join(map(str, all_tables)) + "\n", encoding="utf-8")
    return folder / "accuracy.md"


COLOURS = {"en": "#2a6f97", "zh": "#d1495b"}


def plot(path, results):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    commands = [r for r in results if r.is_command]
    if not commands:
        return False
    labels = lambda by: {key for r in commands if (key := by(r))}
    panels = [("by SNR, without a room", by_snr, lines)] if len(labels(by_snr)) > 1 else []
    panels += [("by room and other condition", by_room_or_other, bars), ("by voice, in all conditions", by_voice, bars)]
    tallest = max(len(labels(by)) for _, by, _ in panels)
    figure, axes = pyplot.subplots(1, len(panels), figsize=(5.2 * len(panels), max(3.8, 1.2 + 0.36 * tallest)), layout="constrained", squeeze=False)
    for axis, (title, by, draw) in zip(axes[0], panels):
        groups = {}
        for r in commands:
            if key := by(r):
                groups.setdefault(r.side["lang"], {}).setdefault(key, []).append(r)
        draw(axis, groups)
        axis.set_title(title, loc="left", fontsize=10)
    figure.legend(*axes[0][-1].get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False)
    figure.suptitle("Commands understood rightly, wake word included (%), with 95 % intervals", fontsize=11, x=0.01, ha="left")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    return True


def points(commands):
    """Percent, and how far the interval reaches below and above."""
    p, low, high = understood(commands)
    return 100 * p, 100 * (p - low), 100 * (high - p)


def lines(axis, groups):
    order = sorted({k for g in groups.values() for k in g}, reverse=True)
    for lang, group in sorted(groups.items()):
        xs = [i for i, k in enumerate(order) if k in group]
        ys, below, above = zip(*(points(group[order[i]]) for i in xs))
        # A little apart, or one language's interval hides the other's.
        shift = 0.06 * (-1 if lang == "en" else 1)
        axis.errorbar([x + shift for x in xs], ys, [below, above], marker="o", capsize=3, color=COLOURS.get(lang), label=LANGUAGES.get(lang, lang))
    axis.set_xticks(range(len(order)), [k[1] for k in order])
    axis.set_ylim(0, 100)
    axis.grid(axis="y", alpha=0.3)


def bars(axis, groups):
    order = sorted({k for g in groups.values() for k in g}, reverse=True)
    height = 0.8 / len(groups)
    for j, (lang, group) in enumerate(sorted(groups.items(), reverse=True)):
        ys = [i for i, k in enumerate(order) if k in group]
        xs, below, above = zip(*(points(group[order[i]]) for i in ys))
        at = [y + (j - (len(groups) - 1) / 2) * height for y in ys]
        axis.barh(at, xs, height, xerr=[below, above], color=COLOURS.get(lang), ecolor="#555", capsize=2, label=LANGUAGES.get(lang, lang))
    axis.set_yticks(range(len(order)), [k[1].replace("; ", ";\n") for k in order], fontsize=8)
    axis.set_xlim(0, 100)
    axis.grid(axis="x", alpha=0.3)
