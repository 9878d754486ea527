//! `/key/*`.

use super::common::{
    BOTH_DAYS, BUDGET_ID, KEPT, LIMITS, METADATA, MODELS, MONEY, PAGES, RESET_TO, SORTED, SPEND, TIMES,
    WINDOWS,
};
use crate::http::docs::shapes::{Area, Field, Kind, f, gives, list, must, op, row};
use crate::manage::authority::Verb::{Get, Post};

/// Virtual keys.
pub const AREA: Area = Area {
    name: "Keys",
    about: "Virtual keys, each with its models, budget and limits. A key's text is shown once; only its SHA-256 is \
            kept. Requests name a key by its text or by that hash.",
    public: false,
    operations: &[
        op(Post, "/key/generate", "Make a key.", KEY, MADE),
        op(
            Post,
            "/key/service-account/generate",
            "Make a key of a team that belongs to no user; needs team_id.",
            KEY,
            MADE,
        ),
        op(
            Post,
            "/key/update",
            "Change a key; fields that are not named stay.",
            CHANGE,
            row("The changed row, with the key as it was given.", ROW),
        ),
        op(
            Post,
            "/key/bulk_update",
            "Change several keys, each on its own.",
            &[&[must("keys", Kind::Objects, "One object for each key, as for /key/update.")]],
            gives("total_requested, successful_updates and failed_updates with the reason of each."),
        ),
        op(
            Post,
            "/key/delete",
            "Delete keys; all of them or none.",
            &[&[
                f("keys", Kind::Texts, "Texts or hashes."),
                f("key_aliases", Kind::Texts, "Aliases, instead of keys."),
            ]],
            row("What was deleted.", &[&[f("deleted_keys", Kind::Texts, "As they were given.")]]),
        ),
        op(
            Get,
            "/key/info",
            "Show a key; without `key` the caller's own.",
            &[ONE],
            row(
                "The key.",
                &[&[
                    f("key", Kind::Text, "As it was given, or its hash."),
                    f("info", Kind::Object, "The row, without the secret."),
                ]],
            ),
        ),
        op(
            Post,
            "/v2/key/info",
            "Show several keys; unknown ones are left out.",
            &[&[must("keys", Kind::Texts, "Texts or hashes.")]],
            row(
                "The keys.",
                &[&[f("key", Kind::Texts, "As they were given."), f("info", Kind::Objects, "Their rows.")]],
            ),
        ),
        op(
            Get,
            "/key/list",
            "List keys, newest first.",
            &[PAGES, SORTED, FILTER],
            row(
                "A page.",
                &[PAGE, &[f("keys", Kind::Any, "Hashes, or whole rows with return_full_object.")]],
            ),
        ),
        op(
            Get,
            "/key/aliases",
            "List the aliases of keys.",
            &[
                PAGES,
                &[
                    f("search", Kind::Text, "A part of the alias."),
                    f("team_id", Kind::Text, "Only this team's."),
                ],
            ],
            row(
                "A page.",
                &[&[
                    f("aliases", Kind::Texts, "Aliases."),
                    f("total_count", Kind::Int, "How many there are."),
                ]],
            ),
        ),
        op(
            Get,
            "/key/spend/report",
            "What keys have cost, by model; both dates must be given.",
            &[BOTH_DAYS, &[f("api_key", Kind::Text, "Only this key: its text or hash.")]],
            list("Keys with their models."),
        ),
        op(Post, "/key/regenerate", "Give a key a new text; what it may and has spent stays.", RENEW, MADE),
        op(
            Post,
            "/key/{key}/regenerate",
            "Give a key a new text; what it may and has spent stays.",
            RENEW,
            MADE,
        ),
        op(
            Post,
            "/key/block",
            "Refuse a key until it is unblocked.",
            &[&[must("key", Kind::Text, "Text or hash.")]],
            row("The row.", ROW),
        ),
        op(
            Post,
            "/key/unblock",
            "Let a blocked key work again.",
            &[&[must("key", Kind::Text, "Text or hash.")]],
            row("The row.", ROW),
        ),
        op(
            Post,
            "/key/health",
            "Whether the calling key works.",
            &[],
            row("Whether it does.", &[&[f("key", Kind::Text, "healthy.")]]),
        ),
        op(
            Post,
            "/key/{key}/reset_spend",
            "Set what a key has spent in its current period.",
            &[RESET_TO],
            row(
                "Before and after.",
                &[&[
                    f("key_hash", Kind::Text, "Its hash."),
                    f("spend", Kind::Usd, "Now."),
                    f("previous_spend", Kind::Usd, "Before."),
                ]],
            ),
        ),
    ],
};

const ONE: &[Field] = &[f("key", Kind::Text, "Text or hash.")];

/// What a key can be given.
pub const KEY: &[&[Field]] = &[OWN, MODELS, LIMITS, WINDOWS, BUDGET_ID, SPEND, MORE, METADATA, KEPT];

