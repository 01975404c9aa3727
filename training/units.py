"""What the speech models write: acoustic units and letters for the CTC heads, tokens for Whisper's decoder.

Units are blank, the phones of English (ARPAbet without stress, as in CMUdict) and toneless pinyin split into
initial and final for Mandarin.  They follow the sound, so a small network learns them sooner than spelling;
the lexicon (English) and the pinyin tables (Mandarin) lead from words to units, also for names and grammars
that were never trained on.  A second head writes letters and pinyin, for what is said outside the grammar.
The Rust side (src/understand/units.rs) reads both lists from the ONNX model's metadata and splits syllables
by the same rules; tests/data/syllables.tsv, written from here, is compared there.

Decoder tokens (rows of whisper.cpp's 51865-row multilingual vocabulary): 0..255 single bytes, so that any
text can be spelled; from 256 on the commonest Chinese characters.
"""

import functools
import re
import unicodedata

import pypinyin

import lexicon

BLANK = "_"
SPACE = " "
INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s y w".split()
# The vowel of zhi, chi, shi, ri is "ir"; that of zi, ci, si is "iz"; ü is "v": they sound different from "i", "u".
FINALS = (
    "a o e i u v ai ei ui ao ou iu ie ve er an en in un vn ang eng ing ong "
    "ia iao ian iang iong ua uo uai uan uang van ir iz n"
).split()
_PINYIN = [i + "-" for i in INITIALS] + ["-" + f for f in FINALS]
UNITS = [BLANK] + lexicon.PHONES + _PINYIN
UNIT_ID = {u: i for i, u in enumerate(UNITS)}
LETTERS = [BLANK, SPACE] + list("abcdefghijklmnopqrstuvwxyz'") + _PINYIN
LETTER_ID = {u: i for i, u in enumerate(LETTERS)}

N_VOCAB, EOT, SOT, LANG = 51865, 50257, 50258, {"en": 50259, "zh": 50260}
TRANSCRIBE, NO_TIMESTAMPS = 50359, 50363


def split_syllable(s):
    """'zhuang' -> ['zh-', '-uang'], 'yuan' -> ['y-', '-van'].  s: toneless pinyin, ü as v."""
    ini = next((i for i in ("zh", "ch", "sh") if s.startswith(i)), None)
    if ini is None:
        ini = s[0] if s[0] in "bpmfdtnlgkhjqxrzcsyw" else ""
    fin = s[len(ini):]
    if not fin:  # "n", "m", "ng" as interjections
        return ["n-", "-en"]
    if ini in ("j", "q", "x", "y") and fin.startswith("u"):
        fin = "v" + fin[1:]
    if fin == "ue":
        fin = "ve"
    if fin == "i" and ini in ("zh", "ch", "sh", "r"):
        fin = "ir"
    if fin == "i" and ini in ("z", "c", "s"):
        fin = "iz"
    out = ([ini + "-"] if ini else []) + ["-" + fin]
    return out if all(u in UNIT_ID for u in out) else []


HAN = re.compile(r"[\u4e00-\u9fff]+")


def normalise(text):
    """Lower case, no punctuation, single spaces, no space next to a Chinese character."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    text = re.sub(r"[^a-z'\u4e00-\u9fff]+", " ", text)
    text = re.sub(r"(?<=[\u4e00-\u9fff]) +| +(?=[\u4e00-\u9fff])", "", text)
    return text.strip()


@functools.cache
def dictionary():
    return lexicon.cmudict()


def label(text):
    """(unit ids, letter ids) of a normalised text; None if a word's sound is unknown."""
    sound, spelt, pos = [], [], 0
    for m in list(HAN.finditer(text)) + [None]:
        latin = text[pos:m.start() if m else len(text)]
        for word in latin.split():
            if word not in dictionary():
                return None
            sound += [UNIT_ID[p] for p in dictionary()[word][0]]
        spelt += [LETTER_ID[c] for c in latin]
        if m:
            syllables = pypinyin.lazy_pinyin(m.group(), v_to_u=False, neutral_tone_with_five=False)
            parts = [split_syllable(s.replace("ü", "v").replace("ê", "e")) for s in syllables]
            if not all(parts):
                return None
            sound += [UNIT_ID[u] for p in parts for u in p]
            spelt += [LETTER_ID[u] for p in parts for u in p]
            pos = m.end()
    return sound, spelt


def han_vocabulary(n=3000):
    """The n commonest Chinese characters, by summed frequency of the words that hold them."""
    import wordfreq

    freq = {}
    for w, f in wordfreq.get_frequency_dict("zh").items():
        for ch in w:
            if HAN.fullmatch(ch):
                freq[ch] = freq.get(ch, 0.0) + f
    return [c for c, _ in sorted(freq.items(), key=lambda p: (-p[1], p[0]))[:n]]


class Tokens:
    """Text <-> decoder token ids."""

    def __init__(self):
        self.han = han_vocabulary()
        self.id = {c: 256 + i for i, c in enumerate(self.han)}
        self.used = 256 + len(self.han)

    def encode(self, text):
        out = []
        for ch in text:
            out.extend([self.id[ch]] if ch in self.id else list(ch.encode()))
        return out

    def decode(self, ids):
        raw = b"".join(bytes([i]) if i < 256 else self.han[i - 256].encode() for i in ids if i < self.used)
        return raw.decode("utf-8", "replace")
