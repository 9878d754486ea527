//! A worker's end of the spool: one write for each row, into a segment of its own.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::lane::Lane;
use super::segment::{self, Live};
use super::{Fsync, LONGEST_ROW, Spool, UnixMs, add, locked, record};

/// How long the disk is left alone after it has refused, milliseconds.
const RETRY_AFTER: u64 = 250;

/// How much of what waited in memory is written at a time, bytes: a worker has other things to do.
const CATCH_UP: usize = 256 << 10;

/// Why a row is not on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritten {
    /// It waits in memory and will be delivered, unless the process dies before.
    #[error("the spool cannot be written; the row waits in memory")]
    Kept,
    /// There was no room in memory either.
    #[error("the spool cannot be written and its memory is full; the row is lost")]
    Lost,
    /// It is longer than [`LONGEST_ROW`]. Nothing was kept.
    #[error("the row has {0} bytes, more than the spool takes")]
    TooLong(usize),
}

/// A worker's end of the spool. Dropped, its segment is complete and will be deleted once it is read.
pub struct Appender {
    spool: Arc<Spool>,
    lane: Arc<Lane>,
    worker: usize,
    segment: Option<Open>,
    buffer: Vec<u8>,
    /// When the disk refused last, while it does.
    refused_at: Option<UnixMs>,
}

struct Open {
    live: Arc<Live>,
    since: UnixMs,
}

impl Appender {
    pub(super) fn new(spool: Arc<Spool>, lane: Arc<Lane>, worker: usize) -> Self {
        Appender { spool, lane, worker, segment: None, buffer: Vec::new(), refused_at: None }
    }

    /// Appends a row. When it answers `Ok`, the row outlives this process.
    ///
    /// # Errors
    /// Why it does not, and whether it waits in memory.
    pub fn append(&mut self, now: UnixMs, row: &[u8]) -> Result<(), Unwritten> {
        if row.len() > LONGEST_ROW {
            add(&self.spool.counters.lost, 1);
            return Err(Unwritten::TooLong(row.len()));
        }
        if self.may_write(now) && self.write(now, now, row) {
            self.catch_up(now);
            return Ok(());
        }
        if self.lane.keep(now, row) {
            add(&self.spool.counters.kept, 1);
            Err(Unwritten::Kept)
        } else {
            add(&self.spool.counters.lost, 1);
            Err(Unwritten::Lost)
        }
    }

    /// To be called every second or so: writes what waits in memory, completes a segment that is old.
    pub fn tick(&mut self, now: UnixMs) {
        if self.may_write(now) && (self.refused_at.is_none() || self.probe(now)) {
            self.catch_up(now);
        }
        self.complete_if_due(now);
    }

    /// Whether the disk takes at least the beginning of a new segment again.
    fn probe(&mut self, now: UnixMs) -> bool {
        let taken = self.segment.is_some() || self.open(now).is_ok();
        if !taken {
            self.refused_at = Some(now);
        }
        taken
    }

    fn may_write(&self, now: UnixMs) -> bool {
        // A clock that was set back must not keep the disk waiting.
        self.refused_at.is_none_or(|at| now < at || now - at >= RETRY_AFTER)
    }

    /// Writes what waits in memory, a part at a time. To be called when the disk has just taken something:
    /// the rows may also be gone because the reader has delivered them.
    fn catch_up(&mut self, now: UnixMs) {
        let mut written = 0;
        while self.lane.waiting() > 0 && written < CATCH_UP {
            for waiting in self.lane.oldest(64) {
                if !self.write(now, waiting.at, &waiting.row) {
                    return;
                }
                self.lane.forget_through(waiting.number);
                written += waiting.row.len();
            }
        }
        if self.refused_at.is_some() && self.lane.waiting() == 0 {
            self.refused_at = None;
            self.spool.lane_failing(false, "");
        }
    }

    /// Writes one record; `false` when the disk refused, which is noted.
    fn write(&mut self, now: UnixMs, at: UnixMs, row: &[u8]) -> bool {
        self.complete_if_due(now);
        record::encode(&mut self.buffer, at, row);
        let always = self.spool.settings.sync == Fsync::Always;
        let written = match &self.segment {
            Some(open) => open.live.append(&self.buffer, always),
            None => self.open(now).and_then(|live| live.append(&self.buffer, always)),
        };
        match written {
            Ok(()) => add(&self.spool.counters.written, 1),
            Err(cause) => {
                // The next try is a new file: what was wrong with this one may be wrong with it alone.
                self.complete();
                if self.refused_at.replace(now).is_none() {
                    self.spool.lane_failing(true, &cause.to_string());
                }
                return false;
            }
        }
        true
    }

    fn open(&mut self, now: UnixMs) -> io::Result<Arc<Live>> {
        let spool = &self.spool;
        let number = spool.numbers.fetch_add(1, Ordering::Relaxed);
        let path = spool.settings.dir.join(segment::name(&spool.incarnation, self.worker, number));
        let place = (spool.incarnation.clone(), number);
        let live = Arc::new(Live::create(&*spool.disk, path, place)?);
        if spool.settings.sync != Fsync::Never {
            // The name of a new file has to survive a power cut, too.
            File::open(&spool.settings.dir)?.sync_all()?;
        }
        locked(&spool.live).push(Arc::clone(&live));
        self.segment = Some(Open { live: Arc::clone(&live), since: now });
        Ok(live)
    }

    fn complete_if_due(&mut self, now: UnixMs) {
        let settings = &self.spool.settings;
        let due = |open: &Open| {
            let age = u128::from(now.saturating_sub(open.since));
            open.live.is_sealed()
                || open.live.committed() >= settings.segment_bytes
                || (open.live.rows() > 0 && age >= settings.segment_age.as_millis())
        };
        if self.segment.as_ref().is_some_and(due) {
            self.complete();
        }
    }

    fn complete(&mut self) {
        if let Some(open) = self.segment.take() {
            open.live.seal();
        }
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.complete();
        if self.refused_at.is_some() {
            // Nobody writes here any more; what waits is the reader's.
            self.spool.failing.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
