//! The listen thread for a microphone. It never waits for a stage after it: an utterance that finds the queue
//! full is dropped with a warning, because the next sound is already coming in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Sender, TrySendError};

use super::stamps::Stamps;
use super::understand::Job;
use crate::facts::audio::SampleIndex;
use crate::facts::clock::Clock;
use crate::hear::listener::{Heard, Listener};
use crate::hear::mic::{Capture, CaptureHealth};

/// What the thread works with.
pub struct Live {
    /// The microphone.
    pub capture: Capture,
    /// The listen stage.
    pub listener: Listener,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Set to end.
    pub stop: Arc<AtomicBool>,
}

impl Live {
    /// Listens until `stop` is set or nobody takes the jobs any more.
    pub fn run(mut self, jobs: &Sender<Job>) {
        let source = self.capture.name().to_owned();
        let mut position = SampleIndex::default();
        let (mut sound, mut heard) = (Vec::new(), Vec::new());
        let mut health = CaptureHealth::default();
        while !self.stop.load(Ordering::Relaxed) {
            sound.clear();
            self.capture.read(&mut sound);
            position = position + sound.len() as u64;
            if let Err(fault) = self.listener.push(&sound, &mut heard) {
                tracing::error!("{fault}");
                return;
            }
            // The newest sample was captured just now: that pins the audio clock to the wall clock.
            let stamps = Stamps::pinned(self.clock.now(), position.as_ms());
            for h in heard.drain(..) {
                let job = match h {
                    Heard::Woke(detection) => {
                        tracing::info!("{source}: {} ({:.2})", detection.word, detection.score);
                        continue;
                    }
                    Heard::Utterance(utterance) => Job::Utterance(utterance, stamps),
                    Heard::NothingSaid { wake, .. } => Job::Nothing { source: source.clone(), wake },
                };
                match jobs.try_send(job) {
                    Ok(()) => {}
                    Err(TrySendError::Full(_)) => tracing::warn!("still busy with earlier sentences: one was dropped"),
                    Err(TrySendError::Disconnected(_)) => return,
                }
            }
            self.report(&mut health);
        }
    }

    /// Logs what has newly gone wrong with the device.
    fn report(&self, before: &mut CaptureHealth) {
        let now = self.capture.health();
        if now == *before {
            return;
        }
        if now.lost != before.lost {
            match &now.lost {
                Some(why) => tracing::error!("no sound from {}: {why}; looking for it again", self.capture.name()),
                None => tracing::warn!("{} is back", self.capture.name()),
            }
        }
        if now.overrun_samples > before.overrun_samples {
            tracing::warn!(
                "{} samples were lost: the machine is too busy",
                now.overrun_samples - before.overrun_samples
            );
        }
        *before = now;
    }
}
