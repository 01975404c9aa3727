//! From sentence files and a home to one automaton per language.
//!
//! Gathers what the files define, knows which definition a name means (block, then the user's files, then
//! ours), fills `{name}`, `{area}` and `{floor}` from the home, and reports every fault with its place.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::facts::error::Fault;
use crate::facts::home::{Home, Names};
use crate::facts::intent::{Lang, SlotValue, Slots};

use super::automaton::{Automaton, Block, ListKind, ListValue, Said, SkipSaid, SlotList};
use super::compile::Compiler;
use super::normalise::normalise;
use super::sentences::{GrammarSource, Placed, RawBlock, RawList, SentenceFile, read};
use super::template::{Node, parse};

/// The sentences that ship with Tiebreak.
pub fn embedded_grammars() -> Vec<GrammarSource> {
    macro_rules! shipped {
        ($lang:expr, $folder:literal: $($name:literal)*) => {
            [$(GrammarSource {
                file: concat!("grammars/", $folder, "/", $name, ".yaml").to_owned(),
                text: include_str!(concat!("../../grammars/", $folder, "/", $name, ".yaml")).to_owned(),
                lang: $lang,
                shipped: true,
            }),*]
        };
    }
    let mut all = Vec::new();
    all.extend(shipped!(Lang::En, "en": "common" "switching" "lights" "openings" "climate" "media" "daily" "people"));
    all.extend(shipped!(Lang::Zh, "zh": "common" "switching" "lights" "openings" "climate" "media" "daily" "people"));
    all
}

/// A rule, read once.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Where it is written.
    pub file: String,
    /// `line:column`.
    pub at: String,
    /// What it stands for.
    pub node: Node,
}

/// What files of one origin define for one language.
#[derive(Debug, Default)]
pub struct Definitions {
    /// `<rule>`s.
    pub rules: BTreeMap<String, Rule>,
    /// `{list}`s, with their file.
    pub lists: BTreeMap<String, (String, Placed<RawList>)>,
}

/// Where names are looked up for one block, nearest first.
pub struct Scope<'a> {
    /// The file that the block stands in.
    pub file: &'a str,
    /// Whether it came with Tiebreak.
    pub shipped: bool,
    /// Block, user's files, ours.
    pub layers: Vec<&'a Definitions>,
    /// Which layers these are: part of the key under which compiled lists are shared.
    pub key: String,
}

/// Context that a block asks for: key, values that will do (none = any).
pub type ContextRules = Vec<(String, Vec<String>)>;

/// Compiles all sources of `lang` for `home`.
///
/// # Errors
/// Every fault found, each with file and place: YAML, templates, names that nothing defines, cycles,
/// templates that stand for too many sentences.
pub fn compile(home: &Home, sources: &[GrammarSource], lang: Lang) -> Result<Automaton, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut files: Vec<(&GrammarSource, SentenceFile)> = Vec::new();
    for source in sources.iter().filter(|s| s.lang == lang) {
        match read(source) {
            Ok(file) => files.push((source, file)),
            Err(fault) => faults.push(fault),
        }
    }
    let (mut ours, mut users) = (Definitions::default(), Definitions::default());
    for (source, file) in &files {
        let definitions = if source.shipped { &mut ours } else { &mut users };
        definitions.add(&source.file, &file.expansion_rules, &file.lists, &mut faults);
    }
    let mut compiler = Compiler::new(lang, home_lists(home, lang));
    for (_, file) in &files {
        compiler.add_skip_words(&file.skip_words, SkipSaid::Around);
        compiler.add_skip_words(&file.opening_words, SkipSaid::Before);
        compiler.add_skip_words(&file.closing_words, SkipSaid::After);
    }
    for (source, file) in &files {
        for (intent, raw) in &file.intents {
            for (i, block) in raw.data.iter().enumerate() {
                let mut local = Definitions::default();
                local.add(&source.file, &block.expansion_rules, &block.lists, &mut faults);
                let mut scope =
                    Scope { file: &source.file, shipped: source.shipped, layers: Vec::new(), key: String::new() };
                if !block.lists.is_empty() {
                    scope.key = format!("{}/{intent}/{i}", source.file);
                }
                scope.layers.push(&local);
                if !source.shipped {
                    scope.layers.push(&users);
                    scope.key.push_str("/user");
                }
                scope.layers.push(&ours);
                compile_block(&mut compiler, &scope, intent, block, &mut faults);
            }
        }
    }
    let automaton = compiler.finish();
    if faults.is_empty() { Ok(automaton) } else { Err(faults) }
}

