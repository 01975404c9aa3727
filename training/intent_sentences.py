"""What the intent classifier learns from: other phrasings than the grammars', and what is no command.

In the patterns, L C F S K V D M are lamp, cover, fan, switch, climate, vacuum, lock, scene; O is a floor, A is a room, N a number, H a colour, Y a dish;
(a|b) alternatives, an empty branch allowed.  Nothing here is taken from the test sentences of grammars/ or audio-fixtures/.
"""

CLASS = {
    "L": "<name:light>", "C": "<name:cover>", "F": "<name:fan>", "S": "<name:switch>", "K": "<name:climate>",
    "V": "<name:vacuum>", "D": "<name:lock>", "M": "<name:scene>", "A": "<area>", "O": "<floor>", "N": "<num>", "H": "<color>", "Y": "<dish>",
}

EN = {
    "HassTurnOn": [
        "(would it be possible to|i was hoping you could|be so kind and) (turn|switch) on the (L|F|S)", "(the|my) (L|F|S) should be (on|switched on|turned on)",
        "(i'd|i would) (like|love) the (L|F|S) (on|to be on|turned on)", "give me (some|a bit of) light in the A", "get the (L|F|S) on", "bring the (L|F|S) to life",
        "make sure (that|) the (L|F|S) is (on|running|switched on)", "the A needs (some|more) light", "we need (the|) light in the A", "have the (light|lights) in the A (come|switched|turned) on",
        "on with the (L|F)", "on with the (light|lights) in the A", "it is (very|so|really|pretty) dark in the A", "i can not see (anything|a thing) in the A", "the A is (too|very) dark",
        "let the (light|sun) in (open|through) the C", "could the C be opened", "i want the C (open|opened|up)", "have the C opened", "the C should be open", "let me have the (L|F|S) on",
        "the D should be locked", "(secure|bolt) the D", "i want the D locked", "is it possible to have the (L|F|S) (on|turned on)", "flick on the (L|F)", "flip the (L|S|F) on", "fire the S up",
        "i want to (see|have) (the|) light in the A", "A light please on", "on the (L|F|S) turn", "(power|switch) up the (S|F|K)", "the K (on|should be on) please", "lights in A on",
        "let us have M", "i am in the mood for M", "prepare (for|the) M", "make it M", "all (of the|the|) (lights|lamps) in the A should be on", "(every|each) (light|lamp) on the O on",
    ],
    "HassTurnOff": [
        "(would it be possible to|i was hoping you could|be so kind and) (turn|switch) off the (L|F|S)", "(the|my) (L|F|S) should be (off|switched off|turned off)",
        "(i'd|i would) (like|love) the (L|F|S) (off|to be off|turned off)", "get the (L|F|S) off", "make sure (that|) the (L|F|S) is (off|not on|switched off)", "no (more|) light in the A",
        "we do not need (the|any) light in the A", "have the (light|lights) in the A (go|switched|turned) off", "off with the (L|F|S)", "off with the (light|lights) in the A",
        "nobody (needs|is using) the (L|F|S)", "(the|) A should be dark", "make the A dark", "make it dark in the A", "could the C be closed", "i want the C (closed|shut|down)", "have the C closed",
        "the C should be (closed|shut)", "the D should be unlocked", "i want the D unlocked", "let me out through the D", "is it possible to have the (L|F|S) (off|turned off)", "flick off the (L|F)",
        "flip the (L|S|F) off", "i am done with the (S|F|L)", "(power|switch) down the (S|F|K)", "the K (off|should be off) please", "lights in A off", "quit the (F|S)", "put out the (L|light in the A|lights in the A)",
        "all (of the|the|) (lights|lamps) in the A should be off", "(every|each) (light|lamp) on the O off", "i do not want the (L|F|S) (on|running)", "the (L|F|S) can go off", "let the (L|F|S) be off",
    ],
    "HassLightSet": [
        "(give|i want) the L at N (percent|)", "(the|) L should be (at|on) N percent", "let the L (shine|glow) (at|with) N percent", "i want N percent (brightness|light) on the L", "N percent (for|on) the L",
        "make the L N percent bright", "bring the L (down|up|) to N percent", "have the L at N percent", "(the|) A lights should be at N percent", "i'd like the A lights at N percent", "N percent light in the A",
        "i would like the L (in|to be) H", "let the L (shine|glow|be) H", "H (for|on) the L", "H light (from|on) the L", "i want H (light|) in the A", "the A should be H", "have the lights in the A H", "give me H light in the A",
        "can the L be H", "let us have H light in the A", "the L H please", "(bathe|put) the A in H", "how about H for the L", "the brightness of the L should be N percent", "reduce the light of the L to N percent",
    ],
    "HassSetPosition": [
        "(leave|keep|have) the C (open |)at N percent", "the C should be (at|open) N percent", "i want the C N percent open", "move the C (down|up|) to N percent", "N percent (for|on) the C", "let the C (down|up) to N percent",
        "bring the C to N (percent|)", "open the C by N percent", "the C at N percent please", "can the C be at N percent",
    ],
    "HassClimateSetTemperature": [
        "i'd like it N degrees (warm|) (in the A|)", "let it be N degrees (in the A|)", "N degrees (in the A|) please", "it should be N degrees (in the A|)", "have the (A|K) at N degrees", "the K should be at N (degrees|)",
        "i want N degrees (in the A|)", "give me N degrees (in the A|)", "get the A to N degrees", "bring the temperature (of the A|in the A|) to N", "(warm|cool) the A (down|up) to N degrees", "how about N degrees in the A",
        "can the A be N degrees", "could we have N degrees (in the A|)", "heat up to N degrees",
    ],
    "HassClimateGetTemperature": [
        "(do you know|can you say|i wonder) how (warm|cold|hot) it is in (here|the A)", "what does the thermometer (say|show) (in the A|)", "how many degrees (do we have|are there) (in the A|)", "is it (warm|cold|hot) in the A",
        "temperature in the A", "i want to know the temperature (in the A|inside)", "what temperature (do we have|is it) (in the A|inside)", "read (me|) the temperature (in the A|)", "say the temperature of the A",
    ],
    "HassVacuumStart": [
        "the floor is (dirty|filthy|dusty)", "it is time to (clean|vacuum) (the floor|)", "(have|make) V (clean|do its work|do its job)", "let the V do its (work|job|thing)", "V should (clean|start)", "we need the V",
        "there is dirt on the floor", "send the V on its way", "clean (up|) with the V", "begin (to vacuum|to clean|vacuuming|cleaning)", "it is dirty (here|in here) run the V", "can the V clean (now|)",
    ],
    "HassVacuumReturnToBase": [
        "the V (should|can) (go home|go back|stop|rest)", "(have|make) V (go home|go back|stop|charge)", "that is enough V", "call the V (back|home)", "let the V (charge|rest|go home|go back)", "no more (vacuuming|cleaning)",
        "take the V back", "V back to the (base|dock|charger|station)", "the V is too loud stop it", "end the (cleaning|vacuuming)", "quit (cleaning|vacuuming)",
    ],
    "HassMediaPause": ["(halt|freeze|interrupt) the (music|song|movie|video)", "stop playing (music|this|)", "no more music (please|)", "be quiet with the music", "i want the music (paused|to stop)", "take a break from the music", "music off", "the music should stop", "hold the (song|movie)"],
    "HassMediaUnpause": ["(go on|carry on|continue) with the (music|song|movie)", "let the music (play|go on)", "i want (to hear|) (the|some) music", "start the music (again|)", "music (on|again) please", "put on some music", "bring the music back", "get the music going", "keep the (music|song) going"],
    "HassMediaNext": ["i (do not|don't) like this (song|track) (next|)", "(give me|i want) (another|the next|a different) (song|track)", "another (song|track) please", "one (song|track) (further|forward)", "(move|jump) (on|ahead) to the next (song|track)", "next please", "what comes next play it", "a different song"],
    "HassMediaPrevious": ["(give me|i want) the (song|track) before (this|)", "one (song|track) back", "(move|jump) back (a|one) (song|track)", "the (song|track) before please", "that last (song|track) again", "repeat the (last|previous) (song|track)", "i liked the (last|previous) (song|track) play it"],
    "HassSetVolume": ["(have|i want|i'd like) the volume at N (percent|)", "volume should be N (percent|)", "N percent volume (in the A|)", "make it N percent loud", "play at N percent (volume|)", "let the volume be N", "bring the sound to N (percent|)", "sound (at|to) N percent", "loudness N percent"],
    "HassStartTimer": ["i need a (timer|countdown) N (minutes|seconds|hours) (long|)", "let me know (in|after) N (minutes|hours)", "(alert|ping|call|notify) me (in|after) N (minutes|seconds|hours)", "count N (minutes|seconds)", "N (minutes|hours|seconds) on the (clock|timer)", "can i have a (timer|countdown) of N (minutes|seconds|hours)", "time N (minutes|seconds)", "ring in N (minutes|hours)"],
    "HassCancelTimer": ["(scrap|drop|abort|forget) the (timer|countdown)", "no (more|) (timer|countdown) (please|)", "the (timer|countdown) is not needed (any more|)", "i do not (need|want) the (timer|countdown)", "get rid of the (timer|countdown)", "(timer|countdown) off", "shut up the timer"],
    "HassGetWeather": ["(what|how) does it look (like|) outside", "(do|should) i take (an umbrella|a coat) (today|tomorrow|)", "what kind of weather (do we have|is it) (today|)", "(tell|give) me the (weather|forecast)", "(any|is there) rain (today|tomorrow|coming)", "is rain expected (today|tomorrow|)", "how will the weather be (today|tomorrow)", "i want to (know|hear) the (weather|forecast)", "are we getting (rain|snow) (today|tomorrow)"],
    "HassGetCurrentTime": ["how late is it", "(do you|could you) have the time for me", "i need to know the time", "what does the clock say", "can you say what time it is", "time please", "how late is it now", "say the time"],
    "HassGetCurrentDate": ["(which|what) day of the (week|month) is it (today|)", "i need (the|today's) date", "what is today's day", "can you say the date", "date please", "what (day|date) do we have today", "(say|read) the date"],
    "HassNevermind": ["(sorry|oops) (never mind|my mistake|wrong)", "(skip|drop|scratch) that", "i changed my mind", "do nothing", "(i did not|i didn't) mean (that|you)", "ignore (that|me)", "that was (nothing|a mistake)", "not you", "no do not do that", "stop forget it"],
    "HassGetState": ["(tell|say) me (whether|if) the (L|F|S|K) is (on|off|running)", "i (wonder|want to know) (whether|if) the (L|F|S|C|D) is (on|off|open|closed|locked)", "(has|was) the (L|F|S) been (left|turned) (on|off)", "check (whether|if) the (L|F|S|C|D) is (on|off|open|closed|locked)", "(are|is) the (light|lights) in the A (still|) (on|off)", "what state is the (L|F|S|C|D) in", "is there (light|a light on) in the A", "(did|have) (we|you|i) (turn|switch|turned|switched) (on|off) the (L|F|S)", "any idea (if|whether) the (L|F|S) (is|was left) (on|off)",
        "the (L|F|S|K) (is|are) (on|off) (right|correct|isn't it|is it)", "(tell|remind) me (if|whether) i (left|turned) the (L|F|S|K) (on|off)", "(is|are) the (C) (open|closed|up|down|shut)", "is the D (locked|unlocked|open)", "(could|can) you (check|see) (if|whether) the (L|F|S|C|D) is (on|off|open|closed|locked)",
        "i (forgot|can't remember) (if|whether) i (locked|closed) the (D|C)", "the D is locked right", "how (about|is) the (L|F|S|C|D) is it (on|off|open|closed|locked)", "(give|show) me the (state|status) of the (L|F|S|C|D|K|V)", "are there (any|) lights (on|left on) in the A"],
    "TiebreakEatOut": [
        "(i am|i'm|we are) (so|really|) in the mood for Y", "(any|) (good|nice) Y (place|places|restaurant|) (around|near|close to) (here|us|me)", "where (do|can) (they|you) (serve|make|have) (good|the best|) Y", "(let us|let's|why don't we) (grab|go and have|get) (some|) Y (tonight|for dinner|)", "(i|we) (could|would) (do with|go for|kill for) (some|) Y",
        "Y (tonight|for dinner|for lunch) (sounds good|would be nice|maybe|)", "(my|our) (stomach|tummy) is (rumbling|empty|growling)", "(i|we) (have not|haven't) eaten (anything|) (all day|yet|since this morning)", "(what|which) restaurants are (near|around) (here|us)", "(somewhere|a place) (to have|with good|for) Y (please|near here|)", "take us out for Y",
        "i (do not|don't) (want|feel like) (cooking|to cook) (tonight|today|)", "(nobody|no one) (wants|feels like) (to cook|cooking) (tonight|today|)", "(a|some) (nice|good|cheap|decent) restaurant (near|around|close to) (here|us|me)", "(is|are) there (any|a) (decent|good) (place|places) to eat (round|around|near) here", "(i|we) (am|are|) (dying|starving) for Y", "(had|have) (not|n't) had Y (in ages|for a long time)", "what about going out for (dinner|lunch|food|Y)",
    ],
    "TiebreakOrder": [
        "(have|get) (somebody|someone) (to|) (bring|deliver) (us|me|) (some|a|) Y", "(can|could) (i|we) (have|get) (a|some|) Y (delivered|sent|brought) (here|home|)", "(i|we) (will|'ll|would like to) (have|take) (a|two|some) Y (delivered|to go|for delivery)", "Y (delivery|takeaway|takeout) (please|for two|)", "(ring|phone|call) for (a|some|) Y (delivery|)", "put in an order for (a|some|) Y",
        "(let us|let's) (just|) (order|get) (some|) (takeaway|takeout|delivery) (tonight|)", "(get|order) (us|me|) (a|some|two) Y (from the restaurant|delivered|for dinner)", "(place|make) (a|the|my) (usual|) (food|dinner|Y) order", "(i|we) (need|want) (food|dinner|lunch|a takeaway|Y) (delivered|brought) (here|home|)", "(a|one|two) (large|small|big) Y please", "order in (tonight|some Y|)",
    ],
    "HassTimerStatus": ["(what|how much) is (left|remaining) (of|on) (the|my) (timer|countdown)", "(is|are) (the|my) (timer|countdown) (nearly|almost) (done|up|over)", "how long until the (timer|countdown) (rings|is done|ends)", "(how|where) (is|are) (the|my) (timer|countdown) (doing|at|)", "(has|did) (the|my) timer (gone off|finished|rung) (yet|)", "tell me the (remaining time|time left)"],
    "HassPauseTimer": ["(stop|hold) the (timer|countdown) for a (moment|second|minute)", "let the (timer|countdown) (wait|rest|pause)", "(interrupt|halt) the (timer|countdown)", "the (timer|countdown) should (pause|wait)"],
    "HassUnpauseTimer": ["(go on|carry on) with the (timer|countdown)", "let the (timer|countdown) (go on|run on|continue)", "the (timer|countdown) (can|should) (go on|continue|run again)", "start the (timer|countdown) where it stopped"],
}

