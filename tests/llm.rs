//! The language model of last resort, against servers on this machine that answer well, answer rubbish, lie, hang,
//! redirect or come late. Nothing here reaches the internet, and no real model is asked.

mod house;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use house::{Guest, House, alone};
use serde_json::{Value, json};
use tiebreak::facts::bid::{BidRecord, Outcome, VerdictKind};
use tiebreak::receipt::Receipt;

/// Nobody in the house makes anything of this.
const ODD: &str = "i can hardly see my onions over here";
const KEY: &str = "sk-keep-this-to-yourself";

/// What a server does with one connection, after it has read the request.
type Behaviour = Arc<dyn Fn(&mut TcpStream) + Send + Sync>;

/// Counts connections, keeps the requests, answers each as told.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(behaviour: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        let behaviour: Behaviour = Arc::new(behaviour);
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, kept) = (Arc::clone(&connections), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let (behaviour, kept) = (Arc::clone(&behaviour), Arc::clone(&kept));
                std::thread::spawn(move || {
                    let mut stream = stream.expect("a connection");
                    kept.lock().expect("no panic").push(request(&mut stream));
                    behaviour(&mut stream);
                });
            }
        });
        Self { port, connections, requests }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The body of the last request.
    fn body(&self) -> Value {
        let requests = self.requests.lock().expect("no panic");
        let last = requests.last().expect("a request");
        serde_json::from_str(last.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
    }

    /// A house that falls back on this server.
    fn house(&self, more: &str, acting: bool) -> House {
        let config = format!(
            "home = \"home.toml\"\n[llm]\nurl = \"http://127.0.0.1:{}/v1\"\nmodel = \"qwen3:4b\"\nkey_file = \"key\"\n{more}",
            self.port
        );
        House::with_files(&config, &[("home.toml", &home()), ("key", KEY)], acting)
    }
}

/// The house that ships, in which the language model may do what the Tmall-style handler may.
fn home() -> String {
    tiebreak::facts::home::EMBEDDED_HOME.replace("\"tmall\"]", "\"tmall\", \"llm\"]")
}

fn request(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("ASCII");
    let length = head.to_lowercase().lines().find_map(|l| l.strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |l| l.trim().parse().expect("a number"))];
    stream.read_exact(&mut body).expect("the whole body");
    head + &String::from_utf8(body).expect("UTF-8")
}

fn respond(stream: &mut TcpStream, head: &str, body: &str) {
    // A client that hangs up early is none of the server's business.
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all((head + body).as_bytes());
}

fn calls(tool: &str, arguments: &str) -> String {
    let call = json!({ "id": "1", "type": "function", "function": { "name": tool, "arguments": arguments } });
    let message = json!({ "role": "assistant", "content": "", "tool_calls": [call] });
    json!({ "object": "chat.completion", "choices": [{ "index": 0, "message": message, "finish_reason": "tool_calls" }],
            "usage": { "prompt_tokens": 900, "completion_tokens": 30, "total_tokens": 930 } })
    .to_string()
}

