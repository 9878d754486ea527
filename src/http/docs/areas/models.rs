//! `/model/*`: deployments that are kept in the database.

use crate::http::docs::shapes::{Area, Field, Kind, Reply, f, gives, must, op, row};
use crate::manage::authority::Verb::{Delete, Get, Patch, Post};

/// Models of the database.
pub const AREA: Area = Area {
    name: "Models of the database",
    about: "Deployments beside those of the configuration file, with store_model_in_db. Provider keys are kept encrypted \
            and never shown.",
    public: false,
    operations: &[
        op(Get, "/model/info", "Show deployments with their prices and capabilities.", &[FILTER], DATA),
        op(Get, "/v1/model/info", "Show deployments with their prices and capabilities.", &[FILTER], DATA),
        op(Get, "/v2/model/info", "Show deployments in pages.", &[PAGED], DATA),
        op(
            Get,
            "/model_group/info",
            "Show groups of deployments.",
            &[&[f("model_group", Kind::Text, "Only this one.")]],
            DATA,
        ),
        op(Post, "/model/new", "Add a deployment.", &[MODEL], gives("The row.")),
        op(
            Post,
            "/model/update",
            "Change a deployment, named by model_info.id; fields that are not named stay.",
            &[CHANGE],
            gives("The row."),
        ),
        op(
            Patch,
            "/model/{model_id}/update",
            "Change a deployment; fields that are not named stay.",
            &[CHANGE],
            gives("The row."),
        ),
        op(
            Post,
            "/model/delete",
            "Delete a deployment.",
            &[&[must("id", Kind::Text, "Its id.")]],
            gives("A message."),
        ),
        op(Post, "/model/block", "Take a deployment out of service.", &[WHICH], gives("The row.")),
        op(Post, "/model/unblock", "Put it back.", &[WHICH], gives("The row.")),
        op(
            Post,
            "/credentials",
            "Add a credential that models of the database may name (litellm_credential_name).",
            &[&[must("credential_name", Kind::Text, "Its name.")], CREDENTIAL],
            MESSAGE,
        ),
        op(
            Get,
            "/credentials",
            "List credentials, those of the configuration file first.",
            &[],
            row("A list.", &[&[f("credentials", Kind::Objects, "Names, masked values and notes.")]]),
        ),
        op(
            Get,
            "/credentials/by_name/{credential_name}",
            "Show a credential; its values are masked.",
            &[],
            SHOWN,
        ),
        op(
            Get,
            "/credentials/by_model/{model_id}",
            "Show what a deployment has of its own; its values are masked.",
            &[],
            SHOWN,
        ),
        op(
            Patch,
            "/credentials/{credential_name}",
            "Change a credential; values that are not named stay, null takes one away.",
            &[CREDENTIAL],
            MESSAGE,
        ),
        op(
            Delete,
            "/credentials/{credential_name}",
            "Delete a credential that no deployment of the database names.",
            &[],
            MESSAGE,
        ),
    ],
};

const FILTER: &[Field] = &[f("litellm_model_id", Kind::Text, "Only this deployment.")];
const PAGED: &[Field] = &[
    f("page", Kind::Int, "From 1."),
    f("size", Kind::Int, "Rows on a page."),
    f("model", Kind::Text, "Only of this group."),
    f("modelId", Kind::Text, "Only this deployment."),
    f("teamId", Kind::Text, "Only what this team may use."),
    f("search", Kind::Text, "A part of the name."),
    f("sortBy", Kind::Text, "The field that the list is sorted by."),
    f("sortOrder", Kind::One(&["asc", "desc"]), "Smallest or largest first."),
];
const WHICH: &[Field] =
    &[f("model_id", Kind::Text, "The deployment."), f("id", Kind::Text, "The same under another name.")];
const MODEL: &[Field] = &[
    must("model_name", Kind::Text, "The group that clients ask for."),
    must(
        "litellm_params",
        Kind::Object,
        "model, api_base, api_key, limits and prices, as in the configuration file.",
    ),
    f("model_info", Kind::Object, "id, mode and facts about the model."),
];
const CHANGE: &[Field] = &[
    f("model_name", Kind::Text, "The group that clients ask for."),
    f("litellm_params", Kind::Object, "What to change."),
    f("model_info", Kind::Object, "What to change."),
];
const CREDENTIAL: &[Field] = &[
    f(
        "credential_values",
        Kind::Object,
        "api_key and whatever else a connection needs; an api_base from the master key.",
    ),
    f("credential_info", Kind::Object, "Notes about it, shown as they are; no secrets."),
];
const MESSAGE: Reply =
    row("Done.", &[&[f("success", Kind::Bool, "true."), f("message", Kind::Text, "What was done.")]]);
const SHOWN: Reply = row(
    "The credential.",
    &[&[
        f("credential_name", Kind::Text, "Its name."),
        f("credential_values", Kind::Object, "The names of its values, each masked."),
        f("credential_info", Kind::Object, "Notes about it."),
    ]],
);
const DATA: Reply = row("A list.", &[&[f("data", Kind::Objects, "Rows.")]]);
