//! What becomes of drafts, overheard speech and wake phrases.

use super::*;
use crate::config::{Config, Overrides};
use crate::engine::load;
use crate::engine::stamps::WallClock;
use crate::facts::error::Fault;
use crate::hear::resample::Resampler;
use crate::hear::wav::Recording;
use crate::understand::calls::WakePhrase;
use crate::understand::ctc::{AcousticModel, CtcRecognizer, EMBEDDED_MODEL};
use crate::understand::word_graph::{WordArc, WordGraph};

/// Hears what it is told to hear; a sentence that was only overheard needs its wake phrase.
struct Told(Vec<Option<Recognized>>);

impl Recognizer for Told {
    fn transcribe(&mut self, u: &Utterance) -> Result<Option<Recognized>, Fault> {
        Ok(self.0.remove(0).filter(|r| !u.opening.is_overheard() || r.wake.is_some()))
    }
}

fn called(text: &str) -> Option<Recognized> {
    let wake = Some(Detection { word: "computer".into(), score: 0.9, at: SampleIndex(800) });
    words(text, 0.95, true).map(|r| Recognized { wake, ..r })
}

fn words(text: &str, confidence: f32, whole: bool) -> Option<Recognized> {
    let transcript = Transcript { text: text.into(), confidence, lang: Lang::En };
    let last_sound = Some(LastSound { at: SampleIndex(8000), heard_until: SampleIndex(8000), pace: 1300 });
    Some(Recognized { transcript, wake: None, whole, begun: false, last_sound })
}

fn mind(told: Vec<Option<Recognized>>) -> Mind {
    let config = Config::load(None, &Overrides::default()).expect("defaults");
    Mind {
        recognizer: Some(Box::new(Told(told))),
        understanding: load::understanding(&config).expect("embedded grammars"),
        clock: Arc::new(WallClock::start()),
        wait: 64_000,
        progress: Progress::default(),
    }
}

const OVERHEARD: Opening = Opening::Overheard { hinted: false };

fn utterance(start: u64, opening: Opening, draft: bool) -> Job {
    draft_of(start, opening, draft.then_some(Draft::Paused))
}

fn draft_of(start: u64, opening: Opening, draft: Option<Draft>) -> Job {
    let at = |ms: u64| SampleIndex(start + ms * 16);
    let (samples, source) = (vec![0.0; 16_000], "test".to_owned());
    let (speech_end, endpoint) = (at(700), at(1000));
    let utterance = Utterance { source, samples, start: at(0), speech_end, endpoint, opening, draft, cut_off: false };
    Job::Utterance(utterance, Stamps::pinned(std::time::Duration::ZERO, 0.0))
}

fn run(mind: &mut Mind, jobs: Vec<Job>) -> Vec<String> {
    let (sender, receiver) = crossbeam_channel::unbounded();
    jobs.into_iter().for_each(|j| sender.send(j).expect("open"));
    drop(sender);
    let (done, mut out) = mpsc::channel(16);
    std::mem::replace(mind, self::mind(Vec::new())).work(&receiver, &done);
    drop(done);
    let mut said = Vec::new();
    while let Some(u) = out.blocking_recv() {
        said.push(u.transcript.map(|t| t.text).or(u.reason).unwrap_or_default());
    }
    said
}

#[test]
fn a_sure_draft_is_taken_once_and_its_rest_is_dropped() {
    let mut mind = mind(vec![words("turn on the kitchen light", 0.97, true), words("open the blinds", 0.8, true)]);
    let jobs = vec![
        utterance(0, Opening::Open, true),
        utterance(0, Opening::Open, true),
        utterance(0, Opening::Open, false),
        utterance(50_000, Opening::Open, false),
    ];
    assert_eq!(run(&mut mind, jobs), ["turn on the kitchen light", "open the blinds"]);
}

#[test]
fn in_speech_that_goes_on_a_command_is_taken_once_nothing_has_followed_it() {
    let command = || words("turn on the kitchen light", 0.97, true);
    let going_on = |start| draft_of(start, Opening::Open, Some(Draft::GoingOn));
    // The last sound of a command is 500 ms after the start; the utterance has lasted 1 s.
    let mut early = mind(vec![command(), command()]);
    assert_eq!(run(&mut early, vec![going_on(0)]), ["turn on the kitchen light"]);
    let late = command().map(|r| Recognized {
        last_sound: Some(LastSound { at: SampleIndex(12_000), heard_until: SampleIndex(12_000), pace: 1300 }),
        ..r
    });
    assert!(run(&mut mind(vec![late]), vec![going_on(0)]).is_empty(), "more may follow");
    let slow = command().map(|r| Recognized {
        last_sound: Some(LastSound { at: SampleIndex(8000), heard_until: SampleIndex(8000), pace: 2000 }),
        ..r
    });
    assert!(run(&mut mind(vec![slow]), vec![going_on(0)]).is_empty(), "a slow speaker is not cut off");
    let unknown = command().map(|r| Recognized { last_sound: None, ..r });
    assert!(run(&mut mind(vec![unknown]), vec![going_on(0)]).is_empty());
}

