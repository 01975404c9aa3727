//! Acoustic units: how a word sounds in the alphabet of the CTC model. English is written in phones (by
//! pronounce.rs), Mandarin in toneless pinyin split into initial and final, so any name can be heard.
//! `training/units.py` splits by the same rules; tests/data/syllables.tsv is its output, and a test here compares.

use std::collections::HashMap;

use pinyin::ToPinyinMulti;

use super::pronounce::Lexicon;
use super::unit_graph::{Parts, Spelling};
use crate::facts::error::Fault;

/// Index of a unit in the model's output; 0 is CTC's blank.
pub type Unit = u8;

/// CTC's blank.
pub const BLANK: Unit = 0;

/// Readings of one character that are tried at most: the rarer ones are archaic.
const READINGS_MAX: usize = 3;

/// What the rows of a model's output stand for.
#[derive(Debug, Clone)]
pub struct Alphabet(Vec<String>);

/// The alphabet of sounds, and how words are written in it.
#[derive(Debug, Clone)]
pub struct Units {
    ids: HashMap<String, Unit>,
    lexicon: Lexicon,
}

impl Alphabet {
    /// From the model's metadata `key`, one name a line, blank first: a space, `a`..`z`, `'`, phones in capitals,
    /// initials `zh-`, finals `-ang`.
    ///
    /// # Errors
    /// More than 255 names.
    pub fn parse(list: &str, model: &str, key: &str) -> Result<Self, Fault> {
        let names: Vec<String> = list.split('\n').map(str::to_owned).collect();
        if names.len() > 255 {
            let remedy = "use a model written by training/export_onnx.py";
            return Err(Fault::new(model, format!("metadata `{key}`"), "more than 255 names", remedy));
        }
        Ok(Self(names))
    }

    /// How many rows there are, the blank included.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The name of a unit; empty for one that does not exist.
    pub fn name(&self, unit: Unit) -> &str {
        self.0.get(usize::from(unit)).map_or("", String::as_str)
    }

    /// What a greedy path of letters reads like, for sentences outside the grammar: English words as heard,
    /// Mandarin as pinyin syllables with a space between.
    pub fn render(&self, path: &[Unit]) -> String {
        let mut text = String::new();
        for &u in path {
            let name = self.name(u);
            if let Some(initial) = name.strip_suffix('-').filter(|n| !n.is_empty()) {
                if !text.is_empty() && !text.ends_with(' ') {
                    text.push(' ');
                }
                text.push_str(initial);
            } else if let Some(last) = name.strip_prefix('-') {
                text.push_str(last);
                text.push(' ');
            } else if u != BLANK {
                text.push_str(name);
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Whether `path` has more Mandarin sounds than others.
    pub fn is_mostly_mandarin(&self, path: &[Unit]) -> bool {
        let han = path.iter().filter(|&&u| self.0.get(usize::from(u)).is_some_and(|n| n.contains('-'))).count();
        han * 2 > path.len()
    }
}

impl Units {
    /// Words in `alphabet` as `lexicon` says them.
    ///
    /// # Errors
    /// The alphabet names a unit twice.
    pub fn new(alphabet: &Alphabet, lexicon: Lexicon, model: &str) -> Result<Self, Fault> {
        let ids: HashMap<String, Unit> = alphabet.0.iter().enumerate().map(|(i, n)| (n.clone(), i as Unit)).collect();
        if ids.len() != alphabet.count() {
            let remedy = "use a model written by training/export_onnx.py";
            return Err(Fault::new(model, "metadata `units`", "the list repeats a unit", remedy));
        }
        Ok(Self { ids, lexicon })
    }

    fn word(&self, word: &str) -> Vec<Vec<Unit>> {
        let units = |phones: &Vec<String>| phones.iter().map(|p| self.ids.get(p).copied()).collect::<Option<_>>();
        self.lexicon.readings(word).iter().filter_map(units).collect()
    }

    fn character(&self, c: char) -> Vec<Vec<Unit>> {
        let mut out: Vec<Vec<Unit>> = Vec::new();
        for reading in c.to_pinyin_multi().into_iter().flatten().take(READINGS_MAX) {
            let units: Option<Vec<Unit>> =
                split_syllable(&reading.plain().replace('ü', "v")).iter().map(|u| self.ids.get(u).copied()).collect();
            if let Some(units) = units
                && !units.is_empty()
                && !out.contains(&units)
            {
                out.push(units);
            }
        }
        out
    }
}

impl Spelling for Units {
    /// Parts are words (English) and characters (Chinese); `None` where one makes no sound that the model knows.
    /// A text between slashes is the names of its units: `/HH EY S IH R IY/`.
    fn spell(&self, text: &str) -> Option<Parts> {
        if let Some(sounds) = text.strip_prefix('/').and_then(|t| t.strip_suffix('/')) {
            let units: Option<Vec<Unit>> = sounds.split_whitespace().map(|u| self.ids.get(u).copied()).collect();
            return units.filter(|u| !u.is_empty()).map(|u| vec![vec![u]]);
        }
        let mut out = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let latin = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '\'')).unwrap_or(rest.len());
            let taken = if latin > 0 { latin } else { c.len_utf8() };
            if c != ' ' {
                let ways = if latin > 0 { self.word(&rest[..latin]) } else { self.character(c) };
                if ways.is_empty() {
                    return None;
                }
                out.push(ways);
            }
            rest = &rest[taken..];
        }
        Some(out)
    }
}

