//! What the arbiter must never get wrong, by example and at random (a failure prints its seed).

use std::time::Duration;

use super::arbiter::{Auction, Decision, Participant, Standing, Taken, Terms};
use super::rules::{Policy, Rules};
use crate::facts::bid::{Action, Answer, Bid, Closed, Operation, Outcome, Proposal, Risk, VerdictKind};
use crate::facts::home::EntityId;

const WINDOW_MS: u64 = 500;

fn ms(t: u64) -> Duration {
    Duration::from_millis(t)
}

fn bid(confidence: f32, risk: Risk) -> Answer {
    Answer::Bid(Bid { confidence, risk, proposal: Proposal::Publish(command("a")) })
}

/// To do something that lets somebody in.
fn confirm(confidence: f32) -> Answer {
    let action = Action { targets: vec![EntityId("lock.door".into())], operation: Operation::TurnOff };
    Answer::Bid(Bid { confidence, risk: Risk::High, proposal: Proposal::Confirm(action) })
}

fn command(topic: &str) -> crate::facts::bid::Command {
    let message = crate::facts::bid::Message { topic: topic.into(), payload: "x".into(), qos: 1, retain: false };
    crate::facts::bid::Command { message, and: Vec::new() }
}

/// Of those, h1 to h3 have a past.
fn participants(who: &[(&str, f32)]) -> Vec<Participant> {
    let one = |&(name, confidence_max): &(&str, f32)| {
        let standing = match name {
            "h1" => Standing { calibration: 0.7, ..Standing::default() },
            "h2" => Standing { calibration: 1.3, success: 0.9, ..Standing::default() },
            "h3" => Standing { success: 0.4, ..Standing::default() },
            _ => Standing::default(),
        };
        Participant { standing, ..Participant::new(name, confidence_max) }
    };
    who.iter().map(one).collect()
}

fn open<'r>(who: &[(&str, f32)], rules: &'r Rules, wake: Option<&str>) -> Auction<'r> {
    let pinned = rules.pins.get("test").map(String::as_str);
    Auction::open(&participants(who), rules, Terms { wake, pinned, opened: ms(1000), deadline: ms(1000 + WINDOW_MS) })
}

/// Two handlers that both answer after 1 ms.
fn duel(rules: &Rules, wake: Option<&str>, siri: Answer, tmall: Answer) -> Decision {
    let mut auction = open(&[("siri", 1.0), ("tmall", 1.0)], rules, wake);
    auction.answer("tmall", tmall, ms(1001));
    auction.answer("siri", siri, ms(1001));
    auction.tick(ms(1001)).expect("everyone has answered").clone()
}

fn winner(decision: &Decision) -> Option<&str> {
    decision.verdict.handler.as_deref().filter(|_| decision.verdict.kind == VerdictKind::Award)
}

#[test]
fn the_better_bid_wins_and_the_reason_says_so() {
    let d = duel(&Rules::default(), None, bid(0.91, Risk::Low), bid(0.64, Risk::Low));
    assert_eq!(winner(&d), Some("siri"));
    assert_eq!(d.verdict.closed, Some(Closed::Early));
    assert_eq!(d.verdict.reason, "siri bid 0.91 against tmall's 0.64");
}

#[test]
fn the_assistant_called_by_name_is_preferred_by_the_stated_weight() {
    let rules = Rules::default();
    let d = duel(&rules, Some("tian_mao_jing_ling"), bid(0.9, Risk::Low), bid(0.85, Risk::Low));
    assert_eq!(winner(&d), Some("tmall"));
    assert!(d.verdict.reason.ends_with("it was called by name"), "{}", d.verdict.reason);
    // The weight is a weight, not a right.
    let d = duel(&rules, Some("tian_mao_jing_ling"), bid(0.95, Risk::Low), bid(0.6, Risk::Low));
    assert_eq!(winner(&d), Some("siri"));
    let d = duel(&rules, Some("computer"), bid(0.9, Risk::Low), bid(0.85, Risk::Low));
    assert_eq!(winner(&d), Some("siri"));
}

