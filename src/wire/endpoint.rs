//! The data-plane endpoints and the names they have in paths, logs and metrics.

/// What a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `chat/completions`
    Chat,
    /// `completions`
    Completions,
    /// `embeddings`
    Embeddings,
    /// `moderations`
    Moderations,
    /// `images/generations`
    Images,
    /// `audio/transcriptions` (multipart)
    Transcriptions,
    /// `audio/speech` (binary answer)
    Speech,
    /// `rerank`
    Rerank,
    /// `responses`
    Responses,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Endpoint; 9] = [
        Endpoint::Chat,
        Endpoint::Completions,
        Endpoint::Embeddings,
        Endpoint::Moderations,
        Endpoint::Images,
        Endpoint::Transcriptions,
        Endpoint::Speech,
        Endpoint::Rerank,
        Endpoint::Responses,
    ];

    /// The path after the base URL (and after `/v1`), without a leading slash.
    pub const fn path(self) -> &'static str {
        match self {
            Endpoint::Chat => "chat/completions",
            Endpoint::Completions => "completions",
            Endpoint::Embeddings => "embeddings",
            Endpoint::Moderations => "moderations",
            Endpoint::Images => "images/generations",
            Endpoint::Transcriptions => "audio/transcriptions",
            Endpoint::Speech => "audio/speech",
            Endpoint::Rerank => "rerank",
            Endpoint::Responses => "responses",
        }
    }

    /// The route as metrics and logs name it.
    pub const fn route(self) -> &'static str {
        match self {
            Endpoint::Chat => "/v1/chat/completions",
            Endpoint::Completions => "/v1/completions",
            Endpoint::Embeddings => "/v1/embeddings",
            Endpoint::Moderations => "/v1/moderations",
            Endpoint::Images => "/v1/images/generations",
            Endpoint::Transcriptions => "/v1/audio/transcriptions",
            Endpoint::Speech => "/v1/audio/speech",
            Endpoint::Rerank => "/v1/rerank",
            Endpoint::Responses => "/v1/responses",
        }
    }

    /// LiteLLM's names of calls, which dashboards group by.
    pub const fn call_type(self) -> &'static str {
        match self {
            Endpoint::Chat => "acompletion",
            Endpoint::Completions => "atext_completion",
            Endpoint::Embeddings => "aembedding",
            Endpoint::Moderations => "amoderation",
            Endpoint::Images => "aimage_generation",
            Endpoint::Transcriptions => "atranscription",
            Endpoint::Speech => "aspeech",
            Endpoint::Rerank => "arerank",
            Endpoint::Responses => "aresponses",
        }
    }

    /// The field without which a request of this kind makes no sense, if there is one.
    pub const fn required_field(self) -> Option<&'static str> {
        match self {
            Endpoint::Chat => Some("messages"),
            Endpoint::Completions | Endpoint::Images => Some("prompt"),
            Endpoint::Embeddings | Endpoint::Moderations | Endpoint::Speech => Some("input"),
            Endpoint::Rerank => Some("query"),
            Endpoint::Transcriptions => Some("file"),
            Endpoint::Responses => None,
        }
    }
}
