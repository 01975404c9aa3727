//! One auction in real time, with a clock that stands still and handlers outside that are channels.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::auction::{Auctioneer, Held, RemoteAnswer, Remotes, deadline};
use super::handler::Handler;
use super::remote::{Acts, RemoteHandler};
use super::rules::Rules;
use crate::facts::bid::{Answer, Ask, Bid, Closed, Outcome, Proposal, Risk, VerdictKind};
use crate::facts::clock::Clock;
use crate::facts::home::Home;
use crate::facts::intent::Lang;

/// A clock that stands still: what is decided at the deadline is then decided exactly there.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// Long, so that a busy machine has run every thread by then.
const WINDOW: Duration = Duration::from_millis(400);

struct Fixed(&'static str, f32);

impl Handler for Fixed {
    fn name(&self) -> &str {
        self.0
    }
    fn confidence_max(&self) -> f32 {
        0.95
    }
    fn bid(&self, _: &Ask) -> Answer {
        assert!(self.1 >= 0.0, "told to panic");
        bid(self.1)
    }
}

/// Hangs until it is told how sure it is.
struct Hangs(crossbeam_channel::Receiver<f32>);

impl Handler for Hangs {
    fn name(&self) -> &str {
        "hangs"
    }
    fn confidence_max(&self) -> f32 {
        0.95
    }
    fn bid(&self, _: &Ask) -> Answer {
        bid(self.0.recv().expect("told in the end"))
    }
}

fn bid(confidence: f32) -> Answer {
    Answer::Bid(Bid { confidence, risk: Risk::Low, proposal: Proposal::Reply("done".into()) })
}

fn ask() -> Ask {
    Ask { id: "1".into(), lang: Lang::En, wake: None, hypotheses: Vec::new() }
}

fn auctioneer(handlers: Vec<Arc<dyn Handler>>) -> Auctioneer {
    Auctioneer::new(handlers, Rules { window: WINDOW, ..Rules::default() }, Arc::new(Stopped)).expect("threads")
}

fn on_tokio<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(test)
}

fn remote(name: &str) -> RemoteHandler {
    RemoteHandler { name: name.into(), languages: vec![Lang::En], confidence_max: 0.99, acts: Acts::Itself }
}

/// What `a` decides when `handlers` outside were asked and answer on `answers`.
async fn hold(a: &Auctioneer, handlers: &[RemoteHandler], answers: &mut Receiver<RemoteAnswer>) -> Held {
    let remotes = Remotes { handlers, home: &Home::default(), answers: Ok(answers) };
    a.hold(&ask(), a.slot(None), Some(remotes), None).await
}

fn says(id: &str, handler: &str, answer: Answer) -> RemoteAnswer {
    RemoteAnswer { id: id.into(), handler: handler.into(), answer }
}

#[test]
fn handlers_inside_decide_at_once_and_a_panic_loses() {
    on_tokio(async {
        let a = auctioneer(vec![Arc::new(Fixed("a", -1.0)), Arc::new(Fixed("b", 0.7)), Arc::new(Fixed("c", 0.9))]);
        let held = a.hold(&ask(), a.slot(None), None, None).await;
        assert_eq!(held.verdict.handler.as_deref(), Some("c"));
        assert_eq!(held.verdict.closed, Some(Closed::Early));
        assert_eq!(held.decided, Duration::ZERO);
        let outcomes: Vec<Outcome> = held.records.iter().map(|r| r.outcome).collect();
        assert_eq!(outcomes, [Outcome::Failed, Outcome::Lost, Outcome::Won]);
    });
}

