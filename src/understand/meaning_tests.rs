//! What the whole path from text to hypotheses promises: users' files, context, ambiguity, faults, limits.

use std::time::Instant;

use super::*;
use crate::facts::home::EMBEDDED_HOME;
use crate::understand::Said;
use crate::understand::grammar::embedded_grammars;

fn home() -> Home {
    Home::parse(EMBEDDED_HOME, "embedded").expect("the shipped home is valid")
}

fn user(text: &str) -> GrammarSource {
    GrammarSource { file: "mine.yaml".into(), text: text.into(), lang: Lang::En, shipped: false }
}

fn with_user(text: &str) -> Result<Understanding, Vec<Fault>> {
    let mut sources = embedded_grammars();
    sources.push(user(text));
    Understanding::new(&home(), &sources, None)
}

fn shown(u: &Understanding, text: &str) -> Vec<String> {
    let (_, hypotheses) = u.hypotheses(text, Some(Lang::En));
    let json = |h: &Hypothesis| serde_json::to_string(&h.slots).expect("serialises");
    hypotheses.iter().map(|h| format!("{} {}", h.intent, json(h))).collect()
}

const USER: &str = r#"
language: "en"
intents:
  BeerCount:
    data:
      - sentences:
          - "how many {drink} [are] (left;in the fridge)"
        slots: {unit: bottle, shelf: 2}
        response: default
      - sentences: ["tell {who} that {message}", "<shout> in <area>"]
        expansion_rules: {shout: "(shout|yell)[ loudly]"}
        lists:
          who: {values: ["(mum|mom|mother)", "dad"]}
  WarmUp:
    data:
      - sentences: ["warm[ up] {name} by {step_size}"]
        requires_context: {domain: {value: climate, slot: true}}
      - sentences: ["glow {name}"]
        excludes_context: {domain: [light, scene]}
      - sentences: ["cosy"]
        requires_context: {area: {slot: true}}
lists:
  drink:
    values: [{in: "(beer|beers)", out: beer}, {in: "[red ]wine", out: 7}]
  message: {wildcard: true}
  step_size: {range: {type: number, from: 2, to: 10, step: 2, multiplier: 0.5}}
responses: {intents: {}}
"#;

