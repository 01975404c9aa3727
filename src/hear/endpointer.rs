//! Where speech begins and where the speaker has finished: a pure state machine.
//!
//! In goes one [`Window`] (16 ms) after the other, out come [`Event`]s with positions on the audio clock. It holds
//! no audio, clock, thread or model, so a pause of half a second is tested in microseconds. Next: `listener.rs`.

use std::collections::VecDeque;

use super::vad::{WINDOW, WINDOW_MS, Window};
use crate::facts::audio::{SampleIndex, samples_in_ms};

/// When speech counts as begun and ended. The defaults suit a person giving an order to the house.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointerSettings {
    /// Trailing silence that ends an utterance, in ms; pauses must be shorter. 200..=2000.
    pub silence_ms_min: u64,
    /// Speech needed before anything counts as an utterance, in ms. 50..=1000.
    pub speech_ms_min: u64,
    /// A pause this long is reported, so that a command that is complete beyond doubt need not wait for
    /// `silence_ms_min`; `None`: pauses are not reported.
    pub draft_ms: Option<u64>,
    /// The longest utterance with its pre-roll and trailing silence, in ms; no longer than the speech model
    /// hears (docs/configuration.md).
    pub utterance_ms_max: u64,
    /// How long to wait for a command after a wake word, in ms.
    pub wait_ms_max: u64,
    /// Audio kept from before the first speech, in ms.
    pub pre_roll_ms: u64,
    /// Speech begins at this probability, 0..=1.
    pub probability_on: f32,
    /// Speech goes on down to this probability, 0..=`probability_on`.
    pub probability_off: f32,
}

impl Default for EndpointerSettings {
    fn default() -> Self {
        Self {
            silence_ms_min: 500,
            speech_ms_min: 160,
            draft_ms: None,
            utterance_ms_max: 6000,
            wait_ms_max: 4000,
            pre_roll_ms: 300,
            probability_on: 0.6,
            probability_off: 0.45,
        }
    }
}

/// One utterance on the audio clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Where its samples begin (pre-roll, or the wake word).
    pub start: SampleIndex,
    /// First window of speech that counts.
    pub speech_start: SampleIndex,
    /// End of the last window of speech.
    pub speech_end: SampleIndex,
    /// Where the speaker was taken to have finished.
    pub endpoint: SampleIndex,
    /// Speech still went on less than [`CUT_OFF_MS`] before the end of the stream or of the longest utterance.
    pub cut_off: bool,
}

/// What the endpointer has noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody speaks; samples from `start` on belong to the utterance.
    SpeechStarted { start: SampleIndex, speech_start: SampleIndex },
    /// The speaker pauses; `endpoint` is where the pause was noticed. Once for each pause.
    Paused(Bounds),
    /// The speaker has finished.
    Ended(Bounds),
    /// Nobody spoke in `wait_ms_max`.
    NothingSaid { at: SampleIndex },
}

/// What to listen for next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arm {
    /// Speech before this is not the command (it is the wake word).
    pub from: SampleIndex,
    /// Where the samples begin when the command follows at once.
    pub audio_from: SampleIndex,
    /// Give up after `wait_ms_max`.
    pub deadline: bool,
}

/// Speech this close to the end means that the end came too soon.
pub const CUT_OFF_MS: u64 = 100;
/// A command this soon after a wake word is one breath with it, and the samples begin before the wake word.
pub const ONE_BREATH_MS: u64 = 700;
/// What is shorter than `speech_ms_min` is forgotten after so much silence: a cough, the end of the wake word.
const FORGET_MS: u64 = 240;
/// Speech that follows a detection without any gap may be the rest of the wake word up to this length (a model may
/// recognise 天猫精灵 half a second before its end); then the silence before the command must not end it.
const WAKE_REST_MS: u64 = 600;
const SILENCE_AFTER_WAKE_MS: u64 = 1300;
/// Windows remembered for [`Endpointer::arm`] and [`Endpointer::stretch_start`]: 2.5 s.
const HISTORY: usize = 2500 / WINDOW_MS as usize;

enum State {
    /// Only the noise floor is followed.
    Idle,
    Waiting {
        arm: Arm,
        run: Option<Run>,
    },
    Speaking {
        start: SampleIndex,
        speech_start: SampleIndex,
        speech_end: SampleIndex,
        /// It may so far be nothing but the rest of the wake word.
        attached: bool,
        /// The pause after this end of speech has been reported.
        paused: Option<SampleIndex>,
    },
}

/// Speech that may be too short to count.
#[derive(Clone, Copy)]
struct Run {
    start: SampleIndex,
    end: SampleIndex,
    speech_ms: u64,
}

/// The state machine; feed it every window of the stream, also while nothing is expected.
pub struct Endpointer {
    settings: EndpointerSettings,
    gate: SpeechGate,
    state: State,
    /// End of the last window.
    now: SampleIndex,
    /// Whether each of the last windows was speech, oldest first.
    history: VecDeque<bool>,
}

