//! The link to the broker, against a real Mosquitto on a free port and against the embedded broker.
//!
//! Needs `mosquitto` (Debian: in package mosquitto). Nothing here sleeps: every step waits for the thing itself.

#[path = "house/mosquitto.rs"]
mod broker;

use std::net::{Ipv4Addr, TcpListener};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use broker::Mosquitto;
use rumqttc::{Client, Event, MqttOptions, Packet, Publish, QoS};
use serde_json::json;
use tiebreak::act::broker::EmbeddedBroker;
use tiebreak::act::fence::{Fence, Pass};
use tiebreak::act::inbox::Incoming;
use tiebreak::act::mqtt::{Broker, Link, LinkState, MqttSettings};
use tiebreak::act::outbox::Unpublished;
use tiebreak::facts::bid::{Command, Message};
use tiebreak::receipt::Receipt;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

/// Far more than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn mosquitto(port: u16) -> Mosquitto {
    Mosquitto::start(port).expect("the port was free a moment ago")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}

fn settings(port: u16) -> MqttSettings {
    let broker = Broker::External { host: "127.0.0.1".into(), port, user: None, password: None };
    MqttSettings { broker, ..MqttSettings::default() }
}

/// Somebody else at the broker who hears everything.
struct Observer {
    client: Client,
    connection: rumqttc::Connection,
}

impl Observer {
    fn new(port: u16) -> Self {
        let id = format!("observer-{}", ulid::Ulid::generate());
        let (client, connection) = Client::new(MqttOptions::new(id, "127.0.0.1", port), 16);
        client.subscribe("#", QoS::AtLeastOnce).expect("room");
        let mut observer = Self { client, connection };
        observer.until(|packet| matches!(packet, Packet::SubAck(_)).then_some(()));
        observer
    }

    fn until<T>(&mut self, mut wanted: impl FnMut(Packet) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.connection.recv_timeout(left).expect("in time").expect("the broker is there");
            if let Event::Incoming(packet) = event
                && let Some(found) = wanted(packet)
            {
                return found;
            }
        }
    }

    /// The next message on `topic`.
    fn hear(&mut self, topic: &str) -> Publish {
        self.until(|packet| match packet {
            Packet::Publish(p) if p.topic == topic => Some(p),
            _ => None,
        })
    }

    /// Everything heard before `marker`.
    fn before(&mut self, marker: &str) -> Vec<Publish> {
        let mut heard = Vec::new();
        self.until(|packet| match packet {
            Packet::Publish(p) if p.topic == marker => Some(()),
            Packet::Publish(p) => {
                heard.push(p);
                None
            }
            _ => None,
        });
        heard
    }

    fn say(&mut self, topic: &str, payload: &str) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).expect("room");
        self.until(|packet| matches!(packet, Packet::PubAck(_)).then_some(()));
    }
}

fn command(topics: &[&str]) -> Command {
    let mut messages = topics.iter().map(|topic| Message {
        topic: (*topic).to_owned(),
        payload: json!({ "state": "ON" }),
        qos: 1,
        retain: false,
    });
    Command { message: messages.next().expect("at least one"), and: messages.collect() }
}

fn pass(id: &str) -> Pass {
    Fence::default().admit(id, Duration::ZERO, Duration::ZERO).expect("the first time")
}

/// A runtime that runs by itself on a thread, as in the program, and can be killed with all its tasks.
struct Background {
    handle: Handle,
    kill: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Background {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        let (kill, killed) = oneshot::channel();
        let thread = std::thread::spawn(move || drop(runtime.block_on(killed)));
        Self { handle, kill, thread }
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle.block_on(work)
    }

    fn kill(self) {
        self.kill.send(()).expect("it runs");
        self.thread.join().expect("it ends");
    }
}

fn connect(on: &Background, settings: &MqttSettings, port: Option<u16>) -> (Link, Receiver<Incoming>) {
    on.block_on(Link::connect(settings, port, PATIENCE)).expect("the broker is there")
}

