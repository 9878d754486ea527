//! The way out: what is sent to the picked deployment, and what the way back will need.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use actix_http::header::HeaderName;
use bytes::Bytes;
use hashbrown::HashMap;
use serde_json::{Map, Value};
use smallvec::{SmallVec, smallvec};

use super::admit::MAX_DEPTH;
use super::back::{Back, Bridge, Dialog, Shown};
use super::call::{Body, Call};
use super::headers::{DeploymentHeaders, ProviderHeader};
use super::hop::Hop;
use super::made;
use super::pipeline::Gateway;
use super::size::prompts;
use crate::actors::topology::Table;
use crate::base::clock;
use crate::base::error::{Error, Kind};
use crate::base::reach::Reach;
use crate::base::secret::Secret;
use crate::domain::bridge::{completions, responses};
use crate::domain::deployment::Deployment;
use crate::domain::providers::openai::{self, BodyOptions};
use crate::domain::providers::{Dialect, anthropic, params};
use crate::upstream::{Reply, Route};
use crate::wire::endpoint::Endpoint;
use crate::wire::surface::Surface;

/// A call that is ready to be made.
pub struct Prepared {
    /// Where the answer comes from.
    pub upstream: Upstreamed,
    /// How it comes back.
    pub back: Back,
}

/// Where an answer comes from.
pub enum Upstreamed {
    /// A provider; several bodies are sent one after another and answered together.
    Http {
        /// Where to.
        route: Rc<Route>,
        /// Headers of this request.
        extra: Vec<(String, Secret)>,
        /// The bodies, usually one.
        bodies: SmallVec<[Bytes; 1]>,
    },
    /// `mock_response`: made here.
    Made(Result<Reply, Error>),
}

/// Translates a request for the picked deployment.
///
/// # Errors
/// The caller's mistakes that only the provider's translation can see, and parameters the provider does
/// not have.
pub fn prepare(
    gateway: &Gateway,
    call: &Call,
    hop: &Hop,
    deployment: &Arc<Deployment>,
    model: &Arc<str>,
) -> Result<Prepared, Error> {
    let shown = Shown {
        model: Arc::clone(&call.resolved.name),
        created: u64::try_from(clock::unix_ms() / 1000).unwrap_or(0),
        call_id: Rc::clone(&call.call_id),
    };
    if let Some(text) = &deployment.request.mock_response {
        return Ok(made::mock(text, call, hop, &shown));
    }
    let Body::Json(surface) = &hop.body else {
        return form(gateway, call, hop, deployment, model, shown);
    };
    let (endpoint, bodies, bridge) = bridged(call, surface, deployment, &shown)?;
    let options = BodyOptions {
        stream: call.stream,
        ask_usage: asks_usage(call),
        drop_params: call.table.config.settings.drop_params,
    };
    let mut extra = call.forward.clone();
    let mut sent = SmallVec::with_capacity(bodies.len());
    let mut dialog = Dialog::OpenAi;
    for body in &bodies {
        let prepared = openai::body(body, deployment, endpoint, model, &options)?;
        if deployment.provider.dialect != Dialect::Anthropic {
            sent.push(prepared);
            continue;
        }
        let (body, context, betas) = anthropic_body(call, endpoint, &prepared, deployment, model)?;
        if let Some(betas) = betas {
            extra.retain(|(name, _)| name != "anthropic-beta");
            extra.push(betas);
        }
        dialog = Dialog::Anthropic(context);
        sent.push(body);
    }
    let route = route(gateway, call, deployment, endpoint, model)?;
    let include_usage =
        call.include_usage || call.table.config.general.always_include_stream_usage == Some(true);
    let back = Back {
        endpoint,
        dialog,
        bridge,
        shown,
        include_usage,
        choices: choices(surface),
        media: hop.size.media.clone(),
    };
    Ok(Prepared { upstream: Upstreamed::Http { route, extra, bodies: sent }, back })
}

/// The endpoint to call, the bodies to send there, and what stands in for what.
type Bridged = (Endpoint, SmallVec<[Rc<Surface>; 1]>, Bridge);

