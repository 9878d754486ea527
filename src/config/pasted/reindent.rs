//! Indentation put back: where a line belongs follows from the names of the keys.

use crate::config::keys::{self, Keys};

/// A text whose lines stand where they belong. The lines keep their numbers.
pub struct Reindented {
    /// The text.
    pub text: String,
    /// The sections that got lines back.
    moved: Vec<Moved>,
}

/// A section, its line, and the first and last line that were moved under it.
struct Moved {
    section: String,
    line: usize,
    first: usize,
    last: usize,
}

impl Reindented {
    /// The line of the first section that got its lines back.
    pub fn first_line(&self) -> u32 {
        self.moved.first().map_or(0, |moved| u32::try_from(moved.line).unwrap_or(u32::MAX))
    }

    /// What was done, for the user.
    pub fn explain(&self) -> String {
        let parts: Vec<String> = self
            .moved
            .iter()
            .map(|Moved { section, first, last, .. }| {
                format!("lines {first} to {last} indented under {section}")
            })
            .collect();
        format!(
            "this file has lost its indentation. It is read with {}; please indent them",
            parts.join(", ")
        )
    }
}

/// Indents a text that has no indented line at all, when a known section is empty and keys that belong to
/// it follow. `None` when that is not so, or when the place of any line is in doubt.
pub fn reindent(text: &str) -> Option<Reindented> {
    let indented = |line: &str| line.starts_with([' ', '\t']) && !line.trim().is_empty();
    if text.lines().any(indented) {
        return None;
    }
    let mut cursor = Cursor::default();
    let mut out = Reindented { text: String::with_capacity(text.len() * 2), moved: Vec::new() };
    let mut keys_moved = false;
    for (index, line) in text.lines().enumerate() {
        let indent = match Line::read(line)? {
            Line::Blank => 0,
            Line::Key { name, empty } => {
                let indent = cursor.key(name, empty)?;
                if indent == 0 {
                    cursor.line = index + 1;
                }
                keys_moved |= indent > 0;
                indent
            }
            Line::Item { inner } => cursor.item(inner)?,
        };
        out.text.push_str(&" ".repeat(indent));
        out.text.push_str(line);
        out.text.push('\n');
        if indent > 0 {
            let number = index + 1;
            match out.moved.last_mut() {
                Some(moved) if moved.line == cursor.line => moved.last = number,
                _ => {
                    let (section, line) = (cursor.section.clone(), cursor.line);
                    out.moved.push(Moved { section, line, first: number, last: number });
                }
            }
        }
    }
    keys_moved.then_some(out)
}

/// What a line is.
enum Line<'a> {
    /// Nothing, or a comment.
    Blank,
    /// `name: value`, or `name:` with nothing behind it.
    Key { name: &'a str, empty: bool },
    /// `- something`; `inner` when that is `name: value` or `name:`.
    Item { inner: Option<(&'a str, bool)> },
}

impl<'a> Line<'a> {
    /// `None`: neither, so the text is not what this repairs.
    fn read(line: &'a str) -> Option<Self> {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            return Some(Line::Blank);
        }
        if let Some(rest) = line.strip_prefix("- ") {
            return Some(Line::Item { inner: key_of(rest) });
        }
        key_of(line).map(|(name, empty)| Line::Key { name, empty })
    }
}

/// The name of `name: value`, and whether there is no value.
fn key_of(line: &str) -> Option<(&str, bool)> {
    let (name, rest) = match line.split_once(": ") {
        Some((name, rest)) => (name, rest.trim_start()),
        None => (line.strip_suffix(':')?, ""),
    };
    let name = name.trim_matches(['"', '\'']);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '*' | ':' | '@');
    (!name.is_empty() && name.chars().all(plain)).then_some((name, rest.is_empty() || rest.starts_with('#')))
}

/// How the lines below a section's name are laid out.
#[derive(Clone, Copy, Default)]
enum Shape {
    /// Not below an empty section.
    #[default]
    Outside,
    /// `model_list`.
    Models,
    /// A mapping with known keys.
    Known(Keys),
    /// A list of flat mappings.
    Items,
    /// A mapping with any keys, or a list.
    Free,
}

