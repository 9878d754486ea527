//! What is neither a call of a model nor management: models, limits, health, metrics, this documentation.

use crate::http::docs::shapes::{Area, Field, Kind, Operation, Reply, Shape, f, gives, op, row};
use crate::manage::authority::Verb::Get;

/// What a key can ask about itself and the models.
pub const READ: Area = Area {
    name: "Models and limits",
    about: "What the calling key may ask for, and how its limits stand.",
    public: false,
    operations: &[
        op(Get, "/v1/models", "The models that the key may use.", &[], MODELS),
        op(Get, "/models", "The models that the key may use.", &[], MODELS),
        op(Get, "/v1/models/", "The models that the key may use.", &[], MODELS),
        op(Get, "/models/", "The models that the key may use.", &[], MODELS),
        op(Get, "/v1/models/{id}", "One of them.", &[], gives("The model.")),
        op(Get, "/models/{id}", "One of them.", &[], gives("The model.")),
        op(
            Get,
            "/v1/limits",
            "How the key's limits and budgets stand right now; asking takes nothing of them.",
            &[],
            STANDING,
        ),
        op(
            Get,
            "/limits",
            "How the key's limits and budgets stand right now; asking takes nothing of them.",
            &[],
            STANDING,
        ),
        op(
            Get,
            "/health/readiness/details",
            "Readiness, and which deployments cannot work; for admins.",
            &[],
            gives("The state of this process."),
        ),
        op(
            Get,
            "/callbacks/list",
            "Where finished requests are told of; for admins.",
            &[],
            gives("Names by success, failure, success_and_failure."),
        ),
        op(
            Get,
            "/debug/router",
            "How the router sees each deployment now, its last decisions, and what it would decide; for admins.",
            &[DRY_RUN],
            ROUTER,
        ),
    ],
};

const MODELS: Reply = row(
    "A list.",
    &[&[f("object", Kind::Text, "list."), f("data", Kind::Objects, "Models, each with its id.")]],
);

const STANDING: Reply = row(
    "What applies.",
    &[&[
        f("limits", Kind::Objects, "scope, id, type, limit, used, remaining, resets_in_seconds."),
        f("budgets", Kind::Objects, "scope, id, max_budget, spend, reserved, resets_at; in US dollars."),
    ]],
);

const DRY_RUN: &[Field] = &[
    f("model", Kind::Text, "Only this group, and what a request for it would come to now; nothing is sent."),
    f("tags", Kind::Text, "The tags of that request, separated by commas."),
    f("input_tokens", Kind::Int, "How many tokens its input has (10)."),
    f("stream", Kind::Bool, "Whether it is a stream."),
];

const ROUTER: Reply = row(
    "The router of this process.",
    &[&[
        f("generation", Kind::Int, "Counts configurations since the start."),
        f("strategy", Kind::Text, "What chooses among the deployments that can serve."),
        f("groups", Kind::Objects, "name, and deployments: load, limits, latency, cooldown, last error."),
        f("decisions", Kind::Objects, "The last refusals, picks after a failure, and explained picks."),
        f("dry_run", Kind::Object, "What a request for model would come to."),
    ]],
);

/// What needs no key.
pub const PUBLIC: Area =
    Area { name: "Health and service", about: "Needs no key.", public: true, operations: PUBLIC_OPERATIONS };

const PUBLIC_OPERATIONS: &[Operation] = &[
    op(
        Get,
        "/health",
        "200 while something can serve, 503 when nothing can. An admin's key shows which deployments.",
        &[HEALTH],
        gives("healthy_count and unhealthy_count; with an admin's key the deployments."),
    ),
    op(Get, "/health/liveliness", "Whether the process runs.", &[], PLAIN),
    op(Get, "/health/liveness", "Whether the process runs.", &[], PLAIN),
    op(
        Get,
        "/health/readiness",
        "Whether traffic should come here.",
        &[],
        row("The state.", &[&[f("status", Kind::Text, "healthy.")]]),
    ),
    op(Get, "/metrics", "Metrics for Prometheus; needs a key if the configuration says so.", &[], TEXT),
    op(Get, "/metrics/", "Metrics for Prometheus; needs a key if the configuration says so.", &[], TEXT),
    op(Get, "/openapi.json", "This API as an OpenAPI document.", &[], gives("OpenAPI 3.1.")),
    op(Get, "/docs", "This API as a page to read.", &[], PAGE),
    op(Get, "/", "Name and version; for browsers the page of /docs.", &[], gives("name and version.")),
];

const HEALTH: &[Field] = &[
    f("active", Kind::Bool, "Call each deployment first; for admins, and it costs money."),
    f("model", Kind::Text, "Only deployments of this group."),
    f("model_id", Kind::Text, "Only this deployment."),
];

const PLAIN: Reply = Reply { shape: Shape::Plain, about: "I'm alive!", fields: &[] };
const TEXT: Reply =
    Reply { shape: Shape::Other("text/plain"), about: "Prometheus' text format.", fields: &[] };
const PAGE: Reply = Reply { shape: Shape::Other("text/html"), about: "The page.", fields: &[] };
