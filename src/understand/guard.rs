//! What the words of a sentence rule out, whatever a template or the classifier makes of the rest: questions,
//! negations, exceptions, things told, and deeds that are the opposite of what was said.
//!
//! Words only. What these rules refuse costs a repetition; what they let through switches something.

use crate::facts::intent::{Hypothesis, Slots};

/// Words that tell of something or make it depend on something; "if" is not among them ("check if ...").
const TOLD: [&str; 8] = ["unless", "yesterday", "said", "says", "told", "asked", "whenever", "suppose"];
/// The same in Chinese.
const TOLD_HAN: [&str; 9] = ["如果", "要是", "假如", "昨天", "昨晚", "前天", "刚才谁", "关于", "上次"];
/// Words that begin a question and no request.
const QUESTIONS: [&str; 18] = [
    "is", "are", "was", "were", "did", "does", "do", "has", "have", "had", "why", "when", "who", "where", "which",
    "should", "any", "what",
];
/// Ends of Chinese questions whether something was done.
const DONE_HAN: [&str; 5] = ["了吗", "了么", "了没", "了没有", "了嘛"];
/// Beginnings of Chinese questions whether something should be done.
const SHOULD_HAN: [&str; 5] = ["要", "需要", "用", "应该", "该"];
/// Beginnings of Chinese requests, even where they end like questions.
const REQUESTS_HAN: [&str; 9] = ["帮", "请", "麻烦", "可以", "可不可以", "能", "你能", "你可以", "给我"];
/// Deeds that are forbidden with words like "don't"; "I don't want the fan on" is none.
const FORBIDDEN: [&str; 12] =
    ["turn ", "switch ", "open ", "close ", "shut ", "lock ", "unlock ", "set ", "start ", "stop ", "put ", "make "];
/// The same in Chinese.
const FORBIDDEN_HAN: [&str; 10] = ["打开", "关上", "关掉", "关", "拉", "锁", "解锁", "启动", "把", "将"];
/// Words before what is left out: "all lights but the hallway".
const EXCEPTIONS: [&str; 7] = ["but", "except", "excepting", "excluding", "besides", "apart", "other than"];
/// The same in Chinese.
const EXCEPTIONS_HAN: [&str; 4] = ["除了", "除去", "以外", "只留"];
/// What is said of things that are broken.
const BROKEN: [&str; 8] =
    ["broken", "doesnt work", "not working", "wont turn", "wont open", "isnt working", "doesnt stop", "doesnt clean"];
/// The same in Chinese.
const BROKEN_HAN: [&str; 13] = [
    "不亮了",
    "坏了",
    "打不开",
    "关不掉",
    "关不上",
    "没反应",
    "不工作",
    "停不下",
    "拉不上",
    "不转",
    "不停",
    "不干净",
    "没扫",
];

/// Words that say on, and off; those that turn a sentence round are in neither.
const ON: [&str; 4] = ["on", "up", "打开", "开启"];
const OFF: [&str; 9] = ["off", "out", "down", "关掉", "关闭", "关上", "关了", "熄", "停"];
/// Words with which "on" may mean off, and the other way round: "nobody needs the lamp on".
const ROUND: [&str; 37] = [
    "dont", "not", "no", "never", "nobody", "stop", "end", "kill", "cut", "enough", "done", "without", "still", "left",
    "leave", "forgot", "been", "too", "close", "shut", "disable", "need", "back", "不", "别", "没", "忘", "还", "太",
    "断", "用", "完", "关", "开着", "锁", "灭", "亮",
];

/// What may be done to all things but one.
const SWITCHING: [&str; 4] = ["HassTurnOn", "HassTurnOff", "HassLightSet", "HassSetPosition"];

/// Longer names nobody says.
const CONTACT_WORDS_MAX: usize = 3;

fn says(text: &str, words: &[&str]) -> bool {
    let said = |w: &&str| match (w.is_ascii(), w.contains(' ')) {
        (true, false) => text.split(' ').any(|said| said == *w),
        _ => text.contains(*w),
    };
    words.iter().any(said)
}

/// Negations; "can't" and "no" are not among them ("I can't see", "there's no light in here").
const NOT: [&str; 12] = [
    "not",
    "isnt",
    "arent",
    "dont",
    "doesnt",
    "shouldnt",
    "mustnt",
    "never",
    "neither",
    "no need",
    "cannot be",
    "cant be",
];
/// The same in Chinese.
const NOT_HAN: [&str; 10] = ["别", "不要", "不用", "不能", "不许", "不准", "不想", "不应该", "没必要", "先不"];
/// With these a negation asks for the deed.
const NOT_AND_YET: [&str; 5] = ["dont forget", "dont you", "mind", "别忘", "不要忘"];
/// Where something is negated that is off, closed or stopped, or shall be, nothing shall be switched off.
const OFF_NEGATED: [&str; 16] = [
    "off", "out", "down", "closed", "close", "shut", "stop", "stopped", "locked", "unlocked", "关", "停", "锁", "灭",
    "熄", "拉",
];
/// Another day, or every day.
const DAYS: [&str; 15] = [
    "tomorrow",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "always",
    "every day",
    "明天",
    "后天",
    "以前",
    "每天",
    "周末",
];
/// How a scene is left, or not begun.
const SCENE_LEFT: [&str; 13] =
    ["cancel", "exit", "end", "stop", "quit", "no", "leave", "over", "love", "退出", "关", "不", "取消"];
