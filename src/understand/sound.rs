//! What sounds alike: Chinese characters by pinyin without tones, English words by their letters.
//!
//! The only text file that knows the pinyin crate. Used only where nothing matches as it was written.

use std::collections::BTreeSet;

use pinyin::ToPinyinMulti;

use super::normalise::is_han;

/// Words shorter than this are too easily another word.
const WORD_LEN_MIN: usize = 5;
/// Largest part of a word's letters that may differ.
const DIFFERENCE_MAX: f32 = 0.25;

/// Readings of one character that count at most: the rarer ones are archaic.
const READINGS_MAX: usize = 3;

/// Whether two characters are the same or have a reading in common, tones aside.
pub fn same(a: char, b: char) -> bool {
    a == b || (is_han(a) && is_han(b) && readings(a).any(|p| readings(b).any(|q| p == q)))
}

/// Pinyin of a Chinese character without tones, commonest reading first; nothing for other characters.
fn readings(c: char) -> impl Iterator<Item = &'static str> {
    c.to_pinyin_multi().into_iter().flatten().take(READINGS_MAX).map(pinyin::Pinyin::plain)
}

/// Replaces each word that is not in `known` by the one that is closest in letters, if one is close enough
/// and no other as close. Returns the new text and how many words were replaced; `None` if none was.
pub fn corrected(text: &[char], known: &BTreeSet<Vec<char>>) -> Option<(Vec<char>, u32)> {
    let mut out: Vec<char> = Vec::with_capacity(text.len());
    let mut replaced = 0;
    for (i, word) in text.split(|c| *c == ' ').enumerate() {
        if i > 0 {
            out.push(' ');
        }
        match closest(word, known) {
            Some(better) => {
                replaced += 1;
                out.extend_from_slice(better);
            }
            None => out.extend_from_slice(word),
        }
    }
    (replaced > 0).then_some((out, replaced))
}

fn closest<'a>(word: &[char], known: &'a BTreeSet<Vec<char>>) -> Option<&'a [char]> {
    if word.len() < WORD_LEN_MIN || !word.iter().all(char::is_ascii_lowercase) || known.contains(word) {
        return None;
    }
    let mut best: Option<(f32, &[char])> = None;
    let mut tied = false;
    let sound = spelling(word);
    for other in known.iter().filter(|o| o.len() >= WORD_LEN_MIN) {
        let difference = difference(word, other).min(difference(&sound, &spelling(other)));
        if difference > DIFFERENCE_MAX {
            continue;
        }
        match best {
            Some((least, _)) if difference > least => {}
            Some((least, _)) if difference == least => tied = true,
            _ => {
                best = Some((difference, other));
                tied = false;
            }
        }
    }
    best.filter(|_| !tied).map(|(_, other)| other)
}

/// Which part of the longer one's letters differs; everything where they begin differently, for the first
/// sound is rarely misheard and "night" must not become "light".
fn difference(a: &[char], b: &[char]) -> f32 {
    let longer = a.len().max(b.len());
    if a.first() != b.first() || (a.len().abs_diff(b.len())) as f32 > DIFFERENCE_MAX * longer as f32 {
        return 1.0;
    }
    levenshtein(a, b) as f32 / longer as f32
}

/// Spellings of the same sound in English, longer ones first.
const SAME_SOUND: [(&str, &str); 15] = [
    ("igh", "i"),
    ("ea", "i"),
    ("ee", "i"),
    ("ei", "i"),
    ("ie", "i"),
    ("ai", "a"),
    ("oo", "u"),
    ("ou", "u"),
    ("ph", "f"),
    ("ck", "k"),
    ("ce", "s"),
    ("ci", "s"),
    ("kn", "n"),
    ("c", "k"),
    ("y", "i"),
];

/// A word by its sound: rules above, double letters once.
fn spelling(word: &[char]) -> Vec<char> {
    let word: String = word.iter().collect();
    let mut out = String::new();
    let mut rest = word.as_str();
    while let Some(first) = rest.chars().next() {
        let rule = SAME_SOUND.iter().find(|(from, _)| rest.starts_with(from));
        // Of "ce" only the consonant is taken: its vowel may belong to the next rule ("cei").
        let (taken, sound) = match rule {
            Some((from @ ("ce" | "ci"), _)) => (from.len() - 1, "s"),
            Some((from, to)) => (from.len(), *to),
            None => (first.len_utf8(), &rest[..first.len_utf8()]),
        };
        if !out.ends_with(sound) {
            out.push_str(sound);
        }
        rest = &rest[taken..];
    }
    out.chars().collect()
}

/// Letters, or sounds, to insert, delete or replace to make `a` into `b` (Levenshtein 1965).
pub fn levenshtein<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(ca != cb)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(t: &str) -> Vec<char> {
        t.chars().collect()
    }

    #[test]
    fn tones_do_not_count() {
        assert!(same('灯', '登') && same('吊', '掉') && same('a', 'a'));
        assert!(!same('灯', '门') && !same('灯', 'd') && !same('a', 'b'));
    }

    #[test]
    fn only_close_words_are_corrected() {
        let known: BTreeSet<Vec<char>> =
            ["kitchen", "curtain", "curtains", "light", "bedroom", "ceiling"].iter().map(|w| chars(w)).collect();
        let fix = |t: &str| corrected(&chars(t), &known).map(|(t, n)| (t.into_iter().collect::<String>(), n));
        assert_eq!(fix("the kitchin cealing"), Some(("the kitchen ceiling".to_owned(), 2)));
        assert_eq!(fix("the sealing light"), Some(("the ceiling light".to_owned(), 1)));
        assert_eq!(fix("the curtins"), Some(("the curtains".to_owned(), 1)));
        for other in ["turn on the night", "bathroom", "wine cellar", "chicken", "the kitchen light"] {
            assert_eq!(fix(other), None, "{other}");
        }
    }
}
