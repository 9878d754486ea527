//! The client that goes round: one request on one replica after the other, and what became of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::harness::conn::Conn;

/// The endpoint that everybody asks.
pub const CHAT: &str = "/v1/chat/completions";

/// The replicas that take requests now, as a load balancer knows them.
#[derive(Default)]
pub struct Ring {
    addresses: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
}

impl Ring {
    /// The next one's address; `None` while there is none.
    pub fn next(&self) -> Option<SocketAddr> {
        let addresses = self.addresses.lock().unwrap();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        addresses.get(turn % addresses.len().max(1)).copied()
    }

    /// Takes one in.
    pub fn add(&self, address: SocketAddr) {
        self.addresses.lock().unwrap().push(address);
    }

    /// Takes one out.
    pub fn remove(&self, address: SocketAddr) {
        self.addresses.lock().unwrap().retain(|known| *known != address);
    }
}

/// One request.
#[derive(Clone)]
pub struct Request {
    pub key: Arc<str>,
    pub body: Arc<Value>,
    /// Hangs up after so long.
    pub patience: Option<Duration>,
}

/// How a request ended, as its client saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The last byte came, and it is an answer that looks complete.
    Whole,
    /// The last byte came, and it tells of an error: an error reply, or a stream that ends with an error.
    Error,
    /// The connection broke before the last byte.
    Cut,
    /// The client hung up.
    HungUp,
    /// Nobody took the connection.
    Nobody,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Done {
    pub began: Instant,
    pub took: Duration,
    pub end: End,
    /// 0 where no status line came.
    pub status: u16,
    /// `x-litellm-call-id`
    pub id: String,
}

impl Request {
    pub fn new(key: &str, body: Value) -> Self {
        Request { key: key.into(), body: Arc::new(body), patience: None }
    }

    pub fn hangs_up_after(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Sends it on a connection of its own.
    pub async fn send(&self, address: Option<SocketAddr>) -> Done {
        let began = Instant::now();
        let mut done = Done { began, took: Duration::ZERO, end: End::HungUp, status: 0, id: String::new() };
        let asked = self.ask(address, &mut done);
        match self.patience {
            Some(patience) => {
                let _ = tokio::time::timeout(patience, asked).await;
            }
            None => asked.await,
        }
        done.took = began.elapsed();
        done
    }

    async fn ask(&self, address: Option<SocketAddr>, done: &mut Done) {
        let connected = match address {
            Some(address) => TcpStream::connect(address).await.ok(),
            None => None,
        };
        let Some(tcp) = connected else {
            done.end = End::Nobody;
            return;
        };
        let mut conn = Conn::new(tcp);
        let body = self.body.to_string();
        let bearer = format!("Bearer {}", self.key);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let mut bytes = Conn::head_of("POST", CHAT, &headers);
        bytes.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        let reply = match conn.write(bytes.as_bytes()).await {
            Ok(()) => conn.reply().await.ok(),
            Err(_) => None,
        };
        let Some(reply) = reply else {
            done.end = End::Cut;
            return;
        };
        done.status = reply.status();
        done.id = reply.header("x-litellm-call-id").unwrap_or_default().to_owned();
        let streams = self.body["stream"] == true;
        let complete = reply.status() == 200 && (!streams || reply.text().contains("[DONE]"));
        done.end = if complete { End::Whole } else { End::Error };
    }
}

/// So many requests at once, replica after replica; how often each status came.
pub async fn at_once(ring: &Ring, request: &Request, calls: usize) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for done in join_all((0..calls).map(|_| request.send(ring.next()))).await {
        *counts.entry(done.status).or_insert(0) += 1;
    }
    counts
}

/// Load that goes on until it is told to end.
pub struct Load {
    ends: Arc<AtomicBool>,
    work: JoinHandle<Vec<Done>>,
}

impl Load {
    /// So many clients; each asks anew when it has its answer. `make` says what the n-th request of a client is.
    pub fn of_clients(
        ring: &Arc<Ring>,
        clients: usize,
        make: impl Fn(usize, usize) -> Request + Send + Sync + 'static,
    ) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let make = Arc::new(make);
        let each: Vec<_> = (0..clients)
            .map(|client| {
                let (ring, ends, make) = (Arc::clone(ring), Arc::clone(&ends), Arc::clone(&make));
                tokio::spawn(async move {
                    let mut all = Vec::new();
                    while !ends.load(Ordering::Relaxed) {
                        let done = make(client, all.len()).send(ring.next()).await;
                        let nobody = done.end == End::Nobody;
                        all.push(done);
                        if nobody {
                            // A replica that has just died is not asked in a tight loop.
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                    all
                })
            })
            .collect();
        let work = async move { join_all(each).await.into_iter().flat_map(Result::unwrap).collect() };
        Load { ends, work: tokio::spawn(work) }
    }

    /// A request every so often, whether or not earlier ones have been answered.
    pub fn steady(
        ring: &Arc<Ring>,
        every: Duration,
        make: impl Fn(usize) -> Request + Send + 'static,
    ) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let (ring, stop) = (Arc::clone(ring), Arc::clone(&ends));
        let work = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(every);
            let mut open = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                ticks.tick().await;
                let (request, address) = (make(open.len()), ring.next());
                open.push(tokio::spawn(async move { request.send(address).await }));
            }
            join_all(open).await.into_iter().map(Result::unwrap).collect()
        });
        Load { ends, work }
    }

    /// Ends it; what became of all requests.
    pub async fn end(self) -> Vec<Done> {
        self.ends.store(true, Ordering::Relaxed);
        self.work.await.unwrap()
    }
}

/// How many ended like this.
pub fn count(all: &[Done], end: End) -> usize {
    all.iter().filter(|done| done.end == end).count()
}

/// How many have this status.
pub fn with_status(all: &[Done], status: u16) -> usize {
    all.iter().filter(|done| done.status == status).count()
}

/// The time below which 99 of 100 of those took that began in a span.
pub fn p99(all: &[Done], from: Instant, to: Instant) -> Duration {
    let mut took: Vec<Duration> =
        all.iter().filter(|done| done.began >= from && done.began < to).map(|done| done.took).collect();
    took.sort();
    took.get((took.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}
