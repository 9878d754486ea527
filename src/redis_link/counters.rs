//! The counters that all replicas have in common, in Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::Value;
use tokio::sync::watch;

use super::connection::PATIENCE;
use super::reserve::{Call, SCRIPT};
use super::{Link, LinkError, Script, State};
use crate::domain::commons::{Batch, Reply};

/// How much longer a call may take for each claim that it carries: a burst is work, not trouble.
const EACH_CLAIM: Duration = Duration::from_micros(500);

/// Nobody has answered, or nothing that could be understood. The batch was counted or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// The common counters as one replica sees them. Clones are the same.
#[derive(Clone)]
pub struct Counters(Arc<Inner>);

struct Inner {
    link: Link,
    script: Script,
    replica: String,
    prefix: String,
    /// Whether the last answer was a refusal or made no sense, so that a change is said once.
    refused: AtomicBool,
}

impl Counters {
    /// The counters behind a link; `replica` names this process and no other.
    pub fn new(link: Link, replica: &str) -> Self {
        let (replica, prefix) = (replica.to_string(), format!("{}counters", link.prefix()));
        let script = Script::new(SCRIPT);
        Counters(Arc::new(Inner { link, script, replica, prefix, refused: AtomicBool::new(false) }))
    }

    /// Tells when Redis can be used again, or no longer.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.0.link.watch()
    }

    /// Brings a batch, and the answer back. It is counted once, or, when nothing comes back, perhaps.
    ///
    /// # Errors
    /// When nobody has answered.
    pub async fn ask(&self, batch: &Batch) -> Result<Reply, Lost> {
        let inner = &*self.0;
        let call = Call::of(batch, &inner.replica, &inner.prefix);
        let keys: Vec<&[u8]> = call.keys.iter().map(Vec::as_slice).collect();
        let arguments: Vec<&[u8]> = call.arguments.iter().map(Vec::as_slice).collect();
        let claims = u32::try_from(batch.claims.len()).unwrap_or(u32::MAX);
        let link = inner.link.patient(PATIENCE.saturating_add(EACH_CLAIM.saturating_mul(claims)));
        let answer = link.script(&inner.script, &keys, &arguments).await;
        let reply = match answer {
            Ok(value) => read(&call, value),
            // The link itself has said so in the log.
            Err(error @ (LinkError::Down | LinkError::Late | LinkError::Broken(_))) => {
                tracing::debug!(%error, "nobody counts limits and budgets in common");
                return Err(Lost);
            }
            Err(error) => Err(error.to_string()),
        };
        match reply {
            Ok(reply) => {
                if inner.refused.swap(false, Ordering::Relaxed) {
                    tracing::info!("Redis counts limits and budgets again");
                }
                Ok(reply)
            }
            Err(cause) => {
                if !inner.refused.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        cause,
                        "Redis does not count limits and budgets: each replica is on its own"
                    );
                }
                Err(Lost)
            }
        }
    }
}

fn read(call: &Call, value: Value) -> Result<Reply, String> {
    let numbers = numbers(value).ok_or("the answer is no list of numbers")?;
    call.read(&numbers).map_err(|cause| cause.to_string())
}

fn numbers(value: Value) -> Option<Vec<i64>> {
    let Value::Array(values) = value else { return None };
    values.into_iter().map(|value| if let Value::Int(number) = value { Some(number) } else { None }).collect()
}
