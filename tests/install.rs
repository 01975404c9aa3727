//! What `make install` writes is right as it stands, and is not overwritten by an update.

use std::fs;
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
