//! The async line: hypotheses in, receipts out. One current-thread tokio runtime; it awaits, it never runs a
//! model, and it publishes only through the fence.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::understand::Understood;
use crate::act::command;
use crate::act::fence::Fence;
use crate::act::mqtt::Link;
use crate::decide::auction::{Auctioneer, Held};
use crate::facts::bid::{Ask, Command, Proposal, Verdict, VerdictKind};
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
        let Held { verdict, records, proposal, decided } = self.auctioneer.hold(&ask, speech_end, None).await;
        r.hypotheses = ask.hypotheses;
        r.bids = records;
        r.verdict = verdict;
        r.timeline_ms.verdict = Some(u.stamps.at(decided));
        let command = match proposal {
            None => None,
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
                Ok(Some(at)) => r.timeline_ms.published = Some(u.stamps.at(at)),
                Err(why) => r.verdict.reason = format!("{}; not published: {why}", r.verdict.reason),
            }
            r.command = Some(command);
        }
        r.with_latencies()
    }

    /// Through the fence to the broker; `Ok(None)` with `--dry-run`.
    async fn publish(&mut self, id: &str, command: &Command, decided: Duration) -> Result<Option<Duration>, String> {
        let Some(link) = &self.link else { return Ok(None) };
        let pass = self.fence.admit(id, decided, self.clock.now()).map_err(|refusal| refusal.to_string())?;
        link.publish_command(pass, command, ACKNOWLEDGED_WITHIN).await.map_err(|e| e.to_string())?;
        Ok(Some(self.clock.now()))
    }
}

/// The winner cannot do what it offered: that is no award.
fn failed(verdict: Verdict, why: String) -> Verdict {
    tracing::error!("{why}");
    Verdict { kind: VerdictKind::None, reason: why, ..verdict }
}
