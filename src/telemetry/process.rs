//! The process itself, under the names that every Prometheus client uses. Read from `/proc` when somebody asks; elsewhere
//! than on Linux they are left out.

use std::fmt::Write;
use std::fs;

use super::names;

/// Clock ticks a second, as Linux tells them to programs on every machine.
const TICKS: f64 = 100.0;

/// Appends the text for Prometheus.
pub fn render(out: &mut String) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    let descriptors = fs::read_dir("/proc/self/fd").map(Iterator::count).ok();
    #[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
    let descriptors = descriptors.map(|count| count as f64);
    let values = [
        (names::PROCESS_CPU, "counter", cpu_seconds(&stat)),
        (names::PROCESS_MEMORY, "gauge", kilobytes(&status, "VmRSS:").map(|kb| kb * 1024.0)),
        (names::PROCESS_THREADS, "gauge", kilobytes(&status, "Threads:")),
        (names::PROCESS_FDS, "gauge", descriptors),
        (names::PROCESS_START, "gauge", started(&stat, &boot)),
    ];
    for (name, kind, value) in values {
        let Some(value) = value else { continue };
        let help = names::HELP.iter().find(|(known, _)| *known == name).map_or("", |(_, help)| *help);
        // Writing into a string cannot fail.
        let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n");
    }
}

/// The first number behind a name.
fn kilobytes(status: &str, name: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// The fields behind the program's name, which may hold spaces; the first is the process' state.
fn field(stat: &str, number: usize) -> Option<f64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(number)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 11)? + field(stat, 12)?) / TICKS)
}

fn started(stat: &str, boot: &str) -> Option<f64> {
    Some(kilobytes(boot, "btime ")? + field(stat, 19)? / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 5 0 1000 1 1";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(started(stat, "cpu 1\nbtime 1700000000\n"), Some(1_700_000_010.0));
        assert_eq!(kilobytes("Name:\tx\nVmRSS:\t  2048 kB\n", "VmRSS:"), Some(2048.0));
        assert_eq!((cpu_seconds(""), kilobytes("", "VmRSS:")), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_shown() {
        let mut out = String::new();
        render(&mut out);
        assert_eq!(out.matches("# TYPE process_").count(), 5, "{out}");
    }
}
