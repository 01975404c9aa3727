//! The async line: hypotheses in, receipts out. One current-thread tokio runtime; it awaits, it never runs a
//! model, and it publishes only through the fence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc;
use ulid::Ulid;

use super::stamps::Stamps;
use super::understand::Understood;
use crate::act::command;
use crate::act::fence::Fence;
use crate::act::mqtt::Link;
use crate::decide::auction::{Auctioneer, Held, RemoteAnswer, Remotes, Slot};
use crate::decide::llm::Words;
use crate::decide::remote::RemoteHandler;
use crate::facts::bid::{Ask, Command, Message, Outcome, Proposal, Verdict, VerdictKind};
use crate::facts::clock::Clock;
use crate::facts::home::Home;
use crate::facts::intent::Lang;
use crate::receipt::{Receipt, WakeRecord, round};

/// How long the broker may take to acknowledge a command before the receipt says that it did not.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(2);

/// How long a question stands. Longer than the fence's validity, because people must first reach for something;
/// the fence then counts from the confirmation.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(30);

/// Everything the line owns.
pub struct Line {
    /// Holds the auctions.
    pub auctioneer: Auctioneer,
    /// The one gate.
    pub fence: Fence,
    /// The way out; `None` with `--dry-run`.
    pub link: Option<Link>,
    /// Handlers outside the process.
    pub remotes: Vec<RemoteHandler>,
    /// Whether they may read what was said.
    pub share_transcript: bool,
    /// Where receipts are written down; `None` if they are not.
    pub journal: Option<crossbeam_channel::Sender<Receipt>>,
    /// The house.
    pub home: Arc<Home>,
    /// Its file, for messages.
    pub home_file: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids of decisions that somebody confirms.
    pub confirmed: mpsc::Receiver<String>,
    /// What was last asked about.
    pub asked: Option<Asked>,
}

/// A decision that ended in asking.
pub struct Asked {
    receipt: Receipt,
    proposal: Proposal,
    stamps: Stamps,
    at: Duration,
}

/// What the line does next.
enum Next {
    Understood(Box<Understood>),
    Confirmed(String),
}

impl Line {
    /// Decides and acts on one utterance after the other until `understood` is closed.
    pub async fn work(mut self, mut understood: mpsc::Receiver<Understood>, receipts: mpsc::Sender<Receipt>) {
        loop {
            let next = tokio::select! {
                next = understood.recv() => next.map(|u| Next::Understood(Box::new(u))),
                Some(id) = self.confirmed.recv() => Some(Next::Confirmed(id)),
                () = receipts.closed() => None,
            };
            let receipt = match next {
                None => break,
                Some(Next::Understood(u)) => self.decide(*u).await,
                Some(Next::Confirmed(id)) => match self.confirm(&id).await {
                    Some(receipt) => receipt,
                    None => continue,
                },
            };
            if let Some(link) = &self.link {
                link.publish_receipt(&receipt);
            }
            if let Some(journal) = &self.journal
                && journal.try_send(receipt.clone()).is_err()
            {
                tracing::warn!("the disk is too slow: receipt {} was not written down", receipt.id);
            }
            if receipts.send(receipt).await.is_err() {
                break;
            }
        }
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }

    async fn decide(&mut self, u: Understood) -> Receipt {
        let mut r = Receipt::nothing(u.id.clone(), u.source, u.reason.unwrap_or_default());
        r.part = u.part;
        r.wake =
            u.wake.as_ref().map(|w| WakeRecord { word: w.word.clone(), score: w.score, at_ms: round(w.at.as_ms()) });
        r.lang = u.lang;
        r.transcript = u.transcript;
        r.timeline_ms = u.timeline;
        let words = r.transcript.as_ref().map(|t| Words { text: &t.text, confidence: t.confidence });
        // What nobody here understands is nobody's business but the language model's.
        let is_last_resort = u.hypotheses.is_empty() && self.auctioneer.has_fallback();
        if u.hypotheses.is_empty() && !(is_last_resort && words.is_some_and(|w| !w.text.trim().is_empty())) {
            return r.with_latencies();
        }
        self.learn();
        let ask =
            Ask { id: u.id, lang: u.lang.unwrap_or(Lang::En), wake: u.wake.map(|w| w.word), hypotheses: u.hypotheses };
        let speech_end = r.timeline_ms.speech_end.map(|at| u.stamps.wall(at));
        let Held { verdict, records, proposal, pending, native, decided } = self.auction(&ask, words, speech_end).await;
        r.hypotheses = ask.hypotheses;
        r.bids = records;
        r.native = native;
        let not_understood = std::mem::take(&mut r.verdict.reason);
        r.verdict = verdict;
        if r.verdict.kind == VerdictKind::None && is_last_resort {
            r.verdict.reason = format!("{not_understood}; {}", r.verdict.reason);
        }
        r.timeline_ms.verdict = Some(u.stamps.at(decided));
        if let (Some(proposal), VerdictKind::Ask) = (pending, r.verdict.kind) {
            self.asked = Some(Asked { receipt: r.clone(), proposal, stamps: u.stamps, at: decided });
        }
        self.carry_out(&mut r, proposal, decided, u.stamps).await;
        r.with_latencies()
    }

