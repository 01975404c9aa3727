//! The Tmall-Genie-style handler: AliGenie's view of the house, and requests beyond it.
//!
//! It knows device types, directives and error codes of the AliGenie smart-home protocol (version 2, and version 1
//! for what version 2 has no attribute for), speaks Chinese first, and passes wishes for food, orders and calls on as
//! a request that another program may carry out. It never
//! talks to Alibaba: the Genie has no local interface.

use std::sync::Arc;

use serde_json::{Value, json};

use super::handler::Handler;
use super::naming::Naming;
use super::operations::{COLORS, verb};
use super::requests::Requests;
use super::targets::{self, Assistant, Offer, the};
use crate::facts::bid::{Action, Answer, Ask, MediaKey, Operation, Risk};
use crate::facts::home::{Entity, EntityId, Home};
use crate::facts::intent::{Hypothesis, Lang};

/// As in `assistants` of the home file.
pub const NAME: &str = "tmall";

/// How sure the handler is that what it understands is done rightly. Judged, not measured: Chinese is its
/// mother tongue. `tiebreak calibrate` replaces these.
const FACTOR_ZH: f32 = 0.98;
const FACTOR_EN: f32 = 0.85;

/// What it passes on. Money is spent, or somebody's telephone rings: there a mistake is worse than a wrong lamp.
const REQUESTS: [(&str, Risk); 8] = [
    ("TiebreakEatOut", Risk::Low),
    ("TiebreakOrder", Risk::Medium),
    ("TiebreakBuy", Risk::Medium),
    ("TiebreakCall", Risk::Medium),
    ("TiebreakCalendarAdd", Risk::Low),
    ("TiebreakCalendarGet", Risk::Low),
    ("HassShoppingListAddItem", Risk::Low),
    ("HassListAddItem", Risk::Low),
];

/// The Tmall-Genie-style handler.
pub struct Tmall {
    home: Arc<Home>,
    requests: Requests,
    naming: Option<Naming>,
}

impl Tmall {
    /// A handler for `home`, of which it knows what `naming` allows; requests beyond the house go to
    /// `<base>/request/tmall`.
    pub fn new(home: Arc<Home>, base: &str, naming: Option<Naming>) -> Self {
        Self { home, requests: Requests::new(NAME, base, &REQUESTS), naming }
    }
}

impl Handler for Tmall {
    fn name(&self) -> &str {
        NAME
    }

    fn confidence_max(&self) -> f32 {
        FACTOR_ZH
    }

    fn bid(&self, ask: &Ask) -> Answer {
        let factor = match ask.lang {
            Lang::En => FACTOR_EN,
            Lang::Zh => FACTOR_ZH,
        };
        targets::bid_on_best(ask, factor, |h| self.offer(h, ask))
    }

    fn may_wait(&self) -> bool {
        false
    }

    fn native(&self, id: &str, action: &Action) -> Option<Value> {
        let things: Vec<&Entity> = action.targets.iter().filter_map(|t| self.home.entity(&t.0)).collect();
        let orders: Vec<Directive> = things.iter().filter_map(|e| directive(e, &action.operation).ok()).collect();
        let same = orders.windows(2).all(|two| two[0].param == two[1].param);
        Some(match orders.first().and_then(|d| d.param.as_ref()).filter(|_| same) {
            Some(param) => json!([param.message(id, &things)]),
            None => orders.iter().zip(&things).map(|(d, e)| d.message(id, e)).collect(),
        })
    }
}

impl Tmall {
    fn offer(&self, h: &Hypothesis, ask: &Ask) -> Result<Offer, String> {
        if let Some(offer) = self.requests.offer(h, ask) {
            return Ok(offer);
        }
        let fits = |entity: &Entity, operation: &Operation| {
            directive(entity, operation)?;
            let named = self.naming.as_ref().map(|naming| naming.of(entity, &self.home)).transpose();
            named.map(|_| ()).map_err(|why| format!("the Genie cannot know {}: {why}", the(entity)))
        };
        Assistant { name: NAME, home: &self.home, fits: &fits }.offer(h)
    }
}

/// What AliGenie sends to a device's cloud: `AliGenie.Iot.Device.Control`.
#[derive(Debug, Clone, PartialEq)]
pub struct Directive {
    /// As in the protocol's list of device types.
    pub device_type: &'static str,
    /// Name of the directive.
    pub name: &'static str,
    /// The attribute that is set.
    pub attribute: &'static str,
    /// Its value, as the protocol writes it.
    pub value: String,
    /// The same in version 2; `None` where that has no attribute for it.
    pub param: Option<Param>,
}

/// One attribute of version 2.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Changed by `value` instead of set to it.
    adjusts: bool,
    name: &'static str,
    value: Value,
}

const NAMESPACE: &str = "AliGenie.Iot.Device.Control";

impl Directive {
    /// The message of version 1: one device, one attribute. (`payLoadVersion` is written so in the protocol.)
    fn message(&self, id: &str, entity: &Entity) -> Value {
        json!({
            "header": { "namespace": NAMESPACE, "name": self.name, "messageId": id, "payLoadVersion": 1 },
            "payload": { "deviceId": entity.id, "deviceType": self.device_type, "attribute": self.attribute, "value": self.value },
        })
    }
}

impl Param {
    /// The message of version 2: any number of devices.
    fn message(&self, id: &str, things: &[&Entity]) -> Value {
        let name = if self.adjusts { "thing.attribute.adjust" } else { "thing.attribute.set" };
        let ids: Vec<&EntityId> = things.iter().map(|e| &e.id).collect();
        json!({
            "header": { "namespace": NAMESPACE, "name": name, "messageId": id, "payLoadVersion": 2 },
            "payload": { "deviceIds": ids, "params": { (self.name): self.value } },
        })
    }
}

