//! The list of models.

use serde_json::{Value, json};

use crate::reply::Reply;

const MODELS: [&str; 4] = ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "claude-sonnet-4-5"];

fn model(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "fake"})
}

pub fn list() -> Reply {
    Reply::json(200, &json!({"object": "list", "data": MODELS.map(model)}))
}

pub fn one(id: &str) -> Reply {
    Reply::json(200, &model(id))
}
