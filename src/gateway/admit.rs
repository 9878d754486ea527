//! Stage 2, admit: is this a request that makes sense here?

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use bytes::Bytes;
use serde_json::Value;

use super::call::{Body, Call, OwnConnection};
use super::explain::Audience;
use super::named_user;
use super::options::Options;
use super::size::Size;
use crate::actors::topology::Table;
use crate::base::error::{Error, Kind};
use crate::base::secret::Secret;
use crate::config::model::{GeneralSettings, IdentitySettings};
use crate::domain::deployment::Deployment;
use crate::domain::keys::OwnRouting;
use crate::domain::reliability::RequestFallbacks;
use crate::domain::reliability::request_fallbacks::FIELDS;
use crate::domain::routing::groups::Resolved;
use crate::wire::endpoint::Endpoint;
use crate::wire::json;
use crate::wire::multipart::{self, Multipart};
use crate::wire::surface::{Surface, SurfaceError};

/// The deepest nesting of a request body; real requests stay far below.
pub const MAX_DEPTH: usize = 128;

/// The longest end user or tag, as long as the ledger keeps names.
const LONGEST_NAME: usize = 256;
/// The most tags of one request.
const MOST_TAGS: usize = 32;

/// The longest model name.
const LONGEST_MODEL: usize = 1024;

/// A request as it came.
#[derive(Clone)]
pub struct Raw<'a> {
    /// What was asked.
    pub endpoint: Endpoint,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// The model that the path names; it wins over the body's.
    pub path_model: Option<&'a str>,
    /// Azure's `?api-version=`.
    pub api_version: Option<&'a str>,
    /// The body.
    pub body: Bytes,
    /// What its key and team change about it.
    pub own: Option<Arc<OwnRouting>>,
    /// When it arrived.
    pub received: Instant,
    /// Its id.
    pub call_id: Rc<str>,
    /// What its caller may be told of the router's decisions.
    pub audience: Audience,
}

/// Checks a request and finds its group.
///
/// # Errors
/// 4xx naming what is wrong: no JSON, a field of the wrong type, a missing field, an unknown model (with
/// the nearest names), a parameter that callers may not set.
pub fn admit(raw: Raw<'_>, table: &Arc<Table>) -> Result<Rc<Call>, Error> {
    let body = parse_body(&raw)?;
    let surface = body.json();
    let requested = requested_model(&raw, &body, table)?;
    let requested = renamed(raw.own.as_deref(), requested);
    let resolved = resolve(table, &requested)?;
    let requested: Arc<str> =
        if *resolved.name == *requested { Arc::clone(&resolved.name) } else { requested.as_ref().into() };
    let mut own_connection = OwnConnection::default();
    if let Some(surface) = surface {
        check_fields(raw.endpoint, surface)?;
        own_connection = check_privileges(surface, table, &resolved)?;
    }
    let special = Some(raw.headers).filter(|headers| headers.keys().any(is_special));
    let stream = match surface {
        Some(surface) => flag(surface, "stream")?,
        None => form_flag(&body, "stream"),
    };
    let mut options = Options::read(special, surface, raw.received, raw.audience)?;
    let request_fallbacks = request_fallbacks(surface)?;
    let own = raw.own.as_ref().map(|own| &own.settings);
    options.num_retries = options.num_retries.or(own.and_then(|own| own.num_retries));
    let identity = &table.config.governance.identity;
    check_tags(identity, &options.tags)?;
    let end_user =
        named_user::customer(identity, special, raw.headers).or_else(|| named_user::in_body(&body));
    check_names(end_user.as_deref(), &options.tags)?;
    let user = named_user::user(identity, raw.headers);
    check_names(user.as_deref(), &[])?;
    let session = named_user::session(special);
    if session.as_ref().is_some_and(|session| session.len() > LONGEST_NAME) {
        let message = format!("A session id must not be longer than {LONGEST_NAME} bytes.");
        return Err(Error::invalid("session_id", message));
    }
    Ok(Rc::new(Call {
        endpoint: raw.endpoint,
        stream: stream && streams(raw.endpoint),
        include_usage: surface.is_some_and(wants_usage),
        options,
        fallbacks: own.map(|own| request_fallbacks.clone().or(&own.fallbacks)),
        own: raw.own.clone(),
        request_fallbacks,
        size: Size::of(raw.endpoint, &body),
        end_user,
        user,
        session,
        forward: special.map_or_else(Vec::new, |headers| forwarded(headers, &table.config.general)),
        own_connection,
        api_version: raw.api_version.map(str::to_string),
        received: raw.received,
        call_id: raw.call_id,
        table: Arc::clone(table),
        body,
        requested,
        resolved,
    }))
}

