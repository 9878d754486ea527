//! Series that are made when they are first moved: what never happens takes no room in a scrape.

use std::cell::OnceCell;
use std::rc::Rc;

use metrics::{Counter, Histogram};

use super::Metrics;
use super::values::Dollars;

/// The labels of a row of series as text, shared by all of them.
pub type Labels = Rc<str>;

/// A series that may never be needed.
pub struct Late<T> {
    name: &'static str,
    labels: Labels,
    made: OnceCell<T>,
}

impl<T> Late<T> {
    /// The series of this name and these labels.
    pub fn new(name: &'static str, labels: &Labels) -> Self {
        Late { name, labels: Rc::clone(labels), made: OnceCell::new() }
    }
}

impl Late<Counter> {
    /// Counts so much, if it is something.
    pub fn add(&self, metrics: &Metrics, amount: u64) {
        if amount > 0 {
            self.made
                .get_or_init(|| metrics.counter_of(self.name, self.labels.to_string()))
                .increment(amount);
        }
    }
}

impl Late<Histogram> {
    /// Takes a sample, seconds.
    pub fn record(&self, metrics: &Metrics, seconds: f64) {
        self.made.get_or_init(|| metrics.histogram_of(self.name, self.labels.to_string())).record(seconds);
    }
}

impl Late<Dollars> {
    /// Counts so many nano-dollars, if it is something.
    pub fn add(&self, metrics: &Metrics, nanos: i64) {
        if nanos > 0 {
            self.made.get_or_init(|| metrics.dollars_of(self.name, self.labels.to_string())).add(nanos);
        }
    }
}