fn compile_block(compiler: &mut Compiler, scope: &Scope, intent: &str, raw: &RawBlock, faults: &mut Vec<Fault>) {
    let mut block = Block { intent: intent.to_owned(), slots: fixed_slots(&raw.slots), ..Block::default() };
    if raw.metadata.get("spoken").and_then(Value::as_bool) == Some(false) {
        block.said = Said::Seldom;
    }
    for (key, value) in &raw.requires_context {
        let (values, slot) = context_rule(value);
        if key == "area" && slot && values.is_empty() {
            block.needs_area = true;
            continue;
        }
        if slot {
            block.context_slots.push(key.clone());
        }
        block.requires.push((key.clone(), values));
    }
    let excludes: ContextRules =
        raw.excludes_context.iter().map(|(key, value)| (key.clone(), context_rule(value).0)).collect();
    let requires = block.requires.clone();
    let number = compiler.add_block(block);
    for sentence in &raw.sentences {
        compiler.begin_sentence(scope, sentence);
        let result = match parse(&sentence.value) {
            Ok(node) => compiler.add_sentence(&node, scope, (&requires, &excludes), number),
            Err(e) => Err(place(&e.what, e.at, &sentence.value)),
        };
        if let Err(what) = result {
            let remedy = "correct the sentence (see docs/sentences.md)";
            faults.push(Fault::new(scope.file, &sentence.at, what, remedy));
        }
    }
}

/// A fault's text with the place inside the template.
fn place(what: &str, at: usize, template: &str) -> String {
    let shown: String = template.chars().take(80).collect();
    format!("{what}, at character {} of {shown:?}", at + 1)
}

impl Definitions {
    fn add(
        &mut self,
        file: &str,
        rules: &BTreeMap<String, Placed<String>>,
        lists: &BTreeMap<String, Placed<RawList>>,
        faults: &mut Vec<Fault>,
    ) {
        for (name, rule) in rules {
            match parse(&rule.value) {
                Ok(node) => {
                    self.rules.insert(name.clone(), Rule { file: file.to_owned(), at: rule.at.clone(), node });
                }
                Err(e) => {
                    let what = format!("in rule <{name}>: {}", place(&e.what, e.at, &rule.value));
                    faults.push(Fault::new(file, &rule.at, what, "correct the rule"));
                }
            }
        }
        for (name, list) in lists {
            self.lists.insert(name.clone(), (file.to_owned(), list.clone()));
        }
    }
}

/// The values of a context rule (`light`, `[light, fan]`, `{value: light, slot: true}`, `{slot: true}`; none
/// = any value) and whether the value becomes a slot.
fn context_rule(value: &Value) -> (Vec<String>, bool) {
    match value {
        Value::Null => (Vec::new(), false),
        Value::Array(values) => (values.iter().map(plain).collect(), false),
        Value::Object(map) => {
            let values = map.get("value").map_or(Vec::new(), |v| context_rule(v).0);
            (values, map.get("slot").and_then(Value::as_bool).unwrap_or(false))
        }
        other => (vec![plain(other)], false),
    }
}

fn fixed_slots(raw: &BTreeMap<String, Value>) -> Slots {
    raw.iter().filter(|(_, v)| !v.is_null()).map(|(name, value)| (name.clone(), slot_value(value))).collect()
}

