//! What all chunks of one stream have in common: id, time, model, and the null or real usage.

use serde_json::{Map, Value, json};

use crate::domain::bridge::json::text;

/// The frame around the choices of each chunk.
#[derive(Debug)]
pub(super) struct Frame {
    object: &'static str,
    id: String,
    rename: fn(&str) -> String,
    created: u64,
    model: String,
    named: bool,
    /// Whether the client asked for a usage chunk; then all other chunks say `usage: null`, as OpenAI's do.
    pub usage_wanted: bool,
}

impl Frame {
    /// A frame whose id and time (seconds since 1970) hold until a provider's chunk names its own; `rename`
    /// makes the shown id from the provider's.
    pub(super) fn new(
        object: &'static str,
        rename: fn(&str) -> String,
        call_id: &str,
        created: u64,
        model: &str,
    ) -> Self {
        Frame {
            object,
            id: rename(call_id),
            rename,
            created,
            model: model.to_owned(),
            named: false,
            usage_wanted: false,
        }
    }

    /// Takes id and time from the stream's first chunk.
    pub(super) fn identify(&mut self, chunk: &Value) {
        if std::mem::replace(&mut self.named, true) {
            return;
        }
        if let Some(id) = text(chunk, "id") {
            self.id = (self.rename)(id);
        }
        if let Some(created) = chunk.get("created").and_then(Value::as_u64).filter(|created| *created > 0) {
            self.created = created;
        }
    }

    /// A chunk with these choices; `source` is the provider's chunk that it stands for.
    pub(super) fn chunk(&self, choices: Value, usage: Value, source: &Value) -> Value {
        let mut chunk = Map::from_iter([
            ("id".to_owned(), json!(self.id)),
            ("object".to_owned(), json!(self.object)),
            ("created".to_owned(), json!(self.created)),
            ("model".to_owned(), json!(self.model)),
            ("choices".to_owned(), choices),
        ]);
        for key in ["system_fingerprint", "service_tier"] {
            if let Some(value) = source.get(key) {
                chunk.insert(key.to_owned(), value.clone());
            }
        }
        if self.usage_wanted {
            chunk.insert("usage".to_owned(), usage);
        }
        Value::Object(chunk)
    }
}
