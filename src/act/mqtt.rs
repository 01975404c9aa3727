//! The link to the broker: publishes commands, receipts and whether we are there; hands out what comes in.
//!
//! It must never delay the rest of the program (no call waits for the network, except the one that asks for
//! the acknowledgement), and it must never keep a command for later: a lamp that turns on ten minutes after it
//! was asked for is worse than one that stays dark. The only file that names rumqttc.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rumqttc::{
    AsyncClient, ClientError, Event, LastWill, MqttOptions, NetworkOptions, Outgoing, Packet, QoS, SubscribeFilter,
};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use super::command::bytes;
use super::confirm::Confirmations;
use super::desk::Desk;
use super::fence::Pass;
use super::inbox::{Inbox, Incoming};
use super::outbox::{Outbox, Reply, Told, Unpublished};
pub use super::settings::{Broker, MqttSettings};
use crate::decide::auction::RemoteAnswer;
use crate::facts::bid::{Command, Message};
use crate::facts::error::Fault;
use crate::facts::home::check_topic;
use crate::receipt::Receipt;

/// rumqttc's own limit of 10 KiB would end the connection on the first large retained message, for ever.
const PACKET_BYTES_MAX: usize = 1024 * 1024;
/// Messages that may wait for the network at one moment; also how many lamps one sentence may switch.
const UNDER_WAY_MAX: usize = 256;
/// Room in rumqttc's queue: commands and receipts together.
const REQUESTS_MAX: usize = 2 * UNDER_WAY_MAX;
/// What has come in and nobody has looked at yet; more is dropped with a warning.
const INBOX_MAX: usize = 32;
/// How long saying goodbye may take, for each of its two steps.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const CONNECT_SECONDS_MAX: u64 = 5;
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// How the link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Not connected; why, as far as is known.
    Down(String),
    /// Connected.
    Up,
    /// Closed by us, for good.
    Closed,
}

/// The link; clones share one connection.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    base: String,
    address: String,
    inbox: Inbox,
    reports: Vec<String>,
    line: Mutex<Line>,
    state: watch::Sender<LinkState>,
    /// Tells the task that the session of this number is dead although the socket does not know it yet.
    give_up: mpsc::Sender<u64>,
}

#[derive(Default)]
struct Line {
    /// There while connected.
    client: Option<AsyncClient>,
    session: u64,
    closing: bool,
    outbox: Outbox,
    /// There while a decision is open for bids.
    desk: Option<Desk>,
    confirmations: Confirmations,
}

fn options(settings: &MqttSettings, host: &str, port: u16) -> MqttOptions {
    // A name of its own for each run: with a common one, two of us would throw each other out for ever.
    let id = format!("tiebreak-{}", ulid::Ulid::generate());
    let mut options = MqttOptions::new(id, host, port);
    options.set_keep_alive(KEEP_ALIVE);
    options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
    options.set_last_will(LastWill::new(format!("{}/status", settings.base), "offline", QoS::AtLeastOnce, true));
    if let Broker::External { user: Some(user), password, .. } = &settings.broker {
        options.set_credentials(user, password.clone().unwrap_or_default());
    }
    options
}

impl Link {
    /// Starts the task that keeps the link, and waits until the broker is there. Must be called on a tokio
    /// runtime. `embedded_port` is that of the embedded broker, where the settings ask for it. Also returns
    /// what comes in.
    ///
    /// # Errors
    /// The base topic cannot be used; no broker answers within `within`.
    pub async fn connect(
        settings: &MqttSettings,
        embedded_port: Option<u16>,
        within: Duration,
    ) -> Result<(Self, mpsc::Receiver<Incoming>), Fault> {
        let (link, incoming) = Self::start(settings, embedded_port)?;
        match link.ready(within).await {
            Ok(()) => Ok((link, incoming)),
            Err(fault) => {
                link.close().await;
                Err(fault)
            }
        }
    }

