//! `tiebreak why`: finds one receipt on disk and says in plain words what happened and why.

use std::fmt::Write;
use std::path::Path;

use ulid::Ulid;

use super::show::hypothesis;
use crate::act::journal;
use crate::facts::bid::{BidRecord, Closed, Outcome, VerdictKind};
use crate::facts::error::Fault;
use crate::facts::intent::Via;
use crate::receipt::Receipt;

/// The receipt whose id begins with `id`, or the last one; newest files are searched first.
///
/// # Errors
/// There is none, or the folder cannot be read.
pub fn find(dir: &Path, id: Option<&str>) -> Result<Receipt, Fault> {
    let fault = |what: String, remedy: &str| Fault::new(dir.display().to_string(), "", what, remedy);
    let files = journal::files(dir).map_err(|e| fault(format!("it cannot be read: {e}"), "check receipts.dir"))?;
    for file in files.iter().rev() {
        let receipts =
            journal::receipts(file).map_err(|e| fault(format!("{}: {e}", file.display()), "check its permissions"))?;
        let wanted =
            receipts.filter(|r| id.is_none_or(|id| r.id.get(..id.len()).is_some_and(|x| x.eq_ignore_ascii_case(id))));
        if let Some(found) = wanted.last() {
            return Ok(found);
        }
    }
    Err(match id {
        Some(id) => fault(format!("no receipt has the id {id:?}"), "copy it from a receipt; its beginning is enough"),
        None => {
            fault("it holds no receipts yet".into(), "say something, for example tiebreak say \"turn on the light\"")
        }
    })
}

/// A short report in whole sentences, with a newline at the end.
pub fn explain(r: &Receipt) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail; the results are dropped for that reason.
    let when = Ulid::from_string(&r.id).map_or(String::new(), |id| format!(" at {}", clock_time(id.timestamp_ms())));
    let _ = writeln!(out, "Decision {}{when}, from {}.", r.id, r.source);
    if let Some(w) = &r.wake {
        let _ = writeln!(out, "Woken by {} (score {:.2}).", w.word, w.score);
    }
    match &r.transcript {
        Some(t) => drop(writeln!(out, "Heard “{}”, {} sure.", t.text, percent(t.confidence))),
        None => drop(writeln!(out, "Heard no words.")),
    }
    for (i, h) in r.hypotheses.iter().enumerate() {
        let via = if h.via == Via::Grammar { "a sentence template" } else { "the intent model" };
        let first = if i == 0 { "Understood it as" } else { "  or as" };
        let _ = writeln!(out, "{first} {} ({}, by {via}).", hypothesis(h), percent(h.confidence));
    }
    for b in &r.bids {
        let _ = writeln!(out, "{}", bid(b));
    }
    let _ = writeln!(out, "{}", verdict(r));
    let _ = writeln!(out, "{}", done(r));
    out
}

fn bid(b: &BidRecord) -> String {
    let at = b.at_ms.map_or(String::new(), |ms| format!(" after {ms:.1} ms"));
    let worth = b.calibrated.map_or(String::new(), |c| format!(" (worth {c:.2} by its calibration)"));
    let sure = b.confidence.map_or("something".to_owned(), |c| format!("{c:.2}{worth}"));
    let what = match b.outcome {
        Outcome::Won => format!("bid {sure}{at} and won"),
        Outcome::Lost => format!("bid {sure}{at} and lost"),
        Outcome::Late if b.at_ms.is_some() => format!("was late: it bid {sure}{at}"),
        Outcome::Late => "was late".into(),
        Outcome::Declined => format!("declined{at}"),
        Outcome::Failed => format!("failed{at}"),
    };
    let why = b.reason.as_ref().map_or(String::new(), |why| format!(" ({why})"));
    let usually = b.p95_ms.map(|ms| format!("it mostly answers within {ms:.1} ms"));
    let success = b.success.map(|s| format!("{:.0} % of its actions were confirmed", s * 100.0));
    let lately: Vec<String> = usually.into_iter().chain(success).collect();
    let lately = if lately.is_empty() { String::new() } else { format!("; lately {}", lately.join(" and ")) };
    format!("  {} {what}{why}{lately}.", b.handler)
}

