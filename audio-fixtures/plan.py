"""What the fixtures say and what the receipt must answer; make.py turns this into recordings.

One line per recording.  Nothing here says how things sound: make.py chooses levels, rooms and formats.
Leave a check out where the right answer is open; a wrong check is worse than none.
"""

WAKE = {  # word -> what is spoken, by language of the synthesiser's voice
    "hey_siri": {"en": "hey siri", "zh": "hey siri"},
    "tian_mao_jing_ling": {"zh": "天猫精灵"},
    "computer": {"en": "computer", "zh": "computer"},
}
# Which handler a wake word prefers; "computer" prefers none.
OF_WAKE = {"hey_siri": "siri", "tian_mao_jing_ling": "tmall"}


def lamp(name, topic):
    """Checks for a Zigbee2MQTT thing that is switched on or off as a named entity."""
    return {"slots": {"name": name}, "topic": f"zigbee2mqtt/{topic}/set"}


LIVING = {"slots": {"area": "living_room", "domain": "light"}, "topic": "zigbee2mqtt/living_room_ceiling/set"}
BEDROOM = {"slots": {"area": "bedroom", "domain": "light"}, "topic": "zigbee2mqtt/bedroom_lamp/set"}
CEILING = lamp("light.living_room_ceiling", "living_room_ceiling")
KITCHEN = lamp("light.kitchen", "kitchen_light")
BEDSIDE = lamp("light.bedroom_lamp", "bedroom_lamp")
DESK = {**lamp("light.study_desk", "study_desk"), "handler": "siri"}
FAN = lamp("fan.bedroom", "bedroom_fan")
CURTAIN = lamp("cover.living_room_curtain", "living_room_curtain")
LOCK = lamp("lock.front_door", "front_door")
COFFEE = {**lamp("switch.coffee_machine", "coffee_machine"), "handler": "tmall"}
HALL = {"slots": {"name": "light.hallway"}, "topic": "home/hallway/light"}
MOVIE = {"slots": {"name": "scene.movie"}, "topic": "home/scene/set"}
GARAGE = {"slots": {"name": "cover.garage_door"}, "topic": "home/garage/door", "handler": "siri"}
VACUUM = {"slots": {"name": "vacuum.robot"}, "topic": "home/vacuum/command", "handler": "tmall"}


def on(thing, payload=None):
    return {"intent": "HassTurnOn", **thing, "payload": payload or {"state": "ON"}}


def off(thing, payload=None):
    return {"intent": "HassTurnOff", **thing, "payload": payload or {"state": "OFF"}}


def light(thing, percent):
    slots = {**thing["slots"], "brightness": percent}
    return {"intent": "HassLightSet", **thing, "slots": slots, "payload": {"state": "ON", "brightness": round(percent * 2.54)}}


def position(percent):
    return {"intent": "HassSetPosition", **CURTAIN, "slots": {**CURTAIN["slots"], "position": percent}, "payload": {"position": percent}}


def temperature(degrees, **more):
    slots = {**more, "temperature": degrees}
    return {"intent": "HassClimateSetTemperature", "slots": slots, "topic": "zigbee2mqtt/bedroom_climate/set"}


def color(thing, name):
    return {"intent": "HassLightSet", **thing, "slots": {**thing["slots"], "color": name}}


