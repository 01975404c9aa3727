//! What the arbiter goes by: policy, reserves, margin, preferences, and what each of them is worth.
//!
//! Plain numbers with their reasons. They are judgements, not measurements, until `tiebreak calibrate` has
//! seen receipts; every one of them can be configured.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::facts::bid::{Answer, Bid, Proposal, Risk};
use crate::facts::intent::{Hypothesis, Lang};

/// How the winner is chosen among the bids that reach their reserve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Confidence, times the share of confirmed actions, times the value of the deed, minus the cost of being wrong,
    /// plus the wake word's preference.
    #[default]
    Utility,
    /// Whoever answers first.
    Fastest,
    /// The highest confidence, the wake word's preference added.
    Confidence,
    /// The first in the stated order: called by name, then `priority`, then the alphabet.
    Priority,
}

impl Policy {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::Utility, Self::Confidence, Self::Priority, Self::Fastest];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utility => "utility",
            Self::Fastest => "fastest",
            Self::Confidence => "confidence",
            Self::Priority => "priority",
        }
    }

    /// The policy of this name in the configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// Confidences that a bid must reach, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reserve {
    /// From here on it is done.
    pub award: f32,
    /// From here up to `award` the speaker is asked; below, nothing happens.
    pub ask: f32,
}

/// One value for each risk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ByRisk<T> {
    /// For [`Risk::Low`].
    pub low: T,
    /// For [`Risk::Medium`].
    pub medium: T,
    /// For [`Risk::High`].
    pub high: T,
}

impl<T: Copy> ByRisk<T> {
    /// The value for `risk`.
    pub fn of(&self, risk: Risk) -> T {
        match risk {
            Risk::Low => self.low,
            Risk::Medium => self.medium,
            Risk::High => self.high,
        }
    }

    /// All three, lowest risk first.
    pub fn all(&self) -> [T; 3] {
        [self.low, self.medium, self.high]
    }
}

/// Everything that the arbiter goes by.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How the winner is chosen.
    pub policy: Policy,
    /// Longest time from the hypotheses to the verdict.
    pub window: Duration,
    /// What a bid must reach. A lamp may be wrong half the time before one minds being asked; an open front
    /// door may not: at 0.8 and above it is done, down to 0.5 it is asked.
    pub reserve: ByRisk<Reserve>,
    /// Whether what lets somebody in needs to be confirmed, however sure everyone is.
    pub confirm: bool,
    /// What a mistake costs, in units of one right deed (policy `utility`): a wrong lamp is a fifth of the
    /// joy of a right one, a wrong heating half, an open door as bad as two right deeds are good.
    pub cost: ByRisk<f64>,
    /// Scores closer than this are a tie, broken by the stated order and never by chance. 0.02 is about what
    /// calibration on a few thousand sentences can resolve.
    pub margin: f64,
    /// Added to the score of the assistant whose wake word was spoken.
    pub wake_preference: f64,
    /// Whose wake word it is: name of the wake word -> name of the handler. A wake word that is not listed
    /// calls nobody in particular.
    pub wake_words: BTreeMap<String, String>,
    /// What the user pinned: an entity's id or a domain (`light`) -> the handler that does it whenever it can,
    /// that is, when its bid reaches the reserve.
    pub pins: BTreeMap<String, String>,
    /// The least risk of what is done to an entity or domain, over what the handlers say.
    pub risk: BTreeMap<String, Risk>,
    /// What the confidences of a handler in a language are multiplied with, as `tiebreak calibrate` found; 1 for
    /// those not listed.
    pub calibration: BTreeMap<(String, Lang), f32>,
    /// Names of handlers, first goes first; those not listed come after, by the alphabet.
    pub priority: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        let wake_words = [("hey_siri", "siri"), ("tian_mao_jing_ling", "tmall")];
        Self {
            policy: Policy::Utility,
            window: Duration::from_millis(500),
            reserve: ByRisk {
                low: Reserve { award: 0.5, ask: 0.4 },
                medium: Reserve { award: 0.6, ask: 0.5 },
                high: Reserve { award: 0.8, ask: 0.5 },
            },
            confirm: true,
            cost: ByRisk { low: 0.2, medium: 0.5, high: 2.0 },
            margin: 0.02,
            wake_preference: 0.15,
            wake_words: wake_words.map(|(word, handler)| (word.to_owned(), handler.to_owned())).into(),
            pins: BTreeMap::new(),
            risk: BTreeMap::new(),
            calibration: BTreeMap::new(),
            priority: Vec::new(),
        }
    }
}

impl Rules {
    /// The handler that `wake` calls by name.
    pub fn called(&self, wake: Option<&str>) -> Option<&str> {
        wake.and_then(|word| self.wake_words.get(word)).map(String::as_str)
    }

