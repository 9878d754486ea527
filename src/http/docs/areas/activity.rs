//! Days of owners, broken down by model, provider and key.

use super::common::{BOTH_DAYS, PAGE_SIZE};
use crate::http::docs::shapes::{Area, Field, Kind, Operation, Reply, f, gives, op, row};
use crate::manage::authority::Verb::Get;

/// Activity by day.
pub const AREA: Area = Area {
    name: "Activity",
    about: "Sums of each day in UTC, broken down by model, provider and key: in pages, all at once, or as a table.",
    public: false,
    operations: &[
        op(
            Get,
            "/user/daily/activity",
            "Days of a user, broken down.",
            &[BOTH_DAYS, PAGE_SIZE, BROKEN, USER],
            DAILY,
        ),
        op(
            Get,
            "/user/daily/activity/aggregated",
            "The same without pages.",
            &[BOTH_DAYS, BROKEN, USER],
            DAILY,
        ),
        paged("/team/daily/activity", "Days of teams, broken down.", &[BOTH_DAYS, PAGE_SIZE, BROKEN, TEAMS]),
        paged("/team/daily/activity/aggregated", "The same without pages.", &[BOTH_DAYS, BROKEN, TEAMS]),
        table("/team/daily/activity/export", &[BOTH_DAYS, FORMAT, TEAMS]),
        paged("/tag/daily/activity", "Days of tags, broken down.", &[BOTH_DAYS, PAGE_SIZE, BROKEN, TAGS]),
        paged("/tag/daily/activity/aggregated", "The same without pages.", &[BOTH_DAYS, BROKEN, TAGS]),
        table("/tag/daily/activity/export", &[BOTH_DAYS, FORMAT, TAGS]),
        paged(
            "/customer/daily/activity",
            "Days of customers, broken down.",
            &[BOTH_DAYS, PAGE_SIZE, BROKEN, CUSTOMERS],
        ),
        paged(
            "/customer/daily/activity/aggregated",
            "The same without pages.",
            &[BOTH_DAYS, BROKEN, CUSTOMERS],
        ),
        table("/customer/daily/activity/export", &[BOTH_DAYS, FORMAT, CUSTOMERS]),
        paged(
            "/end_user/daily/activity",
            "Days of customers, broken down.",
            &[BOTH_DAYS, PAGE_SIZE, BROKEN, CUSTOMERS],
        ),
        paged(
            "/end_user/daily/activity/aggregated",
            "The same without pages.",
            &[BOTH_DAYS, BROKEN, CUSTOMERS],
        ),
        table("/end_user/daily/activity/export", &[BOTH_DAYS, FORMAT, CUSTOMERS]),
        paged(
            "/organization/daily/activity",
            "Days of organizations, broken down.",
            &[BOTH_DAYS, PAGE_SIZE, BROKEN, ORGANIZATIONS],
        ),
        paged(
            "/organization/daily/activity/aggregated",
            "The same without pages.",
            &[BOTH_DAYS, BROKEN, ORGANIZATIONS],
        ),
        table("/organization/daily/activity/export", &[BOTH_DAYS, FORMAT, ORGANIZATIONS]),
        op(
            Get,
            "/gateway/daily/activity",
            "How many requests ended well and how many did not; by default of the last 30 days.",
            &[BOTH_DAYS],
            row(
                "Counts.",
                &[&[
                    f("total_successful_requests", Kind::Int, "Answered."),
                    f("total_failed_requests", Kind::Int, "Failed."),
                    f("by_date", Kind::Objects, "The same for each day."),
                    f("by_route", Kind::Objects, "The same for each route."),
                ]],
            ),
        ),
        op(
            Get,
            "/tag/distinct",
            "Every tag that requests have carried, the busiest first.",
            &[],
            row("Tags.", &[&[f("results", Kind::Objects, "Objects with tag.")]]),
        ),
        op(Get, "/tag/dau", "Users of tags in each of the last seven days.", &[ACTIVE], USERS),
        op(Get, "/tag/wau", "Users of tags in each of the last seven weeks.", &[ACTIVE], USERS),
        op(Get, "/tag/mau", "Users of tags in each of the last seven times 30 days.", &[ACTIVE], USERS),
        op(
            Get,
            "/tag/summary",
            "What tags come to, the dearest first.",
            &[BOTH_DAYS, TAGS],
            row("Sums.", &[&[f("results", Kind::Objects, "Tags with requests, tokens, users and spend.")]]),
        ),
    ],
};

const fn paged(path: &'static str, about: &'static str, fields: &'static [&'static [Field]]) -> Operation {
    op(Get, path, about, fields, DAILY)
}

const fn table(path: &'static str, fields: &'static [&'static [Field]]) -> Operation {
    op(
        Get,
        path,
        "The same as a table, one line for each day, owner, key and model.",
        fields,
        gives("Lines."),
    )
}

const DAILY: Reply = row(
    "Days, latest first.",
    &[&[
        f("results", Kind::Objects, "Days, each with metrics and breakdown."),
        f("metadata", Kind::Object, "Sums, total_spend among them, and the page's place."),
    ]],
);

const BROKEN: &[Field] =
    &[f("model", Kind::Text, "Only of this model."), f("api_key", Kind::Text, "Only of this key.")];

const ACTIVE: &[Field] = &[
    f("tag_filter", Kind::Text, "A part of the tags' names."),
    f("tag_filters", Kind::Text, "Several, separated by commas."),
];

const USERS: Reply = row(
    "Numbers.",
    &[&[f("results", Kind::Objects, "tag, active_users, date, period_start and period_end.")]],
);

const FORMAT: &[Field] = &[
    f("format", Kind::One(&["csv", "json"]), "A spreadsheet's lines (the usual), or a list of objects."),
    f("model", Kind::Text, "Only of this model."),
];

const USER: &[Field] =
    &[f("user_id", Kind::Text, "By default the caller's, or everybody's for those who see everything.")];

const TEAMS: &[Field] = &[f("team_ids", Kind::Text, "Only these, separated by commas.")];

const TAGS: &[Field] = &[f("tags", Kind::Text, "Only these, separated by commas.")];

const CUSTOMERS: &[Field] = &[f("end_user_ids", Kind::Text, "Only these, separated by commas.")];

const ORGANIZATIONS: &[Field] = &[f("organization_ids", Kind::Text, "Only these, separated by commas.")];
