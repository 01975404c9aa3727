//! Wake phrases in what was said, found in the sounds that the acoustic model of the `ctc` engine writes. Both engines
//! need them: whatever transcribes the sentence, this tells whether it was meant for the house.

use super::ctc::AcousticModel;
use super::ctc_search::{LogProbs, UNIT_ROWS, Wanted, search};
use super::unit_graph::{START_ADDRESSED, Spelling, UnitGraph};
use super::units::Units;
use crate::facts::error::Fault;
use crate::facts::utterance::{Detection, Utterance};

/// A wake phrase is heard in what is overheard with this margin per unit or better: on 1.6 hours of speech without wake
/// words there was none (models/wake.md), the nearest was at -2.0 by its likeliest alignment; today it is at -1.8 ...
const MARGIN_MIN: f32 = -1.0;
/// ... and with this one where the wake-word model thought of one, too; there the nearest was at -1.4.
const HINTED_MARGIN_MIN: f32 = -1.1;
/// Both only with a confidence of this or more: in a babble of voices the model doubts everything, and whatever is
/// looked for is not much worse (0.00003); calls in a room at 10 dB have 0.05 and more but for one look too early
/// (0.002; 300 development recordings).
const CONFIDENCE_MIN: f32 = 0.01;

/// A wake word as it is spoken.
#[derive(Debug, Clone, PartialEq)]
pub struct WakePhrase {
    /// Its name, as in the configuration: `hey_siri`.
    pub word: String,
    /// What is said, normalised: `hey siri`, `天猫精灵`; or its sounds: `/HH EY S IH R IY/`.
    pub spoken: String,
    /// How sure an overheard call must be beside all else that it takes, 0 to 1; `None`: no surer.
    pub threshold: Option<f32>,
    /// The file in which it is written, and the key there: for messages.
    pub written: (String, String),
}

/// The wake phrases as an automaton.
pub struct Calls {
    graph: UnitGraph,
    /// The lead-ins, in their order there.
    phrases: Vec<WakePhrase>,
}

/// A wake phrase beyond doubt.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Which one.
    pub wake: Detection,
    /// The row after it.
    pub end: usize,
}

impl Call {
    /// Whether nothing is said after it.
    pub fn is_all(&self, probs: LogProbs) -> bool {
        probs.from(self.end).greedy().len() < 2
    }
}

impl Calls {
    /// Compiles the wake phrases.
    ///
    /// # Errors
    /// One that cannot be said.
    pub fn new(phrases: &[WakePhrase], sounds: &Units) -> Result<Self, Fault> {
        if let Some(p) = phrases.iter().find(|p| sounds.spell(&p.spoken).is_none()) {
            let (file, key) = p.written.clone();
            return Err(Fault::new(
                file,
                key,
                format!("nobody knows how {:?} sounds", p.spoken),
                "write it in English or Chinese words, or enrol it with `tiebreak wake enroll`",
            ));
        }
        let lead_ins: Vec<String> = phrases.iter().map(|p| p.spoken.clone()).collect();
        let graph = UnitGraph::build(&[], &[], &[], &lead_ins, sounds)
            .map_err(|what| Fault::new("wake.phrases", "", what, "use fewer of them"))?;
        Ok(Self { graph, phrases: phrases.to_vec() })
    }

    /// The wake phrase in an utterance whose sounds are `probs`, if there is one beyond doubt. `hinted`: the wake-word
    /// model thought of one, too.
    pub fn find(&self, acoustic: &AcousticModel, probs: LogProbs, utterance: &Utterance, hinted: bool) -> Option<Call> {
        let found = search(probs, &self.graph, Wanted::phrase(START_ADDRESSED))?;
        let score = acoustic.confidence(&found);
        let (phrase, _) = self.graph.read(START_ADDRESSED, &found.path)?.lead_in?;
        let margin = found.margin;
        tracing::debug!(
            "wake phrase source={} margin={margin} free={} worst={} score={score} hinted={hinted} phrase={phrase}",
            utterance.source,
            found.free,
            found.worst
        );
        let end = *found.begins.last()? as usize + UNIT_ROWS;
        let at = utterance.start + end as u64 * acoustic.row_samples();
        let margin_min = if hinted { HINTED_MARGIN_MIN } else { MARGIN_MIN };
        (margin >= margin_min && score >= CONFIDENCE_MIN && self.is_enough(phrase, score))
            .then(|| Call { wake: Detection { word: self.word(phrase), score, at }, end })
    }

    /// The wake word that is called by lead-in `phrase`.
    pub fn word(&self, phrase: usize) -> String {
        self.phrases.get(phrase).map_or(String::new(), |p| p.word.clone())
    }

    /// Whether `score` reaches the user's threshold for the wake word that lead-in `phrase` calls.
    pub fn is_enough(&self, phrase: usize, score: f32) -> bool {
        self.phrases.get(phrase).and_then(|p| p.threshold).is_none_or(|threshold| score >= threshold)
    }
}
