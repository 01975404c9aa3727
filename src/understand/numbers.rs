//! Numbers as people say and write them, both ways: `21.5`, "twenty one and a half", 二十一点五.
//!
//! English and Chinese numbers are read in either language's sentences, because speakers mix them. The
//! range is 0..=9999 in words; digits may be larger.

use super::normalise::is_boundary;

/// Longest number in words that is tried, in words ("nine hundred and ninety nine point nine five").
const WORDS_MAX: usize = 8;
/// Longest Chinese number that is tried, in characters (负九百九十九点九九).
const HAN_MAX: usize = 10;
/// Digits beyond this are no number that anybody says.
const DIGITS_MAX: usize = 9;

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const HAN: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

/// Every number that begins at `from`, with the position after it; several where a number can go on
/// ("twenty", "twenty one").
pub fn at(text: &[char], from: usize) -> Vec<(usize, f64)> {
    if from >= text.len() || !is_boundary(text, from) {
        return Vec::new();
    }
    let mut found = digits(text, from);
    if found.is_empty() {
        found = han(text, from);
    }
    if found.is_empty() {
        found = words(text, from);
    }
    found
}

fn digits(text: &[char], from: usize) -> Vec<(usize, f64)> {
    let mut end = from + usize::from(text[from] == '-');
    let whole = end;
    while end < text.len() && (text[end].is_ascii_digit() || (text[end] == '.' && end > whole)) {
        end += 1;
    }
    if end == whole || end - whole > DIGITS_MAX {
        return Vec::new();
    }
    let written: String = text[from..end].iter().collect();
    let Ok(value) = written.parse::<f64>() else { return Vec::new() };
    let mut found = vec![(end, value)];
    found.extend(half_after(text, end, value));
    found
}

/// "21 and a half", "21度半".
fn half_after(text: &[char], end: usize, value: f64) -> Option<(usize, f64)> {
    for tail in [" and a half", "度半", "半"] {
        let stop = end + tail.chars().count();
        if stop <= text.len() && text[end..stop].iter().copied().eq(tail.chars()) && is_boundary(text, stop) {
            return Some((stop, value + 0.5));
        }
    }
    None
}

fn words(text: &[char], from: usize) -> Vec<(usize, f64)> {
    let mut found = Vec::new();
    let (mut said, mut at): (Vec<String>, usize) = (Vec::new(), from);
    while at < text.len() && said.len() < WORDS_MAX {
        let mut end = at;
        while end < text.len() && !(end > at && is_boundary(text, end)) {
            end += 1;
        }
        said.push(text[at..end].iter().collect());
        let words: Vec<&str> = said.iter().map(String::as_str).collect();
        match english(&words) {
            Some(value) => found.push((end, value)),
            // "a" and "minus" are no numbers, but can begin one.
            None if said.len() == 1 && !matches!(words[0], "a" | "minus" | "negative") => break,
            None => {}
        }
        at = if text.get(end) == Some(&' ') { end + 1 } else { end };
    }
    found
}

/// The number that these words are, all of them.
pub fn english(words: &[&str]) -> Option<f64> {
    match words {
        [] => None,
        ["minus" | "negative", rest @ ..] => english(rest).filter(|n| *n > 0.0).map(|n| -n),
        [whole @ .., "and", "a", "half"] => Some(english_whole(whole)? + 0.5),
        _ => match words.iter().position(|w| *w == "point") {
            None => english_whole(words),
            Some(i) => {
                let mut value = english_whole(&words[..i])?;
                if words[i + 1..].is_empty() {
                    return None;
                }
                for (k, w) in words[i + 1..].iter().enumerate() {
                    let digit = SMALL[..10].iter().position(|s| s == w)?;
                    value += digit as f64 * 0.1f64.powi(k as i32 + 1);
                }
                Some((value * 1000.0).round() / 1000.0)
            }
        },
    }
}

fn english_whole(words: &[&str]) -> Option<f64> {
    if let Some(i) = words.iter().position(|w| *w == "thousand") {
        let thousands = if words[..i] == ["a"] { 1.0 } else { below_hundred(&words[..i]).filter(|n| *n >= 1.0)? };
        let rest = words[i + 1..].strip_prefix(&["and"]).unwrap_or(&words[i + 1..]);
        let rest = if rest.is_empty() { 0.0 } else { english_whole(rest).filter(|n| *n < 1000.0)? };
        return Some(1000.0 * thousands + rest);
    }
    match words {
        // "twenty seven hundred" (kelvins)
        [tens, unit, "hundred"] if *tens != "a" => Some(100.0 * below_hundred(&[tens, unit])?),
        ["a", "hundred"] => Some(100.0),
        [h, "hundred"] => Some(100.0 * below_hundred(&[h]).filter(|n| (1.0..20.0).contains(n) && *n != 10.0)?),
        ["a", "hundred", "and", rest @ ..] | ["a", "hundred", rest @ ..] => Some(100.0 + below_hundred(rest)?),
        [h, "hundred", "and", rest @ ..] | [h, "hundred", rest @ ..] => {
            Some(english_whole(&[h, "hundred"])? + below_hundred(rest)?)
        }
        _ => below_hundred(words),
    }
}

