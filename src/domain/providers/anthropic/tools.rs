//! Tool definitions.

use serde_json::{Value, json};

use super::betas::{self, Betas};
use super::cache;
use super::fields::{Object, Path, require_string, take, take_string};
use super::names::Names;
use super::server_tools;
use crate::base::error::Error;

/// What a request's tools became.
#[derive(Debug, Default)]
pub(super) struct Tools {
    /// `tools`.
    pub list: Vec<Value>,
    /// `mcp_servers`.
    pub servers: Vec<Value>,
}

/// Extras of a tool that Anthropic knows by the same name, all behind one beta flag.
const ADVANCED: &[&str] = &["defer_loading", "allowed_callers", "input_examples"];

impl Tools {
    /// Translates `tools`.
    pub(super) fn new(tools: Option<Value>, names: &mut Names, betas: &mut Betas) -> Result<Self, Error> {
        let mut all = Tools::default();
        let Some(tools) = tools else { return Ok(all) };
        let path = Path::root("tools");
        for (i, value) in path.array(tools)?.into_iter().enumerate() {
            let path = path.index(i);
            all.add(path.object(value)?, &path, names, betas)?;
        }
        Ok(all)
    }

    /// Adds the older dialect's `functions`.
    pub(super) fn add_functions(&mut self, functions: Value, names: &mut Names) -> Result<(), Error> {
        let path = Path::root("functions");
        for (i, value) in path.array(functions)?.into_iter().enumerate() {
            let path = path.index(i);
            self.list.push(function(path.object(value)?, &path, names)?);
        }
        Ok(())
    }

    /// Stands in where the history calls tools but the request defines none, which Anthropic refuses.
    pub(super) fn add_dummy(&mut self) {
        self.list.push(json!({
            "name": "dummy_tool",
            "description": "Stands for the tools that were used earlier; never call it.",
            "input_schema": {"type": "object", "properties": {}},
            "type": "custom",
        }));
    }

    fn add(
        &mut self,
        mut tool: Object,
        path: &Path,
        names: &mut Names,
        betas: &mut Betas,
    ) -> Result<(), Error> {
        let type_ = match tool.get("type") {
            None | Some(Value::Null) => "custom".to_owned(),
            Some(Value::String(type_)) => type_.clone(),
            Some(other) => return Err(path.key("type").wrong("a string", other)),
        };
        match type_.as_str() {
            "function" => {
                let function_path = path.key("function");
                let mut inner = function_path.object(super::fields::require(&mut tool, "function", path)?)?;
                let mark = cache::take_mark(&mut tool).or_else(|| cache::take_mark(&mut inner));
                let extras = advanced(&mut tool, &mut inner, betas);
                let mut block = function(inner, &function_path, names)?;
                if let Some(block) = block.as_object_mut() {
                    block.extend(extras);
                }
                cache::mark(&mut block, mark);
                self.list.push(block);
            }
            "custom" if tool.contains_key("input_schema") => {
                let name = require_string(&mut tool, "name", path)?;
                if ADVANCED.iter().any(|key| tool.contains_key(*key)) {
                    betas.add(betas::ADVANCED_TOOL_USE);
                }
                tool.insert("name".to_owned(), Value::String(names.send(&name)));
                self.list.push(Value::Object(tool));
            }
            "web_search" | "web_search_preview" | "web_search_preview_2025_03_11" => {
                self.list.push(server_tools::web_search(tool, path)?);
            }
            "mcp" | "url" => self.servers.push(server_tools::mcp_server(tool, path, betas)?),
            native if server_tools::is_native(native) => {
                self.list.push(server_tools::native(native, tool, path, betas)?);
            }
            other => {
                let shown: String = other.chars().take(60).collect();
                return Err(path.key("type").error(format_args!("Anthropic has no tools of type {shown:?}")));
            }
        }
        Ok(())
    }
}

/// `{name, description, parameters}` as a tool.
fn function(mut function: Object, path: &Path, names: &mut Names) -> Result<Value, Error> {
    let name = require_string(&mut function, "name", path)?;
    let description = take_string(&mut function, "description", path)?;
    let mut schema = match take(&mut function, "parameters") {
        Some(schema) => path.key("parameters").object(schema)?,
        None => Object::new(),
    };
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        schema.insert("type".to_owned(), Value::from("object"));
    }
    schema.entry("properties").or_insert_with(|| json!({}));
    let mut tool = Object::new();
    tool.insert("name".to_owned(), Value::String(names.send(&name)));
    tool.insert("input_schema".to_owned(), Value::Object(schema));
    if let Some(description) = description {
        tool.insert("description".to_owned(), Value::String(description));
    }
    tool.insert("type".to_owned(), Value::from("custom"));
    Ok(Value::Object(tool))
}

fn advanced(tool: &mut Object, function: &mut Object, betas: &mut Betas) -> Object {
    let mut extras = Object::new();
    for key in ADVANCED {
        if let Some(value) = take(tool, key).or_else(|| take(function, key)) {
            betas.add(betas::ADVANCED_TOOL_USE);
            extras.insert((*key).to_owned(), value);
        }
    }
    extras
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_without_parameters_takes_an_empty_object() {
        let tools = json!([{"type": "function", "function": {"name": "now"}}]);
        let tools = Tools::new(Some(tools), &mut Names::default(), &mut Betas::default()).unwrap();
        assert_eq!(
            tools.list,
            [json!({"name": "now", "input_schema": {"type": "object", "properties": {}}, "type": "custom"})]
        );
    }

    #[test]
    fn mistakes_are_named_by_path() {
        for (tools, param) in [
            (json!({}), "tools"),
            (json!([3]), "tools[0]"),
            (json!([{"type": "function"}]), "tools[0].function"),
            (json!([{"type": "function", "function": {}}]), "tools[0].function.name"),
            (
                json!([{"type": "function", "function": {"name": "f", "parameters": []}}]),
                "tools[0].function.parameters",
            ),
            (json!([{"type": "file_search"}]), "tools[0].type"),
            (json!([{"type": "custom", "custom": {"name": "x"}}]), "tools[0].type"),
        ] {
            let error = Tools::new(Some(tools), &mut Names::default(), &mut Betas::default()).unwrap_err();
            assert_eq!(error.param(), Some(param), "{error:?}");
        }
    }
}
