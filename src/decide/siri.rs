//! The Siri-style handler: HomeKit's view of the house.
//!
//! It knows services, characteristics and their ranges (HAP specification R2, chapters 8 and 9), no vacuum
//! cleaners. Calls, messages, appointments and lists it passes on as a request that another program may carry
//! out. It never talks to Apple: Siri has no interface for text.

use std::sync::Arc;

use super::handler::Handler;
use super::requests::Requests;
use super::targets::{self, Assistant, Offer, is_a_way_in, the};
use crate::facts::bid::{Answer, Ask, MediaKey, Operation, Risk};
use crate::facts::home::{Entity, Home};
use crate::facts::intent::{Hypothesis, Lang};

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
}

impl Siri {
    fn offer(&self, h: &Hypothesis, ask: &Ask) -> Result<Offer, String> {
        if let Some(offer) = self.requests.offer(h, ask) {
            return Ok(offer);
        }
        let fits = |entity: &Entity, operation: &Operation| write(entity, operation).map(|_| ());
        Assistant { name: NAME, home: &self.home, fits: &fits }.offer(h)
    }
}

/// HomeKit's services that a house is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// 43
    Lightbulb,
    /// 49
    Switch,
    /// 40
    Fan,
    /// 8C
    WindowCovering,
    /// 41
    GarageDoorOpener,
    /// 45
    LockMechanism,
    /// 4A
    Thermostat,
    /// D0
    Valve,
    /// D8
    Television,
    /// Not a service but an action set of the home.
    Scene,
}

/// One write of a characteristic, as in `PUT /characteristics`.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Which service.
    pub service: Service,
    /// Name of the characteristic.
    pub characteristic: &'static str,
    /// In the characteristic's own unit.
    pub value: f64,
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

/// `operation` on `entity` as HomeKit would write it.
///
/// # Errors
/// HomeKit has no such thing, or the value is outside its range.
pub fn write(entity: &Entity, operation: &Operation) -> Result<Write, String> {
    use Service as S;
    let service = service(entity)?;
    let ok = |characteristic, value| Ok(Write { service, characteristic, value });
    match (service, operation) {
        (S::Lightbulb | S::Switch | S::Fan, Operation::TurnOn) => ok("On", 1.0),
        (S::Lightbulb | S::Switch | S::Fan, Operation::TurnOff) => ok("On", 0.0),
        (S::Fan, Operation::Speed(speed)) => ok("RotationSpeed", (speed * 100.0).round()),
        (S::Valve | S::Television, Operation::TurnOn) => ok("Active", 1.0),
        (S::Valve | S::Television, Operation::TurnOff) => ok("Active", 0.0),
        (S::Scene, Operation::TurnOn) => ok("ActionSet", 1.0),
        // Home Assistant's way to say it: a lock is locked by "on" and unlocked by "off".
        (S::LockMechanism, Operation::TurnOn) => ok("LockTargetState", 1.0),
        (S::LockMechanism, Operation::TurnOff) => ok("LockTargetState", 0.0),
        (S::GarageDoorOpener, Operation::TurnOn) => ok("TargetDoorState", 0.0),
        (S::GarageDoorOpener, Operation::TurnOff) => ok("TargetDoorState", 1.0),
        (S::WindowCovering, Operation::TurnOn) => ok("TargetPosition", 100.0),
        (S::WindowCovering, Operation::TurnOff) => ok("TargetPosition", 0.0),
        (S::WindowCovering, Operation::Position(p)) => ok("TargetPosition", (p * 100.0).round()),
        (S::Thermostat, Operation::TurnOn) => ok("TargetHeatingCoolingState", 1.0),
        (S::Thermostat, Operation::TurnOff) => ok("TargetHeatingCoolingState", 0.0),
        (S::Thermostat, Operation::Temperature(t)) => {
            let t = (t * 10.0).round() / 10.0;
            within(t, 10.0, 38.0, "°C").and_then(|()| ok("TargetTemperature", t))
        }
        (S::Lightbulb, Operation::Brightness(level)) => {
            let percent = (level * 100.0).round();
            within(percent, 1.0, 100.0, "percent").and_then(|()| ok("Brightness", percent))
        }
        (S::Lightbulb, Operation::BrightnessStep(_)) => {
            Err(format!("HomeKit sets a level and knows no steps, and how bright {} is now is not known", the(entity)))
        }
        (S::Lightbulb, Operation::Color { hue, .. }) => ok("Hue", *hue),
        (S::Lightbulb, Operation::ColorTemp { kelvin }) => {
            let mired = (1e6 / kelvin).round();
            within(mired, 140.0, 500.0, "mired").and_then(|()| ok("ColorTemperature", mired))
        }
        (S::Television, Operation::Volume(v)) => ok("Volume", (v * 100.0).round()),
        (S::Television, Operation::Media(MediaKey::Play)) => ok("TargetMediaState", 0.0),
        (S::Television, Operation::Media(MediaKey::Pause)) => ok("TargetMediaState", 1.0),
        (S::Television, Operation::Media(MediaKey::Next)) => ok("RemoteKey", 2.0),
        (S::Television, Operation::Media(MediaKey::Previous)) => ok("RemoteKey", 3.0),
        _ => Err(format!("in HomeKit {} cannot {}", the(entity), super::operations::verb(operation))),
    }
}

fn within(value: f64, min: f64, max: f64, unit: &str) -> Result<(), String> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(format!("HomeKit takes {min} to {max} {unit}, not {value}")) }
}