#[test]
fn a_wake_phrase_heard_in_a_draft_counts_for_the_whole_utterance() {
    let mut mind = mind(vec![called(""), None, words("turn on the kitchen light", 0.8, true)]);
    let jobs = vec![utterance(0, OVERHEARD, true), utterance(0, OVERHEARD, false)];
    assert_eq!(run(&mut mind, jobs), ["turn on the kitchen light"]);
    let mut mind = self::mind(vec![called(""), None]);
    let jobs = vec![utterance(0, OVERHEARD, true), utterance(90_000, OVERHEARD, false)];
    assert!(run(&mut mind, jobs).is_empty(), "another utterance");
}

#[test]
fn who_hesitates_after_the_wake_word_may_go_on_once() {
    let begun = || called("i am").map(|r| Recognized { begun: true, whole: false, ..r });
    let mut mind = mind(vec![begun(), words("turn on the kitchen light", 0.8, true)]);
    let jobs = vec![utterance(0, OVERHEARD, false), utterance(30_000, OVERHEARD, false)];
    assert_eq!(run(&mut mind, jobs), ["i am", "turn on the kitchen light"]);
    let mut mind = self::mind(vec![
        begun(),
        words("i am", 0.2, false).map(|r| Recognized { begun: true, ..r }),
        words("turn on the kitchen light", 0.8, true),
    ]);
    let jobs = [0, 30_000, 60_000].map(|start| utterance(start, OVERHEARD, false)).into();
    assert_eq!(run(&mut mind, jobs), ["i am", "i am"]);
}

#[test]
fn a_doubtful_draft_waits_for_the_end() {
    for draft in [words("turn on the kitchen light", 0.7, true), words("turn on the", 0.95, false), None] {
        let mut mind = mind(vec![draft, words("turn on the kitchen light", 0.7, true)]);
        let jobs = vec![utterance(0, Opening::Open, true), utterance(0, Opening::Open, false)];
        assert_eq!(run(&mut mind, jobs), ["turn on the kitchen light"]);
    }
}

#[test]
fn a_place_may_still_follow_a_command_that_names_none() {
    for (draft, whole) in [
        ("turn off the lights", "turn off the lights in the bedroom"),
        ("turn everything off", "turn everything off in the bedroom"),
        ("lock the front door and turn off the lights", "lock the front door and turn off the lights upstairs"),
        ("set the temperature to twenty degrees", "set the temperature to twenty degrees in the bedroom"),
    ] {
        let mut mind = mind(vec![words(draft, 0.97, true), words(whole, 0.97, true)]);
        let jobs = vec![utterance(0, Opening::Open, true), utterance(0, Opening::Open, false)];
        let said = run(&mut mind, jobs);
        assert!(said.iter().all(|text| text == whole) && !said.is_empty(), "{said:?}");
    }
    for draft in [
        "turn off the lights in the bedroom",
        "turn off the lights upstairs",
        "turn off the lights and lock the front door",
        "set a timer for five minutes",
    ] {
        let mut mind = mind(vec![words(draft, 0.97, true)]);
        assert!(!run(&mut mind, vec![utterance(0, Opening::Open, true)]).is_empty(), "{draft}");
    }
}

#[test]
fn what_people_say_to_each_other_leaves_no_trace_but_the_end_of_a_recording_does() {
    let mut mind = mind(vec![None, None, called("turn on the kitchen light")]);
    let jobs = vec![
        utterance(0, OVERHEARD, true),
        utterance(0, OVERHEARD, false),
        Job::Ended { source: "a.wav".into() },
        utterance(0, OVERHEARD, false),
        Job::Ended { source: "b.wav".into() },
        Job::Ended { source: "c.wav".into() },
        Job::Ended { source: "d.wav".into() },
    ];
    let nothing = "no wake word and no command was heard";
    assert_eq!(run(&mut mind, jobs), [nothing, "turn on the kitchen light", nothing, nothing]);
}

