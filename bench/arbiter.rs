//! What the arbiter itself costs: one auction among 8 handlers, whole and closed early.
//! `cargo bench --bench arbiter`; the fence in front of MQTT is part of neither.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tiebreak::decide::arbiter::{Auction, Participant, Terms};
use tiebreak::decide::rules::Rules;
use tiebreak::facts::bid::{Answer, Bid, BidRecord, Command, Message, Proposal, Risk};

const HANDLERS: usize = 8;

fn participants(confidence_max: f32) -> Vec<Participant> {
    (0..HANDLERS).map(|i| Participant::new(format!("handler-{i}"), confidence_max)).collect()
}

fn bid(i: usize) -> Answer {
    let topic = format!("zigbee2mqtt/lamp-{i}/set");
    let message = Message { topic, payload: serde_json::json!({ "state": "ON" }), qos: 1, retain: false };
    let proposal = Proposal::Publish(Command { message, and: Vec::new() });
    Answer::Bid(Bid { confidence: 0.55 + i as f32 * 0.05, risk: Risk::Low, proposal })
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

criterion_group!(arbiter, benches);
criterion_main!(arbiter);
