//! What can be said, as words: the bridge from sentence templates to grammar-constrained recognition.

/// One step: a word (English), a run of characters (Chinese), or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordArc {
    /// Node it leaves.
    pub from: u32,
    /// Node it reaches.
    pub to: u32,
    /// Normalised text; empty for a step without sound.
    pub text: String,
}

/// A non-deterministic automaton over words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordGraph {
    /// Where every sentence begins.
    pub start: u32,
    /// Where a sentence may end.
    pub ends: Vec<u32>,
    /// All steps.
    pub arcs: Vec<WordArc>,
}
