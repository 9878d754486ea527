//! `/budget/*`, and `/customer/*` with its older name `/end_user/*`.

use super::common::{BUDGET_ID, LIMITS, MODELS, MONEY, PAGES, SPEND, TIMES};
use crate::http::docs::shapes::{Area, Field, Kind, Operation, Reply, f, gives, list, must, op, row};
use crate::manage::authority::Verb::{Get, Post};

/// Shared budgets.
pub const BUDGETS: Area = Area {
    name: "Budgets",
    about: "Sets of limits that keys, users, members, end users, organizations and tags can point to. Each of them is \
            held to it on its own.",
    public: false,
    operations: &[
        op(Post, "/budget/new", "Make a budget.", BUDGET, ROW),
        op(Post, "/budget/update", "Change a budget, for all that point to it.", CHANGE, ROW),
        op(
            Post,
            "/budget/info",
            "Show budgets; unknown ones are left out.",
            &[&[must("budgets", Kind::Texts, "Their ids.")]],
            list("Rows."),
        ),
        op(Get, "/budget/list", "List all budgets.", &[], list("Rows.")),
        op(
            Get,
            "/budget/settings",
            "The fields that a budget has, with their values.",
            &[&[must("budget_id", Kind::Text, "The budget.")]],
            list("Fields with type, value and description."),
        ),
        op(
            Post,
            "/budget/delete",
            "Delete a budget; whoever points to it has no limit from it any more.",
            &[&[must("id", Kind::Text, "The budget.")]],
            ROW,
        ),
    ],
};

const BUDGET: &[&[Field]] = &[
    &[f("budget_id", Kind::Text, "Its id; by default a random one.")],
    LIMITS,
    &[f("allowed_models", Kind::Texts, "Models that a member under it may use; empty: all of the team's.")],
];

const CHANGE: &[&[Field]] = &[&[must("budget_id", Kind::Text, "The budget.")], BUDGET[0], LIMITS, BUDGET[2]];

const ROW: Reply = row("The row.", &[&[f("budget_id", Kind::Text, "Its id.")], MONEY, TIMES]);

/// End users.
pub const CUSTOMERS: Area = Area {
    name: "Customers",
    about: "The callers' own customers, named by `user` in requests. One is made by itself with its first request. \
            /end_user/* is an older name of the same.",
    public: false,
    operations: BOTH,
};

const BOTH: &[Operation] = &[
    op(Post, "/customer/new", "Make a customer.", CUSTOMER, CUSTOMER_ROW),
    op(Post, "/end_user/new", "Make a customer.", CUSTOMER, CUSTOMER_ROW),
    op(Get, "/customer/info", "Show a customer.", &[WHO], CUSTOMER_ROW),
    op(Get, "/end_user/info", "Show a customer.", &[WHO], CUSTOMER_ROW),
    op(Get, "/customer/list", "List customers.", &[PAGES], list("Rows.")),
    op(Get, "/end_user/list", "List customers.", &[PAGES], list("Rows.")),
    op(
        Post,
        "/customer/update",
        "Change a customer; limits become its own, a shared budget stays what it is for others.",
        CUSTOMER,
        CUSTOMER_ROW,
    ),
    op(
        Post,
        "/end_user/update",
        "Change a customer; limits become its own, a shared budget stays what it is for others.",
        CUSTOMER,
        CUSTOMER_ROW,
    ),
    op(
        Post,
        "/customer/delete",
        "Delete customers; all of them or none.",
        &[THESE],
        gives("deleted_customers and a message."),
    ),
    op(
        Post,
        "/end_user/delete",
        "Delete customers; all of them or none.",
        &[THESE],
        gives("deleted_customers and a message."),
    ),
    op(Post, "/customer/block", "Refuse requests of customers.", &[THESE], gives("blocked_users, the rows.")),
    op(Post, "/end_user/block", "Refuse requests of customers.", &[THESE], gives("blocked_users, the rows.")),
    op(Post, "/customer/unblock", "Take requests of customers again.", &[THESE], gives("Whom.")),
    op(Post, "/end_user/unblock", "Take requests of customers again.", &[THESE], gives("Whom.")),
];

const WHO: &[Field] = &[must("end_user_id", Kind::Text, "The customer.")];

const THESE: &[Field] = &[must("user_ids", Kind::Texts, "The customers.")];

const CUSTOMER: &[&[Field]] = &[
    &[
        must("user_id", Kind::Text, "The name in requests."),
        f("alias", Kind::Text, "A name for people."),
        f("blocked", Kind::Bool, "Refuse its requests."),
        f("allowed_model_region", Kind::One(&["eu", "us"]), "Kept and shown."),
        f("default_model", Kind::Text, "Kept and shown."),
        f("object_permission_id", Kind::Text, "Kept and shown."),
    ],
    BUDGET_ID,
    LIMITS,
    SPEND,
    MODELS,
];

const CUSTOMER_ROW: Reply = row(
    "The row.",
    &[&[
        f("user_id", Kind::Text, "The name in requests."),
        f("alias", Kind::Text, "A name for people."),
        f("blocked", Kind::Bool, "Refused."),
        f("spend", Kind::Usd, "Spent in the current period."),
        f("litellm_budget_table", Kind::Object, "What bounds it."),
    ]],
);
