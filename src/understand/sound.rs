//! What sounds alike: Chinese characters by pinyin without tones, English words by their letters.
//!
//! The only text file that knows the pinyin crate. What it finds counts only where nothing matches as it was written.

use std::collections::HashMap;
use std::sync::LazyLock;

use pinyin::ToPinyinMulti;

use super::normalise::is_han;

/// Readings of one character that count at most: the rarer ones are archaic.
const READINGS_MAX: usize = 3;

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

/// Numbers that two characters share if they sound alike: of their readings, without what is often confused.
pub fn sounds(c: char) -> impl Iterator<Item = u16> {
    readings(c).into_iter().map(|reading| reading.blurred).filter(|blurred| *blurred != 0)
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
}
