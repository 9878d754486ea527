//! Real processes that die: this test binary starts itself again as the victim.

use std::collections::BTreeSet;
use std::env;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

use super::tests::drain;
use super::*;

const DIR: &str = "STAGEDOOR_TEST_SPOOL_DIR";
const STORING: &str = "STAGEDOOR_TEST_SPOOL_STORING";

/// What the victim says when it has confirmed a batch.
const STORED: &str = "stored\n";

/// What the victim does. Two workers append for ever and say on stderr what was acknowledged; with `STORING` a reader
/// moves rows to a file meanwhile.
fn be_the_victim(dir: &str) {
    let settings = Settings { segment_bytes: 40_000, ..Settings::new(dir, "victim") };
    let (spool, mut reader) = Spool::open(settings).unwrap();
    for worker in 0..2 {
        let mut appender = spool.appender(worker);
        thread::spawn(move || {
            for n in 0.. {
                let row = format!("{worker}/{n} {}", "x".repeat(n % 700));
                if appender.append(n as u64, row.as_bytes()).is_err() {
                    continue;
                }
                if io::stderr().write_all(format!("{worker}/{n}\n").as_bytes()).is_err() {
                    // Whoever wanted to kill this process is gone.
                    std::process::exit(1);
                }
            }
        });
    }
    let mut stored = OpenOptions::new().append(true).create(true).open(format!("{dir}/stored")).unwrap();
    loop {
        if env::var(STORING).is_err() {
            thread::park();
            continue;
        }
        let batch = reader.next_batch(50, 20_000).unwrap();
        for row in batch.rows() {
            let row = [id(&String::from_utf8_lossy(row)).as_bytes(), b"\n"].concat();
            stored.write_all(&row).unwrap();
        }
        let some = !batch.is_empty();
        reader.confirm(batch);
        if some && io::stderr().write_all(STORED.as_bytes()).is_err() {
            std::process::exit(1);
        }
    }
}

fn id(row: &str) -> &str {
    row.split(' ').next().unwrap_or_default()
}

fn command(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.env(DIR, dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// How this binary is started so that the first test below becomes the victim.
const VICTIM: [&str; 4] = [
    "--exact",
    "spool::crash::a_process_killed_while_appending_loses_no_acknowledged_row",
    "--nocapture",
    "--test-threads=1",
];

/// Kills the victim after so many acknowledged rows and confirmed batches; returns all rows acknowledged.
fn kill_after(mut victim: Child, rows: usize, batches: usize) -> Vec<String> {
    let mut stored = 0;
    let mut said = BufReader::new(victim.stderr.take().unwrap());
    let mut acknowledged = Vec::new();
    loop {
        let mut line = String::new();
        if said.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            victim.wait().unwrap();
            return acknowledged;
        }
        if line == STORED {
            stored += 1;
        } else {
            acknowledged.push(line.trim_end().to_string());
        }
        if acknowledged.len() >= rows && stored >= batches {
            victim.kill().unwrap();
        }
    }
}

#[test]
fn a_process_killed_while_appending_loses_no_acknowledged_row() {
    if let Ok(dir) = env::var(DIR) {
        return be_the_victim(&dir);
    }
    let dir = TempDir::new().unwrap();
    let exe = env::current_exe().unwrap();
    for rows in [1, 150, 2_000] {
        let victim = command(exe.to_str().unwrap(), dir.path()).args(VICTIM).spawn().unwrap();
        let acknowledged = kill_after(victim, rows, 0);
        assert!(acknowledged.len() >= rows);
        let (_spool, mut reader) = Spool::open(Settings::new(dir.path(), "heir")).unwrap();
        let found: Vec<String> = drain(&mut reader).iter().map(|row| id(row).to_string()).collect();
        let unique: BTreeSet<&String> = found.iter().collect();
        assert_eq!(unique.len(), found.len(), "a row came twice");
        let missing = acknowledged.iter().filter(|row| !unique.contains(row)).count();
        assert_eq!(missing, 0, "of {} acknowledged rows", acknowledged.len());
        assert!(found.len() <= acknowledged.len() + 2, "at most one unacknowledged row a worker");
    }
}

#[test]
fn a_process_killed_while_storing_loses_no_acknowledged_row_either() {
    let dir = TempDir::new().unwrap();
    let exe = env::current_exe().unwrap();
    let victim = command(exe.to_str().unwrap(), dir.path()).env(STORING, "1").args(VICTIM).spawn().unwrap();
    let acknowledged = kill_after(victim, 3_000, 20);
    let (_spool, mut reader) = Spool::open(Settings::new(dir.path(), "heir")).unwrap();
    let stored = std::fs::read_to_string(dir.path().join("stored")).unwrap();
    let mut rows: BTreeSet<String> = stored.lines().map(str::to_string).collect();
    assert!(!rows.is_empty(), "the victim has stored nothing");
    rows.extend(drain(&mut reader).iter().map(|row| id(row).to_string()));
    assert_eq!(acknowledged.iter().filter(|row| !rows.contains(*row)).count(), 0);
}

#[test]
fn a_write_that_was_cut_short_leaves_no_torn_record_and_no_gap() {
    let dir = TempDir::new().unwrap();
    let exe = env::current_exe().unwrap();
    // No file may grow beyond 8 blocks, which is below the size at which segments change: a write is cut
    // short, the row goes to the next segment.
    let script = format!("trap '' XFSZ; ulimit -f 8; exec '{}' {}", exe.display(), VICTIM.join(" "));
    let victim = command("/bin/sh", dir.path()).args(["-c", &script]).spawn().unwrap();
    let acknowledged = kill_after(victim, 400, 0);
    let (spool, mut reader) = Spool::open(Settings::new(dir.path(), "heir")).unwrap();
    let rows: BTreeSet<String> = drain(&mut reader).iter().map(|row| id(row).to_string()).collect();
    assert_eq!(acknowledged.iter().filter(|row| !rows.contains(*row)).count(), 0);
    assert!(spool.counts().damaged <= 2, "only what the kill has torn");
}
