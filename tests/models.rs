//! Fetching models, from a server in this file that does what servers do at their worst: it breaks off, lies
//! about lengths, serves other files, ignores ranges, falls silent. Nothing here reaches the internet.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tiebreak::facts::error::Fault;
use tiebreak::http::Patience;
use tiebreak::models::catalogue::Model;
use tiebreak::models::pull::{Order, Presence, Pulled, presence, pull};

/// Answers one request, whose head it gets.
type Reply = Box<dyn FnOnce(&str, &mut TcpStream) + Send>;

/// Gives its replies in their order, one connection each; then nobody listens any more.
struct Server {
    base: String,
    /// Heads of the requests so far, in lower case.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let base = format!("http://{}/models/", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heads = Arc::clone(&requests);
        std::thread::spawn(move || {
            for reply in replies {
                let (mut stream, _) = listener.accept().expect("a connection");
                let head = read_head(&mut stream);
                heads.lock().expect("not poisoned").push(head.clone());
                reply(&head, &mut stream);
            }
        });
        Self { base, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("not poisoned").clone()
    }

    /// First bytes asked for, request by request.
    fn froms(&self) -> Vec<usize> {
        self.requests().iter().map(|head| range(head)).collect()
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("ASCII").to_lowercase()
}

fn range(head: &str) -> usize {
    let from = head.lines().find_map(|l| l.strip_prefix("range: bytes="));
    from.map_or(0, |r| r.trim_end_matches('-').parse().expect("an open range"))
}

/// A client that hangs up early is none of the server's business.
fn send(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let _ = stream.write_all(format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes());
    let _ = stream.write_all(body);
}

/// Always the same answer.
fn says(head: &str, body: &[u8]) -> Reply {
    let (head, body) = (head.to_owned(), body.to_vec());
    Box::new(move |_, stream| send(stream, &head, &body))
}

/// How a reply ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    HangUp,
    /// Nothing more comes until the client hangs up.
    FallSilent,
}

/// The file as it should be sent, but no more than `bytes` of the body.
fn sends(content: &[u8], bytes: usize, end: End) -> Reply {
    let content = content.to_vec();
    Box::new(move |head, stream| {
        let (from, all) = (range(head), content.len());
        let rest = &content[from..];
        let head = match from {
            0 => format!("200 OK\r\nContent-Length: {all}"),
            _ => format!(
                "206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{all}",
                rest.len(),
                all - 1
            ),
        };
        send(stream, &head, &rest[..bytes.min(rest.len())]);
        if end == End::FallSilent {
            let _ = stream.read(&mut [0]);
        }
    })
}

fn breaks_after(content: &[u8], bytes: usize) -> Reply {
    sends(content, bytes, End::HangUp)
}

fn serves(content: &[u8]) -> Reply {
    breaks_after(content, content.len())
}

/// Sends the whole file whatever was asked for.
fn ignores_ranges(content: &[u8]) -> Reply {
    says(&format!("200 OK\r\nContent-Length: {}", content.len()), content)
}

/// A model of 300 kB, and what it consists of.
fn model() -> (Model, Vec<u8>) {
    let content: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let digest: String = Sha256::digest(&content).iter().map(|b| format!("{b:02x}")).collect();
    (Model { name: "toy", bytes: content.len() as u64, sha256: digest.leak() }, content)
}

struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ggml-toy.bin")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("ggml-toy.bin.part")
    }

    fn pull(&self, model: &Model, server: &Server) -> Result<Pulled, Fault> {
        let answer = Duration::from_secs(20);
        let patience = Patience { answer, piece: Duration::from_millis(500) };
        let order = Order { model, base: &server.base, folder: self.folder.path(), patience };
        pull(order, &mut |bytes| assert!(bytes <= model.bytes, "{bytes} of {}", model.bytes))
    }

    /// It fails, its fault says `parts`, and no file has the model's name.
    fn fails(&self, model: &Model, server: &Server, parts: &[&str]) {
        let fault = self.pull(model, server).expect_err("a fault").to_string();
        assert!(parts.iter().all(|p| fault.contains(p)), "{fault}");
        assert!(fault.starts_with(&server.base) && fault.contains("; "), "{fault}");
        assert!(!self.file().exists(), "{fault}");
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(self.folder.path()).expect("readable").next().is_none()
    }
}