    /// As [`Link::connect`], but does not wait: the broker may come later.
    ///
    /// # Errors
    /// The base topic cannot be used.
    pub fn start(
        settings: &MqttSettings,
        embedded_port: Option<u16>,
    ) -> Result<(Self, mpsc::Receiver<Incoming>), Fault> {
        settings.check()?;
        let (host, port) = settings.address(embedded_port);
        let (give_up, given_up) = mpsc::channel(1);
        let (tell, incoming) = mpsc::channel(INBOX_MAX);
        let shared = Arc::new(Shared {
            base: settings.base.clone(),
            address: format!("{host}:{port}"),
            inbox: Inbox::new(&settings.base),
            reports: settings.reports.clone(),
            line: Mutex::default(),
            state: watch::Sender::new(LinkState::Down("still connecting".into())),
            give_up,
        });
        tokio::spawn(Arc::clone(&shared).keep(options(settings, host, port), tell, given_up));
        Ok((Self { shared }, incoming))
    }

    /// How the link is, and how it changes.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.shared.state.subscribe()
    }

    /// `host:port` of the broker.
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// Waits until the broker is there.
    ///
    /// # Errors
    /// It is not, within `within`: why, and what to do.
    pub async fn ready(&self, within: Duration) -> Result<(), Fault> {
        let mut state = self.state();
        let up = tokio::time::timeout(within, state.wait_for(|s| *s == LinkState::Up)).await;
        if matches!(up, Ok(Ok(_))) {
            return Ok(());
        }
        let what = self.shared.not_connected().to_string();
        let remedy = "start the broker, or correct host, port, user and password, or use the embedded one";
        Err(Fault::new("mqtt", "broker", what.trim_start_matches("not published: "), remedy))
    }

    /// Publishes `command` on the strength of `pass` and waits until the broker has acknowledged all of it, for
    /// `within` at the most.
    ///
    /// # Errors
    /// See [`Unpublished`]. In no case is it tried again or kept for later.
    pub async fn publish_command(&self, pass: Pass, command: &Command, within: Duration) -> Result<(), Unpublished> {
        let (replies, session) = self.shared.send_command(command)?;
        let all = async {
            for reply in replies {
                reply.await.unwrap_or(Err(Unpublished::Lost))?;
            }
            Ok(())
        };
        let result = tokio::time::timeout(within, all).await.unwrap_or(Err(Unpublished::Unacknowledged));
        if result == Err(Unpublished::Unacknowledged) {
            tracing::warn!(id = pass.id(), "no acknowledgement from {}; connecting anew", self.address());
            let _ = self.shared.give_up.try_send(session);
        }
        result
    }

    /// Publishes a receipt, if there is a connection; returns whether it was sent. Never waits.
    pub fn publish_receipt(&self, receipt: &Receipt) -> bool {
        serde_json::to_value(receipt).is_ok_and(|payload| self.tell("receipt", payload, 0))
    }

    /// Publishes `payload` on `<base>/<below>`, if there is a connection; returns whether it was sent. For what
    /// changes nothing in the world: whatever acts needs a [`Pass`]. Never waits.
    pub fn tell(&self, below: &str, payload: Value, qos: u8) -> bool {
        let message = Message { topic: self.topic(below), payload, qos, retain: false };
        let mut line = self.shared.line();
        self.shared.send(&mut line, &message, None).is_ok()
    }

    /// The topic `<base>/<below>`.
    pub fn topic(&self, below: &str) -> String {
        format!("{}/{below}", self.shared.base)
    }

    /// Takes bids of the handlers `names` for decision `id` from now on, and no others any more.
    pub fn open_bids(&self, id: &str, names: impl Iterator<Item = String>) -> mpsc::Receiver<RemoteAnswer> {
        let (desk, answers) = Desk::open(id, names);
        self.shared.line().desk = Some(desk);
        answers
    }

    /// Takes no bids any more.
    pub fn close_bids(&self) {
        self.shared.line().desk = None;
    }

    /// What waits to be confirmed; held for moments only.
    pub fn confirmations<T>(&self, with: impl FnOnce(&mut Confirmations, &[String]) -> T) -> T {
        with(&mut self.shared.line().confirmations, &self.shared.reports)
    }

    /// Says that we are gone, and ends the link; with a broker that does not answer this takes 4 s.
    pub async fn close(&self) {
        let Some(told) = self.shared.say_goodbye() else { return };
        let _ = tokio::time::timeout(GOODBYE_WITHIN, told).await;
        if let Some(client) = &self.shared.line().client {
            // Without room for it the connection just breaks, and the last will says the same.
            let _ = client.try_disconnect();
        }
        let mut state = self.state();
        let _ = tokio::time::timeout(GOODBYE_WITHIN, state.wait_for(|s| *s == LinkState::Closed)).await;
    }
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        // What a panic elsewhere left here is still a valid line: every change is a single step.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_connected(&self) -> Unpublished {
        let why = match &*self.state.borrow() {
            LinkState::Down(why) => format!("no connection to the broker at {}: {why}", self.address),
            LinkState::Up => format!("the broker at {} has just gone", self.address),
            LinkState::Closed => "the link to the broker is closed".into(),
        };
        Unpublished::NotConnected(why)
    }

    fn status_topic(&self) -> String {
        format!("{}/status", self.base)
    }

    /// Hands all messages of `command` over, or, before the first, none.
    fn send_command(&self, command: &Command) -> Result<(Vec<Told>, u64), Unpublished> {
        let messages = || std::iter::once(&command.message).chain(&command.and);
        for message in messages() {
            check_topic(&message.topic).map_err(Unpublished::Invalid)?;
        }
        let mut line = self.line();
        if line.outbox.len() + messages().count() > UNDER_WAY_MAX {
            return Err(Unpublished::Busy);
        }
        let mut replies = Vec::new();
        for message in messages() {
            let (reply, told) = oneshot::channel();
            self.send(&mut line, message, Some(reply))?;
            replies.push(told);
        }
        Ok((replies, line.session))
    }

    /// Hands one message to the client; never waits, never retains.
    fn send(&self, line: &mut Line, message: &Message, reply: Reply) -> Result<(), Unpublished> {
        let client = line.client.as_ref().ok_or_else(|| self.not_connected())?;
        let payload = bytes(&message.payload);
        if message.topic.len() + payload.len() + 16 > PACKET_BYTES_MAX {
            return Err(Unpublished::Invalid(format!("the message has {} bytes", payload.len())));
        }
        let qos = if message.qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        client.try_publish(&message.topic, qos, false, payload).map_err(|e| refused(&e))?;
        match (qos, reply) {
            (QoS::AtMostOnce, None) => {}
            // QoS 0 knows no acknowledgement: handed over is all that can be said.
            (QoS::AtMostOnce, Some(reply)) => drop(reply.send(Ok(()))),
            (_, reply) => line.outbox.queued(reply),
        }
        Ok(())
    }

    /// Publishes whether we are there, retained.
    fn send_status(&self, line: &mut Line, status: &str, reply: Reply) {
        let Some(client) = &line.client else { return };
        if client.try_publish(self.status_topic(), QoS::AtLeastOnce, true, status).is_ok() {
            line.outbox.queued(reply);
        }
    }

    /// `None` if there is nobody to say goodbye to.
    fn say_goodbye(&self) -> Option<Told> {
        let mut line = self.line();
        line.closing = true;
        if line.client.is_none() {
            // The task may be waiting to connect again; it looks at `closing` before it does.
            self.state.send_replace(LinkState::Closed);
            return None;
        }
        let (reply, told) = oneshot::channel();
        self.send_status(&mut line, "offline", Some(reply));
        Some(told)
    }

    /// Keeps the link: one session after the other, with growing pauses while there is no broker.
    async fn keep(
        self: Arc<Self>,
        options: MqttOptions,
        tell: mpsc::Sender<Incoming>,
        mut given_up: mpsc::Receiver<u64>,
    ) {
        let mut pause = BACKOFF_MIN;
        while !self.line().closing {
            let (was_up, why) = self.session(&options, &tell, &mut given_up).await;
            let closing = {
                let mut line = self.line();
                line.client = None;
                line.desk = None;
                line.outbox.lost();
                line.closing
            };
            if closing {
                break;
            }
            pause = if was_up { BACKOFF_MIN } else { (pause * 2).min(BACKOFF_MAX) };
            tracing::warn!("no connection to the broker at {}: {why}; trying again in {pause:?}", self.address);
            self.state.send_replace(LinkState::Down(why));
            tokio::time::sleep(pause).await;
        }
        self.state.send_replace(LinkState::Closed);
    }

    /// One connection from its beginning to its end; returns whether there was one, and why it ended. Each has
    /// a client of its own: rumqttc's would replay what was queued when the old one broke, and can lock up for
    /// good after a lost session (rumqtt issue 1056).
    async fn session(
        &self,
        options: &MqttOptions,
        tell: &mpsc::Sender<Incoming>,
        given_up: &mut mpsc::Receiver<u64>,
    ) -> (bool, String) {
        let (client, mut events) = AsyncClient::new(options.clone(), REQUESTS_MAX);
        let mut network = NetworkOptions::new();
        // A command is one small packet: it must not wait for company.
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT_SECONDS_MAX);
        events.set_network_options(network);
        let mut was_up = false;
        loop {
            let event = {
                // Polled to its end: half a poll may leave half a packet behind. Giving up ends the client too.
                let mut polled = pin!(events.poll());
                loop {
                    tokio::select! {
                        event = &mut polled => break event,
                        Some(session) = given_up.recv() => {
                            if was_up && session == self.line().session {
                                return (was_up, "it no longer acknowledges".into());
                            }
                        }
                    }
                }
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    if !self.begin(&client) {
                        return (was_up, "closed".into());
                    }
                    was_up = true;
                }
                Ok(Event::Incoming(Packet::PubAck(ack))) => self.line().outbox.acknowledged(ack.pkid),
                Ok(Event::Incoming(Packet::Publish(p))) => self.receive(&p.topic, &p.payload, p.retain, tell),
                Ok(Event::Outgoing(Outgoing::Publish(packet))) if packet != 0 => self.line().outbox.sent(packet),
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return (was_up, "closed".into()),
                Ok(_) => {}
                Err(e) => return (was_up, e.to_string()),
            }
        }
    }

    /// Everything that a broker forgets or never knew: who we are and what we want to hear. Returns `false` if
    /// the link was closed meanwhile.
    fn begin(&self, client: &AsyncClient) -> bool {
        let mut line = self.line();
        if line.closing {
            return false;
        }
        line.client = Some(client.clone());
        line.session += 1;
        self.send_status(&mut line, "online", None);
        let filters = self.inbox.filters().into_iter().chain([self.status_topic()]).chain(self.reports.clone());
        // The queue is empty at this moment, so there is room.
        if let Err(e) = client.try_subscribe_many(filters.map(|f| SubscribeFilter::new(f, QoS::AtMostOnce))) {
            tracing::error!("cannot subscribe at {}: {e}", self.address);
        }
        // Still under the lock, so that nobody sees `Up` after `Closed`.
        self.state.send_replace(LinkState::Up);
        true
    }

    fn receive(&self, topic: &str, payload: &[u8], retained: bool, tell: &mpsc::Sender<Incoming>) {
        if topic == self.status_topic() {
            let mut line = self.line();
            // Our own former self, or another of us, has gone (its last will may come late); we have not.
            if payload == b"offline" && !line.closing {
                self.send_status(&mut line, "online", None);
            }
            return;
        }
        if let Some(handler) = self.inbox.bidder(topic) {
            match &mut self.line().desk {
                Some(desk) => desk.take(handler, || self.inbox.bid(payload, retained)),
                None => tracing::debug!("a bid of {handler} came while nothing is being decided"),
            }
            return;
        }
        let Some(incoming) = self.inbox.read(topic, payload, retained) else {
            // A state that the broker kept is that of before.
            if !retained {
                self.line().confirmations.heard(topic, payload, Instant::now());
            }
            return;
        };
        if let Incoming::Refused { topic, reason } = &incoming {
            tracing::warn!("refused a message on {topic}: {reason}");
        }
        if tell.try_send(incoming).is_err() {
            tracing::warn!("dropped a message on {topic}: more than {INBOX_MAX} are waiting");
        }
    }
}

fn refused(e: &ClientError) -> Unpublished {
    match e {
        ClientError::TryRequest(_) => Unpublished::Busy,
        other => Unpublished::Invalid(other.to_string()),
    }
}
