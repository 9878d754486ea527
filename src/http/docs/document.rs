//! The OpenAPI 3.1 document, written from the tables.

use serde_json::{Map, Value, json};

use super::areas;
use super::data;
use super::shapes::{Area, Field, Kind, Operation, Reply, Shape, flat};
use crate::http::routes;
use crate::manage::authority::{self, Right, Rule, Verb};
use crate::wire::endpoint::Endpoint;

/// The headers that a key may come in beside `Authorization: Bearer`.
const HEADERS: [&str; 3] = ["api-key", "x-api-key", "x-litellm-api-key"];

/// The data plane's area.
pub(super) const DATA: &str = "Models";

/// The document.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in Endpoint::ALL {
        for path in routes::data_paths(endpoint) {
            add(&mut paths, &path, Verb::Post, data_operation(endpoint, &path));
        }
    }
    for area in areas() {
        for operation in area.operations {
            add(&mut paths, operation.path, operation.verb, described(area, operation));
        }
    }
    let mut tags = vec![json!({"name": DATA, "description": "Calls of models, as OpenAI's API has them."})];
    tags.extend(areas().map(|area| json!({"name": area.name, "description": area.about})));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stagedoor",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "An LLM gateway: one OpenAI-compatible address in front of many providers.",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "security": keys(),
        "paths": paths,
        "components": components(),
    })
}

/// A path as OpenAPI writes it: names without the patterns that the router reads.
pub(super) fn plain(path: &str) -> String {
    path.replace(":.+}", "}")
}

fn add(paths: &mut Map<String, Value>, path: &str, verb: Verb, operation: Value) {
    let entry = paths.entry(plain(path)).or_insert_with(|| json!({}));
    entry[method(verb)] = operation;
}

/// A verb as OpenAPI writes it.
pub(super) fn method(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "get",
        Verb::Post => "post",
        Verb::Put => "put",
        Verb::Patch => "patch",
        Verb::Delete => "delete",
    }
}

fn operation_id(verb: Verb, path: &str) -> String {
    let mut id = method(verb).to_string();
    for part in path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        id.push('_');
        id.push_str(part);
    }
    // The same path with a slash at its end is another one.
    if path.len() > 1 && path.ends_with('/') { id + "_slash" } else { id }
}

fn described(area: &Area, operation: &Operation) -> Value {
    let fields = operation.all_fields();
    let mut parameters: Vec<Value> = operation.in_path().into_iter().map(in_path).collect();
    let mut body = Value::Null;
    if operation.verb == Verb::Get {
        parameters.extend(fields.into_iter().map(in_query));
    } else if !fields.is_empty() {
        body = request_body(&fields, "application/json");
    }
    let mut shown = json!({
        "tags": [area.name],
        "operationId": operation_id(operation.verb, operation.path),
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation.reply, false),
    });
    if let Some(rule) = authority::rule(operation.verb, operation.path) {
        shown["description"] = who(rule).into();
    }
    if !body.is_null() {
        shown["requestBody"] = body;
    }
    if area.public {
        shown["security"] = json!([]);
    }
    shown
}

fn data_operation(endpoint: Endpoint, path: &str) -> Value {
    let about = data::of(endpoint);
    let kind = if endpoint == Endpoint::Transcriptions { "multipart/form-data" } else { "application/json" };
    let mut fields = flat(about.fields);
    let shown = plain(path);
    let mut parameters = Vec::new();
    if shown.contains("{model}") {
        // The path names the model.
        fields.retain(|field| field.name != "model");
        parameters.push(in_path("model"));
    }
    json!({
        "tags": [DATA],
        "operationId": operation_id(Verb::Post, &shown),
        "summary": about.summary,
        "parameters": parameters,
        "requestBody": request_body(&fields, kind),
        "responses": responses(about.reply, about.streams),
    })
}

