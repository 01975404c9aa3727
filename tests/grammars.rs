//! Runs the sentences of grammars/<lang>/tests.yaml against the house of the fixtures: each must be
//! understood as it says, and each refused one not at all; and every explanation says the same.

use tiebreak::engine::load::shipped_understanding;
use tiebreak::facts::intent::{Lang, Via};
use tiebreak::understand::Understanding;
use tiebreak::understand::sentence_tests::{SentenceTests, shipped_tests};

fn shipped(lang: Lang) -> (Understanding, SentenceTests) {
    let understanding = shipped_understanding().unwrap_or_else(|faults| panic!("{}", faults[0]));
    let tests = shipped_tests().unwrap_or_else(|fault| panic!("{fault}"));
    (understanding, tests.into_iter().find(|t| t.lang == Some(lang)).expect("each language has its tests"))
}

fn check(lang: Lang, positive_min: usize) {
    let (understanding, tests) = shipped(lang);
    let failures: Vec<String> = tests.failures(&understanding).iter().map(|f| format!("{f:?}")).collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), tests.positive(), failures.join("\n"));
    let (positive, refused) = (tests.positive(), tests.refused.len());
    assert!(positive >= positive_min && refused >= 40, "{positive} and {refused} sentences");
}

/// What Home Assistant's assistants know (its list of intents, and fan speeds, relative volume, mute and stop from
/// newer releases), and what lies beyond the house.
const INTENTS: [&str; 43] = [
    "HassTurnOn",
    "HassTurnOff",
    "HassGetState",
    "HassSetPosition",
    "HassLightSet",
    "HassFanSetSpeed",
    "HassClimateSetTemperature",
    "HassClimateGetTemperature",
    "HassGetWeather",
    "HassGetCurrentDate",
    "HassGetCurrentTime",
    "HassNevermind",
    "HassRespond",
    "HassBroadcast",
    "HassVacuumStart",
    "HassVacuumReturnToBase",
    "HassMediaPause",
    "HassMediaUnpause",
    "HassMediaNext",
    "HassMediaPrevious",
    "HassMediaSearchAndPlay",
    "HassSetVolume",
    "HassShoppingListAddItem",
    "HassListAddItem",
    "HassStartTimer",
    "HassCancelTimer",
    "HassCancelAllTimers",
    "HassIncreaseTimer",
    "HassDecreaseTimer",
    "HassPauseTimer",
    "HassUnpauseTimer",
    "HassTimerStatus",
    "HassSetVolumeRelative",
    "HassMediaPlayerMute",
    "HassMediaPlayerUnmute",
    "HassStopMoving",
    "TiebreakEatOut",
    "TiebreakOrder",
    "TiebreakBuy",
    "TiebreakCall",
    "TiebreakMessage",
    "TiebreakCalendarAdd",
    "TiebreakCalendarGet",
];

#[test]
fn every_intent_is_understood_in_every_language() {
    for lang in Lang::ALL {
        let (understanding, tests) = shipped(lang);
        for intent in INTENTS {
            let cases = tests.cases.iter().filter(|c| c.intent == intent);
            let sentence = cases.flat_map(|c| &c.sentences).next();
            let sentence = &sentence.unwrap_or_else(|| panic!("no test sentence for {intent} in {lang}")).value;
            let best = understanding.hypotheses(sentence, Some(lang)).1.into_iter().next();
            assert_eq!(best.map(|h| h.intent).as_deref(), Some(intent), "{sentence}");
        }
    }
}

#[test]
fn english_sentences() {
    check(Lang::En, 120);
}

#[test]
fn chinese_sentences() {
    check(Lang::Zh, 100);
}

/// An explanation goes its own way through the same functions: it must come out where the understanding does.
#[test]
fn explanations_agree_with_what_they_explain() {
    for lang in Lang::ALL {
        let (understanding, tests) = shipped(lang);
        let said = tests.cases.iter().flat_map(|c| &c.sentences).chain(&tests.refused);
        for sentence in said.map(|s| s.value.as_str()) {
            let e = understanding.explain(sentence, None);
            let (found, hypotheses) = understanding.hypotheses(sentence, None);
            assert!(e.hypotheses == hypotheses && e.lang == found, "{sentence}: {e:?}");
            for h in hypotheses.iter().filter(|_| !e.in_parts) {
                assert_eq!(e.template_of(h).is_some(), h.via == Via::Grammar, "{sentence}: {h:?}\n{e:?}");
            }
            let accepted = e.attempts.iter().flat_map(|a| &a.readings).any(|r| r.rejected.is_none());
            let by_grammar = hypotheses.iter().any(|h| h.via == Via::Grammar);
            assert_eq!(accepted || e.in_parts, by_grammar, "{sentence}: {e:?}");
        }
    }
}