#[test]
fn each_risk_has_its_reserve_and_its_band_for_asking() {
    use VerdictKind::{Ask, Award, None as Nothing};
    let table = [
        (0.5, Risk::Low, Award),
        (0.49, Risk::Low, Ask),
        (0.39, Risk::Low, Nothing),
        (0.6, Risk::Medium, Award),
        (0.59, Risk::Medium, Ask),
        (0.49, Risk::Medium, Nothing),
        (0.8, Risk::High, Award),
        (0.79, Risk::High, Ask),
        (0.5, Risk::High, Ask),
        (0.49, Risk::High, Nothing),
    ];
    for (confidence, risk, kind) in table {
        let d = duel(&Rules::default(), None, bid(confidence, risk), Answer::Decline("no".into()));
        assert_eq!(d.verdict.kind, kind, "{confidence} {risk:?}: {}", d.verdict.reason);
        assert_eq!(d.proposal.is_some(), kind == Award, "only an award carries something to do");
    }
}

#[test]
fn a_tie_goes_by_the_stated_order() {
    let close = |rules: &Rules, wake| {
        let other = Answer::Bid(Bid { confidence: 0.9, risk: Risk::Low, proposal: Proposal::Reply("b".into()) });
        let Answer::Bid(mut b) = other else { unreachable!() };
        b.proposal = Proposal::Publish(command("b"));
        duel(rules, wake, bid(0.91, Risk::Low), Answer::Bid(b))
    };
    let mut rules = Rules::default();
    let d = close(&rules, None);
    assert_eq!(winner(&d), Some("siri"));
    assert!(d.verdict.reason.contains("too close to tell"), "{}", d.verdict.reason);
    rules.priority = vec!["tmall".into()];
    assert_eq!(winner(&close(&rules, None)), Some("tmall"));
    rules.wake_preference = 0.0;
    assert_eq!(winner(&close(&rules, Some("hey_siri"))), Some("siri"), "called by name goes before the list");
    rules.margin = 0.0;
    assert_eq!(winner(&close(&rules, None)), Some("siri"), "no margin, no tie");
}

#[test]
fn the_auction_closes_early_only_when_nobody_left_can_win() {
    let rules = Rules::default();
    let mut auction = open(&[("far", 0.8), ("siri", 1.0)], &rules, None);
    auction.answer("siri", bid(0.9, Risk::Low), ms(1001));
    assert_eq!(auction.tick(ms(1001)).map(|d| d.at), Some(ms(1001)));
    assert_eq!(auction.records()[0].outcome, Outcome::Late);

    let mut auction = open(&[("far", 0.95), ("siri", 1.0)], &rules, None);
    auction.answer("siri", bid(0.9, Risk::Low), ms(1001));
    assert_eq!(auction.tick(ms(1400)), None);
    let d = auction.tick(ms(1500)).expect("the deadline decides");
    assert_eq!((winner(d), d.verdict.closed), (Some("siri"), Some(Closed::Deadline)));

    // One who could never reach a reserve is not waited for; without a leader one who could make us ask is.
    for (confidence_max, waits) in [(0.3, false), (0.45, true)] {
        let mut auction = open(&[("far", confidence_max), ("siri", 1.0)], &rules, None);
        auction.answer("siri", Answer::Decline("no".into()), ms(1001));
        assert_eq!(auction.tick(ms(1001)).is_none(), waits, "{confidence_max}");
    }
}

#[test]
fn a_calibration_moves_the_bid_and_the_record_keeps_both_figures() {
    let rules = Rules::default();
    let mut auction = open(&[("h0", 1.0), ("h1", 1.0)], &rules, None);
    auction.answer("h1", bid(0.95, Risk::Low), ms(1001));
    auction.answer("h0", bid(0.7, Risk::Low), ms(1001));
    assert_eq!(winner(auction.tick(ms(1001)).expect("everyone has answered")), Some("h0"));
    let records = auction.records();
    let h1 = records.iter().find(|r| r.handler == "h1").expect("asked");
    assert_eq!(h1.confidence, Some(0.95));
    assert!(h1.calibrated.is_some_and(|c| (c - 0.665).abs() < 1e-6), "{h1:?}");
    assert_eq!(records.iter().find(|r| r.handler == "h0").and_then(|r| r.calibrated), None);
    // What it can reach at the most is calibrated too: nobody waits for a boaster.
    let mut auction = open(&[("h0", 1.0), ("h1", 1.0)], &rules, None);
    auction.answer("h0", bid(0.95, Risk::Low), ms(1001));
    assert!(auction.tick(ms(1001)).is_some());
}

