//! Where a deployment is and how to identify there: from the entry, else the environment, else the table.

use super::Parts;
use crate::base::secret::Secret;
use crate::config::scope::{Field, Scope};
use crate::config::yaml::Yaml;
use crate::domain::deployment::Connection;
use crate::domain::providers::{Dialect, Provider};

/// Azure's `api-version` when neither the entry nor the environment names one.
const AZURE_API_VERSION: &str = "2025-02-01-preview";

/// A connection, and why it cannot work.
pub struct Found {
    /// As far as it is known.
    pub connection: Connection,
    /// Why the deployment cannot work, if it cannot.
    pub problem: Option<String>,
}

/// Reads the connection. A deployment that answers by itself (`mock`) lacks nothing.
pub fn read(parts: &Parts<'_>, provider: &Provider, mock: bool) -> Found {
    let params = &parts.params;
    let azure = provider.dialect == Dialect::Azure;
    let environment = parts.context.environment;
    let (base, base_problem) = base(parts, provider);
    let own_base = base.own;
    // Whoever adds a model must not learn the gateway's own keys by naming the address that they are sent to.
    let guarded = parts.context.stored && own_base;
    let (azure_ad_token, token_problem) = if azure { azure_token(parts, guarded) } else { (None, None) };
    // A server of one's own may need no key; Azure always wants one, or a token.
    let other_way = if azure { azure_ad_token.is_some() } else { own_base };
    let (api_key, key_problem) = key(parts, provider, &Terms { other_way, mock, guarded });
    let api_version = params.text("api_version").or_else(|| {
        let named = || environment.get("AZURE_API_VERSION").unwrap_or_else(|| AZURE_API_VERSION.to_owned());
        azure.then(named)
    });
    let connection = Connection {
        api_base: base.url,
        api_key,
        api_version,
        organization: organization(parts, provider),
        azure_ad_token,
        extra_headers: headers(params),
    };
    let key_problem =
        if azure && key_problem.is_some() { token_problem.or(key_problem) } else { key_problem };
    let problem = if mock { None } else { base_problem.or(key_problem) };
    Found { connection, problem }
}

struct Base {
    url: String,
    /// Whether the entry names it and it is not the provider's own.
    own: bool,
}

fn base(parts: &Parts<'_>, provider: &Provider) -> (Base, Option<String>) {
    let params = &parts.params;
    let none = || Base { url: String::new(), own: false };
    for key in ["api_base", "base_url"] {
        if let Some(name) = params.unset_variable(key) {
            // The provider's public address would be a surprise to whoever wrote a private one.
            params.problems.explain(params.path_of(key));
            return (
                none(),
                Some(format!("the environment variable {name} (litellm_params.{key}) is not set")),
            );
        }
    }
    let written = params.text("api_base").or_else(|| params.text("base_url")).filter(|url| !url.is_empty());
    let from_environment = || parts.context.environment.first(provider.base_env).map(|(_, url)| url);
    let (url, own) = match written {
        Some(url) => (url, true),
        None => (from_environment().unwrap_or_else(|| provider.base.to_owned()), false),
    };
    let url = normal(provider, &url);
    if url.is_empty() {
        return (none(), no_base(provider));
    }
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let problem = host
        .is_none_or(|host| host.is_empty() || host.starts_with('/') || host.contains(char::is_whitespace))
        .then(|| "its api_base is no address: it must look like https://host/path".to_owned());
    let own = own && url != provider.base;
    (Base { url, own }, problem)
}

fn no_base(provider: &Provider) -> Option<String> {
    // The unknown provider has a better reason of its own.
    let variable = provider.base_env.first();
    Some(match variable {
        Some(variable) => format!("no API base: set {variable} or litellm_params.api_base"),
        None => "no API base: set litellm_params.api_base".to_owned(),
    })
}

/// The base in the form that the provider's dialect builds on.
fn normal(provider: &Provider, url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let strip = |url: &str, ends: &[&str]| {
        let found = ends.iter().find_map(|end| url.strip_suffix(end));
        found.unwrap_or(url).trim_end_matches('/').to_owned()
    };
    match provider.name {
        _ if url.is_empty() => String::new(),
        "ollama" | "ollama_chat" | "mistral" if !url.ends_with("/v1") => format!("{url}/v1"),
        "anthropic" => strip(url, &["/v1/messages", "/v1"]),
        "cohere" => strip(url, &["/v2/rerank", "/v1/rerank", "/v2", "/v1"]),
        _ => url.to_owned(),
    }
}

