//! Finds in a free text what the home and the sentence files know: names, rooms, floors, numbers, colours, classes
//! of things, dishes.
//!
//! The classifier sees the text with these replaced by class tokens, and its slots are filled from them.
//! Nothing is guessed here: what is not named is not found.

use std::collections::HashMap;

use crate::facts::home::{Home, Names};
use crate::facts::intent::{SlotValue, Slots};

use super::automaton::Automaton;
use super::normalise::{is_boundary, is_han, normalise};
use super::numbers;

/// Words for classes of things: words, domain.
const DOMAINS: [(&[&str], &str); 4] = [
    (&["light", "lights", "lamp", "lamps", "lighting", "灯", "灯光", "照明"], "light"),
    (&["fan", "fans", "ventilator", "风扇", "电扇"], "fan"),
    (&["curtain", "curtains", "blind", "blinds", "shutter", "shutters", "drapes", "窗帘", "百叶窗", "卷帘"], "cover"),
    (&["plug", "plugs", "socket", "sockets", "outlet", "switch", "插座", "开关"], "switch"),
];

/// Colours: words, keyword.
const COLORS: [(&[&str], &str); 11] = [
    (&["white", "白色", "白光"], "white"),
    (&["red", "红色", "红光"], "red"),
    (&["green", "绿色", "绿光"], "green"),
    (&["blue", "蓝色", "蓝光"], "blue"),
    (&["yellow", "黄色", "黄光"], "yellow"),
    (&["orange", "橙色", "橘色"], "orange"),
    (&["purple", "violet", "紫色"], "purple"),
    (&["pink", "粉色", "粉红色"], "pink"),
    (&["cyan", "turquoise", "青色"], "cyan"),
    (&["brown", "棕色"], "brown"),
    (&["black", "黑色"], "black"),
];

/// Which units of time are meant: words, slot.
const TIMES: [(&[&str], &str); 3] = [
    (&["second", "seconds", "秒"], "seconds"),
    (&["minute", "minutes", "分钟"], "minutes"),
    (&["hour", "hours", "小时"], "hours"),
];

/// Lists of the sentence files that hold what one can eat and drink.
const DISHES: [&str; 2] = ["dish", "rare_dish"];

/// What things may be asked to be: words, or parts of Chinese sentences; state. Longer ones first.
const STATES: [(&[&str], &str); 6] = [
    (&["没锁", "没上锁", "unlocked"], "unlocked"),
    (&["锁", "locked", "bolted"], "locked"),
    (&["开", "亮", "转", "工作", "运行", "on", "running", "lit"], "on"),
    (&["关", "灭", "熄", "停", "off", "out"], "off"),
    (&["拉开", "升起", "open", "opened", "up"], "open"),
    (&["拉上", "合上", "放下", "closed", "shut", "close", "down"], "closed"),
];

/// A thing of the home found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing {
    words: Vec<char>,
    token: String,
    kind: Kind,
    id: String,
    /// Of an entity: the room it is in.
    area: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Name,
    Area,
    Floor,
}

/// Knows everything that has a name in one home.
pub struct Spotter {
    /// Longest names first.
    things: Vec<Thing>,
    /// Words for what one can eat and drink, with what they mean, by their first character.
    dishes: HashMap<char, Vec<(Vec<char>, String)>>,
}

/// What was found in one text.
#[derive(Debug, Default, PartialEq)]
pub struct Spotted {
    /// Words and Chinese characters, with what was found replaced by class tokens: `<name:light>`, `<area>`,
    /// `<floor>`, `<num>`, `<color>`, `<dish>`.
    pub tokens: Vec<String>,
    /// Entities, each with its room, by mention; several where a name is shared.
    names: Vec<Vec<(String, Option<String>)>>,
    areas: Vec<String>,
    floors: Vec<String>,
    numbers: Vec<f64>,
    colors: Vec<&'static str>,
    domains: Vec<&'static str>,
    times: Vec<&'static str>,
    dishes: Vec<String>,
}

