//! The counters that all replicas have in common, in Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::connection::VERDICT;
use super::reserve::{Call, SCRIPT};
use super::{Link, LinkError, Script, State};
use crate::domain::commons::{Batch, Reply};

/// How the script keeps its counters. Replicas that keep them in another way count elsewhere, instead of spoiling them.
const LAYOUT: u32 = 2;

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
        let (replica, prefix) = (replica.to_string(), format!("{}counters.{LAYOUT}", link.prefix()));
        let script = Script::new(SCRIPT);
        Counters(Arc::new(Inner { link, script, replica, prefix, refused: AtomicBool::new(false) }))
    }

    /// Runs the conversation where the connection is.
    pub fn spawn<F>(&self, talk: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.link.spawn(talk)
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
        inner.link.carried(batch.claims.len());
        let keys: Vec<&[u8]> = call.keys.iter().map(Vec::as_slice).collect();
        let arguments: Vec<&[u8]> = call.arguments.iter().map(Vec::as_slice).collect();
        // Who waits for it decides for himself how long; an answer that comes late still counts.
        let answer = inner.link.patient(VERDICT).script(&inner.script, &keys, &arguments).await;
        let reply = match answer {
            // It was sent twice, or went astray for a while: what came after it counts.
            Ok(value) if is_overtaken(&value) => return Err(Lost),
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

fn is_overtaken(value: &Value) -> bool {
    matches!(value, Value::Array(values) if values.as_slice() == [Value::Int(3)])
}

fn read(call: &Call, value: Value) -> Result<Reply, String> {
    let numbers = numbers(value).ok_or("the answer is no list of numbers")?;
    call.read(&numbers).map_err(|cause| cause.to_string())
}

fn numbers(value: Value) -> Option<Vec<i64>> {
    let Value::Array(values) = value else { return None };
    values.into_iter().map(|value| if let Value::Int(number) = value { Some(number) } else { None }).collect()
}
