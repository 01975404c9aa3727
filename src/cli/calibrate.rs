//! `tiebreak calibrate`: reads receipts and sidecars, prints tables, writes the diagram and the factors.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::Calibrate;
use super::{Exit, report};
use crate::act::journal;
use crate::calibrate::{Calibration, Expected, expected, plot};
use crate::facts::error::Fault;

/// Reads everything that is named and prints what comes of it.
pub fn calibrate(args: &Calibrate) -> Exit {
    let mut calibration = Calibration::default();
    for path in &args.receipts {
        if let Err(e) = read(path, args.truth.as_deref(), &mut calibration) {
            let what = format!("it cannot be read: {e}");
            report(&[Fault::new(path.display().to_string(), "", what, "name a file of receipts, or their folder")]);
            return Exit::Failed;
        }
    }
    if args.json {
        println!("{}", calibration.json());
    } else {
        print!("{}", calibration.text());
    }
    if calibration.judged == 0 {
        let remedy = "name the recordings' sidecars with --truth, or add \"right\": [\"siri\"] to the lines";
        report(&[Fault::new("calibrate", "", "of no receipt it is known whether its bids were right", remedy)]);
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
    Exit::Ok
}

fn read(path: &Path, truth: Option<&Path>, calibration: &mut Calibration) -> std::io::Result<()> {
    let files: Vec<PathBuf> = if path.is_dir() { journal::files(path)? } else { vec![path.to_owned()] };
    for file in files {
        for line in fs::read_to_string(file)?.lines() {
            // A line that was cut off is no receipt.
            if let Ok(line) = serde_json::from_str(line) {
                calibration.add(&line, |source| sidecar(truth?, source));
            }
        }
    }
    Ok(())
}

/// The sidecar of the recording `source`; only its file name counts, so that it cannot lead elsewhere.
fn sidecar(folder: &Path, source: &str) -> Option<Expected> {
    let name = Path::new(source).file_name()?;
    expected(&fs::read_to_string(folder.join(name).with_extension("toml")).ok()?)
}
