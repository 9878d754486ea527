//! What was spent and what calls cost.

use super::common::{BOTH_DAYS, DAYS, PAGE_SIZE, SORTED};
use crate::http::docs::shapes::{Area, Field, Kind, Reply, f, gives, list, must, op, row};
use crate::manage::authority::Verb::{Get, Post};

/// Spend.
pub const AREA: Area = Area {
    name: "Spend",
    about: "The ledger: one row for each finished request, and what the rows come to. Those who do not see everything \
            see their own.",
    public: false,
    operations: &[
        op(
            Get,
            "/spend/logs",
            "Rows of the ledger, or with dates what the days come to.",
            &[
                DAYS,
                SIMPLE,
                &[
                    f("summarize", Kind::Bool, "With dates: sums (the usual) or rows."),
                    f("flat_keys", Kind::Bool, "Sums with the keys at the top."),
                ],
            ],
            list("Rows or days."),
        ),
        op(
            Get,
            "/spend/logs/v2",
            "Rows of the ledger, in pages.",
            &[DAYS, PAGE_SIZE, SORTED, SIMPLE, ALL],
            PAGE,
        ),
        op(Get, "/spend/logs/ui", "The same.", &[DAYS, PAGE_SIZE, SORTED, SIMPLE, ALL], PAGE),
        op(
            Get,
            "/spend/logs/session/ui",
            "Rows of one session.",
            &[&[must("session_id", Kind::Text, "The session.")], DAYS, PAGE_SIZE, SORTED, SIMPLE, ALL],
            PAGE,
        ),
        op(
            Get,
            "/spend/logs/ui/{request_id}",
            "What is kept of a request's content.",
            &[],
            gives("Messages and response, where they are kept."),
        ),
        op(Get, "/spend/keys", "Keys by what they have spent.", &[LIMIT], list("Keys.")),
        op(
            Get,
            "/spend/users",
            "Users by what they have spent.",
            &[LIMIT, &[f("user_id", Kind::Text, "Only this one.")]],
            list("Users."),
        ),
        op(
            Get,
            "/spend/tags",
            "What requests of each tag cost.",
            &[DAYS],
            list("Tags with spend and number of requests."),
        ),
        op(
            Post,
            "/spend/calculate",
            "What a request costs, or has cost.",
            &[&[
                f("model", Kind::Text, "A model."),
                f("messages", Kind::Objects, "Messages to price as its input."),
                f("completion_response", Kind::Object, "An answer with its usage, to price as it is."),
            ]],
            row("The cost.", &[&[f("cost", Kind::Usd, "The cost.")]]),
        ),
        op(
            Post,
            "/cost/estimate",
            "What requests of one size cost, in a day and in a month.",
            &[ESTIMATE],
            gives("Costs of one request, a day and a month."),
        ),
        op(
            Get,
            "/global/spend",
            "What everybody has spent in 30 days.",
            &[],
            row(
                "The sum.",
                &[&[f("spend", Kind::Usd, "The sum."), f("max_budget", Kind::Usd, "The gateway's budget.")]],
            ),
        ),
        op(
            Get,
            "/global/spend/logs",
            "What each of the last 30 days cost.",
            &[&[f("api_key", Kind::Text, "Only of this key.")]],
            list("Days."),
        ),
        op(Get, "/global/spend/keys", "The keys that spent most in 30 days.", &[LIMIT], list("Keys.")),
        op(Get, "/global/spend/models", "The models that cost most in 30 days.", &[LIMIT], list("Models.")),
        op(
            Get,
            "/global/spend/teams",
            "What each team spent on each day.",
            &[],
            gives("Days, teams, and sums."),
        ),
        op(Get, "/global/spend/provider", "What each provider cost.", &[DAYS], list("Providers.")),
        op(
            Post,
            "/global/spend/end_users",
            "The end users that spent most.",
            &[&[
                f("api_key", Kind::Text, "Only of this key."),
                f("startTime", Kind::Date, "The first day."),
                f("endTime", Kind::Date, "The last day."),
            ]],
            list("End users."),
        ),
        op(
            Get,
            "/global/spend/tags",
            "What requests of each tag cost.",
            &[BOTH_DAYS, &[f("tags", Kind::Text, "Only these, separated by commas.")]],
            gives("Tags with spend and number of requests."),
        ),
        op(
            Get,
            "/global/spend/all_tag_names",
            "All tags that requests have carried.",
            &[],
            row("The tags.", &[&[f("tag_names", Kind::Texts, "Tags.")]]),
        ),
        op(
            Get,
            "/global/spend/report",
            "A bill by team, customer or key; both dates must be given. One of more than 100 000 lines comes in pages.",
            &[BOTH_DAYS, PAGE_SIZE, REPORT],
            list("Days with their owners, or keys with their models."),
        ),
        op(
            Post,
            "/global/spend/reset",
            "Set what all keys and teams have spent in their current periods to nothing.",
            &[],
            gives("A message."),
        ),
        op(Get, "/global/activity", "Requests and tokens by day.", &[DAYS], gives("daily_data and sums.")),
        op(Get, "/global/activity/model", "Requests and tokens by model and day.", &[DAYS], list("Models.")),
        op(
            Get,
            "/global/activity/cache_hits",
            "Cache hits by day and kind of request.",
            &[DAYS],
            list("Days."),
        ),
        op(
            Get,
            "/team/spend/by_user",
            "What each member of teams has spent.",
            &[BOTH_DAYS, &[f("team_ids", Kind::Text, "The teams, separated by commas.")]],
            gives("Members with their spend."),
        ),
    ],
};

