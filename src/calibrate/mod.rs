//! How much the confidences of each handler are worth: what it bid against how often it was right.
//!
//! Pure. A receipt does not know whether its bids were right; that comes from the fixtures' sidecars (matched by
//! the recording's name) or from a list `"right": ["siri"]` that somebody added to the receipt's line. `plot` draws it.

pub mod plot;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::facts::bid::Outcome;
use crate::facts::intent::{Lang, Slots};
use crate::receipt::Receipt;

/// Bins of the reliability table, each a tenth wide.
const BINS: usize = 10;

/// What a recording should come to, as its sidecar says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Expected {
    /// `award`, `ask` or `none`; where nothing is meant no bid is right.
    pub verdict: Option<String>,
    /// Intent that was meant.
    pub intent: Option<String>,
    /// Slots that were meant.
    pub slots: Option<Slots>,
    /// Where the winner's command should go.
    pub topic: Option<String>,
}

/// Reads the sidecar of a recording; `None` if it is none or expects nothing.
pub fn expected(sidecar: &str) -> Option<Expected> {
    #[derive(Deserialize)]
    struct Sidecar {
        expect: Expected,
    }
    toml::from_str::<Sidecar>(sidecar).ok().map(|s| s.expect)
}

/// One bin of a reliability table.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bin {
    /// Bids in it.
    pub count: u64,
    /// Sum of their confidences.
    pub confidence: f64,
    /// How many of them were right.
    pub right: u64,
}

/// Reliability of one handler in one language.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reliability {
    /// Each bid's confidence, and whether it was right.
    bids: Vec<(f32, bool)>,
}

impl Reliability {
    /// Counts one bid.
    pub fn add(&mut self, confidence: f32, right: bool) {
        self.bids.push((confidence, right));
    }

    /// Bids counted.
    pub fn count(&self) -> usize {
        self.bids.len()
    }

    /// By tenths of confidence.
    pub fn bins(&self) -> [Bin; BINS] {
        let mut bins = [Bin::default(); BINS];
        for &(confidence, right) in &self.bids {
            let bin = &mut bins[((confidence * BINS as f32) as usize).min(BINS - 1)];
            bin.count += 1;
            bin.confidence += f64::from(confidence);
            bin.right += u64::from(right);
        }
        bins
    }

    /// Expected calibration error: how far confidence and share of right bids lie apart, over the bins by their
    /// size; 0 is perfect. `None` without bids.
    pub fn ece(&self) -> Option<f64> {
        let count = self.count();
        let apart: f64 = self.bins().iter().map(|b| (b.confidence - b.right as f64).abs()).sum();
        (count > 0).then(|| apart / count as f64)
    }

    /// What to multiply its confidences with, so that they are right on the whole; drawn towards 1 while there are
    /// few bids, and at most [`FACTOR_MAX`]. `None` without bids.
    pub fn factor(&self) -> Option<f64> {
        factor(self.bids.iter())
    }

    /// The calibration error that is left with the factor, each fifth of the bids, in their order, judged by the
    /// factor of the others: a figure for bids that the factor has not seen. `None` with fewer than [`FOLDS`] bids.
    pub fn ece_calibrated(&self) -> Option<f64> {
        let count = self.count();
        let mut calibrated = Self::default();
        for fold in 0..FOLDS {
            let of = |wanted: bool| {
                self.bids
                    .iter()
                    .enumerate()
                    .filter(move |(i, _)| (i * FOLDS / count == fold) == wanted)
                    .map(|(_, bid)| bid)
            };
            let factor = factor(of(false))?;
            of(true).for_each(|&(c, right)| calibrated.add((f64::from(c) * factor).min(1.0) as f32, right));
        }
        (count >= FOLDS).then(|| calibrated.ece())?
    }
}

/// Bids that everyone is credited with, right as often as they said: what a handful of bids says is no verdict.
const CREDIT: f64 = 10.0;
/// Confidences that are too low by more than this are no confidences.
pub const FACTOR_MAX: f64 = 2.0;
/// Parts into which the bids are cut to judge the factor.
const FOLDS: usize = 5;

fn factor<'a>(bids: impl Iterator<Item = &'a (f32, bool)>) -> Option<f64> {
    let (mut count, mut bid, mut right) = (0.0, 0.0, 0.0);
    for (confidence, was_right) in bids {
        count += 1.0;
        bid += f64::from(*confidence);
        right += f64::from(u8::from(*was_right));
    }
    let credit = CREDIT * bid / count;
    (bid > 0.0).then(|| ((right + credit) / (bid + credit)).min(FACTOR_MAX))
}

