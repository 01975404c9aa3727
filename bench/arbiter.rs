//! What the arbiter itself costs: one auction among 8 handlers, whole and closed early; and what an auction that
//! closes early costs as a whole.
//! `cargo bench --bench arbiter`; the fence in front of MQTT is part of neither.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tiebreak::decide::arbiter::{Auction, Participant, Terms};
use tiebreak::decide::auction::{Auctioneer, RemoteAnswer, Remotes};
use tiebreak::decide::handler::Handler;
use tiebreak::decide::remote::{Acts, RemoteHandler};
use tiebreak::decide::rules::Rules;
use tiebreak::engine::WallClock;
use tiebreak::facts::bid::{Answer, Ask, Bid, BidRecord, Command, Message, Proposal, Risk};
use tiebreak::facts::home::Home;
use tiebreak::facts::intent::Lang;

const HANDLERS: usize = 8;

fn participants(confidence_max: f32) -> Vec<Participant> {
    (0..HANDLERS).map(|i| Participant::new(format!("handler-{i}"), confidence_max)).collect()
}

fn bid(i: usize) -> Answer {
    bid_of(0.55 + i as f32 * 0.05)
}

/// To do something: a mere reply is worth less, and whoever could do more would be waited for.
fn bid_of(confidence: f32) -> Answer {
    let topic = "zigbee2mqtt/lamp/set".to_owned();
    let message = Message { topic, payload: serde_json::json!({ "state": "ON" }), qos: 1, retain: false };
    let proposal = Proposal::Publish(Command { message, and: Vec::new() });
    Answer::Bid(Bid { confidence, risk: Risk::Low, proposal })
}

/// Opens, hands in the first `count` bids with a look at the clock after each, closes, and writes the records.
fn auction(who: &[Participant], bids: Vec<Answer>, rules: &Rules) -> Vec<BidRecord> {
    let terms = Terms { wake: None, pinned: None, opened: Duration::ZERO, deadline: Duration::from_millis(500) };
    let mut auction = Auction::open(who, rules, terms);
    for (i, bid) in bids.into_iter().enumerate() {
        let now = Duration::from_millis(i as u64);
        auction.answer(&who[i].name, bid, now);
        auction.tick(now);
    }
    auction.close(Duration::from_millis(500));
    auction.records()
}

fn benches(c: &mut Criterion) {
    let rules = Rules::default();
    let (who, weak) = (participants(0.95), participants(0.6));
    let all: Vec<Answer> = (0..HANDLERS).map(bid).collect();
    c.bench_function("8 handlers, all answer", |b| {
        b.iter_batched(|| all.clone(), |bids| auction(black_box(&who), bids, &rules), criterion::BatchSize::SmallInput);
    });
    // The first bid, 0.6, is the most that anyone could reach, and first in the stated order: nobody is waited for.
    let Answer::Bid(first) = bid(1) else { unreachable!("it bids") };
    let one = vec![Answer::Bid(Bid { confidence: 0.6, ..first })];
    c.bench_function("8 handlers, closed early by the first", |b| {
        b.iter_batched(
            || one.clone(),
            |bids| auction(black_box(&weak), bids, &rules),
            criterion::BatchSize::SmallInput,
        );
    });
}

/// The whole of an auction in real time: a sure handler inside the process, and a remote one that would need 400 ms
/// and cannot bid more. `cargo bench --bench arbiter -- remote`
fn early_close(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let clock = Arc::new(WallClock::start());
    let auctioneer = Auctioneer::new(vec![Arc::new(Sure)], Rules::default(), clock).expect("a thread");
    let far = RemoteHandler { name: "far".into(), languages: vec![Lang::En], confidence_max: 0.9, acts: Acts::Itself };
    let home = Home::default();
    c.bench_function("a sure handler inside, a remote one that takes 400 ms", |b| {
        b.iter(|| {
            runtime.block_on(async {
                let ask = Ask { id: "1".into(), lang: Lang::En, wake: None, hypotheses: Vec::new() };
                let (to, mut answers) = tokio::sync::mpsc::channel(4);
                let late = tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(400)).await;
                    let answer = Answer::Decline("too late".into());
                    // The auction is over long before.
                    let _ = to.try_send(RemoteAnswer { id: "1".into(), handler: "far".into(), answer });
                });
                let remotes = Remotes { handlers: std::slice::from_ref(&far), home: &home, answers: Ok(&mut answers) };
                let held = auctioneer.hold(&ask, auctioneer.slot(None), Some(remotes), None).await;
                assert_eq!(held.verdict.handler.as_deref(), Some("inside"));
                late.abort();
            });
        });
    });
}

struct Sure;

impl Handler for Sure {
    fn name(&self) -> &str {
        "inside"
    }
    fn confidence_max(&self) -> f32 {
        0.97
    }
    fn bid(&self, _: &Ask) -> Answer {
        bid_of(0.95)
    }
}

criterion_group!(arbiter, benches, early_close);
criterion_main!(arbiter);
