//! A [`LedgerRow`] from a packed one and back.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::id::RowId;
use super::packed::{Fields, Number, PackedRow, Packer, Text};
use super::row::{LedgerRow, Status};

/// Its id is none of ours, or it cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a ledger row has an id that was not made here")]
pub struct NoRow;

impl TryFrom<LedgerRow> for PackedRow {
    type Error = NoRow;

    fn try_from(row: LedgerRow) -> Result<Self, NoRow> {
        pack(&row, "")
    }
}

/// What an older program's row says beside the ledger's fields.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Counted {
    counted_as: String,
}

fn pack(row: &LedgerRow, counted_as: &str) -> Result<PackedRow, NoRow> {
    let id = RowId::parse(&row.id).ok_or(NoRow)?;
    let mut bytes = Vec::new();
    let mut packer = Packer::begin(&mut bytes, id, row.started_ms, row.spend_nanos, std::iter::empty());
    row.write(&mut packer).map_err(|_| NoRow)?;
    packer.text(Text::CountedAs, counted_as);
    PackedRow::read(bytes.into()).ok_or(NoRow)
}

impl PackedRow {
    /// The row that the spool holds, also if an older program wrote it there, as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_spool(bytes: &Bytes) -> Result<Self, NoRow> {
        if bytes.first() == Some(&b'{') {
            let row: LedgerRow = serde_json::from_slice(bytes).map_err(|_| NoRow)?;
            let Counted { counted_as } = serde_json::from_slice(bytes).map_err(|_| NoRow)?;
            return pack(&row, &counted_as);
        }
        PackedRow::read(bytes.clone()).ok_or(NoRow)
    }
}

impl LedgerRow {
    fn write(&self, packer: &mut Packer<'_>) -> serde_json::Result<()> {
        let numbers = [
            (Number::EndedMs, self.ended_ms),
            (Number::PromptTokens, self.prompt_tokens),
            (Number::CompletionTokens, self.completion_tokens),
            (Number::CachedTokens, self.cached_tokens),
            (Number::CacheWriteTokens, self.cache_write_tokens),
            (Number::ReasoningTokens, self.reasoning_tokens),
            (Number::Estimated, i64::from(self.estimated)),
            (Number::Unpriced, i64::from(self.unpriced)),
            (Number::Failed, i64::from(self.status == Status::Failure)),
        ];
        numbers.into_iter().for_each(|(number, value)| packer.number(number, value));
        packer.maybe(Number::FirstTokenMs, self.first_token_ms);
        packer.maybe(Number::CacheHit, self.cache_hit.map(i64::from));
        let texts = [
            (Text::ResponseId, &self.response_id),
            (Text::CallId, &self.call_id),
            (Text::SessionId, &self.session_id),
            (Text::CallType, &self.call_type),
            (Text::KeyHash, &self.key_hash),
            (Text::KeyAlias, &self.key_alias),
            (Text::UserId, &self.user_id),
            (Text::TeamId, &self.team_id),
            (Text::OrganizationId, &self.organization_id),
            (Text::EndUser, &self.end_user),
            (Text::Model, &self.model),
            (Text::ModelId, &self.model_id),
            (Text::ModelGroup, &self.model_group),
            (Text::Provider, &self.provider),
            (Text::ApiBase, &self.api_base),
            (Text::ErrorClass, &self.error_class),
            (Text::ErrorCode, &self.error_code),
            (Text::ErrorMessage, &self.error_message),
            (Text::CacheKey, &self.cache_key),
            (Text::RequesterIp, &self.requester_ip),
        ];
        texts.into_iter().for_each(|(text, value)| packer.text(text, value));
        packer.text(Text::AskedModel, self.asked_model());
        packer.tags(&self.tags)?;
        for (text, document) in
            [(Text::CostBreakdown, &self.cost_breakdown), (Text::Metadata, &self.metadata)]
        {
            if !document.is_empty() {
                packer.json(text, document)?;
            }
        }
        Ok(())
    }

