//! Which endpoint of which dialect a path means. Any prefix will do, since providers differ only in that.

/// The dialect in which errors are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    OpenAi,
    Azure,
    Anthropic,
    Cohere,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Chat,
    Completions,
    Embeddings,
    Moderations,
    Images,
    Transcription,
    Speech,
    Responses,
    Rerank,
    Models,
    Model(String),
    Messages,
    CountTokens,
}

/// Finds the endpoint of a path.
#[must_use]
pub fn route(method: &str, path: &str) -> Option<(Dialect, Endpoint)> {
    let path = path.trim_end_matches('/');
    let dialect = if path.contains("/openai/deployments/") { Dialect::Azure } else { Dialect::OpenAi };
    if method == "GET" {
        let (_, id) = path.split_once("/models")?;
        return Some(match id.strip_prefix('/') {
            Some(id) => (dialect, Endpoint::Model(id.to_owned())),
            None => (dialect, Endpoint::Models),
        });
    }
    if method != "POST" {
        return None;
    }
    let post = [
        ("/chat/completions", Endpoint::Chat),
        ("/completions", Endpoint::Completions),
        ("/embeddings", Endpoint::Embeddings),
        ("/moderations", Endpoint::Moderations),
        ("/images/generations", Endpoint::Images),
        ("/images/edits", Endpoint::Images),
        ("/audio/transcriptions", Endpoint::Transcription),
        ("/audio/translations", Endpoint::Transcription),
        ("/audio/speech", Endpoint::Speech),
        ("/responses", Endpoint::Responses),
        ("/rerank", Endpoint::Rerank),
        ("/messages/count_tokens", Endpoint::CountTokens),
        ("/messages", Endpoint::Messages),
    ];
    let (_, endpoint) = post.into_iter().find(|(suffix, _)| path.ends_with(suffix))?;
    let dialect = match endpoint {
        Endpoint::Messages | Endpoint::CountTokens => Dialect::Anthropic,
        Endpoint::Rerank => Dialect::Cohere,
        _ => dialect,
    };
    Some((dialect, endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_do_not_matter_but_azure_is_seen() {
        assert_eq!(route("POST", "/v1/chat/completions"), Some((Dialect::OpenAi, Endpoint::Chat)));
        assert_eq!(
            route("POST", "/inference/v1/completions"),
            Some((Dialect::OpenAi, Endpoint::Completions))
        );
        let azure = "/openai/deployments/gpt/embeddings";
        assert_eq!(route("POST", azure), Some((Dialect::Azure, Endpoint::Embeddings)));
        assert_eq!(route("GET", "/v1/models/a/b"), Some((Dialect::OpenAi, Endpoint::Model("a/b".into()))));
        assert_eq!(route("POST", "/nowhere"), None);
    }
}
