//! Text that a user wrote: a file of a bearable size.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Grammars, homes and configurations are a thousandth of it.
const BYTES_MAX: u64 = 4 << 20;

/// The text of the file at `path`; a pipe will do, too.
///
/// # Errors
/// In words: it cannot be read, has more than 4 MiB or no end, or is not UTF-8.
pub fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|e| e.to_string())?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("it has more than {} MiB", BYTES_MAX >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_no_text_of_a_bearable_size_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("home.toml");
        for (bytes, wanted) in [(b"x = \"\xe7\x81\xaf\"\n".to_vec(), "x = \"灯\"\n"), (Vec::new(), "")] {
            fs::write(&path, bytes).expect("writable");
            assert_eq!(read(&path).as_deref(), Ok(wanted));
        }
        for (bytes, why) in
            [(b"\xff\xfe".to_vec(), "not UTF-8"), (vec![b' '; BYTES_MAX as usize + 1], "more than 4 MiB")]
        {
            fs::write(&path, bytes).expect("writable");
            assert!(read(&path).is_err_and(|what| what.contains(why)));
        }
        assert!(read(&dir.path().join("none")).is_err());
        #[cfg(unix)]
        assert!(read(Path::new("/dev/zero")).is_err_and(|what| what.contains("more than")), "it never ends");
    }
}