fn below_hundred(words: &[&str]) -> Option<f64> {
    match words {
        [w] => SMALL
            .iter()
            .position(|s| s == w)
            .or_else(|| TENS.iter().position(|t| !t.is_empty() && t == w).map(|t| t * 10))
            .map(|n| n as f64),
        [t, u] => {
            let tens = TENS.iter().position(|x| !x.is_empty() && x == t)?;
            let unit = SMALL[1..10].iter().position(|s| s == u)? + 1;
            Some((tens * 10 + unit) as f64)
        }
        _ => None,
    }
}

fn han(text: &[char], from: usize) -> Vec<(usize, f64)> {
    let mut found = Vec::new();
    for end in from + 1..=(from + HAN_MAX).min(text.len()) {
        if !matches!(text[end - 1], '负' | '点' | '千' | '百' | '十' | '两') && !HAN.contains(&text[end - 1]) {
            break;
        }
        // 关一下 and 一会儿 count nothing.
        let is_other_word = text[from..end] == ['一'] && text.get(end).is_some_and(|c| "下些会直起样切定".contains(*c));
        if let Some(value) = chinese(&text[from..end]).filter(|_| !is_other_word) {
            found.push((end, value));
            found.extend(half_after(text, end, value));
        }
    }
    found
}

/// The number that these characters are, all of them: 二十一, 一百零五, 一百二 (120), 二点五, 负五.
pub fn chinese(text: &[char]) -> Option<f64> {
    if let Some(i) = text.iter().position(|c| *c == '千') {
        let thousands = match text[..i] {
            ['两'] => 2.0,
            [c] => nonzero(c)?,
            _ => return None,
        };
        // 三千五 is 3500.
        let rest = match text[i + 1..] {
            [] => 0.0,
            [c] => 100.0 * nonzero(c)?,
            ['零', ref rest @ ..] => chinese_whole(rest).filter(|n| *n < 100.0)?,
            ref rest => chinese_whole(rest).filter(|n| *n >= 100.0)?,
        };
        return Some(1000.0 * thousands + rest);
    }
    if let ['负', rest @ ..] = text {
        return chinese(rest).filter(|n| *n > 0.0).map(|n| -n);
    }
    let (whole, tail) = match text.iter().position(|c| *c == '点') {
        Some(i) => (&text[..i], Some(&text[i + 1..])),
        None => (text, None),
    };
    let mut value = chinese_whole(whole)?;
    if let Some(tail) = tail {
        if tail.is_empty() {
            return None;
        }
        for (k, c) in tail.iter().enumerate() {
            value += han_digit(*c)? * 0.1f64.powi(k as i32 + 1);
        }
        value = (value * 1000.0).round() / 1000.0;
    }
    Some(value)
}

fn han_digit(c: char) -> Option<f64> {
    HAN.iter().position(|h| *h == c).map(|n| n as f64)
}

fn chinese_whole(text: &[char]) -> Option<f64> {
    let tens = |text: &[char]| match *text {
        ['十'] => Some(10.0),
        ['十', u] => Some(10.0 + nonzero(u)?),
        [t, '十'] => Some(10.0 * nonzero(t)?),
        [t, '十', u] => Some(10.0 * nonzero(t)? + nonzero(u)?),
        _ => None,
    };
    match *text {
        ['两'] => Some(2.0),
        [c] => han_digit(c).or_else(|| tens(text)),
        [h, '百'] => Some(100.0 * hundreds(h)?),
        [h, '百', '零', u] => Some(100.0 * hundreds(h)? + nonzero(u)?),
        [h, '百', t] => Some(100.0 * hundreds(h)? + 10.0 * nonzero(t)?),
        [h, '百', ref rest @ ..] => Some(100.0 * hundreds(h)? + tens(rest)?),
        _ => tens(text),
    }
}

fn nonzero(c: char) -> Option<f64> {
    han_digit(c).filter(|n| *n > 0.0)
}

