//! What is in the house: areas, floors and entities, as written in `home.toml`.
//!
//! Two steps: [`RawHome`] is exactly what the user typed (unknown keys refused), [`Home`] is validated.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{Fault, toml_fault};
use super::intent::Lang;
use super::mqtt::RawMqtt;
pub use super::mqtt::{Mqtt, OnMode, check_topic};

/// The house that ships with Tiebreak, used until the user names another.
pub const EMBEDDED_HOME: &str = include_str!("../../audio-fixtures/home.toml");

/// Names per language; the first is the one that is spoken back, the others are aliases.
pub type Names = BTreeMap<Lang, Vec<String>>;

/// `domain.object`, as in Home Assistant: `light.living_room_ceiling`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityId(pub String);

impl EntityId {
    /// The class of thing: `light`.
    pub fn domain(&self) -> &str {
        self.0.split_once('.').map_or("", |(domain, _)| domain)
    }

    /// The part after the domain.
    pub fn object(&self) -> &str {
        self.0.split_once('.').map_or(self.0.as_str(), |(_, object)| object)
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What commands an entity takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// On and off.
    OnOff,
    /// Light level.
    Brightness,
    /// Hue and saturation.
    Color,
    /// White between warm and cold.
    ColorTemp,
    /// Open and close.
    OpenClose,
    /// A position between closed and open.
    Position,
    /// Lock and unlock.
    Lock,
    /// A target temperature.
    Temperature,
    /// Speed of a fan.
    Speed,
    /// Volume.
    Volume,
    /// Play, pause, next, previous.
    Media,
    /// Start and return to base.
    Vacuum,
    /// Activate (scenes, scripts).
    Activate,
}

/// A room.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// Unique id.
    pub id: String,
    /// Spoken names.
    pub names: Names,
    /// Id of its floor.
    pub floor: Option<String>,
}

/// A storey.
#[derive(Debug, Clone, PartialEq)]
pub struct Floor {
    /// Unique id.
    pub id: String,
    /// Spoken names.
    pub names: Names,
}

/// A controllable thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// `domain.object`.
    pub id: EntityId,
    /// Id of the room it is in.
    pub area: Option<String>,
    /// Spoken names.
    pub names: Names,
    /// What commands it takes.
    pub can: BTreeSet<Capability>,
    /// Names of the handlers that may control it.
    pub assistants: Vec<String>,
    /// How it is reached; `None`: known, but not controllable over MQTT.
    pub mqtt: Option<Mqtt>,
    /// What a climate is set to when it is turned on (`mqtt.on_mode`); of no meaning for other things.
    pub on_mode: OnMode,
}

/// The validated house.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Home {
    /// Rooms, in the order of the file.
    pub areas: Vec<Area>,
    /// Storeys.
    pub floors: Vec<Floor>,
    /// Things, in the order of the file.
    pub entities: Vec<Entity>,
}