/// A little more or less of what a climate or a fan does: no switching. Curtains are raised and lowered all the way.
const DEGREES: [&str; 7] = ["raise", "lower", "increase", "decrease", "调高", "调低", "调大"];
/// Second thoughts.
const WAIT: [&str; 4] = ["wait", "leave it", "不对", "算了"];

/// Whether a text tells of a deed, or of when it would be done, and asks for none: to the classifier it looks like one.
pub fn is_told(text: &[char]) -> bool {
    let text: String = text.iter().collect();
    text.starts_with("if ") || says(&text, &TOLD) || says(&text, &TOLD_HAN)
}

/// Whether a text forbids a deed ("please don't close the curtains", 别关窗帘): to the classifier it looks like one.
pub fn forbids(text: &[char]) -> bool {
    let text: String = text.iter().collect();
    let after = |negation: &str, deeds: &[&str]| {
        let rests = text.match_indices(negation).map(|(at, _)| text[at + negation.len()..].trim_start());
        rests.into_iter().any(|rest| deeds.iter().any(|deed| rest.starts_with(deed)))
    };
    ["dont ", "never ", "do not ", "not "].iter().any(|n| after(n, &FORBIDDEN))
        || ["别", "不要", "不准", "不许"].iter().any(|n| after(n, &FORBIDDEN_HAN))
}

/// Whether a text begins like a question and not like a request, or ends like a Chinese one: 灯关了吗.
pub fn is_question(text: &[char]) -> bool {
    let first: String = text.iter().take_while(|c| **c != ' ').collect();
    QUESTIONS.contains(&first.as_str()) || is_han_question(text)
}

/// Whether a text asks in Chinese whether something is done, or should be: 你把灯关了吗, 要关灯吗.
pub fn is_han_question(text: &[char]) -> bool {
    let text: String = text.iter().collect();
    let begins = |words: &[&str]| words.iter().any(|w| text.starts_with(w));
    let done = DONE_HAN.iter().any(|end| text.ends_with(end));
    (done || text.ends_with('吗') && begins(&SHOULD_HAN)) && !is_han_request(text.as_str())
}

/// Whether a Chinese text says when something shall be done, if that comes to pass: 天黑了再开灯.
fn is_when(text: &[char]) -> bool {
    text.windows(2).any(|w| matches!(w, ['了', '再' | '就']))
}

/// Whether a text begins as only requests do: 帮我关灯好吗 asks for a deed, not whether it is done.
pub fn is_han_request(text: &str) -> bool {
    REQUESTS_HAN.iter().any(|w| text.starts_with(w))
}

/// Whether a template's reading counts for nothing: what is asked is not done (你把灯关了吗), no template knows
/// exceptions, and nothing leaves the house because it sounds like a request (睡觉 is no 水饺).
pub fn rules_out(text: &[char], intent: &str, misheard: u32) -> bool {
    is_deed(intent) && (is_han_question(text) || is_when(text))
        || SWITCHING.contains(&intent) && excepts(text)
        || misheard > 1 && intent.starts_with("Tiebreak")
}

/// Whether a text names what is left out of a deed ("all lights but the hallway", 除了卧室): no template knows how.
pub fn excepts(text: &[char]) -> bool {
    let text: String = text.iter().collect();
    says(&text, &EXCEPTIONS) || says(&text, &EXCEPTIONS_HAN)
}

/// Whether an intent changes something, and asks for more than an answer.
pub fn is_deed(intent: &str) -> bool {
    !intent.starts_with("HassGet")
}

/// Whether free words may be somebody's name: "john saying im late" is none.
pub fn is_contact(words: &[char]) -> bool {
    let text: String = words.iter().collect();
    text.split(' ').count() <= CONTACT_WORDS_MAX && !says(&text, &["saying", "says", "telling", "asking"])
}

/// Whether a reading of the classifier does the opposite of what the words say, or something that they do not say.
pub fn contradicts(text: &[char], reading: &Hypothesis) -> bool {
    let text: String = text.iter().collect();
    if !is_deed(&reading.intent) {
        return false;
    }
    let is_lock = is_about(&reading.slots, "lock");
    let opposite = match reading.intent.as_str() {
        // Who closes a door does not unlock it; nothing here shuts one.
        "HassTurnOff" if is_lock => !says(&text, &["unlock", "unlocked", "open", "unbolt", "undo", "开", "解"]),
        "HassTurnOff" => says(&text, &ON) && !says(&text, &OFF) && !says(&text, &ROUND),
        "HassTurnOn" if !is_lock => {
            says(&text, &OFF) && !says(&text, &ON) && !says(&text, &ROUND) && !text.contains('开')
        }
        _ => false,
    };
    let is_switched = matches!(reading.intent.as_str(), "HassTurnOn" | "HassTurnOff" | "HassSetPosition")
        || reading.intent.starts_with("HassVacuum");
    opposite || says(&text, &BROKEN) || says(&text, &BROKEN_HAN) || is_switched && is_unwanted(&text, reading)
}

