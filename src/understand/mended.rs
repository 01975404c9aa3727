//! Texts given back what was lost or misheard: names of things, and words that sentences know, by their letters.

use std::collections::BTreeMap;

use super::normalise::is_han;
use super::sound::{levenshtein, spelling};

/// Words shorter than this are too easily another word.
const WORD_LEN_MIN: usize = 5;
/// Largest part of a word's letters that may differ.
const DIFFERENCE_MAX: f32 = 0.25;

/// English words that sentences and names contain, each with its [`spelling`].
pub type Vocabulary = BTreeMap<Vec<char>, Vec<char>>;

/// Those words with their spellings.
pub fn vocabulary(words: impl Iterator<Item = Vec<char>>) -> Vocabulary {
    words.map(|word| (word.clone(), spelling(&word))).collect()
}

/// A name of a thing or a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// As it is written.
    pub letters: Vec<char>,
    /// The same in words.
    words: Vec<Vec<char>>,
}

impl Name {
    /// From what is written.
    pub fn new(letters: Vec<char>) -> Self {
        let words = letters.split(|c| *c == ' ').map(<[char]>::to_vec).collect();
        Self { letters, words }
    }
}

/// Sounds that people make between words; inside a name they part it.
const INTERJECTIONS: [char; 7] = ['呀', '哦', '啊', '嗯', '呃', '额', '哎'];

/// Gives names of things back the part that was lost or misheard: one of three or more Chinese characters, or one of
/// several English words, if that word is none that one would say of things that the house has not got. Also drops
/// interjections. Returns the new text and how many changes that took; `None` if none did.
pub fn restored(text: &[char], names: &[Name], known: &Vocabulary) -> Option<(Vec<char>, u32)> {
    let inner = |i: usize| i > 0 && is_han(text[i - 1]) && text.get(i + 1).copied().is_some_and(is_han);
    let kept = |i: &usize| !(INTERJECTIONS.contains(&text[*i]) && inner(*i));
    let out: Vec<char> = (0..text.len()).filter(kept).map(|i| text[i]).collect();
    let mut out = without_stray_articles(&out, names);
    let mut changes = u32::from(out.len() < text.len());
    let said: Vec<&[char]> = out.split(|c| *c == ' ').collect();
    for name in names {
        let found = if name.letters.iter().copied().all(is_han) {
            without_one(&out, &name.letters, names)
        } else {
            with_another_word(&said, name, known).or_else(|| without_a_word(&out, name, names))
        };
        if let Some((from, to)) = found {
            out.splice(from..to, name.letters.iter().copied());
            changes += 1;
            break;
        }
    }
    (changes > 0).then_some((out, changes))
}

/// Where `name` stands in `text` without one of its characters, and is not just another name.
fn without_one(text: &[char], name: &[char], names: &[Name]) -> Option<(usize, usize)> {
    let len = name.len().checked_sub(1).filter(|len| *len >= 2)?;
    if text.windows(name.len()).any(|w| w == name) {
        return None;
    }
    let lost = |w: &[char]| (0..name.len()).any(|i| w[..i] == name[..i] && w[i..] == name[i + 1..]);
    let is_name = |w: &[char]| names.iter().any(|n| w.starts_with(&n.letters) || n.letters.starts_with(w));
    let at = text.windows(len).position(|w| lost(w) && !is_name(w))?;
    Some((at, at + len))
}

/// Words before which no "the" stands, as they begin no name.
const NO_NAMES: [&str; 12] = ["the", "my", "a", "in", "on", "off", "to", "at", "of", "and", "it", "up"];

/// Without each "the" that begins the text, parts a name, or stands before nothing or what begins no name: all noise.
fn without_stray_articles(text: &[char], names: &[Name]) -> Vec<char> {
    let words: Vec<&[char]> = text.split(|c| *c == ' ').collect();
    let is = |word: &[char], other: &str| word.iter().copied().eq(other.chars());
    let parts = |name: &Name, two: [&[char]; 2]| name.words.windows(2).any(|w| w == two);
    let stray = |i: usize| {
        let (before, next) = (i.checked_sub(1).map(|b| words[b]), words.get(i + 1).copied());
        let no_name = |next: &[char]| NO_NAMES.iter().any(|other| is(next, other));
        let inside = |next| before.is_some_and(|before| names.iter().any(|name| parts(name, [before, next])));
        is(words[i], "the") && (i == 0 || next.is_none_or(|next| no_name(next) || inside(next)))
    };
    let kept: Vec<&[char]> = (0..words.len()).filter(|i| !stray(*i)).map(|i| words[i]).collect();
    kept.join(&' ')
}

