//! Slots -> the things that are meant, and whether one assistant may and can do to them what is asked.
//!
//! Both home handlers go through here, so that "the light in the kitchen" is the same light for both. What
//! fits nothing is declined with a reason that a person understands.

use super::operations::{self, Asked};
use crate::facts::bid::{Action, Answer, Ask, Bid, Operation, Proposal, Risk};
use crate::facts::home::{Entity, Home, Names};
use crate::facts::intent::{Hypothesis, Lang};

/// One assistant's view of the house.
pub struct Assistant<'a> {
    /// As in `assistants` of the home file.
    pub name: &'a str,
    /// The house.
    pub home: &'a Home,
    /// Whether its world has such an operation on such a thing; if not, why.
    pub fits: &'a dyn Fn(&Entity, &Operation) -> Result<(), String>,
}

/// What could be done about one hypothesis.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// What would be done.
    pub proposal: Proposal,
    /// How bad a mistake would be.
    pub risk: Risk,
    /// How much of what was asked it covers, 0..=1: four of five lights are 0.8.
    pub share: f32,
}

/// Bids on what most probably was meant and `offer` can do; without anything, declines with the reason for the
/// best hypothesis. Confidence = the hypothesis' x `factor` x the share covered, summed over the hypotheses that
/// come to the same ("the bedroom's thermostat" by its name, and as the only one in the bedroom).
pub fn bid_on_best(ask: &Ask, factor: f32, offer: impl Fn(&Hypothesis) -> Result<Offer, String>) -> Answer {
    let mut declined = None;
    let mut bids: Vec<Bid> = Vec::new();
    for hypothesis in &ask.hypotheses {
        match offer(hypothesis) {
            Ok(Offer { proposal, risk, share }) => {
                let confidence = hypothesis.confidence * factor * share;
                match bids.iter_mut().find(|b| b.proposal == proposal) {
                    Some(same) => same.confidence = (same.confidence + confidence).min(factor),
                    None => bids.push(Bid { confidence, risk, proposal }),
                }
            }
            Err(why) => declined = declined.or(Some(why)),
        }
    }
    // The first of equals: hypotheses come best first.
    let best = bids.into_iter().reduce(|best, b| if b.confidence > best.confidence { b } else { best });
    best.map_or_else(|| Answer::Decline(declined.unwrap_or_else(|| "nothing was understood".into())), Answer::Bid)
}

impl Assistant<'_> {
    /// What this assistant would do in the house about `hypothesis`.
    ///
    /// # Errors
    /// Why it can do nothing.
    pub fn offer(&self, hypothesis: &Hypothesis) -> Result<Offer, String> {
        let asked = operations::asked(hypothesis)?;
        let meant = meant(self.home, hypothesis, &asked)?;
        let operation = &asked.operation;
        let able: Vec<&Entity> = meant.iter().copied().filter(|e| operations::takes(e, operation)).collect();
        if able.is_empty() {
            return Err(format!("{} cannot {}", listed(&meant), operations::verb(operation)));
        }
        let allowed: Vec<&Entity> =
            able.iter().copied().filter(|e| e.assistants.iter().any(|a| a == self.name)).collect();
        if allowed.is_empty() {
            return Err(format!("{} is not set up for {}", listed(&able), self.name));
        }
        let mut misfit = None;
        let mut chosen = Vec::with_capacity(allowed.len());
        for entity in allowed {
            let fits = (self.fits)(entity, operation).and_then(|()| match entity.mqtt {
                Some(_) => Ok(()),
                None => Err(format!("{} has no MQTT topic in the home file", the(entity))),
            });
            match fits {
                Ok(()) => chosen.push(entity),
                Err(why) => misfit = misfit.or(Some(why)),
            }
        }
        if chosen.is_empty() {
            return Err(misfit.unwrap_or_else(|| "there is nothing to act on".into()));
        }
        let share = chosen.len() as f32 / able.len() as f32;
        let risk = chosen.iter().map(|e| risk(e, operation)).max().unwrap_or_default();
        let targets = chosen.into_iter().map(|e| e.id.clone()).collect();
        let action = Action { targets, operation: asked.operation };
        // HomeKit calls them secure accessories; the Genie wants a password for them.
        let proposal = if risk == Risk::High { Proposal::Confirm(action) } else { Proposal::Act(action) };
        Ok(Offer { proposal, risk, share })
    }
}