    /// Does what was asked about, if that was decision `id` and not too long ago; `None`: there is nothing to do.
    async fn confirm(&mut self, id: &str) -> Option<Receipt> {
        let now = self.clock.now();
        let fits = |a: &mut Asked| a.receipt.id == id && now.saturating_sub(a.at) <= CONFIRMED_WITHIN;
        let Some(Asked { receipt: mut r, proposal, stamps, .. }) = self.asked.take_if(fits) else {
            tracing::warn!("a confirmation of {id}: nothing of that id is asked now");
            return None;
        };
        r.confirms = Some(std::mem::replace(&mut r.id, Ulid::generate().to_string()));
        r.verdict.kind = VerdictKind::Award;
        r.verdict.reason = format!("{}; it was confirmed", r.verdict.reason);
        r.timeline_ms.verdict = Some(stamps.at(now));
        let winner = r.verdict.handler.clone();
        for bid in r.bids.iter_mut().filter(|b| Some(&b.handler) == winner.as_ref()) {
            bid.outcome = Outcome::Won;
        }
        self.carry_out(&mut r, Some(proposal), now, stamps).await;
        Some(r.with_latencies())
    }

    /// Does what was awarded, and notes it in the receipt.
    async fn carry_out(&mut self, r: &mut Receipt, proposal: Option<Proposal>, decided: Duration, stamps: Stamps) {
        let remote =
            r.verdict.handler.as_deref().and_then(|name| self.remotes.iter().find(|h| h.name == name)).cloned();
        let command = match proposal {
            None => None,
            Some(Proposal::Itself) => {
                match self.license(&r.id, r.verdict.handler.as_deref().unwrap_or_default(), decided).await {
                    Ok(at) => r.timeline_ms.published = at.map(|at| stamps.at(at)),
                    Err(why) => r.verdict.reason = format!("{}; not awarded: {why}", r.verdict.reason),
                }
                None
            }
            Some(Proposal::Reply(text)) => {
                r.reply = Some(text);
                None
            }
            Some(Proposal::Publish(command)) => Some(command),
            Some(Proposal::Act(action) | Proposal::Confirm(action)) => {
                match command::command(&action, &self.home, &self.home_file) {
                    Ok(command) => Some(command),
                    Err(fault) => {
                        r.verdict = failed(r.verdict.clone(), fault.to_string());
                        None
                    }
                }
            }
        };
        let Some(command) = command else { return };
        match self.publish(&r.id, &command, decided).await {
            Ok(None) => {}
            Ok(Some(at)) => {
                r.timeline_ms.published = Some(stamps.at(at));
                self.expect(&r.verdict, &command);
                self.tell_winner(&r.id, remote.as_ref());
            }
            Err(why) => r.verdict.reason = format!("{}; {why}", r.verdict.reason),
        }
        r.command = Some(command);
    }

    /// Notes which actions have been confirmed since the last decision.
    fn learn(&self) {
        let Some(link) = &self.link else { return };
        for (handler, confirmed) in link.confirmations(|c, _| c.outcomes(Instant::now())) {
            self.auctioneer.tracker().of_mut(&handler).acted(confirmed);
        }
    }

    /// Waits for the things that the winner commands to report.
    fn expect(&self, verdict: &Verdict, command: &Command) {
        if let (Some(link), Some(winner)) = (&self.link, &verdict.handler) {
            link.confirmations(|c, reports| c.expect(winner, command, reports, Instant::now()));
        }
    }

