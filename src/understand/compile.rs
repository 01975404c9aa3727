//! Templates into one automaton: rules are put in where they are named, lists and ranges are shared.
//!
//! States are handed out so that every arc leads to a larger number. Work is bounded: a template that
//! stands for too much, or a rule that names itself, is a fault and never a hang.

use std::collections::HashMap;

use crate::facts::intent::{Lang, SlotValue};

use super::automaton::{
    Arcs, Automaton, Block, ListKind, ListValue, Origin, Range, SkipSaid, SkipWord, SlotList, Step,
};
use super::grammar::{ContextRules, Scope, plain, slot_value};
use super::normalise::normalise;
use super::sentences::{Placed, RawList, RawListValue, RawRange};
use super::template::{Node, parse};

/// Pieces of one template with all its rules put in.
const SENTENCE_PIECES_MAX: usize = 20_000;
/// Pieces of one language.
const PIECES_MAX: usize = 1_500_000;
/// Things in any order: each more doubles the pieces.
const PERMUTATION_MAX: usize = 6;
/// Rules within rules.
const RULE_DEPTH_MAX: usize = 30;
/// Ways to say one value of a list.
const VALUE_WORDINGS_MAX: usize = 500;

/// Builds one language's automaton.
pub struct Compiler {
    automaton: Automaton,
    home: HashMap<&'static str, SlotList>,
    /// Compiled lists and ranges by scope, name and context.
    shared: HashMap<String, Compiled>,
    slots: HashMap<String, u32>,
    /// By state.
    arcs: Vec<Vec<(Step, u32)>>,
    /// What was put in so far: parts of templates, and arcs.
    pieces: usize,
}

#[derive(Debug, Clone, Copy)]
enum Compiled {
    List(u32),
    Range(u32),
    Wildcard(u32),
}

/// What stays the same while one sentence is compiled.
struct Sentence<'a> {
    scope: &'a Scope<'a>,
    requires: &'a ContextRules,
    excludes: &'a ContextRules,
    /// Names of the rules being put in, outermost first.
    rules: Vec<String>,
    /// `pieces` at which it is too large.
    pieces_max: usize,
}

impl Compiler {
    /// An empty automaton for `lang`; `home` holds the lists that every scope has.
    pub fn new(lang: Lang, home: HashMap<&'static str, SlotList>) -> Self {
        let automaton = Automaton { unspaced: lang == Lang::Zh, ..Automaton::default() };
        Self { automaton, home, shared: HashMap::new(), slots: HashMap::new(), arcs: vec![Vec::new()], pieces: 0 }
    }

    /// Words that may stand anywhere, and where they are said.
    pub fn add_skip_words(&mut self, words: &[String], said: SkipSaid) {
        for word in words.iter().map(|w| normalise(w)).filter(|w| !w.is_empty()) {
            match self.automaton.skip.iter_mut().find(|s| *s.word == word[..]) {
                Some(known) if known.said == said => {}
                Some(known) => known.said = SkipSaid::Around,
                None => self.automaton.skip.push(SkipWord { word: word.into_boxed_slice(), said }),
            }
        }
    }

    /// What the next sentences mean; returns its number.
    pub fn add_block(&mut self, block: Block) -> u32 {
        self.automaton.blocks.push(block);
        self.automaton.blocks.len() as u32 - 1
    }

    /// Says where the next template is written.
    pub fn begin_sentence(&mut self, scope: &Scope, sentence: &Placed<String>) {
        self.automaton.origins.push(Origin {
            first: self.arcs.len() as u32,
            file: scope.file.to_owned(),
            at: sentence.at.clone(),
            template: sentence.value.clone(),
            shipped: scope.shipped,
        });
    }

