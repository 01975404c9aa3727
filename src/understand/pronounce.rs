//! How English words sound: a dictionary of the common ones, letter-to-sound rules for all others.
//!
//! Both are in models/english.lexicon, written by training/lexicon.py, which says how the rules are learnt.
//! A rule gives the phones of one letter among its neighbours; the widest neighbourhood that has one wins.

use std::collections::HashMap;

use crate::facts::error::Fault;

/// CMUdict's common words and the rules learnt from it (models/english.lexicon.md).
pub const EMBEDDED_LEXICON: &str = include_str!("../../models/english.lexicon");

/// Letters before and after that a rule may look at, widest first.
const NEIGHBOURHOODS: [(usize, usize); 11] =
    [(3, 3), (2, 3), (1, 3), (2, 2), (2, 1), (1, 2), (0, 2), (1, 1), (1, 0), (0, 1), (0, 0)];

/// Pronunciations in ARPAbet without stress.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    words: HashMap<String, Vec<Vec<String>>>,
    /// By `before[letter]after`; `^` and `$` stand for the word's ends.
    rules: HashMap<String, Vec<String>>,
}

impl Lexicon {
    /// Reads `word TAB phones TAB other phones` lines after `[words]`, `before[letter]after TAB phones` after
    /// `[rules]`; phones are separated by spaces, lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// A line that is neither, with its number.
    pub fn parse(text: &str, file: &str) -> Result<Self, Fault> {
        let mut out = Self::default();
        let mut in_rules = None;
        for (number, line) in text.lines().enumerate().filter(|(_, l)| !l.is_empty() && !l.starts_with('#')) {
            match (line, in_rules, line.split_once('\t')) {
                ("[words]", ..) => in_rules = Some(false),
                ("[rules]", ..) => in_rules = Some(true),
                (_, Some(false), Some((word, readings))) => {
                    out.words.insert(word.to_owned(), readings.split('\t').map(phones).collect());
                }
                (_, Some(true), Some((key, reading))) => {
                    out.rules.insert(key.to_owned(), phones(reading));
                }
                _ => {
                    return Err(Fault::new(
                        file,
                        format!("line {}", number + 1),
                        "it is no word or rule with its phones",
                        "use a lexicon written by training/lexicon.py",
                    ));
                }
            }
        }
        Ok(out)
    }

    /// How `word` (lower-case letters and apostrophes) may be said, the commonest way first; empty where it
    /// has no sound. Abbreviations without a vowel are spelled letter by letter.
    pub fn readings(&self, word: &str) -> Vec<Vec<String>> {
        if let Some(known) = self.words.get(word) {
            return known.clone();
        }
        let abbreviation = word.len() > 1 && !word.contains(['a', 'e', 'i', 'o', 'u', 'y']);
        let sound: Vec<String> = if abbreviation {
            // A letter's name is its last reading: "a" is the article first.
            word.chars().filter_map(|c| self.words.get(&c.to_string())?.last()).flatten().cloned().collect()
        } else {
            let padded: Vec<char> = "^^^".chars().chain(word.chars()).chain("$$$".chars()).collect();
            (3..padded.len().saturating_sub(3)).flat_map(|i| self.letter(&padded, i)).cloned().collect()
        };
        if sound.is_empty() { Vec::new() } else { vec![sound] }
    }

    fn letter(&self, padded: &[char], i: usize) -> &[String] {
        let mut key = String::new();
        for (before, after) in NEIGHBOURHOODS {
            key.clear();
            key.extend(&padded[i - before..i]);
            key.push('[');
            key.push(padded[i]);
            key.push(']');
            key.extend(&padded[i + 1..=i + after]);
            if let Some(phones) = self.rules.get(&key) {
                return phones;
            }
        }
        &[]
    }
}

fn phones(text: &str) -> Vec<String> {
    text.split(' ').filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(word: &str) -> Vec<String> {
        let lexicon = Lexicon::parse(EMBEDDED_LEXICON, "english.lexicon").expect("it is well formed");
        lexicon.readings(word).iter().map(|r| r.join(" ")).collect()
    }

    #[test]
    fn common_words_are_said_as_the_dictionary_says() {
        assert_eq!(said("light"), ["L AY T"]);
        assert_eq!(said("the"), ["DH AH", "DH IY"]);
        assert!(said("tv").contains(&"T IY V IY".to_owned()));
    }

    #[test]
    fn unknown_words_follow_the_rules_and_abbreviations_their_letters() {
        assert_eq!(said("snaplight"), ["S N AE P L AY T"]);
        assert_eq!(said("zigbee"), ["Z IH G B IY"]);
        assert_eq!(said("wlk"), ["D AH B AH L Y UW EH L K EY"]);
        assert!(said("").is_empty() && said("灯").is_empty());
    }

    #[test]
    fn a_broken_line_is_named() {
        let fault = Lexicon::parse("[words]\nlight\tL AY T\nlamp L AE M P\n", "x.lexicon").expect_err("no tab");
        assert!(fault.to_string().contains("x.lexicon") && fault.to_string().contains("line 3"), "{fault}");
        assert!(Lexicon::parse("light\tL AY T\n", "x").is_err(), "a line before the first heading");
    }
}
