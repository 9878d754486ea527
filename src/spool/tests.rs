//! What a reader gets after everything that can happen to files, in one process.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::segment::{self, Disk, Files};
use super::*;

fn open(dir: &Path) -> (Arc<Spool>, Reader) {
    Spool::open(Settings::new(dir, "replica-1")).unwrap()
}

/// All rows that wait, as text, confirmed batch by batch.
pub(super) fn drain(reader: &mut Reader) -> Vec<String> {
    let mut rows = Vec::new();
    loop {
        let batch = reader.next_batch(7, 4 << 10).unwrap();
        if batch.is_empty() {
            return rows;
        }
        rows.extend(batch.rows().iter().map(|row| String::from_utf8(row.to_vec()).unwrap()));
        reader.confirm(batch);
    }
}

fn names(dir: &Path, ending: &str) -> Vec<String> {
    let all = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    all.filter(|name| name.ends_with(ending)).collect()
}

/// Rows of a process that has died, and the bytes of its only segment.
fn left_behind(dir: &Path, rows: &[&str]) -> (std::path::PathBuf, Vec<u8>) {
    let (spool, reader) = open(dir);
    let mut appender = spool.appender(0);
    rows.iter().for_each(|row| appender.append(1, row.as_bytes()).unwrap());
    drop((spool, reader, appender));
    let path = dir.join(&names(dir, segment::ENDING)[0]);
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

#[test]
fn rows_come_once_they_are_appended_and_files_go_once_they_are_confirmed() {
    let dir = TempDir::new().unwrap();
    let (spool, mut reader) = open(dir.path());
    let mut appender = spool.appender(0);
    assert!(reader.next_batch(10, 1_000).unwrap().is_empty());
    appender.append(5_000, b"one").unwrap();
    appender.append(6_000, b"two").unwrap();
    let backlog = reader.backlog();
    assert_eq!((backlog.rows, backlog.oldest), (2, Some(5_000)));
    assert_eq!(reader.next_batch(1, 1_000).unwrap().rows(), ["one"]);
    let batch = reader.next_batch(1, 1_000).unwrap();
    assert_eq!(batch.rows(), ["one"], "not confirmed: it comes again");
    assert!(batch.leaves_more() && !reader.next_batch(2, 1_000).unwrap().leaves_more());
    reader.confirm(batch);
    assert_eq!(drain(&mut reader), ["two"]);
    assert_eq!(reader.backlog(), Backlog::default());
    drop(appender);
    assert!(drain(&mut reader).is_empty());
    assert!(names(dir.path(), segment::ENDING).is_empty(), "nobody needs the segment any more");
    assert_eq!(spool.counts(), Counts { written: 2, ..Counts::default() });
}

#[test]
fn a_torn_tail_is_skipped_wherever_it_is_torn() {
    let made = TempDir::new().unwrap();
    let (path, bytes) = left_behind(made.path(), &["first", "second", "the third row"]);
    let third = bytes.len() - record::HEADER - "the third row".len();
    for cut in third..bytes.len() {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join(path.file_name().unwrap()), &bytes[..cut]).unwrap();
        let (spool, mut reader) = open(dir.path());
        assert_eq!(reader.backlog().rows, 2);
        assert_eq!(drain(&mut reader), ["first", "second"], "cut at {cut}");
        let torn = u64::from(cut > third);
        assert_eq!(spool.counts().damaged, torn, "cut at {cut}");
        assert!(names(dir.path(), segment::ENDING).is_empty(), "cut at {cut}");
    }
    for cut in 0..segment::START as usize {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join(path.file_name().unwrap()), &bytes[..cut]).unwrap();
        assert!(drain(&mut open(dir.path()).1).is_empty());
        assert!(names(dir.path(), segment::ENDING).is_empty(), "a torn header, cut at {cut}");
    }
}

#[test]
fn damage_costs_the_row_it_is_in_and_zeros_at_the_end_cost_nothing() {
    let dir = TempDir::new().unwrap();
    let (path, mut bytes) = left_behind(dir.path(), &["first", "second", "third"]);
    let second = segment::START as usize + record::HEADER + "first".len();
    bytes[second + 5] = 0xee;
    bytes.extend([0; 4096]);
    fs::write(&path, &bytes).unwrap();
    let (spool, mut reader) = open(dir.path());
    assert_eq!(drain(&mut reader), ["first", "third"]);
    assert_eq!(spool.counts().damaged, 2);
    assert!(names(dir.path(), segment::ENDING).is_empty());
}

#[test]
fn what_was_confirmed_does_not_come_again_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let (spool, mut reader) = open(dir.path());
    let mut appender = spool.appender(3);
    for row in ["a", "b", "c"] {
        appender.append(1, row.as_bytes()).unwrap();
    }
    let batch = reader.next_batch(2, 1_000).unwrap();
    reader.confirm(batch);
    drop((spool, reader, appender));
    let (_spool, mut reader) = open(dir.path());
    assert_eq!(drain(&mut reader), ["c"]);
    assert_eq!(names(dir.path(), ".lock").len(), 1, "only the living one's");
}

#[test]
fn two_processes_in_one_folder_leave_each_others_rows_alone() {
    let dir = TempDir::new().unwrap();
    let (a, a_reader) = open(dir.path());
    let (_b, mut b_reader) = open(dir.path());
    let mut appender = a.appender(0);
    appender.append(1, b"a's").unwrap();
    assert_eq!(b_reader.adopt().unwrap(), 0, "a lives");
    assert!(drain(&mut b_reader).is_empty());
    drop((a, a_reader, appender));
    assert_eq!(b_reader.adopt().unwrap(), 1);
    let (_c, mut c_reader) = open(dir.path());
    assert!(drain(&mut c_reader).is_empty(), "b has adopted it");
    assert_eq!(drain(&mut b_reader), ["a's"]);
    assert_eq!(names(dir.path(), ".lock").len(), 2);
}

