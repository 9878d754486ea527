//! Tools and the choice between them: flat function tools become chat's nested ones.

use serde_json::{Map, Value, json};

use crate::base::error::{Error, Kind};
use crate::domain::bridge::json::{list, text};

/// The tools of one request, in both spellings.
#[derive(Debug, Default)]
pub(super) struct Tools {
    /// As the answer repeats them.
    pub flat: Vec<Value>,
    /// The choice as the client wrote it.
    pub choice: Option<Value>,
    nested: Vec<Value>,
    nested_choice: Option<Value>,
}

/// Reads `tools` and `tool_choice`.
///
/// # Errors
/// [`Kind::UnsupportedParams`] with the tool's type for tools that the provider would have to run itself.
pub(super) fn read(tools: Option<Value>, choice: Option<Value>) -> Result<Tools, Error> {
    let mut offered = Tools::default();
    match tools {
        None => {}
        Some(Value::Array(tools)) => {
            for (index, tool) in tools.into_iter().enumerate() {
                let (flat, nested) = function(tool, index)?;
                offered.flat.push(flat);
                offered.nested.push(nested);
            }
        }
        Some(_) => return Err(Error::invalid("tools", "tools: must be a list")),
    }
    if let Some(choice) = &choice {
        offered.nested_choice = Some(nested_choice(choice, &mut offered.nested)?);
    }
    offered.choice = choice;
    Ok(offered)
}

impl Tools {
    /// Writes what chat is to be told. Chat refuses the switches where there are no tools to switch.
    pub(super) fn write(&self, chat: &mut Map<String, Value>, parallel: Option<Value>) {
        let none = self.nested.is_empty();
        if !none {
            chat.insert("tools".to_owned(), Value::Array(self.nested.clone()));
        }
        if let Some(choice) = &self.nested_choice {
            let idle = matches!(choice.as_str(), Some("auto" | "none"));
            if !(none && idle) {
                chat.insert("tool_choice".to_owned(), choice.clone());
            }
        }
        if let Some(parallel) = parallel.filter(|_| !none) {
            chat.insert("parallel_tool_calls".to_owned(), parallel);
        }
    }
}

/// One function tool in both spellings; accepts chat's nesting too.
fn function(tool: Value, index: usize) -> Result<(Value, Value), Error> {
    let path = format!("tools[{index}]");
    let Value::Object(mut tool) = tool else {
        return Err(Error::invalid(path.clone(), format!("{path}: must be an object")));
    };
    match tool.get("type").and_then(Value::as_str) {
        Some("function") => {}
        Some(other) => return Err(hosted(&path, other)),
        None => return Err(Error::invalid(path.clone(), format!("{path}: 'type' is missing"))),
    }
    tool.shift_remove("type");
    let mut inner = match tool.shift_remove("function") {
        Some(Value::Object(inner)) => inner,
        _ => tool,
    };
    let named = inner.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if !named {
        return Err(Error::invalid(format!("{path}.name"), format!("{path}: a function needs a 'name'")));
    }
    let mut flat = Map::from_iter([("type".to_owned(), json!("function"))]);
    flat.extend(inner.clone());
    for key in ["parameters", "strict"] {
        flat.entry(key).or_insert(Value::Null);
    }
    // Chat providers refuse null where they want a schema or a switch.
    inner.retain(|_, value| !value.is_null());
    Ok((Value::Object(flat), json!({"type": "function", "function": inner})))
}

fn hosted(path: &str, kind: &str) -> Error {
    let message = format!(
        "{path}: the tool '{kind}' runs at providers that have the Responses API; this model's provider \
         takes tools of type 'function' only"
    );
    Error::new(Kind::UnsupportedParams, message).with_param(path)
}

/// The choice in chat's words. Choosing among a part of the tools has no word that all chat providers know,
/// so the others are left out instead.
fn nested_choice(choice: &Value, nested: &mut Vec<Value>) -> Result<Value, Error> {
    if choice.is_string() {
        return Ok(choice.clone());
    }
    match text(choice, "type") {
        Some("function") => {
            let inner = choice.get("function").unwrap_or(choice);
            let name = text(inner, "name").ok_or_else(|| {
                Error::invalid("tool_choice.name", "tool_choice: a function needs a 'name'")
            })?;
            Ok(json!({"type": "function", "function": {"name": name}}))
        }
        Some("allowed_tools") => {
            let allowed: Vec<&str> = list(choice, "tools")
                .iter()
                .filter_map(|tool| text(tool.get("function").unwrap_or(tool), "name"))
                .collect();
            nested.retain(|tool| {
                tool.get("function").and_then(|f| text(f, "name")).is_some_and(|name| allowed.contains(&name))
            });
            Ok(json!(text(choice, "mode").unwrap_or("auto")))
        }
        Some(other) => Err(hosted("tool_choice", other)),
        None => {
            Err(Error::invalid("tool_choice", "tool_choice: must be a string or an object with a 'type'"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tools: Value, choice: Value) -> Value {
        let mut chat = Map::new();
        read(Some(tools), Some(choice)).unwrap().write(&mut chat, Some(json!(false)));
        Value::Object(chat)
    }

    #[test]
    fn a_hosted_tool_is_refused_by_its_name() {
        let error = read(Some(json!([{"type": "web_search_preview"}])), None).unwrap_err();
        assert_eq!(error.kind(), Kind::UnsupportedParams);
        assert_eq!(error.param(), Some("tools[0]"));
        assert!(error.message().contains("'web_search_preview'"), "{error}");
    }

    #[test]
    fn allowed_tools_leave_the_others_out() {
        let chat = written(
            json!([{"type": "function", "name": "a", "parameters": null}, {"type": "function", "name": "b"}]),
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "a"}]}),
        );
        assert_eq!(
            chat,
            json!({"tools": [{"type": "function", "function": {"name": "a"}}],
                   "tool_choice": "required", "parallel_tool_calls": false})
        );
    }

    #[test]
    fn without_tools_there_is_nothing_to_switch() {
        assert_eq!(written(json!([]), json!("auto")), json!({}));
    }
}
