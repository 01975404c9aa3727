//! Acoustic units: how a word sounds in the alphabet of the CTC model. English is spelled with letters,
//! Mandarin with toneless pinyin split into initial and final, so any name can be spelled without a lexicon.
//! `training/units.py` splits by the same rules; tests/data/syllables.tsv is its output, and a test here compares.

use std::collections::HashMap;

use pinyin::ToPinyinMulti;

use crate::facts::error::Fault;

/// Index of a unit in the model's output; 0 is CTC's blank.
pub type Unit = u8;

/// CTC's blank.
pub const BLANK: Unit = 0;

/// Readings of one character that are tried at most: the rarer ones are archaic.
const READINGS_MAX: usize = 3;

/// The alphabet of a model, read from its metadata.
#[derive(Debug, Clone)]
pub struct Units {
    names: Vec<String>,
    ids: HashMap<String, Unit>,
}

impl Units {
    /// From the model's list, one name a line: blank first, a space, `a`..`z`, `'`, initials `zh-`, finals `-ang`.
    ///
    /// # Errors
    /// More than 255 units, or the space missing.
    pub fn parse(list: &str, model: &str) -> Result<Self, Fault> {
        let names: Vec<String> = list.split('\n').map(str::to_owned).collect();
        let wrong =
            |what: &str| Fault::new(model, "metadata `units`", what, "use a model written by training/export_stt.py");
        if names.len() > 255 {
            return Err(wrong("more than 255 units"));
        }
        let ids: HashMap<String, Unit> = names.iter().enumerate().map(|(i, n)| (n.clone(), i as Unit)).collect();
        if ids.len() != names.len() || !ids.contains_key(" ") {
            return Err(wrong("the list repeats a unit or lacks the space"));
        }
        Ok(Self { names, ids })
    }

    /// How many units there are, the blank included.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The unit between two English words.
    pub fn space(&self) -> Unit {
        self.ids.get(" ").copied().unwrap_or(BLANK)
    }

    /// Every way to spell one character; empty where it makes no sound that the model knows.
    pub fn spellings(&self, c: char) -> Vec<Vec<Unit>> {
        if let Some(&id) = self.ids.get(c.to_string().as_str())
            && (c.is_ascii_lowercase() || c == '\'')
        {
            return vec![vec![id]];
        }
        let mut out: Vec<Vec<Unit>> = Vec::new();
        if let Some(readings) = c.to_pinyin_multi() {
            for reading in readings.into_iter().take(READINGS_MAX) {
                let units: Option<Vec<Unit>> = split_syllable(&reading.plain().replace('ü', "v"))
                    .iter()
                    .map(|u| self.ids.get(u).copied())
                    .collect();
                if let Some(units) = units
                    && !units.is_empty()
                    && !out.contains(&units)
                {
                    out.push(units);
                }
            }
        }
        out
    }

    /// What a greedy path sounds like, for sentences outside the grammar: English words as heard, Mandarin
    /// as pinyin syllables with a space between.
    pub fn render(&self, path: &[Unit]) -> String {
        let mut text = String::new();
        for &u in path {
            let name = self.names.get(usize::from(u)).map_or("", String::as_str);
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

    /// Whether `path` has more Mandarin units than letters.
    pub fn is_mostly_mandarin(&self, path: &[Unit]) -> bool {
        let han = path.iter().filter(|&&u| self.names.get(usize::from(u)).is_some_and(|n| n.len() > 1)).count();
        han * 2 > path.len()
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

    pub(crate) fn small_alphabet() -> Units {
        let mut list = vec!["_".to_owned(), " ".to_owned()];
        list.extend(('a'..='z').map(|c| c.to_string()));
        list.push("'".to_owned());
        list.extend("b p m f d t n l g k h j q x zh ch sh r z c s y w".split(' ').map(|i| format!("{i}-")));
        list.extend(
            "a o e i u v ai ei ui ao ou iu ie ve er an en in un vn ang eng ing ong ia iao ian iang iong ua uo uai uan uang van ir iz n"
                .split(' ')
                .map(|f| format!("-{f}")),
        );
        Units::parse(&list.join("\n"), "test").expect("a valid list")
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
    fn characters_keep_all_their_common_readings() {
        let units = small_alphabet();
        let readings: Vec<String> = units.spellings('调').iter().map(|s| units.render(s)).collect();
        assert!(readings.contains(&"tiao".to_owned()) && readings.contains(&"diao".to_owned()), "{readings:?}");
        assert!(units.spellings('🙂').is_empty());
        assert!(units.spellings('Q').is_empty(), "texts are normalised to lower case before");
    }
}
