//! Intent and slots -> the operation that is asked for, in canonical units.
//!
//! Knows nothing of rooms, things or assistants: `targets` finds the things, `siri` and `tmall` say whether
//! their world has such an operation. What is not understood is declined with the reason, never guessed.

use crate::facts::bid::{MediaKey, Operation};
use crate::facts::home::{Capability, Entity};
use crate::facts::intent::{Hypothesis, SlotValue};

/// What a hypothesis asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What is to be done.
    pub operation: Operation,
    /// Classes of things that the intent itself implies; empty where the slots must say.
    pub domains: &'static [&'static str],
}

/// Reads `hypothesis`.
///
/// # Errors
/// Why it is nothing that can be done to things in the house, in plain words.
pub fn asked(hypothesis: &Hypothesis) -> Result<Asked, String> {
    let (operation, domains): (Operation, &'static [&'static str]) = match hypothesis.intent.as_str() {
        "HassTurnOn" => (Operation::TurnOn, &[]),
        "HassTurnOff" => (Operation::TurnOff, &[]),
        "HassLightSet" => (light(hypothesis)?, &["light"]),
        "HassSetPosition" => (Operation::Position(percent(hypothesis, "position")?), &["cover", "valve"]),
        "HassFanSetSpeed" => match percent(hypothesis, "percentage")? {
            0.0 => (Operation::TurnOff, &["fan"]),
            speed => (Operation::Speed(speed), &["fan"]),
        },
        "HassClimateSetTemperature" if hypothesis.slots.contains_key("temperature_step") => {
            return Err("the temperature that is set now is not known here: say how many degrees it shall be".into());
        }
        "HassSetVolumeRelative" => return Err("the volume now is not known here: say how loud it shall be".into()),
        "HassClimateSetTemperature" => (Operation::Temperature(number(hypothesis, "temperature")?), &["climate"]),
        "HassVacuumStart" => (Operation::TurnOn, &["vacuum"]),
        "HassVacuumReturnToBase" => (Operation::TurnOff, &["vacuum"]),
        "HassSetVolume" => (Operation::Volume(percent(hypothesis, "volume_level")?), &["media_player"]),
        "HassMediaUnpause" => (Operation::Media(MediaKey::Play), &["media_player"]),
        "HassMediaPause" => (Operation::Media(MediaKey::Pause), &["media_player"]),
        "HassMediaNext" => (Operation::Media(MediaKey::Next), &["media_player"]),
        "HassMediaPrevious" => (Operation::Media(MediaKey::Previous), &["media_player"]),
        other => return Err(format!("{other} is nothing that is done to a thing in the house")),
    };
    Ok(Asked { operation, domains })
}

/// Whether `entity` takes `operation`.
pub fn takes(entity: &Entity, operation: &Operation) -> bool {
    use Capability as C;
    let any: &[C] = match operation {
        Operation::TurnOn => &[C::OnOff, C::OpenClose, C::Lock, C::Activate, C::Vacuum],
        Operation::TurnOff => &[C::OnOff, C::OpenClose, C::Lock, C::Vacuum],
        Operation::Brightness(_) | Operation::BrightnessStep(_) => &[C::Brightness],
        Operation::Color { .. } => &[C::Color],
        Operation::ColorTemp { .. } => &[C::ColorTemp],
        Operation::Position(_) => &[C::Position],
        Operation::Temperature(_) => &[C::Temperature],
        Operation::Speed(_) => &[C::Speed],
        Operation::Volume(_) => &[C::Volume],
        Operation::Media(_) => &[C::Media],
    };
    any.iter().any(|c| entity.can.contains(c))
}

/// The operation in words that follow "cannot".
pub fn verb(operation: &Operation) -> &'static str {
    match operation {
        Operation::TurnOn => "be turned on",
        Operation::TurnOff => "be turned off",
        Operation::Brightness(_) | Operation::BrightnessStep(_) => "be dimmed",
        Operation::Color { .. } => "change its colour",
        Operation::ColorTemp { .. } => "change its colour temperature",
        Operation::Position(_) => "be set to a position",
        Operation::Temperature(_) => "be set to a temperature",
        Operation::Speed(_) => "change its speed",
        Operation::Volume(_) => "change its volume",
        Operation::Media(_) => "play or pause",
    }
}

