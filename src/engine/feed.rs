//! The listen thread for recordings: a file's samples take the very path that a microphone's take.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Sender;

use super::stamps::Stamps;
use super::understand::Job;
use crate::facts::clock::Clock;
use crate::facts::error::Fault;
use crate::hear::listener::{Heard, Listener};
use crate::hear::resample::Resampler;
use crate::hear::wav::Recording;

/// What a sound card would deliver at once.
const CHUNK_MS: u64 = 10;

/// How recordings are fed.
pub struct Feed {
    /// At their own pace; otherwise as fast as the stages take them.
    pub realtime: bool,
    /// Hears one after the other.
    pub listener: Listener,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Set to end early.
    pub stop: Arc<AtomicBool>,
}

impl Feed {
    /// Feeds every file; returns the faults of those that could not be read. A file without an utterance
    /// becomes one job that says so.
    pub fn all(&mut self, files: &[PathBuf], jobs: &Sender<Job>) -> Vec<Fault> {
        let mut faults = Vec::new();
        for file in files {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            if let Err(fault) = self.one(file, jobs) {
                faults.push(fault);
            }
        }
        faults
    }

    fn one(&mut self, file: &Path, jobs: &Sender<Job>) -> Result<(), Fault> {
        let recording = Recording::open(file)?;
        let source = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        for warning in &recording.warnings {
            tracing::warn!("{}: {warning}", file.display());
        }
        let mut resampler = Resampler::new(recording.sample_rate_hz)?;
        self.listener.restart(&source);
        let stream =
            Stream { source: &source, jobs, clock: &*self.clock, realtime: self.realtime, zero: self.clock.now() };
        let mut sound = Vec::new();
        let mut heard = Vec::new();
        let chunk_len = (u64::from(recording.sample_rate_hz) * CHUNK_MS / 1000).max(1) as usize;
        for (i, chunk) in recording.samples.chunks(chunk_len).enumerate() {
            if self.realtime {
                self.wait_until(stream.zero + Duration::from_millis(CHUNK_MS) * (i as u32 + 1));
            }
            sound.clear();
            resampler.process(chunk, &mut sound);
            self.listener.push(&sound, &mut heard)?;
            if !stream.pass_on(&mut heard) || self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        sound.clear();
        resampler.flush(&mut sound);
        self.listener.push(&sound, &mut heard)?;
        self.listener.finish(&mut heard);
        stream.pass_on(&mut heard);
        stream.end();
        Ok(())
    }

    fn wait_until(&self, at: Duration) {
        if let Some(rest) = at.checked_sub(self.clock.now()) {
            std::thread::sleep(rest);
        }
    }
}

struct Stream<'a> {
    source: &'a str,
    jobs: &'a Sender<Job>,
    clock: &'a dyn Clock,
    realtime: bool,
    zero: Duration,
}

impl Stream<'_> {
    /// Sends what was heard; waits while the understand thread is busy (a recording can wait, unlike a
    /// microphone). `false`: nobody wants it any more.
    fn pass_on(&self, heard: &mut Vec<Heard>) -> bool {
        heard.drain(..).all(|h| {
            let job = match h {
                Heard::Woke(detection) => {
                    tracing::info!("{}: {} ({:.2})", self.source, detection.word, detection.score);
                    return true;
                }
                Heard::Utterance(utterance) => {
                    let stamps = if self.realtime {
                        Stamps::since(self.zero)
                    } else {
                        Stamps::pinned(self.clock.now(), utterance.endpoint.as_ms())
                    };
                    Job::Utterance(utterance, stamps)
                }
                Heard::NothingSaid { wake, .. } => Job::Nothing { source: self.source.to_owned(), wake },
            };
            self.jobs.send(job).is_ok()
        })
    }

    fn end(&self) {
        // The other side may be gone: then nobody reads receipts either.
        let _ = self.jobs.send(Job::Ended { source: self.source.to_owned() });
    }
}
