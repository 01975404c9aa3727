//! The async line: hypotheses in, receipts out. One current-thread tokio runtime; it awaits, it never runs a
//! model, and it publishes only through the fence.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use super::understand::Understood;
use crate::act::command;
use crate::act::fence::Fence;
use crate::act::mqtt::Link;
use crate::decide::auction::{Auctioneer, Held, RemoteAnswer, Remotes, Slot};
use crate::decide::remote::RemoteHandler;
use crate::facts::bid::{Ask, Command, Message, Proposal, Verdict, VerdictKind};
use crate::facts::clock::Clock;
use crate::facts::home::Home;
use crate::facts::intent::Lang;
use crate::receipt::{Receipt, WakeRecord, round};

/// How long the broker may take to acknowledge a command before the receipt says that it did not.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(2);

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
}

impl Line {
    /// Decides and acts on one utterance after the other until `understood` is closed.
    pub async fn work(mut self, mut understood: mpsc::Receiver<Understood>, receipts: mpsc::Sender<Receipt>) {
        loop {
            let next = tokio::select! {
                next = understood.recv() => next,
                () = receipts.closed() => None,
            };
            let Some(u) = next else { break };
            let receipt = self.decide(u).await;
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
        if u.hypotheses.is_empty() {
            return r.with_latencies();
        }
        let ask =
            Ask { id: u.id, lang: u.lang.unwrap_or(Lang::En), wake: u.wake.map(|w| w.word), hypotheses: u.hypotheses };
        let speech_end = r.timeline_ms.speech_end.map(|at| u.stamps.wall(at));
        let words = r.transcript.as_ref().map(|t| t.text.as_str());
        let Held { verdict, records, proposal, decided } = self.auction(&ask, words, speech_end).await;
        r.hypotheses = ask.hypotheses;
        r.bids = records;
        r.verdict = verdict;
        r.timeline_ms.verdict = Some(u.stamps.at(decided));
        let remote =
            r.verdict.handler.as_deref().and_then(|name| self.remotes.iter().find(|h| h.name == name)).cloned();
        let command = match proposal {
            None => None,
            Some(Proposal::Itself) => {
                match self.license(&r.id, r.verdict.handler.as_deref().unwrap_or_default(), decided).await {
                    Ok(at) => r.timeline_ms.published = at.map(|at| u.stamps.at(at)),
                    Err(why) => r.verdict.reason = format!("{}; not awarded: {why}", r.verdict.reason),
                }
                None
            }
            Some(Proposal::Reply(text)) => {
                r.reply = Some(text);
                None
            }
            Some(Proposal::Publish(command)) => Some(command),
            Some(Proposal::Act(action)) => match command::command(&action, &self.home, &self.home_file) {
                Ok(command) => Some(command),
                Err(fault) => {
                    r.verdict = failed(r.verdict, fault.to_string());
                    None
                }
            },
        };
        if let Some(command) = command {
            match self.publish(&r.id, &command, decided).await {
                Ok(None) => {}
                Ok(Some(at)) => {
                    r.timeline_ms.published = Some(u.stamps.at(at));
                    self.tell_winner(&r.id, remote.as_ref());
                }
                Err(why) => r.verdict.reason = format!("{}; not published: {why}", r.verdict.reason),
            }
            r.command = Some(command);
        }
        r.with_latencies()
    }

    /// Asks everyone, outside the process too, and decides.
    async fn auction(&self, ask: &Ask, words: Option<&str>, speech_end: Option<Duration>) -> Held {
        let slot = self.auctioneer.slot(speech_end);
        if self.remotes.is_empty() {
            return self.auctioneer.hold(ask, slot, None).await;
        }
        let mut answers = self.ask_remotes(ask, words, slot);
        let answers = answers.as_mut().map_err(|why| why.clone());
        let remotes = Remotes { handlers: &self.remotes, home: &self.home, answers };
        let held = self.auctioneer.hold(ask, slot, Some(remotes)).await;
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
