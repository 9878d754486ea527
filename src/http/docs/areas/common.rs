//! Fields that several areas share.

use crate::http::docs::shapes::{Field, Kind, f, must};

/// The caps of every kind of owner.
pub const LIMITS: &[Field] = &[
    f("max_budget", Kind::Usd, "Most that may be spent in a period; null is no limit."),
    f("soft_budget", Kind::Usd, "From here on somebody is told; nothing is blocked."),
    f("budget_duration", Kind::Period, "After how long the budget begins anew; without it never."),
    f("max_parallel_requests", Kind::Int, "Requests at the same time."),
    f("rpm_limit", Kind::Int, "Requests in any 60 seconds."),
    f("tpm_limit", Kind::Int, "Tokens in any 60 seconds."),
    f("tpd_limit", Kind::Int, "Tokens in a day."),
    f(
        "model_max_budget",
        Kind::Object,
        "Budgets of single models: {\"gpt-4o\": {\"max_budget\": 1, \"budget_duration\": \"1d\"}}.",
    ),
];

/// Budgets over several lengths.
pub const WINDOWS: &[Field] = &[f(
    "budget_limits",
    Kind::Objects,
    "Budgets that hold at the same time over different lengths: [{\"budget_duration\": \"1d\", \"max_budget\": 1}].",
)];

/// Limits of single models, tags and free metadata.
pub const METADATA: &[Field] = &[
    f("metadata", Kind::Object, "Free form, kept and shown."),
    f("model_rpm_limit", Kind::Object, "Requests a minute of single models: {\"gpt-4o\": 10}."),
    f("model_tpm_limit", Kind::Object, "Tokens a minute of single models."),
    f("tags", Kind::Texts, "Tags that each request carries."),
    f("guardrails", Kind::Texts, "Kept and shown."),
];

/// What is kept and shown for LiteLLM's clients.
pub const KEPT: &[Field] = &[
    f("policies", Kind::Texts, "Kept and shown."),
    f("access_group_ids", Kind::Texts, "Kept and shown."),
    f("object_permission_id", Kind::Text, "Kept and shown."),
    f("router_settings", Kind::Object, "Router settings for its requests."),
];

/// The models that an owner may use.
pub const MODELS: &[Field] = &[f(
    "models",
    Kind::Texts,
    "Models that may be used: names, wildcards (openai/*), access groups, all-team-models, all-proxy-models, \
     no-default-models. Empty: all, or those of the team.",
)];

/// The shared budget that an owner points to.
pub const BUDGET_ID: &[Field] =
    &[f("budget_id", Kind::Text, "A shared budget (/budget/new) instead of limits of its own.")];

/// A setting of what was spent.
pub const SPEND: &[Field] = &[f("spend", Kind::Usd, "What is spent in the current period.")];

/// What the current period comes to.
pub const RESET_TO: &[Field] =
    &[f("reset_to", Kind::Usd, "What the current period is set to; at most what it is. Usually 0.")];

/// Pages of a list.
pub const PAGES: &[Field] = &[f("page", Kind::Int, "From 1."), f("size", Kind::Int, "Rows on a page.")];

/// The same under another name.
pub const PAGE_SIZE: &[Field] =
    &[f("page", Kind::Int, "From 1."), f("page_size", Kind::Int, "Rows on a page.")];

/// The order of a list.
pub const SORTED: &[Field] = &[
    f("sort_by", Kind::Text, "The field that the list is sorted by."),
    f("sort_order", Kind::One(&["asc", "desc"]), "Smallest or largest first."),
];

/// The days that a report is about.
pub const DAYS: &[Field] = &[
    f("start_date", Kind::Date, "The first day; 30 days ago by default."),
    f("end_date", Kind::Date, "The last day, included; today by default."),
];

/// The same, where both must be given.
pub const BOTH_DAYS: &[Field] = &[
    must("start_date", Kind::Date, "The first day."),
    must("end_date", Kind::Date, "The last day, included."),
];

/// The money of a shown row.
pub const MONEY: &[Field] = &[
    f("spend", Kind::Usd, "Spent in the current period."),
    f("max_budget", Kind::Usd, "Most that may be spent in a period."),
    f("budget_duration", Kind::Period, "After how long the budget begins anew."),
    f("budget_reset_at", Kind::Moment, "When it begins anew next."),
];

/// When a shown row was made and changed.
pub const TIMES: &[Field] =
    &[f("created_at", Kind::Moment, "Made when."), f("updated_at", Kind::Moment, "Changed when.")];
