//! One request, readable from top to bottom. One [`Gateway`] per worker.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_http::header::HeaderMap;
use actix_http::{Response, StatusCode};
use arc_swap::Guard;
use bytes::Bytes;

use super::admit::Raw;
use super::answer::{Answer, AnswerBody, AnswerStream, Held};
use super::attempts::{self, Served};
use super::cache;
use super::call::Call;
use super::caller::{self, Caller, Identities};
use super::cost_headers;
use super::decisions::Decisions;
use super::drain;
use super::explain::{self, Audience};
use super::failure::{Failure, refuse};
use super::governance::Governance;
use super::headers;
use super::limit_headers;
use super::prepare::Routes;
use super::record::{Record, Settle};
use super::reserve::{Draining, InFlight, Reserved, Ticket};
use super::tally::Tally;
use super::translate::ContentType;
use super::{address, admission, budget_gauges, deployment_gauges, patience, rate_gauges, semantic};
use crate::actors::deployment::Inspect;
use crate::actors::keeper::Kept;
use crate::actors::outbox::Outbox;
use crate::actors::response_cache::ResponseCache;
use crate::actors::router::Router;
use crate::actors::semantic_cache::SemanticCache;
use crate::actors::topology::{Current, Table};
use crate::base::clock;
use crate::base::error::Error;
use crate::domain::ledger::RowId;
use crate::redis_link::{Link, State};
use crate::telemetry::{Metrics, logging, names, process};
use crate::upstream::{Reply, Upstream};
use crate::wire::endpoint::Endpoint;

/// What all workers share.
#[derive(Clone)]
pub struct Shared {
    /// The current table.
    pub current: Current,
    /// Whose keys are accepted.
    pub identities: Identities,
    /// Limits and budgets.
    pub governance: Governance,
    /// What replicas share; `None`: this process is alone.
    pub redis: Option<Link>,
    /// The response cache, where the configuration has one.
    pub cache: Option<ResponseCache>,
    /// Which questions it knows the answers to, by what they mean.
    pub semantic: Option<SemanticCache>,
    /// The registry.
    pub metrics: Metrics,
    /// Requests under way in the process.
    pub in_flight: InFlight,
    /// Whether the process is shutting down.
    pub draining: Draining,
    /// What the routers decided last.
    pub decisions: Decisions,
}

/// One worker's gateway.
pub struct Gateway {
    pub(super) shared: Shared,
    pub(super) upstream: Rc<dyn Upstream>,
    pub(super) router: Kept<Router>,
    pub(super) outbox: Rc<Outbox>,
    pub(super) routes: Routes,
    pub(super) rng: RefCell<fastrand::Rng>,
    settle: Rc<dyn Settle>,
}

/// A request that has just arrived.
pub struct Opened {
    record: Record,
    ticket: Ticket,
}

/// A request whose caller is known.
pub struct Identified {
    opened: Opened,
    caller: Caller,
    call_id: Rc<str>,
    call_id_in_body: bool,
}

/// A request as the HTTP layer read it.
pub struct Inbound<'a> {
    /// Headers.
    pub headers: &'a HeaderMap,
    /// The model that the path names.
    pub path_model: Option<&'a str>,
    /// Azure's `?api-version=`.
    pub api_version: Option<&'a str>,
    /// The body.
    pub body: Bytes,
}

impl Gateway {
    /// A gateway for this thread.
    pub fn new(
        shared: Shared,
        upstream: Rc<dyn Upstream>,
        router: Kept<Router>,
        settle: Rc<dyn Settle>,
    ) -> Rc<Self> {
        Rc::new(Gateway {
            shared,
            upstream,
            router,
            outbox: Rc::default(),
            routes: Routes::default(),
            rng: RefCell::new(fastrand::Rng::new()),
            settle,
        })
    }

    /// The current table.
    pub fn table(&self) -> Guard<Arc<Table>> {
        self.shared.current.load()
    }

    /// What the routers of this process decided last.
    pub fn decisions(&self) -> &Decisions {
        &self.shared.decisions
    }

    /// Limits and budgets.
    pub fn governance(&self) -> &Governance {
        &self.shared.governance
    }

    /// The registry.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The registry and what else is shown as metrics, as text.
    pub fn render_metrics(&self) -> String {
        self.shared.metrics.counter(names::LOG_DROPPED, &[]).absolute(logging::dropped());
        if let Some(cache) = &self.shared.cache {
            cache.show();
        }
        if let Some(semantic) = &self.shared.semantic {
            semantic.show();
        }
        let mut text = self.shared.metrics.render();
        let expected = deployment_gauges::render(&self.table(), Instant::now(), &mut text);
        self.shared.metrics.leave_room(expected);
        process::render(&mut text);
        deployment_gauges::mailboxes(&self.table(), self.shared.identities.directory(), &mut text);
        if let Some(directory) = self.shared.identities.directory() {
            budget_gauges::render(directory, self.shared.governance.budgets(), &mut text);
            rate_gauges::render(directory, self.shared.governance.limiter(), &mut text);
        }
        text
    }