/// Who may call a management operation, in words.
pub(super) fn who(rule: &Rule) -> String {
    let roles = [
        ("proxy_admin", rule.admin),
        ("proxy_admin_viewer", rule.viewer),
        ("internal_user", rule.user),
        ("internal_user_viewer", rule.user_viewer),
        ("keys without a user", rule.nobody),
    ];
    let named = |wanted: Right| -> Vec<&str> {
        roles.iter().filter(|(_, right)| *right == wanted).map(|(name, _)| *name).collect()
    };
    let all: Vec<&str> = ["the master key"].into_iter().chain(named(Right::All)).collect();
    let own = named(Right::Own);
    let mut text = format!("For {}.", all.join(", "));
    if !own.is_empty() {
        text.push_str(&format!(" With rows of their own: {}.", own.join(", ")));
    }
    text
}

fn in_path(name: &str) -> Value {
    let about = match name {
        "key" => "Text or hash of the key.",
        "team_id" => "The team.",
        "user_id" => "The user.",
        "request_id" => "The request.",
        "model" | "id" => "The model's name; may hold slashes.",
        "model_id" => "The deployment.",
        _ => "Its name.",
    };
    json!({"name": name, "in": "path", "required": true, "description": about, "schema": {"type": "string"}})
}

fn in_query(field: &Field) -> Value {
    json!({
        "name": field.name,
        "in": "query",
        "required": field.must,
        "description": meaning(field),
        "schema": field.kind.schema(),
    })
}

/// What a field means, with its unit.
pub(super) fn meaning(field: &Field) -> String {
    format!("{} {}", field.about, field.kind.unit()).trim_end().to_string()
}

fn object(fields: &[&Field], nullable: bool) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut schema = field.kind.schema();
        // In a change null takes a value away.
        if nullable && !field.must && schema["type"].is_string() && schema.get("enum").is_none() {
            schema["type"] = json!([schema["type"], "null"]);
        }
        schema["description"] = meaning(field).into();
        properties.insert(field.name.to_string(), schema);
    }
    json!({"type": "object", "properties": properties, "additionalProperties": true})
}

fn request_body(fields: &[&Field], kind: &str) -> Value {
    let mut schema = object(fields, kind == "application/json");
    let required: Vec<&str> = fields.iter().filter(|field| field.must).map(|field| field.name).collect();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    json!({"required": !required.is_empty(), "content": {kind: {"schema": schema}}})
}

fn responses(reply: Reply, streams: bool) -> Value {
    let fields = flat(reply.fields);
    let (kind, schema) = match reply.shape {
        Shape::Object => ("application/json", object(&fields, true)),
        Shape::List => ("application/json", json!({"type": "array", "items": {"type": "object"}})),
        Shape::Plain => ("application/json", json!({})),
        Shape::Other(kind) => (kind, json!({"type": "string"})),
    };
    let mut content = json!({kind: {"schema": schema}});
    if streams {
        content["text/event-stream"] = json!({"schema": Kind::Text.schema()});
    }
    json!({
        "200": {"description": reply.about, "content": content},
        "default": {"$ref": "#/components/responses/Error"},
    })
}

/// Any of the ways to show a key.
fn keys() -> Value {
    let mut ways = vec![json!({"bearer": []})];
    ways.extend(HEADERS.iter().map(|name| json!({*name: []})));
    Value::Array(ways)
}

fn components() -> Value {
    let mut schemes = Map::new();
    let bearer =
        json!({"type": "http", "scheme": "bearer", "description": "A virtual key, or the master key."});
    schemes.insert("bearer".into(), bearer);
    for name in HEADERS {
        schemes.insert(name.into(), json!({"type": "apiKey", "in": "header", "name": name}));
    }
    json!({
        "securitySchemes": schemes,
        "schemas": {"Error": error_schema()},
        "responses": {"Error": {
            "description": "A refusal or failure. 429 and some others carry Retry-After (seconds) and retry-after-ms; \
                            x-should-retry says whether asking again makes sense.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }},
    })
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "description": "What happened, for people."},
                "type": {"type": "string", "description": "The class of error, for programs."},
                "param": {"type": ["string", "null"], "description": "The field that it is about."},
                "code": {"type": ["string", "null"], "description": "A code, or the status."},
            },
        }},
    })
}
