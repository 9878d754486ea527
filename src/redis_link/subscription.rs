//! Listening: a connection of its own that hears what is published, and knows when it may have missed something.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::PubSub;
use redis::cmd;

use super::LinkError;
use super::connection::Link;

/// Longest time to connect and subscribe.
const BEGIN: Duration = Duration::from_secs(1);
/// How often a silent connection is asked whether it still is one, and how long it may take to answer.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it may take when there is reason for doubt.
const SUSPICION: Duration = Duration::from_millis(300);
/// Pause before the next attempt.
const AGAIN: Duration = Duration::from_millis(250);

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// From here on everything is heard; before it anything may have been missed.
    Began,
    /// A message.
    Message {
        /// On which channel.
        channel: String,
        /// Its text.
        text: String,
    },
    /// Nothing is heard until it began again.
    Lost,
}

/// Where it goes. Must not wait.
pub type Ear = Arc<dyn Fn(Heard) + Send + Sync>;

impl Link {
    /// Publishes a text to everybody who listens on a channel.
    ///
    /// # Errors
    /// As [`Link::query`].
    pub async fn publish(&self, channel: &str, text: &str) -> Result<(), LinkError> {
        self.query(cmd("PUBLISH").arg(channel).arg(text)).await.map(|_| ())
    }

    /// Listens on channels, for ever; a lost connection is made anew.
    pub async fn listen(self, channels: Vec<String>, ear: Ear) {
        loop {
            match tokio::time::timeout(BEGIN, subscribed(&self, &channels)).await {
                Ok(Ok(connection)) => {
                    ear(Heard::Began);
                    hear(&self, connection, &ear).await;
                    ear(Heard::Lost);
                }
                Ok(Err(cause)) => tracing::debug!(%cause, "no subscription to Redis"),
                Err(_) => tracing::debug!("no subscription to Redis in time"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

async fn subscribed(link: &Link, channels: &[String]) -> Result<PubSub, LinkError> {
    let client = link.dialer().client().await?;
    let mut connection = client.get_async_pubsub().await?;
    connection.subscribe(channels).await?;
    Ok(connection)
}

/// Ends when the connection does. It is asked now and then whether it still is one, and sooner when the link has found
/// trouble: what made one call late need not have harmed it.
async fn hear(link: &Link, connection: PubSub, ear: &Ear) {
    let (mut sink, mut messages) = connection.split();
    let mut state = link.watch();
    state.mark_unchanged();
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.tick().await;
    loop {
        let patience = tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return };
                let text = String::from_utf8_lossy(message.get_payload_bytes()).into_owned();
                ear(Heard::Message { channel: message.get_channel_name().to_owned(), text });
                continue;
            }
            _ = look.tick() => LOOK_EVERY,
            changed = state.changed() => match changed {
                Ok(()) if state.borrow_and_update().is_up() => continue,
                Ok(()) => SUSPICION,
                Err(_) => return,
            },
        };
        let answer = tokio::time::timeout(patience, sink.ping::<redis::Value>()).await;
        if !matches!(answer, Ok(Ok(_))) {
            return;
        }
    }
}
