//! OTLP as JSON: ids in hexadecimal, 64-bit numbers as texts, enumerations as numbers.

use serde_json::{Value, json};

use super::metrics::{Histogram, Point};
use super::spans::Span;
use super::{Any, Attribute, SCOPE};
use crate::base::ids::hex;

/// `ExportTraceServiceRequest`
pub fn traces(resource: &[Attribute], spans: &[Span]) -> Value {
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(resource)},
        "scopeSpans": [{"scope": scope(), "spans": spans.iter().map(span).collect::<Vec<_>>()}],
    }]})
}

/// `ExportMetricsServiceRequest`
pub fn metrics(resource: &[Attribute], histograms: &[Histogram]) -> Value {
    json!({"resourceMetrics": [{
        "resource": {"attributes": attributes(resource)},
        "scopeMetrics": [{"scope": scope(), "metrics": histograms.iter().map(histogram).collect::<Vec<_>>()}],
    }]})
}

fn scope() -> Value {
    json!({"name": SCOPE, "version": env!("CARGO_PKG_VERSION")})
}

fn span(span: &Span) -> Value {
    let events =
        span.first_token.map(|at| json!({"timeUnixNano": at.to_string(), "name": "gen_ai.first_token"}));
    let status = match &span.error {
        Some(message) => json!({"code": 2, "message": message}),
        None => json!({"code": 1}),
    };
    json!({
        "traceId": hex(&span.trace),
        "spanId": hex(&span.id),
        "parentSpanId": span.parent.map(|parent| hex(&parent)).unwrap_or_default(),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": span.start.to_string(),
        "endTimeUnixNano": span.end.to_string(),
        "attributes": attributes(&span.attributes),
        "events": events.into_iter().collect::<Vec<_>>(),
        "status": status,
    })
}

fn histogram(histogram: &Histogram) -> Value {
    json!({
        "name": histogram.name,
        "description": histogram.description,
        "unit": histogram.unit,
        "histogram": {
            "aggregationTemporality": 1,
            "dataPoints": histogram.points.iter().map(point).collect::<Vec<_>>(),
        },
    })
}

fn point(point: &Point) -> Value {
    json!({
        "attributes": attributes(&point.attributes),
        "startTimeUnixNano": point.start.to_string(),
        "timeUnixNano": point.time.to_string(),
        "count": point.count.to_string(),
        "sum": point.sum,
        "bucketCounts": point.buckets.iter().map(u64::to_string).collect::<Vec<_>>(),
        "explicitBounds": point.bounds,
    })
}

fn attributes(all: &[Attribute]) -> Vec<Value> {
    all.iter().map(|(key, value)| json!({"key": key, "value": any(value)})).collect()
}

fn any(value: &Any) -> Value {
    match value {
        Any::Text(text) => json!({"stringValue": text}),
        Any::Int(number) => json!({"intValue": number.to_string()}),
        Any::Double(number) => json!({"doubleValue": number}),
        Any::Bool(flag) => json!({"boolValue": flag}),
        Any::Texts(texts) => {
            let values: Vec<Value> = texts.iter().map(|text| json!({"stringValue": text})).collect();
            json!({"arrayValue": {"values": values}})
        }
    }
}
