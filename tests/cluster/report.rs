//! What was promised, what was done to it, and what came of it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many times a bar a time may be where others use the machine, too.
const SLOWEST: u32 = 10;

/// The table that stands at the end of a run.
#[derive(Default)]
pub struct Report(Mutex<Vec<Row>>);

struct Row {
    promise: u32,
    done: String,
    measured: String,
    bar: String,
    held: bool,
    /// A missed bar is no failure.
    told: bool,
}

impl Report {
    /// Notes a measured figure, and whether it holds the bar. The scenario goes on either way, so that its other
    /// figures are seen, too; a missed bar fails it.
    pub fn note(&self, promise: u32, done: &str, measured: impl fmt::Display, bar: &str, held: bool) {
        let row = Row::new(promise, done, measured, bar, held);
        if !held {
            eprintln!("MISSED, promise {promise}: {done}: {}, not {bar}", row.measured);
        }
        self.rows().push(row);
    }

    /// Notes a figure that says as much about the machine as about the gateway: a time, mostly. It fails nothing.
    pub fn tell(&self, promise: u32, done: &str, measured: impl fmt::Display, bar: &str, held: bool) {
        let row = Row { told: true, ..Row::new(promise, done, measured, bar, held) };
        self.rows().push(row);
    }

    /// A figure that must be this one.
    pub fn exactly<T: PartialEq + fmt::Display>(&self, promise: u32, done: &str, measured: T, bar: T) {
        let held = measured == bar;
        self.note(promise, done, measured, &bar.to_string(), held);
    }

    /// A time that should not be longer than this, and must not be many times as long on any machine.
    pub fn within(&self, promise: u32, done: &str, took: Duration, bar: Duration) {
        let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
        let (figure, bar_text) = (ms(took), format!("<= {}", ms(bar)));
        match took > SLOWEST * bar {
            true => self.note(promise, done, figure, &bar_text, false),
            false => self.tell(promise, done, figure, &bar_text, took <= bar),
        }
    }

    /// How many bars were missed.
    pub fn misses(&self) -> usize {
        self.rows().iter().filter(|row| !row.held && !row.told).count()
    }

    fn rows(&self) -> std::sync::MutexGuard<'_, Vec<Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    fn new(promise: u32, done: &str, measured: impl fmt::Display, bar: &str, held: bool) -> Self {
        let (done, bar, measured) = (done.to_owned(), bar.to_owned(), measured.to_string());
        Row { promise, done, measured, bar, held, told: false }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let width = |of: fn(&Row) -> &str, head: &str| {
            let longest = rows.iter().map(|row| of(row).chars().count()).max();
            longest.unwrap_or(0).max(head.len())
        };
        let done = width(|row| &row.done, "what was done");
        let measured = width(|row| &row.measured, "measured");
        let bar = width(|row| &row.bar, "bar");
        writeln!(out, "promise | {:done$} | {:measured$} | {:bar$} |", "what was done", "measured", "bar")?;
        writeln!(out, "--------|-{:-<done$}-|-{:-<measured$}-|-{:-<bar$}-|-----", "", "", "")?;
        let mut sorted: Vec<&Row> = rows.iter().collect();
        sorted.sort_by_key(|row| row.promise);
        for row in sorted {
            let held = match (row.held, row.told) {
                (true, _) => "held",
                (false, true) => "not on this machine",
                (false, false) => "MISSED",
            };
            writeln!(
                out,
                "{:>7} | {:done$} | {:>measured$} | {:>bar$} | {held}",
                row.promise, row.done, row.measured, row.bar
            )?;
        }
        Ok(())
    }
}
