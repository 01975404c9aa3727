//! `models list` and `models pull`: which models there are, and getting one more.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::facts::error::Fault;
use crate::http::Patience;
use crate::models::catalogue::{MODELS, Model, find};
use crate::models::folder;
use crate::models::pull::{Order, Presence, presence, pull as fetch};

use super::args::Pull;
use super::{Exit, failed, print};

/// How often a terminal is told how far it is; elsewhere a line is printed every [`PERCENT_A_LINE`].
const SHOWN_EVERY: Duration = Duration::from_millis(200);
const PERCENT_A_LINE: u64 = 10;
/// Digits of a model's SHA-256 that are listed: enough to compare it with what another page says.
const DIGITS: usize = 12;

/// The models in use and where they come from; then the catalogue, with a mark at what is on the disk.
pub fn list(config: &Config) -> Exit {
    let from = |path: &Option<PathBuf>| path.as_ref().map_or("embedded".to_owned(), |p| p.display().to_string());
    let mut lines = vec![
        format!("speech   {} ({} engine)", from(&config.models.stt), format!("{:?}", config.engine).to_lowercase()),
        format!("wake     {}", from(&config.models.wake)),
        format!("intent   {}", from(&config.models.intent)),
        String::new(),
        "Whisper models for [stt] engine = \"whisper\", fetched by `tiebreak models pull NAME` (with the beginning of their SHA-256):".to_owned(),
    ];
    // Where `pull` puts them, and where the one in use lies.
    let mut folders: Vec<PathBuf> = folder().into_iter().collect();
    let used = config.models.stt.as_deref().and_then(Path::parent).map(Path::to_owned);
    folders.extend(used.filter(|used| !folders.contains(used)));
    lines.extend(MODELS.iter().map(|model| line(model, &folders)));
    let names: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
    lines.extend((!names.is_empty()).then(|| format!("* is in {}", names.join(" or "))));
    print(&lines.join("\n"))
}

fn line(model: &Model, folders: &[PathBuf]) -> String {
    let all: Vec<Presence> = folders.iter().map(|folder| presence(model, folder)).collect();
    let found = |p: &&Presence| **p == Presence::Whole;
    let there = all.iter().find(found).or_else(|| all.iter().find(|p| **p != Presence::Absent)).copied();
    let there = there.unwrap_or(Presence::Absent);
    let mark = if there == Presence::Whole { '*' } else { ' ' };
    let mut out = format!("{mark} {:<20} {:>5} MB  {:.DIGITS$}", model.name, megabytes(model.bytes), model.sha256);
    if model.is_english_only() {
        out.push_str("  English only");
    }
    // Writing to a String cannot fail.
    let _ = match there {
        Presence::Part(bytes) => write!(out, "  ({} % fetched)", percent(bytes, model.bytes)),
        Presence::Wrong => write!(out, "  (a file of this name, but of another length, is there)"),
        Presence::Absent | Presence::Whole => Ok(()),
    };
    out
}

/// Fetches a model and says how to use it.
pub fn pull(args: &Pull) -> Exit {
    let model = find(&args.name).expect("the command line takes names of the catalogue only");
    let Some(folder) = args.to.clone().or_else(folder) else {
        let what = "neither XDG_DATA_HOME nor HOME says where models belong";
        return failed(&[Fault::new("environment", "HOME", what, "name a folder with --to")]);
    };
    let mut meter = Meter::new(model);
    let order = Order { model, base: &args.url, folder: &folder, patience: Patience::default() };
    let pulled = fetch(order, &mut |bytes| meter.show(bytes));
    meter.end();
    match pulled {
        Ok(pulled) => {
            let how = if pulled.was_there { "was there already" } else { "fetched" };
            eprintln!("{} {how}: {} bytes, SHA-256 is right", model.name, model.bytes);
            print(&usage(&pulled.path).join("\n"))
        }
        Err(fault) => failed(&[fault]),
    }
}

/// What to write into the configuration.
fn usage(path: &Path) -> [String; 4] {
    // Relative paths in a configuration start at its folder, not here.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let path = toml::Value::String(path.display().to_string());
    let first = "# To hear with it, write this into tiebreak.toml:".to_owned();
    [first, "[stt]".to_owned(), "engine = \"whisper\"".to_owned(), format!("model = {path}")]
}

/// Shows on stderr how far a download is.
struct Meter {
    model: &'static Model,
    is_terminal: bool,
    shown_at: Option<Instant>,
    shown_percent: u64,
}

impl Meter {
    fn new(model: &'static Model) -> Self {
        Self { model, is_terminal: std::io::stderr().is_terminal(), shown_at: None, shown_percent: 0 }
    }

    fn show(&mut self, bytes: u64) {
        let percent = percent(bytes, self.model.bytes);
        let due = if self.is_terminal {
            self.shown_at.is_none_or(|at| at.elapsed() >= SHOWN_EVERY) || bytes == self.model.bytes
        } else {
            self.shown_at.is_none() || percent >= self.shown_percent + PERCENT_A_LINE
        };
        if !due {
            return;
        }
        (self.shown_at, self.shown_percent) = (Some(Instant::now()), percent);
        let (name, done, all) = (self.model.name, megabytes(bytes), megabytes(self.model.bytes));
        let (before, after) = if self.is_terminal { ("\r", "  ") } else { ("", "\n") };
        // A stderr that is gone is no reason to stop.
        let _ = write!(std::io::stderr(), "{before}{name} {percent:>3} %  {done} of {all} MB{after}");
    }

    fn end(&self) {
        if self.is_terminal && self.shown_at.is_some() {
            eprintln!();
        }
    }
}

fn megabytes(bytes: u64) -> u64 {
    (bytes + 500_000) / 1_000_000
}

fn percent(bytes: u64, all: u64) -> u64 {
    bytes.min(all) * 100 / all.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_size_language_and_what_is_there() {
        let dir = tempfile::tempdir().expect("a folder");
        let other = tempfile::tempdir().expect("another folder");
        let folders = [other.path().to_owned(), dir.path().to_owned()];
        let (small, base) = (find("small.en").expect("known"), find("base").expect("known"));
        assert_eq!(line(small, &folders), "  small.en               488 MB  c6138d6d58ec  English only");
        std::fs::write(dir.path().join("ggml-base.bin"), "x").expect("written");
        assert!(line(base, &folders).contains("another length"));
        let part = std::fs::File::create(dir.path().join("ggml-small.en.bin.part")).expect("made");
        part.set_len(small.bytes / 2).expect("sparse");
        assert!(line(small, &folders).contains("(49 % fetched)"));
        let whole = std::fs::File::create(dir.path().join("ggml-base.bin")).expect("made");
        whole.set_len(base.bytes).expect("sparse");
        assert!(line(base, &folders).starts_with("* base "));
    }

    #[test]
    fn the_printed_lines_are_valid_configuration() {
        let text = usage(Path::new("/tmp/my \"models\"/ggml-base.bin")).join("\n");
        let parsed: toml::Table = toml::from_str(&text).expect("valid TOML");
        assert_eq!(parsed["stt"]["engine"].as_str(), Some("whisper"));
        assert_eq!(parsed["stt"]["model"].as_str(), Some("/tmp/my \"models\"/ggml-base.bin"));
    }
}
