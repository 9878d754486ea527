//! The other end of the spool: batches of whole rows, and what becomes of files when rows are confirmed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::lane::Lane;
use super::segment::Place;
use super::{Spool, UnixMs, adopt, locked};

mod reading;

use reading::{Part, Reading};

/// The one reader of a process: of its own segments, of those that dead incarnations have left, and of what
/// waits in memory. Its calls read and write files: they belong on a thread that may block.
pub struct Reader {
    spool: Arc<Spool>,
    segments: BTreeMap<Place, Reading>,
    /// Dead incarnations and their locks, held until nothing of them is left.
    adopted: BTreeMap<String, File>,
    /// Those of which nothing is left now.
    finished: Vec<String>,
}

/// Rows to be stored; they come again until they are confirmed.
#[derive(Default)]
pub struct Batch {
    rows: Vec<Bytes>,
    /// Which of the rows dead incarnations have left.
    left: Vec<Range<usize>>,
    marks: Vec<Mark>,
    kept: Vec<(Arc<Lane>, u64)>,
    more: bool,
}

/// How far a batch has read in a segment.
struct Mark {
    place: Place,
    cursor: u64,
    rows: u64,
}

impl Batch {
    /// The rows, oldest segment first.
    pub fn rows(&self) -> &[Bytes] {
        &self.rows
    }

    /// Whether this process has appended the row at a place, and no former one.
    pub fn is_own(&self, place: usize) -> bool {
        !self.left.iter().any(|left| left.contains(&place))
    }

    /// Whether there was more than it has room for.
    pub fn leaves_more(&self) -> bool {
        self.more
    }

    /// Whether there is nothing to store now.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// What waits to be stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Rows.
    pub rows: u64,
    /// Bytes on disk and in memory.
    pub bytes: u64,
    /// When the oldest of them was appended.
    pub oldest: Option<UnixMs>,
}

impl Reader {
    pub(super) fn new(spool: Arc<Spool>) -> Self {
        Reader { spool, segments: BTreeMap::new(), adopted: BTreeMap::new(), finished: Vec::new() }
    }

    /// Takes over what dead incarnations have left in the folder, and says how many segments that were.
    /// To be called now and then where several processes share the folder.
    ///
    /// # Errors
    /// When the folder cannot be read; the next call tries again.
    pub fn adopt(&mut self) -> io::Result<usize> {
        let dir = self.spool.settings.dir.clone();
        let before = self.segments.len();
        for incarnation in adopt::incarnations(&dir)? {
            if incarnation == self.spool.incarnation || self.adopted.contains_key(&incarnation) {
                continue;
            }
            match left_by(&dir, &incarnation) {
                Ok(Some((lock, left))) => {
                    self.segments.extend(left);
                    self.adopted.insert(incarnation, lock);
                }
                Ok(None) => {}
                // Its lock is free again: the next call tries again, and the others' rows do not wait for it.
                Err(cause) => {
                    tracing::error!(incarnation, %cause, "ledger rows of an earlier run cannot be read now");
                }
            }
        }
        let found = self.segments.len() - before;
        if found > 0 {
            let Backlog { rows, bytes, .. } = self.backlog();
            tracing::info!(segments = found, rows, bytes, "ledger rows of an earlier run will be stored");
        }
        self.tidy();
        Ok(found)
    }

    /// The next rows that are not confirmed, at most about so many and so large. Without a confirmation in
    /// between the same rows come again.
    ///
    /// A segment that cannot be read is told once and tried again with every call; the others go on.
    ///
    /// # Errors
    /// When this process's own segments cannot be opened; nothing is lost, the next call tries again.
    pub fn next_batch(&mut self, most_rows: usize, most_bytes: usize) -> io::Result<Batch> {
        self.find_own()?;
        let mut batch = Batch::default();
        let mut bytes = 0;
        for (place, reading) in &mut self.segments {
            if batch.rows.len() >= most_rows || bytes >= most_bytes {
                batch.more = true;
                break;
            }
            let part = match reading.read(most_rows - batch.rows.len(), most_bytes - bytes) {
                Ok(part) => part,
                Err(cause) => {
                    if !std::mem::replace(&mut reading.unreadable, true) {
                        let path = reading.path.display();
                        tracing::error!(%path, %cause, "a spool segment cannot be read now");
                    }
                    continue;
                }
            };
            reading.unreadable = false;
            self.spool.note_damage(&part, &reading.path);
            let Part { rows, cursor, more, .. } = part;
            batch.more |= more;
            if cursor > reading.cursor {
                batch.marks.push(Mark { place: place.clone(), cursor, rows: rows.len() as u64 });
            }
            bytes += rows.iter().map(Bytes::len).sum::<usize>();
            let first = batch.rows.len();
            batch.rows.extend(rows);
            if place.0 != self.spool.incarnation {
                batch.left.push(first..batch.rows.len());
            }
        }
        let lanes = locked(&self.spool.lanes).clone();
        for lane in lanes.into_iter().filter(|lane| lane.waiting() > 0) {
            let waiting = lane.waiting();
            let rows = lane.oldest(most_rows.saturating_sub(batch.rows.len()));
            batch.more |= rows.len() < waiting;
            if let Some(last) = rows.last() {
                batch.kept.push((lane, last.number));
                batch.rows.extend(rows.into_iter().map(|row| row.row));
            }
        }
        if batch.rows.is_empty() {
            // Nothing but damage, or nothing at all.
            self.confirm(std::mem::take(&mut batch));
        }
        Ok(batch)
    }

