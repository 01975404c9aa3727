"""Speaks the wake words, what sounds like them, and the held-out test, once, into training/.cache (wake_*).

    python wake_data.py --shared ../../shared/data

Training sets never hold a voice of voices.HELD_OUT or a recording that `held_out_recording` names.
"""

import argparse
import csv
import os
import random
import shutil
from pathlib import Path

import numpy as np
import soundfile
import torch
from tqdm import tqdm

import features
import synth
import voices

WORDS = ["hey_siri", "tian_mao_jing_ling", "computer"]
MARGIN = 6  # frames before and after what is spoken, in every row of wake_words and wake_near
EN_SAID = {  # raw text first: it is what a synthesiser's own dictionary makes of it
    "hey_siri": ["hey siri", "hey siri", "hey siri!", "hey siri?", "hey, siri", "hey seery", "hay siri", "hey sirree"],
    "computer": ["computer", "computer", "computer!", "computer?", "hey computer", "computer."],
}
TMALL = ["tian1mao1 jing1ling2", "tian1mao1jing1ling2", "tian1 mao1 jing1 ling2", "tian1mao1 jing1ling5"]
SIRI_ZH = ["hey siri", "hei1 xi1rui4", "hei1 si1rui4", "hei1 xi1li3"]
# Accents: espeak-ng's voices of other languages, reading the word as their own.
ACCENTS = ["de", "es", "it", "pt-br", "pl", "nl", "sv", "hi", "ru", "fr-fr"]
# The same word as English, Italian and German voices would spell it: other throats than espeak-ng's.
TMALL_SPELT = {
    "en": ["tien maow jing ling", "tee yen mao jing ling", "tyen mao ching ling"], "it-IT": ["tien mao cin lin", "tièn mao ging ling"],
    "de-DE": ["tiän mau dsching ling", "tjen mau tsching ling"], "es-ES": ["tien mao ching ling"],
}
NEAR_EN = """hey|siri|hey cities|seriously|hey sarah|compute|commuter|computing|come here|hey series|a series|hey sorry|sorry|serial
serious|hey seattle|syria|hey there|hey city|he is here|hey silly|hey sir|hey google|hey jarvis|hey mycroft|alexa|okay google|hey charlie
hey cherry|hey harry|hey stack|city|cereal|say cheese|hey bixby|computation|commute|compare|competitor|compete|conductor|commander
consumer|contributor|come to the|tutor|shooter|scooter|recruiter|put her|the future|company|confuse her|calculator|may i see it
hey sissy|hey cecily|hey sister|he said it|a theory|eerie|query|hey mary|very|a city|pay slip|they see me|the series|hay seed
can put a|come put it|compost|complete|complicated|competition|commuted|disputed|mutual|pupil|communicator|cooper|looter|neutral
hey kevin|hey everyone|hey you|hey listen|hey sam|hey summer|hey celery|salary|hey sunny|hey steve|hey see me|hey serena""".replace("\n", "|").split("|")
NEAR_ZH = """天猫 精灵 天空 今天 天猫商城 天猫超市 小精灵 精明 精神 聪明 天天 经理 见面 电脑 熊猫 小猫 天亮 前猫 机灵 小爱同学 小度小度 天鹅 天马
天王 天庙 天帽 天气 明天 年轻 心情 景灵 安静 精力 经历 星星 铃声 门铃 天猫精选 猫精 毛巾 毛病 间谍 天真 甜美 前面 天猫的 天才 天使 眼睛 亲戚 命令 声音
天冷 天边 天猫双十一 嘿 西瑞 西里 你好小娜 计算机 康师傅 可能 天猫 精灵 森林精灵 猫和老鼠 添麻烦 田径 电影 天津 点名 天猫店 天毛 精美 清零 情景 听音 竞聘""".split()


def held_out_recording(row, index):
    """Recordings that only measure: half the wake phrases, a third of Mycroft's, LJ, and the speakers of synth.py."""
    folder = row["file"].split("/")[0]
    if "computer" in row["text"]:
        return index % 4 == 0
    return (
        folder == "ljspeech" or (folder == "wake-phrases" and index % 2 == 0)
        or (folder == "precise" and index % 3 == 0) or row["speaker"] in synth.HELD_OUT_SPEAKERS
    )


