//! OpenTelemetry's protocol over HTTP: spans, and metrics where they are wanted, with the conventions for generative
//! AI.
//!
//! Source: OTLP specification 1.x (`opentelemetry-proto`), semantic conventions `gen_ai.*`.

mod json;
mod metrics;
mod protobuf;
mod spans;

use std::sync::Arc;

use super::event::Event;
use super::request::Outgoing;
use super::settings::{Otlp, OtlpEncoding};

pub use metrics::{Histogram, Point};
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
    let mut all = vec![
        match settings.encoding {
            OtlpEncoding::Json => {
                Outgoing::json(&settings.traces_url, headers(settings), &json::traces(&resource, &spans))
            }
            OtlpEncoding::Protobuf => {
                protobuf(settings, &settings.traces_url, protobuf::traces(&resource, &spans))
            }
        }
        .of(events.len()),
    ];
    if let Some(url) = &settings.metrics_url {
        let found = metrics::of(events, now_us);
        all.push(
            match settings.encoding {
                OtlpEncoding::Json => {
                    Outgoing::json(url, headers(settings), &json::metrics(&resource, &found))
                }
                OtlpEncoding::Protobuf => protobuf(settings, url, protobuf::metrics(&resource, &found)),
            }
            .of(0),
        );
    }
    all
}

fn headers(settings: &Otlp) -> Vec<(String, crate::base::secret::Secret)> {
    settings.headers.clone()
}

fn protobuf(settings: &Otlp, url: &str, body: Vec<u8>) -> Outgoing {
    Outgoing::post(url, headers(settings), "application/x-protobuf", body)
}

/// Microseconds since 1970 as nanoseconds.
fn nanos(us: i64) -> u64 {
    u64::try_from(us).unwrap_or(0).saturating_mul(1000)
}

#[cfg(test)]
mod tests;
