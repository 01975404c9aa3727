//! Fetching speech models that other people publish, only when `tiebreak models pull` is typed. Nothing is ever
//! sent but the name of the file.
//!
//! `catalogue` (what there is) -> `pull` (a `.part` file that becomes the model once its digest is right) over
//! `crate::http`.

use std::env;
use std::path::PathBuf;

pub mod catalogue;
pub mod pull;

/// Where models go if no folder is named: `$XDG_DATA_HOME/tiebreak/models`, else
/// `~/.local/share/tiebreak/models`; `None` where the environment names neither.
pub fn folder() -> Option<PathBuf> {
    // A relative path here is to be ignored (XDG Base Directory Specification 0.8).
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("tiebreak/models"))
}
