//! Tasmota's commands, `<topic>/<command>` with a bare word or number (docs "MQTT", "Commands", "Lights", "Blinds and
//! Shutters"). Fans that have speeds are left out: there `POWER` may be the lamp.

use std::num::NonZeroU16;

use serde_json::{Value, json};

use super::{Said, is_switched, level, mireds, percent, whole};
use crate::facts::bid::Operation;
use crate::facts::home::{Capability, Entity};

/// Colour temperatures that `CT` takes, in mireds.
const CT: (f64, f64) = (153.0, 500.0);

/// The command below `topic`; `output` counts relays and shutters from 1. `None` where there is none.
pub fn said(topic: &str, output: Option<NonZeroU16>, entity: &Entity, operation: &Operation) -> Option<Said> {
    let number = output.map_or(String::new(), |n| n.to_string());
    let (command, payload) = match (entity.id.domain(), operation) {
        ("cover", Operation::TurnOn) => (format!("ShutterOpen{number}"), json!("")),
        ("cover", Operation::TurnOff) => (format!("ShutterClose{number}"), json!("")),
        ("cover", Operation::Position(x)) => (format!("ShutterPosition{number}"), percent(*x)),
        ("fan", _) if entity.can.contains(&Capability::Speed) => return None,
        (domain, Operation::TurnOn) if is_switched(domain) => (format!("POWER{number}"), json!("ON")),
        (domain, Operation::TurnOff) if is_switched(domain) => (format!("POWER{number}"), json!("OFF")),
        // The numbers of light commands count channels, not outputs: only a device's one light is safe to name.
        ("light", _) if output.is_none() => light(operation)?,
        _ => return None,
    };
    Some((format!("{topic}/{command}"), payload))
}

fn light(operation: &Operation) -> Option<(String, Value)> {
    let (command, payload) = match operation {
        Operation::Brightness(x) => ("Dimmer", level(*x, 100.0)),
        // Hue and saturation one by one: `HSBColor` alone would set the brightness, too.
        Operation::Color { hue, saturation } => {
            let (hue, saturation) = (whole(hue.round().rem_euclid(360.0)), percent(*saturation));
            ("Backlog", json!(format!("HSBColor1 {hue}; HSBColor2 {saturation}")))
        }
        Operation::ColorTemp { kelvin } => ("CT", whole(mireds(*kelvin).clamp(CT.0, CT.1))),
        _ => return None,
    };
    Some((command.to_owned(), payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::dialects::{Lack, assert_unsaid, said};

    const MQTT: &str = "style = \"tasmota\", topic = \"x\"";

    #[test]
    fn commands() {
        use Operation::{Brightness, Color, ColorTemp, Position, TurnOff, TurnOn};
        let table = [
            ("switch", TurnOn, "POWER", json!("ON")),
            ("switch", TurnOff, "POWER", json!("OFF")),
            ("light", TurnOn, "POWER", json!("ON")),
            ("fan", TurnOff, "POWER", json!("OFF")),
            ("valve", TurnOn, "POWER", json!("ON")),
            ("light", Brightness(0.5), "Dimmer", json!(50)),
            ("light", Brightness(0.0), "Dimmer", json!(1)),
            ("light", Color { hue: 240.0, saturation: 0.5 }, "Backlog", json!("HSBColor1 240; HSBColor2 50")),
            ("light", Color { hue: 359.6, saturation: 1.0 }, "Backlog", json!("HSBColor1 0; HSBColor2 100")),
            ("light", ColorTemp { kelvin: 2700.0 }, "CT", json!(370)),
            ("light", ColorTemp { kelvin: 10_000.0 }, "CT", json!(153)),
            ("light", ColorTemp { kelvin: 1500.0 }, "CT", json!(500)),
            ("cover", TurnOn, "ShutterOpen", json!("")),
            ("cover", TurnOff, "ShutterClose", json!("")),
            ("cover", Position(0.4), "ShutterPosition", json!(40)),
        ];
        for (domain, operation, command, payload) in table {
            let expected = Ok((format!("cmnd/x/{command}"), payload));
            assert_eq!(said(domain, "", MQTT, &operation), expected, "{domain} {operation:?}");
        }
    }

    #[test]
    fn outputs_are_numbered_and_the_topic_may_be_turned_round() {
        let mqtt = "style = \"tasmota\", topic = \"x\", full_topic = \"home/%topic%/%prefix%/\", output = 2";
        for (domain, operation, command, payload) in [
            ("light", Operation::TurnOn, "POWER2", json!("ON")),
            ("cover", Operation::TurnOn, "ShutterOpen2", json!("")),
            ("cover", Operation::Position(1.0), "ShutterPosition2", json!(100)),
        ] {
            let expected = Ok((format!("home/x/cmnd/{command}"), payload));
            assert_eq!(said(domain, "", mqtt, &operation), expected, "{domain} {operation:?}");
        }
        assert_unsaid(mqtt, "Tasmota", &[("light", Operation::Brightness(0.5))]);
    }

    #[test]
    fn what_is_not_documented_is_not_said() {
        let unsaid = [
            ("light", Operation::BrightnessStep(0.1)),
            ("switch", Operation::Brightness(0.5)),
            ("fan", Operation::Speed(0.5)),
            ("lock", Operation::TurnOn),
            ("climate", Operation::TurnOn),
            ("climate", Operation::Temperature(20.0)),
            ("scene", Operation::TurnOn),
            ("media_player", Operation::Volume(0.5)),
        ];
        assert_unsaid(MQTT, "Tasmota", &unsaid);
        let fan = said("fan", "\"on_off\", \"speed\"", MQTT, &Operation::TurnOff);
        assert_eq!(fan, Err(Lack::Payload("Tasmota")), "it may have a lamp");
    }
}