#[test]
fn a_model_is_fetched_checked_and_not_fetched_twice() {
    let (model, content) = model();
    let server = Server::start(vec![
        says("302 Found\r\nLocation: /elsewhere/blob?x=1\r\nContent-Length: 0", b""),
        serves(&content),
    ]);
    // The folder need not be there.
    let disk = Disk::new();
    let folder = disk.folder.path().join("a/b");
    let mut seen = Vec::new();
    let order = Order { model: &model, base: &server.base, folder: &folder, patience: Patience::default() };
    let pulled = pull(order, &mut |bytes| seen.push(bytes)).expect("fetched");
    assert_eq!(pulled, Pulled { path: folder.join("ggml-toy.bin"), was_there: false });
    assert_eq!(fs::read(&pulled.path).expect("there"), content);
    assert!(seen.is_sorted() && seen.last() == Some(&model.bytes), "{seen:?}");
    assert_eq!(presence(&model, &folder), Presence::Whole);
    assert_eq!(fs::read_dir(&folder).expect("readable").count(), 1, "the .part is gone");
    let heads = server.requests();
    assert!(heads[0].starts_with("get /models/ggml-toy.bin ") && heads[1].starts_with("get /elsewhere/blob?x=1 "));
    assert!(heads[0].contains("user-agent: tiebreak/"), "{heads:?}");
    // Nobody listens any more.
    assert!(pull(order, &mut |_| ()).expect("there already").was_there);
}

#[test]
fn a_connection_that_breaks_off_is_taken_up_again() {
    let (model, content) = model();
    let disk = Disk::new();
    // It breaks in the first reply and, after a redirect, in the third; the fourth has the rest.
    let server = Server::start(vec![
        breaks_after(&content, 100_000),
        says("307 Temporary Redirect\r\nLocation: /other.bin\r\nContent-Length: 0", b""),
        breaks_after(&content, 50_000),
        serves(&content),
    ]);
    disk.pull(&model, &server).expect("fetched");
    assert_eq!(fs::read(disk.file()).expect("there"), content);
    assert_eq!(server.froms(), [0, 100_000, 100_000, 150_000]);
}

#[test]
fn a_broken_download_is_kept_and_the_next_run_goes_on() {
    let (model, content) = model();
    let disk = Disk::new();
    let server = Server::start(vec![breaks_after(&content, 100_000)]);
    disk.fails(&model, &server, &["; 100000 of 300000 bytes are here", "goes on where it stopped"]);
    assert_eq!(presence(&model, disk.folder.path()), Presence::Part(100_000));
    let server = Server::start(vec![serves(&content)]);
    disk.pull(&model, &server).expect("fetched");
    assert_eq!(server.froms(), [100_000]);
    assert_eq!(fs::read(disk.file()).expect("there"), content);
    assert!(!disk.part().exists());
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let (model, content) = model();
    let disk = Disk::new();
    let silent = |bytes| sends(&content, bytes, End::FallSilent);
    let server = Server::start(vec![silent(70_000), silent(0)]);
    disk.fails(&model, &server, &["70000 of 300000", "fell silent"]);
    assert_eq!(presence(&model, disk.folder.path()), Presence::Part(70_000));
}

#[test]
fn a_server_that_ignores_ranges_starts_cleanly() {
    let (model, content) = model();
    // What is there may even be of another file.
    for part in [&content[..120_000], &[7; 120_000]] {
        let disk = Disk::new();
        fs::write(disk.part(), part).expect("writable");
        let server = Server::start(vec![ignores_ranges(&content)]);
        disk.pull(&model, &server).expect("fetched");
        assert_eq!(server.froms(), [120_000]);
        assert_eq!(fs::read(disk.file()).expect("there"), content);
    }
}

#[test]
fn a_server_that_sends_less_than_was_asked_for_is_asked_again() {
    let (model, content) = model();
    let piece = |from: usize, to: usize, length: &str| {
        let range = format!("Content-Range: bytes {from}-{}/300000", to - 1);
        says(&format!("206 Partial Content\r\n{range}{length}"), &content[from..to])
    };
    // With and without a length of what comes.
    for length in ["", "\r\nContent-Length: 50000"] {
        let disk = Disk::new();
        fs::write(disk.part(), &content[..100_000]).expect("writable");
        let server = Server::start(vec![piece(100_000, 150_000, length), serves(&content)]);
        disk.pull(&model, &server).expect("fetched");
        assert_eq!(server.froms(), [100_000, 150_000]);
        assert_eq!(fs::read(disk.file()).expect("there"), content);
    }
    // Nothing at all: the next run goes on.
    let disk = Disk::new();
    fs::write(disk.part(), &content[..100_000]).expect("writable");
    let server = Server::start(vec![piece(100_000, 100_000, "")]);
    disk.fails(&model, &server, &["stopped early", "100000 of 300000"]);
    assert_eq!(fs::read(disk.part()).expect("kept"), &content[..100_000]);
}