/// Which endpoint of the provider serves the request, and with which bodies.
fn bridged(
    call: &Call,
    surface: &Rc<Surface>,
    deployment: &Deployment,
    shown: &Shown,
) -> Result<Bridged, Error> {
    let quirks = &deployment.provider.quirks;
    let chat_only = deployment.provider.dialect == Dialect::Anthropic;
    match call.endpoint {
        Endpoint::Completions if !text_model(deployment) && !quirks.native_completions => {
            let chats = completions::to_chats(surface.to_map())?;
            if call.stream && chats.len() > 1 {
                return Err(Error::invalid(
                    "prompt",
                    "This model streams one prompt at a time: send one request for each prompt, or no `stream`.",
                ));
            }
            let bodies = chats.iter().map(to_surface).collect::<Result<_, _>>()?;
            Ok((Endpoint::Chat, bodies, Bridge::Completions(chats)))
        }
        Endpoint::Chat if text_model(deployment) => {
            let request = surface.to_map();
            let body = to_surface(&completions::chat_to_completion(request.clone())?)?;
            Ok((Endpoint::Completions, smallvec![body], Bridge::ChatFromCompletion(request)))
        }
        Endpoint::Responses if chat_only || !quirks.native_responses => {
            let (chat, context) = responses::to_chat(surface.to_map())?;
            Ok((Endpoint::Chat, smallvec![to_surface(&chat)?], Bridge::Responses(context)))
        }
        endpoint if chat_only && endpoint != Endpoint::Chat => Err(Error::new(
            Kind::InvalidRequest,
            format!("{} has no {} for `{}`.", deployment.provider.title, endpoint.path(), shown.model),
        )
        .with_param("model")),
        endpoint => Ok((endpoint, smallvec![Rc::clone(surface)], Bridge::None)),
    }
}

/// How many choices a complete answer has: `n`, for each prompt.
fn choices(surface: &Surface) -> usize {
    let choices = surface.u64("n").unwrap_or(1).max(1).saturating_mul(prompts(surface));
    usize::try_from(choices).unwrap_or(usize::MAX)
}

/// Whether the deployment's model completes text and does not chat.
fn text_model(deployment: &Deployment) -> bool {
    deployment.provider.name == "text-completion-openai"
}

fn to_surface(map: &Map<String, Value>) -> Result<Rc<Surface>, Error> {
    let text = serde_json::to_string(map).map_err(|cause| {
        Error::new(Kind::Internal, "The request could not be translated.").with_cause(cause)
    })?;
    Surface::parse(Bytes::from(text), MAX_DEPTH * 2)
        .map(Rc::new)
        .map_err(|cause| Error::new(Kind::Internal, "The request could not be translated.").with_cause(cause))
}

type AnthropicBody = (Bytes, anthropic::ReplyContext, Option<(String, Secret)>);

fn anthropic_body(
    call: &Call,
    endpoint: Endpoint,
    chat: &Bytes,
    deployment: &Deployment,
    model: &str,
) -> Result<AnthropicBody, Error> {
    let chat: Map<String, Value> = serde_json::from_slice(chat).map_err(|cause| {
        Error::new(Kind::Internal, "The request could not be translated.").with_cause(cause)
    })?;
    debug_assert_eq!(endpoint, Endpoint::Chat);
    let settings = anthropic::Settings {
        model,
        info: &deployment.info,
        drop_params: call
            .options
            .drop_params
            .or(deployment.request.drop_params)
            .unwrap_or(call.table.config.settings.drop_params),
        allowed_params: &deployment.request.allowed_openai_params,
    };
    let translated = anthropic::request(chat, &settings)?;
    let client_beta = call.forward.iter().find(|(name, _)| name == "anthropic-beta");
    let headers = anthropic::headers(
        &deployment.connection,
        &translated.betas,
        client_beta.map(|(_, value)| value.expose()),
    );
    let betas = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("anthropic-beta"));
    Ok((Bytes::from(translated.body.to_string()), translated.reply, betas))
}

/// A form travels as it came, but for the model's name.
fn form(
    gateway: &Gateway,
    call: &Call,
    hop: &Hop,
    deployment: &Arc<Deployment>,
    model: &Arc<str>,
    shown: Shown,
) -> Result<Prepared, Error> {
    let Body::Form { form, content_type } = &hop.body else {
        return Err(Error::new(Kind::Internal, "The request has no form."));
    };
    if deployment.provider.dialect == Dialect::Anthropic {
        let message = format!("{} has no {}.", deployment.provider.title, call.endpoint.path());
        return Err(Error::new(Kind::InvalidRequest, message).with_param("model"));
    }
    let route = route(gateway, call, deployment, call.endpoint, model)?;
    let mut extra = call.forward.clone();
    extra.push(("content-type".into(), Secret::from(content_type.as_str())));
    let defaults: Vec<(String, String)> =
        deployment.request.defaults.iter().map(|(name, value)| (name.clone(), form_text(value))).collect();
    let extra_fields: Vec<(&str, &str)> =
        defaults.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let segments = form.rewrite(model, params::gateway_only, &extra_fields);
    let bodies = smallvec![segments.concat().into()];
    let back = Back {
        endpoint: call.endpoint,
        dialog: Dialog::Untouched,
        bridge: Bridge::None,
        shown,
        include_usage: false,
        choices: 1,
        media: hop.size.media.clone(),
    };
    Ok(Prepared { upstream: Upstreamed::Http { route, extra, bodies }, back })
}