fn shape_of(section: &str) -> Option<Shape> {
    Some(match section {
        "model_list" => Shape::Models,
        "litellm_settings" => Shape::Known(keys::LITELLM),
        "router_settings" => Shape::Known(keys::ROUTER),
        "general_settings" => Shape::Known(keys::GENERAL),
        "cache_settings" => Shape::Known(keys::CACHE),
        "rate_limit_config" => Shape::Known(Keys { now: keys::RATE_LIMIT, later: &[] }),
        "user_config" | "logging" => Shape::Items,
        "fallback_mapping" | "environment_variables" | "include" => Shape::Free,
        _ => return None,
    })
}

/// Where the reader stands.
#[derive(Default)]
struct Cursor {
    section: String,
    /// The line of the section's name.
    line: usize,
    shape: Shape,
    /// Inside of an item of a list of mappings.
    in_item: bool,
    /// Inside of `litellm_params` or `model_info`.
    in_part: bool,
    /// Inside of `cache_params`.
    in_cache: bool,
    /// Indentation for the items of a list whose key has just been read.
    list: Option<usize>,
}

impl Cursor {
    /// The indentation of a key; `None` when its place is in doubt.
    fn key(&mut self, name: &str, empty: bool) -> Option<usize> {
        self.list = None;
        let inside = matches!(self.shape, Shape::Known(known) if known.knows(name));
        if keys::TOP.knows(name) && !inside {
            let shape = if empty { shape_of(name)? } else { Shape::Outside };
            *self = Cursor { section: name.to_owned(), shape, ..Cursor::default() };
            self.list = matches!(shape, Shape::Free).then_some(2);
            return Some(0);
        }
        let indent = match self.shape {
            Shape::Outside => return Some(0),
            Shape::Models => self.model_key(name, empty)?,
            Shape::Known(known) if self.in_cache && keys::CACHE.knows(name) && !known.knows(name) => 4,
            Shape::Known(known) if known.knows(name) => {
                self.in_cache = empty && name == "cache_params";
                2
            }
            Shape::Known(_) => return None,
            Shape::Items if self.in_item => 4,
            Shape::Items => return None,
            Shape::Free => 2,
        };
        self.list = empty.then_some(indent + 2);
        Some(indent)
    }

    fn model_key(&mut self, name: &str, empty: bool) -> Option<usize> {
        // What stands below these has names of the user's own.
        let nests = matches!(name, "extra_headers" | "headers" | "extra_body" | "allowed_fails_policy");
        if !self.in_item || (empty && nests) {
            return None;
        }
        if matches!(name, "litellm_params" | "model_info") {
            self.in_part = empty;
            return Some(4);
        }
        if name == "model_name" {
            self.in_part = false;
        }
        Some(if self.in_part { 6 } else { 4 })
    }

    /// The indentation of a list item; `None` when its place is in doubt.
    fn item(&mut self, inner: Option<(&str, bool)>) -> Option<usize> {
        match (self.shape, inner) {
            (Shape::Outside, _) => Some(0),
            (Shape::Models, Some((name, empty))) if keys::ENTRY.knows(name) => {
                self.in_item = true;
                self.in_part = empty && matches!(name, "litellm_params" | "model_info");
                self.list = None;
                Some(2)
            }
            (Shape::Items, Some(_)) => {
                self.in_item = true;
                self.list = None;
                Some(2)
            }
            _ => self.list,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_get_their_three_levels_back() {
        let text = "model_list:\n# first\n- model_name: a\nlitellm_params:\nmodel: gpt-4\ntags:\n- x\n\
                    model_info:\nid: one\n- litellm_params:\nmodel: b\nmodel_name: b\nuser_config:\n- user_id: u\nmodels:\n- a\n";
        let wanted = "model_list:\n# first\n  - model_name: a\n    litellm_params:\n      model: gpt-4\n      tags:\n        - x\n    \
                      model_info:\n      id: one\n  - litellm_params:\n      model: b\n    model_name: b\nuser_config:\n  - user_id: u\n    models:\n      - a\n";
        assert_eq!(reindent(text).unwrap().text, wanted);
    }

    #[test]
    fn nothing_is_touched_without_need_or_in_doubt() {
        for text in [
            "litellm_settings: {num_retries: 3}\nmodel_list:\n- {model_name: a}\n",
            "litellm_settings:\n  cache: true\nother: 1\n",
            "litellm_settings:\nnot_a_setting: 1\n",
            "litellm_settings:\nnum_retries: 3\nsome prose here\n",
            "model_list:\nmodel: gpt-4\n",
            "model_list:\n- model_name: a\nlitellm_params:\nextra_headers:\nx-a: b\n",
            "temperature: 1\n",
            "",
        ] {
            assert!(reindent(text).is_none(), "{text}");
        }
    }
}
