//! What each kind of thing understands: an operation on it -> a topic and what is sent there.
//!
//! Pure. Canonical units become a device's own only here, one file for each style of the home file, and each keeps
//! to the documentation it names: what is not told there is left out, and `check` says so.

pub mod esphome;
pub mod home_assistant;
pub mod shelly;
pub mod tasmota;
pub mod template;
pub mod zigbee2mqtt;

use serde_json::{Value, json};

use crate::facts::bid::Operation;
use crate::facts::home::{Entity, Mqtt};

/// Where to, and what: JSON is published as such, a string as its bare text.
pub type Said = (String, Value);

/// Why an operation cannot be said to a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The style has no payload for it; the style's name.
    Payload(&'static str),
    /// This key of the `mqtt` table would be needed.
    Key(String),
}

/// `operation`, which is finite, in the words of `entity`, which is reached by `mqtt`.
///
/// # Errors
/// The style has no words for it, or the home file does not say enough.
pub fn say(entity: &Entity, mqtt: &Mqtt, operation: &Operation) -> Result<Said, Lack> {
    let (style, said) = match mqtt {
        Mqtt::Zigbee2mqtt { topic } => {
            ("Zigbee2MQTT", zigbee2mqtt::payload(entity, operation).map(|payload| (format!("{topic}/set"), payload)))
        }
        Mqtt::HomeAssistant { topic, value_topic } => {
            if let Some(value) = home_assistant::value(entity, operation) {
                let topic = value_topic.as_ref().ok_or_else(|| Lack::Key("value_topic".into()))?;
                return Ok((topic.clone(), value));
            }
            ("Home Assistant", home_assistant::payload(entity, operation).map(|payload| (topic.clone(), payload)))
        }
        Mqtt::Tasmota { topic, output } => ("Tasmota", tasmota::said(topic, *output, entity, operation)),
        Mqtt::Shelly { topic, id } => {
            ("Shelly", shelly::call(*id, entity, operation).map(|call| (format!("{topic}/rpc"), call)))
        }
        Mqtt::Esphome { topic } => ("ESPHome", esphome::said(topic, entity, operation)),
        Mqtt::Template { topic, payload } => {
            let filled = template::payload(payload, operation);
            let missing = || Lack::Key(format!("payload.{}", template::key_of(operation)));
            return filled.map(|payload| (topic.clone(), payload)).ok_or_else(missing);
        }
    };
    said.ok_or(Lack::Payload(style))
}

/// Whether a bare relay can be what turns such a thing on and off.
fn is_switched(domain: &str) -> bool {
    matches!(domain, "light" | "switch" | "fan" | "valve" | "siren" | "humidifier")
}

fn share(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
}

/// A share as whole percent.
fn percent(x: f64) -> Value {
    whole(share(x) * 100.0)
}

/// A light level on a scale from 0 to `full`: what is asked for as more than nothing must shine.
fn level(x: f64, full: f64) -> Value {
    whole((share(x) * full).max(1.0))
}

/// A colour temperature in mireds, millionths of a reciprocal kelvin.
fn mireds(kelvin: f64) -> f64 {
    1e6 / kelvin.max(1.0)
}

/// Rounded to a whole number, and written without ".0".
fn whole(x: f64) -> Value {
    // `as` saturates, and every caller has bounded its value to a few thousands.
    json!(x.round() as i64)
}

/// Rounded to a tenth; whole degrees are written as whole numbers.
fn tenth(x: f64) -> Value {
    let x = (x * 10.0).round() / 10.0;
    if x.fract() == 0.0 { whole(x) } else { json!(x) }
}

/// What is said to `<domain>.x`, which can `can` and is reached by `mqtt`, both as in the home file.
#[cfg(test)]
fn said(domain: &str, can: &str, mqtt: &str, operation: &Operation) -> Result<Said, Lack> {
    let text =
        format!("[[entity]]\nid = \"{domain}.x\"\nname = {{ en = [\"x\"] }}\ncan = [{can}]\nmqtt = {{ {mqtt} }}\n");
    let home = crate::facts::home::Home::parse(&text, "test").expect("a valid house");
    let entity = &home.entities[0];
    say(entity, entity.mqtt.as_ref().expect("reachable"), operation)
}

/// Checks that `mqtt` has no payload for any of these.
#[cfg(test)]
fn assert_unsaid(mqtt: &str, style: &'static str, unsaid: &[(&str, Operation)]) {
    for (domain, operation) in unsaid {
        assert_eq!(said(domain, "", mqtt, operation), Err(Lack::Payload(style)), "{domain} {operation:?}");
    }
}