/// A slot's value as written in YAML; several values of one slot are joined by commas.
pub fn slot_value(value: &Value) -> SlotValue {
    match value.as_f64() {
        Some(number) => SlotValue::Number(number),
        None => SlotValue::Text(plain(value)),
    }
}

/// A YAML scalar as the text it was.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// `{name}`, `{area}` and `{floor}`, in `lang` first and in the other languages too.
fn home_lists(home: &Home, lang: Lang) -> HashMap<&'static str, SlotList> {
    let list = |kind| SlotList { kind, values: Vec::new(), said: BTreeMap::new() };
    let (mut names, mut areas, mut floors) = (list(ListKind::Name), list(ListKind::Area), list(ListKind::Floor));
    for entity in &home.entities {
        let mut context = BTreeMap::from([("domain".to_owned(), entity.id.domain().to_owned())]);
        // A robot goes where it is sent: the room that is named with it is the one it shall clean.
        if let Some(area) = entity.area.as_ref().filter(|_| entity.id.domain() != "vacuum") {
            context.insert("@area".to_owned(), area.clone());
            if let Some(floor) = home.area(area).and_then(|a| a.floor.clone()) {
                context.insert("@floor".to_owned(), floor);
            }
        }
        names.add_named(&entity.id.0, &entity.names, context, lang);
    }
    for area in &home.areas {
        let floor = area.floor.iter().map(|f| ("@floor".to_owned(), f.clone())).collect();
        areas.add_named(&area.id, &area.names, floor, lang);
    }
    for floor in &home.floors {
        floors.add_named(&floor.id, &floor.names, BTreeMap::new(), lang);
    }
    HashMap::from([("name", names), ("area", areas), ("floor", floors)])
}

impl SlotList {
    /// Adds a way to say value `value`; the first language to claim the same words keeps them.
    pub fn add_said(&mut self, said: &str, value: u32, foreign: bool) {
        let words = normalise(said);
        let Some(&first) = words.first() else { return };
        let entries = self.said.entry(first).or_default();
        if !entries.iter().any(|(w, v, _)| **w == words[..] && *v == value) {
            entries.push((words.into_boxed_slice(), value, foreign));
        }
    }

    fn add_named(&mut self, id: &str, names: &Names, context: BTreeMap<String, String>, lang: Lang) {
        let value = self.values.len() as u32;
        self.values.push(ListValue { out: id.into(), context });
        let own = names.get(&lang).into_iter().flatten().map(|n| (n, false));
        let others = names.iter().filter(|(l, _)| **l != lang).flat_map(|(_, n)| n).map(|n| (n, true));
        for (name, foreign) in own.chain(others) {
            self.add_said(name, value, foreign);
        }
    }

    /// The list without the values that a block's context rules forbid.
    pub fn filtered(&self, requires: &ContextRules, excludes: &ContextRules) -> Self {
        let allowed = |value: &ListValue| {
            let meets = |(key, values): &(String, Vec<String>)| {
                value.context.get(key).is_none_or(|v| values.is_empty() || values.contains(v))
            };
            let excluded = |(key, values): &(String, Vec<String>)| {
                value.context.get(key).is_some_and(|v| values.is_empty() || values.contains(v))
            };
            // A thing of the house has all its context here: what it lacks nobody else can add.
            let complete = self.kind != ListKind::Name
                || requires.iter().all(|(key, _)| key == "area" || value.context.contains_key(key));
            complete && requires.iter().all(meets) && !excludes.iter().any(excluded)
        };
        let mut list = Self { kind: self.kind, values: self.values.clone(), said: BTreeMap::new() };
        for (first, entries) in &self.said {
            let kept: Vec<_> = entries.iter().filter(|(_, v, _)| allowed(&self.values[*v as usize])).cloned().collect();
            if !kept.is_empty() {
                list.said.insert(*first, kept);
            }
        }
        list
    }
}