S, T, C = "hey_siri", "tian_mao_jing_ling", "computer"
# slug, wake word, text, expect
COMMANDS_EN = [
    ("turn-on-living-room-light", S, "turn on the living room light", on(LIVING)),
    ("turn-off-living-room-light", C, "turn off the living room light", off(LIVING)),
    ("lounge-lights-off", S, "turn off the lounge lights", off(LIVING)),
    ("turn-on-kitchen-light", S, "turn on the kitchen light", on(KITCHEN)),
    ("kitchen-light-off", C, "switch off the kitchen light", off(KITCHEN)),
    ("kitchen-light-half", S, "set the kitchen light to fifty percent", light(KITCHEN, 50)),
    ("bedside-lamp-on", S, "turn on the bedside lamp", on(BEDSIDE)),
    ("bedside-lamp-thirty", C, "set the bedside lamp to thirty percent", light(BEDSIDE, 30)),
    ("bedroom-light-off", S, "turn off the light in the bedroom", off(BEDROOM)),
    ("desk-lamp-on", S, "turn on the desk lamp", on(DESK)),
    ("desk-lamp-off", C, "turn the desk lamp off", off(DESK)),
    ("ceiling-light-on", S, "switch on the ceiling light", on(CEILING)),
    ("ceiling-light-red", S, "make the ceiling light red", color(CEILING, "red")),
    ("ceiling-light-twenty", S, "dim the ceiling light to twenty percent", light(CEILING, 20)),
    ("hallway-light-on", S, "turn on the hallway light", on(HALL, "1")),
    ("hallway-light-off", C, "turn off the hallway light", off(HALL, "0")),
    ("fan-on", S, "turn on the fan", on(FAN)),
    ("fan-off", S, "switch the fan off", off(FAN)),
    ("curtains-open", S, "open the curtains", on(CURTAIN, {"state": "OPEN"})),
    ("curtains-close", C, "close the curtains", off(CURTAIN, {"state": "CLOSE"})),
    ("curtains-forty", S, "set the curtains to forty percent", position(40)),
    ("garage-door-close", S, "close the garage door", off(GARAGE, "CLOSE")),
    ("front-door-lock", S, "lock the front door", on(LOCK, {"state": "LOCK"})),
    ("temperature-21", S, "set the temperature to twenty one degrees", temperature(21)),
    ("bedroom-temperature-19", C, "set the bedroom temperature to nineteen degrees", temperature(19, area="bedroom")),
    ("coffee-machine-on", C, "turn on the coffee machine", on(COFFEE)),
    ("coffee-machine-off-siri", S, "turn off the coffee machine", off(COFFEE)),
    ("vacuum-start", C, "start the vacuum", {"intent": "HassVacuumStart", **VACUUM, "payload": "start"}),
    ("movie-night", S, "turn on movie night", on(MOVIE, "movie")),
    ("all-lights-off", S, "turn off all the lights", {"intent": "HassTurnOff", "handler": "siri"}),
]
COMMANDS_ZH = [
    ("living-room-light-on", T, "打开客厅的灯", on(LIVING)),
    ("living-room-light-off", T, "关掉客厅的灯", off(LIVING)),
    ("living-room-light-on-siri", S, "打开客厅的灯", on(LIVING)),
    ("living-room-light-ba", T, "把客厅的灯关掉", off(LIVING)),
    ("kitchen-light-on", T, "打开厨房灯", on(KITCHEN)),
    ("kitchen-light-off", T, "关闭厨房灯", off(KITCHEN)),
    ("kitchen-light-half", T, "把厨房灯调到百分之五十", light(KITCHEN, 50)),
    ("bedside-lamp-on", T, "打开床头灯", on(BEDSIDE)),
    ("bedside-lamp-off", S, "关掉床头灯", off(BEDSIDE)),
    ("bedside-lamp-thirty", T, "把床头灯调到百分之三十", light(BEDSIDE, 30)),
    ("bedroom-light-off", T, "关掉卧室的灯", off(BEDROOM)),
    ("desk-lamp-on", S, "打开书桌灯", on(DESK)),
    ("ceiling-light-on", T, "打开吊灯", on(CEILING)),
    ("ceiling-light-red", T, "把吊灯设为红色", color(CEILING, "red")),
    ("ceiling-light-eighty", T, "把吊灯亮度调到百分之八十", light(CEILING, 80)),
    ("hallway-light-on", T, "打开走廊灯", on(HALL, "1")),
    ("hallway-light-off", S, "关闭走廊灯", off(HALL, "0")),
    ("fan-on", T, "打开风扇", on(FAN)),
    ("fan-off", T, "把风扇关掉", off(FAN)),
    ("curtain-open", T, "打开窗帘", on(CURTAIN, {"state": "OPEN"})),
    ("curtain-close", T, "关上窗帘", off(CURTAIN, {"state": "CLOSE"})),
    ("garage-door-close", S, "关闭车库门", off(GARAGE, "CLOSE")),
    ("front-door-lock", T, "锁上前门", on(LOCK, {"state": "LOCK"})),
    ("temperature-26", T, "温度设为二十六度", temperature(26)),
    ("bedroom-temperature-24", T, "卧室温度设为二十四度", temperature(24, area="bedroom")),
    ("coffee-machine-on", T, "打开咖啡机", on(COFFEE)),
    ("vacuum-start", T, "启动扫地机器人", {"intent": "HassVacuumStart", **VACUUM, "payload": "start"}),
    ("movie-mode", T, "打开电影模式", on(MOVIE, "movie")),
    ("hotpot", T, "我想吃火锅", {"intent": "TiebreakEatOut", "handler": "tmall"}),
    ("all-lights-off", T, "关闭所有的灯", {"intent": "HassTurnOff"}),
]
UNKNOWN_ROOM = [
    ("en", "wine-cellar", S, "turn on the light in the wine cellar"),
    ("en", "attic", C, "turn off the attic light"),
    ("en", "swimming-pool", S, "turn on the swimming pool light"),
    ("zh", "wine-cellar", T, "打开酒窖的灯"),
    ("zh", "attic", T, "关掉阁楼的灯"),
    ("zh", "greenhouse", S, "打开温室的灯"),
]
# Chit-chat after a wake word (nothing to do) and without one (nobody was called).
CHAT = [
    ("en", "rain", S, "i think it might rain on the way to the station"),
    ("en", "grandmother", C, "my grandmother used to bake bread every sunday"),
    ("en", "train", None, "the train to the mountains leaves at seven in the morning"),
    ("en", "serious", None, "seriously, nobody could compute that in a hurry"),
    ("zh", "mountain", T, "我昨天和朋友一起去爬山了"),
    ("zh", "exam", S, "他下个星期有两场考试"),
    ("zh", "cat", None, "邻居家的猫每天早上都来找我们玩"),
    ("zh", "spirit", None, "天气很好精神也很好我们出去走走吧"),
]
# A command that nobody was called for: the house must not listen.
NO_WAKE = [
    ("en", "kitchen-light", "turn on the kitchen light"),
    ("zh", "living-room-light", "打开客厅的灯"),
]
# The file ends after `share` of the sentence.  Where so little is said that nothing can be done, nothing may be done.
CUT_OFF = [
    ("en", "turn-on-the", S, "turn on the kitchen light", 0.38, "none"),
    ("en", "bedside-lamp-to", C, "set the bedside lamp to thirty percent", 0.3, "none"),
    ("en", "in-the-wake-word", S, None, 0.45, "none"),
    ("zh", "ba-kitchen", T, "把厨房灯调到百分之五十", 0.2, "none"),
    ("zh", "open-living", T, "打开客厅的灯", 0.4, None),
    ("zh", "in-the-wake-word", T, None, 0.45, "none"),
]
WAKE_ONLY = [("en", S), ("en", S), ("en", C), ("en", C), ("zh", T), ("zh", T), ("zh", S)]
NOISE = ["pink", "babble-en", "babble-zh", "hum", "tap", "knocks", "music", "silence"]
