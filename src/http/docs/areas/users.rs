//! `/user/*`.

use super::common::{BUDGET_ID, KEPT, LIMITS, METADATA, MODELS, MONEY, PAGE_SIZE, SORTED, SPEND, TIMES};
use super::keys::KEY;
use crate::http::docs::shapes::{Area, Field, Kind, Reply, Shape, f, gives, must, op, row};
use crate::manage::authority::Verb::{Get, Post};

const ROLES: &[&str] =
    &["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer", "app_user"];

/// Users.
pub const AREA: Area = Area {
    name: "Users",
    about: "People and programs that own keys. A user's budget and limits hold over all of its keys.",
    public: false,
    operations: &[
        op(
            Post,
            "/user/new",
            "Make a user, and a first key.",
            NEW,
            row(
                "The user and its key.",
                &[
                    &[f("key", Kind::Text, "The first key's text; empty with auto_create_key false.")],
                    SHOWN,
                    MONEY,
                    TIMES,
                ],
            ),
        ),
        op(
            Post,
            "/user/update",
            "Change a user.",
            CHANGE,
            row(
                "The changed row.",
                &[&[f("user_id", Kind::Text, "The user."), f("data", Kind::Object, "The row.")]],
            ),
        ),
        op(
            Post,
            "/user/bulk_update",
            "Change several users, each on its own.",
            &[&[
                f("users", Kind::Objects, "One object for each user, as for /user/update."),
                f("all_users", Kind::Bool, "Change all of them, with user_updates."),
                f("user_updates", Kind::Object, "What to change in all."),
            ]],
            gives("results, one for each user."),
        ),
        op(
            Get,
            "/user/info",
            "Show a user with its keys and teams; without `user_id` the caller's own.",
            &[WHO],
            row(
                "The user.",
                &[&[
                    f("user_id", Kind::Text, "The user."),
                    f("user_info", Kind::Object, "Its row."),
                    f("keys", Kind::Objects, "Its keys."),
                    f("teams", Kind::Objects, "Its teams."),
                ]],
            ),
        ),
        op(Get, "/v2/user/info", "Show a user's row alone.", &[WHO], row("The row.", &[SHOWN, MONEY, TIMES])),
        op(
            Get,
            "/user/list",
            "List users.",
            &[PAGE_SIZE, SORTED, FILTER],
            row(
                "A page.",
                &[&[
                    f("users", Kind::Objects, "Rows, each with key_count."),
                    f("total", Kind::Int, "How many there are."),
                    f("total_pages", Kind::Int, "How many pages."),
                ]],
            ),
        ),
        op(
            Post,
            "/user/delete",
            "Delete users with their keys and memberships.",
            &[&[must("user_ids", Kind::Texts, "Their ids.")]],
            Reply { shape: Shape::Plain, about: "How many were deleted.", fields: &[] },
        ),
        op(
            Get,
            "/user/available_roles",
            "The roles that there are, with what they mean.",
            &[],
            gives("Role to its label and description."),
        ),
        op(
            Get,
            "/user/available_users",
            "How many users and teams there are; there is no limit.",
            &[],
            row(
                "Counts.",
                &[&[
                    f("total_users_used", Kind::Int, "Users."),
                    f("total_teams_used", Kind::Int, "Teams."),
                    f("total_users", Kind::Int, "Always null: as many as you like."),
                ]],
            ),
        ),
        op(
            Get,
            "/user/spend",
            "What a user has spent.",
            &[WHO],
            row(
                "The user's money.",
                &[&[
                    f("user_id", Kind::Text, "The user."),
                    f("total_spend", Kind::Usd, "Spent ever."),
                    f("spend", Kind::Usd, "Spent in the current period."),
                    f("max_budget", Kind::Usd, "Its budget."),
                    f("remaining_budget", Kind::Usd, "What is left of it."),
                ]],
            ),
        ),
        op(
            Post,
            "/user/reset_budget",
            "Set what a user has spent in its current period to nothing.",
            &[&[must("user_id", Kind::Text, "The user.")]],
            gives("The user's money."),
        ),
        op(Post, "/user/password/change", "Always 400: users have no passwords here.", &[], NOTHING),
        op(Post, "/invitation/new", "Always 400: there is no admin page to sign in to.", &[], NOTHING),
        op(Get, "/invitation/info", "Always 400, as /invitation/new.", &[], NOTHING),
        op(Post, "/invitation/update", "Always 400, as /invitation/new.", &[], NOTHING),
        op(Post, "/invitation/delete", "Always 400, as /invitation/new.", &[], NOTHING),
    ],
};

const NOTHING: Reply = gives("Never: the error says what to do instead.");

const WHO: &[Field] = &[f("user_id", Kind::Text, "By default the caller's.")];

const OWN: &[Field] = &[
    f("user_id", Kind::Text, "Its id; by default a random one."),
    f("user_email", Kind::Text, "Unique, whatever the case."),
    f("user_alias", Kind::Text, "A name for people."),
    f("user_role", Kind::One(ROLES), "What it may do beyond using models."),
    f("sso_user_id", Kind::Text, "Kept and shown."),
    f("organization_id", Kind::Text, "The organization it belongs to."),
    f("allowed_cache_controls", Kind::Texts, "Kept and shown."),
];

const NEW: &[&[Field]] = &[
    OWN,
    &[
        f(
            "auto_create_key",
            Kind::Bool,
            "Whether it gets a key; true by default. The key has its models, limits and metadata.",
        ),
        f("teams", Kind::Any, "Ids of teams, or objects with team_id, max_budget_in_team and user_role."),
        f("team_id", Kind::Text, "One more team."),
        f("organizations", Kind::Texts, "Ids of organizations."),
    ],
    MODELS,
    LIMITS,
    BUDGET_ID,
    SPEND,
    METADATA,
    KEPT,
    &[f("duration", Kind::Lifetime, "How long its first key works.")],
    // The first key takes what a key takes.
    KEY[0],
];

const CHANGE: &[&[Field]] = &[OWN, MODELS, LIMITS, BUDGET_ID, SPEND, METADATA, KEPT];

const FILTER: &[Field] = &[
    f("role", Kind::One(ROLES), "Only of this role."),
    f("user_ids", Kind::Text, "Only these, separated by commas."),
    f("sso_user_ids", Kind::Text, "Only these, separated by commas."),
    f("user_email", Kind::Text, "A part of the address."),
    f("search", Kind::Text, "A part of id, address or alias."),
    f("team", Kind::Text, "Only members of this team."),
    f("organization_ids", Kind::Text, "Only members of these organizations."),
];

const SHOWN: &[Field] = &[
    f("user_id", Kind::Text, "Its id."),
    f("user_email", Kind::Text, "Its address."),
    f("user_role", Kind::Text, "Its role."),
    f("teams", Kind::Texts, "Its teams."),
    f("models", Kind::Texts, "What it may use."),
];
