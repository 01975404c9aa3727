//! The house as tools of a language model, and what comes back as a hypothesis.
//!
//! Pure. One list of parameters is both the JSON schema that is offered and the check of what the model calls,
//! so that nothing is accepted which was not offered: an unknown tool, an unknown thing, an argument too many, a
//! number out of range is an error with a reason, never corrected or guessed.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::decide::operations::{COLORS, takes};
use crate::facts::bid::{MediaKey, Operation};
use crate::facts::home::{Entity, Home};
use crate::facts::intent::{Hypothesis, Lang, SlotValue, Slots, Via};

/// The tool by which a model says that nothing is to be done.
pub const NOTHING: &str = "nothing_to_do";

/// One tool: an intent, and what it may be called with.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    intent: &'static str,
    about: &'static str,
    parameters: Vec<Parameter>,
    /// Parameters that must be there.
    required: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
struct Parameter {
    name: &'static str,
    about: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// One of these words.
    Choice(Vec<String>),
    /// A number within these, both included.
    Number(f64, f64),
}

/// Everything that is offered to a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tools {
    list: Vec<Tool>,
    /// The things it may control, for the prompt.
    things: Vec<String>,
}

/// A parameter that says how it shall be, and an operation that only things which have it can do.
type Setting = (&'static str, &'static str, fn() -> Kind, Operation);

/// Brightness, position and volume, in percent.
fn percent() -> Kind {
    Kind::Number(0.0, 100.0)
}

fn colors() -> Kind {
    Kind::Choice(COLORS.iter().map(|(name, ..)| (*name).to_owned()).collect())
}

/// Every tool that a house may need: intent, what it does, and its settings. Without a setting, the operation
/// after it says which things can do it.
const TOOLS: [(&str, &str, Operation, &[Setting]); 11] = [
    ("HassTurnOn", "Turn on; open a cover; lock a lock; activate a scene", Operation::TurnOn, &[]),
    ("HassTurnOff", "Turn off; close a cover; unlock a lock", Operation::TurnOff, &[]),
    (
        "HassLightSet",
        "Set a light: exactly one of its settings",
        Operation::Brightness(0.0),
        &[
            ("brightness", "percent", percent, Operation::Brightness(0.0)),
            (
                "brightness_step",
                "percent brighter, or darker if negative",
                || Kind::Number(-100.0, 100.0),
                Operation::BrightnessStep(0.0),
            ),
            ("color", "by name", colors, Operation::Color { hue: 0.0, saturation: 0.0 }),
            // What lamps can do lies within; 1500 is candle light, 9000 a blue sky.
            ("temperature", "white, in kelvin", || Kind::Number(1500.0, 9000.0), Operation::ColorTemp { kelvin: 0.0 }),
        ],
    ),
    (
        "HassSetPosition",
        "Set how far a cover is open",
        Operation::Position(0.0),
        &[("position", "percent, 0 closed", percent, Operation::Position(0.0))],
    ),
    (
        "HassClimateSetTemperature",
        "Set the temperature of a room",
        Operation::Temperature(0.0),
        // Frost protection to the hottest that HomeKit takes; what one thermostat takes, it knows itself.
        &[("temperature", "degrees Celsius", || Kind::Number(5.0, 38.0), Operation::Temperature(0.0))],
    ),
    (
        "HassSetVolume",
        "Set the volume",
        Operation::Volume(0.0),
        &[("volume_level", "percent", percent, Operation::Volume(0.0))],
    ),
    ("HassMediaUnpause", "Play", Operation::Media(MediaKey::Play), &[]),
    ("HassMediaPause", "Pause", Operation::Media(MediaKey::Pause), &[]),
    ("HassMediaNext", "Next track", Operation::Media(MediaKey::Next), &[]),
    ("HassMediaPrevious", "Previous track", Operation::Media(MediaKey::Previous), &[]),
    ("HassVacuumStart", "Start to vacuum (HassTurnOff sends it home)", Operation::TurnOn, &[]),
];

