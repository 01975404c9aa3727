//! A wake word of one's own from a few recordings: what they sound like in units, if they sound alike.
//!
//! Nothing is trained: the sounds join the wake phrases of the speech recogniser's automaton (unit_graph.rs),
//! so the word is heard at the beginning of a sentence like any other.

use super::sound::levenshtein;

/// Recordings that enrol a word.
pub const RECORDINGS_MIN: usize = 3;
/// A word with fewer sounds is too easily part of other speech.
const SOUNDS_MIN: usize = 4;
/// Recordings of one word in which a greater part of the sounds differs are not of one word.
const DIFFERENCE_MAX: f32 = 0.5;

/// The different ways in which the word was heard, as phrases for `wake.phrases`: `/HH EY S IH R IY/`.
///
/// # Errors
/// In words for the user: too few recordings, a word too short, recordings that do not sound alike (by number,
/// counted from 1).
pub fn phrases(heard: &[Vec<String>]) -> Result<Vec<String>, String> {
    if heard.len() < RECORDINGS_MIN {
        return Err(format!("{} recordings are too few: give at least {RECORDINGS_MIN}", heard.len()));
    }
    if let Some(i) = heard.iter().position(|h| h.len() < SOUNDS_MIN) {
        let sounds = heard[i].join(" ");
        return Err(format!("recording {} has too few sounds (“{sounds}”): choose a longer word", i + 1));
    }
    let alike = |a: &[String], b: &[String]| levenshtein(a, b) as f32 <= DIFFERENCE_MAX * a.len().max(b.len()) as f32;
    for (i, a) in heard.iter().enumerate() {
        let others = heard.iter().enumerate().filter(|(j, b)| i != *j && alike(a, b)).count();
        if others == 0 {
            let sounds = a.join(" ");
            return Err(format!("recording {} sounds like none of the others (“{sounds}”): record it again", i + 1));
        }
    }
    let mut out: Vec<String> = Vec::new();
    for h in heard {
        let phrase = format!("/{}/", h.join(" "));
        if !out.contains(&phrase) {
            out.push(phrase);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str]) -> Result<Vec<String>, String> {
        phrases(&words.iter().map(|w| w.split(' ').map(str::to_owned).collect()).collect::<Vec<_>>())
    }

    #[test]
    fn what_sounds_alike_is_kept_once_for_each_way() {
        let got = said(&["JH AA R V AH S", "JH AA R V IH S", "JH AA R V AH S"]);
        assert_eq!(got, Ok(vec!["/JH AA R V AH S/".into(), "/JH AA R V IH S/".into()]));
    }

    #[test]
    fn too_few_too_short_and_different_recordings_are_refused() {
        assert!(said(&["JH AA R V AH S", "JH AA R V AH S"]).unwrap_err().contains("too few"));
        assert!(said(&["JH AA R V AH S", "JH AA R V AH S", "B IY"]).unwrap_err().contains("recording 3"));
        let other = said(&["JH AA R V AH S", "L AY T S AO F", "JH AA R V AH S"]).unwrap_err();
        assert!(other.contains("recording 2"), "{other}");
    }
}
