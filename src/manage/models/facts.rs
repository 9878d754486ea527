//! What the price list knows of a model.

use serde_json::Value;

use crate::domain::deployment::Deployment;
use crate::domain::keys::JsonMap;
use crate::domain::pricing::{self, PriceBook, is_price};

/// OpenAI's parameters of chat requests, as LiteLLM lists them.
const CHAT_PARAMS: [&str; 27] = [
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "max_tokens",
    "max_completion_tokens",
    "modalities",
    "prediction",
    "n",
    "presence_penalty",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "tools",
    "tool_choice",
    "function_call",
    "functions",
    "max_retries",
    "extra_headers",
    "parallel_tool_calls",
    "audio",
    "web_search_options",
    "response_format",
    "user",
];

/// The model's entry, and the name it stands under; nothing for a wildcard, whose models differ.
pub fn listed<'b>(book: &'b PriceBook, deployment: &Deployment) -> Option<(String, JsonMap)> {
    if deployment.model.contains('*') {
        return None;
    }
    let (provider, model) = (deployment.provider.name, deployment.model.as_str());
    let base = deployment.info.base_model.as_deref();
    let entry = pricing::find(book, base, provider, model)?;
    let names = base
        .into_iter()
        .flat_map(|base| [base.to_owned(), format!("{provider}/{base}")])
        .chain([format!("{provider}/{model}"), model.to_owned()]);
    let same = |name: &String| book.entry(name).is_some_and(|found: &'b str| std::ptr::eq(found, entry));
    let name = names.into_iter().find(same).unwrap_or_else(|| model.to_owned());
    Some((name, serde_json::from_str(entry).ok()?))
}

/// What of OpenAI's chat parameters a deployment takes.
pub fn chat_params(deployment: &Deployment) -> Vec<&'static str> {
    let refused = deployment.provider.quirks.unsupported;
    CHAT_PARAMS.into_iter().filter(|name| !refused.contains(name)).collect()
}

/// What the entry itself says, else what the list says, else nothing.
pub fn said(deployment: &Deployment, listed: Option<&JsonMap>, name: &str) -> Option<Value> {
    let own = deployment.info.raw.get(name).filter(|value| !value.is_null());
    let value = own.or_else(|| listed?.get(name)).filter(|value| !value.is_null())?;
    Some(if is_price(name) { amount(value.clone()) } else { value.clone() })
}

/// A price as a number; YAML takes `1e-6` for a text.
pub fn amount(value: Value) -> Value {
    let number = value.as_str().and_then(|text| text.trim().parse::<f64>().ok());
    number.and_then(serde_json::Number::from_f64).map_or(value, Value::Number)
}
