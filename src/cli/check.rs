//! `check` and `devices`: what is there, and what is wrong with it.

use crate::act::command;
use crate::act::mqtt::Broker;
use crate::act::probe::reachable;
use crate::config::Config;
use crate::decide::llm::{self, Llm, endpoint};
use crate::decide::{siri, tmall};
use crate::engine::load;
use crate::facts::error::Fault;
use crate::hear::mic;
use crate::hear::wake::Wake;

use super::{Exit, house, print};

/// Tries everything that `run` would need and prints each fault with file, key and remedy. What is only odd is
/// noted, and not counted as wrong.
pub fn check(config: &Config) -> Exit {
    let mut faults = Vec::new();
    let mut part = |name: &str, result: Result<String, Vec<Fault>>| match result {
        Ok(what) => {
            print(&format!("ok    {name}: {what}"));
        }
        Err(mut list) => {
            print(&format!("WRONG {name}"));
            faults.append(&mut list);
        }
    };
    part("configuration", Ok("valid".into()));
    let home = &config.home;
    part(
        "home",
        match [command::faults(home, &config.home_file), odd_names(config), unknown_names(config)].concat() {
            list if list.is_empty() => {
                Ok(format!("{} with {} areas and {} entities", config.home_file, home.areas.len(), home.entities.len()))
            }
            list => Err(list),
        },
    );
    match load::understanding(config) {
        Ok(understanding) => {
            part("grammars and intent model", Ok("compiled".into()));
            let speech =
                load::recognizer(config, &understanding).map(|_| format!("{:?} engine", config.engine).to_lowercase());
            part("speech model", speech.map_err(|f| vec![f]));
        }
        Err(list) => part("grammars and intent model", Err(list)),
    }
    let wake = load::wake(config).map(|w| w.map_or("switched off".to_owned(), |w| wake_words(&w, config)));
    part("wake words", wake.map_err(|f| vec![f]));
    part(
        "broker",
        match &config.mqtt.broker {
            Broker::Embedded { .. } => Ok("embedded, started with `run`".into()),
            Broker::External { host, port, .. } => {
                reachable(&config.mqtt).map(|()| format!("{host}:{port} answers")).map_err(|f| vec![f])
            }
        },
    );
    if let Some(settings) = &config.llm {
        let llm = Llm::new(settings.clone(), &config.home);
        part("language model", endpoint::check(&llm).map_err(|f| vec![f]));
    }
    let device = config.device.as_deref();
    let opened = mic::Capture::open(device).map(|capture| capture.name().to_owned());
    part("capture device", capture_device(device, opened));
    let notes = house::notes(home, &config.home_file, !config.remotes.is_empty());
    for note in config.left_out.iter().chain(&notes) {
        print(&format!("note  {note}"));
    }
    for fault in &faults {
        print(&fault.to_string());
    }
    if faults.is_empty() { Exit::Ok } else { Exit::Failed }
}

/// The wake-word model's words, and those that only the speech recogniser hears.
fn wake_words(wake: &Wake, config: &Config) -> String {
    let mut words: Vec<&str> = wake.words().collect();
    for phrase in config.phrases.iter().filter(|_| config.listen.overhear) {
        if !words.contains(&phrase.word.as_str()) {
            words.push(&phrase.word);
        }
    }
    words.join(", ")
}

fn odd_names(config: &Config) -> Vec<Fault> {
    let inside = [siri::NAME, tmall::NAME, llm::NAME];
    let handlers: Vec<&str> = inside.into_iter().chain(config.remotes.iter().map(|h| h.name.as_str())).collect();
    house::faults(&config.home, &config.home_file, &handlers)
}

fn unknown_names(config: &Config) -> Vec<Fault> {
    config.naming.as_ref().map_or(Vec::new(), |n| n.faults(&config.home, &config.home_file, tmall::NAME))
}

/// What came of opening the device `wanted`. Where none is configured the configuration is right without any:
/// recordings and typed sentences need none.
fn capture_device(wanted: Option<&str>, opened: Result<String, Fault>) -> Result<String, Vec<Fault>> {
    match (wanted, opened) {
        (_, Ok(name)) => Ok(name),
        (None, Err(fault)) => Ok(format!("none; `run` needs one ({})", fault.what)),
        (Some(_), Err(fault)) => Err(vec![fault]),
    }
}

/// One capture device a line; none is no error (a hub may only get sentences over MQTT).
pub fn devices() -> Exit {
    match mic::devices() {
        Ok(list) if list.is_empty() => print("no capture device: plug in a microphone, and see docs/microphone.md"),
        Ok(list) => {
            let lines: Vec<String> = list.iter().map(|d| format!("{}  ({})", d.id, d.description)).collect();
            print(&lines.join("\n"))
        }
        Err(fault) => super::report(&[fault]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_device_that_is_configured_must_open() {
        let fault = || Err(Fault::new("microphone", "default", "it is busy", "close other programs"));
        assert!(capture_device(None, fault()).is_ok_and(|what| what.contains("`run` needs one (it is busy)")));
        assert_eq!(capture_device(Some("hw:1"), fault()).map_err(|list| list.len()), Err(1));
        assert_eq!(capture_device(None, Ok("hw:0".into())), Ok("hw:0".into()));
    }
}