/// Where `name` stands in `text` without its last word, if no other name holds what is left of it: "living" is the living
/// room, but a room may be any. Nor at the end of a text, which may be half a sentence.
fn without_a_word(text: &[char], name: &Name, names: &[Name]) -> Option<(usize, usize)> {
    let len = name.letters.iter().rposition(|c| *c == ' ')?;
    let (rest, kept) = (&name.letters[..len], &name.words[..name.words.len() - 1]);
    let is_end = |at: usize| text.get(at).is_none_or(|c| *c == ' ');
    let stands = |at: &usize| text[*at..].starts_with(rest) && is_end(at + len) && (*at == 0 || is_end(at - 1));
    let at = (0..text.len()).find(stands).filter(|at| !text[*at..].starts_with(&name.letters))?;
    let mut others = names.iter().filter(|other| *other != name);
    let left = |other: &Name| kept.iter().any(|word| other.words.contains(word));
    (at + len < text.len() && !others.any(left)).then_some((at, at + len))
}

/// Where `name` stands in the words `said` with one word that sounds a little like its own.
fn with_another_word(said: &[&[char]], name: &Name, known: &Vocabulary) -> Option<(usize, usize)> {
    let wanted = &name.words;
    if wanted.len() < 2 || said.windows(wanted.len()).any(|w| w == wanted) {
        return None;
    }
    // Half of the letters and the first sound of a short word, or at the end of the name a word that sentences hold
    // too: "kitchen right" is the kitchen light, the dining room is no living room.
    let alike = |a: &[char], b: &[char], last: bool| {
        let share = levenshtein(a, b) as f32 / a.len().max(b.len()).max(1) as f32;
        let garbled = a.first() == b.first() && !known.contains_key(a) && a.len() <= 4;
        (garbled && share <= 0.5) || (last && known.contains_key(a) && share <= 0.4)
    };
    let stands = |w: &[&[char]]| {
        let mut wrong = (0..w.len()).filter(|i| w[*i] != wanted[*i]);
        matches!((wrong.next(), wrong.next()), (Some(i), None) if alike(w[i], &wanted[i], i + 1 == w.len()))
    };
    let at = said.windows(wanted.len()).position(stands)?;
    let from: usize = said[..at].iter().map(|w| w.len() + 1).sum();
    let len: usize = said[at..at + wanted.len()].iter().map(|w| w.len() + 1).sum::<usize>() - 1;
    Some((from, from + len))
}

/// Replaces each word that is not in `known` by the one that is closest in letters, if one is close enough
/// and no other as close. Returns the new text and how many words were replaced; `None` if none was.
pub fn corrected(text: &[char], known: &Vocabulary) -> Option<(Vec<char>, u32)> {
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

fn closest<'a>(word: &[char], known: &'a Vocabulary) -> Option<&'a [char]> {
    if word.len() < WORD_LEN_MIN || !word.iter().all(char::is_ascii_lowercase) || known.contains_key(word) {
        return None;
    }
    let mut best: Option<(f32, &[char])> = None;
    let mut tied = false;
    let sound = spelling(word);
    for (other, spelt) in known.iter().filter(|(word, _)| word.len() >= WORD_LEN_MIN) {
        let difference = difference(word, other).min(difference(&sound, spelt));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(t: &str) -> Vec<char> {
        t.chars().collect()
    }

    #[test]
    fn names_get_back_what_they_lost() {
        let names: Vec<Name> =
            ["kitchen light", "kitchen", "living room", "front door", "咖啡机", "车库门", "车库", "厨房灯", "厨房"]
                .iter()
                .map(|w| Name::new(chars(w)))
                .collect();
        let known = vocabulary(["right", "the", "on", "dining"].iter().map(|w| chars(w)));
        let fix = |t: &str| restored(&chars(t), &names, &known).map(|(t, _)| t.into_iter().collect::<String>());
        for (said, want) in [
            ("turn the kitchen right on", Some("turn the kitchen light on")),
            ("关掉咖机", Some("关掉咖啡机")),
            ("关上库门", Some("关上车库门")),
            ("打开厨哦房灯", Some("打开厨房灯")),
            ("turn the living light on", Some("turn the living room light on")),
            ("lock the front", None),
            ("pull the the curtain the", Some("pull the curtain")),
            ("turn on the the fan", Some("turn on the fan")),
            ("light the living the room", Some("light the living room")),
            ("the dining room", Some("dining room")),
            ("the kitchen fan", Some("kitchen fan")),
            ("turn on the light", None),
            ("打开车库", None),
            ("打开厨房", None),
            ("打开餐厅灯", None),
        ] {
            assert_eq!(fix(said).as_deref(), want, "{said}");
        }
    }

    #[test]
    fn only_close_words_are_corrected() {
        let words = ["kitchen", "curtain", "curtains", "light", "bedroom", "ceiling"];
        let known = vocabulary(words.iter().map(|w| chars(w)));
        let fix = |t: &str| corrected(&chars(t), &known).map(|(t, n)| (t.into_iter().collect::<String>(), n));
        assert_eq!(fix("the kitchin cealing"), Some(("the kitchen ceiling".to_owned(), 2)));
        assert_eq!(fix("the sealing light"), Some(("the ceiling light".to_owned(), 1)));
        assert_eq!(fix("the curtins"), Some(("the curtains".to_owned(), 1)));
        for other in ["turn on the night", "bathroom", "wine cellar", "chicken", "the kitchen light"] {
            assert_eq!(fix(other), None, "{other}");
        }
    }
}
