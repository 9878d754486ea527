//! What can go wrong with a call to Redis, and whether it says that Redis as a whole cannot be used.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use thiserror::Error;

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LinkError {
    /// Redis cannot be used at this time; nothing was sent, or nobody waits for the answer any more.
    #[error("Redis cannot be used at this time")]
    Down,
    /// No answer in time. Redis may still have done, or may yet do, what it was told.
    #[error("Redis did not answer in time")]
    Late,
    /// The connection broke. Redis may have done what it was told.
    #[error("the connection to Redis broke: {0}")]
    Broken(String),
    /// Redis refuses.
    #[error("Redis refused: {code} {text}")]
    Refused {
        /// Redis' word for it (`ERR`, `NOPERM`, a script's own).
        code: String,
        /// Its sentence.
        text: String,
    },
}

impl LinkError {
    /// The result's name in metrics.
    pub fn label(&self) -> &'static str {
        match self {
            LinkError::Down => "down",
            LinkError::Late => "late",
            LinkError::Broken(_) => "broken",
            LinkError::Refused { .. } => "refused",
        }
    }

    /// Whether Redis does not know the script by its digest.
    pub(super) fn is_unknown_script(&self) -> bool {
        matches!(self, LinkError::Refused { code, .. } if code == "NOSCRIPT")
    }

    /// Whether it speaks of the server rather than of this call.
    pub(super) fn is_trouble(&self) -> bool {
        const CODES: [&str; 9] = [
            "LOADING",
            "READONLY",
            "CLUSTERDOWN",
            "MASTERDOWN",
            "BUSY",
            "MISCONF",
            "OOM",
            "NOAUTH",
            "WRONGPASS",
        ];
        match self {
            LinkError::Down => false,
            LinkError::Late | LinkError::Broken(_) => true,
            LinkError::Refused { code, .. } => CODES.contains(&code.as_str()),
        }
    }
}

impl From<RedisError> for LinkError {
    fn from(error: RedisError) -> Self {
        let refused = |code: &str| LinkError::Refused {
            code: code.to_owned(),
            text: error.detail().unwrap_or_default().to_owned(),
        };
        match (error.kind(), error.code()) {
            (ErrorKind::Server(ServerErrorKind::ClusterDown), _) => refused("CLUSTERDOWN"),
            (ErrorKind::Server(_) | ErrorKind::Extension, Some(code)) => refused(code),
            _ if error.is_timeout() => LinkError::Late,
            _ => LinkError::Broken(error.to_string()),
        }
    }
}
