//! What the tests stand on: the program as a process, a raw HTTP client, and a provider driven by hand.

pub mod collector;
pub mod config;
pub mod conn;
pub mod gateway;
pub mod manual;
pub mod metrics;
pub mod stream;
pub mod tls;

use std::future::Future;
use std::time::{Duration, Instant};

pub use collector::Collector;
pub use config::{anthropic, azure, chat, config, openai, with};
pub use conn::Reply;
pub use fake_provider::FakeProvider;
pub use gateway::{Gateway, KEY};
pub use manual::Manual;
pub use stream::Streaming;

/// How long a test waits for something that has to happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `look` finds something.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Gives up on `work` after [`PATIENCE`].
pub async fn patiently<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("not within {PATIENCE:?}: {what}"),
    }
}
