//! Ids of ledger rows: UUIDs of version 7, which carry the moment that they were made for.
//!
//! The store keeps rows in parts by day and looks for a duplicate in one part only. That is exact because the day
//! is read from the id: the same id always meets the same part, however often and however late it comes.

use uuid::Uuid;

use crate::base::ids::sha256_hex;

/// Milliseconds in a day.
pub const DAY_MS: i64 = 86_400_000;

/// The first and last moment an id can tell here, 2000-01-01 and 2100-01-01; broken clocks are held to them.
const SPAN_MS: (i64, i64) = (946_684_800_000, 4_102_444_800_000);

fn make(ms: i64, random: u128) -> String {
    let ms = u64::try_from(ms.clamp(SPAN_MS.0, SPAN_MS.1)).unwrap_or_default();
    let [.., a, b, c, d, e, f, g, h, i, j] = random.to_be_bytes();
    let id = uuid::Builder::from_unix_timestamp_millis(ms, &[a, b, c, d, e, f, g, h, i, j]).into_uuid();
    // Formatting it with `to_string` would cost several times as much.
    id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
}

/// An id for a request that was admitted at `ms`.
pub fn new_id(ms: i64) -> String {
    make(ms, fastrand::u128(..))
}

/// The id of something that has a name elsewhere (an imported row): the same for the same moment and name.
pub fn derived_id(ms: i64, name: &str) -> String {
    let digits = sha256_hex(name);
    make(ms, u128::from_str_radix(digits.get(..32).unwrap_or_default(), 16).unwrap_or_default())
}

/// The moment in an id; `None` when it is none of ours.
pub fn id_ms(id: &str) -> Option<i64> {
    let id = Uuid::try_parse(id).ok().filter(|id| id.get_version_num() == 7)?;
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let ms = i64::try_from(seconds).ok()?.checked_mul(1_000)?.checked_add(i64::from(nanos / 1_000_000))?;
    (SPAN_MS.0..=SPAN_MS.1).contains(&ms).then_some(ms)
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
    fn a_name_has_one_id() {
        assert_eq!(derived_id(1_795_249_500_123, "a"), derived_id(1_795_249_500_123, "a"));
        assert_ne!(derived_id(1_795_249_500_123, "a"), derived_id(1_795_249_500_123, "b"));
    }
}
