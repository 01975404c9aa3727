//! How a thing is reached over MQTT: the `mqtt` table of `home.toml`, as typed and as meant.
//!
//! Only says where, and in which dialect; what is sent there is written in `act/dialects`.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

/// Where an entity is commanded, and in which dialect.
#[derive(Debug, Clone, PartialEq)]
pub enum Mqtt {
    /// `<topic>/set` with Zigbee2MQTT's JSON.
    Zigbee2mqtt {
        /// `zigbee2mqtt/<friendly name>`, without `/set`.
        topic: String,
    },
    /// The topics that Home Assistant's MQTT integration would publish to, with its default payloads.
    HomeAssistant {
        /// Its `command_topic`; for a climate its `mode_command_topic`.
        topic: String,
        /// Where numbers go: a cover's `set_position_topic`, a fan's `percentage_command_topic`, a climate's
        /// `temperature_command_topic`.
        value_topic: Option<String>,
    },
    /// `<topic>/<command>` with Tasmota's commands.
    Tasmota {
        /// The device's full topic for commands, without the slash at its end: `cmnd/<device topic>` by default.
        topic: String,
        /// Which relay or shutter, from 1; `None` where the device has one.
        output: Option<NonZeroU16>,
    },
    /// `<topic>/rpc` with the calls of a Shelly of the second generation or later.
    Shelly {
        /// The device's MQTT prefix.
        topic: String,
        /// Id of the switch, light or cover, from 0.
        id: u16,
    },
    /// `<topic>/command`, and topics for single values beside it, with ESPHome's payloads.
    Esphome {
        /// `<prefix>/<component>/<name>`, without `/command`.
        topic: String,
    },
    /// Any topic with the user's own payloads: `on`, `off`, `play`, `pause`, `next`, `previous`; with `{value}`
    /// filled in `brightness`, `position`, `speed`, `volume` (percent), `color_temp` (kelvin), `temperature` (degrees
    /// Celsius); with `{hue}` (degrees) and `{saturation}` (percent) filled in `color`.
    Template {
        /// Published to as it stands.
        topic: String,
        /// Payload by operation.
        payload: BTreeMap<String, String>,
    },
}

/// What a climate is set to when it is turned on, in the words of Home Assistant and Zigbee2MQTT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMode {
    /// The device decides.
    Auto,
    /// Cooling: an air conditioner.
    Cool,
    /// Heating: a thermostat.
    #[default]
    Heat,
    /// Drying the air.
    Dry,
    /// Only moving the air.
    FanOnly,
}

impl Mqtt {
    /// The topic at or below which the thing is commanded.
    pub fn topic(&self) -> &str {
        match self {
            Self::Zigbee2mqtt { topic }
            | Self::HomeAssistant { topic, .. }
            | Self::Tasmota { topic, .. }
            | Self::Shelly { topic, .. }
            | Self::Esphome { topic }
            | Self::Template { topic, .. } => topic,
        }
    }

    /// Whether what is published to `topic` commands this thing.
    pub fn hears(&self, topic: &str) -> bool {
        let value_topic = match self {
            Self::HomeAssistant { value_topic, .. } => value_topic.as_deref(),
            _ => None,
        };
        let below = topic.strip_prefix(self.topic());
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) || value_topic == Some(topic)
    }
}

/// Tasmota's default for `FullTopic` (docs "MQTT").
const FULL_TOPIC: &str = "%prefix%/%topic%/";

/// The `mqtt` table exactly as typed: the keys of all styles.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMqtt {
    style: Style,
    topic: String,
    on_mode: Option<OnMode>,
    value_topic: Option<String>,
    full_topic: Option<String>,
    output: Option<u16>,
    id: Option<u16>,
    payload: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Style {
    Zigbee2mqtt,
    HomeAssistant,
    Tasmota,
    Shelly,
    Esphome,
    Template,
}