#[test]
fn a_handler_inside_that_hangs_costs_its_own_bid_and_is_back_when_it_has_answered() {
    on_tokio(async {
        let (tell, told) = crossbeam_channel::unbounded();
        let a = auctioneer(vec![Arc::new(Hangs(told)), Arc::new(Fixed("b", 0.7))]);
        let outcome = |held: &Held, name: &str| {
            let record = held.records.iter().find(|r| r.handler == name).expect("asked");
            (record.outcome, record.reason.clone().unwrap_or_default())
        };
        let held = a.hold(&ask(), a.slot(None), None, None).await;
        assert_eq!((held.decided, held.verdict.handler.as_deref()), (WINDOW, Some("b")), "{held:?}");
        assert_eq!(outcome(&held, "hangs"), (Outcome::Late, "no answer before the close".into()));
        // It is not waited for while it hangs.
        let held = a.hold(&ask(), a.slot(None), None, None).await;
        assert_eq!((held.decided, held.verdict.handler.as_deref()), (Duration::ZERO, Some("b")), "{held:?}");
        assert_eq!(outcome(&held, "hangs"), (Outcome::Failed, "it is still busy with an earlier command".into()));
        tell.send(0.9).expect("it listens");
        tell.send(0.9).expect("it listens");
        let back = loop {
            let held = a.hold(&ask(), a.slot(None), None, None).await;
            if outcome(&held, "hangs").0 != Outcome::Failed {
                break held;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(back.verdict.handler.as_deref(), Some("hangs"), "{back:?}");
    });
}

#[test]
fn nobody_to_ask_is_none_at_once() {
    let a = auctioneer(vec![]);
    let held = on_tokio(a.hold(&ask(), a.slot(None), None, None));
    assert_eq!(held.verdict.kind, VerdictKind::None);
}

#[test]
fn a_silent_remote_costs_the_window_and_no_more() {
    on_tokio(async {
        let a = auctioneer(vec![Arc::new(Fixed("a", 0.7))]);
        let (_keep, mut answers) = tokio::sync::mpsc::channel(4);
        let held = hold(&a, &[remote("far")], &mut answers).await;
        assert_eq!((held.decided, held.verdict.closed), (WINDOW, Some(Closed::Deadline)));
        assert_eq!(held.verdict.handler.as_deref(), Some("a"));
        assert_eq!(held.records[1].outcome, Outcome::Late);
    });
}

#[test]
fn a_remote_bid_counts_only_for_its_own_decision_and_name() {
    on_tokio(async {
        let a = auctioneer(vec![Arc::new(Fixed("a", 0.7))]);
        let (tell, mut answers) = tokio::sync::mpsc::channel(4);
        tell.try_send(says("0", "far", bid(0.99))).expect("room");
        tell.try_send(says("1", "nobody", bid(0.99))).expect("room");
        tell.try_send(says("1", "far", bid(0.95))).expect("room");
        let held = hold(&a, &[remote("far")], &mut answers).await;
        assert_eq!(held.verdict.handler.as_deref(), Some("far"));
        assert_eq!(held.records[0].confidence, Some(0.7));
        assert_eq!(held.decided, Duration::ZERO);
        assert!(held.records[1].reason.as_deref().is_some_and(|r| r.contains("another decision")));
        let stranger = &held.records[2];
        assert_eq!((stranger.handler.as_str(), stranger.outcome), ("nobody", Outcome::Declined));
    });
}

#[test]
fn those_who_cannot_be_asked_are_not_waited_for() {
    on_tokio(async {
        let a = auctioneer(vec![Arc::new(Fixed("a", 0.7))]);
        let chinese = RemoteHandler { languages: vec![Lang::Zh], ..remote("chinese") };
        let handlers = [chinese, remote("far")];
        let answers = Err("no connection".to_owned());
        let remotes = Remotes { handlers: &handlers, home: &Home::default(), answers };
        let held = a.hold(&ask(), a.slot(None), Some(remotes), None).await;
        let outcomes: Vec<Outcome> = held.records.iter().map(|r| r.outcome).collect();
        assert_eq!(outcomes, [Outcome::Won, Outcome::Declined, Outcome::Failed]);
        assert_eq!(held.decided, Duration::ZERO);
    });
}

#[test]
fn a_closed_channel_ends_the_waiting() {
    on_tokio(async {
        let a = auctioneer(vec![Arc::new(Fixed("a", 0.7))]);
        let (tell, mut answers) = tokio::sync::mpsc::channel(4);
        drop(tell);
        let held = hold(&a, &[remote("far")], &mut answers).await;
        assert_eq!((held.decided, held.records[1].outcome), (Duration::ZERO, Outcome::Failed));
    });
}

#[test]
fn the_window_keeps_to_the_ceiling_but_leaves_one_round() {
    let ms = Duration::from_millis;
    assert_eq!(deadline(ms(1000), None, ms(300)), ms(1300));
    assert_eq!(deadline(ms(1000), None, ms(900)), ms(1500));
    assert_eq!(deadline(ms(1000), Some(ms(700)), ms(500)), ms(1200));
    assert_eq!(deadline(ms(5000), Some(ms(700)), ms(500)), ms(5020));
}

#[test]
fn how_everyone_did_is_learnt_and_stands_in_the_receipt() {
    on_tokio(async {
        let a = auctioneer(vec![Arc::new(Fixed("a", 0.7)), Arc::new(Fixed("b", 0.6))]);
        let (_keep, mut answers) = tokio::sync::mpsc::channel(4);
        for _ in 0..4 {
            assert_eq!(hold(&a, &[remote("far")], &mut answers).await.records[0].success, None);
        }
        // The clock stands still, so those inside take no time; whoever is silent takes at least the window.
        let of = |name: &str| a.tracker().of(name).and_then(|t| t.p95());
        assert!(of("a").is_some_and(|p95| p95 < Duration::from_millis(1)), "{:?}", of("a"));
        assert!(of("far").is_some_and(|p95| p95 >= WINDOW), "{:?}", of("far"));
        (0..40).for_each(|_| a.tracker().of_mut("a").acted(false));
        let held = a.hold(&ask(), a.slot(None), None, None).await;
        assert_eq!(held.verdict.handler.as_deref(), Some("b"), "{held:?}");
        assert!(held.verdict.reason.contains("confirmed lately"), "{}", held.verdict.reason);
        let record = held.records.iter().find(|r| r.handler == "a").expect("asked");
        assert!(record.success.is_some_and(|s| s < 0.5) && record.p95_ms.is_some(), "{record:?}");
    });
}
