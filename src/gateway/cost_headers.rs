//! What an answer has cost, in its headers: dollars as plain decimal numbers, without a float on the way.

use actix_http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::BytesMut;

use super::headers::put;
use super::record::Settled;
use crate::base::money::Nanos;

static TOTAL: HeaderName = HeaderName::from_static("x-litellm-response-cost");
static ORIGINAL: HeaderName = HeaderName::from_static("x-litellm-response-cost-original");
static INPUT: HeaderName = HeaderName::from_static("x-litellm-response-cost-input");
static OUTPUT: HeaderName = HeaderName::from_static("x-litellm-response-cost-output");
static CACHE_READ: HeaderName = HeaderName::from_static("x-litellm-response-cost-cache-read");
static CACHE_CREATION: HeaderName = HeaderName::from_static("x-litellm-response-cost-cache-creation");
static REASONING: HeaderName = HeaderName::from_static("x-litellm-response-cost-reasoning");
static TOOLS: HeaderName = HeaderName::from_static("x-litellm-response-cost-tool-usage");
static DISCOUNT: HeaderName = HeaderName::from_static("x-litellm-response-cost-discount-amount");
static MARGIN: HeaderName = HeaderName::from_static("x-litellm-response-cost-margin-amount");
static MARGIN_PERCENT: HeaderName = HeaderName::from_static("x-litellm-response-cost-margin-percent");
static KEY_SPEND: HeaderName = HeaderName::from_static("x-litellm-key-spend");

/// Nano-dollars in a dollar.
const PER_USD: u64 = 1_000_000_000;
/// Room for the amounts of a usual answer.
const ROOM: usize = 96;

/// For a settled answer. The price before discounts and margins, and the parts of input and output that few answers
/// have, are told where they say something.
pub fn settled(settled: &Settled, headers: &mut HeaderMap) {
    let mut amounts = Amounts(BytesMut::with_capacity(ROOM));
    if let Some(cost) = &settled.cost {
        let told = [(&TOTAL, cost.total), (&INPUT, cost.input), (&OUTPUT, cost.output)];
        for (name, amount) in told {
            put(headers, name, amounts.value(amount));
        }
        let adjusted = !cost.discount.is_zero() || !cost.margin.is_zero();
        let original = if adjusted { cost.original } else { Nanos::ZERO };
        let rare = [
            (&ORIGINAL, original),
            (&CACHE_READ, cost.cache_read),
            (&CACHE_CREATION, cost.cache_write),
            (&REASONING, cost.reasoning),
            (&TOOLS, cost.tools),
            (&DISCOUNT, cost.discount),
            (&MARGIN, cost.margin),
            (&MARGIN_PERCENT, settled.margin_share),
        ];
        for (name, amount) in rare.into_iter().filter(|(_, amount)| !amount.is_zero()) {
            put(headers, name, amounts.value(amount));
        }
    }
    if let Some(spend) = settled.key_spend {
        put(headers, &KEY_SPEND, amounts.value(spend));
    }
}

/// For a stream, whose cost is not known when its head leaves.
pub fn begun(key_spend: Option<Nanos>, headers: &mut HeaderMap) {
    settled(&Settled { key_spend, ..Settled::default() }, headers);
}

/// Amounts of one answer, written behind each other: all of them cost one allocation.
struct Amounts(BytesMut);

impl Amounts {
    fn value(&mut self, amount: Nanos) -> HeaderValue {
        if amount.is_zero() {
            return HeaderValue::from_static("0.0");
        }
        self.write(amount);
        HeaderValue::from_maybe_shared(self.0.split().freeze())
            .unwrap_or_else(|_| HeaderValue::from_static("0.0"))
    }

    fn write(&mut self, amount: Nanos) {
        let magnitude = amount.get().unsigned_abs();
        if amount < Nanos::ZERO {
            self.0.extend_from_slice(b"-");
        }
        self.0.extend_from_slice(itoa::Buffer::new().format(magnitude / PER_USD).as_bytes());
        // Ten digits, of which the first becomes the point.
        let mut decimals = itoa::Buffer::new();
        let decimals = decimals.format(PER_USD + magnitude % PER_USD).as_bytes().get(1..).unwrap_or_default();
        let kept = decimals.iter().rposition(|digit| *digit != b'0').unwrap_or(0);
        self.0.extend_from_slice(b".");
        self.0.extend_from_slice(decimals.get(..=kept).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pricing::Cost;

    #[test]
    fn amounts_are_plain_decimals() {
        let mut amounts = Amounts(BytesMut::new());
        for (nanos, text) in [
            (0, "0.0"),
            (1, "0.000000001"),
            (700_000, "0.0007"),
            (10_000_000, "0.01"),
            (5_000_000_000, "5.0"),
            (12_345_678_901, "12.345678901"),
            (-1_500_000_000, "-1.5"),
            (i64::MAX, "9223372036.854775807"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(amounts.value(Nanos::new(nanos)), text);
        }
    }

    #[test]
    fn rare_parts_are_told_where_they_say_something() {
        let cost = Cost {
            total: Nanos::new(90),
            original: Nanos::new(100),
            input: Nanos::new(40),
            output: Nanos::new(60),
            discount: Nanos::new(10),
            ..Cost::default()
        };
        let mut headers = HeaderMap::new();
        settled(
            &Settled { cost: Some(cost), key_spend: Some(Nanos::from_usd(2)), ..Settled::default() },
            &mut headers,
        );
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap().to_string());
        assert_eq!(text(&TOTAL).as_deref(), Some("0.00000009"));
        assert_eq!(text(&ORIGINAL).as_deref(), Some("0.0000001"));
        assert_eq!(text(&DISCOUNT).as_deref(), Some("0.00000001"));
        assert_eq!(text(&KEY_SPEND).as_deref(), Some("2.0"));
        assert_eq!((text(&CACHE_READ), text(&MARGIN)), (None, None));
        let mut headers = HeaderMap::new();
        begun(None, &mut headers);
        assert!(headers.is_empty());
    }
}
