//! The Siri-style handler: HomeKit's view of the house.
//!
//! It knows services, characteristics and their ranges (HAP specification R2, chapters 8 and 9), no vacuum
//! cleaners; its zones are the storeys of the home file. Calls, messages, appointments and lists it passes on as a
//! request that another program may carry out. It never talks to Apple: Siri has no interface for text.

use std::sync::Arc;

use serde_json::{Value, json};

use super::handler::Handler;
use super::requests::Requests;
use super::targets::{self, Assistant, Offer, is_a_way_in, the};
use crate::facts::bid::{Action, Answer, Ask, MediaKey, Operation, Risk};
use crate::facts::home::{Entity, Home};
use crate::facts::intent::{Hypothesis, Lang};
use crate::facts::mqtt::OnMode;

/// As in `assistants` of the home file.
pub const NAME: &str = "siri";

/// How sure the handler is that what it understands is done rightly. Judged, not measured: English is its
/// mother tongue. `tiebreak calibrate` replaces these.
const FACTOR_EN: f32 = 0.97;
const FACTOR_ZH: f32 = 0.90;

/// What it passes on. Somebody's telephone rings: a mistake is worse than a wrong lamp.
const REQUESTS: [(&str, Risk); 7] = [
    ("TiebreakCall", Risk::Medium),
    ("TiebreakMessage", Risk::Medium),
    ("TiebreakCalendarAdd", Risk::Low),
    ("TiebreakCalendarGet", Risk::Low),
    ("HassBroadcast", Risk::Medium),
    ("HassShoppingListAddItem", Risk::Low),
    ("HassListAddItem", Risk::Low),
];

/// The Siri-style handler.
pub struct Siri {
    home: Arc<Home>,
    requests: Requests,
}

impl Siri {
    /// A handler for `home`; requests beyond the house go to `<base>/request/siri`.
    pub fn new(home: Arc<Home>, base: &str) -> Self {
        Self { home, requests: Requests::new(NAME, base, &REQUESTS) }
    }
}

impl Handler for Siri {
    fn name(&self) -> &str {
        NAME
    }

    fn confidence_max(&self) -> f32 {
        FACTOR_EN
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

    fn native(&self, _: &str, action: &Action) -> Option<Value> {
        let things = action.targets.iter().filter_map(|t| self.home.entity(&t.0));
        let all = things.flat_map(|e| writes(e, &action.operation).into_iter().flatten().map(|w| w.json(e)));
        Some(json!({ "characteristics": all.collect::<Vec<_>>() }))
    }
}

impl Siri {
    fn offer(&self, h: &Hypothesis, ask: &Ask) -> Result<Offer, String> {
        if let Some(offer) = self.requests.offer(h, ask) {
            return Ok(offer);
        }
        let fits = |entity: &Entity, operation: &Operation| writes(entity, operation).map(|_| ());
        Assistant { name: NAME, home: &self.home, fits: &fits }.offer(h)
    }
}

/// HomeKit's services that a house is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// A lamp.
    Lightbulb,
    /// Anything that is merely on or off.
    Switch,
    /// A fan.
    Fan,
    /// A curtain or blind.
    WindowCovering,
    /// A garage door or gate: a secure accessory.
    GarageDoorOpener,
    /// A lock: a secure accessory.
    LockMechanism,
    /// Heating or cooling.
    Thermostat,
    /// A valve.
    Valve,
    /// A player.
    Television,
    /// Not a service but an action set of the home.
    Scene,
}

impl Service {
    /// The short form of its UUID (HAP specification R2, chapter 8); `None` for what is no service.
    fn uuid(self) -> Option<&'static str> {
        Some(match self {
            Self::Lightbulb => "43",
            Self::Switch => "49",
            Self::Fan => "40",
            Self::WindowCovering => "8C",
            Self::GarageDoorOpener => "41",
            Self::LockMechanism => "45",
            Self::Thermostat => "4A",
            Self::Valve => "D0",
            Self::Television => "D8",
            Self::Scene => return None,
        })
    }
}

/// A characteristic: its name and the short form of its UUID (HAP specification R2, chapter 9).
pub type Characteristic = (&'static str, &'static str);

const ON: Characteristic = ("On", "25");
const ACTIVE: Characteristic = ("Active", "B0");
const ROTATION_SPEED: Characteristic = ("RotationSpeed", "29");
const ACTION_SET: Characteristic = ("ActionSet", "");
const LOCK_TARGET_STATE: Characteristic = ("LockTargetState", "1E");
const TARGET_DOOR_STATE: Characteristic = ("TargetDoorState", "32");
const TARGET_POSITION: Characteristic = ("TargetPosition", "7C");
const TARGET_HEATING_COOLING: Characteristic = ("TargetHeatingCoolingState", "33");
const TARGET_TEMPERATURE: Characteristic = ("TargetTemperature", "35");
const BRIGHTNESS: Characteristic = ("Brightness", "8");
const HUE: Characteristic = ("Hue", "13");
const SATURATION: Characteristic = ("Saturation", "2F");
const COLOR_TEMPERATURE: Characteristic = ("ColorTemperature", "CE");
const VOLUME: Characteristic = ("Volume", "119");
const TARGET_MEDIA_STATE: Characteristic = ("TargetMediaState", "137");
const REMOTE_KEY: Characteristic = ("RemoteKey", "E1");

/// One write of a characteristic, as in `PUT /characteristics`.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Which service.
    pub service: Service,
    /// Which characteristic of it.
    pub characteristic: Characteristic,
    /// In the characteristic's own unit.
    pub value: f64,
}

