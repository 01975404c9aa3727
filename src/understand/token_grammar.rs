//! The grammar in the tokens of a Whisper model: which tokens can go on with the sentence. whisper.rs asks it
//! in whisper.cpp's logits filter; nothing here knows whisper.cpp.
//!
//! Tokens that leave the grammar are made less likely, not impossible, so that other speech is still written
//! down as what it is, and refused by its meaning, instead of being bent into a command.

use super::unit_graph::{Parts, START, Spelling, UnitGraph};
use super::word_graph::WordGraph;

/// What leaving the grammar costs, in natural log, once for each sentence. Guessed: a token of the grammar must
/// sound 50 times less likely than another before the other is written.
pub const PENALTY: f32 = 4.0;

/// The automaton over bytes and the vocabulary as a trie.
pub struct TokenGrammar {
    graph: UnitGraph,
    trie: Vec<Node>,
    /// Lower-case bytes of each token without punctuation; `None` for what is no text.
    folded: Vec<Option<Vec<u8>>>,
}

/// What can follow the beginning of a sentence.
pub struct Follows {
    /// Ids, in no order; punctuation is always among them.
    pub tokens: Vec<usize>,
    /// Whether the sentence may end.
    pub end: bool,
}

#[derive(Default)]
struct Node {
    next: Vec<(u8, u32)>,
    tokens: Vec<u32>,
}

/// Text as its bytes. A space before a Latin word may be left out.
struct Bytes;

impl Spelling for Bytes {
    fn spell(&self, text: &str) -> Option<Parts> {
        let mut parts = Vec::new();
        for word in text.split(' ').filter(|w| !w.is_empty()) {
            let plain = word.as_bytes().to_vec();
            parts.push(if word.is_ascii() { vec![[b" ", word.as_bytes()].concat(), plain] } else { vec![plain] });
        }
        Some(parts)
    }
}

impl TokenGrammar {
    /// `tokens`: the bytes of each text token, in the order of their ids.
    ///
    /// # Errors
    /// Grammars too large to compile.
    pub fn new<'a>(
        speakable: &[WordGraph],
        lead_ins: &[String],
        tokens: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, String> {
        let graph = UnitGraph::build(speakable, &[], &[], lead_ins, &Bytes)?;
        let folded: Vec<_> = tokens.map(fold).collect();
        let mut trie = vec![Node::default()];
        for (id, bytes) in folded.iter().enumerate() {
            let Some(bytes) = bytes else { continue };
            let mut at = 0;
            for &b in bytes {
                at = match trie[at].next.iter().find(|(c, _)| *c == b) {
                    Some(&(_, next)) => next as usize,
                    None => {
                        trie.push(Node::default());
                        let next = trie.len() - 1;
                        trie[at].next.push((b, next as u32));
                        next
                    }
                };
            }
            trie[at].tokens.push(id as u32);
        }
        Ok(Self { graph, trie, folded })
    }

    /// The state after `tokens`; `None` if they are no beginning of a sentence of the grammar.
    fn after(&self, tokens: impl Iterator<Item = usize>) -> Option<u32> {
        let mut state = START;
        for token in tokens {
            for &b in self.folded.get(token)?.as_deref()? {
                state = self.step(state, b)?;
            }
        }
        Some(state)
    }

    fn step(&self, state: u32, byte: u8) -> Option<u32> {
        let found = self.graph.arcs_from(state).find(|(_, arc)| arc.unit == byte).map(|(_, arc)| arc.to);
        // Whisper begins every text with a space, Chinese as well.
        found.or((state == START && byte == b' ').then_some(START))
    }

    /// Whether `tokens` are a whole sentence of the grammar.
    pub fn is_whole(&self, tokens: impl Iterator<Item = usize>) -> bool {
        self.after(tokens).is_some_and(|state| self.graph.is_end(state))
    }

    /// What can follow `tokens` in a sentence of the grammar; `None` if they are no beginning of one.
    pub fn follows(&self, tokens: impl Iterator<Item = usize>) -> Option<Follows> {
        let state = self.after(tokens)?;
        let mut follows = Follows { tokens: Vec::new(), end: self.graph.is_end(state) };
        let mut open = vec![(0usize, state)];
        while let Some((node, state)) = open.pop() {
            let Some(node) = self.trie.get(node) else { continue };
            follows.tokens.extend(node.tokens.iter().map(|t| *t as usize));
            for &(byte, next) in &node.next {
                open.extend(self.step(state, byte).map(|to| (next as usize, to)));
            }
        }
        Some(follows)
    }

