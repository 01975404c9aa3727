//! The listen stage: 16 kHz samples in, utterances out. It joins the wake word, the voice activity and the
//! endpointer, and keeps the audio that an utterance may need.
//!
//! Pure but for its models: no thread, clock or device, so a file and a microphone take the same path, and the same
//! samples give the same utterances however they are chunked. What it keeps is bounded by [`Listener::kept_max`].

use std::collections::VecDeque;

use super::endpointer::{Arm, Bounds, Endpointer, EndpointerSettings, Event};
use super::vad::{Vad, WINDOW, WINDOW_MS};
use super::wake::{Wake, WakeSettings};
use crate::facts::audio::{SampleIndex, samples_in_ms};
use crate::facts::error::Fault;
use crate::facts::utterance::{Detection, Draft, Opening, Utterance};

/// Everything about listening that a user can set.
#[derive(Debug, Clone, PartialEq)]
pub struct ListenSettings {
    /// When speech begins and ends.
    pub endpointer: EndpointerSettings,
    /// Which wake words, and how strictly.
    pub wake: WakeSettings,
    /// Whether speech without a detected wake word is passed on as [`Opening::Overheard`].
    pub overhear: bool,
    /// How much of the wake word may follow the place where it was detected, in ms; not taken for the command.
    pub wake_tail_ms: u64,
}

impl Default for ListenSettings {
    fn default() -> Self {
        Self {
            endpointer: EndpointerSettings::default(),
            wake: WakeSettings::default(),
            overhear: false,
            wake_tail_ms: 96,
        }
    }
}

/// What the listen stage has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A wake word; an utterance or `NothingSaid` follows.
    Woke(Detection),
    /// Somebody has spoken, or has paused (`draft`).
    Utterance(Utterance),
    /// A wake word, but no command after it.
    NothingSaid { wake: Detection, at: SampleIndex },
}

/// Audio kept while nothing happens, in ms: the longest way back from a late detection to before the wake word.
const KEPT_MS: u64 = 2500;
/// A wake word is no longer than this, in ms.
const WAKE_MS_MAX: u64 = 1600;
/// A pause in a wake word is shorter than this, in ms.
const WAKE_GAP_MS: u64 = 300;
/// Where drafts are wanted: a command that has gone on for so long is passed on as one, in ms ...
const GOING_ON_MS: u64 = 2000;
/// ... and again each time so much more has been heard, in ms.
const GOING_ON_EVERY_MS: u64 = 400;
/// Audio from before the wake word that an utterance begins with, in ms.
const WAKE_PRE_ROLL_MS: u64 = 200;

/// The listen stage of one stream.
pub struct Listener {
    settings: ListenSettings,
    source: String,
    wake: Option<Wake>,
    vad: Vad,
    endpointer: Endpointer,
    /// Follows all speech while no wake word has been detected, if that is wanted.
    overheard: Option<Endpointer>,
    /// Samples that do not fill a window yet.
    pending: Vec<f32>,
    /// The last samples, up to the end of the last window.
    kept: VecDeque<f32>,
    /// Position after the last kept sample.
    now: SampleIndex,
    /// The oldest sample that the utterance being heard needs.
    hold: Option<SampleIndex>,
    /// The wake word whose command is being waited for or heard.
    woken: Option<Detection>,
    /// End of the last utterance: no other begins before it.
    last_endpoint: SampleIndex,
    detections: Vec<Detection>,
}

impl Listener {
    /// A listener at the start of a stream. Without a wake word (`None`) every stretch of speech is an utterance.
    /// `source` is the file name or capture device, for the receipt.
    pub fn new(settings: ListenSettings, wake: Option<Wake>, source: impl Into<String>) -> Self {
        let mut endpointer = Endpointer::new(settings.endpointer.clone());
        if wake.is_none() {
            endpointer.arm(always(SampleIndex(0)));
        }
        let overheard = (settings.overhear && wake.is_some()).then(|| {
            let mut e = Endpointer::new(settings.endpointer.clone());
            e.arm(always(SampleIndex(0)));
            e
        });
        Self {
            settings,
            source: source.into(),
            wake,
            vad: Vad::new(),
            endpointer,
            overheard,
            pending: Vec::with_capacity(WINDOW),
            kept: VecDeque::new(),
            now: SampleIndex(0),
            hold: None,
            woken: None,
            last_endpoint: SampleIndex(0),
            detections: Vec::new(),
        }
    }