fn parse_body(raw: &Raw<'_>) -> Result<Body, Error> {
    let content_type = raw.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let is_form = content_type.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("multipart"));
    if is_form && raw.endpoint != Endpoint::Transcriptions {
        // What a request may cost is read from JSON; a form would hide it.
        let message = format!("/{} takes a body of the type `application/json`.", raw.endpoint.path());
        return Err(Error::invalid("content-type", message));
    }
    if is_form {
        let form = multipart::boundary_of(content_type)
            .and_then(|boundary| Multipart::parse(raw.body.clone(), &boundary))
            .map_err(|fault| Error::invalid("request_body", format!("Invalid multipart form: {fault}")))?;
        if !form.has("file") {
            return Err(missing(raw.endpoint, "file"));
        }
        return Ok(Body::Form { form: Rc::new(form), content_type: content_type.to_string() });
    }
    if raw.endpoint == Endpoint::Transcriptions {
        return Err(Error::invalid(
            "content-type",
            "Audio comes as `multipart/form-data` with the fields `file` and `model`.",
        ));
    }
    // Some editors and shells put a byte order mark in front of what they send.
    let body =
        raw.body.strip_prefix(b"\xef\xbb\xbf").map_or(raw.body.clone(), |rest| raw.body.slice_ref(rest));
    Surface::parse(body, MAX_DEPTH).map(Body::json_of).map_err(|fault| unreadable(raw, &fault))
}

fn unreadable(raw: &Raw<'_>, fault: &SurfaceError) -> Error {
    match (fault, raw.endpoint.required_field()) {
        (SurfaceError::Empty, Some(field)) => missing(raw.endpoint, field),
        _ => Error::invalid("request_body", format!("Invalid JSON payload: {fault}")),
    }
}

fn missing(endpoint: Endpoint, field: &str) -> Error {
    Error::invalid(field, format!("/{}: Missing required parameter: '{field}'.", endpoint.path()))
}

fn requested_model<'a>(raw: &'a Raw<'_>, body: &'a Body, table: &'a Table) -> Result<Cow<'a, str>, Error> {
    if let Some(model) = table.config.general.completion_model.as_deref().or(raw.path_model) {
        return Ok(Cow::Borrowed(model));
    }
    let named = match body {
        Body::Form { form, .. } => form.field("model").map(Cow::Borrowed),
        Body::Json(surface) => match surface.get("model") {
            None | Some("null") => None,
            Some(_) => match surface.str("model") {
                Some(model) => Some(model),
                None => return Err(Error::invalid("model", "`model` must be a string.")),
            },
        },
    };
    if named.as_ref().is_some_and(|model| model.len() > LONGEST_MODEL) {
        let message = format!("`model` must not be longer than {LONGEST_MODEL} bytes.");
        return Err(Error::invalid("model", message));
    }
    match named.filter(|model| !model.is_empty()) {
        Some(model) => Ok(model),
        // The one endpoint where OpenAI's SDKs send no model of their own accord.
        None if raw.endpoint == Endpoint::Moderations => Ok(moderation_model(table)),
        None => Err(missing(raw.endpoint, "model")),
    }
}