impl Write {
    /// As in the list `characteristics`, with the type in place of the instance id, which only the accessory knows.
    fn json(&self, entity: &Entity) -> Value {
        let value = if self.characteristic == ON { json!(self.value != 0.0) } else { json!(self.value) };
        json!({ "accessory": entity.id, "service": self.service.uuid(), "type": self.characteristic.1,
                "name": self.characteristic.0, "value": value })
    }
}

/// The service that `entity` is in HomeKit.
fn service(entity: &Entity) -> Result<Service, String> {
    Ok(match entity.id.domain() {
        "light" => Service::Lightbulb,
        "switch" | "input_boolean" => Service::Switch,
        "fan" => Service::Fan,
        "cover" if is_a_way_in(entity) => Service::GarageDoorOpener,
        "cover" => Service::WindowCovering,
        "lock" => Service::LockMechanism,
        "climate" => Service::Thermostat,
        "valve" => Service::Valve,
        "media_player" => Service::Television,
        "scene" | "script" => Service::Scene,
        "vacuum" => return Err("HomeKit has no vacuum cleaner".into()),
        other => return Err(format!("HomeKit has no service for {other}")),
    })
}

/// `operation` on `entity` as HomeKit would write it: one characteristic, or two for a colour.
///
/// # Errors
/// HomeKit has no such thing, or the value is outside its range.
pub fn writes(entity: &Entity, operation: &Operation) -> Result<Vec<Write>, String> {
    use Service as S;
    let service = service(entity)?;
    let write = |characteristic, value| Write { service, characteristic, value };
    let ok = |characteristic, value| Ok(vec![write(characteristic, value)]);
    match (service, operation) {
        (S::Lightbulb | S::Switch | S::Fan, Operation::TurnOn) => ok(ON, 1.0),
        (S::Lightbulb | S::Switch | S::Fan, Operation::TurnOff) => ok(ON, 0.0),
        (S::Fan, Operation::Speed(speed)) => ok(ROTATION_SPEED, (speed * 100.0).round()),
        (S::Valve | S::Television, Operation::TurnOn) => ok(ACTIVE, 1.0),
        (S::Valve | S::Television, Operation::TurnOff) => ok(ACTIVE, 0.0),
        (S::Scene, Operation::TurnOn) => ok(ACTION_SET, 1.0),
        // Home Assistant's way to say it: a lock is locked by "on" and unlocked by "off".
        (S::LockMechanism, Operation::TurnOn) => ok(LOCK_TARGET_STATE, 1.0),
        (S::LockMechanism, Operation::TurnOff) => ok(LOCK_TARGET_STATE, 0.0),
        (S::GarageDoorOpener, Operation::TurnOn) => ok(TARGET_DOOR_STATE, 0.0),
        (S::GarageDoorOpener, Operation::TurnOff) => ok(TARGET_DOOR_STATE, 1.0),
        (S::WindowCovering, Operation::TurnOn) => ok(TARGET_POSITION, 100.0),
        (S::WindowCovering, Operation::TurnOff) => ok(TARGET_POSITION, 0.0),
        (S::WindowCovering, Operation::Position(p)) => ok(TARGET_POSITION, (p * 100.0).round()),
        (S::Thermostat, Operation::TurnOn) => match entity.on_mode {
            OnMode::Heat => ok(TARGET_HEATING_COOLING, 1.0),
            OnMode::Cool => ok(TARGET_HEATING_COOLING, 2.0),
            OnMode::Auto => ok(TARGET_HEATING_COOLING, 3.0),
            OnMode::Dry | OnMode::FanOnly => Err("HomeKit's thermostats only heat and cool".into()),
        },
        (S::Thermostat, Operation::TurnOff) => ok(TARGET_HEATING_COOLING, 0.0),
        (S::Thermostat, Operation::Temperature(t)) => {
            let t = (t * 10.0).round() / 10.0;
            within(t, 10.0, 38.0, "°C").and_then(|()| ok(TARGET_TEMPERATURE, t))
        }
        (S::Lightbulb, Operation::Brightness(level)) => {
            let percent = (level * 100.0).round();
            within(percent, 1.0, 100.0, "percent").and_then(|()| ok(BRIGHTNESS, percent))
        }
        (S::Lightbulb, Operation::BrightnessStep(_)) => {
            Err(format!("HomeKit sets a level and knows no steps, and how bright {} is now is not known", the(entity)))
        }
        (S::Lightbulb, Operation::Color { hue, saturation }) => {
            Ok(vec![write(HUE, *hue), write(SATURATION, (saturation * 100.0).round())])
        }
        (S::Lightbulb, Operation::ColorTemp { kelvin }) => {
            let mired = (1e6 / kelvin).round();
            within(mired, 140.0, 500.0, "mired").and_then(|()| ok(COLOR_TEMPERATURE, mired))
        }
        (S::Television, Operation::Volume(v)) => ok(VOLUME, (v * 100.0).round()),
        (S::Television, Operation::Media(MediaKey::Play)) => ok(TARGET_MEDIA_STATE, 0.0),
        (S::Television, Operation::Media(MediaKey::Pause)) => ok(TARGET_MEDIA_STATE, 1.0),
        (S::Television, Operation::Media(MediaKey::Next)) => ok(REMOTE_KEY, 2.0),
        (S::Television, Operation::Media(MediaKey::Previous)) => ok(REMOTE_KEY, 3.0),
        _ => Err(format!("in HomeKit {} cannot {}", the(entity), super::operations::verb(operation))),
    }
}

fn within(value: f64, min: f64, max: f64, unit: &str) -> Result<(), String> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(format!("HomeKit takes {min} to {max} {unit}, not {value}")) }
}
