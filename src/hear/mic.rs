//! Live capture: a microphone -> mono 16 kHz.
//!
//! The system's audio thread only converts to mono `f32`, pushes into a ring and bumps counters ([`Ingest`]); it
//! never allocates, locks, logs or resamples. Whoever listens calls [`Capture::read`] on its own thread, which
//! resamples and, when the device goes away, opens it again. The only file that names `cpal`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, DeviceId, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, StreamConfig};
use rtrb::{Consumer, Producer, RingBuffer};

use super::resample::Resampler;
use crate::facts::error::Fault;

/// How much sound the ring holds while the listening thread is busy, in seconds.
const RING_SECONDS: u32 = 4;
/// How often a lost device is looked for.
const REOPEN_EVERY: Duration = Duration::from_secs(1);
/// The longest that [`Capture::read`] waits for sound.
const READ_WAIT: Duration = Duration::from_millis(20);
/// The system hands over sound in pieces of about 30 ms: shorter ones risk gaps on a busy Raspberry Pi.
const PERIODS_PER_SECOND: u32 = 33;

/// What has gone wrong so far; the listen thread looks at it and logs what is new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaptureHealth {
    /// Samples lost because the listening thread was too slow.
    pub overrun_samples: u64,
    /// Gaps reported by the system.
    pub xruns: u64,
    /// How often the device was opened again.
    pub reopened: u64,
    /// Why there is no sound at the moment; `None` while the device works.
    pub lost: Option<String>,
}

/// What the audio thread and the listening thread share.
#[derive(Default)]
struct Shared {
    overrun_samples: AtomicU64,
    xruns: AtomicU64,
    /// Written by the audio thread: the stream is dead and must be built again.
    dead: AtomicBool,
}

/// A device that is being captured.
pub struct Capture {
    wanted: Option<String>,
    shared: Arc<Shared>,
    /// `None` while the device is lost.
    running: Option<Running>,
    retry_at: Instant,
    reopened: u64,
    lost: Option<String>,
    name: String,
}

struct Running {
    /// Dropping it stops the capture.
    _stream: cpal::Stream,
    ring: Consumer<f32>,
    resampler: Resampler,
}

impl Capture {
    /// Opens and starts the default device, or the one with this ALSA name (`plughw:CARD=Mic`).
    /// Errors: there is no such device, it is busy, may not be used, or offers nothing that can be used.
    pub fn open(device: Option<&str>) -> Result<Self, Fault> {
        let shared = Arc::new(Shared::default());
        let (running, name) = start(device, &shared)?;
        let wanted = device.map(str::to_owned);
        let retry_at = Instant::now();
        Ok(Self { wanted, shared, running: Some(running), retry_at, reopened: 0, lost: None, name })
    }

    /// The device, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Appends the sound captured since the last call, 16 kHz mono; waits up to 20 ms for some. Call it at least
    /// every 4 seconds. A lost device yields nothing and is looked for once a second.
    pub fn read(&mut self, out: &mut Vec<f32>) {
        if self.shared.dead.swap(false, Ordering::AcqRel) {
            self.running = None;
            self.lost = Some("the device went away".to_owned());
        }
        if self.running.is_none() && Instant::now() >= self.retry_at {
            self.reopen();
        }
        let give_up = Instant::now() + READ_WAIT;
        loop {
            if let Some(running) = &mut self.running
                && running.drain(out) > 0
            {
                return;
            }
            if Instant::now() >= give_up {
                return;
            }
            std::thread::park_timeout(READ_WAIT / 4);
        }
    }

    /// What has gone wrong so far.
    pub fn health(&self) -> CaptureHealth {
        CaptureHealth {
            overrun_samples: self.shared.overrun_samples.load(Ordering::Relaxed),
            xruns: self.shared.xruns.load(Ordering::Relaxed),
            reopened: self.reopened,
            lost: self.lost.clone(),
        }
    }

    fn reopen(&mut self) {
        self.retry_at = Instant::now() + REOPEN_EVERY;
        match start(self.wanted.as_deref(), &self.shared) {
            Ok((running, name)) => {
                (self.running, self.name, self.lost) = (Some(running), name, None);
                self.reopened += 1;
            }
            Err(fault) => self.lost = Some(fault.to_string()),
        }
    }
}

impl Running {
    /// Resamples what the ring holds; answers how many device samples that were.
    fn drain(&mut self, out: &mut Vec<f32>) -> usize {
        let Ok(chunk) = self.ring.read_chunk(self.ring.slots()) else { return 0 };
        let (older, newer) = chunk.as_slices();
        self.resampler.process(older, out);
        self.resampler.process(newer, out);
        let len = chunk.len();
        chunk.commit_all();
        len
    }
}

/// The audio thread's side of the ring.
pub struct Ingest {
    ring: Producer<f32>,
    channels: usize,
    shared: Arc<Shared>,
}

impl Ingest {
    /// A ring of `len` mono samples for a device with that many channels, and its reading end.
    pub fn new(len: usize, channels: usize) -> (Self, Consumer<f32>) {
        Self::sharing(len, channels, Arc::default())
    }