/// What decides about a missing key.
struct Terms {
    /// An address or token of the entry's own makes a key optional.
    other_way: bool,
    /// The deployment answers by itself.
    mock: bool,
    /// The environment's keys are not for this address.
    guarded: bool,
}

/// The key, or why there is none.
fn key(parts: &Parts<'_>, provider: &Provider, terms: &Terms) -> (Option<Secret>, Option<String>) {
    let Terms { other_way, mock, guarded } = *terms;
    let params = &parts.params;
    let path = params.path_of("api_key");
    if let Some(key) = params.secret("api_key") {
        return (Some(key), None);
    }
    let wrong_type = params.get("api_key").is_some_and(|field| field.node.text().is_none());
    if wrong_type {
        return (None, None);
    }
    let default = parts.context.environment.first(provider.key_env).filter(|_| !guarded);
    let unset = params.unset_variable("api_key");
    match (default, unset) {
        (Some((name, key)), unset) => {
            if let Some(unset) = unset.filter(|_| !mock) {
                let text = format!("the environment variable {unset} is not set; {name} is used instead");
                params.problems.warn(params.at_of("api_key"), &path, text);
            }
            params.problems.explain(path);
            (Some(Secret::new(key)), None)
        }
        (None, Some(_)) if provider.keyless || mock => {
            if mock {
                params.problems.explain(path);
            }
            (None, None)
        }
        (None, Some(unset)) => {
            params.problems.explain(path);
            (None, Some(format!("the environment variable {unset} (litellm_params.api_key) is not set")))
        }
        (None, None) if provider.keyless || other_way || mock => (None, None),
        (None, None) if guarded => {
            let why = "no API key: set litellm_params.api_key (the environment's is not sent to an api_base that was \
                       added through the API)";
            (None, Some(why.to_owned()))
        }
        (None, None) => (None, Some(no_key(provider))),
    }
}

fn no_key(provider: &Provider) -> String {
    match provider.key_env.first() {
        Some(variable) => format!("no API key: set {variable} or litellm_params.api_key"),
        None => "no API key: set litellm_params.api_key".to_owned(),
    }
}

/// The Entra token, or why the ways to get one do not help.
fn azure_token(parts: &Parts<'_>, guarded: bool) -> (Option<Secret>, Option<String>) {
    let from_environment =
        || parts.context.environment.get("AZURE_AD_TOKEN").filter(|_| !guarded).map(Secret::new);
    let token = parts.params.secret("azure_ad_token");
    let token = token.or_else(from_environment);
    let asked =
        ["tenant_id", "client_secret", "azure_username"].iter().any(|key| parts.params.get(key).is_some());
    let problem = (asked && token.is_none()).then(|| {
        "fetching Entra tokens is not supported yet: set litellm_params.api_key or azure_ad_token".to_owned()
    });
    (token, problem)
}

fn organization(parts: &Parts<'_>, provider: &Provider) -> Option<String> {
    let single = parts.params.get("organization").filter(|field| !matches!(field.node.value, Yaml::List(_)));
    let written = single.and_then(|field| field.text());
    let openai = matches!(provider.name, "openai" | "text-completion-openai");
    written.or_else(|| openai.then(|| parts.context.environment.get("OPENAI_ORGANIZATION")).flatten())
}

/// `headers` and `extra_headers`; the latter win.
fn headers(params: &Scope<'_>) -> Vec<(String, Secret)> {
    let mut all: Vec<(String, Secret)> = Vec::new();
    for key in ["headers", "extra_headers"] {
        let scope = params.scope(key);
        for entry in scope.entries().iter().filter(|entry| !entry.node.is_null()) {
            let Some(value) = header(&scope.field(entry), &entry.key) else { continue };
            all.retain(|(name, _)| !name.eq_ignore_ascii_case(&entry.key));
            all.push((entry.key.clone(), Secret::new(value)));
        }
    }
    all
}

fn header(field: &Field<'_>, name: &str) -> Option<String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        field.error("this is no name of an HTTP header");
        return None;
    }
    let value = match &field.node.value {
        Yaml::Text(text) => text.clone(),
        Yaml::Int(number) => number.to_string(),
        Yaml::Float(number) => number.to_string(),
        Yaml::Bool(flag) => flag.to_string(),
        _ => return field.text(),
    };
    if value.bytes().any(|b| b < 0x20 && b != b'\t' || b == 0x7f) {
        field.error("a header's value must not hold control characters or line ends");
        return None;
    }
    Some(value)
}