#[test]
fn unconfirmed_actions_weigh_against_a_rival_but_not_against_the_reserve() {
    let rules = Rules::default();
    let mut auction = open(&[("h0", 1.0), ("h3", 1.0)], &rules, None);
    auction.answer("h3", bid(0.95, Risk::Low), ms(1001));
    auction.answer("h0", bid(0.7, Risk::Low), ms(1001));
    let d = auction.tick(ms(1001)).expect("everyone has answered");
    assert_eq!(winner(d), Some("h0"));
    assert!(d.verdict.reason.ends_with("more of its actions were confirmed lately"), "{}", d.verdict.reason);
    let mut alone = open(&[("h3", 1.0)], &rules, None);
    alone.answer("h3", bid(0.6, Risk::Low), ms(1001));
    assert_eq!(winner(alone.tick(ms(1001)).expect("everyone has answered")), Some("h3"));
}

#[test]
fn what_lets_somebody_in_is_asked_about_however_sure() {
    let d = duel(&Rules::default(), None, confirm(0.99), confirm(0.6));
    assert_eq!((d.verdict.kind, d.verdict.handler.as_deref()), (VerdictKind::Ask, Some("siri")));
    assert!(d.verdict.reason.contains("lets somebody in") && d.proposal.is_none(), "{d:?}");
    assert!(matches!(d.pending, Some(Proposal::Confirm(_))), "{d:?}");
    let d = duel(&Rules { confirm: false, ..Rules::default() }, None, confirm(0.99), confirm(0.6));
    assert_eq!((winner(&d), d.pending.is_none()), (Some("siri"), true));
}

#[test]
fn policies_differ_where_they_should() {
    let with = |policy| Rules { policy, ..Rules::default() };
    // A risky bid against a harmless one.
    let (risky, mild) = (bid(0.85, Risk::High), bid(0.83, Risk::Low));
    assert_eq!(winner(&duel(&with(Policy::Utility), None, risky.clone(), mild.clone())), Some("tmall"));
    assert_eq!(
        winner(&duel(&with(Policy::Confidence), None, bid(0.85, Risk::High), bid(0.8, Risk::Low))),
        Some("siri")
    );
    let rules = Rules { priority: vec!["tmall".into()], ..with(Policy::Priority) };
    assert_eq!(winner(&duel(&rules, None, bid(0.99, Risk::Low), bid(0.55, Risk::Low))), Some("tmall"));
    assert_eq!(
        winner(&duel(&rules, None, bid(0.99, Risk::Low), bid(0.45, Risk::Low))),
        Some("siri"),
        "the reserve still holds"
    );

    let rules = with(Policy::Fastest);
    let mut auction = open(&[("siri", 1.0), ("tmall", 1.0)], &rules, None);
    auction.answer("tmall", bid(0.51, Risk::Low), ms(1002));
    assert_eq!(winner(auction.tick(ms(1002)).expect("the first decides")), Some("tmall"));
    assert_eq!(auction.answer("siri", bid(0.99, Risk::Low), ms(1003)), Taken::Late);
}

#[test]
fn a_pin_wins_if_it_bids_at_all_and_is_waited_for() {
    for policy in [Policy::Utility, Policy::Fastest, Policy::Confidence, Policy::Priority] {
        let pins = [("test".to_owned(), "tmall".to_owned())].into();
        let rules = Rules { policy, pins, priority: vec!["siri".into()], ..Rules::default() };
        let d = duel(&rules, Some("hey_siri"), bid(0.99, Risk::Low), bid(0.6, Risk::Low));
        assert_eq!(winner(&d), Some("tmall"), "{policy:?}");
        assert!(d.verdict.reason.ends_with("you pinned this to it"), "{}", d.verdict.reason);
        let d = duel(&rules, None, bid(0.99, Risk::Low), bid(0.45, Risk::Low));
        assert_eq!(winner(&d), Some("siri"), "{policy:?}: the reserve still holds");
        let mut auction = open(&[("siri", 1.0), ("tmall", 1.0)], &rules, None);
        auction.answer("siri", bid(0.99, Risk::Low), ms(1001));
        assert_eq!(auction.tick(ms(1001)), None, "{policy:?}: it may still bid");
        auction.answer("tmall", bid(0.6, Risk::Low), ms(1100));
        assert_eq!(auction.tick(ms(1100)).and_then(winner), Some("tmall"), "{policy:?}");
    }
}