#[test]
fn a_users_sentences_load_unchanged() {
    let u = with_user(USER).unwrap_or_else(|f| panic!("{}", f[0]));
    let cases = [
        ("how many beers are in the fridge left", r#"BeerCount {"drink":"beer","shelf":2.0,"unit":"bottle"}"#),
        ("how many red wine left in the fridge", r#"BeerCount {"drink":7.0,"shelf":2.0,"unit":"bottle"}"#),
        ("tell mom that dinner is ready", r#"BeerCount {"message":"dinner is ready","who":"mum"}"#),
        ("yell loudly in the kitchen", r#"BeerCount {"area":"kitchen"}"#),
        ("warm up thermostat by four", r#"WarmUp {"domain":"climate","name":"climate.bedroom","step_size":2.0}"#),
        ("glow coffee machine", r#"WarmUp {"name":"switch.coffee_machine"}"#),
    ];
    for (text, want) in cases {
        assert_eq!(shown(&u, text).first().map(String::as_str), Some(want), "{text}");
    }
    for text in ["warm up fan by four", "warm up thermostat by twelve", "glow desk lamp", "glow movie night", "cosy"] {
        assert_eq!(shown(&u, text), [""; 0], "{text}");
    }
}

#[test]
fn the_listening_room_fills_and_decides() {
    let u = with_user(USER).unwrap_or_else(|f| panic!("{}", f[0])).with_listening_area(Some("study".into()));
    assert_eq!(shown(&u, "cosy"), [r#"WarmUp {"area":"study"}"#]);
    assert_eq!(shown(&u, "turn on the light"), [r#"HassTurnOn {"area":"study","domain":"light"}"#]);
    assert_eq!(shown(&u, "turn off the lights")[0], r#"HassTurnOff {"area":"study","domain":"light"}"#);
}

#[test]
fn ambiguity_is_kept_and_shared() {
    let u = Understanding::new(&home(), &embedded_grammars(), None).expect("valid");
    let (_, both) = u.hypotheses("turn on the kitchen light", None);
    assert_eq!(both[0].text("name"), Some("light.kitchen"));
    assert_eq!((both[1].text("area"), both[1].text("domain")), (Some("kitchen"), Some("light")));
    assert!(both[0].confidence > 0.9 && both[1].confidence < 0.1, "{both:?}");

    let twins = EMBEDDED_HOME.replace("[\"desk lamp\"]", "[\"bedside lamp\"]");
    let twins = Home::parse(&twins, "twins").expect("valid");
    let u = Understanding::new(&twins, &embedded_grammars(), None).expect("valid");
    let (_, two) = u.hypotheses("turn on the bedside lamp", None);
    assert_eq!(two.len(), 2);
    assert!((two[0].confidence - 0.49).abs() < 0.01 && (two[1].confidence - 0.49).abs() < 0.01, "{two:?}");
    let (_, one) = u.hypotheses("turn on the bedside lamp in the study", None);
    assert_eq!(one[0].text("name"), Some("light.study_desk"));
}

#[test]
fn one_breath_holds_several_commands_and_their_reasons() {
    let u = Understanding::new(&home(), &embedded_grammars(), None).expect("valid");
    let shown = |text: &str| {
        let (_, commands) = u.commands(text, None, None);
        let first = |c: &Vec<Hypothesis>| {
            let about = |slot| c[0].text(slot).map(|id| id.split('.').next_back().unwrap_or_default().to_owned());
            format!("{} {}", c[0].intent, about("name").or(about("area")).or(about("item")).unwrap_or_default())
        };
        commands.iter().map(first).collect::<Vec<_>>().join(", ")
    };
    for (text, commands) in [
        ("turn off the lights in the kitchen and lock the front door", "HassTurnOff kitchen, HassTurnOn front_door"),
        ("打开客厅的灯然后关上窗帘", "HassTurnOn living_room, HassTurnOff living_room_curtain"),
        ("turn on the desk lamp and the fan", "HassTurnOn study_desk, HassTurnOn bedroom"),
        ("turn off the lights in the kitchen and the bedroom", "HassTurnOff kitchen, HassTurnOff bedroom"),
        (
            "we're off, close the curtains and then start the vacuum",
            "HassTurnOff living_room_curtain, HassVacuumStart robot",
        ),
        ("the sun is blinding me, close the curtains", "HassTurnOff living_room_curtain"),
        ("I think I forgot the front door, lock it please", "HassTurnOn front_door"),
        ("风扇太吵了，关掉", "HassTurnOff bedroom"),
        ("add brown bread and butter to the shopping list", "HassShoppingListAddItem brown bread and butter"),
        (
            "turn off the kitchen light, the fan and the desk lamp",
            "HassTurnOff kitchen, HassTurnOff bedroom, HassTurnOff study_desk",
        ),
        ("关掉厨房灯、风扇和书桌灯", "HassTurnOff kitchen, HassTurnOff bedroom, HassTurnOff study_desk"),
        ("把灯关掉把窗帘拉上", "HassTurnOff , HassTurnOff living_room_curtain"),
        ("打开风扇关掉空调", "HassTurnOn bedroom, HassTurnOff bedroom"),
        ("lock the front door turn off the lights", "HassTurnOn front_door, HassTurnOff "),
        ("close the curtains, call it a night", "HassTurnOff living_room_curtain"),
        ("turn on the kitchen light, the cellar and the fan", ""),
        ("turn on the kitchen light, I mean the desk lamp", ""),
        ("turn off all the lights, but not the kitchen", ""),
        ("if it rains, close the curtains", ""),
        ("he said, open the garage door", ""),
        ("please don't, open the garage door", ""),
        ("turn on the kitchen light and the attic", ""),
        ("turn off the kitchen light and sing", ""),
        ("他说，打开车库门", ""),
        ("如果下雨，就关上窗帘", ""),
    ] {
        assert_eq!(shown(text), commands, "{text}");
    }
}

#[test]
fn a_television_is_switched_and_its_film_paused() {
    let home = format!(
        "{EMBEDDED_HOME}\n[[entity]]\nid = \"media_player.tv\"\narea = \"living_room\"\n\
         name = {{ en = [\"tv\"], zh = [\"电视\"] }}\ncan = [\"on_off\", \"media\"]\n"
    );
    let home = Home::parse(&home, "with a television").expect("valid");
    let u = Understanding::new(&home, &embedded_grammars(), None).expect("valid");
    for (text, intent) in [
        ("turn off the tv", "HassTurnOff"),
        ("关电视", "HassTurnOff"),
        ("turn on the tv", "HassTurnOn"),
        ("打开电视", "HassTurnOn"),
        ("pause the tv", "HassMediaPause"),
    ] {
        let (_, found) = u.hypotheses(text, None);
        assert_eq!(found.first().map(|h| h.intent.as_str()), Some(intent), "{text}");
        assert!(intent == "HassMediaPause" || found[0].text("name") == Some("media_player.tv"), "{text}");
    }
}

#[test]
fn misheard_words_cost_confidence() {
    let u = Understanding::new(&home(), &embedded_grammars(), None).expect("valid");
    let confidence = |text: &str| u.hypotheses(text, None).1.first().map(|h| h.confidence);
    for (exact, misheard) in
        [("turn on the ceiling light", "turn on the sealing light"), ("打开客厅的灯", "打开客听的灯")]
    {
        let (a, b) = (confidence(exact).expect(exact), confidence(misheard).expect(misheard));
        assert!(a > 0.97 && b < a - 0.05 && b > 0.7, "{exact} {a}, {misheard} {b}");
    }
}

#[test]
fn what_only_sounds_right_may_follow_a_letter() {
    let text = "language: zh\nintents:\n  Sing:\n    data:\n      - sentences: [\"k歌模式\"]\n";
    let source = GrammarSource { lang: Lang::Zh, ..user(text) };
    let u = Understanding::new(&home(), &[source], None).expect("valid");
    for (said, misheard) in [("K歌模式", false), ("k哥模式", true), ("k歌摸是", true)] {
        let (_, found) = u.hypotheses(said, Some(Lang::Zh));
        assert_eq!(found.first().map(|h| h.confidence < CONFIDENCE_EXACT), Some(misheard), "{said}");
    }
    assert!(u.hypotheses("d歌模式", Some(Lang::Zh)).1.is_empty());
}

#[test]
fn bad_files_are_faults_with_their_place() {
    let sentence = |s: &str| format!("intents:\n  X:\n    data:\n      - sentences:\n          - \"{s}\"\n");
    let cases = [
        (sentence("turn (on"), "5:13", "never closed"),
        (sentence("go {nowhere}"), "5:13", "no list {nowhere}"),
        (sentence("go <nowhere>"), "5:13", "no rule <nowhere>"),
        (
            format!("{}expansion_rules:\n  a: \"<b>\"\n  b: \"x <a>\"\n", sentence("<a>")),
            "5:13",
            "leads back to itself",
        ),
        (format!("{}lists:\n  l: {{range: {{from: 5, to: 1}}}}\n", sentence("{l}")), "5:13", "no range"),
        (format!("{}lists:\n  l: {{}}\n", sentence("{l}")), "5:13", "one of values"),
        (format!("{}expansion_rules:\n  a: \"x)\"\n", sentence("y")), "7:6", "closes nothing"),
        (sentence(&"(a|b|c|d)[e|f|g]".repeat(4000)), "5:13", "longer than"),
        (sentence("(a;b;c;d;e;f;g;h)"), "5:13", "in any order"),
        ("intents: [".to_owned(), "", ""),
    ];
    for (text, key, what) in cases {
        let faults = with_user(&text).err().unwrap_or_else(|| panic!("{text} is not refused"));
        assert!(
            faults.iter().any(|f| f.file == "mine.yaml" && f.key == key && f.what.contains(what) || key.is_empty()),
            "{faults:?}"
        );
    }
}

/// A rule that two of our files define would mean what the later one says in both.
#[test]
fn shipped_rules_have_names_of_their_own() {
    let mut seen = std::collections::BTreeMap::new();
    for source in embedded_grammars() {
        let file = crate::understand::sentences::read(&source).expect("valid");
        for name in file.expansion_rules.keys() {
            let other = seen.insert((source.lang, name.clone()), source.file.clone());
            assert_eq!(other, None, "<{name}> of {} is defined before", source.file);
        }
    }
}

#[test]
fn exponential_templates_end_soon() {
    for leaf in ["a|b", "", "[a]"] {
        let mut text = "intents:\n  X:\n    data:\n      - sentences: [\"<r0>\", \"{l}\"]\n".to_owned();
        text += "lists:\n  l: {values: [\"<r0>\"]}\nexpansion_rules:\n";
        for i in 0..25 {
            text += &format!("  r{i}: \"<r{}><r{}>\"\n", i + 1, i + 1);
        }
        text += &format!("  r25: \"({leaf})\"\n");
        let faults = with_user(&text).err().unwrap_or_else(|| panic!("{leaf:?} is not refused"));
        assert_eq!(faults.len(), 2, "{faults:?}");
    }
}

#[test]
fn hostile_text_is_not_understood() {
    let u = with_user("intents:\n  W:\n    data:\n      - sentences: [\"{a} {b} {c} {d}\"]\nlists:\n  a: {wildcard: true}\n  b: {wildcard: true}\n  c: {wildcard: true}\n  d: {wildcard: true}\n")
        .unwrap_or_else(|f| panic!("{}", f[0]));
    assert!(u.hypotheses(&"turn on the light ".repeat(60_000), None).1.is_empty());
    for text in ["", "   ", "\u{0}\u{1b}[2J", "💡🏠", "\u{202e}", "。。。"] {
        assert!(u.hypotheses(text, None).1.is_empty(), "{text:?}");
    }
    for text in ["please ".repeat(71), "a b ".repeat(124), "一".repeat(500), "请你".repeat(250), "light ".repeat(83)]
    {
        u.hypotheses(&text, None);
    }
}

#[test]
fn what_can_be_said_is_what_is_understood() {
    let u = Understanding::new(&home(), &embedded_grammars(), None).expect("valid");
    for lang in Lang::ALL {
        let graph = u.speakable(lang, Said::Often);
        println!("{lang}: {} arcs", graph.arcs.len());
        assert!((100..32_000).contains(&graph.arcs.len()), "{lang}: {} arcs", graph.arcs.len());
        let mut next: std::collections::HashMap<u32, Vec<&crate::understand::word_graph::WordArc>> = Default::default();
        for arc in &graph.arcs {
            next.entry(arc.from).or_default().push(arc);
        }
        // A walk takes every arc in turn, by a fixed stride, and must end in a sentence that is understood.
        let mut understood = 0;
        for seed in 0..400usize {
            let (mut at, mut words, mut step) = (graph.start, Vec::new(), seed);
            while let Some(arcs) = next.get(&at).filter(|_| !graph.ends.contains(&at)) {
                step = step.wrapping_mul(7919).wrapping_add(seed + 13);
                let arc = arcs[(step >> 5) % arcs.len()];
                words.push(arc.text.as_str());
                at = arc.to;
            }
            let text = words.join(" ");
            understood += usize::from(!u.hypotheses(&text, Some(lang)).1.is_empty());
        }
        // The graph has no memory: "the fan in the kitchen" can be said although it stands elsewhere.
        assert!(understood > 240, "{lang}: {understood} of 400");
    }
    let says = |lang, sentence: &[&str]| {
        let graph = u.speakable(lang, Said::Often);
        let mut at = std::collections::BTreeSet::from([graph.start]);
        let silent = |at: &mut std::collections::BTreeSet<u32>| {
            for _ in 0..3 {
                let more: Vec<u32> =
                    graph.arcs.iter().filter(|a| a.text.is_empty() && at.contains(&a.from)).map(|a| a.to).collect();
                at.extend(more);
            }
        };
        for word in sentence {
            silent(&mut at);
            at = graph.arcs.iter().filter(|a| a.text == *word && at.contains(&a.from)).map(|a| a.to).collect();
        }
        silent(&mut at);
        graph.ends.iter().any(|e| at.contains(e))
    };
    assert!(says(Lang::En, &["please", "turn", "on", "the", "living", "room", "light"]));
    assert!(says(Lang::En, &["set", "the", "bedside", "lamp", "to", "twenty", "one", "percent"]));
    assert!(says(Lang::En, &["what's", "the", "weather"]));
    assert!(says(Lang::En, &["turn", "on", "the", "客", "厅", "light"]));
    assert!(says(Lang::Zh, &["把", "厨", "房", "灯", "调", "到", "百", "分", "之", "二", "十", "一"]));
    assert!(says(Lang::En, &["fan", "off", "too"]) && !says(Lang::En, &["too", "fan", "off"]));
    assert!(says(Lang::Zh, &["请", "关", "灯", "吧"]) && !says(Lang::Zh, &["吧", "关", "灯"]));
    assert!(!says(Lang::En, &["turn", "on", "the", "attic", "light"]));
    assert!(!says(Lang::En, &["turn", "on", "the"]));
}

#[test]
fn what_was_misheard_is_left_to_the_classifier() {
    let model = crate::onnx::Model::from_bytes(crate::understand::classifier::EMBEDDED_MODEL, "intent.onnx");
    let model = IntentModel::new(model.expect("a model"), "intent.onnx").expect("the shipped model");
    let u = Understanding::new(&home(), &embedded_grammars(), Some(model)).expect("valid");
    for (text, want) in [
        ("tur flick the lounge lights on would you", r#"HassTurnOn {"area":"living_room","domain":"light"}"#),
        (
            "pull the the living room curtains open",
            r#"HassTurnOn {"area":"living_room","name":"cover.living_room_curtain"}"#,
        ),
        ("太晒了拉上窗帘", r#"HassTurnOff {"name":"cover.living_room_curtain"}"#),
    ] {
        let (_, hypotheses) = u.hypotheses(text, None);
        let got =
            hypotheses.first().map(|h| format!("{} {}", h.intent, serde_json::to_string(&h.slots).expect("JSON")));
        assert_eq!(got.as_deref(), Some(want), "{text}");
        assert!(hypotheses.iter().map(|h| h.confidence).sum::<f32>() <= 1.001, "{text}: {hypotheses:?}");
    }
    // A room that was not heard must not become the whole house.
    for text in
        ["the light in the should be off", "如果下雨就关上窗帘", "make sure the light in the dining room is off"]
    {
        assert_eq!(u.hypotheses(text, None).1, [], "{text}");
    }
}

#[test]
fn a_second_opinion_gets_what_the_first_leaves() {
    let h = |intent: &str, confidence: f32| Hypothesis {
        intent: intent.into(),
        slots: Slots::new(),
        confidence,
        via: Via::Grammar,
    };
    let both = one_after_the_other([vec![h("A", 0.8)], vec![h("A", 0.7), h("B", 0.5)]]);
    assert_eq!(both, [h("A", 0.8), h("B", 0.1)]);
}

#[test]
fn free_words_are_framed_by_words_as_written() {
    // 假 sounds like 加, after which anything might stand on the shopping list.
    let u = Understanding::new(&home(), &embedded_grammars(), None).expect("valid");
    assert_eq!(u.hypotheses("我们下个月要去海边度假", Some(Lang::Zh)).1, []);
}

/// Not a bound to hold on every machine, but a figure worth seeing: `cargo test -- --nocapture timing`.
#[test]
fn timing() {
    let start = Instant::now();
    let u = Understanding::new(&home(), &embedded_grammars(), None).expect("valid");
    let loading = start.elapsed();
    let texts = [
        "turn on the ceiling light in the living room",
        "把厨房灯调到百分之五十",
        "the train leaves at seven in the morning",
    ];
    let start = Instant::now();
    for _ in 0..100 {
        for text in texts {
            u.hypotheses(text, None);
        }
    }
    let each = start.elapsed() / 300;
    let start = Instant::now();
    let arcs: Vec<usize> = Lang::ALL.iter().map(|l| u.speakable(*l, Said::Often).arcs.len()).collect();
    println!("loading {loading:?}, one sentence {each:?}, word graphs {:?} with {arcs:?} arcs", start.elapsed());
    assert!(arcs.iter().all(|n| *n > 1000), "both languages can be spoken");
}
