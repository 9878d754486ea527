//! All series of a process by name and labels.
//!
//! Handles are made once per series and then only touched; nobody but who makes a series or scrapes comes here. Each
//! family has a lock of its own, so a scrape is in nobody's way for longer than it takes to write one family.
//!
//! Series of some families ([`names::Share`]) live as long as somebody holds their handle: those of a deployment as
//! long as its actor, those of a caller as long as a worker. A series that goes away and comes back begins at zero, as
//! after a restart, which Prometheus understands; nothing can be counted into a series that is no longer shown.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::labels::CallerLabels;
use super::names::{self, Share};
use super::text;
use super::values::Value;

/// The series of one name.
struct Family {
    share: Share,
    series: Mutex<BTreeMap<Box<str>, Value>>,
}

impl Family {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Value>> {
        // A map of numbers: a panic elsewhere while it was locked leaves it usable.
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The series of all families, and how large they are.
pub struct Registry {
    families: HashMap<&'static str, Family>,
    /// In the order in which they are shown.
    order: Vec<&'static str>,
    /// Bytes in a scrape, by [`Share`].
    bytes: [AtomicUsize; Share::ALL.len()],
}

impl Registry {
    /// The families of [`names::HELP`], without series.
    pub fn new() -> Self {
        let family = |name| (name, Family { share: names::share(name), series: Mutex::default() });
        let order: Vec<&'static str> = names::HELP.iter().map(|(name, _)| *name).collect();
        let families = order.iter().map(|name| family(*name)).collect();
        Registry { families, order, bytes: Default::default() }
    }

    /// The series of this name and these labels, as `made` makes it where there is none. One whose name has no help,
    /// or that was of another type before, is shown nowhere.
    pub fn series(&self, name: &str, labels: String, made: impl FnOnce() -> Value) -> Value {
        let Some(family) = self.families.get(name) else { return made() };
        let mut series = family.lock();
        if let Some(known) = series.get(labels.as_str()) {
            return known.clone();
        }
        let value = made();
        if series.values().next().is_some_and(|first| first.kind() != value.kind()) {
            return value;
        }
        self.of(family.share, &labels).fetch_add(value.bytes(name, &labels), Ordering::Relaxed);
        series.insert(labels.into(), value.clone());
        value
    }

    /// About the bytes that the series of this share take in a scrape.
    pub fn bytes(&self, share: Share) -> usize {
        self.sum(share).load(Ordering::Relaxed)
    }

    /// Lets series go that nobody holds any more.
    pub fn purge(&self, share: Share) {
        for (name, family) in self.families.iter().filter(|(_, family)| family.share == share) {
            self.retain(name, family, &mut family.lock());
        }
    }

    /// Appends the text for Prometheus.
    pub fn render(&self, out: &mut String) {
        for (name, family) in self.order.iter().filter_map(|name| Some((*name, self.families.get(name)?))) {
            let mut series = family.lock();
            self.retain(name, family, &mut series);
            let Some(first) = series.values().next() else { continue };
            text::head(out, name, first.kind());
            for (labels, value) in &*series {
                value.write(out, name, labels);
            }
            out.push('\n');
        }
    }

    /// Where a series of a family is counted.
    fn of(&self, share: Share, labels: &str) -> &AtomicUsize {
        match share {
            Share::Callers if names_nobody(labels) => self.sum(Share::Others),
            share => self.sum(share),
        }
    }

    fn sum(&self, share: Share) -> &AtomicUsize {
        let [fixed, deployments, latencies, models, callers, others] = &self.bytes;
        match share {
            Share::Fixed => fixed,
            Share::Deployments => deployments,
            Share::Latencies => latencies,
            Share::Models => models,
            Share::Callers => callers,
            Share::Others => others,
        }
    }

    fn retain(&self, name: &str, family: &Family, series: &mut BTreeMap<Box<str>, Value>) {
        if family.share == Share::Fixed {
            return;
        }
        series.retain(|labels, value| {
            let held = value.is_held();
            if !held {
                self.of(family.share, labels).fetch_sub(value.bytes(name, labels), Ordering::Relaxed);
            }
            held
        });
    }
}

/// Whether these are the labels of all callers who have no names.
fn names_nobody(labels: &str) -> bool {
    let [_, (name, value), ..] = CallerLabels::OTHERS.common();
    let rest = labels.split_once(name).and_then(|(_, rest)| rest.strip_prefix("=\"")?.strip_prefix(value));
    rest.is_some_and(|rest| rest.starts_with('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::telemetry::values::Count;

    fn count() -> Value {
        Value::Count(Arc::new(Count::default()))
    }

    #[test]
    fn series_of_those_that_are_gone_are_gone() {
        let registry = Registry::new();
        let held = registry.series(names::DEPLOYMENT_REQUESTS, "a=\"1\"".into(), count);
        drop(registry.series(names::REQUESTS, "a=\"2\"".into(), count));
        let text = |registry: &Registry| {
            let mut out = String::new();
            registry.render(&mut out);
            out
        };
        assert!(text(&registry).contains(names::DEPLOYMENT_REQUESTS));
        let bytes = registry.bytes(Share::Deployments);
        assert!(bytes > 0);
        drop(held);
        let left = text(&registry);
        assert!(
            !left.contains(names::DEPLOYMENT_REQUESTS) && left.contains("litellm_request_total{a=\"2\"} 0")
        );
        assert_eq!(registry.bytes(Share::Deployments), 0);
    }

    #[test]
    fn a_series_is_one_however_often_it_is_asked_for() {
        let registry = Registry::new();
        let first = registry.series(names::REQUESTS, String::new(), count);
        let bytes = registry.bytes(Share::Fixed);
        let second = registry.series(names::REQUESTS, String::new(), count);
        assert_eq!(registry.bytes(Share::Fixed), bytes);
        let (Value::Count(first), Value::Count(second)) = (first, second) else { panic!("no counters") };
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn sizes_are_told_as_they_are_shown() {
        let registry = Registry::new();
        let bounds: Arc<[f64]> = names::LATENCY_BUCKETS.into();
        let labels: String = text::labels([("model_group", "gpt-4o"), ("model_id", "one")]);
        let made = || Value::Samples(Arc::new(crate::telemetry::values::Samples::new(&bounds)));
        let _held = registry.series(names::DEPLOYMENT_LATENCY, labels, made);
        let mut out = String::new();
        registry.render(&mut out);
        let (told, shown) = (registry.bytes(Share::Latencies), out.len());
        assert!(told > shown * 8 / 10 && told < shown * 12 / 10, "{told} {shown}");
    }
}
