//! Finds in a free text what the home and the sentence files know: names, rooms, floors, numbers, colours, dishes,
//! classes of things.
//!
//! The classifier sees the text with these replaced by class tokens. Nothing is guessed here: what is not named is
//! not found.

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

/// Words for colours. `training/intent_data.py` has the same.
const COLORS: [&str; 31] = [
    "white",
    "red",
    "green",
    "blue",
    "yellow",
    "orange",
    "purple",
    "violet",
    "pink",
    "cyan",
    "turquoise",
    "brown",
    "black",
    "白色",
    "白光",
    "红色",
    "红光",
    "绿色",
    "绿光",
    "蓝色",
    "蓝光",
    "黄色",
    "黄光",
    "橙色",
    "橘色",
    "紫色",
    "粉红色",
    "粉色",
    "青色",
    "棕色",
    "黑色",
];

/// Lists of the sentence files that hold what one can eat and drink.
const DISHES: [&str; 2] = ["dish", "rare_dish"];

/// A thing of the home found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing {
    words: Vec<char>,
    token: String,
    kind: Kind,
    id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Name,
    Area,
    Floor,
}

/// Knows everything that has a name in one home.
pub struct Spotter {
    /// By first character, longest names first.
    things: HashMap<char, Vec<Thing>>,
    /// Words for what one can eat and drink, by their first character.
    dishes: HashMap<char, Vec<Vec<char>>>,
}

/// What was found in one text.
#[derive(Debug, Default, PartialEq)]
pub struct Spotted {
    /// Words and Chinese characters, with what was found replaced by class tokens: `<name:light>`, `<area>`,
    /// `<floor>`, `<num>`, `<color>`, `<dish>`.
    pub tokens: Vec<String>,
    /// Where in the text each token stands: from, to (exclusive), in characters.
    pub places: Vec<(usize, usize)>,
    /// Entities by mention; several where a name is shared.
    names: Vec<Vec<String>>,
    areas: Vec<String>,
    floors: Vec<String>,
    domains: Vec<&'static str>,
}

impl Spotter {
    /// Gathers all names of `home` in all languages, and the dishes that the sentences know.
    pub fn new<'a>(home: &Home, automata: impl Iterator<Item = &'a Automaton>) -> Self {
        let mut things: HashMap<char, Vec<Thing>> = HashMap::new();
        let mut add = |names: &Names, kind: Kind, id: &str| {
            let token = match kind {
                Kind::Name => format!("<name:{}>", id.split('.').next().unwrap_or_default()),
                Kind::Area => "<area>".to_owned(),
                Kind::Floor => "<floor>".to_owned(),
            };
            for words in names.values().flatten().map(|n| normalise(n)).filter(|w| !w.is_empty()) {
                let thing = Thing { words, token: token.clone(), kind, id: id.to_owned() };
                things.entry(thing.words[0]).or_default().push(thing);
            }
        };
        for entity in &home.entities {
            add(&entity.names, Kind::Name, &entity.id.0);
        }
        for area in &home.areas {
            add(&area.names, Kind::Area, &area.id);
        }
        for floor in &home.floors {
            add(&floor.names, Kind::Floor, &floor.id);
        }
        for same_first in things.values_mut() {
            same_first.sort_by_key(|t| std::cmp::Reverse(t.words.len()));
        }
        Self { things, dishes: dishes(automata) }
    }

    /// Finds everything in `text` (normalised); the longest name at each place counts.
    pub fn spot(&self, text: &[char]) -> Spotted {
        let mut spotted = Spotted::default();
        let mut at = 0;
        while at < text.len() {
            if text[at] == ' ' {
                at += 1;
                continue;
            }
            let (token, end) = if let Some(found) = self.thing(text, at, &mut spotted) {
                found
            } else if let Some((end, _)) = numbers::at(text, at).into_iter().max_by_key(|(end, _)| *end) {
                ("<num>".to_owned(), end)
            } else if let Some((len, ())) = keyword(COLORS.iter().map(|w| (*w, ())), &text[at..]) {
                ("<color>".to_owned(), at + len)
            } else if let Some(len) = self.dish(text, at) {
                ("<dish>".to_owned(), at + len)
            } else {
                let classes = DOMAINS.iter().flat_map(|(words, domain)| words.iter().map(move |w| (*w, *domain)));
                spotted.domains.extend(keyword(classes, &text[at..]).map(|(_, d)| d));
                let end = (at + 1..).find(|end| is_boundary(text, *end)).unwrap_or(text.len());
                (text[at..end].iter().collect(), end)
            };
            spotted.tokens.push(token);
            spotted.places.push((at, end));
            at = end;
        }
        spotted
    }

    /// The length of the longest dish that stands at `at`.
    fn dish(&self, text: &[char], at: usize) -> Option<usize> {
        let stands = |w: &&Vec<char>| text[at..].starts_with(w) && is_boundary(text, at + w.len());
        self.dishes.get(&text[at])?.iter().filter(stands).map(Vec::len).max()
    }

    /// The class token of the thing that stands at `at`, and its end.
    fn thing(&self, text: &[char], at: usize, spotted: &mut Spotted) -> Option<(String, usize)> {
        let things = self.things.get(&text[at])?;
        let stands = |t: &&Thing| text[at..].starts_with(&t.words) && is_boundary(text, at + t.words.len());
        let found = things.iter().find(stands)?;
        match found.kind {
            Kind::Name => {
                let same = things.iter().filter(|t| t.words == found.words && t.kind == found.kind);
                spotted.names.push(same.map(|t| t.id.clone()).collect());
            }
            Kind::Area => spotted.areas.push(found.id.clone()),
            Kind::Floor => spotted.floors.push(found.id.clone()),
        }
        Some((found.token.clone(), at + found.words.len()))
    }
}