#[test]
fn several_commands_are_several_decisions_and_it_means_the_last_thing() {
    let mut mind = mind(Vec::new());
    let mut read = |text: &str| {
        let transcript = Transcript { text: text.into(), confidence: 1.0, lang: Lang::En };
        let start = empty(Stamps::pinned(std::time::Duration::ZERO, 0.0));
        let parts = mind.read(start, Some(transcript), Some(Lang::En)).parts();
        let shown = |u: &Understood| {
            let h = u.hypotheses.first();
            h.map_or(String::new(), |h| format!("{} {}", h.intent, h.text("name").unwrap_or_default()))
        };
        let ids: std::collections::BTreeSet<&str> = parts.iter().map(|u| u.id.as_str()).collect();
        assert_eq!(ids.len(), parts.len());
        (parts.iter().map(shown).collect::<Vec<_>>(), parts.last().and_then(|u| u.part))
    };
    let (said, part) = read("turn off the kitchen light and lock the front door");
    assert_eq!(said, ["HassTurnOff light.kitchen", "HassTurnOn lock.front_door"]);
    assert_eq!(part, Some(Part { number: 2, of: 2 }));
    assert_eq!(read("unlock it").0, ["HassTurnOff lock.front_door"]);
    assert_eq!(read("turn on the desk lamp"), (vec!["HassTurnOn light.study_desk".into()], None));
    assert_eq!(read("make it twenty percent").0, ["HassLightSet light.study_desk"]);
    mind.progress.last = None;
    let transcript = Transcript { text: "unlock it".into(), confidence: 1.0, lang: Lang::En };
    let start = empty(Stamps::pinned(std::time::Duration::ZERO, 0.0));
    assert!(mind.read(start, Some(transcript), None).hypotheses.is_empty());
}

#[test]
fn a_wake_phrase_alone_waits_for_its_command() {
    let command = words("turn on the kitchen light", 0.95, true);
    let jobs = |at: u64| {
        let end = Job::Ended { source: "a.wav".into() };
        vec![utterance(0, OVERHEARD, false), utterance(at, OVERHEARD, false), end]
    };
    let mut soon = mind(vec![called(""), command.clone()]);
    assert_eq!(run(&mut soon, jobs(50_000)), ["turn on the kitchen light"]);
    let mut late = mind(vec![called(""), command]);
    assert_eq!(run(&mut late, jobs(90_000)), ["no wake word and no command was heard"]);
    let mut never = mind(vec![called("")]);
    let jobs = vec![utterance(0, OVERHEARD, false), Job::Ended { source: "a.wav".into() }];
    assert_eq!(run(&mut never, jobs), ["nothing was said after the wake word"]);
}

/// "computer, switch off the kitchen light" to a recogniser that knows this sentence alone.
fn heard(threshold: Option<f32>, opening: Opening) -> Option<Recognized> {
    let words = SENTENCE.split(' ').zip(0..);
    let arcs: Vec<WordArc> = words.map(|(w, from)| WordArc { from, to: from + 1, text: w.to_owned() }).collect();
    let graph = WordGraph { start: 0, ends: vec![arcs.len() as u32], arcs };
    let written = (String::new(), String::new());
    let phrase = WakePhrase { word: "computer".into(), spoken: "computer".into(), threshold, written };
    let acoustic = AcousticModel::new(EMBEDDED_MODEL, "embedded").expect("the shipped model");
    let mut recognizer = CtcRecognizer::new(acoustic, &[graph], &[], &[], &[phrase]).expect("small");
    let recording = Recording::open("audio-fixtures/en-kitchen-light-off.flac".as_ref()).expect("a fixture");
    let mut samples = Vec::new();
    let mut resampler = Resampler::new(recording.sample_rate_hz).expect("a usual rate");
    resampler.process(&recording.samples, &mut samples);
    resampler.flush(&mut samples);
    let Job::Utterance(utterance, _) = utterance(0, opening, false) else { unreachable!() };
    recognizer.transcribe(&Utterance { samples, ..utterance }).expect("it runs")
}

const SENTENCE: &str = "switch off the kitchen light";

#[test]
fn what_is_overheard_must_reach_the_users_threshold_for_its_wake_word() {
    let hinted = || Opening::Overheard { hinted: true };
    for threshold in [None, Some(0.1)] {
        let said = heard(threshold, hinted()).expect("called");
        assert_eq!(said.wake.map(|w| w.word).as_deref(), Some("computer"), "{threshold:?}");
        assert_eq!(said.transcript.text, SENTENCE);
    }
    assert_eq!(heard(Some(0.999), hinted()), None, "neither the call nor the beginning of the sentence is enough");
    assert!(heard(Some(0.999), Opening::Open).is_some(), "where no wake word is needed none is weighed");
}
