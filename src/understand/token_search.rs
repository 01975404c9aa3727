//! The likeliest sentence of the grammar, token by token: whisper.cpp's own decoder never goes back on a token, and
//! its beam search draws tokens at random. Branch and bound: what more tokens cost can only make a beginning less
//! likely, so beginnings that are no likelier than the best whole sentence are left out.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::token_grammar::TokenGrammar;

/// How many ways to go on are kept at each token: the likeliest.
const WAYS_MAX: usize = 8;

/// The beginning of a sentence.
struct Begun {
    /// Natural log of its probability.
    log_prob: f32,
    tokens: Vec<usize>,
}

impl Ord for Begun {
    fn cmp(&self, other: &Self) -> Ordering {
        self.log_prob.total_cmp(&other.log_prob).then_with(|| other.tokens.cmp(&self.tokens))
    }
}

impl PartialOrd for Begun {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Begun {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Begun {}

/// A whole sentence of `grammar` that is likelier than `floor`, with its log-probability, end included; the likeliest,
/// if `asks` suffice. `next` gives the log-probabilities of what comes after some tokens, up to the end-of-text
/// token `eot`; it is asked at most `asks` times.
///
/// # Errors
/// Those of `next`.
pub fn likeliest<E>(
    grammar: &TokenGrammar,
    eot: usize,
    mut floor: f32,
    mut asks: usize,
    mut next: impl FnMut(&[usize]) -> Result<Vec<f32>, E>,
) -> Result<Option<(Vec<usize>, f32)>, E> {
    let mut best = None;
    let mut open = BinaryHeap::from([Begun { log_prob: 0.0, tokens: Vec::new() }]);
    while let Some(begun) = open.pop().filter(|begun| begun.log_prob > floor) {
        // From the likeliest beginning straight to an end, so that there soon is a sentence to beat.
        let mut at = Some(begun);
        while let Some(Begun { log_prob, tokens }) = at.take() {
            let Some(follows) = grammar.follows(tokens.iter().copied()) else { continue };
            let Some(left) = asks.checked_sub(1) else { return Ok(best) };
            asks = left;
            let costs = next(&tokens)?;
            let whole = log_prob + costs[eot];
            if follows.end && whole > floor {
                floor = whole;
                best = Some((tokens.clone(), whole));
            }
            let mut ways: Vec<(f32, usize)> = follows.tokens.into_iter().map(|t| (log_prob + costs[t], t)).collect();
            ways.retain(|(log_prob, _)| *log_prob > floor);
            ways.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            ways.truncate(WAYS_MAX);
            let mut ways =
                ways.into_iter().map(|(log_prob, t)| Begun { log_prob, tokens: [&tokens[..], &[t]].concat() });
            at = ways.next();
            open.extend(ways);
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::word_graph::{WordArc, WordGraph};
    use super::*;

    const TOKENS: [&str; 6] = [" red", " lamp", " rad", "io", " off", "."];
    const EOT: usize = TOKENS.len();

    fn grammar() -> TokenGrammar {
        let arc = |from, to, text: &str| WordArc { from, to, text: text.into() };
        let arcs = vec![arc(0, 1, "red"), arc(1, 3, "lamp"), arc(0, 2, "radio"), arc(2, 3, "off")];
        let graph = WordGraph { start: 0, ends: vec![3], arcs };
        TokenGrammar::new(&[graph], &[], TOKENS.iter().map(|t| t.as_bytes())).expect("small")
    }

    /// After "red" no lamp is heard; "radio off" is what was said, though its first token is less likely.
    fn heard(said: &[usize]) -> Result<Vec<f32>, Infallible> {
        let likely: &[(usize, f32)] = match said {
            [] => &[(0, 0.6), (2, 0.3)],
            [0] => &[(1, 0.01), (4, 0.9)],
            [2] => &[(3, 0.9)],
            [2, 3] => &[(4, 0.9)],
            _ => &[(EOT, 0.9)],
        };
        let mut next = vec![1e-4f32.ln(); EOT + 1];
        likely.iter().for_each(|(token, p)| next[*token] = p.ln());
        Ok(next)
    }

    fn found(floor: f32, asks: usize) -> Option<(Vec<usize>, f32)> {
        likeliest(&grammar(), EOT, floor, asks, heard).expect("infallible")
    }

    #[test]
    fn it_goes_back_on_a_token_that_leads_nowhere() {
        let (tokens, log_prob) = found(-9.0, 100).expect("found");
        assert_eq!(tokens, [2, 3, 4]);
        assert!((log_prob - (0.3f32 * 0.9 * 0.9 * 0.9).ln()).abs() < 1e-4, "{log_prob}");
    }

    #[test]
    fn only_what_is_likelier_than_the_floor_is_found_and_only_as_long_as_it_may_ask() {
        assert_eq!(found(-1.0, 100), None);
        assert_eq!(found(-9.0, 2), None);
        assert_eq!(found(-9.0, 3).expect("the straight way").0, [0, 1]);
    }
}
