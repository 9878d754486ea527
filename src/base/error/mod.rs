//! What can go wrong with a request: a kind, an origin, a public sentence and a private cause.
//!
//! [`Kind`] is a closed list and [`Kind::behaviour`] (in `table`) is the one place that says what each
//! kind means for the caller, for retries, for fallbacks and for a deployment's cooldown.

mod kind;
mod table;

use std::fmt;
use std::time::Duration;

pub use kind::Kind;
pub use table::{Behaviour, Level, Retry};

/// A failed request or attempt. Boxed, so that `Result`s on the request path stay one word wide.
#[derive(Clone)]
pub struct Error(Box<Parts>);

#[derive(Clone)]
struct Parts {
    kind: Kind,
    status: Option<u16>,
    message: String,
    type_: Option<String>,
    param: Option<String>,
    code: Option<String>,
    retry_after: Option<Duration>,
    should_retry: Option<bool>,
    provider: Option<String>,
    cause: Option<String>,
    kept: Option<String>,
    headers: Vec<(String, String)>,
}

/// Longer words of a provider's are not repeated where errors are kept, bytes.
const LONGEST_WORD: usize = 64;

impl Error {
    /// An error of `kind` with the sentence that the caller may read.
    ///
    /// Cold: what leads here is laid out behind the code of the requests that go well, whose speed hangs on how
    /// little code they run through.
    #[cold]
    #[inline(never)]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Parts {
            kind,
            status: None,
            message: message.into(),
            type_: None,
            param: None,
            code: None,
            retry_after: None,
            should_retry: None,
            provider: None,
            cause: None,
            kept: None,
            headers: Vec::new(),
        }))
    }

    /// A caller's mistake in one field of the request.
    #[cold]
    #[inline(never)]
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Error::new(Kind::InvalidRequest, message).with_param(param)
    }

    /// Names the request field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// Keeps a machine-readable code, for instance the provider's own.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Keeps the provider's own error type.
    #[must_use]
    pub fn with_type(mut self, type_: impl Into<String>) -> Self {
        self.0.type_ = Some(type_.into());
        self
    }

    /// Keeps the exact status that the provider answered.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// How long the caller should wait before trying again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Whether the provider itself says that another try makes sense (`x-should-retry`).
    #[must_use]
    pub fn with_should_retry(mut self, advice: Option<bool>) -> Self {
        self.0.should_retry = advice;
        self
    }

    /// Which provider the error came from (`openai`, `anthropic` ...).
    #[must_use]
    pub fn with_provider(mut self, provider: impl Into<String>) -> Self {
        self.0.provider = Some(provider.into());
        self
    }

    /// What it takes in memory, bytes.
    pub fn size(&self) -> usize {
        let parts = &self.0;
        let optional = [&parts.type_, &parts.param, &parts.code, &parts.provider, &parts.cause, &parts.kept];
        let texts: usize = optional.into_iter().flatten().map(String::len).sum();
        let headers =
            parts.headers.iter().map(|(name, value)| 2 * size_of::<String>() + name.len() + value.len());
        size_of::<Parts>() + parts.message.len() + texts + headers.sum::<usize>()
    }

    /// A cause for the log, never shown to callers.
    #[must_use]
    pub fn with_cause(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Says something in a header of the reply, too.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// The public sentence is a provider's text, which may quote the request or the answer. It is the caller's to
    /// read; what is kept says the class, the status and those of the provider's words that can be no prompt.
    #[must_use]
    pub fn in_providers_words(self) -> Self {
        let class = self.behaviour().class;
        let provider = self.provider().unwrap_or("the provider");
        let mut kept =
            format!("litellm.{class}: {provider} answered with an error, status {}", self.status());
        let words = [("type", &self.0.type_), ("code", &self.0.code), ("param", &self.0.param)];
        for (name, word) in words {
            if let Some(word) = word.as_deref().filter(|word| is_name(word)) {
                kept.push_str(&format!(", {name} `{word}`"));
            }
        }
        self.with_kept(kept)
    }

    /// What logs, the ledger and health say in place of the public sentence.
    #[must_use]
    pub fn with_kept(mut self, kept: impl Into<String>) -> Self {
        self.0.kept = Some(kept.into());
        self
    }

    /// Replaces the public sentence.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What its kind means.
    pub fn behaviour(&self) -> Behaviour {
        self.0.kind.behaviour()
    }

    /// The HTTP status for the caller.
    pub fn status(&self) -> u16 {
        self.0.status.unwrap_or(self.behaviour().status)
    }

    /// The public sentence. For the caller; elsewhere see [`Error::kept`].
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The sentence for logs, the ledger and health: the public one unless that may quote what was asked or answered.
    pub fn kept(&self) -> &str {
        self.0.kept.as_deref().unwrap_or(&self.0.message)
    }

    /// The error type for the envelope: the provider's if it gave one.
    pub fn type_(&self) -> &str {
        self.0.type_.as_deref().unwrap_or(self.behaviour().type_)
    }

    /// The field at fault, if known.
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// The machine-readable code, if there is one beside the status.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref().or(self.behaviour().code)
    }

    /// How long to wait before another try, if known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The provider's own word on another try at the same place, if it gave one.
    pub fn should_retry(&self) -> Option<bool> {
        self.0.should_retry
    }

    /// The provider at fault, if one is.
    pub fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }

    /// Headers of the reply beside those that every error has.
    pub fn headers(&self) -> &[(String, String)] {
        &self.0.headers
    }

    /// The private cause, for logs.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }
}

/// Whether a word is a name from a program, such as `invalid_request_error` or `messages[0].content`. Numbers alone
/// are none.
fn is_name(word: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
    word.len() <= LONGEST_WORD && word.contains(|c: char| c.is_ascii_alphabetic()) && word.chars().all(fits)
}

/// As it may be kept, for logs.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kept())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.0.kind, self.status(), self.kept())?;
        self.0.cause.as_ref().map_or(Ok(()), |cause| write!(f, " ({cause})"))
    }
}

impl std::error::Error for Error {}
