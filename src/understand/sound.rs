//! What sounds alike: Chinese characters by pinyin without tones, English words by their letters.
//!
//! The only text file that knows the pinyin crate. Used only where nothing matches as it was written.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use pinyin::ToPinyinMulti;

use super::normalise::is_han;

/// Words shorter than this are too easily another word.
const WORD_LEN_MIN: usize = 5;
/// Largest part of a word's letters that may differ.
const DIFFERENCE_MAX: f32 = 0.25;

/// Readings of one character that count at most: the rarer ones are archaic.
const READINGS_MAX: usize = 3;

/// English words that sentences and names contain, each with its [`spelling`].
pub type Vocabulary = BTreeMap<Vec<char>, Vec<char>>;

/// Those words with their spellings.
pub fn vocabulary(words: impl Iterator<Item = Vec<char>>) -> Vocabulary {
    words.map(|word| (word.clone(), spelling(&word))).collect()
}

/// How unlike two characters sound: 0 the same character, 1 a reading in common, tones aside, 2 readings that are often
/// confused (zh and z, n and l, -ng and -n); `None`: they do not sound alike.
pub fn unlikeness(a: char, b: char) -> Option<u32> {
    if a == b {
        return Some(0);
    }
    if !is_han(a) || !is_han(b) {
        return None;
    }
    let (a, b) = (readings(a), readings(b));
    let shared =
        |same: &dyn Fn(&Reading, &Reading) -> bool| a.iter().any(|p| p.syllable != 0 && b.iter().any(|q| same(p, q)));
    if shared(&|p, q| p.syllable == q.syllable) { Some(1) } else { shared(&|p, q| p.blurred == q.blurred).then_some(2) }
}

/// A reading of a character, as numbers from 1; 0 where there is none.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    syllable: u16,
    /// What is left of it when sounds that are often confused count as the same.
    blurred: u16,
}

/// First and last character of the block that nearly all text is written with.
const COMMON_HAN: (u32, u32) = (0x4e00, 0x9fff);

/// Readings of the common block's characters. Looked up once, because every character of a text is compared with many.
static READINGS: LazyLock<Vec<[Reading; READINGS_MAX]>> = LazyLock::new(|| {
    let mut numbers: HashMap<String, u16> = HashMap::new();
    let mut number = |text: String| {
        let next = numbers.len() as u16 + 1;
        *numbers.entry(text).or_insert(next)
    };
    let block = (COMMON_HAN.0..=COMMON_HAN.1).filter_map(char::from_u32);
    let mut of = |c: char| {
        let mut readings = [Reading::default(); READINGS_MAX];
        let syllables = c.to_pinyin_multi().into_iter().flatten().map(pinyin::Pinyin::plain);
        for (reading, syllable) in readings.iter_mut().zip(syllables) {
            // The tilde keeps blurred forms apart from whole syllables.
            *reading =
                Reading { syllable: number(syllable.to_owned()), blurred: number(format!("~{}", blurred(syllable))) };
        }
        readings
    };
    block.map(&mut of).collect()
});

/// The commonest pinyin of a Chinese character without its tone, and that without the differences that are often missed;
/// `None` where it has none.
pub fn syllables(c: char) -> Option<(&'static str, String)> {
    let plain = c.to_pinyin_multi()?.into_iter().next()?.plain();
    Some((plain, blurred(plain)))
}

/// How unlike `said` is to the name `wanted`, 0 (the same sound) to 1; `None` if it is another name. One word, or one of
/// three or more Chinese characters, may have been lost, a short word may have come in, and words may sound alike.
pub fn distance(said: &[char], wanted: &[char]) -> Option<f32> {
    if wanted.iter().copied().all(is_han) {
        return han_distance(said, wanted);
    }
    let (heard, words): (Vec<&[char]>, Vec<&[char]>) =
        (said.split(|c| *c == ' ').collect(), wanted.split(|c| *c == ' ').collect());
    match words.len() as isize - heard.len() as isize {
        0 => {
            let each: Option<Vec<f32>> = heard.iter().zip(&words).map(|(a, b)| word_distance(a, b)).collect();
            each.map(|d| d.iter().sum::<f32>() / d.len() as f32)
        }
        1 if heard != [&[] as &[char]] => (0..words.len()).any(|i| without(&words, i) == heard).then_some(LOST),
        -1 => {
            let short = |i: &usize| heard[*i].len() <= STRAY_LEN_MAX;
            (0..heard.len()).filter(short).any(|i| without(&heard, i) == words).then_some(LOST)
        }
        _ => None,
    }
}