#[test]
fn what_may_be_another_page_does_not_replace_what_is_here() {
    let (model, content) = model();
    let disk = Disk::new();
    fs::write(disk.part(), &content[..120_000]).expect("writable");
    for page in [&b"<html>log in</html>"[..], &[9; 400_000]] {
        disk.fails(&model, &Server::start(vec![says("200 OK", page)]), &["begins anew", "ggml-toy.bin.part"]);
        assert_eq!(fs::read(disk.part()).expect("kept"), &content[..120_000]);
    }
    // The model itself, broken off and then whole, from a server that says no length and knows no ranges.
    let server = Server::start(vec![says("200 OK", &content[..200_000]), says("200 OK", &content)]);
    disk.pull(&model, &server).expect("fetched");
    assert_eq!(server.froms(), [120_000, 200_000]);
    assert_eq!(fs::read(disk.file()).expect("there"), content);
}

#[test]
fn lies_about_the_length_are_seen_through() {
    let (model, content) = model();
    // Another length is refused before anything is written.
    for length in [5, 300_001] {
        let disk = Disk::new();
        let server = Server::start(vec![says(&format!("200 OK\r\nContent-Length: {length}"), &content)]);
        disk.fails(&model, &server, &["length", &length.to_string(), "300000"]);
        assert!(disk.is_empty());
    }
    // The right length and too little, again and again: it ends, and what came is kept.
    let disk = Disk::new();
    let short = || says("200 OK\r\nContent-Length: 300000", &content[..40_000]);
    let server = Server::start(vec![short(), short(), short()]);
    disk.fails(&model, &server, &["40000 of 300000"]);
    assert_eq!(server.froms(), [0, 40_000]);
    // The right length and more than that: the rest is not read.
    let disk = Disk::new();
    let server = Server::start(vec![says("200 OK\r\nContent-Length: 300000", &[&content[..], b"more"].concat())]);
    disk.pull(&model, &server).expect("fetched");
    // No length at all: right, a page of some hotel's network, and a file that does not end.
    let disk = Disk::new();
    let server = Server::start(vec![says("200 OK", &content)]);
    disk.pull(&model, &server).expect("fetched");
    for (body, than) in [(&b"<html>log in</html>"[..], "shorter"), (&[9; 400_000], "longer")] {
        let disk = Disk::new();
        let server = Server::start(vec![says("200 OK", body)]);
        disk.fails(&model, &server, &["length", than, "deleted"]);
        assert!(disk.is_empty());
    }
}

#[test]
fn a_wrong_file_is_deleted() {
    let (model, mut content) = model();
    let right = content.clone();
    content[200_000] ^= 1;
    let disk = Disk::new();
    let server = Server::start(vec![serves(&content)]);
    disk.fails(&model, &server, &["sha256", model.sha256, "deleted"]);
    assert!(disk.is_empty());
    // A beginning of another file is found out at the end; the next run begins anew.
    fs::write(disk.part(), [7; 120_000]).expect("writable");
    disk.fails(&model, &Server::start(vec![serves(&right)]), &["sha256", "deleted"]);
    let server = Server::start(vec![serves(&right)]);
    disk.pull(&model, &server).expect("fetched");
    assert_eq!(server.froms(), [0]);
}

#[test]
fn beginnings_that_do_not_fit() {
    let (model, content) = model();
    // Longer than the model: thrown away. As long as it and right: nothing is asked for.
    let disk = Disk::new();
    fs::write(disk.part(), [&content[..], b"more"].concat()).expect("writable");
    let server = Server::start(vec![serves(&content)]);
    disk.pull(&model, &server).expect("fetched");
    assert_eq!(server.froms(), [0]);
    let disk = Disk::new();
    fs::write(disk.part(), &content).expect("writable");
    disk.pull(&model, &Server::start(vec![])).expect("nothing is missing");
    // The server's file is shorter than that, or it begins elsewhere, or is another one.
    for (head, part) in [
        ("416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\nContent-Length: 0", "shorter"),
        ("206 Partial Content\r\nContent-Range: bytes 7-99999/300000\r\nContent-Length: 0", "begins at 7"),
        ("206 Partial Content\r\nContent-Range: bytes 100000-399999/400000\r\nContent-Length: 0", "400000"),
        ("206 Partial Content\r\nContent-Length: 0", "Content-Range"),
    ] {
        let disk = Disk::new();
        fs::write(disk.part(), &content[..100_000]).expect("writable");
        disk.fails(&model, &Server::start(vec![says(head, b"")]), &[part]);
    }
}

#[test]
fn a_file_that_is_not_there_and_a_server_out_of_order() {
    let (model, _) = model();
    for (head, parts) in [
        ("404 Not Found\r\nContent-Length: 4", &["404", "--url", "ggml-toy.bin"]),
        ("503 Service Unavailable\r\nContent-Length: 4", &["503", "later", "ggml-toy.bin"]),
    ] {
        let disk = Disk::new();
        disk.fails(&model, &Server::start(vec![says(head, b"gone")]), parts);
        assert!(disk.is_empty());
    }
    let disk = Disk::new();
    disk.fails(&model, &Server::start(vec![]), &["0 of 300000", "network"]);
}

