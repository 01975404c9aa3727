//! `tiebreak wake enroll`: recordings of a word -> a file of wake phrases beside the configuration.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Exit, print, report};
use crate::config::{Config, ENROLLED_DIR};
use crate::engine::load;
use crate::facts::audio::SAMPLE_RATE_HZ;
use crate::facts::error::Fault;
use crate::hear::resample::Resampler;
use crate::hear::wav::Recording;
use crate::understand::ctc::AcousticModel;
use crate::understand::enroll;

/// Writes `wake/NAME.toml` beside the configuration file, or in the working directory.
pub fn enroll(config: &Config, folder: &Path, name: &str, files: &[PathBuf]) -> Exit {
    match enrolled(config, folder, name, files) {
        Ok((path, phrases)) => {
            let whose = format!("[wake.handlers] {name} = \"siri\" (or another assistant) in the configuration");
            print(&format!(
                "{name} sounds like {}\nWritten to {}; it counts from the next start on.\nWhose wake word it is: {whose}.",
                phrases.join(" or "),
                path.display()
            ))
        }
        Err(fault) => report(&[fault]),
    }
}

fn enrolled(config: &Config, folder: &Path, name: &str, files: &[PathBuf]) -> Result<(PathBuf, Vec<String>), Fault> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(Fault::new("wake enroll", "NAME", format!("{name:?} is no name"), "use a-z, 0-9 and _"));
    }
    let real: Vec<PathBuf> = files.iter().map(|f| fs::canonicalize(f).unwrap_or_else(|_| f.clone())).collect();
    if let Some((_, file)) = files.iter().enumerate().find(|(i, _)| real[..*i].contains(&real[*i])) {
        let remedy = "record the word anew for each of the files";
        return Err(Fault::new(file.display().to_string(), "", "it is named twice", remedy));
    }
    let mut model = load::acoustic(config)?;
    let heard = files.iter().map(|file| sounds(&mut model, file)).collect::<Result<Vec<_>, _>>()?;
    let phrases = enroll::phrases(&heard).map_err(|refused| {
        let file = refused.recording.map_or("wake enroll".to_owned(), |i| files[i].display().to_string());
        Fault::new(file, "", refused.what, refused.remedy)
    })?;
    let path = folder.join(ENROLLED_DIR).join(format!("{name}.toml"));
    let text = format!("# Written by `tiebreak wake enroll {name}`.\nphrases = {phrases:?}\n");
    let written = fs::create_dir_all(folder.join(ENROLLED_DIR)).and_then(|()| fs::write(&path, text));
    written.map_err(|e| {
        Fault::new(path.display().to_string(), "", format!("it cannot be written: {e}"), "check the folder's rights")
    })?;
    Ok((path, phrases))
}

/// What a recording sounds like to the speech model.
fn sounds(model: &mut AcousticModel, file: &Path) -> Result<Vec<String>, Fault> {
    let recording = Recording::open(file)?;
    for warning in &recording.warnings {
        tracing::warn!("{}: {warning}", file.display());
    }
    let mut resampler = Resampler::new(recording.sample_rate_hz)?;
    let mut samples = Vec::new();
    resampler.process(&recording.samples, &mut samples);
    resampler.flush(&mut samples);
    if samples.len() > model.samples_max() {
        let seconds_max = model.samples_max() / SAMPLE_RATE_HZ as usize;
        let what = format!("it lasts longer than the {seconds_max} s that the speech model hears");
        return Err(Fault::new(file.display().to_string(), "", what, "cut it down to the word"));
    }
    model.sounds(&samples)
}
