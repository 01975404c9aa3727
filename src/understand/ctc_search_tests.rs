//! Sentences of a small grammar, found in made-up rows.

use super::super::unit_graph::{START, START_ADDRESSED, Spelling};
use super::super::units::Units;
use super::super::units::tests::small_alphabet;
use super::super::word_graph::{WordArc, WordGraph};
use super::*;

/// More rows than the small alphabet has units.
const UNITS: usize = 120;

fn rows(frames: &str, alphabet: &Units) -> Vec<f32> {
    let mut values = Vec::new();
    for c in frames.chars() {
        let mut row = vec![(0.02f32 / UNITS as f32).ln(); UNITS];
        let unit = alphabet.spell(&c.to_string()).map_or(BLANK, |said| said[0][0][0]);
        row[usize::from(unit)] = 0.98f32.ln();
        values.extend(row);
    }
    values
}

/// One of these words.
fn either(words: &[&str]) -> WordGraph {
    let arcs = words.iter().map(|w| WordArc { from: 0, to: 1, text: (*w).to_owned() }).collect();
    WordGraph { start: 0, ends: vec![1], arcs }
}

/// The automaton of one of these words.
fn automaton(words: &[&str], alphabet: &Units) -> UnitGraph {
    UnitGraph::build(&[either(words)], &[], &[], &[], alphabet).expect("small")
}

/// What is found among these words and, said seldom, "laugh".
fn find_in(frames: &str, words: &[&str], lead: usize) -> Option<(String, Found)> {
    let alphabet = small_alphabet();
    let graph = UnitGraph::build(&[either(words)], &[either(&["laugh"])], &[], &[], &alphabet).expect("small");
    let values = rows(frames, &alphabet);
    let found = search(LogProbs { values: &values, units: UNITS }, &graph, Wanted::sentence(START, lead, 0))?;
    Some((graph.read(START, &found.path).expect("a whole sentence").text, found))
}

/// The same: its text and margin.
fn find(frames: &str, words: &[&str], lead: usize) -> Option<(String, f32)> {
    find_in(frames, words, lead).map(|(text, found)| (text, found.margin))
}

#[test]
fn a_sentence_of_the_grammar_is_found_at_no_cost() {
    let (text, margin) = find("__ll_i_gg_h_tt__", &["light", "lamp"], 0).expect("found");
    assert_eq!(text, "light");
    assert!(margin > -0.01, "{margin}");
}

#[test]
fn a_model_that_doubts_everything_is_sure_of_nothing() {
    let alphabet = small_alphabet();
    let graph = automaton(&["lamp"], &alphabet);
    let clear = rows("__o__l_a_m_p_", &alphabet);
    // The best unit of each row has half of what it had, another one the other half.
    let mut noisy = clear.clone();
    for row in noisy.chunks_mut(UNITS) {
        row.iter_mut().filter(|v| **v > 0.9f32.ln()).for_each(|v| *v = 0.49f32.ln());
        row[UNITS - 1] = 0.48f32.ln();
    }
    let find = |values: &[f32]| {
        let found = search(LogProbs { values, units: UNITS }, &graph, Wanted::sentence(START, 5, 0));
        found.map(|f| (f.margin, f.free)).expect("found")
    };
    let ((margin, free), (noisy_margin, noisy_free)) = (find(&clear), find(&noisy));
    assert!(margin > -0.2 && noisy_margin > -0.2, "{margin} {noisy_margin}");
    // Eight rows from the first unit to the end of the last one, four units.
    assert!((free - 8.0 / 4.0 * 0.98f32.ln()).abs() < 1e-3, "{free}");
    assert!((noisy_free - 8.0 / 4.0 * 0.49f32.ln()).abs() < 1e-3, "{noisy_free}");
}

#[test]
fn the_ways_to_say_one_sentence_add_up_and_those_of_others_do_not() {
    let alphabet = small_alphabet();
    let unit = |c: &str| usize::from(alphabet.spell(c).expect("a letter")[0][0][0]);
    let graph = automaton(&["a", "l"], &alphabet);
    // In either row "a" has 0.4 and "l" 0.2: a_, _a and aa are all one "a".
    let mut values = vec![f32::NEG_INFINITY; 3 * UNITS];
    for row in values.chunks_mut(UNITS).take(2) {
        (row[usize::from(BLANK)], row[unit("a")], row[unit("l")]) = (0.4f32.ln(), 0.4f32.ln(), 0.2f32.ln());
    }
    values[2 * UNITS + usize::from(BLANK)] = 0.0;
    let found = search(LogProbs { values: &values, units: UNITS }, &graph, Wanted::sentence(START, 0, 0));
    let found = found.expect("found");
    assert_eq!(graph.read(START, &found.path).expect("a sentence").text, "a");
    // 3 x 0.16 against the free path's 0.16.
    assert!((found.margin - 3f32.ln()).abs() < 1e-4, "{}", found.margin);
}