/// How unlike a name is that a word was lost from, or came into.
const LOST: f32 = 0.2;
/// Longest word that comes in.
const STRAY_LEN_MAX: usize = 3;
/// Largest part of a name's word that may differ.
const NAME_DIFFERENCE_MAX: f32 = 0.4;

fn without<'a>(words: &[&'a [char]], i: usize) -> Vec<&'a [char]> {
    [&words[..i], &words[i + 1..]].concat()
}

fn word_distance(a: &[char], b: &[char]) -> Option<f32> {
    if a == b {
        return Some(0.0);
    }
    let (spelt_a, spelt_b) = (spelling(a), spelling(b));
    if spelt_a.first() != spelt_b.first() {
        return None;
    }
    let share = |a: &[char], b: &[char]| levenshtein(a, b) as f32 / a.len().max(b.len()).max(1) as f32;
    Some(share(a, b).min(share(&spelt_a, &spelt_b))).filter(|d| *d <= NAME_DIFFERENCE_MAX)
}

fn han_distance(said: &[char], wanted: &[char]) -> Option<f32> {
    if said.len() == wanted.len() {
        let each: Option<Vec<u32>> = said.iter().zip(wanted).map(|(a, b)| unlikeness(*a, *b)).collect();
        let sum: u32 = each?.iter().sum();
        return Some(LOST * sum as f32 / wanted.len() as f32);
    }
    let lost = |i: usize| said[..i] == wanted[..i] && said[i..] == wanted[i + 1..];
    (wanted.len() >= 3 && said.len() + 1 == wanted.len() && (0..wanted.len()).any(lost)).then_some(LOST)
}

/// A syllable without the differences that recognisers, and speakers from the south, miss.
fn blurred(syllable: &str) -> String {
    let syllable = syllable.strip_suffix('g').unwrap_or(syllable);
    match syllable.as_bytes() {
        [b'z' | b'c' | b's', b'h', ..] => format!("{}{}", &syllable[..1], &syllable[2..]),
        [b'n', _, ..] => format!("l{}", &syllable[1..]),
        _ => syllable.to_owned(),
    }
}

/// Pinyin of a Chinese character, commonest reading first; nothing for other characters.
fn readings(c: char) -> [Reading; READINGS_MAX] {
    (c as u32).checked_sub(COMMON_HAN.0).and_then(|i| READINGS.get(i as usize).copied()).unwrap_or_default()
}

/// Sounds that people make between words; inside a name they part it.
const INTERJECTIONS: [char; 7] = ['呀', '哦', '啊', '嗯', '呃', '额', '哎'];

/// Gives names of things back the part that was lost or misheard: one of three or more Chinese characters, or one of
/// several English words, if that word is none that one would say of things that the house has not got. Also drops
/// interjections. Returns the new text and how many changes that took; `None` if none did.
pub fn restored(text: &[char], names: &[Vec<char>], known: &Vocabulary) -> Option<(Vec<char>, u32)> {
    let inner = |i: usize| i > 0 && is_han(text[i - 1]) && text.get(i + 1).copied().is_some_and(is_han);
    let kept = |i: &usize| !(INTERJECTIONS.contains(&text[*i]) && inner(*i));
    let out: Vec<char> = (0..text.len()).filter(kept).map(|i| text[i]).collect();
    let mut out = without_stray_articles(&out, names);
    let mut changes = u32::from(out.len() < text.len());
    for name in names {
        let found = if name.iter().copied().all(is_han) {
            without_one(&out, name, names)
        } else {
            with_another_word(&out, name, known).or_else(|| without_a_word(&out, name, names))
        };
        if let Some((from, to)) = found {
            out.splice(from..to, name.iter().copied());
            changes += 1;
            break;
        }
    }
    (changes > 0).then_some((out, changes))
}

