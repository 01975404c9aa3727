//! What Home Assistant's MQTT integration publishes with its default payloads: JSON for lights (docs "MQTT light",
//! JSON schema), bare words for everything else ("MQTT switch", "fan", "cover", "valve", "lock", "HVAC", "vacuum",
//! "scene"). Whatever Home Assistant commands over MQTT can be commanded the same way.

use serde_json::{Value, json};

use super::{level, mireds, percent, share, tenth, whole};
use crate::facts::bid::Operation;
use crate::facts::home::Entity;

/// The payload for the command topic; `None` where there is none.
pub fn payload(entity: &Entity, operation: &Operation) -> Option<Value> {
    let on = match operation {
        _ if entity.id.domain() == "light" => return light(operation),
        Operation::TurnOn => true,
        Operation::TurnOff => false,
        _ => return None,
    };
    Some(match entity.id.domain() {
        "switch" | "fan" => json!(if on { "ON" } else { "OFF" }),
        "cover" | "valve" => json!(if on { "OPEN" } else { "CLOSE" }),
        "lock" => json!(if on { "LOCK" } else { "UNLOCK" }),
        "climate" if on => json!(entity.on_mode),
        "climate" => json!("off"),
        "vacuum" => json!(if on { "start" } else { "return_to_base" }),
        "scene" if on => json!("ON"),
        _ => return None,
    })
}

/// What goes to a topic of its own beside the command topic: a cover's position and a fan's speed in percent, a
/// climate's temperature in degrees Celsius. `None` where the operation is no such number.
pub fn value(entity: &Entity, operation: &Operation) -> Option<Value> {
    match (entity.id.domain(), operation) {
        ("cover", Operation::Position(x)) | ("fan", Operation::Speed(x)) => Some(percent(*x)),
        ("climate", Operation::Temperature(celsius)) => Some(tenth(*celsius)),
        _ => None,
    }
}

/// A light's JSON: brightness from 0 to 255, colours as red, green and blue of the same range (not dimmed: the
/// brightness stays what it is), colour temperatures in mireds.
pub fn light(operation: &Operation) -> Option<Value> {
    Some(match operation {
        Operation::TurnOn => json!({ "state": "ON" }),
        Operation::TurnOff => json!({ "state": "OFF" }),
        Operation::Brightness(x) => json!({ "state": "ON", "brightness": level(*x, 255.0) }),
        Operation::Color { hue, saturation } => {
            let [r, g, b] = rgb(*hue, share(*saturation));
            json!({ "state": "ON", "color": { "r": r, "g": g, "b": b } })
        }
        Operation::ColorTemp { kelvin } => json!({ "state": "ON", "color_temp": whole(mireds(*kelvin)) }),
        _ => return None,
    })
}

/// The brightest colour of this hue (degrees) and saturation (0..=1), each part from 0 to 255.
fn rgb(hue: f64, saturation: f64) -> [Value; 3] {
    // How far each part lies from its own hue on the circle of six, red first.
    [5.0, 3.0, 1.0].map(|part| {
        let k = (part + hue / 60.0).rem_euclid(6.0);
        whole(255.0 * (1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::dialects::{Lack, assert_unsaid, said};

    const MQTT: &str = "style = \"home_assistant\", topic = \"h/x/set\"";

    #[test]
    fn payloads_on_the_command_topic() {
        use Operation::{Brightness, Color, ColorTemp, TurnOff, TurnOn};
        let table = [
            ("switch", TurnOn, json!("ON")),
            ("switch", TurnOff, json!("OFF")),
            ("fan", TurnOn, json!("ON")),
            ("cover", TurnOn, json!("OPEN")),
            ("cover", TurnOff, json!("CLOSE")),
            ("valve", TurnOff, json!("CLOSE")),
            ("lock", TurnOn, json!("LOCK")),
            ("lock", TurnOff, json!("UNLOCK")),
            ("climate", TurnOn, json!("heat")),
            ("climate", TurnOff, json!("off")),
            ("vacuum", TurnOn, json!("start")),
            ("vacuum", TurnOff, json!("return_to_base")),
            ("scene", TurnOn, json!("ON")),
            ("light", TurnOn, json!({"state": "ON"})),
            ("light", TurnOff, json!({"state": "OFF"})),
            ("light", Brightness(0.5), json!({"state": "ON", "brightness": 128})),
            ("light", Brightness(0.001), json!({"state": "ON", "brightness": 1})),
            ("light", ColorTemp { kelvin: 2700.0 }, json!({"state": "ON", "color_temp": 370})),
            (
                "light",
                Color { hue: 240.0, saturation: 1.0 },
                json!({"state": "ON", "color": {"r": 0, "g": 0, "b": 255}}),
            ),
        ];
        for (domain, operation, expected) in table {
            assert_eq!(said(domain, "", MQTT, &operation), Ok(("h/x/set".into(), expected)), "{domain} {operation:?}");
        }
        let cool = said("climate", "", &format!("{MQTT}, on_mode = \"fan_only\""), &TurnOn);
        assert_eq!(cool, Ok(("h/x/set".into(), json!("fan_only"))));
    }

    #[test]
    fn numbers_go_to_their_own_topic() {
        use Operation::{Position, Speed, Temperature};
        for (domain, operation, expected) in [
            ("cover", Position(0.4), json!(40)),
            ("fan", Speed(0.333), json!(33)),
            ("climate", Temperature(21.5), json!(21.5)),
        ] {
            let with = said(domain, "", &format!("{MQTT}, value_topic = \"h/x/value\""), &operation);
            assert_eq!(with, Ok(("h/x/value".into(), expected)), "{domain}");
            assert_eq!(said(domain, "", MQTT, &operation), Err(Lack::Key("value_topic".into())), "{domain}");
        }
    }

    #[test]
    fn what_is_not_documented_is_not_said() {
        let unsaid = [
            ("light", Operation::BrightnessStep(0.1)),
            ("valve", Operation::Position(0.5)),
            ("scene", Operation::TurnOff),
            ("media_player", Operation::TurnOn),
            ("media_player", Operation::Volume(0.5)),
        ];
        assert_unsaid(MQTT, "Home Assistant", &unsaid);
    }

    #[test]
    fn colours_are_those_of_the_circle() {
        for (hue, saturation, expected) in [
            (0.0, 1.0, [255, 0, 0]),
            (360.0, 1.0, [255, 0, 0]),
            (30.0, 1.0, [255, 128, 0]),
            (60.0, 1.0, [255, 255, 0]),
            (120.0, 1.0, [0, 255, 0]),
            (180.0, 0.5, [128, 255, 255]),
            (300.0, 1.0, [255, 0, 255]),
            (77.0, 0.0, [255, 255, 255]),
        ] {
            assert_eq!(rgb(hue, saturation), expected.map(|x| json!(x)), "{hue} {saturation}");
        }
    }
}
