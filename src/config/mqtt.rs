//! `[mqtt]` as typed -> the broker and what is said to it.

use serde::Deserialize;

use super::Faults;
use crate::act::mqtt::{Broker, MqttSettings};
use crate::facts::home::{Entity, Home, Mqtt, check_topic};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    broker: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    base: Option<String>,
    pub(super) share_transcript: bool,
}

/// What is configured; every fault goes to `faults`.
pub(super) fn mqtt(raw: Raw, home: &Home, faults: &mut Faults) -> MqttSettings {
    let defaults = MqttSettings::default();
    let external = match raw.broker.as_deref() {
        None => raw.host.is_some(),
        Some("embedded") => false,
        Some("external") => true,
        Some(other) => faults.unknown("mqtt.broker", other, "write \"embedded\" or \"external\""),
    };
    if raw.password.is_some() && raw.user.is_none() {
        faults.add("mqtt.password", "there is a password but no user", "add mqtt.user");
    }
    let base = raw.base.unwrap_or(defaults.base);
    if base.trim_matches('/') != base || check_topic(&base).is_err() {
        faults.add("mqtt.base", &format!("{base:?} cannot begin a topic"), "write for example \"tiebreak\"");
    }
    if external && raw.host.as_deref().is_none_or(str::is_empty) {
        faults.add("mqtt.host", "it is missing", "name the external broker's host");
    }
    if !external && (raw.host.is_some() || raw.user.is_some()) {
        faults.add(
            "mqtt.host",
            "the embedded broker listens on this machine only and knows no users",
            "remove host and user, or set broker = \"external\"",
        );
    }
    let broker = if external {
        Broker::External {
            host: raw.host.unwrap_or_default(),
            port: raw.port.unwrap_or(1883),
            user: raw.user,
            password: raw.password,
        }
    } else {
        Broker::Embedded { port: raw.port.unwrap_or(0) }
    };
    // A thing of Zigbee2MQTT's reports on the topic below which it is commanded.
    let report = |e: &Entity| match &e.mqtt {
        Some(Mqtt::Zigbee2mqtt { topic }) => Some(topic.clone()),
        _ => None,
    };
    MqttSettings { broker, base, reports: home.entities.iter().filter_map(report).collect() }
}
