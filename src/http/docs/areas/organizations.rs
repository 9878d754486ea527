//! `/organization/*` and `/tag/*`.

use super::common::{BUDGET_ID, LIMITS, MODELS, TIMES};
use crate::http::docs::shapes::{Area, Field, Kind, Reply, f, gives, list, must, op, row};
use crate::manage::authority::Verb::{Delete, Get, Patch, Post};

/// Organizations.
pub const AREA: Area = Area {
    name: "Organizations",
    about: "Organizations own teams and keys; their budget and limits hold over all of them.",
    public: false,
    operations: &[
        op(Post, "/organization/new", "Make an organization.", NEW, ROW),
        op(Patch, "/organization/update", "Change an organization.", CHANGE, ROW),
        op(
            Delete,
            "/organization/delete",
            "Delete organizations with their teams, keys and memberships.",
            &[&[must("organization_ids", Kind::Texts, "Their ids.")]],
            list("The deleted rows."),
        ),
        op(
            Get,
            "/organization/list",
            "List organizations; those who do not see everything see their own.",
            &[&[
                f("org_id", Kind::Text, "Only this one."),
                f("org_alias", Kind::Text, "A part of the name."),
            ]],
            list("Rows."),
        ),
        op(Get, "/organization/info", "Show an organization with its members and teams.", &[WHICH], ROW),
        op(
            Post,
            "/organization/member_add",
            "Add members.",
            &[
                WHICH,
                &[
                    must(
                        "member",
                        Kind::Any,
                        "An object with user_id or user_email, and role; or a list of them.",
                    ),
                    IN_IT,
                ],
            ],
            gives("The organization, its users and memberships."),
        ),
        op(
            Patch,
            "/organization/member_update",
            "Change a member's role or budget.",
            &[WHICH, SOMEBODY, &[f("role", Kind::One(ROLES), "Its role in the organization."), IN_IT]],
            gives("The membership."),
        ),
        op(
            Delete,
            "/organization/member_delete",
            "Take a member out.",
            &[WHICH, SOMEBODY],
            gives("The membership as it was."),
        ),
    ],
};

const ROLES: &[&str] = &["org_admin", "internal_user", "internal_user_viewer"];

const IN_IT: Field = f("max_budget_in_organization", Kind::Usd, "What the member may spend in it.");

const WHICH: &[Field] = &[must("organization_id", Kind::Text, "The organization.")];

const SOMEBODY: &[Field] = &[
    f("user_id", Kind::Text, "The member."),
    f("user_email", Kind::Text, "The member's address, instead of its id."),
];

const OWN: &[Field] = &[f("metadata", Kind::Object, "Free form, kept and shown.")];

const NEW: &[&[Field]] = &[
    &[
        must("organization_alias", Kind::Text, "Its name."),
        f("organization_id", Kind::Text, "Its id; by default a random one."),
    ],
    OWN,
    MODELS,
    BUDGET_ID,
    LIMITS,
];

const CHANGE: &[&[Field]] =
    &[WHICH, &[f("organization_alias", Kind::Text, "Its name.")], OWN, MODELS, BUDGET_ID, LIMITS];

const ROW: Reply = row(
    "The row.",
    &[
        &[
            f("organization_id", Kind::Text, "Its id."),
            f("organization_alias", Kind::Text, "Its name."),
            f("spend", Kind::Usd, "Spent in the current period."),
            f("litellm_budget_table", Kind::Object, "What bounds it."),
        ],
        TIMES,
    ],
);

/// Tags.
pub const TAGS: Area = Area {
    name: "Tags",
    about: "Tags that requests carry, with budgets and limits of their own. Tags without any need no row.",
    public: false,
    operations: &[
        op(Post, "/tag/new", "Give a tag settings.", TAG, gives("A message and the tag.")),
        op(Post, "/tag/update", "Change a tag.", TAG, gives("A message and the tag.")),
        op(
            Post,
            "/tag/info",
            "Show tags.",
            &[&[must("names", Kind::Texts, "Their names.")]],
            gives("Name to row."),
        ),
        op(Get, "/tag/list", "List tags, those of the traffic included.", &[], list("Rows.")),
        op(
            Post,
            "/tag/delete",
            "Take a tag's settings away.",
            &[&[must("name", Kind::Text, "The tag.")]],
            gives("A message."),
        ),
    ],
};

const TAG: &[&[Field]] = &[
    &[
        must("name", Kind::Text, "The tag."),
        f("description", Kind::Text, "For people."),
        f("model_info", Kind::Object, "Kept and shown."),
    ],
    MODELS,
    BUDGET_ID,
    LIMITS,
];
