//! The command line: what was typed -> a call of the engine -> lines on stdout and an exit code.

mod args;
mod calibrate;
mod check;
mod grammar;
mod house;
mod models;
mod show;
mod wake;
mod why;

use std::ffi::OsString;
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;

use self::args::{
    Cli, Command, Common, ConfigFlag, Grammar, House, ModelsAction, Replay, Run, Say, Simulate, Wake, Why,
};
use self::show::Style;
use crate::config::{Config, Overrides};
use crate::decide::rules::Policy;
use crate::engine::{Engine, Needs};
use crate::facts::error::Fault;
use crate::facts::intent::Lang;
use crate::receipt::Receipt;
use crate::simulate::{self, Plan};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0.
    Ok,
    /// 1: something failed.
    Failed,
    /// 2: bad usage or configuration.
    Usage,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
        }
    }
}

/// Longest line that `say -` reads, in bytes: longer ones are no sentences.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Runs the command line `args` (the program's name first).
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            // Nothing can be done if even the usage cannot be printed.
            let _ = e.print();
            return if e.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    match cli.command {
        Command::Run(a) => live(a),
        Command::Replay(a) => replay(a),
        Command::Say(a) => say(a),
        Command::Why(a) => why(&a),
        Command::Calibrate(a) => calibrate::calibrate(&a),
        Command::Simulate(a) => simulate(&a),
        Command::Check(a) => with_config(&a, &Overrides::default(), |config| check::check(&config)),
        Command::Wake(Wake::Enroll { name, files, replace, config: flag }) => {
            with_config(&flag, &Overrides::default(), |c| {
                let folder = flag.config.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
                wake::enroll(&c, folder, &name, &files, replace)
            })
        }
        Command::Devices => check::devices(),
        Command::Models(a) => match a.action.unwrap_or(ModelsAction::List(a.config)) {
            ModelsAction::List(flag) => with_config(&flag, &Overrides::default(), |config| models::list(&config)),
            ModelsAction::Pull(a) => models::pull(&a),
        },
        Command::Grammar(Grammar::Test(house)) => {
            with_config(&house.config, &house.overrides(), |config| grammar::test(&config))
        }
        Command::Grammar(Grammar::Explain(a)) => with_lang(a.lang.as_deref(), |lang| {
            with_config(&a.house.config, &a.house.overrides(), |config| {
                grammar::explain(&config, &a.sentence, lang, a.json)
            })
        }),
    }
}

fn live(args: Run) -> Exit {
    let overrides = overrides(&args.common, args.device);
    with_config(&args.common.config, &overrides, |config| {
        let needs = Needs { hearing: true, acting: !args.common.dry_run, live: true };
        started(config, needs, |mut engine| {
            // Nor is a microphone that is not there: it may be plugged in.
            if let Err(faults) = engine.listen() {
                return failed(&faults);
            }
            eprintln!("Listening. Say a wake word and a command; Ctrl-C ends it.");
            print_all(&mut engine, args.common.json)
        })
    })
}

fn replay(args: Replay) -> Exit {
    with_config(&args.common.config, &overrides(&args.common, None), |config| {
        let needs = Needs { hearing: true, acting: !args.common.dry_run, live: false };
        started(config, needs, |mut engine| {
            let unreadable = match engine.replay(args.files, args.realtime) {
                Ok(faults) => faults,
                Err(faults) => return report(&faults),
            };
            let printed = print_all(&mut engine, args.common.json);
            let faults = unreadable.recv().unwrap_or_default();
            for fault in &faults {
                eprintln!("tiebreak: {fault}");
            }
            if faults.is_empty() { printed } else { Exit::Failed }
        })
    })
}

fn say(args: Say) -> Exit {
    with_lang(args.lang.as_deref(), |lang| say_in(lang, &args))
}

fn say_in(lang: Option<Lang>, args: &Say) -> Exit {
    with_config(&args.common.config, &overrides(&args.common, None), |config| {
        let needs = Needs { hearing: false, acting: !args.common.dry_run, live: false };
        started(config, needs, |mut engine| {
            let broken = Arc::new(AtomicBool::new(false));
            let fed = match args.sentence.as_str() {
                "-" => engine.say(lang, sentences(std::io::BufReader::new(std::io::stdin()), Arc::clone(&broken))),
                _ => engine.say(lang, std::iter::once(args.sentence.clone())),
            };
            match fed {
                Ok(()) => match print_all(&mut engine, args.common.json) {
                    Exit::Ok if broken.load(Ordering::Relaxed) => Exit::Failed,
                    printed => printed,
                },
                Err(faults) => report(&faults),
            }
        })
    })
}