#[test]
fn what_is_on_the_disk_is_respected() {
    let (model, content) = model();
    let (disk, server) = (Disk::new(), Server::start(vec![]));
    fs::write(disk.file(), b"mine").expect("writable");
    let fault = disk.pull(&model, &server).expect_err("another file").to_string();
    assert!(fault.contains("ggml-toy.bin: sha256") && fault.contains("--to"), "{fault}");
    assert_eq!(fs::read(disk.file()).expect("still there"), b"mine");
    assert_eq!(presence(&model, disk.folder.path()), Presence::Wrong);
    // A second one at the same time.
    let disk = Disk::new();
    fs::write(disk.part(), &content[..9]).expect("writable");
    let held = fs::File::open(disk.part()).expect("there");
    held.lock().expect("not locked yet");
    let fault = disk.pull(&model, &server).expect_err("locked").to_string();
    assert!(fault.contains("another tiebreak"), "{fault}");
    // A folder that cannot be one (whoever runs this test).
    let disk = Disk::new();
    fs::write(disk.folder.path().join("file"), b"").expect("writable");
    let folder = disk.folder.path().join("file/models");
    let order = Order { model: &model, base: &server.base, folder: &folder, patience: Patience::default() };
    let fault = pull(order, &mut |_| ()).expect_err("no folder").to_string();
    assert!(fault.contains("file/models: it cannot be written") && fault.contains("--to"), "{fault}");
}

fn tiebreak(data: &Path, args: &[&str]) -> (Output, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_tiebreak")).args(args).env("XDG_DATA_HOME", data).output();
    let out = out.expect("the binary runs");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!said.contains("panicked"), "{args:?}: {said}");
    (out, said)
}

#[test]
fn the_command_line_lists_suggests_and_says_what_went_wrong() {
    let data = tempfile::tempdir().expect("a folder");
    let models = data.path().join("tiebreak/models");
    fs::create_dir_all(&models).expect("a folder");
    let base = fs::File::create(models.join("ggml-base.bin")).expect("writable");
    base.set_len(147_951_465).expect("sparse");
    for args in [&["models"][..], &["models", "list"]] {
        let (out, said) = tiebreak(data.path(), args);
        assert_eq!(out.status.code(), Some(0), "{said}");
        let text = String::from_utf8(out.stdout).expect("UTF-8");
        assert!(text.contains("speech   embedded (ctc engine)") && text.contains("\n* base  "), "{text}");
        assert!(text.contains("\n  large-v3-turbo-q5_0 ") && text.contains("English only"), "{text}");
    }
    for (name, near) in [("tny", "'tiny'"), ("base-en", "'base.en'"), ("large", "'large-v3'")] {
        let (out, said) = tiebreak(data.path(), &["models", "pull", name]);
        assert_eq!(out.status.code(), Some(2), "{said}");
        assert!(said.contains(near), "{name}: {said}");
    }
    let (out, said) = tiebreak(data.path(), &["models", "pull", "tiny", "--url", "ftp://127.0.0.1"]);
    assert!(out.status.code() == Some(2) && said.contains("https://"), "{said}");
    // A file of that length that is not the model: named, and left alone.
    let (out, said) = tiebreak(data.path(), &["models", "pull", "base", "--url", "http://127.0.0.1:9"]);
    assert!(out.status.code() == Some(1) && said.contains("ggml-base.bin: sha256"), "{said}");
    let server = Server::start(vec![says("404 Not Found\r\nContent-Length: 0", b""), says("200 OK", b"no model")]);
    for part in ["404", "deleted"] {
        let (out, said) = tiebreak(data.path(), &["models", "pull", "tiny", "--url", &server.base]);
        assert_eq!(out.status.code(), Some(1), "{said}");
        assert!(said.contains("ggml-tiny.bin: ") && said.contains(part) && out.stdout.is_empty(), "{said}");
    }
    // A server that speaks no TLS where https was asked for.
    let plain = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let base = format!("https://{}", plain.local_addr().expect("bound"));
    std::thread::spawn(move || plain.accept().map(|(mut stream, _)| stream.write_all(b"HTTP/1.1 400 no\r\n\r\n")));
    let (out, said) = tiebreak(data.path(), &["models", "pull", "tiny", "--url", &base]);
    assert!(out.status.code() == Some(1) && said.contains(&base), "{said}");
    let blocked = models.join("ggml-base.bin/x").display().to_string();
    let (out, said) = tiebreak(data.path(), &["models", "pull", "tiny", "--to", &blocked, "--url", &server.base]);
    assert!(out.status.code() == Some(1) && said.contains("cannot be written"), "{said}");
}
