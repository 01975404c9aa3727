//! A wake word of one's own, from recordings to a command: synthesised on the spot by espeak-ng.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn tiebreak(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tiebreak")).current_dir(dir).args(args).output().expect("it starts")
}

/// Speaks `text` with silence around it.
fn speak(dir: &Path, file: &str, voice: &str, text: &str) {
    let raw = dir.join("raw.wav");
    let done = Command::new("espeak-ng").args(["-v", voice, "-s", "140", "-w"]).arg(&raw).arg(text).status();
    assert!(done.expect("espeak-ng is installed by make test").success());
    let bytes = fs::read(&raw).expect("written");
    let (header, samples) = bytes.split_at(44);
    let rate = u32::from_le_bytes(header[24..28].try_into().expect("four bytes"));
    let quiet = vec![0u8; rate as usize * 2];
    let mut out = header.to_vec();
    out[40..44].copy_from_slice(&((samples.len() + 2 * quiet.len()) as u32).to_le_bytes());
    out.extend([&quiet[..], samples, &quiet[..]].concat());
    fs::write(dir.join(file), out).expect("writable");
}

#[test]
fn an_enrolled_word_opens_a_command() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    for (i, voice) in ["en-us+m3", "en-us+f2", "en-us+m1"].iter().enumerate() {
        speak(dir, &format!("{i}.wav"), voice, "butterfly");
    }
    speak(dir, "command.wav", "en-us+m3", "butterfly, turn on the kitchen light");
    let before = tiebreak(dir, &["replay", "command.wav", "--dry-run", "--json"]);
    let heard = String::from_utf8_lossy(&before.stdout).into_owned();
    assert!(heard.contains(r#""kind":"none""#), "{heard}");
    let enroll = ["wake", "enroll", "butterfly", "0.wav", "1.wav", "2.wav"];
    let enrolled = tiebreak(dir, &enroll);
    assert!(enrolled.status.success(), "{}", String::from_utf8_lossy(&enrolled.stderr));
    assert!(String::from_utf8_lossy(&enrolled.stdout).contains("from the next start on"));
    let again = tiebreak(dir, &enroll);
    assert_eq!(again.status.code(), Some(2), "it is not overwritten");
    assert!(String::from_utf8_lossy(&again.stderr).contains("--replace"));
    fs::write(dir.join("words.toml"), "[wake]\nwords = [\"hey_siri\"]\n").expect("writable");
    let replaced = tiebreak(dir, &[&enroll[..], &["--replace", "--config", "words.toml"]].concat());
    let said = String::from_utf8_lossy(&replaced.stdout).into_owned();
    assert!(replaced.status.success() && said.contains("once \"butterfly\" is among wake.words"), "{said}");
    let after = tiebreak(dir, &["replay", "command.wav", "--dry-run", "--json"]);
    let heard = String::from_utf8_lossy(&after.stdout).into_owned();
    assert!(heard.contains(r#""word":"butterfly""#) && heard.contains("zigbee2mqtt/kitchen_light/set"), "{heard}");
    // Whisper is not told of it: it transcribes what comes after.
    fs::write(dir.join("whisper.toml"), "[stt]\nengine = \"whisper\"\n").expect("writable");
    let whisper = tiebreak(dir, &["replay", "command.wav", "--dry-run", "--json", "--config", "whisper.toml"]);
    let heard = String::from_utf8_lossy(&whisper.stdout).into_owned();
    assert!(heard.contains(r#""word":"butterfly""#) && !heard.contains("text\":\"butter"), "{heard}");
}

#[test]
fn bad_recordings_and_names_are_refused_with_a_remedy() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    for (file, text) in [("a.wav", "butterfly"), ("b.wav", "butterfly"), ("c.wav", "open the garage door")] {
        speak(dir, file, "en-us+m3", text);
    }
    speak(dir, "long.wav", "en-us+m3", &["butterfly"; 40].join(", "));
    for (args, code, why) in [
        (&["w", "a.wav", "b.wav"][..], 2, "too few"),
        (&["w", "a.wav", "b.wav", "c.wav"], 1, "c.wav: it "),
        (&["w", "a.wav", "b.wav", "./a.wav"], 2, "a.wav: it is named twice"),
        (&["w", "a.wav", "b.wav", "long.wav"], 1, "long.wav: it lasts longer"),
        (&["My Word", "a.wav", "b.wav", "a.wav"], 2, "is no name"),
        (&["hey_siri", "a.wav", "b.wav", "d.wav"], 2, "hey_siri is a wake word already"),
        (&["w", "a.wav", "b.wav", "nothing.wav"], 1, "nothing.wav"),
    ] {
        let out = tiebreak(dir, &[&["wake", "enroll"], args].concat());
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(code) && said.contains(why), "{args:?}: {said}");
    }
    assert!(!dir.join("wake").exists(), "nothing is written");
    fs::create_dir(dir.join("wake")).expect("writable");
    fs::write(dir.join("wake/w.toml"), "phrases = 1\n").expect("writable");
    let out = tiebreak(dir, &["check"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    assert!(said.contains("w.toml"), "{said}");
    fs::write(dir.join("wake/w.toml"), "phrases = [\"hello there\"]\n").expect("writable");
    fs::write(dir.join("few.toml"), "[wake]\nwords = [\"computer\"]\n").expect("writable");
    let said = tiebreak(dir, &["check", "--config", "few.toml"]).stdout;
    let said = String::from_utf8_lossy(&said);
    assert!(said.lines().any(|line| line.starts_with("note  ") && line.contains("nobody listens for \"w\"")), "{said}");
}
