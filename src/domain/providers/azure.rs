//! Azure OpenAI's addresses: per deployment with an `api-version`, or the `v1` surface that is OpenAI's
//! own; and Azure AI Foundry's model endpoint.

use crate::base::secret::Secret;
use crate::domain::deployment::Connection;
use crate::domain::providers::openai::Target;
use crate::wire::endpoint::Endpoint;

use super::url::{bearer, join, segment};

/// The `api-version` when neither client nor deployment names one.
pub const DEFAULT_API_VERSION: &str = "2025-02-01-preview";

/// The same for Azure AI Foundry.
const FOUNDRY_API_VERSION: &str = "2024-05-01-preview";

/// Where Azure OpenAI serves `endpoint` for the Azure deployment `name`.
pub fn target(
    connection: &Connection,
    endpoint: Endpoint,
    name: &str,
    client_version: Option<&str>,
) -> Target {
    let base = Base::of(&connection.api_base);
    let version = client_version.filter(|version| is_version(version)).or(connection.api_version.as_deref());
    let v1 = matches!(version, Some("preview" | "latest" | "v1")) || base.path_ends_with("/openai/v1");
    if v1 {
        return v1_target(connection, &base, endpoint, version);
    }
    let mut url = match base.root {
        // A full deployment address, perhaps with the endpoint's path.
        root if root.contains("/openai/deployments/") => join(root, endpoint.path()),
        root => {
            let openai = if root.ends_with("/openai") { root.to_owned() } else { format!("{root}/openai") };
            match endpoint {
                // These name the model in the body only.
                Endpoint::Responses => join(&openai, endpoint.path()),
                _ => format!("{openai}/deployments/{}/{}", segment(name), endpoint.path()),
            }
        }
    };
    let version = version.or(base.version).unwrap_or(DEFAULT_API_VERSION);
    url.push_str("?api-version=");
    url.push_str(version);
    Target { url, headers: vec![identity(connection, "api-key")] }
}

fn v1_target(connection: &Connection, base: &Base<'_>, endpoint: Endpoint, version: Option<&str>) -> Target {
    let root = base.root;
    let surface = if base.path_ends_with("/openai/v1") {
        root.to_owned()
    } else if root.ends_with("/openai") {
        format!("{root}/v1")
    } else {
        // A deployment address belongs to the other surface; only its host counts here.
        format!("{}/openai/v1", root.split("/openai/deployments/").next().unwrap_or(root))
    };
    let mut url = join(&surface, endpoint.path());
    if version == Some("preview") {
        url.push_str("?api-version=preview");
    }
    Target { url, headers: vec![identity(connection, "bearer")] }
}

/// Where Azure AI Foundry (`azure_ai/`) serves `endpoint`: its services hosts have a path and a version of
/// their own, serverless endpoints speak plain OpenAI.
pub fn foundry_target(connection: &Connection, endpoint: Endpoint, client_version: Option<&str>) -> Target {
    let base = Base::of(&connection.api_base);
    let services = base.host().ends_with(".services.ai.azure.com");
    let azure_host = services || base.host().ends_with(".openai.azure.com");
    let key = identity(connection, if azure_host { "api-key" } else { "bearer" });
    let inside = base.root.contains("/models") || base.root.contains("/openai/");
    if !services || inside && !base.path_ends_with("/models") {
        return Target { url: join(&connection.api_base, endpoint.path()), headers: vec![key] };
    }
    let models =
        if base.path_ends_with("/models") { base.root.to_owned() } else { join(base.root, "models") };
    let version = client_version
        .filter(|version| is_version(version))
        .or(connection.api_version.as_deref())
        .or(base.version)
        .unwrap_or(FOUNDRY_API_VERSION);
    let url = format!("{}?api-version={version}", join(&models, endpoint.path()));
    Target { url, headers: vec![key] }
}

/// An Entra token wins over a key; the key goes into `api-key` or into a bearer header.
fn identity(connection: &Connection, form: &str) -> (String, Secret) {
    if let Some(token) = connection.azure_ad_token.as_ref().filter(|token| !token.is_empty()) {
        return bearer(token);
    }
    let key = connection.api_key.clone().unwrap_or_default();
    if form == "bearer" { bearer(&key) } else { ("api-key".to_owned(), key) }
}

/// A base URL without its query and last slash, and the version that the query named.
struct Base<'a> {
    root: &'a str,
    version: Option<&'a str>,
}

impl<'a> Base<'a> {
    fn of(url: &'a str) -> Self {
        let (root, query) = url.split_once('?').unwrap_or((url, ""));
        let version = query.split('&').find_map(|pair| pair.strip_prefix("api-version="));
        Base { root: root.trim_end_matches('/'), version: version.filter(|version| is_version(version)) }
    }

