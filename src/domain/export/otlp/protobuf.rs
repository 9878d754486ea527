//! OTLP as protobuf, written field by field: the messages are few and never read here. The numbers are those of
//! `opentelemetry/proto`: `trace/v1`, `metrics/v1`, `common/v1`, `resource/v1`.

use super::metrics::{Histogram, Point};
use super::spans::Span;
use super::{Any, Attribute, SCOPE};

/// How a field's value is laid out.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn tag(&mut self, field: u64, layout: u64) {
        self.varint(field << 3 | layout);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.tag(field, BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn number(&mut self, field: u64, number: u64) {
        self.tag(field, VARINT);
        self.varint(number);
    }

    fn fixed(&mut self, field: u64, bits: u64) {
        self.tag(field, FIXED64);
        self.0.extend_from_slice(&bits.to_le_bytes());
    }

    fn packed(&mut self, field: u64, all: impl Iterator<Item = u64>) {
        let bytes: Vec<u8> = all.flat_map(u64::to_le_bytes).collect();
        self.bytes(field, &bytes);
    }

    fn attributes(&mut self, field: u64, all: &[Attribute]) {
        for (key, value) in all {
            self.message(field, |pair| {
                pair.text(1, key);
                pair.message(2, |message| message.any(value));
            });
        }
    }

    /// `AnyValue`; what is set is written even if it is nothing.
    fn any(&mut self, value: &Any) {
        match value {
            Any::Text(text) => self.bytes(1, text.as_bytes()),
            Any::Bool(flag) => self.number(2, u64::from(*flag)),
            Any::Int(number) => self.number(3, number.cast_unsigned()),
            Any::Double(number) => self.fixed(4, number.to_bits()),
            Any::Texts(texts) => self.message(5, |array| {
                texts.iter().for_each(|text| array.message(1, |item| item.bytes(1, text.as_bytes())));
            }),
        }
    }

    /// Resource, scope, and what belongs to them.
    fn whole(resource: &[Attribute], items: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut whole = Message::default();
        whole.message(1, |of_resource| {
            of_resource.message(1, |message| message.attributes(1, resource));
            of_resource.message(2, |of_scope| {
                of_scope.message(1, |scope| {
                    scope.text(1, SCOPE);
                    scope.text(2, env!("CARGO_PKG_VERSION"));
                });
                items(of_scope);
            });
        });
        whole.0
    }
}

/// `ExportTraceServiceRequest`
pub fn traces(resource: &[Attribute], spans: &[Span]) -> Vec<u8> {
    Message::whole(resource, |scope| {
        spans.iter().for_each(|one| scope.message(2, |message| span(message, one)))
    })
}

/// `ExportMetricsServiceRequest`
pub fn metrics(resource: &[Attribute], histograms: &[Histogram]) -> Vec<u8> {
    Message::whole(resource, |scope| {
        histograms.iter().for_each(|one| scope.message(2, |message| histogram(message, one)));
    })
}

fn span(out: &mut Message, span: &Span) {
    out.bytes(1, &span.trace);
    out.bytes(2, &span.id);
    if let Some(parent) = &span.parent {
        out.bytes(4, parent);
    }
    out.text(5, &span.name);
    out.number(6, span.kind as u64);
    out.fixed(7, span.start);
    out.fixed(8, span.end);
    out.attributes(9, &span.attributes);
    if let Some(at) = span.first_token {
        out.message(11, |event| {
            event.fixed(1, at);
            event.text(2, "gen_ai.first_token");
        });
    }
    out.message(15, |status| match &span.error {
        Some(message) => {
            status.text(2, message);
            status.number(3, 2);
        }
        None => status.number(3, 1),
    });
}

fn histogram(out: &mut Message, histogram: &Histogram) {
    out.text(1, histogram.name);
    out.text(2, histogram.description);
    out.text(3, histogram.unit);
    out.message(9, |data| {
        histogram.points.iter().for_each(|one| data.message(1, |message| point(message, one)));
        data.number(2, 1);
    });
}

fn point(out: &mut Message, point: &Point) {
    out.fixed(2, point.start);
    out.fixed(3, point.time);
    out.fixed(4, point.count);
    out.fixed(5, point.sum.to_bits());
    out.packed(6, point.buckets.iter().copied());
    out.packed(7, point.bounds.iter().map(|bound| bound.to_bits()));
    out.attributes(9, &point.attributes);
}
