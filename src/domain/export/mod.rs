//! What is told of finished requests to the systems that operators watch them with: one [`Event`], and for each kind
//! of sink a pure function that makes HTTP requests of a batch.
//!
//! A formatter gives the same requests for the same events, so a batch that is sent again after a lost answer is
//! recognised by its ids where the sink looks at them.

pub mod datadog;
mod event;
pub mod langfuse;
pub mod langsmith;
mod named;
pub mod otlp;
pub mod payload;
mod request;
pub mod s3;
pub mod sentry;
mod settings;
pub mod sigv4;
#[cfg(test)]
mod testing;
mod texts;
mod verdict;
pub mod webhook;

pub use event::{Content, Event, Failure, Owner, Quoted, TraceParent};
pub use request::{Method, Outgoing};
pub use settings::{
    Batching, Datadog, Format, Langfuse, Langsmith, Otlp, OtlpEncoding, S3, Sentry, Sink, SinkKind, Webhook,
};
pub use texts::{Answer, Keeping, Raw, answer, content, most_content, streamed};
pub use verdict::{Answers, Rejection};

use std::sync::Arc;

/// The requests that bring some events to a sink, to be sent one after the other. `now_us` is the moment, microseconds
/// since 1970.
pub fn requests(sink: &SinkKind, events: &[Arc<Event>], now_us: i64) -> Vec<Outgoing> {
    match sink {
        SinkKind::DatadogLogs(settings) => vec![datadog::logs(settings, events)],
        SinkKind::DatadogMetrics(settings) => vec![datadog::metrics(settings, events)],
        SinkKind::Sentry(settings) => sentry::envelopes(settings, events, now_us),
        SinkKind::Langsmith(settings) => langsmith::runs(settings, events).into_iter().collect(),
        SinkKind::Langfuse(settings) => vec![langfuse::batch(settings, events)],
        SinkKind::Otlp(settings) => otlp::exports(settings, events, now_us),
        SinkKind::Webhook(settings) => webhook::posts(settings, events),
        SinkKind::S3(settings) => events.iter().map(|event| s3::object(settings, event, now_us)).collect(),
    }
}

/// A value that belongs to an event and a purpose, always the same.
fn derived(event: &Event, purpose: &str) -> [u8; 16] {
    use sha2::{Digest, Sha256};
    let whole =
        Sha256::new().chain_update(event.id.as_bytes()).chain_update([0]).chain_update(purpose).finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
    bytes
}

/// The same as the text of a UUID.
fn derived_uuid(event: &Event, purpose: &str) -> String {
    uuid::Builder::from_random_bytes(derived(event, purpose)).into_uuid().hyphenated().to_string()
}

/// Whether an event is in the share of events (0 to 1) that a sink is told of; all of one event's sinks agree.
fn sampled(event: &Event, share: f64) -> bool {
    let [a, b, c, d, ..] = derived(event, "sample");
    f64::from(u32::from_be_bytes([a, b, c, d])) < share * f64::from(u32::MAX) || share >= 1.0
}
