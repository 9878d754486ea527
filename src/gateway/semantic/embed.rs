//! The embedding of a question: a call that the gateway makes by itself, over its own routing, at the caller's expense.
//!
//! It has a row and a charge of its own, and takes nothing of the caller's limits, where the request itself has been
//! counted already. Fallbacks are for other models, whose vectors mean something else, so there are none.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;

use crate::actors::semantic_cache::SemanticCache;
use crate::base::clock;
use crate::base::deadline::Deadline;
use crate::base::error::{Error, Kind};
use crate::config::model::SemanticSettings;
use crate::domain::ledger::RowId;
use crate::domain::reliability::RequestFallbacks;
use crate::domain::semantic::Vector;
use crate::gateway::admit::MAX_DEPTH;
use crate::gateway::attempts::{self, Served};
use crate::gateway::cache::Question;
use crate::gateway::call::{Body, Call, OwnConnection};
use crate::gateway::caller::Caller;
use crate::gateway::explain::Audience;
use crate::gateway::options::Options;
use crate::gateway::pipeline::Gateway;
use crate::gateway::record::Record;
use crate::gateway::reserve::{self, Reserved};
use crate::gateway::size::Size;
use crate::gateway::tally::Tally;
use crate::wire::endpoint::Endpoint;
use crate::wire::surface::Surface;

/// A question's meaning, and which model says so.
pub struct Embedded {
    pub vector: Vector,
    /// The provider's model; vectors of different ones must not be compared.
    pub model: String,
}

/// Embeds a text; `None` when that cannot be done now, within the configured time, or with the caller's money.
pub async fn embed(
    gateway: &Gateway,
    settings: &SemanticSettings,
    known: &SemanticCache,
    asked: &Question,
    caller: &Caller,
    text: &str,
) -> Option<Embedded> {
    let now = clock::now();
    // Half of the caller's time is left for a true answer.
    let twice = asked.call.options.first_byte_deadline.clip(settings.timeout.saturating_mul(2), now);
    let patience = settings.timeout.min(twice / 2);
    let id = RowId::new(clock::unix_ms());
    let mut call = call(settings, &asked.call, text, id)?;
    // Others' reservations are not waited for: money that is short is better spent on an answer.
    call.options.first_byte_deadline = Deadline::after(now, Duration::ZERO);
    let mut taken = match gateway.governance().take_money(&call, caller.clone()).await {
        Ok(taken) => taken,
        Err(error) => {
            tracing::debug!(%error, "a question is not embedded");
            return None;
        }
    };
    taken.tags = Arc::clone(&asked.call.options.tags);
    let end = Deadline::after(now, patience);
    (call.options.deadline, call.options.first_byte_deadline) = (end, end);
    let mut held = gateway.open_own(&call, caller, id);
    let reserved = reserve::own(call, taken, &mut held.record);
    let working = work(gateway, &reserved, &mut held.record);
    let result = match actix_rt::time::timeout(patience, working).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(Kind::AttemptTimeout, "The question was not embedded in time.")),
    };
    let (status, error) =
        result.as_ref().map_or_else(|error| (error.status(), Some(error.clone())), |_| (200, None));
    held.record.finish(status, error);
    tell(known, settings, result.as_ref().err());
    result.ok()
}

/// The call for an embedding, made for a request.
fn call(settings: &SemanticSettings, request: &Call, text: &str, id: RowId) -> Option<Call> {
    let table = &request.table;
    let resolved = table.groups.resolve(&settings.model)?;
    let body = json!({"model": &*settings.model, "input": text, "encoding_format": "float"});
    let surface = Surface::parse(Bytes::from(body.to_string()), MAX_DEPTH).ok()?;
    let body = Body::Json(Rc::new(surface));
    let received = Instant::now();
    // Another deployment can be asked at once; the same one again would have to be waited for.
    let retries = u32::from(resolved.members.len() > 1);
    // Tags have budgets; where they choose deployments, they are meant for those of the request.
    let tags =
        if table.config.router.tag_filtering { Arc::default() } else { Arc::clone(&request.options.tags) };
    let options = Options {
        deadline: Deadline::NONE,
        first_byte_deadline: Deadline::NONE,
        read_timeout: None,
        stream_timeout: None,
        num_retries: Some(retries),
        tags,
        keepalive: None,
        drop_params: None,
        explain: Audience::Nobody,
    };
    let none = RequestFallbacks { disabled: true, ..RequestFallbacks::default() };
    Some(Call {
        endpoint: Endpoint::Embeddings,
        size: Size::of(Endpoint::Embeddings, &body),
        body,
        requested: Arc::clone(&settings.model),
        resolved,
        stream: false,
        include_usage: false,
        options,
        request_fallbacks: none,
        fallbacks: None,
        own: None,
        end_user: request.end_user.clone(),
        user: request.user.clone(),
        session: request.session.clone(),
        forward: Vec::new(),
        own_connection: OwnConnection::default(),
        api_version: None,
        received,
        call_id: id.text(&mut RowId::room()).into(),
        table: Arc::clone(table),
    })
}

async fn work(gateway: &Gateway, reserved: &Reserved, record: &mut Record) -> Result<Embedded, Error> {
    let mut tally = Tally::default();
    let served = attempts::run(gateway, reserved, &mut tally, record).await?;
    let Served::Whole { whole, .. } = served else { return Err(attempts::not_a_stream()) };
    record.note(|facts| {
        facts.usage = whole.usage;
        facts.output_bytes = whole.uncounted_bytes();
    });
    record.whole(&whole.body);
    let vector = Vector::of_reply(&whole.body).ok_or_else(|| {
        Error::new(Kind::InvalidReply, "The embedding model answered without an embedding.")
    })?;
    let deployment = tally.deployment.as_deref();
    let named = deployment.map(|one| one.info.base_model.clone().unwrap_or_else(|| one.full_model()));
    let wild = tally.wild.as_ref().map_or("", |wild| &wild.model);
    Ok(Embedded { vector, model: format!("{}\n{wild}", named.unwrap_or_default()) })
}

/// Tells how the model did. What a text is to blame for says nothing about it.
fn tell(known: &SemanticCache, settings: &SemanticSettings, error: Option<&Error>) {
    let blameless = |error: &Error| {
        matches!(
            error.kind(),
            Kind::UpstreamBadRequest
                | Kind::UpstreamUnprocessable
                | Kind::UpstreamTooLarge
                | Kind::ContextWindow
                | Kind::ContentPolicy
        )
    };
    let Some(error) = error else {
        known.embedded(true, clock::now());
        return;
    };
    if !blameless(error) && known.embedded(false, clock::fresh()) {
        let (model, cause) = (&*settings.model, error.kept());
        tracing::warn!(model, cause, "questions cannot be embedded: they are answered by their own model");
    }
}
