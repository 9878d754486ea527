//! OpenTelemetry's protocol over HTTP: spans, and metrics where they are wanted, with the conventions for generative
//! AI.
//!
//! Source: OTLP specification 1.x (`opentelemetry-proto`), semantic conventions `gen_ai.*`.

mod json;
mod metrics;
mod partial;
mod protobuf;
mod spans;

use std::sync::Arc;

use super::event::Event;
use super::request::Outgoing;
use super::settings::{Otlp, OtlpEncoding};
use super::verdict::Answers;
use crate::base::secret::Secret;

pub use metrics::{Histogram, Point};
pub use partial::{json as partial_json, protobuf as partial_protobuf};
pub use spans::{Kind, Span};

/// The name of what makes spans and metrics.
const SCOPE: &str = "stagedoor";

/// A name and a value.
pub type Attribute = (String, Any);

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Any {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// A truth value.
    Bool(bool),
    /// Texts.
    Texts(Vec<String>),
}

impl From<&str> for Any {
    fn from(text: &str) -> Self {
        Any::Text(text.to_owned())
    }
}

impl From<u64> for Any {
    fn from(number: u64) -> Self {
        Any::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// One request with spans, and one with metrics where they are wanted.
pub fn exports(settings: &Otlp, events: &[Arc<Event>], now_us: i64) -> Vec<Outgoing> {
    let resource: Vec<Attribute> =
        settings.resource.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let spans: Vec<Span> = events.iter().flat_map(|event| spans::of(event)).collect();
    let to = (settings.traces_url.as_str(), &settings.headers);
    let traces = match settings.encoding {
        OtlpEncoding::Json => in_json(to, &json::traces(&resource, &spans)),
        OtlpEncoding::Protobuf => in_protobuf(to, protobuf::traces(&resource, &spans)),
    };
    let mut all = vec![traces.of(events.len())];
    if let Some(url) = &settings.metrics_url {
        let found = metrics::of(events, now_us);
        let to = (url.as_str(), &settings.metrics_headers);
        let metrics = match settings.encoding {
            OtlpEncoding::Json => in_json(to, &json::metrics(&resource, &found)),
            OtlpEncoding::Protobuf => in_protobuf(to, protobuf::metrics(&resource, &found)),
        };
        all.push(metrics.beside(events.len()));
    }
    if settings.gzip { all.into_iter().map(Outgoing::gzipped).collect() } else { all }
}

/// An address and the headers for it.
type To<'a> = (&'a str, &'a Vec<(String, Secret)>);

fn in_json((url, headers): To<'_>, body: &serde_json::Value) -> Outgoing {
    Outgoing::json(url, headers.clone(), body).answered(Answers::OtlpJson)
}

fn in_protobuf((url, headers): To<'_>, body: Vec<u8>) -> Outgoing {
    let all = Outgoing::post(url, headers.clone(), "application/x-protobuf", body);
    all.answered(Answers::OtlpProtobuf)
}

/// Microseconds since 1970 as nanoseconds.
fn nanos(us: i64) -> u64 {
    u64::try_from(us).unwrap_or(0).saturating_mul(1000)
}

#[cfg(test)]
mod tests;
