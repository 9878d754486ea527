//! One segment as it is read: where its unconfirmed records are, and what is damaged between them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::Backlog;
use crate::spool::record::{self, Found};
use crate::spool::segment::{Live, START, read_cursor, write_cursor};

/// A segment being read.
pub struct Reading {
    /// Where it is.
    pub path: PathBuf,
    /// Everything before is confirmed.
    pub cursor: u64,
    file: File,
    end: End,
    /// Rows confirmed (of a living segment), or left (of a dead one).
    rows: u64,
    /// Damage before this place was told already.
    told_to: u64,
    /// Whether the log was told that it cannot be read.
    pub unreadable: bool,
}

/// Where its records end.
enum End {
    /// Where its appender is; more may come.
    Living(Arc<Live>),
    /// At its last byte.
    Dead(u64),
}

/// What one look into a segment has found.
#[derive(Default)]
pub struct Part {
    /// Whole rows.
    pub rows: Vec<Bytes>,
    /// Where the next look begins once they are confirmed.
    pub cursor: u64,
    /// Whether there was more than was wanted.
    pub more: bool,
    /// Damaged places that were not told before.
    pub damaged: u64,
    /// Their bytes.
    pub damaged_bytes: u64,
}

impl Reading {
    /// A segment of this process.
    pub fn of_living(file: File, live: Arc<Live>) -> Self {
        let path = live.path.clone();
        Reading { path, cursor: START, file, end: End::Living(live), rows: 0, told_to: 0, unreadable: false }
    }

    /// A segment that nobody appends to any more; counts its rows.
    pub fn of_dead(file: File, path: PathBuf) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let cursor = read_cursor(&file, length);
        let mut reading =
            Reading { path, cursor, file, end: End::Dead(length), rows: 0, told_to: 0, unreadable: false };
        let mut counted = 0;
        loop {
            let part = reading.read(usize::MAX, record::LONGEST)?;
            if part.cursor == reading.cursor {
                break;
            }
            counted += part.rows.len() as u64;
            reading.cursor = part.cursor;
        }
        Ok(Reading { cursor, rows: counted, told_to: 0, ..reading })
    }

    /// The rows behind the cursor, at most so many and about so large. Confirms nothing.
    pub fn read(&mut self, most_rows: usize, most_bytes: usize) -> io::Result<Part> {
        let end = self.end();
        let left = usize::try_from(end.saturating_sub(self.cursor)).unwrap_or(usize::MAX);
        let mut part = Part { cursor: self.cursor, ..Part::default() };
        let length = left.min(most_bytes.max(record::LONGEST));
        if length == 0 {
            return Ok(part);
        }
        let mut chunk = vec![0; length];
        self.file.read_exact_at(&mut chunk, self.cursor)?;
        let chunk = Bytes::from(chunk);
        let mut at = 0;
        while part.rows.len() < most_rows {
            let rest = chunk.get(at..).unwrap_or(&[]);
            if rest.is_empty() {
                break;
            }
            match record::find(rest) {
                Found::Record { row, .. } => {
                    let stop = at + row.end;
                    part.rows.push(chunk.slice(at + row.start..stop));
                    at = stop;
                }
                // A record that ends behind this chunk: it begins the next one.
                Found::Partial if length < left && at > 0 => break,
                Found::Partial | Found::Damage => {
                    let mut skipped = record::skip(rest);
                    if skipped == rest.len() && length < left {
                        // The next record's marker may begin at the end of this chunk.
                        skipped = skipped.saturating_sub(record::MARKER.len() - 1).max(1);
                    }
                    self.note_damage(&mut part, at as u64, skipped as u64);
                    at += skipped;
                }
            }
        }
        part.cursor = self.cursor + at as u64;
        part.more = at < left;
        Ok(part)
    }

    fn note_damage(&mut self, part: &mut Part, at: u64, length: u64) {
        let place = self.cursor + at;
        if place >= self.told_to {
            part.damaged += 1;
            part.damaged_bytes += length;
            self.told_to = place + length;
        }
    }

    /// Everything before `cursor`, so many rows, is in the store.
    pub fn confirm(&mut self, cursor: u64, rows: u64) {
        self.cursor = self.cursor.max(cursor);
        self.rows = match self.end {
            End::Living(_) => self.rows + rows,
            End::Dead(_) => self.rows.saturating_sub(rows),
        };
        if self.is_finished() {
            return;
        }
        if let Err(cause) = write_cursor(&self.file, self.cursor) {
            let path = self.path.display();
            tracing::debug!(%path, %cause, "a spool cursor was not written; rows may be stored twice");
        }
    }

    /// Whether everything is confirmed and nothing more will come.
    pub fn is_finished(&self) -> bool {
        // Asked in this order: once it is sealed, its end is final.
        let over = match &self.end {
            End::Living(live) => live.is_sealed(),
            End::Dead(_) => true,
        };
        over && self.cursor >= self.end()
    }

    /// What is not confirmed.
    pub fn backlog(&self) -> Backlog {
        let bytes = self.end().saturating_sub(self.cursor);
        let rows = match &self.end {
            End::Living(live) => live.rows().saturating_sub(self.rows),
            End::Dead(_) => self.rows,
        };
        let mut header = [0; record::HEADER];
        let readable =
            bytes >= header.len() as u64 && self.file.read_exact_at(&mut header, self.cursor).is_ok();
        Backlog { rows, bytes, oldest: if readable { record::time_of(&header) } else { None } }
    }

    fn end(&self) -> u64 {
        match &self.end {
            End::Living(live) => live.committed(),
            End::Dead(length) => *length,
        }
    }
}
