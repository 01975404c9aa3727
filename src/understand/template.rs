//! The sentence-template language of Home Assistant's hassil 3: `[please] turn on (the|my) {name}`.
//!
//! Text in, tree out; nothing is looked up here (lists and rules are names only), so the parser needs no
//! home and its work is linear in the length of the template.

/// A template as a tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Literal characters, normalised, without spaces.
    Text(Vec<char>),
    /// A space or punctuation: where a word can end.
    Break,
    /// One after the other.
    Sequence(Vec<Node>),
    /// `(a|b)`; an optional `[a]` has an empty branch.
    Alternative(Vec<Node>),
    /// `(a;b)`: all, in any order.
    Permutation(Vec<Node>),
    /// `{list}` or `{list:slot}`.
    List {
        /// Which list.
        list: String,
        /// Where its value goes.
        slot: String,
    },
    /// `<rule>`.
    Rule(String),
}

/// Why a template is wrong, and at which of its characters (from 0).
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateError {
    /// Characters before the fault.
    pub at: usize,
    /// What is wrong.
    pub what: String,
}

/// Brackets inside brackets; deeper ones are a slip, and recursion stays bounded.
const DEPTH_MAX: usize = 40;
/// A template longer than this is no sentence.
const TEMPLATE_LEN_MAX: usize = 20_000;

/// Reads one template.
///
/// # Errors
/// Brackets that do not match or are too deep, empty list or rule names, a `;` beside a `|`.
pub fn parse(text: &str) -> Result<Node, TemplateError> {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > TEMPLATE_LEN_MAX {
        let what = format!("it is longer than {TEMPLATE_LEN_MAX} characters");
        return Err(TemplateError { at: TEMPLATE_LEN_MAX, what });
    }
    let mut parser = Parser { chars, at: 0 };
    let node = parser.group(None, 0)?;
    Ok(node)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn error<T>(&self, at: usize, what: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError { at, what: what.into() })
    }

    /// Everything up to `close` (the end of the template where `None`).
    fn group(&mut self, close: Option<char>, depth: usize) -> Result<Node, TemplateError> {
        let opened = self.at.saturating_sub(1);
        if depth > DEPTH_MAX {
            return self.error(opened, format!("brackets are nested more than {DEPTH_MAX} deep"));
        }
        let mut branches: Vec<Vec<Node>> = vec![Vec::new()];
        let mut separator = None;
        let mut literal = String::new();
        loop {
            let Some(&c) = self.chars.get(self.at) else {
                if let Some(close) = close {
                    return self.error(opened, format!("this bracket is never closed with {close:?}"));
                }
                break;
            };
            self.at += 1;
            if !matches!(c, '(' | '[' | '{' | '<' | '|' | ';' | ')' | ']' | '}' | '>' | '\\') {
                literal.push(c);
                continue;
            }
            if c == '\\' {
                let Some(&escaped) = self.chars.get(self.at) else {
                    return self.error(self.at - 1, "nothing follows the backslash");
                };
                literal.push(escaped);
                self.at += 1;
                continue;
            }
            let branch = branches.last_mut().expect("begins with one branch and only grows");
            push_literal(branch, &mut literal);
            match c {
                '(' => branch.push(self.group(Some(')'), depth + 1)?),
                '[' => branch.push(optional(self.group(Some(']'), depth + 1)?)),
                '{' => branch.push(self.list()?),
                '<' => branch.push(Node::Rule(self.name('>')?)),
                '|' | ';' => {
                    if separator.is_some_and(|s| s != c) {
                        return self.error(self.at - 1, "'|' and ';' stand in the same bracket");
                    }
                    separator = Some(c);
                    branches.push(Vec::new());
                }
                _ if Some(c) == close => break,
                _ => return self.error(self.at - 1, format!("{c:?} closes nothing")),
            }
        }
        let branch = branches.last_mut().expect("begins with one branch and only grows");
        push_literal(branch, &mut literal);
        let mut nodes: Vec<Node> = branches.into_iter().map(sequence).collect();
        Ok(match separator {
            Some('|') => Node::Alternative(nodes),
            Some(_) => Node::Permutation(nodes),
            None => nodes.remove(0),
        })
    }

    /// The rest of `{list:slot}`.
    fn list(&mut self) -> Result<Node, TemplateError> {
        let start = self.at;
        let inside = self.name('}')?;
        let (list, slot) = match inside.split_once(':') {
            Some((list, slot)) => (list.trim(), slot.trim()),
            None => (inside.as_str(), inside.as_str()),
        };
        if list.is_empty() || slot.is_empty() {
            return self.error(start, "a list and its slot need a name");
        }
        Ok(Node::List { list: list.to_owned(), slot: slot.to_owned() })
    }

    fn name(&mut self, close: char) -> Result<String, TemplateError> {
        let start = self.at;
        let Some(len) = self.chars[start..].iter().position(|c| *c == close) else {
            return self.error(start.saturating_sub(1), format!("this bracket is never closed with {close:?}"));
        };
        self.at = start + len + 1;
        let name: String = self.chars[start..start + len].iter().collect();
        let name = name.trim().to_owned();
        if name.is_empty() || name.contains(['(', ')', '[', ']', '{', '}', '<', '>', '|', ';']) {
            return self.error(start, format!("{name:?} is not a name"));
        }
        Ok(name)
    }
}