/// The things that the slots mean, in the order of the home file; never empty.
fn meant<'a>(home: &'a Home, h: &Hypothesis, asked: &Asked) -> Result<Vec<&'a Entity>, String> {
    let area = h.text("area").map(|a| place(home.areas.iter().map(|x| (&x.id, &x.names)), "room", a)).transpose()?;
    let floor =
        h.text("floor").map(|f| place(home.floors.iter().map(|x| (&x.id, &x.names)), "floor", f)).transpose()?;
    let here: Vec<&Entity> = home
        .entities
        .iter()
        .filter(|e| area.is_none_or(|(id, _)| e.area.as_deref() == Some(id)))
        .filter(|e| floor.is_none_or(|(id, _)| home.on_floor(e, id)))
        .collect();
    let whereabouts = match (area, floor) {
        (Some((_, names)), _) => format!("in the {}", spoken(names)),
        (None, Some((_, names))) => format!("on the {}", spoken(names)),
        (None, None) => "in the house".to_owned(),
    };
    let (found, what) = match h.text("name").filter(|n| *n != "all") {
        Some(name) => {
            (named(home, &here, name), home.entity(name).map_or(name.to_owned(), |e| spoken(&e.names).to_owned()))
        }
        None => classed(&here, h, asked, area.is_some() || floor.is_some() || h.text("name").is_some())?,
    };
    let class = h.text("device_class");
    let found: Vec<&Entity> = found.into_iter().filter(|e| class.is_none_or(|c| is_of_class(e, c))).collect();
    if found.is_empty() {
        return Err(format!("there is no {what} {whereabouts}"));
    }
    Ok(found)
}

/// `name` is an id, or words as spoken (a user's own sentences may leave a name unresolved).
fn named<'a>(home: &Home, here: &[&'a Entity], name: &str) -> Vec<&'a Entity> {
    let by_id = home.entity(name).is_some();
    let fits = |e: &Entity| if by_id { e.id.0 == name } else { goes_by(&e.names, name) };
    here.iter().copied().filter(|e| fits(e)).collect()
}

/// Things of the class that the `domain` slot or the intent names.
fn classed<'a>(
    here: &[&'a Entity],
    h: &Hypothesis,
    asked: &Asked,
    placed: bool,
) -> Result<(Vec<&'a Entity>, String), String> {
    let stated = h.text("domain");
    let of = |wanted: &dyn Fn(&str) -> bool| here.iter().copied().filter(|e| wanted(e.id.domain())).collect::<Vec<_>>();
    if let Some(domain) = stated {
        let mut found = of(&|d| d == domain);
        // "The blinds" are no garage door, though both are covers.
        if h.text("device_class").is_none() {
            found.retain(|e| e.id.domain() != "cover" || !is_a_way_in(e));
        }
        return Ok((found, word(domain).to_owned()));
    }
    if let Some(first) = asked.domains.first() {
        return Ok((of(&|d| asked.domains.contains(&d)), word(first).to_owned()));
    }
    if placed {
        // "Everything in the study": what is merely switched. Doors, curtains and scenes are asked for by name.
        const NOT_MEANT: [&str; 6] = ["lock", "cover", "valve", "vacuum", "scene", "script"];
        return Ok((of(&|d| !NOT_MEANT.contains(&d)), "thing to switch".into()));
    }
    Err("it names nothing in the house".into())
}

fn place<'a>(
    mut all: impl Iterator<Item = (&'a String, &'a Names)>,
    kind: &str,
    said: &str,
) -> Result<(&'a str, &'a Names), String> {
    let found = all.find(|(id, names)| *id == said || goes_by(names, said));
    found.map(|(id, names)| (id.as_str(), names)).ok_or(format!("there is no {kind} called {said:?}"))
}

