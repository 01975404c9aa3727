//! The arbiter: who wins, decided by nothing but the bids and the time they came.
//!
//! A pure state machine: it holds no clock, socket or thread; time comes in as an argument and the decision
//! goes out as a value. It always ends (`award`, `ask` or `none`), at the deadline at the latest, and a bid
//! that comes after the close is recorded and never counted. `auction` drives it in real time.

use std::time::Duration;

use super::handler::checked;
use super::rules::{Policy, Rules};
use crate::facts::bid::{Answer, Bid, BidRecord, Closed, Outcome, Proposal, Risk, Verdict, VerdictKind};
use crate::receipt::round;

/// Who is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Participant {
    /// Unique name of the handler.
    pub name: String,
    /// The highest confidence it can bid, 0..=1, as it counts them itself.
    pub confidence_max: f32,
    /// What is known of it from before.
    pub standing: Standing,
}

impl Participant {
    /// One of whom nothing is known yet.
    pub fn new(name: impl Into<String>, confidence_max: f32) -> Self {
        Self { name: name.into(), confidence_max, standing: Standing::default() }
    }
}

/// What is known of a handler before it answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Its confidences are multiplied with this, because of how often they were right before (`tiebreak calibrate`).
    pub calibration: f32,
    /// Share of its actions that were confirmed lately, 0..=1.
    pub success: f64,
    /// Whether `success` says anything yet.
    pub has_acted: bool,
    /// Within this time it mostly answers; for the receipt alone.
    pub p95: Option<Duration>,
}

impl Default for Standing {
    fn default() -> Self {
        Self { calibration: 1.0, success: 1.0, has_acted: false, p95: None }
    }
}

/// When an auction takes place and whose wake word opened it. Times are on the stream's clock.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The wake word, if one was spoken.
    pub wake: Option<&'a str>,
    /// The handler that the user pinned for this, if any.
    pub pinned: Option<&'a str>,
    /// The hypotheses became ready.
    pub opened: Duration,
    /// An answer that comes at this instant still counts, a later one does not.
    pub deadline: Duration,
}

/// What became of an answer that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It counts.
    Counted,
    /// It came after the close; recorded.
    Late,
    /// The handler had answered before; only the first answer counts.
    Repeated,
    /// Nobody of this name was asked.
    Unknown,
}

/// How an auction ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// For the receipt.
    pub verdict: Verdict,
    /// When, on the stream's clock.
    pub at: Duration,
    /// What the winner does; `None` unless the verdict is an award.
    pub proposal: Option<Proposal>,
    /// What is done if the speaker confirms it; `None` unless the verdict is to ask.
    pub pending: Option<Proposal>,
}

/// The score of the handler that the user pinned: no other bid comes near it.
const PIN: f64 = f64::INFINITY;

/// One auction.
#[derive(Debug)]
pub struct Auction<'r> {
    rules: &'r Rules,
    opened: Duration,
    deadline: Duration,
    /// In the stated order, so that the first of a tie is the one that goes first.
    seats: Vec<Seat>,
    decision: Option<Decision>,
}

#[derive(Debug)]
struct Seat {
    name: String,
    /// As it counts itself; what it bids is held to it.
    confidence_max: f32,
    standing: Standing,
    /// As it bid, before calibration.
    said: Option<f32>,
    called: bool,
    pinned: bool,
    answer: Option<(Answer, Duration)>,
    /// The first answer after the close: its confidence and time.
    late: Option<(Option<f32>, Duration)>,
    repeats: u32,
    /// Answers to other decisions that came while this one was open.
    strays: u32,
}

impl<'r> Auction<'r> {
    /// Opens an auction among `participants`; of two with the same name the first is asked.
    pub fn open(participants: &[Participant], rules: &'r Rules, terms: Terms<'_>) -> Self {
        let called = rules.called(terms.wake);
        let mut seats: Vec<Seat> = Vec::with_capacity(participants.len());
        for p in participants {
            if seats.iter().all(|s| s.name != p.name) {
                // A maximum that is no number promises nothing, so nothing may be concluded from it.
                let confidence_max = if p.confidence_max.is_nan() { 1.0 } else { p.confidence_max.clamp(0.0, 1.0) };
                let called = called == Some(p.name.as_str());
                seats.push(Seat {
                    name: p.name.clone(),
                    confidence_max,
                    standing: p.standing,
                    said: None,
                    called,
                    pinned: terms.pinned == Some(p.name.as_str()),
                    answer: None,
                    late: None,
                    repeats: 0,
                    strays: 0,
                });
            }
        }
        seats.sort_by(|a, b| {
            rules.place(&a.name, a.called).cmp(&rules.place(&b.name, b.called)).then_with(|| a.name.cmp(&b.name))
        });
        Self { rules, opened: terms.opened, deadline: terms.deadline.max(terms.opened), seats, decision: None }
    }

