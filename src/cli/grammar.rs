//! `grammar test` and `grammar explain`: whether sentences are understood as they should be, and why not.

use std::fmt::Write;

use crate::config::Config;
use crate::engine::load;
use crate::facts::error::Fault;
use crate::facts::intent::{Hypothesis, Lang, Via};
use crate::understand::Understanding;
use crate::understand::classifier::Opinion;
use crate::understand::explain::{Attempt, Explanation, Near, ReadAs, Template};
use crate::understand::normalise::TEXT_LEN_MAX;
use crate::understand::sentence_tests::{Failure, SentenceTests, load_tests, shipped_tests};

use super::show::meaning_of;
use super::{Exit, print, report};

/// Readings shown of one attempt.
const READINGS_SHOWN: usize = 4;

/// Runs the shipped tests in the shipped house, and the user's own in the user's.
pub fn test(config: &Config) -> Exit {
    let mut out = String::new();
    let all = shipped().and_then(|(understanding, tests)| {
        let mut failed = run(&understanding, &tests, &mut out);
        if let Some(dir) = &config.sentences {
            let tests = load_tests(dir)?;
            if tests.is_empty() {
                let _ = writeln!(out, "{}: there are no tests in it (see docs/sentences.md)", dir.display());
            }
            failed += run(&load::understanding(config)?, &tests, &mut out);
        }
        Ok(failed)
    });
    match all {
        Ok(failed) => match print(out.trim_end()) {
            Exit::Ok if failed == 0 => Exit::Ok,
            _ => Exit::Failed,
        },
        Err(faults) => report(&faults),
    }
}

fn shipped() -> Result<(Understanding, Vec<SentenceTests>), Vec<Fault>> {
    Ok((load::shipped_understanding()?, shipped_tests().map_err(|f| vec![f])?))
}

/// How many sentences failed. Writing to a String cannot fail; the results are dropped for that reason.
fn run(understanding: &Understanding, tests: &[SentenceTests], out: &mut String) -> usize {
    let mut failed = 0;
    for tests in tests {
        let failures = tests.failures(understanding);
        let all = tests.positive() + tests.refused.len();
        let _ = writeln!(out, "{}: {} of {all} right", tests.file, all - failures.len());
        for failure in &failures {
            let _ = write!(out, "{}", failure_lines(&tests.file, failure));
        }
        failed += failures.len();
    }
    failed
}

fn failure_lines(file: &str, failure: &Failure) -> String {
    let expected = failure.expected.as_ref().map_or("to be refused".to_owned(), |(i, s)| meaning_of(i, s));
    let got = failure.got.as_ref().map_or("nothing".to_owned(), with_confidence);
    let Failure { at, sentence, what, .. } = failure;
    format!("  {file}:{at}: “{sentence}”: {what}\n    expected  {expected}\n    got       {got}\n")
}

fn with_confidence(h: &Hypothesis) -> String {
    let via = if h.via == Via::Classifier { ", by the classifier" } else { "" };
    format!("{} ({:.2}{via})", meaning_of(&h.intent, &h.slots), h.confidence)
}

/// Says in plain words, or as JSON, how `sentence` is understood.
pub fn explain(config: &Config, sentence: &str, lang: Option<Lang>, json: bool) -> Exit {
    let understanding = match load::understanding(config) {
        Ok(understanding) => understanding,
        Err(faults) => return report(&faults),
    };
    let explanation = understanding.explain(sentence, lang);
    if !json {
        return print(in_words(&explanation).trim_end());
    }
    match serde_json::to_string(&explanation) {
        Ok(line) => print(&line),
        Err(e) => {
            eprintln!("tiebreak: the explanation cannot be written as JSON: {e}");
            Exit::Failed
        }
    }
}

fn in_words(e: &Explanation) -> String {
    let mut out = String::new();
    let mut say = |what: &str, text: &str| {
        let _ = writeln!(out, "{what:<12}{text}");
    };
    let Some(normalised) = &e.normalised else {
        say("read as", &format!("nothing: it is empty, or longer than {TEXT_LEN_MAX} characters"));
        return out;
    };
    say("read as", normalised);
    if !e.unknown_words.is_empty() {
        let words = quoted(&e.unknown_words);
        say("", &format!("in no sentence and no name: {words}"));
    }
    for (round, by_sound) in [("as written", false), ("by sound", true)] {
        let mut attempts = e.attempts.iter().filter(|a| a.by_sound == by_sound).peekable();
        if attempts.peek().is_none() && !matched(e) {
            say(round, "no word is close enough to one that a sentence or a name contains");
        }
        round_lines(&attempts.collect::<Vec<_>>()).iter().enumerate().for_each(|(i, l)| say(first(i, round), l));
    }
    if e.in_parts {
        say("in parts", "several commands in one sentence, or one beside other words; each part matches on its own");
    } else {
        let near: Vec<String> = e.nearest.iter().flat_map(near_lines).collect();
        near.iter().enumerate().for_each(|(i, line)| say(first(i, "nearest"), line));
        if near.is_empty() && e.attempts.iter().all(|a| a.readings.is_empty()) {
            say("nearest", "no template begins like this");
        }
        say("classifier", &opinion(e.classifier.as_ref(), matched(e)));
        if let Some(tokens) = &e.tokens {
            say("", &format!("it sees: {}", tokens.join(" ")));
        }
    }
    if e.hypotheses.is_empty() {
        say("understood", "not at all");
    }
    for (i, h) in e.hypotheses.iter().enumerate() {
        let place = e.template_of(h).map_or(String::new(), |r| format!("  {}", place(&r.template)));
        let word = if i == 0 { "understood" } else { "or" };
        say(word, &format!("{}{place}", with_confidence(h)));
    }
    out
}