/// `zhuang` -> `zh-`, `-uang`; `yuan` -> `y-`, `-van`. The vowel of zhi, chi, shi, ri is `ir`, that of zi, ci,
/// si is `iz`, and ü is `v` also where the spelling drops its dots: they sound different.
pub fn split_syllable(syllable: &str) -> Vec<String> {
    let initial = ["zh", "ch", "sh"]
        .into_iter()
        .find(|i| syllable.starts_with(i))
        .or_else(|| syllable.get(..1).filter(|i| "bpmfdtnlgkhjqxrzcsyw".contains(i)))
        .unwrap_or("");
    let last = &syllable[initial.len()..];
    if last.is_empty() {
        return vec!["n-".into(), "-en".into()];
    }
    let last = match (initial, last) {
        ("j" | "q" | "x" | "y", l) if l.starts_with('u') => format!("v{}", &l[1..]),
        (_, l) => l.to_owned(),
    };
    let last = match (initial, last.as_str()) {
        (_, "ue") => "ve".to_owned(),
        ("zh" | "ch" | "sh" | "r", "i") => "ir".to_owned(),
        ("z" | "c" | "s", "i") => "iz".to_owned(),
        _ => last,
    };
    let mut out = Vec::with_capacity(2);
    if !initial.is_empty() {
        out.push(format!("{initial}-"));
    }
    out.push(format!("-{last}"));
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const PINYIN: &str = "b- p- m- f- d- t- n- l- g- k- h- j- q- x- zh- ch- sh- r- z- c- s- y- w- \
        -a -o -e -i -u -v -ai -ei -ui -ao -ou -iu -ie -ve -er -an -en -in -un -vn -ang -eng -ing -ong -ia -iao \
        -ian -iang -iong -ua -uo -uai -uan -uang -van -ir -iz -n";

    fn alphabet() -> Alphabet {
        let letters = ('a'..='z').map(|c| c.to_string());
        let list: Vec<String> = ["_".to_owned(), " ".to_owned()]
            .into_iter()
            .chain(letters)
            .chain(PINYIN.split(' ').map(str::to_owned))
            .collect();
        Alphabet::parse(&list.join("\n"), "test", "units").expect("a short list")
    }

    /// Units in which every English letter sounds like itself.
    pub(crate) fn small_alphabet() -> Units {
        let rules: String = ('a'..='z').map(|c| format!("[{c}]\t{c}\n")).collect();
        let lexicon =
            Lexicon::parse(&format!("[words]\nwell\tw e l\tw i l\n[rules]\n{rules}"), "test").expect("well formed");
        Units::new(&alphabet(), lexicon, "test").expect("no unit twice")
    }

    #[test]
    fn syllables_split_as_they_sound() {
        for (syllable, want) in [
            ("zhuang", "zh- -uang"),
            ("yuan", "y- -van"),
            ("ju", "j- -v"),
            ("lue", "l- -ve"),
            ("shi", "sh- -ir"),
            ("si", "s- -iz"),
            ("yi", "y- -i"),
            ("er", "-er"),
            ("ng", "n- -g"),
        ] {
            assert_eq!(split_syllable(syllable).join(" "), want, "{syllable}");
        }
    }

    #[test]
    fn every_syllable_splits_as_in_training() {
        let known = small_alphabet();
        let table = include_str!("../../tests/data/syllables.tsv");
        let mut count = 0;
        for (syllable, want) in table.lines().filter_map(|l| l.split_once('\t')) {
            let got = split_syllable(syllable);
            if got.iter().all(|u| known.ids.contains_key(u)) {
                assert_eq!(got.join(" "), want, "{syllable}");
                count += 1;
            }
        }
        assert!(count > 390, "only {count} syllables compared");
    }

    #[test]
    fn characters_and_words_keep_all_their_common_readings() {
        let units = small_alphabet();
        let readings: Vec<String> = units.character('调').iter().map(|s| alphabet().render(s)).collect();
        assert!(readings.contains(&"tiao".to_owned()) && readings.contains(&"diao".to_owned()), "{readings:?}");
        let said = units.spell("well打 on").expect("all can be said");
        assert_eq!(said.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(
            units.spell("/b-  -a o/"),
            Some(vec![vec![[units.character('八')[0].clone(), units.word("o")[0].clone()].concat()]])
        );
        assert!(units.spell("/b- nothing/").is_none() && units.spell("//").is_none());
        assert!(units.spell("on 🙂").is_none() && units.spell("Q").is_none() && units.spell("21").is_none());
    }

    #[test]
    fn a_path_is_read_as_words_and_syllables() {
        let (all, units) = (alphabet(), small_alphabet());
        let mut path = units.word("on");
        path.push(vec![1]);
        path.push(units.character('灯')[0].clone());
        path.push(units.character('门')[0].clone());
        assert_eq!(all.render(&path.concat()), "on deng men");
        assert!(all.is_mostly_mandarin(&path[2..].concat()) && !all.is_mostly_mandarin(&path[..2].concat()));
    }
}