    fn sharing(len: usize, channels: usize, shared: Arc<Shared>) -> (Self, Consumer<f32>) {
        let (ring, reader) = RingBuffer::new(len);
        (Self { ring, channels: channels.max(1), shared }, reader)
    }

    /// Takes interleaved samples of any format; the mean of the channels goes into the ring, and what does not fit
    /// is dropped and counted. Called on the system's audio thread: never allocates, locks, logs or panics.
    pub fn push<T: Copy>(&mut self, interleaved: &[T])
    where
        f32: FromSample<T>,
    {
        let frames = interleaved.len() / self.channels;
        let fitting = frames.min(self.ring.slots());
        if let Ok(chunk) = self.ring.write_chunk_uninit(fitting) {
            let scale = 1.0 / self.channels as f32;
            chunk.fill_from_iter(interleaved.chunks_exact(self.channels).map(|frame| {
                let mean = frame.iter().map(|x| f32::from_sample_(*x)).sum::<f32>() * scale;
                if mean.is_finite() { mean.clamp(-1.0, 1.0) } else { 0.0 }
            }));
        }
        self.shared.overrun_samples.fetch_add((frames - fitting) as u64, Ordering::Relaxed);
    }

    /// Samples dropped so far because the ring was full.
    pub fn overrun_samples(&self) -> u64 {
        self.shared.overrun_samples.load(Ordering::Relaxed)
    }
}

/// One line of `tiebreak devices`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLine {
    /// What to write into the configuration.
    pub id: String,
    /// What it is, for people.
    pub description: String,
}

/// The devices that may be captured from, as the system lists them; none is opened. Errors: no audio system.
pub fn devices() -> Result<Vec<DeviceLine>, Fault> {
    let listed = cpal::default_host().input_devices().map_err(|e| device_fault("", &e))?;
    let line = |d: cpal::Device| {
        let description = d.description().map(|text| text.name().to_owned()).unwrap_or_default();
        Some(DeviceLine { id: d.id().ok()?.id().to_owned(), description })
    };
    Ok(listed.filter_map(line).collect())
}

fn start(wanted: Option<&str>, shared: &Arc<Shared>) -> Result<(Running, String), Fault> {
    let host = cpal::default_host();
    let name = wanted.unwrap_or("default");
    let found = match wanted {
        None => host.default_input_device(),
        Some(id) => host.device_by_id(&DeviceId::new(host.id(), id)),
    };
    let device = found.ok_or_else(|| {
        let what = format!("there is no capture device {name:?}");
        Fault::new("microphone", "audio.device", what, "choose one that `tiebreak devices` lists")
    })?;
    let fault = |e: cpal::Error| device_fault(name, &e);
    let (format, mut config) = choose(&device).map_err(fault)?;
    let stream = match build(&device, format, config, shared) {
        Err(e) if e.kind() == ErrorKind::UnsupportedConfig => {
            config.buffer_size = BufferSize::Default;
            build(&device, format, config, shared)
        }
        other => other,
    };
    let (stream, ring) = stream.map_err(fault)?;
    let resampler = Resampler::new(config.sample_rate)?;
    stream.play().map_err(fault)?;
    Ok((Running { _stream: stream, ring, resampler }, name.to_owned()))
}

/// The device's configuration that needs the least conversion: few channels, 48 kHz (or the next best), and a format
/// that holds 16 bits.
fn choose(device: &cpal::Device) -> Result<(SampleFormat, StreamConfig), cpal::Error> {
    const RATES: [u32; 4] = [48_000, 16_000, 44_100, 32_000];
    const FORMATS: [SampleFormat; 4] = [SampleFormat::F32, SampleFormat::I16, SampleFormat::I32, SampleFormat::I24];
    let place = |found: Option<usize>| found.unwrap_or(usize::MAX);
    let best = device.supported_input_configs()?.filter(|r| !r.sample_format().is_dsd()).min_by_key(|range| {
        let rate = RATES.iter().position(|r| (range.min_sample_rate()..=range.max_sample_rate()).contains(r));
        let format = FORMATS.iter().position(|f| *f == range.sample_format());
        (range.channels(), place(rate), place(format))
    });
    let range = best.ok_or_else(|| cpal::Error::from(ErrorKind::UnsupportedConfig))?;
    let (low, high) = (range.min_sample_rate(), range.max_sample_rate());
    let sample_rate = RATES.into_iter().find(|r| (low..=high).contains(r)).unwrap_or(high.min(192_000).max(low));
    let buffer_size = BufferSize::Fixed(sample_rate / PERIODS_PER_SECOND);
    Ok((range.sample_format(), StreamConfig { channels: range.channels(), sample_rate, buffer_size }))
}

type Built = Result<(cpal::Stream, Consumer<f32>), cpal::Error>;

