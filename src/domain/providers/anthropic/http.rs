//! Address and headers of a Messages request.

use super::betas;
use crate::base::secret::Secret;
use crate::domain::deployment::Connection;

const VERSION: &str = "2023-06-01";
const BETA: &str = "anthropic-beta";
const DEFAULT_BASE: &str = "https://api.anthropic.com";

/// The address of the Messages endpoint under a base that may already end in `/v1` or the whole path.
pub fn url(api_base: &str) -> String {
    let base = api_base.trim().trim_end_matches('/');
    if base.is_empty() {
        format!("{DEFAULT_BASE}/v1/messages")
    } else if base.ends_with("/v1/messages") {
        base.to_owned()
    } else if base.ends_with("/v1") {
        format!("{base}/messages")
    } else {
        format!("{base}/v1/messages")
    }
}

/// The headers to send: identification, version, beta flags and the deployment's `extra_headers`.
///
/// This is the whole list: extra headers replace ours of the same name, except that the flags of
/// `anthropic-beta` are joined from the request, the client and the deployment. Keys of an OAuth login
/// (`sk-ant-oat...`) go as bearer tokens, others as `x-api-key`.
pub fn headers(connection: &Connection, betas: &[&str], client_beta: Option<&str>) -> Vec<(String, Secret)> {
    let is_beta = |name: &str| name.eq_ignore_ascii_case(BETA);
    let mut headers: Vec<(String, Secret)> = Vec::new();
    let mut flags: Vec<String> = betas.iter().map(|beta| (*beta).to_owned()).collect();
    if let Some(key) = connection.api_key.as_ref().filter(|key| !key.is_empty()) {
        if key.expose().starts_with("sk-ant-oat") {
            flags.push(betas::OAUTH.to_owned());
            headers.push(("authorization".to_owned(), Secret::new(format!("Bearer {}", key.expose()))));
        } else {
            headers.push(("x-api-key".to_owned(), key.clone()));
        }
    }
    headers.push(("anthropic-version".to_owned(), Secret::from(VERSION)));
    for (name, value) in &connection.extra_headers {
        if is_beta(name) {
            flags.extend(split(value.expose()));
        } else {
            headers.retain(|(ours, _)| !ours.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.clone()));
        }
    }
    flags.extend(client_beta.into_iter().flat_map(split));
    let mut unique: Vec<String> = Vec::new();
    for flag in flags {
        if !unique.contains(&flag) {
            unique.push(flag);
        }
    }
    if !unique.is_empty() {
        headers.push((BETA.to_owned(), Secret::new(unique.join(","))));
    }
    headers
}

fn split(csv: &str) -> impl Iterator<Item = String> + '_ {
    csv.split(',').map(str::trim).filter(|flag| !flag.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(connection: &Connection, betas: &[&str], client: Option<&str>) -> Vec<(String, String)> {
        let headers = headers(connection, betas, client);
        headers.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_form_of_base_leads_to_messages() {
        for (base, url_) in [
            ("", "https://api.anthropic.com/v1/messages"),
            ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
            ("https://x.test/v1/", "https://x.test/v1/messages"),
            ("https://x.test/anthropic/v1/messages", "https://x.test/anthropic/v1/messages"),
            ("http://127.0.0.1:8080/claude/", "http://127.0.0.1:8080/claude/v1/messages"),
        ] {
            assert_eq!(url(base), url_);
        }
    }

    #[test]
    fn keys_and_login_tokens_go_their_own_ways() {
        let key = Connection { api_key: Some("sk-ant-api03-x".into()), ..Connection::default() };
        assert_eq!(
            sent(&key, &[], None),
            pairs(&[("x-api-key", "sk-ant-api03-x"), ("anthropic-version", "2023-06-01")])
        );
        let token = Connection { api_key: Some("sk-ant-oat01-x".into()), ..Connection::default() };
        assert_eq!(
            sent(&token, &["a"], Some("b, a")),
            pairs(&[
                ("authorization", "Bearer sk-ant-oat01-x"),
                ("anthropic-version", "2023-06-01"),
                ("anthropic-beta", "a,oauth-2025-04-20,b"),
            ])
        );
    }

    #[test]
    fn extra_headers_win_but_beta_flags_join() {
        let connection = Connection {
            api_key: Some("k".into()),
            extra_headers: vec![
                ("Anthropic-Version".into(), "2024-01-01".into()),
                ("Anthropic-Beta".into(), "z".into()),
            ],
            ..Connection::default()
        };
        assert_eq!(
            sent(&connection, &["a"], None),
            pairs(&[("x-api-key", "k"), ("Anthropic-Version", "2024-01-01"), ("anthropic-beta", "a,z")])
        );
    }
}