/// `home.toml` exactly as typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawHome {
    #[serde(default)]
    area: Vec<RawArea>,
    #[serde(default)]
    floor: Vec<RawFloor>,
    #[serde(default)]
    entity: Vec<RawEntity>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArea {
    id: String,
    name: Names,
    floor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFloor {
    id: String,
    name: Names,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntity {
    id: String,
    area: Option<String>,
    name: Names,
    #[serde(default)]
    can: BTreeSet<Capability>,
    #[serde(default)]
    assistants: Vec<String>,
    mqtt: Option<RawMqtt>,
}

impl Home {
    /// Reads a house from TOML `text`; `file` is only for messages.
    ///
    /// # Errors
    /// Every fault found, each with its key: unknown keys, wrong types, ids used twice or malformed,
    /// rooms that do not exist, empty names, topics with wildcards.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Fault>> {
        let raw: RawHome = toml::from_str(text).map_err(|e| vec![toml_fault(&e, text, file)])?;
        let mut faults = Faults { file, list: Vec::new() };
        let floors: Vec<Floor> = raw.floor.into_iter().map(|f| Floor { id: f.id, names: f.name }).collect();
        let areas: Vec<Area> = raw.area.into_iter().map(|a| Area { id: a.id, names: a.name, floor: a.floor }).collect();
        let mut seen = BTreeSet::new();
        for (kind, id, names) in
            floors.iter().map(|f| ("floor", &f.id, &f.names)).chain(areas.iter().map(|a| ("area", &a.id, &a.names)))
        {
            faults.check_id_and_names(kind, id, names);
            if !seen.insert((kind, id.clone())) {
                faults.add(format!("{kind} {id:?}"), "the id is used twice", "give each its own id");
            }
        }
        for area in &areas {
            if let Some(floor) = &area.floor
                && !floors.iter().any(|f| &f.id == floor)
            {
                faults.add(
                    format!("area {:?}: floor", area.id),
                    format!("there is no floor {floor:?}"),
                    "add [[floor]] or correct the id",
                );
            }
        }
        let mut entities = Vec::with_capacity(raw.entity.len());
        for e in raw.entity {
            let key = format!("entity {:?}", e.id);
            faults.check_id_and_names("entity", &e.id, &e.name);
            if e.id.split('.').filter(|p| !p.is_empty()).count() != 2 {
                faults.add(
                    format!("{key}: id"),
                    "it is not of the form domain.object",
                    "write for example \"light.desk\"",
                );
            }
            if !seen.insert(("entity", e.id.clone())) {
                faults.add(key.clone(), "the id is used twice", "give each its own id");
            }
            if let Some(area) = &e.area
                && !areas.iter().any(|a| &a.id == area)
            {
                faults.add(
                    format!("{key}: area"),
                    format!("there is no area {area:?}"),
                    "add [[area]] or correct the id",
                );
            }
            let id = EntityId(e.id);
            let meant = e.mqtt.map(|raw| {
                raw.validated(id.domain(), |k, what, remedy| faults.add(format!("{key}: mqtt.{k}"), what, remedy))
            });
            let (mqtt, on_mode) = meant.map_or((None, OnMode::default()), |(mqtt, on_mode)| (Some(mqtt), on_mode));
            let (area, names, can, assistants) = (e.area, e.name, e.can, e.assistants);
            entities.push(Entity { id, area, names, can, assistants, mqtt, on_mode });
        }
        if faults.list.is_empty() { Ok(Self { areas, floors, entities }) } else { Err(faults.list) }
    }

    /// The entity with this id.
    pub fn entity(&self, id: &str) -> Option<&Entity> {
        self.entities.iter().find(|e| e.id.0 == id)
    }

    /// The room with this id.
    pub fn area(&self, id: &str) -> Option<&Area> {
        self.areas.iter().find(|a| a.id == id)
    }

    /// Whether `entity` stands on `floor`.
    pub fn on_floor(&self, entity: &Entity, floor: &str) -> bool {
        entity.area.as_deref().and_then(|a| self.area(a)).and_then(|a| a.floor.as_deref()) == Some(floor)
    }
}

struct Faults<'a> {
    file: &'a str,
    list: Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, key: String, what: impl Into<String>, remedy: &str) {
        self.list.push(Fault::new(self.file, key, what, remedy));
    }

    fn check_id_and_names(&mut self, kind: &str, id: &str, names: &Names) {
        if id.trim().is_empty() || id.chars().any(|c| c.is_whitespace() || c.is_control()) {
            self.add(
                format!("{kind} {id:?}: id"),
                "the id is empty or holds a space",
                "use letters, digits, '_' and '.'",
            );
        }
        if names.values().flatten().all(|n| n.trim().is_empty()) {
            self.add(
                format!("{kind} {id:?}: name"),
                "it has no name that can be spoken",
                "write name = { en = [\"...\"] }",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_home_is_valid() {
        let home = Home::parse(EMBEDDED_HOME, "embedded").expect("the shipped home parses");
        assert!(home.entities.len() > 5);
    }

    #[test]
    fn each_fault_names_its_key() {
        let cases = [
            ("[[area]]\nid = \"a\"\nname = { en = [\"a\"] }\nfloor = \"x\"\n", "floor"),
            ("[[area]]\nid = \"a\"\nname = { en = [\"\"] }\n", "name"),
            ("[[area]]\nid = \"a\"\nname = { en = [\"a\"] }\ncolour = 1\n", "4:1"),
            ("[[entity]]\nid = \"light\"\nname = { en = [\"a\"] }\n", "id"),
            ("[[entity]]\nid = \"light.a\"\narea = \"nowhere\"\nname = { en = [\"a\"] }\n", "area"),
            (
                "[[entity]]\nid = \"light.a\"\nname = { en = [\"a\"] }\nmqtt = { style = \"zigbee2mqtt\", topic = \"a/#\" }\n",
                "mqtt.topic",
            ),
            (
                "[[entity]]\nid = \"light.a\"\nname = { en = [\"a\"] }\nmqtt = { style = \"carrier_pigeon\", topic = \"a\" }\n",
                "4:",
            ),
            (
                "[[entity]]\nid = \"climate.a\"\nname = { en = [\"a\"] }\nmqtt = { style = \"zigbee2mqtt\", topic = \"a\", on_mode = \"warm\" }\n",
                "4:",
            ),
            (
                "[[entity]]\nid = \"light.a\"\nname = { en = [\"a\"] }\nmqtt = { style = \"shelly\", topic = \"a\", output = 1 }\n",
                "entity \"light.a\": mqtt.output",
            ),
        ];
        for (text, key) in cases {
            let faults = Home::parse(text, "home.toml").expect_err(text);
            assert!(faults.iter().any(|f| f.key.contains(key)), "{text}: {faults:?} should name {key}");
        }
    }
}
