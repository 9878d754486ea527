//! Open connections that wait for their next request: one [`Lane`] for each origin, one pool a worker.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use hashbrown::HashMap;
use tokio::io::{AsyncRead, ReadBuf};

use super::io::Io;
use crate::base::clock;
use crate::base::reach::Reach;

/// How long an idle connection is kept: a little under the 60 s after which common servers close.
const IDLE: Duration = Duration::from_secs(55);
/// How long a connection is used at most, so that changes of DNS are followed.
const LIFETIME: Duration = Duration::from_secs(3600);
/// The most idle connections to one origin; what is more was a burst.
const MOST_IDLE: usize = 512;
/// How often old ones are looked for.
const SWEEP: Duration = Duration::from_secs(10);

/// A worker's idle connections.
#[derive(Default)]
pub struct Pool {
    lanes: RefCell<HashMap<(String, Reach), Rc<Lane>>>,
}

/// The idle connections to one origin.
#[derive(Default)]
pub struct Lane {
    idle: RefCell<Vec<(Connection, Instant)>>,
}

/// A connection and what has been read from it and not yet taken.
pub struct Connection {
    /// The bytes.
    pub io: Io,
    /// Read and not yet taken.
    pub read: BytesMut,
    born: Instant,
}

impl Connection {
    /// A connection that has just been made.
    pub fn new(io: Io) -> Self {
        Connection { io, read: BytesMut::new(), born: clock::now() }
    }

    /// Whether nothing has come on an idle connection: neither its end nor bytes nobody asked for.
    async fn is_quiet(&mut self) -> bool {
        let mut byte = [0; 1];
        poll_fn(|cx| {
            let polled = Pin::new(&mut self.io).poll_read(cx, &mut ReadBuf::new(&mut byte));
            Poll::Ready(polled.is_pending())
        })
        .await
    }
}

impl Pool {
    /// A pool that closes what has been idle for too long; it lives on a worker's thread.
    pub fn start() -> Rc<Self> {
        let pool = Rc::new(Pool::default());
        actix_rt::spawn(sweep(Rc::downgrade(&pool)));
        pool
    }

    /// The lane of an origin. Who may reach less far gets no connection of those who reach farther.
    pub fn lane(&self, origin: String, reach: Reach) -> Rc<Lane> {
        Rc::clone(self.lanes.borrow_mut().entry((origin, reach)).or_default())
    }
}

async fn sweep(pool: Weak<Pool>) {
    loop {
        actix_rt::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let now = clock::now();
        pool.lanes.borrow_mut().retain(|_, lane| {
            lane.idle.borrow_mut().retain(|(_, since)| now.saturating_duration_since(*since) < IDLE);
            // A route in use holds its lane, too.
            Rc::strong_count(lane) > 1 || !lane.idle.borrow().is_empty()
        });
    }
}

impl Lane {
    /// The connection that was used last and is still good.
    pub async fn take(&self) -> Option<Connection> {
        loop {
            let (mut connection, since) = self.idle.borrow_mut().pop()?;
            let now = clock::now();
            let fresh = now.saturating_duration_since(since) < IDLE
                && now.saturating_duration_since(connection.born) < LIFETIME;
            if fresh && connection.is_quiet().await {
                return Some(connection);
            }
        }
    }

    /// Takes back a connection whose answer has been read to its end.
    pub fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        if connection.read.is_empty() && idle.len() < MOST_IDLE {
            idle.push((connection, clock::now()));
        }
    }
}
