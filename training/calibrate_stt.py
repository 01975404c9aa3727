"""Fits the confidence of the CTC engine: how well a sentence explains the sound -> probability of being right.

    python calibrate_stt.py --model ../models/stt-ctc.onnx --tiebreak ../target/release/tiebreak

Speaks home commands and other sentences in voices that are held out (other sentences than the fixtures'), some in
rooms and noise, replays them, fits a logistic curve and writes it into the model's metadata `confidence`
("slope middle doubt stretch": slope x (margin + doubt x free path + stretch x worst stretch - middle)).  Four numbers
are fitted; the network is not touched.
"""

import argparse
import json
import os
import random
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnx
import soundfile
from scipy.signal import fftconvolve

import room
import voices

EN_ROOMS = ["living room", "kitchen", "bedroom", "hallway", "study"]
ZH_ROOMS = ["客厅", "厨房", "卧室", "走廊", "书房"]
EN = [f"{v} the {r} {d}" for v in ("turn on", "turn off", "switch on") for r in EN_ROOMS for d in ("light", "lights")]
EN += ["turn on the fan", "switch off the fan", "open the curtains", "close the curtain", "lock the front door", "start the vacuum",
       "turn on the coffee machine", "set the desk lamp to forty percent", "dim the bedside lamp to ten percent", "make the ceiling light blue",
       "turn on movie mode", "close the garage door", "set the bedroom temperature to twenty two degrees"]
ZH = [f"{v}{r}的灯" for v in ("打开", "关闭", "关掉") for r in ZH_ROOMS]
ZH += ["打开风扇", "关掉风扇", "打开窗帘", "关上窗帘", "锁上前门", "打开咖啡机", "把书桌灯调到百分之四十", "把床头灯调到百分之二十", "把吊灯设为蓝色", "打开电影模式", "关闭车库门", "我想吃披萨", "打开空调"]
EN_OTHER = ["my brother plays the violin very well", "the bus was late again this morning", "we should visit them next summer", "i bought two new shirts yesterday",
            "turn on the light in the attic", "what did the teacher say about it", "turn off the heater in the sauna", "he forgot his keys at the office", "close the book and go to sleep",
            "there were twenty people in the room", "open your eyes please", "they live near the river", "she sang the whole song", "the kitchen was painted last year"]
ZH_OTHER = ["我哥哥钢琴弹得很好", "今天早上公交车又晚了", "我们明年去看他们吧", "昨天我买了两件衬衫", "打开阁楼的灯", "老师刚才说了什么", "关掉桑拿房的暖气", "他把钥匙忘在公司了", "房间里有二十个人", "他们住在河边", "厨房是去年装修的", "请你把书打开"]

# Names that the home doesn't have, in sentences that it knows: the nearest name is a few sounds away.
EN_UNKNOWN = ["cellar", "nursery", "pantry", "workshop", "laundry room", "dining room", "guest room", "balcony", "garden shed", "library", "gym", "closet", "playroom",
              "conservatory", "porch", "loft", "stable", "studio", "boathouse", "chapel", "wine cellar", "driveway", "chicken coop", "courtyard"]
EN_UNKNOWN_DEVICES = ["toaster", "aquarium", "dishwasher", "sprinkler", "fireplace", "doorbell", "blender", "sewing machine", "front gate", "skylight", "tent", "trampoline"]
ZH_UNKNOWN = ["地下室", "婴儿房", "储藏室", "阳台", "餐厅", "洗衣房", "健身房", "花园", "露台", "游泳池", "酒窖", "马厩", "工作室", "教堂", "船屋", "鸡舍", "图书馆", "前院"]
ZH_UNKNOWN_DEVICES = ["烤面包机", "鱼缸", "洗碗机", "壁炉", "门铃", "缝纫机", "喷泉", "天窗"]
EN_OTHER += [t.format(x) for xs, ts in (
    (EN_UNKNOWN, ("turn on the {} light", "turn off the lights in the {}", "dim the {} lights to thirty percent", "make the {} blue")),
    (EN_UNKNOWN_DEVICES, ("turn on the {}", "close the {}"))) for i, x in enumerate(xs) for t in (ts[i % len(ts)], ts[(i + 1) % len(ts)])]
ZH_OTHER += [t.format(x) for xs, ts in (
    (ZH_UNKNOWN, ("打开{}的灯", "关掉{}的灯", "把{}的灯调到百分之三十", "{}太暗了")),
    (ZH_UNKNOWN_DEVICES, ("打开{}", "关上{}"))) for i, x in enumerate(xs) for t in (ts[i % len(ts)], ts[(i + 1) % len(ts)])]


# Of what is said after a wake word, so much is nothing for the home: the recordings of such sentences weigh as much.
OTHER_SHARE = 0.1


def fit(numbers, right, weights, rounds=50):
    """Logistic regression on [recordings, 3] numbers, by Newton's method with a weak prior towards 0 for each: slope, middle, and
    what the second and the third number count beside the first."""
    mean, spread = numbers.mean(0), numbers.std(0) + 1e-6
    x = np.concatenate([(numbers - mean) / spread, np.ones((len(numbers), 1))], 1)
    weights = weights / weights.sum()
    prior, w = np.diag([1e-3, 1e-3, 1e-3, 0]), np.zeros(4)
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-x @ w))
        w -= np.linalg.solve((x * (weights * p * (1 - p))[:, None]).T @ x + prior, x.T @ (weights * (p - right)) + prior @ w)
    slopes = w[:3] / spread
    return float(slopes[0]), float((mean @ slopes - w[3]) / slopes[0]), float(max(0, slopes[1] / slopes[0])), float(max(0, slopes[2] / slopes[0]))


