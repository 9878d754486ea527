//! The data plane: what each endpoint takes. The fields are those that the gateway or every provider reads; others
//! travel on to the provider untouched.

use super::shapes::{Field, Kind, Reply, Shape, f, gives, must, row};
use crate::wire::endpoint::Endpoint;

/// What is said of an endpoint.
pub(super) struct About {
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Its fields.
    pub fields: &'static [&'static [Field]],
    /// What it answers.
    pub reply: Reply,
    /// Whether it can answer as a stream of events.
    pub streams: bool,
}

const fn about(
    summary: &'static str,
    fields: &'static [&'static [Field]],
    reply: Reply,
    streams: bool,
) -> About {
    About { summary, fields, reply, streams }
}

/// What an endpoint takes and answers.
pub(super) const fn of(endpoint: Endpoint) -> About {
    match endpoint {
        Endpoint::Chat => about("Answer a conversation.", CHAT, CHAT_REPLY, true),
        Endpoint::Completions => about("Continue a text.", COMPLETIONS, CHAT_REPLY, true),
        Endpoint::Responses => {
            about("Answer as the Responses API does.", RESPONSES, gives("A response."), true)
        }
        Endpoint::Embeddings => about("Turn texts into vectors.", EMBEDDINGS, LISTED, false),
        Endpoint::Moderations => {
            about("Judge texts.", MODERATIONS, gives("results, one for each input."), false)
        }
        Endpoint::Images => about("Make images.", IMAGES, gives("data, the images."), false),
        Endpoint::Transcriptions => {
            about("Turn speech into text; a multipart form.", TRANSCRIPTIONS, gives("text."), false)
        }
        Endpoint::Speech => about("Turn text into speech.", SPEECH, SOUND, false),
        Endpoint::Rerank => about(
            "Sort documents by how well they answer a query.",
            RERANK,
            gives("results with index and relevance_score."),
            false,
        ),
    }
}

const MODEL: &[Field] = &[must("model", Kind::Text, "A model's name, as /v1/models lists them.")];

/// What the gateway itself reads.
const GATEWAY: &[Field] = &[
    f("user", Kind::Text, "The end user, for its budget and the ledger."),
    f("metadata", Kind::Object, "tags among it: {\"tags\": [\"prod\"]}."),
    f("timeout", Kind::Number, "Seconds that the whole answer may take."),
    f("num_retries", Kind::Int, "How often a failed attempt is repeated."),
    f("fallbacks", Kind::Any, "Models to use when this one fails."),
];

const SAMPLING: &[Field] = &[
    f("stream", Kind::Bool, "Answer as server-sent events, token by token."),
    f("stream_options", Kind::Object, "{\"include_usage\": true} adds the usage at the end."),
    f("max_tokens", Kind::Int, "Most tokens of the answer. With it a budget can never be overrun."),
    f("temperature", Kind::Number, "How free the answer is."),
    f("top_p", Kind::Number, "The share of likely tokens to choose from."),
    f("n", Kind::Int, "How many answers."),
    f("stop", Kind::Any, "Texts that end the answer."),
    f("seed", Kind::Int, "For answers that can be repeated, where the provider can."),
];

const CHAT: &[&[Field]] = &[
    MODEL,
    &[
        must("messages", Kind::Objects, "The conversation: [{\"role\": \"user\", \"content\": \"Hello\"}]."),
        f("tools", Kind::Objects, "Functions that the model may call."),
        f("tool_choice", Kind::Any, "Whether it must."),
        f("response_format", Kind::Object, "JSON, or JSON of a schema."),
        f("max_completion_tokens", Kind::Int, "The newer name of max_tokens."),
        f("reasoning_effort", Kind::Text, "How long a reasoning model thinks."),
    ],
    SAMPLING,
    GATEWAY,
];

const COMPLETIONS: &[&[Field]] =
    &[MODEL, &[must("prompt", Kind::Any, "A text, several texts, or tokens.")], SAMPLING, GATEWAY];

const RESPONSES: &[&[Field]] = &[
    MODEL,
    &[
        f("input", Kind::Any, "A text, or items."),
        f("instructions", Kind::Text, "What stands above the conversation."),
        f("max_output_tokens", Kind::Int, "Most tokens of the answer."),
        f("tools", Kind::Objects, "Functions that the model may call."),
        f("stream", Kind::Bool, "Answer as server-sent events."),
        f(
            "previous_response_id",
            Kind::Text,
            "The response that this one continues, where the provider has it.",
        ),
    ],
    GATEWAY,
];

const EMBEDDINGS: &[&[Field]] = &[
    MODEL,
    &[
        must("input", Kind::Any, "A text, several texts, or tokens."),
        f("encoding_format", Kind::One(&["float", "base64"]), "How vectors are written."),
        f("dimensions", Kind::Int, "How long they are, where the model can choose."),
    ],
    GATEWAY,
];

const MODERATIONS: &[&[Field]] =
    &[&[f("model", Kind::Text, "A model's name."), must("input", Kind::Any, "A text, or several.")], GATEWAY];

const IMAGES: &[&[Field]] = &[
    MODEL,
    &[
        must("prompt", Kind::Text, "What the image shows."),
        f("n", Kind::Int, "How many."),
        f("size", Kind::Text, "Like 1024x1024."),
        f("quality", Kind::Text, "As the provider names it."),
        f("response_format", Kind::One(&["url", "b64_json"]), "How images come."),
    ],
    GATEWAY,
];

const TRANSCRIPTIONS: &[&[Field]] = &[
    MODEL,
    &[
        must("file", Kind::File, "The sound."),
        f("language", Kind::Text, "ISO 639-1."),
        f("prompt", Kind::Text, "Words that are likely in it."),
        f("response_format", Kind::Text, "json, text, srt, verbose_json or vtt."),
    ],
];

const SPEECH: &[&[Field]] = &[
    MODEL,
    &[
        must("input", Kind::Text, "What is said."),
        f("voice", Kind::Text, "Whose voice."),
        f("response_format", Kind::Text, "mp3, opus, aac, flac, wav or pcm."),
        f("speed", Kind::Number, "1 is usual."),
    ],
];

const RERANK: &[&[Field]] = &[
    MODEL,
    &[
        must("query", Kind::Text, "The query."),
        f("documents", Kind::Any, "Texts, or objects."),
        f("top_n", Kind::Int, "How many of the best."),
    ],
    GATEWAY,
];

const CHAT_REPLY: Reply = row(
    "The answer; with `stream` a stream of events that ends with [DONE].",
    &[&[
        f("id", Kind::Text, "The provider's id."),
        f("model", Kind::Text, "The model."),
        f("choices", Kind::Objects, "The answers."),
        f("usage", Kind::Object, "Tokens."),
    ]],
);

const LISTED: Reply = row(
    "The vectors.",
    &[&[f("data", Kind::Objects, "One object for each input."), f("usage", Kind::Object, "Tokens.")]],
);

const SOUND: Reply = Reply { shape: Shape::Other("audio/mpeg"), about: "The sound.", fields: &[] };
