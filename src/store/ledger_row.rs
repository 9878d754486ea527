//! A ledger row as columns.

use super::value::Cell;
use super::{Row, StoreError};
use crate::domain::ledger::{Fields, LedgerRow, Number, Status, Text, day_of};

/// The column of the row's id.
pub(super) const ID: usize = 1;

/// The columns in the order in which they are written and read.
pub(super) const COLUMNS: [&str; 38] = [
    "day",
    "id",
    "started_ms",
    "first_token_ms",
    "ended_ms",
    "response_id",
    "call_id",
    "session_id",
    "call_type",
    "key_hash",
    "key_alias",
    "user_id",
    "team_id",
    "organization_id",
    "end_user",
    "tags",
    "model",
    "model_id",
    "model_group",
    "provider",
    "api_base",
    "spend",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "estimated",
    "unpriced",
    "status",
    "error_class",
    "error_code",
    "error_message",
    "cache_hit",
    "cache_key",
    "requester_ip",
    "cost_breakdown",
    "metadata",
];

/// The values of [`COLUMNS`] in a packed row, `id` being its id's text.
pub(super) fn cells<'a>(row: &Fields<'a>, id: &'a str) -> [Cell<'a>; COLUMNS.len()] {
    let number = |number| Cell::Int(row.number(number));
    let maybe = |number| row.maybe(number).map_or(Cell::Null, Cell::Int);
    let text = |text| Cell::Text(row.bytes(text));
    let document = |text, none: &'static [u8]| {
        Cell::Text(Some(row.bytes(text)).filter(|text| !text.is_empty()).unwrap_or(none))
    };
    let status = if row.is(Number::Failed) { Status::Failure } else { Status::Success };
    [
        Cell::Int(day_of(row.started_ms())),
        Cell::Text(id.as_bytes()),
        Cell::Int(row.started_ms()),
        maybe(Number::FirstTokenMs),
        number(Number::EndedMs),
        text(Text::ResponseId),
        text(Text::CallId),
        text(Text::SessionId),
        text(Text::CallType),
        text(Text::KeyHash),
        text(Text::KeyAlias),
        text(Text::UserId),
        text(Text::TeamId),
        text(Text::OrganizationId),
        text(Text::EndUser),
        document(Text::Tags, b"[]"),
        text(Text::Model),
        text(Text::ModelId),
        text(Text::ModelGroup),
        text(Text::Provider),
        text(Text::ApiBase),
        Cell::Int(row.spend_nanos),
        number(Number::PromptTokens),
        number(Number::CompletionTokens),
        number(Number::CachedTokens),
        number(Number::CacheWriteTokens),
        number(Number::ReasoningTokens),
        number(Number::Estimated),
        number(Number::Unpriced),
        Cell::Text(status.as_str().as_bytes()),
        text(Text::ErrorClass),
        text(Text::ErrorCode),
        text(Text::ErrorMessage),
        maybe(Number::CacheHit),
        text(Text::CacheKey),
        text(Text::RequesterIp),
        document(Text::CostBreakdown, b"{}"),
        document(Text::Metadata, b"{}"),
    ]
}

/// A row as it is read.
pub(super) fn read(row: &Row) -> Result<LedgerRow, StoreError> {
    Ok(LedgerRow {
        id: row.text(1),
        started_ms: row.int(2),
        first_token_ms: row.maybe_int(3),
        ended_ms: row.int(4),
        response_id: row.text(5),
        // Left out where both are the same.
        call_id: Some(row.text(6)).filter(|id| !id.is_empty()).unwrap_or_else(|| row.text(1)),
        session_id: row.text(7),
        call_type: row.text(8),
        key_hash: row.text(9),
        key_alias: row.text(10),
        user_id: row.text(11),
        team_id: row.text(12),
        organization_id: row.text(13),
        end_user: row.text(14),
        tags: row.json(15)?,
        model: row.text(16),
        model_id: row.text(17),
        model_group: row.text(18),
        provider: row.text(19),
        api_base: row.text(20),
        spend_nanos: row.int(21),
        prompt_tokens: row.int(22),
        completion_tokens: row.int(23),
        cached_tokens: row.int(24),
        cache_write_tokens: row.int(25),
        reasoning_tokens: row.int(26),
        estimated: row.truth(27),
        unpriced: row.truth(28),
        status: Status::parse(&row.text(29)).unwrap_or_default(),
        error_class: row.text(30),
        error_code: row.text(31),
        error_message: row.text(32),
        cache_hit: row.maybe_int(33).map(|hit| hit != 0),
        cache_key: row.text(34),
        requester_ip: row.text(35),
        cost_breakdown: row.json(36)?,
        metadata: row.json(37)?,
    })
}
