//! The durable local spool: ledger rows on their way to the store.
//!
//! A finished request's row is appended here with one write(2) before the last byte of its answer leaves.
//! From then on it survives this process: a kill -9 loses nothing that was appended. (A power cut can lose
//! what the kernel had not written yet; [`Fsync`] says how much of that is accepted.) Whoever moves rows to the
//! store reads them in batches and confirms them; until then they stay. Rows come **at least once**: after a
//! crash some come again, so the store must know a row by its id.
//!
//! # Files
//!
//! Each start of a process is an *incarnation* with a name of its own. Each of its workers appends to its own
//! segment, so workers never wait for each other:
//!
//! ```text
//! <dir>/<incarnation>.lock                       locked (flock) while that process lives
//! <dir>/<incarnation>-<worker>-<number>.spool    header, then records
//! ```
//!
//! The lock tells the living from the dead: a [`Reader`] reads its own incarnation's segments and adopts those
//! of incarnations whose lock nobody holds, so processes that share a folder never take each other's segments.
//! Lock files must not be deleted by hand while their process lives.
//!
//! # When the disk refuses
//!
//! Rows wait in memory, bounded, and go to disk as soon as it takes them again; the reader delivers them from
//! memory meanwhile. [`Appender::append`] tells that the row is not durable and [`Spool::is_failing`] tells
//! everybody, so refusing new requests or going on is the caller's choice. One log line for each change of
//! state.

mod adopt;
mod appender;
#[cfg(test)]
mod crash;
mod lane;
mod reader;
mod record;
mod segment;
#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use appender::{Appender, Unwritten};
use lane::Lane;
pub use reader::{Backlog, Batch, Reader};
pub use record::LONGEST_ROW;
use segment::{Disk, Files, Live};

/// Milliseconds since 1970, UTC.
pub type UnixMs = u64;

/// When rows are forced from the kernel's memory to the disk; only a power cut or a kernel crash makes a
/// difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fsync {
    /// Whenever the kernel likes, usually within half a minute.
    #[default]
    Never,
    /// By [`Spool::sync`], which its owner calls this often.
    Interval(Duration),
    /// With every row: costs milliseconds each.
    Always,
}

/// How the spool works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder; made if missing, for this user only.
    pub dir: PathBuf,
    /// This replica's name, for the names of files.
    pub replica: String,
    /// When rows are forced to disk.
    pub sync: Fsync,
    /// A segment that has grown to this size is followed by a new one, bytes.
    pub segment_bytes: u64,
    /// So is one of this age.
    pub segment_age: Duration,
    /// How much may wait in memory for each worker while the disk refuses, bytes.
    pub memory_bytes: usize,
}

impl Settings {
    /// The usual ones: 8 MiB or a minute a segment, 16 MiB in memory, no forced writes.
    pub fn new(dir: impl Into<PathBuf>, replica: &str) -> Self {
        Settings {
            dir: dir.into(),
            replica: replica.to_string(),
            sync: Fsync::default(),
            segment_bytes: 8 << 20,
            segment_age: Duration::from_secs(60),
            memory_bytes: 16 << 20,
        }
    }
}

/// What the spool has seen since it was opened, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that were written to disk.
    pub written: u64,
    /// Rows that had to wait in memory.
    pub kept: u64,
    /// Rows that found neither disk nor memory: lost.
    pub lost: u64,
    /// Torn or damaged places that were skipped while reading.
    pub damaged: u64,
    /// Bytes of those.
    pub damaged_bytes: u64,
}

#[derive(Default)]
struct Counters {
    written: AtomicU64,
    kept: AtomicU64,
    lost: AtomicU64,
    damaged: AtomicU64,
    damaged_bytes: AtomicU64,
}

/// The spool of one process: makes appenders, knows its state. [`Reader`] is its other end.
pub struct Spool {
    settings: Settings,
    incarnation: String,
    /// Held as long as the spool lives.
    _lock: File,
    disk: Box<dyn Disk>,
    numbers: AtomicU64,
    live: Mutex<Vec<Arc<Live>>>,
    lanes: Mutex<Vec<Arc<Lane>>>,
    failing: AtomicUsize,
    counters: Counters,
}

impl Spool {
    /// Opens the folder under a new incarnation and adopts what dead ones have left.
    ///
    /// # Errors
    /// When the folder cannot be made, written or listed.
    pub fn open(settings: Settings) -> io::Result<(Arc<Self>, Reader)> {
        Spool::open_on(settings, Box::new(Files))
    }

    fn open_on(settings: Settings, disk: Box<dyn Disk>) -> io::Result<(Arc<Self>, Reader)> {
        DirBuilder::new().recursive(true).mode(0o700).create(&settings.dir)?;
        let incarnation = adopt::new_name(&settings.replica);
        let lock = adopt::lock_new(&settings.dir, &incarnation)?;
        let spool = Arc::new(Spool {
            settings,
            incarnation,
            _lock: lock,
            disk,
            numbers: AtomicU64::new(0),
            live: Mutex::default(),
            lanes: Mutex::default(),
            failing: AtomicUsize::new(0),
            counters: Counters::default(),
        });
        let mut reader = Reader::new(Arc::clone(&spool));
        reader.adopt()?;
        Ok((spool, reader))
    }

    /// What this incarnation is called; no other ever is.
    pub fn incarnation(&self) -> &str {
        &self.incarnation
    }

    /// A worker's own end. Making it touches no file.
    pub fn appender(self: &Arc<Self>, worker: usize) -> Appender {
        let lane = Arc::new(Lane::new(self.settings.memory_bytes));
        locked(&self.lanes).push(Arc::clone(&lane));
        Appender::new(Arc::clone(self), lane, worker)
    }

    /// Whether the disk refuses rows now.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed) > 0
    }

    /// Forces what was appended to disk; to be called off the workers' threads.
    ///
    /// # Errors
    /// When the disk refuses; what it refused is tried again next time.
    pub fn sync(&self) -> io::Result<()> {
        let live = locked(&self.live).clone();
        live.iter().try_for_each(|live| live.sync())
    }

    /// What it has seen since it was opened.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { written, kept, lost, damaged, damaged_bytes } = &self.counters;
        Counts {
            written: read(written),
            kept: read(kept),
            lost: read(lost),
            damaged: read(damaged),
            damaged_bytes: read(damaged_bytes),
        }
    }

    /// A lane's disk began to refuse, or took rows again.
    fn lane_failing(&self, failing: bool, cause: &str) {
        let dir = self.settings.dir.display();
        if failing {
            if self.failing.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::error!(%dir, cause, "the spool cannot be written; ledger rows wait in memory");
            }
        } else if self.failing.fetch_sub(1, Ordering::Relaxed) == 1 {
            tracing::info!(%dir, "the spool can be written again");
        }
    }
}

/// Whether no living process uses a spool's folder: nobody holds the lock of an incarnation in it. A folder without
/// any counts as used, because a process may just be about to.
pub fn is_abandoned(dir: &Path) -> bool {
    let Ok(incarnations) = adopt::incarnations(dir) else { return false };
    let dead = |incarnation: &String| matches!(adopt::lock_dead(dir, incarnation), Ok(Some(_)));
    !incarnations.is_empty() && incarnations.iter().all(dead)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Lists and queues: a panic elsewhere while they were locked leaves them usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