/// A default parameter as a form field.
fn form_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// Whether the provider shall be asked for usage at a stream's end.
fn asks_usage(call: &Call) -> bool {
    call.stream && call.table.config.general.always_include_stream_usage != Some(false)
}

fn route(
    gateway: &Gateway,
    call: &Call,
    deployment: &Arc<Deployment>,
    endpoint: Endpoint,
    model: &str,
) -> Result<Rc<Route>, Error> {
    if !call.own_connection.is_empty() {
        let mut own = Deployment::clone(deployment);
        let mut reach = reach_of(deployment);
        if let Some(base) = &call.own_connection.api_base {
            own.connection.api_base.clone_from(base);
            reach = Reach::Public;
            // The gateway's key is for the gateway's provider, not for wherever the caller points.
            own.connection.api_key = None;
            own.connection.azure_ad_token = None;
            own.connection.extra_headers.clear();
        }
        if let Some(key) = &call.own_connection.api_key {
            own.connection.api_key = Some(key.clone());
        }
        return Ok(new_route(&own, endpoint, model, call.api_version.as_deref(), reach));
    }
    Ok(gateway.routes.route(&call.table, deployment, endpoint, model, call.api_version.as_deref()))
}

fn new_route(
    deployment: &Deployment,
    endpoint: Endpoint,
    model: &str,
    api_version: Option<&str>,
    reach: Reach,
) -> Rc<Route> {
    if deployment.provider.dialect == Dialect::Anthropic {
        let connection = &deployment.connection;
        let headers = anthropic::headers(connection, &[], None);
        return Route::new(anthropic::url(&connection.api_base), headers, reach);
    }
    let target = openai::target(deployment, endpoint, model, api_version);
    Route::new(target.url, target.headers, reach)
}

/// Where a deployment's own URL may lead: whoever may write models into the database need not run the machine.
fn reach_of(deployment: &Deployment) -> Reach {
    if deployment.origin.stored { Reach::NoMetadata } else { Reach::Anywhere }
}

/// What is made once for each deployment and used for every call: routes and response headers.
#[derive(Default)]
pub struct Routes {
    known: RefCell<Known>,
    provider_headers: RefCell<HashMap<HeaderName, Option<ProviderHeader>>>,
}

/// The most header names that are kept; providers send a few dozen.
const MOST_NAMES: usize = 512;

#[derive(Default)]
struct Known {
    generation: u64,
    routes: HashMap<(usize, Endpoint), Rc<Route>>,
    headers: HashMap<usize, Rc<DeploymentHeaders>>,
}

impl Routes {
    fn route(
        &self,
        table: &Table,
        deployment: &Arc<Deployment>,
        endpoint: Endpoint,
        model: &str,
        api_version: Option<&str>,
    ) -> Rc<Route> {
        let reach = reach_of(deployment);
        // A URL that depends on the request is not worth keeping.
        if api_version.is_some() || deployment.model != model {
            return new_route(deployment, endpoint, model, api_version, reach);
        }
        let Some(mut known) = self.of(table, deployment) else {
            return new_route(deployment, endpoint, model, None, reach);
        };
        let made = || new_route(deployment, endpoint, model, None, reach);
        Rc::clone(known.routes.entry((deployment.position, endpoint)).or_insert_with(made))
    }

    /// How a provider's header is passed on, if it is.
    pub fn provider_header(&self, name: &HeaderName) -> Option<ProviderHeader> {
        let mut names = self.provider_headers.borrow_mut();
        if let Some(known) = names.get(name) {
            return known.clone();
        }
        let ours = ProviderHeader::of(name);
        if names.len() < MOST_NAMES {
            names.insert(name.clone(), ours.clone());
        }
        ours
    }

    /// A deployment's response headers.
    pub fn headers(&self, table: &Table, deployment: &Arc<Deployment>) -> Rc<DeploymentHeaders> {
        let Some(mut known) = self.of(table, deployment) else {
            return Rc::new(DeploymentHeaders::of(deployment));
        };
        let made = || Rc::new(DeploymentHeaders::of(deployment));
        Rc::clone(known.headers.entry(deployment.position).or_insert_with(made))
    }

    /// What is known of this table's deployments; `None` for an older table, whose requests are few.
    fn of(&self, table: &Table, _: &Deployment) -> Option<std::cell::RefMut<'_, Known>> {
        let mut known = self.known.borrow_mut();
        if table.generation > known.generation {
            *known = Known { generation: table.generation, ..Known::default() };
        }
        (table.generation == known.generation).then_some(known)
    }
}
