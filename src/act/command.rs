//! An action -> MQTT messages, in the dialect that the home file states for each thing.
//!
//! Pure: no I/O and no state. Commands have QoS 1 and are never retained: a retained command would act again after
//! every restart of the broker. The payloads are in `dialects`.

use serde_json::Value;

use super::dialects::template::{KEYS, key_of};
use super::dialects::{self, Lack};
use crate::facts::bid::{Action, Command, MediaKey, Message, Operation};
use crate::facts::error::Fault;
use crate::facts::home::{Capability, Entity, Home, Mqtt};

/// The messages that carry out `action`, one for each target; `file` names the home file in messages.
///
/// # Errors
/// Names entity and key where the home file does not say how to do it.
pub fn command(action: &Action, home: &Home, file: &str) -> Result<Command, Fault> {
    let mut messages = Vec::with_capacity(action.targets.len());
    for id in &action.targets {
        let entity = home
            .entity(&id.0)
            .ok_or_else(|| Fault::new(file, format!("entity {:?}", id.0), "it is not in the house", "add it"))?;
        messages.push(message(entity, &action.operation, file)?);
    }
    if messages.is_empty() {
        return Err(Fault::new(file, "", "the action has no target", "name a thing of the house"));
    }
    let message = messages.remove(0);
    Ok(Command { message, and: messages })
}

/// Everything in `home` that could be asked for and could not be written as a message: found by `check` and
/// at start, not when somebody stands in the dark.
pub fn faults(home: &Home, file: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for entity in home.entities.iter().filter(|e| e.mqtt.is_some()) {
        for operation in entity.can.iter().flat_map(|c| samples(*c)) {
            faults.extend(message(entity, operation, file).err());
        }
        if let Some(Mqtt::Template { payload, .. }) = &entity.mqtt {
            for key in payload.keys().filter(|k| !KEYS.contains(&k.as_str())) {
                let key = format!("entity {:?}: mqtt.payload.{key}", entity.id.0);
                let known = format!("use one of {}", KEYS.join(", "));
                faults.push(Fault::new(file, key, "there is no such key", known));
            }
        }
    }
    faults.sort_by(|a, b| a.key.cmp(&b.key));
    faults.dedup();
    faults
}

/// One of each operation that a capability allows.
fn samples(capability: Capability) -> &'static [Operation] {
    use Operation as O;
    match capability {
        Capability::OnOff | Capability::OpenClose | Capability::Lock | Capability::Vacuum => &[O::TurnOn, O::TurnOff],
        Capability::Activate => &[O::TurnOn],
        Capability::Brightness => &[O::Brightness(0.5)],
        Capability::Color => &[O::Color { hue: 120.0, saturation: 1.0 }],
        Capability::ColorTemp => &[O::ColorTemp { kelvin: 4000.0 }],
        Capability::Position => &[O::Position(0.5)],
        Capability::Temperature => &[O::Temperature(20.0)],
        Capability::Speed => &[O::Speed(0.5)],
        Capability::Volume => &[O::Volume(0.5)],
        Capability::Media => &[
            O::Media(MediaKey::Play),
            O::Media(MediaKey::Pause),
            O::Media(MediaKey::Next),
            O::Media(MediaKey::Previous),
        ],
    }
}

fn message(entity: &Entity, operation: &Operation, file: &str) -> Result<Message, Fault> {
    let fault = |key: &str, what: String, remedy: &str| {
        let colon = if key.is_empty() { "" } else { ": " };
        Fault::new(file, format!("entity {:?}{colon}{key}", entity.id.0), what, remedy)
    };
    if !is_finite(operation) {
        return Err(fault("", format!("{operation:?} is no number"), "this is a fault of the handler that bid it"));
    }
    let Some(mqtt) = &entity.mqtt else {
        let remedy = "say how: mqtt = { style = ..., topic = ... }";
        return Err(fault("mqtt", "it is not reachable over MQTT".into(), remedy));
    };
    let (topic, payload) = dialects::say(entity, mqtt, operation).map_err(|lack| match lack {
        Lack::Payload(style) => {
            let what = format!("{style} has no payload for {} of a {}", key_of(operation), entity.id.domain());
            fault("mqtt.style", what, "use style = \"template\" with your own payload")
        }
        Lack::Key(key) => {
            let remedy = "add it, or take the capability out of `can`";
            fault(&format!("mqtt.{key}"), "the key is missing".into(), remedy)
        }
    })?;
    // A step that arrives twice is two steps.
    let qos = u8::from(!matches!(operation, Operation::BrightnessStep(_)));
    Ok(Message { topic, payload, qos, retain: false })
}

