//! What is odd about a house that can be read: names that mean two things, assistants that nobody is, things that
//! nobody can reach. Pure; `check` prints it. What a home file may hold at all stands in facts/home.rs.

use crate::facts::error::Fault;
use crate::facts::home::{Home, Names};
use crate::facts::intent::Lang;
use crate::understand::normalise::normalise;

/// What is wrong: assistants that are none of `handlers`, and names that mean two things. `file`: the home file.
pub fn faults(home: &Home, file: &str, handlers: &[&str]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut add = |key: String, what: String, remedy: &str| faults.push(Fault::new(file, key, what, remedy));
    for entity in &home.entities {
        for name in entity.assistants.iter().filter(|name| !handlers.contains(&name.as_str())) {
            let remedy = format!("write some of {}, or register it with [[handler]]", handlers.join(", "));
            add(format!("entity {:?}: assistants", entity.id.0), format!("there is no assistant {name:?}"), &remedy);
        }
    }
    for (i, area) in home.areas.iter().enumerate() {
        for other in &home.areas[..i] {
            for (lang, name) in common(&area.names, &other.names) {
                let what = format!("{name:?} is a name of area {:?} too", other.id);
                add(format!("area {:?}: name.{}", area.id, lang.tag()), what, "give each area names of its own");
            }
        }
    }
    for (i, entity) in home.entities.iter().enumerate() {
        // A light and a curtain of one name are told apart by what is asked of them.
        let alike = home.entities[..i].iter().filter(|e| e.area == entity.area && !e.can.is_disjoint(&entity.can));
        for other in alike {
            for (lang, name) in common(&entity.names, &other.names) {
                let what = format!("{name:?} is a name of {:?} too, in the same place", other.id.0);
                let remedy = "give each a name of its own, or put them into different areas";
                add(format!("entity {:?}: name.{}", entity.id.0, lang.tag()), what, remedy);
            }
        }
    }
    faults
}

/// What may be meant so, but seldom is: things that no assistant can act on, and things that share their topic.
/// `is_asked_outside`: handlers outside the process may act on anything.
pub fn notes(home: &Home, file: &str, is_asked_outside: bool) -> Vec<Fault> {
    let mut notes = Vec::new();
    for (i, entity) in home.entities.iter().enumerate() {
        let key = |key: &str| format!("entity {:?}: {key}", entity.id.0);
        let lists = [
            ("assistants", entity.assistants.is_empty(), "list who may control it: assistants = [\"siri\", \"tmall\"]"),
            ("can", entity.can.is_empty(), "list what it takes: can = [\"on_off\"]"),
        ];
        for (list, _, remedy) in lists.into_iter().filter(|(_, is_empty, _)| *is_empty && !is_asked_outside) {
            notes.push(Fault::new(file, key(list), "the list is empty: nobody can act on this thing", remedy));
        }
        let reached_alike = |domain: &str| {
            let mut others = home.entities[..i].iter().filter(|e| e.id.domain() == domain);
            others.find(|e| e.mqtt.is_some() && e.mqtt == entity.mqtt)
        };
        if let Some(other) = reached_alike(entity.id.domain()) {
            let what = format!("it is the same as that of {:?}: whoever switches one switches both", other.id.0);
            notes.push(Fault::new(file, key("mqtt"), what, "give each its own, or write one thing of both names"));
        }
    }
    notes
}