def disturbed(x, noises, r):
    """In two of three cases in a room, in four of five with a noise at 0 to 20 dB behind it; any level."""
    if r.random() < 0.67:
        x = fftconvolve(x, room.random_response(r))[: len(x)]
    power = np.mean(x[np.abs(x) > 0.05 * np.abs(x).max()] ** 2)
    if r.random() < 0.8:
        noise = noises[r.integers(len(noises))]
        noise = np.roll(noise, r.integers(len(noise)))[: len(x)]
        x = x + np.resize(noise, len(x)) * np.sqrt(power / np.mean(noise ** 2)) * 10 ** (-r.uniform(0, 20) / 20)
    x = x / np.abs(x).max() * r.uniform(0.05, 0.8)
    return x + r.normal(0, 10 ** r.uniform(-4.5, -3), len(x))


def meanings(tiebreak, config, texts):
    """What each text is understood as: words that mean the same are as good as those that were said."""
    texts = sorted(t for t in texts if t)
    out = subprocess.run([tiebreak, "say", "-", "--json", "--dry-run", "--config", str(config)], input="".join(t + "\n" for t in texts), text=True, stdout=subprocess.PIPE, check=True)
    receipts = [json.loads(line) for line in out.stdout.splitlines()]
    assert len(receipts) == len(texts), "one receipt for each text"
    said = {t: (r.get("hypotheses") or [{}])[0] for t, r in zip(texts, receipts)}
    return {"": None} | {t: (h["intent"], h["slots"]) if h else t for t, h in said.items()}


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--model", default=str(Path(__file__).parent.parent / "models/stt-ctc.onnx"))
    a.add_argument("--tiebreak", default=str(Path(__file__).parent.parent / "target/release/tiebreak"))
    a.add_argument("--shared", default=os.environ.get("TIEBREAK_DATA", "../../shared/data"), help="its folder noise/ is heard behind the voices")
    a.add_argument("--seed", type=int, default=5)
    args = a.parse_args()
    rng = random.Random(args.seed)
    noises = [soundfile.read(p, dtype="float32")[0][: 20 * voices.RATE] for p in sorted(Path(args.shared, "noise").glob("*.flac"))]
    sentences = [(s, l, True) for l, ss in (("en", EN), ("zh", ZH)) for s in ss * 3] + [(s, l, False) for l, ss in (("en", EN_OTHER), ("zh", ZH_OTHER)) for s in ss * 2]
    with tempfile.TemporaryDirectory() as d:
        config = Path(d) / "t.toml"
        config.write_text(f"[stt]\nmodel = {json.dumps(str(Path(args.model).resolve()))}\n")
        truth, files = {}, []
        for i, (text, lang, known) in enumerate(sentences):
            _, x = voices.random_held_out_voice(text, lang, rng)
            x = disturbed(np.concatenate([np.zeros(8000), x / max(1e-3, np.abs(x).max()), np.zeros(12000)]), noises, np.random.default_rng(i))
            path = Path(d) / f"{i}.wav"
            soundfile.write(path, np.clip(x, -1, 1), 16000)
            truth[path.name] = text if known else None
            files.append(str(path))
        out = subprocess.run(
            [args.tiebreak, "replay", "--no-wake", "--dry-run", "--json", "--config", str(config), *files],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True,
            env={**os.environ, "TIEBREAK_LOG": "tiebreak::understand::ctc=debug", "NO_COLOR": "1"},
        )
        # A recording is searched at every pause; its last search is the one that counts.
        searches = re.findall(r"grammar search source=(\S+) margin=(\S+) free=(\S+) worst=(\S+) text=\"([^\"]*)\"", out.stderr)
        found = {source: (float(margin), float(free), float(worst), text) for source, margin, free, worst, text in searches}
        print(f"{len(files)} recordings, {len(found)} searched")
        meaning = meanings(args.tiebreak, config, {text for *_, text in found.values()} | {text for text in truth.values() if text})
    numbers = np.array([f[:3] for f in found.values()])
    right = np.array([truth[source] is not None and meaning[text] == meaning[truth[source]] for source, (*_, text) in found.items()], dtype=float)
    known = np.array([truth[source] is not None for source in found])
    slope, middle, doubt, stretch = fit(numbers, right, np.where(known, (1 - OTHER_SHARE) / known.sum(), OTHER_SHARE / (~known).sum()))
    accepted = numbers @ [1, doubt, stretch] > middle
    print(
        f"slope {slope:.2f}, middle {middle:.2f}, doubt {doubt:.2f}, stretch {stretch:.2f}; of the {right.sum():.0f} understood rightly {accepted[right > 0].mean():.3f} are accepted, "
        f"of the {(1 - right)[known].sum():.0f} commands misunderstood {accepted[known & (right == 0)].mean():.3f}, of the {(~known).sum()} other sentences {accepted[~known].mean():.3f}"
    )
    model = onnx.load(args.model)
    kept = [(p.key, p.value) for p in model.metadata_props if p.key != "confidence"]
    del model.metadata_props[:]
    for key, value in [*kept, ("confidence", f"{slope:.3f} {middle:.3f} {doubt:.3f} {stretch:.3f}")]:
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, args.model)


if __name__ == "__main__":
    main()