fn build(device: &cpal::Device, format: SampleFormat, config: StreamConfig, shared: &Arc<Shared>) -> Built {
    match format {
        SampleFormat::I8 => build_as::<i8>(device, config, shared),
        SampleFormat::I16 => build_as::<i16>(device, config, shared),
        SampleFormat::I24 => build_as::<cpal::I24>(device, config, shared),
        SampleFormat::I32 => build_as::<i32>(device, config, shared),
        SampleFormat::I64 => build_as::<i64>(device, config, shared),
        SampleFormat::U8 => build_as::<u8>(device, config, shared),
        SampleFormat::U16 => build_as::<u16>(device, config, shared),
        SampleFormat::U24 => build_as::<cpal::U24>(device, config, shared),
        SampleFormat::U32 => build_as::<u32>(device, config, shared),
        SampleFormat::U64 => build_as::<u64>(device, config, shared),
        SampleFormat::F32 => build_as::<f32>(device, config, shared),
        SampleFormat::F64 => build_as::<f64>(device, config, shared),
        _ => Err(ErrorKind::UnsupportedConfig.into()),
    }
}

fn build_as<T: SizedSample + Sample>(device: &cpal::Device, config: StreamConfig, shared: &Arc<Shared>) -> Built
where
    f32: FromSample<T>,
{
    let len = (config.sample_rate * RING_SECONDS) as usize;
    let (mut ingest, reader) = Ingest::sharing(len, usize::from(config.channels), Arc::clone(shared));
    let errors = Arc::clone(shared);
    let on_error = move |e: cpal::Error| match e.kind() {
        ErrorKind::Xrun => {
            errors.xruns.fetch_add(1, Ordering::Relaxed);
        }
        ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {}
        _ => errors.dead.store(true, Ordering::Release),
    };
    let stream = device.build_input_stream(config, move |data: &[T], _| ingest.push(data), on_error, None)?;
    Ok((stream, reader))
}

fn device_fault(name: &str, error: &cpal::Error) -> Fault {
    let remedy = match error.kind() {
        ErrorKind::DeviceBusy => "stop the other program that uses it, or share it through PipeWire or dsnoop",
        ErrorKind::PermissionDenied => "add the user to the group `audio`",
        ErrorKind::HostUnavailable => "install ALSA (libasound2)",
        _ => "plug in a microphone, or choose a device that `tiebreak devices` lists",
    };
    Fault::new(name, "audio.device", format!("cannot be captured: {error}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ingested<T: Copy>(channels: usize, interleaved: &[T]) -> Vec<f32>
    where
        f32: FromSample<T>,
    {
        let (mut ingest, mut reader) = Ingest::new(100, channels);
        ingest.push(interleaved);
        let chunk = reader.read_chunk(reader.slots()).unwrap();
        let out = chunk.as_slices().0.to_vec();
        chunk.commit_all();
        out
    }

    #[test]
    fn every_sample_format_gives_the_same_levels() {
        let near = |got: Vec<f32>| {
            assert_eq!(got.len(), 3);
            assert!(got.iter().zip([0.0, 0.5, -0.5]).all(|(g, w)| (g - w).abs() < 0.01), "{got:?}");
        };
        near(ingested(1, &[0i8, 64, -64]));
        near(ingested(1, &[0i16, 1 << 14, -(1 << 14)]));
        near(ingested(1, &[0i32, 1 << 22, -(1 << 22)].map(cpal::I24::new_unchecked)));
        near(ingested(1, &[0i32, 1 << 30, -(1 << 30)]));
        near(ingested(1, &[0i64, 1 << 62, -(1 << 62)]));
        near(ingested(1, &[128u8, 192, 64]));
        near(ingested(1, &[1u16 << 15, 3 << 14, 1 << 14]));
        near(ingested(1, &[1i32 << 23, 3 << 22, 1 << 22].map(cpal::U24::new_unchecked)));
        near(ingested(1, &[1u32 << 31, 3 << 30, 1 << 30]));
        near(ingested(1, &[1u64 << 63, 3 << 62, 1 << 62]));
        near(ingested(1, &[0f32, 0.5, -0.5]));
        near(ingested(1, &[0f64, 0.5, -0.5]));
    }

    #[test]
    fn channels_are_mixed_and_odd_values_are_harmless() {
        assert_eq!(ingested(2, &[1.0f32, 0.0, -1.0, 0.0]), [0.5, -0.5]);
        assert_eq!(ingested(6, &[0.6f32, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).len(), 1);
        assert_eq!(ingested(1, &[f32::NAN, f32::INFINITY, 9.0]), [0.0, 0.0, 1.0]);
        assert!(ingested::<f32>(2, &[]).is_empty());
    }

    #[test]
    fn a_full_ring_drops_and_counts() {
        let (mut ingest, reader) = Ingest::new(100, 1);
        ingest.push(&[0.1f32; 70]);
        ingest.push(&[0.2f32; 70]);
        assert_eq!((reader.slots(), ingest.overrun_samples()), (100, 40));
    }

    #[test]
    fn a_device_that_does_not_exist_is_a_fault() {
        for device in ["tiebreak-no-such-device", ""] {
            let fault = Capture::open(Some(device)).err().expect("must be refused").to_string();
            assert!(
                fault.starts_with("microphone: audio.device: ") && fault.contains(&format!("{device:?}")),
                "{fault}"
            );
        }
    }
}
