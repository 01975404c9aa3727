//! The listen thread for a microphone. It never waits for a stage after it: an utterance that finds the queue
//! full is dropped with a warning, because the next sound is already coming in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError};

use super::stamps::Stamps;
use super::understand::Job;
use crate::facts::audio::SampleIndex;
use crate::facts::clock::Clock;
use crate::hear::listener::{Heard, Listener};
use crate::hear::mic::Capture;

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
        let mut told = Told::default();
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
            self.report(&mut told);
        }
    }

    /// Logs what has newly gone wrong with the device: a loss at once, an overrun (which comes with others like it)
    /// every [`OVERRUN_TOLD_EVERY`] at the most, with all that was lost since.
    fn report(&self, told: &mut Told) {
        let health = self.capture.health();
        if health.lost != told.lost {
            match &health.lost {
                Some(why) => tracing::error!("no sound from {}: {why}; looking for it again", self.capture.name()),
                None => tracing::warn!("{} is back", self.capture.name()),
            }
            told.lost = health.lost;
        }
        if let Some(samples) = told.overrun(health.overrun_samples, self.clock.now()) {
            tracing::warn!("{samples} samples were lost: the machine is too busy");
        }
    }
}

/// How often an overrun is told of.
const OVERRUN_TOLD_EVERY: Duration = Duration::from_secs(10);

/// What has been logged about the device.
#[derive(Default)]
struct Told {
    lost: Option<String>,
    overrun_samples: u64,
    overrun_at: Option<Duration>,
}

impl Told {
    /// How many samples to tell of at `now`, when `all` were lost since the start; `None`: nothing to tell yet.
    fn overrun(&mut self, all: u64, now: Duration) -> Option<u64> {
        let due = self.overrun_at.is_none_or(|at| now.saturating_sub(at) >= OVERRUN_TOLD_EVERY);
        let new = all.saturating_sub(self.overrun_samples);
        (due && new > 0).then(|| {
            (self.overrun_samples, self.overrun_at) = (all, Some(now));
            new
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overruns_are_summed_up() {
        let s = Duration::from_secs;
        let mut told = Told::default();
        assert_eq!(told.overrun(0, s(1)), None);
        assert_eq!(told.overrun(100, s(2)), Some(100), "the first at once");
        assert_eq!(told.overrun(250, s(3)), None);
        assert_eq!(told.overrun(300, s(12)), Some(200), "and then all that came since");
        assert_eq!(told.overrun(300, s(99)), None);
    }
}
