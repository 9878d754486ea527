//! A gateway on one thread, with providers that follow a script instead of a network.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_rt::Arbiter;
use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::LocalBoxFuture;
use metrics::Counter;

use super::caller::Identities;
use super::governance::Governance;
use super::pipeline::{Gateway, Shared};
use super::record::{Finished, Settle, Settled};
use crate::actors::keeper::Kept;
use crate::actors::router::{MakeStrategy, Router};
use crate::actors::topology::{self, Ground, Table};
use crate::base::secret::Secret;
use crate::config::Config;
use crate::domain::keys::reset::Calendar;
use crate::store::{Store, StoreOptions};
use crate::telemetry::Metrics;
use crate::upstream::{Fault, Reply, Route, Upstream};

pub const KEY: &str = "sk-test";

/// What a scripted provider does with one call.
#[derive(Debug, Clone)]
pub struct Script {
    /// Polls before the reply begins; `None`: it never does.
    pub begins_after: Option<u32>,
    pub status: u16,
    pub stream: bool,
    /// Each piece of the body with the polls before it.
    pub pieces: Vec<(u32, Piece)>,
}

#[derive(Debug, Clone)]
pub enum Piece {
    Bytes(Bytes),
    Cut,
    Panic,
    Hang,
}

#[derive(Default)]
pub struct Scripted {
    pub scripts: RefCell<VecDeque<Script>>,
    pub calls: Cell<u32>,
}

impl Upstream for Scripted {
    fn send(
        &self,
        _: &Rc<Route>,
        _: &[(String, Secret)],
        _: Bytes,
    ) -> LocalBoxFuture<'static, Result<Reply, Fault>> {
        self.calls.set(self.calls.get() + 1);
        let script = self.scripts.borrow_mut().pop_front().expect("a script for every call");
        Box::pin(async move {
            match script.begins_after {
                Some(polls) => pend(polls).await,
                None => std::future::pending().await,
            }
            let mut headers = HeaderMap::new();
            let kind = if script.stream { "text/event-stream" } else { "application/json" };
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            let body = ScriptedBody { pieces: script.pieces.into(), waited: 0, ended: false };
            Ok(Reply::made(script.status, headers, Box::pin(body)))
        })
    }
}

async fn pend(polls: u32) {
    for _ in 0..polls {
        tokio::task::yield_now().await;
    }
}

struct ScriptedBody {
    pieces: VecDeque<(u32, Piece)>,
    waited: u32,
    ended: bool,
}

impl Stream for ScriptedBody {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some((polls, _)) = self.pieces.front() else {
            // As the real client's body does.
            assert!(!std::mem::replace(&mut self.ended, true), "polled after its end");
            return Poll::Ready(None);
        };
        if self.waited < *polls {
            self.waited += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.waited = 0;
        match self.pieces.pop_front().map(|(_, piece)| piece) {
            Some(Piece::Bytes(bytes)) => Poll::Ready(Some(Ok(bytes))),
            Some(Piece::Cut) => Poll::Ready(Some(Err(Fault::Cut("scripted".into())))),
            Some(Piece::Panic) => panic!("scripted panic"),
            Some(Piece::Hang) | None => {
                self.pieces.push_front((0, Piece::Hang));
                Poll::Pending
            }
        }
    }
}

#[derive(Default)]
pub struct Told {
    pub arrived: Cell<usize>,
    pub finished: RefCell<Vec<Finished>>,
}

impl Settle for Told {
    fn arrived(&self) {
        self.arrived.set(self.arrived.get() + 1);
    }

    fn settle(&self, finished: Finished) -> Settled {
        self.finished.borrow_mut().push(finished);
        Settled::default()
    }
}

pub struct Rig {
    pub gateway: Rc<Gateway>,
    pub upstream: Rc<Scripted>,
    pub told: Rc<Told>,
    pub shared: Shared,
}

impl Rig {
    /// Actors and gateway on the current arbiter.
    pub async fn new(yaml: &str, strategy: MakeStrategy) -> Self {
        let metrics = Metrics::new(None).unwrap();
        let (control, cooled) = (Arbiter::current(), Arc::default());
        let ground =
            Ground { control, metrics: metrics.clone(), opener: None, cooled, bulletin: Arc::default() };
        let table = topology::build(None, Arc::new(config(yaml)), &ground);
        let shared = Shared {
            redis: None,
            cache: None,
            semantic: None,
            current: Arc::new(ArcSwap::from_pointee(table)),
            identities: Identities::new(Secret::from(KEY)),
            governance: Governance::new(
                Store::in_memory(StoreOptions::default()).unwrap(),
                Calendar::default(),
            ),
            metrics,
            in_flight: Default::default(),
            draining: Default::default(),
            decisions: Default::default(),
        };
        let router = Kept::start("router", Arbiter::current(), Counter::noop(), move |notice| {
            Router::new(Arc::clone(&strategy), notice)
        });
        let (upstream, told) = (Rc::<Scripted>::default(), Rc::<Told>::default());
        let gateway = Gateway::new(shared.clone(), upstream.clone(), router, told.clone());
        settle_down().await;
        Rig { gateway, upstream, told, shared }
    }

    pub fn table(&self) -> Arc<Table> {
        self.shared.current.load_full()
    }

    /// Attempts under way on all deployments.
    pub fn leased(&self) -> u32 {
        self.table().members().iter().map(|member| member.cell().in_flight()).sum()
    }
}

/// Lets actors on this thread do what they have to do.
pub async fn settle_down() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

pub fn config(yaml: &str) -> Config {
    let loaded = crate::config::load_text(yaml, "test.yaml", &|_| None);
    loaded.unwrap_or_else(|report| panic!("{report}")).config
}

pub fn key_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("authorization"), HeaderValue::from_static("Bearer sk-test"));
    headers
}
