//! A scripted stand-in for LLM providers.
//!
//! It speaks OpenAI, Azure OpenAI, Anthropic and Cohere's rerank over HTTP/1.1, does what each API key tells it to
//! (see [`Script`]), and remembers what it received and when its clients hung up (see [`Entry`]). Tests in Rust
//! start it with [`FakeProvider::start`]; others run the `fake-provider` binary and use `/_control`, `/_log` and
//! `/_stats`.
//!
//! ```no_run
//! # async fn example() {
//! let provider = fake_provider::FakeProvider::start().await;
//! // ... send requests to provider.v1() with the key "sk-fake.hang", then hang up ...
//! provider.wait_until("sk-fake.hang", |s| s.aborted == 1 && s.in_flight == 0).await;
//! # }
//! ```

mod answer;
mod control;
mod dialect;
mod http;
mod play;
mod received;
mod reply;
mod route;
mod script;
mod server;
mod state;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use received::Part;
pub use script::Script;
use state::State;
pub use state::{Entry, Outcome, Stats};

/// How long the waiting helpers wait before they give up.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A running provider on a free port of 127.0.0.1. It has a thread and a runtime of its own, so that a test's
/// runtime (paused, blocked or single-threaded) does not matter to it. Dropping it closes every connection.
pub struct FakeProvider {
    /// Where it listens.
    pub addr: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeProvider {
    /// Starts a provider.
    ///
    /// # Panics
    /// No port can be opened or no thread started: a test cannot go on without its provider.
    #[allow(clippy::unused_async, reason = "reads as what it is in async tests, and may come to wait")]
    pub async fn start() -> Self {
        Self::start_blocking()
    }

    /// Starts a provider from a test without a runtime.
    ///
    /// # Panics
    /// As [`FakeProvider::start`].
    #[must_use]
    pub fn start_blocking() -> Self {
        match Self::bind(0) {
            Ok(provider) => provider,
            Err(e) => panic!("the fake provider cannot start: {e}"),
        }
    }

    /// Starts a provider on a given port (0: a free one).
    ///
    /// # Errors
    /// The port is taken, or the machine is out of threads or sockets.
    pub fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let state = Arc::new(State::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let shared = state.clone();
        let thread = std::thread::Builder::new().name("fake-provider".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = server::serve(listener, shared) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { addr, state, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// `http://127.0.0.1:PORT/v1`: what an OpenAI-type deployment has as its `api_base`.
    #[must_use]
    pub fn v1(&self) -> String {
        format!("{}/v1", self.base())
    }

    /// Replaces what `key` does, from its next request on.
    pub fn set_script(&self, key: &str, script: Script) {
        self.state.set_script(key, script);
    }

    /// As [`FakeProvider::set_script`], in the words of a key: `script("sk-a", "status=429.retry_after=2")`.
    ///
    /// # Panics
    /// The directives cannot be read.
    pub fn script(&self, key: &str, directives: &str) {
        match Script::from_key(&format!("sk-fake.{directives}")) {
            Ok(script) => self.state.set_script(key, script),
            Err(e) => panic!("{e}"),
        }
    }

    /// What was received with `key`, oldest first.
    #[must_use]
    pub fn log(&self, key: &str) -> Vec<Entry> {
        self.state.log(Some(key))
    }

    /// What was received with any key, oldest first.
    #[must_use]
    pub fn log_all(&self) -> Vec<Entry> {
        self.state.log(None)
    }

    /// Forgets requests and counts of all keys; scripts stay.
    pub fn clear(&self) {
        self.state.clear(None);
    }

    /// The counts of `key`.
    #[must_use]
    pub fn stats(&self, key: &str) -> Stats {
        self.state.stats(Some(key))
    }

    /// The counts of all keys together.
    #[must_use]
    pub fn total(&self) -> Stats {
        self.state.stats(None)
    }

    /// Waits until `holds` is true of `key`'s counts and returns them.
    ///
    /// # Panics
    /// It did not become true within [`PATIENCE`]; the message shows the last counts.
    pub async fn wait_until(&self, key: &str, holds: impl Fn(&Stats) -> bool) -> Stats {
        match self.wait_within(key, PATIENCE, holds).await {
            Ok(stats) => stats,
            Err(last) => panic!("{key}: not so within {PATIENCE:?}; last seen {last:?}"),
        }
    }

    /// As [`FakeProvider::wait_until`], with a deadline of the caller's.
    ///
    /// # Errors
    /// The counts that were seen last.
    pub async fn wait_within(
        &self,
        key: &str,
        within: Duration,
        holds: impl Fn(&Stats) -> bool,
    ) -> Result<Stats, Stats> {
        self.state.wait(Some(key), within, holds).await
    }

    /// Waits until `holds` is true of the counts of all keys together.
    ///
    /// # Panics
    /// As [`FakeProvider::wait_until`].
    pub async fn wait_total(&self, holds: impl Fn(&Stats) -> bool) -> Stats {
        match self.state.wait(None, PATIENCE, holds).await {
            Ok(stats) => stats,
            Err(last) => panic!("not so within {PATIENCE:?}; last seen {last:?}"),
        }
    }

    /// As [`FakeProvider::wait_until`], for tests without a runtime.
    ///
    /// # Panics
    /// As [`FakeProvider::wait_until`].
    pub fn wait_until_blocking(&self, key: &str, holds: impl Fn(&Stats) -> bool) -> Stats {
        match self.state.wait_blocking(Some(key), PATIENCE, holds) {
            Ok(stats) => stats,
            Err(last) => panic!("{key}: not so within {PATIENCE:?}; last seen {last:?}"),
        }
    }

    /// Closes the port and every connection, and returns when that is done.
    pub fn stop(mut self) {
        self.shut();
    }

    fn shut(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    /// Serves until the process ends.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.shut();
    }
}
