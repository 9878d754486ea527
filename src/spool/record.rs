//! How a row looks in a segment, and how rows are found again in bytes that may be torn or damaged.
//!
//! ```text
//! marker (4) | length of the row (4) | CRC-32 of time and row (4) | time, ms since 1970 (8) | row
//! ```
//!
//! Numbers are little-endian. The marker contains bytes that never occur in UTF-8, so no text in a row looks
//! like the beginning of another; should other bytes do so behind damage, the checksum tells.

use std::ops::Range;

use super::UnixMs;

/// The longest row that is accepted, bytes.
pub const LONGEST_ROW: usize = 1 << 20;

/// Bytes before the row itself.
pub const HEADER: usize = 20;

/// The longest record.
pub const LONGEST: usize = HEADER + LONGEST_ROW;

/// How every record begins.
pub const MARKER: [u8; 4] = [0xff, b'S', b'D', 0xfe];

/// Writes a record into `buffer`, replacing what was there.
pub fn encode(buffer: &mut Vec<u8>, at: UnixMs, row: &[u8]) {
    let length = u32::try_from(row.len()).unwrap_or(u32::MAX);
    let time = at.to_le_bytes();
    buffer.clear();
    buffer.extend_from_slice(&MARKER);
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&checksum(&time, row).to_le_bytes());
    buffer.extend_from_slice(&time);
    buffer.extend_from_slice(row);
}

/// What stands at the beginning of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A whole record: when it was appended, where its row is; the next record begins at its end.
    Record { at: UnixMs, row: Range<usize> },
    /// It may be the beginning of a record; more bytes would tell.
    Partial,
    /// No record.
    Damage,
}

/// Looks at the beginning of `bytes`.
pub fn find(bytes: &[u8]) -> Found {
    let known = bytes.get(..MARKER.len()).unwrap_or(bytes);
    if !MARKER.starts_with(known) {
        return Found::Damage;
    }
    let (Some(length), Some(sum), Some(time)) = (number(bytes, 4), number(bytes, 8), bytes.get(12..HEADER))
    else {
        return Found::Partial;
    };
    let length = length as usize;
    if length > LONGEST_ROW {
        return Found::Damage;
    }
    let row = HEADER..HEADER + length;
    let Some(text) = bytes.get(row.clone()) else { return Found::Partial };
    if checksum(time, text) != sum {
        return Found::Damage;
    }
    Found::Record { at: time_of(bytes).unwrap_or(0), row }
}

/// When the record at the beginning of these bytes was appended, if one seems to begin there.
pub fn time_of(bytes: &[u8]) -> Option<UnixMs> {
    let time = bytes.get(12..HEADER).filter(|_| bytes.starts_with(&MARKER))?;
    Some(u64::from_le_bytes(time.try_into().ok()?))
}

/// How many bytes to skip from a place where there is no record to the next where one may begin.
pub fn skip(bytes: &[u8]) -> usize {
    let rest = bytes.get(1..).unwrap_or(&[]);
    memchr::memmem::find(rest, &MARKER).map_or(bytes.len(), |at| at + 1)
}

fn checksum(time: &[u8], row: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(time);
    sum.update(row);
    sum.finalize()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(row: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        encode(&mut buffer, 7, row);
        buffer
    }

    #[test]
    fn every_cut_is_seen_and_every_changed_byte_too() {
        let whole = record(b"{\"id\":1}");
        assert_eq!(find(&whole), Found::Record { at: 7, row: HEADER..whole.len() });
        for cut in 0..whole.len() {
            assert_eq!(find(&whole[..cut]), Found::Partial, "cut at {cut}");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x10;
            assert!(!matches!(find(&changed), Found::Record { .. }), "changed at {place}");
        }
    }

    #[test]
    fn the_next_record_is_found_behind_damage() {
        let mut bytes = vec![0; 33];
        bytes.extend(record(b"row"));
        assert_eq!(find(&bytes), Found::Damage);
        assert_eq!(skip(&bytes), 33);
        assert_eq!(skip(&[0; 40]), 40);
        assert!(matches!(find(&record(b"")), Found::Record { .. }));
    }
}
