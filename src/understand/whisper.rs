//! The Whisper engine: any Whisper model in ggml format through whisper.cpp. The only file that names
//! `whisper_rs`. One segment, token after token, and then the grammar's likeliest sentence, if one is likelier; the
//! encoder's context is cut down to the utterance.

use std::ffi::{c_int, c_void};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError, WhisperState, whisper_rs_sys,
};

use super::ggml;
pub use super::ggml::MAGIC;
use super::stt::{Recognized, Recognizer};
use super::token_grammar::{PENALTY, TokenGrammar};
use super::token_search::likeliest;
use super::word_graph::WordGraph;
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
/// What the loudest sample is brought to.
const PEAK: f32 = 0.5;
/// whisper.cpp refuses less than a second.
const SAMPLES_MIN: usize = samples_in_ms(1100) as usize;
/// So many tokens are tried to find a likelier sentence, and few where the model is sure of what it wrote.
const ASKS_MAX: usize = 100;
/// How a vocabulary of ours names the rows that nothing uses.
const UNUSED: &[u8] = b"[unused]";

/// A recogniser for full Whisper models and for our own small one.
pub struct WhisperRecognizer {
    context: WhisperContext,
    state: WhisperState,
    file: String,
    threads: usize,
    context_max: usize,
    filter: Box<Filter>,
}

/// What the logits filter needs while whisper.cpp decodes, and what it learns.
struct Filter {
    grammar: TokenGrammar,
    /// Rows from here to `eot` of the vocabulary are never meant.
    unused: usize,
    /// The end-of-text token.
    eot: usize,
    /// The model's own log-probabilities of the next token, up to `eot`, before the grammar was favoured.
    next: Vec<f32>,
    /// The sum of those of the tokens so far.
    log_sum: f32,
}

impl Filter {
    /// Before a token is picked after `said`: rows that nothing uses become impossible, tokens outside the grammar less
    /// likely.
    fn apply(&mut self, said: &[usize], logits: &mut [f32]) {
        match said.last() {
            None => self.log_sum = 0.0,
            Some(&token) => self.log_sum += self.next.get(token).copied().unwrap_or(0.0),
        }
        self.next = self.log_probs(logits);
        logits[self.unused..self.eot].fill(f32::NEG_INFINITY);
        self.grammar.favour(said.iter().copied(), self.eot, logits);
    }

    /// The model's log-probabilities of the tokens up to `eot`, without what is never meant.
    fn log_probs(&self, logits: &[f32]) -> Vec<f32> {
        let mut out = logits[..=self.eot].to_vec();
        out[self.unused..self.eot].fill(f32::NEG_INFINITY);
        let max = out.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let log_total = max + out.iter().map(|l| (l - max).exp()).sum::<f32>().ln();
        out.iter_mut().for_each(|l| *l -= log_total);
        out
    }

    /// How likely the model itself held the tokens that were picked, and the end after them: natural log.
    fn log_prob(&self) -> f32 {
        self.log_sum + self.next.get(self.eot).copied().unwrap_or(0.0)
    }
}

impl WhisperRecognizer {
    /// Loads a ggml file's bytes; `file` is for messages. `speakable` and `lead_ins` (the wake words as they are
    /// spoken) are what the decoder is led towards. `threads`: at least 1.
    ///
    /// # Errors
    /// Anything that is not a Whisper model in ggml format, or grammars too large to compile.
    pub fn new(
        model: &[u8],
        file: &str,
        speakable: &[WordGraph],
        lead_ins: &[String],
        threads: usize,
    ) -> Result<Self, Fault> {
        whisper_rs::install_logging_hooks();
        let wrong =
            |what: String| Fault::new(file, "", what, "give a Whisper model in ggml format, such as ggml-tiny.bin");
        ggml::check(model).map_err(wrong)?;
        let context = WhisperContext::new_from_buffer_with_params(model, WhisperContextParameters::default())
            .map_err(|e| wrong(format!("whisper.cpp cannot load it: {e}")))?;
        let eot = context.token_eot();
        let is_unused = |t: c_int| context.token_to_bytes(t).is_ok_and(|b| b == UNUSED);
        let unused = (0..eot).rev().take_while(|&t| is_unused(t)).last().unwrap_or(eot) as usize;
        let tokens = (0..eot).map(|t| context.token_to_bytes(t).unwrap_or_default());
        let grammar = TokenGrammar::new(speakable, lead_ins, tokens)
            .map_err(|what| Fault::new("grammars", "", what, "use fewer or simpler sentence templates"))?;
        let state = context.create_state().map_err(|e| wrong(format!("no memory for its state: {e}")))?;
        let context_max = usize::try_from(context.model_n_audio_ctx()).unwrap_or(0);
        Ok(Self {
            context,
            state,
            file: file.to_owned(),
            threads: threads.clamp(1, 64),
            context_max,
            filter: Box::new(Filter { grammar, unused, eot: eot as usize, next: Vec::new(), log_sum: 0.0 }),
        })
    }

    /// Longest utterance that is heard to its end, in ms.
    pub fn ms_max(&self) -> u64 {
        (self.context_max * 1000 / CONTEXT_PER_SECOND) as u64
    }
}

