//! `tiebreak calibrate`: reads receipts and sidecars, prints tables, writes the diagram and the factors.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::args::Calibrate;
use super::{Exit, print, report};
use crate::act::journal;
use crate::calibrate::{Calibration, Expected, expected, plot};
use crate::facts::error::Fault;

/// Reads everything that is named and prints what comes of it.
pub fn calibrate(args: &Calibrate) -> Exit {
    if let Some(folder) = args.truth.as_ref().filter(|folder| !folder.is_dir()) {
        let remedy = "name the folder that holds the recordings' sidecars";
        report(&[Fault::new(folder.display().to_string(), "--truth", "it is no folder", remedy)]);
        return Exit::Usage;
    }
    let mut calibration = Calibration::default();
    let mut strange = Vec::new();
    for path in &args.receipts {
        match read(path, args.truth.as_deref(), &mut calibration) {
            Ok(mut more) => strange.append(&mut more),
            Err(e) => {
                let what = format!("it cannot be read: {e}");
                report(&[Fault::new(path.display().to_string(), "", what, "name a file of receipts, or their folder")]);
                return Exit::Failed;
            }
        }
    }
    report(&strange);
    let printed = print(&if args.json { calibration.json().to_string() } else { calibration.text() });
    if calibration.judged == 0 {
        // Where there is no receipt at all, that has been said.
        if strange.is_empty() || calibration.unjudged > 0 {
            let remedy = "name the recordings' sidecars with --truth, or add \"right\": [\"siri\"] to the lines";
            report(&[Fault::new("calibrate", "", "of no receipt it is known whether its bids were right", remedy)]);
        }
        return Exit::Failed;
    }
    let drawn = args.plot.as_ref().map(|path| (path, plot::png(&calibration)));
    let written = args.write.as_ref().map(|path| (path, Ok(calibration.file().into_bytes())));
    for (path, bytes) in drawn.into_iter().chain(written) {
        if let Err(e) = bytes.and_then(|bytes| fs::write(path, bytes)) {
            let what = format!("it cannot be written: {e}");
            report(&[Fault::new(path.display().to_string(), "", what, "name a file that you may write to")]);
            return Exit::Failed;
        }
        eprintln!("written: {}", path.display());
    }
    if let Some(path) = &args.write {
        eprintln!("to use it: [arbiter] calibration = {:?}", path.display().to_string());
    }
    printed
}

/// Counts the receipts of a file or folder; answers where lines stand that are none (one that was cut off, say).
fn read(path: &Path, truth: Option<&Path>, calibration: &mut Calibration) -> std::io::Result<Vec<Fault>> {
    let files: Vec<PathBuf> = if path.is_dir() { journal::files(path)? } else { vec![path.to_owned()] };
    let mut counts = |line: &str| {
        let line = serde_json::from_str::<Value>(line);
        line.is_ok_and(|line| calibration.add(&line, |source| sidecar(truth?, source)))
    };
    let mut strange = Vec::new();
    for file in files {
        // What is no UTF-8 is no receipt, and counted with the others.
        let text = String::from_utf8_lossy(&fs::read(&file)?).into_owned();
        let lines: Vec<(&str, usize)> = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()).collect();
        let others: Vec<usize> = lines.iter().filter(|(line, _)| !counts(line)).map(|(_, number)| *number).collect();
        if let Some(first) = others.first() {
            let what = format!("it is no receipt ({} of {} lines are none)", others.len(), lines.len());
            let remedy = "name files that hold one receipt a line, as `tiebreak replay --json` prints them";
            strange.push(Fault::new(file.display().to_string(), format!("line {first}"), what, remedy));
        }
    }
    Ok(strange)
}

/// The sidecar of the recording `source`; only its file name counts, so that it cannot lead elsewhere.
fn sidecar(folder: &Path, source: &str) -> Option<Expected> {
    let name = Path::new(source).file_name()?;
    expected(&fs::read_to_string(folder.join(name).with_extension("toml")).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_text_is_named_and_the_rest_is_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("receipts.jsonl");
        fs::write(&file, b"{}\n\xff\xfe\n").expect("writable");
        let strange = read(&file, None, &mut Calibration::default()).expect("it can be read");
        assert!(strange[0].what.contains("of 2 lines"), "{}", strange[0]);
    }
}
