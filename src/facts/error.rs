//! What is wrong with something a user wrote: which file, which key, and what to do about it.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

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

/// A TOML error as a fault, with `line:column` and the key, where they are known.
pub fn toml_fault(e: &toml::de::Error, text: &str, file: &str) -> Fault {
    let key = e.span().map_or(String::new(), |span| {
        let before = &text[..span.start.min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        // Text that is no TOML has no keys.
        let path = DeTable::parse(text).ok().and_then(|table| path_to(table.get_ref(), span.start));
        path.map_or(format!("{line}:{column}"), |path| format!("{line}:{column}: {path}"))
    });
    Fault::new(file, key, in_words(e.message()), "correct or remove it (see docs/configuration.md)")
}

/// The key of what stands at byte `at`: `mqtt.port`, `entity[2].can[0]`.
fn path_to(table: &DeTable<'_>, at: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let on_key = || key.span().contains(&at).then(String::new);
        path_within(value, at).or_else(on_key).map(|rest| format!("{}{rest}", key.get_ref()))
    })
}

/// What follows the key of `value` on the way to byte `at`; `None` if that is elsewhere.
fn path_within(value: &Spanned<DeValue<'_>>, at: usize) -> Option<String> {
    let deeper = match value.get_ref() {
        DeValue::Table(table) => path_to(table, at).map(|path| format!(".{path}")),
        DeValue::Array(list) => {
            let mut items = list.iter().enumerate();
            items.find_map(|(i, item)| path_within(item, at).map(|rest| format!("[{i}]{rest}")))
        }
        _ => None,
    };
    deeper.or_else(|| value.span().contains(&at).then(String::new))
}

/// What serde says of a value of the wrong type, without its names for types.
fn in_words(message: &str) -> String {
    let parts = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, wanted)) = parts.and_then(|parts| parts.rsplit_once(", expected ")) else {
        return message.to_owned();
    };
    let named = [("string ", "the text "), ("integer ", "the number "), ("floating point ", "the number ")];
    let named = named.into_iter().find_map(|(kind, name)| Some(format!("{name}{}", found.strip_prefix(kind)?)));
    let found = named.unwrap_or_else(|| match found {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        other => other.trim_start_matches("boolean ").to_owned(),
    });
    let wanted = match wanted {
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number from 0",
        "f32" | "f64" => "a number",
        "a string" | "path string" => "a text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list in [ ]",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    format!("{found} stands where {wanted} belongs")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::de::DeserializeOwned;

    use super::*;

    fn said<T: DeserializeOwned + fmt::Debug>(text: &str) -> String {
        toml_fault(&toml::from_str::<T>(text).expect_err(text), text, "t.toml").to_string()
    }

    #[test]
    fn a_wrong_value_is_told_with_its_key_and_without_names_of_types() {
        type Table<T> = BTreeMap<String, BTreeMap<String, T>>;
        type List<T> = BTreeMap<String, Vec<BTreeMap<String, T>>>;
        let port = said::<Table<u16>>("[mqtt]\nport = \"1883\"\n");
        let whole = "stands where a whole number from 0 to 65535 belongs";
        assert!(port.starts_with(&format!("t.toml: 2:8: mqtt.port: the text \"1883\" {whole}; ")), "{port}");
        let list = said::<List<bool>>("[[entity]]\na = true\n[[entity]]\nb = 3\n");
        assert!(list.starts_with("t.toml: 4:5: entity[1].b: the number `3` stands where true or false"), "{list}");
        let inline = said::<Table<Vec<String>>>("a = { b = [\"c\", true] }");
        assert!(inline.starts_with("t.toml: 1:17: a.b[1]: `true` stands where a text in quotes"), "{inline}");
        let broken = said::<Table<u16>>("[mqtt]\nport = \n");
        assert!(broken.starts_with("t.toml: 2:"), "{broken}");
    }
}