    /// Hands in what `handler` answered at `now`. Decides nothing: see [`Auction::tick`].
    pub fn answer(&mut self, handler: &str, answer: Answer, now: Duration) -> Taken {
        let closed = self.decision.is_some() || now > self.deadline;
        let Some(seat) = self.seats.iter_mut().find(|s| s.name == handler) else { return Taken::Unknown };
        if seat.answer.is_some() || seat.late.is_some() {
            seat.repeats = seat.repeats.saturating_add(1);
            return Taken::Repeated;
        }
        let mut answer = checked(answer, seat.confidence_max);
        let confidence = if let Answer::Bid(bid) = &answer { Some(bid.confidence) } else { None };
        if closed {
            seat.late = Some((confidence, now));
            return Taken::Late;
        }
        if let Answer::Bid(bid) = &mut answer {
            bid.confidence = seat.calibrated(bid.confidence);
        }
        seat.said = confidence;
        seat.answer = Some((answer, now));
        Taken::Counted
    }

    /// Notes that `handler` answered some other decision; such an answer never counts, the receipt mentions it.
    pub fn stray(&mut self, handler: &str) {
        if let Some(seat) = self.seats.iter_mut().find(|s| s.name == handler) {
            seat.strays = seat.strays.saturating_add(1);
        }
    }

    /// Says that it is `now` and that every answer which has come until `now` was handed in. Returns the
    /// decision once there is one; it never changes afterwards.
    pub fn tick(&mut self, now: Duration) -> Option<&Decision> {
        if self.decision.is_none() {
            let closed = if self.is_settled() {
                Some(Closed::Early)
            } else if now >= self.deadline {
                Some(Closed::Deadline)
            } else {
                None
            };
            self.decision = closed.map(|closed| self.decide(closed, now));
        }
        self.decision.as_ref()
    }

    /// Ends the auction: what is decided at `now`, or at the deadline if that is still ahead.
    pub fn close(&mut self, now: Duration) -> Decision {
        match self.tick(now).cloned() {
            Some(decision) => decision,
            None => self.decision.insert(self.decide(Closed::Deadline, now.max(self.deadline))).clone(),
        }
    }

    /// The decision, once there is one.
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// Who has bid enough to act, or to have the speaker asked: with that, nobody but a rival is needed any more.
    pub fn served(&self) -> Option<&str> {
        let enough = |s: &&Seat| s.bid().is_some_and(|(bid, _)| bid.confidence >= self.rules.reserve.of(bid.risk).ask);
        self.seats.iter().find(enough).map(|s| s.name.as_str())
    }

    /// Those who have not answered yet.
    pub fn outstanding(&self) -> impl Iterator<Item = &str> {
        self.seats.iter().filter(|s| s.answer.is_none()).map(|s| s.name.as_str())
    }

    /// The last instant at which an answer counts.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// One line for each participant, in the stated order.
    pub fn records(&self) -> Vec<BidRecord> {
        self.seats.iter().map(|seat| self.record(seat)).collect()
    }

    /// Whether no answer that is still to come could change who wins, or whether to ask.
    fn is_settled(&self) -> bool {
        let mut outstanding = self.seats.iter().enumerate().filter(|(_, s)| s.answer.is_none());
        let Some((top, winner)) = self.leader() else {
            let ask_min = self.rules.reserve.all().iter().map(|r| r.ask).fold(f32::INFINITY, f32::min);
            return outstanding.all(|(_, s)| s.calibrated(s.confidence_max) < ask_min);
        };
        let award_min = self.rules.award_min();
        outstanding.all(|(i, s)| {
            let confidence_max = s.calibrated(s.confidence_max);
            let most = if s.pinned { PIN } else { self.rules.score_max(confidence_max, s.standing.success, s.called) };
            // Too weak for any reserve; or unable to raise the top and, if near it, behind in the order.
            confidence_max < award_min || (most <= top && (!self.is_near(most, top) || winner < i))
        })
    }

