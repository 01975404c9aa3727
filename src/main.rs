//! Parses the command line, sets up logging, maps results to exit codes; nothing else.

use std::io::IsTerminal;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

/// What is logged unless TIEBREAK_LOG says otherwise. Of recordings that they cannot read symphonia's crates log
/// what hear/wav.rs then says better.
const LOGGED: &str = "warn,rumqttd=off,symphonia_core=off";

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("TIEBREAK_LOG").unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    ExitCode::from(tiebreak::cli::run(std::env::args_os()).code())
}
