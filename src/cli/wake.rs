//! `tiebreak wake enroll`: recordings of a word -> a file of wake phrases beside the configuration.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Exit, report};
use crate::config::{Config, ENROLLED_DIR};
use crate::engine::load;
use crate::facts::error::Fault;
use crate::hear::resample::Resampler;
use crate::hear::wav::Recording;
use crate::understand::enroll;

/// Writes `wake/NAME.toml` beside the configuration file, or in the working directory.
pub fn enroll(config: &Config, folder: &Path, name: &str, files: &[PathBuf]) -> Exit {
    match enrolled(config, folder, name, files) {
        Ok((path, phrases)) => {
            println!("{name} sounds like {}", phrases.join(" or "));
            println!("Written to {}; it counts from the next start on.", path.display());
            println!(
                "Whose wake word it is: [wake.handlers] {name} = \"siri\" (or another assistant) in the configuration."
            );
            Exit::Ok
        }
        Err(fault) => report(&[fault]),
    }
}

fn enrolled(config: &Config, folder: &Path, name: &str, files: &[PathBuf]) -> Result<(PathBuf, Vec<String>), Fault> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(Fault::new("wake enroll", "NAME", format!("{name:?} is no name"), "use a-z, 0-9 and _"));
    }
    let mut model = load::acoustic(config)?;
    let mut heard = Vec::new();
    for file in files {
        let recording = Recording::open(file)?;
        let mut resampler = Resampler::new(recording.sample_rate_hz)?;
        let mut samples = Vec::new();
        resampler.process(&recording.samples, &mut samples);
        resampler.flush(&mut samples);
        heard.push(model.sounds(&samples)?);
    }
    let phrases = enroll::phrases(&heard)
        .map_err(|what| Fault::new("wake enroll", name, what, "say the word alone, three times, in a quiet room"))?;
    let path = folder.join(ENROLLED_DIR).join(format!("{name}.toml"));
    let text = format!("# Written by `tiebreak wake enroll {name}`.\nphrases = {phrases:?}\n");
    let written = fs::create_dir_all(folder.join(ENROLLED_DIR)).and_then(|()| fs::write(&path, text));
    written.map_err(|e| {
        Fault::new(path.display().to_string(), "", format!("it cannot be written: {e}"), "check the folder's rights")
    })?;
    Ok((path, phrases))
}