    /// Asks everyone, outside the process too, and decides.
    async fn auction(&self, ask: &Ask, words: Option<Words<'_>>, speech_end: Option<Duration>) -> Held {
        let slot = self.auctioneer.slot(speech_end);
        // Handlers outside bid on readings; without one there is nothing to ask them.
        if self.remotes.is_empty() || ask.hypotheses.is_empty() {
            return self.auctioneer.hold(ask, slot, None, words).await;
        }
        let mut answers = self.ask_remotes(ask, words.map(|w| w.text), slot);
        let answers = answers.as_mut().map_err(|why| why.clone());
        let remotes = Remotes { handlers: &self.remotes, home: &self.home, answers };
        let held = self.auctioneer.hold(ask, slot, Some(remotes), words).await;
        if let Some(link) = &self.link {
            link.close_bids();
        }
        held
    }

    /// Publishes the ask and opens the desk for the bids.
    fn ask_remotes(&self, ask: &Ask, words: Option<&str>, slot: Slot) -> Result<mpsc::Receiver<RemoteAnswer>, String> {
        let link = self.link.as_ref().ok_or("nobody outside is asked with --dry-run")?;
        let asked = self.remotes.iter().filter(|h| h.passed_over(ask.lang).is_none());
        let answers = link.open_bids(&ask.id, asked.map(|h| h.name.clone()));
        let window_ms = slot.deadline.saturating_sub(slot.opened).as_millis() as u64;
        let mut payload =
            json!({ "id": ask.id, "lang": ask.lang, "hypotheses": ask.hypotheses, "window_ms": window_ms });
        if let (true, Some(words)) = (self.share_transcript, words) {
            payload["transcript"] = words.into();
        }
        if link.tell("ask", payload, 0) { Ok(answers) } else { Err("there is no connection to the broker".into()) }
    }

    /// Gives the winner that acts by itself its licence, through the fence; `Ok(None)` with `--dry-run`.
    async fn license(&mut self, id: &str, winner: &str, decided: Duration) -> Result<Option<Duration>, String> {
        let Some(link) = &self.link else { return Ok(None) };
        let now = self.clock.now();
        let pass = self.fence.admit(id, decided, now).map_err(|refusal| refusal.to_string())?;
        let valid_ms = pass.expires().saturating_sub(now).as_millis() as u64;
        let award = Command { message: award(link, winner, id, valid_ms), and: Vec::new() };
        link.publish_command(pass, &award, ACKNOWLEDGED_WITHIN).await.map_err(|e| e.to_string())?;
        let done = link.topic(&format!("done/{winner}"));
        link.confirmations(|c, _| c.expect_done(winner, &done, id, Instant::now()));
        Ok(Some(self.clock.now()))
    }

    /// Tells a handler outside that its command was published: an award of which nothing is left to be done.
    fn tell_winner(&self, id: &str, winner: Option<&RemoteHandler>) {
        if let (Some(link), Some(winner)) = (&self.link, winner) {
            link.tell(&format!("award/{}", winner.name), json!({ "id": id, "valid_ms": 0 }), 1);
        }
    }

    /// Through the fence to the broker; `Ok(None)` with `--dry-run`.
    async fn publish(&mut self, id: &str, command: &Command, decided: Duration) -> Result<Option<Duration>, String> {
        let Some(link) = &self.link else { return Ok(None) };
        let pass = self.fence.admit(id, decided, self.clock.now()).map_err(|refusal| refusal.to_string())?;
        link.publish_command(pass, command, ACKNOWLEDGED_WITHIN).await.map_err(|e| e.to_string())?;
        Ok(Some(self.clock.now()))
    }
}

/// The licence to act on decision `id` within `valid_ms`.
fn award(link: &Link, winner: &str, id: &str, valid_ms: u64) -> Message {
    let payload = json!({ "id": id, "valid_ms": valid_ms });
    Message { topic: link.topic(&format!("award/{winner}")), payload, qos: 1, retain: false }
}

/// The winner cannot do what it offered: that is no award.
fn failed(verdict: Verdict, why: String) -> Verdict {
    tracing::error!("{why}");
    Verdict { kind: VerdictKind::None, reason: why, ..verdict }
}
