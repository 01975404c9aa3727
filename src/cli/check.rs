//! `check` and `devices`: what is there, and what is wrong with it.

use crate::act::command;
use crate::act::mqtt::Broker;
use crate::act::probe::reachable;
use crate::config::Config;
use crate::decide::llm::{Llm, endpoint};
use crate::decide::tmall;
use crate::engine::load;
use crate::facts::error::Fault;
use crate::hear::mic;

use super::Exit;

/// Tries everything that `run` would need and prints each fault with file, key and remedy.
pub fn check(config: &Config) -> Exit {
    let mut faults = Vec::new();
    let mut part = |name: &str, result: Result<String, Vec<Fault>>| match result {
        Ok(what) => println!("ok    {name}: {what}"),
        Err(mut list) => {
            println!("WRONG {name}");
            faults.append(&mut list);
        }
    };
    part("configuration", Ok("valid".into()));
    let home = &config.home;
    part(
        "home",
        match [command::faults(home, &config.home_file), unknown_names(config)].concat() {
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
    let wake =
        load::wake(config).map(|w| w.map_or("switched off".to_owned(), |w| w.words().collect::<Vec<_>>().join(", ")));
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
    part("capture device", capture_device(config.device.as_deref()));
    for fault in &faults {
        println!("{fault}");
    }
    if faults.is_empty() { Exit::Ok } else { Exit::Failed }
}

fn unknown_names(config: &Config) -> Vec<Fault> {
    config.naming.as_ref().map_or(Vec::new(), |n| n.faults(&config.home, &config.home_file, tmall::NAME))
}

/// Opens the device for a moment. Without any device the configuration is still right: recordings and sentences
/// over MQTT need none.
fn capture_device(name: Option<&str>) -> Result<String, Vec<Fault>> {
    let none = name.is_none() && mic::devices().is_ok_and(|list| list.is_empty());
    if none {
        return Ok("none; `run` needs one".into());
    }
    mic::Capture::open(name).map(|capture| capture.name().to_owned()).map_err(|f| vec![f])
}

/// One capture device a line; none is no error (a hub may only get sentences over MQTT).
pub fn devices() -> Exit {
    match mic::devices() {
        Ok(list) if list.is_empty() => {
            println!("no capture device: plug in a microphone, and see docs/microphone.md");
            Exit::Ok
        }
        Ok(list) => {
            for device in list {
                println!("{}  ({})", device.id, device.description);
            }
            Exit::Ok
        }
        Err(fault) => super::report(&[fault]),
    }
}
