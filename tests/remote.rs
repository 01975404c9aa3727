//! Handlers outside the process, over the embedded broker: who wins acts, once; nobody else ever does.
//!
//! The sentences are typed; every handler outside is a small MQTT client that answers well, late, twice, never
//! or with rubbish. Nothing here sleeps: whoever is late waits for its own next message meanwhile.

mod house;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use house::{Guest, House, alone, publish};
use serde_json::{Value, json};
use tiebreak::facts::bid::{BidRecord, Outcome, VerdictKind};
use tiebreak::receipt::Receipt;

const SENTENCE: &str = "turn on the kitchen light";

fn registered(handlers: &[(&str, &str)], window_ms: u64) -> String {
    let mut out = format!("[arbiter]\nwindow_ms = {window_ms}\n");
    for (name, acts) in handlers {
        out += &format!("[[handler]]\nname = \"{name}\"\nacts = \"{acts}\"\n");
    }
    out
}

fn bids(id: &str, confidence: f64) -> String {
    json!({ "id": id, "confidence": confidence, "risk": "low" }).to_string()
}

fn with_command(id: &str, confidence: f64) -> String {
    let command = json!({ "topic": "far/set", "payload": { "id": id }, "qos": 1 });
    json!({ "id": id, "confidence": confidence, "risk": "low", "command": command }).to_string()
}

fn record<'r>(receipt: &'r Receipt, handler: &str) -> &'r BidRecord {
    receipt.bids.iter().find(|b| b.handler == handler).unwrap_or_else(|| panic!("no {handler} in {receipt:?}"))
}

fn is_command(topic: &str) -> bool {
    topic.starts_with("zigbee2mqtt/") || topic == "far/set"
}

#[test]
fn the_best_bid_from_outside_wins_and_its_command_is_published_once() {
    let _alone = alone();
    let mut house = House::start(&registered(&[("far", "command"), ("other", "itself")], 500));
    let observer = Guest::observer(house.port());
    let far = Guest::handler(house.port(), "far", |id| vec![(0, with_command(id, 0.99))]);
    let other = Guest::handler(house.port(), "other", |id| vec![(0, bids(id, 0.7))]);
    let receipt = house.say(SENTENCE);
    assert_eq!(receipt.verdict.handler.as_deref(), Some("far"), "{receipt:?}");
    assert_eq!(record(&receipt, "other").outcome, Outcome::Lost);
    assert_eq!(receipt.command.as_ref().map(|c| c.message.topic.as_str()), Some("far/set"));
    let told = far.wait_for("tiebreak/award/far", 1);
    assert_eq!(told[0].payload, json!({ "id": receipt.id, "valid_ms": 0 }), "nothing is left to be done");
    observer.wait_for("tiebreak/receipt", 1);
    let commands = observer.heard(is_command);
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert_eq!(commands[0].payload["id"], receipt.id.as_str());
    assert!(other.awards().is_empty(), "a loser was awarded");
    let ask = &observer.heard(|t| t == "tiebreak/ask")[0].payload;
    assert_eq!((ask["lang"].as_str(), ask["window_ms"].as_u64()), (Some("en"), Some(500)));
    assert!(ask["hypotheses"][0]["intent"] == "HassTurnOn" && ask.get("transcript").is_none(), "{ask}");
}

#[test]
fn who_acts_itself_gets_a_licence_and_nothing_else_is_published() {
    let _alone = alone();
    let mut house = House::start(&(registered(&[("far", "itself")], 500) + "[mqtt]\nshare_transcript = true\n"));
    let observer = Guest::observer(house.port());
    let _far = Guest::handler(house.port(), "far", |id| vec![(0, bids(id, 0.99)), (0, bids(id, 0.1))]);
    let receipt = house.say(SENTENCE);
    assert_eq!((receipt.verdict.handler.as_deref(), receipt.command.as_ref()), (Some("far"), None), "{receipt:?}");
    assert!(receipt.timeline_ms.published.is_some(), "the award was handed to the broker");
    observer.wait_for("tiebreak/receipt", 1);
    let awards = observer.awards();
    assert_eq!(awards.len(), 1);
    assert_eq!(awards[0].payload["id"], receipt.id.as_str());
    assert!(awards[0].payload["valid_ms"].as_u64().is_some_and(|ms| (1..=2000).contains(&ms)), "{awards:?}");
    assert!(observer.heard(is_command).is_empty());
    assert_eq!(observer.heard(|t| t == "tiebreak/ask")[0].payload["transcript"], SENTENCE);
}

