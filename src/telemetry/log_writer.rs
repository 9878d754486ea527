//! Lines of the log on their way to standard error, off the way of requests.
//!
//! Who logs puts a line into a bounded buffer and goes on; a thread of its own writes what has gathered. It is woken by
//! the first line and waits a little for company, so a busy gateway makes some fifty writes a second whatever its load,
//! and an idle one none. When the reader of standard error does not keep up, lines are dropped and counted.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most that waits, bytes.
const MOST: usize = 4 * 1024 * 1024;
/// A buffer that grew beyond this is given back when it has been written.
const USUAL: usize = 256 * 1024;
/// How long the first line waits for company.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest wait for the last lines.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes lines. Cloning shares it.
#[derive(Clone)]
pub struct LogWriter(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    written: Condvar,
    dropped: AtomicU64,
    most: usize,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// The thread is writing what it took.
    writing: bool,
    /// Somebody waits for the end.
    urgent: bool,
}

impl LogWriter {
    /// A writer to `out`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(out: impl Write + Send + 'static) -> std::io::Result<Self> {
        LogWriter::bounded(out, MOST)
    }

    fn bounded(out: impl Write + Send + 'static, most: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            written: Condvar::new(),
            dropped: AtomicU64::new(0),
            most,
        });
        let own = Arc::clone(&shared);
        std::thread::Builder::new().name("log".into()).spawn(move || own.run(out))?;
        Ok(LogWriter(shared))
    }

    /// Takes a whole line, or drops it where there is no room.
    pub fn put(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.lines.len().saturating_add(line.len()) > self.0.most {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let first = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        drop(state);
        if first {
            self.0.filled.notify_one();
        }
    }

    /// Lines that were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything is out, for at most a second.
    pub fn flush(&self) {
        let end = Instant::now() + PATIENCE;
        let mut state = self.0.lock();
        while state.writing || !state.lines.is_empty() {
            state.urgent = true;
            self.0.filled.notify_one();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.0.written.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.urgent = false;
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut out: impl Write) {
        let mut taken = Vec::new();
        let mut told = 0;
        loop {
            self.take(&mut taken);
            // Nobody may be listening (a closed terminal); that is no reason to stop.
            let _closed =
                out.write_all(&taken).and_then(|()| tell_dropped(&mut out, &self.dropped, &mut told));
            let _closed = out.flush();
            taken.clear();
            taken.shrink_to(USUAL);
            self.lock().writing = false;
            self.written.notify_all();
        }
    }

    /// Waits for lines and takes all of them.
    fn take(&self, taken: &mut Vec<u8>) {
        let mut state = self.lock();
        while state.lines.is_empty() {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.urgent {
            let company = self.filled.wait_timeout(state, PAUSE);
            state = company.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut state.lines, taken);
        state.writing = true;
    }
}

/// One line for all that were dropped since the last one.
fn tell_dropped(out: &mut impl Write, dropped: &AtomicU64, told: &mut u64) -> std::io::Result<()> {
    let now = dropped.load(Ordering::Relaxed);
    let new = now.saturating_sub(std::mem::replace(told, now));
    if new > 0 {
        writeln!(out, "{{\"level\":\"WARN\",\"message\":\"{new} log lines were dropped\"}}")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Takes bytes when it is let to.
    struct Slow {
        gate: mpsc::Receiver<()>,
        seen: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _open = self.gate.recv();
            self.seen.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_in_order_and_a_reader_that_stops_costs_lines_not_time() {
        let (open, gate) = mpsc::channel();
        let seen = Arc::default();
        let writer = LogWriter::bounded(Slow { gate, seen: Arc::clone(&seen) }, 100).unwrap();
        for _ in 0..1_000 {
            writer.put(b"a line of text\n");
        }
        let dropped = writer.dropped();
        assert!(dropped >= 1_000 - 2 * 7, "{dropped}");
        // The gate stays open from now on.
        drop(open);
        writer.put(b"");
        writer.flush();
        writer.put(b"the last\n");
        writer.flush();
        let text = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
        assert!(
            text.starts_with("a line of text\na line of text\n") && text.contains("the last\n"),
            "{text}"
        );
        assert!(text.contains(&format!("{dropped} log lines were dropped")), "{text}");
    }
}
