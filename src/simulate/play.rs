//! Plays one world under one set of rules, as `decide/auction.rs` and `engine/line.rs` would, and checks every
//! invariant that an auction has.

use std::time::Duration;

use super::world::{NAMES, OPENED, RIGHT, Said, WINDOW_US, World};
use crate::act::fence::Fence;
use crate::decide::arbiter::{Auction, Decision, Participant, Terms};
use crate::decide::rules::Rules;
use crate::facts::bid::{Answer, Bid, Closed, Command, Message, Outcome, Proposal, VerdictKind};

/// How one auction went, seen by somebody who knows what was meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// How it ended.
    pub kind: VerdictKind,
    /// Whether the winner does what was meant; `None` without an award.
    pub right: Option<bool>,
    /// Whether some valid bid within the window, above its reserve, was right.
    pub possible: bool,
    /// Whether it closed early.
    pub early: bool,
    /// True time from the opening to the decision, in microseconds.
    pub took_us: u64,
    /// Invariants that were broken.
    pub broken: Vec<&'static str>,
}

const DEEDS: [&str; 4] = ["right", "wrong/1", "wrong/2", "wrong/3"];

/// Plays `world` under `rules`.
pub fn play(world: &World, rules: &Rules) -> Played {
    let mut auction = open(world, rules);
    let mut decided: Option<(Decision, u64)> = None;
    let mut note = |auction: &Auction<'_>, at_us| {
        if let (None, Some(d)) = (&decided, auction.decision()) {
            decided = Some((d.clone(), at_us));
        }
    };
    auction.tick(world.now(0));
    note(&auction, 0);
    let mut over = false;
    for (i, e) in world.events.iter().enumerate() {
        if e.at_us > WINDOW_US && !over {
            over = true;
            auction.close(world.now(WINDOW_US));
            note(&auction, WINDOW_US);
        }
        auction.answer(name(e.who), answer(e.said, world), world.now(e.at_us));
        if world.events.get(i + 1).is_none_or(|next| next.at_us != e.at_us) {
            auction.tick(world.now(e.at_us));
            note(&auction, e.at_us);
        }
    }
    auction.close(world.now(WINDOW_US));
    note(&auction, WINDOW_US);
    let Some((decision, took_us)) = decided else {
        return Played {
            kind: VerdictKind::None,
            right: None,
            possible: false,
            early: false,
            took_us: 0,
            broken: vec!["it ends"],
        };
    };
    let right = decision.proposal.as_ref().map(|p| topic(p) == Some(DEEDS[usize::from(RIGHT)]));
    let possible = (0..world.participants.len())
        .any(|who| eligible(world, rules, who).is_some_and(|said| matches!(said, Said::Bid { deed: RIGHT, .. })));
    let early = decision.verdict.closed == Some(Closed::Early);
    let broken = check(world, rules, &auction, &decision, took_us);
    Played { kind: decision.verdict.kind, right, possible, early, took_us, broken }
}

fn open<'r>(world: &World, rules: &'r Rules) -> Auction<'r> {
    let who: Vec<Participant> = world
        .participants
        .iter()
        .zip(NAMES)
        .map(|(&confidence_max, name)| Participant::new(name, confidence_max))
        .collect();
    // The rules name wake words after those whom they call.
    let wake = world.called.map(|who| NAMES[who]);
    let pinned = world.pinned.map(|who| NAMES[who]);
    let deadline = OPENED + Duration::from_micros(WINDOW_US);
    Auction::open(&who, rules, Terms { wake, pinned, opened: OPENED, deadline })
}

fn name(who: usize) -> &'static str {
    NAMES.get(who).copied().unwrap_or("stranger")
}

fn answer(said: Said, world: &World) -> Answer {
    match said {
        Said::Bid { confidence, deed } => {
            let topic = DEEDS[usize::from(deed) % DEEDS.len()].to_owned();
            let message = Message { topic, payload: serde_json::Value::Null, qos: 1, retain: false };
            let proposal = Proposal::Publish(Command { message, and: Vec::new() });
            Answer::Bid(Bid { confidence, risk: world.risk, proposal })
        }
        Said::Decline => Answer::Decline("no".into()),
        Said::Crash => Answer::Failed("it crashed".into()),
    }
}

fn topic(proposal: &Proposal) -> Option<&str> {
    match proposal {
        Proposal::Publish(command) => Some(&command.message.topic),
        _ => None,
    }
}

/// What `who` said first, if that was a valid bid in time, by the clock as by true time, above its reserve.
fn eligible(world: &World, rules: &Rules, who: usize) -> Option<Said> {
    let first = world.events.iter().find(|e| e.who == who)?;
    let Said::Bid { confidence, .. } = first.said else { return None };
    let deadline = OPENED + Duration::from_micros(WINDOW_US);
    let in_time = first.at_us <= WINDOW_US && world.now(first.at_us) <= deadline;
    let valid = (0.0..=world.participants[who] + 1e-6).contains(&confidence) && confidence <= 1.0;
    (in_time && valid && confidence >= rules.reserve.of(world.risk).award).then_some(first.said)
}