#[test]
fn segments_change_by_size_and_by_age() {
    let dir = TempDir::new().unwrap();
    let settings = Settings { segment_bytes: 200, ..Settings::new(dir.path(), "r") };
    let (spool, mut reader) = Spool::open(settings).unwrap();
    let mut appender = spool.appender(0);
    let rows: Vec<String> = (0..50).map(|n| format!("row number {n}")).collect();
    rows.iter().for_each(|row| appender.append(1, row.as_bytes()).unwrap());
    assert!(names(dir.path(), segment::ENDING).len() > 5);
    assert_eq!(drain(&mut reader), rows);
    assert!(names(dir.path(), segment::ENDING).len() <= 1);
    appender.append(1_000, b"x").unwrap();
    appender.tick(62_000);
    assert_eq!(drain(&mut reader), ["x"]);
    assert!(names(dir.path(), segment::ENDING).is_empty(), "old and read");
}

/// A disk that can be full.
struct Tap(Arc<AtomicBool>);

impl Disk for Tap {
    fn create(&self, path: &Path) -> io::Result<File> {
        if self.0.load(Ordering::Relaxed) {
            return fs::OpenOptions::new().write(true).open("/dev/full");
        }
        Files.create(path)
    }
}

#[test]
fn a_full_disk_keeps_rows_in_memory_says_so_and_heals_by_itself() {
    let dir = TempDir::new().unwrap();
    let full = Arc::new(AtomicBool::new(true));
    let settings = Settings { memory_bytes: 10, segment_bytes: 100, ..Settings::new(dir.path(), "r") };
    let (spool, mut reader) = Spool::open_on(settings, Box::new(Tap(Arc::clone(&full)))).unwrap();
    let mut appender = spool.appender(0);
    assert_eq!(appender.append(1_000, b"12345"), Err(Unwritten::Kept));
    assert_eq!(appender.append(1_001, b"67890"), Err(Unwritten::Kept));
    assert_eq!(appender.append(1_002, b"x"), Err(Unwritten::Lost));
    assert!(spool.is_failing());
    let backlog = reader.backlog();
    assert_eq!((backlog.rows, backlog.bytes, backlog.oldest), (2, 10, Some(1_000)));
    // The store may well be there while the disk is not.
    let batch = reader.next_batch(1, 1_000).unwrap();
    assert_eq!(batch.rows(), ["12345"]);
    reader.confirm(batch);
    appender.tick(2_000);
    assert!(spool.is_failing(), "still full");
    full.store(false, Ordering::Relaxed);
    appender.tick(2_100);
    assert!(spool.is_failing(), "not asked again so soon");
    assert_eq!(appender.append(2_300, b"new"), Ok(()));
    assert!(!spool.is_failing());
    let mut rows = drain(&mut reader);
    rows.sort();
    assert_eq!(rows, ["67890", "new"]);
    assert_eq!(spool.counts(), Counts { written: 2, kept: 2, lost: 1, ..Counts::default() });
}

#[test]
fn a_disk_that_heals_while_nobody_asks_is_noticed() {
    let dir = TempDir::new().unwrap();
    let full = Arc::new(AtomicBool::new(true));
    let disk = Box::new(Tap(Arc::clone(&full)));
    let (spool, mut reader) = Spool::open_on(Settings::new(dir.path(), "r"), disk).unwrap();
    let mut appender = spool.appender(0);
    assert_eq!(appender.append(0, b"row"), Err(Unwritten::Kept));
    assert_eq!(drain(&mut reader), ["row"]);
    appender.tick(1_000);
    assert!(spool.is_failing(), "an empty memory says nothing about the disk");
    full.store(false, Ordering::Relaxed);
    appender.tick(2_000);
    assert!(!spool.is_failing());
    assert_eq!(appender.append(2_001, &vec![b'x'; LONGEST_ROW]), Ok(()));
    assert_eq!(
        appender.append(2_002, &vec![b'x'; LONGEST_ROW + 1]),
        Err(Unwritten::TooLong(LONGEST_ROW + 1))
    );
    assert_eq!(drain(&mut reader)[0].len(), LONGEST_ROW);
}

#[test]
fn workers_and_the_reader_work_at_the_same_time() {
    let dir = TempDir::new().unwrap();
    for sync in [Fsync::Never, Fsync::Interval(Duration::from_secs(1)), Fsync::Always] {
        let settings = Settings { segment_bytes: 2_000, sync, ..Settings::new(dir.path(), "r") };
        let each = if sync == Fsync::Always { 20 } else { 1_000 };
        let (spool, mut reader) = Spool::open(settings).unwrap();
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                let mut appender = spool.appender(worker);
                thread::spawn(move || {
                    for n in 0..each {
                        appender.append(n, format!("{worker}/{n}").as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        let mut rows = Vec::new();
        while workers.iter().any(|worker| !worker.is_finished()) {
            rows.extend(drain(&mut reader));
            spool.sync().unwrap();
        }
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        rows.extend(drain(&mut reader));
        let mut expected: Vec<String> =
            (0..3).flat_map(|worker| (0..each).map(move |n| format!("{worker}/{n}"))).collect();
        rows.sort();
        expected.sort();
        assert_eq!(rows, expected);
        assert!(names(dir.path(), segment::ENDING).is_empty());
    }
}
