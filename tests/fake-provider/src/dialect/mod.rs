//! The dialects: how each provider shapes answers, streams and errors.

mod anthropic;
mod chat;
mod completions;
mod embeddings;
mod error;
mod media;
mod models;
mod responses;

use serde_json::{Map, Value};

use crate::http::Request;
use crate::reply::Reply;
use crate::route::{Dialect, Endpoint};
use crate::script::Script;

pub use error::error_body;

/// A request on its way to a dialect.
pub struct Call<'a> {
    pub request: &'a Request,
    pub dialect: Dialect,
    /// The body, or an empty object where it is not JSON.
    pub body: &'a Value,
    pub script: &'a Script,
    /// The request's number for its key, from 1.
    pub ordinal: u64,
    /// The request's number in the process; makes ids.
    pub id: u64,
}

impl Call<'_> {
    /// The model to show in the answer: the script's, the body's, or the Azure deployment's.
    fn model(&self) -> String {
        let asked = self.body.get("model").and_then(Value::as_str);
        self.script
            .model
            .as_deref()
            .or(asked)
            .or_else(|| azure_deployment(&self.request.path))
            .unwrap_or("gpt-4o")
            .to_owned()
    }

    fn streams(&self) -> bool {
        self.body.get("stream").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Adds the fields that no documentation knows, when the script wants them.
    fn decorate(&self, mut object: Value) -> Value {
        if self.script.extra
            && let Some(map) = object.as_object_mut()
        {
            map.insert("provider_extra".to_owned(), serde_json::json!({"kept": true}));
        }
        object
    }
}

/// Answers a healthy or scripted call.
#[must_use]
pub fn answer(endpoint: &Endpoint, call: &Call<'_>) -> Reply {
    if let Some(refusal) = error::refusal(endpoint, call) {
        return refusal;
    }
    if call.script.garbage {
        return Reply::bytes(200, "text/html", "<html><body>It works!</body></html>");
    }
    match endpoint {
        Endpoint::Chat => chat::answer(call),
        Endpoint::Completions => completions::answer(call),
        Endpoint::Embeddings => embeddings::answer(call),
        Endpoint::Moderations => media::moderation(call),
        Endpoint::Images => media::image(call),
        Endpoint::Transcription => media::transcription(call),
        Endpoint::Speech => media::speech(call),
        Endpoint::Responses => responses::answer(call),
        Endpoint::Rerank => media::rerank(call),
        Endpoint::Models => models::list(),
        Endpoint::Model(id) => models::one(id),
        Endpoint::Messages => anthropic::answer(call),
        Endpoint::CountTokens => anthropic::count(call),
    }
}

fn azure_deployment(path: &str) -> Option<&str> {
    path.split_once("/openai/deployments/")?.1.split('/').next()
}

/// An object from the pairs whose value is not null.
fn present<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    let pairs = pairs.into_iter().filter(|(_, v)| !v.is_null());
    Value::Object(pairs.map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>())
}