fn check(world: &World, rules: &Rules, auction: &Auction<'_>, decision: &Decision, took_us: u64) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let mut must = |holds: bool, what| {
        if !holds {
            broken.push(what);
        }
    };
    must(took_us <= WINDOW_US, "never later than the ceiling");
    let deadline = OPENED + Duration::from_micros(WINDOW_US);
    must(world.jump.is_some() || decision.at <= deadline, "decided by the deadline");
    must(auction.decision() == Some(decision), "a decision never changes");
    let records = auction.records();
    must(records.len() == world.participants.len(), "one line for each that was asked");
    let awarded = decision.verdict.kind == VerdictKind::Award;
    let mut won = records.iter().filter(|b| b.outcome == Outcome::Won);
    let winner = won.next().map(|b| b.handler.as_str());
    must(won.next().is_none(), "at most one winner");
    must(winner == decision.verdict.handler.as_deref().filter(|_| awarded), "the one awarded is the one that won");
    must(decision.proposal.is_some() == awarded, "only an award carries something to do");
    if let Some(who) = winner.and_then(|w| NAMES.iter().position(|n| *n == w)) {
        let said = eligible(world, rules, who);
        must(said.is_some(), "the winner bid validly, in time, above its reserve");
        let deed = said.map(|s| topic_of(s, world));
        must(
            deed.flatten() == decision.proposal.as_ref().and_then(topic).map(str::to_owned),
            "what is done is what was bid first",
        );
        let first = world.events.iter().find(|e| e.who == who);
        must(first.is_some_and(|e| e.at_us <= took_us), "no bid wins before it came");
    }
    let pinned = world.pinned.filter(|&who| world.jump.is_none() && eligible(world, rules, who).is_some());
    must(pinned.is_none_or(|who| winner == Some(NAMES[who])), "a pin wins");
    if world.jump.is_none() {
        must(patient(world, rules).as_deref() == winner, "closing early changes no winner");
    }
    must(acts(world, decision) <= u32::from(awarded), "a decision acts once, in time, or not at all");
    broken
}

fn topic_of(said: Said, world: &World) -> Option<String> {
    match answer(said, world) {
        Answer::Bid(bid) => topic(&bid.proposal).map(str::to_owned),
        _ => None,
    }
}

/// Who wins if nobody looks at the clock before the deadline.
fn patient(world: &World, rules: &Rules) -> Option<String> {
    let mut auction = open(world, rules);
    for e in world.events.iter().filter(|e| e.at_us <= WINDOW_US) {
        auction.answer(name(e.who), answer(e.said, world), world.now(e.at_us));
    }
    let verdict = auction.close(world.now(WINDOW_US)).verdict;
    verdict.handler.filter(|_| verdict.kind == VerdictKind::Award)
}

/// How often a fence lets this decision act, when the winner and everyone who wrongly thinks that it won try
/// again and again; more than allowed if one passes after its time.
fn acts(world: &World, decision: &Decision) -> u32 {
    if decision.verdict.kind != VerdictKind::Award {
        return 0;
    }
    let mut fence = Fence::default();
    let first = decision.at + Duration::from_micros(world.act_after_us);
    let mut passed = 0;
    for again in [0, 0, 1, 1_900_000, 2_100_000, 5_000_000] {
        let now = first + Duration::from_micros(again);
        if fence.admit("decision", decision.at, now).is_ok() {
            passed += if now <= decision.at + fence.valid() { 1 } else { 2 };
        }
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::Policy;
    use crate::simulate::rules;
    use crate::simulate::world::Event;

    #[test]
    fn the_checks_see_what_is_wrong() {
        let bid = |at_us, who, deed| Event { at_us, who, said: Said::Bid { confidence: 0.8, deed } };
        let mut world = World::draw(1);
        world.participants = vec![0.9, 0.9];
        world.events = vec![bid(10, 0, 1), bid(20, 1, RIGHT)];
        (world.called, world.pinned, world.jump) = (None, None, None);
        world.risk = crate::facts::bid::Risk::Low;
        let rules = rules(Policy::Fastest);
        let fine = play(&world, &rules);
        assert_eq!((fine.right, fine.possible, fine.took_us), (Some(false), true, 10));
        assert!(fine.broken.is_empty(), "{:?}", fine.broken);
        // A verdict of another world does not stand up to the checks.
        let mut auction = open(&world, &rules);
        auction.answer("h1", answer(world.events[1].said, &world), world.now(20));
        let decision = auction.close(world.now(WINDOW_US));
        let broken = check(&World { pinned: Some(0), ..world.clone() }, &rules, &auction, &decision, WINDOW_US + 1);
        assert!(broken.contains(&"never later than the ceiling") && broken.contains(&"a pin wins"), "{broken:?}");
    }
}