    /// The row that a packed one says. What is no document is an empty one.
    pub fn of(fields: &Fields<'_>) -> Self {
        let text = |text| fields.text(text).to_string();
        LedgerRow {
            id: fields.id.to_string(),
            started_ms: fields.started_ms(),
            first_token_ms: fields.maybe(Number::FirstTokenMs),
            ended_ms: fields.number(Number::EndedMs),
            response_id: text(Text::ResponseId),
            call_id: match fields.text(Text::CallId) {
                "" => fields.id.to_string(),
                call_id => call_id.to_string(),
            },
            call_type: text(Text::CallType),
            key_hash: text(Text::KeyHash),
            key_alias: text(Text::KeyAlias),
            user_id: text(Text::UserId),
            team_id: text(Text::TeamId),
            organization_id: text(Text::OrganizationId),
            end_user: text(Text::EndUser),
            tags: document(fields, Text::Tags),
            model: text(Text::Model),
            model_id: text(Text::ModelId),
            model_group: text(Text::ModelGroup),
            provider: text(Text::Provider),
            api_base: text(Text::ApiBase),
            spend_nanos: fields.spend_nanos,
            prompt_tokens: fields.number(Number::PromptTokens),
            completion_tokens: fields.number(Number::CompletionTokens),
            cached_tokens: fields.number(Number::CachedTokens),
            cache_write_tokens: fields.number(Number::CacheWriteTokens),
            reasoning_tokens: fields.number(Number::ReasoningTokens),
            estimated: fields.is(Number::Estimated),
            unpriced: fields.is(Number::Unpriced),
            status: if fields.is(Number::Failed) { Status::Failure } else { Status::Success },
            error_class: text(Text::ErrorClass),
            error_code: text(Text::ErrorCode),
            error_message: text(Text::ErrorMessage),
            cache_hit: fields.maybe(Number::CacheHit).map(|hit| hit != 0),
            cache_key: text(Text::CacheKey),
            requester_ip: text(Text::RequesterIp),
            session_id: text(Text::SessionId),
            cost_breakdown: document(fields, Text::CostBreakdown),
            metadata: document(fields, Text::Metadata),
        }
    }
}

fn document<T: DeserializeOwned + Default>(fields: &Fields<'_>, text: Text) -> T {
    serde_json::from_str(fields.text(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_comes_back_as_it_was_packed() {
        let row = LedgerRow {
            first_token_ms: Some(0),
            ended_ms: 9,
            call_id: "call".into(),
            key_hash: "hash".into(),
            tags: vec!["a".into(), "b".into()],
            spend_nanos: 12,
            cached_tokens: 3,
            unpriced: true,
            status: Status::Failure,
            error_message: "no".into(),
            cache_hit: Some(false),
            cost_breakdown: json!({"total_cost": 12}).as_object().unwrap().clone(),
            ..LedgerRow::new(1_795_249_500_123)
        };
        let packed = PackedRow::try_from(row.clone()).unwrap();
        assert_eq!(LedgerRow::of(&packed.fields().unwrap()), row);
    }

    #[test]
    fn rows_that_an_older_program_left_are_read() {
        let id = RowId::new(1_795_249_500_123);
        let text = json!({
            "id": id.to_string(), "started_ms": 1_795_249_500_123_i64, "spend_nanos": 5, "key_hash": "hash",
            "status": "failure", "tags": ["a"], "counted_in": "0".repeat(32), "metadata": {"units": {"queries": 1}},
        });
        let packed = PackedRow::of_spool(&Bytes::from(text.to_string())).unwrap();
        assert_eq!((packed.id(), packed.spend_nanos(), packed.accounts().count()), (id, 5, 0));
        let row = LedgerRow::of(&packed.fields().unwrap());
        assert_eq!((row.key_hash.as_str(), row.status, row.tags.len()), ("hash", Status::Failure, 1));
        assert_eq!(row.metadata["units"]["queries"], 1);
        assert!(PackedRow::of_spool(&Bytes::from_static(b"{\"id\": \"elsewhere\"}")).is_err());
        assert!(PackedRow::of_spool(&Bytes::from_static(b"row")).is_err());
    }
}