#[test]
fn pins_and_risks_go_by_what_is_asked_for() {
    use crate::facts::intent::{Hypothesis, SlotValue, Via};
    let about = |slot: &str, value: &str| Hypothesis {
        intent: "HassTurnOff".into(),
        slots: [(slot.to_owned(), SlotValue::from(value))].into(),
        confidence: 0.9,
        via: Via::Grammar,
    };
    let pins = [("light", "siri"), ("light.desk", "tmall")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let mut rules = Rules { pins, ..Rules::default() };
    rules.risk.insert("switch.server".into(), Risk::High);
    assert_eq!(rules.pinned(Some(&about("domain", "light"))), Some("siri"));
    assert_eq!(rules.pinned(Some(&about("name", "light.sofa"))), Some("siri"));
    assert_eq!(rules.pinned(Some(&about("name", "light.desk"))), Some("tmall"));
    assert_eq!(rules.pinned(Some(&about("name", "fan.desk"))), None);
    let risk = |h: &Hypothesis| match rules.raised(bid(0.9, Risk::Low), Some(h)) {
        Answer::Bid(b) => b.risk,
        other => panic!("{other:?}"),
    };
    assert_eq!(risk(&about("name", "switch.server")), Risk::High);
    assert_eq!(risk(&about("name", "switch.fan")), Risk::Low);
}

#[test]
fn what_comes_late_twice_or_unasked_never_counts() {
    let rules = Rules::default();
    let mut auction = open(&[("siri", 1.0), ("tmall", 1.0)], &rules, None);
    assert_eq!(auction.answer("siri", bid(0.6, Risk::Low), ms(1001)), Taken::Counted);
    assert_eq!(auction.answer("siri", bid(0.99, Risk::Low), ms(1002)), Taken::Repeated);
    assert_eq!(auction.answer("stranger", bid(0.99, Risk::Low), ms(1002)), Taken::Unknown);
    // Late by time, even though nobody has looked at the clock since the deadline.
    assert_eq!(auction.answer("tmall", bid(0.99, Risk::Low), ms(1501)), Taken::Late);
    assert_eq!(winner(auction.tick(ms(1600)).expect("past the deadline")), Some("siri"));
    let records = auction.records();
    assert_eq!((records[0].outcome, records[1].outcome), (Outcome::Won, Outcome::Late));
    assert_eq!((records[1].confidence, records[1].at_ms), (Some(0.99), Some(501.0)));
    assert!(records[0].reason.as_deref().is_some_and(|r| r.contains("not counted")));
}

#[test]
fn an_invalid_confidence_fails_and_the_reason_is_kept() {
    for wrong in [f32::NAN, f32::INFINITY, -1.0, 7.0] {
        let d = duel(&Rules::default(), None, bid(wrong, Risk::Low), Answer::Decline("not mine".into()));
        assert_eq!(d.verdict.kind, VerdictKind::None);
        assert!(d.verdict.reason.contains("siri: it bid a confidence"), "{}", d.verdict.reason);
        assert!(d.verdict.reason.contains("tmall: not mine"), "{}", d.verdict.reason);
    }
}

/// Marsaglia's xorshift64, enough to shuffle and to vary.
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

type Event = (u64, String, Answer);

/// A random field of handlers, truthful and not, and what they answer when.
fn scenario(r: &mut Xorshift) -> (Vec<(String, f32)>, Rules, Vec<Event>) {
    let policy = [Policy::Utility, Policy::Fastest, Policy::Confidence, Policy::Priority][r.below(4)];
    let mut rules = Rules { policy, ..Rules::default() };
    rules.wake_words.insert("w".into(), format!("h{}", r.below(6)));
    if r.below(4) == 0 {
        rules.pins.insert("test".into(), format!("h{}", r.below(6)));
    }
    rules.priority = (0..r.below(4)).map(|_| format!("h{}", r.below(6))).collect();
    let who: Vec<(String, f32)> = (0..r.below(7)).map(|i| (format!("h{i}"), r.below(101) as f32 / 100.0)).collect();
    let mut events = Vec::new();
    for (name, confidence_max) in &who {
        for _ in 0..[0, 1, 1, 1, 2][r.below(5)] {
            let at = [1, 1, 2, 3, 499, 500, 501, 900][r.below(8)];
            let honest = *confidence_max * (r.below(101) as f32 / 100.0);
            let confidence = [honest, honest, honest, honest, f32::NAN, 1.0, -0.5][r.below(7)];
            let risk = [Risk::Low, Risk::Medium, Risk::High][r.below(3)];
            let answer = match r.below(8) {
                0 => Answer::Decline("no".into()),
                1 => Answer::Failed("broke".into()),
                2 => confirm(confidence),
                _ => bid(confidence, risk),
            };
            events.push((at, name.clone(), answer));
        }
    }
    // The second answer of one handler at the very same instant is the caller's ambiguity, not the arbiter's.
    events.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    events.dedup_by(|a, b| a.0 == b.0 && a.1 == b.1);
    (who, rules, events)
}

/// Plays `events` in their order, telling the time after each instant; returns the decision and the records.
fn play(
    who: &[(String, f32)],
    rules: &Rules,
    events: &[Event],
    seed: u64,
) -> (Decision, Vec<crate::facts::bid::BidRecord>) {
    let who: Vec<(&str, f32)> = who.iter().map(|(n, c)| (n.as_str(), *c)).collect();
    let mut auction = open(&who, rules, Some("w"));
    auction.tick(ms(1000));
    for (i, (at, name, answer)) in events.iter().enumerate() {
        if *at > WINDOW_MS {
            auction.tick(ms(1000 + WINDOW_MS));
        }
        auction.answer(name, answer.clone(), ms(1000 + at));
        if events.get(i + 1).is_none_or(|next| next.0 != *at) {
            auction.tick(ms(1000 + at));
        }
    }
    auction.tick(ms(1000 + WINDOW_MS));
    let decision = auction.decision().unwrap_or_else(|| panic!("seed {seed}: no decision at the deadline")).clone();
    (decision, auction.records())
}

#[test]
fn at_random_it_ends_in_time_with_one_winner_whatever_the_order() {
    for seed in 1..=20_000_u64 {
        let mut r = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (who, rules, mut events) = scenario(&mut r);
        let (decision, records) = play(&who, &rules, &events, seed);
        assert!(decision.at <= ms(1000 + WINDOW_MS), "seed {seed}: decided at {:?}", decision.at);
        assert_eq!(records.len(), who.len(), "seed {seed}");
        let won: Vec<_> = records.iter().filter(|b| b.outcome == Outcome::Won).collect();
        assert_eq!(won.len(), usize::from(decision.verdict.kind == VerdictKind::Award), "seed {seed}");
        assert_eq!(won.first().map(|b| b.handler.as_str()), winner(&decision), "seed {seed}");
        for b in won {
            let at = b.at_ms.unwrap_or(f64::NAN);
            assert!(at <= (decision.at - ms(1000)).as_secs_f64() * 1000.0, "seed {seed}: a late bid won");
            assert!(b.calibrated.or(b.confidence).is_some_and(|c| (0.5..=1.0).contains(&c)), "seed {seed}: {b:?}");
        }
        // The same answers at the same times, handed in in another order, decide the same.
        r.shuffle(&mut events);
        events.sort_by_key(|e| e.0);
        assert_eq!(play(&who, &rules, &events, seed), (decision, records), "seed {seed}: the order mattered");
    }
}

#[test]
fn at_random_closing_early_never_changes_the_winner() {
    for seed in 1..=20_000_u64 {
        let mut r = Xorshift(seed.wrapping_mul(0xd134_2543_de82_ef95) | 1);
        let (who, rules, events) = scenario(&mut r);
        let (decision, _) = play(&who, &rules, &events, seed);
        // The oracle looks at the clock only once, at the deadline.
        let names: Vec<(&str, f32)> = who.iter().map(|(n, c)| (n.as_str(), *c)).collect();
        let mut patient = open(&names, &rules, Some("w"));
        for (at, name, answer) in &events {
            patient.answer(name, answer.clone(), ms(1000 + at));
        }
        let patient = patient.close(ms(1000 + WINDOW_MS));
        assert_eq!(
            winner(&decision),
            winner(&patient),
            "seed {seed}: {:?} {:?}",
            rules.policy,
            decision.verdict.reason
        );
    }
}