fn with_lang(tag: Option<&str>, then: impl FnOnce(Option<Lang>) -> Exit) -> Exit {
    match tag.map(|tag| Lang::from_tag(tag).ok_or(tag)).transpose() {
        Ok(lang) => then(lang),
        Err(tag) => {
            eprintln!("tiebreak: --lang {tag}: this language is not known; write en or zh");
            Exit::Usage
        }
    }
}

fn simulate(args: &Simulate) -> Exit {
    let policies = match args.policy.as_deref().map(|name| Policy::from_name(name).ok_or(name)) {
        None => Policy::ALL.to_vec(),
        Some(Ok(policy)) => vec![policy],
        Some(Err(name)) => {
            eprintln!("tiebreak: --policy {name}: write utility, confidence, priority or fastest");
            return Exit::Usage;
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let report = simulate::run(&Plan { auctions: args.auctions, seed: args.seed, policies, threads });
    let printed = print(&if args.json { report.json().to_string() } else { report.text() });
    if report.violation_count == 0 { printed } else { Exit::Failed }
}

fn why(args: &Why) -> Exit {
    with_config(&args.config, &Overrides::default(), |config| {
        let Some(journal) = &config.journal else {
            return report(&[Fault::new("receipts", "dir", "no receipts are kept", "set receipts.dir to a folder")]);
        };
        match why::find(&journal.dir, args.id.as_deref()) {
            Ok(receipt) if args.json => match print_one(&receipt, true, Style::Plain) {
                Ok(()) => Exit::Ok,
                Err(_) => Exit::Failed,
            },
            Ok(receipt) => print(&why::explain(&receipt)),
            Err(fault) => {
                report(&[fault]);
                Exit::Failed
            }
        }
    })
}

/// One sentence a line; what is no UTF-8 is read as far as it goes, empty lines are skipped. `broken` is set where
/// reading fails.
fn sentences(mut input: impl BufRead, broken: Arc<AtomicBool>) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = std::io::Read::take(&mut input, LINE_BYTES_MAX).read_until(b'\n', &mut line);
        match read {
            Ok(0) => None,
            Ok(_) => Some(String::from_utf8_lossy(&line).trim().to_owned()),
            Err(e) => {
                eprintln!("tiebreak: stdin: {e}");
                broken.store(true, Ordering::Relaxed);
                None
            }
        }
    })
    .filter(|line| !line.is_empty())
}

fn print_all(engine: &mut Engine, json: bool) -> Exit {
    let style = if std::io::stdout().is_terminal() { Style::Color } else { Style::Plain };
    while let Some(receipt) = engine.next_receipt() {
        if let Err(e) = print_one(&receipt, json, style) {
            // A closed pipe (`tiebreak ... | head`) is no fault of ours.
            return if e.kind() == std::io::ErrorKind::BrokenPipe { Exit::Ok } else { Exit::Failed };
        }
    }
    Exit::Ok
}

fn print_one(receipt: &Receipt, json: bool, style: Style) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, receipt)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", show::receipt(receipt, style))?;
    }
    out.flush()
}

fn overrides(common: &Common, device: Option<String>) -> Overrides {
    Overrides { home: common.home.clone(), sentences: common.sentences.clone(), device, no_wake: common.no_wake }
}

impl House {
    fn overrides(&self) -> Overrides {
        Overrides { home: self.home.clone(), sentences: self.sentences.clone(), ..Overrides::default() }
    }
}

fn with_config(flag: &ConfigFlag, overrides: &Overrides, then: impl FnOnce(Config) -> Exit) -> Exit {
    match Config::load(flag.config.as_deref().map(Path::new), overrides) {
        Ok(config) => then(config),
        Err(faults) => report(&faults),
    }
}

fn started(config: Config, needs: Needs, then: impl FnOnce(Engine) -> Exit) -> Exit {
    match Engine::start(config, needs) {
        Ok(engine) => {
            if let (Some(port), true) = (engine.broker_port(), needs.live) {
                eprintln!("Embedded MQTT broker on 127.0.0.1:{port}");
            }
            then(engine)
        }
        // A broker that is not there, or a port that is taken, is no mistake in the configuration: it may come back.
        Err(faults) if faults.iter().any(|f| f.file == "mqtt") => failed(&faults),
        Err(faults) => report(&faults),
    }
}

/// One text on stdout, with one newline at its end. A reader that has seen enough (`| head`) is no fault.
fn print(text: &str) -> Exit {
    match writeln!(std::io::stdout(), "{}", text.strip_suffix('\n').unwrap_or(text)) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Exit::Failed,
        _ => Exit::Ok,
    }
}

/// One line a fault, on stderr; what was typed was right.
fn failed(faults: &[Fault]) -> Exit {
    report(faults);
    Exit::Failed
}

/// One line a fault, on stderr.
fn report(faults: &[Fault]) -> Exit {
    for fault in faults {
        eprintln!("tiebreak: {fault}");
    }
    Exit::Usage
}
