//! LangSmith and Langfuse.

use super::found::Found;
use super::inputs::Inputs;
use crate::base::secret::Secret;
use crate::domain::export::{Langfuse, Langsmith};

/// LangSmith.
pub fn langsmith(inputs: &Inputs<'_>) -> Option<Langsmith> {
    let api_key = inputs.secret(&["api_key"], &["LANGSMITH_API_KEY"])?;
    let base = inputs.find(&["base_url"], &["LANGSMITH_BASE_URL"]);
    let base = base.unwrap_or_else(|| Found::usual("https://api.smith.langchain.com")).base(inputs)?;
    let text = |keys: &[&str], variable: &str, usual: &str| {
        inputs.text(keys, &[variable]).unwrap_or_else(|| usual.to_owned())
    };
    Some(Langsmith {
        url: format!("{}/api/v1/runs/batch", base.trim_end_matches("/api/v1")),
        api_key,
        project: text(&["project_name", "project"], "LANGSMITH_PROJECT", "litellm-completion"),
        run_name: text(&["run_name"], "LANGSMITH_DEFAULT_RUN_NAME", "LLMRun"),
        share: inputs.share("sampling_rate", "LANGSMITH_SAMPLING_RATE", 1.0),
        tenant: match inputs.find(&[], &["LANGSMITH_TENANT_ID"]) {
            Some(tenant) => Some(tenant.header(inputs)?.expose().to_owned()),
            None => None,
        },
    })
}

/// Langfuse's own ingestion.
pub fn langfuse(inputs: &Inputs<'_>) -> Option<Langfuse> {
    let (public_key, secret_key) = keys(inputs)?;
    let base = host(inputs).base(inputs)?;
    Some(Langfuse {
        url: format!("{base}/api/public/ingestion"),
        public_key,
        secret_key,
        environment: inputs.text(&[], &["LANGFUSE_TRACING_ENVIRONMENT"]),
        release: inputs.text(&[], &["LANGFUSE_RELEASE"]),
    })
}

/// The public and the secret key.
pub fn keys(inputs: &Inputs<'_>) -> Option<(String, Secret)> {
    let public_key = inputs.secret(&["public_key"], &["LANGFUSE_PUBLIC_KEY"]);
    let secret_key = inputs.secret(&["secret_key"], &["LANGFUSE_SECRET_KEY"]);
    Some((public_key?.expose().to_owned(), secret_key?))
}

/// Where Langfuse is.
pub fn host<'f>(inputs: &'f Inputs<'_>) -> Found<'f> {
    let said = inputs.find(&["host"], &["LANGFUSE_HOST", "LANGFUSE_BASE_URL"]);
    let host = said.unwrap_or_else(|| Found::usual("https://cloud.langfuse.com"));
    host.map(|host| if host.contains("://") { host } else { format!("https://{host}") })
}