/// Where `name` stands in `text` without one of its characters, and is not just another name.
fn without_one(text: &[char], name: &[char], names: &[Vec<char>]) -> Option<(usize, usize)> {
    let len = name.len().checked_sub(1).filter(|len| *len >= 2)?;
    if text.windows(name.len()).any(|w| w == name) {
        return None;
    }
    let lost = |w: &[char]| (0..name.len()).any(|i| w[..i] == name[..i] && w[i..] == name[i + 1..]);
    let is_name = |w: &[char]| names.iter().any(|n| w.starts_with(n) || n == w || n.starts_with(w));
    let at = text.windows(len).position(|w| lost(w) && !is_name(w))?;
    Some((at, at + len))
}

/// Words before which no "the" stands, as they begin no name.
const NO_NAMES: [&str; 12] = ["the", "my", "a", "in", "on", "off", "to", "at", "of", "and", "it", "up"];

/// Without each "the" that begins the text, parts a name, or stands before nothing or what begins no name: all noise.
fn without_stray_articles(text: &[char], names: &[Vec<char>]) -> Vec<char> {
    let words: Vec<&[char]> = text.split(|c| *c == ' ').collect();
    let is = |word: &[char], other: &str| word.iter().copied().eq(other.chars());
    let parts =
        |name: &[char], two: [&[char]; 2]| name.split(|c| *c == ' ').collect::<Vec<_>>().windows(2).any(|w| w == two);
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
fn without_a_word(text: &[char], name: &[char], names: &[Vec<char>]) -> Option<(usize, usize)> {
    let len = name.iter().rposition(|c| *c == ' ')?;
    let rest = &name[..len];
    let is_end = |at: usize| text.get(at).is_none_or(|c| *c == ' ');
    let stands = |at: &usize| text[*at..].starts_with(rest) && is_end(at + len) && (*at == 0 || is_end(at - 1));
    let at = (0..text.len()).find(stands).filter(|at| !text[*at..].starts_with(name))?;
    let mut others = names.iter().filter(|other| *other != name);
    let left = |other: &Vec<char>| rest.split(|c| *c == ' ').any(|word| other.split(|c| *c == ' ').any(|w| w == word));
    (at + len < text.len() && !others.any(left)).then_some((at, at + len))
}

/// Where `name` stands in `text` with one word that sounds a little like its own.
fn with_another_word(text: &[char], name: &[char], known: &Vocabulary) -> Option<(usize, usize)> {
    let wanted: Vec<&[char]> = name.split(|c| *c == ' ').collect();
    let said: Vec<&[char]> = text.split(|c| *c == ' ').collect();
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
        matches!((wrong.next(), wrong.next()), (Some(i), None) if alike(w[i], wanted[i], i + 1 == w.len()))
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
pub fn spelling(word: &[char]) -> Vec<char> {
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
        for (a, b, want) in [
            ('a', 'a', Some(0)),
            ('灯', '登', Some(1)),
            ('吊', '掉', Some(1)),
            ('农', '隆', Some(2)),
            ('山', '三', Some(2)),
            ('灯', '门', None),
            ('灯', 'd', None),
            ('a', 'b', None),
        ] {
            assert_eq!(unlikeness(a, b), want, "{a} {b}");
        }
    }

    #[test]
    fn names_get_back_what_they_lost() {
        let names: Vec<Vec<char>> =
            ["kitchen light", "kitchen", "living room", "front door", "咖啡机", "车库门", "车库", "厨房灯", "厨房"]
                .iter()
                .map(|w| chars(w))
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
    fn how_unlike_a_name_is() {
        for (said, wanted, want) in [
            ("ceiling light", "ceiling light", Some(0.0)),
            ("sealing light", "ceiling light", Some(0.0)),
            ("kitchin lite", "kitchen light", Some(LOST)),
            ("coffee", "coffee machine", Some(LOST)),
            ("the front door", "front door", Some(LOST)),
            ("front the door", "front door", Some(LOST)),
            ("reading light", "ceiling light", None),
            ("dining room", "living room", None),
            ("wine cellar", "kitchen", None),
            ("attic kitchen light", "kitchen light", None),
            ("吊登", "吊灯", Some(LOST / 2.0)),
            ("咖机", "咖啡机", Some(LOST)),
            ("台灯", "吊灯", None),
            ("灯", "吊灯", None),
        ] {
            let got = distance(&chars(said), &chars(wanted));
            let near = |a: f32, b: f32| (a - b).abs() < 0.15;
            assert!(
                got.is_some() == want.is_some() && near(got.unwrap_or(0.0), want.unwrap_or(0.0)),
                "{said}: {got:?}"
            );
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