#[test]
fn doubled_letters_need_a_blank() {
    assert_eq!(find("f_aa_l_l_", &["fall", "fal"], 0).expect("found").0, "fall");
    assert_eq!(find("f_aa_ll_", &["fall", "fal"], 0).expect("found").0, "fal");
}

#[test]
fn a_misheard_letter_costs_but_is_forgiven() {
    let (text, margin) = find("_l_i_k_h_t_", &["light", "lamp"], 0).expect("found");
    assert_eq!(text, "light");
    assert!(margin < -0.5, "{margin}");
}

#[test]
fn another_word_is_worse_than_as_many_misheard_letters() {
    let found = |frames| find_in(frames, &["lamplightlamp"], 0).expect("found").1;
    let (misheard, another) = (found("l_o_m_p_l_i_o_h_t_l_a_m_o"), found("l_a_m_p_l_o_u_z_t_l_a_m_p"));
    assert!((misheard.margin - another.margin).abs() < 0.05, "{misheard:?} {another:?}");
    assert!(another.worst < 2.5 * misheard.worst && misheard.worst < -3.0, "{misheard:?} {another:?}");
    // A price is not a sound that was misheard.
    let (text, seldom) = find_in("__l_a_u_g_h_", &["light"], 0).expect("found");
    assert!(text == "laugh" && seldom.worst > -0.1 && seldom.margin < -0.5, "{text} {seldom:?}");
}

#[test]
fn the_wake_word_before_and_noise_after_are_skipped() {
    let (text, margin) = find("h_e_y_l_a_m_p____k_", &["light", "lamp"], 6).expect("found");
    assert_eq!(text, "lamp");
    assert!(margin > -0.6, "{margin}");
}

#[test]
fn what_may_be_the_wake_words_end_or_the_sentences_beginning_is_explained_rather_than_skipped() {
    let alphabet = small_alphabet();
    let unit = |c: &str| usize::from(alphabet.spell(c).expect("a letter")[0][0][0]);
    let graph = automaton(&["oflamp", "lamp"], &alphabet);
    let mut values = rows("h_e_y_o_k_l_a_m_p__", &alphabet);
    // The "f" sounds more like a "k".
    (values[8 * UNITS + unit("k")], values[8 * UNITS + unit("f")]) = (0.6f32.ln(), 0.3f32.ln());
    let found = |lead, late| {
        let wanted = Wanted::sentence(START, lead, late);
        let found = search(LogProbs { values: &values, units: UNITS }, &graph, wanted).expect("found");
        graph.read(START, &found.path).expect("a sentence").text
    };
    assert_eq!((found(6, 5), found(11, 0)), ("oflamp".to_owned(), "lamp".to_owned()));
}

#[test]
fn sounds_that_are_likelier_than_all_others_together_are_told() {
    let alphabet = small_alphabet();
    let mut values = rows("_l_aa_m_p_", &alphabet);
    values[6 * UNITS..7 * UNITS].iter_mut().filter(|v| **v > -1.0).for_each(|v| *v = 0.4f32.ln());
    let probs = LogProbs { values: &values, units: UNITS };
    assert_eq!((probs.likely_units(0), probs.likely_units(4)), (vec![1, 3, 8], vec![8]));
}

#[test]
fn what_is_said_seldom_needs_better_evidence() {
    assert_eq!(find("__l_a_u_g_h_", &["light", "lamp"], 0).expect("found").0, "laugh");
    assert_eq!(find("__l_a_u_t__", &["laut", "lamp"], 0).expect("found").0, "laut");
    // One sound is wrong in either.
    assert_eq!(find("__l_a_u_g_t_", &["laugt", "lamp"], 0).expect("found").0, "laugt");
    let (text, margin) = find("__l_a_u_m_h_", &["laumt", "lamp"], 0).expect("found");
    assert!(text == "laumt" && margin < -0.5, "{text} {margin}");
}

#[test]
fn a_phrase_is_found_among_other_speech() {
    let alphabet = small_alphabet();
    let graph = UnitGraph::build(&[], &[], &[], &["lamp".into()], &alphabet).expect("small");
    let values = rows("_t_u_r_n__l_a_m_p__o_n_l_i__", &alphabet);
    let probs = LogProbs { values: &values, units: UNITS };
    let found = search(probs, &graph, Wanted::phrase(START_ADDRESSED)).expect("found");
    assert!(found.margin > -0.01 && found.begins == [10, 12, 14, 16], "{found:?}");
    let values = rows("_t_u_r_n__l_o_m_i__o_n_l_i__", &alphabet);
    let probs = LogProbs { values: &values, units: UNITS };
    assert!(search(probs, &graph, Wanted::phrase(START_ADDRESSED)).is_none_or(|f| f.margin < -1.0));
}

#[test]
fn nonsense_is_far_from_every_sentence() {
    let (_, margin) = find("_o_b_u_z_o_w_e_", &["light", "lamp"], 0).expect("the beam keeps something");
    assert!(margin < -2.0, "{margin}");
}