    /// The highest score, and the seat that wins: the first in the stated order among those near it.
    fn leader(&self) -> Option<(f64, usize)> {
        let top = self.eligible().map(|(_, score)| score).max_by(f64::total_cmp)?;
        let winner = self.eligible().find(|(_, score)| self.is_near(*score, top))?.0;
        Some((top, winner))
    }

    fn is_near(&self, score: f64, top: f64) -> bool {
        // The billionth takes up the rounding of sums that ought to be equal.
        score >= top - self.rules.margin().max(0.0) - 1e-9
    }

    /// Seats whose bid reaches its reserve, with its score, in the stated order.
    fn eligible(&self) -> impl Iterator<Item = (usize, f64)> {
        self.seats.iter().enumerate().filter_map(|(i, seat)| {
            let (bid, at) = seat.bid()?;
            let reached =
                bid.confidence >= self.rules.reserve.of(bid.risk).award && !self.rules.asks_first(&bid.proposal);
            let score = || self.score(seat, bid, at);
            reached.then(|| (i, if seat.pinned { PIN } else { score() }))
        })
    }

    fn score(&self, seat: &Seat, bid: &Bid, at: Duration) -> f64 {
        self.rules.score(bid, seat.standing.success, seat.called, at.saturating_sub(self.opened))
    }

    fn decide(&self, closed: Closed, now: Duration) -> Decision {
        let verdict = |kind, handler: Option<&Seat>, reason| Verdict {
            kind,
            handler: handler.map(|s| s.name.clone()),
            reason,
            closed: Some(closed),
        };
        if let Some((_, winner)) = self.leader() {
            let seat = &self.seats[winner];
            let proposal = seat.bid().map(|(bid, _)| bid.proposal.clone());
            return Decision {
                verdict: verdict(VerdictKind::Award, Some(seat), self.why(winner)),
                at: now,
                proposal,
                pending: None,
            };
        }
        // `max_by` keeps the last of equals; the first in the order is wanted, hence backwards.
        let bids = || self.seats.iter().rev().filter_map(|s| Some((s, s.bid()?.0)));
        let surest = |a: &(&Seat, &Bid), b: &(&Seat, &Bid)| a.1.confidence.total_cmp(&b.1.confidence);
        let asking = bids().filter(|(_, bid)| bid.confidence >= self.rules.reserve.of(bid.risk).ask).max_by(surest);
        let pending = asking.map(|(_, bid)| bid.proposal.clone());
        let verdict = match (asking, bids().max_by(surest)) {
            (Some((seat, bid)), _) if self.rules.asks_first(&bid.proposal) => {
                let why =
                    format!("{} bid {:.2}; this lets somebody in, so the speaker is asked", seat.name, bid.confidence);
                verdict(VerdictKind::Ask, Some(seat), why)
            }
            (Some((seat, bid)), _) => {
                verdict(VerdictKind::Ask, Some(seat), self.below_reserve(seat, bid, "so the speaker is asked"))
            }
            (None, Some((seat, bid))) => {
                verdict(VerdictKind::None, None, self.below_reserve(seat, bid, "so nothing is done"))
            }
            (None, None) => verdict(VerdictKind::None, None, self.why_nobody()),
        };
        Decision { verdict, at: now, proposal: None, pending }
    }

    /// Why `winner` won, in plain words.
    fn why(&self, winner: usize) -> String {
        let seat = &self.seats[winner];
        let Some((bid, at)) = seat.bid() else { return String::new() };
        let rivals = self.eligible().filter(|(i, _)| *i != winner);
        let Some((rival, rival_score)) = rivals.max_by(|a, b| a.1.total_cmp(&b.1)) else {
            let why = if self.seats.len() > 1 { "nobody else bid high enough" } else { "nobody else was asked" };
            return format!("{} bid {:.2}; {why}", seat.name, bid.confidence);
        };
        let other = &self.seats[rival];
        let Some((other_bid, _)) = other.bid() else { return String::new() };
        let mine = self.score(seat, bid, at);
        let tie = self.is_near(rival_score, mine) && self.is_near(mine, rival_score);
        let mut why =
            format!("{} bid {:.2} against {}'s {:.2}", seat.name, bid.confidence, other.name, other_bid.confidence);
        why += match self.rules.policy {
            _ if seat.pinned => "; you pinned this to it",
            Policy::Fastest if !tie => "; it answered first",
            Policy::Fastest => "; both answered at once, and it comes first in the stated order",
            _ if seat.called => "; it was called by name",
            Policy::Priority => "; it comes first in the stated order",
            _ if tie && bid.proposal == other_bid.proposal => {
                "; both would do the same, and it comes first in the stated order"
            }
            _ if tie => "; too close to tell, and it comes first in the stated order",
            _ if bid.confidence < other_bid.confidence && seat.standing.success > other.standing.success => {
                "; more of its actions were confirmed lately"
            }
            _ if bid.confidence < other_bid.confidence => "; being wrong would cost less",
            _ => "",
        };
        why
    }

