//! Every route is described, and nothing else is; the document is sound.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{document, method, plain};
use super::shapes::Operation;
use super::{PATH, areas};
use crate::http::{admin, routes};
use crate::manage::authority::Verb;
use crate::wire::endpoint::Endpoint;

fn described() -> Vec<&'static Operation> {
    areas().flat_map(|area| area.operations).collect()
}

/// What is served, as the tables of routes say.
fn served() -> BTreeSet<(&'static str, String)> {
    let mut all: BTreeSet<(&'static str, String)> =
        admin::routes().map(|route| (method(route.verb), plain(route.path))).collect();
    all.extend(routes::READS.iter().map(|route| (method(Verb::Get), plain(route.path))));
    all.extend([PATH, "/"].map(|path| (method(Verb::Get), path.to_string())));
    all
}

#[test]
fn every_route_is_described() {
    let described: BTreeSet<(&str, String)> =
        described().iter().map(|one| (method(one.verb), one.path.to_string())).collect();
    let served = served();
    let missing: Vec<String> = served
        .difference(&described)
        .map(|(verb, path)| {
            let verb = format!("{}{}", verb[..1].to_uppercase(), &verb[1..]);
            format!("op({verb}, \"{path}\", \"What it does.\", &[FIELDS], gives(\"What it answers.\")),")
        })
        .collect();
    assert!(
        missing.is_empty(),
        "these routes need an entry in a table of src/http/docs/areas/ (an area of its own goes into mod.rs there):\n{}",
        missing.join("\n")
    );
    let stale: Vec<_> = described.difference(&served).collect();
    assert!(stale.is_empty(), "src/http/docs/areas/ describes what is not served: {stale:?}");
}

#[test]
fn the_document_has_every_path_of_every_table() {
    let document = document();
    let mut expected = served();
    for endpoint in Endpoint::ALL {
        expected.extend(routes::data_paths(endpoint).iter().map(|path| ("post", plain(path))));
    }
    let paths = document["paths"].as_object().unwrap();
    let found: BTreeSet<(&str, String)> = paths
        .iter()
        .flat_map(|(path, verbs)| {
            verbs.as_object().unwrap().keys().map(move |verb| (verb.as_str(), path.clone()))
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_document_is_sound() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with('/') && !path.contains(':'), "{path}");
        for (verb, one) in verbs.as_object().unwrap() {
            let name = format!("{verb} {path}");
            let id = one["operationId"].as_str().unwrap().to_string();
            assert!(!one["summary"].as_str().unwrap().is_empty(), "{name}");
            assert!(tags.contains(one["tags"][0].as_str().unwrap()), "{name}");
            if let Some(other) = ids.insert(id, name.clone()) {
                panic!("{name} and {other} have one id");
            }
            operation(&name, path, verb, one);
        }
    }
    references(&document, &document);
}

fn operation(name: &str, path: &str, verb: &str, one: &Value) {
    let named: BTreeSet<String> = path
        .split('/')
        .filter_map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.to_string()))
        .collect();
    let mut in_path = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for parameter in one["parameters"].as_array().unwrap() {
        let own = (parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap());
        assert!(seen.insert(own), "{name} has {own:?} twice");
        assert!(parameter["schema"].is_object() && parameter["description"].is_string(), "{name}");
        if own.0 == "path" {
            assert_eq!(parameter["required"], true);
            in_path.insert(own.1.to_string());
        }
    }
    assert_eq!(in_path, named, "{name}");
    assert!(verb != "get" || one["requestBody"].is_null(), "{name}");
    if let Some(contents) = one["requestBody"]["content"].as_object() {
        for content in contents.values() {
            schema(name, &content["schema"]);
        }
    }
    for (status, reply) in one["responses"].as_object().unwrap() {
        assert!(status == "default" || status.parse::<u16>().is_ok(), "{name}");
        assert!(reply["description"].is_string() || reply["$ref"].is_string(), "{name} {status}");
    }
}

