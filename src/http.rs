//! The only file that knows the HTTP client: one GET of the rest of a file (for `models/pull.rs`, which decides
//! what an answer means for the file on the disk), and one POST of JSON (for `decide/llm/endpoint.rs`).
//!
//! No proxy, no cookies, no compression, no retries. A file may be redirected (Hugging Face answers with one),
//! from https to https only; a POST never is: what was said goes where the user sent it, and nowhere else.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderValue, Response};
use ureq::{Agent, Body, RequestBuilder, Timeout};

/// How long a server may stay silent before it is given up; there is no limit to the whole download.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To find the address, to connect, and to answer the request: each of them.
    pub answer: Duration,
    /// Between two pieces of the file.
    pub piece: Duration,
}

impl Default for Patience {
    /// Guessed: longer than any link that is worth downloading over.
    fn default() -> Self {
        Self { answer: Duration::from_secs(30), piece: Duration::from_secs(60) }
    }
}

/// What a server answered.
pub enum Answer {
    /// The file from `from` on. `total`: how long the server says that the whole file is.
    Rest { from: u64, total: Option<u64>, body: Box<dyn Read> },
    /// An answer that is no file: status and reason.
    Refused(String),
    /// The server's file ends before the byte that was asked for.
    Shorter,
}

/// Asks for files.
pub struct Client {
    agent: Agent,
}

impl Client {
    /// A client for `url`; it follows no redirect to plain http if `url` is https.
    pub fn new(url: &str, patience: Patience) -> Self {
        let config = Agent::config_builder()
            .https_only(url.starts_with("https://"))
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("tiebreak/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(patience.answer))
            .timeout_connect(Some(patience.answer))
            .timeout_recv_response(Some(patience.answer))
            .timeout_per_read(Some(patience.piece))
            .build();
        Self { agent: config.into() }
    }

    /// Asks for `url` from byte `from` on. A server is free to begin at 0 all the same.
    ///
    /// # Errors
    /// Why there is no answer at all.
    pub fn get(&self, url: &str, from: u64) -> Result<Answer, String> {
        // Compressed on the way, a range would count the wrong bytes.
        let mut request = self.agent.get(url).header("Accept-Encoding", "identity");
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|e| reason(&e))?;
        let (parts, body) = response.into_parts();
        Ok(match parts.status.as_u16() {
            200 => Answer::Rest { from: 0, total: body.content_length(), body: reader(body) },
            206 => match content_range(&parts.headers) {
                Some((first, total)) => Answer::Rest { from: first, total, body: reader(body) },
                None => Answer::Refused("206 without a Content-Range".into()),
            },
            416 if from > 0 => Answer::Shorter,
            _ => Answer::Refused(parts.status.to_string()),
        })
    }
}

/// Why an exchange came to nothing, in words that hold nothing of the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answered, or not in time, or the connection broke.
    Link(String),
    /// What came is not to be taken: another status than 200, a redirect, too many bytes.
    Answer(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Link(why) | Self::Answer(why)) = self;
        f.write_str(why)
    }
}

/// One address that takes JSON and answers with JSON; connections are kept and used again.
pub struct Endpoint {
    agent: Agent,
    url: String,
    bearer: Option<String>,
}

impl Endpoint {
    /// The endpoint at `url`. `bearer`: a secret that goes into the `Authorization` header, and nowhere else.
    /// `within`: how long one exchange may take, from the name look-up to the last byte.
    pub fn new(url: String, bearer: Option<String>, within: Duration) -> Self {
        let config = Agent::config_builder()
            .https_only(url.starts_with("https://"))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("tiebreak/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(within))
            .build();
        Self { agent: config.into(), url, bearer }
    }

    /// Sends `body` and reads an answer of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn post(&self, body: &[u8], bytes_max: u64) -> Result<Vec<u8>, Trouble> {
        let request = self.agent.post(&self.url).header("Content-Type", "application/json");
        read(self.authorized(request).send(body), bytes_max)
    }

    /// Asks for the address next to this one, `below` in its place; sends nothing but the secret.
    ///
    /// # Errors
    /// As [`Endpoint::post`].
    pub fn get(&self, below: &str, bytes_max: u64) -> Result<Vec<u8>, Trouble> {
        let folder = self.url.trim_end_matches("/chat/completions");
        read(self.authorized(self.agent.get(format!("{folder}/{below}"))).call(), bytes_max)
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.bearer {
            Some(secret) => request.header("Authorization", format!("Bearer {secret}")),
            None => request,
        }
    }
}

fn read(response: Result<Response<Body>, ureq::Error>, bytes_max: u64) -> Result<Vec<u8>, Trouble> {
    let (parts, body) = response.map_err(|e| Trouble::Link(reason(&e)))?.into_parts();
    match parts.status.as_u16() {
        200 => {}
        300..=399 => {
            return Err(Trouble::Answer(format!("the server redirects ({}), which is not followed", parts.status)));
        }
        _ => return Err(Trouble::Answer(format!("the server answers {}", parts.status))),
    }
    match body.into_with_config().limit(bytes_max).read_to_vec() {
        Err(ureq::Error::BodyExceedsLimit(max)) => {
            Err(Trouble::Answer(format!("the answer has more than {max} bytes")))
        }
        read => read.map_err(|e| Trouble::Link(reason(&e))),
    }
}

/// Why reading an answer's body failed.
pub fn why(e: io::Error) -> String {
    reason(&ureq::Error::from(e))
}

fn reason(e: &ureq::Error) -> String {
    match e {
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => "the server could not be reached in time".into(),
        ureq::Error::Timeout(Timeout::Global) => "the server took too long".into(),
        ureq::Error::Timeout(_) => "the server fell silent".into(),
        ureq::Error::Io(e) if e.kind() == ErrorKind::UnexpectedEof => "the connection broke off".into(),
        ureq::Error::Io(e) => e.to_string(),
        other => other.to_string(),
    }
}

fn reader(body: Body) -> Box<dyn Read> {
    Box::new(body.into_reader())
}

/// First byte and length of the whole file, of `Content-Range: bytes 5-9/10` (the length may be `*`).
fn content_range(headers: &HeaderMap<HeaderValue>) -> Option<(u64, Option<u64>)> {
    let value = headers.get("Content-Range")?.to_str().ok()?;
    let (range, total) = value.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let first = range.split_once('-')?.0.parse().ok()?;
    Some((first, total.parse().ok()))
}