impl Endpointer {
    /// At the start of a stream, idle.
    pub fn new(settings: EndpointerSettings) -> Self {
        let gate = SpeechGate::new(settings.probability_on, settings.probability_off);
        let history = VecDeque::with_capacity(HISTORY + 1);
        Self { settings, gate, state: State::Idle, now: SampleIndex(0), history }
    }

    /// Takes the next window.
    pub fn push(&mut self, window: Window) -> Option<Event> {
        let speech = self.gate.is_speech(window);
        self.history.push_back(speech);
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        self.now = self.now + WINDOW as u64;
        self.step(self.now, speech)
    }

    /// Begins to wait for speech. `arm.from` may lie in the past (up to 2.5 s): what was said since then counts.
    pub fn arm(&mut self, arm: Arm) -> Option<Event> {
        self.state = State::Waiting { arm, run: None };
        let mut first = None;
        for i in 0..self.history.len() {
            let end = self.window_end(i);
            // An end of speech in the past is noticed with the next window.
            if end > arm.from && !matches!(self.state, State::Speaking { .. }) {
                first = self.step(end, self.history[i]).or(first);
            } else if let (State::Speaking { speech_end, .. }, true) = (&mut self.state, self.history[i]) {
                *speech_end = self.now - ((self.history.len() - 1 - i) * WINDOW) as u64;
            }
        }
        first
    }

    /// Nothing more is expected.
    pub fn disarm(&mut self) {
        self.state = State::Idle;
    }

    /// The stream has ended at `end`.
    pub fn finish(&mut self, end: SampleIndex) -> Option<Event> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => None,
            State::Waiting { arm, .. } => arm.deadline.then_some(Event::NothingSaid { at: end }),
            State::Speaking { start, speech_start, speech_end, .. } => {
                let cut_off = speech_end + samples_in_ms(CUT_OFF_MS) > end;
                Some(Event::Ended(Bounds { start, speech_start, speech_end, endpoint: end, cut_off }))
            }
        }
    }

    /// Where the speech around `at` began: the first speech after the last silence of `gap_ms` before `at`, or
    /// `earliest`.
    pub fn stretch_start(&self, at: SampleIndex, gap_ms: u64, earliest: SampleIndex) -> SampleIndex {
        let (mut start, mut quiet) = (at, 0);
        for i in (0..self.history.len()).rev() {
            let begin = self.window_end(i) - WINDOW as u64;
            if begin >= at {
                continue;
            }
            if begin < earliest || quiet >= gap_ms {
                break;
            }
            if self.history[i] {
                (start, quiet) = (begin, 0);
            } else {
                quiet += WINDOW_MS;
            }
        }
        start.max(earliest)
    }

    /// Speech is going on.
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking { .. })
    }

    /// The utterance so far, while speech goes on or has just ended.
    pub fn going_on(&self) -> Option<Bounds> {
        let State::Speaking { start, speech_start, speech_end, .. } = self.state else { return None };
        Some(Bounds { start, speech_start, speech_end, endpoint: self.now, cut_off: false })
    }

    fn window_end(&self, i: usize) -> SampleIndex {
        self.now - ((self.history.len() - 1 - i) * WINDOW) as u64
    }

    /// `end` is the end of a window that was speech or not.
    fn step(&mut self, end: SampleIndex, speech: bool) -> Option<Event> {
        let begin = end - WINDOW as u64;
        let s = &self.settings;
        match &mut self.state {
            State::Idle => None,
            State::Waiting { arm, run } => {
                if speech && begin >= arm.from {
                    let run = run.get_or_insert(Run { start: begin, end, speech_ms: 0 });
                    run.end = end;
                    run.speech_ms += WINDOW_MS;
                    if run.speech_ms >= s.speech_ms_min {
                        let (speech_start, speech_end) = (run.start, run.end);
                        let one_breath = speech_start <= arm.from + samples_in_ms(ONE_BREATH_MS);
                        let pre_roll = (speech_start - samples_in_ms(s.pre_roll_ms)).max(arm.audio_from);
                        let start = if arm.deadline && one_breath { arm.audio_from } else { pre_roll };
                        let attached = arm.deadline && speech_start <= arm.from + 2 * WINDOW as u64;
                        self.state = State::Speaking { start, speech_start, speech_end, attached, paused: None };
                        return Some(Event::SpeechStarted { start, speech_start });
                    }
                } else if run.is_some_and(|r| end >= r.end + samples_in_ms(FORGET_MS)) {
                    *run = None;
                }
                let late = arm.deadline && end >= arm.from + samples_in_ms(s.wait_ms_max);
                if late && run.is_none() {
                    self.state = State::Idle;
                    return Some(Event::NothingSaid { at: end });
                }
                None
            }
            State::Speaking { start, speech_start, speech_end, attached, paused } => {
                if speech {
                    *speech_end = end;
                }
                let short = *speech_end < *speech_start + samples_in_ms(WAKE_REST_MS);
                let silence_ms =
                    if *attached && short { s.silence_ms_min.max(SILENCE_AFTER_WAKE_MS) } else { s.silence_ms_min };
                let silent = end >= *speech_end + samples_in_ms(silence_ms);
                let longest = end + WINDOW as u64 > *start + samples_in_ms(s.utterance_ms_max);
                if !silent && !longest {
                    let quiet = s.draft_ms.is_some_and(|ms| end >= *speech_end + samples_in_ms(ms));
                    if !quiet || *attached && short || *paused == Some(*speech_end) {
                        return None;
                    }
                    *paused = Some(*speech_end);
                    let (start, speech_start, speech_end) = (*start, *speech_start, *speech_end);
                    return Some(Event::Paused(Bounds {
                        start,
                        speech_start,
                        speech_end,
                        endpoint: end,
                        cut_off: false,
                    }));
                }
                let cut_off = *speech_end + samples_in_ms(CUT_OFF_MS) > end;
                let (start, speech_start, speech_end) = (*start, *speech_start, *speech_end);
                self.state = State::Idle;
                Some(Event::Ended(Bounds { start, speech_start, speech_end, endpoint: end, cut_off }))
            }
        }
    }
}

