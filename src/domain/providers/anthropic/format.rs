//! `response_format`: natively where the model can, by a forced tool or by instruction where not.

use std::sync::Arc;

use serde_json::Value;

use super::choice::Choice;
use super::content;
use super::context::Json;
use super::fields::{Object, Path, object, take, take_string};
use super::model::Model;
use super::names::Names;
use super::schema;
use crate::base::error::Error;

/// The tool whose input is the answer.
const JSON_TOOL: &str = "json_tool_call";

/// How the wanted form of the answer is brought about.
#[derive(Debug, PartialEq)]
pub(super) enum Format {
    /// Free text.
    Plain,
    /// `output_format` with this schema.
    Native(Value),
    /// A tool with this description and input schema.
    Tool(String, Object),
    /// Any JSON object: by instruction. A tool without a schema tends to be called with `{}`.
    Text,
}

impl Format {
    /// Reads `response_format`.
    pub(super) fn new(value: Option<Value>, model: &Model) -> Result<Self, Error> {
        let path = Path::root("response_format");
        let Some(value) = value else { return Ok(Format::Plain) };
        let mut object = path.object(value)?;
        let type_ = take_string(&mut object, "type", &path)?.ok_or_else(|| path.key("type").missing())?;
        let (description, schema, path) = match type_.as_str() {
            "text" => return Ok(Format::Plain),
            "json_object" => (None, take(&mut object, "response_schema"), path.key("response_schema")),
            "json_schema" => {
                let path = path.key("json_schema");
                let nested = take(&mut object, "json_schema").ok_or_else(|| path.missing())?;
                let mut nested = path.object(nested)?;
                let description = take_string(&mut nested, "description", &path)?;
                let schema = take(&mut nested, "schema");
                return Format::of_schema(description, schema, &path.key("schema"), model);
            }
            _ => return Err(path.key("type").error("must be text, json_object or json_schema")),
        };
        Format::of_schema(description, schema, &path, model)
    }

    fn of_schema(
        description: Option<String>,
        schema: Option<Value>,
        path: &Path,
        model: &Model,
    ) -> Result<Self, Error> {
        let Some(schema) = schema else { return Ok(Format::Text) };
        let mut schema = path.object(schema)?;
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => {}
            Some(other) => {
                let shown: String = other.chars().take(60).collect();
                return Err(path.error(format_args!("must be a schema of type \"object\", not {shown:?}")));
            }
            None => {
                schema.insert("type".to_owned(), Value::from("object"));
            }
        }
        if model.native_schema() {
            let schema = Value::Object(schema);
            if let Some(native) = schema::native(&schema) {
                return Ok(Format::Native(native));
            }
            return Ok(Format::Tool(describe(description), path.object(schema)?));
        }
        Ok(Format::Tool(describe(description), schema))
    }

    /// Adds what the format needs to the request. `thinking` rules out forcing a tool.
    pub(super) fn apply(
        self,
        thinking: bool,
        names: &mut Names,
        system: &mut Vec<Value>,
        tools: &mut Vec<Value>,
        choice: &mut Choice,
    ) -> (Option<Value>, Json) {
        match self {
            Format::Plain => (None, Json::Plain),
            Format::Native(schema) => {
                (Some(object([("type", "json_schema".into()), ("schema", schema)])), Json::Plain)
            }
            Format::Text => {
                system.push(content::text_block(
                    "Answer with one valid JSON object and nothing else: no introduction, no explanation, \
                     no code fence.",
                ));
                (None, Json::Text)
            }
            Format::Tool(description, schema) => {
                let name = names.own(JSON_TOOL);
                let others = !tools.is_empty();
                tools.push(object([
                    ("name", name.as_str().into()),
                    ("input_schema", Value::Object(schema)),
                    ("description", description.into()),
                    ("type", "custom".into()),
                ]));
                force(&name, thinking, others, system, choice);
                (None, Json::Tool(Arc::from(name)))
            }
        }
    }
}

/// Makes the model answer through the tool, leaving the client's own tools callable.
fn force(name: &str, thinking: bool, others: bool, system: &mut Vec<Value>, choice: &mut Choice) {
    match choice {
        // The client wants this very call now; the answer comes in a later turn.
        Choice::Tool(_) => {}
        _ if thinking => {
            system.push(content::text_block(format!(
                "Give your final answer only by calling the tool {name}."
            )));
            *choice = Choice::Auto;
        }
        Choice::Unset | Choice::Auto if others => *choice = Choice::Any,
        Choice::Any if others => {}
        _ => *choice = Choice::Tool(name.to_owned()),
    }
}

fn describe(description: Option<String>) -> String {
    let purpose = "Gives the answer to the user; its input is the answer itself.";
    match description.filter(|description| !description.trim().is_empty()) {
        Some(description) => format!("{purpose} {description}"),
        None => purpose.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::deployment::ModelInfo;

    fn format(model: &str, value: Value) -> Result<Format, Error> {
        let info = ModelInfo::default();
        Format::new(Some(value), &Model::new(model, &info))
    }

    #[test]
    fn a_schema_is_native_where_model_and_schema_allow() {
        let simple = json!({"type": "json_schema", "json_schema": {"name": "a", "schema":
            {"type": "object", "properties": {"x": {"type": "string"}}}}});
        let free = json!({"type": "json_schema", "json_schema": {"name": "a", "schema":
            {"type": "object", "additionalProperties": {"type": "string"}}}});
        assert!(matches!(format("claude-sonnet-4-5", simple.clone()), Ok(Format::Native(_))));
        assert!(matches!(format("claude-3-haiku-20240307", simple), Ok(Format::Tool(..))));
        assert!(matches!(format("claude-sonnet-4-5", free), Ok(Format::Tool(..))));
        assert_eq!(format("claude-sonnet-4-5", json!({"type": "json_object"})).unwrap(), Format::Text);
    }

    #[test]
    fn mistakes_are_named() {
        for (value, param) in [
            (json!("json"), "response_format"),
            (json!({}), "response_format.type"),
            (json!({"type": "xml"}), "response_format.type"),
            (json!({"type": "json_schema"}), "response_format.json_schema"),
            (
                json!({"type": "json_schema", "json_schema": {"schema": {"type": "array"}}}),
                "response_format.json_schema.schema",
            ),
        ] {
            assert_eq!(format("claude-sonnet-4-5", value).unwrap_err().param(), Some(param));
        }
    }
}
