//! How callers are recognised.

use std::time::Duration;

use super::variables;
use crate::config::context::Context;
use crate::config::keys::Keys;
use crate::config::model::{AddressRange, IdentitySettings, UserHeader, UserKind};
use crate::config::scope::Scope;

/// How long a key's record is used when nothing is said.
const CACHE_FOR: Duration = Duration::from_secs(60);
/// How many records are kept when nothing is said.
const CACHE_ENTRIES: usize = 10_000;
/// Random bytes of a key, and characters of a chosen one, when nothing is said.
const KEY_LENGTH: usize = 16;

/// Reads them.
pub fn read(context: &Context<'_>, general: &Scope<'_>) -> IdentitySettings {
    let entries = general.small("user_api_key_cache_max_size").and_then(|size| usize::try_from(size).ok());
    let generated = variables::number(context, "LENGTH_OF_LITELLM_GENERATED_KEY", KEY_LENGTH..=256);
    let custom = variables::number(context, "MINIMUM_CUSTOM_KEY_LENGTH", 1..=1024);
    IdentitySettings {
        key_header: general.get("litellm_key_header_name").and_then(|field| field.header_name()),
        only_generated_keys: general.flag("disable_custom_api_keys"),
        generated_key_bytes: generated.unwrap_or(KEY_LENGTH),
        custom_key_length: custom.unwrap_or(KEY_LENGTH),
        hides_key_names: variables::flag(context, "DISABLE_KEY_NAME").unwrap_or(false),
        rotation_grace: variables::lifetime(context, "LITELLM_KEY_ROTATION_GRACE_PERIOD"),
        cache_for: general.seconds("user_api_key_cache_ttl").unwrap_or(CACHE_FOR),
        cache_entries: entries.unwrap_or(CACHE_ENTRIES),
        needs_end_user: general.flag("enforce_user_param"),
        user_headers: user_headers(general),
        refuses_tags: general.flag("reject_clientside_metadata_tags"),
        allowed_addresses: allowed(general),
        trusts_forwarded_for: general.flag("use_x_forwarded_for"),
        keys_need_team: general.flag("default_team_disabled"),
        admins_stay_out_of_teams: general.flag("disable_auto_add_proxy_admin_to_teams"),
        user_budget_in_teams: general.flag("apply_user_budget_to_team_keys"),
    }
}

/// The mappings first: the single name is the older way to say one of them.
fn user_headers(general: &Scope<'_>) -> Vec<UserHeader> {
    let kinds = [("customer", UserKind::EndUser), ("internal_user", UserKind::User)];
    let mut headers = Vec::new();
    let mappings = general.get("user_header_mappings");
    for item in mappings.as_ref().and_then(|field| field.list()).unwrap_or_default() {
        let scope = item.scope();
        scope.warn_of_unknown(Keys { now: &["header_name", "litellm_user_role"], later: &[] }, &[]);
        let (name, kind) = (scope.get("header_name"), scope.get("litellm_user_role"));
        let (Some(name), Some(kind)) = (name, kind) else {
            item.error("needs a header_name and a litellm_user_role");
            continue;
        };
        if let (Some(name), Some(names)) = (name.header_name(), kind.word(&kinds)) {
            headers.push(UserHeader { name, names });
        }
    }
    let single = general.get("user_header_name").and_then(|field| field.header_name());
    headers.extend(single.map(|name| UserHeader { name, names: UserKind::EndUser }));
    headers
}

fn allowed(general: &Scope<'_>) -> Option<Vec<AddressRange>> {
    let field = general.get("allowed_ips")?;
    let mut ranges = Vec::new();
    for item in field.list()? {
        let range = item.text().and_then(|text| {
            let range = AddressRange::parse(&text);
            if range.is_none() {
                item.error("must be an address or a range such as 10.0.0.0/8");
            }
            range
        });
        ranges.extend(range);
    }
    if ranges.is_empty() {
        field.warn("is empty: nobody may connect");
    }
    Some(ranges)
}
