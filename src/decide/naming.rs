//! The names by which a Tmall Genie can tell rooms and things apart.
//!
//! AliGenie wants a device's `zone` to be on its placelist and its `deviceName` on its aliaslist. Both are published
//! (`https://open.bot.tmall.com/oauth/api/placelist` and `.../aliaslist`) and change; they don't ship with Tiebreak.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::facts::error::Fault;
use crate::facts::home::{Entity, Home, Names};
use crate::facts::intent::Lang;
use crate::text;

/// AliGenie's lists; one that is not given allows everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Naming {
    places: Option<BTreeSet<String>>,
    things: Option<BTreeSet<String>>,
}

/// How a Genie knows a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its `zone`; `None` for a thing without a room.
    pub zone: Option<String>,
    /// Its `deviceName`.
    pub name: String,
}

/// Either list as it is published, or only what is in it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed<T> {
    Published { data: Vec<T> },
    Bare(Vec<T>),
}

/// One class of things on the aliaslist, and what else it may be called.
#[derive(Deserialize)]
struct Aliases {
    key: String,
    value: Vec<String>,
}

impl Naming {
    /// Reads the lists from files.
    ///
    /// # Errors
    /// A file that cannot be read, or holds no such list.
    pub fn read(places: Option<&Path>, things: Option<&Path>) -> Result<Self, Vec<Fault>> {
        let places = places.map(|path| list::<String>(path, "a list of names")).transpose();
        let things = things.map(|path| list::<Aliases>(path, "a list of {\"key\", \"value\": [names]}")).transpose();
        match (places, things) {
            (Ok(places), Ok(things)) => Ok(Self {
                places: places.map(|list| list.into_iter().collect()),
                things: things.map(|list| list.into_iter().flat_map(|a| [vec![a.key], a.value].concat()).collect()),
            }),
            (places, things) => Err(places.err().into_iter().chain(things.err()).collect()),
        }
    }

    /// What a Genie calls `entity`: the first of its Chinese names that is on the aliaslist, as it is or without the
    /// place that it begins with.
    ///
    /// # Errors
    /// Why it can have no name for it.
    pub fn of(&self, entity: &Entity, home: &Home) -> Result<Named, String> {
        let names = chinese(&entity.names);
        if let ("scene" | "script", Some(name)) = (entity.id.domain(), names.first()) {
            // No device: named by its owner, freely.
            return Ok(Named { zone: None, name: name.clone() });
        }
        let rooms = entity.area.as_deref().and_then(|id| home.area(id)).map_or(&[][..], |a| chinese(&a.names));
        let name = names.iter().find_map(|name| self.thing(name, rooms)).ok_or_else(|| match names {
            [] => "it has no Chinese name".to_owned(),
            _ => format!("none of its names ({}) is on AliGenie's aliaslist", names.join(", ")),
        })?;
        let is_place = |name: &&String| self.places.as_ref().is_none_or(|places| places.contains(*name));
        match rooms.iter().find(is_place) {
            None if !rooms.is_empty() => {
                Err(format!("none of its room's names ({}) is on AliGenie's placelist", rooms.join(", ")))
            }
            zone => Ok(Named { zone: zone.cloned(), name }),
        }
    }

    fn thing(&self, name: &str, rooms: &[String]) -> Option<String> {
        let places = self.places.iter().flatten().chain(rooms);
        let rest = places.filter_map(|place| name.strip_prefix(place.as_str()));
        let rest = rest.map(|rest| rest.strip_prefix('的').unwrap_or(rest)).filter(|rest| !rest.is_empty());
        // What is left after the longest place is the thing itself.
        let short = rest.min_by_key(|rest| rest.len());
        let known = |name: &&str| self.things.as_ref().is_none_or(|things| things.contains(*name));
        short.into_iter().chain([name]).find(known).map(str::to_owned)
    }

    /// What a Genie cannot know among the things of `home` that are its to control; `file`: where that was written.
    pub fn faults(&self, home: &Home, file: &str, handler: &str) -> Vec<Fault> {
        let theirs = home.entities.iter().filter(|e| e.assistants.iter().any(|a| a == handler));
        let fault = |e: &Entity| {
            let what = self.of(e, home).err()?;
            let remedy = "add a name that is on the list, or take the thing from this assistant";
            Some(Fault::new(file, format!("{}.name.zh", e.id), what, remedy))
        };
        theirs.filter_map(fault).collect()
    }
}

fn chinese(names: &Names) -> &[String] {
    names.get(&Lang::Zh).map_or(&[], Vec::as_slice)
}

fn list<T: DeserializeOwned>(path: &Path, what: &str) -> Result<Vec<T>, Fault> {
    let fault = |what| Fault::new(path.display().to_string(), "", what, "save the list there as AliGenie publishes it");
    let text = text::read(path).map_err(|e| fault(format!("it cannot be read: {e}")))?;
    match serde_json::from_str(&text) {
        Ok(Listed::Published { data } | Listed::Bare(data)) => Ok(data),
        Err(_) => Err(fault(format!("it is not {what}, alone or as \"data\" of an object"))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HOME: &str = r#"
[[area]]
id = "living_room"
name.zh = ["大厅", "客厅"]
[[area]]
id = "den"
name.zh = ["书斋"]
[[entity]]
id = "light.ceiling"
name.zh = ["客厅的吸顶灯"]
area = "living_room"
can = ["on_off"]
assistants = ["tmall"]
[[entity]]
id = "light.moon"
name.zh = ["月亮", "台灯"]
area = "den"
can = ["on_off"]
assistants = ["tmall"]
[[entity]]
id = "light.star"
name.zh = ["星星"]
can = ["on_off"]
assistants = ["tmall"]
"#;

    #[test]
    fn places_are_cut_off_and_both_lists_are_kept_to() {
        let home = Home::parse(HOME, "t").expect("valid");
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).expect("writable");
            path
        };
        let places = write("placelist.json", r#"{"data": ["客厅", "卧室"]}"#);
        let things = write("aliaslist.json", r#"[{"key": "灯", "value": ["吸顶灯", "台灯"]}]"#);
        let naming = Naming::read(Some(&places), Some(&things)).expect("both are lists");
        let of = |naming: &Naming, id: &str| naming.of(home.entity(id).expect("it is there"), &home);
        let ceiling = Named { zone: Some("客厅".into()), name: "吸顶灯".into() };
        assert_eq!(of(&naming, "light.ceiling"), Ok(ceiling));
        assert!(of(&naming, "light.moon").is_err_and(|why| why.contains("书斋") && why.contains("placelist")));
        assert!(of(&naming, "light.star").is_err_and(|why| why.contains("星星") && why.contains("aliaslist")));
        let keys: Vec<String> = naming.faults(&home, "t", "tmall").into_iter().map(|f| f.key).collect();
        assert_eq!(keys, ["light.moon.name.zh", "light.star.name.zh"]);
        // One list alone.
        let naming = Naming::read(None, Some(&things)).expect("a list");
        assert_eq!(of(&naming, "light.moon"), Ok(Named { zone: Some("书斋".into()), name: "台灯".into() }));
        let wrong = Naming::read(Some(&things), Some(&dir.path().join("nowhere.json"))).expect_err("no such lists");
        assert!(wrong.len() == 2 && wrong.iter().all(|f| !f.remedy.is_empty()), "{wrong:?}");
    }
}
