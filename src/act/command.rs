//! An action -> MQTT messages, in the dialect that the home file states for each thing.
//!
//! Pure: no I/O and no state. Canonical units become a device's own only here. Commands have QoS 1 and are
//! never retained: a retained command would act again after every restart of the broker.

use std::collections::BTreeMap;

use serde_json::{Value, json};

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
            for key in payload.keys().filter(|k| !TEMPLATE_KEYS.contains(&k.as_str())) {
                let key = format!("entity {:?}: mqtt.payload.{key}", entity.id.0);
                let known = format!("use one of {}", TEMPLATE_KEYS.join(", "));
                faults.push(Fault::new(file, key, "there is no such key", known));
            }
        }
    }
    faults.sort_by(|a, b| a.key.cmp(&b.key));
    faults.dedup();
    faults
}

/// Keys of a template's `payload`.
const TEMPLATE_KEYS: [&str; 14] = [
    "on",
    "off",
    "brightness",
    "brightness_step",
    "color",
    "color_temp",
    "position",
    "temperature",
    "speed",
    "volume",
    "play",
    "pause",
    "next",
    "previous",
];

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
    let (topic, payload) = match &entity.mqtt {
        None => {
            return Err(fault(
                "mqtt",
                "it is not reachable over MQTT".into(),
                "say how: mqtt = { style = ..., topic = ... }",
            ));
        }
        Some(Mqtt::Zigbee2mqtt { topic }) => {
            let payload = zigbee2mqtt(entity, operation).ok_or_else(|| {
                let what = format!("Zigbee2MQTT has no payload for {} of a {}", key_of(operation), entity.id.domain());
                fault("mqtt.style", what, "use style = \"template\" with your own payload")
            })?;
            (format!("{topic}/set"), payload)
        }
        Some(Mqtt::Template { topic, payload }) => {
            let key = key_of(operation);
            let filled = template(payload, operation).ok_or_else(|| {
                fault(
                    &format!("mqtt.payload.{key}"),
                    "the key is missing".into(),
                    "add it, or take the capability out of `can`",
                )
            })?;
            (topic.clone(), filled)
        }
    };
    // A step that arrives twice is two steps.
    let qos = u8::from(!matches!(operation, Operation::BrightnessStep(_)));
    Ok(Message { topic, payload, qos, retain: false })
}

/// Zigbee2MQTT's JSON (docs "MQTT topics and messages" and "Exposes"); `None` where it has none.
fn zigbee2mqtt(entity: &Entity, operation: &Operation) -> Option<Value> {
    let on = *operation == Operation::TurnOn;
    Some(match operation {
        Operation::TurnOn | Operation::TurnOff => match entity.id.domain() {
            "cover" => json!({ "state": if on { "OPEN" } else { "CLOSE" } }),
            "lock" => json!({ "state": if on { "LOCK" } else { "UNLOCK" } }),
            "climate" => json!({ "system_mode": if on { "heat" } else { "off" } }),
            "scene" | "script" | "vacuum" | "media_player" => return None,
            _ => json!({ "state": if on { "ON" } else { "OFF" } }),
        },
        // 0..=254; what is asked for as more than nothing must shine.
        Operation::Brightness(level) => {
            json!({ "state": "ON", "brightness": whole((share(*level) * 254.0).max(1.0)) })
        }
        Operation::BrightnessStep(step) => json!({ "brightness_step": whole(step.clamp(-1.0, 1.0) * 254.0) }),
        Operation::Color { hue, saturation } => {
            json!({ "color": { "hue": whole(hue.clamp(0.0, 360.0)), "saturation": whole(share(*saturation) * 100.0) } })
        }
        Operation::ColorTemp { kelvin } => json!({ "color_temp": whole(1e6 / kelvin.max(1.0)) }),
        Operation::Position(position) => json!({ "position": whole(share(*position) * 100.0) }),
        Operation::Temperature(celsius) => json!({ "occupied_heating_setpoint": tenth(*celsius) }),
        // Fans have three steps there, by name.
        Operation::Speed(speed) => {
            json!({ "fan_mode": if *speed <= 0.34 { "low" } else if *speed <= 0.67 { "medium" } else { "high" } })
        }
        Operation::Volume(_) | Operation::Media(_) => return None,
    })
}

/// The user's own payload with the values filled in. A JSON object or array is sent as such, anything else
/// as the bare text (so that `"1"`, `"ON"` and `"007"` arrive as they were written).
fn template(payload: &BTreeMap<String, String>, operation: &Operation) -> Option<Value> {
    let text = payload.get(key_of(operation))?;
    let fill = |value: Value| text.replace("{value}", &value.to_string());
    let text = match operation {
        Operation::TurnOn | Operation::TurnOff | Operation::Media(_) => text.clone(),
        Operation::Brightness(x) | Operation::Position(x) | Operation::Speed(x) | Operation::Volume(x) => {
            fill(whole(share(*x) * 100.0))
        }
        Operation::BrightnessStep(step) => fill(whole(step.clamp(-1.0, 1.0) * 100.0)),
        Operation::ColorTemp { kelvin } => fill(whole(*kelvin)),
        Operation::Temperature(celsius) => fill(tenth(*celsius)),
        Operation::Color { hue, saturation } => text
            .replace("{hue}", &whole(hue.clamp(0.0, 360.0)).to_string())
            .replace("{saturation}", &whole(share(*saturation) * 100.0).to_string()),
    };
    let structured = serde_json::from_str::<Value>(&text).ok().filter(|v| v.is_object() || v.is_array());
    Some(structured.unwrap_or(Value::String(text)))
}

