//! A row as the spool keeps it and the store takes it: bytes that are written once and read without building anything.
//!
//! ```text
//! version (1) | id (16) | started_ms (8) | spend_nanos (8) | how many accounts (2) | account (16) ... | field ...
//!
//! field   number of a number (1) | value (8)
//!         number of a text (1)   | length (4) | text
//! ```
//!
//! Integers are little-endian, the id is in the order of its text. Fields that say nothing are left out. What a field's
//! number means never changes, and numbers that are not known are skipped, so that programs of different age read each
//! other's rows. The version's byte begins no JSON, which older programs wrote.
//!
//! The accounts are those that have counted the row in the process that wrote it; they are not the ledger's.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use super::id::RowId;
use super::row::fitted;

/// How every packed row begins.
const VERSION: u8 = 1;

/// Bytes before the accounts.
const HEAD: usize = 35;

/// Bytes of an account.
const ACCOUNT: usize = 16;

/// Numbers of texts begin here.
const TEXTS: u8 = 64;

/// How many numbers and texts a row has room for.
const ROOM: (usize, usize) = (12, 26);

/// Fields that are numbers. Their own numbers stand in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    FirstTokenMs = 0,
    EndedMs = 1,
    PromptTokens = 2,
    CompletionTokens = 3,
    CachedTokens = 4,
    CacheWriteTokens = 5,
    ReasoningTokens = 6,
    Estimated = 7,
    Unpriced = 8,
    Failed = 9,
    CacheHit = 10,
}

/// Fields that are texts. Their own numbers stand in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    ResponseId = 0,
    CallId = 1,
    SessionId = 2,
    CallType = 3,
    KeyHash = 4,
    KeyAlias = 5,
    UserId = 6,
    TeamId = 7,
    OrganizationId = 8,
    EndUser = 9,
    Model = 10,
    ModelId = 11,
    ModelGroup = 12,
    Provider = 13,
    ApiBase = 14,
    ErrorClass = 15,
    ErrorCode = 16,
    ErrorMessage = 17,
    CacheKey = 18,
    RequesterIp = 19,
    /// A JSON list of texts.
    Tags = 20,
    /// A JSON object.
    CostBreakdown = 21,
    /// A JSON object.
    Metadata = 22,
    /// The hash that its key is counted under, where that is another one; for the writer of this process, not for the
    /// ledger.
    CountedAs = 23,
    /// What was asked for, where somebody has a budget for it; also in the metadata.
    AskedModel = 24,
}

impl Text {
    /// Whether it may stand in an index: then it is kept short.
    fn is_name(self) -> bool {
        (self as u8) < Text::ApiBase as u8
    }
}

/// Writes a row.
pub struct Packer<'a>(&'a mut Vec<u8>);

impl<'a> Packer<'a> {
    /// Begins a row behind what is in `out`.
    pub fn begin(
        out: &'a mut Vec<u8>,
        id: RowId,
        started_ms: i64,
        spend_nanos: i64,
        accounts: impl Iterator<Item = u128>,
    ) -> Self {
        out.push(VERSION);
        out.extend_from_slice(&id.bits().to_be_bytes());
        out.extend_from_slice(&started_ms.to_le_bytes());
        out.extend_from_slice(&spend_nanos.to_le_bytes());
        let count_at = out.len();
        let mut count = 0_u16;
        out.extend_from_slice(&count.to_le_bytes());
        for account in accounts.take(usize::from(u16::MAX)) {
            out.extend_from_slice(&account.to_le_bytes());
            count += 1;
        }
        patch(out, count_at, &count.to_le_bytes());
        Packer(out)
    }

    /// A number; 0 says nothing.
    pub fn number(&mut self, number: Number, value: i64) {
        self.maybe(number, Some(value).filter(|value| *value != 0));
    }

    /// A number that may be 0, if there is one.
    pub fn maybe(&mut self, number: Number, value: Option<i64>) {
        let Some(value) = value else { return };
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        self.0.extend_from_slice(&[number as u8, a, b, c, d, e, f, g, h]);
    }

    /// A text, changed as [`fitted`] says where a database could not keep it.
    pub fn text(&mut self, text: Text, value: &str) {
        if value.is_empty() {
            return;
        }
        let fitted = fitted(value, text.is_name());
        let value = fitted.as_deref().unwrap_or(value);
        let [a, b, c, d] = length(value.len());
        self.0.extend_from_slice(&[TEXTS + text as u8, a, b, c, d]);
        self.0.extend_from_slice(value.as_bytes());
    }

