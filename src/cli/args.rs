//! The command line exactly as typed; what it means is decided in cli/mod.rs.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

use crate::models::catalogue::{BASE, MODELS};

/// Several assistants bid for one sentence, one of them acts.
#[derive(Debug, Parser)]
#[command(
    name = "tiebreak",
    version,
    about,
    after_help = "Exit codes: 0 ok; 1 something failed; 2 bad usage or configuration."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands of the contract.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Listen to the microphone and act, until Ctrl-C.
    Run(Run),
    /// Send recordings (WAV, FLAC) through the very same pipeline.
    Replay(Replay),
    /// Understand, arbitrate and act on a written sentence; `-` reads one sentence a line from stdin.
    Say(Say),
    /// Explain the last decision, or a given one, in plain words (needs `receipts.dir`).
    Why(Why),
    /// Hold made-up auctions in virtual time: does an invariant break, and which policy decides best?
    Simulate(Simulate),
    /// Compare what handlers bid with how often they were right, per handler and language.
    Calibrate(Calibrate),
    /// Validate configuration, home, grammars, models, broker and audio devices.
    Check(ConfigFlag),
    /// List the capture devices.
    Devices,
    /// Teach a wake word of one's own.
    #[command(subcommand)]
    Wake(Wake),
    /// List the models in use and the ones that can be fetched, or fetch one.
    Models(Models),
    /// Test sentence templates, or see why a sentence is understood as it is.
    #[command(subcommand)]
    Grammar(Grammar),
}

/// `tiebreak wake`.
#[derive(Debug, Subcommand)]
pub enum Wake {
    /// Learn a word from at least three recordings of it: nothing is trained, it takes a second.
    Enroll {
        /// What to call it: a-z, 0-9 and _.
        name: String,
        /// Recordings of the word alone: WAV or FLAC.
        #[arg(required = true, value_name = "WAV")]
        files: Vec<PathBuf>,
        /// Learn a word anew that has been learnt before.
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        config: ConfigFlag,
    },
}

/// Where the configuration is.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigFlag {
    /// Configuration file (default: tiebreak.toml if there is one, else the embedded defaults).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What `run`, `replay` and `say` have in common.
#[derive(Debug, Clone, Default, Args)]
pub struct Common {
    #[command(flatten)]
    pub config: ConfigFlag,
    /// Another home file.
    #[arg(long, value_name = "FILE")]
    pub home: Option<PathBuf>,
    /// A folder in Home Assistant's `custom_sentences` form, added to the grammars.
    #[arg(long, value_name = "DIR")]
    pub sentences: Option<PathBuf>,
    /// Publish nothing; the receipt still holds the command.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one receipt a line as JSON; everything else goes to stderr.
    #[arg(long)]
    pub json: bool,
    /// Take the sound as if the wake word had just been spoken.
    #[arg(long)]
    pub no_wake: bool,
}

/// `tiebreak simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// How many, for each policy.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = one_or_more)]
    pub auctions: u64,
    /// The first auction's seed; the same seed gives the same figures.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// utility, confidence, priority or fastest (default: all four).
    #[arg(long, value_name = "P")]
    pub policy: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `tiebreak calibrate`.
#[derive(Debug, Args)]
pub struct Calibrate {
    /// Files of receipts (one JSON object a line), or folders as `receipts.dir`.
    #[arg(required = true, value_name = "RECEIPTS")]
    pub receipts: Vec<PathBuf>,
    /// Folder of sidecars that say what each recording should come to.
    #[arg(long, value_name = "DIR")]
    pub truth: Option<PathBuf>,
    /// Draw the reliability diagrams into a PNG file.
    #[arg(long, value_name = "PNG")]
    pub plot: Option<PathBuf>,
    /// Write the factors into a file that `arbiter.calibration` may name.
    #[arg(long, value_name = "TOML")]
    pub write: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `tiebreak why`.
#[derive(Debug, Args)]
pub struct Why {
    /// Decision id, or its beginning (default: the last decision).
    pub id: Option<String>,
    /// Print the receipt as JSON instead.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigFlag,
}

/// `tiebreak run`.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub common: Common,
    /// Capture device, as `tiebreak devices` names it (default: the configuration's, else the system's).
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

/// `tiebreak replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Recordings: WAV or FLAC, any sample rate and channel count.
    #[arg(required = true, value_name = "WAV")]
    pub files: Vec<PathBuf>,
    /// Feed the samples at their own pace, so that latencies are the ones a person would feel.
    #[arg(long)]
    pub realtime: bool,
    #[command(flatten)]
    pub common: Common,
}

/// `tiebreak say`.
#[derive(Debug, Args)]
pub struct Say {
    /// The sentence, or `-`.
    #[arg(value_name = "SENTENCE", allow_hyphen_values = true)]
    pub sentence: String,
    /// Language of the sentence: en, zh, or any tag that begins so (default: found out).
    #[arg(long, value_name = "LANG")]
    pub lang: Option<String>,
    #[command(flatten)]
    pub common: Common,
}

/// What to do with grammars.
#[derive(Debug, Subcommand)]
pub enum Grammar {
    /// Run the sentence tests: the shipped ones, and those beside your own sentences.
    Test(House),
    /// Show which templates match a sentence, or how far the nearest ones get and what they wait for.
    Explain(Explain),
}

/// What sentences are understood with.
#[derive(Debug, Args)]
pub struct House {
    #[command(flatten)]
    pub config: ConfigFlag,
    /// Another home file.
    #[arg(long, value_name = "FILE")]
    pub home: Option<PathBuf>,
    /// A folder in Home Assistant's `custom_sentences` form, added to the grammars.
    #[arg(long, value_name = "DIR")]
    pub sentences: Option<PathBuf>,
}

/// `tiebreak grammar explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The sentence.
    #[arg(value_name = "SENTENCE", allow_hyphen_values = true)]
    pub sentence: String,
    /// Language of the sentence: en, zh, or any tag that begins so (default: found out).
    #[arg(long, value_name = "LANG")]
    pub lang: Option<String>,
    /// Print one line of JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub house: House,
}

/// `tiebreak models`, alone the same as `tiebreak models list`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Models {
    #[command(subcommand)]
    pub action: Option<ModelsAction>,
    #[command(flatten)]
    pub config: ConfigFlag,
}

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum ModelsAction {
    /// The models in use, and the Whisper models that can be fetched.
    List(ConfigFlag),
    /// Fetch a Whisper model; a download that was broken off goes on where it stopped.
    Pull(Pull),
}

/// `tiebreak models pull`.
#[derive(Debug, Args)]
pub struct Pull {
    /// The model, as `tiebreak models` names it.
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(MODELS.iter().map(|m| m.name)),
        hide_possible_values = true)]
    pub name: String,
    /// Where to put it (default: $XDG_DATA_HOME/tiebreak/models, else ~/.local/share/tiebreak/models).
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Another source: the folder that holds the files.
    #[arg(long, value_name = "BASE", default_value = BASE, value_parser = web_address)]
    pub url: String,
}

fn one_or_more(typed: &str) -> Result<u64, String> {
    match typed.parse() {
        Ok(0) => Err("nothing would be simulated; write 1 or more".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("it is no whole number; write 1 or more".to_owned()),
    }
}

fn web_address(typed: &str) -> Result<String, String> {
    let known = typed.starts_with("http://") || typed.starts_with("https://");
    if known { Ok(typed.to_owned()) } else { Err("it begins with neither http:// nor https://".to_owned()) }
}