fn dishes<'a>(automata: impl Iterator<Item = &'a Automaton>) -> HashMap<char, Vec<Vec<char>>> {
    let mut all: HashMap<char, Vec<Vec<char>>> = HashMap::new();
    for automaton in automata {
        for (_, number) in automaton.list_names.iter().filter(|(name, _)| DISHES.contains(&name.as_str())) {
            // One Chinese character is too often part of another word (面 in 里面).
            for (words, ..) in automaton.lists[*number as usize].said.values().flatten().filter(|w| w.0.len() > 1) {
                let same_first = all.entry(words[0]).or_default();
                if !same_first.iter().any(|w| **w == **words) {
                    same_first.push(words.to_vec());
                }
            }
        }
    }
    all
}

/// The keyword whose words begin `text`, with their length.
fn keyword<'a, K>(words: impl Iterator<Item = (&'a str, K)>, text: &[char]) -> Option<(usize, K)> {
    words
        .filter(|(w, _)| text.iter().copied().take(w.chars().count()).eq(w.chars()))
        .map(|(w, keyword)| (w.chars().count(), keyword))
        .filter(|(len, _)| is_boundary(text, *len) || text.first().is_some_and(|c| is_han(*c)))
        .max_by_key(|(len, _)| *len)
}

impl Spotted {
    /// What the text is about, if that is one thing or one class of things in one place.
    pub fn named(&self) -> Option<Slots> {
        let mut slots = Slots::new();
        match (&self.areas[..], &self.floors[..]) {
            ([], []) => {}
            ([area], []) => drop(slots.insert("area".into(), SlotValue::Text(area.clone()))),
            ([], [floor]) => drop(slots.insert("floor".into(), SlotValue::Text(floor.clone()))),
            _ => return None,
        }
        match (&self.names[..], &self.domains[..]) {
            ([same], _) if same.len() == 1 => drop(slots.insert("name".into(), SlotValue::Text(same[0].clone()))),
            ([], [domain]) if !slots.is_empty() => drop(slots.insert("domain".into(), (*domain).into())),
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
    fn tokens_know_where_they_stand() {
        let text = normalise("dim the desk lamp to twenty one percent");
        let spotted = spot("dim the desk lamp to twenty one percent");
        let words: Vec<String> = spotted.places.iter().map(|(from, to)| text[*from..*to].iter().collect()).collect();
        assert_eq!(words, ["dim", "the", "desk lamp", "to", "twenty one", "percent"]);
    }

    #[test]
    fn what_a_text_is_about() {
        let named = |text: &str| spot(text).named().map(|s| serde_json::to_string(&s).expect("serialises"));
        for (text, want) in [
            ("the hallway light has been on", Some(r#"{"name":"light.hallway"}"#)),
            ("the light in the study", Some(r#"{"area":"study","domain":"light"}"#)),
            ("the light in the wine cellar", None),
            ("the kitchen and the study light", None),
            ("风扇太吵了", Some(r#"{"name":"fan.bedroom"}"#)),
        ] {
            assert_eq!(named(text).as_deref(), want, "{text}");
        }
    }
}