fn goes_by(names: &Names, said: &str) -> bool {
    let said = said.to_lowercase();
    names.values().flatten().any(|n| n.to_lowercase() == said)
}

/// The home file has no device classes; the words of the id and of the names say what a thing is.
fn is_of_class(entity: &Entity, class: &str) -> bool {
    let class = class.to_lowercase().replace('_', " ");
    let id = entity.id.object().replace('_', " ");
    id.contains(&class) || entity.names.values().flatten().any(|n| n.to_lowercase().contains(&class))
}

/// How bad it would be to do `operation` to `entity` by mistake.
pub fn risk(entity: &Entity, operation: &Operation) -> Risk {
    let opens = matches!(operation, Operation::TurnOn) || matches!(operation, Operation::Position(p) if *p > 0.0);
    match entity.id.domain() {
        "lock" if *operation == Operation::TurnOff => Risk::High,
        "cover" if opens && is_a_way_in(entity) => Risk::High,
        "lock" | "cover" | "valve" | "climate" | "water_heater" | "siren" | "alarm_control_panel" => Risk::Medium,
        _ => Risk::Low,
    }
}

/// Whether somebody could come in through this cover. Erring towards yes: it costs a question, not a burglary.
pub fn is_a_way_in(entity: &Entity) -> bool {
    ["garage", "gate", "door", "门", "车库"].iter().any(|word| is_of_class(entity, word))
}

/// The name that is spoken, English first because reasons are written in English.
fn spoken(names: &Names) -> &str {
    let first = |l: &Lang| names.get(l).and_then(|n| n.first()).map(String::as_str);
    Lang::ALL.iter().find_map(first).unwrap_or("unnamed thing")
}

/// "the desk lamp".
pub fn the(entity: &Entity) -> String {
    format!("the {}", spoken(&entity.names))
}

fn listed(entities: &[&Entity]) -> String {
    match entities {
        [one] => the(one),
        [one, rest @ ..] => format!("{} (nor any of {} others)", the(one), rest.len()),
        [] => "nothing".into(),
    }
}

/// A class of things in plain English.
fn word(domain: &str) -> &str {
    match domain {
        "media_player" => "media player",
        "climate" => "thermostat",
        "vacuum" => "vacuum cleaner",
        "binary_sensor" => "sensor",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::intent::{Lang, Slots, Via};

    fn ask(readings: &[(&str, f32)]) -> Ask {
        let hypothesis = |&(intent, confidence): &(&str, f32)| Hypothesis {
            intent: intent.into(),
            slots: Slots::new(),
            confidence,
            via: Via::Grammar,
        };
        Ask { id: "1".into(), lang: Lang::En, wake: None, hypotheses: readings.iter().map(hypothesis).collect() }
    }

    fn reply(h: &Hypothesis) -> Result<Offer, String> {
        let words = h.intent.get(..1).filter(|w| *w != "x").ok_or("cannot")?;
        Ok(Offer { proposal: Proposal::Reply(words.into()), risk: Risk::Low, share: 1.0 })
    }

    #[test]
    fn readings_that_come_to_the_same_add_up() {
        for (readings, want) in [
            (&[("a1", 0.5), ("a2", 0.4)][..], Some(("a", 0.9))),
            (&[("a1", 0.4), ("b1", 0.3), ("b2", 0.3)], Some(("b", 0.6))),
            (&[("a1", 0.4), ("b1", 0.4)], Some(("a", 0.4))),
            (&[("x", 0.9), ("b", 0.1)], Some(("b", 0.1))),
            (&[("a", 0.9), ("a", 0.9)], Some(("a", 1.0))),
            (&[("x", 0.9)], None),
        ] {
            match (bid_on_best(&ask(readings), 1.0, reply), want) {
                (Answer::Bid(bid), Some((words, confidence))) => {
                    assert_eq!(bid.proposal, Proposal::Reply(words.into()), "{readings:?}");
                    assert!((bid.confidence - confidence).abs() < 1e-6, "{readings:?}: {}", bid.confidence);
                }
                (Answer::Decline(_), None) => {}
                (got, want) => panic!("{readings:?}: {got:?}, not {want:?}"),
            }
        }
    }
}
