//! ESPHome's topics below `<prefix>/<component>/<name>` (docs "MQTT client component" and the components' own pages):
//! Home Assistant's JSON for lights, bare words and numbers for everything else. A fan's speed is a level there, and
//! how many levels a fan has is not known here: left out.

use serde_json::json;

use super::home_assistant::light;
use super::{Said, percent, tenth};
use crate::facts::bid::Operation;
use crate::facts::home::Entity;

/// Where below `topic`, and what; `None` where there is nothing.
pub fn said(topic: &str, entity: &Entity, operation: &Operation) -> Option<Said> {
    let on = *operation == Operation::TurnOn;
    let (below, payload) = match (entity.id.domain(), operation) {
        ("light", operation) => ("command", light(operation)?),
        ("switch" | "fan", Operation::TurnOn | Operation::TurnOff) => ("command", json!(if on { "ON" } else { "OFF" })),
        ("cover" | "valve", Operation::TurnOn | Operation::TurnOff) => {
            ("command", json!(if on { "OPEN" } else { "CLOSE" }))
        }
        ("cover" | "valve", Operation::Position(x)) => ("position/command", percent(*x)),
        ("lock", Operation::TurnOn | Operation::TurnOff) => ("command", json!(if on { "LOCK" } else { "UNLOCK" })),
        ("climate", Operation::TurnOn) => ("mode/command", json!(entity.on_mode)),
        ("climate", Operation::TurnOff) => ("mode/command", json!("off")),
        ("climate", Operation::Temperature(celsius)) => ("target_temperature/command", tenth(*celsius)),
        _ => return None,
    };
    Some((format!("{topic}/{below}"), payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::dialects::{assert_unsaid, said};

    const MQTT: &str = "style = \"esphome\", topic = \"node/thing/x\"";

    #[test]
    fn commands() {
        use Operation::{Brightness, Color, ColorTemp, Position, Temperature, TurnOff, TurnOn};
        let table = [
            ("switch", TurnOn, "command", json!("ON")),
            ("switch", TurnOff, "command", json!("OFF")),
            ("fan", TurnOff, "command", json!("OFF")),
            ("cover", TurnOn, "command", json!("OPEN")),
            ("cover", TurnOff, "command", json!("CLOSE")),
            ("valve", TurnOff, "command", json!("CLOSE")),
            ("cover", Position(0.4), "position/command", json!(40)),
            ("lock", TurnOn, "command", json!("LOCK")),
            ("lock", TurnOff, "command", json!("UNLOCK")),
            ("climate", TurnOn, "mode/command", json!("heat")),
            ("climate", TurnOff, "mode/command", json!("off")),
            ("climate", Temperature(21.5), "target_temperature/command", json!(21.5)),
            ("light", TurnOn, "command", json!({"state": "ON"})),
            ("light", Brightness(1.0), "command", json!({"state": "ON", "brightness": 255})),
            ("light", ColorTemp { kelvin: 4000.0 }, "command", json!({"state": "ON", "color_temp": 250})),
            (
                "light",
                Color { hue: 0.0, saturation: 1.0 },
                "command",
                json!({"state": "ON", "color": {"r": 255, "g": 0, "b": 0}}),
            ),
        ];
        for (domain, operation, below, payload) in table {
            let expected = Ok((format!("node/thing/x/{below}"), payload));
            assert_eq!(said(domain, "", MQTT, &operation), expected, "{domain} {operation:?}");
        }
        let cool = said("climate", "", &format!("{MQTT}, on_mode = \"cool\""), &TurnOn);
        assert_eq!(cool, Ok(("node/thing/x/mode/command".into(), json!("cool"))));
    }

    #[test]
    fn what_is_not_documented_is_not_said() {
        let unsaid = [
            ("light", Operation::BrightnessStep(0.1)),
            ("fan", Operation::Speed(0.5)),
            ("scene", Operation::TurnOn),
            ("vacuum", Operation::TurnOn),
            ("media_player", Operation::Volume(0.5)),
        ];
        assert_unsaid(MQTT, "ESPHome", &unsaid);
    }
}