    /// Adds one template for block `block`, under `(requires, excludes)`.
    ///
    /// # Errors
    /// What is wrong, in words. The arcs added so far stay, but lead to no final state.
    pub fn add_sentence(
        &mut self,
        node: &Node,
        scope: &Scope,
        (requires, excludes): (&ContextRules, &ContextRules),
        block: u32,
    ) -> Result<(), String> {
        let pieces_max = (self.pieces + SENTENCE_PIECES_MAX).min(PIECES_MAX);
        let mut sentence = Sentence { scope, requires, excludes, rules: Vec::new(), pieces_max };
        let start = self.state();
        self.arc(0, Step::Epsilon, start);
        let end = self.put(node, start, &mut sentence)?;
        // A break at either end takes nothing, so that the final state needs no space before it.
        let last = self.state();
        self.arc(end, Step::Epsilon, last);
        self.automaton.finals.insert(last, block);
        Ok(())
    }

    /// The finished automaton.
    pub fn finish(mut self) -> Automaton {
        self.automaton.arcs = Arcs::new(self.arcs);
        self.automaton.index();
        self.automaton
    }

    fn state(&mut self) -> u32 {
        self.arcs.push(Vec::new());
        self.arcs.len() as u32 - 1
    }

    fn arc(&mut self, from: u32, step: Step, to: u32) {
        self.pieces += 1;
        self.arcs[from as usize].push((step, to));
    }

    fn next(&mut self, from: u32, step: Step) -> u32 {
        let to = self.state();
        self.arc(from, step, to);
        to
    }

    /// Adds `node` after state `from`; returns the state after it.
    fn put(&mut self, node: &Node, from: u32, sentence: &mut Sentence) -> Result<u32, String> {
        // Counted for every node, so that rules that stand for nothing at all are bounded too.
        self.pieces += 1;
        if self.pieces > sentence.pieces_max {
            return Err(format!("it stands for too many sentences (more than {SENTENCE_PIECES_MAX} pieces)"));
        }
        match node {
            Node::Text(t) => match t.first() {
                Some(first) => Ok(self.next(from, Step::Text(*first, t.clone().into_boxed_slice()))),
                None => Ok(from),
            },
            Node::Break => Ok(self.next(from, Step::Break)),
            Node::Sequence(nodes) => {
                let mut at = from;
                for node in nodes {
                    at = self.put(node, at, sentence)?;
                }
                Ok(at)
            }
            Node::Alternative(nodes) => {
                let ends = nodes.iter().map(|n| self.put(n, from, sentence)).collect::<Result<Vec<_>, _>>()?;
                let join = self.state();
                for end in ends {
                    self.arc(end, Step::Epsilon, join);
                }
                Ok(join)
            }
            Node::Permutation(nodes) => self.put_permutation(nodes, from, sentence),
            Node::List { list, slot } => self.put_list(list, slot, from, sentence),
            Node::Rule(name) => self.put_rule(name, from, sentence),
        }
    }

    /// One state for each set of parts already said, instead of one path for each order.
    fn put_permutation(&mut self, nodes: &[Node], from: u32, sentence: &mut Sentence) -> Result<u32, String> {
        if nodes.len() > PERMUTATION_MAX {
            return Err(format!("more than {PERMUTATION_MAX} parts in any order"));
        }
        let all = (1usize << nodes.len()) - 1;
        let mut ends: Vec<Vec<u32>> = vec![Vec::new(); all + 1];
        ends[0].push(from);
        for set in 0..=all {
            let join = self.state();
            for end in std::mem::take(&mut ends[set]) {
                self.arc(end, Step::Epsilon, join);
            }
            if set == all {
                return Ok(join);
            }
            let start = if set == 0 { join } else { self.next(join, Step::Break) };
            for (i, node) in nodes.iter().enumerate().filter(|(i, _)| set & (1 << i) == 0) {
                let end = self.put(node, start, sentence)?;
                ends[set | (1 << i)].push(end);
            }
        }
        Ok(from)
    }