impl RawMqtt {
    /// What is meant for a thing of class `domain`; `fault` is told key, what is wrong and the remedy.
    pub(super) fn validated(self, domain: &str, mut fault: impl FnMut(&str, String, &str)) -> (Mqtt, OnMode) {
        for key in self.strange_keys() {
            fault(key, "this style has no such key".into(), "remove it");
        }
        if self.on_mode.is_some() && domain != "climate" {
            fault("on_mode", format!("a {domain} has no modes"), "remove it");
        }
        let topics = [("topic", Some(&self.topic)), ("value_topic", self.value_topic.as_ref())];
        for (key, topic) in topics.into_iter().chain([("full_topic", self.full_topic.as_ref())]) {
            if let Some(Err(what)) = topic.map(|t| check_topic(t)) {
                fault(key, what, "give one topic to publish to");
            }
        }
        let topic = self.topic;
        let mqtt = match self.style {
            Style::Zigbee2mqtt => Mqtt::Zigbee2mqtt { topic },
            Style::HomeAssistant => Mqtt::HomeAssistant { topic, value_topic: self.value_topic },
            Style::Tasmota => {
                let full_topic = self.full_topic.as_deref().unwrap_or(FULL_TOPIC);
                let topic = tasmota_topic(full_topic, &topic).unwrap_or_else(|what| {
                    fault("full_topic", what, "write it as in Tasmota's settings, for example \"%prefix%/%topic%/\"");
                    topic
                });
                let output = self.output.map(NonZeroU16::new);
                if output == Some(None) {
                    fault("output", "outputs are counted from 1".into(), "write 1 for the first");
                }
                Mqtt::Tasmota { topic, output: output.flatten() }
            }
            Style::Shelly => Mqtt::Shelly { topic, id: self.id.unwrap_or(0) },
            Style::Esphome => Mqtt::Esphome { topic },
            Style::Template => {
                if self.payload.is_none() {
                    fault(
                        "payload",
                        "the key is missing".into(),
                        "say what is sent: payload = { on = ..., off = ... }",
                    );
                }
                Mqtt::Template { topic, payload: self.payload.unwrap_or_default() }
            }
        };
        (mqtt, self.on_mode.unwrap_or_default())
    }

    /// Keys that are there and mean nothing in this style.
    fn strange_keys(&self) -> Vec<&'static str> {
        use Style::{Esphome, HomeAssistant, Shelly, Tasmota, Template, Zigbee2mqtt};
        let keys: [(&str, bool, &[Style]); 6] = [
            ("on_mode", self.on_mode.is_some(), &[Zigbee2mqtt, HomeAssistant, Esphome]),
            ("value_topic", self.value_topic.is_some(), &[HomeAssistant]),
            ("full_topic", self.full_topic.is_some(), &[Tasmota]),
            ("output", self.output.is_some(), &[Tasmota]),
            ("id", self.id.is_some(), &[Shelly]),
            ("payload", self.payload.is_some(), &[Template]),
        ];
        keys.into_iter().filter(|(_, given, of)| *given && !of.contains(&self.style)).map(|(key, ..)| key).collect()
    }
}

/// The topic for commands, from `FullTopic` and the device's topic (docs "MQTT": the prefix of commands is `cmnd`).
fn tasmota_topic(full_topic: &str, topic: &str) -> Result<String, String> {
    for token in ["%prefix%", "%topic%"] {
        if !full_topic.contains(token) {
            return Err(format!("{full_topic:?} lacks {token}"));
        }
    }
    let rest = full_topic.replace("%prefix%", "").replace("%topic%", "");
    if rest.contains('%') {
        return Err(format!("{full_topic:?} holds something else than %prefix% and %topic%"));
    }
    let filled = full_topic.replace("%prefix%", "cmnd").replace("%topic%", topic);
    Ok(filled.trim_end_matches('/').to_owned())
}

