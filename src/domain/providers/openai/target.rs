//! Where a request goes and how it identifies there.

use crate::base::secret::Secret;
use crate::domain::deployment::{Connection, Deployment};
use crate::domain::providers::url::{bearer, join};
use crate::domain::providers::{Dialect, azure, cohere};
use crate::wire::endpoint::Endpoint;

/// The address and the headers of one upstream request. `Content-Type` is not among the headers: it
/// belongs to the body.
#[derive(Debug, Clone)]
pub struct Target {
    /// The complete URL.
    pub url: String,
    /// Header names and values, names as the API documents them.
    pub headers: Vec<(String, Secret)>,
}

/// Where a deployment serves `endpoint`. `upstream_model` is the model of this request (wildcards filled
/// in), `client_api_version` Azure's `api-version` from the client's query string.
pub fn target(
    deployment: &Deployment,
    endpoint: Endpoint,
    upstream_model: &str,
    client_api_version: Option<&str>,
) -> Target {
    let connection = &deployment.connection;
    let mut target = if deployment.provider.name == "azure_ai" {
        azure::foundry_target(connection, endpoint, client_api_version)
    } else {
        match deployment.provider.dialect {
            Dialect::Azure => azure::target(connection, endpoint, upstream_model, client_api_version),
            Dialect::Cohere => cohere::target(connection, endpoint),
            Dialect::OpenAi | Dialect::Anthropic => plain(connection, endpoint),
        }
    };
    // The operator's own headers replace ours of the same name.
    for (name, value) in &connection.extra_headers {
        target.headers.retain(|(ours, _)| !ours.eq_ignore_ascii_case(name));
        target.headers.push((name.clone(), value.clone()));
    }
    target
}

fn plain(connection: &Connection, endpoint: Endpoint) -> Target {
    let mut headers = Vec::with_capacity(2 + connection.extra_headers.len());
    headers.extend(connection.api_key.as_ref().filter(|key| !key.is_empty()).map(bearer));
    if let Some(organization) = connection.organization.as_deref().filter(|name| !name.is_empty()) {
        headers.push(("OpenAI-Organization".to_owned(), Secret::from(organization)));
    }
    Target { url: join(&connection.api_base, endpoint.path()), headers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::providers::testing::{COHERE, OPENAI, deployment};

    fn url(base: &str, endpoint: Endpoint) -> String {
        let mut openai = deployment(OPENAI, "gpt-4o");
        openai.connection.api_base = base.to_owned();
        target(&openai, endpoint, "gpt-4o", None).url
    }

    #[test]
    fn the_base_is_taken_as_it_is() {
        assert_eq!(url("http://h:1/v1", Endpoint::Chat), "http://h:1/v1/chat/completions");
        assert_eq!(url("http://h/v1/", Endpoint::Embeddings), "http://h/v1/embeddings");
        assert_eq!(url("http://h/v1/chat/completions", Endpoint::Chat), "http://h/v1/chat/completions");
        assert_eq!(url("http://h/v1?tenant=a", Endpoint::Speech), "http://h/v1/audio/speech?tenant=a");
    }

    #[test]
    fn key_organization_and_own_headers() {
        let mut openai = deployment(OPENAI, "gpt-4o");
        openai.connection.organization = Some("org-1".into());
        openai.connection.extra_headers =
            vec![("x-team".into(), "a".into()), ("authorization".into(), "Basic b".into())];
        let headers: Vec<_> = target(&openai, Endpoint::Chat, "gpt-4o", None)
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.expose()))
            .collect();
        assert_eq!(headers, ["OpenAI-Organization: org-1", "x-team: a", "authorization: Basic b"]);
        openai.connection = Connection::default();
        assert!(target(&openai, Endpoint::Chat, "gpt-4o", None).headers.is_empty());
    }

    #[test]
    fn cohere_reranks_under_v2() {
        let cohere = deployment(COHERE, "rerank-v3.5");
        let found = target(&cohere, Endpoint::Rerank, "rerank-v3.5", None);
        assert_eq!(found.url, "https://api.cohere.ai/v2/rerank");
        assert_eq!(found.headers[0].1.expose(), "Bearer sk-test-0123456789");
    }
}