    /// The handler that the user pinned for what `best` asks for; an entity's own pin goes before its domain's.
    pub fn pinned(&self, best: Option<&Hypothesis>) -> Option<&str> {
        keys(best?).find_map(|key| self.pins.get(key)).map(String::as_str)
    }

    /// What the confidences of `handler` in `lang` are multiplied with.
    pub fn calibration(&self, handler: &str, lang: Lang) -> f32 {
        self.calibration.get(&(handler.to_owned(), lang)).copied().unwrap_or(1.0)
    }

    /// Whether `proposal` is never awarded but asked about.
    pub fn asks_first(&self, proposal: &Proposal) -> bool {
        self.confirm && matches!(proposal, Proposal::Confirm(_))
    }

    /// The least that any bid needs to be awarded.
    pub fn award_min(&self) -> f32 {
        self.reserve.all().iter().map(|r| r.award).fold(f32::INFINITY, f32::min)
    }

    /// `answer` with the risk that the user demands for what `best` asks for or the bid would be done to.
    pub fn raised(&self, answer: Answer, best: Option<&Hypothesis>) -> Answer {
        let Answer::Bid(mut bid) = answer else { return answer };
        let of = |key: &str| self.risk.get(key).copied().unwrap_or_default();
        let asked = best.into_iter().flat_map(keys).map(of).max().unwrap_or_default();
        let targets = match &bid.proposal {
            Proposal::Act(action) | Proposal::Confirm(action) => action.targets.as_slice(),
            _ => &[],
        };
        let done = targets.iter().map(|t| of(&t.0).max(of(t.domain()))).max().unwrap_or_default();
        bid.risk = bid.risk.max(asked).max(done);
        Answer::Bid(bid)
    }

    /// How good `bid` is, seen by the policy; higher is better. `success`: how many of the bidder's actions were
    /// confirmed lately, 0..=1. `at` is the time since the auction opened.
    pub fn score(&self, bid: &Bid, success: f64, called: bool, at: Duration) -> f64 {
        let confidence = f64::from(bid.confidence);
        match self.policy {
            Policy::Utility => {
                let confidence = confidence * success;
                confidence * value(&bid.proposal) - (1.0 - confidence) * self.cost.of(bid.risk)
                    + self.preference(called)
            }
            Policy::Confidence => confidence + self.preference(called),
            Policy::Fastest => -at.as_secs_f64(),
            Policy::Priority => 0.0,
        }
    }

    /// The best score that a handler which has not answered yet can still reach.
    pub fn score_max(&self, confidence_max: f32, success: f64, called: bool) -> f64 {
        let confidence = f64::from(confidence_max);
        match self.policy {
            Policy::Utility => {
                let confidence = confidence * success;
                let cost_min = self.cost.all().into_iter().fold(f64::INFINITY, f64::min);
                confidence * VALUE_MAX - (1.0 - confidence) * cost_min + self.preference(called)
            }
            Policy::Confidence => confidence + self.preference(called),
            // Whoever has answered was faster than anyone who has not.
            Policy::Fastest => f64::NEG_INFINITY,
            Policy::Priority => 0.0,
        }
    }

    /// Scores this close are a tie.
    pub fn margin(&self) -> f64 {
        match self.policy {
            Policy::Utility | Policy::Confidence => self.margin,
            Policy::Fastest | Policy::Priority => 0.0,
        }
    }

    /// The place of `handler` in the stated order; lower goes first, equal places go by name.
    pub fn place(&self, handler: &str, called: bool) -> usize {
        if called { 0 } else { self.priority.iter().position(|p| p == handler).map_or(usize::MAX, |i| i + 1) }
    }

    fn preference(&self, called: bool) -> f64 {
        if called { self.wake_preference } else { 0.0 }
    }
}

/// What a hypothesis is about, as keys of the configuration: the entity's id, then its domain.
fn keys(h: &Hypothesis) -> impl Iterator<Item = &str> {
    let name = h.text("name");
    let domain = name.and_then(|n| n.split_once('.')).map(|(domain, _)| domain);
    name.into_iter().chain(domain).chain(h.text("domain"))
}

/// The value of a deed in the house, the unit of utility.
const VALUE_MAX: f64 = 1.0;
/// A handler that only talks is worth less than one that does what was asked.
const VALUE_OF_A_REPLY: f64 = 0.8;

fn value(proposal: &Proposal) -> f64 {
    match proposal {
        Proposal::Act(_) | Proposal::Confirm(_) | Proposal::Publish(_) | Proposal::Itself => VALUE_MAX,
        Proposal::Reply(_) => VALUE_OF_A_REPLY,
    }
}
