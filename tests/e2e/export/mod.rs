//! Finished requests reach the systems that operators watch them with, and a dead one slows nobody.

mod sinks;
mod trouble;

use serde_json::{Value, json};

use crate::harness::{Collector, FakeProvider, Gateway, chat, config, openai, with};

/// What must be found nowhere, unless message logging is on.
const PROMPT: &str = "canary-prompt-77ab";
const ANSWER: &str = "canary-answer-19cd";

/// Every sink with its variables, all of them at one collector.
fn everywhere(collector: &Collector) -> Vec<(&'static str, String)> {
    let base = collector.url("");
    vec![
        ("DD_API_KEY", "canary-datadog".into()),
        ("DD_BASE_URL", base.clone()),
        ("DD_ENV", "test".into()),
        ("SENTRY_DSN", format!("http://canary-sentry@{}/42", collector.addr)),
        ("LANGSMITH_API_KEY", "canary-langsmith".into()),
        ("LANGSMITH_PROJECT", "proxy".into()),
        ("LANGSMITH_BASE_URL", base.clone()),
        ("LANGFUSE_PUBLIC_KEY", "pk-test".into()),
        ("LANGFUSE_SECRET_KEY", "canary-langfuse".into()),
        ("LANGFUSE_HOST", base.clone()),
        ("OTEL_EXPORTER", "http/json".into()),
        ("OTEL_ENDPOINT", base.clone()),
        ("OTEL_HEADERS", "x-otel-key=canary-otel".into()),
        ("LITELLM_OTEL_INTEGRATION_ENABLE_METRICS", "true".into()),
        ("GENERIC_LOGGER_ENDPOINT", collector.url("/generic")),
        ("GENERIC_LOGGER_HEADERS", "Authorization=Bearer canary-generic".into()),
        ("DEFAULT_FLUSH_INTERVAL_SECONDS", "1".into()),
    ]
}

/// Settings that name all of them.
fn all_sinks(collector: &Collector) -> Value {
    let s3 = json!({"s3_bucket_name": "logs", "s3_endpoint_url": collector.url(""), "s3_path": "llm",
        "s3_aws_access_key_id": "AK", "s3_aws_secret_access_key": "canary-s3", "s3_use_team_prefix": true,
        "s3_flush_interval": 1});
    json!({"litellm_settings": {"s3_callback_params": s3, "callbacks": [
        "datadog", "datadog_metrics", "sentry", "langsmith", "langfuse", "otel", "generic_api", "s3_v2"]}})
}

/// A model that answers, and one that fails.
fn models(provider: &FakeProvider) -> Value {
    let price = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001},
        "model_info": {"id": "good"}});
    let good = openai("gpt", provider, &format!("sk-fake.completion_tokens=10.text={ANSWER}"));
    config(&[
        with(good, price),
        with(openai("bad", provider, "sk-fake.status=500"), json!({"model_info": {"id": "bad"}})),
    ])
}

async fn start(environment: &[(&str, String)], settings: &Value) -> Gateway {
    let mut start = Gateway::start();
    for (name, value) in environment {
        start = start.env(name, value);
    }
    start.serve(settings).await
}

/// A chat request that asks for something nobody else may read.
fn question(model: &str) -> Value {
    let messages = json!({"messages": [{"role": "user", "content": PROMPT}], "temperature": 0.25});
    with(chat(model), messages)
}
