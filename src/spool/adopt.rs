//! Telling living incarnations from dead ones, by a file that each keeps locked.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::segment;

/// The ending of lock files' names.
const ENDING: &str = ".lock";

/// The longest part of a replica's name that file names repeat.
const LONGEST_NAME: usize = 64;

/// A name that no other incarnation has.
pub fn new_name(replica: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let replica: String = replica.chars().map(plain).take(LONGEST_NAME).collect();
    format!("{replica}.{:016x}", fastrand::u64(..))
}

/// Makes the lock file of a new incarnation. It gets its name only once it is locked, so that nobody can
/// take a process for dead that is just starting.
pub fn lock_new(dir: &Path, incarnation: &str) -> io::Result<File> {
    let made = dir.join(format!("{incarnation}.new"));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&made)?;
    file.lock()?;
    fs::rename(&made, lock_path(dir, incarnation))?;
    Ok(file)
}

/// Where the lock of an incarnation is.
pub fn lock_path(dir: &Path, incarnation: &str) -> PathBuf {
    dir.join(format!("{incarnation}{ENDING}"))
}

/// Locks an incarnation if nobody does: `None` while its process, or another that adopted it, lives.
pub fn lock_dead(dir: &Path, incarnation: &str) -> io::Result<Option<File>> {
    let path = lock_path(dir, incarnation);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(cause),
    }
}

/// All incarnations that have left something in the folder.
pub fn incarnations(dir: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else { continue };
        let of_lock = name.strip_suffix(ENDING).map(str::to_string);
        names.extend(of_lock.or_else(|| segment::place(name).map(|(incarnation, _)| incarnation)));
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The segments of one incarnation.
pub fn segments(dir: &Path, incarnation: &str) -> io::Result<Vec<(segment::Place, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let place = entry.file_name().to_str().and_then(segment::place);
        found.extend(place.filter(|(of, _)| of == incarnation).map(|place| (place, entry.path())));
    }
    Ok(found)
}
