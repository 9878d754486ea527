//! Which request parameters are for the gateway, which a model refuses, and what is done about it.

use smallvec::SmallVec;

use crate::base::error::{Error, Kind};
use crate::domain::deployment::Deployment;
use crate::wire::surface::Surface;

/// What a body parameter that is for the gateway has to do with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    /// It says how the request is to be handled here: the answer is the same whatever it is.
    Handling,
    /// It changes what is asked, or of whom.
    Asking,
}

/// The table of all parameters that are for the gateway; `None`: a provider gets it.
///
/// `metadata` is not among them: see [`forwards_metadata`].
fn own(name: &str) -> Option<Own> {
    match name {
        "cache"
        | "caching"
        | "content_policy_fallbacks"
        | "context_window_fallbacks"
        | "disable_fallbacks"
        | "fallbacks"
        | "include_fallback_errors"
        | "keepalive_seconds"
        | "litellm_metadata"
        | "litellm_session_id"
        | "litellm_trace_id"
        | "max_retries"
        | "no-log"
        | "num_retries"
        | "priority"
        | "request_timeout"
        | "stream_timeout"
        | "timeout"
        | "ttl" => Some(Own::Handling),
        "additional_drop_params"
        | "allowed_openai_params"
        | "api_base"
        | "api_key"
        | "api_version"
        | "azure_ad_token"
        | "base_url"
        | "custom_llm_provider"
        | "drop_params"
        | "extra_body"
        | "extra_headers"
        | "fastest_response"
        | "guardrails"
        | "organization"
        | "tags"
        | "user_config" => Some(Own::Asking),
        _ if name.starts_with("mock_") => Some(Own::Asking),
        _ => None,
    }
}

/// Whether a body parameter is for the gateway alone and must not reach any provider.
pub fn gateway_only(name: &str) -> bool {
    own(name).is_some()
}

/// Whether it says how a request is to be handled here and not what is asked.
pub fn only_handling(name: &str) -> bool {
    own(name) == Some(Own::Handling)
}

/// Models of OpenAI's own that refuse parameters which all others take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// No rule.
    Plain,
    /// `o1`, `o3`, `o4-mini` ...
    OSeries,
    /// `gpt-5` and its sizes.
    Gpt5,
    /// `gpt-5.1` and later: like `gpt-5` only while they reason.
    Gpt5Optional,
}

/// The family of the model behind a deployment of OpenAI or Azure: by `base_model` where the config names
/// one (Azure deployments are called anything), else by the model name.
pub fn family(deployment: &Deployment, upstream_model: &str) -> Family {
    if !matches!(deployment.provider.name, "openai" | "azure") {
        return Family::Plain;
    }
    let model = deployment.info.base_model.as_deref().unwrap_or(upstream_model);
    let model = model.rsplit('/').next().unwrap_or(model);
    if let Some(rest) = model.strip_prefix("gpt-5") {
        return match rest.as_bytes() {
            _ if rest.contains("chat") => Family::Plain,
            [b'.', ..] => Family::Gpt5Optional,
            [] | [b'-', ..] => Family::Gpt5,
            _ => Family::Plain,
        };
    }
    let mut letters = model.bytes();
    let o_series = letters.next() == Some(b'o')
        && letters.next().is_some_and(|byte| byte.is_ascii_digit())
        && letters.next().is_none_or(|byte| byte == b'-');
    if o_series { Family::OSeries } else { Family::Plain }
}

impl Family {
    /// Whether the token cap must be called `max_completion_tokens`.
    pub fn wants_max_completion_tokens(self) -> bool {
        self != Family::Plain
    }

    /// Whether the family refuses this parameter with this value. Values that say nothing (a temperature
    /// of 1, a penalty of 0) are taken everywhere.
    fn refuses(self, name: &str, raw: &str, reasons: bool) -> bool {
        let fixed = match self {
            Family::Plain => false,
            Family::OSeries | Family::Gpt5 => true,
            Family::Gpt5Optional => reasons,
        };
        match name {
            "temperature" | "top_p" => fixed && raw.parse() != Ok(1.0),
            "presence_penalty" | "frequency_penalty" => fixed && raw.parse() != Ok(0.0),
            "stop" => self == Family::Gpt5,
            _ => false,
        }
    }
}

