//! Stage 6, settle: what is known of a finished request, told exactly once.
//!
//! A [`Record`] is made when a request arrives and travels with it, at last into the body of its
//! answer. [`Record::finish`] consumes it; dropped unfinished (the client hung up, a handler panicked)
//! it tells `client_gone` itself. There is no third way, so each request has exactly one finished-event.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::answer_id;
use super::cache::Consulted;
use super::content::Content;
use super::governance::Taken;
use crate::actors::key_directory::Identity;
use crate::base::clock;
use crate::base::error::{Error, Kind};
use crate::base::money::Nanos;
use crate::base::usage::Usage;
use crate::domain::deployment::Deployment;
use crate::domain::export::TraceParent;
use crate::domain::ledger::RowId;
use crate::domain::pricing::{Cost, Price};
use crate::wire::endpoint::Endpoint;

/// Everything that is known of a request when it is over.
pub struct Finished {
    /// Unique; the client's `x-litellm-call-id` if it sent one.
    pub call_id: Rc<str>,
    /// The same, if it was made here: then it can be its ledger row's id, too.
    pub own_id: Option<RowId>,
    /// What was asked.
    pub endpoint: Endpoint,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// What the client calls it (`x-request-id`).
    pub request_id: Option<Box<str>>,
    /// Who is calling, once that is known.
    pub identity: Option<Arc<Identity>>,
    /// SHA-256 of the caller's key, once it is known.
    pub hashed_key: Option<Arc<str>>,
    /// The address that it came from.
    pub requester: Option<IpAddr>,
    /// The name the client asked for, if such a model exists here.
    pub requested_model: Option<Arc<str>>,
    /// The group that answered, or failed last.
    pub group: Option<Arc<str>>,
    /// The deployment that answered, or failed last.
    pub deployment: Option<Arc<Deployment>>,
    /// What was asked of that deployment, if it is a wildcard.
    pub wild: Option<Wild>,
    /// HTTP status the client saw (or would have seen).
    pub status: u16,
    /// What went wrong, if something did.
    pub error: Option<Error>,
    /// Tokens, as far as they are known.
    pub usage: Option<Usage>,
    /// When the request arrived.
    pub received: Instant,
    /// Arrival to end.
    pub duration: Duration,
    /// Time spent waiting for providers.
    pub upstream: Duration,
    /// Arrival until limits and budget had room; `None`: it never came so far.
    pub queued: Option<Duration>,
    /// Arrival to the first token, streams only.
    pub first_token: Option<Duration>,
    /// Upstream calls made.
    pub attempts: u32,
    /// Fallback hops taken.
    pub fallbacks: u32,
    /// Bytes of answer text that came, for an estimate where the provider tells no usage.
    pub output_bytes: u64,
    /// What the answer calls itself; empty when it was looked for in vain.
    pub answer_id: Option<Box<str>>,
    /// What was asked and answered, where the ledger is to keep it.
    pub content: Option<Box<Content>>,
    /// The caller's place in a trace, where finished requests are exported.
    pub trace: Option<TraceParent>,
    /// Callbacks that the caller wants not told of it, where finished requests are exported.
    pub muted: Option<Box<str>>,
    /// What the response cache had to do with it.
    pub cache: Option<Box<Consulted>>,
    /// What it took from limits and budgets, and who pays; `None` before it was admitted.
    pub taken: Option<Box<Taken>>,
}

impl Finished {
    /// What is known of a request that has just arrived.
    fn begun(endpoint: Endpoint, call_id: Rc<str>, received: Instant) -> Self {
        Finished {
            call_id,
            own_id: None,
            endpoint,
            stream: false,
            request_id: None,
            identity: None,
            hashed_key: None,
            requester: None,
            requested_model: None,
            group: None,
            deployment: None,
            wild: None,
            status: 0,
            error: None,
            usage: None,
            received,
            duration: Duration::ZERO,
            upstream: Duration::ZERO,
            queued: None,
            first_token: None,
            attempts: 0,
            fallbacks: 0,
            output_bytes: 0,
            answer_id: None,
            content: None,
            trace: None,
            muted: None,
            cache: None,
            taken: None,
        }
    }

    /// A request that is over, for tests of what becomes of it.
    #[cfg(test)]
    pub fn of_test(endpoint: Endpoint, status: u16, deployment: Option<Arc<Deployment>>) -> Self {
        let mut finished = Finished::begun(endpoint, "call".into(), clock::now());
        finished.group = deployment.as_ref().map(|deployment| Arc::clone(&deployment.group));
        finished.requested_model = finished.group.clone();
        (finished.status, finished.deployment, finished.attempts) = (status, deployment, 1);
        finished
    }

    /// Whether the response cache answered; `None`: it was not asked.
    pub fn cache_hit(&self) -> Option<bool> {
        self.cache.as_ref().map(|cache| cache.hit)
    }