fn optional(node: Node) -> Node {
    match node {
        Node::Alternative(mut branches) => {
            branches.push(Node::Sequence(Vec::new()));
            Node::Alternative(branches)
        }
        node => Node::Alternative(vec![node, Node::Sequence(Vec::new())]),
    }
}

fn sequence(mut nodes: Vec<Node>) -> Node {
    if nodes.len() == 1 { nodes.remove(0) } else { Node::Sequence(nodes) }
}

/// Turns literal characters into texts and breaks.
fn push_literal(nodes: &mut Vec<Node>, literal: &mut String) {
    if literal.is_empty() {
        return;
    }
    // The marker keeps a space at either end, which normalising alone would trim.
    let is_space = |c: Option<char>| {
        c.is_some_and(|c| super::normalise::normalise(&c.to_string()).is_empty() && c != '\'' && c != '’')
    };
    if is_space(literal.chars().next()) {
        nodes.push(Node::Break);
    }
    let normal = super::normalise::normalise(literal);
    for (i, word) in normal.split(|c| *c == ' ').filter(|w| !w.is_empty()).enumerate() {
        if i > 0 {
            nodes.push(Node::Break);
        }
        nodes.push(Node::Text(word.to_vec()));
    }
    if !normal.is_empty() && is_space(literal.chars().last()) {
        nodes.push(Node::Break);
    }
    literal.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Node {
        Node::Text(t.chars().collect())
    }

    #[test]
    fn reads_the_whole_syntax() {
        let node = parse("Turn[ed] on (the|my){name:thing} <in> \\(x\\)").expect("valid");
        let Node::Sequence(parts) = node else { panic!("{node:?}") };
        assert_eq!(parts[0], text("turn"));
        assert_eq!(parts[1], Node::Alternative(vec![text("ed"), Node::Sequence(vec![])]));
        assert_eq!(parts[2], Node::Break);
        assert_eq!(parts[3], text("on"));
        assert_eq!(parts[5], Node::Alternative(vec![text("the"), text("my")]));
        assert_eq!(parts[6], Node::List { list: "name".into(), slot: "thing".into() });
        assert_eq!(parts[8], Node::Rule("in".into()));
        assert_eq!(parts[10], text("x"));
        assert_eq!(parse("(a;b)").expect("valid"), Node::Permutation(vec![text("a"), text("b")]));
        assert_eq!(parse("打开|开").expect("valid"), Node::Alternative(vec![text("打开"), text("开")]));
    }

    #[test]
    fn faults_name_their_place() {
        for (template, at) in [
            ("turn (on", 5),
            ("turn on)", 7),
            ("a {name", 2),
            ("a {}", 3),
            ("(a|b;c)", 4),
            ("a <b", 2),
            ("x\\", 1),
            ("a [b)", 4),
            ("{a:}", 1),
        ] {
            let e = parse(template).expect_err(template);
            assert_eq!(e.at, at, "{template}: {e:?}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&"a".repeat(100_000)).is_err());
    }
}