/// The parameters of a chat request that this deployment refuses: its provider's list and its model's
/// family, without what `allowed_openai_params` (the deployment's or the request's) lets through.
pub fn refused<'a>(surface: &'a Surface, deployment: &Deployment, family: Family) -> SmallVec<[&'a str; 4]> {
    let quirks = &deployment.provider.quirks;
    if family == Family::Plain && quirks.unsupported.is_empty() {
        return SmallVec::new();
    }
    let effort = surface.str("reasoning_effort");
    let reasons = effort.is_some_and(|effort| effort != "none");
    surface
        .members()
        .filter(|(name, raw)| {
            *raw != "null" && (quirks.unsupported.contains(name) || family.refuses(name, raw, reasons))
        })
        .map(|(name, _)| name)
        .filter(|name| !allowed(name, surface, deployment))
        .collect()
}

fn allowed(name: &str, surface: &Surface, deployment: &Deployment) -> bool {
    let by_request = || {
        let raw = surface.get("allowed_openai_params").unwrap_or_default();
        serde_json::from_str::<Vec<String>>(raw).is_ok_and(|names| names.iter().any(|n| n == name))
    };
    deployment.request.allowed_openai_params.iter().any(|n| n == name) || by_request()
}

/// Whether refused parameters are dropped: the request's word, else the deployment's, else the global one.
pub fn drops(surface: &Surface, deployment: &Deployment, global: bool) -> bool {
    surface.bool("drop_params").or(deployment.request.drop_params).unwrap_or(global)
}

/// The error for refused parameters.
pub fn unsupported(names: &[&str], deployment: &Deployment, upstream_model: &str) -> Error {
    let list = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let provider = deployment.provider.name;
    let sentence = format!(
        "litellm.UnsupportedParamsError: {provider} does not support parameters: [{list}] \
         for model={upstream_model}. Set drop_params: true to leave them out, \
         or name them in allowed_openai_params to send them all the same."
    );
    let error = Error::new(Kind::UnsupportedParams, sentence).with_provider(provider);
    match names.first() {
        Some(first) => error.with_param(*first).with_code("unsupported_parameter"),
        None => error,
    }
}

/// Whether `metadata` is the provider's: LiteLLM's clients mean the gateway with it, OpenAI's mean the
/// stored object. So it travels on where OpenAI stores something (Responses, or chat with `store: true`)
/// and only in the form that OpenAI takes, an object of strings.
pub fn forwards_metadata(surface: &Surface, responses: bool) -> bool {
    let stored = responses || surface.bool("store") == Some(true);
    stored
        && surface.get("metadata").is_some_and(|raw| {
            raw.starts_with('{')
                && crate::wire::json::Members::of(raw).all(|(_, value)| value.starts_with('"'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::providers::testing::{AZURE, MISTRAL, OPENAI, deployment};

    #[test]
    fn families_by_name() {
        for (model, expected) in [
            ("o1", Family::OSeries),
            ("o3-mini", Family::OSeries),
            ("o4-mini-2025-04-16", Family::OSeries),
            ("gpt-5", Family::Gpt5),
            ("gpt-5-nano", Family::Gpt5),
            ("gpt-5.1", Family::Gpt5Optional),
            ("gpt-5-chat-latest", Family::Plain),
            ("gpt-50", Family::Plain),
            ("gpt-4o", Family::Plain),
            ("o", Family::Plain),
            ("o1x", Family::Plain),
            ("omni-moderation", Family::Plain),
        ] {
            assert_eq!(family(&deployment(OPENAI, model), model), expected, "{model}");
        }
        assert_eq!(family(&deployment(MISTRAL, "o3"), "o3"), Family::Plain);
    }

    #[test]
    fn what_changes_no_answer_reaches_no_provider() {
        for (name, gateway, handling) in [
            ("num_retries", true, true),
            ("ttl", true, true),
            ("drop_params", true, false),
            ("mock_response", true, false),
            ("temperature", false, false),
            ("metadata", false, false),
        ] {
            assert_eq!((gateway_only(name), only_handling(name)), (gateway, handling), "{name}");
        }
    }

    #[test]
    fn azures_base_model_tells_the_family() {
        let mut azure = deployment(AZURE, "my-deployment");
        assert_eq!(family(&azure, "my-deployment"), Family::Plain);
        azure.info.base_model = Some("azure/o3-mini".into());
        assert_eq!(family(&azure, "my-deployment"), Family::OSeries);
    }
}
