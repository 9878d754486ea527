//! Virtual keys. LiteLLM keeps SHA-256 of their whole text, as it is kept here, so they go on working.

use std::collections::BTreeMap;

use super::shapes::{
    CALLBACKS, dollars, has_callbacks, limits, moment, own_metadata, settings, take_text, taken, windows,
};
use super::teams::window_spend;
use super::{Area, Mover, PAGE, Read};
use crate::base::ids::sha256_hex;
use crate::domain::keys::Key;
use crate::store::litellm::Record;
use crate::store::{Outcome, StoreError, Taken};

const TABLE: &str = "LiteLLM_VerificationToken";

/// The team under which sessions of LiteLLM's admin page have their keys.
const SESSIONS: &str = "litellm-dashboard";

const SESSION: &str = "keys of signed-in sessions of LiteLLM's admin page were not taken";
const RENAMED: &str = "keys with a longer alias, because an earlier key has the same";
const MODEL_BUDGETS: &str = "keys with budgets of single models, whose periods begin anew";

/// Keys.
pub(super) async fn keys(mover: &mut Mover<'_>) -> Result<(), StoreError> {
    let aliases = mover.source.shared(TABLE, "key_alias", "token", false).await?;
    let mut after: Option<Vec<String>> = None;
    loop {
        let (records, last) = mover.source.page(TABLE, &["token"], after.as_deref(), PAGE).await?;
        if records.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = records.iter().filter_map(|record| record.text("token")).collect();
        let windows = window_spend(mover.source, "key", &ids).await?;
        let mut rows = Vec::new();
        for record in &records {
            if record.text("team_id").as_deref() == Some(SESSIONS) {
                mover.report.note(SESSION);
                continue;
            }
            rows.push(key(record, &aliases, &windows, &mut |note| mover.report.note(note)));
        }
        mover.take(Area::Keys, rows).await?;
        after = Some(last);
    }
}

fn key(
    record: &Record,
    aliases: &BTreeMap<String, String>,
    windows: &BTreeMap<(String, String), i64>,
    note: &mut dyn FnMut(&str),
) -> Read<Key> {
    let token = record.text("token").unwrap_or_default();
    let hash = hashed(&token);
    let mut alias = record.text("key_alias");
    if let Some(same) = &mut alias
        && aliases.get(same).is_some_and(|first| *first != token)
    {
        note(RENAMED);
        same.push('-');
        same.extend(hash.chars().take(8));
    }
    if !record.object("model_max_budget").is_empty() {
        note(MODEL_BUDGETS);
    }
    if has_callbacks(record) {
        note(CALLBACKS);
    }
    let mut name: String = hash.chars().take(12).collect();
    if let Some(alias) = &alias {
        name = format!("{name} ({alias})");
    }
    Read { taken: read(record, hash, alias, windows, &token), name }
}

/// The hash; very old versions could keep a key's text itself.
fn hashed(token: &str) -> String {
    if token.starts_with("sk-") { sha256_hex(token) } else { token.to_string() }
}

fn read(
    record: &Record,
    hash: String,
    alias: Option<String>,
    spent: &BTreeMap<(String, String), i64>,
    token: &str,
) -> Result<Taken<Key>, String> {
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("its token is no SHA-256 hash".to_string());
    }
    let mut row = Key {
        key_name: record.text("key_name"),
        key_alias: alias.clone(),
        limits: limits(record)?,
        budget_limits: windows(record)?,
        hash,
        ..Key::default()
    };
    owners(record, &mut row);
    rights(record, &mut row);
    from_metadata(record, &mut row);
    rotation(record, &mut row);
    let mut taken = taken(record, row)?;
    taken.unique = alias.map(|alias| ("alias", alias));
    let own = spent.iter().filter(|((owner, _), _)| owner == token);
    taken.windows = own.map(|((_, length), spend)| (length.clone(), *spend)).collect();
    Ok(taken)
}

fn owners(record: &Record, key: &mut Key) {
    key.user_id = record.text("user_id");
    key.team_id = record.text("team_id");
    key.organization_id = record.text("organization_id");
    key.project_id = record.text("project_id");
    key.agent_id = record.text("agent_id");
    key.budget_id = record.text("budget_id");
    key.created_by = record.text("created_by");
    key.updated_by = record.text("updated_by");
    key.settings_updated_at_ms = record.int("settings_updated_at");
}

fn rights(record: &Record, key: &mut Key) {
    key.models = record.texts("models");
    key.aliases = record.object("aliases");
    key.config = record.object("config");
    key.permissions = record.object("permissions");
    key.allowed_routes = record.texts("allowed_routes");
    key.key_type = record.text("key_type");
    key.allowed_cache_controls = record.texts("allowed_cache_controls");
    key.policies = record.texts("policies");
    key.access_group_ids = record.texts("access_group_ids");
    key.object_permission_id = record.text("object_permission_id");
    key.router_settings = settings(record, "router_settings");
    key.budget_fallbacks = record.object("budget_fallbacks");
    key.expires_ms = record.int("expires");
    key.blocked = record.truth("blocked");
}

/// What LiteLLM keeps in a key's metadata and has a field of its own here.
fn from_metadata(record: &Record, key: &mut Key) {
    let mut metadata = own_metadata(record);
    if let Some(more) = metadata.get("temp_budget_increase").and_then(dollars) {
        key.temp_budget_increase_nanos = Some(more);
        metadata.shift_remove("temp_budget_increase");
        key.temp_budget_expiry_ms =
            take_text(&mut metadata, "temp_budget_expiry").as_deref().and_then(moment);
    }
    key.rpm_limit_type = take_text(&mut metadata, "rpm_limit_type");
    key.tpm_limit_type = take_text(&mut metadata, "tpm_limit_type");
    key.metadata = metadata;
}

fn rotation(record: &Record, key: &mut Key) {
    key.auto_rotate = record.truth("auto_rotate");
    key.rotation_interval = record.text("rotation_interval");
    key.rotation_count = record.int("rotation_count").unwrap_or_default();
    key.last_rotation_at_ms = record.int("last_rotation_at");
    key.key_rotation_at_ms = record.int("key_rotation_at");
}

/// Hashes of replaced keys that go on working for a while.
pub(super) async fn replaced(mover: &mut Mover<'_>) -> Result<(), StoreError> {
    let table = "LiteLLM_DeprecatedVerificationToken";
    let now_ms = mover.how.as_of_ms;
    let mut after: Option<Vec<String>> = None;
    loop {
        let (records, last) = mover.source.page(table, &["token"], after.as_deref(), PAGE).await?;
        if records.is_empty() {
            return Ok(());
        }
        let one = |record: &Record| {
            let until_ms = record.int("revoke_at").filter(|until| *until > now_ms)?;
            Some((hashed(&record.text("token")?), hashed(&record.text("active_token_id")?), until_ms))
        };
        let alive: Vec<(String, String, i64)> = records.iter().filter_map(one).collect();
        let all = alive.len() as u64;
        let new = mover.store.take_over_replaced(alive, mover.how).await?;
        for place in 0..all {
            let outcome = if place < new { Outcome::New } else { Outcome::Same };
            mover.report.outcome(Area::Replaced, "", outcome);
        }
        after = Some(last);
    }
}