    /// The batch's rows are in the store: they never come again, unless this process dies now. Segments that
    /// hold nothing else any more are deleted.
    pub fn confirm(&mut self, batch: Batch) {
        for Mark { place, cursor, rows } in batch.marks {
            if let Some(reading) = self.segments.get_mut(&place) {
                reading.confirm(cursor, rows);
            }
        }
        for (lane, number) in batch.kept {
            lane.forget_through(number);
        }
        self.tidy();
    }

    /// Whether rows of dead incarnations wait to be stored that can be read.
    pub fn has_leftovers(&self) -> bool {
        let left =
            self.segments.iter().filter(|((incarnation, _), _)| *incarnation != self.spool.incarnation);
        left.map(|(_, reading)| reading).any(|reading| !reading.unreadable && !reading.is_finished())
    }

    /// What waits to be stored.
    pub fn backlog(&mut self) -> Backlog {
        drop(self.find_own());
        let mut all = Backlog::default();
        let oldest = |known: Option<UnixMs>, at: Option<UnixMs>| known.into_iter().chain(at).min();
        for reading in self.segments.values() {
            let Backlog { rows, bytes, oldest: at } = reading.backlog();
            all = Backlog { rows: all.rows + rows, bytes: all.bytes + bytes, oldest: oldest(all.oldest, at) };
        }
        for lane in locked(&self.spool.lanes).iter().filter(|lane| lane.waiting() > 0) {
            let (bytes, at) = lane.backlog();
            all.rows += lane.waiting() as u64;
            all.bytes += bytes as u64;
            all.oldest = oldest(all.oldest, at);
        }
        all
    }

    /// Opens the segments that this process has begun since the last time.
    fn find_own(&mut self) -> io::Result<()> {
        let live = locked(&self.spool.live).clone();
        for live in live {
            if self.segments.contains_key(&live.place) {
                continue;
            }
            let place = live.place.clone();
            let path = live.path.clone();
            match opened(&path, |file| Ok(Reading::of_living(file, Arc::clone(&live))))? {
                Some(reading) => drop(self.segments.insert(place, reading)),
                None => {
                    // What goes into it from now on would be lost.
                    live.seal();
                    tracing::error!(path = %path.display(), "a spool segment was deleted by somebody else");
                    self.forget(&place);
                }
            }
        }
        Ok(())
    }

    /// Deletes what is finished: segments, then the locks of incarnations that have none left. What cannot be
    /// deleted now is tried again.
    fn tidy(&mut self) {
        let finished: Vec<Place> =
            self.segments.iter().filter(|(_, r)| r.is_finished()).map(|(place, _)| place.clone()).collect();
        for place in finished {
            let Some(reading) = self.segments.get(&place) else { continue };
            match fs::remove_file(&reading.path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    let path = reading.path.display();
                    tracing::warn!(%path, %cause, "a stored spool segment cannot be deleted");
                }
                _ => {
                    self.segments.remove(&place);
                    self.forget(&place);
                }
            }
        }
        let dir = &self.spool.settings.dir;
        let segments = &self.segments;
        self.adopted.retain(|incarnation, _| {
            let some_left = segments.keys().any(|(of, _)| of == incarnation);
            // A lock file that cannot be deleted is found again by the next start.
            let stays = some_left || fs::remove_file(adopt::lock_path(dir, incarnation)).is_err();
            if !stays {
                self.finished.push(incarnation.clone());
            }
            stays
        });
    }

    /// Dead incarnations all of whose rows have been stored since the last call.
    pub fn take_finished(&mut self) -> Vec<String> {
        std::mem::take(&mut self.finished)
    }

    fn forget(&self, place: &Place) {
        locked(&self.spool.live).retain(|live| live.place != *place);
    }
}

/// A dead incarnation's lock and segments.
type Left = (File, Vec<(Place, Reading)>);

/// What an incarnation has left, if it is dead and nobody else has adopted it.
fn left_by(dir: &Path, incarnation: &str) -> io::Result<Option<Left>> {
    let Some(lock) = adopt::lock_dead(dir, incarnation)? else { return Ok(None) };
    let mut left = Vec::new();
    for (place, path) in adopt::segments(dir, incarnation)? {
        let reading = opened(&path, |file| Reading::of_dead(file, path.clone()))?;
        left.extend(reading.map(|reading| (place, reading)));
    }
    Ok(Some((lock, left)))
}

/// Opens a segment for reading its records and writing its cursor; `None` when it is gone.
fn opened(path: &Path, then: impl FnOnce(File) -> io::Result<Reading>) -> io::Result<Option<Reading>> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => then(file).map(Some),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

impl Spool {
    fn note_damage(&self, part: &Part, path: &Path) {
        if part.damaged == 0 {
            return;
        }
        self.counters.damaged.fetch_add(part.damaged, Ordering::Relaxed);
        self.counters.damaged_bytes.fetch_add(part.damaged_bytes, Ordering::Relaxed);
        let Part { damaged, damaged_bytes, .. } = part;
        tracing::warn!(
            path = %path.display(),
            places = damaged,
            bytes = damaged_bytes,
            "a spool segment has torn or damaged records; they were never acknowledged, or the disk lost them"
        );
    }
}