/// What holds for any broker.
fn exercise(port: u16, settings: &MqttSettings) {
    let mut observer = Observer::new(port);
    let on = Background::start();
    let (link, mut incoming) = connect(&on, settings, Some(port));
    assert_eq!(&observer.hear("tiebreak/status").payload[..], b"online");
    let status = Observer::new(port).hear("tiebreak/status");
    assert_eq!((&status.payload[..], status.retain), (&b"online"[..], true), "kept for those who come later");

    // A command arrives exactly once, as it is, and is not kept.
    let two = command(&["lamp/a/set", "lamp/b/set"]);
    on.block_on(link.publish_command(pass("1"), &two, PATIENCE)).expect("acknowledged");
    assert!(link.publish_receipt(&Receipt::nothing("1".into(), "test".into(), "marker")));
    let heard = observer.before("tiebreak/receipt");
    let commands: Vec<_> = heard.iter().filter(|p| p.topic.starts_with("lamp/")).collect();
    let topics: Vec<&str> = commands.iter().map(|p| p.topic.as_str()).collect();
    assert_eq!(topics, ["lamp/a/set", "lamp/b/set"]);
    assert!(commands.iter().all(|p| &p.payload[..] == br#"{"state":"ON"}"# && !p.retain && p.qos == QoS::AtLeastOnce));

    // What comes in is handed out; what is unusable is reported.
    observer.say("tiebreak/say", r#"{"text": "turn on the light", "lang": "en"}"#);
    observer.say("tiebreak/say", "not json");
    let next = |incoming: &mut Receiver<Incoming>| on.block_on(incoming.recv()).expect("the link is open");
    assert!(matches!(next(&mut incoming), Incoming::Say { text, .. } if text == "turn on the light"));
    assert!(matches!(next(&mut incoming), Incoming::Refused { .. }));

    // Another of us that says goodbye does not make us look dead.
    let (other, _) = connect(&on, settings, Some(port));
    on.block_on(other.close());
    assert_eq!(*other.state().borrow(), LinkState::Closed);
    observer.until(|p| matches!(p, Packet::Publish(p) if &p.payload[..] == b"offline").then_some(()));
    assert_eq!(&observer.hear("tiebreak/status").payload[..], b"online");

    // Goodbye is said by ourselves, and nothing is published afterwards.
    on.block_on(link.close());
    assert_eq!(&observer.hear("tiebreak/status").payload[..], b"offline");
    let after = on.block_on(link.publish_command(pass("2"), &two, PATIENCE));
    assert!(matches!(after, Err(Unpublished::NotConnected(_))), "{after:?}");

    // Killed without goodbye: the last will speaks.
    let (_link, _incoming) = connect(&on, settings, Some(port));
    assert_eq!(&observer.hear("tiebreak/status").payload[..], b"online");
    on.kill();
    assert_eq!(&observer.hear("tiebreak/status").payload[..], b"offline");
}

#[test]
fn against_mosquitto() {
    let port = free_port();
    let _broker = mosquitto(port);
    exercise(port, &settings(port));
}

#[test]
fn against_the_embedded_broker() {
    let broker = EmbeddedBroker::start(0).expect("a free port");
    exercise(broker.port(), &MqttSettings::default());
}

#[test]
fn a_restarted_broker_is_found_again_and_nothing_is_made_up_for() {
    let port = free_port();
    let broker = mosquitto(port);
    let on = Background::start();
    let (link, mut incoming) = connect(&on, &settings(port), None);
    let mut state = link.state();
    drop(broker);
    let down = state.wait_for(|s| matches!(s, LinkState::Down(_)));
    on.block_on(async { drop(tokio::time::timeout(PATIENCE, down).await.expect("in time").expect("open")) });
    let refused = on.block_on(link.publish_command(pass("1"), &command(&["lamp/late/set"]), PATIENCE));
    assert!(matches!(refused, Err(Unpublished::NotConnected(_))), "{refused:?}");

    let _broker = mosquitto(port);
    on.block_on(link.ready(PATIENCE)).expect("found again");
    let mut observer = Observer::new(port);
    on.block_on(link.publish_command(pass("2"), &command(&["lamp/now/set"]), PATIENCE)).expect("acknowledged");
    let heard = observer.before("lamp/now/set");
    assert!(heard.iter().all(|p| p.topic != "lamp/late/set"), "an old command acted late");
    // And it listens again.
    observer.say("tiebreak/say", r#"{"text": "hi"}"#);
    assert!(matches!(on.block_on(incoming.recv()), Some(Incoming::Say { .. })));
}

#[test]
fn a_broker_that_is_not_there_is_one_clear_error() {
    let port = free_port();
    let on = Background::start();
    let fault =
        on.block_on(Link::connect(&settings(port), None, Duration::from_millis(300))).err().expect("nobody is there");
    let text = fault.to_string();
    assert!(
        text.contains(&port.to_string()) && text.contains("refused") && text.contains("start the broker"),
        "{text}"
    );
    let base = MqttSettings { base: "a/#".into(), ..settings(port) };
    let fault = on.block_on(Link::connect(&base, None, PATIENCE)).err().expect("a wildcard");
    assert_eq!(fault.key, "base");
}

/// A server that says ConnAck and then nothing more.
#[test]
fn a_broker_that_falls_silent_is_given_up() {
    use std::io::{Read, Write};
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let server = std::thread::spawn(move || {
        let greet = |mut stream: std::net::TcpStream| {
            assert_ne!(stream.read(&mut [0; 1024]).expect("a CONNECT"), 0);
            stream.write_all(&[0x20, 2, 0, 0]).expect("a CONNACK");
            stream
        };
        let first = greet(listener.accept().expect("a connection").0);
        let second = greet(listener.accept().expect("connected anew").0);
        (first, second)
    });
    let on = Background::start();
    let (link, _incoming) = connect(&on, &settings(port), None);
    let within = Duration::from_millis(50);
    let result = on.block_on(link.publish_command(pass("1"), &command(&["lamp/set"]), within));
    assert_eq!(result, Err(Unpublished::Unacknowledged));
    let _streams = server.join().expect("it connected twice");
}