ZH = {
    "HassTurnOn": [
        "我希望(L|F|S)(打开|是开着的|开着)", "(L|F|S)应该(开着|打开)", "(L|F|S)给我(打开|开起来|弄亮)", "让(L|F|S)亮起来", "A(里|)需要(灯|光|照明)", "A(有点|太|好|很)(暗|黑)", "A看不见了", "A(里|)黑漆漆的", "来点(光|灯)在A", "A要有(光|灯)",
        "想把(L|F|S)(打开|开了)", "劳驾(打开|开)(L|F|S)", "(L|F|S|K)(开起来|开一开|打开来)", "我需要(L|F|S)开着", "把C(弄开|打开来)", "C(应该|可以)(打开|开着)", "让阳光进来打开C", "想让C开着", "把D(锁紧|锁牢|反锁上)", "D(应该|要)锁(上|着)", "别忘了锁D",
        "A的灯(亮起来|开起来|全亮)", "A所有灯都要开", "O的灯(都|全)(亮|开|打开)", "我想要M", "准备M", "来个M", "(F|K)吹起来", "使(L|F|S)(打开|开启)", "A的(灯|灯光)我要打开", "帮忙让A亮起来",
    ],
    "HassTurnOff": [
        "我希望(L|F|S)(关掉|关着|关上)", "(L|F|S)应该(关着|关掉)", "(L|F|S)给我(关掉|关上|关了)", "让(L|F|S)(灭掉|熄灭|停下来|灭了)", "A(里|)不需要(灯|光|照明)", "A不用(灯|开灯|亮着)", "别让A亮着", "A(里|)(黑|暗)一点没灯", "想把(L|F|S)(关掉|关了)", "劳驾(关|关掉|关上)(L|F|S)",
        "(L|F|S|K)(不用了|不需要了|关一关|不用开了)", "没人用(L|F|S)了", "把C(合起来|拉严|遮上)", "C(应该|可以)(关上|关着|关起来)", "想让C关着", "D(应该|可以)(打开|解锁)", "A的灯(灭了|灭掉|熄了|全灭)", "A所有灯都要关", "O的灯(都|全)(灭|关|关掉)", "使(L|F|S)(关闭|关上)",
        "A的(灯|灯光)我要关掉", "帮忙让A暗下来", "(F|K)别吹了", "我用完(S|F|L)了", "浪费电把(L|F|S)关(掉|了)",
    ],
    "HassLightSet": [
        "我(要|想要|希望)(L|A的灯)亮度N", "(L|A的灯)(亮|光)到N(%|)", "(L|A的灯)百分之N就(好|行)", "让(L|A的灯)保持(在|)百分之N", "百分之N的亮度给(L|A的灯)", "(L|A的灯)的(光|亮度)要百分之N", "(L|A的灯)给我百分之N", "(L|A的灯)(弄|搞)到百分之N", "我(要|想要|希望)(L|A的灯)是H", "让(L|A的灯)(发|亮)H", "H给(L|A的灯)",
        "(L|A的灯)来个H", "(L|A的灯)(弄|搞)成H", "A(要|来点)H的(光|灯光)", "(L|A的灯)用H", "想看(L|A的灯)H", "(L|A的灯)能不能H", "(L|A的灯)的颜色要H",
    ],
    "HassSetPosition": ["(C)(留|保持|停)在百分之N", "我要C开百分之N", "C(开|关)到N(%|)", "让C(开|停在|保持)百分之N", "C百分之N就(好|行)", "百分之N的C", "C给我(开|拉)到百分之N", "想让C开N(%|)", "C拉到N"],
    "HassClimateSetTemperature": ["我(希望|想|要)(A|)(是|有|)N度", "(A|)应该N度", "让(A|K)(保持|维持)(在|)N度", "(A|K|)N度就(好|行)", "(A|K)给我(弄|搞|开)到N度", "(A|)弄成N度", "想要(A|)N度", "K吹N度", "(A|)来个N度", "(A|)(暖|热|凉|冷)到N度", "温度(要|来)N度", "温度N就好"],
    "HassClimateGetTemperature": ["我想知道(A|)(温度|多少度|几度)", "(A|屋里)(有|)(多热|多冷)", "(A|)温度计(显示|是)多少", "(A|)里面是(几|多少)度", "报(一下|)(A|)的?温度", "(A|屋里)现在(热|冷)吗", "(A|)的温度", "说说(A|)的温度", "测一下(A|)温度"],
    "HassVacuumStart": ["地(上|板)(脏|好脏|太脏)了", "该(扫地|打扫)了", "地上有(灰|垃圾)", "让V(干活|上班|出动)", "叫V(扫地|打扫|出来|干活)", "V(出动|干活|上班|出来)", "(该|轮到)V(干活|出动)了", "派V(去|)(扫地|打扫)", "V去(打扫|扫地|清扫)", "扫扫地(吧|)", "用V(扫|打扫)(一下|)", "V(开扫|开始干活|开始工作|启动一下|起来干活|出来扫地)", "(把|让|叫)V(放出来|叫出来|弄出来|启动起来|跑起来)(扫地|打扫|)", "(地|地板|地面|屋里|家里|A)(太|好|有点|又)脏了(扫|打扫|清扫)(一下|下|扫|)", "(打扫|清扫|清洁|扫)(一下|下|)(全屋|整个屋子|家里|屋里|地板|地面|A)", "(全屋|整屋|家里)(清扫|打扫|清洁|大扫除)(一下|)", "(扫|吸|拖)(一下|个|下|)地(吧|了)", "(家里|屋里|A)(该|要|需要)(打扫|扫地|清扫|吸尘|扫)(了|一下|)", "(开始|启动|进行)(清扫|打扫|清洁|吸尘|扫地)(工作|模式|)", "V(去|把)(A|客厅)(扫|打扫|清扫)(一下|干净|)", "让V(把|)(A|地)(扫|打扫)(一下|干净|扫)", "(该|让|轮到)V(上场|登场|上工|开工)(了|)"],
    "HassVacuumReturnToBase": ["叫V(回来|回去|停|休息)", "V(休息|下班|回来|别扫了)", "(够了|可以了)V(回去|停)", "V(可以|该)(回去|休息|下班)了", "(别|不用)(扫|打扫)了", "地扫(好|完)了", "V太吵了(停|别扫了)", "让V(下班|休息|别扫了)", "V回(窝|基座|充电桩|充电座)"],
    "HassMediaPause": ["(音乐|歌|电影|视频)(先|)(停|停下|别放)(了|)", "(别|不要)(放|播|播放|唱)(了|音乐了|歌了)", "不想听(歌|音乐)了", "让(音乐|歌|电影)停(下来|)", "音乐(关|关掉|关了)", "先(停|暂停)(播放|)(音乐|)", "安静把音乐停了"],
    "HassMediaUnpause": ["(接着|继续)(听|听歌|唱|看|看电影)", "我(想|要)听(歌|音乐)", "来点(音乐|歌)", "音乐(继续|接着)(放|播|)", "放(歌|音乐)来听", "让音乐(继续|响起来|接着放)", "把音乐(打开|开起来)", "歌(继续|接着放)"],
    "HassMediaNext": ["(不喜欢|不想听)这首(歌|)", "(换|来)(别的|另一首|另外一首)(歌|)", "(这首|)跳过", "(给我|我要|我想)(听|)下一(首|曲)", "后面(那首|一首)", "下面(那首|一首)(歌|)", "换个(歌|曲子)"],
    "HassMediaPrevious": ["(前面|刚才)(那首|一首|那首歌)", "(再放|重放)(刚才|上)(那首|一首)(歌|)", "(给我|我要|我想)(听|)上一(首|曲)", "往前一首", "(倒回|退回)(上|前)一首", "回到(前面|刚才)那首"],
    "HassSetVolume": ["(声音|音量)(要|给我|弄到|来)(百分之|)N", "我(要|希望)(音量|声音)(是|)百分之N", "(音量|声音)百分之N就(好|行)", "(A|)(声音|音量)保持百分之N", "百分之N的(音量|声音)", "让(声音|音量)(是|到)百分之N", "(声音|音量)(弄|搞)到N"],
    "HassStartTimer": ["N(分钟|秒|小时)(以后|之后|后)(告诉|通知|叫|喊)我", "我需要N(分钟|秒|小时)的?(计时|倒计时|定时)", "帮忙(数|记)N(分钟|秒)", "(来|要)(一个|个)N(分钟|小时|秒)的?(计时|倒计时)", "过N(分钟|小时)(叫|提醒|喊|告诉)我", "N(分钟|小时)到了(叫|喊|告诉)我", "开始N(分钟|秒)计时"],
    "HassCancelTimer": ["(计时器|定时器|倒计时)(不要了|不用了|不需要了|算了)", "不(要|用)(计时|倒计时|定时)了", "(别|不用)计时了", "(把|)(计时器|定时器|倒计时)(撤|删|停)(了|掉)", "计时(取消|停止)", "我不需要(计时器|定时器|倒计时)"],
    "HassGetWeather": ["(外面|今天|明天)(什么|啥)天气", "(今天|明天|)出门(要|用|需要)(带伞|带雨伞)", "(说说|讲讲|播一下|听听)(今天|明天|)天气", "(今天|明天)(会不会|有没有)(雨|雪|太阳)", "(今天|明天)有(雨|雪|太阳)", "我想知道(今天|明天|)天气", "(今天|明天)穿(什么|多少)", "(今天|明天)(冷|热|晒)吗"],
    "HassGetCurrentTime": ["(看看|看一下|看看现在)几点", "时间到几点了", "(请问|想知道)(现在|)几点", "(现在|)是什么时间", "钟(上|)几点", "报一下时间", "几点钟啦", "说一下时间"],
    "HassGetCurrentDate": ["今天(是|)(哪一天|什么日期|几月)", "(请问|想知道)今天(几号|星期几|日期)", "(现在|今天)是几月几号", "报一下日期", "今天礼拜几(了|)", "看看今天几号", "说一下日期"],
    "HassNevermind": ["(我|)(说错了|弄错了|搞错了)", "(不|不是)叫你", "(当|就当)我没说", "我改主意了", "(什么都|啥都)不(用|要)做", "别(理我|管我)", "不要(做|弄)了", "忘了(吧|它)", "收回刚才的话", "没叫你"],
    "HassGetState": ["(告诉我|看看|我想知道)(L|F|S|K)(开着|关着|是不是开着|有没有开|有没有关)", "(L|F|S)(还|)(开着|亮着)(没有|)", "(检查|查查|看一下)(L|F|S|C|D)(关|开|锁)(了|好)没(有|)", "A的灯(还|)(亮|开)着吗", "A(有没有|是不是)(开灯|亮灯)", "(L|F|S|C|D)是什么状态", "(我|你)(关|开)(L|F|S)了(吗|没有)",
        "(L|F|S|K)(到底|究竟|是否|是不是)(开着|关着|关了|开了)(没|呢|)", "(帮我|)(看看|瞧瞧|瞅瞅|确认下|确认一下|检查下)(L|F|S|K)(关没关|开没开|关了没|开着没|关掉没有|有没有关好)", "我(好像|是不是|有没有)(忘了|忘记)(关|开)(L|F|S|K)(了|)", "我(忘没忘|记不记得)(关|开)(L|F|S|K)", "(走的时候|出门时|刚才)(L|F|S|K)(关|开)(了|)(没|没有|吗)",
        "D(锁|关)(上|好|严|)(了|)(没|没有|吗|没呢)", "D(有没有|是不是|是否)(锁|关)(好|上|严)(了|)", "(我|你)(有没有|是不是)(把|)D锁(上|好|)(了|)", "C(拉|关|合)(上|好|严|)了(没|没有|吗)", "C(现在|)(是|)(开着|关着|拉开的|拉上的)(吗|呢|没有)", "C(是不是|有没有)(开着|关上|关好|拉上|打开)(了|)", "A(还|)有(灯|没关的灯)(亮着|开着|)(吗|没|没有)", "A的灯(都|)(关|灭|开)(了|)(没|没有|吗)", "A的灯(是不是|有没有)(都|)(关|灭|亮|开)(着|了|)",
        "O的灯(还|都|)(亮着|开着|关了)(吗|没有|没)", "(哪些|哪几盏|什么)灯(还|)(开着|亮着|没关)", "(L|F|S|K|V)(什么|啥)(状态|情况)", "(L|F|S|K)(还在|在不在|是不是在)(转|运行|工作|吹)(吗|)", "(L|F|S|K)(关|灭)(掉|上|)了(没|没有|吗)", "(查|问)一下(L|F|S|C|D)的(状态|情况)"],
    "TiebreakEatOut": [
        "(附近|这边|周围)哪(家|里|儿)的?Y(最|比较|)(好吃|正宗|好)", "有没有(好吃|正宗|便宜|不错)的?Y(推荐|介绍|)", "(突然|忽然|就)(很|好|)想(吃|来)(点|顿|口|)Y", "(馋|惦记|想念)Y(了|很久了)", "(今晚|今天|晚上|中午|周末)(咱们|我们|)(Y|吃Y)(怎么样|好不好|如何|走起|吧)", "(带|领)(我|我们|孩子|爸妈)去吃(点|顿|)Y", "(好久|很久|好长时间)没(去|)吃Y了", "(找|搜|查)(一下|下|个|)(能|可以|)(吃|喝)Y的?(地方|店|馆子)",
        "Y(哪家|哪里|哪儿)(好吃|有|最近)", "(最近|附近)的Y(店|馆|餐厅)(在哪|在哪里|有哪些|)", "(我|肚子|大家)(都|)(饿|好饿|饿坏|饿得不行|快饿死|饿晕|饿扁)了", "(饿得|已经|快要)(前胸贴后背|不行了|受不了了|走不动了)", "(不想|懒得|没时间|没力气)(做饭|做菜|下厨|开火)(了|)(出去吃|下馆子|)", "(今晚|今天|中午|晚上)(去|到|在)(哪|哪儿|哪里|什么地方)吃(饭|好|)", "(找|推荐|介绍)(一家|个|几家|家)(安静|好|便宜|不错|近|高档|有名)(点|一点|)的(餐厅|饭店|馆子|饭馆)",
        "(这|这附近|附近|周边)有(什么|啥|哪些)(好吃的|美食|吃的|馆子|特色菜)", "(约|请)(朋友|同事|客户|家人)(去|)(吃|)Y", "(想|想要)(换个口味|吃点好的|吃点辣的|尝尝鲜)", "(出去|去外面|到外面)(吃|搓)(一顿|顿好的|个饭|饭)", "(有|有什么)(适合|可以)(聚餐|约会|请客)的(餐厅|地方|饭店)", "(预订|订|预约)(今晚|明天|晚上|中午|)的?(餐厅|位子|包间|座位)", "来(一顿|顿)Y(怎么样|吧|)",
    ],
    "TiebreakOrder": [
        "(叫|点|订)(人|)送(一份|两份|份|点|)Y(来|过来|上门|到家)", "(来|要|整|搞|弄)(一份|两份|份|个|一个|点|几个)Y(外卖|送到家|)", "(想|想要|打算)(点|叫|订)(一份|份|个|点|)Y", "(在|用|上|打开)(美团|饿了么|外卖平台)(点|叫|订|下单)(一份|份|个|点|)Y", "Y(给我|帮我)?(来|点|叫|订)(一份|两份|一个|一杯|两杯|份)", "(点|叫|订)(两|三|一)(份|杯|个|碗)Y(和|加)?(一|两)?(份|杯|个)?", "(再|另外)(加|点|来|叫)(一份|一杯|个|份)Y", "(晚饭|午饭|晚餐|午餐|早饭|夜宵)(点|叫|吃|订)(外卖|Y外卖|Y)(吧|好了|)",
        "(不做饭了|懒得做饭|没空做饭|太累了)(点|叫|订)(个|份|)外卖(吧|)", "(我|我们)(想|要|想要)(吃|点|叫)外卖", "外卖(来|点|叫|要)(一份|个|份)Y", "(下单|订购|买)(一份|两份|一杯|两杯|份|个)Y", "(给|帮)(孩子|老婆|大家|爸妈)(点|叫|订)(一份|份|个|点|)Y", "Y(外卖|套餐)(来|要|点)?(一份|两份)", "(给我|帮我)(买|带)(一杯|两杯|一份|个)Y",
    ],
    "HassTimerStatus": ["(计时器|定时器|倒计时)(快|)(到|好|完)了(没|没有|吗)", "(计时器|倒计时|时间)(还|)(有|剩|差)(多少|多久|几分钟)", "(离|距离)(时间到|结束|闹钟响)还(有|要)(多久|多少时间|几分钟)", "看(看|下|一下)(计时器|倒计时|定时器)还(剩|有)(多久|多少)", "(还|)要(等|再等)多久(时间|)(才|)(到|响|结束)"],
    "HassPauseTimer": ["(计时器|倒计时|定时器)(先|)(停一停|等一下|等等|歇一下)", "(先|)(别|不)(走|数|计)(计时器|时间)(了|)", "(让|把)(计时器|倒计时)(停一会儿|暂停一下|先停停)"],
    "HassUnpauseTimer": ["(让|把)(计时器|倒计时)(接着|继续)(走|跑|数)", "(计时器|倒计时)(可以|)(接着|继续)(了|走吧|数)", "(接着|继续)(刚才的|)(计时|倒计时)"],
    "HassCancelAllTimers": ["(所有|全部)(计时器|定时器|闹钟)(都|)(不要|取消|删|关)(了|掉)", "(计时器|定时器|闹钟)(一个都|全都|统统)(不要|取消|删|关)(了|掉)"],
}