impl Spotter {
    /// Gathers all names of `home` in all languages, and the dishes that the sentences know.
    pub fn new<'a>(home: &Home, automata: impl Iterator<Item = &'a Automaton>) -> Self {
        let mut things = Vec::new();
        let mut add = |names: &Names, kind: Kind, id: &str, area: Option<&String>| {
            let token = match kind {
                Kind::Name => format!("<name:{}>", id.split('.').next().unwrap_or_default()),
                Kind::Area => "<area>".to_owned(),
                Kind::Floor => "<floor>".to_owned(),
            };
            for words in names.values().flatten().map(|n| normalise(n)).filter(|w| !w.is_empty()) {
                things.push(Thing { words, token: token.clone(), kind, id: id.to_owned(), area: area.cloned() });
            }
        };
        for entity in &home.entities {
            add(&entity.names, Kind::Name, &entity.id.0, entity.area.as_ref());
        }
        for area in &home.areas {
            add(&area.names, Kind::Area, &area.id, None);
        }
        for floor in &home.floors {
            add(&floor.names, Kind::Floor, &floor.id, None);
        }
        things.sort_by_key(|t| std::cmp::Reverse(t.words.len()));
        Self { things, dishes: dishes(automata) }
    }

    /// Finds everything in `text` (normalised); the longest name at each place counts.
    pub fn spot(&self, text: &[char]) -> Spotted {
        let mut spotted = Spotted::default();
        let mut at = 0;
        while at < text.len() {
            if text[at] == ' ' {
                at += 1;
            } else if let Some(end) = self.thing(text, at, &mut spotted) {
                at = end;
            } else if let Some((end, n)) = numbers::at(text, at).into_iter().max_by_key(|(end, _)| *end) {
                spotted.numbers.push(n);
                spotted.tokens.push("<num>".to_owned());
                at = end;
            } else if let Some((len, color)) = keyword(&COLORS, &text[at..]) {
                spotted.colors.push(color);
                spotted.tokens.push("<color>".to_owned());
                at += len;
            } else if let Some((len, dish)) = self.dish(text, at) {
                spotted.dishes.push(dish.to_owned());
                spotted.tokens.push("<dish>".to_owned());
                at += len;
            } else {
                spotted.domains.extend(keyword(&DOMAINS, &text[at..]).map(|(_, d)| d));
                spotted.times.extend(keyword(&TIMES, &text[at..]).map(|(_, t)| t));
                let mut end = at + 1;
                while !is_boundary(text, end) {
                    end += 1;
                }
                spotted.tokens.push(text[at..end].iter().collect());
                at = end;
            }
        }
        spotted
    }

    /// The longest dish that stands at `at`, with its length.
    fn dish(&self, text: &[char], at: usize) -> Option<(usize, &str)> {
        let stands = |w: &[char]| text[at..].starts_with(w) && is_boundary(text, at + w.len());
        let here = self.dishes.get(&text[at])?.iter().filter(|(w, _)| stands(w));
        here.max_by_key(|(w, _)| w.len()).map(|(w, out)| (w.len(), out.as_str()))
    }

    fn thing(&self, text: &[char], at: usize, spotted: &mut Spotted) -> Option<usize> {
        let stands = |t: &&Thing| text[at..].starts_with(&t.words) && is_boundary(text, at + t.words.len());
        let found = self.things.iter().find(stands)?;
        let same = self.things.iter().filter(|t| t.words == found.words && t.kind == found.kind);
        match found.kind {
            Kind::Name => spotted.names.push(same.map(|t| (t.id.clone(), t.area.clone())).collect()),
            Kind::Area => spotted.areas.push(found.id.clone()),
            Kind::Floor => spotted.floors.push(found.id.clone()),
        }
        spotted.tokens.push(found.token.clone());
        Some(at + found.words.len())
    }
}

fn dishes<'a>(automata: impl Iterator<Item = &'a Automaton>) -> HashMap<char, Vec<(Vec<char>, String)>> {
    let mut all: HashMap<char, Vec<(Vec<char>, String)>> = HashMap::new();
    for automaton in automata {
        for (_, number) in automaton.list_names.iter().filter(|(name, _)| DISHES.contains(&name.as_str())) {
            let list = &automaton.lists[*number as usize];
            for (words, value, _) in list.said.values().flatten() {
                // One Chinese character is too often part of another word (面 in 里面).
                if let (2.., Some(out)) = (words.len(), list.values[*value as usize].out.as_text()) {
                    let entry = (words.to_vec(), out.to_owned());
                    let same_first = all.entry(words[0]).or_default();
                    if !same_first.contains(&entry) {
                        same_first.push(entry);
                    }
                }
            }
        }
    }
    all
}

