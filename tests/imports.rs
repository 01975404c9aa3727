//! The import direction of docs/architecture.md: imports go down only, and a foreign crate with side effects is named
//! by one file alone. Reads the sources as text; a rule that nobody checks is soon no rule.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Layers from the ground up. A file may import its own layer's folder and those below; folders in the same
/// row never import each other.
const LAYERS: &[&[&str]] = &[
    &["facts"],
    &["http", "text"],
    &["receipt", "onnx", "models"],
    &["hear", "understand", "decide", "calibrate"],
    &["act"],
    &["config", "simulate"],
    &["engine"],
    &["cli"],
];

/// Foreign crates and the one place that may name them.
const FENCES: &[(&str, &str)] = &[
    ("ort", "src/onnx.rs"),
    ("ort_tract", "src/onnx.rs"),
    ("cpal", "src/hear/mic.rs"),
    ("rtrb", "src/hear/mic.rs"),
    ("symphonia", "src/hear/wav.rs"),
    ("rubato", "src/hear/resample.rs"),
    ("earshot", "src/hear/vad.rs"),
    ("whisper_rs", "src/understand/whisper.rs"),
    ("rumqttc", "src/act/mqtt.rs"),
    ("rumqttd", "src/act/broker.rs"),
    ("ureq", "src/http.rs"),
    ("embedded_graphics", "src/calibrate/plot.rs"),
    ("png", "src/calibrate/plot.rs"),
    ("sha2", "src/models/pull.rs"),
];

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Every source file with its text, comments taken out.
fn code() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 20, "found only {} source files", files.len());
    files
        .into_iter()
        .map(|f| {
            let text = fs::read_to_string(&f).expect("source is UTF-8");
            let name = f.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            let code = text.lines().map(|l| l.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
            (name, code)
        })
        .collect()
}

fn layer_of(module: &str) -> Option<(usize, &'static str)> {
    LAYERS.iter().enumerate().find_map(|(i, row)| row.iter().find(|m| **m == module).map(|m| (i, *m)))
}

#[test]
fn imports_go_down_only() {
    let mut wrong = Vec::new();
    for (file, text) in code() {
        let module = file["src/".len()..].split('/').next().expect("a name").trim_end_matches(".rs").to_owned();
        let Some((own_layer, own)) = layer_of(&module) else {
            assert!(
                ["lib", "main"].contains(&module.as_str()),
                "{file}: module {module} has no layer: add it to LAYERS"
            );
            continue;
        };
        for (i, _) in text.match_indices("crate::") {
            let target: String = text[i + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if let Some((layer, name)) = layer_of(&target)
                && name != own
                && layer >= own_layer
            {
                wrong.push(format!("{file} imports {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports must go down:\n{}", wrong.join("\n"));
}

#[test]
fn foreign_crates_stay_behind_their_fence() {
    let mut wrong = Vec::new();
    for (file, text) in code() {
        for (name, home) in FENCES {
            // A file may be split into a folder of the same name.
            let inside = file == *home || file.starts_with(&format!("{}/", home.trim_end_matches(".rs")));
            let named = text
                .match_indices(&format!("{name}::"))
                .any(|(i, _)| !text[..i].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            if named && !inside {
                wrong.push(format!("{file} names {name}, which belongs to {home}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn facts_do_no_input_output() {
    for (file, text) in code().into_iter().filter(|(f, _)| f.starts_with("src/facts/")) {
        for banned in ["std::fs", "std::net", "std::thread", "Instant::now", "SystemTime::now", "tracing::", "println!"]
        {
            assert!(!text.contains(banned), "{file} uses {banned}: facts are plain data");
        }
    }
}

#[test]
fn files_stay_readable() {
    for (file, text) in code() {
        let lines = text.lines().count();
        assert!(lines <= 450, "{file} has {lines} lines: split it by meaning");
    }
}
