//! Sentry: an envelope for each failure, and, where a share of requests is traced, one for each of those.

use std::sync::Arc;

use serde_json::{Value, json};

use super::event::{Event, Failure, rfc3339, seconds};
use super::payload::{metadata, text};
use super::request::Outgoing;
use super::settings::Sentry;
use super::{derived, sampled};
use crate::base::ids::hex;

/// Who sends.
const CLIENT: &str = concat!("stagedoor/", env!("CARGO_PKG_VERSION"));

/// The envelopes of a batch; there may be none.
pub fn envelopes(settings: &Sentry, events: &[Arc<Event>], now_us: i64) -> Vec<Outgoing> {
    let mut all = Vec::new();
    for event in events {
        if let Some(failure) = event.failure.as_ref().filter(|_| sampled(event, settings.share)) {
            all.push(envelope(settings, "event", &error(settings, event, failure), now_us));
        }
        if sampled(event, settings.traced) {
            let transaction = envelope(settings, "transaction", &transaction(settings, event), now_us);
            let told = event.failure.is_some() && sampled(event, settings.share);
            all.push(if told { transaction.beside(1) } else { transaction });
        }
    }
    all
}

/// One item in an envelope: a line about the envelope, one about the item, the item.
fn envelope(settings: &Sentry, kind: &str, item: &Value, now_us: i64) -> Outgoing {
    let body = item.to_string();
    let head = json!({"event_id": item["event_id"], "sent_at": rfc3339(now_us)});
    let about = json!({"type": kind, "length": body.len(), "content_type": "application/json"});
    let auth =
        format!("Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key={}", settings.key.expose());
    let headers = vec![("x-sentry-auth".to_owned(), auth.into())];
    Outgoing::post(
        &settings.url,
        headers,
        "application/x-sentry-envelope",
        format!("{head}\n{about}\n{body}\n"),
    )
    .gzipped()
}

fn error(settings: &Sentry, event: &Event, failure: &Failure) -> Value {
    json!({
        "event_id": hex(&derived(event, "sentry-event")),
        "timestamp": seconds(event.ended_us),
        "platform": "other",
        "level": if failure.grave { "error" } else { "warning" },
        "logger": "stagedoor",
        "release": CLIENT,
        "environment": settings.environment,
        "transaction": event.route,
        "exception": {"values": [{
            "type": failure.class,
            "value": failure.message,
            "mechanism": {"type": "stagedoor", "handled": true},
        }]},
        // The same failure of the same group is one issue, whatever the sentence says.
        "fingerprint": ["stagedoor", failure.class, event.status.to_string(), event.model_group],
        "tags": tags(event),
        "user": user(event),
        "contexts": {"trace": trace(event)},
        "extra": extra(event),
    })
}

fn transaction(settings: &Sentry, event: &Event) -> Value {
    json!({
        "type": "transaction",
        "event_id": hex(&derived(event, "sentry-transaction")),
        "transaction": event.route,
        "transaction_info": {"source": "route"},
        "start_timestamp": seconds(event.started_us),
        "timestamp": seconds(event.ended_us),
        "platform": "other",
        "release": CLIENT,
        "environment": settings.environment,
        "tags": tags(event),
        "user": user(event),
        "contexts": {"trace": trace(event)},
        "extra": extra(event),
        "spans": [],
    })
}

fn tags(event: &Event) -> Value {
    json!({
        "model": text(&event.model),
        "model_group": text(&event.model_group),
        "model_id": text(&event.model_id),
        "provider": text(&event.provider),
        "route": event.route,
        "status": event.status.to_string(),
        "team": text(&event.owner.team_id),
        "key_alias": text(&event.owner.key_alias),
    })
}

fn user(event: &Event) -> Value {
    let owner = &event.owner;
    let id = if owner.user_id.is_empty() { &owner.key_hash } else { &owner.user_id };
    json!({"id": text(id), "email": text(&owner.user_email), "ip_address": text(&owner.requester_ip)})
}

fn trace(event: &Event) -> Value {
    let trace = event.parent.map_or_else(|| derived(event, "trace"), |parent| parent.trace);
    let span = derived(event, "sentry-span");
    json!({
        "trace_id": hex(&trace),
        "span_id": hex(span.get(..8).unwrap_or_default()),
        "parent_span_id": event.parent.map(|parent| hex(&parent.span)),
        "op": "http.server",
        "status": status(event.status),
    })
}

/// Sentry's words for HTTP statuses.
fn status(status: u16) -> &'static str {
    match status {
        200..=399 => "ok",
        400 | 413 | 422 => "invalid_argument",
        401 => "unauthenticated",
        403 => "permission_denied",
        404 => "not_found",
        408 | 504 => "deadline_exceeded",
        429 => "resource_exhausted",
        499 => "cancelled",
        503 => "unavailable",
        500..=599 => "internal_error",
        _ => "unknown_error",
    }
}

fn extra(event: &Event) -> Value {
    json!({
        "litellm_call_id": event.call_id,
        "metadata": metadata(event),
        "attempts": event.attempts,
        "fallbacks": event.fallbacks,
        "duration_seconds": event.seconds(),
        "api_base": text(&event.api_base),
        "messages": event.content.as_ref().map(|content| &content.question),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn settings(traced: f64) -> Sentry {
        Sentry {
            url: "https://sentry.example/api/42/envelope/".into(),
            key: "public-canary".into(),
            environment: "production".into(),
            share: 1.0,
            traced,
        }
    }

    fn items(out: &Outgoing) -> (Value, Value, Value) {
        let text = String::from_utf8(testing::body(out)).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[1]["length"].as_u64().unwrap() as usize, text.lines().nth(2).unwrap().len());
        (lines[0].clone(), lines[1].clone(), lines[2].clone())
    }

    #[test]
    fn a_failure_is_an_event_in_an_envelope() {
        let events = [testing::answered(), testing::failed()].map(Arc::new);
        let all = envelopes(&settings(0.0), &events, testing::STARTED_US);
        assert_eq!(all.len(), 1);
        let (head, about, item) = items(&all[0]);
        assert_eq!((&about["type"], &head["event_id"]), (&json!("event"), &item["event_id"]));
        assert_eq!(item["event_id"].as_str().unwrap().len(), 32);
        assert_eq!(item["exception"]["values"][0]["type"], "RateLimitError");
        assert_eq!((&item["level"], &item["environment"]), (&json!("error"), &json!("production")));
        assert_eq!((&item["user"]["id"], &item["tags"]["model_group"]), (&json!("ann"), &json!("chat")));
        let auth = all[0].headers.iter().find(|(name, _)| name == "x-sentry-auth").unwrap();
        assert!(auth.1.expose().starts_with("Sentry sentry_version=7, "), "{}", auth.1.expose());
        assert!(auth.1.expose().ends_with("sentry_key=public-canary"));
        assert_eq!(all, envelopes(&settings(0.0), &events, testing::STARTED_US), "the same again");
    }

    #[test]
    fn traced_requests_are_transactions() {
        let all = envelopes(&settings(1.0), &[Arc::new(testing::answered())], testing::STARTED_US);
        let (_, about, item) = items(&all[0]);
        assert_eq!(
            (&about["type"], &item["contexts"]["trace"]["status"]),
            (&json!("transaction"), &json!("ok"))
        );
        assert_eq!(item["start_timestamp"], json!(1_700_000_000.0));
    }
}