impl Tools {
    /// The tools for the things that list `handler` among their `assistants` and can be reached over MQTT.
    pub fn of(home: &Home, handler: &str) -> Self {
        let mine = |e: &&Entity| e.mqtt.is_some() && e.assistants.iter().any(|a| a == handler);
        let things: Vec<&Entity> = home.entities.iter().filter(mine).collect();
        let mut list = Vec::new();
        for (intent, about, operation, settings) in TOOLS {
            let settings: Vec<&Setting> =
                settings.iter().filter(|(.., op)| things.iter().any(|e| takes(e, op))).collect();
            let can = |e: &&&Entity| match intent {
                "HassVacuumStart" => e.id.domain() == "vacuum",
                "HassTurnOn" => e.id.domain() != "vacuum" && takes(e, &operation),
                _ if settings.is_empty() => takes(e, &operation),
                _ => settings.iter().any(|(.., op)| takes(e, op)),
            };
            let able: Vec<&Entity> = things.iter().filter(can).copied().collect();
            if able.is_empty() {
                continue;
            }
            let choice = |name, about, words: BTreeSet<&str>| Parameter {
                name,
                about,
                kind: Kind::Choice(words.into_iter().map(str::to_owned).collect()),
            };
            let mut parameters = vec![choice("name", "one thing", able.iter().map(|e| e.id.0.as_str()).collect())];
            let areas: BTreeSet<&str> = able.iter().filter_map(|e| e.area.as_deref()).collect();
            if !areas.is_empty() {
                parameters.push(choice("area", "everything in one room", areas));
            }
            parameters.push(choice("domain", "only this class", able.iter().map(|e| e.id.domain()).collect()));
            for (name, about, kind, _) in &settings {
                parameters.push(Parameter { name, about, kind: kind() });
            }
            // With one setting there is no choice; of several, `operations` takes exactly one.
            let required = if let [(name, ..)] = settings[..] { vec![*name] } else { Vec::new() };
            list.push(Tool { intent, about, parameters, required });
        }
        let lines = things.iter().map(|e| line(home, e)).collect();
        Self { list, things: lines }
    }

    /// Whether there is nothing that a model could do.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The things it may control: `id | room | names`, one a line.
    pub fn things(&self) -> String {
        self.things.join("\n")
    }

    /// As `tools` of the chat completions interface.
    pub fn json(&self) -> Value {
        let function = |name: &str, about: &str, properties: Map<String, Value>, required: &[&str]| {
            json!({ "type": "function", "function": {
                "name": name, "description": about,
                "parameters": { "type": "object", "properties": properties, "required": required, "additionalProperties": false },
            }})
        };
        let mut all: Vec<Value> =
            self.list.iter().map(|t| function(t.intent, t.about, t.properties(), &t.required)).collect();
        all.push(function(NOTHING, "Nothing in this house is to be done, or it is not certain what", Map::new(), &[]));
        Value::Array(all)
    }

    /// What a call of `name` with `arguments` (a JSON text or object) asks for; `None`: nothing, as the model says.
    ///
    /// # Errors
    /// What about the call was not offered.
    pub fn read(&self, name: &str, arguments: &Value) -> Result<Option<Hypothesis>, String> {
        let parsed;
        let arguments = match arguments {
            Value::String(text) => {
                let text = if text.trim().is_empty() { "{}" } else { text };
                parsed = serde_json::from_str(text).map_err(|e| format!("its arguments are not JSON: {e}"))?;
                &parsed
            }
            other => other,
        };
        let Value::Object(arguments) = arguments else { return Err("its arguments are no JSON object".into()) };
        if name == NOTHING {
            return Ok(None);
        }
        let tool = self.list.iter().find(|t| t.intent == name).ok_or(format!("there is no tool {name:?}"))?;
        let mut slots = Slots::new();
        for (key, value) in arguments {
            let parameter = tool.parameters.iter().find(|p| p.name == key);
            let parameter = parameter.ok_or(format!("{name} has no argument {key:?}"))?;
            slots.insert(key.clone(), parameter.kind.read(value).map_err(|why| format!("{key} of {name}: {why}"))?);
        }
        if let Some(missing) = tool.required.iter().find(|r| !arguments.contains_key(**r)) {
            return Err(format!("{name} lacks {missing}"));
        }
        Ok(Some(Hypothesis { intent: name.to_owned(), slots, confidence: 1.0, via: Via::Classifier }))
    }
}

impl Tool {
    fn properties(&self) -> Map<String, Value> {
        let schema = |p: &Parameter| match &p.kind {
            Kind::Choice(words) => json!({ "type": "string", "enum": words, "description": p.about }),
            Kind::Number(min, max) => {
                json!({ "type": "number", "minimum": min, "maximum": max, "description": p.about })
            }
        };
        self.parameters.iter().map(|p| (p.name.to_owned(), schema(p))).collect()
    }
}