/// Whether one can publish to `topic`: 1..=65535 bytes, no wildcard, no NUL (MQTT 3.1.1, 4.7.1 and 4.7.3).
pub fn check_topic(topic: &str) -> Result<(), String> {
    if topic.is_empty() || topic.len() > 65_535 {
        return Err(format!("a topic has 1 to 65535 bytes, this one has {}", topic.len()));
    }
    if topic.contains(['+', '#', '\0']) {
        return Err(format!("the topic {topic:?} holds a wildcard or a NUL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is meant by the table, or which keys are wrong.
    fn read(domain: &str, table: &str) -> Result<(Mqtt, OnMode), Vec<String>> {
        let raw: RawMqtt = toml::from_str(&table.replace(", ", "\n")).expect("valid TOML");
        let mut keys = Vec::new();
        let meant = raw.validated(domain, |key, _, _| keys.push(key.to_owned()));
        if keys.is_empty() { Ok(meant) } else { Err(keys) }
    }

    #[test]
    fn each_style_is_read_with_its_defaults() {
        let topic = |t: &str| t.to_owned();
        let table = [
            ("style = \"zigbee2mqtt\", topic = \"z/x\"", Mqtt::Zigbee2mqtt { topic: topic("z/x") }),
            (
                "style = \"home_assistant\", topic = \"h/x/set\"",
                Mqtt::HomeAssistant { topic: topic("h/x/set"), value_topic: None },
            ),
            ("style = \"tasmota\", topic = \"plug\"", Mqtt::Tasmota { topic: topic("cmnd/plug"), output: None }),
            (
                "style = \"tasmota\", topic = \"plug\", full_topic = \"home/%topic%/%prefix%/\", output = 2",
                Mqtt::Tasmota { topic: topic("home/plug/cmnd"), output: NonZeroU16::new(2) },
            ),
            ("style = \"shelly\", topic = \"shellyplus1-a8\"", Mqtt::Shelly { topic: topic("shellyplus1-a8"), id: 0 }),
            ("style = \"shelly\", topic = \"s\", id = 1", Mqtt::Shelly { topic: topic("s"), id: 1 }),
            ("style = \"esphome\", topic = \"desk/light/lamp\"", Mqtt::Esphome { topic: topic("desk/light/lamp") }),
        ];
        for (text, expected) in table {
            assert_eq!(read("switch", text), Ok((expected, OnMode::Heat)), "{text}");
        }
        let cool = read("climate", "style = \"zigbee2mqtt\", topic = \"z/x\", on_mode = \"cool\"");
        assert_eq!(cool.map(|(_, mode)| mode), Ok(OnMode::Cool));
    }

    #[test]
    fn a_key_that_means_nothing_or_something_wrong_is_refused() {
        for (domain, text, key) in [
            ("light", "style = \"shelly\", topic = \"s\", output = 1", "output"),
            ("light", "style = \"tasmota\", topic = \"s\", id = 1", "id"),
            ("light", "style = \"tasmota\", topic = \"s\", output = 0", "output"),
            ("light", "style = \"esphome\", topic = \"s\", value_topic = \"v\"", "value_topic"),
            ("climate", "style = \"shelly\", topic = \"s\", on_mode = \"heat\"", "on_mode"),
            ("light", "style = \"zigbee2mqtt\", topic = \"s\", on_mode = \"heat\"", "on_mode"),
            ("cover", "style = \"home_assistant\", topic = \"s\", value_topic = \"a/+\"", "value_topic"),
            ("light", "style = \"tasmota\", topic = \"s\", full_topic = \"%prefix%/lamp/\"", "full_topic"),
            ("light", "style = \"tasmota\", topic = \"s\", full_topic = \"tasmota/%topic%/\"", "full_topic"),
            ("light", "style = \"tasmota\", topic = \"s\", full_topic = \"%prefix%/%topic%/%id%/\"", "full_topic"),
            ("light", "style = \"template\", topic = \"s\"", "payload"),
            ("light", "style = \"shelly\", topic = \"\"", "topic"),
        ] {
            assert_eq!(read(domain, text), Err(vec![key.to_owned()]), "{text}");
        }
        for text in ["on_mode = \"warm\"", "output = -1", "id = \"a\"", "colour = 1"] {
            let text = format!("style = \"zigbee2mqtt\"\ntopic = \"z/x\"\n{text}\n");
            assert!(toml::from_str::<RawMqtt>(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_thing_hears_its_own_topics_only() {
        let tasmota = Mqtt::Tasmota { topic: "cmnd/door".into(), output: None };
        let cover = Mqtt::HomeAssistant { topic: "gate/set".into(), value_topic: Some("gate/position".into()) };
        for (mqtt, topic, hears) in [
            (&tasmota, "cmnd/door/POWER", true),
            (&tasmota, "cmnd/door", true),
            (&tasmota, "cmnd/doorbell/POWER", false),
            (&tasmota, "stat/door/POWER", false),
            (&cover, "gate/set", true),
            (&cover, "gate/position", true),
            (&cover, "gate/tilt", false),
        ] {
            assert_eq!(mqtt.hears(topic), hears, "{topic}");
        }
    }
}
