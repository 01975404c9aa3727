//! Zigbee2MQTT's JSON for `<topic>/set` (docs "MQTT topics and messages" and "Exposes").

use serde_json::{Value, json};

use super::{level, mireds, percent, tenth, whole};
use crate::facts::bid::Operation;
use crate::facts::home::Entity;

/// The payload; `None` where it has none.
pub fn payload(entity: &Entity, operation: &Operation) -> Option<Value> {
    let on = *operation == Operation::TurnOn;
    Some(match operation {
        Operation::TurnOn | Operation::TurnOff => match entity.id.domain() {
            "cover" => json!({ "state": if on { "OPEN" } else { "CLOSE" } }),
            "lock" => json!({ "state": if on { "LOCK" } else { "UNLOCK" } }),
            "climate" if on => json!({ "system_mode": entity.on_mode }),
            "climate" => json!({ "system_mode": "off" }),
            "scene" | "script" | "vacuum" | "media_player" => return None,
            _ => json!({ "state": if on { "ON" } else { "OFF" } }),
        },
        Operation::Brightness(x) => json!({ "state": "ON", "brightness": level(*x, 254.0) }),
        Operation::BrightnessStep(step) => json!({ "brightness_step": whole(step.clamp(-1.0, 1.0) * 254.0) }),
        Operation::Color { hue, saturation } => {
            json!({ "color": { "hue": whole(hue.clamp(0.0, 360.0)), "saturation": percent(*saturation) } })
        }
        Operation::ColorTemp { kelvin } => json!({ "color_temp": whole(mireds(*kelvin)) }),
        Operation::Position(position) => json!({ "position": percent(*position) }),
        Operation::Temperature(celsius) => json!({ "occupied_heating_setpoint": tenth(*celsius) }),
        // Fans have three steps there, by name.
        Operation::Speed(speed) => {
            json!({ "fan_mode": if *speed <= 0.34 { "low" } else if *speed <= 0.67 { "medium" } else { "high" } })
        }
        Operation::Volume(_) | Operation::Media(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::dialects::{assert_unsaid, said};

    const MQTT: &str = "style = \"zigbee2mqtt\", topic = \"z/x\"";

    #[test]
    fn payloads() {
        use Operation::{Brightness, BrightnessStep, ColorTemp, Position, Temperature, TurnOff, TurnOn};
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
            ("light", BrightnessStep(-0.2), json!({"brightness_step": -51})),
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
            assert_eq!(said(domain, "", MQTT, &operation), Ok(("z/x/set".into(), expected)), "{domain} {operation:?}");
        }
        let unsaid = [("scene", TurnOn), ("vacuum", TurnOn), ("media_player", Operation::Volume(0.5))];
        assert_unsaid(MQTT, "Zigbee2MQTT", &unsaid);
    }

    #[test]
    fn an_air_conditioner_is_turned_on_to_cool() {
        for mode in ["auto", "cool", "heat", "dry", "fan_only"] {
            let mqtt = format!("{MQTT}, on_mode = \"{mode}\"");
            let on = said("climate", "", &mqtt, &Operation::TurnOn).expect("it has a payload");
            assert_eq!(on.1, json!({ "system_mode": mode }));
            let off = said("climate", "", &mqtt, &Operation::TurnOff).expect("it has a payload");
            assert_eq!(off.1, json!({ "system_mode": "off" }));
        }
    }
}
