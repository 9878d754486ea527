//! Counters of money: whole nano-dollars inside, dollars in the scrape, exact to the last digit. The general counters are
//! whole numbers, and floats would round.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::Label;

use super::names;

/// One series.
#[derive(Clone, Default)]
pub struct Dollars(Arc<AtomicU64>);

impl Dollars {
    /// Counts so many nano-dollars.
    pub fn add(&self, nanos: i64) {
        self.0.fetch_add(u64::try_from(nanos).unwrap_or(0), Ordering::Relaxed);
    }
}

/// All series of money.
#[derive(Default)]
pub struct Register(Mutex<BTreeMap<&'static str, BTreeMap<String, Dollars>>>);

impl Register {
    /// The series of this name and these labels.
    pub fn series(&self, name: &'static str, labels: &[Label]) -> Dollars {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(name).or_default().entry(written(labels)).or_default().clone()
    }

    /// The text for Prometheus.
    pub fn render(&self, out: &mut String) {
        for (name, series) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let help = names::HELP.iter().find(|(known, _)| known == name).map_or("", |(_, help)| *help);
            // Writing into a string cannot fail.
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} counter\n");
            for (labels, value) in series {
                let nanos = value.0.load(Ordering::Relaxed);
                let (whole, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
                let _ = writeln!(out, "{name}{{{labels}}} {whole}.{rest:09}");
            }
            out.push('\n');
        }
    }
}

fn written(labels: &[Label]) -> String {
    let one = |label: &Label| format!("{}=\"{}\"", label.key(), escaped(label.value()));
    labels.iter().map(one).collect::<Vec<_>>().join(",")
}

/// A label's value as it stands between quotes.
pub fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact() {
        let register = Register::default();
        let labels = [Label::new("user", "a\"b")];
        register.series(names::SPEND, &labels).add(1_000_000_001);
        register.series(names::SPEND, &labels).add(41);
        let mut out = String::new();
        register.render(&mut out);
        let line = format!("{}{{user=\"a\\\"b\"}} 1.000000042\n", names::SPEND);
        assert!(out.ends_with(&format!("{line}\n")) && out.contains(" counter\n"), "{out}");
    }
}
