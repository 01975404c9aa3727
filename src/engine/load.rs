//! Loads grammars and models as the configuration says; every fault is found here, at the start, never at
//! first use. `tiebreak check` calls the same functions.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::decide::handler::Handler;
use crate::decide::llm::Llm;
use crate::decide::llm::endpoint::Fallback;
use crate::decide::siri::Siri;
use crate::decide::tmall::Tmall;
use crate::facts::error::Fault;
use crate::facts::home::{EMBEDDED_HOME, Home};
use crate::facts::intent::Lang;
use crate::hear::wake::{self, Wake};
use crate::onnx::Model;
use crate::understand::addressed::Addressed;
use crate::understand::calls::Calls;
use crate::understand::classifier::{self, IntentModel};
use crate::understand::ctc::{self, AcousticModel, CtcRecognizer};
use crate::understand::stt::{Engine, Recognizer};
use crate::understand::whisper::{self, WhisperRecognizer};
use crate::understand::{Said, Understanding, embedded_grammars, load_sentences};

/// No model file of ours or of OpenAI's is larger (ggml-large-v3 has 3.1 GB).
const MODEL_BYTES_MAX: u64 = 4 << 30;

/// Grammars (the embedded ones and the user's own) and the intent classifier.
pub fn understanding(config: &Config) -> Result<Understanding, Vec<Fault>> {
    let mut sources = embedded_grammars();
    if let Some(dir) = &config.sentences {
        sources.extend(load_sentences(dir)?);
    }
    let model = match &config.models.intent {
        None => intent_model(classifier::EMBEDDED_MODEL, "embedded intent model"),
        Some(path) => read(path).and_then(|bytes| intent_model(&bytes, &path.display().to_string())),
    };
    let understanding = Understanding::new(&config.home, &sources, Some(model.map_err(|f| vec![f])?))?;
    Ok(understanding.with_listening_area(config.area.clone()))
}

/// What ships with Tiebreak, in the house that ships with it: there the shipped sentence tests hold.
pub fn shipped_understanding() -> Result<Understanding, Vec<Fault>> {
    let home = Home::parse(EMBEDDED_HOME, "embedded")?;
    let model = intent_model(classifier::EMBEDDED_MODEL, "embedded intent model").map_err(|f| vec![f])?;
    Understanding::new(&home, &embedded_grammars(), Some(model))
}

fn intent_model(bytes: &[u8], name: &str) -> Result<IntentModel, Fault> {
    IntentModel::new(Model::from_bytes(bytes, name)?, name)
}

/// The speech recogniser, made to hear what `understanding` understands.
pub fn recognizer(config: &Config, understanding: &Understanding) -> Result<Box<dyn Recognizer>, Fault> {
    let [often, seldom] = [Said::Often, Said::Seldom].map(|said| Lang::ALL.map(|l| understanding.speakable(l, said)));
    let openers: Vec<String> = Lang::ALL.iter().flat_map(|l| understanding.openers(*l)).collect();
    match config.engine {
        Engine::Ctc => Ok(Box::new(CtcRecognizer::new(acoustic(config)?, &often, &seldom, &openers, &config.phrases)?)),
        Engine::Whisper => {
            let custom = speech_file(config)?;
            let (bytes, name) =
                custom.as_ref().map_or((whisper::EMBEDDED_MODEL, "embedded Whisper model"), |(b, n)| (b, n));
            let lead_ins: Vec<String> = config.phrases.iter().map(|p| p.spoken.clone()).collect();
            let whisper = WhisperRecognizer::new(bytes, name, &often, &lead_ins, config.threads)?;
            hears_to_the_end(config, name, whisper.ms_max())?;
            if !config.listen.overhear {
                return Ok(Box::new(whisper));
            }
            let acoustic = acoustic(config)?;
            let calls = Calls::new(&config.phrases, &acoustic.sounds_of_words()?)?;
            Ok(Box::new(Addressed::new(acoustic, calls, whisper)))
        }
    }
}

