//! Cohere's rerank: the body is what clients send anyway, the address is its own.

use crate::domain::deployment::Connection;
use crate::domain::providers::openai::Target;
use crate::wire::endpoint::Endpoint;
use crate::wire::json::{self, Elements};

use super::url::{bearer, join};

/// `POST {base}/v2/rerank`, or the base as it is when it already names a rerank path.
pub fn target(connection: &Connection, endpoint: Endpoint) -> Target {
    let base = connection.api_base.trim_end_matches('/');
    let versioned = base.ends_with("/v1") || base.ends_with("/v2");
    let url = match endpoint {
        Endpoint::Rerank if base.ends_with("/rerank") => base.to_owned(),
        Endpoint::Rerank if !versioned => join(base, "v2/rerank"),
        other => join(base, other.path()),
    };
    let key = connection.api_key.as_ref().filter(|key| !key.is_empty());
    Target { url, headers: key.map(bearer).into_iter().collect() }
}

/// The v2 API takes documents as strings; clients may send `{"text": ...}` objects, as v1 had them.
/// `None` when there is nothing to change.
pub fn flat_documents(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut changed = false;
    for document in Elements::of(raw) {
        out.push(if out.is_empty() { '[' } else { ',' });
        match json::member(document, "text").filter(|text| text.starts_with('"')) {
            Some(text) => {
                changed = true;
                out.push_str(text);
            }
            None => out.push_str(document),
        }
    }
    out.push(']');
    changed.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_become_strings() {
        let documents = r#"[{"text":"a\n","id":1}, "b", {"title":"c"}]"#;
        assert_eq!(flat_documents(documents).as_deref(), Some(r#"["a\n","b",{"title":"c"}]"#));
        assert_eq!(flat_documents(r#"["a", "b"]"#), None);
        assert_eq!(flat_documents("7"), None);
    }

    #[test]
    fn addresses() {
        let url = |base: &str| {
            let connection = Connection { api_base: base.into(), ..Connection::default() };
            target(&connection, Endpoint::Rerank).url
        };
        assert_eq!(url("https://api.cohere.ai"), "https://api.cohere.ai/v2/rerank");
        assert_eq!(url("http://h/v2"), "http://h/v2/rerank");
        assert_eq!(url("http://h/v1/rerank/"), "http://h/v1/rerank");
    }
}
