use super::*;
use crate::facts::home::{EMBEDDED_HOME, Home};
use crate::facts::intent::Via;
use crate::understand::meaning::Understanding;

fn shipped() -> Result<IntentModel, Fault> {
    IntentModel::new(Model::from_bytes(EMBEDDED_MODEL, "intent.onnx")?, "intent.onnx")
}

/// The classifier alone: no templates match, but their lists are there to be named.
fn first(understanding: &Understanding, text: &str) -> Option<Hypothesis> {
    let lang = crate::understand::meaning::by_characters(&text.chars().collect::<Vec<_>>());
    match understanding.classifier_says(&crate::understand::normalise::normalise(text), lang)? {
        (_, Opinion::Commands { hypotheses }) => hypotheses.into_iter().next(),
        _ => None,
    }
}

fn understanding() -> Understanding {
    let home = Home::parse(EMBEDDED_HOME, "embedded").expect("valid");
    let model = shipped().expect("the shipped model loads");
    Understanding::new(&home, &crate::understand::embedded_grammars(), Some(model)).expect("valid")
}

#[derive(serde::Deserialize)]
struct Reference {
    tokens: Vec<String>,
    features: Vec<Vec<u32>>,
    label: String,
    score: f32,
    tags: Vec<String>,
}

#[test]
fn features_and_answers_equal_the_trainers() {
    let mut model = shipped().expect("the shipped model loads");
    let references: Vec<Reference> =
        serde_json::from_str(include_str!("../../models/intent_reference.json")).expect("valid");
    assert!(references.len() >= 20);
    for r in references {
        for (token, want) in r.tokens.iter().zip(&r.features) {
            assert_eq!(features(token), *want, "{token}");
        }
        let tokens: Vec<&str> = r.tokens.iter().map(String::as_str).collect();
        let (labels, tags) = scores(&mut model.model, &tokens).expect("runs");
        let (at, _) = best(&labels, 1.0).expect("some");
        let label = &model.labels[at];
        let want: (String, Slots) = serde_json::from_str(&r.label).unwrap_or_else(|_| (r.label.clone(), Slots::new()));
        assert_eq!((label.intent.clone(), label.slots.clone()), want, "{tokens:?}");
        assert!((labels[at] - r.score).abs() < 1e-2, "{tokens:?}: {} is not {}", labels[at], r.score);
        let name = |tag: usize| match tag.checked_sub(1) {
            None => "O".to_owned(),
            Some(t) => format!("{}-{}", if t % 2 == 0 { "B" } else { "I" }, model.slots[t / 2]),
        };
        let tags: Vec<String> =
            tags.chunks(2 * model.slots.len() + 1).filter_map(|s| best(s, 1.0)).map(|(tag, _)| name(tag)).collect();
        assert_eq!(tags, r.tags, "{tokens:?}");
    }
}

#[test]
fn catches_what_templates_miss() {
    let understanding = understanding();
    for (text, intent, slots) in [
        ("make sure that the ceiling light is switched on", "HassTurnOn", r#"{"name":"light.living_room_ceiling"}"#),
        ("the bedside lamp should be switched off please", "HassTurnOff", r#"{"name":"light.bedroom_lamp"}"#),
        (
            "the lights in the study should be at forty percent",
            "HassLightSet",
            r#"{"area":"study","brightness":40.0,"domain":"light"}"#,
        ),
        ("吊灯应该关掉", "HassTurnOff", r#"{"name":"light.living_room_ceiling"}"#),
        ("台灯应该开着", "HassTurnOn", r#"{"name":"light.bedroom_lamp"}"#),
        // Names that are misheard, and free words: what only a tagger finds.
        ("make sure that the sealing light is switched on", "HassTurnOn", r#"{"name":"light.living_room_ceiling"}"#),
        ("吊登应该关掉", "HassTurnOff", r#"{"name":"light.living_room_ceiling"}"#),
    ] {
        let h = first(&understanding, text).unwrap_or_else(|| panic!("{text}: not understood"));
        let said = serde_json::to_string(&h.slots).expect("serialises");
        assert_eq!((h.intent.as_str(), said.as_str(), h.via), (intent, slots, Via::Classifier), "{text}");
        assert!(h.confidence >= confidence_min(Lang::En), "{text}: {}", h.confidence);
    }
}

#[test]
fn says_nothing_to_what_is_no_command() {
    let understanding = understanding();
    for text in [
        "make sure that the light in the wine cellar is switched on",
        "the attic fan should be on",
        "the reading light should be on",
        "my grandmother used to bake bread every sunday",
        "she turned on the ceiling light",
        "please do not turn on the ceiling light",
        "the light should be off",
        "打开酒窖的灯",
        "阁楼的风扇应该关掉",
        "我昨天和朋友一起去爬山了",
        "good morning",
    ] {
        assert_eq!(first(&understanding, text), None, "{text}");
    }
}

#[test]
fn a_model_of_another_kind_is_a_fault() {
    // As another model: the same file with one of its keys renamed. A key is the first field of its message (tag 10,
    // then its length).
    for key in ["labels", "tags", "words", "temperature_zh"] {
        let field = [&[10, key.len() as u8], key.as_bytes()].concat();
        let at = EMBEDDED_MODEL.windows(field.len()).rposition(|w| w == field).expect("the key is in the file") + 2;
        let mut other = EMBEDDED_MODEL.to_vec();
        other[at] = b'X';
        let model = Model::from_bytes(&other, "x.onnx").expect("still a model");
        assert_eq!(IntentModel::new(model, "x.onnx").err().map(|f| f.key), Some(key.to_owned()));
    }
}
