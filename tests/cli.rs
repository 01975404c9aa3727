//! The command line as scripts see it: exit codes, JSON on stdout only, errors that name file, key and remedy.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn tiebreak(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tiebreak"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().expect("piped").write_all(stdin.as_bytes()).expect("it reads stdin");
    child.wait_with_output().expect("it ends")
}

fn receipts(out: &Output) -> Vec<Value> {
    let text = String::from_utf8(out.stdout.clone()).expect("UTF-8");
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{l}: {e}"))).collect()
}

fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn a_sentence_becomes_one_receipt_with_the_contracts_names() {
    let out = tiebreak(&["say", "turn on the kitchen light", "--json"], "");
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let all = receipts(&out);
    assert_eq!(all.len(), 1);
    let r = &all[0];
    assert_eq!(r["verdict"]["kind"], "award", "{r}");
    assert_eq!(r["hypotheses"][0]["intent"], "HassTurnOn");
    assert_eq!(r["hypotheses"][0]["via"], "grammar");
    assert_eq!(r["command"]["topic"], "zigbee2mqtt/kitchen_light/set");
    assert_eq!(r["command"]["payload"], serde_json::json!({"state": "ON"}));
    assert_eq!(r["command"]["retain"], false);
    assert!(r["id"].as_str().is_some_and(|id| id.len() == 26) && r["timeline_ms"]["published"].is_number(), "{r}");
    assert!(r["bids"].as_array().is_some_and(|b| b.iter().filter(|b| b["outcome"] == "won").count() == 1), "{r}");
    assert!(r["wake"].is_null(), "what is absent is left out");
}

#[test]
fn chinese_is_on_equal_footing() {
    let out = tiebreak(&["say", "打开客厅的灯", "--json", "--lang", "zh-CN", "--dry-run"], "");
    let r = &receipts(&out)[0];
    assert_eq!(r["lang"], "zh");
    assert_eq!(r["command"]["topic"], "zigbee2mqtt/living_room_ceiling/set", "{r}");
    assert!(r["timeline_ms"]["published"].is_null(), "a dry run publishes nothing: {r}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    for args in [&["check"][..], &["simulate", "--auctions", "10"], &["simulate", "--auctions", "10", "--json"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tiebreak"));
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let out = child.wait_with_output().expect("it ends");
        assert!(!stderr(&out).contains("panicked") && out.status.success(), "{args:?}: {}", stderr(&out));
    }
}

#[test]
fn an_input_that_cannot_be_read_is_a_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiebreak"));
    let stdin = fs::File::open(folder.path()).expect("a folder can be opened, but not read");
    let out = command.args(["say", "-", "--json"]).stdin(stdin).output().expect("it runs");
    assert!(out.status.code() == Some(1) && stderr(&out).contains("stdin: "), "{}", stderr(&out));
}

#[test]
fn one_receipt_a_line_whatever_the_lines_hold() {
    let long = "turn on ".repeat(100_000);
    let lines =
        format!("turn off the kitchen light\n\n\u{1}\u{2}\n🙂🙂\n打开卧室的风扇\nwhat a lovely day it is\n{long}\n");
    let out = tiebreak(&["say", "-", "--json", "--dry-run"], &lines);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let kinds: Vec<String> =
        receipts(&out).iter().map(|r| r["verdict"]["kind"].as_str().unwrap_or("?").to_owned()).collect();
    assert_eq!(kinds, ["award", "none", "none", "award", "none", "none"]);
}

#[test]
fn a_room_that_does_not_exist_is_not_another_room() {
    for sentence in ["turn on the light in the wine cellar", "打开酒窖的灯"] {
        let r = &receipts(&tiebreak(&["say", sentence, "--json", "--dry-run"], ""))[0];
        assert_eq!(r["verdict"]["kind"], "none", "{r}");
        assert!(r["command"].is_null(), "{r}");
    }
}

