//! The link that everybody uses: bounded calls, and a breaker that makes trouble cost nothing after the first call.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, RedisResult, Value};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::dial::Dialer;
use super::meters::Meters;
use super::{LinkError, Script, driver};
use crate::config::model::RedisSettings;
use crate::telemetry::Metrics;

/// How long a call waits when nothing else is said. Silence of this length is reason for doubt.
pub const PATIENCE: Duration = Duration::from_millis(50);
/// Silence of this length is trouble. It is much longer than [`PATIENCE`]: where all processors are busy, a server that
/// is well does not answer for a while, and a replica that then leaves it for lost counts by itself beside the others.
pub const VERDICT: Duration = Duration::from_secs(1);

/// A timer that rings so much later than it should rang in a process that did not run.
const LATE: Duration = Duration::from_millis(10);
/// How often a call waits anew because its process did not run.
const MOST_WAITS: usize = 4;

/// Whether Redis can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has not been reached yet.
    Connecting,
    /// It can. The number grows with each connection: between two of them anything may have been lost.
    Up(u64),
    /// It cannot.
    Down,
}

impl State {
    /// Whether Redis can be used.
    pub fn is_up(self) -> bool {
        matches!(self, State::Up(_))
    }
}

/// The shared connection. Cheap to clone, usable on every thread that runs tokio. The last clone closes it.
#[derive(Clone)]
pub struct Link {
    owner: Arc<Owner>,
    patience: Duration,
}

/// Ends the driver with the last [`Link`].
struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.closed.notify_one();
    }
}

/// What callers and the driver share.
pub(super) struct Shared {
    pub dialer: Dialer,
    session: ArcSwapOption<Session>,
    state: watch::Sender<State>,
    meters: Meters,
    /// The driver's thread.
    thread: Handle,
    /// Nobody uses the link any more.
    pub closed: Notify,
}

/// One connection, from when it has been tried until its first trouble.
pub(super) struct Session {
    number: u64,
    connection: Connection,
    since: Instant,
    lost: watch::Sender<bool>,
    /// Somebody has waited in vain: nobody else waits until it has answered.
    doubted: AtomicBool,
    doubts: Notify,
}

/// A connection of either kind.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Connection::One(connection) => connection.req_packed_command(command).await,
            Connection::Cluster(connection) => connection.req_packed_command(command).await,
        };
        answer.and_then(Value::extract_error)
    }
}

impl Link {
    /// Starts to connect; nothing is waited for.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start(settings: &RedisSettings, metrics: &Metrics) -> std::io::Result<Self> {
        let runtime = driver::runtime()?;
        let shared = Arc::new(Shared {
            thread: runtime.handle().clone(),
            dialer: Dialer::new(settings.clone()),
            session: ArcSwapOption::empty(),
            state: watch::Sender::new(State::Connecting),
            meters: Meters::new(metrics),
            closed: Notify::new(),
        });
        driver::start(Arc::clone(&shared), runtime)?;
        Ok(Link { owner: Arc::new(Owner { shared }), patience: PATIENCE })
    }

    /// Runs something on the thread of the connection. Calls that are made there are sent and answered without waking
    /// another one.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.shared().thread.spawn(work)
    }

    /// The same link for calls that may take longer, or must be over sooner. Less than [`PATIENCE`] is the caller's
    /// haste: a call that fails for it says nothing about Redis. [`VERDICT`] and more is waited for even where others
    /// have begun to doubt, and then ends the connection.
    pub fn patient(&self, patience: Duration) -> Self {
        Link { owner: Arc::clone(&self.owner), patience }
    }

    /// What every key and channel begins with.
    pub fn prefix(&self) -> &str {
        self.shared().dialer.prefix()
    }

    /// The full name of a channel. Channels know no databases, so the number is part of it.
    pub fn channel(&self, name: &str) -> String {
        let dialer = &self.shared().dialer;
        format!("{}{}:{name}", dialer.prefix(), dialer.settings().db)
    }

    /// Whether several servers share the keys: those of one script must then have one hash tag.
    pub fn is_cluster(&self) -> bool {
        self.shared().dialer.is_cluster()
    }

    /// Whether Redis can be used, as of the last call or probe.
    pub fn state(&self) -> State {
        *self.shared().state.borrow()
    }

    /// Tells of every change of [`Link::state`]; one that follows too soon upon another may be missed, the newest is
    /// not.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.shared().state.subscribe()
    }

    /// For metrics: a call carries so many claims.
    pub(super) fn carried(&self, claims: usize) {
        self.shared().meters.carried(claims);
    }

    /// Sends a command; on a Cluster to the server of its first key.
    ///
    /// # Errors
    /// [`LinkError::Down`] at once while Redis cannot be used; the others at most after this link's patience.
    pub async fn query(&self, command: &Cmd) -> Result<Value, LinkError> {
        let started = Instant::now();
        let outcome = self.call(|connection| run(connection, command)).await;
        self.shared().meters.count(outcome.as_ref().err(), started.elapsed());
        outcome
    }

    /// Runs a script; one that Redis does not know yet is brought to it, within the same time. On a Cluster it runs
    /// where the first key lives, and all its keys must live there.
    ///
    /// # Errors
    /// As [`Link::query`].
    pub async fn script(&self, script: &Script, keys: &[&[u8]], args: &[&[u8]]) -> Result<Value, LinkError> {
        let started = Instant::now();
        let outcome = self.call(|connection| run_script(connection, script, keys, args)).await;
        self.shared().meters.count(outcome.as_ref().err(), started.elapsed());
        outcome
    }

    /// What makes connections, for those who need one of their own.
    pub(super) fn dialer(&self) -> &Dialer {
        &self.shared().dialer
    }

    fn shared(&self) -> &Shared {
        &self.owner.shared
    }

    async fn call<F>(&self, send: impl FnOnce(Connection) -> F) -> Result<Value, LinkError>
    where
        F: Future<Output = Result<Value, LinkError>>,
    {
        let Some(session) = self.shared().session.load_full() else { return Err(LinkError::Down) };
        let patient = self.patience >= VERDICT;
        if !patient && session.is_doubted() {
            return Err(LinkError::Late);
        }
        let mut lost = session.lost.subscribe();
        let outcome = tokio::select! {
            biased;
            outcome = send(session.connection.clone()) => outcome,
            // Somebody else has found the trouble: no reason to wait as long as they did.
            _ = lost.wait_for(|lost| *lost) => Err(LinkError::Down),
            () = silence(self.patience) => Err(LinkError::Late),
        };
        match &outcome {
            Err(LinkError::Late) if self.patience < PATIENCE => {}
            Err(LinkError::Late) if !patient => session.doubt(),
            Err(error) if error.is_trouble() => self.shared().give_up(&session, error),
            Err(LinkError::Down) => {}
            Ok(_) | Err(_) => session.trust(),
        }
        outcome
    }
}

