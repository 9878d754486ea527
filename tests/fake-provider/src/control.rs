//! The endpoints by which a test in another process scripts the provider and reads what it saw.
//!
//! - `POST /_control/{key}` with a JSON object of directives replaces the key's script (`{}`: healthy).
//! - `DELETE /_control/{key}` goes back to the script that the key itself carries.
//! - `GET /_log?key=K` lists what was received (without `key`: everything); `&bodies=0` leaves bodies out.
//! - `GET /_stats?key=K` counts requests, those in flight, completed and aborted (without `key`: of all keys).
//! - `GET /_wait?key=K&in_flight=0&requests=1&completed=1&aborted=1&within_ms=2000` answers as soon as the counts
//!   are so (in flight: exactly that many, the others: at least), 200 with the counts or 408 with the last ones.
//! - `DELETE /_log?key=K` forgets requests and counts.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::http::Request;
use crate::reply::Reply;
use crate::script::Script;
use crate::state::{State, Stats};

/// Answers a control request; `None` for everything else.
pub async fn answer(request: &Request, state: &Arc<State>) -> Option<Reply> {
    let path = request.path.strip_prefix("/_")?;
    let key = request.query_param("key");
    let key = key.as_deref();
    Some(match (request.method.as_str(), path) {
        ("GET", "log") => log(request, state, key),
        ("DELETE", "log") => {
            state.clear(key);
            Reply::json(200, &json!({"cleared": true}))
        }
        ("GET", "wait") => wait(request, state, key).await,
        ("GET", "stats") => Reply::json(200, &json!(state.stats(key))),
        (method, path) => match (method, path.strip_prefix("control/")) {
            ("POST", Some(key)) => set(request, state, &percent_decode_str(key).decode_utf8_lossy()),
            ("DELETE", Some(key)) => {
                state.reset_script(&percent_decode_str(key).decode_utf8_lossy());
                Reply::json(200, &json!({"reset": true}))
            }
            _ => Reply::json(404, &json!({"error": {"message": "no such control endpoint"}})),
        },
    })
}

fn set(request: &Request, state: &Arc<State>, key: &str) -> Reply {
    match serde_json::from_slice::<Script>(&request.body) {
        Ok(script) => {
            state.set_script(key, script.clone());
            Reply::json(200, &json!({"key": key, "script": script}))
        }
        Err(e) => Reply::json(400, &json!({"error": {"message": e.to_string()}})),
    }
}

async fn wait(request: &Request, state: &Arc<State>, key: Option<&str>) -> Reply {
    let number = |name: &str| request.query_param(name).and_then(|v| v.parse::<u64>().ok());
    let (in_flight, requests) = (number("in_flight"), number("requests"));
    let (completed, aborted) = (number("completed"), number("aborted"));
    let within = Duration::from_millis(number("within_ms").unwrap_or(5_000));
    let holds = |s: &Stats| {
        in_flight.is_none_or(|n| s.in_flight == n)
            && requests.is_none_or(|n| s.requests >= n)
            && completed.is_none_or(|n| s.completed >= n)
            && aborted.is_none_or(|n| s.aborted >= n)
    };
    match state.wait(key, within, holds).await {
        Ok(stats) => Reply::json(200, &json!(stats)),
        Err(last) => Reply::json(408, &json!(last)),
    }
}

fn log(request: &Request, state: &Arc<State>, key: Option<&str>) -> Reply {
    let mut entries = state.log(key);
    if request.query_param("bodies").as_deref() == Some("0") {
        for entry in &mut entries {
            entry.body = Value::Null;
        }
    }
    Reply::json(200, &json!(entries))
}
