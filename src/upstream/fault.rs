//! Why a call did not end with a complete reply, before any provider's own error is looked at.

use std::fmt;

use crate::base::error::{Error, Kind};
use crate::base::reach::Reach;

/// A failure of transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No connection was made (name, route, TCP or TLS); nothing was sent.
    Connect(String),
    /// The connection ended before the reply began.
    Closed(String),
    /// The connection ended inside the reply.
    Cut(String),
    /// What came was no HTTP.
    Protocol(String),
    /// The deployment's URL or headers cannot be sent at all.
    Unsendable(String),
    /// The host stands for addresses only that this URL may not lead to.
    OutOfReach(Reach),
}

impl Fault {
    /// The error for the caller; `provider` is the title in messages (`OpenAI`).
    pub fn into_error(self, provider: &str) -> Error {
        let (kind, sentence) = match &self {
            Fault::Connect(_) => (Kind::Connect, "Connection error."),
            Fault::Closed(_) => (Kind::Connect, "the connection was closed before an answer came."),
            Fault::Cut(_) => (Kind::Cut, "the answer was cut off before it was complete."),
            Fault::Protocol(_) => (Kind::InvalidReply, "the answer was no valid HTTP."),
            Fault::Unsendable(_) => (Kind::Misconfigured, "the deployment's URL or headers cannot be sent."),
            Fault::OutOfReach(Reach::Public) => {
                let message = "`api_base` is not allowed: its host stands for a private or metadata address.";
                return Error::new(Kind::Forbidden, message).with_param("api_base").with_cause(self);
            }
            Fault::OutOfReach(_) => (
                Kind::Misconfigured,
                "the deployment's `api_base` leads to an address at which clouds hand out credentials.",
            ),
        };
        let class = kind.behaviour().class;
        Error::new(kind, format!("litellm.{class}: {class}: {provider}Exception - {sentence}"))
            .with_provider(provider)
            .with_cause(self)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cause) = match self {
            Fault::OutOfReach(reach) => return write!(f, "out of reach ({reach:?})"),
            Fault::Connect(cause) => ("no connection", cause),
            Fault::Closed(cause) => ("closed before the reply", cause),
            Fault::Cut(cause) => ("cut inside the reply", cause),
            Fault::Protocol(cause) => ("not HTTP", cause),
            Fault::Unsendable(cause) => ("cannot be sent", cause),
        };
        write!(f, "{what}: {cause}")
    }
}