    /// Begins another stream with the models that are loaded, as a new listener would.
    pub fn restart(&mut self, source: impl Into<String>) {
        let wake = self.wake.take().map(Wake::renewed);
        *self = Self::new(self.settings.clone(), wake, source);
    }

    /// Hears the next samples (16 kHz mono, any number) and appends what it notices to `out`.
    /// Errors: the wake-word model fails; the listener must then not be used any more.
    pub fn push(&mut self, chunk: &[f32], out: &mut Vec<Heard>) -> Result<(), Fault> {
        let mut rest = chunk;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(WINDOW - self.pending.len()));
            self.pending.extend_from_slice(now);
            rest = later;
            if let Ok(window) = <[f32; WINDOW]>::try_from(self.pending.as_slice()) {
                self.pending.clear();
                self.window(&window, out)?;
            }
        }
        Ok(())
    }

    /// The stream has ended. An utterance that is going on ends here; it counts as cut off if its last speech is
    /// less than 100 ms ago. A wake word without a command becomes `NothingSaid`.
    pub fn finish(&mut self, out: &mut Vec<Heard>) {
        self.now = self.now + self.pending.len() as u64;
        self.kept.extend(self.pending.drain(..));
        if let Some(detection) = self.wake.as_mut().and_then(Wake::finish) {
            self.woke(detection, out);
        }
        let event = self.endpointer.finish(self.now);
        self.event(event, out);
        let event = self.overheard.as_mut().and_then(|e| e.finish(self.now));
        self.overhear(event, out);
    }

    /// No more samples than this are ever kept, whatever is heard.
    pub fn kept_max(&self) -> usize {
        let s = &self.settings.endpointer;
        let ms = KEPT_MS + WAKE_MS_MAX + s.wait_ms_max + s.speech_ms_min + s.utterance_ms_max + 1000;
        samples_in_ms(ms) as usize
    }

    fn window(&mut self, window: &[f32; WINDOW], out: &mut Vec<Heard>) -> Result<(), Fault> {
        self.kept.extend(window);
        self.now = self.now + WINDOW as u64;
        let heard = self.vad.hear(window);
        let event = self.endpointer.push(heard);
        self.event(event, out);
        let event = self.overheard.as_mut().and_then(|e| e.push(heard));
        self.overhear(event, out);
        self.go_on(out);
        if let Some(wake) = &mut self.wake {
            wake.push(window, &mut self.detections)?;
        }
        for detection in std::mem::take(&mut self.detections) {
            self.woke(detection, out);
        }
        let oldest = (self.now - samples_in_ms(KEPT_MS)).min(self.hold.unwrap_or(self.now));
        let surplus = oldest.0.saturating_sub(self.kept_start().0) as usize;
        self.kept.drain(..surplus);
        Ok(())
    }

    fn woke(&mut self, detection: Detection, out: &mut Vec<Heard>) {
        if self.endpointer.is_speaking() {
            // Part of a command: "... on the computer", or the wake word said twice.
            return;
        }
        let earliest = detection.at - samples_in_ms(WAKE_MS_MAX);
        let word_start = self.endpointer.stretch_start(detection.at, WAKE_GAP_MS, earliest);
        let audio_from = (word_start - samples_in_ms(WAKE_PRE_ROLL_MS)).max(self.kept_start()).max(self.last_endpoint);
        let from = detection.at + samples_in_ms(self.settings.wake_tail_ms);
        self.hold = Some(audio_from);
        self.woken = Some(detection.clone());
        if let Some(overheard) = &mut self.overheard {
            overheard.disarm();
        }
        out.push(Heard::Woke(detection));
        let event = self.endpointer.arm(Arm { from, audio_from, deadline: true });
        self.event(event, out);
    }

    fn event(&mut self, event: Option<Event>, out: &mut Vec<Heard>) {
        match event {
            None => {}
            Some(Event::SpeechStarted { start, .. }) => self.hold = Some(start.max(self.kept_start())),
            Some(Event::Paused(bounds)) => {
                let utterance = self.utterance(bounds, self.opening(), Some(Draft::Paused));
                out.push(Heard::Utterance(utterance));
            }
            Some(Event::Ended(bounds)) => {
                let utterance = self.utterance(bounds, self.opening(), None);
                self.woken = None;
                self.rest(bounds.endpoint);
                out.push(Heard::Utterance(utterance));
            }
            Some(Event::NothingSaid { at }) => {
                out.extend(self.woken.take().map(|wake| Heard::NothingSaid { wake, at }));
                self.follow(at);
            }
        }
    }

    /// Noise or other people may go on after a command, so that no pause ever comes.
    fn go_on(&self, out: &mut Vec<Heard>) {
        let Some(bounds) = self.endpointer.going_on().filter(|_| self.settings.endpointer.draft_ms.is_some()) else {
            return;
        };
        let ms = (bounds.endpoint.0 - bounds.speech_start.0) / samples_in_ms(1);
        if ms >= GOING_ON_MS && ms % GOING_ON_EVERY_MS < WINDOW_MS {
            out.push(Heard::Utterance(self.utterance(bounds, self.opening(), Some(Draft::GoingOn))));
        }
    }

    /// What the second endpointer has noticed.
    fn overhear(&mut self, event: Option<Event>, out: &mut Vec<Heard>) {
        match event {
            None | Some(Event::NothingSaid { .. }) => {}
            Some(Event::SpeechStarted { start, .. }) => self.hold = Some(start.max(self.kept_start())),
            Some(Event::Paused(bounds)) => {
                out.push(Heard::Utterance(self.utterance(bounds, self.overheard_opening(bounds), Some(Draft::Paused))))
            }
            Some(Event::Ended(bounds)) => {
                out.push(Heard::Utterance(self.utterance(bounds, self.overheard_opening(bounds), None)));
                self.follow(bounds.endpoint);
            }
        }
    }

    fn opening(&self) -> Opening {
        self.woken.clone().map_or(Opening::Open, Opening::Woken)
    }

    fn overheard_opening(&self, bounds: Bounds) -> Opening {
        let hinted = self.wake.as_ref().is_some_and(|w| w.hinted(bounds.start, bounds.endpoint));
        Opening::Overheard { hinted }
    }

    fn utterance(&self, bounds: Bounds, opening: Opening, draft: Option<Draft>) -> Utterance {
        let start = bounds.start.max(self.kept_start());
        let first = (start.0 - self.kept_start().0) as usize;
        let len = (bounds.endpoint.0 - start.0) as usize;
        Utterance {
            source: self.source.clone(),
            samples: self.kept.iter().skip(first).take(len).copied().collect(),
            start,
            speech_end: bounds.speech_end,
            endpoint: bounds.endpoint,
            opening,
            draft,
            cut_off: bounds.cut_off,
        }
    }

    /// Back to waiting for a wake word, or for speech if there is none.
    fn rest(&mut self, endpoint: SampleIndex) {
        self.last_endpoint = endpoint;
        if self.wake.is_none() {
            self.endpointer.arm(always(endpoint));
        }
        self.follow(endpoint);
    }

    /// Nothing is held any more; what is said after `from` may be overheard.
    fn follow(&mut self, from: SampleIndex) {
        self.hold = None;
        if let Some(overheard) = &mut self.overheard {
            overheard.arm(always(from));
        }
    }

    /// Position of the oldest kept sample.
    fn kept_start(&self) -> SampleIndex {
        self.now - self.kept.len() as u64
    }
}

fn always(from: SampleIndex) -> Arm {
    Arm { from, audio_from: from, deadline: false }
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
