//! Fallbacks: `router_settings`, `litellm_settings` and the top-level `fallback_mapping` in one.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::context::Context;
use crate::config::scope::{Field, Scope};
use crate::config::yaml::Yaml;
use crate::domain::reliability::{Fallback, Fallbacks};

/// How deep fallbacks go when nothing is said.
const MAX_FALLBACKS: u32 = 5;

type Table = HashMap<Arc<str>, Vec<Fallback>>;

/// Reads all fallbacks. What `router_settings` says of a group wins over `litellm_settings`, and both win
/// over `fallback_mapping`.
pub fn read(context: &Context<'_>, root: &Scope<'_>, router: &Scope<'_>, litellm: &Scope<'_>) -> Fallbacks {
    let merged = |key: &str| {
        let mut all = table(context, litellm, key);
        all.extend(table(context, router, key));
        all
    };
    let mut general = table(context, root, "fallback_mapping");
    general.extend(merged("fallbacks"));
    let default = router.get("default_fallbacks").or_else(|| litellm.get("default_fallbacks"));
    Fallbacks {
        general,
        context_window: merged("context_window_fallbacks"),
        content_policy: merged("content_policy_fallbacks"),
        default: default.map(|field| targets(context, &field)).unwrap_or_default(),
        max: router
            .small("max_fallbacks")
            .or_else(|| litellm.small("max_fallbacks"))
            .unwrap_or(MAX_FALLBACKS),
        on_client_errors: router
            .bool("fallback_on_client_errors")
            .or_else(|| litellm.bool("fallback_on_client_errors"))
            .unwrap_or(false),
    }
}

/// `[{"a": ["b", "c"]}, {"*": ["d"]}]`, or the same as one mapping.
fn table(context: &Context<'_>, scope: &Scope<'_>, key: &str) -> Table {
    let mut table = Table::new();
    let Some(field) = scope.get(key) else { return table };
    match &field.node.value {
        Yaml::Map(_) => add(context, &field, &mut table),
        Yaml::List(_) => {
            for item in field.list().unwrap_or_default() {
                match &item.node.value {
                    Yaml::Map(_) => add(context, &item, &mut table),
                    _ => item.error(format!(
                        "must be a mapping such as {{\"group\": [\"target\"]}}, not {}",
                        item.node.kind()
                    )),
                }
            }
        }
        _ => field.error(format!(
            "must be a list such as [{{\"group\": [\"target\"]}}], not {}",
            field.node.kind()
        )),
    }
    table
}

fn add(context: &Context<'_>, field: &Field<'_>, table: &mut Table) {
    let scope = field.scope();
    for entry in scope.entries() {
        let value = scope.field(entry);
        if entry.key != "*" {
            context.mention(entry.at, &value.path, &entry.key, "group");
        }
        if !entry.node.is_null() {
            table.insert(Arc::from(entry.key.as_str()), targets(context, &value));
        }
    }
}

/// A list of targets; a single target counts as a list of one.
fn targets(context: &Context<'_>, field: &Field<'_>) -> Vec<Fallback> {
    match &field.node.value {
        Yaml::List(_) => {
            let items = field.list().unwrap_or_default();
            items.iter().filter_map(|item| target(context, item)).collect()
        }
        _ => target(context, field).into_iter().collect(),
    }
}

/// A group's name, or a mapping with `model` and the body fields that replace the caller's.
fn target(context: &Context<'_>, field: &Field<'_>) -> Option<Fallback> {
    let (group, overrides) = match &field.node.value {
        Yaml::Map(_) => {
            let scope = field.scope();
            let Some(group) = scope.text("model") else {
                field.error("a fallback target needs a \"model\"");
                return None;
            };
            let mut overrides = field.node.to_json_map();
            overrides.shift_remove("model");
            (group, overrides)
        }
        _ => (field.text()?, serde_json::Map::new()),
    };
    context.mention(field.at, &field.path, &group, "fallback target");
    Some(Fallback { group: Arc::from(group), overrides })
}