    /// Lowers the logits of all tokens that cannot follow `tokens`, and of `eot` where no sentence may end. Does
    /// nothing once the grammar has been left.
    pub fn favour(&self, tokens: impl Iterator<Item = usize>, eot: usize, logits: &mut [f32]) {
        let Some(follows) = self.follows(tokens) else { return };
        let ids = follows.tokens.iter().chain(follows.end.then_some(&eot));
        let kept: Vec<(usize, f32)> = ids.filter_map(|&id| Some((id, *logits.get(id)?))).collect();
        logits.iter_mut().for_each(|logit| *logit -= PENALTY);
        kept.into_iter().for_each(|(id, logit)| logits[id] = logit);
    }
}

/// Lower case, without punctuation; `None` for special tokens.
fn fold(token: &[u8]) -> Option<Vec<u8>> {
    let special = token.len() > 2 && (token.starts_with(b"<|") || token.starts_with(b"["));
    if special {
        return None;
    }
    // Full-width punctuation; a token that holds only part of one is taken as it is.
    let text = match std::str::from_utf8(token) {
        Ok(text) => text.replace(['，', '。', '！', '？', '、'], "").into_bytes(),
        Err(_) => token.to_vec(),
    };
    Some(text.into_iter().filter(|b| !b".,!?-".contains(b)).map(|b| b.to_ascii_lowercase()).collect())
}

#[cfg(test)]
mod tests {
    use super::super::word_graph::WordArc;
    use super::*;

    const TOKENS: [&str; 14] =
        [" Turn", " on", " off", " the", " lamp", " la", "mp", ".", " dog", "打开", "灯", "[unused]", "打", "开"];

    fn grammar() -> TokenGrammar {
        let arc = |from, to, text: &str| WordArc { from, to, text: text.into() };
        let en = vec![arc(0, 1, "turn"), arc(1, 2, "on"), arc(1, 2, "off"), arc(2, 3, "the"), arc(3, 4, "lamp")];
        let zh = vec![arc(0, 1, "打开"), arc(1, 2, "灯")];
        let graphs = [WordGraph { start: 0, ends: vec![4], arcs: en }, WordGraph { start: 0, ends: vec![2], arcs: zh }];
        TokenGrammar::new(&graphs, &[], TOKENS.iter().map(|t| t.as_bytes())).expect("small")
    }

    fn ids(tokens: &[&str]) -> Vec<usize> {
        tokens.iter().map(|t| TOKENS.iter().position(|u| u == t).expect("known")).collect()
    }

    fn favoured(said: &[&str]) -> Vec<&'static str> {
        let mut logits = vec![0.0; TOKENS.len() + 1];
        grammar().favour(ids(said).into_iter(), TOKENS.len(), &mut logits);
        let names = TOKENS.iter().copied().chain(["<end>"]);
        names.zip(&logits).filter(|(_, l)| **l == 0.0).map(|(n, _)| n).collect()
    }

    #[test]
    fn only_what_goes_on_with_a_sentence_is_favoured() {
        assert_eq!(favoured(&[]), [" Turn", ".", "打开", "打"]);
        assert_eq!(favoured(&[" Turn"]), [" on", " off", "."]);
        assert_eq!(favoured(&[" Turn", " on", " the"]), [" lamp", " la", "."]);
        assert_eq!(favoured(&[" Turn", " on", " the", " la"]), ["mp", "."]);
        assert_eq!(favoured(&["打", "开", "灯"]), [".", "<end>"]);
    }

    #[test]
    fn outside_the_grammar_nothing_is_changed() {
        assert_eq!(favoured(&[" dog"]).len(), TOKENS.len() + 1);
        assert_eq!(favoured(&[" Turn", "[unused]"]).len(), TOKENS.len() + 1);
    }

    #[test]
    fn whole_sentences_are_known() {
        let whole = |said: &[&str]| grammar().is_whole(ids(said).into_iter());
        assert!(whole(&[" Turn", " on", " the", " lamp", "."]) && whole(&["打开", "灯"]));
        assert!(!whole(&[" Turn", " on"]) && !whole(&[" dog"]) && !whole(&[]));
    }
}