# Said in a house, and no command: whole sentences, statements, denials, questions about the world.
EN_OTHER = [
    "(if|when|once|unless|in case) (it rains|it gets dark|i am late|the sun sets|she calls) (then|) (turn|switch) (on|off) the (L|F|S)", "(if|when|unless) (it is|it gets) (cold|dark|hot|late) (then|) (close|open|lock) the (C|D)", "(close|open|lock) the (C|D) (if|when|unless) (it rains|somebody comes|it is dark)",
    "(about|regarding|speaking of) the (L|F|S|C)( in the A|)", "(who|somebody|someone) (turned|switched|left) (on|off) the (L|F|S|light in the A) (yesterday|last night|again|)", "(yesterday|last night|this morning|just now) (she|he|i|they|we) (opened|closed|locked|turned on|turned off) the (C|D|L)", "the Y (we|i|they) (had|ate) (yesterday|last week) (was|were) (great|too spicy|awful)",
    "(the weather is|it is) (so|really|) (nice|lovely) (let us|let's) go (out|for a walk|to the park)", "(he|she) (asked|told|wanted) (me|him|us) to (turn|switch) (on|off) the (L|F|S)", "i (never|always|often|usually) (turn|switch) (on|off) the (L|F|S) (at night|before bed|)", "(do you|did you|does anyone) (like|remember|know) the (L|F|S|C) in the A",
    "(don't|do not|never) (turn|switch) (on|off) the (L|F|S)", "(don't|do not|never) (open|close|lock|unlock) the (C|D)", "(she|he|they|somebody|mother) (turned|switched) (on|off) the (L|F|S)", "the (L|F|S) (is|was) (on|off|broken|nice|old|expensive)",
    "i (like|love|hate|bought|fixed) the (L|F|S|C)", "the (L|F|C) in the A (is|was|looks) (nice|broken|beautiful|too big)", "where did you (buy|get) the (L|F|S|C)", "how (does|do) (the|a) (L|F|S|K) work", "(the A|A) is (big|small|nice|messy|clean)",
    "(we|i|they) (are|were) in the A (yesterday|all day|right now)", "i left my (keys|phone|book|bag) in the A", "(painted|renovated) the A (last year|in H)", "my favorite color is H", "the (car|house|sky|shirt) is H", "(about|around|nearly) N percent of (people|voters|students)",
    "it (took|takes) N (minutes|hours|days)", "N (people|dogs|cars|euros|dollars)", "the (train|bus|film|meeting) (starts|leaves|ends) at N", "she is N years old", "(my mother|john|the office|the doctor) (called|texted) (yesterday|this morning)", "why is the (L|F|S) (on|off)", "when did the (L|F|S|C|D) (turn|go) (on|off)", "how bright is the L", "what color is the L", "(the|that|this) Y (was|is) (delicious|terrible|cold|too spicy|expensive)", "(i|we|they) (ate|had|ordered|cooked) (some|a|) Y (yesterday|last night|for lunch)", "how (do you|to) (make|cook|bake) (a|) Y", "how many calories (are in|does) (a|) Y", "(my|the) (mother|dog|cat) (likes|loves|hates|ate) (the|) Y", "Y", "(i am|she is) allergic to Y", "is Y (healthy|good for you|vegetarian)", "who (ate|invented|brought) (the|my) Y", "(do not|don't) (order|eat|buy) (the|any|) Y", "the restaurant (was|is) (closed|full|too loud)", "(my|his|her) Y (is|was) (getting|still|) (cold|hot|burnt|raw)", "(she|he|grandma) (makes|bakes|cooks) (the best|good|a great) Y", "(what|how much) (does|did) the Y (cost|taste like)", "(where|when) was Y invented", "a recipe for Y",
    "(the|this) (song|film|book|story) is about Y", "(there is|we have) (no|some|enough) Y (in the fridge|left|at home)", "(i|we) (already|never) (ate|had|eat|order) (dinner|lunch|Y)", "Y (contains|has) (a lot of|no) (sugar|salt|gluten)", "(the|our) (food|dinner|lunch|pizza man) (arrived|is late|was cold)", "(he|she|they) (went|goes) out (for|to eat) (Y|dinner) (yesterday|every week|last night)",
    "(pause|food|time) for thought", "(i|we) (was|were|am|are) in the A for N (minutes|hours)", "please (don't|do not) (open|close|turn on|turn off|lock|unlock) the (C|L|F|D|S)", "the (timer|countdown) (of|in) the (bomb|film|game)", "time (flies|is up for him|heals all wounds)", "(how much|how long) (time|) (did|does) (he|it|she) (take|need|waste)", "(he|she) is (on|off) (today|duty)", "(is|are) (he|she|they|you) (on|off|open|closed) (today|now|)", "(is|are) the (shop|bank|museum|road|stove|shops) (open|closed|on) (today|now|)", "did (he|she|they) (lock|close|open) the (car|shop|book)",
    "play (chess|football|a game|cards)",
    "tell me a (joke|story|secret)", "who (is|was) the (president|king|author) of (france|that book|america)", "how (old|tall|far|long) is (the moon|he|the eiffel tower|that river)", "what is N (plus|times|minus) N", "translate (this|hello) into (french|german)",
    "(i|we) (have to|must|should) (go|leave|work|study) (now|soon|tomorrow)", "see you (later|tomorrow|soon)", "how are you (today|doing)", "good (morning|night|evening|afternoon)", "thank you very much (indeed|)", "what (did|do) you (say|think|mean)",
    "(the weather|rain|snow) (was|is) (nice|bad|terrible|lovely) (yesterday|in spain|there)", "i (like|love|hate) (the rain|music|this song|snow)", "this (song|movie|video) is (great|boring|too long)", "(time|music|light) is (money|life|everything)", "the (timer|clock|volume) of the (book|story|race)",
    "(never|always) (open|close) the (book|box|window|jar|fridge)", "the (door|window|box|jar) (is|was) (open|closed|stuck)", "set the (table|alarm clock|record|example|tone)", "turn (left|right|around|the page|back)", "switch (seats|sides|jobs|lanes)", "(open|close) your (eyes|mouth|book|mind)",
    "put (on|off) (your|my) (shoes|coat|hat|meeting)", "start (the car|a fire|a business|running)", "stop (the car|talking|it hurts|crying)", "(the|my) (robot|machine|computer|phone) is (broken|smart|new)", "(add|mix) the (flour|sugar|numbers)", "clean (your room|the window|your teeth|the car)",
    "the L", "A", "the A", "L L", "turn", "on", "off", "open", "the", "set", "in the A", "light", "N", "N percent", "N degrees outside yesterday", "H", "a H car", "is it", "what", "how", "turn the", "set the", "switch", "please",
    "(turn|switch) (on|off) the", "(turn|switch) the (L|F|S)", "set the L to", "make the A", "(open|close) the", "the L in the", "can you", "i want", "i want the", "what is the", "A light", "lights", "the C",
]
ZH_OTHER = [
    "(如果|要是|假如|万一)(下雨|天黑|起风|太热|有人来|我回来)(了|)(的话|)(就|再|)(关上|打开|拉上|关掉|锁上)(C|L|F|D|S)", "(等|等到)(天黑|下雨|他来)(了|)再(打开|关掉|关上)(L|C|F)", "(关于|说到|提到)(L|F|S|C|A的灯|A的L)", "(昨天|昨晚|刚才|早上|上午)(是|)(谁|哪个)(把|)(L|F|S|A的灯)(打开|关掉|关|开)(了|的)", "(昨天|昨晚|刚才|早上)(他|她|我|我们|妈妈)把(L|F|S|C|A的灯)(打开|关掉|关上)了", "(昨天|上周|中午|前天)(我们|我|)(吃|点|喝)的Y(真|太|很)(辣|好吃|难吃|咸|贵)",
    "(天气|阳光|风景|心情)(很|真|这么)好(我们|咱们|)(去|出去)(走走|逛逛|散步|玩)(吧|)", "(他|她|老师|妈妈)(说|让|叫|问)(我|他|我们)(把|去|)(L|F|S)(打开|关掉|关了)", "(我|他)(从不|总是|经常|一般)(晚上|睡前|)(关|开)(L|F|S)", "A的(L|C|灯)(是|)(谁|什么时候)(买|换|装)的", "(你|他)(喜欢|记得|见过)(A的|)(L|F|C)吗",
    "(不要|别|千万别)(打开|关掉|开|关)(L|F|S|C|D)", "(她|他|妈妈|有人|昨天谁)(打开|关掉|关了)(L|F|S)", "(L|F|S|C)(坏|很漂亮|太贵|很旧|真好看|修好)了", "我(喜欢|讨厌|买了|修好了)(L|F|S|C)", "A的(L|F|C|灯)(坏了|真漂亮|太大了|很好看)", "(L|F|S|C)(在哪里|哪里)买的", "(L|F|S|K)怎么用",
    "A(很大|很小|真乱|很干净|挺漂亮)", "(我们|我|他们)(昨天|一直|刚才)在A", "我把(钥匙|手机|书|包)忘在A了", "A去年(装修|刷成H)了", "我最喜欢H", "(车|房子|天空|衣服)是H的", "(大概|差不多)百分之N的(人|学生|选民)", "(花了|需要)N(分钟|小时|天)", "N个(人|苹果|学生)", "(火车|电影|会议)N点(开始|出发|结束)",
    "她今年N岁", "(妈妈|小明|医生|公司)(昨天|刚才)(来|打)过电话", "(L|F|S)为什么(开着|亮着|关了)", "(L|F|S|C|D)什么时候(开|关)的", "L(现在|)(多亮|是什么颜色)", "(Y|火锅)(真|很|太)(好吃|难吃|贵|辣|甜)(了|)", "(昨天|上周|刚才)(我|我们|他)(吃|喝|点)了(Y|外卖)", "Y(怎么做|的做法|是怎么来的|有什么营养|热量高吗)", "我(会|不会|学会)(做|煮)Y(了|)", "(他|她|妈妈)(喜欢|不爱|爱)吃Y", "Y", "Y和Y", "吃Y(对|会)(身体|发胖|上火)(好|)吗", "(不想|不要|别)(吃|喝|点)Y(了|)", "(外卖|餐厅|饭店)(太贵|到了|关门|倒闭)了", "(谁|有人)(吃|偷吃|点)了我的Y", "(妈妈|奶奶|他|她)做的Y(最|真|很|特别)(好吃|香|难吃)", "Y(多少钱|贵不贵|热量多少|辣不辣)", "Y(的历史|是哪里的|起源于哪里|是谁发明的)", "(冰箱里|家里|锅里)(有|还有|没有)Y(了|)", "(我|我们)(已经|刚|刚刚|从来没|不)(吃|喝)(过|了|)(Y|饭|晚饭)(了|)", "(这|那)(首歌|部电影|本书|个故事)讲的是Y",
    "(他|她|他们)(昨天|每周|经常|刚才)(去|出去)吃(Y|饭)(了|)", "Y里(有|放了|没放)(糖|盐|辣椒|鸡蛋)", "(外卖|骑手|快递)(到了|来晚了|送错了|还没到)", "(他|她)(开|关)(着|了)(门|车|公司|店)", "(商店|银行|超市|公司|那家店|博物馆)(开|关)(门|着|了)(吗|没有|没|)", "(他|她|你)(睡|走|到|吃)了(吗|没有|没)", "(车|窗户|冰箱|煤气|水龙头)(关|锁)(好|上|)了(没|吗|没有)",
    "这首歌我(听过|不喜欢|会唱)", "(请|拜托|)(不要|别|千万别)(打开|关上|关掉|拉开|锁上|开|关)(C|L|F|D|S|A的灯)", "(时间|日子)过得(真|好|太)快", "(考试|比赛|火车|电影)(还有|还剩)(多久|几天|几分钟)(结束|开始|)", "(他|会议|电影)(还有|还要|要)多久(到|结束|开始)", "(灯|光|风)(真|很|太)(美|大|好看)", "(地板|屋子|家里)(是|用)(木头|刚|新)(的|装修的|铺的)", "(我|他)(昨天|刚刚|上午)(扫|打扫|拖)(了|过)(地|房间)(了|)", "机器人(会|能|可以)(思考|唱歌|说话)(吗|)",
    "(下棋|踢球|打牌|玩游戏)吧", "(讲|说)(一个|个)(笑话|故事)", "(美国|法国)总统是谁", "(月亮|埃菲尔铁塔|长城)有多(远|高|长)", "N(加|减|乘)N等于几", "把(这个|你好)翻译成(法语|英语)", "我(该|得|要)(走|上班|学习|睡觉)了", "(明天|回头)见", "你(好|好吗|今天怎么样)",
    "(早上|晚上|下午)好", "(非常|太)感谢(你|了)", "你(说|觉得|认为)(什么|呢)", "(昨天|那边|西班牙)的?天气(很好|不好|真糟)", "我(喜欢|讨厌)(下雨|音乐|这首歌)", "这(首歌|部电影)(真好听|太长了|很无聊)", "时间就是金钱", "(打开|合上)(书|盒子|冰箱|瓶子)", "(门|窗户|盒子)(开着|卡住了)", "(闭上|睁开)眼睛", "(向左|向右)(转|走)",
    "(穿|脱)(鞋|衣服)", "(开|停)车", "(别|不要)(说话|哭|闹)了", "(我的|那个)(机器人|电脑|手机)(坏了|很聪明|是新的)", "(加|放)(点盐|点糖|面粉)", "(洗|擦)(车|窗户|手)", "(朋友|同学|老师|邻居)(来|走|搬家)了", "(今天|昨天|上周)(我|我们)(去|在)(公园|学校|超市|爬山)(了|玩)", "他(考试|工作|生病|结婚)了",
    "L", "A", "A的", "L和L", "打开", "关", "开", "把", "把A", "打开A", "灯", "N", "百分之N", "H", "H的车", "什么", "多少", "把L", "设为", "调到", "请", "帮我", "A的灯", "把A的灯", "让L", "打开A的", "我想", "C", "调到百分之N", "L的", "在A",
]

