//! The configuration in two steps: [`Raw`] is exactly what the user typed (unknown keys refused), [`Config`] is
//! what it means, validated, with every fault named by file, key and remedy. docs/configuration.md lists all keys.

mod arbiter;
mod calibration;
mod handlers;
mod llm;
mod mqtt;
mod wake;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use self::wake::ENROLLED_DIR;
use self::wake::RawWake;

use crate::act::journal::JournalSettings;
use crate::act::mqtt::MqttSettings;
use crate::decide::llm::{LlmSettings, NAME};
use crate::decide::naming::Naming;
use crate::decide::remote::RemoteHandler;
use crate::decide::rules::Rules;
use crate::decide::{siri, tmall};
use crate::facts::error::{Fault, toml_fault};
use crate::facts::home::{EMBEDDED_HOME, Home};
use crate::hear::listener::ListenSettings;
use crate::hear::wake::WakeSettings;
use crate::text;
use crate::understand::calls::WakePhrase;
use crate::understand::stt::Engine;

/// A pause after which a command that is complete beyond doubt is carried out, in ms. Pauses inside a sentence
/// that is spoken in one go are mostly shorter than 200 ms.
const DRAFT_MS: u64 = 240;

/// Looked for in the working directory when no file is named.
pub const DEFAULT_FILE: &str = "tiebreak.toml";

/// Everything a run needs, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// The house.
    pub home: Home,
    /// Where it came from; `embedded` for the one that ships.
    pub home_file: String,
    /// A folder of the user's own sentences.
    pub sentences: Option<PathBuf>,
    /// Capture device; `None`: the system's default.
    pub device: Option<String>,
    /// The room in which the microphone stands.
    pub area: Option<String>,
    /// Listening.
    pub listen: ListenSettings,
    /// Whether a wake word is needed; otherwise everything said is a command.
    pub wake: bool,
    /// Wake words as they are spoken: a sentence may begin with them.
    pub phrases: Vec<WakePhrase>,
    /// Wake words of the user's own that `wake.words` leaves out: for `check` to note.
    pub left_out: Vec<Fault>,
    /// Models: a path, or `None` for the embedded one.
    pub models: Models,
    /// Speech recognition.
    pub engine: Engine,
    /// Threads for a model, at least 1.
    pub threads: usize,
    /// The arbiter.
    pub rules: Rules,
    /// Handlers outside the process.
    pub remotes: Vec<RemoteHandler>,
    /// The language model to fall back on; `None`: there is none.
    pub llm: Option<LlmSettings>,
    /// The names that a Tmall Genie knows; `None`: whatever the home file calls things.
    pub naming: Option<Naming>,
    /// Whether handlers outside the process may read what was said, and not only what it may mean.
    pub share_transcript: bool,
    /// Receipts on disk; `None`: none are kept.
    pub journal: Option<JournalSettings>,
    /// The broker.
    pub mqtt: MqttSettings,
}

/// Files of models; `None`: the embedded one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Models {
    /// Speech.
    pub stt: Option<PathBuf>,
    /// Wake words.
    pub wake: Option<PathBuf>,
    /// Intents.
    pub intent: Option<PathBuf>,
}

