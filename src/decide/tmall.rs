//! The Tmall-Genie-style handler: AliGenie's view of the house, and requests beyond it.
//!
//! It knows device types and directives of the AliGenie smart-home protocol (version 1), speaks Chinese
//! first, and passes wishes for food, orders and calls on as a request that another program may carry out. It never
//! talks to Alibaba: the Genie has no local interface.

use std::sync::Arc;

use super::handler::Handler;
use super::operations::{COLORS, verb};
use super::requests::Requests;
use super::targets::{self, Assistant, Offer, the};
use crate::facts::bid::{Answer, Ask, MediaKey, Operation, Risk};
use crate::facts::home::{Entity, Home};
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
}

impl Tmall {
    /// A handler for `home`; requests beyond the house go to `<base>/request/tmall`.
    pub fn new(home: Arc<Home>, base: &str) -> Self {
        Self { home, requests: Requests::new(NAME, base, &REQUESTS) }
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
}

impl Tmall {
    fn offer(&self, h: &Hypothesis, ask: &Ask) -> Result<Offer, String> {
        if let Some(offer) = self.requests.offer(h, ask) {
            return Ok(offer);
        }
        let fits = |entity: &Entity, operation: &Operation| directive(entity, operation).map(|_| ());
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
}

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
/// AliGenie has no such thing, or the value is outside its range.
pub fn directive(entity: &Entity, operation: &Operation) -> Result<Directive, String> {
    let device_type = device_type(entity)?;
    let ok = |name, attribute, value: String| Ok(Directive { device_type, name, attribute, value });
    let percent = |share: &f64| format!("{}", (share * 100.0).round());
    match (device_type, operation) {
        (_, Operation::TurnOn) => ok("TurnOn", "powerstate", "on".into()),
        ("scene", _) => Err(format!("{} can only be turned on", the(entity))),
        (_, Operation::TurnOff) => ok("TurnOff", "powerstate", "off".into()),
        ("light", Operation::Brightness(level)) => ok("SetBrightness", "brightness", percent(level)),
        ("light", Operation::BrightnessStep(step)) => {
            let name = if *step > 0.0 { "AdjustUpBrightness" } else { "AdjustDownBrightness" };
            ok(name, "brightnessStep", percent(&step.abs()))
        }
        ("light", Operation::Color { hue, saturation }) => ok("SetColor", "color", color(*hue, *saturation)?.into()),
        ("light", Operation::ColorTemp { kelvin }) => {
            ok("SetColorTemperature", "colorTemperature", format!("{}", kelvin.round()))
        }
        // The protocol leaves the range to the maker; this is what air conditioners usually have.
        ("aircondition" | "waterheater", Operation::Temperature(t)) => {
            let range = if device_type == "aircondition" { 16.0..=32.0 } else { 30.0..=75.0 };
            if !range.contains(t) {
                return Err(format!("AliGenie takes {} to {} °C here, not {t}", range.start(), range.end()));
            }
            ok("SetTemperature", "temperature", format!("{t}"))
        }
        // The protocol leaves the steps to the maker too; three are what fans usually have.
        ("fan", Operation::Speed(speed)) => ok("SetWindSpeed", "windspeed", format!("{}", (speed * 3.0).ceil())),
        ("curtain", Operation::Position(p)) => ok("SetPosition", "position", percent(p)),
        ("television", Operation::Volume(v)) => ok("SetVolume", "volume", percent(v)),
        ("television", Operation::Media(MediaKey::Play)) => ok("Continue", "powerstate", "on".into()),
        ("television", Operation::Media(MediaKey::Pause)) => ok("Pause", "powerstate", "off".into()),
        ("television", Operation::Media(MediaKey::Next)) => ok("Next", "channel", "next".into()),
        ("television", Operation::Media(MediaKey::Previous)) => ok("Previous", "channel", "previous".into()),
        _ => Err(format!("for AliGenie {} cannot {}", the(entity), verb(operation))),
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
    known.map(|(_, theirs)| *theirs).ok_or(format!("AliGenie does not know the colour {}", name.unwrap_or("asked for")))
}
