//! `tiebreak wake enroll`: recordings of a word -> a file of wake phrases beside the configuration.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{Exit, failed, print, report};
use crate::config::{Config, ENROLLED_DIR};
use crate::engine::load;
use crate::facts::audio::SAMPLE_RATE_HZ;
use crate::facts::error::Fault;
use crate::hear::resample::Resampler;
use crate::hear::wav::Recording;
use crate::understand::ctc::AcousticModel;
use crate::understand::enroll;

/// What is at fault where something was typed wrongly.
const ENROLL: &str = "wake enroll";

/// Writes `wake/NAME.toml` beside the configuration file, or in the working directory; what is there already stays,
/// unless it is to `replace` it.
pub fn enroll(config: &Config, folder: &Path, name: &str, files: &[PathBuf], replace: bool) -> Exit {
    let path = folder.join(ENROLLED_DIR).join(format!("{name}.toml"));
    let learnt = free(config, &path, name, replace).and_then(|()| phrases(config, files)).and_then(|phrases| {
        let text = format!("# Written by `tiebreak wake enroll {name}`.\nphrases = {phrases:?}\n");
        write(&path, &text).map_err(|e| unwritable(&path, &e))?;
        Ok(phrases)
    });
    match learnt {
        Ok(phrases) => print(&format!(
            "{name} sounds like {}\nWritten to {}; {}.\nWhose wake word it is: [wake.handlers] {name} = \"siri\" (or another assistant) in the configuration.",
            phrases.join(" or "),
            path.display(),
            counts_when(config, name)
        )),
        Err(fault) if fault.file == ENROLL => report(&[fault]),
        Err(fault) => failed(&[fault]),
    }
}

/// Whether a word may have this name.
fn free(config: &Config, path: &Path, name: &str, replace: bool) -> Result<(), Fault> {
    let fault = |what: String, remedy: &str| Err(Fault::new(ENROLL, "NAME", what, remedy));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return fault(format!("{name:?} is no name"), "use a-z, 0-9 and _");
    }
    let is_enrolled = path.exists();
    if is_enrolled && !replace {
        let what = format!("{name} has been learnt before ({})", path.display());
        return fault(what, "choose another name, or learn it anew with --replace");
    }
    if !is_enrolled && config.listen.wake.also.iter().any(|word| word == name) {
        let remedy = "choose another name; how this one is spoken is for wake.phrases to say";
        return fault(format!("{name} is a wake word already"), remedy);
    }
    Ok(())
}

/// When the word will be listened for.
fn counts_when(config: &Config, name: &str) -> String {
    let words = &config.listen.wake.words;
    if !config.wake {
        "it counts once wake.enabled is true".to_owned()
    } else if !words.is_empty() && !words.iter().any(|word| word == name) {
        format!("it counts once {name:?} is among wake.words, where only {words:?} are now")
    } else {
        "it counts from the next start on".to_owned()
    }
}

/// A new file in one piece: nothing is left of one that could not be written, and what was there before stays.
fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
    let part = path.with_extension("toml.part");
    let written = File::create(&part)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&part);
    }
    written
}

fn unwritable(path: &Path, e: &io::Error) -> Fault {
    let remedy =
        if e.kind() == ErrorKind::StorageFull { "make room, and enroll it again" } else { "check the folder's rights" };
    Fault::new(path.display().to_string(), "", format!("it cannot be written: {e}"), remedy)
}

/// How the recordings of the word sound.
fn phrases(config: &Config, files: &[PathBuf]) -> Result<Vec<String>, Fault> {
    let real: Vec<PathBuf> = files.iter().map(|f| fs::canonicalize(f).unwrap_or_else(|_| f.clone())).collect();
    if let Some((_, file)) = files.iter().enumerate().find(|(i, _)| real[..*i].contains(&real[*i])) {
        let remedy = "record the word anew for each of the files";
        return Err(Fault::new(ENROLL, file.display().to_string(), "it is named twice", remedy));
    }
    let mut model = load::acoustic(config)?;
    let heard = files.iter().map(|file| sounds(&mut model, file)).collect::<Result<Vec<_>, _>>()?;
    enroll::phrases(&heard).map_err(|refused| {
        let file = refused.recording.map_or(ENROLL.to_owned(), |i| files[i].display().to_string());
        Fault::new(file, "", refused.what, refused.remedy)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("wake/jarvis.toml");
        for text in ["phrases = []\n", "phrases = [\"jarvis\"]\n"] {
            write(&path, text).expect("writable");
            assert_eq!(fs::read_to_string(&path).expect("written"), text);
        }
        // A folder that is not empty stands where the file should be.
        let taken = dir.path().join("wake");
        assert!(write(&taken, "").is_err());
        let left: Vec<_> = fs::read_dir(dir.path()).expect("readable").map(|e| e.expect("readable").path()).collect();
        assert_eq!(left, [taken], "nothing else is left");
    }
}
