//! Ids of ledger rows: UUIDs of version 7, which carry the moment that they were made for.
//!
//! The store keeps rows in parts by day and looks for a duplicate in one part only. That is exact because the day
//! is read from the id: the same id always meets the same part, however often and however late it comes.

use std::fmt;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::base::ids::sha256_hex;

/// Milliseconds in a day.
pub const DAY_MS: i64 = 86_400_000;

/// The first and last moment an id can tell here, 2000-01-01 and 2100-01-01; broken clocks are held to them.
const SPAN_MS: (i64, i64) = (946_684_800_000, 4_102_444_800_000);

/// Where the moment stands in an id.
const MOMENT_AT: u32 = 80;

/// The id of a row. Ids are in the order of their moments, and so are their texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(u128);

/// Room for an id's text.
pub type IdText = [u8; Hyphenated::LENGTH];

impl RowId {
    /// Room for a text.
    pub fn room() -> IdText {
        [0; Hyphenated::LENGTH]
    }

    /// An id for a request that was admitted at `ms`.
    pub fn new(ms: i64) -> Self {
        RowId::made(ms, fastrand::u128(..))
    }

    fn made(ms: i64, random: u128) -> Self {
        let ms = u64::try_from(ms.clamp(SPAN_MS.0, SPAN_MS.1)).unwrap_or_default();
        let [.., a, b, c, d, e, f, g, h, i, j] = random.to_be_bytes();
        let id = uuid::Builder::from_unix_timestamp_millis(ms, &[a, b, c, d, e, f, g, h, i, j]).into_uuid();
        RowId(id.as_u128())
    }

    /// The id in these bits; `None` when it is none of ours.
    pub fn from_bits(bits: u128) -> Option<Self> {
        let id = RowId(bits);
        let is_ours =
            Uuid::from_u128(bits).get_version_num() == 7 && (SPAN_MS.0..=SPAN_MS.1).contains(&id.ms());
        is_ours.then_some(id)
    }

    /// The id of this text; `None` when it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        RowId::from_bits(Uuid::try_parse(text).ok()?.as_u128())
    }

    /// All of it.
    pub fn bits(self) -> u128 {
        self.0
    }

    /// The moment in it, milliseconds since 1970.
    pub fn ms(self) -> i64 {
        i64::try_from(self.0 >> MOMENT_AT).unwrap_or(i64::MAX)
    }

    /// Its text, written into `room`.
    pub fn text(self, room: &mut IdText) -> &str {
        // Formatting it with `to_string` would cost several times as much.
        Uuid::from_u128(self.0).hyphenated().encode_lower(room)
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut RowId::room()))
    }
}

fn text(id: RowId) -> String {
    id.text(&mut RowId::room()).to_owned()
}

/// The text of an id for a request that was admitted at `ms`.
pub fn new_id(ms: i64) -> String {
    text(RowId::new(ms))
}

/// The id of something that has a name elsewhere (an imported row): the same for the same moment and name.
pub fn derived_id(ms: i64, name: &str) -> String {
    let digits = sha256_hex(name);
    text(RowId::made(ms, u128::from_str_radix(digits.get(..32).unwrap_or_default(), 16).unwrap_or_default()))
}

/// The moment in an id; `None` when it is none of ours.
pub fn id_ms(id: &str) -> Option<i64> {
    RowId::parse(id).map(RowId::ms)
}

/// The day of a moment, counted from 1970-01-01 in UTC.
pub fn day_of(ms: i64) -> i64 {
    ms.div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_moment_and_never_repeats() {
        let ms = 1_795_249_500_123;
        assert_eq!(id_ms(&new_id(ms)), Some(ms));
        assert_ne!(new_id(ms), new_id(ms));
        assert_eq!(new_id(ms).len(), 36);
        assert_eq!(id_ms(&new_id(-5)), Some(SPAN_MS.0));
        assert_eq!(id_ms(&new_id(i64::MAX)), Some(SPAN_MS.1));
        assert_eq!(id_ms("chatcmpl-1"), None);
        assert_eq!(id_ms(&uuid::Uuid::nil().to_string()), None);
    }

    #[test]
    fn ids_are_sorted_as_their_texts_are_and_texts_are_read_again() {
        let (one, other) = (RowId::new(1_795_249_500_123), RowId::new(1_795_249_500_124));
        assert!(one < other && text(one) < text(other));
        assert_eq!(RowId::parse(&text(one)), Some(one));
        assert_eq!(RowId::from_bits(one.bits()), Some(one));
    }

    #[test]
    fn a_name_has_one_id() {
        assert_eq!(derived_id(1_795_249_500_123, "a"), derived_id(1_795_249_500_123, "a"));
        assert_ne!(derived_id(1_795_249_500_123, "a"), derived_id(1_795_249_500_123, "b"));
    }
}