/// The `ctc` engine's network; beside Whisper it finds the wake phrases, and is the embedded one.
pub fn acoustic(config: &Config) -> Result<AcousticModel, Fault> {
    let custom = if config.engine == Engine::Ctc { speech_file(config)? } else { None };
    let (bytes, name) = custom.as_ref().map_or((ctc::EMBEDDED_MODEL, "embedded speech model"), |(b, n)| (b, n));
    if bytes.starts_with(whisper::MAGIC) {
        let what = "it is a Whisper model, and stt.engine is \"ctc\"";
        return Err(Fault::new(name, "", what, "write stt.engine = \"whisper\" to hear with it"));
    }
    let model = AcousticModel::new(bytes, name)?;
    if config.engine == Engine::Ctc {
        hears_to_the_end(config, name, model.ms_max())?;
    }
    Ok(model)
}

/// Whether a model that hears `ms_max` hears the longest utterance.
fn hears_to_the_end(config: &Config, model: &str, ms_max: u64) -> Result<(), Fault> {
    let longest = config.listen.endpointer.utterance_ms_max;
    if longest <= ms_max {
        return Ok(());
    }
    let what = format!("{longest} is more than the {ms_max} ms that {model} hears");
    Err(Fault::new(config.listen.wake.file.clone(), "endpointer.utterance_ms_max", what, "correct or remove it"))
}

/// The user's own speech model and its name.
fn speech_file(config: &Config) -> Result<Option<(Vec<u8>, String)>, Fault> {
    config.models.stt.as_deref().map(|path| Ok((read(path)?, path.display().to_string()))).transpose()
}

/// The wake-word model; `None` where everything said is a command.
pub fn wake(config: &Config) -> Result<Option<Wake>, Fault> {
    if !config.wake {
        return Ok(None);
    }
    let settings = &config.listen.wake;
    let wake = match &config.models.wake {
        None => Wake::from_bytes(wake::EMBEDDED_MODEL, "embedded wake model", settings),
        Some(path) => read(path).and_then(|bytes| Wake::from_bytes(&bytes, &path.display().to_string(), settings)),
    };
    wake.map(Some)
}

/// The handlers inside the process.
pub fn handlers(config: &Config) -> Vec<Arc<dyn Handler>> {
    let (home, base) = (Arc::new(config.home.clone()), &config.mqtt.base);
    vec![Arc::new(Siri::new(Arc::clone(&home), base)), Arc::new(Tmall::new(home, base, config.naming.clone()))]
}

/// The language model to fall back on, and its thread; `None` where none is configured.
pub fn fallback(config: &Config) -> Result<Option<Fallback>, Fault> {
    config.llm.clone().map(|settings| Fallback::start(Llm::new(settings, &config.home))).transpose()
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let fault = |what: String| {
        Fault::new(path.display().to_string(), "", what, "check the path of the model in the configuration")
    };
    let size = fs::metadata(path).map_err(|e| fault(format!("it cannot be read: {e}")))?;
    if !size.is_file() || size.len() > MODEL_BYTES_MAX {
        return Err(fault("it is no file of a model's size".into()));
    }
    fs::read(path).map_err(|e| fault(format!("it cannot be read: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn no_model_hears_only_the_beginning() {
        for (engine, model, ms_max) in
            [(Engine::Ctc, "models/stt-ctc.onnx", 15_000), (Engine::Whisper, "models/stt.ggml.bin", 6400)]
        {
            let mut config = Config::load(None, &Overrides::default()).expect("defaults");
            config.engine = engine;
            config.models.stt = Some(model.into());
            config.listen.overhear = false;
            for (ms, is_valid) in [(ms_max, true), (ms_max + 1, false)] {
                config.listen.endpointer.utterance_ms_max = ms;
                let understanding = Understanding::new(&config.home, &[], None).expect("no sentences");
                let fault = recognizer(&config, &understanding).err();
                let key = fault.as_ref().map(|f| f.key.as_str());
                assert_eq!(key, (!is_valid).then_some("endpointer.utterance_ms_max"), "{model}: {fault:?}");
            }
        }
    }

    #[test]
    fn a_whisper_model_for_the_other_engine_is_known_as_one() {
        let mut config = Config::load(None, &Overrides::default()).expect("defaults");
        config.models.stt = Some("models/stt.ggml.bin".into());
        let fault = acoustic(&config).err().expect("it is no model for this engine");
        assert!(fault.file.ends_with("stt.ggml.bin") && fault.remedy.contains("stt.engine = \"whisper\""), "{fault}");
    }
}
