//! How replicas reach each other: over Redis, or over PostgreSQL where there is no Redis.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::redis_link::{Heard as FromRedis, Link};
use crate::store::{Notice, Store};

/// The channel of changes.
const NEWS: &str = "news";
/// The channel of how deployments are used.
const USAGE: &str = "usage";

/// How long telling may take. No request waits for it, so a busy moment is no reason to give it up.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the others. Clones are the same.
#[derive(Clone)]
pub enum Bus {
    /// News and the use of deployments.
    Redis(Link),
    /// News only: several messages a second from each replica are not what a database is for.
    Postgres(Store),
}

/// What comes from the bus.
pub enum Heard {
    /// From here on everything is heard.
    Began,
    /// Nothing is heard until it began again.
    Lost,
    /// Something was changed.
    News(String),
    /// A replica says how it uses deployments.
    Usage(String),
}

/// Where it goes. Must not wait.
pub type Ear = Arc<dyn Fn(Heard) + Send + Sync>;

impl Bus {
    /// Whether it carries how deployments are used.
    pub fn carries_usage(&self) -> bool {
        matches!(self, Bus::Redis(_))
    }

    /// Tells everybody of a change.
    ///
    /// # Errors
    /// Why nobody may have heard it.
    pub async fn say_news(&self, text: &str) -> Result<(), String> {
        match self {
            Bus::Redis(link) => link
                .patient(PATIENCE)
                .publish(&link.channel(NEWS), text)
                .await
                .map_err(|cause| cause.to_string()),
            Bus::Postgres(store) => store.notify(text.to_owned()).await.map_err(|cause| cause.to_string()),
        }
    }

    /// Tells everybody how deployments are used. What gets lost is said again.
    pub async fn say_usage(&self, text: &str) {
        if let Bus::Redis(link) = self {
            // The link tells of its troubles itself.
            let _ = link.patient(PATIENCE).publish(&link.channel(USAGE), text).await;
        }
    }

    /// Listens for ever.
    pub fn listen(self, ear: Ear) -> LocalBoxFuture<'static, ()> {
        match self {
            Bus::Redis(link) => {
                let channels = vec![link.channel(NEWS), link.channel(USAGE)];
                let news = link.channel(NEWS);
                let from_redis = move |heard| {
                    ear(match heard {
                        FromRedis::Began => Heard::Began,
                        FromRedis::Lost => Heard::Lost,
                        FromRedis::Message { channel, text } if channel == news => Heard::News(text),
                        FromRedis::Message { text, .. } => Heard::Usage(text),
                    });
                };
                Box::pin(link.listen(channels, Arc::new(from_redis)))
            }
            Bus::Postgres(store) => {
                let from_store = move |notice| {
                    ear(match notice {
                        Notice::Began => Heard::Began,
                        Notice::Lost => Heard::Lost,
                        Notice::Message(text) => Heard::News(text),
                    });
                };
                Box::pin(async move { store.listen(Arc::new(from_store)).await })
            }
        }
    }
}
