//! The connection that listens.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{interval, sleep, timeout};
use tokio_postgres::AsyncMessage;

use super::{CONNECT, Postgres, SILENT, session, tls};
use crate::store::StoreError;
use crate::store::listen::{CHANNEL, Ear, Notice};
use crate::store::url::PostgresTarget;

/// How often a silent connection is asked whether it still is one, and how long it may take to answer.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Pause before the next attempt.
const AGAIN: Duration = Duration::from_millis(500);
/// Messages on their way to the ear; the connection waits while there are more.
const WAITING: usize = 256;

impl Postgres {
    /// Listens, for ever, on the store's own threads; ends with the returned future.
    pub async fn listen(&self, ear: Ear) {
        // So that all together stay within what is configured.
        let several = self.connections > 1;
        let _permit = if several { Arc::clone(&self.permits).acquire_owned().await.ok() } else { None };
        let Some(runtime) = &self.runtime else { return };
        let target = Arc::clone(&self.target);
        let work = AbortOnDrop(runtime.spawn(async move {
            loop {
                match attend(&target, &ear).await {
                    Ok(()) => {}
                    Err(cause) => tracing::debug!(%cause, "the database is not listened to"),
                }
                sleep(AGAIN).await;
            }
        }));
        let _never = work;
        std::future::pending::<()>().await;
    }
}

/// Ends the work with whoever waits for it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects, listens, and ends when the connection does.
async fn attend(target: &PostgresTarget, ear: &Ear) -> Result<(), StoreError> {
    let failed = |cause: tokio_postgres::Error| StoreError::unavailable(session::chain(&cause));
    let mut config = target.config.clone();
    config.connect_timeout(CONNECT).keepalives_idle(SILENT).tcp_user_timeout(SILENT);
    let connecting = timeout(CONNECT, config.connect(tls::connector(target)?)).await;
    let silent = || StoreError::unavailable("the database does not answer");
    let (client, mut connection) = connecting.map_err(|_| silent())?.map_err(failed)?;
    let (tell, mut told) = mpsc::channel(WAITING);
    let driving = AbortOnDrop(tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(note) = message
                && tell.send(note.payload().to_owned()).await.is_err()
            {
                return;
            }
        }
    }));
    let listening = timeout(CONNECT, client.batch_execute(&format!("LISTEN {CHANNEL}"))).await;
    listening.map_err(|_| silent())?.map_err(failed)?;
    ear(Notice::Began);
    let mut look = interval(LOOK_EVERY);
    look.tick().await;
    loop {
        tokio::select! {
            text = told.recv() => match text {
                Some(text) => ear(Notice::Message(text)),
                None => break,
            },
            _ = look.tick() => {
                let answer = timeout(LOOK_EVERY, client.batch_execute("SELECT 1")).await;
                if !matches!(answer, Ok(Ok(()))) {
                    break;
                }
            }
        }
    }
    ear(Notice::Lost);
    drop(driving);
    Ok(())
}