const CHANGE: &[&[Field]] = &[
    &[
        f("key", Kind::Text, "Text or hash of the key to change."),
        f("key_alias", Kind::Text, "Its new alias; without `key` the alias of the key to change."),
    ],
    OWN,
    MODELS,
    LIMITS,
    WINDOWS,
    BUDGET_ID,
    SPEND,
    MORE,
    METADATA,
    KEPT,
];

const RENEW: &[&[Field]] = &[
    &[
        f("key", Kind::Text, "Text or hash, where the path does not name it."),
        f("new_key", Kind::Text, "The new text; by default a random one."),
        f("grace_period", Kind::Lifetime, "How long the old text goes on working; not at all by default."),
    ],
    OWN,
    MODELS,
    LIMITS,
    WINDOWS,
    BUDGET_ID,
    MORE,
    METADATA,
    KEPT,
];

const OWN: &[Field] = &[
    f("key", Kind::Text, "The key's text, beginning with sk-; by default a random one."),
    f("key_alias", Kind::Text, "A name for people, unique over all keys."),
    f("user_id", Kind::Text, "The user it belongs to."),
    f("team_id", Kind::Text, "The team it belongs to."),
    f("organization_id", Kind::Text, "The organization it belongs to."),
    f("duration", Kind::Lifetime, "How long it works; null or -1: for ever."),
];

const MORE: &[Field] = &[
    f("aliases", Kind::Object, "Renamed models: {asked: real}."),
    f("blocked", Kind::Bool, "Refuse it until it is unblocked."),
    f(
        "key_type",
        Kind::One(&["default", "llm_api", "management", "read_only"]),
        "A preset of allowed_routes.",
    ),
    f(
        "allowed_routes",
        Kind::Texts,
        "Routes that it may call: paths, patterns (/key/*), or groups such as llm_api_routes.",
    ),
    f("permissions", Kind::Object, "Further rights."),
    f("end_user_budget_id", Kind::Text, "The budget of end users that have none."),
    f("budget_fallbacks", Kind::Object, "Per model, what to use when that model's own budget is gone."),
    f("throttle_on_budget_exceeded", Kind::Bool, "Lower rates instead of a refusal when the budget is gone."),
    f("temp_budget_increase", Kind::Usd, "Added to the budget for a while; with temp_budget_expiry."),
    f("temp_budget_expiry", Kind::Moment, "Until when."),
    f("auto_rotate", Kind::Bool, "Kept and shown."),
    f("rotation_interval", Kind::Lifetime, "Kept and shown."),
    f("rpm_limit_type", Kind::Text, "Kept and shown."),
    f("tpm_limit_type", Kind::Text, "Kept and shown."),
    f("allowed_cache_controls", Kind::Texts, "What its requests may say in `cache`; empty: everything."),
    f("config", Kind::Object, "Kept and shown."),
    f("project_id", Kind::Text, "Kept and shown."),
    f("agent_id", Kind::Text, "Kept and shown."),
];

const FILTER: &[Field] = &[
    f("user_id", Kind::Text, "Only this user's."),
    f("team_id", Kind::Text, "Only this team's."),
    f("organization_id", Kind::Text, "Only this organization's."),
    f("project_id", Kind::Text, "Only this project's."),
    f("agent_id", Kind::Text, "Only this agent's."),
    f("key_hash", Kind::Text, "Only this one."),
    f("key_alias", Kind::Text, "Only of this alias."),
    f("search", Kind::Text, "A part of the alias or hash."),
    f("substring_matching", Kind::Bool, "Let filters match parts of the text."),
    f("status", Kind::One(&["active", "expired", "revoked", "deleted"]), "Only keys in this state."),
    f("expires", Kind::One(&["active", "expired"]), "Only keys that are not over yet, or are."),
    f("return_full_object", Kind::Bool, "Whole rows instead of hashes."),
    f("expand", Kind::One(&["user"]), "Show the user in each row."),
    f("include_team_keys", Kind::Bool, "Also keys of teams that the caller runs."),
    f("include_created_by_keys", Kind::Bool, "Also keys that the caller made."),
];

const PAGE: &[Field] = &[
    f("total_count", Kind::Int, "How many there are."),
    f("current_page", Kind::Int, "This page."),
    f("total_pages", Kind::Int, "How many pages there are."),
];

const MADE: crate::http::docs::shapes::Reply = row(
    "The key, with its text for the only time.",
    &[
        &[
            f("key", Kind::Text, "The key's text."),
            f("token", Kind::Text, "Its hash."),
            f("key_name", Kind::Text, "What may be shown of it."),
            f("expires", Kind::Moment, "Until when it works."),
        ],
        MONEY,
    ],
);

const ROW: &[&[Field]] = &[
    &[
        f("token", Kind::Text, "Its hash."),
        f("key_name", Kind::Text, "What may be shown of it."),
        f("key_alias", Kind::Text, "Its name."),
        f("blocked", Kind::Bool, "Refused."),
    ],
    MONEY,
    TIMES,
];