/// Waits for so long while this process runs. A timer that rings much too late says that the process had no processor
/// for a while, which is no trouble of Redis'; then it waits again, a few times.
pub async fn silence(patience: Duration) {
    for _ in 0..MOST_WAITS {
        let began = Instant::now();
        tokio::time::sleep(patience).await;
        if began.elapsed() < patience + LATE {
            return;
        }
    }
}

async fn run(mut connection: Connection, command: &Cmd) -> Result<Value, LinkError> {
    Ok(connection.send(command).await?)
}

async fn run_script(
    mut connection: Connection,
    script: &Script,
    keys: &[&[u8]],
    args: &[&[u8]],
) -> Result<Value, LinkError> {
    let first = connection.send(&script.command(false, keys, args)).await.map_err(LinkError::from);
    match first {
        Err(error) if error.is_unknown_script() => {
            Ok(connection.send(&script.command(true, keys, args)).await?)
        }
        other => other,
    }
}

impl Shared {
    /// Opens the link for calls over a connection that works.
    pub fn take_up(&self, number: u64, connection: Connection) -> Arc<Session> {
        let lost = watch::Sender::new(false);
        let session = Arc::new(Session {
            number,
            connection,
            since: Instant::now(),
            lost,
            doubted: AtomicBool::new(false),
            doubts: Notify::new(),
        });
        self.session.store(Some(Arc::clone(&session)));
        self.meters.show(true);
        self.state.send_replace(State::Up(number));
        session
    }

    /// Closes it for calls, once for each connection, whoever finds the trouble first.
    pub fn give_up(&self, session: &Arc<Session>, cause: &LinkError) {
        if session.lost.send_replace(true) {
            return;
        }
        self.session.store(None);
        self.meters.show(false);
        self.state.send_replace(State::Down);
        let served = session.since.elapsed().as_secs_f64();
        tracing::warn!(%cause, served, "Redis cannot be used; this replica goes on by itself");
    }

    /// Says that the first attempt to connect has failed.
    pub fn note_absence(&self, cause: &LinkError) {
        self.state.send_replace(State::Down);
        tracing::warn!(
            %cause,
            address = %self.dialer.settings().address,
            "Redis cannot be reached; this replica goes on by itself"
        );
    }
}

impl Session {
    /// Waits until somebody gives it up.
    pub async fn is_lost(&self) {
        // The sender lives as long as the session: there is no other end of this wait.
        let _ = self.lost.subscribe().wait_for(|lost| *lost).await;
    }

    /// Somebody has waited for an answer in vain: the driver is to find out.
    fn doubt(&self) {
        if !self.doubted.swap(true, Ordering::Relaxed) {
            self.doubts.notify_one();
        }
    }

    /// It has answered.
    pub fn trust(&self) {
        if self.is_doubted() {
            self.doubted.store(false, Ordering::Relaxed);
        }
    }

    fn is_doubted(&self) -> bool {
        self.doubted.load(Ordering::Relaxed)
    }

    /// Waits until somebody doubts.
    pub async fn is_in_doubt(&self) {
        self.doubts.notified().await;
    }

    /// Its connection.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Its number, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }
}