fn hundreds(c: char) -> Option<f64> {
    if c == '两' { Some(2.0) } else { nonzero(c) }
}

/// How the whole number `n` (0..=9999) is said in English, most usual form first.
pub fn spoken_english(n: u32) -> Vec<String> {
    let small = |n: u32| match n {
        0..20 => SMALL[n as usize].to_owned(),
        _ if n.is_multiple_of(10) => TENS[n as usize / 10].to_owned(),
        _ => format!("{} {}", TENS[n as usize / 10], SMALL[n as usize % 10]),
    };
    match n {
        0..100 => vec![small(n)],
        100 => vec!["a hundred".into(), "one hundred".into()],
        101..1000 if n.is_multiple_of(100) => vec![format!("{} hundred", small(n / 100))],
        101..1000 => vec![
            format!("{} hundred and {}", small(n / 100), small(n % 100)),
            format!("{} hundred {}", small(n / 100), small(n % 100)),
        ],
        1000..10_000 if n.is_multiple_of(1000) => vec![format!("{} thousand", small(n / 1000))],
        1000..10_000 => spoken_english(n % 1000)
            .into_iter()
            .map(|rest| format!("{} thousand {rest}", small(n / 1000)))
            .chain(n.is_multiple_of(100).then(|| format!("{} hundred", small(n / 100))))
            .collect(),
        _ => Vec::new(),
    }
}

/// How the whole number `n` (0..=9999) is said in Mandarin, most usual form first.
pub fn spoken_chinese(n: u32) -> Vec<String> {
    let digit = |n: u32| HAN[(n % 10) as usize].to_string();
    let below_hundred = |n: u32, after_hundred: bool| match n {
        0..10 => digit(n),
        10..20 if !after_hundred => format!("十{}", if n == 10 { String::new() } else { digit(n) }),
        _ if n.is_multiple_of(10) => format!("{}十", digit(n / 10)),
        _ => format!("{}十{}", digit(n / 10), digit(n)),
    };
    match n {
        2 => vec!["二".into(), "两".into()],
        0..100 => vec![below_hundred(n, false)],
        100..1000 => match n % 100 {
            0 => vec![format!("{}百", digit(n / 100))],
            rest @ 1..10 => vec![format!("{}百零{}", digit(n / 100), digit(rest))],
            rest => vec![format!("{}百{}", digit(n / 100), below_hundred(rest, true))],
        },
        1000..10_000 => {
            let thousands = format!("{}千", if n / 1000 == 2 { "两".into() } else { digit(n / 1000) });
            let rest = match n % 1000 {
                0 => vec![String::new()],
                rest @ 1..100 => vec![format!("零{}", below_hundred(rest, true))],
                rest => spoken_chinese(rest),
            };
            rest.into_iter().map(|rest| format!("{thousands}{rest}")).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::normalise::normalise;
    use super::*;

    fn longest(text: &str) -> Option<(usize, f64)> {
        at(&normalise(text), 0).into_iter().max_by_key(|(end, _)| *end)
    }

    #[test]
    fn every_spoken_number_is_read_back() {
        for n in (0..1000).chain((1000..10_000).step_by(50)) {
            for said in spoken_english(n).into_iter().chain(spoken_chinese(n)) {
                assert_eq!(longest(&said), Some((said.chars().count(), f64::from(n))), "{said}");
            }
        }
    }

    #[test]
    fn fractions_signs_and_digits() {
        let cases = [
            ("50%", 50.0),
            ("21.5 degrees", 21.5),
            ("twenty-one and a half degrees", 21.5),
            ("twenty one point five", 21.5),
            ("21 and a half", 21.5),
            ("二十一度半", 21.5),
            ("二十一点五度", 21.5),
            ("一百二", 120.0),
            ("两百", 200.0),
            ("负五度", -5.0),
            ("minus five", -5.0),
            ("-5 degrees", -5.0),
            ("a hundred", 100.0),
            ("one hundred and five", 105.0),
        ];
        for (text, want) in cases {
            assert_eq!(longest(text).map(|n| n.1), Some(want), "{text}");
        }
    }

    #[test]
    fn no_number_where_none_is() {
        for text in ["tent", "a lamp", "十分之", "onety", "hundred", "twenty twenty", "百", "1234567890123"] {
            let n = longest(text);
            assert!(n.is_none_or(|(end, _)| end < text.chars().count()), "{text}: {n:?}");
        }
        assert!(at(&normalise("xone"), 1).is_empty());
    }
}