/// Whether words around a deed say that it shall not be done, or not now, or not so far.
fn is_unwanted(text: &str, reading: &Hypothesis) -> bool {
    let about = |domain| is_about(&reading.slots, domain);
    let negated = (says(text, &NOT) || says(text, &NOT_HAN)) && !says(text, &NOT_AND_YET);
    // "I don't want the fan on" and 台灯不用了 switch off; nothing else follows from what is negated.
    let switches_off =
        reading.intent == "HassTurnOff" && !says(text, &OFF_NEGATED) && !about("lock") && !about("cover");
    negated && !switches_off
        || says(text, &DAYS)
        || says(text, &WAIT)
        || about("scene") && says(text, &SCENE_LEFT)
        || (about("climate") || about("fan")) && says(text, &DEGREES)
        || about("cover") && says(text, &["almost"])
}

fn is_about(slots: &Slots, domain: &str) -> bool {
    let text = |slot: &str| slots.get(slot).and_then(|v| v.as_text());
    text("domain") == Some(domain) || text("name").is_some_and(|id| id.split('.').next() == Some(domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::intent::Via;

    fn words(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn chinese_questions_are_no_requests() {
        for question in ["你把灯关了吗", "灯关了没", "要关灯吗", "需要打开空调吗"] {
            assert!(is_question(&words(question)), "{question}");
        }
        for request in ["可以帮我关灯吗", "帮我把书桌灯关一下好吗", "能把灯关了吗", "要开灯", "关灯"]
        {
            assert!(!is_question(&words(request)), "{request}");
        }
    }

    #[test]
    fn what_is_forbidden_or_left_out_is_seen() {
        for no in ["别把窗帘打开", "不要把灯关了", "please dont close the curtains"] {
            assert!(forbids(&words(no)), "{no}");
        }
        assert!(!forbids(&words("i dont want the fan on")));
        for but in ["all lights off but the hallway", "turn off everything apart from the fan", "除了卧室把灯都关了"]
        {
            assert!(excepts(&words(but)), "{but}");
        }
        assert!(!excepts(&words("press the button")) && !excepts(&words("扫除开始")));
    }

    #[test]
    fn a_deed_is_not_the_opposite_of_what_was_said() {
        let reading = |intent: &str, name: &str| Hypothesis {
            intent: intent.into(),
            slots: [("name".to_owned(), name.into())].into(),
            confidence: 0.9,
            via: Via::Classifier,
        };
        for (text, intent, name) in [
            ("turn everything on", "HassTurnOff", "all"),
            ("put everything on", "HassTurnOff", "all"),
            ("power everything up", "HassTurnOff", "all"),
            ("lights off please", "HassTurnOn", "light.kitchen"),
            ("shut the front door", "HassTurnOff", "lock.front_door"),
            ("把大门关上", "HassTurnOff", "lock.front_door"),
            ("台灯不亮了", "HassTurnOff", "light.kitchen"),
            ("make sure the front door isnt unlocked", "HassTurnOff", "lock.front_door"),
            ("别让大门开着", "HassTurnOff", "lock.front_door"),
            ("make sure the garage door is not closed", "HassTurnOff", "cover.garage_door"),
            ("make sure the fan isnt on", "HassTurnOn", "fan.bedroom"),
            ("i dont want the fan off", "HassTurnOff", "fan.bedroom"),
            ("空调不用关", "HassTurnOff", "climate.bedroom"),
            ("别让风扇停下来", "HassTurnOff", "fan.bedroom"),
            ("cancel movie night", "HassTurnOn", "scene.movie"),
            ("lets have movie night tomorrow", "HassTurnOn", "scene.movie"),
            ("lower the thermostat", "HassTurnOff", "climate.bedroom"),
            ("close the curtain almost all the way", "HassTurnOff", "cover.living_room_curtain"),
            ("turn off the kitchen light wait no leave it on", "HassTurnOff", "light.kitchen"),
        ] {
            assert!(contradicts(&words(text), &reading(intent, name)), "{text}");
        }
        for (text, intent, name) in [
            ("i dont want the fan on", "HassTurnOff", "fan.bedroom"),
            ("台灯不用了", "HassTurnOff", "light.kitchen"),
            ("lower the curtain please", "HassTurnOff", "cover.living_room_curtain"),
            ("dont forget to turn on the fan", "HassTurnOn", "fan.bedroom"),
            ("i cant see anything in the kitchen", "HassTurnOn", "light.kitchen"),
            ("somebody left the lamp on", "HassTurnOff", "light.kitchen"),
            ("unlock the front door", "HassTurnOff", "lock.front_door"),
            ("把大门打开", "HassTurnOff", "lock.front_door"),
            ("everything off", "HassTurnOff", "all"),
            ("灯还开着", "HassTurnOff", "light.kitchen"),
            ("is the lamp on", "HassGetState", "light.kitchen"),
        ] {
            assert!(!contradicts(&words(text), &reading(intent, name)), "{text}");
        }
    }
}
