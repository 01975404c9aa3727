"""Sentences to speak: varied text first (it teaches sounds), home commands second (it teaches the task).

Nothing here is taken from the test sentences of grammars/ or from audio-fixtures/, and what is sampled from the grammars
has none of the patterns that bench/sentences.tsv measures with.
"""

import csv
import functools
import os
import random
import re

import intent_data
import intent_sentences
import units

EN_HOME = """turn on off the light lights lamp ceiling floor table desk bedside living room lounge kitchen bedroom bathroom
hallway hall study office garage garden dining kids nursery guest attic basement balcony front back door lock unlock open close
shut blind blinds curtain curtains shutter cover window fan heater heating thermostat temperature degrees air conditioner
conditioning switch plug socket outlet tv television speaker music volume louder quieter up down higher lower brighter dimmer
brightness percent half full set make change dim increase decrease raise red green blue white yellow orange purple pink warm cool
cold colour color play pause stop resume next previous track song skip timer minutes minute seconds hours hour alarm cancel start
vacuum robot clean dock scene movie night good morning bye mode coffee machine kettle washing dishwasher what is how the weather
today tomorrow time date add milk bread eggs butter to my shopping list remind me call send message please can you could would i want
to eat hotpot pizza order buy some never mind one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty
forty fifty sixty seventy eighty ninety hundred all every everything in of at it them and then hey siri computer""".split()
ZH_HOME = """打开 关闭 关掉 开 关 把 将 请 帮我 我想 我要 的 灯 吊灯 台灯 床头灯 吸顶灯 落地灯 灯光 客厅 卧室 主卧 次卧 厨房 书房 餐厅 浴室 卫生间
洗手间 走廊 阳台 车库 花园 儿童房 客房 门 前门 大门 锁 上锁 解锁 开锁 窗帘 百叶窗 窗户 卷帘 风扇 电扇 空调 暖气 加热器 温度 度 亮度 百分之 调到 调 调高 调低
调亮 调暗 亮一点 暗一点 一半 最亮 最暗 红色 绿色 蓝色 白色 黄色 橙色 紫色 粉色 暖光 冷光 颜色 设为 设置 设成 变成 换成 电视 音箱 音乐 音量 大一点 小一点 播放 暂停
继续 停止 下一首 上一首 定时器 计时器 分钟 秒 小时 取消 开始 扫地 扫地机器人 机器人 回充 场景 电影 模式 晚安 早安 回家 离家 插座 开关 咖啡机 热水器 电饭煲
今天 明天 天气 怎么样 现在 几点 几号 多少 购物 清单 加 牛奶 面包 鸡蛋 我想吃 火锅 披萨 外卖 点 买 打电话 给 妈妈 发 消息 提醒我 开会 算了 没事 一 二 三 四 五
六 七 八 九 十 二十 三十 四十 五十 六十 七十 八十 九十 一百 所有 全部 都 和 然后 天猫精灵 电脑""".split()
EN_TEMPLATES = [
    "{p}turn {oo} the {room} {dev}", "{p}turn the {dev} {oo}", "switch {oo} the {room} {dev}", "{p}switch the {room} {dev} {oo}",
    "{dev} {oo}", "{room} {dev} {oo}", "{p}set the {room} {dev} to {num} percent", "dim the {dev} to {num} percent",
    "{p}make the {room} {dev} {col}", "set {dev} brightness to {num}", "{p}open the {room} {cov}", "close the {cov} in the {room}",
    "lock the {door} door", "{p}unlock the {door} door", "set the temperature to {num} degrees", "{room} temperature {num} degrees",
    "what is the temperature in the {room}", "turn {oo} all the lights in the {room}", "set a timer for {num} minutes",
    "pause the music", "{p}play some music", "next song", "volume up", "set the volume to {num} percent", "{p}start the vacuum",
    "i want to eat {food}", "order some {food}", "add {food} to my shopping list", "turn {oo} the {dev} and {oc} the {cov}", "never mind",
    "{p}turn the {room} {dev} {oo} and lock the {door} door", "is the {dev} on", "what time is it",
]
ZH_TEMPLATES = [
    "{p}{oo}{room}的{dev}", "{p}{oo}{room}{dev}", "{p}把{room}的{dev}{oo2}", "{oo}{dev}", "把{dev}{oo2}", "{p}把{room}{dev}调到百分之{num}", "{room}{dev}亮度调到百分之{num}",
    "{p}把{room}的{dev}设成{col}", "{room}{dev}{col}", "{p}{oo}{room}的{cov}", "把{cov}{oo2}", "{room}温度设为{num}度", "空调调到{num}度", "{p}锁上{door}", "打开{door}的锁",
    "{room}现在多少度", "{oo}所有的灯", "{oo}{room}所有的灯", "定一个{num}分钟的计时器", "播放音乐", "暂停播放", "下一首", "音量调到百分之{num}", "开始扫地", "我想吃{food}",
    "帮我点{food}", "把{food}加到购物清单", "{oo}{dev}然后{oo}{cov}", "算了", "现在几点了", "今天天气怎么样",
]
EN_SLOTS = {
    "p": ["", "", "", "please ", "can you ", "could you please "], "oo": ["on", "off"], "oc": ["open", "close"],
    "room": "living room,lounge,kitchen,bedroom,bathroom,hallway,study,office,garage,garden,dining room,kids room,guest room,attic,basement".split(","),
    "dev": "light,lights,lamp,ceiling light,floor lamp,table lamp,desk lamp,bedside lamp,fan,heater,tv,speaker,plug,switch,air conditioner,coffee machine,reading light".split(","),
    "cov": "blinds,curtains,shutters,blind,curtain,window,garage door,roller blind".split(","), "door": "front,back,garage,side".split(","),
    "num": "five,ten,fifteen,twenty,twenty one,twenty five,thirty,thirty five,forty,fifty,sixty,seventy,seventy five,eighty,ninety,a hundred,one hundred".split(","),
    "col": "red,green,blue,white,yellow,orange,purple,pink,warm white,cold white,brighter,dimmer".split(","),
    "food": "hotpot,pizza,noodles,milk,bread,eggs,sushi,dumplings,coffee,apples".split(","),
}
ZH_SLOTS = {
    "p": ["", "", "请", "帮我"], "oo": ["打开", "关闭", "关掉", "开"], "oo2": ["打开", "关掉", "关闭", "关了"],
    "room": "客厅,卧室,主卧,厨房,书房,餐厅,浴室,卫生间,走廊,阳台,车库,儿童房,客房".split(","),
    "dev": "灯,吊灯,台灯,床头灯,落地灯,吸顶灯,风扇,空调,电视,音箱,插座,加热器,咖啡机,灯光".split(","),
    "cov": "窗帘,百叶窗,窗户,卷帘,车库门".split(","), "door": "前门,大门,后门".split(","),
    "num": "五,十,十五,二十,二十一,二十五,三十,四十,五十,六十,七十,八十,九十,一百,二十六".split(","),
    "col": "红色,绿色,蓝色,白色,黄色,橙色,紫色,粉色,暖白,最亮,最暗".split(","), "food": "火锅,披萨,面条,牛奶,面包,鸡蛋,寿司,饺子,咖啡,苹果".split(","),
}


