//! An event as LiteLLM's standard logging payload, for the sinks that show it as JSON.

use serde_json::{Map, Value, json};

use super::event::{Event, seconds};
use crate::base::usage::Usage;
use crate::domain::pricing::Cost;

/// The payload. Texts that there are none of are null.
pub fn payload(event: &Event) -> Value {
    let usage = event.counts();
    let content = event.content.as_ref();
    let mut all = object(json!({
        "id": event.id,
        "litellm_call_id": event.call_id,
        "trace_id": text(if event.session.is_empty() { &event.call_id } else { &event.session }),
        "session_id": text(&event.session),
        "call_type": event.call_type,
        "cache_hit": event.cache_hit,
        "cache_key": text(&event.cache_key),
        "saved_cache_cost": 0.0,
        "stream": event.stream,
        "status": event.outcome(),
        "status_fields": {"llm_api_status": event.outcome(), "guardrail_status": "not_run"},
        "custom_llm_provider": text(&event.provider),
        "startTime": seconds(event.started_us),
        "endTime": seconds(event.ended_us),
        "completionStartTime": seconds(event.first_token_us.unwrap_or(event.ended_us)),
        "response_time": event.seconds(),
        "model": text(&event.model),
        "model_group": text(&event.model_group),
        "model_id": text(&event.model_id),
        "api_base": text(&event.api_base),
        "metadata": metadata(event),
        "response_cost": event.usd(),
        "cost_breakdown": event.cost.as_ref().map(breakdown),
        "total_tokens": usage.total(),
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "request_tags": event.tags,
        "end_user": text(&event.owner.end_user),
        "requester_ip_address": text(&event.owner.requester_ip),
    }));
    all.extend(object(json!({
        "messages": content.map(|content| &content.question),
        "response": content.map(|content| &content.answer),
        "model_parameters": content.map_or_else(|| json!({}), |content| content.parameters.value()),
        "hidden_params": hidden(event),
        "guardrail_information": null,
        "error_str": event.failure.as_ref().map(|failure| &failure.message),
        "error_information": error(event),
    })));
    Value::Object(all)
}

/// Whose request it was, and what it counted.
pub fn metadata(event: &Event) -> Value {
    let owner = &event.owner;
    json!({
        "user_api_key_hash": text(&owner.key_hash),
        "user_api_key_alias": text(&owner.key_alias),
        "user_api_key_team_id": text(&owner.team_id),
        "user_api_key_team_alias": text(&owner.team_alias),
        "user_api_key_user_id": text(&owner.user_id),
        "user_api_key_user_email": text(&owner.user_email),
        "user_api_key_org_id": text(&owner.organization_id),
        "user_api_key_end_user_id": text(&owner.end_user),
        "requester_ip_address": text(&owner.requester_ip),
        "usage_object": event.usage.as_ref().map(usage_object),
        "attempted_retries": event.attempts.saturating_sub(1),
        "attempted_fallbacks": event.fallbacks,
    })
}

/// The counts as OpenAI names them.
fn usage_object(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total(),
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_creation_tokens": usage.cache_creation_tokens,
            "audio_tokens": usage.input_audio_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.output_audio_tokens,
        },
        "estimated": usage.estimated,
    })
}

/// Dollars.
fn breakdown(cost: &Cost) -> Value {
    json!({
        "input_cost": cost.input,
        "output_cost": cost.output,
        "cache_read_cost": cost.cache_read,
        "cache_creation_cost": cost.cache_write,
        "reasoning_cost": cost.reasoning,
        "tool_usage_cost": cost.tools,
        "original_cost": cost.original,
        "discount_amount": cost.discount,
        "margin_total_amount": cost.margin,
        "total_cost": cost.total,
    })
}

fn hidden(event: &Event) -> Value {
    let upstream = event.upstream_us.max(0);
    let overhead = event.ended_us.saturating_sub(event.started_us).saturating_sub(upstream).max(0);
    json!({
        "model_id": text(&event.model_id),
        "cache_key": text(&event.cache_key),
        "api_base": text(&event.api_base),
        "response_cost": event.usd(),
        "additional_headers": null,
        "litellm_overhead_time_ms": (event.attempts > 0).then(|| seconds(overhead) * 1e3),
        "response_id": text(&event.response_id),
    })
}

fn error(event: &Event) -> Value {
    let Some(failure) = &event.failure else { return Value::Null };
    json!({
        "error_code": event.status.to_string(),
        "error_class": failure.class,
        "llm_provider": text(&event.provider),
        "traceback": "",
        "error_message": failure.message,
    })
}

/// A text, or null where there is none.
pub fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// The members of an object.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::export::testing;

    #[test]
    fn the_names_are_those_of_the_contract() {
        let told = payload(&testing::answered());
        let names = [
            "id",
            "litellm_call_id",
            "trace_id",
            "session_id",
            "call_type",
            "cache_hit",
            "cache_key",
            "saved_cache_cost",
            "stream",
            "status",
            "status_fields",
            "custom_llm_provider",
            "startTime",
            "endTime",
            "completionStartTime",
            "response_time",
            "model",
            "model_group",
            "model_id",
            "api_base",
            "metadata",
            "response_cost",
            "cost_breakdown",
            "total_tokens",
            "prompt_tokens",
            "completion_tokens",
            "request_tags",
            "end_user",
            "requester_ip_address",
            "messages",
            "response",
            "model_parameters",
            "hidden_params",
            "guardrail_information",
            "error_str",
            "error_information",
        ];
        for name in names {
            assert!(told.get(name).is_some(), "{name}");
        }
        assert_eq!(told["status"], "success");
        assert_eq!((&told["prompt_tokens"], &told["response_cost"]), (&json!(11), &json!(0.00125)));
        assert_eq!(told["startTime"], json!(1_700_000_000.0));
        assert_eq!((&told["response_time"], &told["error_information"]), (&json!(2.5), &Value::Null));
        assert_eq!((&told["messages"], &told["response"]), (&Value::Null, &Value::Null), "only where wanted");
    }

    #[test]
    fn a_failure_says_what_went_wrong() {
        let told = payload(&testing::failed());
        assert_eq!(
            (&told["status"], &told["error_information"]["error_code"]),
            (&json!("failure"), &json!("429"))
        );
        assert_eq!(told["error_information"]["error_class"], "RateLimitError");
        assert_eq!(told["error_str"], "too many requests");
    }

    #[test]
    fn content_is_shown_where_it_is_there() {
        let told = payload(&testing::quoted());
        assert_eq!(told["messages"][0]["content"], "What is 2+2?");
        assert_eq!(told["response"]["choices"][0]["message"]["content"], "4");
        assert_eq!(told["model_parameters"]["temperature"], json!(0.5));
    }
}
