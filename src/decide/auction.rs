//! One auction in real time: asks every handler, hands the answers to the arbiter, ends at the deadline.
//!
//! Handlers inside the process are asked one after the other (they answer in microseconds); those outside
//! answer over a bounded channel. Nothing here publishes: that is `act`'s, through its fence.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::arbiter::{Auction, Participant, Terms};
use super::handler::{self, Handler};
use super::remote::RemoteHandler;
use super::rules::Rules;
use crate::facts::bid::{Answer, Ask, BidRecord, Outcome, Proposal, Verdict};
use crate::facts::clock::Clock;
use crate::facts::home::Home;

/// No auction ends later than this after the end of speech, unless the hypotheses themselves came later.
pub const CEILING: Duration = Duration::from_millis(500);

/// What one round of the handlers inside the process is always given, however late it already is. A
/// thousand times what they need; a handler that takes longer is late.
pub const ROUND: Duration = Duration::from_millis(20);

/// The answer of a handler outside the process.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteAnswer {
    /// The decision that it answers.
    pub id: String,
    /// Whose.
    pub handler: String,
    /// What.
    pub answer: Answer,
}

/// How an auction went.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// For the receipt.
    pub verdict: Verdict,
    /// For the receipt: one line for each handler.
    pub records: Vec<BidRecord>,
    /// What the winner does; `None` unless the verdict is an award.
    pub proposal: Option<Proposal>,
    /// When it was decided, on the stream's clock.
    pub decided: Duration,
}

/// Holds auctions.
pub struct Auctioneer {
    handlers: Vec<Arc<dyn Handler>>,
    rules: Rules,
    clock: Arc<dyn Clock>,
}

/// Handlers outside the process: who they are and where their answers arrive.
pub struct Remotes<'a> {
    /// Everyone registered, asked or not.
    pub handlers: &'a [RemoteHandler],
    /// The house, to judge what they offer.
    pub home: &'a Home,
    /// Where they answer, or why they could not be asked.
    pub answers: Result<&'a mut Receiver<RemoteAnswer>, String>,
}

/// When one auction takes place, on the stream's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The hypotheses were ready.
    pub opened: Duration,
    /// An answer that comes at this instant still counts.
    pub deadline: Duration,
}

/// Handlers that nobody registered and that answered nevertheless: so many are named in a receipt.
const STRANGERS_MAX: usize = 4;

impl Auctioneer {
    /// An auctioneer for `handlers`, going by `rules`.
    pub fn new(handlers: Vec<Arc<dyn Handler>>, rules: Rules, clock: Arc<dyn Clock>) -> Self {
        Self { handlers, rules, clock }
    }

    /// The slot of an auction that opens now. `speech_end` is when the speaker fell silent, on the clock's
    /// time; `None` for a typed sentence.
    pub fn slot(&self, speech_end: Option<Duration>) -> Slot {
        let opened = self.clock.now();
        Slot { opened, deadline: deadline(opened, speech_end, self.rules.window) }
    }

    /// Asks everyone about `ask` and decides within `slot`, whatever the handlers do; a handler inside the
    /// process that blocks can hold it up (it is asked on this very thread), but still only loses. Handlers
    /// outside have been asked already; here their answers are awaited.
    pub async fn hold(&self, ask: &Ask, slot: Slot, remotes: Option<Remotes<'_>>) -> Held {
        let mut participants: Vec<Participant> = self
            .handlers
            .iter()
            .map(|h| Participant { name: h.name().to_owned(), confidence_max: h.confidence_max() })
            .collect();
        participants.extend(remotes.iter().flat_map(|r| r.handlers).map(RemoteHandler::participant));
        let best = ask.hypotheses.first();
        let pinned = self.rules.pinned(best);
        let terms = Terms { wake: ask.wake.as_deref(), pinned, opened: slot.opened, deadline: slot.deadline };
        let mut auction = Auction::open(&participants, &self.rules, terms);
        for h in &self.handlers {
            let answer = self.rules.raised(handler::ask(h.as_ref(), ask), best);
            auction.answer(h.name(), answer, self.clock.now());
        }
        let strangers = match remotes {
            Some(remotes) => self.await_remotes(&mut auction, ask, remotes).await,
            None => Vec::new(),
        };
        let decision = auction.close(self.clock.now());
        let mut records = auction.records();
        records.extend(strangers.into_iter().map(not_registered));
        Held { verdict: decision.verdict, records, proposal: decision.proposal, decided: decision.at }
    }

