//! What is wrong with something a user wrote: which file, which key, and what to do about it.

use std::fmt;

/// One fault in a file that a user wrote (configuration, home, grammar, model, sidecar).
///
/// Shown as `FILE: KEY: what is wrong; remedy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file as the user named it; `embedded` for what is compiled in.
    pub file: String,
    /// The key, `line:column`, or both; empty where the whole file is meant.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What the user can do about it.
    pub remedy: String,
}

impl Fault {
    /// A fault in `file` at `key`.
    pub fn new(
        file: impl Into<String>,
        key: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { file: file.into(), key: key.into(), what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
