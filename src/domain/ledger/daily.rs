//! What the rows of a day add up to, for everybody and for each owner, so that reports need not read rows.

use std::collections::BTreeMap;

use super::{Fields, LedgerRow, Number, Status, day_of};

/// Whom a total is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TotalKind {
    /// Everybody, not told apart by key.
    All,
    /// An end user.
    EndUser,
    /// A key.
    Key,
    /// An organization.
    Organization,
    /// A tag.
    Tag,
    /// A team.
    Team,
    /// A user.
    User,
}

impl TotalKind {
    /// Its name in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            TotalKind::All => "all",
            TotalKind::EndUser => "end_user",
            TotalKind::Key => "key",
            TotalKind::Organization => "organization",
            TotalKind::Tag => "tag",
            TotalKind::Team => "team",
            TotalKind::User => "user",
        }
    }
}

/// Which total: one owner on one day, told apart by key, model, provider and kind of call. The order is the one
/// in which the store locks them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TotalKey {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// Whose kind.
    pub kind: TotalKind,
    /// The owner; empty for everybody.
    pub owner: String,
    /// The key used; empty for `All` and `Key`.
    pub key_hash: String,
    /// Group asked for.
    pub model_group: String,
    /// Model that answered.
    pub model: String,
    /// Its provider.
    pub provider: String,
    /// Kind of call.
    pub call_type: String,
}

/// Sums over rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Nano-dollars.
    pub spend_nanos: i64,
    /// Input tokens.
    pub prompt_tokens: i64,
    /// Output tokens.
    pub completion_tokens: i64,
    /// Input tokens from providers' caches.
    pub cached_tokens: i64,
    /// Input tokens written to providers' caches.
    pub cache_write_tokens: i64,
    /// Output tokens of reasoning.
    pub reasoning_tokens: i64,
    /// Rows.
    pub requests: i64,
    /// Rows that ended well.
    pub successes: i64,
    /// Rows that did not.
    pub failures: i64,
    /// Rows answered by the response cache.
    pub cache_hits: i64,
    /// Time they took together, milliseconds.
    pub duration_ms: i64,
}

impl Sums {
    /// How many numbers there are.
    pub const LEN: usize = 11;

    /// What one row adds.
    pub fn of(row: &LedgerRow) -> Self {
        let success = i64::from(row.status == Status::Success);
        Sums {
            spend_nanos: row.spend_nanos,
            prompt_tokens: row.prompt_tokens,
            completion_tokens: row.completion_tokens,
            cached_tokens: row.cached_tokens,
            cache_write_tokens: row.cache_write_tokens,
            reasoning_tokens: row.reasoning_tokens,
            requests: 1,
            successes: success,
            failures: 1 - success,
            cache_hits: i64::from(row.cache_hit == Some(true)),
            duration_ms: row.duration_ms(),
        }
    }

    /// What a packed row adds.
    pub fn of_fields(row: &Fields<'_>) -> Self {
        let failure = i64::from(row.is(Number::Failed));
        Sums {
            spend_nanos: row.spend_nanos,
            prompt_tokens: row.number(Number::PromptTokens),
            completion_tokens: row.number(Number::CompletionTokens),
            cached_tokens: row.number(Number::CachedTokens),
            cache_write_tokens: row.number(Number::CacheWriteTokens),
            reasoning_tokens: row.number(Number::ReasoningTokens),
            requests: 1,
            successes: 1 - failure,
            failures: failure,
            cache_hits: i64::from(row.is(Number::CacheHit)),
            duration_ms: row.number(Number::EndedMs).saturating_sub(row.started_ms()).max(0),
        }
    }

    /// The numbers in the order of the fields.
    pub fn to_array(self) -> [i64; Self::LEN] {
        [
            self.spend_nanos,
            self.prompt_tokens,
            self.completion_tokens,
            self.cached_tokens,
            self.cache_write_tokens,
            self.reasoning_tokens,
            self.requests,
            self.successes,
            self.failures,
            self.cache_hits,
            self.duration_ms,
        ]
    }

    /// The inverse of [`Sums::to_array`].
    pub fn from_array(numbers: [i64; Self::LEN]) -> Self {
        let [spend, prompt, completion, cached, written, reasoning, requests, good, bad, hits, duration] =
            numbers;
        Sums {
            spend_nanos: spend,
            prompt_tokens: prompt,
            completion_tokens: completion,
            cached_tokens: cached,
            cache_write_tokens: written,
            reasoning_tokens: reasoning,
            requests,
            successes: good,
            failures: bad,
            cache_hits: hits,
            duration_ms: duration,
        }
    }

    /// Adds others.
    pub fn add(&mut self, others: Sums) {
        let (mut mine, others) = (self.to_array(), others.to_array());
        for (mine, other) in mine.iter_mut().zip(others) {
            *mine = mine.saturating_add(other);
        }
        *self = Sums::from_array(mine);
    }

    /// Input and output tokens together.
    pub fn total_tokens(&self) -> i64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

/// A total and what it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// Whose.
    pub key: TotalKey,
    /// How much.
    pub sums: Sums,
}

/// The totals that rows add these sums to, sorted. A row stands for all that have its owners, model and day.
pub fn totals_of<'a>(rows: impl Iterator<Item = (&'a LedgerRow, Sums)>) -> Vec<Total> {
    let mut found: BTreeMap<TotalKey, Sums> = BTreeMap::new();
    for (row, sums) in rows {
        let mut add = |kind: TotalKind, owner: &str| {
            let by_key = !matches!(kind, TotalKind::All | TotalKind::Key);
            let key = TotalKey {
                day: day_of(row.started_ms),
                kind,
                owner: owner.to_string(),
                key_hash: if by_key { row.key_hash.clone() } else { String::new() },
                model_group: row.model_group.clone(),
                model: row.model.clone(),
                provider: row.provider.clone(),
                call_type: row.call_type.clone(),
            };
            found.entry(key).or_default().add(sums);
        };
        add(TotalKind::All, "");
        let owners = [
            (TotalKind::EndUser, &row.end_user),
            (TotalKind::Key, &row.key_hash),
            (TotalKind::Organization, &row.organization_id),
            (TotalKind::Team, &row.team_id),
            (TotalKind::User, &row.user_id),
        ];
        owners.iter().filter(|(_, owner)| !owner.is_empty()).for_each(|(kind, owner)| add(*kind, owner));
        let mut tags: Vec<&String> = row.tags.iter().filter(|tag| !tag.is_empty()).collect();
        tags.sort_unstable();
        tags.dedup();
        tags.into_iter().for_each(|tag| add(TotalKind::Tag, tag));
    }
    found.into_iter().map(|(key, sums)| Total { key, sums }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_day_meet_and_tags_count_once() {
        let row = |spend_nanos| LedgerRow {
            key_hash: "k".into(),
            tags: vec!["a".into(), "a".into()],
            spend_nanos,
            prompt_tokens: 3,
            ..LedgerRow::new(1_795_249_500_123)
        };
        let rows = [row(1), row(2)];
        let totals = totals_of(rows.iter().map(|row| (row, Sums::of(row))));
        assert_eq!(totals.len(), 3);
        assert!(totals.iter().all(|total| total.sums.spend_nanos == 3 && total.sums.requests == 2));
        assert!(totals.iter().all(|total| total.sums.total_tokens() == 6));
    }
}