/// What the command line puts over the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--home`.
    pub home: Option<PathBuf>,
    /// `--sentences`.
    pub sentences: Option<PathBuf>,
    /// `--device`.
    pub device: Option<String>,
    /// `--no-wake`.
    pub no_wake: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    home: Option<PathBuf>,
    sentences: Option<PathBuf>,
    audio: RawAudio,
    wake: RawWake,
    endpointer: RawEndpointer,
    stt: RawStt,
    intent: RawIntent,
    arbiter: arbiter::Raw,
    handler: Vec<handlers::Raw>,
    llm: Option<llm::Raw>,
    receipts: RawReceipts,
    mqtt: mqtt::Raw,
    tmall: RawTmall,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawAudio {
    device: Option<String>,
    area: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawEndpointer {
    silence_ms_min: Option<u64>,
    draft_ms: Option<u64>,
    utterance_ms_max: Option<u64>,
    wait_ms_max: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawStt {
    engine: Option<String>,
    model: Option<PathBuf>,
    threads: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawIntent {
    model: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawReceipts {
    dir: Option<PathBuf>,
    keep_days: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTmall {
    placelist: Option<PathBuf>,
    aliaslist: Option<PathBuf>,
}

impl Config {
    /// Reads `file` (or tiebreak.toml, if there is one, or nothing but defaults) and puts `overrides` over it.
    ///
    /// # Errors
    /// Every fault found, in the configuration and in the home file.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, Vec<Fault>> {
        let default = Path::new(DEFAULT_FILE);
        let (raw, name) = match file.or_else(|| default.exists().then_some(default)) {
            None => (Raw::default(), "embedded defaults".to_owned()),
            Some(path) => {
                let name = path.display().to_string();
                let text = read_text(path)?;
                (toml::from_str(&text).map_err(|e| vec![toml_fault(&e, &text, &name)])?, name)
            }
        };
        Self::validate(raw, &name, file.and_then(Path::parent), overrides)
    }

    /// `folder`: where the configuration lies; relative paths in it start there.
    fn validate(raw: Raw, file: &str, folder: Option<&Path>, over: &Overrides) -> Result<Self, Vec<Fault>> {
        let beside = |p: PathBuf| folder.map_or(p.clone(), |f| f.join(&p));
        let mut faults = Faults { file, list: Vec::new() };
        let home_path = over.home.clone().or_else(|| raw.home.map(beside));
        let home_file = home_path.as_ref().map_or("embedded".to_owned(), |p| p.display().to_string());
        let home = match &home_path {
            None => Home::parse(EMBEDDED_HOME, &home_file),
            Some(path) => read_text(path).and_then(|text| Home::parse(&text, &home_file)),
        };
        let is_read = home.is_ok();
        let home = home.unwrap_or_else(|mut more| {
            faults.list.append(&mut more);
            Home::default()
        });
        if let Some(area) = raw.audio.area.as_deref().filter(|area| is_read && home.area(area).is_none()) {
            let what = format!("there is no room {area:?} in the house");
            faults.add("audio.area", &what, "write the id of a room of the home file");
        }
        let mut listen = ListenSettings::default();
        let e = &raw.endpointer;
        let set = |target: &mut u64, value: Option<u64>| *target = value.unwrap_or(*target);
        set(&mut listen.endpointer.silence_ms_min, e.silence_ms_min);
        set(&mut listen.endpointer.utterance_ms_max, e.utterance_ms_max);
        set(&mut listen.endpointer.wait_ms_max, e.wait_ms_max);
        faults.between("endpointer.silence_ms_min", listen.endpointer.silence_ms_min as f64, 100.0, 3000.0);
        faults.between("endpointer.wait_ms_max", listen.endpointer.wait_ms_max as f64, 500.0, 30_000.0);
        for (word, &threshold) in &raw.wake.thresholds {
            faults.between(&format!("wake.thresholds.{word}"), f64::from(threshold), 0.0, 1.0);
        }
        let mut spoken = wake::spoken(raw.wake.phrases.clone(), file);
        wake::enrolled(&folder.unwrap_or(Path::new("")).join(ENROLLED_DIR), &mut spoken, &mut faults);
        let also = spoken.iter().filter(|(_, (said, _))| !said.is_empty()).map(|(w, _)| w.clone()).collect();
        let left_out = wake::left_out(&spoken, &raw.wake, file);
        let phrases = wake::phrases(spoken, &raw.wake, &mut faults);
        let engine = match raw.stt.engine.as_deref() {
            None => Engine::default(),
            Some("ctc") => Engine::Ctc,
            Some("whisper") => Engine::Whisper,
            Some(other) => faults.unknown("stt.engine", other, "write \"ctc\" or \"whisper\""),
        };
        let heard_ms_max = if raw.stt.model.is_some() { 30_000.0 } else { engine.embedded_ms_max() as f64 };
        faults.between("endpointer.utterance_ms_max", listen.endpointer.utterance_ms_max as f64, 1000.0, heard_ms_max);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = raw.stt.threads.unwrap_or(cores.min(4));
        faults.between("stt.threads", threads as f64, 1.0, 64.0);
        let mut inside = vec![siri::NAME, tmall::NAME];
        inside.extend(raw.llm.is_some().then_some(NAME));
        let remotes = handlers::remotes(raw.handler, &inside, &mut faults);
        let calibration = raw.arbiter.calibration.clone().map(beside);
        let owned = raw.wake.handlers.keys().cloned().collect();
        let mut rules = arbiter::rules(raw.arbiter, raw.wake.handlers, &mut faults);
        if let Some(path) = calibration {
            rules.calibration = calibration::read(&path).unwrap_or_else(|mut more| {
                faults.list.append(&mut more);
                BTreeMap::new()
            });
        }
        let llm = raw.llm.map(|raw| llm::llm(raw, &home, rules.award_min(), beside, &mut faults));
        let names: Vec<&str> = inside.into_iter().chain(remotes.iter().map(|h| h.name.as_str())).collect();
        arbiter::check_names(&rules, &home, &names, &mut faults);
        let keep_days = raw.receipts.keep_days.unwrap_or(30);
        faults.between("receipts.keep_days", f64::from(keep_days), 1.0, 36_500.0);
        if raw.receipts.dir.as_deref().is_some_and(|dir| dir.as_os_str().is_empty()) {
            faults.add("receipts.dir", "it is empty", "name a folder, or remove it to keep no receipts");
        }
        let journal = raw.receipts.dir.map(|dir| JournalSettings { dir: beside(dir), keep_days });
        let share_transcript = raw.mqtt.share_transcript;
        let mqtt = mqtt::mqtt(raw.mqtt, &home, &mut faults);
        let [placelist, aliaslist] = [raw.tmall.placelist, raw.tmall.aliaslist].map(|list| list.map(beside));
        let naming = (placelist.is_some() || aliaslist.is_some())
            .then(|| Naming::read(placelist.as_deref(), aliaslist.as_deref()))
            .transpose()
            .unwrap_or_else(|mut more| {
                faults.list.append(&mut more);
                None
            });
        let wake = raw.wake.enabled && !over.no_wake;
        listen.overhear = wake && !phrases.is_empty();
        // Whisper is too slow to try every pause.
        listen.endpointer.draft_ms = (engine == Engine::Ctc).then_some(e.draft_ms.unwrap_or(DRAFT_MS));
        faults.between("endpointer.draft_ms", e.draft_ms.unwrap_or(DRAFT_MS) as f64, 100.0, 3000.0);
        let (words, thresholds) = (raw.wake.words, raw.wake.thresholds);
        listen.wake = WakeSettings { words, thresholds, owned, also, file: file.to_owned() };
        if !faults.list.is_empty() {
            return Err(faults.list);
        }
        Ok(Self {
            home,
            home_file,
            sentences: over.sentences.clone().or_else(|| raw.sentences.map(beside)),
            device: over.device.clone().or(raw.audio.device),
            area: raw.audio.area,
            listen,
            wake,
            phrases,
            left_out,
            models: Models {
                stt: raw.stt.model.map(beside),
                wake: raw.wake.model.map(beside),
                intent: raw.intent.model.map(beside),
            },
            engine,
            threads,
            rules,
            remotes,
            llm,
            naming,
            share_transcript,
            journal,
            mqtt,
        })
    }
}

fn read_text(path: &Path) -> Result<String, Vec<Fault>> {
    text::read(path).map_err(|e| {
        let remedy = "check the path; the file must be UTF-8 text";
        vec![Fault::new(path.display().to_string(), "", format!("it cannot be read: {e}"), remedy)]
    })
}

struct Faults<'a> {
    file: &'a str,
    list: Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, key: &str, what: &str, remedy: &str) {
        self.list.push(Fault::new(self.file, key, what, remedy));
    }

    fn unknown<T: Default>(&mut self, key: &str, value: &str, remedy: &str) -> T {
        self.add(key, &format!("{value:?} is not known"), remedy);
        T::default()
    }

    fn between(&mut self, key: &str, value: f64, min: f64, max: f64) {
        if !(min..=max).contains(&value) {
            self.add(key, &format!("{value} is not between {min} and {max}"), "correct or remove it");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::act::mqtt::Broker;

    fn load(text: &str) -> Result<Config, Vec<Fault>> {
        let raw: Raw = toml::from_str(text).map_err(|e| vec![toml_fault(&e, text, "t.toml")])?;
        Config::validate(raw, "t.toml", None, &Overrides::default())
    }

    #[test]
    fn nothing_written_means_the_embedded_defaults() {
        let config = load("").expect("defaults are valid");
        assert!(matches!(config.mqtt.broker, Broker::Embedded { .. }));
        assert!(config.wake && config.models == Models::default());
    }

    #[test]
    fn a_house_without_rooms_has_no_room_for_the_microphone() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = dir.path().join("home.toml");
        fs::write(&home, "").expect("writable");
        let raw: Raw = toml::from_str("[audio]\narea = \"kitchen\"").expect("TOML");
        let over = Overrides { home: Some(home), ..Overrides::default() };
        let faults = Config::validate(raw, "t.toml", None, &over).expect_err("no such room");
        assert_eq!(faults.iter().map(|f| f.key.as_str()).collect::<Vec<_>>(), ["audio.area"]);
    }

    #[test]
    fn handlers_outside_are_registered() {
        let text = "[[handler]]\nname = \"far\"\nlanguages = [\"zh-CN\"]\nconfidence_max = 0.8\nacts = \"command\"";
        let config = load(text).expect("valid");
        let far = &config.remotes[0];
        assert_eq!(
            (far.name.as_str(), far.confidence_max, far.acts),
            ("far", 0.8, crate::decide::remote::Acts::Command)
        );
        assert_eq!(far.languages, [crate::facts::intent::Lang::Zh]);
        assert!(load(&format!("{text}\n[arbiter]\npriority = [\"far\"]\n[wake.handlers]\nhey = \"far\"")).is_ok());
        let twice = load(&format!("{text}\n{text}")).expect_err("twice the same name");
        assert_eq!(twice[0].key, "handler[1].name");
    }

    #[test]
    fn each_fault_names_file_key_and_remedy() {
        for (text, key) in [
            ("colour = 1", "1:1: colour"),
            ("[mqtt]\nport = \"1883\"", "2:8: mqtt.port"),
            ("[audio]\narea = \"cellar\"", "audio.area"),
            ("[arbiter]\npriority = [\"siri\", \"sirii\"]", "arbiter.priority"),
            ("[arbiter]\npriority = [\"llm\"]", "arbiter.priority"),
            ("[wake.handlers]\nhey_siri = \"sirii\"", "wake.handlers.hey_siri"),
            ("[arbiter]\npolicy = \"loudest\"", "arbiter.policy"),
            ("[arbiter]\nwindow_ms = 0", "arbiter.window_ms"),
            ("[arbiter]\nmargin = nan", "arbiter.margin"),
            ("[stt]\nengine = \"magic\"", "stt.engine"),
            ("[stt]\nthreads = 0", "stt.threads"),
            ("[mqtt]\nbroker = \"external\"", "mqtt.host"),
            ("[mqtt]\nbase = \"a/#\"", "mqtt.base"),
            ("[mqtt]\nhost = \"h\"\npassword = \"p\"", "mqtt.password"),
            ("[wake.thresholds]\nhey_siri = 2.0", "wake.thresholds.hey_siri"),
            ("home = \"no/such/home.toml\"", ""),
            ("[arbiter.pins]\nlight = \"nobody\"", "arbiter.pins.light"),
            ("[arbiter.pins]\nspaceship = \"siri\"", "arbiter.pins.spaceship"),
            ("[arbiter.risk]\n\"lock.nowhere\" = \"high\"", "arbiter.risk.lock.nowhere"),
            ("[arbiter.reserve]\nhigh = { award = 0.9, ask = 0.95 }", "arbiter.reserve.high.ask"),
            ("[arbiter.reserve]\nhigh = { award = 1.9, ask = 0.5 }", "arbiter.reserve.high.award"),
            ("[arbiter.cost]\nlow = -1.0", "arbiter.cost.low"),
            ("[receipts]\nkeep_days = 0", "receipts.keep_days"),
            ("[receipts]\ndir = \"\"", "receipts.dir"),
            ("[[handler]]\nname = \"a/b\"\nacts = \"itself\"", "handler[0].name"),
            ("[[handler]]\nname = \"siri\"\nacts = \"itself\"", "handler[0].name"),
            ("[[handler]]\nname = \"far\"", "handler[0].acts"),
            ("[[handler]]\nname = \"far\"\nacts = \"both\"", "handler[0].acts"),
            ("[[handler]]\nname = \"far\"\nacts = \"itself\"\nlanguages = []", "handler[0].languages"),
            ("[[handler]]\nname = \"far\"\nacts = \"itself\"\nlanguages = [\"tlh\"]", "handler[0].languages"),
            ("[[handler]]\nname = \"far\"\nacts = \"itself\"\nconfidence_max = nan", "handler[0].confidence_max"),
            ("[[handler]]\nacts = \"itself\"", "1:1: handler[0]"),
            ("[arbiter]\ncalibration = \"no/such/file.toml\"", ""),
            ("[llm]\nmodel = \"m\"", "1:1: llm"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\ncolour = 1", "4:1: llm.colour"),
            ("[llm]\nurl = \"ftp://h/v1\"\nmodel = \"m\"", "llm.url"),
            ("[llm]\nurl = \"http://user:key@h/v1\"\nmodel = \"m\"", "llm.url"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \" \"", "llm.model"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\nkey_env = \"NO_SUCH_VARIABLE_HERE\"", "llm.key_env"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\nkey_file = \"no/such/key\"", "llm.key_file"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\nkey_env = \"A\"\nkey_file = \"b\"", "llm.key_file"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\nconfidence = 0.3", "llm.confidence"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\nconfidence = nan", "llm.confidence"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\ntokens_per_minute = 60", "llm.tokens_per_minute"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\nanswer_tokens_max = 1", "llm.answer_tokens_max"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\ntimeout_ms = 1", "llm.timeout_ms"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\nlanguages = [\"tlh\"]", "llm.languages"),
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"\n[llm.extra]\nmessages = []", "llm.extra.messages"),
            // The embedded house lets no language model in.
            ("[llm]\nurl = \"http://h/v1\"\nmodel = \"m\"", "llm"),
            ("[arbiter.pins]\nlight = \"llm\"", "arbiter.pins.light"),
            ("[tmall]\nplacelist = \"no/such/list.json\"", ""),
        ] {
            let faults = load(text).expect_err(text);
            assert!(
                faults.iter().any(|f| f.key == key && !f.remedy.is_empty() && !f.file.is_empty()),
                "{text}: {faults:?}"
            );
        }
    }
}
