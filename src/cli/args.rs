//! The command line exactly as typed; what it means is decided in cli/mod.rs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    /// List the models in use.
    Models(ConfigFlag),
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
    #[arg(long, value_name = "N", default_value_t = 100_000)]
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
