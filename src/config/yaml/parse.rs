//! Text to tree: YAML events become nodes, anchors are copied where their aliases stand.
//!
//! Everything is bounded, so that no file can exhaust memory or the stack: nodes (aliases counted as what
//! they expand to), depth, and the text itself by the caller.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::merge::Mapping;
use super::{Node, Yaml, scalar};
use crate::config::problem::{At, Problems};

/// The most nodes a file may have, aliases expanded.
const MOST_NODES: usize = 200_000;
/// The deepest nesting.
const DEEPEST: usize = 64;

/// Why a text is not YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The reason, without any text of the file.
    pub message: String,
}

impl From<ScanError> for ParseError {
    fn from(error: ScanError) -> Self {
        let marker = error.marker();
        ParseError { line: marker.line(), column: marker.col() + 1, message: error.info().to_owned() }
    }
}

/// Reads one document by the rules of YAML 1.2 for lines and those of YAML 1.1 for words.
pub fn parse_strictly(text: &str, file: u16, problems: &Problems) -> Result<Node, ParseError> {
    let mut builder = Builder {
        file,
        problems,
        stack: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
        documents: 0,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event?;
        builder.event(event, span)?;
    }
    Ok(builder.root.unwrap_or_else(|| Node::new(Yaml::Map(Vec::new()), At { file, line: 1 })))
}

/// A collection that has not ended yet.
struct Frame {
    at: At,
    anchor: usize,
    open: Open,
}

enum Open {
    List(Vec<Node>),
    /// A mapping, and the key whose value comes next.
    Map(Mapping, Option<Key>),
}

struct Key {
    name: String,
    at: At,
    /// A plain `<<`.
    merge: bool,
}

