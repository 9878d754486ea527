//! `/cache/*`.

use crate::http::docs::shapes::{Area, Kind, Reply, f, gives, must, op, row};
use crate::manage::authority::Verb::{Get, Post};

/// The response cache.
pub const AREA: Area = Area {
    name: "Response cache",
    about: "Answers that are kept. A request's own wishes stand in its `cache` object.",
    public: false,
    operations: &[
        op(
            Get,
            "/cache/ping",
            "Whether the cache works; 503 where there is none, or it does not answer.",
            &[],
            row(
                "How it stands.",
                &[&[f("status", Kind::Text, "healthy."), f("cache_type", Kind::Text, "local or redis.")]],
            ),
        ),
        op(
            Post,
            "/cache/delete",
            "Forget answers.",
            &[&[must("keys", Kind::Texts, "As the header x-litellm-cache-key told them.")]],
            DONE,
        ),
        op(
            Post,
            "/cache/flushall",
            "Forget all answers, on all replicas that can be told; nothing else in Redis is touched.",
            &[],
            DONE,
        ),
        op(
            Get,
            "/cache/redis/info",
            "Who is connected to the Redis of the cache.",
            &[],
            gives("num_clients, clients, and what Redis says of itself in info."),
        ),
    ],
};

const DONE: Reply = row(
    "It is done.",
    &[&[
        f("status", Kind::Text, "success."),
        f("replicas", Kind::Text, "all, or this: answers are kept in memory, and the others cannot be told."),
        f("message", Kind::Text, "What that means, where only this replica has forgotten."),
    ]],
);
