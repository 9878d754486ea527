//! Stage 4, attempts: pick, call, judge, retry, fall back, all inside one deadline.

use std::sync::Arc;
use std::time::Duration;

use actix_http::header::HeaderMap;

use super::attempt;
use super::call::Call;
use super::explain::{self, Audience};
use super::hop::{self, Hop, also_failed};
use super::live::Live;
use super::pipeline::Gateway;
use super::record::{Record, Wild};
use super::reserve::Reserved;
use super::tally::{Step, Tally, Trail};
use super::translate::Whole;
use crate::actors::deployment::Inspect;
use crate::actors::router::{self, NoPick, Pick, Picked};
use crate::base::clock;
use crate::base::error::{Error, Kind};
use crate::domain::deployment::Deployment;
use crate::domain::reliability::{FallbackPlan, GroupFacts, Next, RetryState};
use crate::domain::routing::groups::{Member, Resolved};
use crate::domain::routing::{Decision, Nothing, Tried};
use crate::upstream::Reply;

/// How often a pick is repeated because another worker took the last place, or the router restarts.
const PICK_TRIES: u32 = 20;
/// The pause between such tries.
const PICK_PAUSE: Duration = Duration::from_millis(5);

/// The longest wait for a deployment's actor to take in a failure.
const ACKNOWLEDGED: Duration = Duration::from_millis(20);

/// An answer that a provider gave.
#[allow(clippy::large_enum_variant, reason = "moved once; a box would cost every request an allocation")]
pub enum Served {
    /// All of it.
    Whole {
        /// HTTP status.
        status: u16,
        /// The body, translated.
        whole: Whole,
        /// The provider's reply, read to its end, for its headers.
        reply: Option<Box<Reply>>,
    },
    /// A stream whose first bytes are there.
    Live {
        /// The stream.
        live: Box<Live>,
        /// The provider's headers.
        headers: HeaderMap,
    },
}

/// Makes attempts until one is answered, or nothing is left to try.
///
/// # Errors
/// What the request's own group failed with; failures of fallbacks are named in its message.
pub async fn run(
    gateway: &Gateway,
    reserved: &Reserved,
    tally: &mut Tally,
    record: &mut Record,
) -> Result<Served, Error> {
    let call = reserved.call();
    let config = &call.table.config;
    let trail = &mut Trail { record, tally };
    let mut plan = FallbackPlan::new(&config.router.fallbacks, call.fallbacks(), &call.resolved.group);
    let mut hop = Hop { resolved: call.resolved.clone(), body: call.body.clone(), size: call.size.clone() };
    let mut first: Option<Error> = None;
    loop {
        let group = Arc::clone(&hop.resolved.group);
        let names = [&*hop.resolved.name, &*group];
        trail.tally.group = Some(Arc::clone(&group));
        let nowhere_else = plan.clone().next(Kind::AllCooling, &names).is_none();
        let error = match in_group(gateway, call, &hop, nowhere_else, trail.tally).await {
            Ok(served) => {
                fallback_told(gateway, call, trail.tally, true);
                return Ok(served);
            }
            Err(error) => error,
        };
        let kind = error.kind();
        let kept = match first.take() {
            None => error,
            Some(first) => also_failed(first, (&group, trail.tally.hidden), &error),
        };
        match Box::pin(hop::onward(gateway, call, &mut plan, (kind, &hop), trail, kept)).await {
            Ok((next, kept)) => {
                tracing::info!(from = &*group, to = &*next.resolved.group, "falling back");
                first = Some(kept);
                hop = next;
                trail.tally.fallbacks += 1;
                trail.tally.retries = 0;
            }
            Err(error) => {
                fallback_told(gateway, call, trail.tally, false);
                return Err(error);
            }
        }
    }
}

fn fallback_told(gateway: &Gateway, call: &Call, tally: &Tally, success: bool) {
    if tally.fallbacks == 0 {
        return;
    }
    let name = if success {
        crate::telemetry::names::FALLBACK_SUCCESS
    } else {
        crate::telemetry::names::FALLBACK_FAILURE
    };
    let target = tally.group.as_deref().unwrap_or("None");
    let labels = [("requested_model", &*call.resolved.group), ("fallback_model", target)];
    gateway.metrics().counter(name, &labels).increment(1);
}