struct Builder<'a> {
    file: u16,
    problems: &'a Problems,
    stack: Vec<Frame>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    root: Option<Node>,
    documents: usize,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), ParseError> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(fail(span, "a second document starts here, a config file has only one"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => self.scalar(text, style, anchor, tag.as_deref(), span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::SequenceStart(anchor, tag) => {
                self.open(Open::List(Vec::new()), anchor, tag.as_deref(), span)
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Open::Map(Mapping::default(), None), anchor, tag.as_deref(), span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn at(&self, span: Span) -> At {
        At { file: self.file, line: u32::try_from(span.start.line()).unwrap_or(u32::MAX) }
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), ParseError> {
        let plain = style == ScalarStyle::Plain;
        if self.wants_key() {
            self.count(1, span)?;
            let at = self.at(span);
            if anchor > 0 {
                let node = Node::new(Yaml::Text(text.clone().into_owned()), at);
                self.anchors.insert(anchor, (node, 1));
            }
            self.set_key(Key { merge: plain && text == "<<", name: text.into_owned(), at });
            return Ok(());
        }
        let value = match tag {
            Some(tag) => tagged(&text, tag, span)?,
            None if plain => scalar::resolve(&text),
            None => Yaml::Text(text.into_owned()),
        };
        let node = Node::new(value, self.at(span));
        self.place(node, anchor, 1, span)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), ParseError> {
        let (node, size) = match self.anchors.get(&anchor) {
            // Counted before it is copied, so that nested aliases cannot outgrow the bound.
            Some((_, size)) if self.nodes + size > MOST_NODES => return Err(too_many(span)),
            Some((node, size)) => (node.clone(), *size),
            None => return Err(fail(span, "an alias inside of what it stands for")),
        };
        if self.wants_key() {
            let at = self.at(span);
            return match node.value {
                Yaml::Text(name) => {
                    self.set_key(Key { name, at, merge: false });
                    Ok(())
                }
                _ => Err(fail(span, "a key must be a text")),
            };
        }
        if self.stack.len() + depth(&node) > DEEPEST {
            return Err(too_deep(span));
        }
        self.place(node, 0, size, span)
    }

    fn open(&mut self, open: Open, anchor: usize, tag: Option<&Tag>, span: Span) -> Result<(), ParseError> {
        if self.wants_key() {
            return Err(fail(
                span,
                "a key must be a text, not a list or mapping (quote keys that start with { or [)",
            ));
        }
        if let Some(tag) = tag {
            let known = tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "map" | "seq" | "omap");
            if !known {
                return Err(unknown_tag(tag, span));
            }
        }
        if self.stack.len() >= DEEPEST {
            return Err(too_deep(span));
        }
        let at = self.at(span);
        self.stack.push(Frame { at, anchor, open });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), ParseError> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let value = match frame.open {
            Open::List(items) => Yaml::List(items),
            Open::Map(mapping, _) => mapping.finish(),
        };
        let node = Node::new(value, frame.at);
        let inner = if frame.anchor > 0 { size(&node).saturating_sub(1) } else { 0 };
        // The inner nodes were counted when they were placed; only an anchor needs the sum.
        if frame.anchor > 0 {
            self.anchors.insert(frame.anchor, (node.clone(), inner + 1));
        }
        self.place(node, 0, 1, span)
    }

    fn place(&mut self, node: Node, anchor: usize, size: usize, span: Span) -> Result<(), ParseError> {
        self.count(size, span)?;
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.stack.last_mut().map(|frame| &mut frame.open) {
            None => self.root = Some(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(mapping, key)) => {
                let Some(key) = key.take() else { return Ok(()) };
                if key.merge {
                    if !mapping.merge(node) {
                        return Err(fail(span, "<< takes a mapping or a list of mappings"));
                    }
                    return Ok(());
                }
                let (name, at) = (key.name, key.at);
                if let Some(before) = mapping.set(name.clone(), at, node) {
                    self.duplicate(&name, before, at);
                }
            }
        }
        Ok(())
    }

    fn duplicate(&self, name: &str, before: At, at: At) {
        let path = self.path(name);
        let message = format!("this key stands on lines {} and {}; the last one wins", before.line, at.line);
        self.problems.warn(at, &path, message);
    }

    /// The path of a key of the innermost open mapping.
    fn path(&self, name: &str) -> String {
        let mut path = String::new();
        for frame in &self.stack {
            match &frame.open {
                Open::List(items) => path.push_str(&format!("[{}]", items.len())),
                Open::Map(_, Some(key)) => push_key(&mut path, &key.name),
                Open::Map(_, None) => {}
            }
        }
        push_key(&mut path, name);
        path
    }

    fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { open: Open::Map(_, None), .. }))
    }

    fn set_key(&mut self, key: Key) {
        if let Some(Frame { open: Open::Map(_, slot), .. }) = self.stack.last_mut() {
            *slot = Some(key);
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), ParseError> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES { Err(too_many(span)) } else { Ok(()) }
    }
}

/// Adds a key to a path.
pub fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

/// A scalar with an explicit type (`!!str 123`).
fn tagged(text: &str, tag: &Tag, span: Span) -> Result<Yaml, ParseError> {
    if tag.handle.is_empty() && tag.suffix == "!" {
        return Ok(Yaml::Text(text.to_owned()));
    }
    if !tag.is_yaml_core_schema() {
        return Err(unknown_tag(tag, span));
    }
    let value = match tag.suffix.as_str() {
        "str" | "timestamp" => Some(Yaml::Text(text.to_owned())),
        "null" => Some(Yaml::Null),
        "bool" => scalar::bool_of(text).map(Yaml::Bool),
        "int" => scalar::int_of(text),
        #[allow(clippy::cast_precision_loss)]
        "float" => match scalar::int_of(text) {
            Some(Yaml::Int(number)) => Some(Yaml::Float(number as f64)),
            _ => scalar::float_of(text).or_else(|| text.parse().ok()).map(Yaml::Float),
        },
        _ => return Err(unknown_tag(tag, span)),
    };
    value.ok_or_else(|| fail(span, format!("this is no {} as its tag says", tag.suffix)))
}

fn size(node: &Node) -> usize {
    match &node.value {
        Yaml::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Yaml::Map(entries) => 1 + entries.iter().map(|entry| 1 + size(&entry.node)).sum::<usize>(),
        _ => 1,
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Yaml::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Yaml::Map(entries) => 1 + entries.iter().map(|entry| depth(&entry.node)).max().unwrap_or(0),
        _ => 0,
    }
}

fn fail(span: Span, message: impl Into<String>) -> ParseError {
    ParseError { line: span.start.line(), column: span.start.col() + 1, message: message.into() }
}

