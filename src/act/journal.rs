//! Receipts on disk: one JSON object a line, one file a day (UTC), old files removed.
//!
//! It must never remove or touch a file that is not named like its own. The file is only ever appended to, one
//! whole line at a time. `cli/why.rs` and `calibrate` read what is written here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::facts::error::Fault;
use crate::receipt::Receipt;

/// No receipt is longer; what is, is no receipt.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Where receipts are kept, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalSettings {
    /// The folder; made if it is missing.
    pub dir: PathBuf,
    /// Files of so many days are kept, today's counted in; at least 1.
    pub keep_days: u32,
}

/// Writes receipts.
#[derive(Debug)]
pub struct Journal {
    settings: JournalSettings,
    today: Option<(u64, File)>,
}

impl Journal {
    /// Opens today's file, so that faults show now.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn open(settings: JournalSettings, now: SystemTime) -> Result<Self, Fault> {
        let dir = settings.dir.display().to_string();
        let mut journal = Self { settings, today: None };
        journal.file(now).map_err(|e| {
            let what = format!("receipts cannot be written to {dir}: {e}");
            Fault::new("receipts", "dir", what, "name a folder that may be written to, or remove the key")
        })?;
        Ok(journal)
    }

    /// Appends one line; the first one of a day begins a new file and removes old ones.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn append(&mut self, receipt: &Receipt, now: SystemTime) -> io::Result<()> {
        let mut line = serde_json::to_vec(receipt)?;
        line.push(b'\n');
        // One write, so that two programs that share the folder do not mix their lines.
        self.file(now)?.write_all(&line)
    }

    fn file(&mut self, now: SystemTime) -> io::Result<&mut File> {
        let day = day(now);
        let open = match self.today.take() {
            Some((d, file)) if d == day => file,
            _ => {
                fs::create_dir_all(&self.settings.dir)?;
                self.remove_old(day);
                open(&self.settings.dir.join(format!("{}.jsonl", date(day))))?
            }
        };
        Ok(&mut self.today.insert((day, open)).1)
    }

    fn remove_old(&self, today: u64) {
        let oldest = date((today + 1).saturating_sub(u64::from(self.settings.keep_days.max(1))));
        for path in files(&self.settings.dir).unwrap_or_default() {
            // Dates in this form are ordered like their text.
            if path.file_stem().and_then(|s| s.to_str()).is_some_and(|stem| stem < oldest.as_str())
                && let Err(e) = fs::remove_file(&path)
            {
                tracing::warn!("{}: this old file cannot be removed: {e}", path.display());
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    // What was said at home is nobody else's business.
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        // A line that was cut off (by a power cut) must not swallow the next.
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

/// Days since 1970 in UTC.
fn day(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400
}

/// `2026-11-21`, by Howard Hinnant's `civil_from_days` (days begin in March, eras have 400 years).
fn date(day: u64) -> String {
    let z = day + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (d, m) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let y = yoe + era * 400 + u64::from(m <= 2);
    format!("{y:04}-{m:02}-{d:02}")
}

/// Our files in `dir`, oldest first.
///
/// # Errors
/// The folder cannot be read.
pub fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let ours = |path: &PathBuf| {
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let digits = |range: std::ops::Range<usize>| stem.as_bytes()[range].iter().all(u8::is_ascii_digit);
        let dated = stem.len() == 10 && digits(0..4) && digits(5..7) && digits(8..10);
        dated && &stem[4..5] == "-" && &stem[7..8] == "-" && path.extension().is_some_and(|e| e == "jsonl")
    };
    let mut out: Vec<PathBuf> = fs::read_dir(dir)?.filter_map(|e| e.ok().map(|e| e.path())).filter(ours).collect();
    out.sort();
    Ok(out)
}

/// The receipts of one file, in their order; lines that are no receipts are passed over.
///
/// # Errors
/// The file cannot be opened.
pub fn receipts(path: &Path) -> io::Result<impl Iterator<Item = Receipt>> {
    let mut input = BufReader::new(File::open(path)?);
    let lines = std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = Read::take(&mut input, LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.is_ok_and(|n| n > 0).then_some(line)
    });
    Ok(lines.filter_map(|line| serde_json::from_slice(&line).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(day: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3600)
    }

    fn receipt(id: &str) -> Receipt {
        Receipt::nothing(id.into(), "test".into(), "a test")
    }

    #[test]
    fn dates() {
        for (day, text) in [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_778, "2026-11-21")] {
            assert_eq!(date(day), text);
        }
    }

    #[test]
    fn one_file_a_day_and_old_ones_go() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dir = folder.path().join("new/receipts");
        let settings = JournalSettings { dir: dir.clone(), keep_days: 2 };
        let mut journal = Journal::open(settings.clone(), at(20_000)).expect("writable");
        fs::write(dir.join("2000-01-01.txt"), "not ours").expect("writable");
        fs::write(dir.join("notes.jsonl"), "not ours").expect("writable");
        for (day, id) in [(20_000, "a"), (20_000, "b"), (20_001, "c"), (20_002, "d")] {
            journal.append(&receipt(id), at(day)).expect("written");
        }
        let ours = files(&dir).expect("readable");
        assert_eq!(ours.len(), 2, "{ours:?}");
        assert!(dir.join("notes.jsonl").exists() && dir.join("2000-01-01.txt").exists());
        // A line that was cut off, and another program that goes on with the file.
        OpenOptions::new().append(true).open(&ours[1]).and_then(|mut f| f.write_all(b"{\"id\":")).expect("written");
        Journal::open(settings, at(20_002)).expect("writable").append(&receipt("e"), at(20_002)).expect("written");
        let ids: Vec<String> = receipts(&ours[1]).expect("readable").map(|r| r.id).collect();
        assert_eq!(ids, ["d", "e"]);
    }

    #[test]
    fn a_folder_that_cannot_be_is_a_fault() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let settings = JournalSettings { dir: file.path().join("below"), keep_days: 1 };
        let fault = Journal::open(settings, at(0)).expect_err("a file is no folder");
        assert_eq!((fault.file.as_str(), fault.key.as_str()), ("receipts", "dir"));
    }
}
