//! What handlers are asked, what they answer, and what is decided.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::home::EntityId;
use super::intent::{Hypothesis, Lang};

/// What every handler is asked about one utterance. Answering changes nothing in the world.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Decision id (ULID), unique for each utterance.
    pub id: String,
    /// Language of the utterance.
    pub lang: Lang,
    /// Name of the wake word that opened it.
    pub wake: Option<String>,
    /// Possible readings, best first.
    pub hypotheses: Vec<Hypothesis>,
}

/// How bad it would be to do this by mistake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// A lamp, a song: undone with a word.
    #[default]
    Low,
    /// Heating, covers, a purchase list.
    Medium,
    /// Unlocking, opening the garage: needs more certainty, or a confirmation.
    High,
}

/// Something done to things in the house, in canonical units; it becomes a payload only at the edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// What it is done to, in the order of the home file; never empty.
    pub targets: Vec<EntityId>,
    /// What is done.
    pub operation: Operation,
}

/// What can be done to an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Switch on; for a cover open, for a lock lock, for a scene activate, for a vacuum start.
    TurnOn,
    /// Switch off; for a cover close, for a lock unlock.
    TurnOff,
    /// Light level, 0..=1 of the device's range.
    Brightness(f64),
    /// Light level up or down from what it is, -1..=1 of the device's range.
    BrightnessStep(f64),
    /// Colour: hue in degrees 0..360, saturation 0..=1.
    Color { hue: f64, saturation: f64 },
    /// Colour temperature in kelvin.
    ColorTemp { kelvin: f64 },
    /// Cover, valve: 0 closed ..= 1 open.
    Position(f64),
    /// Target temperature in degrees Celsius.
    Temperature(f64),
    /// Speed of a fan, 0..=1 of the device's range.
    Speed(f64),
    /// Volume, 0..=1.
    Volume(f64),
    /// A key of a player.
    Media(MediaKey),
}

/// What a player can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKey {
    /// Go on playing.
    Play,
    /// Pause.
    Pause,
    /// Next track.
    Next,
    /// Previous track.
    Previous,
}

/// One MQTT message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Where to.
    pub topic: String,
    /// JSON is published as such, a string as its bare text.
    pub payload: Value,
    /// 0 or 1.
    #[serde(default)]
    pub qos: u8,
    /// Commands are never retained: a retained one would act again after every restart of the broker.
    #[serde(default)]
    pub retain: bool,
}

/// What is published for one decision: one message, and more where the action has several targets
/// ("turn off all the lights").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// The first (mostly the only) message.
    #[serde(flatten)]
    pub message: Message,
    /// Messages for the other targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub and: Vec<Message>,
}

/// What a handler would do if it were awarded.
#[derive(Debug, Clone, PartialEq)]
pub enum Proposal {
    /// Something done to the house; mapped to MQTT by the home file.
    Act(Action),
    /// The same to things that let somebody in: done only once the speaker has confirmed it.
    Confirm(Action),
    /// A ready message (a remote handler that hands its command over, a request beyond the house).
    Publish(Command),
    /// Nothing to publish: the handler answers by itself ("what time is it").
    Reply(String),
    /// A handler outside the process acts by itself, and only once it holds the licence that the award is.
    Itself,
}

/// An offer to carry out the utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Bid {
    /// Calibrated 0..=1: how likely this is what the speaker wants, done rightly.
    pub confidence: f32,
    /// How bad a mistake would be.
    pub risk: Risk,
    /// What would be done.
    pub proposal: Proposal,
}

/// A handler's answer to an ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It would.
    Bid(Bid),
    /// It would not; the reason is kept in the receipt.
    Decline(String),
    /// It broke: a panic, an invalid bid, a lost connection.
    Failed(String),
}

/// What became of a handler's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Awarded.
    Won,
    /// A valid bid, not the best.
    Lost,
    /// Came after the close, or never.
    Late,
    /// Said no.
    Declined,
    /// Broke.
    Failed,
}

/// One line of the receipt about one handler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BidRecord {
    /// Whose.
    pub handler: String,
    /// As bid; absent without a bid.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confidence: Option<f32>,
    /// What that is worth by the handler's calibration; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub calibrated: Option<f32>,
    /// Milliseconds after the auction opened; absent without an answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at_ms: Option<f64>,
    /// What became of it.
    pub outcome: Outcome,
    /// Within this time the handler has mostly answered lately (95th percentile); absent while hardly anything is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p95_ms: Option<f64>,
    /// Share of its actions that were confirmed lately, 0..=1; absent while none is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub success: Option<f64>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// How an auction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    /// One handler won.
    Award,
    /// Too close, or too risky to do unasked: ask the speaker.
    Ask,
    /// Nothing to do.
    None,
}

/// When an auction closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closed {
    /// Nobody left could still have won.
    Early,
    /// The window ran out.
    Deadline,
}

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// How it ended.
    pub kind: VerdictKind,
    /// The winner of an award; the candidate of an ask.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handler: Option<String>,
    /// In plain words.
    pub reason: String,
    /// When it closed; absent where no auction was held.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub closed: Option<Closed>,
}
