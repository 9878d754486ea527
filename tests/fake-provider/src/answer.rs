//! What a model would say to a request under a script, before any provider's dialect shapes it.

use serde_json::{Map, Value, json};

use crate::script::Script;

/// The text of an answer when nothing else is asked for.
pub const DEFAULT_TEXT: &str = "Hello there friend";

/// A call to one of the caller's tools.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub name: String,
    /// JSON text.
    pub arguments: String,
}

/// Token counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub prompt: u64,
    pub completion: u64,
    pub cached: u64,
    pub cache_creation: u64,
    pub reasoning: u64,
}

/// The answer itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub reasoning: Option<String>,
    /// None when tools are called.
    pub text: Option<String>,
    pub calls: Vec<ToolCall>,
    pub usage: Usage,
}

/// What of a request decides about the answer, read by the dialect.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Name and JSON schema of each tool.
    pub tools: Vec<(String, Value)>,
    /// The tool that must be called; "" for any.
    pub forced: Option<String>,
    /// A tool's result is the last thing said.
    pub after_tool_result: bool,
    /// The schema that the text must follow.
    pub schema: Option<Value>,
    /// The text must be some JSON object.
    pub json_mode: bool,
    /// The caller asked to see reasoning.
    pub thinking: bool,
}

impl Answer {
    /// Decides the answer. `ordinal` is the request's number for its key.
    #[must_use]
    pub fn to(ask: &Ask, script: &Script, ordinal: u64) -> Self {
        let calls = calls(ask, script);
        let text = calls.is_empty().then(|| text(ask, script, ordinal));
        let reasoning =
            script.reasoning.clone().or_else(|| ask.thinking.then(|| "Let me think about that.".to_owned()));
        let words = text.as_deref().map_or(0, |t| t.split_whitespace().count() as u64);
        let usage = Usage {
            prompt: script.prompt_tokens.unwrap_or(9),
            completion: script.completion_tokens.unwrap_or(words.max(1) + 10 * calls.len() as u64),
            cached: script.cached_tokens.unwrap_or(0),
            cache_creation: script.cache_creation_tokens.unwrap_or(0),
            reasoning: script.reasoning_tokens.unwrap_or(0),
        };
        Self { reasoning, text, calls, usage }
    }

    /// The text in as many pieces as the stream has content chunks; joined they are the text.
    #[must_use]
    pub fn pieces(&self, script: &Script) -> Vec<String> {
        let text = self.text.as_deref().unwrap_or_default();
        match script.chunks {
            Some(n) if n > 0 => evenly(text, n),
            _ => text.split_inclusive(' ').map(str::to_owned).collect(),
        }
    }
}

fn calls(ask: &Ask, script: &Script) -> Vec<ToolCall> {
    let made_up = |name: &str| {
        let schema = ask.tools.iter().find(|(n, _)| n == name).map(|(_, s)| s);
        let arguments = schema.map_or_else(|| json!({}), |s| instance(s, 0)).to_string();
        ToolCall { name: name.to_owned(), arguments: script.tool_args.clone().unwrap_or(arguments) }
    };
    match (&ask.forced, &script.tool) {
        (Some(name), _) if !name.is_empty() => vec![made_up(name)],
        (Some(_), None) => ask.tools.first().map(|(name, _)| made_up(name)).into_iter().collect(),
        (_, Some(names)) if !ask.after_tool_result => names.split(',').map(made_up).collect(),
        _ => Vec::new(),
    }
}

fn text(ask: &Ask, script: &Script, ordinal: u64) -> String {
    if let Some(size) = script.size {
        return "lorem ipsum ".chars().cycle().take(size).collect();
    }
    if let Some(text) = &script.text {
        return text.replace("{n}", &ordinal.to_string());
    }
    if let Some(schema) = &ask.schema {
        return instance(schema, 0).to_string();
    }
    if ask.json_mode {
        return json!({"answer": DEFAULT_TEXT}).to_string();
    }
    match script.chunks.or_else(|| script.breaks_after().map(|n| (n + 2).max(3))) {
        Some(n) if n != 3 => (0..n).map(|i| format!("tok{i} ")).collect(),
        _ => DEFAULT_TEXT.to_owned(),
    }
}

/// Splits into exactly `n` pieces (empty ones last when the text is too short).
fn evenly(text: &str, n: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    (0..n).map(|i| chars[chars.len() * i / n..chars.len() * (i + 1) / n].iter().collect()).collect()
}

/// The smallest value that a JSON schema allows, with every property present.
#[must_use]
pub fn instance(schema: &Value, depth: usize) -> Value {
    instance_of(schema, schema, depth)
}

fn instance_of(schema: &Value, root: &Value, depth: usize) -> Value {
    if depth > 16 {
        return Value::Null;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let found = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return found.map_or(Value::Null, |s| instance_of(s, root, depth + 1));
    }
    if let Some(value) = schema.get("const").or_else(|| schema.get("enum").and_then(|e| e.get(0))) {
        return value.clone();
    }
    if let Some(first) = ["anyOf", "oneOf", "allOf"].iter().find_map(|k| schema.get(k).and_then(|a| a.get(0)))
    {
        return instance_of(first, root, depth + 1);
    }
    let kind = schema.get("type").and_then(|t| t.as_str().or_else(|| t.get(0).and_then(Value::as_str)));
    match kind {
        Some("string") => json!("text"),
        Some("integer") => json!(schema.get("minimum").and_then(Value::as_i64).unwrap_or(7)),
        Some("number") => json!(schema.get("minimum").and_then(Value::as_f64).unwrap_or(1.5)),
        Some("boolean") => json!(true),
        Some("array") => match schema.get("items") {
            Some(items) => json!([instance_of(items, root, depth + 1)]),
            None => json!([]),
        },
        Some("null") => Value::Null,
        _ => {
            let mut object = Map::new();
            for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                object.insert(name.clone(), instance_of(property, root, depth + 1));
            }
            Value::Object(object)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_the_text() {
        let script = Script::from_key("sk-fake.chunks=50").unwrap();
        let answer = Answer::to(&Ask::default(), &script, 1);
        let pieces = answer.pieces(&script);
        assert_eq!(pieces.len(), 50);
        assert_eq!(Some(pieces.concat()), answer.text);
        assert!(pieces.iter().all(|p| !p.is_empty()));
    }

    #[test]
    fn an_instance_follows_references_and_enums() {
        let schema = json!({"type": "object", "properties": {"p": {"$ref": "#/$defs/P"}, "e": {"enum": ["x"]}},
            "$defs": {"P": {"type": "object", "properties": {"n": {"type": "integer"}}}}});
        assert_eq!(instance(&schema, 0), json!({"p": {"n": 7}, "e": "x"}));
    }

    #[test]
    fn a_scripted_tool_is_called_until_its_result_is_there() {
        let script = Script::from_key("sk-fake.tool=a,b").unwrap();
        let mut ask = Ask { tools: vec![("a".into(), json!({})), ("b".into(), json!({}))], ..Ask::default() };
        assert_eq!(Answer::to(&ask, &script, 1).calls.len(), 2);
        ask.after_tool_result = true;
        assert_eq!(Answer::to(&ask, &script, 2).text.as_deref(), Some(DEFAULT_TEXT));
    }
}
