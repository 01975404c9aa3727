//! From a name in the catalogue to a file on the disk that is certainly that model.
//!
//! What arrives goes into `<file>.part`; a download that was broken off goes on there. Only a file of the right
//! length and digest is given its name; one that is complete and wrong is deleted. It must never leave a file
//! under the model's name that is not the model.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::catalogue::Model;
use crate::facts::error::Fault;
use crate::http::{Answer, Client, Patience, why};

/// Requests for one file, each of which must have brought something.
const REQUESTS_MAX: usize = 50;
/// Read and written at once.
const BLOCK_BYTES: usize = 1 << 16;

/// What to get, from where, and where to put it.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The model.
    pub model: &'a Model,
    /// The folder at the source; the file's name is put behind it.
    pub base: &'a str,
    /// The folder on the disk; made if it is not there.
    pub folder: &'a Path,
    /// How long to wait for a silent server.
    pub patience: Patience,
}

/// How a pull that succeeded went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The model's file.
    pub path: PathBuf,
    /// It was there before, and its digest was checked.
    pub was_there: bool,
}

/// What of a model is on the disk, by length alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nothing.
    Absent,
    /// So many bytes of it.
    Part(u64),
    /// A file of the right length.
    Whole,
    /// A file of another length.
    Wrong,
}

/// What of `model` lies in `folder`.
pub fn presence(model: &Model, folder: &Path) -> Presence {
    let length = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|m| m.len());
    match (length(&folder.join(model.file())), length(&part_path(model, folder))) {
        (Some(bytes), _) if bytes == model.bytes => Presence::Whole,
        (Some(_), _) => Presence::Wrong,
        (None, Some(bytes)) => Presence::Part(bytes),
        (None, None) => Presence::Absent,
    }
}

fn part_path(model: &Model, folder: &Path) -> PathBuf {
    folder.join(format!("{}.part", model.file()))
}

/// Fetches what is missing of a model. `progress` is told after every block how many bytes are there.
///
/// # Errors
/// What went wrong, and whether running it again will go on where it stopped.
pub fn pull(order: Order, progress: &mut dyn FnMut(u64)) -> Result<Pulled, Fault> {
    let model = order.model;
    let path = order.folder.join(model.file());
    let key = path.display().to_string();
    if path.exists() {
        return match digest_of(&path) {
            Ok(digest) if digest == model.sha256 => Ok(Pulled { path, was_there: true }),
            Ok(_) => Err(Fault::new(
                key,
                "sha256",
                "there is another file of this name",
                "move it away, or name another folder with --to",
            )),
            Err(e) => Err(unreadable(&path, &e)),
        };
    }
    fs::create_dir_all(order.folder).map_err(|e| unwritable(order.folder, &e))?;
    let mut part = Part::open(part_path(model, order.folder), model.bytes)?;
    let url = format!("{}/{}", order.base.trim_end_matches('/'), model.file());
    let source = Source { client: Client::new(&url, order.patience), url, model };
    if let Err(fault) = source.all(&mut part, progress) {
        if part.bytes == 0 {
            // Nothing is lost if an empty file stays.
            let _ = fs::remove_file(&part.path);
        }
        return Err(fault);
    }
    part.finish(&path)?;
    Ok(Pulled { path, was_there: false })
}

/// Where a file comes from.
struct Source<'a> {
    client: Client,
    url: String,
    model: &'a Model,
}

impl Source<'_> {
    /// Adds to `part` until it is the model.
    fn all(&self, part: &mut Part, progress: &mut dyn FnMut(u64)) -> Result<(), Fault> {
        for _ in 0..REQUESTS_MAX {
            if part.bytes == self.model.bytes {
                break;
            }
            let before = part.bytes;
            if let Err(what) = self.rest(part, progress)?
                && part.bytes <= before
            {
                return Err(self.broken(part, &what));
            }
        }
        if part.bytes != self.model.bytes {
            return Err(self.broken(part, "the server broke off too often"));
        }
        let digest = hex(part.hash.clone());
        if digest != self.model.sha256 {
            let what = format!("what came is another file: its SHA-256 is {digest}, not {}", self.model.sha256);
            return Err(part.discard(&self.url, "sha256", what));
        }
        Ok(())
    }

    /// Makes one request and adds what comes to `part`. The inner error: why it broke off; asking again may help.
    fn rest(&self, part: &mut Part, progress: &mut dyn FnMut(u64)) -> Result<Result<(), String>, Fault> {
        let wanted = self.model.bytes;
        let (from, total, mut body) = match self.client.get(&self.url, part.bytes) {
            Ok(Answer::Rest { from, total, body }) => (from, total, body),
            Ok(Answer::Refused(status)) => {
                let remedy = if status.starts_with("404") {
                    "check --url: it is the folder that holds the file"
                } else {
                    "try again later, or name another source with --url"
                };
                return Err(Fault::new(&self.url, "", format!("the server answers {status}"), remedy));
            }
            Ok(Answer::Shorter) => {
                let what = format!("the server's file is shorter than the {} bytes that are here", part.bytes);
                return Err(part.discard(&self.url, "length", what));
            }
            Err(what) => return Ok(Err(what)),
        };
        if let Some(total) = total.filter(|t| *t != wanted) {
            let what = format!("the server's file has {total} bytes, {} has {wanted}", self.model.name);
            return Err(Fault::new(&self.url, "length", what, "check --url: it is another file, or another version"));
        }
        // A server that knows no ranges begins anew.
        if from != part.bytes {
            if from != 0 {
                let what = format!("asked for byte {}, the server begins at {from}", part.bytes);
                return Err(Fault::new(&self.url, "Content-Range", what, "name another source with --url"));
            }
            match total {
                Some(_) => part.restart()?,
                // Any page of some hotel's network looks like this: only what begins like the part is gone on with.
                None => match part.begins(&mut body) {
                    Ok(true) => {}
                    Ok(false) => return Err(self.other_beginning(part)),
                    Err(e) => return Ok(Err(why(e))),
                },
            }
        }
        // What is too short may then have been broken off; otherwise it is another file.
        let is_known = total.is_some() || part.bytes > 0;
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            let read = match body.read(&mut block) {
                Ok(read) => read,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Ok(Err(why(e))),
            };
            if read == 0 && part.bytes == wanted {
                return Ok(Ok(()));
            }
            if read == 0 && is_known {
                return Ok(Err("the server stopped early".into()));
            }
            if read == 0 || part.bytes + read as u64 > wanted {
                let than = if read == 0 { "shorter" } else { "longer" };
                let what = format!("the server's file is {than} than the {wanted} bytes of {}", self.model.name);
                return Err(part.discard(&self.url, "length", what));
            }
            part.add(&block[..read])?;
            progress(part.bytes);
        }
    }

    fn other_beginning(&self, part: &Part) -> Fault {
        let path = part.path.display();
        let what = format!("the server begins anew, with other bytes than the {} in {path}", part.bytes);
        let remedy = format!("check the network and --url and run it again; if they are right, delete {path}");
        Fault::new(&self.url, "", what, remedy)
    }

    fn broken(&self, part: &Part, what: &str) -> Fault {
        let what = format!("{what}; {} of {} bytes are here", part.bytes, self.model.bytes);
        let remedy = "check the network and run it again: it goes on where it stopped (or fetch this file by other \
                      means and name it in [stt] model)";
        Fault::new(&self.url, "", what, remedy)
    }
}