fn too_many(span: Span) -> ParseError {
    fail(span, format!("more than {MOST_NODES} values, aliases expanded"))
}

fn too_deep(span: Span) -> ParseError {
    fail(span, format!("nested more than {DEEPEST} levels deep"))
}

fn unknown_tag(tag: &Tag, span: Span) -> ParseError {
    fail(span, format!("the tag {tag} is not supported"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Node, ParseError> {
        parse_strictly(text, 0, &Problems::default())
    }

    fn json_of(text: &str) -> serde_json::Value {
        read(text).unwrap().to_json()
    }

    #[test]
    fn builds_trees_with_lines() {
        let tree = read("a: 1\nb:\n  - x\n  - {c: yes}\n\"on\": \"yes\"\n").unwrap();
        assert_eq!(tree.to_json(), json!({"a": 1, "b": ["x", {"c": true}], "on": "yes"}));
        let Yaml::List(items) = &tree.get("b").unwrap().value else { panic!("no list") };
        assert_eq!(items[0].at.line, 3);
        assert_eq!(items[1].get("c").unwrap().at.line, 4);
        assert_eq!(tree.entries()[2].at.line, 5);
        assert_eq!(json_of(""), json!({}));
        assert_eq!(json_of("# nothing\n"), json!({}));
        assert_eq!(json_of("a: |\n  x\n  y\n"), json!({"a": "x\ny\n"}));
    }

    #[test]
    fn anchors_aliases_and_merge_keys() {
        let text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none: {<<: *b, y: 9}\ntwo: {<<: [*m, *b]}\nsame: *b\n";
        assert_eq!(
            json_of(text),
            json!({"base": {"x": 1, "y": 2}, "more": {"y": 3, "z": 4}, "one": {"x": 1, "y": 9},
                "two": {"x": 1, "y": 3, "z": 4}, "same": {"x": 1, "y": 2}})
        );
        assert_eq!(read("a: {<<: 1}").unwrap_err().message, "<< takes a mapping or a list of mappings");
        assert!(read("a: &a [*a]").is_err());
    }

    #[test]
    fn the_last_duplicate_wins_with_a_warning() {
        let problems = Problems::default();
        problems.add_file("c.yaml");
        let tree = parse_strictly("a: {x: 1}\nb: [{k: 1, k: 2}]\na: {y: 2}\n", 0, &problems).unwrap();
        assert_eq!(tree.to_json(), json!({"a": {"y": 2}, "b": [{"k": 2}]}));
        assert_eq!(
            problems.report().to_string(),
            "warning: c.yaml:2 b[0].k: this key stands on lines 2 and 2; the last one wins\n\
             warning: c.yaml:3 a: this key stands on lines 1 and 3; the last one wins\n0 errors, 2 warnings"
        );
    }

    #[test]
    fn tags_say_the_type() {
        assert_eq!(
            json_of("a: !!str 12\nb: !!int \"12\"\nc: !!float 1\nd: !!bool yes\ne: !!null x\nf: ! 7"),
            json!({"a": "12", "b": 12, "c": 1.0, "d": true, "e": null, "f": "7"})
        );
        assert_eq!(read("a: !secret x").unwrap_err().message, "the tag !secret is not supported");
        assert_eq!(read("a: !!int x").unwrap_err().message, "this is no int as its tag says");
    }

    #[test]
    fn errors_have_places() {
        let error = read("a: 1\n b: 2\n").unwrap_err();
        assert_eq!(error.line, 2, "{error:?}");
        assert_eq!(read("a: 1\n---\nb: 2\n").unwrap_err().line, 2);
        assert!(read("? [a, b]\n: 1\n").unwrap_err().message.contains("key must be a text"));
        assert!(read("a: \"open\n").is_err());
    }

    #[test]
    fn bombs_are_refused_quickly() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(",")));
        }
        assert!(read(&bomb).unwrap_err().message.starts_with("more than 200000 values"));
        assert!(read(&"[".repeat(5000)).is_err());
        let deep: String = (0..100).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
        assert!(read(&deep).unwrap_err().message.starts_with("nested more than"));
    }
}