#[test]
fn wrong_usage_and_configuration_exit_with_2_and_say_where() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("writable");
        path.display().to_string()
    };
    let config = write("bad.toml", "[arbiter]\npolicy = \"loudest\"\n");
    let unknown = write("unknown.toml", "[mqtt]\ncolour = \"red\"\n");
    let port = write("port.toml", "[mqtt]\nport = \"1883\"\n");
    let word = write("word.toml", "[wake]\nwords = [\"alexa\"]\n");
    let home = write("home.toml", "[[entity]]\nid = \"light.a\"\nname = { en = [\"a\"] }\nrooom = \"x\"\n");
    let model = write("model.toml", "[stt]\nengine = \"whisper\"\nmodel = \"nothing.bin\"\n");
    let wrong_model =
        write("wrong.toml", &format!("[stt]\nengine = \"ctc\"\nmodel = {:?}\n", dir.path().join("bad.toml")));
    let cases: [(&[&str], &[&str]); 9] = [
        (&["say"], &["SENTENCE"]),
        (&["say", "hello", "--lang", "tlh"], &["tlh", "en or zh"]),
        (&["say", "hello", "--config", &config], &["bad.toml", "arbiter.policy", "utility"]),
        (&["say", "hello", "--config", &unknown], &["unknown.toml", "2:1", "colour"]),
        (&["say", "hello", "--home", &home], &["home.toml", "4:1", "rooom"]),
        (&["say", "hello", "--config", &port], &["port.toml", "2:8: mqtt.port", "a whole number"]),
        (&["replay", "x.wav", "--dry-run", "--config", &word], &["word.toml: wake.words: ", "alexa"]),
        (&["replay", "x.wav", "--dry-run", "--config", &model], &["nothing.bin", "path"]),
        (&["replay", "x.wav", "--dry-run", "--config", &wrong_model], &["bad.toml"]),
    ];
    for (args, parts) in cases {
        let out = tiebreak(args, "");
        let said = stderr(&out);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
        assert!(parts.iter().all(|p| said.contains(p)), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn check_needs_no_microphone_and_names_what_is_odd_about_a_house() {
    let check = |args: &[&str]| {
        let out = tiebreak(&[&["check"][..], args].concat(), "");
        (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let (code, said) = check(&[]);
    assert!(code == Some(0) && !said.contains("note "), "{said}");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let lamp = |id: &str, assistants: &str| {
        let mqtt = format!("{{ style = \"zigbee2mqtt\", topic = \"z/{id}\" }}");
        let lists = format!("name = {{ en = [\"lamp\"] }}\ncan = [\"on_off\"]\nassistants = {assistants}");
        format!("[[entity]]\nid = \"light.{id}\"\n{lists}\nmqtt = {mqtt}\n")
    };
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("writable");
    write("t.toml", "home = \"home.toml\"\n");
    let config = dir.path().join("t.toml").display().to_string();
    write("home.toml", &lamp("a", "[]"));
    let (code, said) = check(&["--config", &config]);
    let noted = said.contains("home.toml: entity \"light.a\": assistants: the list is empty");
    assert!(noted && said.contains("ok    home"), "{code:?} {said}");
    write("home.toml", &(lamp("a", "[\"siri\"]") + &lamp("b", "[\"sirl\"]")));
    let (code, said) = check(&["--config", &config]);
    assert_eq!(code, Some(1), "{said}");
    for part in ["WRONG home", "light.b\": assistants: there is no assistant \"sirl\"", "light.b\": name.en: \"lamp\""]
    {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}

#[test]
fn why_explains_what_was_written_down() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("t.toml");
    fs::write(&path, "[receipts]\ndir = \"kept\"\nkeep_days = 3\n").expect("writable");
    let config = path.display().to_string();
    let none = tiebreak(&["why", "--config", &config], "");
    assert_eq!(none.status.code(), Some(1), "{}", stderr(&none));
    let lines = "turn on the kitchen light\nturn off the kitchen light\n";
    let said = receipts(&tiebreak(&["say", "-", "--json", "--dry-run", "--config", &config], lines));
    let kept: Vec<_> = fs::read_dir(dir.path().join("kept")).expect("made").collect();
    assert_eq!(kept.len(), 1, "one file a day");
    let last = tiebreak(&["why", "--config", &config], "");
    let text = String::from_utf8(last.stdout).expect("UTF-8");
    assert!(text.contains("turn off the kitchen light") && text.contains("won") && text.contains("So "), "{text}");
    let id = said[0]["id"].as_str().expect("an id");
    let first = tiebreak(&["why", id, "--json", "--config", &config], "");
    assert_eq!(receipts(&first), said[..1]);
    assert_eq!(tiebreak(&["why", "nonsense", "--config", &config], "").status.code(), Some(1));
    let unset = tiebreak(&["why"], "");
    assert!(unset.status.code() == Some(2) && stderr(&unset).contains("dir"), "{}", stderr(&unset));
}

#[test]
fn a_calibration_is_drawn_written_and_applied() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| dir.path().join(name).display().to_string();
    // siri was right in half of what it was sure of.
    let said = receipts(&tiebreak(&["say", "turn on the kitchen light", "--json", "--dry-run"], "")).remove(0);
    let line = |i: usize| {
        let mut line = said.clone();
        line["right"] = serde_json::json!(if i.is_multiple_of(2) { &["siri", "tmall"][..] } else { &["tmall"] });
        line.to_string()
    };
    fs::write(path("r.jsonl"), (0..200).map(line).collect::<Vec<_>>().join("\n")).expect("writable");
    let (from, plot, file, config) = (path("r.jsonl"), path("r.png"), path("c.toml"), path("t.toml"));
    let out = tiebreak(&["calibrate", &from, "--json", "--plot", &plot, "--write", &file], "");
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let siri = receipts(&out)[0]["handlers"][0].clone();
    let factor = siri["factor"].as_f64().expect("a factor");
    assert!(siri["handler"] == "siri" && (0.45..0.65).contains(&factor), "{siri}");
    assert!(siri["ece"].as_f64() > siri["ece_calibrated"].as_f64(), "{siri}");
    assert_eq!(fs::read(path("r.png")).expect("drawn")[..4], *b"\x89PNG");
    fs::write(path("t.toml"), "[arbiter]\ncalibration = \"c.toml\"\n").expect("writable");
    let args: [&str; 6] = ["say", "turn on the kitchen light", "--json", "--dry-run", "--config", &config];
    let now = receipts(&tiebreak(&args, "")).remove(0);
    assert_eq!((&said["verdict"]["handler"], &now["verdict"]["handler"]), (&"siri".into(), &"tmall".into()), "{now}");
    let bid = now["bids"].as_array().expect("a list").iter().find(|b| b["handler"] == "siri").expect("asked").clone();
    assert!(bid["calibrated"].as_f64() < bid["confidence"].as_f64(), "{bid}");
    // Lines that are no receipts are told, and count for nothing.
    fs::write(path("some.jsonl"), format!("{}\n\n{{}}\nrubbish\n", line(0))).expect("writable");
    fs::write(path("none.jsonl"), "rubbish\n").expect("writable");
    let [some, none] = ["some.jsonl", "none.jsonl"].map(|name| tiebreak(&["calibrate", &path(name)], ""));
    let said = stderr(&some);
    let told = said.contains("some.jsonl: line 3: it is no receipt (2 of 3 lines are none); ");
    assert!(some.status.code() == Some(0) && told, "{said}");
    let said = stderr(&none);
    let told = said.contains("none.jsonl: line 1: it is no receipt ") && !said.contains("of no receipt");
    assert!(none.status.code() == Some(1) && told, "{said}");
    // A file that is none is a fault with file and key.
    fs::write(path("c.toml"), "[[calibration]]\nhandler = \"siri\"\nlang = \"en\"\nfactor = 9\n").expect("writable");
    let out = tiebreak(&args, "");
    assert_eq!(out.status.code(), Some(2));
    assert!(stderr(&out).contains("c.toml: calibration[0].factor"), "{}", stderr(&out));
}

#[test]
fn simulated_auctions_are_the_same_for_the_same_seed() {
    let args = ["simulate", "--auctions", "2000", "--seed", "42", "--json"];
    let (one, two) = (tiebreak(&args, ""), tiebreak(&args, ""));
    assert_eq!(one.status.code(), Some(0), "{}", stderr(&one));
    assert_eq!(one.stdout, two.stdout);
    let report = &receipts(&one)[0];
    assert_eq!((report["violation_count"].as_u64(), report["policies"].as_array().map(Vec::len)), (Some(0), Some(4)));
    assert!(report["policies"][0]["decision_ms"]["p95"].as_f64().is_some_and(|ms| ms <= 500.0), "{report}");
    assert_eq!(tiebreak(&["simulate", "--policy", "loudest"], "").status.code(), Some(2));
    let none = tiebreak(&["simulate", "--auctions", "0"], "");
    assert!(none.status.code() == Some(2) && stderr(&none).contains("write 1 or more"), "{}", stderr(&none));
}

#[test]
fn a_broker_that_is_not_there_is_named_and_nothing_hangs() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("bound").port();
    let path = dir.path().join("t.toml");
    fs::write(&path, format!("[mqtt]\nbroker = \"external\"\nhost = \"127.0.0.1\"\nport = {free}\n"))
        .expect("writable");
    let config = path.display().to_string();
    let out = tiebreak(&["say", "turn on the kitchen light", "--config", &config, "--json"], "");
    assert_eq!(out.status.code(), Some(1), "it may come back: {}", stderr(&out));
    assert!(stderr(&out).contains(&free.to_string()) && receipts(&out).is_empty(), "{}", stderr(&out));
    assert!(!stderr(&out).contains('\u{1b}'), "no colours in a file: {}", stderr(&out));
    let dry = tiebreak(&["say", "turn on the kitchen light", "--config", &config, "--dry-run", "--json"], "");
    assert_eq!(dry.status.code(), Some(0), "a dry run needs no broker: {}", stderr(&dry));
}

#[test]
fn sentence_tests_run_and_say_what_came_instead() {
    let shipped = tiebreak(&["grammar", "test"], "");
    let said = String::from_utf8_lossy(&shipped.stdout).into_owned();
    assert_eq!(shipped.status.code(), Some(0), "{said}{}", stderr(&shipped));
    assert!(said.contains("grammars/en/tests.yaml: ") && said.contains("grammars/zh/tests.yaml: "), "{said}");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        fs::write(path, text).expect("writable");
    };
    let test = || tiebreak(&["grammar", "test", "--sentences", &dir.path().display().to_string()], "");
    write(
        "en/mine.yaml",
        "intents:\n  Fetch:\n    data: [{sentences: [\"fetch my {thing}\"]}]\nlists: {thing: {values: [slippers, paper]}}\n",
    );
    let none = test();
    let said = String::from_utf8_lossy(&none.stdout).into_owned();
    assert!(none.status.code() == Some(0) && said.contains("there are no tests in it"), "{said}");
    write(
        "en/tests.yaml",
        "tests:\n  - {intent: Fetch, slots: {thing: paper}, sentences: [fetch my paper]}\nrefused: [fetch my cat]\n",
    );
    let right = test();
    let said = String::from_utf8_lossy(&right.stdout).into_owned();
    assert!(right.status.code() == Some(0) && said.contains("en/tests.yaml: 2 of 2 right"), "{said}");
    write(
        "tests/more.yaml",
        "language: en\ntests:\n  - intent: Fetch\n    slots: {thing: paper}\n    sentences:\n      - fetch my slippers\n      - bring the paper\n      - turn on the kitchen light\nrefused:\n  - fetch my paper\n",
    );
    let wrong = test();
    let said = String::from_utf8_lossy(&wrong.stdout).into_owned();
    assert_eq!(wrong.status.code(), Some(1), "{said}");
    for part in [
        "tests/more.yaml: 0 of 4 right",
        "tests/more.yaml:6:9: “fetch my slippers”: other slots",
        "expected  Fetch thing=paper",
        "got       Fetch thing=slippers (0.98)",
        "tests/more.yaml:7:9: “bring the paper”: it is not understood",
        "got       nothing",
        "tests/more.yaml:8:9: “turn on the kitchen light”: another intent",
        "tests/more.yaml:10:5: “fetch my paper”: it must not be understood",
        "expected  to be refused",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    write("tests/more.yaml", "language: en\ntests:\n  - {intent: Fetch, sentence: [x]}\n");
    let broken = test();
    assert!(broken.status.code() == Some(2) && stderr(&broken).contains("more.yaml: 3:"), "{}", stderr(&broken));
}

#[test]
fn explanations_name_templates_captures_and_where_it_went_wrong() {
    let explain = |args: &[&str]| {
        let out = tiebreak(&[&["grammar", "explain"][..], args].concat(), "");
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}", stderr(&out));
        String::from_utf8(out.stdout).expect("UTF-8")
    };
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join("mine.yaml"), "language: en\nintents:\n  Fetch:\n    data:\n      - sentences:\n          - \"turn on the {thing} [now]\"\nlists: {thing: {values: [telly, wireless]}}\n").expect("writable");
    let mine = dir.path().display().to_string();
    let cases: [(&[&str], &[&str]); 7] = [
        (
            &["Turn on the KITCHEN light!"],
            &[
                "turn on the kitchen light",
                "grammars/en/switching.yaml:",
                "<start> <thing>",
                "understood  HassTurnOn name=light.kitchen (0.9",
                "not asked",
            ],
        ),
        (
            &["turn on the kitchin light"],
            &["“kitchin” taken for “kitchen”", "in no sentence and no name: “kitchin”", "understood  HassTurnOn"],
        ),
        (
            &["打开客厅的登"],
            &["Chinese templates match", "sounds alike", "grammars/zh/lights.yaml:", "area=living_room"],
        ),
        (&["turn on the ceiling light in the kitchen"], &["not in the place that is named", "understood  not at all"]),
        (
            &["turn on the blorb", "--sentences", &mine],
            &[
                "no English and no Chinese template",
                "nearest     ",
                "mine.yaml:6:13  turn on the {thing} [now]",
                "matches “turn on the”, then came “blorb”; expected {thing} (telly, wireless)",
                "classifier  no command, it says",
            ],
        ),
        (
            &["turn on the telly backwards", "--sentences", &mine, "--lang", "en-GB"],
            &["matches “turn on the telly”, then came “backwards”; expected now | the end"],
        ),
        (&["i was hoping you could turn on the ceiling light"], &["<name:light>", "by the classifier"]),
    ];
    for (args, parts) in cases {
        let said = explain(args);
        for part in parts {
            assert!(said.contains(part), "{args:?}: {part} is missing in\n{said}");
        }
    }
    assert!(explain(&["turn on"]).contains("then it ended; expected "));
    assert!(explain(&["xylophone"]).contains("no template begins like this"));
    assert!(explain(&[""]).contains("it is empty"));
    let said = explain(&["turn on the blorb", "--json"]);
    let json: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{said}: {e}"));
    assert_eq!(json["normalised"], "turn on the blorb");
    assert_eq!(json["nearest"][0]["failed_at"], "blorb", "{json}");
    assert_eq!(json["classifier"]["answer"], "out_of_scope", "{json}");
    let json: Value = serde_json::from_str(&explain(&["turn on the kitchen light", "--json"])).expect("JSON");
    let best = &json["attempts"][0]["readings"][0];
    assert!(best["file"] == "grammars/en/switching.yaml" && best["slots"]["name"] == "light.kitchen", "{json}");
    let out = tiebreak(&["grammar", "explain", "hello", "--lang", "tlh"], "");
    assert!(out.status.code() == Some(2) && stderr(&out).contains("en or zh"), "{}", stderr(&out));
}

