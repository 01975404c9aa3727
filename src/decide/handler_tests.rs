//! Both home handlers against the house that ships, sentence by sentence.

use std::sync::Arc;

use serde_json::json;

use super::handler::Handler;
use super::naming::Naming;
use super::siri::{self, Siri};
use super::tmall::{self, Tmall};
use crate::facts::bid::{Action, Answer, Ask, Bid, Operation, Proposal, Risk};
use crate::facts::home::{EMBEDDED_HOME, Home};
use crate::facts::intent::{Hypothesis, Lang, SlotValue, Slots, Via};

fn home() -> Arc<Home> {
    let more = "
        [[entity]]
        id = \"media_player.tv\"
        area = \"study\"
        name = { en = [\"television\"] }
        can = [\"volume\", \"media\"]
        assistants = [\"siri\", \"tmall\"]
        mqtt = { style = \"zigbee2mqtt\", topic = \"tv\" }
        [[entity]]
        id = \"light.attic\"
        name = { en = [\"attic light\"] }
        can = [\"on_off\"]
        assistants = [\"siri\"]
    ";
    Arc::new(Home::parse(&format!("{EMBEDDED_HOME}\n{more}"), "test").expect("a valid house"))
}

fn hypothesis(intent: &str, slots: &str, confidence: f32) -> Hypothesis {
    let pairs = slots.split_whitespace().filter_map(|pair| pair.split_once('='));
    let slots: Slots =
        pairs.map(|(k, v)| (k.to_owned(), v.parse().map_or(SlotValue::from(v), SlotValue::Number))).collect();
    Hypothesis { intent: intent.into(), slots, confidence, via: Via::Grammar }
}

fn ask(lang: Lang, hypotheses: Vec<Hypothesis>) -> Ask {
    Ask { id: "1".into(), lang, wake: None, hypotheses }
}

fn both(lang: Lang, intent: &str, slots: &str) -> (Answer, Answer) {
    let ask = ask(lang, vec![hypothesis(intent, slots, 1.0)]);
    (Siri::new(home(), "tiebreak").bid(&ask), Tmall::new(home(), "tiebreak", None).bid(&ask))
}

fn bid(answer: Answer) -> Bid {
    match answer {
        Answer::Bid(bid) => bid,
        other => panic!("no bid but {other:?}"),
    }
}

fn action(answer: Answer) -> (Vec<String>, Operation, Risk) {
    let Bid { risk, proposal, .. } = bid(answer);
    let (Proposal::Act(Action { targets, operation }) | Proposal::Confirm(Action { targets, operation })) = &proposal
    else {
        panic!("no action")
    };
    let asks = matches!(proposal, Proposal::Confirm(_));
    assert_eq!(asks, risk == Risk::High, "what lets somebody in, and nothing else, is asked about");
    (targets.iter().map(|t| t.0.clone()).collect(), operation.clone(), risk)
}

fn declined(answer: Answer) -> String {
    match answer {
        Answer::Decline(why) => why,
        other => panic!("not declined but {other:?}"),
    }
}

#[test]
fn slots_find_their_things() {
    use Operation::{Brightness, Position, Temperature, TurnOff, TurnOn};
    let red = Operation::Color { hue: 0.0, saturation: 1.0 };
    let table: [(&str, &str, &str, Operation, Risk); 18] = [
        ("HassTurnOn", "area=living_room domain=light", "light.living_room_ceiling", TurnOn, Risk::Low),
        ("HassTurnOff", "name=light.kitchen", "light.kitchen", TurnOff, Risk::Low),
        ("HassTurnOn", "name=厨房灯", "light.kitchen", TurnOn, Risk::Low),
        ("HassLightSet", "area=kitchen brightness=50", "light.kitchen", Brightness(0.5), Risk::Low),
        ("HassLightSet", "area=kitchen name=all brightness=50", "light.kitchen", Brightness(0.5), Risk::Low),
        ("HassLightSet", "area=kitchen brightness=0", "light.kitchen", TurnOff, Risk::Low),
        ("HassLightSet", "name=light.living_room_ceiling color=red", "light.living_room_ceiling", red, Risk::Low),
        ("HassSetPosition", "area=living_room position=40", "cover.living_room_curtain", Position(0.4), Risk::Medium),
        ("HassTurnOn", "area=living_room domain=cover", "cover.living_room_curtain", TurnOn, Risk::Medium),
        ("HassTurnOn", "domain=cover device_class=curtain", "cover.living_room_curtain", TurnOn, Risk::Medium),
        ("HassClimateSetTemperature", "temperature=21", "climate.bedroom", Temperature(21.0), Risk::Medium),
        ("HassTurnOn", "name=lock.front_door", "lock.front_door", TurnOn, Risk::Medium),
        ("HassTurnOff", "name=lock.front_door", "lock.front_door", TurnOff, Risk::High),
        ("HassTurnOn", "name=scene.movie", "scene.movie", TurnOn, Risk::Low),
        ("HassTurnOn", "area=bedroom", "light.bedroom_lamp fan.bedroom climate.bedroom", TurnOn, Risk::Medium),
        ("HassFanSetSpeed", "name=fan.bedroom percentage=66", "fan.bedroom", Operation::Speed(0.66), Risk::Low),
        ("HassFanSetSpeed", "area=bedroom percentage=0", "fan.bedroom", TurnOff, Risk::Low),
        ("HassSetVolume", "volume_level=30", "media_player.tv", Operation::Volume(0.3), Risk::Low),
    ];
    for (intent, slots, targets, operation, risk) in table {
        let (siri, tmall) = both(Lang::En, intent, slots);
        let expected = (targets.split(' ').map(str::to_owned).collect::<Vec<_>>(), operation, risk);
        assert_eq!(action(siri), expected, "siri: {intent} {slots}");
        assert_eq!(action(tmall), expected, "tmall: {intent} {slots}");
    }
}

#[test]
fn what_cannot_be_done_is_declined_in_words() {
    let table = [
        ("HassTurnOn", "area=kitchen domain=fan", "there is no fan in the kitchen"),
        ("HassTurnOn", "area=wine_cellar domain=light", "there is no room called \"wine_cellar\""),
        ("HassTurnOn", "name=light.unheard_of", "there is no light.unheard_of in the house"),
        ("HassTurnOn", "name=light.kitchen area=study", "there is no kitchen light in the study"),
        ("HassLightSet", "name=light.kitchen color=red", "the kitchen light cannot change its colour"),
        ("HassLightSet", "name=light.kitchen color=ultraviolet", "no colour \"ultraviolet\""),
        ("HassLightSet", "name=light.kitchen brightness=120", "120 is not within 0 to 100"),
        ("HassLightSet", "name=light.kitchen", "does not say what to set"),
        ("HassLightSet", "name=light.living_room_ceiling brightness=5 color=red", "two commands"),
        ("HassSetPosition", "name=cover.living_room_curtain", "needs a number for position"),
        ("HassTurnOff", "name=scene.movie", "cannot be turned off"),
        ("HassTurnOn", "", "names nothing"),
        ("HassGetCurrentTime", "", "HassGetCurrentTime"),
        ("HassGetState", "name=light.kitchen", "HassGetState"),
        ("HassClimateSetTemperature", "temperature=200", "200"),
    ];
    for (intent, slots, reason) in table {
        let (siri, tmall) = both(Lang::En, intent, slots);
        for why in [declined(siri), declined(tmall)] {
            assert!(why.contains(reason), "{intent} {slots}: {why}");
        }
    }
}

#[test]
fn each_has_its_own_world() {
    let (siri, tmall) = both(Lang::Zh, "HassVacuumStart", "");
    assert_eq!(declined(siri), "the vacuum is not set up for siri");
    assert_eq!(action(tmall).0, ["vacuum.robot"]);
    let (siri, tmall) = both(Lang::En, "HassTurnOn", "name=switch.coffee_machine");
    assert_eq!(declined(siri), "the coffee machine is not set up for siri");
    assert_eq!(action(tmall).0, ["switch.coffee_machine"]);
    let (siri, tmall) = both(Lang::En, "HassTurnOn", "name=cover.garage_door");
    assert_eq!(action(siri).2, Risk::High);
    assert_eq!(declined(tmall), "the garage door is not set up for tmall");
    let (siri, _) = both(Lang::En, "HassTurnOff", "name=cover.garage_door");
    assert_eq!(action(siri).2, Risk::Medium);
    // "The blinds" do not let anybody in; "the garage" does.
    let (siri, _) = both(Lang::En, "HassTurnOn", "domain=cover");
    assert_eq!(action(siri).2, Risk::Medium);
    let (siri, _) = both(Lang::En, "HassTurnOn", "domain=cover device_class=garage");
    assert_eq!(action(siri).2, Risk::High);
    let (siri, _) = both(Lang::En, "HassTurnOn", "name=light.attic");
    assert_eq!(declined(siri), "the attic light has no MQTT topic in the home file");
    let (siri, tmall) = both(Lang::Zh, "TiebreakEatOut", "query=火锅");
    assert!(declined(siri).contains("TiebreakEatOut"));
    let Bid { proposal: Proposal::Publish(command), risk, .. } = bid(tmall) else { panic!("no request") };
    assert_eq!((command.message.topic.as_str(), risk), ("tiebreak/request/tmall", Risk::Low));
    assert_eq!(command.message.payload["slots"]["query"], "火锅");
    assert_eq!(command.message.payload["id"], "1");
    let (siri, tmall) = both(Lang::En, "TiebreakCall", "contact=mum");
    for (answer, topic) in [(siri, "tiebreak/request/siri"), (tmall, "tiebreak/request/tmall")] {
        let Bid { proposal: Proposal::Publish(command), risk, .. } = bid(answer) else { panic!("no request") };
        assert_eq!((command.message.topic.as_str(), risk), (topic, Risk::Medium));
        assert_eq!(command.message.payload["slots"]["contact"], "mum");
    }
    let (siri, tmall) = both(Lang::En, "TiebreakMessage", "contact=mum message=hello");
    assert!(matches!(bid_of(siri), Proposal::Publish(_)));
    assert!(declined(tmall).contains("TiebreakMessage"));
    let (siri, tmall) = both(Lang::En, "HassRespond", "response=welcome");
    assert_eq!((bid_of(siri), bid_of(tmall)), (Proposal::Reply("welcome".into()), Proposal::Reply("welcome".into())));
    // Pink is no colour of AliGenie's, 10 000 K none of HomeKit's.
    let (siri, tmall) = both(Lang::En, "HassLightSet", "name=light.living_room_ceiling color=pink");
    action(siri);
    assert!(declined(tmall).contains("pink"));
    let (siri, tmall) = both(Lang::En, "HassLightSet", "name=light.living_room_ceiling temperature=10000");
    assert!(declined(siri).contains("mired"));
    action(tmall);
}

#[test]
fn language_and_coverage_move_the_confidence() {
    let confidence = |lang, slots| {
        let (siri, tmall) = both(lang, "HassTurnOff", slots);
        (bid(siri).confidence, bid(tmall).confidence)
    };
    let (siri, tmall) = confidence(Lang::En, "name=light.kitchen");
    assert!(siri > tmall + 0.05, "{siri} {tmall}");
    let (siri, tmall) = confidence(Lang::Zh, "name=light.kitchen");
    assert!(tmall > siri + 0.05, "{siri} {tmall}");
    // The desk lamp is siri's alone, the attic light has no topic: four of six for tmall, five for siri.
    let (siri, tmall) = confidence(Lang::Zh, "domain=light");
    assert!((siri - 0.90 * 5.0 / 6.0).abs() < 1e-5 && (tmall - 0.98 * 4.0 / 6.0).abs() < 1e-5, "{siri} {tmall}");
}

#[test]
fn the_best_reading_that_can_be_done_is_bid_on() {
    let hypotheses = vec![
        hypothesis("HassTurnOn", "area=kitchen domain=fan", 0.8),
        hypothesis("HassTurnOn", "area=kitchen domain=light", 0.2),
    ];
    let bid = bid(Siri::new(home(), "tiebreak").bid(&ask(Lang::En, hypotheses)));
    assert!((bid.confidence - 0.2 * 0.97).abs() < 1e-6);
    assert_eq!(declined(Siri::new(home(), "tiebreak").bid(&ask(Lang::En, Vec::new()))), "nothing was understood");
    let (siri, tmall) = both(Lang::Zh, "HassNevermind", "");
    assert!(matches!((bid_of(siri), bid_of(tmall)), (Proposal::Reply(_), Proposal::Reply(_))));
}

fn bid_of(answer: Answer) -> Proposal {
    bid(answer).proposal
}

#[test]
fn homekit_writes_and_aligenie_directives() {
    let home = home();
    let entity = |id| home.entity(id).expect("it is in the house");
    let hap = |id, op| siri::writes(entity(id), &op).map(|w| (w[0].characteristic.0, w[0].value));
    assert_eq!(hap("light.kitchen", Operation::Brightness(0.333)), Ok(("Brightness", 33.0)));
    assert!(hap("light.kitchen", Operation::Brightness(0.001)).is_err());
    assert!(hap("light.kitchen", Operation::BrightnessStep(0.2)).expect_err("no steps").contains("no steps"));
    assert_eq!(hap("light.kitchen", Operation::ColorTemp { kelvin: 4000.0 }), Ok(("ColorTemperature", 250.0)));
    assert_eq!(hap("lock.front_door", Operation::TurnOff), Ok(("LockTargetState", 0.0)));
    // The demonstration home's is an air conditioner.
    assert_eq!(hap("climate.bedroom", Operation::TurnOn), Ok(("TargetHeatingCoolingState", 2.0)));
    assert_eq!(hap("cover.garage_door", Operation::TurnOn), Ok(("TargetDoorState", 0.0)));
    assert_eq!(hap("climate.bedroom", Operation::Temperature(20.96)), Ok(("TargetTemperature", 21.0)));
    assert!(hap("climate.bedroom", Operation::Temperature(9.0)).is_err());
    assert_eq!(hap("fan.bedroom", Operation::Speed(0.66)), Ok(("RotationSpeed", 66.0)));
    assert_eq!(hap("vacuum.robot", Operation::TurnOn), Err("HomeKit has no vacuum cleaner".into()));

    let ali = |id, op| tmall::directive(entity(id), &op).map(|d| (d.device_type, d.name, d.value));
    let ok = |t, n, v: &str| Ok((t, n, v.to_owned()));
    assert_eq!(ali("light.kitchen", Operation::Brightness(0.3)), ok("light", "SetBrightness", "30"));
    assert_eq!(ali("light.kitchen", Operation::BrightnessStep(-0.2)), ok("light", "AdjustDownBrightness", "20"));
    assert_eq!(ali("vacuum.robot", Operation::TurnOff), ok("roboticvacuum", "TurnOff", "off"));
    let blue = Operation::Color { hue: 240.0, saturation: 1.0 };
    assert_eq!(ali("light.kitchen", blue), ok("light", "SetColor", "Blue"));
    assert_eq!(ali("climate.bedroom", Operation::Temperature(26.0)), ok("aircondition", "SetTemperature", "26"));
    let hot = ali("climate.bedroom", Operation::Temperature(40.0)).expect_err("too hot");
    assert!(hot.contains("INVALIDATE_PARAMS"), "{hot}");
    let step = ali("fan.bedroom", Operation::BrightnessStep(0.1)).expect_err("fans do not glow");
    assert!(step.contains("DEVICE_NOT_SUPPORT_FUNCTION"), "{step}");
    assert_eq!(ali("fan.bedroom", Operation::Speed(0.66)), ok("fan", "SetWindSpeed", "2"));
}

#[test]
fn each_says_it_in_its_own_protocol() {
    let act = |targets: &[&str], operation| {
        let targets = targets.iter().map(|t| crate::facts::home::EntityId((*t).to_owned())).collect();
        Action { targets, operation }
    };
    let (siri, tmall) = (Siri::new(home(), "tiebreak"), Tmall::new(home(), "tiebreak", None));
    let red = act(&["light.living_room_ceiling"], Operation::Color { hue: 0.0, saturation: 1.0 });
    let hap = siri.native("7", &red).expect("HAP");
    let types: Vec<_> =
        hap["characteristics"].as_array().expect("a list").iter().map(|w| (&w["type"], &w["value"])).collect();
    assert_eq!(types, [(&json!("13"), &json!(0.0)), (&json!("2F"), &json!(100.0))]);
    let off = act(&["light.kitchen", "fan.bedroom"], Operation::TurnOff);
    let hap = siri.native("7", &off).expect("HAP");
    assert_eq!(
        hap["characteristics"][1],
        json!({ "accessory": "fan.bedroom", "service": "40", "type": "25", "name": "On", "value": false })
    );
    // Version 2 says it to both at once, and adjusts with a sign.
    let ali = tmall.native("7", &off).expect("AliGenie");
    let header = json!({ "namespace": "AliGenie.Iot.Device.Control", "name": "thing.attribute.set", "messageId": "7", "payLoadVersion": 2 });
    let payload = json!({ "deviceIds": ["light.kitchen", "fan.bedroom"], "params": { "powerstate": 0 } });
    assert_eq!(ali, json!([{ "header": header, "payload": payload }]));
    let dim = tmall.native("7", &act(&["light.kitchen"], Operation::BrightnessStep(-0.2))).expect("AliGenie");
    assert_eq!(
        (&dim[0]["header"]["name"], &dim[0]["payload"]["params"]["brightness"]),
        (&json!("thing.attribute.adjust"), &json!(-20.0))
    );
    // What version 2 has no attribute for is said in version 1.
    let half = tmall.native("7", &act(&["cover.living_room_curtain"], Operation::Position(0.5))).expect("AliGenie");
    assert_eq!((&half[0]["header"]["payLoadVersion"], &half[0]["payload"]["value"]), (&json!(1), &json!("50")));
}

#[test]
fn with_aligenies_lists_the_genie_declines_what_it_cannot_know() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("aliaslist.json");
    std::fs::write(&file, r#"[{"key": "灯", "value": ["台灯"]}]"#).expect("writable");
    let naming = Naming::read(None, Some(&file)).expect("a list");
    let genie = Tmall::new(home(), "tiebreak", Some(naming));
    let ask = ask(Lang::Zh, vec![hypothesis("HassTurnOn", "name=light.living_room_ceiling", 1.0)]);
    let why = declined(genie.bid(&ask));
    assert!(why.contains("aliaslist") && why.contains("吊灯"), "{why}");
    assert!(matches!(Tmall::new(home(), "tiebreak", None).bid(&ask), Answer::Bid(_)));
}