const LIMIT: &[Field] = &[f("limit", Kind::Int, "How many at most.")];

const SIMPLE: &[Field] = &[
    f("api_key", Kind::Text, "Only of this key: text or hash."),
    f("user_id", Kind::Text, "Only of this user."),
    f("team_id", Kind::Text, "Only of this team."),
    f("end_user", Kind::Text, "Only of this end user."),
    f("request_id", Kind::Text, "Only this request: its id, the provider's, or the call's."),
];

const ALL: &[Field] = &[
    f("session_id", Kind::Text, "Only of this session."),
    f("organization_id", Kind::Text, "Only of this organization."),
    f("model", Kind::Text, "Only of this model or group."),
    f("model_id", Kind::Text, "Only of this deployment."),
    f("model_group", Kind::Text, "Only of this group."),
    f("tag", Kind::Text, "Only with this tag."),
    f("key_alias", Kind::Text, "A part of the key's alias."),
    f("min_spend", Kind::Usd, "At least this."),
    f("max_spend", Kind::Usd, "At most this."),
    f("status_filter", Kind::One(&["success", "failure"]), "How it ended."),
    f("cache_hit_filter", Kind::One(&["true", "false"]), "Whether the cache answered."),
    f("error_code", Kind::Text, "Only with this code."),
    f("error_message", Kind::Text, "A part of the error's sentence."),
    f("search", Kind::Text, "A part of an id, the alias, the user or the model."),
    f("exclude_internal_health_checks", Kind::Bool, "Leave health checks out."),
    f(
        "group_by_session",
        Kind::Bool,
        "The latest row of each session, with session_total_count and session_total_spend.",
    ),
];

const PAGE: Reply = row(
    "A page.",
    &[&[
        f("data", Kind::Objects, "Rows."),
        f("total", Kind::Int, "How many there are."),
        f("total_pages", Kind::Int, "How many pages."),
    ]],
);

const REPORT: &[Field] = &[
    f("group_by", Kind::One(&["team", "customer", "api_key"]), "Whose bill."),
    f("api_key", Kind::Text, "Only of this key."),
    f("internal_user_id", Kind::Text, "Only of this user."),
    f("team_id", Kind::Text, "Only of this team."),
    f("customer_id", Kind::Text, "Only of this customer."),
];

const ESTIMATE: &[Field] = &[
    must("model", Kind::Text, "A model."),
    must("input_tokens", Kind::Int, "Of one request."),
    must("output_tokens", Kind::Int, "Of one request."),
    f("reasoning_tokens", Kind::Int, "How many of the output are thinking."),
    f("cache_read_input_tokens", Kind::Int, "How many of the input come from the provider's cache."),
    f("cache_creation_input_tokens", Kind::Int, "How many of the input go into it."),
    f("num_requests_per_day", Kind::Int, "How many requests a day."),
    f("num_requests_per_month", Kind::Int, "How many requests a month."),
];