WAKE = {"en": ["hey siri", "computer", "hey computer", "alexa"], "zh": ["天猫精灵", "你好", "小助手", "天猫精灵"]}


# Most of what is said to a home; any other intent of the grammars is as likely as the next.
HOME_INTENTS = ["HassTurnOn", "HassTurnOn", "HassTurnOff", "HassTurnOff", "HassLightSet", "HassSetPosition", "HassClimateSetTemperature"]


@functools.cache
def class_words(lang):
    """What stands for something of its kind: places, things, colours, numbers, dishes, and all other lists of the grammars."""
    texts = [t for kinds in (intent_sentences.PLACES[lang], intent_sentences.THINGS[lang]) for names in kinds.values() for t in names]
    texts += intent_data.COLORS[lang] + intent_data.dishes(lang)
    for file in intent_data.grammar_files(lang):
        for entry in file.get("lists", {}).values():
            for value in entry.get("values", []):
                said = str(value["in"] if isinstance(value, dict) else value)
                texts += [t.strip() for t in re.split(r"[()|\[\]]", said) if t.strip() and "<" not in t]
    if lang == "zh":
        texts = sorted({t for t in texts if len(t) > 1}, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, texts)) + "|[灯门帘零一二三四五六七八九十百两半点]+")
    texts += intent_data.EN_NUMBER + intent_data.EN_TENS + "hundred half point third quarter light lamp door curtain blind fan".split()
    texts = sorted({units.normalise(t) for t in texts if len(t) > 2}, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(texts) + r")(?:s|'s)?\b")