/// The unfinished file, locked as long as it is open.
struct Part {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Of all `bytes`.
    hash: Sha256,
}

impl Part {
    /// Opens or makes it and reads what is there; what is too long to be part of the model is thrown away.
    fn open(path: PathBuf, bytes_max: u64) -> Result<Self, Fault> {
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(|e| unwritable(&path, &e))?;
        // Where the file system knows no locks there is none.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            let what = "another tiebreak is fetching this model";
            return Err(Fault::new(path.display().to_string(), "", what, "wait until it has finished"));
        }
        let mut part = Self { path, file, bytes: 0, hash: Sha256::new() };
        let length = part.file.metadata().map_err(|e| unreadable(&part.path, &e))?.len();
        if length > bytes_max {
            part.restart()?;
        } else {
            part.bytes = digest_all(&mut part.file, &mut part.hash).map_err(|e| unreadable(&part.path, &e))?;
        }
        Ok(part)
    }

    /// Reads as many bytes as it has: whether they are the same.
    fn begins(&self, body: &mut dyn Read) -> io::Result<bool> {
        let mut hash = Sha256::new();
        let read = digest_all(&mut body.take(self.bytes), &mut hash)?;
        Ok(read == self.bytes && hash.finalize() == self.hash.clone().finalize())
    }

    fn restart(&mut self) -> Result<(), Fault> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|e| unwritable(&self.path, &e))?;
        (self.bytes, self.hash) = (0, Sha256::new());
        Ok(())
    }

    fn add(&mut self, block: &[u8]) -> Result<(), Fault> {
        if let Err(e) = self.file.write_all(block) {
            // The block may be there in part: without it the file can be gone on with. If even this fails, the
            // digest will tell.
            let _ = self.file.set_len(self.bytes);
            return Err(unwritable(&self.path, &e));
        }
        self.hash.update(block);
        self.bytes += block.len() as u64;
        Ok(())
    }

    /// Deletes it, because of `what` is wrong with it.
    fn discard(&mut self, url: &str, key: &str, what: String) -> Fault {
        let remedy = match fs::remove_file(&self.path) {
            Ok(()) => "it was deleted; run it again, or name another source with --url".to_owned(),
            Err(e) => format!("delete {} ({e})", self.path.display()),
        };
        Fault::new(url, key, what, remedy)
    }

    fn finish(self, path: &Path) -> Result<(), Fault> {
        let kept = self.file.sync_all().and_then(|()| fs::rename(&self.path, path));
        kept.map_err(|e| unwritable(path, &e))
    }
}

fn unwritable(path: &Path, e: &io::Error) -> Fault {
    let remedy = if e.kind() == ErrorKind::StorageFull {
        "make room and run it again, or name another folder with --to"
    } else {
        "name a folder that you may write to with --to"
    };
    Fault::new(path.display().to_string(), "", format!("it cannot be written: {e}"), remedy)
}

fn unreadable(path: &Path, e: &io::Error) -> Fault {
    let remedy = "check it, or name another folder with --to";
    Fault::new(path.display().to_string(), "", format!("it cannot be read: {e}"), remedy)
}

/// SHA-256 of a file, in hexadecimal.
fn digest_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    digest_all(&mut File::open(path)?, &mut hash)?;
    Ok(hex(hash))
}

/// Adds everything that `from` holds to `hash`; how many bytes it was.
fn digest_all(from: &mut impl Read, hash: &mut Sha256) -> io::Result<u64> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        match from.read(&mut block) {
            Ok(0) => return Ok(bytes),
            Ok(read) => {
                hash.update(&block[..read]);
                bytes += read as u64;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