def manifest(shared):
    with open(Path(shared) / "speech/manifest.tsv") as f:
        return [(i, r) for i, r in enumerate(csv.DictReader(f, delimiter="\t"))]


def cut(x, floor_db=-34):
    """What is spoken, with MARGIN frames before and after."""
    pad = np.zeros(2000, np.float32)
    return features.trim(np.concatenate([pad, x, pad]), MARGIN * features.HOP / features.RATE, floor_db)


def row(label, lang, voice, x):
    if not 0.2 < len(x) / features.RATE < 2.2:
        return None
    return (label, lang, voice, features.log_mel(x / max(np.abs(x).max(), 1e-4) * 0.5))


def espeak_wide(text, accent, rng):
    v = rng.choice(voices.ESPEAK_TRAIN)
    x = voices.espeak(text, "en", v, accent, rng.randint(110, 250), rng.randint(5, 99), rng.choice([0, 0, 0, 0, 1, 2]))
    return "espeak-" + v, voices.resample(x, rng.uniform(0.8, 1.28))


# Of what natural voices say, so much is said by other speakers that WORLD makes of them.
TRANSFORMED = 0.4


def pico_wide(text, lang, rng):
    if rng.random() < TRANSFORMED:
        return "pico-" + lang, voices.another_speaker(voices.pico(text, lang), rng)
    x = voices.pico(text, lang, rng.randint(75, 170), rng.randint(65, 150))
    return "pico-" + lang, voices.resample(x, rng.uniform(0.72, 1.2))


def flite_wide(text, rng):
    v = rng.choice(["rms", "awb", "kal16"])
    if rng.random() < TRANSFORMED:
        return "flite-" + v, voices.another_speaker(voices.flite(text, v), rng)
    x = voices.flite(text, v, rng.uniform(0.6, 1.4), rng.choice([None, rng.uniform(75, 230), rng.uniform(140, 260)]))
    # All three are men: read faster, they come nearer to women and children.
    return "flite-" + v, voices.resample(x, rng.choice([rng.uniform(0.75, 1.1), rng.uniform(1.0, 1.42)]))


def rhvoice_wide(text, rng):
    v = rng.choice(voices.RHVOICE_TRAIN)
    if rng.random() < TRANSFORMED:
        return "rhvoice-" + v, voices.another_speaker(voices.rhvoice(text, v), rng)
    return "rhvoice-" + v, voices.resample(voices.rhvoice(text, v, rng.randint(70, 145), rng.randint(70, 140)), rng.uniform(0.78, 1.28))


def speak_english(text, rng):
    """In any training voice; a sixth with a foreign accent."""
    pico, rhvoice = (shutil.which(program) is not None for program in ("pico2wave", "RHVoice-test"))
    shares = {"espeak": 0.28, "flite": 0.22, "pico": 0.18 * pico, "rhvoice": 0.16 * rhvoice, "accent": 0.11, "pico-accent": 0.05 * pico}
    kind = rng.choices(list(shares), shares.values())[0]
    if kind == "espeak":
        return espeak_wide(text, rng.choice(voices.ESPEAK_ACCENTS), rng)
    if kind == "accent":
        return espeak_wide(text, rng.choice(ACCENTS), rng)
    if kind == "flite":
        return flite_wide(text, rng)
    if kind == "rhvoice":
        return rhvoice_wide(text, rng)
    return pico_wide(text, rng.choice(["en-US", "en-GB"] if kind == "pico" else ["de-DE", "es-ES", "it-IT", "fr-FR"]), rng)


def speak_word(word, rng):
    if word == "tian_mao_jing_ling":
        if rng.random() < 0.72:
            return espeak_wide(rng.choice(TMALL), "cmn-latn-pinyin", rng)
        lang = rng.choices(list(TMALL_SPELT), [0.5, 0.2, 0.2, 0.1])[0]
        text = rng.choice(TMALL_SPELT[lang])
        if lang != "en":
            return pico_wide(text, lang, rng)
        return flite_wide(text, rng) if rng.random() < 0.6 else pico_wide(text, rng.choice(["en-US", "en-GB"]), rng)
    if word == "hey_siri" and rng.random() < 0.1:
        return espeak_wide(rng.choice(SIRI_ZH), "cmn-latn-pinyin", rng)
    return speak_english(rng.choice(EN_SAID[word]), rng)


