//! The user's own payloads, with the values filled in.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{percent, tenth, whole};
use crate::facts::bid::{MediaKey, Operation};

/// Keys of a template's `payload`.
pub const KEYS: [&str; 14] = [
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

/// The payload, filled in; `None` where its key is missing. A JSON object or array is sent as such, anything else
/// as the bare text (so that `"1"`, `"ON"` and `"007"` arrive as they were written).
pub fn payload(templates: &BTreeMap<String, String>, operation: &Operation) -> Option<Value> {
    let text = templates.get(key_of(operation))?;
    let fill = |value: Value| text.replace("{value}", &value.to_string());
    let text = match operation {
        Operation::TurnOn | Operation::TurnOff | Operation::Media(_) => text.clone(),
        Operation::Brightness(x) | Operation::Position(x) | Operation::Speed(x) | Operation::Volume(x) => {
            fill(percent(*x))
        }
        Operation::BrightnessStep(step) => fill(whole(step.clamp(-1.0, 1.0) * 100.0)),
        Operation::ColorTemp { kelvin } => fill(whole(*kelvin)),
        Operation::Temperature(celsius) => fill(tenth(*celsius)),
        Operation::Color { hue, saturation } => text
            .replace("{hue}", &whole(hue.clamp(0.0, 360.0)).to_string())
            .replace("{saturation}", &percent(*saturation).to_string()),
    };
    let structured = serde_json::from_str::<Value>(&text).ok().filter(|v| v.is_object() || v.is_array());
    Some(structured.unwrap_or(Value::String(text)))
}

/// The operation's key.
pub fn key_of(operation: &Operation) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::dialects::{Lack, said};
    use serde_json::json;

    #[test]
    fn payloads() {
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
            assert_eq!(said("light", "", &mqtt, &operation), Ok(("t".into(), expected)), "{operation:?}");
        }
        let missing = said("light", "", &mqtt, &Operation::Volume(0.1));
        assert_eq!(missing, Err(Lack::Key("payload.volume".into())));
    }
}