/// Hue in degrees and saturation 0..=1 of the colours that assistants know by name (the HTML colours' values,
/// rounded; white is no saturation).
pub const COLORS: [(&str, f64, f64); 14] = [
    ("white", 0.0, 0.0),
    ("red", 0.0, 1.0),
    ("orange", 30.0, 1.0),
    ("gold", 51.0, 1.0),
    ("yellow", 60.0, 1.0),
    ("lime", 90.0, 1.0),
    ("green", 120.0, 1.0),
    ("turquoise", 174.0, 0.71),
    ("cyan", 180.0, 1.0),
    ("blue", 240.0, 1.0),
    ("purple", 280.0, 1.0),
    ("violet", 300.0, 0.45),
    ("magenta", 300.0, 1.0),
    ("pink", 350.0, 0.25),
];

/// Whites by name, in kelvin (the usual trade names of lamps).
const WHITES: [(&str, f64); 6] = [
    ("warm", 2700.0),
    ("warm white", 2700.0),
    ("neutral", 4000.0),
    ("cold", 6500.0),
    ("cool", 6500.0),
    ("daylight", 5500.0),
];

fn light(h: &Hypothesis) -> Result<Operation, String> {
    let given: Vec<&str> = ["brightness", "brightness_step", "color", "temperature"]
        .into_iter()
        .filter(|s| h.slots.contains_key(*s))
        .collect();
    match given[..] {
        ["brightness"] => match percent(h, "brightness")? {
            // Nobody who says "to zero percent" wants a light that glows a little.
            0.0 => Ok(Operation::TurnOff),
            level => Ok(Operation::Brightness(level)),
        },
        ["brightness_step"] => {
            let step = number(h, "brightness_step")?;
            let whole = (-100.0..=100.0).contains(&step) && step != 0.0;
            whole.then_some(Operation::BrightnessStep(step / 100.0)).ok_or(format!("{step} percent is no step"))
        }
        ["color"] => {
            let name = h.text("color").unwrap_or_default().to_lowercase();
            let known = COLORS.iter().find(|(n, ..)| *n == name);
            known
                .map(|&(_, hue, saturation)| Operation::Color { hue, saturation })
                .ok_or(format!("there is no colour {name:?}"))
        }
        ["temperature"] => kelvin(h),
        [] => Err("it does not say what to set the light to".into()),
        _ => Err(format!("it sets {} at once, which takes two commands", given.join(" and "))),
    }
}

fn kelvin(h: &Hypothesis) -> Result<Operation, String> {
    if let Some(name) = h.text("temperature") {
        let name = name.to_lowercase().replace('_', " ");
        if let Some((_, kelvin)) = WHITES.iter().find(|(n, _)| *n == name) {
            return Ok(Operation::ColorTemp { kelvin: *kelvin });
        }
    }
    let kelvin = number(h, "temperature")?;
    // What lamps can do lies well within; outside, something else was meant.
    if (1000.0..=10_000.0).contains(&kelvin) {
        Ok(Operation::ColorTemp { kelvin })
    } else {
        Err(format!("{kelvin} K is no colour temperature of a lamp"))
    }
}

/// A slot in percent as 0..=1.
fn percent(h: &Hypothesis, slot: &str) -> Result<f64, String> {
    let value = number(h, slot)?;
    if (0.0..=100.0).contains(&value) {
        Ok(value / 100.0)
    } else {
        Err(format!("{value} is not within 0 to 100 percent"))
    }
}

fn number(h: &Hypothesis, slot: &str) -> Result<f64, String> {
    let value = match h.slots.get(slot) {
        Some(SlotValue::Number(n)) => Some(*n),
        Some(SlotValue::Text(t)) => t.trim().trim_end_matches('%').parse().ok(),
        None => None,
    };
    value.filter(|n: &f64| n.is_finite()).ok_or(format!("{} needs a number for {slot}", h.intent))
}
