//! A request as the pipeline carries it: checked, resolved, not yet sent anywhere.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::options::Options;
use super::size::Size;
use crate::actors::topology::Table;
use crate::base::secret::Secret;
use crate::domain::keys::OwnRouting;
use crate::domain::providers::openai::fold_extra_body;
use crate::domain::reliability::RequestFallbacks;
use crate::domain::routing::groups::Resolved;
use crate::wire::endpoint::Endpoint;
use crate::wire::multipart::Multipart;
use crate::wire::surface::Surface;

/// What the client sent and what it means here.
#[derive(Clone)]
pub struct Call {
    /// What was asked.
    pub endpoint: Endpoint,
    /// The body.
    pub body: Body,
    /// The name the client asked for; answers show it.
    pub requested: Arc<str>,
    /// The group it stands for.
    pub resolved: Resolved,
    /// Whether the client wants a stream.
    pub stream: bool,
    /// Whether the client asked for the usage chunk (`stream_options.include_usage`).
    pub include_usage: bool,
    /// What the request says about its own handling.
    pub options: Options,
    /// Fallbacks it brings along.
    pub request_fallbacks: RequestFallbacks,
    /// The same with those of its key and team, where these have some.
    pub fallbacks: Option<RequestFallbacks>,
    /// What its key and team change about it.
    pub own: Option<Arc<OwnRouting>>,
    /// What it may consume.
    pub size: Size,
    /// The caller's customer (`user` in the body, or a header).
    pub end_user: Option<Arc<str>>,
    /// The user of the gateway that a header names, where the configuration maps one.
    pub user: Option<Arc<str>>,
    /// The session that it belongs to, where a header names one.
    pub session: Option<Arc<str>>,
    /// Headers that travel on (`anthropic-beta`, and `x-` ones where the configuration says so).
    pub forward: Vec<(String, Secret)>,
    /// Connection fields the caller brought along, where the configuration lets it.
    pub own_connection: OwnConnection,
    /// Azure's `?api-version=`.
    pub api_version: Option<String>,
    /// When the request arrived.
    pub received: Instant,
    /// Its unique id.
    pub call_id: Rc<str>,
    /// The configuration it is served under, from begin to end.
    pub table: Arc<Table>,
}

impl Call {
    /// The fallbacks that replace the configured ones.
    pub fn fallbacks(&self) -> &RequestFallbacks {
        self.fallbacks.as_ref().unwrap_or(&self.request_fallbacks)
    }
}

/// A connection of the caller's own (`api_key`, `api_base` in the body).
#[derive(Debug, Clone, Default)]
pub struct OwnConnection {
    /// Replaces the deployment's key.
    pub api_key: Option<Secret>,
    /// Replaces the deployment's base URL.
    pub api_base: Option<String>,
}

impl OwnConnection {
    /// Whether the caller brought nothing.
    pub fn is_empty(&self) -> bool {
        self.api_key.is_none() && self.api_base.is_none()
    }
}

/// A request body.
#[derive(Clone)]
pub enum Body {
    /// JSON, looked at no deeper than its top level.
    Json(Rc<Surface>),
    /// A form with a file.
    Form {
        /// The form.
        form: Rc<Multipart>,
        /// The `content-type` header with its boundary.
        content_type: String,
    },
}

impl Body {
    /// The JSON body, if it is one.
    pub fn json(&self) -> Option<&Surface> {
        match self {
            Body::Json(surface) => Some(surface),
            Body::Form { .. } => None,
        }
    }

    /// The JSON body with some members replaced (a fallback's overrides).
    #[must_use]
    pub fn with(&self, overrides: &Map<String, Value>) -> Body {
        let Body::Json(surface) = self else { return self.clone() };
        if overrides.is_empty() {
            return self.clone();
        }
        let mut edits = crate::wire::surface::Edits::new();
        for (name, value) in overrides {
            edits.set(name.as_str(), value.to_string());
        }
        let bytes: Bytes = surface.rewrite(&edits);
        // What was an object stays one under such edits; if it did not, the original is what was asked.
        Surface::parse(bytes, usize::MAX).map_or_else(|_| self.clone(), Body::json_of)
    }

    /// A JSON body. What stands in its `extra_body` is moved to the top level, where everything that looks at
    /// parameters sees it.
    pub fn json_of(surface: Surface) -> Body {
        let folded = fold_extra_body(&surface).and_then(Result::ok);
        Body::Json(Rc::new(folded.unwrap_or(surface)))
    }
}