    /// Tags, kept as short as names; none say nothing.
    ///
    /// # Errors
    /// As [`Packer::json`].
    pub fn tags<T: AsRef<str>>(&mut self, tags: &[T]) -> serde_json::Result<()> {
        if tags.is_empty() {
            return Ok(());
        }
        let tags = tags.iter().map(AsRef::as_ref);
        let tags = tags.map(|tag| fitted(tag, true).map_or(Cow::Borrowed(tag), Cow::Owned));
        self.json(Text::Tags, &tags.collect::<Vec<_>>())
    }

    /// A document of numbers, whose names are plain words. Written without serde, which takes four times as long.
    pub fn numbers(&mut self, text: Text, numbers: &[(&'static str, i64)]) {
        let at = self.begin_text(text);
        for (place, (name, number)) in numbers.iter().enumerate() {
            self.0.extend_from_slice(if place == 0 { b"{\"" } else { b",\"" });
            self.0.extend_from_slice(name.as_bytes());
            self.0.extend_from_slice(b"\":");
            self.0.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
        }
        self.0.extend_from_slice(if numbers.is_empty() { b"{}" } else { b"}" });
        self.end_text(at);
    }

    /// A document.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which would be a defect.
    pub fn json(&mut self, text: Text, value: &impl Serialize) -> serde_json::Result<()> {
        let at = self.begin_text(text);
        serde_json::to_writer(&mut *self.0, value)?;
        self.end_text(at);
        Ok(())
    }

    /// A text whose length is not known yet; answers where it begins.
    fn begin_text(&mut self, text: Text) -> usize {
        self.0.extend_from_slice(&[TEXTS + text as u8, 0, 0, 0, 0]);
        self.0.len()
    }

    fn end_text(&mut self, at: usize) {
        let written = length(self.0.len() - at);
        patch(self.0, at - written.len(), &written);
    }
}

fn length(bytes: usize) -> [u8; 4] {
    // A row is a megabyte at most.
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

fn patch(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// A packed row. What is behind its head has not been looked at.
#[derive(Debug, Clone)]
pub struct PackedRow {
    id: RowId,
    bytes: Bytes,
}

impl PackedRow {
    /// The row in these bytes; `None` when they are none, or its id is none of ours.
    pub fn read(bytes: Bytes) -> Option<Self> {
        bytes.first().filter(|version| **version == VERSION)?;
        let id = RowId::from_bits(u128::from_be_bytes(piece(&bytes, 1)?))?;
        let row = PackedRow { id, bytes };
        row.bytes.get(..row.fields_at()?)?;
        Some(row)
    }

    /// Its id.
    pub fn id(&self) -> RowId {
        self.id
    }

    /// When its request was admitted, as whoever counted it has it, milliseconds since 1970.
    pub fn started_ms(&self) -> i64 {
        piece(&self.bytes, 17).map_or(0, i64::from_le_bytes)
    }

    /// What it cost, nano-dollars.
    pub fn spend_nanos(&self) -> i64 {
        piece(&self.bytes, 25).map_or(0, i64::from_le_bytes)
    }

    /// The accounts that have counted it.
    pub fn accounts(&self) -> impl Iterator<Item = u128> {
        let accounts = self.fields_at().and_then(|end| self.bytes.get(HEAD..end)).unwrap_or_default();
        accounts
            .chunks_exact(ACCOUNT)
            .filter_map(|account| Some(u128::from_le_bytes(account.try_into().ok()?)))
    }

    fn fields_at(&self) -> Option<usize> {
        let count = piece(&self.bytes, HEAD - 2).map(u16::from_le_bytes)?;
        Some(HEAD + usize::from(count) * ACCOUNT)
    }

    /// What it says; `None` when its fields make no sense.
    pub fn fields(&self) -> Option<Fields<'_>> {
        let (numbers, texts) = ([None; ROOM.0], [&[][..]; ROOM.1]);
        let mut fields = Fields { id: self.id, spend_nanos: self.spend_nanos(), numbers, texts };
        let mut rest = self.bytes.get(self.fields_at()?..)?;
        while let Some((field, behind)) = rest.split_first() {
            rest = if *field < TEXTS {
                let (value, behind) = behind.split_first_chunk()?;
                if let Some(place) = fields.numbers.get_mut(usize::from(*field)) {
                    *place = Some(i64::from_le_bytes(*value));
                }
                behind
            } else {
                let (length, behind) = behind.split_first_chunk()?;
                let (text, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                if let Some(place) = fields.texts.get_mut(usize::from(*field - TEXTS)) {
                    *place = text;
                }
                behind
            };
        }
        Some(fields)
    }
}

fn piece<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// What a packed row says, read from its bytes.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    /// Its id.
    pub id: RowId,
    /// What it cost, nano-dollars.
    pub spend_nanos: i64,
    numbers: [Option<i64>; ROOM.0],
    texts: [&'a [u8]; ROOM.1],
}

impl<'a> Fields<'a> {
    /// When its request was admitted, milliseconds since 1970: the moment in its id, so that its day is always the one
    /// that its id is looked for in.
    pub fn started_ms(&self) -> i64 {
        self.id.ms()
    }

    /// A number; 0 where it says none.
    pub fn number(&self, number: Number) -> i64 {
        self.maybe(number).unwrap_or_default()
    }

    /// A number, if it says one.
    pub fn maybe(&self, number: Number) -> Option<i64> {
        self.numbers.get(number as usize).copied().flatten()
    }

    /// Whether a number says yes.
    pub fn is(&self, number: Number) -> bool {
        self.number(number) != 0
    }

    /// A text; empty where it says none.
    pub fn text(&self, text: Text) -> &'a str {
        std::str::from_utf8(self.bytes(text)).unwrap_or_default()
    }

    /// The bytes of a text, as they were written: to look whether they are one would cost as much as reading the row.
    pub fn bytes(&self, text: Text) -> &'a [u8] {
        self.texts.get(text as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(write: impl FnOnce(&mut Packer<'_>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut packer =
            Packer::begin(&mut bytes, RowId::new(1_795_249_500_123), 5, 7, [u128::MAX, 3].into_iter());
        write(&mut packer);
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = packed(|packer| {
            packer.number(Number::PromptTokens, -9);
            packer.number(Number::CachedTokens, 0);
            packer.maybe(Number::CacheHit, Some(0));
            packer.text(Text::Model, "openai/gpt-4o");
            packer.text(Text::UserId, "a\0b");
            packer.json(Text::Tags, &["x"]).unwrap();
            packer.numbers(Text::CostBreakdown, &[("input_cost", 0), ("total_cost", -12)]);
            packer.numbers(Text::Metadata, &[]);
        });
        let row = PackedRow::read(bytes.into()).unwrap();
        assert_eq!((row.started_ms(), row.spend_nanos()), (5, 7));
        assert_eq!(row.accounts().collect::<Vec<_>>(), [u128::MAX, 3]);
        let fields = row.fields().unwrap();
        assert_eq!(fields.started_ms(), 1_795_249_500_123);
        assert_eq!((fields.number(Number::PromptTokens), fields.maybe(Number::CachedTokens)), (-9, None));
        assert_eq!(fields.maybe(Number::CacheHit), Some(0));
        assert_eq!((fields.text(Text::Model), fields.text(Text::Tags)), ("openai/gpt-4o", "[\"x\"]"));
        assert_eq!(fields.text(Text::CostBreakdown), r#"{"input_cost":0,"total_cost":-12}"#);
        assert_eq!(fields.text(Text::Metadata), "{}");
        assert_eq!((fields.text(Text::UserId), fields.text(Text::ModelId)), ("a\u{fffd}b", ""));
    }

    #[test]
    fn unknown_fields_are_skipped_and_torn_ones_refused() {
        let mut bytes = packed(|packer| packer.text(Text::Model, "m"));
        let whole = bytes.len();
        bytes.extend([40, 1, 2, 3, 4, 5, 6, 7, 8]);
        bytes.extend([TEXTS + 60, 2, 0, 0, 0, 0xff, 0xff]);
        let row = PackedRow::read(bytes.clone().into()).unwrap();
        assert_eq!(row.fields().unwrap().text(Text::Model), "m");
        for cut in 0..bytes.len() {
            let row = PackedRow::read(bytes[..cut].to_vec().into());
            let fields = row.as_ref().and_then(PackedRow::fields);
            let between = [HEAD + 2 * ACCOUNT, whole, whole + 9].contains(&cut);
            assert_eq!(fields.is_some(), between, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_row_is_none() {
        assert!(PackedRow::read(Bytes::from_static(b"{\"id\": \"x\"}")).is_none());
        let mut foreign = packed(|_| {});
        foreign[1..17].fill(0);
        assert!(PackedRow::read(foreign.into()).is_none());
    }
}
