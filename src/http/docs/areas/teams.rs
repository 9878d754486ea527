//! `/team/*`.

use super::common::{
    KEPT, LIMITS, METADATA, MODELS, MONEY, PAGE_SIZE, RESET_TO, SORTED, SPEND, TIMES, WINDOWS,
};
use crate::http::docs::shapes::{Area, Field, Kind, Reply, f, gives, list, must, op, row};
use crate::manage::authority::Verb::{Get, Patch, Post};

/// Teams.
pub const AREA: Area = Area {
    name: "Teams",
    about: "Teams own keys and have members, each of whom can have a budget inside the team. Admins of a team run it \
            within its own bounds.",
    public: false,
    operations: &[
        op(Post, "/team/new", "Make a team.", NEW, ROW),
        op(Post, "/team/update", "Change a team; fields that are not named stay.", CHANGE, CHANGED),
        op(Patch, "/team/{team_id}", "Change a team; fields that are not named stay.", FIELDS, CHANGED),
        op(
            Get,
            "/team/info",
            "Show a team with its keys and memberships.",
            &[&[
                must("team_id", Kind::Text, "The team."),
                f("key_limit", Kind::Int, "How many keys are shown at most."),
            ]],
            row(
                "The team.",
                &[&[
                    f("team_id", Kind::Text, "The team."),
                    f("team_info", Kind::Object, "Its row."),
                    f("keys", Kind::Objects, "Its keys."),
                    f("team_memberships", Kind::Objects, "What members have spent and may spend."),
                ]],
            ),
        ),
        op(
            Get,
            "/team/list",
            "List teams; those who do not see everything see their own.",
            &[FILTER],
            list("Rows."),
        ),
        op(
            Get,
            "/v2/team/list",
            "List teams in pages.",
            &[
                PAGE_SIZE,
                SORTED,
                FILTER,
                &[
                    f("search", Kind::Text, "A part of id or alias."),
                    f("status", Kind::One(&["active", "blocked", "deleted"]), "Only teams in this state."),
                ],
            ],
            row(
                "A page.",
                &[&[
                    f("teams", Kind::Objects, "Rows."),
                    f("total", Kind::Int, "How many there are."),
                    f("total_pages", Kind::Int, "How many pages."),
                ]],
            ),
        ),
        op(Get, "/team/available", "Teams that everybody may join.", &[], list("Rows.")),
        op(
            Post,
            "/team/member_add",
            "Add members; users that are unknown are made.",
            &[
                TEAM,
                &[must(
                    "member",
                    Kind::Any,
                    "An object with user_id or user_email, and role (admin, user); or a list of them.",
                )],
                MEMBER,
            ],
            ROW,
        ),
        op(
            Post,
            "/team/bulk_member_add",
            "Add many members.",
            &[
                TEAM,
                &[
                    f("members", Kind::Objects, "As for /team/member_add."),
                    f("all_users", Kind::Bool, "Add everybody."),
                ],
                MEMBER,
            ],
            gives("The team, and what became of each."),
        ),
        op(
            Post,
            "/team/member_update",
            "Change a member's role or budget.",
            &[TEAM, SOMEBODY, MEMBER],
            gives("The member as it is now."),
        ),
        op(Post, "/team/member_delete", "Take a member out of a team.", &[TEAM, SOMEBODY], ROW),
        op(
            Get,
            "/team/{team_id}/members/me",
            "The caller as a member of a team.",
            &[],
            gives("Role, spend and budget."),
        ),
        op(
            Post,
            "/team/{team_id}/member/{user_id}/reset_spend",
            "Set what a member has spent in its current period.",
            &[RESET_TO],
            gives("Before and after."),
        ),
        op(
            Post,
            "/team/{team_id}/reset_spend",
            "Set what a team has spent in its current period.",
            &[RESET_TO],
            gives("Before and after."),
        ),
        op(Post, "/team/block", "Refuse all keys of a team until it is unblocked.", &[TEAM], ROW),
        op(Post, "/team/unblock", "Let a blocked team's keys work again.", &[TEAM], ROW),
        op(
            Post,
            "/team/delete",
            "Delete teams with their keys and memberships.",
            &[&[must("team_ids", Kind::Texts, "Their ids.")]],
            row("What was deleted.", &[&[f("deleted_teams", Kind::Texts, "Their ids.")]]),
        ),
        op(
            Post,
            "/team/model/add",
            "Add models to a team's.",
            &[TEAM, &[must("models", Kind::Texts, "Names.")]],
            ROW,
        ),
        op(
            Post,
            "/team/model/delete",
            "Take models out of a team's.",
            &[TEAM, &[must("models", Kind::Texts, "Names.")]],
            ROW,
        ),
        op(
            Get,
            "/team/permissions_list",
            "What plain members of a team may do with its keys.",
            &[TEAM],
            gives("Permissions, and all that there are."),
        ),
        op(
            Post,
            "/team/permissions_update",
            "Set what plain members of a team may do with its keys.",
            &[TEAM, &[must("team_member_permissions", Kind::Texts, "Routes such as /key/generate.")]],
            ROW,
        ),
    ],
};