fn kitchen_on() -> String {
    calls("HassLightSet", r#"{"name": "light.kitchen", "brightness": 100}"#)
}

fn llm(receipt: &Receipt) -> &BidRecord {
    receipt.bids.iter().find(|b| b.handler == "llm").unwrap_or_else(|| panic!("no llm in {receipt:?}"))
}

#[test]
fn what_nobody_here_understands_is_asked_and_the_answer_is_done() {
    let _alone = alone();
    let server = Server::start(|s| respond(s, "200 OK", &kitchen_on()));
    let mut house = server.house("[llm.extra]\nreasoning_effort = \"none\"\n", true);
    let observer = Guest::observer(house.port());
    let receipt = house.say(ODD);
    assert_eq!(receipt.verdict.handler.as_deref(), Some("llm"), "{receipt:?}");
    assert_eq!(receipt.command.as_ref().map(|c| c.message.topic.as_str()), Some("zigbee2mqtt/kitchen_light/set"));
    observer.wait_for("zigbee2mqtt/kitchen_light/set", 1);
    let body = server.body();
    assert_eq!((&body["model"], &body["reasoning_effort"]), (&json!("qwen3:4b"), &json!("none")));
    assert_eq!(body["messages"][1]["content"], ODD);
    assert!(body["tools"].as_array().is_some_and(|t| t.len() > 5), "{body}");
    let sent = server.requests.lock().expect("no panic")[0].clone();
    assert!(sent.starts_with("POST /v1/chat/completions ") && sent.contains(&format!("Bearer {KEY}")), "{sent}");
    assert!(!format!("{receipt:?}").contains(KEY) && !body.to_string().contains(KEY));
}

/// Four reports to Home Assistant say that "prefer local" did not hold: here it does, for every sentence of the
/// fixtures that is a command, in both languages.
#[test]
fn what_can_be_done_here_never_leaves_the_house() {
    let _alone = alone();
    let server = Server::start(|s| respond(s, "200 OK", &calls("HassTurnOff", r#"{"name": "fan.bedroom"}"#)));
    let mut house = server.house("", false);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-fixtures");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("there are fixtures") {
        let path = entry.expect("readable").path();
        let Some(sidecar) = fs::read_to_string(&path).ok().filter(|_| path.extension().is_some_and(|e| e == "toml"))
        else {
            continue;
        };
        let sidecar: toml::Table = sidecar.parse().expect("TOML");
        let expected = sidecar.get("expect").and_then(|e| e.get("verdict")).and_then(toml::Value::as_str);
        let Some(text) = sidecar.get("text").and_then(toml::Value::as_str).filter(|_| expected == Some("award")) else {
            continue;
        };
        // The wake word is not part of the sentence.
        let sentence = text.split_once([',', '，']).map_or(text, |(_, rest)| rest.trim());
        let receipt = house.say(sentence);
        assert_ne!(receipt.verdict.kind, VerdictKind::None, "{sentence}: {receipt:?}");
        assert_ne!(receipt.verdict.handler.as_deref(), Some("llm"), "{sentence}: {receipt:?}");
        assert_eq!(llm(&receipt).outcome, Outcome::Declined, "{sentence}");
        assert!(llm(&receipt).reason.as_deref().is_some_and(|r| r.contains("can do it here")), "{sentence}");
        count += 1;
    }
    assert!(count >= 50, "only {count} commands");
    assert_eq!(server.connections(), 0, "a command left the house");
    // The server is there: what cannot be done here does reach it.
    house.say(ODD);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_handler_outside_the_process_goes_before_the_model() {
    let _alone = alone();
    let server = Server::start(|s| respond(s, "200 OK", &kitchen_on()));
    // Understood, but no handler inside the process may do it.
    let only_far = home().replace("assistants = [\"siri\", \"tmall\", \"llm\"]", "assistants = [\"llm\"]");
    let config = format!(
        "home = \"home.toml\"\n[llm]\nurl = \"http://127.0.0.1:{}/v1\"\nmodel = \"m\"\n\
         [[handler]]\nname = \"far\"\nacts = \"itself\"\n",
        server.port
    );
    let mut house = House::with_files(&config, &[("home.toml", &only_far)], true);
    let bid = |id: &str| json!({ "id": id, "confidence": 0.9, "risk": "low" }).to_string();
    let far = Guest::handler(house.port(), "far", move |id| vec![(0, bid(id))]);
    let far_record = |r: &Receipt| r.bids.iter().find(|b| b.handler == "far").cloned().expect("asked");
    let mut quick = 0;
    for _ in 0..10 {
        let before = server.connections();
        let receipt = house.say("turn on the kitchen light");
        // On a busy machine it may be slower than the time that it is given.
        let given_ms = far_record(&receipt).p95_ms.unwrap_or(100.0) * 0.8;
        if far_record(&receipt).at_ms.is_some_and(|ms| ms < given_ms) {
            assert_eq!(receipt.verdict.handler.as_deref(), Some("far"), "{receipt:?}");
            assert_eq!(
                server.connections(),
                before,
                "the model was asked although the handler bid at once: {receipt:?}"
            );
            quick += 1;
        }
    }
    assert!(quick > 0, "the handler was never quick");
    // It falls silent: the model is asked after the time in which it mostly answers, and not before.
    drop(far);
    let before = server.connections();
    let receipt = house.say("turn on the kitchen light");
    assert_eq!(receipt.verdict.handler.as_deref(), Some("llm"), "{receipt:?}");
    let p95_ms = far_record(&receipt).p95_ms.expect("it has answered often");
    assert!(llm(&receipt).at_ms.is_some_and(|ms| ms >= p95_ms.min(250.0)), "{receipt:?}");
    assert_eq!(server.connections(), before + 1);
}

#[test]
fn rubbish_is_declined_with_its_reason() {
    let _alone = alone();
    let huge = format!("{{\"choices\": \"{}\"}}", "x".repeat(100_000));
    let on = |arguments: &str| calls("HassTurnOn", arguments);
    let two_hundred = "200 OK";
    for (head, body, reason) in [
        (two_hundred, "<html>hello</html>".to_owned(), "no chat completion"),
        (two_hundred, String::new(), "no chat completion"),
        (two_hundred, huge, "more than 65536 bytes"),
        (two_hundred, calls("HassExplode", "{}"), "no tool \"HassExplode\""),
        (two_hundred, on(r#"{"name": "light.in_the_neighbours_house"}"#), "none of those offered"),
        (two_hundred, on(r#"{"name": "light.kitchen", "topic": "x/set"}"#), "no argument \"topic\""),
        (two_hundred, on(r#"{"name": "light.study_desk"}"#), "none of those offered"),
        (two_hundred, calls("HassLightSet", r#"{"name": "light.kitchen", "brightness": 1000}"#), "not within"),
        (two_hundred, calls("HassLightSet", r#"{"name": "light.kitchen", "brightness": NaN}"#), "not JSON"),
        (two_hundred, json!({ "choices": [{ "message": { "content": "Done!" } }] }).to_string(), "calls no tool"),
        (two_hundred, calls("nothing_to_do", "{}"), "nothing to do"),
        ("307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/v1", String::new(), "redirects"),
        ("401 Unauthorized", "{}".to_owned(), "401"),
        ("500 Internal Server Error", KEY.to_owned(), "500"),
    ] {
        let server = Server::start(move |s| respond(s, head, &body));
        let receipt = server.house("", false).say(ODD);
        assert_eq!((receipt.verdict.kind, receipt.command.as_ref()), (VerdictKind::None, None), "{receipt:?}");
        let bid = llm(&receipt);
        assert_eq!(bid.outcome, Outcome::Declined, "{bid:?}");
        assert!(bid.reason.as_deref().is_some_and(|r| r.contains(reason)), "{reason}: {bid:?}");
        assert!(!format!("{receipt:?}").contains(KEY), "{receipt:?}");
        assert_eq!(server.connections(), 1, "{reason}");
    }
}

/// A server that is not there, that hangs up, and one that says that a lock shall be opened.
#[test]
fn a_broken_line_is_a_failure_and_a_lock_needs_more_than_a_model() {
    let _alone = alone();
    let gone = Server::start(drop_it).port;
    let server = Server { port: gone, connections: Arc::default(), requests: Arc::default() };
    let receipt = server.house("", false).say(ODD);
    assert_eq!(llm(&receipt).outcome, Outcome::Failed, "{receipt:?}");
    let server = Server::start(|s| respond(s, "200 OK", &calls("HassTurnOff", r#"{"name": "lock.front_door"}"#)));
    let receipt = server.house("", false).say(ODD);
    assert_eq!((receipt.verdict.kind, receipt.command.as_ref()), (VerdictKind::Ask, None), "{receipt:?}");
}

fn drop_it(_: &mut TcpStream) {}

#[test]
fn a_server_that_hangs_costs_its_own_bid_and_nothing_else() {
    let _alone = alone();
    let server = Server::start(|s| drop(s.read(&mut [0])));
    let mut house = server.house("", false);
    let began = Instant::now();
    let receipt = house.say(ODD);
    assert!(began.elapsed() < Duration::from_secs(3), "it waited for the server");
    assert_eq!((llm(&receipt).outcome, receipt.verdict.kind), (Outcome::Late, VerdictKind::None), "{receipt:?}");
    assert!(receipt.latency_ms.decision.is_some_and(|ms| ms >= 400.0), "{receipt:?}");
    let receipt = house.say("turn on the kitchen light");
    assert!(receipt.latency_ms.decision.is_some_and(|ms| ms < 400.0), "{receipt:?}");
    assert_eq!(receipt.verdict.kind, VerdictKind::Award);
    let receipt = house.say(ODD);
    assert!(llm(&receipt).reason.as_deref().is_some_and(|r| r.contains("busy")), "{receipt:?}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_answer_that_comes_late_never_acts() {
    let _alone = alone();
    let server = Server::start(|s| {
        std::thread::sleep(Duration::from_millis(700));
        respond(s, "200 OK", &kitchen_on());
    });
    let mut house = server.house("", true);
    let observer = Guest::observer(house.port());
    let receipt = house.say(ODD);
    assert_eq!((llm(&receipt).outcome, receipt.verdict.kind), (Outcome::Late, VerdictKind::None), "{receipt:?}");
    // The next question is asked as soon as the late answer has come, and that answer is late again: had the first
    // one waited for somebody, it would count now.
    let end = Instant::now() + house::PATIENCE;
    loop {
        let receipt = house.say(ODD);
        if llm(&receipt).outcome == Outcome::Late {
            break;
        }
        assert!(Instant::now() < end && receipt.command.is_none(), "{receipt:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    house.say("turn off the hallway light");
    observer.wait_for("home/hallway/light", 1);
    assert!(observer.heard(|t| t.starts_with("zigbee2mqtt/")).is_empty(), "a late answer acted");
}

#[test]
fn the_budget_is_kept() {
    let _alone = alone();
    let server = Server::start(|s| respond(s, "200 OK", &kitchen_on()));
    // One question fits, and a second only once most of a minute has passed.
    let mut house = server.house("tokens_per_minute = 3000\n", false);
    assert_eq!(house.say(ODD).verdict.handler.as_deref(), Some("llm"));
    let receipts: Vec<Receipt> = (0..5).map(|_| house.say(ODD)).collect();
    let refused = |r: &&Receipt| llm(r).reason.as_deref().is_some_and(|why| why.contains("budget of tokens"));
    assert!(receipts.iter().filter(refused).count() >= 2, "{:?}", receipts.last());
    assert!(server.connections() <= 4, "{}", server.connections());
}

#[test]
fn without_a_section_nobody_is_asked() {
    let _alone = alone();
    let mut house = House::with_files("", &[], false);
    let receipt = house.say(ODD);
    assert!(receipt.bids.is_empty() && receipt.verdict.kind == VerdictKind::None, "{receipt:?}");
}