/// The keyword whose words begin `text`, with their length.
fn keyword(table: &[(&[&str], &'static str)], text: &[char]) -> Option<(usize, &'static str)> {
    let words = table.iter().flat_map(|(words, keyword)| words.iter().map(move |w| (*w, *keyword)));
    words
        .filter(|(w, _)| text.iter().copied().take(w.chars().count()).eq(w.chars()))
        .map(|(w, keyword)| (w.chars().count(), keyword))
        .filter(|(len, _)| is_boundary(text, *len) || text.first().is_some_and(|c| is_han(*c)))
        .max_by_key(|(len, _)| *len)
}

impl Spotted {
    /// What the text is about, if that is one thing or one class of things.
    pub fn named(&self) -> Option<Slots> {
        self.target(None)
    }

    /// The slots of `intent` as far as they were named; `None` where one that it needs was not, or where
    /// more was named than one command can hold.
    pub fn slots(&self, intent: &str) -> Option<Slots> {
        let mut slots = Slots::new();
        let number = |low: f64, high: f64| match self.numbers[..] {
            [n] if (low..=high).contains(&n) => Some(SlotValue::Number(n)),
            _ => None,
        };
        match intent {
            "HassTurnOn" | "HassTurnOff" => slots.extend(self.target(None)?),
            "HassLightSet" => {
                slots.extend(self.target(Some("light"))?);
                match self.colors[..] {
                    [color] if self.numbers.is_empty() => slots.insert("color".into(), color.into()),
                    [] => slots.insert("brightness".into(), number(0.0, 100.0)?),
                    _ => return None,
                };
            }
            "HassSetPosition" => {
                slots.extend(self.target(Some("cover"))?);
                slots.insert("position".into(), number(0.0, 100.0)?);
            }
            "HassClimateSetTemperature" => {
                slots.extend(self.place("climate")?);
                slots.insert("temperature".into(), number(5.0, 35.0)?);
            }
            "HassSetVolume" => {
                slots.extend(self.place("media_player")?);
                slots.insert("volume_level".into(), number(0.0, 100.0)?);
            }
            "HassStartTimer" if self.names.is_empty() && self.areas.is_empty() => match self.times[..] {
                [unit] => drop(slots.insert(unit.to_owned(), number(1.0, 999.0)?)),
                _ => return None,
            },
            "HassVacuumStart" | "HassVacuumReturnToBase" => slots.extend(self.place("vacuum")?),
            "HassClimateGetTemperature" => slots.extend(self.place("climate")?),
            "HassMediaPause" | "HassMediaUnpause" | "HassMediaNext" | "HassMediaPrevious" => {
                slots.extend(self.place("media_player")?);
            }
            "HassGetState" => {
                slots.extend(self.target(None)?);
                if let Some(state) = self.state(&slots)? {
                    slots.insert("state".into(), state.into());
                }
            }
            "TiebreakEatOut" | "TiebreakOrder" if self.names.is_empty() && self.areas.is_empty() => {
                match &self.dishes[..] {
                    [] => {}
                    [dish] => drop(slots.insert("dish".into(), SlotValue::Text(dish.clone()))),
                    _ => return None,
                }
            }
            // Need nothing from the house, so nothing of the house may have been named.
            "HassGetWeather"
            | "HassGetCurrentTime"
            | "HassGetCurrentDate"
            | "HassNevermind"
            | "HassCancelTimer"
            | "HassCancelAllTimers"
            | "HassPauseTimer"
            | "HassUnpauseTimer"
            | "HassTimerStatus"
                if self.names.is_empty() && self.areas.is_empty() && self.numbers.is_empty() => {}
            _ => return None,
        }
        Some(slots)
    }

    /// The state that is asked about, as the thing that `slots` name calls it: `Some(None)` if none was named,
    /// `None` if several were.
    fn state(&self, slots: &Slots) -> Option<Option<&'static str>> {
        let text: String = self.tokens.iter().filter(|t| !t.starts_with('<')).map(String::as_str).collect();
        // "Locked or not" asks whether it is locked.
        let text = text.replace("锁没锁", "锁");
        let named = |w: &&str| match w.chars().next() {
            Some(c) if is_han(c) => text.contains(w),
            _ => self.tokens.iter().any(|t| t == w),
        };
        let mut found = STATES.iter().filter(|(words, _)| words.iter().any(&named)).map(|(_, state)| *state);
        let Some(mut state) = found.next() else { return Some(None) };
        // "Unlocked" holds "locked", 拉开 holds 开.
        if found
            .any(|other| !matches!((state, other), ("unlocked", "locked" | "on") | ("on", "open") | ("off", "closed")))
        {
            return None;
        }
        let id = slots.get("name").or(slots.get("domain")).and_then(SlotValue::as_text).unwrap_or_default();
        state = match (id.split('.').next().unwrap_or_default(), state) {
            ("cover" | "valve", "on") => "open",
            ("cover" | "valve", "off") => "closed",
            ("lock", "on" | "open") => "unlocked",
            ("lock", "off" | "closed") => "locked",
            (_, state) => state,
        };
        Some(Some(state))
    }

    /// One thing, or one class of things in one place. `domain`: the class it must be, and is where a place
    /// alone is named.
    fn target(&self, domain: Option<&'static str>) -> Option<Slots> {
        let mut slots = self.places()?;
        match (&self.names[..], &self.domains[..]) {
            ([candidates], _) => {
                let area = self.areas.first();
                let mut here = candidates
                    .iter()
                    .filter(|(id, at)| {
                        domain.is_none_or(|d| id.split('.').next() == Some(d))
                            && (area.is_none() || at.as_ref() == area)
                    })
                    .map(|(id, _)| id);
                let id = here.next()?;
                if here.next().is_some() {
                    return None;
                }
                slots.insert("name".into(), SlotValue::Text(id.clone()));
            }
            ([], [named]) if !slots.is_empty() && domain.is_none_or(|d| d == *named) => {
                slots.insert("domain".into(), (*named).into());
            }
            ([], []) if domain.is_some() && !slots.is_empty() => {
                slots.insert("domain".into(), domain?.into());
            }
            _ => return None,
        }
        Some(slots)
    }

    /// A place and a thing of class `domain`, both only if named.
    fn place(&self, domain: &'static str) -> Option<Slots> {
        if self.names.is_empty() { self.places() } else { self.target(Some(domain)) }
    }

    fn places(&self) -> Option<Slots> {
        let mut slots = Slots::new();
        match (&self.areas[..], &self.floors[..]) {
            ([], []) => {}
            ([area], []) => drop(slots.insert("area".into(), SlotValue::Text(area.clone()))),
            ([], [floor]) => drop(slots.insert("floor".into(), SlotValue::Text(floor.clone()))),
            _ => return None,
        }
        Some(slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::home::EMBEDDED_HOME;

    fn spot(text: &str) -> Spotted {
        let home = Home::parse(EMBEDDED_HOME, "embedded").expect("valid");
        let sources = crate::understand::embedded_grammars();
        let automata = crate::facts::intent::Lang::ALL.map(|lang| {
            crate::understand::grammar::compile(&home, &sources, lang).unwrap_or_else(|f| panic!("{}", f[0]))
        });
        Spotter::new(&home, automata.iter()).spot(&normalise(text))
    }

    #[test]
    fn what_the_home_knows_becomes_tokens() {
        let cases = [
            ("make the ceiling light in the lounge red", "make the <name:light> in the <area> <color>"),
            ("kitchen light to twenty one percent", "<name:light> to <num> percent"),
            ("把厨房灯调到50%", "把 <name:light> 调 到 <num> %"),
            ("打开 living room 的灯", "打 开 <area> 的 灯"),
            ("the kitchenette", "the kitchenette"),
            ("let us get fried rice", "let us get <dish>"),
            ("去外面吃麻辣烫", "去 外 面 吃 <dish>"),
        ];
        for (text, tokens) in cases {
            assert_eq!(spot(text).tokens.join(" "), tokens);
        }
    }

    #[test]
    fn slots_are_named_or_missing() {
        let slots =
            |text: &str, intent: &str| spot(text).slots(intent).map(|s| serde_json::to_string(&s).expect("serialises"));
        let cases = [
            (
                "ceiling light lounge",
                "HassTurnOn",
                Some(r#"{"area":"living_room","name":"light.living_room_ceiling"}"#),
            ),
            ("ceiling light kitchen", "HassTurnOn", None),
            ("light study", "HassTurnOn", Some(r#"{"area":"study","domain":"light"}"#)),
            ("light wine cellar", "HassTurnOn", None),
            ("study red", "HassLightSet", Some(r#"{"area":"study","color":"red","domain":"light"}"#)),
            ("study", "HassLightSet", None),
            ("fan 50", "HassLightSet", None),
            ("窗帘 40", "HassSetPosition", Some(r#"{"name":"cover.living_room_curtain","position":40.0}"#)),
            ("kitchen study light", "HassTurnOff", None),
            ("99 degrees", "HassClimateSetTemperature", None),
            ("前门锁没锁", "HassGetState", Some(r#"{"name":"lock.front_door","state":"locked"}"#)),
            ("窗帘开着", "HassGetState", Some(r#"{"name":"cover.living_room_curtain","state":"open"}"#)),
            ("is the fan on or off", "HassGetState", None),
            ("火锅走起", "TiebreakEatOut", Some(r#"{"dish":"火锅"}"#)),
            ("twenty minutes", "HassStartTimer", Some(r#"{"minutes":20.0}"#)),
        ];
        for (text, intent, want) in cases {
            assert_eq!(slots(text, intent).as_deref(), want, "{text}");
        }
    }
}
