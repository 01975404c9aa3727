//! What `make install` writes is right as it stands, and is not overwritten by an update; what may mend itself makes
//! the service start again, a wrong configuration does not (`RestartPreventExitStatus`).

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

fn install(destination: &Path) {
    let out = Command::new("make")
        .arg("install")
        .arg(format!("DESTDIR={}", destination.display()))
        .arg(concat!("BINARY=", env!("CARGO_BIN_EXE_tiebreak")))
        .arg("SUDO=")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("make runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn an_installed_service_finds_its_binary_and_a_valid_configuration() {
    let dir = tempfile::tempdir().expect("a folder");
    install(dir.path());

    let unit = fs::read_to_string(dir.path().join("etc/systemd/system/tiebreak.service")).expect("the unit");
    let start = unit.lines().find_map(|l| l.strip_prefix("ExecStart=")).expect("the unit starts something");
    let words: Vec<_> = start.split(' ').collect();
    let [binary, "run", "--config", config] = words[..] else { panic!("{start}") };
    let inside = |path: &str| dir.path().join(path.trim_start_matches('/'));

    let out = Command::new(inside(binary)).args(["check", "--config"]).arg(inside(config)).output().expect("it runs");
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}

#[test]
fn an_update_keeps_the_house() {
    let dir = tempfile::tempdir().expect("a folder");
    install(dir.path());
    let home = dir.path().join("etc/tiebreak/home.toml");
    fs::write(&home, "# mine").expect("it can be edited");
    install(dir.path());
    assert_eq!(fs::read_to_string(&home).expect("it is there"), "# mine");
}

/// The exit code of `arguments` with the configuration `text`, and what was said.
fn code(arguments: &[&str], text: &str) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tiebreak.toml");
    fs::write(&file, text).expect("writable");
    let mut run = Command::new(env!("CARGO_BIN_EXE_tiebreak"));
    let out = run.args(arguments).arg("--config").arg(&file).output().expect("it runs");
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn only_a_wrong_configuration_keeps_the_service_down() {
    let unit = include_str!("../deploy/tiebreak.service");
    assert!(unit.contains("RestartPreventExitStatus=2\n"));
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let (exit, said) = code(&["say", "turn on the kitchen light"], &format!("[mqtt]\nport = {port}\n"));
    assert!(exit == Some(1) && said.contains(&port.to_string()), "{exit:?} {said}");
    let (exit, said) = code(&["run"], "[audio]\ndevice = \"no such card\"\n");
    assert!(exit == Some(1) && said.contains("no such card"), "{exit:?} {said}");
    let (exit, said) = code(&["run"], "[audio]\ndevise = \"typo\"\n");
    assert!(exit == Some(2) && said.contains("devise"), "{exit:?} {said}");
}