#[test]
fn late_silent_and_bad_answers_cost_only_themselves() {
    let _alone = alone();
    let names = ["late", "silent", "nan", "large", "rubbish", "liar", "stale", "empty"];
    let handlers: Vec<(&str, &str)> =
        names.iter().map(|n| (*n, if *n == "empty" { "command" } else { "itself" })).collect();
    let mut house = House::start(
        &(registered(&handlers, 200) + "[[handler]]\nname = \"zh\"\nacts = \"itself\"\nlanguages = [\"zh\"]\n"),
    );
    let port = house.port();
    let observer = Guest::observer(port);
    let guests = [
        Guest::handler(port, "late", |id| vec![(400, bids(id, 0.99))]),
        Guest::handler(port, "nan", |id| vec![(0, format!(r#"{{"id": "{id}", "confidence": NaN}}"#))]),
        Guest::handler(port, "large", |id| vec![(0, json!({ "id": id, "decline": "x".repeat(9000) }).to_string())]),
        Guest::handler(port, "rubbish", |_| vec![(0, "\u{0}{{{".into())]),
        Guest::handler(port, "liar", |id| vec![(0, bids(id, 42.0))]),
        Guest::handler(port, "stale", |_| vec![(0, bids("01J000", 0.99))]),
        Guest::handler(port, "empty", |id| vec![(0, bids(id, 0.99))]),
        Guest::handler(port, "unregistered", |id| vec![(0, bids(id, 0.99))]),
    ];
    for _ in 0..2 {
        let receipt = house.say(SENTENCE);
        assert_eq!(receipt.verdict.handler.as_deref(), Some("siri"), "{receipt:?}");
        for (name, outcome, reason) in [
            ("late", Outcome::Late, "no answer before the close"),
            ("silent", Outcome::Late, "no answer before the close"),
            ("nan", Outcome::Declined, "not JSON"),
            ("large", Outcome::Declined, "bytes"),
            ("rubbish", Outcome::Declined, "not JSON"),
            ("liar", Outcome::Declined, "not within"),
            ("stale", Outcome::Late, "another decision"),
            ("empty", Outcome::Declined, "no command"),
            ("zh", Outcome::Declined, "not asked"),
            ("unregistered", Outcome::Declined, "no registered handler"),
        ] {
            let b = record(&receipt, name);
            assert_eq!(b.outcome, outcome, "{b:?}");
            assert!(b.reason.as_deref().is_some_and(|r| r.contains(reason)), "{b:?}");
        }
    }
    observer.wait_for("tiebreak/receipt", 2);
    assert_eq!(observer.heard(is_command).len(), 2);
    assert!(observer.awards().is_empty(), "{:?}", observer.awards());
    drop(guests);
}

#[test]
fn a_flood_of_one_does_not_silence_another() {
    let _alone = alone();
    let mut house = House::start(&registered(&[("flood", "itself"), ("far", "itself")], 500));
    let _flood = Guest::handler(house.port(), "flood", |id| vec![(0, bids(id, 0.6)); 2000]);
    let far = Guest::handler(house.port(), "far", |id| vec![(30, bids(id, 0.99))]);
    let receipt = house.say(SENTENCE);
    assert_eq!(receipt.verdict.handler.as_deref(), Some("far"), "{receipt:?}");
    let flood = record(&receipt, "flood");
    assert_eq!(flood.outcome, Outcome::Lost, "{flood:?}");
    assert!(flood.reason.as_deref().is_some_and(|r| r.contains("not counted")), "{flood:?}");
    far.wait_for("tiebreak/award/far", 1);
}

#[test]
fn what_was_asked_about_is_done_once_when_it_is_confirmed() {
    let _alone = alone();
    let mut house = House::live("");
    let observer = Guest::observer(house.port());
    let asked = house.say("unlock the front door");
    assert_eq!((asked.verdict.kind, asked.command.as_ref()), (VerdictKind::Ask, None), "{asked:?}");
    let port = house.port();
    let confirm = |id: &str| publish(port, "tiebreak/confirm", &json!({ "id": id }));
    confirm("01J0000");
    confirm(&asked.id);
    confirm(&asked.id);
    let done = house.engine.next_receipt().expect("a receipt");
    assert_eq!(
        (done.verdict.kind, done.confirms.as_deref()),
        (VerdictKind::Award, Some(asked.id.as_str())),
        "{done:?}"
    );
    assert_ne!(done.id, asked.id);
    observer.wait_for("zigbee2mqtt/front_door/set", 1);
    // Asked again it is another question: an old confirmation does not answer it.
    let again = house.say("unlock the front door");
    confirm(&asked.id);
    assert_eq!(again.verdict.kind, VerdictKind::Ask);
    house.say(SENTENCE);
    observer.wait_for("zigbee2mqtt/kitchen_light/set", 1);
    assert_eq!(observer.heard(|t| t == "zigbee2mqtt/front_door/set").len(), 1, "it was opened twice");
}

#[test]
fn a_thing_that_reports_its_state_confirms_the_action() {
    let _alone = alone();
    let mut house = House::start("");
    let first = house.say(SENTENCE);
    assert!(first.bids.iter().all(|b| b.success.is_none()), "nothing is known yet: {first:?}");
    let winner = first.verdict.handler.clone().expect("an award");
    publish(house.port(), "zigbee2mqtt/kitchen_light", &json!({ "state": "ON", "linkquality": 90 }));
    let end = Instant::now() + house::PATIENCE;
    loop {
        let next = house.say("turn off the hallway light");
        if let Some(success) = record(&next, &winner).success {
            assert!((success - 1.0).abs() < 1e-9, "{next:?}");
            break;
        }
        assert!(Instant::now() < end, "it was never confirmed: {next:?}");
    }
}

/// Sentences of the fault injection, over all houses together; `TIEBREAK_FAULTS=1000000` for a long one.
fn faults_count() -> usize {
    std::env::var("TIEBREAK_FAULTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1000)
}

/// Marsaglia's xorshift64.
fn next(seed: &Mutex<u64>) -> u64 {
    let mut x = seed.lock().expect("no panic");
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    *x
}

/// The regression story of ovos-core issue 389: a handler that lost by being late acted nevertheless.
#[test]
fn under_faults_nothing_acts_twice_late_or_as_a_loser() {
    let _alone = alone();
    const HOUSES: usize = 5;
    let threads: Vec<_> =
        (0..HOUSES).map(|i| std::thread::spawn(move || faulty_house(i, faults_count() / HOUSES))).collect();
    let mut winners: BTreeMap<String, usize> = BTreeMap::new();
    for thread in threads {
        for (name, count) in thread.join().expect("every invariant holds") {
            *winners.entry(name).or_default() += count;
        }
    }
    assert!(winners.len() >= 2, "the faults should leave several winners: {winners:?}");
}

/// Returns who won how often.
fn faulty_house(house_index: usize, count: usize) -> BTreeMap<String, usize> {
    const NAMES: [&str; 3] = ["far", "near", "other"];
    const WINDOW_MS: u64 = 120;
    let mut house =
        House::start(&registered(&[("far", "command"), ("near", "itself"), ("other", "itself")], WINDOW_MS));
    let observer = Guest::observer(house.port());
    let guests: Vec<Guest> = NAMES
        .into_iter()
        .enumerate()
        .map(|(i, name)| {
            let seed = Mutex::new(0x9e37_79b9_7f4a_7c15 ^ ((house_index * 10 + i + 1) as u64) << 20);
            Guest::handler(house.port(), name, move |id| {
                // Two of three answer at once, the others within two seconds; every fourth answers twice.
                let wait = |r: u64| if r.is_multiple_of(3) { r / 3 % 2000 } else { 0 };
                let confidence = [0.6, 0.9, 0.98, 0.99][(next(&seed) % 4) as usize];
                let answer = if name == "far" { with_command(id, confidence) } else { bids(id, confidence) };
                let mut answers = vec![(wait(next(&seed)), answer.clone())];
                if next(&seed).is_multiple_of(4) {
                    answers.push((wait(next(&seed)), answer));
                }
                answers
            })
        })
        .collect();
    let receipts: Vec<Receipt> = (0..count).map(|_| house.say(SENTENCE)).collect();
    observer.wait_for("tiebreak/receipt", count);
    let mut winners: BTreeMap<String, usize> = BTreeMap::new();
    for r in &receipts {
        assert_eq!(r.verdict.kind, VerdictKind::Award, "{r:?}");
        let won: Vec<&str> = r.bids.iter().filter(|b| b.outcome == Outcome::Won).map(|b| b.handler.as_str()).collect();
        assert_eq!(won, [r.verdict.handler.as_deref().expect("an award")], "{r:?}");
        assert!(r.timeline_ms.published.is_some(), "not published: {r:?}");
        *winners.entry(won[0].to_owned()).or_default() += 1;
    }
    // Each decision acts once: a command of ours, or one licence for the winner that acts itself.
    let by = |name: &'static str| receipts.iter().filter(move |r| r.verdict.handler.as_deref() == Some(name));
    let inside = by("siri").count() + by("tmall").count();
    assert_eq!(observer.heard(|t| t.starts_with("zigbee2mqtt/")).len(), inside);
    let mut commands: Vec<Value> =
        observer.heard(|t| t == "far/set").into_iter().map(|h| h.payload["id"].clone()).collect();
    commands.sort_by_key(Value::to_string);
    let mut won: Vec<Value> = by("far").map(|r| r.id.as_str().into()).collect();
    won.sort_by_key(Value::to_string);
    assert_eq!(commands, won, "far's commands");
    for (guest, name) in guests.iter().zip(NAMES) {
        guest.wait_for(&format!("tiebreak/award/{name}"), by(name).count());
        let awards = guest.awards();
        let ids: Vec<&str> = awards.iter().filter_map(|a| a.payload["id"].as_str()).collect();
        assert_eq!(ids, by(name).map(|r| r.id.as_str()).collect::<Vec<_>>(), "{name} was awarded what it won, once");
        let asked: BTreeMap<String, Instant> =
            guest.heard(|t| t == "tiebreak/ask").into_iter().map(|h| (h.payload["id"].to_string(), h.at)).collect();
        for award in &awards {
            let valid = Duration::from_millis(award.payload["valid_ms"].as_u64().expect("a number"));
            let took = award.at - asked[&award.payload["id"].to_string()];
            assert!(name == "far" || took <= Duration::from_millis(WINDOW_MS) + valid, "an award came after {took:?}");
        }
    }
    winners
}
