"""Sentences for the intent classifier with what they mean: intent, implied slots, and which words are which slot.

They are sampled from grammars/ and from the patterns of intent_sentences.py, then misheard as the recogniser mishears
(bench/misheard.py).  Words become tokens as in src/understand/resolve.rs: numbers, colours, dishes and the names that the
house knows are class tokens; a name that was misheard, or that the house has not got, stays as it is and is tagged.
"""

import functools
import json
import os
import random
import re
import sys

import yaml

import intent_sentences as said

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "bench"))
OOS = "out_of_scope"
HAN = "\u4e00-\u9fff"
WORD = re.compile(rf"<[a-z_:]+>|[{HAN}]|[a-z]+|-?[0-9][0-9.]*|[%°]")
EN_NUMBER = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
EN_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ZH_NUMBER = "零一二三四五六七八九"
COLORS = {
    "en": "white red green blue yellow orange purple violet pink cyan turquoise brown black".split(),
    "zh": "白色 白光 红色 红光 绿色 绿光 蓝色 蓝光 黄色 黄光 橙色 橘色 紫色 粉红色 粉色 青色 棕色 黑色".split(),
}
# What things may be asked to be, as in the tests of state questions; longer words first.
STATES = [("没锁 没上锁 unlocked", "unlocked"), ("锁 locked bolted", "locked"), ("开 亮 转 工作 运行 on running lit", "on"), ("关 灭 熄 停 off out", "off"),
          ("拉开 升起 open opened up", "open"), ("拉上 合上 放下 closed shut close down", "closed")]
CAREFUL = {("unlocked", "locked"), ("unlocked", "on"), ("on", "open"), ("off", "closed")}


class Loader(yaml.SafeLoader):
    """YAML 1.2, as ours and Home Assistant's: `on`, `off`, `yes` and `no` are words."""