def pattern(text, lang):
    """A sentence without what may be exchanged in it: `put _ on`."""
    plain = re.sub(r"\b(the|my|our|your|a|an|and|please)\b ?", "", units.normalise(text))
    return re.sub("_( ?_)+", "_", class_words(lang).sub("_", plain)).strip()


@functools.cache
def held_out_patterns(lang):
    """Those of bench/sentences.tsv; nothing that holds one, whatever is before or after it, is learnt from."""
    with open(os.path.join(intent_data.ROOT, "bench/sentences.tsv"), encoding="utf8") as f:
        rows = [r for r in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE) if r["lang"] == lang]
    edge = r"(?<![a-z])" if lang == "en" else ""
    patterns = sorted({pattern(r["text"], lang) for r in rows})
    return re.compile("|".join(f"{edge}{re.escape(p)}{edge.replace('<!', '!')}" for p in patterns if p not in ("_", "_ _")))


class Corpus:
    def __init__(self, seed=0):
        import wordfreq

        self.rng = random.Random(seed)
        self.grammars = {lang: intent_data.Grammar(lang, self.rng) for lang in ("en", "zh")}
        self.en = [w for w in wordfreq.top_n_list("en", 20000) if w in units.dictionary() and (len(w) > 2 or w in EN_HOME)]
        self.zh = [w for w in wordfreq.top_n_list("zh", 16000) if units.HAN.fullmatch(w) and len(w) <= 4]

    def template(self, lang):
        t = self.rng.choice(EN_TEMPLATES if lang == "en" else ZH_TEMPLATES)
        slots = EN_SLOTS if lang == "en" else ZH_SLOTS
        while "{" in t:
            i, j = t.index("{"), t.index("}")
            t = t[:i] + self.rng.choice(slots[t[i + 1:j]]) + t[j + 1:]
        return t

    def command(self, lang):
        """A sentence of grammars/ that can be read out, of a pattern that is not held out."""
        grammar = self.grammars[lang]
        intents = sorted({intent for intent, _ in grammar.blocks})
        while True:
            intent = self.rng.choice(HOME_INTENTS if self.rng.random() < 0.6 else intents)
            block = self.rng.choice([b for i, b in grammar.blocks if i == intent])
            said = re.sub(intent_data.SLOT, r"\3", grammar.sentence(intent, block))
            text = units.normalise(said)
            if re.search("[0-9%°]", said) or not 2 <= len(text.split() if lang == "en" else text) <= 14:
                continue
            if units.label(text) and not held_out_patterns(lang).search(pattern(text, lang)):
                return text

    def words(self, lang):
        """1 to 7 random words; a third of them from the home's vocabulary."""
        big, home = (self.en, EN_HOME) if lang == "en" else (self.zh, ZH_HOME)
        n = self.rng.choices([1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 4, 3, 1])[0]
        out = []
        for _ in range(n):
            if self.rng.random() < 0.33:
                out.append(self.rng.choice(home))
            else:  # frequent words more often, but the tail too
                out.append(big[int(len(big) * self.rng.random() ** 1.5)])
        return (" " if lang == "en" else "").join(out)

    def sentence(self, lang, p_template=0.28, p_command=0.0):
        """p_template, p_command: shares of the sentences that are made by this file's templates and by grammars/."""
        kind = self.rng.random()
        said = self.command(lang) if kind < p_command else self.template(lang) if kind < p_command + p_template else self.words(lang)
        if self.rng.random() < 0.12:
            said = self.rng.choice(WAKE[lang]) + " " + said
        return units.normalise(said)