/// The group for moderation requests that name no model: one of that mode, else OpenAI's default.
fn moderation_model(table: &Table) -> Cow<'_, str> {
    let moderates = |deployment: &&Arc<Deployment>| deployment.info.mode.as_deref() == Some("moderation");
    let found = table.config.deployments.iter().find(moderates);
    Cow::Borrowed(found.map_or("omni-moderation-latest", |deployment| &*deployment.group))
}

/// The name that a key's or team's alias stands for: lists, limits and prices are those of the real one.
fn renamed<'a>(own: Option<&'a OwnRouting>, asked: Cow<'a, str>) -> Cow<'a, str> {
    match own.map(|own| own.rename(&asked)) {
        Some(real) if *real != *asked => Cow::Owned(real.to_string()),
        _ => asked,
    }
}

fn resolve(table: &Table, requested: &str) -> Result<Resolved, Error> {
    if let Some(resolved) = table.groups.resolve(requested) {
        return Ok(resolved);
    }
    let default = table.config.router.fallbacks.for_unknown();
    default
        .and_then(|fallback| table.groups.resolve(&fallback.group))
        .ok_or_else(|| model_not_found(requested, &table.groups.nearest(requested)))
}

/// The 404 for a name that no group, alias or wildcard covers.
pub fn model_not_found(name: &str, nearest: &[&str]) -> Error {
    let shown: String = name.chars().take(200).collect();
    let hint = match nearest {
        [] => String::new(),
        names => format!(" Did you mean {}?", names.join(", ")),
    };
    let message = format!("The model `{shown}` does not exist or you do not have access to it.{hint}");
    Error::new(Kind::ModelNotFound, message).with_param("model")
}

/// The types that routing, translation and accounting rely on; the rest is the provider's to check.
fn check_fields(endpoint: Endpoint, body: &Surface) -> Result<(), Error> {
    if let Some(field) = endpoint.required_field()
        && !body.is_set(field)
    {
        return Err(missing(endpoint, field));
    }
    let starts = |field: &str, first: &[char]| body.get(field).is_none_or(|raw| raw.starts_with(first));
    if endpoint == Endpoint::Chat && !starts("messages", &['[']) {
        return Err(Error::invalid("messages", "`messages` must be an array of messages."));
    }
    if matches!(endpoint, Endpoint::Completions | Endpoint::Embeddings) {
        for field in ["prompt", "input"] {
            if !starts(field, &['"', '[', 'n']) {
                return Err(Error::invalid(field, format!("`{field}` must be a string or an array.")));
            }
        }
    }
    for field in ["max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of"] {
        // Negative numbers are some servers' way of saying "no limit": theirs to judge.
        if body.is_set(field)
            && body.u64(field).is_none()
            && body.f64(field).is_none_or(|number| number >= 0.0)
        {
            return Err(Error::invalid(field, format!("`{field}` must be a whole number.")));
        }
    }
    for field in ["metadata", "stream_options"] {
        if !starts(field, &['{', 'n']) {
            return Err(Error::invalid(field, format!("`{field}` must be an object.")));
        }
    }
    Ok(())
}

fn flag(body: &Surface, field: &str) -> Result<bool, Error> {
    if !body.is_set(field) {
        return Ok(false);
    }
    body.bool(field).ok_or_else(|| Error::invalid(field, format!("`{field}` must be true or false.")))
}

fn form_flag(body: &Body, field: &str) -> bool {
    match body {
        Body::Form { form, .. } => form.field(field).is_some_and(|text| text.eq_ignore_ascii_case("true")),
        Body::Json(_) => false,
    }
}

/// The endpoints whose answers can be event streams.
fn streams(endpoint: Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::Chat
            | Endpoint::Completions
            | Endpoint::Responses
            | Endpoint::Transcriptions
            | Endpoint::Images
            | Endpoint::Speech
    )
}

fn wants_usage(body: &Surface) -> bool {
    let options = body.get("stream_options").and_then(|raw| json::member(raw, "include_usage"));
    options == Some("true")
}

