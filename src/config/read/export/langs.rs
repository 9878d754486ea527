//! LangSmith and Langfuse.

use super::inputs::Inputs;
use crate::domain::export::{Langfuse, Langsmith};

/// LangSmith.
pub fn langsmith(inputs: &Inputs<'_>) -> Option<Langsmith> {
    let api_key = inputs.secret(&["api_key"], &["LANGSMITH_API_KEY"])?;
    let base = inputs.text(&["base_url"], &["LANGSMITH_BASE_URL"]);
    let base = inputs.address(base.unwrap_or_else(|| "https://api.smith.langchain.com".to_owned()))?;
    let text = |keys: &[&str], variable: &str, usual: &str| {
        inputs.text(keys, &[variable]).unwrap_or_else(|| usual.to_owned())
    };
    Some(Langsmith {
        url: format!("{}/api/v1/runs/batch", base.trim_end_matches("/api/v1")),
        api_key,
        project: text(&["project_name", "project"], "LANGSMITH_PROJECT", "litellm-completion"),
        run_name: text(&["run_name"], "LANGSMITH_DEFAULT_RUN_NAME", "LLMRun"),
        share: inputs.share("sampling_rate", "LANGSMITH_SAMPLING_RATE", 1.0),
        tenant: inputs.text(&[], &["LANGSMITH_TENANT_ID"]),
    })
}

/// Langfuse's own ingestion.
pub fn langfuse(inputs: &Inputs<'_>) -> Option<Langfuse> {
    let (public_key, secret_key) = (
        inputs.required(&["public_key"], &["LANGFUSE_PUBLIC_KEY"]),
        inputs.secret(&["secret_key"], &["LANGFUSE_SECRET_KEY"]),
    );
    let (public_key, secret_key) = (public_key?, secret_key?);
    let base = inputs.address(host(inputs))?;
    Some(Langfuse {
        url: format!("{base}/api/public/ingestion"),
        public_key,
        secret_key,
        environment: inputs.text(&[], &["LANGFUSE_TRACING_ENVIRONMENT"]),
        release: inputs.text(&[], &["LANGFUSE_RELEASE"]),
    })
}

/// Where Langfuse is.
pub fn host(inputs: &Inputs<'_>) -> String {
    let said = inputs.text(&["host"], &["LANGFUSE_HOST", "LANGFUSE_BASE_URL"]);
    let host = said.unwrap_or_else(|| "https://cloud.langfuse.com".to_owned());
    if host.contains("://") { host } else { format!("https://{host}") }
}