/// The names of `ours` that are among `theirs`, as a sentence sees them.
fn common<'a>(ours: &'a Names, theirs: &Names) -> Vec<(Lang, &'a str)> {
    let among = |lang: &Lang, name: &str| {
        let name = normalise(name);
        theirs.get(lang).is_some_and(|theirs| theirs.iter().any(|n| normalise(n) == name))
    };
    let all = ours.iter().flat_map(|(lang, names)| names.iter().map(move |name| (*lang, name.as_str())));
    all.filter(|(lang, name)| among(lang, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::home::EMBEDDED_HOME;

    const HANDLERS: [&str; 2] = ["siri", "tmall"];

    fn home(text: &str) -> Home {
        Home::parse(text, "home.toml").expect("valid")
    }

    fn area(id: &str, name: &str) -> String {
        format!("[[area]]\nid = {id:?}\nname = {{ {name} }}\n")
    }

    fn lamp(id: &str, name: &str, rest: &str) -> String {
        format!("[[entity]]\nid = {id:?}\nname = {{ {name} }}\n{rest}\n")
    }

    fn keys(faults: &[Fault]) -> Vec<&str> {
        assert!(faults.iter().all(|f| f.file == "home.toml" && !f.remedy.is_empty()), "{faults:?}");
        faults.iter().map(|f| f.key.as_str()).collect()
    }

    #[test]
    fn the_shipped_house_is_not_odd() {
        let home = Home::parse(EMBEDDED_HOME, "embedded").expect("the shipped home parses");
        assert_eq!((faults(&home, "embedded", &HANDLERS), notes(&home, "embedded", false)), (vec![], vec![]));
    }

    #[test]
    fn assistants_that_nobody_is_are_named() {
        let home = home(&lamp("light.a", "en = [\"a\"]", "can = [\"on_off\"]\nassistants = [\"siri\", \"sirl\"]"));
        let found = faults(&home, "home.toml", &HANDLERS);
        assert_eq!(keys(&found), ["entity \"light.a\": assistants"]);
        assert!(found[0].what.contains("\"sirl\"") && found[0].remedy.contains("siri, tmall"), "{}", found[0]);
        assert_eq!(faults(&home, "home.toml", &["siri", "sirl"]), []);
    }

    #[test]
    fn names_that_mean_two_things_are_faults() {
        let rooms = area("a", "en = [\"den\", \"Study\"], zh = [\"书房\"]") + &area("b", "en = [\"study\"]");
        assert_eq!(keys(&faults(&home(&rooms), "home.toml", &HANDLERS)), ["area \"b\": name.en"]);
        let rooms = area("a", "en = [\"a\"]") + &area("b", "en = [\"b\"]");
        let lamps = |area: &str, can: &str| {
            let of = |area: &str, can: &str| format!("can = [{can:?}]\nassistants = [\"siri\"]\narea = {area:?}");
            let first = lamp("light.x", "en = [\"lamp\"], zh = [\"灯\"]", &of("a", "on_off"));
            home(&(rooms.clone() + &first + &lamp("light.y", "zh = [\"燈\"]", &of(area, can))))
        };
        // Traditional characters are the same name.
        assert_eq!(keys(&faults(&lamps("a", "on_off"), "home.toml", &HANDLERS)), ["entity \"light.y\": name.zh"]);
        assert_eq!(faults(&lamps("b", "on_off"), "home.toml", &HANDLERS), []);
        assert_eq!(faults(&lamps("a", "open_close"), "home.toml", &HANDLERS), []);
    }

    #[test]
    fn things_out_of_reach_or_reached_together_are_noted() {
        let on = |topic: &str| {
            format!(
                "can = [\"on_off\"]\nassistants = [\"siri\"]\nmqtt = {{ style = \"zigbee2mqtt\", topic = {topic:?} }}"
            )
        };
        let things = lamp("light.a", "en = [\"a\"]", &on("z/a"))
            + &lamp("light.b", "en = [\"b\"]", &on("z/a"))
            + &lamp("light.c", "en = [\"c\"]", &on("z/c"))
            + &lamp("light.d", "en = [\"d\"]", "");
        let home = home(&things);
        let shared = "entity \"light.b\": mqtt";
        let out_of_reach = ["entity \"light.d\": assistants", "entity \"light.d\": can"];
        assert_eq!(keys(&notes(&home, "home.toml", false)), [&[shared][..], &out_of_reach].concat());
        assert_eq!(keys(&notes(&home, "home.toml", true)), [shared]);
        assert_eq!(faults(&home, "home.toml", &HANDLERS), []);
    }
}