/// The attempts within one group.
async fn in_group(
    gateway: &Gateway,
    call: &Call,
    hop: &Hop,
    nowhere_else: bool,
    tally: &mut Tally,
) -> Result<Served, Error> {
    let mut tried = Tried::new();
    let mut retry = RetryState::new(call.options.num_retries);
    let mut last: Option<Error> = None;
    let deadline = call.options.first_byte_deadline;
    loop {
        if deadline.passed(clock::now()) {
            let over =
                Error::new(Kind::CallerDeadline, "litellm.Timeout: the request's own time limit is over.");
            return Err(last.map_or(over.clone(), |last| over.with_cause(last.kept())));
        }
        let picked = match pick(gateway, call, hop, (&tried, nowhere_else), tally).await {
            Ok(picked) => picked,
            // A retry that finds nobody ends with the failure that made it one.
            Err(nobody) => return Err(last.unwrap_or(nobody)),
        };
        let index = picked.index;
        let deployment = Arc::clone(picked.lease.deployment());
        let own_retries = deployment.patience.num_retries;
        tally.wild = hop.resolved.members.get(index).and_then(|member| wild(call, member));
        tally.deployment = Some(deployment);
        let error = match attempt::run(gateway, call, hop, picked, tally).await {
            Ok(served) => return Ok(served),
            Err(error) => error,
        };
        fell_through(gateway, call, tally, error.kind());
        acknowledged(call, tally).await;
        let router = &call.table.config.router;
        tried.failed(index);
        let facts = GroupFacts {
            name: &hop.resolved.group,
            untried: untried(call, hop, &tried),
            num_retries: own_retries,
        };
        tally.max_retries = retry.allowed_for(error.kind(), &hop.resolved.group, &router.retry, own_retries);
        let next = {
            let mut rng = gateway.rng.borrow_mut();
            retry.next(&error, &facts, &router.retry, deadline, clock::now(), &mut *rng)
        };
        match next {
            Next::GiveUp => return Err(error),
            Next::Again { wait, elsewhere } => {
                if elsewhere {
                    tried.bar(index);
                }
                tally.retries += 1;
                if !wait.is_zero() {
                    tally.waited += wait;
                    actix_rt::time::sleep(wait).await;
                }
                last = Some(error);
            }
        }
    }
}

/// What is asked of a deployment that leaves the model to the request.
fn wild(call: &Call, member: &Member) -> Option<Wild> {
    let wild = || Wild { model: Arc::clone(&member.model), price: call.table.price(member) };
    member.deployment.is_wildcard().then(wild)
}

/// Waits until the actor of the deployment that was tried last has taken in its failure: a cooldown that
/// it begins then holds for the next pick, of this request and of the next one.
async fn acknowledged(call: &Call, tally: &Tally) {
    let member = tally.deployment.as_ref().and_then(|deployment| call.table.member(deployment));
    let Some(asked) = member.and_then(|member| member.actor().with(|address| address.send(Inspect))) else {
        return;
    };
    if actix_rt::time::timeout(ACKNOWLEDGED, asked).await.is_err() {
        tracing::debug!("a deployment's actor is busy");
    }
}

/// Members of the group that were not tried and could serve now.
fn untried(call: &Call, hop: &Hop, tried: &Tried) -> usize {
    let now = clock::now();
    let ready = |deployment: &Deployment| {
        deployment.problem.is_none()
            && call.table.member(deployment).is_some_and(|member| member.cell().view().cooling(now).is_none())
    };
    let members = hop.resolved.members.iter().enumerate();
    members.filter(|(index, member)| !tried.contains(*index) && ready(&member.deployment)).count()
}

async fn pick(
    gateway: &Gateway,
    call: &Call,
    hop: &Hop,
    (tried, despite_cooling): (&Tried, bool),
    tally: &mut Tally,
) -> Result<Picked, Error> {
    let explain = explained(call, tally);
    if !explain
        && let Some(picked) = router::only(&call.table, &hop.resolved, tried, hop.size.estimated_tokens())
    {
        return Ok(picked);
    }
    let mut taken = None;
    for round in 0..PICK_TRIES {
        if round > 0 {
            actix_rt::time::sleep(PICK_PAUSE).await;
        }
        let pick = Pick {
            table: Arc::clone(&call.table),
            resolved: hop.resolved.clone(),
            tried: tried.clone(),
            tags: Arc::clone(&call.options.tags),
            input_tokens: hop.size.input_tokens,
            estimated_tokens: hop.size.estimated_tokens(),
            stream: call.stream,
            despite_cooling,
            explain,
        };
        // No address, or a mailbox that closed: the router is being restarted.
        let Some(asked) = gateway.router.with(|router| router.send(pick)) else { continue };
        match asked.await {
            Ok(Ok(mut picked)) => {
                keep(gateway, call, tally, picked.why.take());
                return Ok(picked);
            }
            Ok(Err(NoPick::Nothing(nothing, why))) => {
                keep(gateway, call, tally, why);
                return Err(nobody(hop, nothing));
            }
            Ok(Err(NoPick::Taken(full))) => taken = Some(full),
            Err(_) => {}
        }
    }
    Err(match taken {
        Some(full) => limit_error(&hop.resolved.group, full.limit, full.retry_after),
        None => Error::new(Kind::Internal, "The router is not available."),
    })
}