/// What `tiebreak calibrate --write` writes and `arbiter.calibration` names.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationFile {
    /// One entry for each handler and language.
    #[serde(default)]
    pub calibration: Vec<CalibrationEntry>,
}

/// What the confidences of one handler in one language are worth.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationEntry {
    /// Whose.
    pub handler: String,
    /// In which language.
    pub lang: Lang,
    /// They are multiplied with this, 0..=2.
    pub factor: f64,
    /// How many bids it is made from; for the reader.
    #[serde(default)]
    pub bids: usize,
}

/// Reliability by handler and language.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calibration {
    /// The tables.
    pub tables: BTreeMap<(String, Lang), Reliability>,
    /// Receipts of which the truth is known.
    pub judged: u64,
    /// Receipts of which it is not; they are not counted.
    pub unjudged: u64,
}

impl Calibration {
    /// Counts the bids of one line of a receipts file; `truth` finds what a source should come to. `false`: the
    /// line is no receipt.
    pub fn add(&mut self, line: &Value, truth: impl Fn(&str) -> Option<Expected>) -> bool {
        let Ok(receipt) = Receipt::deserialize(line) else { return false };
        let marked: Option<Vec<String>> = line.get("right").and_then(|r| Vec::deserialize(r).ok());
        let expected = truth(&receipt.source);
        let (Some(lang), true) = (receipt.lang, marked.is_some() || expected.is_some()) else {
            self.unjudged += 1;
            return true;
        };
        self.judged += 1;
        for bid in &receipt.bids {
            let Some(confidence) = bid.confidence else { continue };
            let right = match (&marked, &expected) {
                (Some(names), _) => names.contains(&bid.handler),
                (None, Some(e)) => e.fits(&receipt, bid.outcome == Outcome::Won),
                (None, None) => continue,
            };
            self.tables.entry((bid.handler.clone(), lang)).or_default().add(confidence, right);
        }
        true
    }

    /// One JSON object.
    pub fn json(&self) -> Value {
        let tables: Vec<Value> = self
            .tables
            .iter()
            .map(|((handler, lang), t)| {
                let bins = t.bins();
                let bins: Vec<Value> = bins.iter().enumerate().filter(|(_, b)| b.count > 0).map(bin_json).collect();
                json!({
                    "handler": handler, "lang": lang, "bids": t.count(), "ece": t.ece(), "factor": t.factor(),
                    "ece_calibrated": t.ece_calibrated(), "bins": bins,
                })
            })
            .collect();
        json!({ "judged": self.judged, "unjudged": self.unjudged, "handlers": tables })
    }

    /// Markdown tables.
    pub fn text(&self) -> String {
        let mut out = format!("{} receipts judged, {} without a truth\n", self.judged, self.unjudged);
        for ((handler, lang), t) in &self.tables {
            let figure = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3}"));
            out += &format!(
                "\n{handler} in {lang}: {} bids, ECE {}, factor {}, ECE with it {}\n\n",
                t.count(),
                figure(t.ece()),
                figure(t.factor()),
                figure(t.ece_calibrated())
            );
            out += "| bid | bids | mean confidence | right |\n|---|---|---|---|\n";
            for (i, b) in t.bins().iter().enumerate().filter(|(_, b)| b.count > 0) {
                let (from, to) = (i as f64 / BINS as f64, (i + 1) as f64 / BINS as f64);
                let (mean, right) = (b.confidence / b.count as f64, b.right as f64 / b.count as f64);
                out += &format!("| {from:.1} to {to:.1} | {} | {mean:.2} | {right:.2} |\n", b.count);
            }
        }
        out
    }

    /// The text of the file that `arbiter.calibration` may name.
    pub fn file(&self) -> String {
        let entry = |((handler, lang), t): (&(String, Lang), &Reliability)| {
            // Figures beyond the third say nothing.
            let factor = (t.factor()? * 1000.0).round() / 1000.0;
            Some(CalibrationEntry { handler: handler.clone(), lang: *lang, factor, bids: t.count() })
        };
        let file = CalibrationFile { calibration: self.tables.iter().filter_map(entry).collect() };
        let head = "# What the handlers' confidences are multiplied with; written by `tiebreak calibrate --write`.\n";
        // Plain strings and numbers: nothing that TOML could not say.
        format!("{head}{}", toml::to_string(&file).unwrap_or_default())
    }
}

fn bin_json((i, b): (usize, &Bin)) -> Value {
    let n = b.count as f64;
    json!({ "from": i as f64 / BINS as f64, "bids": b.count, "confidence": b.confidence / n, "right": b.right as f64 / n })
}

