//! Telling other processes on the same PostgreSQL of changes, and hearing of theirs, by LISTEN and NOTIFY.

use std::sync::Arc;

use super::{Backend, Store, StoreError, Value};

/// The channel; its name is the program's, PostgreSQL keeps databases apart.
pub(super) const CHANNEL: &str = "stagedoor_news";

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// From here on everything is heard; before it anything may have been missed.
    Began,
    /// A message.
    Message(String),
    /// Nothing is heard until it began again.
    Lost,
}

/// Where it goes. Must not wait.
pub type Ear = Arc<dyn Fn(Notice) + Send + Sync>;

impl Store {
    /// Whether other processes can be heard over it.
    pub fn carries_news(&self) -> bool {
        matches!(self.0.backend, Backend::Postgres(_))
    }

    /// Tells everybody who listens; less than 8000 bytes.
    ///
    /// # Errors
    /// When nobody was told.
    pub async fn notify(&self, text: String) -> Result<(), StoreError> {
        self.read(move |session| {
            session.query(
                "SELECT pg_notify($1, $2)::text",
                &[Value::from(CHANNEL), Value::from(text.as_str())],
            )?;
            Ok(())
        })
        .await
    }

    /// Listens, for ever. It takes one of the configured connections, if there are several.
    pub async fn listen(&self, ear: Ear) {
        if let Backend::Postgres(postgres) = &self.0.backend {
            postgres.listen(ear).await;
        }
    }
}