/// Before each token is picked.
///
/// # Safety
/// whisper.cpp calls it with `count` tokens decoded so far and `logits` of the model's whole vocabulary, which
/// is longer than the end-of-text token; `data` points to the recogniser's [`Filter`].
unsafe extern "C" fn filter_logits(
    _: *mut whisper_rs_sys::whisper_context,
    _: *mut whisper_rs_sys::whisper_state,
    tokens: *const whisper_rs_sys::whisper_token_data,
    count: c_int,
    logits: *mut f32,
    data: *mut c_void,
) {
    // SAFETY: `data` was set from a live `&mut Filter` that nothing else uses until `full` has returned, and a greedy
    // decoder asks from one thread.
    let filter = unsafe { &mut *data.cast::<Filter>() };
    // SAFETY: the vocabulary has a row for the end-of-text token and all before it.
    let logits = unsafe { std::slice::from_raw_parts_mut(logits, filter.eot + 1) };
    let said = match usize::try_from(count) {
        // SAFETY: `tokens` points to `count` decoded tokens.
        Ok(count) if count > 0 && !tokens.is_null() => unsafe { std::slice::from_raw_parts(tokens, count) },
        _ => &[],
    };
    let said: Vec<usize> = said.iter().map(|t| t.id as usize).collect();
    filter.apply(&said, logits);
}

impl Recognizer for WhisperRecognizer {
    fn transcribe(&mut self, utterance: &Utterance) -> Result<Option<Recognized>, Fault> {
        // As loud as the recordings that our own model learnt from; others take the level out themselves.
        let peak = utterance.samples.iter().fold(1e-4f32, |peak, x| peak.max(x.abs()));
        let mut sound: Vec<f32> = utterance.samples.iter().map(|x| x * (PEAK / peak)).collect();
        sound.resize(sound.len().max(SAMPLES_MIN), 0.0);
        let wanted = sound.len() * CONTEXT_PER_SECOND / SAMPLE_RATE_HZ as usize + CONTEXT_MARGIN;
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        params.set_n_threads(self.threads as c_int);
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
        // SAFETY: the filter lives until `full` has returned, and only the callback uses it until then.
        unsafe {
            params.set_filter_logits_callback(Some(filter_logits));
            params.set_filter_logits_callback_user_data((&raw mut *self.filter).cast());
        }
        let file = self.file.clone();
        let failed = |e| Fault::new(&file, "", format!("whisper.cpp failed on an utterance: {e}"), "say it again");
        self.state.full(params, &sound).map_err(failed)?;
        let (mut bytes, mut said) = (Vec::new(), Vec::new());
        for segment in self.state.as_iter() {
            for i in 0..segment.n_tokens() {
                let Some(token) = segment.get_token(i) else { continue };
                if (token.token_id() as usize) < self.filter.eot {
                    said.push(token.token_id() as usize);
                    bytes.extend_from_slice(token.to_bytes().unwrap_or_default());
                }
            }
        }
        let mut log_prob = self.filter.log_prob();
        let mut whole = self.filter.grammar.is_whole(said.iter().copied());
        let better = self.likelier(if whole { log_prob } else { log_prob - PENALTY }).map_err(failed)?;
        if let Some(better) = better {
            (said, log_prob) = better;
            whole = true;
            let token = |id: &usize| self.context.token_to_bytes(*id as c_int).unwrap_or_default();
            bytes = said.iter().flat_map(token).copied().collect();
        }
        let text = String::from_utf8_lossy(&bytes).trim().to_lowercase();
        if text.is_empty() {
            return Ok(None);
        }
        let lang = if text.is_ascii() { Lang::En } else { Lang::Zh };
        // The geometric mean of what the model held of each word: not of each token, for a word is one in some vocabularies
        // and a row of letters in ours. Chinese words are mostly of two characters.
        let words =
            text.split_whitespace().map(|word| if word.is_ascii() { 1 } else { word.chars().count().div_ceil(2) });
        let confidence = (log_prob / (words.sum::<usize>() + 1) as f32).exp();
        let transcript = Transcript { text, confidence, lang };
        Ok(Some(Recognized { transcript, wake: None, whole, begun: false, last_sound: None }))
    }
}

impl WhisperRecognizer {
    /// A sentence of the grammar that is likelier than `floor` in what was encoded last, and its log-probability.
    fn likelier(&mut self, floor: f32) -> Result<Option<(Vec<usize>, f32)>, WhisperError> {
        let Self { context, state, filter, threads, .. } = self;
        let mut prompt = vec![context.token_sot()];
        if context.is_multilingual() {
            prompt.extend([context.token_lang(state.full_lang_id_from_state()), context.token_transcribe()]);
        }
        prompt.push(context.token_not());
        // What the decoder has read last, and need not read again.
        let mut read: Vec<c_int> = Vec::new();
        likeliest(&filter.grammar, filter.eot, floor, ASKS_MAX, |said| {
            let wanted: Vec<c_int> = prompt.iter().copied().chain(said.iter().map(|t| *t as c_int)).collect();
            let last = wanted.len() - 1;
            let known = read.iter().zip(&wanted[..last]).take_while(|(a, b)| a == b).count();
            if known < last {
                state.decode(&wanted[known..last], known, *threads)?;
            }
            // By itself, for only the first token's logits can be had.
            state.decode(&wanted[last..], last, *threads)?;
            read = wanted;
            Ok(filter.log_probs(state.get_logits()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_model_is_refused() {
        for bytes in [&b""[..], b"lmgg", &[0u8; 1 << 17], b"RIFF....WAVE"] {
            let fault = WhisperRecognizer::new(bytes, "x.bin", &[], &[], 1).err().expect("refused");
            assert!(fault.to_string().contains("x.bin"), "{fault}");
        }
    }
}