Loader.yaml_implicit_resolvers = {k: [(tag, r) for tag, r in v if not tag.endswith(":bool")] for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


def grammar_files(lang):
    folder = os.path.join(ROOT, "grammars", lang)
    for name in sorted(os.listdir(folder)):
        if name != "tests.yaml":
            with open(os.path.join(folder, name), encoding="utf8") as f:
                yield yaml.load(f, Loader)


# --- templates -----------------------------------------------------------------------------------------------------
PIECE = re.compile(r"[()\[\]|]|<[a-z_]+>|\{[^}]*\}|[^()\[\]|<{]+")


@functools.cache
def parse(template):
    """Alternatives of sequences of texts, rules, slots and, again, alternatives."""
    pieces = PIECE.findall(template)

    def alternatives(at, close):
        options, sequence = [], []
        while at < len(pieces):
            p = pieces[at]
            at += 1
            if p == close:
                break
            if p == "|":
                options.append(sequence)
                sequence = []
            elif p in "([":
                inner, at = alternatives(at, ")" if p == "(" else "]")
                sequence.append(inner if p == "(" else inner + [[]] * len(inner))
            else:
                sequence.append(p)
        return options + [sequence], at

    return alternatives(0, None)[0]


class Grammar:
    """Random sentences of grammars/<lang>: text with its slots marked by SLOT."""

    def __init__(self, lang, rng):
        self.rng, self.lang, self.rules, self.lists, self.blocks, self.skip = rng, lang, {}, {}, [], []
        for file in grammar_files(lang):
            self.rules.update(file.get("expansion_rules", {}))
            self.lists.update(file.get("lists", {}))
            self.skip += file.get("skip_words", []) + file.get("opening_words", []) + file.get("closing_words", [])
            for intent, body in file.get("intents", {}).items():
                self.blocks += [(intent, block) for block in body["data"]]

    def sentence(self, intent, block):
        self.block, self.scope = block, {**self.rules, **block.get("expansion_rules", {})}
        return self.say(parse(self.rng.choice(block["sentences"])))

    def say(self, options):
        return "".join(self.piece(p) for p in self.rng.choice(options))

    def piece(self, p):
        if isinstance(p, list):
            return self.say(p)
        if p[0] == "<":
            return self.say(parse(self.scope[p[1:-1]]))
        if p[0] != "{":
            return p
        name, _, slot = p[1:-1].partition(":")
        kind, value = self.value(name)
        return marked(slot or name, kind, value)

    def value(self, name):
        """(class token or "", what is said) for a list."""
        local = self.block.get("lists", {})
        if name in ("area", "floor") and name not in local:
            return f"<{name}>", self.rng.choice(said.PLACES[self.lang][name])
        if name == "name" and name not in local:
            wanted = self.block.get("requires_context", {}).get("domain")
            banned = self.block.get("excludes_context", {}).get("domain", [])
            wanted = [wanted] if isinstance(wanted, str) else wanted or ["light", "fan", "switch", "climate"]
            domain = self.rng.choice([d for d in wanted if d not in banned and d in said.THINGS[self.lang]] or ["switch"])
            return f"<name:{domain}>", self.rng.choice(said.THINGS[self.lang][domain])
        entry = {**self.lists, **local}[name]
        if entry.get("wildcard"):
            return "", self.free(name)
        if "range" in entry:
            r = entry["range"]
            n = self.rng.randint(int(r["from"]), int(r["to"]))
            half = r.get("fraction_type") == "halves" and self.rng.random() < 0.2
            return "", number(n, self.lang, self.rng, half)
        value = self.rng.choice(entry["values"])
        return "", self.say(parse(str(value["in"] if isinstance(value, dict) else value)))

    def free(self, name):
        if name == "later":
            intent, block = self.rng.choice([b for b in self.blocks if b[0].startswith("HassTurn")])
            keep = self.block, self.scope
            text = re.sub(SLOT, r"\3", self.sentence(intent, block))
            self.block, self.scope = keep
            return text
        known = said.FREE[self.lang].get(name)
        if known and self.rng.random() < 0.6:
            return self.rng.choice(known)
        glue = " " if self.lang == "en" else ""
        return glue.join(self.rng.choices(common(self.lang), k=self.rng.choice((1, 1, 2, 3))))


SLOT = re.compile("\ue000([a-z_]+)\ue001([^\ue001]*)\ue001([^\ue002]*)\ue002")


def marked(slot, kind, value):
    return f"\ue000{slot}\ue001{kind}\ue001{value}\ue002"


@functools.cache
def common(lang):
    import wordfreq

    return [w for w in wordfreq.top_n_list(lang, 5000) if re.fullmatch("[a-z]+" if lang == "en" else f"[{HAN}]+", w)]


def number(n, lang, rng, half):
    if rng.random() < 0.35:
        return f"{n}.5" if half else str(n)
    if lang == "zh":
        text = zh_number(n)
        return text + ("点五" if half else "")
    text = en_number(n)
    return text + (rng.choice((" and a half", " point five")) if half else "")


def en_number(n):
    if n >= 1000:
        return f"{en_number(n // 1000)} thousand" + (f" {en_number(n % 1000)}" if n % 1000 else "")
    if n >= 100:
        return f"{en_number(n // 100)} hundred" + (f" and {en_number(n % 100)}" if n % 100 else "")
    if n < 20:
        return EN_NUMBER[n]
    return EN_TENS[n // 10 - 2] + (f" {EN_NUMBER[n % 10]}" if n % 10 else "")


def zh_number(n):
    if n >= 1000:
        return ZH_NUMBER[n // 1000] + "千" + ("零" if 0 < n % 1000 < 100 else "") + (zh_number(n % 1000) if n % 1000 else "")
    if n >= 100:
        return ZH_NUMBER[n // 100] + "百" + ("零" if 0 < n % 100 < 10 else "") + (zh_number(n % 100) if n % 100 else "")
    if n < 10:
        return ZH_NUMBER[n]
    return ("" if n < 20 else ZH_NUMBER[n // 10]) + "十" + (ZH_NUMBER[n % 10] if n % 10 else "")


# --- patterns of intent_sentences.py -------------------------------------------------------------------------------
def expand(pattern, lang, rng):
    """One sentence of a pattern, its letters as marked slots; which slot a number is depends on the intent."""
    pattern = re.sub(r"(.)\?", r"(\1|)", pattern)
    while "(" in pattern:
        pattern = re.sub(r"\(([^()]*)\)", lambda m: rng.choice(m.group(1).split("|")), pattern)
    letter = r"\b([LCFSKVDMAONHY])\b" if lang == "en" else r"([LCFSKVDMAONHY])"
    return re.sub(letter, lambda m: said.CLASS[m.group(1)], pattern)


NUMBER_SLOT = {"HassLightSet": "brightness", "HassSetPosition": "position", "HassClimateSetTemperature": "temperature", "HassSetVolume": "volume_level"}
UNITS = {"seconds": "second 秒", "minutes": "minute 分钟", "hours": "hour 小时"}


def meaning(intent, text, lang, rng):
    """(implied slots, text with marked slots) of an expanded pattern."""
    implied, domain = {}, re.search("<name:([a-z]+)>", text)
    if intent in ("HassTurnOn", "HassTurnOff", "HassLightSet", "HassGetState") and not domain:
        implied["domain"] = "light"
    if intent == "HassGetState":
        state = state_of(text, domain.group(1) if domain else "light")
        if state:
            implied["state"] = state

    def mark(m):
        kind = m.group(1)
        if kind == "num":
            after = text[m.end():].strip()
            unit = next((slot for slot, words in UNITS.items() if any(after.startswith(w) for w in words.split())), "minutes")
            slot = NUMBER_SLOT.get(intent) or (unit if intent == "HassStartTimer" else None)
            n = number(rng.randint(16, 30) if slot == "temperature" else rng.randint(1, 100), lang, rng, False)
            return marked(slot, "", n) if slot else n
        if kind == "color":
            return marked("color", "", rng.choice(COLORS[lang])) if intent == "HassLightSet" else rng.choice(COLORS[lang])
        if kind == "dish":
            dish = rng.choice(dishes(lang))
            return marked("dish", "", dish) if intent.startswith("Tiebreak") else dish
        if kind in ("area", "floor"):
            return marked(kind, m.group(), rng.choice(said.PLACES[lang][kind]))
        domain = kind.removeprefix("name:")
        return marked("name", m.group(), rng.choice(said.THINGS[lang][domain]))

    return implied, re.sub(r"<([a-z_:]+)>", mark, text)


def state_of(text, domain):
    """The state that a question names, as things of `domain` call it; None if it names none or several."""
    plain = re.sub("<[^>]*>", " ", text).replace("锁没锁", "锁")
    named = lambda w: w in plain if re.match(f"[{HAN}]", w) else re.search(rf"\b{w}\b", plain)
    found = [state for words, state in STATES if any(named(w) for w in words.split())]
    if not found or any((found[0], other) not in CAREFUL for other in found[1:]):
        return None
    as_cover, as_lock = {"on": "open", "off": "closed"}, {"on": "unlocked", "open": "unlocked", "off": "locked", "closed": "locked"}
    return (as_cover if domain in ("cover", "valve") else as_lock if domain == "lock" else {}).get(found[0], found[0])


@functools.cache
def dishes(lang):
    """What the grammars' lists of dishes say; one Chinese character is part of too many words."""
    words = set()
    for file in grammar_files(lang):
        for name in ("dish", "rare_dish"):
            for value in file.get("lists", {}).get(name, {}).get("values", []):
                words.update(str(value["in"] if isinstance(value, dict) else value).strip("()").split("|"))
    return sorted(w for w in words if len(w) > 1 and re.fullmatch(rf"[a-z ]+|[{HAN}]+", w))


# --- words, misheard, and tokens -----------------------------------------------------------------------------------
def words_of(text):
    """[(word, slot or None, number of the slot, class token or "")] of a text with marked slots."""
    out, end = [], 0
    for k, m in enumerate(SLOT.finditer(text)):
        out += [(w, None, -1, "") for w in plain_words(text[end:m.start()])]
        out += [(w, m.group(1), k, m.group(2)) for w in plain_words(m.group(3))]
        end = m.end()
    return out + [(w, None, -1, "") for w in plain_words(text[end:])]


def plain_words(text):
    return WORD.findall(text.lower().replace("'", "").replace("’", ""))


def misheard(words, ears, rate):
    """Words lost, added and replaced as the recogniser does it; a slot with a wrong word loses its class token."""
    rng, out, hurt = ears.rng, [], set()
    for i, (word, slot, k, kind) in enumerate(words):
        if rng.random() >= rate:
            out.append((word, slot, k, kind))
            continue
        what = rng.choices(("replaced", "lost", "added"), ears.shares())[0]
        other = plain_words(ears.other(word)) if what == "replaced" else []
        if what == "added":
            inside = i + 1 < len(words) and words[i + 1][2] == k >= 0
            extra = [(w, slot if inside else None, k if inside else -1, kind) for w in plain_words(ears.addition())]
            out += [(word, slot, k, kind), *extra] if rng.random() < 0.7 or i else [*extra, (word, slot, k, kind)]
            hurt |= {k} if inside else set()
        else:
            out += [(w, slot, k, kind) for w in other]
            hurt.add(k)
    return [(w, slot, k, "" if k in hurt else kind) for w, slot, k, kind in out]


EN_RUN = re.compile(rf"(?:(?:{'|'.join(EN_NUMBER + EN_TENS)}|a (?=hundred|thousand)|hundred|thousand|point|and (?=(?:{'|'.join(EN_NUMBER + EN_TENS)}) ))(?: |$))+(?:and a half )?|-?[0-9][0-9.]* (?:and a half )?")
ZH_RUN = re.compile(f"[{ZH_NUMBER}十两] (?:[{ZH_NUMBER}十两百千] )*(?:点 (?:[{ZH_NUMBER}] )+)?(?:半 )?|-?[0-9][0-9.]* (?:半 )?")


@functools.cache
def spotting(lang):
    """What becomes which class token, over words with a space after each."""
    spaced = lambda texts: "|".join(sorted((" ".join(plain_words(t)) + " " for t in texts), key=len, reverse=True))
    return [("<num>", EN_RUN if lang == "en" else ZH_RUN), ("<color>", re.compile(spaced(COLORS[lang]))), ("<dish>", re.compile(spaced(dishes(lang))))]


def tokens(words, lang):
    """[(token, tag)]: what the house knows becomes class tokens; tags are O, B-slot, I-slot."""
    text, starts = "", {}
    for i, (w, *_rest) in enumerate(words):
        starts[len(text)] = i
        text += w + " "
    starts[len(text)] = len(words)
    out, at, before = [], 0, -1
    while at < len(words):
        word, slot, k, kind = words[at]
        position = next(p for p, i in starts.items() if i == at)
        end, token = at + 1, word
        if kind:
            while end < len(words) and words[end][2] == k:
                end += 1
            token = kind
        else:
            for name, pattern in spotting(lang):
                m = pattern.match(text, position)
                if m and m.end() in starts:
                    end, token = starts[m.end()], name
                    break
        out.append((token, "O" if slot is None else ("I-" if k == before else "B-") + slot))
        before, at = words[end - 1][2], end
    return out


# --- the whole -----------------------------------------------------------------------------------------------------
def split_patterns(patterns, key):
    """Whole patterns to train (70 %), calibrate (15 %) and test (15 %); always the same ones."""
    patterns = list(patterns)
    random.Random(key).shuffle(patterns)
    a, b = max(1, round(len(patterns) * 0.15)), max(2, round(len(patterns) * 0.3))
    return patterns[b:], patterns[:a], patterns[a:b]


PREFIX = {"en": ["", "", "", "", "please ", "could you ", "hey ", "i want you to "], "zh": ["", "", "", "", "请", "帮我", "麻烦你", "能不能"]}
SUFFIX = {"en": ["", "", "", "", " please", " thanks", " for me"], "zh": ["", "", "", "", "吧", "好吗", "啊"]}
PARTS = ("train", "calibrate", "test")


def label_of(intent, implied):
    return json.dumps([intent, implied], ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def build(rng, per_block=300, per_pattern=40):
    """({part: [(lang, label, tokens, tags, misheard?)]}, {label: set of slot sets}, words of commands by language)."""
    from misheard import Mishears

    data, shapes, vocabulary = {p: [] for p in PARTS}, {}, {"en": {}, "zh": {}}
    for lang in ("en", "zh"):
        ears = Mishears(lang, rng)
        grammar = Grammar(lang, rng)
        table, other = (said.EN, said.EN_OTHER) if lang == "en" else (said.ZH, said.ZH_OTHER)

        def add(part, label, text, polite=True, noise=None):
            if polite and rng.random() < 0.5:
                text = rng.choice(PREFIX[lang]) + text + rng.choice(SUFFIX[lang])
            elif polite and part == "train" and rng.random() < 0.3:
                text = rng.choice(grammar.skip) + (" " if lang == "en" else "") + text
            words = words_of(text)
            if label != OOS:
                shapes.setdefault(label, set()).add(tuple(sorted({s for _, s, _, _ in words if s})))
                for w, s, k, kind in words:
                    if not kind:
                        vocabulary[lang][w] = vocabulary[lang].get(w, 0) + 1
                # A name that this house has not got, or a word of it unknown.
                if part == "train" and rng.random() < 0.15:
                    words = [(w, s, k, "") for w, s, k, _ in words]
            noise = (rng.random() < 0.6) if noise is None else noise
            if noise:
                words = misheard(words, ears, rng.uniform(0.05, 0.25))
            pairs = tokens(words, lang)
            if pairs:
                data[part].append((lang, label, [t for t, _ in pairs], [t for _, t in pairs], noise))

        for intent, block in grammar.blocks:
            label = label_of(intent, block.get("slots", {}))
            n = per_block * (2 if len(block["sentences"]) > 4 else 1)
            for _ in range(n):
                add("train", label, grammar.sentence(intent, block))
        for intent in sorted(table):
            for part, patterns in zip(PARTS, split_patterns(table[intent], lang + intent)):
                for p in patterns:
                    for i in range(per_pattern if part == "train" else 8):
                        implied, text = meaning(intent, expand(p, lang, rng), lang, rng)
                        add(part, label_of(intent, implied), text, noise=None if part == "train" else i % 2 == 1)
        for part, patterns in zip(PARTS, split_patterns(other, lang)):
            for p in patterns:
                for i in range(per_pattern if part == "train" else 8):
                    add(part, OOS, meaning("", expand(p, lang, rng), lang, rng)[1], polite=False, noise=None if part == "train" else i % 2 == 1)
        every = sorted(w for w, n in vocabulary[lang].items() if n >= 3)
        glue = " " if lang == "en" else ""
        for part, n in (("train", 13 * per_block + 100), ("calibrate", 200), ("test", 200)):
            for _ in range(n):  # words of the house in no order, and any words
                add(part, OOS, " ".join(rng.choices(every, k=rng.randint(1, 6))), polite=False, noise=False)
                add(part, OOS, glue.join(rng.choices(common(lang), k=rng.randint(2, 7))), polite=False, noise=False)
    known = {lang: sorted(w for w, n in v.items() if n >= 3 and not w[0].isdigit()) for lang, v in vocabulary.items()}
    return data, shapes, known