/// What `message` is on the wire: JSON as such, a string as its bare text.
pub fn bytes(payload: &Value) -> Vec<u8> {
    match payload {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

fn key_of(operation: &Operation) -> &'static str {
    match operation {
        Operation::TurnOn => "on",
        Operation::TurnOff => "off",
        Operation::Brightness(_) => "brightness",
        Operation::BrightnessStep(_) => "brightness_step",
        Operation::Color { .. } => "color",
        Operation::ColorTemp { .. } => "color_temp",
        Operation::Position(_) => "position",
        Operation::Temperature(_) => "temperature",
        Operation::Speed(_) => "speed",
        Operation::Volume(_) => "volume",
        Operation::Media(MediaKey::Play) => "play",
        Operation::Media(MediaKey::Pause) => "pause",
        Operation::Media(MediaKey::Next) => "next",
        Operation::Media(MediaKey::Previous) => "previous",
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

fn share(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::home::EMBEDDED_HOME;

    fn house(can: &str, domain: &str, mqtt: &str) -> Home {
        let text =
            format!("[[entity]]\nid = \"{domain}.x\"\nname = {{ en = [\"x\"] }}\ncan = [{can}]\nmqtt = {{ {mqtt} }}\n");
        Home::parse(&text, "test").expect("a valid house")
    }

    fn payload(domain: &str, mqtt: &str, operation: Operation) -> Result<Value, Fault> {
        let home = house("", domain, mqtt);
        let targets = home.entities.iter().map(|e| e.id.clone()).collect();
        let command = command(&Action { targets, operation }, &home, "home.toml")?;
        assert_eq!((command.message.qos, command.message.retain, command.and.len()), (1, false, 0));
        Ok(command.message.payload)
    }

    #[test]
    fn zigbee2mqtt_payloads() {
        use Operation::{Brightness, ColorTemp, Position, Temperature, TurnOff, TurnOn};
        let table = [
            ("light", TurnOn, json!({"state": "ON"})),
            ("light", TurnOff, json!({"state": "OFF"})),
            ("fan", TurnOn, json!({"state": "ON"})),
            ("fan", Operation::Speed(0.5), json!({"fan_mode": "medium"})),
            ("valve", TurnOff, json!({"state": "OFF"})),
            ("cover", TurnOn, json!({"state": "OPEN"})),
            ("cover", TurnOff, json!({"state": "CLOSE"})),
            ("lock", TurnOn, json!({"state": "LOCK"})),
            ("lock", TurnOff, json!({"state": "UNLOCK"})),
            ("climate", TurnOn, json!({"system_mode": "heat"})),
            ("climate", TurnOff, json!({"system_mode": "off"})),
            ("light", Brightness(0.5), json!({"state": "ON", "brightness": 127})),
            ("light", Brightness(1.0), json!({"state": "ON", "brightness": 254})),
            ("light", Brightness(0.001), json!({"state": "ON", "brightness": 1})),
            ("light", Brightness(7.0), json!({"state": "ON", "brightness": 254})),
            (
                "light",
                Operation::Color { hue: 240.0, saturation: 1.0 },
                json!({"color": {"hue": 240, "saturation": 100}}),
            ),
            ("light", ColorTemp { kelvin: 2700.0 }, json!({"color_temp": 370})),
            ("cover", Position(0.4), json!({"position": 40})),
            ("climate", Temperature(21.0), json!({"occupied_heating_setpoint": 21})),
            ("climate", Temperature(21.549), json!({"occupied_heating_setpoint": 21.5})),
        ];
        for (domain, operation, expected) in table {
            let got = payload(domain, "style = \"zigbee2mqtt\", topic = \"z/x\"", operation.clone());
            assert_eq!(got, Ok(expected), "{domain} {operation:?}");
        }
        for (domain, operation) in [("scene", TurnOn), ("vacuum", TurnOn), ("media_player", Operation::Volume(0.5))] {
            let fault = payload(domain, "style = \"zigbee2mqtt\", topic = \"z/x\"", operation).expect_err(domain);
            assert!(fault.key.contains(&format!("{domain}.x")) && fault.remedy.contains("template"), "{fault}");
        }
    }

    #[test]
    fn template_payloads() {
        let mqtt =
            r#"style = "template", topic = "t", payload = { on = "1", off = "{\"a\": [0]}", brightness = "{value} %",
            color_temp = "{value}", temperature = "{\"t\": {value}}", color = "hsv({hue},{saturation})", play = "GO" }"#
                .replace('\n', " ");
        let color = Operation::Color { hue: 30.0, saturation: 0.5 };
        let table = [
            (Operation::TurnOn, json!("1")),
            (Operation::TurnOff, json!({"a": [0]})),
            (Operation::Brightness(0.333), json!("33 %")),
            (Operation::ColorTemp { kelvin: 2700.4 }, json!("2700")),
            (Operation::Temperature(21.5), json!({"t": 21.5})),
            (color, json!("hsv(30,50)")),
            (Operation::Media(MediaKey::Play), json!("GO")),
        ];
        for (operation, expected) in table {
            assert_eq!(payload("light", &mqtt, operation.clone()), Ok(expected), "{operation:?}");
        }
        let fault = payload("light", &mqtt, Operation::Volume(0.1)).expect_err("no key");
        assert_eq!(fault.key, "entity \"light.x\": mqtt.payload.volume");
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
        assert!(payload("light", z, Operation::Brightness(f64::NAN)).is_err());
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
    fn on_the_wire_a_string_is_bare() {
        assert_eq!(bytes(&json!("ON")), b"ON");
        assert_eq!(bytes(&json!({"state": "ON"})), br#"{"state":"ON"}"#);
    }
}