impl Expected {
    /// Whether a bid on `receipt` was right: it bid on what was meant, and, if it won, did it to the right thing.
    fn fits(&self, receipt: &Receipt, won: bool) -> bool {
        // To be asked is right where what is meant lets somebody in.
        let meant = self.verdict.as_deref().is_none_or(|v| v != "none");
        let best = receipt.hypotheses.first();
        let intent = self.intent.as_ref().is_none_or(|i| best.is_some_and(|h| h.intent == *i));
        let slots = self.slots.as_ref().is_none_or(|s| best.is_some_and(|h| h.slots == *s));
        let topic = self.topic.as_ref().filter(|_| won);
        let topic = topic.is_none_or(|t| receipt.command.as_ref().is_some_and(|c| c.message.topic == *t));
        meant && intent && slots && topic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(intent: &str, right: Option<&[&str]>) -> Value {
        let mut line = json!({
            "id": "1", "source": "a.flac", "lang": "en",
            "hypotheses": [{ "intent": intent, "slots": { "area": "kitchen" }, "confidence": 0.9, "via": "grammar" }],
            "bids": [{ "handler": "siri", "confidence": 0.95, "outcome": "won" },
                     { "handler": "tmall", "confidence": 0.75, "outcome": "lost" },
                     { "handler": "far", "outcome": "late" }],
            "verdict": { "kind": "award", "handler": "siri", "reason": "" },
            "command": { "topic": "lamp/set", "payload": 1 }, "timeline_ms": {}, "latency_ms": {}
        });
        if let Some(right) = right {
            line["right"] = json!(right);
        }
        line
    }

    #[test]
    fn bids_are_judged_by_sidecar_or_by_mark() {
        let sidecar = "kind = \"command\"\n[expect]\nverdict = \"award\"\nintent = \"HassTurnOn\"\nslots = { area = \"kitchen\" }\ntopic = \"other/set\"";
        let truth = expected(sidecar).expect("a sidecar");
        let mut c = Calibration::default();
        c.add(&line("HassTurnOn", None), |source| (source == "a.flac").then(|| truth.clone()));
        c.add(&line("HassTurnOff", None), |_| Some(truth.clone()));
        c.add(&line("HassTurnOn", Some(&["siri"])), |_| None);
        assert!(c.add(&line("HassTurnOn", None), |_| None) && !c.add(&json!({ "id": "1" }), |_| None));
        assert_eq!((c.judged, c.unjudged), (3, 1));
        let of = |name: &str| c.tables[&(name.to_owned(), Lang::En)].clone();
        // The winner switched another lamp than was meant; tmall is not blamed for that.
        assert_eq!((of("siri").bins()[9].right, of("tmall").bins()[7].right), (1, 1));
        assert!((of("siri").ece().expect("bids") - (0.95 - 1.0 / 3.0)).abs() < 1e-6);
        // One right of three, credited with ten that were right as often as they said.
        assert!((of("tmall").factor().expect("bids") - (1.0 + 7.5) / (2.25 + 7.5)).abs() < 1e-6);
        assert!(
            c.text().contains("siri in en: 3 bids") && c.json()["handlers"].as_array().is_some_and(|h| h.len() == 2)
        );
    }

    #[test]
    fn perfect_confidence_has_no_error() {
        let mut t = Reliability::default();
        assert_eq!((t.ece(), t.factor()), (None, None));
        (0..10).for_each(|i| t.add(0.7, i < 7));
        assert!(t.ece().is_some_and(|e| e < 1e-6), "{t:?}");
        t.add(1.0, true);
        assert_eq!(t.bins()[9].count, 1);
    }

    #[test]
    fn the_factor_repairs_a_boaster_and_the_file_says_so() {
        let mut c = Calibration::default();
        let t = c.tables.entry(("siri".into(), Lang::Zh)).or_default();
        (0..1000).for_each(|i| t.add(0.9, i % 10 < 6));
        assert!(t.ece().is_some_and(|e| (e - 0.3).abs() < 1e-6));
        assert!(t.ece_calibrated().is_some_and(|e| e < 0.01), "{:?}", t.ece_calibrated());
        let file: CalibrationFile = toml::from_str(&c.file()).expect("valid");
        let [entry] = &file.calibration[..] else { panic!("{file:?}") };
        assert_eq!((entry.handler.as_str(), entry.lang, entry.bids), ("siri", Lang::Zh, 1000));
        assert!((entry.factor - 0.67).abs() < 0.01, "{}", entry.factor);
        let png = plot::png(&c).expect("drawn");
        assert_eq!(&png[1..4], b"PNG");
    }
}
