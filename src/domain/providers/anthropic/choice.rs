//! `tool_choice` and `parallel_tool_calls`.

use serde_json::{Value, json};

use super::fields::{Path, require, require_string, take, text};
use super::names::Names;
use crate::base::error::Error;

/// Which tool the model has to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// The client says nothing.
    Unset,
    /// As it likes.
    Auto,
    /// One of them, whichever.
    Any,
    /// None.
    None,
    /// This one (by its sent name).
    Tool(String),
}

impl Choice {
    /// Reads `tool_choice`; its `allowed_tools` form also narrows `tools`.
    pub(super) fn new(
        value: Option<Value>,
        names: &mut Names,
        tools: &mut Vec<Value>,
    ) -> Result<Self, Error> {
        let path = Path::root("tool_choice");
        let mut object = match value {
            None => return Ok(Choice::Unset),
            Some(Value::String(word)) => return Choice::word(&word, &path),
            Some(Value::Object(object)) => object,
            Some(other) => return Err(path.wrong("a string or an object", &other)),
        };
        let type_ = require_string(&mut object, "type", &path)?;
        match type_.as_str() {
            "function" => {
                let function_path = path.key("function");
                let mut function = function_path.object(require(&mut object, "function", &path)?)?;
                let name = require_string(&mut function, "name", &function_path)?;
                Ok(Choice::Tool(names.send(&name)))
            }
            "tool" => Ok(Choice::Tool(names.send(&require_string(&mut object, "name", &path)?))),
            "allowed_tools" => {
                let path = path.key("allowed_tools");
                let mut allowed = match take(&mut object, "allowed_tools") {
                    Some(nested) => path.object(nested)?,
                    None => object,
                };
                let mode = require_string(&mut allowed, "mode", &path)?;
                narrow(require(&mut allowed, "tools", &path)?, &path.key("tools"), names, tools)?;
                Choice::word(&mode, &path.key("mode"))
            }
            word => Choice::word(word, &path.key("type")),
        }
    }

    /// Reads the older dialect's `function_call`.
    pub(super) fn legacy(value: Value, names: &mut Names) -> Result<Self, Error> {
        let path = Path::root("function_call");
        match value {
            Value::String(word) => Choice::word(&word, &path),
            other => {
                let mut object = path.object(other)?;
                Ok(Choice::Tool(names.send(&require_string(&mut object, "name", &path)?)))
            }
        }
    }

    fn word(word: &str, path: &Path) -> Result<Self, Error> {
        match word {
            "auto" => Ok(Choice::Auto),
            "required" | "any" => Ok(Choice::Any),
            "none" => Ok(Choice::None),
            _ => Err(path.error("must be none, auto, required or name a function")),
        }
    }

    /// Whether the model must call a tool; it cannot think before that.
    pub(super) fn forces(&self) -> bool {
        matches!(self, Choice::Any | Choice::Tool(_))
    }

    /// Anthropic's `tool_choice`; `single` forbids more than one call at a time.
    pub(super) fn into_value(self, single: bool) -> Option<Value> {
        let mut value = match self {
            Choice::Unset if single => json!({"type": "auto"}),
            Choice::Unset => return None,
            Choice::Auto => json!({"type": "auto"}),
            Choice::Any => json!({"type": "any"}),
            Choice::None => return Some(json!({"type": "none"})),
            Choice::Tool(name) => json!({"type": "tool", "name": name}),
        };
        if let (true, Some(value)) = (single, value.as_object_mut()) {
            value.insert("disable_parallel_tool_use".to_owned(), Value::Bool(true));
        }
        Some(value)
    }
}

/// Keeps only the tools that are listed (`{type: "function", function: {name}}` or `{name}`).
fn narrow(listed: Value, path: &Path, names: &mut Names, tools: &mut Vec<Value>) -> Result<(), Error> {
    let mut kept = Vec::new();
    for (i, value) in path.array(listed)?.into_iter().enumerate() {
        let path = path.index(i);
        let tool = path.object(value)?;
        let name =
            tool.get("function").and_then(|function| function.get("name")).or_else(|| tool.get("name"));
        let name = name.and_then(Value::as_str).ok_or_else(|| path.key("name").missing())?;
        kept.push(names.send(name));
    }
    tools.retain(|tool| kept.iter().any(|name| name == text(tool, "name")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(value: Value) -> Result<Choice, Error> {
        Choice::new(Some(value), &mut Names::default(), &mut Vec::new())
    }

    #[test]
    fn every_form_is_understood() {
        let named = json!({"type": "function", "function": {"name": "a.b"}});
        assert_eq!(choice(json!("auto")).unwrap(), Choice::Auto);
        assert_eq!(choice(json!("required")).unwrap(), Choice::Any);
        assert_eq!(choice(json!("none")).unwrap(), Choice::None);
        assert_eq!(choice(named).unwrap(), Choice::Tool("a_b".into()));
        assert_eq!(choice(json!({"type": "tool", "name": "x"})).unwrap(), Choice::Tool("x".into()));
        assert_eq!(choice(json!({"type": "any"})).unwrap(), Choice::Any);
        for bad in [json!("maybe"), json!(1), json!({}), json!({"type": "function"}), json!({"type": "x"})] {
            assert!(choice(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn allowed_tools_narrow_the_list() {
        let mut tools = vec![json!({"name": "a"}), json!({"name": "b"})];
        let value = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required",
            "tools": [{"type": "function", "function": {"name": "b"}}]}});
        let choice = Choice::new(Some(value), &mut Names::default(), &mut tools).unwrap();
        assert_eq!((choice, tools), (Choice::Any, vec![json!({"name": "b"})]));
    }

    #[test]
    fn one_call_at_a_time_needs_a_choice_to_hang_on() {
        let single = json!({"type": "auto", "disable_parallel_tool_use": true});
        assert_eq!(Choice::Unset.into_value(true), Some(single));
        assert_eq!(Choice::Unset.into_value(false), None);
        assert_eq!(Choice::None.into_value(true), Some(json!({"type": "none"})));
    }
}