/// Tags that decide about budgets and routes are the operator's, where the configuration says so.
fn check_tags(settings: &IdentitySettings, tags: &[String]) -> Result<(), Error> {
    if tags.is_empty() || !settings.refuses_tags {
        return Ok(());
    }
    let message = "Tags are not allowed in a request (general_settings.reject_clientside_metadata_tags).";
    Err(Error::invalid("metadata.tags", message))
}

/// Names that the caller chooses end up in the ledger and in counters.
fn check_names(end_user: Option<&str>, tags: &[String]) -> Result<(), Error> {
    if end_user.is_some_and(|user| user.len() > LONGEST_NAME) {
        return Err(Error::invalid("user", format!("`user` must not be longer than {LONGEST_NAME} bytes.")));
    }
    if tags.len() > MOST_TAGS || tags.iter().any(|tag| tag.len() > LONGEST_NAME) {
        let message = format!("At most {MOST_TAGS} tags of up to {LONGEST_NAME} bytes.");
        return Err(Error::invalid("tags", message));
    }
    Ok(())
}

/// Parameters that would let a caller steer the gateway: refused unless the configuration allows them.
fn check_privileges(body: &Surface, table: &Table, resolved: &Resolved) -> Result<OwnConnection, Error> {
    let general = &table.config.general;
    if !general.allow_mock_testing {
        for (name, _) in body.members() {
            if name.starts_with("mock_") && name != "mock_response" {
                let message = format!(
                    "`{name}` needs general_settings.dangerously_allow_mock_testing_request_params: true."
                );
                return Err(Error::invalid(name, message));
            }
        }
    }
    let allowed = |field: &str| {
        general.allow_client_side_credentials
            || resolved.members.iter().all(|member| {
                member.deployment.request.client_side_params.iter().any(|allowed| allowed == field)
            })
    };
    for field in ["api_key", "api_base", "base_url"] {
        if body.is_set(field) && !allowed(field) {
            let message = format!(
                "`{field}` in a request is not allowed (general_settings.allow_client_side_credentials or \
                 litellm_params.configurable_clientside_auth_params would allow it)."
            );
            return Err(Error::new(Kind::Forbidden, message).with_param(field));
        }
    }
    let api_base = body.str("api_base").or_else(|| body.str("base_url"));
    if let Some(base) = &api_base {
        super::own_base::check(base)?;
    }
    Ok(OwnConnection {
        api_key: body.str("api_key").map(|key| Secret::new(key.into_owned())),
        api_base: api_base.map(|base| base.trim_end_matches('/').to_string()),
    })
}

fn request_fallbacks(body: Option<&Surface>) -> Result<RequestFallbacks, Error> {
    let Some(body) = body.filter(|body| FIELDS.iter().any(|field| body.is_set(field))) else {
        return Ok(RequestFallbacks::default());
    };
    let fields = FIELDS.iter().filter_map(|field| {
        let value: Value = serde_json::from_str(body.get(field)?).ok()?;
        Some(((*field).to_string(), value))
    });
    RequestFallbacks::parse(&fields.collect())
}

/// Whether a header can mean anything beside the credential and the body: most requests of plain clients have
/// none, and looking once is cheaper than asking for each.
fn is_special(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("x-") || name == "anthropic-beta"
}

fn forwarded(headers: &HeaderMap, general: &GeneralSettings) -> Vec<(String, Secret)> {
    let mut forward = Vec::new();
    for (name, value) in headers {
        let name = name.as_str();
        let ours = ["x-litellm-", "x-stainless-", "x-stagedoor-"];
        let own = ours.iter().any(|start| name.starts_with(start)) || name == "x-api-key";
        let wanted = general.forward_client_headers && name.starts_with("x-") && !own;
        if (wanted || name == "anthropic-beta")
            && let Ok(value) = value.to_str()
        {
            forward.push((name.to_string(), Secret::from(value)));
        }
    }
    forward
}
