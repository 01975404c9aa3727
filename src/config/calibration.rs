//! The file that `tiebreak calibrate --write` writes and `arbiter.calibration` names -> factors of the rules.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Faults, read_text};
use crate::calibrate::{CalibrationFile, FACTOR_MAX};
use crate::facts::error::{Fault, toml_fault};
use crate::facts::intent::Lang;

/// Factors by handler and language.
///
/// # Errors
/// The file cannot be read, or is not what `tiebreak calibrate` writes.
pub(super) fn read(path: &Path) -> Result<BTreeMap<(String, Lang), f32>, Vec<Fault>> {
    let name = path.display().to_string();
    let text = read_text(path)?;
    let file: CalibrationFile = toml::from_str(&text).map_err(|e| vec![toml_fault(&e, &text, &name)])?;
    let mut faults = Faults { file: &name, list: Vec::new() };
    let mut factors = BTreeMap::new();
    for (i, entry) in file.calibration.into_iter().enumerate() {
        faults.between(&format!("calibration[{i}].factor"), entry.factor, 0.0, FACTOR_MAX);
        if factors.insert((entry.handler, entry.lang), entry.factor as f32).is_some() {
            faults.add(&format!("calibration[{i}]"), "this handler and language is there twice", "remove one of them");
        }
    }
    if faults.list.is_empty() { Ok(factors) } else { Err(faults.list) }
}
