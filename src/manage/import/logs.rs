//! The request log, row by row into the ledger, in the order of time. Prompts and answers stay where they are.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::shapes::dollars;
use super::{Area, Mover};
use crate::domain::keys::JsonMap;
use crate::domain::ledger::{LedgerRow, Status, day_of, derived_id, id_ms};
use crate::store::StoreError;
use crate::store::litellm::Record;

const TABLE: &str = "LiteLLM_SpendLogs";

/// Rows that are read, and written in one transaction, at once.
const BATCH: i64 = 1_000;

/// The rows of the log.
pub(super) async fn logs(mover: &mut Mover<'_>) -> Result<(), StoreError> {
    let whole_from = mover.store.first_whole_day().await?;
    let mut after: Option<Vec<String>> = None;
    loop {
        let page = mover.source.page(TABLE, &["startTime", "request_id"], after.as_deref(), BATCH).await?;
        let (records, last) = page;
        if records.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::new();
        for record in &records {
            match row(record) {
                Ok(row) if whole_from.is_some_and(|day| day_of(row.started_ms) < day) => {
                    mover.report.left_out(
                        Area::Logs,
                        &row.response_id,
                        "rows of that day have left the ledger",
                    );
                }
                Ok(row) => rows.push(row),
                Err(reason) => {
                    let name = record.text("request_id").unwrap_or_default();
                    mover.report.left_out(Area::Logs, &name, &reason);
                }
            }
        }
        batch(mover, rows).await?;
        after = Some(last);
    }
}

async fn batch(mover: &mut Mover<'_>, rows: Vec<LedgerRow>) -> Result<(), StoreError> {
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let all = ids.iter().collect::<HashSet<_>>().len() as u64;
    let new = if mover.how.apply {
        mover.store.append_history(rows).await? as u64
    } else {
        all - mover.store.known_rows(ids).await?.len() as u64
    };
    let tally = mover.report.tallies.entry(Area::Logs).or_default();
    tally.new += new;
    tally.same += all - new;
    Ok(())
}

/// A row of the ledger. Its id follows from its time and its name there, so that it is the same each time.
fn row(record: &Record) -> Result<LedgerRow, String> {
    let name = record.text("request_id").unwrap_or_default();
    let started_ms = record.int("startTime").ok_or("it has no time")?;
    let id = derived_id(started_ms, &name);
    let metadata = record.object("metadata");
    let ended_ms = record.int("endTime").unwrap_or(started_ms);
    let mut row = LedgerRow {
        started_ms: id_ms(&id).unwrap_or(started_ms),
        first_token_ms: record.int("completionStartTime").filter(|first| *first < ended_ms),
        ended_ms,
        call_id: record.text("litellm_call_id").unwrap_or_default(),
        session_id: record.text("session_id").unwrap_or_default(),
        call_type: record.text("call_type").unwrap_or_default(),
        end_user: record.text("end_user").unwrap_or_default(),
        tags: tags(record),
        model: record.text("model").unwrap_or_default(),
        model_id: record.text("model_id").unwrap_or_default(),
        model_group: record.text("model_group").unwrap_or_default(),
        provider: record.text("custom_llm_provider").unwrap_or_default(),
        // What stands behind a question mark may be a key.
        api_base: record
            .text("api_base")
            .and_then(|base| base.split('?').next().map(str::to_string))
            .unwrap_or_default(),
        spend_nanos: record.dollars("spend")?.unwrap_or_default(),
        prompt_tokens: record.int("prompt_tokens").unwrap_or_default(),
        completion_tokens: record.int("completion_tokens").unwrap_or_default(),
        cache_hit: match record.text("cache_hit").as_deref() {
            Some("True" | "true") => Some(true),
            Some("False" | "false") => Some(false),
            _ => None,
        },
        cache_key: record.text("cache_key").unwrap_or_default(),
        requester_ip: record.text("requester_ip_address").unwrap_or_default(),
        metadata: kept(&metadata),
        response_id: name,
        id,
        ..LedgerRow::default()
    };
    owners(record, &metadata, &mut row);
    usage(&metadata, &mut row);
    ending(record, &metadata, &mut row);
    Ok(row)
}

fn tags(record: &Record) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in record.texts("request_tags") {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

fn owners(record: &Record, metadata: &JsonMap, row: &mut LedgerRow) {
    row.key_hash = record.text("api_key").unwrap_or_default();
    row.key_alias = text(metadata, "user_api_key_alias");
    row.user_id = record.text("user").unwrap_or_default();
    row.team_id = record.text("team_id").unwrap_or_default();
    row.organization_id = record.text("organization_id").unwrap_or_default();
}

fn text(map: &JsonMap, name: &str) -> String {
    match map.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn count(value: &Value, path: &str) -> i64 {
    value.pointer(path).and_then(Value::as_i64).unwrap_or_default()
}

/// The kinds of tokens, and the parts of the bill.
fn usage(metadata: &JsonMap, row: &mut LedgerRow) {
    if let Some(usage) = metadata.get("usage_object") {
        let cached = count(usage, "/prompt_tokens_details/cached_tokens");
        row.cached_tokens = cached.max(count(usage, "/cache_read_input_tokens"));
        row.cache_write_tokens = count(usage, "/cache_creation_input_tokens");
        row.reasoning_tokens = count(usage, "/completion_tokens_details/reasoning_tokens");
    }
    if let Some(Value::Object(parts)) = metadata.get("cost_breakdown") {
        let part = |(name, value): (&String, &Value)| Some((name.clone(), Value::from(dollars(value)?)));
        row.cost_breakdown = parts.iter().filter_map(part).collect();
    }
}

/// How it ended.
fn ending(record: &Record, metadata: &JsonMap, row: &mut LedgerRow) {
    let said = record.text("status").unwrap_or_else(|| text(metadata, "status"));
    row.status = Status::parse(&said).unwrap_or_default();
    if let (Status::Failure, Some(Value::Object(error))) = (row.status, metadata.get("error_information")) {
        row.error_class = text(error, "error_class");
        row.error_code = text(error, "error_code");
        row.error_message = text(error, "error_message");
    }
}

/// Of the metadata only what callers had put there themselves.
fn kept(metadata: &JsonMap) -> JsonMap {
    let mut kept = Map::new();
    kept.insert("imported_from".into(), json!("litellm"));
    if let Some(own) = metadata.get("spend_logs_metadata").filter(|own| !own.is_null()) {
        kept.insert("spend_logs_metadata".into(), own.clone());
    }
    kept
}
