//! The thread that talks to the model's server, one question at a time. A server that hangs holds up this thread
//! and nothing else: questions that come meanwhile are refused, and an answer that comes too late finds nobody
//! who takes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::mpsc;

use super::budget::Budget;
use super::{ANSWER_BYTES_MAX, Llm, NAME, Words, cost};
use crate::decide::auction::RemoteAnswer;
use crate::facts::bid::Answer;
use crate::facts::error::Fault;
use crate::http::{Endpoint, Trouble};

/// How long `tiebreak check` waits for a word of the server.
const CHECK_WITHIN: Duration = Duration::from_secs(5);

/// A question on its way to the thread.
struct Question {
    id: String,
    body: Vec<u8>,
    /// Tokens that were set aside for it.
    tokens: u32,
    confidence: f32,
    to: mpsc::Sender<RemoteAnswer>,
}

/// The fallback, ready to be asked.
pub struct Fallback {
    llm: Arc<Llm>,
    budget: Arc<Mutex<Budget>>,
    questions: Sender<Question>,
    busy: Arc<AtomicBool>,
}

impl Fallback {
    /// Starts the thread; it ends when this is dropped, or when the exchange it is in the middle of is over.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(llm: Llm) -> Result<Self, Fault> {
        let llm = Arc::new(llm);
        let budget = Arc::new(Mutex::new(Budget::new(llm.settings().tokens_per_minute)));
        let (questions, asked) = bounded(1);
        let busy = Arc::new(AtomicBool::new(false));
        let (worker, spent, at_work) = (Arc::clone(&llm), Arc::clone(&budget), Arc::clone(&busy));
        let work = move || work(&worker, &spent, &at_work, &asked);
        std::thread::Builder::new().name(NAME.into()).spawn(work).map_err(|e| {
            Fault::new("tiebreak", NAME, format!("the system gives no thread: {e}"), "close other programs")
        })?;
        Ok(Self { llm, budget, questions, busy })
    }

    /// The pure part.
    pub fn llm(&self) -> &Llm {
        &self.llm
    }

    /// Asks about `words` for decision `id`; the answer comes on the returned channel. Never waits. `now` is time for
    /// the budget.
    ///
    /// # Errors
    /// Why nothing was sent: a decline.
    pub fn ask(&self, id: &str, words: Words<'_>, now: Duration) -> Result<mpsc::Receiver<RemoteAnswer>, String> {
        // A question does not wait: later it is of no use.
        if self.busy.load(Ordering::Acquire) {
            return Err("the server is still busy with an earlier question".into());
        }
        let (body, tokens) = self.llm.request(words.text);
        match lock(&self.budget).take(tokens, now) {
            Ok(()) => {}
            Err(Some(wait)) => {
                let seconds = wait.as_secs_f64().ceil();
                return Err(format!("the budget of tokens is spent; it is asked again in {seconds} s"));
            }
            Err(None) => return Err(format!("a question costs {tokens} tokens, more than llm.tokens_per_minute")),
        }
        self.busy.store(true, Ordering::Release);
        let (to, answer) = mpsc::channel(1);
        let question = Question { id: id.to_owned(), body, tokens, confidence: words.confidence, to };
        // There is room: nobody else asks, and the one before has been taken.
        self.questions.try_send(question).map_err(|_| "its thread has ended; see the log".to_owned())?;
        Ok(answer)
    }
}

fn endpoint(llm: &Llm, within: Duration) -> Endpoint {
    let s = llm.settings();
    Endpoint::new(format!("{}/chat/completions", s.url), s.key.as_ref().map(|k| k.0.clone()), within)
}

fn work(llm: &Llm, budget: &Mutex<Budget>, busy: &AtomicBool, asked: &Receiver<Question>) {
    let endpoint = endpoint(llm, llm.settings().timeout);
    for question in asked {
        let began = Instant::now();
        let reply = endpoint.post(&question.body, ANSWER_BYTES_MAX);
        let took = began.elapsed();
        let answer = match &reply {
            Ok(reply) => llm.answer(reply, question.confidence),
            Err(Trouble::Link(why)) => Answer::Failed(why.clone()),
            Err(Trouble::Answer(why)) => Answer::Decline(why.clone()),
        };
        if let Some(tokens) = reply.ok().as_deref().and_then(cost) {
            lock(budget).settle(question.tokens, tokens);
        }
        let answer = RemoteAnswer { id: question.id, handler: NAME.into(), answer };
        busy.store(false, Ordering::Release);
        if question.to.try_send(answer).is_err() {
            tracing::info!("the language model answered after {} ms, which was too late", took.as_millis());
        }
    }
}

/// Asks the server which models it has: it is there, and takes the key. Nothing that was said is sent.
///
/// # Errors
/// It does not answer, or not like such a server.
pub fn check(llm: &Llm) -> Result<String, Fault> {
    let s = llm.settings();
    let fault = |what: String| {
        Fault::new("llm", "url", what, "start the server, or correct url, key_env and key_file, or remove [llm]")
    };
    let list = endpoint(llm, CHECK_WITHIN).get("models", 1 << 20).map_err(|e| fault(format!("{}: {e}", s.url)))?;
    let list: serde_json::Value = serde_json::from_slice(&list)
        .map_err(|_| fault(format!("what answers at {} is no OpenAI-compatible server", s.url)))?;
    let known = list["data"].as_array().is_some_and(|all| all.iter().any(|m| m["id"] == s.model.as_str()));
    let note = if known { "" } else { " (which its list of models does not name)" };
    Ok(format!("{} answers; {}{note}", s.url, s.model))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A budget is valid after every single step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