fn verdict(r: &Receipt) -> String {
    let took = r.latency_ms.decision.map_or(String::new(), |ms| format!(" after {ms:.1} ms"));
    let closed = match r.verdict.closed {
        Some(Closed::Early) => ", before the window was over because no answer still to come could change it",
        Some(Closed::Deadline) => ", when the window was over",
        None => "",
    };
    let who = r.verdict.handler.as_deref().unwrap_or("nobody");
    let what = match r.verdict.kind {
        VerdictKind::Award => format!("{who} was to act"),
        VerdictKind::Ask => "the speaker was to be asked".into(),
        VerdictKind::None => "nothing was to be done".into(),
    };
    format!("So {what}{took}{closed}: {}.", r.verdict.reason)
}

fn done(r: &Receipt) -> String {
    let felt = r.latency_ms.felt.map_or(String::new(), |ms| format!(", {ms:.0} ms after the last word"));
    match (&r.command, &r.reply, r.timeline_ms.published) {
        (Some(c), _, published) => {
            let verb = if published.is_some() { "Published" } else { "Not published (a dry run, or no broker):" };
            let more = if c.and.is_empty() { String::new() } else { format!(" and {} more", c.and.len()) };
            format!("{verb} {} {}{more}{felt}.", c.message.topic, c.message.payload)
        }
        (None, Some(reply), _) => format!("Answered “{reply}”."),
        (None, None, Some(_)) => format!("It got the licence to act by itself{felt}."),
        (None, None, None) => "Nothing was published.".into(),
    }
}

fn percent(confidence: f32) -> String {
    format!("{:.0} %", confidence * 100.0)
}

/// `10:07:05 UTC`; the day is the name of the file.
fn clock_time(ms: u64) -> String {
    let s = ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02} UTC", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_example_in_plain_words() {
        let r: Receipt = serde_json::from_str(
            r#"{"id":"01M7YS4XVKYAYQ958SX40YHPQP","source":"a.wav","lang":"en","wake":{"word":"hey_siri","score":0.97,"at_ms":412},
            "transcript":{"text":"turn on the living room light","confidence":0.93},
            "hypotheses":[{"intent":"HassTurnOn","slots":{"area":"living_room"},"confidence":0.98,"via":"grammar"}],
            "bids":[{"handler":"siri","confidence":0.91,"calibrated":0.8,"at_ms":3.1,"outcome":"won","p95_ms":4.5,"success":0.96},
                    {"handler":"far","outcome":"late","reason":"no answer before the close"},
                    {"handler":"llm","outcome":"declined","reason":"not needed"}],
            "verdict":{"kind":"award","handler":"siri","reason":"siri bid best","closed":"early"},
            "command":{"topic":"lamp/set","payload":{"state":"ON"},"qos":1,"retain":false},
            "timeline_ms":{"published":2267},"latency_ms":{"felt":287,"decision":3}}"#,
        )
        .expect("a receipt");
        let text = explain(&r);
        for part in [
            "Heard “turn on the living room light”, 93 % sure.",
            "Understood it as HassTurnOn area=living_room (98 %, by a sentence template).",
            "siri bid 0.91 (worth 0.80 by its calibration) after 3.1 ms and won; lately it mostly answers within 4.5 ms and \
             96 % of its actions were confirmed.",
            "far was late (no answer before the close).",
            "So siri was to act after 3.0 ms, before the window was over",
            "Published lamp/set {\"state\":\"ON\"}, 287 ms after the last word.",
            "UTC",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        let nothing = explain(&Receipt::nothing("x".into(), "noise.flac".into(), "no wake word was heard"));
        assert!(nothing.contains("nothing was to be done: no wake word was heard."), "{nothing}");
    }
}
