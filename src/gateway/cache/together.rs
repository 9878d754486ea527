//! Requests that ask the same at the same time: one of them asks the provider, the others wait for its answer.
//!
//! Whatever ends the one without an answer that can be given again (an error, a client that hangs up) lets the others go on
//! by themselves at once, each with its own call and its own errors.

use std::sync::Arc;

use tokio::sync::watch;

use super::Question;
use crate::actors::response_cache::{Flight, Outcome, ResponseCache};
use crate::base::clock;
use crate::domain::cache::Stored;

/// What a request is among those that ask the same.
pub enum Together {
    /// It asks, and others may wait for it.
    Leads(Lead),
    /// Somebody else's answer.
    Answered(Arc<Stored>),
    /// It goes on by itself.
    Alone,
}

/// The place of the one that asks; dropped, those who wait go on by themselves.
pub struct Lead(Flight);

impl Lead {
    /// Gives the answer to those who wait.
    pub fn answer(&self, stored: &Stored) {
        self.0.answer(stored);
    }
}

/// Asks together with others that ask the same now.
pub async fn join(cache: &ResponseCache, question: &Question) -> Together {
    // In one epoch only: what was asked before the cache was emptied answers nobody who asks after it.
    let epoch = question.epoch.get().unwrap_or_default().to_string();
    match cache.fly(&question.key.with("epoch", &epoch)) {
        Ok(flight) => Together::Leads(Lead(flight)),
        Err(waiting) => {
            match wait(waiting, question).await.filter(|stored| question.accepts(stored, clock::unix_ms())) {
                Some(stored) => {
                    cache.count(Outcome::Shared);
                    Together::Answered(stored)
                }
                None => Together::Alone,
            }
        }
    }
}

/// Waits as long as the request's own time lasts.
async fn wait(mut waiting: watch::Receiver<Option<Arc<Stored>>>, question: &Question) -> Option<Arc<Stored>> {
    let answered = async {
        let answer = waiting.wait_for(Option::is_some).await.ok()?;
        answer.clone()
    };
    match question.call.options.first_byte_deadline.left(clock::now()) {
        None => answered.await,
        Some(left) => actix_rt::time::timeout(left, answered).await.ok().flatten(),
    }
}