/// Decides for each window whether it is speech: a probability with hysteresis, and a level that stands out of the
/// room's noise and is not lost under the loudest speech just before (the network's own memory of a word fades
/// some 100 ms after the word).
struct SpeechGate {
    probability_on: f32,
    probability_off: f32,
    speaking: bool,
    peak_db: f32,
    floor: NoiseFloor,
}

/// Speech must stand this far above the noise floor to begin and to go on. At 0 dB SNR speech and noise together
/// are 3 dB above the noise on average and more in vowels.
const ABOVE_FLOOR_ON_DB: f32 = 3.0;
const ABOVE_FLOOR_OFF_DB: f32 = 1.5;
/// The weakest sound of a word lies less than this below the loudest one.
const SPEECH_RANGE_DB: f32 = 30.0;
/// How fast the loudest speech is forgotten: 10 dB a second.
const PEAK_DECAY_DB: f32 = 10.0 * WINDOW_MS as f32 / 1000.0;

/// While its memory is empty (some 300 ms) the network takes steady noise for speech, measured at up to 0.68 for
/// white noise; speech scores above 0.85 even then.
const WARM_UP_WINDOWS: usize = 20;
const WARM_UP_PROBABILITY_ON: f32 = 0.8;

impl SpeechGate {
    fn new(probability_on: f32, probability_off: f32) -> Self {
        let floor = NoiseFloor::new();
        Self { probability_on, probability_off, speaking: false, peak_db: NoiseFloor::LEAST_DB, floor }
    }

    fn is_speech(&mut self, window: Window) -> bool {
        let floor = self.floor.push(window.level_db);
        self.peak_db = (self.peak_db - PEAK_DECAY_DB).max(NoiseFloor::LEAST_DB);
        if window.probability >= self.probability_on {
            self.peak_db = self.peak_db.max(window.level_db);
        }
        let (probability, above) = if self.speaking {
            (self.probability_off, ABOVE_FLOOR_OFF_DB)
        } else if self.floor.heard < WARM_UP_WINDOWS {
            (self.probability_on.max(WARM_UP_PROBABILITY_ON), ABOVE_FLOOR_ON_DB)
        } else {
            (self.probability_on, ABOVE_FLOOR_ON_DB)
        };
        let level = (floor + above).max(self.peak_db - SPEECH_RANGE_DB);
        self.speaking = window.probability >= probability && window.level_db >= level;
        self.speaking
    }
}

/// The room's noise by minimum statistics (after R. Martin, 2001, without the bias correction): the least smoothed
/// level of the last 2 seconds, which speech with its gaps does not lift, but a fan does.
struct NoiseFloor {
    smoothed: f32,
    /// Minima of the last blocks of 256 ms, and of the block that is filling.
    minima: [f32; Self::BLOCKS],
    filling: f32,
    /// Windows heard so far.
    heard: usize,
}

impl NoiseFloor {
    const BLOCKS: usize = 8;
    const BLOCK_WINDOWS: usize = 16;
    /// Below this there is nothing but the converter's own noise.
    const LEAST_DB: f32 = -70.0;
    /// What the room is taken for in the first half second, which may be speech.
    const FIRST_DB: f32 = -55.0;

    fn new() -> Self {
        Self { smoothed: f32::NAN, minima: [f32::INFINITY; Self::BLOCKS], filling: f32::INFINITY, heard: 0 }
    }

    fn push(&mut self, level_db: f32) -> f32 {
        let level_db = level_db.clamp(-120.0, 6.0);
        self.smoothed = if self.heard == 0 { level_db } else { self.smoothed + 0.25 * (level_db - self.smoothed) };
        self.filling = self.filling.min(self.smoothed);
        self.heard += 1;
        let mut least = self.minima.iter().copied().fold(self.filling, f32::min);
        if self.heard <= 2 * Self::BLOCK_WINDOWS {
            least = least.min(Self::FIRST_DB);
        }
        if self.heard.is_multiple_of(Self::BLOCK_WINDOWS) {
            self.minima[self.heard / Self::BLOCK_WINDOWS % Self::BLOCKS] = self.filling;
            self.filling = f32::INFINITY;
        }
        least.max(Self::LEAST_DB)
    }
}

#[cfg(test)]
#[path = "endpointer_tests.rs"]
mod tests;
