//! Tools of Anthropic's own: client-side ones with a fixed schema, server-side ones, MCP servers.

use serde_json::{Value, json};

use super::betas::{self, Betas};
use super::cache;
use super::fields::{Object, Path, require_string, take, take_string};
use crate::base::error::Error;

/// The web search tool that serves OpenAI's `web_search_options`.
const WEB_SEARCH: &str = "web_search_20250305";

/// Whether a tool type is one of Anthropic's own: they end in their date.
pub(super) fn is_native(type_: &str) -> bool {
    type_ == "mcp_toolset"
        || type_
            .rsplit_once('_')
            .is_some_and(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
        || type_.starts_with("tool_search_tool_")
}

/// A native tool as the client wrote it, or wrapped the way OpenAI wraps functions:
/// `{type, function: {name, parameters: {display_width_px, ...}}}`.
pub(super) fn native(type_: &str, mut tool: Object, path: &Path, betas: &mut Betas) -> Result<Value, Error> {
    betas.add_for_tool(type_);
    let Some(function) = take(&mut tool, "function") else { return Ok(Value::Object(tool)) };
    let path = path.key("function");
    let mut function = path.object(function)?;
    let mut flat = Object::new();
    flat.insert("type".to_owned(), Value::String(type_.to_owned()));
    if let Some(name) = take_string(&mut function, "name", &path)? {
        flat.insert("name".to_owned(), Value::String(name));
    }
    if let Some(parameters) = take(&mut function, "parameters") {
        flat.extend(path.key("parameters").object(parameters)?);
    }
    let mark = cache::take_mark(&mut tool).or_else(|| cache::take_mark(&mut function));
    let mut flat = Value::Object(flat);
    cache::mark(&mut flat, mark);
    Ok(flat)
}

/// The web search tool for OpenAI's options: `{user_location, search_context_size}`.
pub(super) fn web_search(mut options: Object, path: &Path) -> Result<Value, Error> {
    let mut tool = json!({"type": WEB_SEARCH, "name": "web_search"});
    let size = take_string(&mut options, "search_context_size", path)?;
    // Anthropic has no context size; the number of searches is its nearest relative.
    let uses = match size.as_deref() {
        None => None,
        Some("low") => Some(1),
        Some("medium") => Some(5),
        Some("high") => Some(10),
        Some(_) => return Err(path.key("search_context_size").error("must be low, medium or high")),
    };
    let location =
        take(&mut options, "user_location").map(|value| location(value, &path.key("user_location")));
    if let Some(tool) = tool.as_object_mut() {
        if let Some(uses) = uses {
            tool.insert("max_uses".to_owned(), Value::from(uses));
        }
        if let Some(location) = location.transpose()? {
            tool.insert("user_location".to_owned(), location);
        }
        for key in ["max_uses", "allowed_domains", "blocked_domains", "cache_control"] {
            if let Some(value) = take(&mut options, key) {
                tool.insert(key.to_owned(), value);
            }
        }
    }
    Ok(tool)
}

/// OpenAI nests the place under `approximate`, Anthropic does not.
fn location(value: Value, path: &Path) -> Result<Value, Error> {
    let mut place = path.object(value)?;
    if let Some(nested) = take(&mut place, "approximate") {
        place = path.key("approximate").object(nested)?;
    }
    let mut sent = Object::new();
    sent.insert("type".to_owned(), Value::from("approximate"));
    for key in ["city", "region", "country", "timezone"] {
        if let Some(text) = take_string(&mut place, key, path)? {
            sent.insert(key.to_owned(), Value::String(text));
        }
    }
    Ok(Value::Object(sent))
}

/// An MCP server for `mcp_servers`, written as OpenAI's `mcp` tool or as Anthropic's own `url` entry.
pub(super) fn mcp_server(mut tool: Object, path: &Path, betas: &mut Betas) -> Result<Value, Error> {
    betas.add(betas::MCP);
    if tool.get("type").and_then(Value::as_str) == Some("url") {
        return Ok(Value::Object(tool));
    }
    let mut server = Object::new();
    server.insert("type".to_owned(), Value::from("url"));
    server.insert("url".to_owned(), Value::String(require_string(&mut tool, "server_url", path)?));
    server.insert("name".to_owned(), Value::String(require_string(&mut tool, "server_label", path)?));
    if let Some(token) = mcp_token(&mut tool, path)? {
        server.insert("authorization_token".to_owned(), Value::String(token));
    }
    if let Some(allowed) = take(&mut tool, "allowed_tools") {
        let allowed = match allowed {
            Value::Object(mut filter) => take(&mut filter, "tool_names").unwrap_or_else(|| json!([])),
            other => Value::Array(path.key("allowed_tools").array(other)?),
        };
        server.insert("tool_configuration".to_owned(), json!({"enabled": true, "allowed_tools": allowed}));
    }
    Ok(Value::Object(server))
}

/// The bearer token, from `authorization` or from an `Authorization` header.
fn mcp_token(tool: &mut Object, path: &Path) -> Result<Option<String>, Error> {
    if let Some(token) = take_string(tool, "authorization", path)? {
        return Ok(Some(token));
    }
    let Some(headers) = take(tool, "headers") else { return Ok(None) };
    let headers = path.key("headers").object(headers)?;
    let header = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    Ok(header.and_then(|(_, value)| {
        let text = value.as_str()?;
        Some(text.strip_prefix("Bearer ").unwrap_or(text).to_owned())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_types_carry_a_date() {
        for native in ["computer_20251124", "web_search_20250305", "tool_search_tool_bm25", "mcp_toolset"] {
            assert!(is_native(native), "{native}");
        }
        for other in ["function", "custom", "file_search", "x_2025", "_ü2025012"] {
            assert!(!is_native(other), "{other}");
        }
    }

    #[test]
    fn an_openai_mcp_tool_becomes_a_server() {
        let tool = json!({"type": "mcp", "server_url": "https://m.test", "server_label": "m",
            "headers": {"authorization": "Bearer t"}, "allowed_tools": ["a"]});
        let server =
            mcp_server(tool.as_object().unwrap().clone(), &Path::root("tools"), &mut Betas::default())
                .unwrap();
        assert_eq!(
            server,
            json!({"type": "url", "url": "https://m.test", "name": "m", "authorization_token": "t",
                "tool_configuration": {"enabled": true, "allowed_tools": ["a"]}})
        );
    }
}
