//! One form for all text: what was said, what templates contain, and what things are called.
//!
//! Lower case, no punctuation, full-width and Traditional characters folded, single spaces, and none next
//! to a Chinese character. It must never fail: text that cannot be a command is refused by its length.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Longer sentences are not understood at all: nobody speaks a command of this many characters, and work
/// per sentence stays bounded.
pub const TEXT_LEN_MAX: usize = 500;

/// Traditional -> Simplified, one character each.
static TRADITIONAL: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    include_str!("traditional.txt")
        .lines()
        .filter(|l| !l.starts_with('#'))
        .flat_map(str::split_whitespace)
        .filter_map(|pair| {
            let mut chars = pair.chars();
            Some((chars.next()?, chars.next()?))
        })
        .collect()
});

/// Normalised text of a sentence; `None` if it is empty or longer than [`TEXT_LEN_MAX`] characters.
pub fn sentence(text: &str) -> Option<Vec<char>> {
    if text.chars().nth(TEXT_LEN_MAX).is_some() {
        return None;
    }
    let chars = normalise(text);
    (!chars.is_empty()).then_some(chars)
}

/// Normalised text of any length, for names and templates.
pub fn normalise(text: &str) -> Vec<char> {
    let folded: Vec<char> = text.chars().flat_map(fold).collect();
    let mut out: Vec<char> = Vec::with_capacity(folded.len());
    let mut space = false;
    for (i, &c) in folded.iter().enumerate() {
        let next = folded.get(i + 1).copied();
        match keep(out.last().copied().filter(|_| !space), c, next) {
            Keep::Yes => {
                let glued = is_han(c) || matches!(c, '%' | '°') || out.last().is_some_and(|&p| is_han(p));
                if space && !out.is_empty() && !glued {
                    out.push(' ');
                }
                space = false;
                out.push(c);
            }
            Keep::Space => space = true,
            Keep::Drop => {}
        }
    }
    out
}

/// What a character of folded text is to a sentence.
enum Keep {
    Yes,
    Space,
    Drop,
}

fn keep(prev: Option<char>, c: char, next: Option<char>) -> Keep {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    match c {
        '%' | '°' => Keep::Yes,
        // "°C" is one sign.
        'c' if prev == Some('°') && !next.is_some_and(char::is_alphanumeric) => Keep::Drop,
        '\'' => Keep::Drop,
        '.' if digit(prev) && digit(next) => Keep::Yes,
        ',' if digit(prev) && digit(next) => Keep::Drop,
        '-' if digit(next) && !prev.is_some_and(char::is_alphanumeric) => Keep::Yes,
        c if c.is_alphanumeric() => Keep::Yes,
        // Combining marks and variation selectors belong to the character before them.
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' | '\u{200b}'..='\u{200d}' => Keep::Drop,
        _ => Keep::Space,
    }
}

/// Folds one character: full-width forms, Traditional, case, typographic quotes and degree signs.
fn fold(c: char) -> impl Iterator<Item = char> {
    let c = match c {
        // Full-width ASCII lies at a fixed distance (Unicode block FF00).
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{2018}' | '\u{2019}' | '\u{02bc}' | '`' => '\'',
        '\u{2212}' | '\u{2010}' | '\u{2011}' => '-',
        '\u{2103}' | '\u{2109}' | 'º' => '°',
        '○' | '〇' => '零',
        _ => TRADITIONAL.get(&c).copied().unwrap_or(c),
    };
    // A capital whose lower case is several characters (İ) keeps its first, the base letter.
    c.to_lowercase().take(1)
}

/// Whether `c` is a Chinese character (the common block and extension A).
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}')
}

/// Whether a word can begin or end at `at`: an end of the text, a space, a Chinese character on either
/// side, or a change between letters, digits and signs.
pub fn is_boundary(text: &[char], at: usize) -> bool {
    if at == 0 || at >= text.len() {
        return true;
    }
    let class = |c: char| match c {
        ' ' => 0,
        c if is_han(c) => 1,
        c if c.is_ascii_digit() || c == '.' || c == '-' => 2,
        c if c.is_alphanumeric() => 3,
        _ => 4,
    };
    let (before, after) = (class(text[at - 1]), class(text[at]));
    before != after || before == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(text: &str) -> String {
        normalise(text).into_iter().collect()
    }

    #[test]
    fn folds_everything_that_sounds_the_same() {
        let cases = [
            ("Turn on the  LIGHT!", "turn on the light"),
            ("what’s the time?", "whats the time"),
            ("twenty-one", "twenty one"),
            ("set it to 1,000 or 21.5 °C.", "set it to 1000 or 21.5°"),
            ("５０ ％", "50%"),
            ("打开 living room 的灯。", "打开living room的灯"),
            ("開燈，廚房", "开灯厨房"),
            ("\u{0}\u{7}💡 -5 degrees", "-5 degrees"),
            ("\u{1f9d1}\u{200d}\u{1f4bb}", ""),
        ];
        for (text, want) in cases {
            assert_eq!(norm(text), want, "{text:?}");
        }
    }

    #[test]
    fn too_long_or_empty_is_no_sentence() {
        assert!(sentence(&"a".repeat(500)).is_some());
        assert!(sentence(&"a".repeat(501)).is_none());
        assert!(sentence(" ?! ").is_none());
    }

    #[test]
    fn words_end_where_scripts_change() {
        let text = normalise("打开lamp 50%");
        let at: Vec<usize> = (0..=text.len()).filter(|&i| is_boundary(&text, i)).collect();
        assert_eq!(at, [0, 1, 2, 6, 7, 9, 10]);
    }
}