    fn put_rule(&mut self, name: &str, from: u32, sentence: &mut Sentence) -> Result<u32, String> {
        let Some(rule) = sentence.scope.layers.iter().find_map(|layer| layer.rules.get(name)) else {
            return Err(format!("there is no rule <{name}>"));
        };
        if sentence.rules.len() >= RULE_DEPTH_MAX {
            return Err(format!("its rules are nested more than {RULE_DEPTH_MAX} deep, down to <{name}>"));
        }
        if sentence.rules.iter().any(|r| r == name) {
            let path = sentence.rules.join("> -> <");
            return Err(format!(
                "rule <{name}> ({} {}) leads back to itself: <{path}> -> <{name}>",
                rule.file, rule.at
            ));
        }
        sentence.rules.push(name.to_owned());
        let end = self.put(&rule.node, from, sentence)?;
        sentence.rules.pop();
        Ok(end)
    }

    fn put_list(&mut self, list: &str, slot: &str, from: u32, sentence: &Sentence) -> Result<u32, String> {
        let compiled = self.list(list, sentence)?;
        let next_slot = self.slots.len() as u32;
        let slot = *self.slots.entry(slot.to_owned()).or_insert_with(|| {
            self.automaton.slots.push(slot.to_owned());
            next_slot
        });
        Ok(self.next(
            from,
            match compiled {
                Compiled::List(list) => Step::List { list, slot },
                Compiled::Range(range) => Step::Range { range, slot },
                Compiled::Wildcard(except) => Step::Wildcard { slot, except },
            },
        ))
    }

    fn list(&mut self, name: &str, sentence: &Sentence) -> Result<Compiled, String> {
        let scope = sentence.scope;
        let key = format!("{}/{name}/{:?}/{:?}", scope.key, sentence.requires, sentence.excludes);
        if let Some(compiled) = self.shared.get(&key) {
            return Ok(*compiled);
        }
        let local = scope.layers.first().and_then(|l| l.lists.get(name));
        let raw = local.or_else(|| {
            let elsewhere = || scope.layers.iter().find_map(|layer| layer.lists.get(name));
            if self.home.contains_key(name) { None } else { elsewhere() }
        });
        let compiled = match (raw, self.home.get(name)) {
            (Some((file, raw)), _) => self
                .raw_list(&raw.value, sentence)
                .map_err(|what| format!("list {{{name}}} ({file} {}): {what}", raw.at))?,
            (None, Some(home)) => {
                let list = home.filtered(sentence.requires, sentence.excludes);
                self.push_list(list)
            }
            (None, None) => return Err(format!("there is no list {{{name}}}")),
        };
        if let Compiled::List(number) = compiled {
            self.automaton.list_names.push((name.to_owned(), number));
        }
        self.shared.insert(key, compiled);
        Ok(compiled)
    }

    fn push_list(&mut self, list: SlotList) -> Compiled {
        self.automaton.lists.push(list);
        Compiled::List(self.automaton.lists.len() as u32 - 1)
    }

    fn raw_list(&mut self, raw: &RawList, sentence: &Sentence) -> Result<Compiled, String> {
        match (&raw.values, &raw.range, raw.wildcard) {
            (Some(values), None, false) => {
                let list = slot_list(values, sentence.scope)?;
                Ok(self.push_list(list.filtered(sentence.requires, sentence.excludes)))
            }
            (None, Some(range), false) => {
                self.automaton.ranges.push(number_range(range)?);
                Ok(Compiled::Range(self.automaton.ranges.len() as u32 - 1))
            }
            (None, None, true) => {
                let words = raw.except.iter().map(|w| normalise(w)).filter(|w| !w.is_empty());
                self.automaton.excepted.push(words.map(Vec::into_boxed_slice).collect());
                Ok(Compiled::Wildcard(self.automaton.excepted.len() as u32 - 1))
            }
            _ => Err("it needs one of values, range and wildcard: true".to_owned()),
        }
    }
}