/// What `message` is on the wire: JSON as such, a string as its bare text.
pub fn bytes(payload: &Value) -> Vec<u8> {
    match payload {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

fn is_finite(operation: &Operation) -> bool {
    match operation {
        Operation::Brightness(x)
        | Operation::BrightnessStep(x)
        | Operation::Position(x)
        | Operation::Temperature(x)
        | Operation::Speed(x)
        | Operation::Volume(x)
        | Operation::ColorTemp { kelvin: x } => x.is_finite(),
        Operation::Color { hue, saturation } => hue.is_finite() && saturation.is_finite(),
        Operation::TurnOn | Operation::TurnOff | Operation::Media(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::home::EMBEDDED_HOME;
    use serde_json::json;

    fn house(can: &str, domain: &str, mqtt: &str) -> Home {
        let text =
            format!("[[entity]]\nid = \"{domain}.x\"\nname = {{ en = [\"x\"] }}\ncan = [{can}]\nmqtt = {{ {mqtt} }}\n");
        Home::parse(&text, "test").expect("a valid house")
    }

    fn sent(domain: &str, mqtt: &str, operation: Operation) -> Result<Message, Fault> {
        let home = house("", domain, mqtt);
        let targets = home.entities.iter().map(|e| e.id.clone()).collect();
        let command = command(&Action { targets, operation }, &home, "home.toml")?;
        assert!(command.and.is_empty());
        Ok(command.message)
    }

    #[test]
    fn commands_are_never_retained_and_steps_never_repeated() {
        let z = "style = \"zigbee2mqtt\", topic = \"z/x\"";
        let on = Message { topic: "z/x/set".into(), payload: json!({"state": "ON"}), qos: 1, retain: false };
        assert_eq!(sent("light", z, Operation::TurnOn), Ok(on));
        let step = sent("light", z, Operation::BrightnessStep(0.1)).expect("it knows steps");
        assert_eq!((step.qos, step.retain), (0, false));
    }

    #[test]
    fn what_cannot_be_said_names_entity_key_and_remedy() {
        let template = "style = \"template\", topic = \"t\", payload = { on = \"1\" }";
        let styles = ["zigbee2mqtt", "home_assistant", "tasmota", "shelly", "esphome"];
        for style in styles {
            let mqtt = format!("style = \"{style}\", topic = \"t\"");
            let fault = sent("media_player", &mqtt, Operation::Volume(0.5)).expect_err(style);
            assert_eq!(fault.key, "entity \"media_player.x\": mqtt.style", "{style}");
            assert!(fault.what.contains("volume of a media_player") && fault.remedy.contains("template"), "{fault}");
        }
        let fault = sent("light", template, Operation::Volume(0.1)).expect_err("no key");
        assert_eq!(fault.key, "entity \"light.x\": mqtt.payload.volume");
        let mqtt = "style = \"home_assistant\", topic = \"h\"";
        let fault = sent("cover", mqtt, Operation::Position(0.5)).expect_err("nowhere to send it");
        assert_eq!(fault.key, "entity \"cover.x\": mqtt.value_topic");
        assert!(fault.remedy.contains("`can`"), "{fault}");
    }

    #[test]
    fn several_targets_are_several_messages_in_order() {
        let home = Home::parse(EMBEDDED_HOME, "embedded").expect("the shipped home parses");
        let lights = home.entities.iter().filter(|e| e.id.domain() == "light").map(|e| e.id.clone()).collect();
        let command =
            command(&Action { targets: lights, operation: Operation::TurnOff }, &home, "embedded").expect("valid");
        assert_eq!(command.message.topic, "zigbee2mqtt/living_room_ceiling/set");
        assert_eq!(command.and.len(), 4);
        assert_eq!((command.and[3].topic.as_str(), &command.and[3].payload), ("home/hallway/light", &json!("0")));
    }

    #[test]
    fn what_is_no_number_or_no_target_is_refused() {
        let z = "style = \"zigbee2mqtt\", topic = \"z/x\"";
        assert!(sent("light", z, Operation::Brightness(f64::NAN)).is_err());
        let home = house("", "light", z);
        let nobody = Action { targets: Vec::new(), operation: Operation::TurnOn };
        assert!(command(&nobody, &home, "home.toml").is_err());
        let stranger =
            Action { targets: vec![crate::facts::home::EntityId("light.y".into())], operation: Operation::TurnOn };
        assert!(command(&stranger, &home, "home.toml").expect_err("unknown").key.contains("light.y"));
    }

    #[test]
    fn check_finds_what_could_not_be_written() {
        let shipped = Home::parse(EMBEDDED_HOME, "embedded").expect("the shipped home parses");
        assert_eq!(faults(&shipped, "embedded"), []);
        let home = house(
            "\"on_off\", \"brightness\"",
            "light",
            "style = \"template\", topic = \"t\", payload = { on = \"1\", of = \"0\" }",
        );
        let keys: Vec<String> = faults(&home, "home.toml").into_iter().map(|f| f.key).collect();
        let expected = ["brightness", "of", "off"].map(|k| format!("entity \"light.x\": mqtt.payload.{k}"));
        assert_eq!(keys, expected);
    }

    #[test]
    fn check_finds_what_a_style_cannot_say() {
        for (can, domain, mqtt, key) in [
            ("\"on_off\", \"speed\"", "fan", "style = \"esphome\", topic = \"n/fan/x\"", "style"),
            ("\"on_off\", \"color\"", "light", "style = \"shelly\", topic = \"s\"", "style"),
            ("\"lock\"", "lock", "style = \"tasmota\", topic = \"s\"", "style"),
            ("\"position\"", "cover", "style = \"home_assistant\", topic = \"h\"", "value_topic"),
        ] {
            let found = faults(&house(can, domain, mqtt), "home.toml");
            let expected = format!("entity \"{domain}.x\": mqtt.{key}");
            assert!(!found.is_empty() && found.iter().all(|f| f.key == expected), "{mqtt}: {found:?}");
        }
        let lamp = "style = \"tasmota\", topic = \"lamp\"";
        let able = house("\"on_off\", \"brightness\", \"color\", \"color_temp\"", "light", lamp);
        assert_eq!(faults(&able, "home.toml"), []);
    }

    #[test]
    fn on_the_wire_a_string_is_bare() {
        assert_eq!(bytes(&json!("ON")), b"ON");
        assert_eq!(bytes(&json!({"state": "ON"})), br#"{"state":"ON"}"#);
    }
}