def speak_near(rng):
    if rng.random() < 0.55:
        text = rng.choice(NEAR_EN)
        return text, "en", *speak_english(text, rng)
    text = rng.choice(NEAR_ZH)
    return text, "zh", *espeak_wide(voices.pinyin(text), "cmn-latn-pinyin", rng)


def words(shared, n, seed):
    """n utterances of each wake word, the people who say "computer", and words joined from what people said."""
    rng, rows = random.Random(seed), []
    for word in WORDS:
        for _ in tqdm(range(n), desc=word):
            try:
                voice, x = speak_word(word, rng)
            except Exception:  # a synthesiser that refuses a voice loses only that utterance
                continue
            rows.append(row(word, "zh" if word == "tian_mao_jing_ling" else "en", voice, cut(x)))
    return rows + people_say_computer(shared, False, rng) + join_syllables(shared, n // 5, rng) + join_digits(shared, n // 5, rng)


def near(n, seed):
    rng, rows = random.Random(seed), []
    for _ in tqdm(range(n), desc="near words"):
        try:
            text, lang, voice, x = speak_near(rng)
        except Exception:
            continue
        rows.append(row(text, lang, voice, cut(x)))
    return rows


def loudest_span(x):
    """Start and end (samples) of the loudest stretch that stands 8 dB out of the recording's own noise."""
    n = len(x) // features.HOP
    e = (x[: n * features.HOP].reshape(n, features.HOP) ** 2).mean(1)
    e = 10 * np.log10(np.convolve(e, np.ones(5) / 5, "same") + 1e-12)
    on = e > max(e.max() - 26, np.percentile(e, 15) + 8)
    best, start, gap = (-1e9, 0, 0), None, 0
    for i, v in enumerate([*on, *[False] * 16]):  # stretches less than 150 ms apart are one word
        if v:
            start, gap = (i if start is None else start), 0
        elif start is not None:
            gap += 1
            if gap > 15:
                end = i - gap + 1
                best = max(best, (e[start:end].max(), start, end))
                start = None
    return best[1] * features.HOP, best[2] * features.HOP


def people_say_computer(shared, held_out, rng):
    """Each recording at five speeds (pitch and formants move along), or once where it only measures.

    The Spanish "hey computer" is left out: it is so noisy that nobody knows where the word ends.
    """
    rows = []
    for i, r in manifest(shared):
        if "computer" not in r["text"] or "-es-" in r["file"] or held_out_recording(r, i) != held_out:
            continue
        x, rate = soundfile.read(Path(shared) / "speech" / r["file"], dtype="float32")
        x = voices.resample(x, rate / voices.RATE)
        start, end = loudest_span(x)
        m = MARGIN * features.HOP
        if not 0.3 < (end - start) / voices.RATE < 1.4:
            continue
        x = np.concatenate([np.zeros(m, np.float32), x, np.zeros(m, np.float32)])[start: end + 2 * m]
        for f in [1.0] if held_out else [1.0, *(rng.uniform(0.82, 1.22) for _ in range(4))]:
            rows.append(row("computer", "en", r["speaker"], voices.resample(x, f)))
    return rows


def squeezed(a, frames):
    return torch.nn.functional.interpolate(a.T[None], size=max(2, int(frames)), mode="linear", align_corners=True)[0].T


def joined(label, lang, who, parts, rng):
    """One utterance from pieces of frames; neighbours run into each other."""
    parts = [p - p.max() for p in parts]
    for i in range(1, len(parts)):
        k = rng.randint(2, 5)
        w = torch.linspace(0, 1, k)[:, None]
        parts[i] = torch.cat([parts[i - 1][-k:] * (1 - w) + parts[i][:k] * w, parts[i][k:]])
        parts[i - 1] = parts[i - 1][:-k]
    quiet = torch.full((MARGIN, 80), -8.0)
    return (label, lang, who, torch.cat([quiet, *parts, quiet]).to(torch.float16).numpy())


def mel(x, f=1.0):
    return torch.from_numpy(features.log_mel(voices.resample(x, f)).astype(np.float32))


def join_syllables(shared, n, rng):
    """天猫精灵 from single syllables of two real speakers, each squeezed to the length it has in fluent speech."""
    takes = {}
    for _, r in manifest(shared):
        s = {"天": "tian1", "猫": "mao1", "精": "jing1", "灵": "ling2"}.get(r["text"], r["text"])
        if r["speaker"].startswith("cmn-") and s in ("tian1", "mao1", "jing1", "ling2"):
            x, rate = soundfile.read(Path(shared) / "speech" / r["file"], dtype="float32")
            takes.setdefault(r["speaker"], {})[s] = features.trim(voices.resample(x, rate / voices.RATE), 0.0, -26)
    rows = []
    for _ in range(n):
        who = rng.choice(sorted(takes))
        f, pace, parts = rng.uniform(0.78, 1.25), rng.uniform(0.75, 1.35), []
        for s in ("tian1", "mao1", "jing1", "ling2"):
            a = mel(takes[who][s], f)
            parts.append(squeezed(a[: int(len(a) * rng.uniform(0.7, 1.0))], pace * rng.uniform(17, 27)))
        rows.append(joined("tian_mao_jing_ling", "zh", who, parts, rng))
    return rows


def voiced_span(a):
    """First and last frame of the loudest stretch with a voice in it (bands up to 1.2 kHz within 14 dB of their peak)."""
    e = torch.logsumexp(a[:, 2:30] * np.log(10), 1) / np.log(10)
    top = int(e.argmax())
    on = e > e[top] - 1.4
    s, t = top, top
    while s > 0 and on[s - 1]:
        s -= 1
    while t < len(a) - 1 and on[t + 1]:
        t += 1
    return s, t + 1


def join_digits(shared, n, rng):
    """hey siri from digits that people say, for want of people who say it: (h)ei(ght), si(x), (th)ree."""
    takes = {}
    for i, r in manifest(shared):
        folder = r["file"].split("/")[0]
        if folder in ("digits", "speech-commands") and r["text"] in ("eight", "six", "three") and not held_out_recording(r, i):
            who = r["speaker"] if folder == "digits" else "sc"
            takes.setdefault(who, {}).setdefault(r["text"], []).append(r["file"])
    rows = []
    while len(rows) < n:
        who, pace, f = rng.choice(sorted(takes)), rng.uniform(0.8, 1.25), rng.uniform(0.82, 1.25)
        cuts = []
        for digit in ("eight", "six", "three"):
            x, rate = soundfile.read(Path(shared) / "speech" / rng.choice(takes[who][digit]), dtype="float32")
            a = mel(voices.resample(x / max(np.abs(x).max(), 1e-3), rate / voices.RATE), f)
            cuts.append((a, *voiced_span(a)))
        (ei, s0, t0), (six, s1, t1), (three, s2, t2) = cuts
        if not (6 <= t0 - s0 <= 45 and 4 <= t1 - s1 <= 40 and 8 <= t2 - s2 <= 60 and s1 >= 5):
            continue  # not a clear take
        hiss = six[max(0, s1 - 13): s1]
        parts = [squeezed(ei[max(0, s0 - 3): t0], pace * rng.uniform(12, 21)), squeezed(hiss, pace * rng.uniform(7, 14)),
                 squeezed(six[s1: max(s1 + 3, t1 - 1)], pace * rng.uniform(7, 12)), squeezed(three[s2: t2], pace * rng.uniform(13, 24))]
        level = float(hiss.max() - six[s1:t1].max())
        row = joined("hey_siri", "en", "digits-" + who, [parts[0], torch.cat([parts[1] - parts[1].max() + level, parts[2] - parts[2].max()]), parts[3]], rng)
        rows.append(row)
    return rows


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--shared", default=os.environ.get("TIEBREAK_DATA", "../../shared/data"))
    a.add_argument("--words", type=int, default=1400, help="synthetic utterances of each wake word")
    a.add_argument("--near", type=int, default=2600)
    a.add_argument("--suffix", default="", help="of the sets' names, to add a second helping with another seed")
    a.add_argument("--seed", type=int, default=11)
    args = a.parse_args()
    torch.set_num_threads(1)
    synth.store("wake_words" + args.suffix, words(args.shared, args.words, args.seed))
    synth.store("wake_near" + args.suffix, near(args.near, args.seed + 1))


if __name__ == "__main__":
    main()
