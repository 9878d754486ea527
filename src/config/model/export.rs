//! Where finished requests are told of.

use crate::domain::export::Sink;

/// The sinks that callbacks and the `logging` list name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportSettings {
    /// In the order in which they were named; names differ.
    pub sinks: Vec<Sink>,
    /// Whether callers may name sinks that are not told of their requests (`x-litellm-disable-callbacks`).
    pub callers_mute: bool,
}

impl ExportSettings {
    /// Whether any sink is told what was asked and answered.
    pub fn wants_content(&self) -> bool {
        self.sinks.iter().any(|sink| sink.content)
    }
}