impl Kind {
    fn read(&self, value: &Value) -> Result<SlotValue, String> {
        match (self, value) {
            (Self::Choice(words), Value::String(word)) if words.contains(word) => Ok(SlotValue::Text(word.clone())),
            (Self::Choice(_), _) => Err(format!("{} is none of those offered", short(value))),
            (Self::Number(min, max), Value::Number(n)) => {
                let n = n.as_f64().filter(|n| (*min..=*max).contains(n));
                n.map(SlotValue::Number).ok_or(format!("{} is not within {min} to {max}", short(value)))
            }
            (Self::Number(..), _) => Err(format!("{} is no number", short(value))),
        }
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().filter(|c| !c.is_control()).take(60).collect()
}

fn line(home: &Home, e: &Entity) -> String {
    let names = Lang::ALL.iter().filter_map(|l| e.names.get(l)).flatten().cloned().collect::<Vec<_>>().join(", ");
    let area = e.area.as_deref().and_then(|a| home.area(a));
    let room = area.map_or(String::new(), |a| {
        let names = Lang::ALL.iter().filter_map(|l| a.names.get(l)).flatten().cloned().collect::<Vec<_>>().join(", ");
        format!("{} ({names})", a.id)
    });
    format!("{} | {room} | {names}", e.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::home::EMBEDDED_HOME;

    /// The embedded house, in which the llm may do everything that tmall may.
    fn tools() -> Tools {
        let text = EMBEDDED_HOME.replace("\"tmall\"]", "\"tmall\", \"llm\"]");
        Tools::of(&Home::parse(&text, "test").expect("valid"), "llm")
    }

    #[test]
    fn nothing_is_offered_that_the_home_file_does_not_allow() {
        let home = Home::parse(EMBEDDED_HOME, "test").expect("valid");
        assert!(Tools::of(&home, "llm").is_empty());
        let json = tools().json();
        let of = |name: &str| json.as_array().expect("a list").iter().find(|t| t["function"]["name"] == name).cloned();
        let on = of("HassTurnOn").expect("offered");
        let names = &on["function"]["parameters"]["properties"]["name"]["enum"];
        let has = |id: &str| names.as_array().expect("a list").iter().any(|n| n == id);
        // The desk lamp and the garage door are siri's alone; the vacuum cleaner has a tool of its own.
        assert!(has("light.kitchen") && has("lock.front_door"), "{names}");
        assert!(!has("light.study_desk") && !has("cover.garage_door") && !has("vacuum.robot"), "{names}");
        assert!(of("HassVacuumStart").is_some() && of("HassSetVolume").is_none(), "there is no loudspeaker");
        assert_eq!(on["function"]["parameters"]["additionalProperties"], false);
        let position = of("HassSetPosition").expect("offered")["function"]["parameters"].clone();
        assert_eq!(
            (&position["required"][0], &position["properties"]["position"]["maximum"]),
            (&json!("position"), &json!(100.0))
        );
        assert!(tools().things().contains("light.kitchen | kitchen (kitchen, 厨房) | kitchen light, 厨房灯"));
    }

    #[test]
    fn what_was_not_offered_is_refused_with_a_reason() {
        let tools = tools();
        let fine = tools.read("HassLightSet", &json!(r#"{"name": "light.kitchen", "brightness": 30}"#));
        let h = fine.expect("valid").expect("something to do");
        assert_eq!((h.text("name"), h.number("brightness")), (Some("light.kitchen"), Some(30.0)));
        assert_eq!(tools.read(NOTHING, &json!("")), Ok(None));
        for (name, arguments, reason) in [
            ("HassExplode", json!("{}"), "no tool"),
            ("HassTurnOn", json!("{\"name\": \"light.attic\"}"), "none of those offered"),
            ("HassTurnOn", json!("{\"name\": \"light.study_desk\"}"), "none of those offered"),
            ("HassTurnOn", json!("{\"name\": \"light.kitchen\", \"force\": true}"), "no argument \"force\""),
            ("HassTurnOn", json!("{\"name\": [\"light.kitchen\"]}"), "none of those offered"),
            ("HassTurnOn", json!("turn it on"), "not JSON"),
            ("HassTurnOn", json!(["light.kitchen"]), "no JSON object"),
            ("HassLightSet", json!("{\"name\": \"light.kitchen\", \"brightness\": NaN}"), "not JSON"),
            ("HassLightSet", json!("{\"name\": \"light.kitchen\", \"brightness\": 1e999}"), "not JSON"),
            ("HassLightSet", json!("{\"name\": \"light.kitchen\", \"brightness\": 101}"), "not within 0 to 100"),
            ("HassLightSet", json!("{\"name\": \"light.kitchen\", \"brightness\": \"50\"}"), "no number"),
            ("HassLightSet", json!("{\"name\": \"light.kitchen\", \"color\": \"octarine\"}"), "none of those offered"),
            ("HassSetPosition", json!("{\"name\": \"cover.living_room_curtain\"}"), "lacks position"),
        ] {
            let why = tools.read(name, &arguments).expect_err(reason);
            assert!(why.contains(reason), "{arguments}: {why}");
        }
    }
}
