//! A receipt as a person likes to read it: what was heard, who bid, who won, what was published, how long it
//! took. Colours only on a terminal.

use std::fmt::Write;

use crate::facts::bid::{Message, Outcome, VerdictKind};
use crate::facts::intent::{Hypothesis, SlotValue, Slots};
use crate::receipt::Receipt;

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// ANSI colours.
    Color,
    /// None.
    Plain,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Color => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

/// Three or four short lines about one utterance, with a newline at the end.
pub fn receipt(r: &Receipt, style: Style) -> String {
    let mut out = String::new();
    let woke = r.wake.as_ref().map_or(String::new(), |w| format!("{} ", style.paint("2", &format!("[{}]", w.word))));
    let heard = match &r.transcript {
        Some(t) => format!("“{}”", style.paint("1", &t.text)),
        None => "nothing".to_owned(),
    };
    // Writing to a String cannot fail; the results are dropped for that reason.
    let _ = writeln!(out, "{}  {woke}{heard}{}", style.paint("36", &r.source), meaning(r));
    if !r.bids.is_empty() {
        let _ = writeln!(out, "   bids   {}", bids(r, style));
    }
    let _ = match (r.verdict.kind, &r.command, &r.reply) {
        (VerdictKind::Award, Some(c), _) => {
            let more = if c.and.is_empty() { String::new() } else { format!("  and {} more", c.and.len()) };
            let (topic, payload) = (&c.message.topic, payload(&c.message));
            if r.timeline_ms.published.is_some() {
                writeln!(out, "   sent   {} {payload}{more}{}", style.paint("32", topic), took(r))
            } else {
                writeln!(out, "   unsent {} {payload}{more}   {}", style.paint("33", topic), r.verdict.reason)
            }
        }
        (VerdictKind::Award, None, Some(reply)) => writeln!(out, "   reply  {}{}", style.paint("32", reply), took(r)),
        (VerdictKind::Award, None, None) if r.timeline_ms.published.is_some() => {
            let who = r.verdict.handler.as_deref().unwrap_or("the winner");
            writeln!(out, "   award  {} acts by itself{}", style.paint("32", who), took(r))
        }
        (VerdictKind::Ask, _, _) => writeln!(out, "   {}    {}", style.paint("33", "ask"), r.verdict.reason),
        _ => writeln!(out, "   {}   {}", style.paint("33", "none"), r.verdict.reason),
    };
    out
}

fn meaning(r: &Receipt) -> String {
    let Some(best) = r.hypotheses.first() else { return String::new() };
    format!("  →  {}", hypothesis(best))
}

/// `HassTurnOn area=living_room domain=light`.
pub fn hypothesis(h: &Hypothesis) -> String {
    meaning_of(&h.intent, &h.slots)
}

/// The same of an intent and its slots.
pub fn meaning_of(intent: &str, slots: &Slots) -> String {
    let mut out = intent.to_owned();
    for (name, value) in slots {
        let value = match value {
            SlotValue::Number(n) => n.to_string(),
            SlotValue::Text(t) => t.clone(),
        };
        let _ = write!(out, " {name}={value}");
    }
    out
}

fn bids(r: &Receipt, style: Style) -> String {
    let one = |b: &crate::facts::bid::BidRecord| {
        let figure = b.confidence.map_or(String::new(), |c| format!(" {c:.2}"));
        match b.outcome {
            Outcome::Won => style.paint("32;1", &format!("{}{figure} won", b.handler)),
            Outcome::Lost => format!("{}{figure} lost", b.handler),
            Outcome::Late => format!("{}{figure} late", b.handler),
            Outcome::Declined | Outcome::Failed => {
                let what = if b.outcome == Outcome::Failed { "failed" } else { "declined" };
                style
                    .paint("2", &format!("{} {what} ({})", b.handler, b.reason.as_deref().unwrap_or("no reason given")))
            }
        }
    };
    r.bids.iter().map(one).collect::<Vec<_>>().join(" · ")
}

fn payload(message: &Message) -> String {
    match &message.payload {
        serde_json::Value::String(s) => s.clone(),
        json => json.to_string(),
    }
}

fn took(r: &Receipt) -> String {
    match (r.latency_ms.felt, r.latency_ms.decision) {
        (Some(felt), Some(decision)) => format!("   {felt:.0} ms after the last word ({decision:.1} ms to decide)"),
        (None, Some(decision)) => format!("   decided in {decision:.1} ms"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_example_reads_well() {
        let r: Receipt = serde_json::from_str(
            r#"{"id":"01J","source":"a.wav","lang":"en","wake":{"word":"hey_siri","score":0.97,"at_ms":412},
            "transcript":{"text":"turn on the living room light","confidence":0.93},
            "hypotheses":[{"intent":"HassTurnOn","slots":{"area":"living_room","domain":"light"},"confidence":0.98,"via":"grammar"}],
            "bids":[{"handler":"siri","confidence":0.91,"at_ms":3.1,"outcome":"won"},
                    {"handler":"tmall","confidence":0.64,"at_ms":2.8,"outcome":"lost"},
                    {"handler":"llm","outcome":"declined","reason":"not needed"}],
            "verdict":{"kind":"award","handler":"siri","reason":"best","closed":"early"},
            "command":{"topic":"zigbee2mqtt/living_room_light/set","payload":{"state":"ON"},"qos":1,"retain":false},
            "timeline_ms":{"speech_end":1980,"endpoint":2190,"transcript":2262,"hypotheses":2263,"verdict":2266,"published":2267},
            "latency_ms":{"felt":287,"decision":3}}"#,
        )
        .expect("the contract's example is a receipt");
        let text = receipt(&r, Style::Plain);
        for part in [
            "[hey_siri]",
            "turn on the living room light",
            "area=living_room",
            "siri 0.91 won",
            "tmall 0.64 lost",
            "not needed",
            "{\"state\":\"ON\"}",
            "287 ms",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        let mut kept = r;
        kept.timeline_ms.published = None;
        kept.verdict.reason = "best; not published: the broker is away".into();
        let text = receipt(&kept, Style::Plain);
        assert!(text.contains("unsent zigbee2mqtt/") && text.contains("the broker is away"), "{text}");
        assert!(!text.contains(" sent "), "{text}");
    }

    #[test]
    fn nothing_says_why() {
        let text = receipt(&Receipt::nothing("1".into(), "noise.flac".into(), "no wake word was heard"), Style::Plain);
        assert!(text.contains("noise.flac") && text.contains("no wake word was heard"), "{text}");
    }
}
