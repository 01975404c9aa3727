//! Calls to a Shelly of the second generation or later, for `<topic>/rpc` (Shelly API docs "MQTT", "Switch", "Light",
//! "Cover"). Colours and colour temperatures have components of their own there, and are left out.

use serde_json::{Value, json};

use super::{is_switched, level, percent};
use crate::facts::bid::Operation;
use crate::facts::home::{Capability, Entity};

/// Whom the device answers, on `<SOURCE>/rpc`; nobody listens there.
const SOURCE: &str = "tiebreak";

/// The call to component `id`; `None` where there is none. What can be dimmed is a light, what opens is a cover,
/// everything else (also a lamp that is only switched) is a switch.
pub fn call(id: u16, entity: &Entity, operation: &Operation) -> Option<Value> {
    let domain = entity.id.domain();
    let set =
        if domain == "light" && entity.can.contains(&Capability::Brightness) { "Light.Set" } else { "Switch.Set" };
    let (method, params) = match operation {
        Operation::TurnOn if domain == "cover" => ("Cover.Open", json!({ "id": id })),
        Operation::TurnOff if domain == "cover" => ("Cover.Close", json!({ "id": id })),
        Operation::Position(x) if domain == "cover" => ("Cover.GoToPosition", json!({ "id": id, "pos": percent(*x) })),
        Operation::TurnOn if is_switched(domain) => (set, json!({ "id": id, "on": true })),
        Operation::TurnOff if is_switched(domain) => (set, json!({ "id": id, "on": false })),
        Operation::Brightness(x) if domain == "light" => {
            ("Light.Set", json!({ "id": id, "on": true, "brightness": level(*x, 100.0) }))
        }
        _ => return None,
    };
    // Answers are told apart by the call's id; without answers one is as good as another.
    Some(json!({ "id": 1, "src": SOURCE, "method": method, "params": params }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::dialects::{assert_unsaid, said};

    const MQTT: &str = "style = \"shelly\", topic = \"shellyplus1-a8032abe54dc\"";

    #[test]
    fn calls() {
        use Operation::{Brightness, Position, TurnOff, TurnOn};
        let (switched, dimmed, opened) = ("\"on_off\"", "\"on_off\", \"brightness\"", "\"open_close\", \"position\"");
        let table = [
            ("switch", switched, TurnOn, "Switch.Set", json!({"id": 0, "on": true})),
            ("switch", switched, TurnOff, "Switch.Set", json!({"id": 0, "on": false})),
            ("light", switched, TurnOn, "Switch.Set", json!({"id": 0, "on": true})),
            ("fan", switched, TurnOff, "Switch.Set", json!({"id": 0, "on": false})),
            ("light", dimmed, TurnOn, "Light.Set", json!({"id": 0, "on": true})),
            ("light", dimmed, TurnOff, "Light.Set", json!({"id": 0, "on": false})),
            ("light", dimmed, Brightness(0.3), "Light.Set", json!({"id": 0, "on": true, "brightness": 30})),
            ("light", dimmed, Brightness(0.0), "Light.Set", json!({"id": 0, "on": true, "brightness": 1})),
            ("cover", opened, TurnOn, "Cover.Open", json!({"id": 0})),
            ("cover", opened, TurnOff, "Cover.Close", json!({"id": 0})),
            ("cover", opened, Position(0.4), "Cover.GoToPosition", json!({"id": 0, "pos": 40})),
        ];
        for (domain, can, operation, method, params) in table {
            let expected = json!({"id": 1, "src": "tiebreak", "method": method, "params": params});
            let topic = "shellyplus1-a8032abe54dc/rpc".to_owned();
            assert_eq!(said(domain, can, MQTT, &operation), Ok((topic, expected)), "{domain} {operation:?}");
        }
        let second = said("switch", switched, &format!("{MQTT}, id = 1"), &TurnOn).expect("it has a call");
        assert_eq!(second.1["params"], json!({"id": 1, "on": true}));
    }

    #[test]
    fn what_is_not_documented_is_not_said() {
        let unsaid = [
            ("light", Operation::BrightnessStep(0.1)),
            ("light", Operation::Color { hue: 0.0, saturation: 1.0 }),
            ("light", Operation::ColorTemp { kelvin: 2700.0 }),
            ("fan", Operation::Speed(0.5)),
            ("lock", Operation::TurnOff),
            ("climate", Operation::Temperature(20.0)),
            ("scene", Operation::TurnOn),
        ];
        assert_unsaid(MQTT, "Shelly", &unsaid);
    }
}