/// Whether a pick's decision is wanted: by the caller, because something has failed before, or because everything is.
fn explained(call: &Call, tally: &Tally) -> bool {
    tally.attempts > 0 || call.options.explain != Audience::Nobody || tracing::enabled!(tracing::Level::DEBUG)
}

/// Keeps a decision for operators, and for the caller where it asked.
fn keep(gateway: &Gateway, call: &Call, tally: &mut Tally, why: Option<Box<Decision>>) {
    let Some(why) = why else { return };
    let why: Arc<Decision> = Arc::from(why);
    tracing::debug!(call_id = &*call.call_id, decision = %explain::full(&why), "picked");
    gateway.shared.decisions.keep(&call.call_id, tally.attempts, Arc::clone(&why));
    if call.options.explain != Audience::Nobody {
        let hidden = tally.hidden && call.options.explain != Audience::Admin;
        let group = Arc::clone(&why.group);
        tally.keep(Step { group, hidden, decision: Some(why), failed: None });
    }
}

/// Writes down what the attempt on the deployment that was picked last has failed with.
fn fell_through(gateway: &Gateway, call: &Call, tally: &mut Tally, kind: Kind) {
    if call.options.explain != Audience::Nobody {
        tally.failed(kind);
    }
    if let (Some(group), Some(deployment)) = (&tally.group, &tally.deployment) {
        let before = tally.attempts.saturating_sub(1);
        gateway.shared.decisions.failed(&call.call_id, before, (group, &deployment.id), kind);
    }
}

/// Why nobody can serve, in words.
fn nobody(hop: &Hop, nothing: Nothing) -> Error {
    let group = &hop.resolved.name;
    match nothing {
        Nothing::AllCooling { until, .. } => {
            let wait = until.saturating_duration_since(clock::now());
            let message = format!(
                "No deployments available for selected model, Try again in {} seconds. All deployments for \
                 selected model are in cooldown. Passed model={group}.",
                wait.as_secs().max(1)
            );
            Error::new(Kind::AllCooling, message).with_retry_after(Some(wait))
        }
        Nothing::AllFull { retry_after, which } => limit_error(group, which.name(), Some(retry_after)),
        Nothing::NoTagMatch => Error::new(
            Kind::Forbidden,
            format!("Not allowed to access model due to tags configuration. Passed model={group}."),
        ),
        Nothing::ContextTooSmall { largest } => Error::new(
            Kind::ContextWindow,
            format!("The input is too long for every deployment of `{group}` (at most {largest} tokens)."),
        ),
        Nothing::AllTried | Nothing::AllBroken => Error::new(
            Kind::Misconfigured,
            format!("No deployment of `{group}` can work: {}", problems(&hop.resolved)),
        ),
    }
}

fn limit_error(group: &str, limit: &str, retry_after: Option<Duration>) -> Error {
    let message = format!(
        "Rate limit exceeded for model: {group}. Limit type: {limit}. Every deployment of the group has used \
         up its own `{limit}`."
    );
    Error::new(Kind::LimitExceeded, message).with_retry_after(retry_after)
}

fn problems(resolved: &Resolved) -> String {
    let mut said: Vec<&str> =
        resolved.members.iter().filter_map(|member| member.deployment.problem.as_deref()).collect();
    said.dedup();
    if said.is_empty() { "all have refused this request.".to_string() } else { said.join("; ") }
}

/// A provider answered a stream request with a whole body after the stream had been begun.
pub fn not_a_stream() -> Error {
    Error::new(
        Kind::InvalidReply,
        "litellm.APIError: the provider answered a stream request without a stream.",
    )
}