    fn path_ends_with(&self, end: &str) -> bool {
        self.root.ends_with(end)
    }

    fn host(&self) -> &'a str {
        let after_scheme = self.root.split_once("://").map_or(self.root, |(_, rest)| rest);
        after_scheme.split(['/', ':']).next().unwrap_or_default()
    }
}

/// What may stand in the query without changing it.
fn is_version(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(base: &str, version: Option<&str>) -> Connection {
        Connection {
            api_base: base.into(),
            api_key: Some("key-1".into()),
            api_version: version.map(Into::into),
            ..Connection::default()
        }
    }

    fn url(base: &str, version: Option<&str>, endpoint: Endpoint) -> String {
        target(&connection(base, version), endpoint, "my gpt", None).url
    }

    #[test]
    fn per_deployment_addresses() {
        let at = "https://r.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=";
        assert_eq!(
            url("https://r.openai.azure.com", Some("2024-06-01"), Endpoint::Chat),
            format!("{at}2024-06-01")
        );
        assert_eq!(
            url("https://r.openai.azure.com/openai/", None, Endpoint::Chat),
            format!("{at}2025-02-01-preview")
        );
        let client = target(
            &connection("https://r.openai.azure.com", Some("2024-06-01")),
            Endpoint::Chat,
            "my gpt",
            Some("2023-05-15"),
        );
        assert_eq!(client.url, format!("{at}2023-05-15"));
        assert_eq!(client.headers, [("api-key".to_owned(), Secret::from("key-1"))]);
        let hostile =
            target(&connection("https://r.openai.azure.com", None), Endpoint::Chat, "my gpt", Some("1&x=2"));
        assert_eq!(hostile.url, format!("{at}2025-02-01-preview"));
    }

    #[test]
    fn a_base_with_the_deployment_in_it() {
        for base in [
            "https://r/openai/deployments/d1",
            "https://r/openai/deployments/d1/chat/completions",
            "https://r/openai/deployments/d1/chat/completions?api-version=2024-02-01",
        ] {
            let version = if base.contains('?') { "2024-02-01" } else { "2025-02-01-preview" };
            let expected = format!("https://r/openai/deployments/d1/chat/completions?api-version={version}");
            assert_eq!(url(base, None, Endpoint::Chat), expected);
        }
    }

    #[test]
    fn the_v1_surface_is_never_doubled_and_takes_a_bearer() {
        let expected = "https://r/openai/v1/chat/completions";
        for (base, version) in [
            ("https://r", Some("v1")),
            ("https://r/openai", Some("latest")),
            ("https://r/openai/v1/", Some("v1")),
            ("https://r/openai/v1", None),
            ("https://r/openai/deployments/d1", Some("v1")),
        ] {
            let found = target(&connection(base, version), Endpoint::Chat, "d", None);
            assert_eq!(found.url, expected, "{base}");
            assert_eq!(found.headers, [("Authorization".to_owned(), Secret::from("Bearer key-1"))]);
        }
        assert_eq!(
            url("https://r", Some("preview"), Endpoint::Responses),
            "https://r/openai/v1/responses?api-version=preview"
        );
    }

    #[test]
    fn other_endpoints_and_tokens() {
        assert_eq!(
            url("https://r", Some("2025-03-01-preview"), Endpoint::Responses),
            "https://r/openai/responses?api-version=2025-03-01-preview"
        );
        assert!(
            url("https://r", Some("v"), Endpoint::Embeddings)
                .ends_with("/deployments/my%20gpt/embeddings?api-version=v")
        );
        let mut with_token = connection("https://r", None);
        with_token.azure_ad_token = Some("entra".into());
        let found = target(&with_token, Endpoint::Chat, "d", None);
        assert_eq!(found.headers, [("Authorization".to_owned(), Secret::from("Bearer entra"))]);
    }

    #[test]
    fn foundry_addresses() {
        let found = |base: &str| foundry_target(&connection(base, None), Endpoint::Chat, None);
        let services = found("https://r.services.ai.azure.com");
        assert_eq!(
            services.url,
            "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview"
        );
        assert_eq!(services.headers[0].0, "api-key");
        assert_eq!(found("https://r.services.ai.azure.com/models").url, services.url);
        let serverless = found("https://m.eastus.models.ai.azure.com");
        assert_eq!(serverless.url, "https://m.eastus.models.ai.azure.com/chat/completions");
        assert_eq!(serverless.headers[0].0, "Authorization");
    }
}