    /// The price of what answered: of the model behind a wildcard, or of the deployment.
    pub fn price(&self) -> Option<&Price> {
        match &self.wild {
            Some(wild) => wild.price.as_deref(),
            None => self.deployment.as_ref()?.info.price.as_deref(),
        }
    }
}

/// The model that was asked for through a wildcard.
#[derive(Debug, Clone)]
pub struct Wild {
    /// The provider's own name of it.
    pub model: Arc<str>,
    /// What it costs; `None` when nobody knows.
    pub price: Option<Arc<Price>>,
}

/// What a request came to, for the headers of an answer that has not left yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settled {
    /// What it cost, where that is known.
    pub cost: Option<Cost>,
    /// The share that `cost_margin_config` puts on top, in billionths.
    pub margin_share: Nanos,
    /// What its key has spent, this request included.
    pub key_spend: Option<Nanos>,
}

/// Whoever wants to know of finished requests.
pub trait Settle {
    /// Called once when a request arrives.
    fn arrived(&self);

    /// Whether it wants to know of the caller's trace.
    fn traces(&self) -> bool {
        false
    }

    /// Called exactly once for every request. The answer says what it came to.
    fn settle(&self, finished: Finished) -> Settled;
}

/// A request's record while it is under way.
pub struct Record {
    settle: Rc<dyn Settle>,
    facts: Option<Box<Finished>>,
}

impl Record {
    /// Opens the record of a request that has just arrived.
    pub fn open(settle: Rc<dyn Settle>, endpoint: Endpoint, call_id: Rc<str>, received: Instant) -> Self {
        let facts = Finished::begun(endpoint, call_id, received);
        Record { settle, facts: Some(Box::new(facts)) }
    }

    /// Adds what has become known.
    pub fn note(&mut self, note: impl FnOnce(&mut Finished)) {
        if let Some(facts) = &mut self.facts {
            note(facts);
        }
    }

    /// What the request has taken, to be changed by whoever gives it back to [`Record::note`].
    pub fn taken(&mut self) -> Option<Box<Taken>> {
        self.facts.as_mut()?.taken.take()
    }

    /// All of the answer is there.
    pub fn whole(&mut self, body: &Bytes) {
        let Some(facts) = &mut self.facts else { return };
        facts.answer_id = answer_id::of_whole(facts.endpoint, body);
        if let Some(content) = &mut facts.content {
            content.whole(body);
        }
    }

    /// The next bytes of a streamed answer.
    pub fn more(&mut self, bytes: &[u8]) {
        let Some(facts) = &mut self.facts else { return };
        // Comments may stand before the first event; behind it nobody looks again.
        if facts.answer_id.is_none() && !bytes.starts_with(b":") {
            facts.answer_id = Some(answer_id::of_events(facts.endpoint, bytes).unwrap_or_default());
        }
        if let Some(content) = &mut facts.content {
            content.more(bytes);
        }
        if let Some(stream) = facts.cache.as_mut().and_then(|cache| cache.stream.as_mut()) {
            stream.more(bytes);
        }
    }

    /// What the request's key has spent before it.
    pub fn key_spend(&self) -> Option<Nanos> {
        let taken = self.facts.as_ref()?.taken.as_ref()?;
        taken.caller.identity().spent_with(Nanos::ZERO)
    }

    /// What is known so far.
    pub fn facts(&self) -> Option<&Finished> {
        self.facts.as_deref()
    }

    /// Closes the record: the answer went out whole, or `error` ended it.
    pub fn finish(mut self, status: u16, error: Option<Error>) -> Settled {
        self.close(status, error)
    }

    /// The same while somebody else goes on to hold it; nothing is noted any more.
    pub fn finish_now(&mut self, status: u16, error: Option<Error>) -> Settled {
        self.close(status, error)
    }

    fn close(&mut self, status: u16, error: Option<Error>) -> Settled {
        let Some(mut facts) = self.facts.take() else { return Settled::default() };
        facts.status = status;
        facts.error = error;
        facts.duration = clock::now().saturating_duration_since(facts.received);
        if let Some(cache) = &facts.cache {
            cache.finished(&facts);
        }
        self.settle.settle(*facts)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let status = Kind::ClientGone.behaviour().status;
        if self.facts.is_some() {
            self.close(status, Some(Error::new(Kind::ClientGone, "The client closed the connection.")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[derive(Default)]
    struct Told(RefCell<Vec<u16>>);

    impl Settle for Told {
        fn arrived(&self) {}

        fn settle(&self, finished: Finished) -> Settled {
            self.0.borrow_mut().push(finished.status);
            Settled::default()
        }
    }

    #[test]
    fn every_record_is_told_once() {
        let told = Rc::new(Told::default());
        let open = || Record::open(told.clone(), Endpoint::Chat, "id".into(), Instant::now());
        open().finish(200, None);
        drop(open());
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _record = open();
            panic!("a handler's defect");
        }));
        assert!(caught.is_err());
        assert_eq!(*told.0.borrow(), [200, 499, 499]);
    }
}
