//! The page: one HTML file with everything in it, written from the tables. It works without scripts; with them it can
//! be searched.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::document::{DATA, meaning, method, plain, who};
use super::shapes::{Area, Field, Kind, Operation, Reply, Shape, flat};
use super::{areas, data};
use crate::manage::authority::{self, Verb};
use crate::wire::endpoint::Endpoint;

const TEMPLATE: &str = include_str!("page.html");

/// The page.
pub(super) fn page() -> String {
    let mut text = String::new();
    heading(
        &mut text,
        DATA,
        "Calls of models, as OpenAI's API has them. Each also answers without /v1, under \
             /openai/v1/..., /openai/deployments/{model}/... and /engines/{model}/...; fields that are not named here \
             travel on to the provider.",
    );
    for endpoint in Endpoint::ALL {
        endpoint_entry(&mut text, endpoint);
    }
    text.push_str("</section>\n");
    for area in areas() {
        heading(&mut text, area.name, area.about);
        for operation in area.operations {
            operation_entry(&mut text, area, operation);
        }
        text.push_str("</section>\n");
    }
    TEMPLATE.replace("{{version}}", env!("CARGO_PKG_VERSION")).replace("{{areas}}", text.trim_end())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn heading(text: &mut String, name: &str, about: &str) {
    let (name, about) = (escaped(name), escaped(about));
    let _infallible = writeln!(text, "<section aria-label=\"{name}\"><h2>{name}</h2><p>{about}</p>");
}

/// What an entry shows.
struct Entry<'a> {
    verb: Verb,
    path: &'a str,
    summary: &'a str,
    who: Option<String>,
    fields: Vec<&'static Field>,
    reply: Reply,
    example: String,
}

fn endpoint_entry(text: &mut String, endpoint: Endpoint) {
    let about = data::of(endpoint);
    let fields = flat(about.fields);
    let path = endpoint.route();
    let example = if endpoint == Endpoint::Transcriptions {
        format!("curl \"$BASE{path}\" -H \"Authorization: Bearer $KEY\" -F model=... -F file=@speech.mp3")
    } else {
        curl(Verb::Post, path, &fields, false)
    };
    let entry = Entry {
        verb: Verb::Post,
        path,
        summary: about.summary,
        who: None,
        fields,
        reply: about.reply,
        example,
    };
    write_entry(text, &entry);
}

fn operation_entry(text: &mut String, area: &Area, operation: &Operation) {
    let fields = operation.all_fields();
    let path = plain(operation.path);
    let entry = Entry {
        verb: operation.verb,
        path: &path,
        summary: operation.summary,
        who: authority::rule(operation.verb, operation.path).map(who),
        example: curl(operation.verb, &path, &fields, area.public),
        fields,
        reply: operation.reply,
    };
    write_entry(text, &entry);
}

fn write_entry(text: &mut String, entry: &Entry<'_>) {
    let verb = method(entry.verb).to_uppercase();
    let anchor: String = format!("{verb}{}", entry.path)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let (path, summary) = (escaped(entry.path), escaped(entry.summary));
    let _infallible = writeln!(
        text,
        "<details id=\"{anchor}\"><summary><span class=\"verb\">{verb}</span><span class=\"path\">{path}</span>\
         <span class=\"about\">{summary}</span></summary><div class=\"inside\">"
    );
    if let Some(who) = &entry.who {
        let _infallible = writeln!(text, "<p>{}</p>", escaped(who));
    }
    if !entry.fields.is_empty() {
        table(text, if entry.verb == Verb::Get { "Query" } else { "Body" }, &entry.fields);
    }
    let _infallible = writeln!(text, "<p>Answers: {}</p>", escaped(&answer(entry.reply)));
    let replied = flat(entry.reply.fields);
    if !replied.is_empty() {
        table(text, "Reply", &replied);
    }
    let _infallible = writeln!(text, "<pre><code>{}</code></pre></div></details>", escaped(&entry.example));
}

fn answer(reply: Reply) -> String {
    match reply.shape {
        Shape::Other(kind) => format!("{} ({kind})", reply.about),
        Shape::List => format!("a list. {}", reply.about),
        Shape::Object | Shape::Plain => reply.about.to_string(),
    }
}

fn table(text: &mut String, title: &str, fields: &[&Field]) {
    let _infallible = writeln!(
        text,
        "<table><thead><tr><th scope=\"col\">{title}</th><th scope=\"col\">Type</th><th scope=\"col\">Meaning</th>\
         </tr></thead><tbody>"
    );
    for field in fields {
        let must = if field.must { " <span class=\"must\">required</span>" } else { "" };
        let _infallible = writeln!(
            text,
            "<tr><td><code>{}</code>{must}</td><td>{}</td><td>{}</td></tr>",
            field.name,
            escaped(&field.kind.shown()),
            escaped(&meaning(field))
        );
    }
    text.push_str("</tbody></table>\n");
}

/// A call with the fields that it must have.
fn curl(verb: Verb, path: &str, fields: &[&Field], public: bool) -> String {
    let needed: Vec<&&Field> = fields.iter().filter(|field| field.must).collect();
    let mut line = format!("curl \"$BASE{path}");
    if verb == Verb::Get {
        let pairs: Vec<String> = needed.iter().map(|field| format!("{}=...", field.name)).collect();
        if !pairs.is_empty() {
            line.push('?');
            line.push_str(&pairs.join("&"));
        }
    }
    line.push('"');
    if !matches!(verb, Verb::Get | Verb::Post) {
        line.push_str(&format!(" -X {}", method(verb).to_uppercase()));
    }
    if !public {
        line.push_str(" -H \"Authorization: Bearer $KEY\"");
    }
    if verb != Verb::Get {
        let body: Map<String, Value> =
            needed.iter().map(|field| (field.name.to_string(), example(field))).collect();
        line.push_str(&format!(" \\\n  -H 'Content-Type: application/json' -d '{}'", Value::Object(body)));
    }
    line
}

fn example(field: &Field) -> Value {
    match (field.name, field.kind) {
        ("messages", _) => serde_json::json!([{"role": "user", "content": "Hello"}]),
        ("prompt" | "input" | "query", Kind::Any | Kind::Text) => "Hello".into(),
        ("model", _) => "demo".into(),
        (_, kind) => kind.example(),
    }
}