# Names of rooms, floors and things, of this house and of others: which of them a house has is not for the model to know.
PLACES = {
    "en": {
        "area": """living room,lounge,kitchen,bedroom,hallway,hall,garage,study,office,bathroom,dining room,guest room,kids room,nursery,attic,basement,wine cellar,
            conservatory,greenhouse,loft,laundry room,pantry,closet,toilet,balcony,terrace,garden,shed,playroom,library,gym,sauna,workshop,porch,driveway,patio,staircase,
            master bedroom,utility room,corridor,entrance,back yard,den,family room,sun room,cloakroom,cinema,music room,pool""".replace("\n", "").split(","),
        "floor": "ground floor,upper floor,upstairs,downstairs,first floor,second floor,top floor,third floor,lower floor,basement level".split(","),
    },
    "zh": {
        "area": """客厅,厨房,卧室,走廊,过道,车库,书房,浴室,餐厅,客房,儿童房,婴儿房,阁楼,地下室,酒窖,温室,阳台,花园,健身房,桑拿房,门廊,露台,楼梯间,衣帽间,储藏室,
            洗衣房,卫生间,厕所,主卧,次卧,玄关,门厅,院子,洗手间,影音室,老人房,办公室,工作室,茶室,琴房""".replace("\n", "").replace(" ", "").split(","),
        "floor": "一楼,二楼,楼上,楼下,三楼,顶楼,底楼,一层,二层".split(","),
    },
}
THINGS = {
    "en": {
        "light": """ceiling light,kitchen light,bedside lamp,bedroom lamp,desk lamp,hallway light,floor lamp,night light,reading light,table lamp,chandelier,wall light,porch light,
            garden lights,fairy lights,mirror light,lava lamp,spotlight,led strip,corner lamp,pendant,christmas tree,skylight,tall lamp,piano lamp,bathroom light,stairs light""",
        "fan": "fan,ceiling fan,bedroom fan,ventilator,tower fan,desk fan,exhaust fan,bathroom fan",
        "switch": """coffee machine,kettle,heater,plug,toaster,oven,dishwasher,washing machine,printer,aquarium,fountain,humidifier,projector,radio,christmas lights,
            sprinkler,pump,dryer,rice cooker,game console,router,electric blanket,towel rail,water heater,doorbell,air purifier""",
        "cover": "curtain,curtains,garage door,blinds,roller blind,shutters,bedroom blinds,kitchen blind,awning,gate,skylight,left curtain,patio door,shade,venetian blind",
        "lock": "front door,back door,side door,garage door,gate,main door,cellar door,safe,balcony door,office door",
        "climate": "thermostat,air conditioner,heating,radiator,heat pump,floor heating,air conditioning,bedroom heater",
        "vacuum": "vacuum,robot vacuum,robot,hoover,roomba,vacuum cleaner,mop,cleaning robot",
        "media_player": "tv,speaker,television,stereo,sound bar,kitchen speaker,living room tv,radio,hifi,bedroom speaker",
        "scene": "movie night,movie mode,party mode,dinner,good night,reading mode,romantic evening,relax,focus,bright evening",
        "script": "morning routine,bedtime,leaving home,coming home,watering,wake up,vacation mode",
        "valve": "water valve,garden valve,main valve,sprinkler valve,gas valve,irrigation",
    },
    "zh": {
        "light": "吊灯,厨房灯,床头灯,台灯,书桌灯,走廊灯,落地灯,小夜灯,吸顶灯,壁灯,阳台灯,镜前灯,射灯,灯带,筒灯,阅读灯,氛围灯,主灯,玄关灯,水晶灯,卧室灯,客厅灯",
        "fan": "风扇,电扇,吊扇,电风扇,排风扇,换气扇,落地扇,新风",
        "switch": "咖啡机,插座,热水器,电饭煲,烤箱,洗碗机,洗衣机,打印机,鱼缸,加湿器,取暖器,投影仪,收音机,电视机,烘干机,水泵,净化器,电热毯,饮水机,喷泉,门铃",
        "cover": "窗帘,车库门,百叶窗,卷帘,遮阳帘,纱帘,卷帘门,客厅窗帘,卧室窗帘,天窗,晾衣架",
        "lock": "前门,大门,后门,门锁,侧门,入户门,车库门,保险箱,防盗门,房门",
        "climate": "空调,暖气,地暖,恒温器,温控器,中央空调,卧室空调",
        "vacuum": "扫地机器人,扫地机,机器人,吸尘器,拖地机,扫拖机器人",
        "media_player": "电视,音箱,音响,客厅电视,收音机,卧室音箱,小音箱",
        "scene": "电影模式,晚安模式,聚会模式,阅读模式,睡眠模式,用餐模式,浪漫模式",
        "script": "起床模式,离家模式,回家模式,浇花,度假模式",
        "valve": "水阀,总阀,花园阀门,燃气阀,灌溉阀",
    },
}
THINGS = {lang: {domain: [n.strip() for n in names.split(",")] for domain, names in things.items()} for lang, things in THINGS.items()}

