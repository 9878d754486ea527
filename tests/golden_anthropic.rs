//! Golden files of the Anthropic translation: each folder below `tests/golden/anthropic` is a case.
//!
//! Read if present: `settings.json` (model and what is known of it), `request.json` (what the client
//! sends), `upstream_reply.json`, `upstream_stream.sse`, `upstream_error.json` (status, retry_after, body).
//! Compared: `upstream_request.json` (body and betas), `reply.json`, `chunks.jsonl`, `error.json`.
//! `UPDATE_GOLDEN=1 cargo test --test golden_anthropic` writes the compared files anew.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use stagedoor::base::error::Error;
use stagedoor::base::usage::Usage;
use stagedoor::domain::deployment::ModelInfo;
use stagedoor::domain::providers::anthropic::{self, ReplyContext, Settings, Shown, Stream};

#[test]
fn every_case_translates_as_recorded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/anthropic");
    let mut cases: Vec<PathBuf> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 25, "only {} cases", cases.len());
    let failures: Vec<String> =
        cases.iter().filter(|case| case.is_dir()).flat_map(|case| run(case)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Runs one case and says what differs.
fn run(case: &Path) -> Vec<String> {
    let mut produced: Vec<(&str, String)> = Vec::new();
    let mut ctx = ReplyContext::default();
    let settings = read_json(case, "settings.json").unwrap_or(json!({}));
    let request = read_json(case, "request.json").unwrap_or(json!({}));
    if let Some(request) = read_json(case, "request.json") {
        match translate(request, &settings) {
            Ok(translated) => {
                let sent = json!({"betas": translated.betas, "body": translated.body});
                produced.push(("upstream_request.json", pretty(&sent)));
                ctx = translated.reply;
            }
            Err(error) => produced.push(("error.json", pretty(&shown_error(&error)))),
        }
    }
    if let Some(body) = read(case, "upstream_reply.json") {
        match anthropic::reply(body.as_bytes(), &ctx, &shown()) {
            Ok((reply, usage)) => {
                produced.push(("reply.json", pretty(&json!({"reply": reply, "usage": shown_usage(&usage)}))));
            }
            Err(error) => produced.push(("error.json", pretty(&shown_error(&error)))),
        }
    }
    if let Some(sse) = read(case, "upstream_stream.sse") {
        let include_usage = request.pointer("/stream_options/include_usage") == Some(&json!(true));
        produced.push(("chunks.jsonl", stream(&sse, ctx, include_usage)));
    }
    if let Some(upstream) = read_json(case, "upstream_error.json") {
        let status = u16::try_from(upstream["status"].as_u64().unwrap()).unwrap();
        let retry_after = upstream["retry_after"].as_u64().map(Duration::from_secs);
        let body = upstream["body"].as_str().map_or_else(|| upstream["body"].to_string(), str::to_owned);
        let error = anthropic::error(status, body.as_bytes(), retry_after);
        produced.push(("error.json", pretty(&shown_error(&error))));
    }
    assert!(!produced.is_empty(), "{} has no input", case.display());
    produced.into_iter().filter_map(|(name, text)| compare(&case.join(name), &text)).collect()
}

fn translate(request: Value, settings: &Value) -> Result<anthropic::Translated, Error> {
    let raw = settings["model_info"].as_object().cloned().unwrap_or_default();
    let info = ModelInfo {
        max_output_tokens: settings["max_output_tokens"].as_u64(),
        supports_response_schema: settings["supports_response_schema"] == json!(true),
        supports_reasoning: settings["supports_reasoning"] == json!(true),
        raw,
        ..ModelInfo::default()
    };
    let allowed: Vec<String> = settings["allowed_params"]
        .as_array()
        .map(|names| names.iter().map(|name| name.as_str().unwrap().to_owned()).collect())
        .unwrap_or_default();
    let settings = Settings {
        model: settings["model"].as_str().unwrap_or("claude-sonnet-4-5"),
        info: &info,
        drop_params: settings["drop_params"] == json!(true),
        allowed_params: &allowed,
    };
    let Value::Object(chat) = request else { panic!("request.json is no object") };
    anthropic::request(chat, &settings)
}

/// One line per chunk, then how the stream ended.
fn stream(sse: &str, ctx: ReplyContext, include_usage: bool) -> String {
    let mut stream = Stream::new(ctx, shown(), include_usage);
    let mut lines = Vec::new();
    for event in sse.split("\n\n").filter(|event| !event.trim().is_empty()) {
        let field = |name: &str| {
            let found = event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            found.trim_start().to_owned()
        };
        let mut chunks = Vec::new();
        let outcome = stream.event(&field("event:"), field("data:").as_bytes(), &mut chunks);
        lines.extend(chunks.iter().map(Value::to_string));
        if let Err(error) = outcome {
            lines.push(json!({"error": shown_error(&error)}).to_string());
            break;
        }
    }
    let usage = stream.usage().map(|usage| shown_usage(&usage));
    lines.push(json!({"finished": stream.finished(), "usage": usage}).to_string());
    lines.join("\n") + "\n"
}

fn shown() -> Shown {
    Shown { model: Arc::from("claude"), created: 1_700_000_000, id: "chatcmpl-golden".to_owned() }
}

fn shown_usage(usage: &Usage) -> Value {
    let mut shown = Map::new();
    for (name, count) in [
        ("prompt_tokens", usage.prompt_tokens),
        ("completion_tokens", usage.completion_tokens),
        ("cached_tokens", usage.cached_tokens),
        ("cache_creation_tokens", usage.cache_creation_tokens),
        ("reasoning_tokens", usage.reasoning_tokens),
    ] {
        shown.insert(name.to_owned(), count.into());
    }
    shown.insert("estimated".to_owned(), usage.estimated.into());
    Value::Object(shown)
}

fn shown_error(error: &Error) -> Value {
    json!({
        "kind": format!("{:?}", error.kind()),
        "status": error.status(),
        "type": error.type_(),
        "param": error.param(),
        "code": error.code(),
        "retry_after": error.retry_after().map(|wait| wait.as_secs()),
        "message": error.message(),
    })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

fn read(case: &Path, name: &str) -> Option<String> {
    fs::read_to_string(case.join(name)).ok()
}

fn read_json(case: &Path, name: &str) -> Option<Value> {
    read(case, name).map(|text| {
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}/{name}: {error}", case.display()))
    })
}

fn compare(file: &Path, produced: &str) -> Option<String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(file, produced).unwrap();
        return None;
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    (expected != produced)
        .then(|| format!("{}\n--- expected\n{expected}\n--- produced\n{produced}", file.display()))
}