fn number_range(raw: &RawRange) -> Result<Range, String> {
    let by_type = match (raw.fraction_type.as_deref(), raw.r#type.as_str()) {
        (Some("halves"), _) => 0.5,
        (Some("tenths"), _) | (None, "temperature") => 0.1,
        _ => 1.0,
    };
    let range = Range {
        from: raw.from,
        to: raw.to,
        // A coarser step is what Home Assistant lists; any number in between can still be said.
        step: raw.step.filter(|s| *s < 1.0).unwrap_or(by_type),
        multiplier: raw.multiplier.unwrap_or(1.0),
    };
    let finite = [range.from, range.to, range.step, range.multiplier].iter().all(|n| n.is_finite());
    if !finite || range.from > range.to || range.step <= 0.0 {
        return Err(format!("{} to {} in steps of {} is no range", raw.from, raw.to, raw.step.unwrap_or(1.0)));
    }
    Ok(range)
}

fn slot_list(values: &[RawListValue], scope: &Scope) -> Result<SlotList, String> {
    let mut list = SlotList { kind: ListKind::Other, values: Vec::new(), said: Default::default() };
    for raw in values {
        let (said, out, context) = match raw {
            RawListValue::Full { r#in, out, context, .. } => {
                let context = context.iter().map(|(k, v)| (k.clone(), plain(v))).collect();
                (plain(r#in), slot_value(out.as_ref().unwrap_or(r#in)), context)
            }
            RawListValue::Plain(value) => (plain(value), slot_value(value), Default::default()),
        };
        let node = parse(&said).map_err(|e| format!("{}, at character {} of {said:?}", e.what, e.at + 1))?;
        let mut wordings = wordings(&node, scope, (0, &mut 0))?;
        if wordings.len() > VALUE_WORDINGS_MAX {
            return Err(format!("{said:?} stands for more than {VALUE_WORDINGS_MAX} wordings"));
        }
        let out = match (raw, &out) {
            // A plain value that is a template means its first wording.
            (RawListValue::Plain(_), SlotValue::Text(_)) if wordings.len() > 1 => SlotValue::Text(wordings[0].clone()),
            _ => out,
        };
        let value = list.values.len() as u32;
        list.values.push(ListValue { out, context });
        for words in wordings.drain(..) {
            list.add_said(&words, value, false);
        }
    }
    Ok(list)
}

/// Every text that `node` stands for.
fn wordings(node: &Node, scope: &Scope, (depth, work): (usize, &mut usize)) -> Result<Vec<String>, String> {
    *work += 1;
    if *work > SENTENCE_PIECES_MAX {
        return Err(format!("a value stands for more than {VALUE_WORDINGS_MAX} wordings"));
    }
    let texts = match node {
        Node::Text(t) => vec![t.iter().collect()],
        Node::Break => vec![" ".to_owned()],
        Node::Sequence(nodes) => {
            let mut all = vec![String::new()];
            for node in nodes {
                let tails = wordings(node, scope, (depth, &mut *work))?;
                if all.len() * tails.len() > VALUE_WORDINGS_MAX {
                    return Err(format!("a value stands for more than {VALUE_WORDINGS_MAX} wordings"));
                }
                all = all.iter().flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}"))).collect();
            }
            all
        }
        Node::Alternative(nodes) => {
            let mut all = Vec::new();
            for node in nodes {
                all.extend(wordings(node, scope, (depth, &mut *work))?);
            }
            all
        }
        Node::Rule(name) if depth < RULE_DEPTH_MAX => {
            let rule = scope.layers.iter().find_map(|layer| layer.rules.get(name));
            wordings(&rule.ok_or_else(|| format!("there is no rule <{name}>"))?.node, scope, (depth + 1, work))?
        }
        Node::Rule(name) => return Err(format!("rule <{name}> leads back to itself")),
        Node::Permutation(_) | Node::List { .. } => {
            return Err("a list's value holds words only, no lists and no permutations".to_owned());
        }
    };
    if texts.len() > VALUE_WORDINGS_MAX {
        return Err(format!("a value stands for more than {VALUE_WORDINGS_MAX} wordings"));
    }
    Ok(texts)
}