    /// Hands in what comes from outside until the auction is decided; returns the names of those who answered
    /// although nobody registered them.
    async fn await_remotes(&self, auction: &mut Auction<'_>, ask: &Ask, remotes: Remotes<'_>) -> Vec<String> {
        let Remotes { handlers, home, answers } = remotes;
        let mut strangers: Vec<String> = Vec::new();
        for h in handlers {
            let why = match (&answers, h.passed_over(ask.lang)) {
                (_, Some(why)) => Answer::Decline(why),
                (Err(why), None) => Answer::Failed(why.clone()),
                (Ok(_), None) => continue,
            };
            auction.answer(&h.name, why, self.clock.now());
        }
        let Ok(answers) = answers else { return strangers };
        let mut hand_in = |auction: &mut Auction<'_>, a: RemoteAnswer, now| {
            // Only those who were asked from outside may answer from outside, and only to this decision.
            match handlers.iter().find(|h| h.name == a.handler) {
                Some(_) if a.id != ask.id => auction.stray(&a.handler),
                Some(h) => {
                    let answer = self.rules.raised(h.vetted(a.answer, ask, home), ask.hypotheses.first());
                    auction.answer(&h.name, answer, now);
                }
                None if strangers.len() < STRANGERS_MAX && !strangers.contains(&a.handler) => {
                    strangers.push(a.handler);
                }
                None => {}
            }
        };
        loop {
            // Bounded by what the channel holds: a flood cannot keep the tick from coming.
            for _ in 0..answers.len() {
                if let Ok(a) = answers.try_recv() {
                    hand_in(auction, a, self.clock.now());
                }
            }
            let now = self.clock.now();
            if auction.tick(now).is_some() {
                break;
            }
            let left = auction.deadline().saturating_sub(now);
            match tokio::time::timeout(left, answers.recv()).await {
                Ok(Some(a)) => hand_in(auction, a, self.clock.now()),
                Ok(None) => {
                    for h in handlers {
                        auction.answer(&h.name, Answer::Failed("the connection is closed".into()), self.clock.now());
                    }
                }
                // The timer and the clock may disagree by a little; the deadline has passed.
                Err(_) => {
                    auction.close(self.clock.now());
                    break;
                }
            }
        }
        strangers
    }
}

fn not_registered(handler: String) -> BidRecord {
    let reason = Some("a bid of no registered handler; add a [[handler]] of this name".to_owned());
    BidRecord { handler, confidence: None, at_ms: None, outcome: Outcome::Declined, reason }
}

/// The last instant at which an answer counts: the window after opening, but no later than [`CEILING`] after
/// the end of speech, and in any case one [`ROUND`].
pub fn deadline(opened: Duration, speech_end: Option<Duration>, window: Duration) -> Duration {
    let ceiling = speech_end.map_or(Duration::MAX, |end| end.saturating_add(CEILING));
    opened.saturating_add(window.min(CEILING)).min(ceiling).max(opened.saturating_add(ROUND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::remote::Acts;
    use crate::facts::bid::{Bid, Closed, Risk, VerdictKind};
    use crate::facts::intent::Lang;

    /// A clock that stands still: what is decided at the deadline is then decided exactly there.
    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Duration {
            Duration::ZERO
        }
    }

    const WINDOW: Duration = Duration::from_millis(25);

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

    fn bid(confidence: f32) -> Answer {
        Answer::Bid(Bid { confidence, risk: Risk::Low, proposal: Proposal::Reply("done".into()) })
    }

    fn ask() -> Ask {
        Ask { id: "1".into(), lang: Lang::En, wake: None, hypotheses: Vec::new() }
    }

    fn auctioneer(handlers: Vec<Arc<dyn Handler>>) -> Auctioneer {
        Auctioneer::new(handlers, Rules { window: WINDOW, ..Rules::default() }, Arc::new(Stopped))
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
        a.hold(&ask(), a.slot(None), Some(remotes)).await
    }

    fn says(id: &str, handler: &str, answer: Answer) -> RemoteAnswer {
        RemoteAnswer { id: id.into(), handler: handler.into(), answer }
    }

    #[test]
    fn handlers_inside_decide_at_once_and_a_panic_loses() {
        on_tokio(async {
            let a = auctioneer(vec![Arc::new(Fixed("a", -1.0)), Arc::new(Fixed("b", 0.7)), Arc::new(Fixed("c", 0.9))]);
            let held = a.hold(&ask(), a.slot(None), None).await;
            assert_eq!(held.verdict.handler.as_deref(), Some("c"));
            assert_eq!(held.verdict.closed, Some(Closed::Early));
            assert_eq!(held.decided, Duration::ZERO);
            let outcomes: Vec<Outcome> = held.records.iter().map(|r| r.outcome).collect();
            assert_eq!(outcomes, [Outcome::Failed, Outcome::Lost, Outcome::Won]);
        });
    }

    #[test]
    fn nobody_to_ask_is_none_at_once() {
        let a = auctioneer(vec![]);
        let held = on_tokio(a.hold(&ask(), a.slot(None), None));
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
            let held = a.hold(&ask(), a.slot(None), Some(remotes)).await;
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
}