/// A WAV file: format tag, channels, rate, bits, and the raw data.
fn wav(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut out = Vec::new();
    out.extend(b"RIFF");
    out.extend((36 + data.len() as u32).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16u32.to_le_bytes());
    for v in [tag, channels] {
        out.extend(v.to_le_bytes());
    }
    out.extend(rate.to_le_bytes());
    out.extend((rate * u32::from(block)).to_le_bytes());
    for v in [block, bits] {
        out.extend(v.to_le_bytes());
    }
    out.extend(b"data");
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out
}

#[test]
fn odd_recordings_give_a_clear_error_or_a_receipt_and_never_a_panic() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let nan: Vec<u8> = std::iter::repeat_n(f32::NAN.to_le_bytes(), 16_000).flatten().collect();
    let whole = wav(1, 1, 16_000, 16, &[0; 32_000]);
    // Name, bytes, and whether it is sound.
    let cases: Vec<(&str, Vec<u8>, bool)> = vec![
        ("8-bit.wav", wav(1, 1, 16_000, 8, &[128; 16_000]), true),
        ("24-bit.wav", wav(1, 1, 16_000, 24, &[0; 48_000]), true),
        ("float.wav", wav(3, 1, 16_000, 32, &[0; 64_000]), true),
        ("six-channels.wav", wav(1, 6, 48_000, 16, &[0; 96_000]), true),
        ("nan.wav", wav(3, 1, 16_000, 32, &nan), true),
        ("truncated.wav", whole[..20_000].to_vec(), true),
        ("header-only.wav", whole[..30].to_vec(), false),
        ("empty.wav", Vec::new(), false),
        ("no-samples.wav", wav(1, 1, 16_000, 16, &[]), true),
        ("zero-hertz.wav", wav(1, 1, 0, 16, &[0; 3200]), false),
        ("text.wav", b"turn on the light, please\n".to_vec(), false),
        ("missing.wav", Vec::new(), false),
    ];
    for (name, bytes, is_sound) in &cases {
        let path = dir.path().join(name);
        if *name != "missing.wav" {
            fs::write(&path, bytes).expect("writable");
        }
        check_one(&path, *is_sound);
    }
}

fn check_one(path: &Path, is_sound: bool) {
    let name = path.file_name().expect("named").to_string_lossy().into_owned();
    let out = tiebreak(&["replay", &path.display().to_string(), "--json", "--dry-run"], "");
    let said = stderr(&out);
    assert!(!said.contains("panicked") && !said.contains("symphonia"), "{name}: {said}");
    let got = receipts(&out);
    if is_sound {
        assert_eq!(out.status.code(), Some(0), "{name}: {said}");
        assert_eq!(got.len(), 1, "{name}: one receipt says that there was nothing");
        assert_eq!(got[0]["verdict"]["kind"], "none", "{name}");
        assert_eq!(got[0]["source"], name.as_str());
    } else {
        assert_eq!(out.status.code(), Some(1), "{name}: {said}");
        assert!(got.is_empty() && said.contains(&name) && said.contains("; "), "{name}: {said}");
    }
}
