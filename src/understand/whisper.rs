//! The Whisper engine: any Whisper model in ggml format through whisper.cpp. The only file that names
//! `whisper_rs`. Greedy decoding of one segment; the encoder's context is cut down to the utterance.

use std::ffi::{c_int, c_void};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState, whisper_rs_sys,
};

use super::ggml;
use super::stt::{Recognized, Recognizer};
use crate::facts::audio::{SAMPLE_RATE_HZ, samples_in_ms};
use crate::facts::error::Fault;
use crate::facts::intent::Lang;
use crate::facts::utterance::{Transcript, Utterance};

/// The Whisper-format model that ships with Tiebreak (models/stt.md).
pub const EMBEDDED_MODEL: &[u8] = include_bytes!("../../models/stt.ggml.bin");

/// Encoder positions a second of speech.
const CONTEXT_PER_SECOND: usize = 50;
/// Positions beyond the speech: official models loop without 32 to 64 of them (futo-org/whisper-acft#5).
const CONTEXT_MARGIN: usize = 64;
/// whisper.cpp refuses less than a second.
const SAMPLES_MIN: usize = samples_in_ms(1100) as usize;
/// How a vocabulary of ours names the rows that nothing uses.
const UNUSED: &[u8] = b"[unused]";

/// A recogniser for full Whisper models and for our own small one.
pub struct WhisperRecognizer {
    state: WhisperState,
    file: String,
    threads: c_int,
    context_max: usize,
    /// Rows `unused.0..unused.1` of the vocabulary are never meant.
    unused: (c_int, c_int),
}

impl WhisperRecognizer {
    /// Loads a ggml file's bytes; `file` is for messages. `threads`: at least 1.
    ///
    /// # Errors
    /// Anything that is not a Whisper model in ggml format.
    pub fn new(model: &[u8], file: &str, threads: usize) -> Result<Self, Fault> {
        whisper_rs::install_logging_hooks();
        let wrong =
            |what: String| Fault::new(file, "", what, "give a Whisper model in ggml format, such as ggml-tiny.bin");
        ggml::check(model).map_err(wrong)?;
        let context = WhisperContext::new_from_buffer_with_params(model, WhisperContextParameters::default())
            .map_err(|e| wrong(format!("whisper.cpp cannot load it: {e}")))?;
        let eot = context.token_eot();
        let is_unused = |t: c_int| context.token_to_bytes(t).is_ok_and(|b| b == UNUSED);
        let first = (0..eot).rev().take_while(|&t| is_unused(t)).last().unwrap_or(eot);
        let state = context.create_state().map_err(|e| wrong(format!("no memory for its state: {e}")))?;
        let context_max = usize::try_from(context.model_n_audio_ctx()).unwrap_or(0);
        Ok(Self {
            state,
            file: file.to_owned(),
            threads: threads.clamp(1, 64) as c_int,
            context_max,
            unused: (first, eot),
        })
    }
}

/// Sets the logits of unused rows to minus infinity before each token is picked.
///
/// # Safety
/// whisper.cpp calls it with `logits` of the model's vocabulary; `data` points to the recogniser's `unused`.
unsafe extern "C" fn mask_unused(
    _: *mut whisper_rs_sys::whisper_context,
    _: *mut whisper_rs_sys::whisper_state,
    _: *const whisper_rs_sys::whisper_token_data,
    _: c_int,
    logits: *mut f32,
    data: *mut c_void,
) {
    // SAFETY: `data` was set from a live `&(c_int, c_int)` that outlives the call to `full`.
    let (from, to) = unsafe { *data.cast::<(c_int, c_int)>() };
    for row in from..to {
        // SAFETY: `from..to` lies below the end-of-text token, hence inside the vocabulary.
        unsafe { *logits.add(row as usize) = f32::NEG_INFINITY };
    }
}

impl Recognizer for WhisperRecognizer {
    fn transcribe(&mut self, utterance: &Utterance) -> Result<Option<Recognized>, Fault> {
        let mut sound = utterance.samples.clone();
        sound.resize(sound.len().max(SAMPLES_MIN), 0.0);
        let wanted = sound.len() * CONTEXT_PER_SECOND / SAMPLE_RATE_HZ as usize + CONTEXT_MARGIN;
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        params.set_n_threads(self.threads);
        params.set_language(None);
        params.set_audio_ctx(wanted.min(self.context_max) as c_int);
        params.set_single_segment(true);
        params.set_no_timestamps(true);
        params.set_no_context(true);
        params.set_temperature_inc(0.0);
        params.set_suppress_blank(false);
        params.set_print_special(false);
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        let mut unused = self.unused;
        // SAFETY: `unused` lives until `full` has returned, and nothing else touches it meanwhile.
        unsafe {
            params.set_filter_logits_callback(Some(mask_unused));
            params.set_filter_logits_callback_user_data((&raw mut unused).cast());
        }
        self.state.full(params, &sound).map_err(|e| {
            Fault::new(&self.file, "", format!("whisper.cpp failed on an utterance: {e}"), "say it again")
        })?;
        let (mut bytes, mut log_sum, mut count) = (Vec::new(), 0.0f32, 0usize);
        for segment in self.state.as_iter() {
            for i in 0..segment.n_tokens() {
                let Some(token) = segment.get_token(i) else { continue };
                log_sum += token.token_probability().max(1e-6).ln();
                count += 1;
                if token.token_id() < self.unused.1 {
                    bytes.extend_from_slice(token.to_bytes().unwrap_or_default());
                }
            }
        }
        let text = String::from_utf8_lossy(&bytes).trim().to_lowercase();
        if text.is_empty() || count == 0 {
            return Ok(None);
        }
        let lang = if text.is_ascii() { Lang::En } else { Lang::Zh };
        let transcript = Transcript { text, confidence: (log_sum / count as f32).exp(), lang };
        Ok(Some(Recognized { transcript, wake: None, whole: false }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_model_is_refused() {
        for bytes in [&b""[..], b"lmgg", &[0u8; 1 << 17], b"RIFF....WAVE"] {
            let fault = WhisperRecognizer::new(bytes, "x.bin", 1).err().expect("refused");
            assert!(fault.to_string().contains("x.bin"), "{fault}");
        }
    }
}