/// The protocol's error codes for what it cannot do.
const NOT_SUPPORTED: &str = "DEVICE_NOT_SUPPORT_FUNCTION";
const INVALID_PARAMS: &str = "INVALIDATE_PARAMS";

/// The device type that `entity` is for AliGenie.
fn device_type(entity: &Entity) -> Result<&'static str, String> {
    Ok(match entity.id.domain() {
        "light" => "light",
        "switch" | "input_boolean" => "switch",
        "fan" => "fan",
        "cover" => "curtain",
        "lock" => "fingerprintlock",
        "climate" => "aircondition",
        "water_heater" => "waterheater",
        "humidifier" => "humidifier",
        "vacuum" => "roboticvacuum",
        "media_player" => "television",
        "scene" | "script" => "scene",
        other => return Err(format!("AliGenie has no device type for {other}")),
    })
}

/// `operation` on `entity` as AliGenie would order it.
///
/// # Errors
/// AliGenie has no such thing, or the value is outside its range; the protocol's error code stands in brackets.
pub fn directive(entity: &Entity, operation: &Operation) -> Result<Directive, String> {
    let device_type = device_type(entity)?;
    let v1 = |name, attribute, value: String| Directive { device_type, name, attribute, value, param: None };
    let ok = |name, attribute, value: String| Ok(v1(name, attribute, value));
    // Attributes of version 2 have the names of version 1, and numbers for values.
    let both = |name, attribute, value: String, number: Value| {
        let param = Some(Param { adjusts: false, name: attribute, value: number });
        Ok(Directive { param, ..v1(name, attribute, value) })
    };
    let percent = |share: &f64| (share * 100.0).round();
    match (device_type, operation) {
        (_, Operation::TurnOn) => both("TurnOn", "powerstate", "on".into(), json!(1)),
        ("scene", _) => Err(format!("{} can only be turned on ({NOT_SUPPORTED})", the(entity))),
        (_, Operation::TurnOff) => both("TurnOff", "powerstate", "off".into(), json!(0)),
        ("light", Operation::Brightness(level)) => {
            both("SetBrightness", "brightness", percent(level).to_string(), json!(percent(level)))
        }
        ("light", Operation::BrightnessStep(step)) => {
            let name = if *step > 0.0 { "AdjustUpBrightness" } else { "AdjustDownBrightness" };
            let param = Some(Param { adjusts: true, name: "brightness", value: json!(percent(step)) });
            Ok(Directive { param, ..v1(name, "brightnessStep", percent(&step.abs()).to_string()) })
        }
        ("light", Operation::Color { hue, saturation }) => {
            let name = color(*hue, *saturation)?;
            both("SetColor", "color", name.into(), json!(name))
        }
        ("light", Operation::ColorTemp { kelvin }) => {
            both("SetColorTemperature", "colorTemperature", kelvin.round().to_string(), json!(kelvin.round()))
        }
        // The protocol leaves the range to the maker; this is what air conditioners usually have.
        ("aircondition" | "waterheater", Operation::Temperature(t)) => {
            let range = if device_type == "aircondition" { 16.0..=32.0 } else { 30.0..=75.0 };
            if !range.contains(t) {
                let (min, max) = range.into_inner();
                return Err(format!("AliGenie takes {min} to {max} °C here, not {t} ({INVALID_PARAMS})"));
            }
            both("SetTemperature", "temperature", t.to_string(), json!(t))
        }
        // The protocol leaves the steps to the maker too; three are what fans usually have.
        ("fan", Operation::Speed(speed)) => ok("SetWindSpeed", "windspeed", format!("{}", (speed * 3.0).ceil())),
        ("curtain", Operation::Position(p)) => ok("SetPosition", "position", percent(p).to_string()),
        ("television", Operation::Volume(v)) => ok("SetVolume", "volume", percent(v).to_string()),
        ("television", Operation::Media(MediaKey::Play)) => ok("Continue", "powerstate", "on".into()),
        ("television", Operation::Media(MediaKey::Pause)) => ok("Pause", "powerstate", "off".into()),
        ("television", Operation::Media(MediaKey::Next)) => ok("Next", "channel", "next".into()),
        ("television", Operation::Media(MediaKey::Previous)) => ok("Previous", "channel", "previous".into()),
        _ => Err(format!("for AliGenie {} cannot {} ({NOT_SUPPORTED})", the(entity), verb(operation))),
    }
}

/// The colours that `SetColor` knows (black is listed too, but no lamp shines black).
fn color(hue: f64, saturation: f64) -> Result<&'static str, String> {
    const KNOWN: [(&str, &str); 8] = [
        ("red", "Red"),
        ("yellow", "Yellow"),
        ("blue", "Blue"),
        ("green", "Green"),
        ("white", "White"),
        ("cyan", "Cyan"),
        ("purple", "Purple"),
        ("orange", "Orange"),
    ];
    let name = COLORS.iter().find(|(_, h, s)| (*h, *s) == (hue, saturation)).map(|(name, ..)| *name);
    let known = name.and_then(|name| KNOWN.iter().find(|(ours, _)| *ours == name));
    known
        .map(|(_, theirs)| *theirs)
        .ok_or(format!("AliGenie does not know the colour {} ({INVALID_PARAMS})", name.unwrap_or("asked for")))
}
