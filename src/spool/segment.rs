//! One file of the spool: a header that remembers how far it was read, then records.
//!
//! ```text
//! "SDSPOOL1" (8) | cursor (8) | CRC-32 of the cursor (4) | unused (4) | records
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Where the records begin.
pub const START: u64 = 24;

/// The ending of segments' names.
pub const ENDING: &str = ".spool";

const MAGIC: &[u8; 8] = b"SDSPOOL1";

/// Makes the files to append to; a seam for tests of disks that refuse.
pub trait Disk: Send + Sync {
    /// A new, empty file that only this user may read; every write goes to its end.
    fn create(&self, path: &Path) -> io::Result<File>;
}

/// Real files.
pub struct Files;

impl Disk for Files {
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
    }
}

/// Where a segment stands in the order of reading: its incarnation, then its number in it.
pub type Place = (String, u64);

/// The file name of a segment.
pub fn name(incarnation: &str, worker: usize, number: u64) -> String {
    format!("{incarnation}-{worker}-{number}{ENDING}")
}

/// The place that a file name tells; `None` for other files.
pub fn place(name: &str) -> Option<Place> {
    let mut parts = name.strip_suffix(ENDING)?.rsplitn(3, '-');
    let number = parts.next()?.parse().ok()?;
    parts.next()?.parse::<usize>().ok()?;
    Some((parts.next()?.to_string(), number))
}

/// A segment of this incarnation, shared by its appender, the reader and whoever forces it to disk.
pub struct Live {
    /// Where it is.
    pub path: PathBuf,
    /// Its place in the order of reading.
    pub place: Place,
    file: File,
    /// How many bytes are whole records (and the header). Readers go no further.
    committed: AtomicU64,
    rows: AtomicU64,
    sealed: AtomicBool,
    synced: AtomicU64,
}

impl Live {
    /// Makes the file and its header. A file that could not be begun is removed again.
    pub fn create(disk: &dyn Disk, path: PathBuf, place: Place) -> io::Result<Self> {
        let file = disk.create(&path)?;
        let mut header = [0; START as usize];
        header[..8].copy_from_slice(MAGIC);
        header[8..20].copy_from_slice(&cursor_bytes(START));
        if let Err(cause) = (&file).write_all(&header) {
            drop(std::fs::remove_file(&path));
            return Err(cause);
        }
        let [committed, rows, synced] = [START, 0, 0].map(AtomicU64::new);
        Ok(Live { path, place, file, committed, rows, sealed: AtomicBool::new(false), synced })
    }

    /// Appends one record with one write. After an error the file holds what it held before; if even that
    /// cannot be restored, the torn end is the last thing in it, because nothing is appended any more.
    pub fn append(&self, record: &[u8], sync: bool) -> io::Result<()> {
        let written = loop {
            match (&self.file).write(record) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let whole = match written {
            Ok(written) if written == record.len() => Ok(()),
            Ok(_) => Err(io::Error::from(io::ErrorKind::StorageFull)),
            Err(cause) => Err(cause),
        };
        if let Err(cause) = whole.and_then(|()| if sync { self.file.sync_data() } else { Ok(()) }) {
            drop(self.file.set_len(self.committed()));
            self.seal();
            return Err(cause);
        }
        self.rows.fetch_add(1, Ordering::Relaxed);
        self.committed.fetch_add(record.len() as u64, Ordering::Release);
        Ok(())
    }

    /// Nothing is appended any more.
    pub fn seal(&self) {
        self.sealed.store(true, Ordering::Release);
    }

    /// Whether nothing is appended any more; then [`Live::committed`] is final.
    pub fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    /// Where the last whole record ends.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Rows appended.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Forces to disk what was appended since the last time.
    pub fn sync(&self) -> io::Result<()> {
        let committed = self.committed();
        if self.synced.load(Ordering::Relaxed) < committed {
            self.file.sync_data()?;
            self.synced.store(committed, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// How far a file was read before: its cursor, or the first record's place where that makes no sense.
pub fn read_cursor(file: &File, length: u64) -> u64 {
    let mut header = [0; START as usize];
    if file.read_exact_at(&mut header, 0).is_err() || !header.starts_with(MAGIC) {
        // A header that was torn says nothing about what follows it: the records are searched for.
        return 0;
    }
    let cursor = header.get(8..16).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
    let valid = header[8..20] == cursor_bytes(cursor) && (START..=length).contains(&cursor);
    if valid { cursor } else { START }
}

/// Remembers how far a file was read. One small write in place: if it is torn, rows come again.
pub fn write_cursor(file: &File, cursor: u64) -> io::Result<()> {
    file.write_all_at(&cursor_bytes(cursor), 8)
}

fn cursor_bytes(cursor: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&cursor.to_le_bytes());
    let sum = crc32fast::hash(&cursor.to_le_bytes());
    bytes[8..].copy_from_slice(&sum.to_le_bytes());
    bytes
}