    fn below_reserve(&self, seat: &Seat, bid: &Bid, then: &str) -> String {
        let award = self.rules.reserve.of(bid.risk).award;
        let risk = match bid.risk {
            Risk::Low => "a low-risk action",
            Risk::Medium => "an action of some risk",
            Risk::High => "a high-risk action",
        };
        format!(
            "the best bid, {}'s {:.2}, is below the {award:.2} that {risk} needs, {then}",
            seat.name, bid.confidence
        )
    }

    fn why_nobody(&self) -> String {
        if self.seats.is_empty() {
            return "there is no handler to ask".into();
        }
        let each: Vec<String> = self
            .seats
            .iter()
            .map(|s| match &s.answer {
                Some((Answer::Decline(why) | Answer::Failed(why), _)) => format!("{}: {why}", s.name),
                _ => format!("{}: no answer in time", s.name),
            })
            .collect();
        format!("nobody bid ({})", each.join("; "))
    }

    fn record(&self, seat: &Seat) -> BidRecord {
        let ms = |at: Duration| Some(round(at.saturating_sub(self.opened).as_secs_f64() * 1000.0));
        let Standing { calibration, success, has_acted, p95 } = seat.standing;
        let line = |confidence: Option<f32>, at_ms, outcome, reason: Option<String>| BidRecord {
            handler: seat.name.clone(),
            confidence,
            calibrated: confidence.filter(|_| calibration != 1.0).map(|c| seat.calibrated(c)),
            at_ms,
            outcome,
            p95_ms: p95.map(|p95| round(p95.as_secs_f64() * 1000.0)),
            success: has_acted.then(|| round(success)),
            reason: noted(reason, seat.repeats, seat.strays),
        };
        match (&seat.answer, &seat.late) {
            (Some((Answer::Bid(bid), at)), _) => {
                let award = self.decision.as_ref().filter(|d| d.verdict.kind == VerdictKind::Award);
                let won = award.is_some_and(|d| d.verdict.handler.as_deref() == Some(&seat.name));
                let reserve = self.rules.reserve.of(bid.risk).award;
                let low = (bid.confidence < reserve).then(|| format!("below the reserve of {reserve:.2}"));
                let asks = self.rules.asks_first(&bid.proposal).then(|| "it needs to be confirmed".to_owned());
                line(seat.said, ms(*at), if won { Outcome::Won } else { Outcome::Lost }, low.or(asks))
            }
            (Some((Answer::Decline(why), at)), _) => line(None, ms(*at), Outcome::Declined, Some(why.clone())),
            (Some((Answer::Failed(why), at)), _) => line(None, ms(*at), Outcome::Failed, Some(why.clone())),
            (None, Some((confidence, at))) => {
                line(*confidence, ms(*at), Outcome::Late, Some("it came after the close".into()))
            }
            (None, None) => line(None, None, Outcome::Late, Some("no answer before the close".into())),
        }
    }
}

impl Seat {
    /// What a confidence of its is worth, 0..=1.
    fn calibrated(&self, confidence: f32) -> f32 {
        (confidence * self.standing.calibration).clamp(0.0, 1.0)
    }

    fn bid(&self) -> Option<(&Bid, Duration)> {
        match &self.answer {
            Some((Answer::Bid(bid), at)) => Some((bid, *at)),
            _ => None,
        }
    }
}

/// `reason`, with what else is to be said about answers that do not count.
fn noted(reason: Option<String>, repeats: u32, strays: u32) -> Option<String> {
    let repeated = (repeats > 0).then(|| format!("answered {repeats} more time(s), not counted"));
    let strayed = (strays > 0).then(|| format!("answered another decision {strays} time(s), not counted"));
    let parts: Vec<String> = [reason, repeated, strayed].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}
