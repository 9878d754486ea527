//! YAML as JSON values, every scalar as text: enough to look things up in manifests.

use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};

/// All documents of a text; panics where it is not sound, duplicate keys included.
pub fn documents(name: &str, text: &str) -> Vec<Value> {
    let events = Parser::new_from_str(text).map(|event| event.map(|(event, _)| event));
    let mut events = events.map(|event| event.unwrap_or_else(|cause| panic!("{name}: {cause}")));
    let mut found = Vec::new();
    while let Some(event) = events.next() {
        if let Some(value) = value(name, event, &mut events) {
            found.push(value);
        }
    }
    found
}

/// The value that begins with this event; `None` if none does.
fn value<'a>(name: &str, event: Event<'a>, rest: &mut dyn Iterator<Item = Event<'a>>) -> Option<Value> {
    match event {
        Event::Scalar(text, ..) => Some(text.into_owned().into()),
        Event::SequenceStart(..) => {
            let mut list = Vec::new();
            while let Some(event) = rest.next().filter(|event| *event != Event::SequenceEnd) {
                list.extend(value(name, event, rest));
            }
            Some(list.into())
        }
        Event::MappingStart(..) => {
            let mut map = Map::new();
            while let Some(event) = rest.next().filter(|event| *event != Event::MappingEnd) {
                let key = value(name, event, rest).and_then(|key| key.as_str().map(str::to_string));
                let key = key.unwrap_or_else(|| panic!("{name}: a key that is no text"));
                let event = rest.next().unwrap();
                let before = map.insert(key.clone(), value(name, event, rest).unwrap());
                assert!(before.is_none(), "{name}: `{key}` twice");
            }
            Some(map.into())
        }
        _ => None,
    }
}

#[test]
fn documents_become_values() {
    let found = documents("text", "a: [1, {b: x}]\n---\nc: |\n  d: e\n");
    assert_eq!(found, [serde_json::json!({"a": ["1", {"b": "x"}]}), serde_json::json!({"c": "d: e\n"})]);
}
