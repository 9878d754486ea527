//! PostgreSQL: a small pool of connections on a runtime of its own, so that no worker ever waits for a socket of
//! the database, and a database that is slow or gone costs its callers their deadline and nobody else anything.

mod listener;
pub(super) mod session;
pub(super) mod tls;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime as PoolRuntime,
};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::session::PostgresSession;
use super::url::PostgresTarget;
use super::{Access, Job, Session, StoreError};

/// How long connecting may take.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// After so long without an answer to its packets a connection counts as lost.
pub(super) const SILENT: Duration = Duration::from_secs(10);

/// How often a change is begun again after another transaction was in its way.
const TRIES: u32 = 5;

/// The server gives up what a client that has gone silent in the middle of something had asked for.
const SETTINGS: &str = "SET statement_timeout = '120s'; SET idle_in_transaction_session_timeout = '5s';
                        SET client_min_messages = warning";

/// The pool and its runtime.
pub(super) struct Postgres {
    pool: Pool,
    permits: Arc<Semaphore>,
    connections: usize,
    target: Arc<PostgresTarget>,
    runtime: Option<Runtime>,
}

impl Postgres {
    /// Prepares the pool; the first connection is made by the first job.
    pub fn start(target: PostgresTarget, connections: usize) -> Result<Self, StoreError> {
        let connections = target.connections.unwrap_or(connections).max(1);
        let mut config = target.config.clone();
        config.connect_timeout(CONNECT).keepalives_idle(SILENT).tcp_user_timeout(SILENT);
        if config.get_application_name().is_none() {
            config.application_name("stagedoor");
        }
        let tls = tls::connector(&target)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, tls, recycling);
        let wait = target.pool_timeout.unwrap_or(CONNECT);
        let pool = Pool::builder(manager)
            .max_size(connections)
            .runtime(PoolRuntime::Tokio1)
            .wait_timeout(Some(wait))
            .create_timeout(Some(CONNECT))
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(async move { client.batch_execute(SETTINGS).await.map_err(HookError::Backend) })
            }))
            .recycle_timeout(Some(CONNECT))
            .build()
            .map_err(|cause| StoreError::defect(format!("the pool cannot be built: {cause}")))?;
        // Last: a runtime must not be dropped where a store may be made.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(connections + 2)
            .thread_name("store-postgres")
            .thread_keep_alive(Duration::from_secs(60))
            .enable_all()
            .build()
            .map_err(|cause| StoreError::unavailable(format!("no threads for the database: {cause}")))?;
        let permits = Arc::new(Semaphore::new(connections));
        Ok(Postgres { pool, permits, connections, target: Arc::new(target), runtime: Some(runtime) })
    }

    /// Runs a job on a connection of the pool, in a transaction of the kind it wants.
    pub async fn run<T: Send + 'static>(
        &self,
        access: Access,
        deadline: Instant,
        ready: Arc<std::sync::atomic::AtomicBool>,
        job: Job<T>,
    ) -> Result<T, StoreError> {
        let Some(runtime) = &self.runtime else { return Err(StoreError::unavailable("the store is closed")) };
        // A permit for each connection: no more jobs than can run ever sit on a thread.
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout_at(deadline, permit).await;
        let Ok(Ok(permit)) = permit else {
            return Err(StoreError::unavailable("all connections to the database are busy"));
        };
        let (pool, handle) = (self.pool.clone(), runtime.handle().clone());
        let running = runtime.spawn_blocking(move || {
            let _permit = permit;
            let client = handle.block_on(async { tokio::time::timeout_at(deadline, pool.get()).await });
            let client = client.map_err(|_| StoreError::unavailable("the database does not answer"))?;
            let mut session = PostgresSession::new(client.map_err(no_connection)?, handle, deadline);
            session.prepare(&ready)?;
            attempts(&mut session, access, &*job)
        });
        running.await.unwrap_or_else(|_| Err(StoreError::defect("a job of the store has panicked")))
    }
}

fn attempts<T>(
    session: &mut PostgresSession,
    access: Access,
    job: &dyn Fn(&mut dyn Session) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut tries = 1;
    loop {
        let result = session.transaction(access, job);
        if result.is_ok() || !session.was_in_the_way() || tries == TRIES {
            return result;
        }
        tries += 1;
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Waiting for threads is not allowed where a store may be dropped.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn no_connection(cause: PoolError) -> StoreError {
    StoreError::unavailable(match cause {
        PoolError::Timeout(_) => "the database does not answer".to_string(),
        PoolError::Backend(cause) => format!("no connection to the database: {}", session::chain(&cause)),
        other => format!("no connection to the database: {other}"),
    })
}

type Client = Object;
