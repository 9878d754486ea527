//! The thread that keeps the link connected: connects, tries the connection, waits for trouble, and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::LinkError;
use super::connection::{Connection, Session, Shared, VERDICT, silence};

/// How often it is tried to come back.
const PROBE_EVERY: Duration = Duration::from_millis(250);
/// How often a connection that nobody complains of is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the thread will run.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Starts the thread; it ends when the link is closed.
pub(super) fn start(shared: Arc<Shared>, runtime: Runtime) -> std::io::Result<()> {
    std::thread::Builder::new().name("redis".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = shared.closed.notified() => {}
                () = keep(&shared) => {}
            }
        });
        // Connections' own tasks end with the runtime; name look-ups under way are not waited for.
        runtime.shutdown_background();
    })?;
    Ok(())
}

async fn keep(shared: &Shared) {
    let mut number = 0;
    let mut absent = None;
    loop {
        match half_open(shared).await {
            Ok(connection) => {
                number += 1;
                let session = shared.take_up(number, connection);
                say_up(shared, &session, absent.take());
                tokio::select! {
                    () = session.is_lost() => {}
                    () = look_after(shared, &session) => {}
                }
                absent = Some(Instant::now());
            }
            Err(cause) => {
                if absent.is_none() {
                    shared.note_absence(&cause);
                    absent = Some(Instant::now());
                }
                tracing::debug!(%cause, "Redis still cannot be used");
                tokio::time::sleep(PROBE_EVERY).await;
            }
        }
    }
}

/// A new connection that takes a write: a replica that is no master any more, or a full memory, would not do.
async fn half_open(shared: &Shared) -> Result<Connection, LinkError> {
    let mut connection = shared.dialer.connect().await?;
    probe(shared, &mut connection).await?;
    Ok(connection)
}

async fn probe(shared: &Shared, connection: &mut Connection) -> Result<(), LinkError> {
    let key = format!("{}probe", shared.dialer.prefix());
    let mut write = redis::cmd("SET");
    write.arg(key).arg(1).arg("PX").arg(60_000);
    let look = async {
        // On a Cluster every master is asked.
        connection.send(&redis::cmd("PING")).await?;
        connection.send(&write).await?;
        Ok(())
    };
    tokio::select! {
        biased;
        answer = look => answer,
        () = silence(VERDICT) => Err(LinkError::Late),
    }
}

/// Looks now and then, and where somebody doubts, so that trouble is known before a request meets it. Ends when it has
/// given the session up.
async fn look_after(shared: &Shared, session: &Arc<Session>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = session.is_in_doubt() => {}
        }
        match probe(shared, &mut session.connection()).await {
            Ok(()) => session.trust(),
            Err(cause) => {
                shared.give_up(session, &cause);
                return;
            }
        }
    }
}

fn say_up(shared: &Shared, session: &Session, absent: Option<Instant>) {
    let address = &shared.dialer.settings().address;
    match absent {
        None => tracing::info!(%address, "Redis is reached; replicas share limits and state over it"),
        Some(since) => {
            let away = since.elapsed().as_secs_f64();
            tracing::info!(%address, connection = session.number(), away, "Redis can be used again");
        }
    }
}