const TEAM: &[Field] = &[must("team_id", Kind::Text, "The team.")];

const SOMEBODY: &[Field] = &[
    f("user_id", Kind::Text, "The member."),
    f("user_email", Kind::Text, "The member's address, instead of its id."),
];

const MEMBER: &[Field] = &[
    f("role", Kind::One(&["admin", "user"]), "Admins run the team."),
    f("max_budget_in_team", Kind::Usd, "What it may spend inside the team."),
    f("budget_duration", Kind::Period, "After how long that begins anew."),
    f("rpm_limit", Kind::Int, "Requests in any 60 seconds inside the team."),
    f("tpm_limit", Kind::Int, "Tokens in any 60 seconds inside the team."),
    f("allowed_models", Kind::Texts, "Which of the team's models it may use; empty: all."),
];

const OWN: &[Field] = &[
    f("team_alias", Kind::Text, "A name for people."),
    f("organization_id", Kind::Text, "The organization that it belongs to."),
    f("model_aliases", Kind::Object, "Renamed models: {asked: real}."),
    f("blocked", Kind::Bool, "Refuse all of its keys."),
    f("team_member_budget", Kind::Usd, "What each member without a budget of its own may spend."),
    f("team_member_budget_duration", Kind::Period, "After how long that begins anew."),
    f("team_member_rpm_limit", Kind::Int, "Requests in any 60 seconds of each such member."),
    f("team_member_tpm_limit", Kind::Int, "Tokens in any 60 seconds of each such member."),
    f("team_member_permissions", Kind::Texts, "What plain members may do with the team's keys."),
    f("default_team_member_models", Kind::Texts, "Models of new members; empty: all of the team's."),
    f("prompts", Kind::Texts, "Kept and shown."),
    f("secret_manager_settings", Kind::Object, "Kept and shown."),
];

const NEW: &[&[Field]] = &[
    &[
        f("team_id", Kind::Text, "Its id; by default a random one."),
        f("members_with_roles", Kind::Objects, "Members: {role, user_id or user_email}."),
    ],
    OWN,
    MODELS,
    LIMITS,
    WINDOWS,
    SPEND,
    METADATA,
    KEPT,
];

const CHANGE: &[&[Field]] = &[TEAM, OWN, MODELS, LIMITS, WINDOWS, SPEND, METADATA, KEPT];

const FIELDS: &[&[Field]] = &[OWN, MODELS, LIMITS, WINDOWS, SPEND, METADATA, KEPT];

const FILTER: &[Field] = &[
    f("user_id", Kind::Text, "Only teams of this user."),
    f("organization_id", Kind::Text, "Only this organization's."),
    f("team_id", Kind::Text, "Only this one."),
    f("team_alias", Kind::Text, "Only of this alias."),
];

const CHANGED: Reply =
    row("The changed row.", &[&[f("team_id", Kind::Text, "The team."), f("data", Kind::Object, "The row.")]]);

const ROW: Reply = row(
    "The team's row.",
    &[
        &[
            f("team_id", Kind::Text, "Its id."),
            f("team_alias", Kind::Text, "Its name."),
            f("members_with_roles", Kind::Objects, "Who is in it."),
            f("models", Kind::Texts, "What it may use."),
            f("blocked", Kind::Bool, "Refused."),
        ],
        MONEY,
        TIMES,
    ],
);