# Free words by the grammars' lists; random words stand beside them.
FREE = {
    "en": {
        "shopping_item": "milk,bread,eggs,butter,cheese,apples,bananas,toilet paper,olive oil,cat food,dog food,dish soap,orange juice,a dozen eggs,two bottles of wine,rice,batteries,paper towels,tomatoes,shampoo,light bulbs,green tea".split(","),
        "goods": "batteries,a phone case,running shoes,new headphones,light bulbs,cat litter,a birthday present,printer paper,a water bottle,shampoo,a winter coat".split(","),
        "person": "anna,john,peter,sarah,mister smith,doctor lee,uncle bob,aunt mary,the dentist,the plumber,emma,david,lisa,the school,my landlord,tom".split(","),
        "words": "i am running late,dinner is ready,i will be home soon,happy birthday,call me back,we need milk,see you at eight,the food is here,come downstairs,good night everyone,i love you".split(","),
        "any_dish": "schnitzel,pierogi,goulash,moussaka,risotto,ceviche,okonomiyaki,poke,shakshuka,meatballs,fondue,jambalaya,gumbo".split(","),
        "occasion": "dentist appointment,team meeting,lunch with anna,yoga class,doctor's appointment,birthday party,parents evening,haircut,gym,dinner with mum".split(","),
        "moment": "tomorrow at nine,next monday,friday evening,at three,on sunday,tonight at eight,the fifth of may".split(","),
        "timer_name": "pasta,egg,pizza,laundry,tea,rice,cake,workout,nap,chicken".split(","),
        "list_name": "work,holiday,party,hardware,christmas,packing,camping".split(","),
        "search": "the beatles,some jazz,bohemian rhapsody,classical music,taylor swift,my workout playlist,abbey road,mozart,rock music,a podcast about history".split(","),
    },
    "zh": {
        "shopping_item": "牛奶,面包,鸡蛋,黄油,苹果,香蕉,卫生纸,酱油,猫粮,狗粮,洗洁精,橙汁,大米,电池,西红柿,洗发水,两瓶酒,一斤肉,灯泡".split(","),
        "goods": "电池,手机壳,跑鞋,耳机,灯泡,猫砂,生日礼物,打印纸,水杯,洗发水,羽绒服".split(","),
        "person": "小明,张三,李四,王医生,刘老师,小红,陈经理,房东,物业,快递员,大伟,丽丽".split(","),
        "words": "我晚点到,饭好了,我马上回家,生日快乐,给我回电话,记得买牛奶,八点见,下楼吃饭,晚安,我爱你".split(","),
        "any_words": "我晚点到,饭好了,我马上回家,生日快乐,给我回电话,记得买牛奶,八点见,下楼吃饭,晚安,我爱你".split(","),
        "any_dish": "炸酱面,羊蝎子,猪肚鸡,佛跳墙,过桥米线,钵钵鸡,锅包肉,胡辣汤,东坡肉,炒河粉".split(","),
        "occasion": "看牙医,开会,和小明吃饭,瑜伽课,家长会,生日聚会,理发,健身,体检,面试".split(","),
        "task": "交房租,浇花,写作业,洗车,取快递,给妈妈打电话,买礼物,倒垃圾".split(","),
        "timer_name": "煮面,鸡蛋,泡茶,洗衣服,蒸饭,烤蛋糕,健身,午睡".split(","),
        "search": "周杰伦的歌,轻音乐,青花瓷,古典音乐,王菲,摇滚乐,郭德纲的相声,儿歌,三体".split(","),
    },
}