    /// Whether the process is shutting down.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.is_on()
    }

    /// Whether the shared Redis can be used; `None`: there is none.
    pub fn redis(&self) -> Option<State> {
        self.shared.redis.as_ref().map(Link::state)
    }

    /// Waits until the deployments' actors have taken in what this worker has told them.
    pub async fn settle_facts(&self) {
        self.outbox.flush();
        for member in self.table().members() {
            let asked = member.actor().with(|address| address.send(Inspect));
            if let Some(asked) = asked
                && asked.await.is_err()
            {
                tracing::debug!("a deployment's actor is being restarted");
            }
        }
    }

    /// The largest body that is read.
    pub fn max_request_bytes(&self) -> usize {
        self.table().config.general.max_request_bytes
    }

    /// Checks from where a request comes, and its key.
    ///
    /// # Errors
    /// 401, 403, 503.
    pub async fn check_key(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<Caller, Error> {
        let key = self.presented_key(headers, peer)?;
        caller::identify(key, &self.shared.identities).await
    }

    /// The key that a request presents, if it may come from where it comes.
    ///
    /// # Errors
    /// 403 for the address, 401 for the key.
    pub fn presented_key<'h>(&self, headers: &'h HeaderMap, peer: Option<IpAddr>) -> Result<&'h str, Error> {
        let table = self.table();
        let settings = &table.config.governance.identity;
        address::check(settings, peer, headers)?;
        caller::presented_key(headers, settings.key_header.as_deref())
    }

    /// A request has arrived: from here on its end will be told, whatever it is.
    pub fn open(&self, endpoint: Endpoint, headers: &HeaderMap, received: Instant) -> Opened {
        // In the order of time: random ones would be spread over the whole of the ledger's index of call ids.
        let own_id = RowId::new(clock::unix_ms());
        let theirs = headers::client_call_id(headers);
        let call_id = match &theirs {
            Some(theirs) => theirs.as_str().into(),
            None => own_id.text(&mut RowId::room()).into(),
        };
        let ticket = self.shared.in_flight.take();
        let settle = Rc::clone(&self.settle);
        settle.arrived();
        let (trace, muted) =
            if settle.traces() { (headers::trace(headers), headers::muted(headers)) } else { (None, None) };
        let mut record = Record::open(settle, endpoint, call_id, received);
        record.note(|facts| {
            (facts.own_id, facts.trace) = (theirs.is_none().then_some(own_id), trace);
            facts.muted = muted;
            facts.request_id = headers::request_id(headers);
        });
        Opened { record, ticket }
    }

    /// The gateway makes a call by itself for somebody: it is told of like a request.
    pub(super) fn open_own(&self, call: &Call, caller: &Caller, id: RowId) -> Held {
        let ticket = self.shared.in_flight.take();
        let settle = Rc::clone(&self.settle);
        settle.arrived();
        let mut record = Record::open(settle, call.endpoint, Rc::clone(&call.call_id), call.received);
        record.note(|facts| {
            facts.own_id = Some(id);
            facts.hashed_key = Some(Arc::clone(caller.hashed_key()));
            facts.requested_model = Some(Arc::clone(&call.resolved.group));
            facts.group = Some(Arc::clone(&call.resolved.group));
        });
        Held { record, ticket }
    }

    /// Who is calling?
    ///
    /// # Errors
    /// 401, 403, 503.
    pub async fn identify(
        &self,
        opened: Opened,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Identified, Failure> {
        let call_id = opened.record.facts().map_or_else(|| "".into(), |facts| Rc::clone(&facts.call_id));
        let call_id_in_body = self.table().config.general.call_id_in_errors;
        match self.check_key(headers, peer).await {
            Ok(caller) => {
                let mut opened = opened;
                let identity = Arc::clone(caller.identity());
                let requester = address::shown(&self.table().config.governance.identity, peer, headers);
                opened.record.note(|facts| {
                    facts.hashed_key = Some(Arc::clone(&identity.hash));
                    (facts.identity, facts.requester) = (Some(identity), requester);
                });
                Ok(Identified { opened, caller, call_id, call_id_in_body })
            }
            Err(error) => Err(refuse(opened.record, error, &call_id, call_id_in_body)),
        }
    }

    /// Serves an identified request.
    ///
    /// # Errors
    /// What went wrong, with the headers that belong to it. The record is closed.
    pub async fn serve(
        self: &Rc<Self>,
        identified: Identified,
        inbound: Inbound<'_>,
    ) -> Result<Answer, Failure> {
        let table = Arc::clone(&self.table());
        let Identified { opened: Opened { mut record, ticket }, caller, call_id, call_id_in_body } =
            identified;
        let facts = record.facts();
        let (endpoint, received) =
            facts.map_or((Endpoint::Chat, clock::now()), |facts| (facts.endpoint, facts.received));
        let audience = Audience::of(&caller, &table);
        let raw = Raw {
            endpoint,
            headers: inbound.headers,
            path_model: inbound.path_model,
            api_version: inbound.api_version,
            body: inbound.body,
            own: caller.identity().own.clone(),
            received,
            call_id: Rc::clone(&call_id),
            audience,
        };
        let headers = inbound.headers;
        let refused = |record, error| {
            refuse(record, error, &call_id, call_id_in_body).explained(audience.asked(Some(headers)))
        };
        let mut admitted = match admission::admit(raw, &table, caller, &mut record) {
            Ok(admitted) => admitted,
            Err(error) => return Err(refused(record, error)),
        };
        if self.shared.cache.is_some() {
            match Box::pin(cache::consult(self, &mut admitted, headers, &mut record)).await {
                Ok(None) => {}
                Ok(Some(answer)) => return Ok(answer),
                Err(error) => return Err(refused(record, error)),
            }
        }
        let reserved = match admitted.reserve(&self.shared.governance, &table, &mut record).await {
            Ok(reserved) => Rc::new(reserved),
            Err(error) => return Err(refused(record, error)),
        };
        if table.config.semantic.is_some()
            && let Some(answer) = Box::pin(semantic::answer(self, &reserved, &mut record)).await
        {
            return Ok(answer);
        }
        let held = Held { record, ticket };
        match patience::keepalive(reserved.call()) {
            Some(interval) => Box::pin(self.with_keepalive(reserved, held, interval)).await,
            None if drain::wanted(&reserved) => {
                let detached = Box::pin(drain::detached(self, Rc::clone(&reserved), held)).await;
                self.conclude_detached(&reserved, detached)
            }
            None => {
                let (held, tally, result) = self.work(&reserved, held).await;
                self.conclude(&reserved, held, tally, result)
            }
        }
    }

    /// Makes the attempts; what is held comes back whatever they end with.
    pub(super) async fn work(
        self: &Rc<Self>,
        reserved: &Reserved,
        mut held: Held,
    ) -> (Held, Tally, Result<Served, Error>) {
        let mut tally = Tally::default();
        let result = attempts::run(self, reserved, &mut tally, &mut held.record).await;
        (held, tally, result)
    }

    fn conclude(
        &self,
        reserved: &Reserved,
        mut held: Held,
        tally: Tally,
        result: Result<Served, Error>,
    ) -> Result<Answer, Failure> {
        let call = reserved.call();
        let result = match self.shared.cache {
            Some(_) => cache::completed(self, &mut held.record, result),
            None => result,
        };
        match result {
            Ok(Served::Whole { status, whole, reply }) => {
                let upstream = reply.as_deref().map(Reply::headers);
                let mut head = head(status);
                headers::success(self, call, &tally, upstream, &whole.content_type, head.headers_mut());
                told(reserved, &tally, head.headers_mut());
                cache::answered(self, &held.record, status, &whole, head.headers_mut());
                held.record.note(|facts| {
                    facts.usage = whole.usage;
                    facts.output_bytes = whole.uncounted_bytes();
                });
                held.record.whole(&whole.body);
                let settled = held.record.finish(status, None);
                cost_headers::settled(&settled, head.headers_mut());
                Ok(Answer { head, body: AnswerBody::Whole(whole.body) })
            }
            Ok(Served::Live { live, headers }) => {
                let shape = if live.is_binary() { ContentType::Upstream } else { ContentType::Events };
                let mut head = head(200);
                headers::success(self, call, &tally, Some(&headers), &shape, head.headers_mut());
                told(reserved, &tally, head.headers_mut());
                cost_headers::begun(held.record.key_spend(), head.headers_mut());
                cache::begun(self, &mut held.record, head.headers_mut());
                let stream = AnswerStream::flowing(live, held, call.received);
                Ok(Answer { head, body: AnswerBody::Stream(stream) })
            }
            Err(error) => {
                let mut headers = headers::failure(self, call, &tally);
                told(reserved, &tally, &mut headers);
                let call_id_in_body =
                    call.table.config.general.call_id_in_errors.then(|| Rc::clone(&call.call_id));
                held.record.finish(error.status(), Some(error.clone()));
                Err(Failure { error, headers, call_id_in_body })
            }
        }
    }

    pub(super) fn conclude_detached(
        &self,
        reserved: &Reserved,
        outcome: Result<drain::Outcome, Error>,
    ) -> Result<Answer, Failure> {
        match outcome {
            Ok((held, tally, result)) => self.conclude(reserved, held, tally, result),
            Err(error) => {
                let headers = headers::minimal(&reserved.call().call_id);
                Err(Failure { error, headers, call_id_in_body: None })
            }
        }
    }
}

/// How the caller's limits stand, and why it went where it went.
fn told(reserved: &Reserved, tally: &Tally, headers: &mut HeaderMap) {
    limit_headers::tell(reserved.standings(), headers);
    explain::tell(reserved.call(), tally, reserved.standings(), headers);
}

pub(super) fn head(status: u16) -> Response<()> {
    Response::with_body(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), ())
}

impl Identified {
    /// Whether the caller's key may call this path.
    ///
    /// # Errors
    /// 403.
    pub fn may_call(&self, path: &str) -> Result<(), Error> {
        self.caller.may_call(path)
    }

    /// The request ends here.
    pub fn refuse(self, error: Error) -> Failure {
        refuse(self.opened.record, error, &self.call_id, self.call_id_in_body)
    }
}