fn place(t: &Template) -> String {
    format!("{}:{}", t.file, t.at)
}

/// The heading for the first of several lines.
fn first(i: usize, heading: &str) -> &str {
    if i == 0 { heading } else { "" }
}

fn matched(e: &Explanation) -> bool {
    e.attempts.iter().flat_map(|a| &a.readings).any(|r| r.rejected.is_none())
}

/// What one round brought, over the languages: those in which nothing matches are named only if none does.
fn round_lines(attempts: &[&Attempt]) -> Vec<String> {
    let mut lines = Vec::new();
    for attempt in attempts.iter().filter(|a| !a.readings.is_empty()) {
        let accepted = attempt.readings.iter().any(|r| r.rejected.is_none());
        let but = if accepted { "" } else { ", but what they capture contradicts itself" };
        lines.push(format!("{}{} templates match{but}:", taken(attempt), language(attempt.lang)));
        lines.extend(attempt.readings.iter().take(READINGS_SHOWN).flat_map(reading_lines));
        if attempt.readings.len() > READINGS_SHOWN {
            lines.push(format!("and {} more", attempt.readings.len() - READINGS_SHOWN));
        }
    }
    if lines.is_empty() && !attempts.is_empty() {
        let languages: Vec<&str> = attempts.iter().map(|a| language(a.lang)).collect();
        let taken = attempts.iter().map(|a| taken(a)).find(|t| !t.is_empty()).unwrap_or_default();
        lines.push(format!("{taken}no {} template matches", languages.join(" and no ")));
    }
    lines
}

fn language(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "English",
        Lang::Zh => "Chinese",
    }
}

fn taken(attempt: &Attempt) -> String {
    attempt.corrections.iter().map(|c| format!("“{}” taken for “{}”; ", c.said, c.taken_for)).collect()
}

fn reading_lines(reading: &ReadAs) -> Vec<String> {
    let alike = match reading.misheard {
        0 => String::new(),
        1 => ", 1 word or character that only sounds alike".to_owned(),
        n => format!(", {n} words or characters that only sound alike"),
    };
    let outcome = match &reading.rejected {
        Some(why) => format!("   {}: {why}", reading.intent),
        None => format!("   {} (cost {:.2}{alike})", meaning_of(&reading.intent, &reading.slots), reading.cost),
    };
    vec![format!("{}  {}", place(&reading.template), reading.template.template), outcome]
}

fn near_lines(near: &Near) -> Vec<String> {
    let failed = match &near.failed_at {
        Some(word) => format!("then came “{word}”"),
        None => "then it ended".to_owned(),
    };
    let more = match near.more {
        0 => String::new(),
        1 => " (1 more template got as far)".to_owned(),
        n => format!(" ({n} more templates got as far)"),
    };
    vec![
        format!("{}  {}", place(&near.template), near.template.template),
        format!("   matches “{}”, {failed}; expected {}{more}", near.matched, near.expected.join(" | ")),
    ]
}

fn opinion(opinion: Option<&Opinion>, matched: bool) -> String {
    match opinion {
        None if matched => "not asked: a template matches".to_owned(),
        None => "there is none".to_owned(),
        Some(Opinion::Commands { hypotheses }) => {
            hypotheses.iter().map(with_confidence).collect::<Vec<_>>().join(", or ")
        }
        Some(Opinion::UnknownWords { words }) => format!("silent: it never learned {}", quoted(words)),
        Some(Opinion::OutOfScope { confidence }) => format!("no command, it says ({confidence:.2})"),
        Some(Opinion::Unsure { intent, confidence, needed }) => {
            format!("silent: {intent}, but only {confidence:.2} sure (at least {needed:.2} is needed)")
        }
        Some(Opinion::SlotsMissing { intent, confidence }) => {
            format!(
                "silent: {intent} ({confidence:.2}), but what it names is too little, too much, or not in this home"
            )
        }
        Some(Opinion::None) => "silent".to_owned(),
    }
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|w| format!("“{w}”")).collect::<Vec<_>>().join(", ")
}
