//! A wake word of one's own from a few recordings: what they sound like in units, if they sound alike.
//!
//! Nothing is trained: the sounds join the wake phrases of the speech recogniser's automaton (unit_graph.rs),
//! so the word is heard at the beginning of a sentence like any other.

use super::sound::levenshtein;

/// Recordings that enrol a word.
pub const RECORDINGS_MIN: usize = 3;
/// A word with fewer sounds is too easily part of other speech.
const SOUNDS_MIN: usize = 4;
/// Whoever says more, about three seconds of speech, says a sentence or leaves the recorder on: nobody calls by that.
const SOUNDS_MAX: usize = 30;
/// Recordings of one word in which a greater part of the sounds differs are not of one word.
const DIFFERENCE_MAX: f32 = 0.5;

/// Why recordings do not enrol a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which recording it is, counted from 0; `None`: all of them.
    pub recording: Option<usize>,
    /// What is wrong, in words for the user.
    pub what: String,
    /// What the user can do about it.
    pub remedy: &'static str,
}

/// The different ways in which the word was heard, as phrases for `wake.phrases`: `/HH EY S IH R IY/`.
///
/// # Errors
/// Too few recordings, a word too short or too long, a recording that does not sound like most of the others.
pub fn phrases(heard: &[Vec<String>]) -> Result<Vec<String>, Refused> {
    if heard.len() < RECORDINGS_MIN {
        let what = format!("{} recordings are too few: give at least {RECORDINGS_MIN}", heard.len());
        return Err(Refused { recording: None, what, remedy: "record the word alone, in a quiet room" });
    }
    for (i, sounds) in heard.iter().enumerate() {
        let refused = |what: String, remedy| Err(Refused { recording: Some(i), what, remedy });
        match sounds.len() {
            0 => return refused("there are no sounds of speech in it".into(), "say the word, closer or louder"),
            SOUNDS_MIN..=SOUNDS_MAX => {}
            n if n < SOUNDS_MIN => {
                let what = format!("it has too few sounds (“{}”)", sounds.join(" "));
                return refused(what, "say it again, or choose a longer word");
            }
            n => return refused(format!("it has {n} sounds, more than {SOUNDS_MAX}"), "say nothing but the word"),
        }
    }
    let alike = |a: &[String], b: &[String]| levenshtein(a, b) as f32 <= DIFFERENCE_MAX * a.len().max(b.len()) as f32;
    let likes = |i: usize| (0..heard.len()).filter(|&j| i != j && alike(&heard[i], &heard[j])).count();
    let odd = (0..heard.len()).map(|i| (likes(i), i)).min();
    if let Some((likes, i)) = odd.filter(|(likes, _)| likes * 2 < heard.len()) {
        let what = format!("it sounds like {likes} of the {} others (“{}”)", heard.len() - 1, heard[i].join(" "));
        return Err(Refused { recording: Some(i), what, remedy: "record it again: the same word, alone" });
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

    fn said(words: &[&str]) -> Result<Vec<String>, Refused> {
        phrases(&words.iter().map(|w| w.split_whitespace().map(str::to_owned).collect()).collect::<Vec<_>>())
    }

    #[test]
    fn what_sounds_alike_is_kept_once_for_each_way() {
        let got = said(&["JH AA R V AH S", "JH AA R V IH S", "JH AA R V AH S"]);
        assert_eq!(got, Ok(vec!["/JH AA R V AH S/".into(), "/JH AA R V IH S/".into()]));
    }

    #[test]
    fn too_few_too_short_and_different_recordings_are_refused() {
        let (jarvis, lights, door) = ("JH AA R V AH S", "L AY T S AO F", "D AO R K L OW Z");
        let long: &str = &[jarvis; 6].join(" ");
        for (words, recording, what) in [
            (&[jarvis, jarvis][..], None, "too few"),
            (&[jarvis, jarvis, "B IY"], Some(2), "too few sounds"),
            (&[jarvis, "", jarvis], Some(1), "no sounds"),
            (&[long, long, long], Some(0), "36 sounds"),
            (&[jarvis, lights, jarvis], Some(1), "0 of the 2 others"),
            // Half of the others are not most of them: these are two words.
            (&[jarvis, jarvis, lights, lights], Some(0), "1 of the 3 others"),
            (&[jarvis, jarvis, jarvis, lights, door], Some(3), "0 of the 4 others"),
        ] {
            let refused = said(words).expect_err(what);
            assert!(refused.recording == recording && refused.what.contains(what), "{words:?}: {refused:?}");
        }
        assert!(said(&[jarvis; 4]).is_ok());
    }
}