fn schema(name: &str, schema: &Value) {
    let properties = schema["properties"].as_object().unwrap();
    for field in schema["required"].as_array().into_iter().flatten() {
        assert!(properties.contains_key(field.as_str().unwrap()), "{name}: {field}");
    }
    for (field, one) in properties {
        assert!(
            one["description"].as_str().is_some_and(|about| about.ends_with('.') || about.ends_with('}')),
            "{name}: {field} has no whole sentence"
        );
    }
}

/// Every reference leads somewhere.
fn references(document: &Value, at: &Value) {
    match at {
        Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
            }
            for name in map.get("security").and_then(Value::as_array).into_iter().flatten() {
                let name = name.as_object().unwrap().keys().next().unwrap();
                assert!(!document["components"]["securitySchemes"][name].is_null(), "{name}");
            }
            map.values().for_each(|value| references(document, value));
        }
        Value::Array(items) => items.iter().for_each(|item| references(document, item)),
        _ => {}
    }
}

/// The fields that a reader's source asks the body or query for.
fn read_by(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    let calls = ["body.", "query."].into_iter().flat_map(|of| code.split(of).skip(1));
    calls
        .filter_map(|rest| {
            let (call, rest) = rest.split_once("(\"")?;
            let name = rest.split('"').next()?;
            call.chars().all(|c| c.is_ascii_lowercase() || c == '_').then(|| name.to_string())
        })
        .collect()
}

#[test]
fn what_the_readers_read_is_described() {
    let readers = [
        ("/key/generate", include_str!("../../manage/keys/fields.rs")),
        ("/key/update", include_str!("../../manage/keys/fields.rs")),
        ("/key/list", include_str!("../../manage/keys/list.rs")),
        ("/key/delete", include_str!("../../manage/keys/delete.rs")),
        ("/user/new", include_str!("../../manage/users/new.rs")),
        ("/user/update", include_str!("../../manage/users/fields.rs")),
        ("/user/list", include_str!("../../manage/users/list.rs")),
        ("/team/new", include_str!("../../manage/teams/fields.rs")),
        ("/team/new", include_str!("../../manage/teams/new.rs")),
        ("/team/member_add", include_str!("../../manage/teams/members.rs")),
        ("/customer/new", include_str!("../../manage/customers/fields.rs")),
        ("/spend/logs/v2", include_str!("../../manage/logs/filter.rs")),
        ("/global/spend/report", include_str!("../../manage/reports/grouped.rs")),
        ("/cost/estimate", include_str!("../../manage/costs/estimate.rs")),
    ];
    // A refusal, not a field; and what an object inside of another has.
    let beside = ["password", "logging", "user_id", "user_email"];
    let mut missing = Vec::new();
    for (path, source) in readers {
        let operation = described().into_iter().find(|one| one.path == path).unwrap();
        let named: Vec<&str> = operation.all_fields().iter().map(|field| field.name).collect();
        let unknown = read_by(source).into_iter().filter(|name| !named.contains(&name.as_str()));
        missing.extend(
            unknown.filter(|name| !beside.contains(&name.as_str())).map(|name| format!("{path}: {name}")),
        );
    }
    assert!(
        missing.is_empty(),
        "src/http/docs/areas/ leaves out fields that are read:\n{}",
        missing.join("\n")
    );
}

#[test]
fn the_page_has_all_of_it_and_nothing_from_elsewhere() {
    let page = super::page::page();
    for one in described() {
        assert!(page.contains(&format!("<span class=\"path\">{}</span>", one.path)), "{}", one.path);
    }
    for endpoint in Endpoint::ALL {
        assert!(page.contains(endpoint.route()));
    }
    assert!(
        !page.contains("://") && !page.contains("{{") && !page.contains("<link") && !page.contains("src=")
    );
    let open = page.matches("<details").count();
    assert_eq!(open, page.matches("</details>").count());
    assert_eq!(open, described().len() + Endpoint::ALL.len());
    assert!(page.len() < 400_000, "{}", page.len());
}
