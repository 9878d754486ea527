//! `additional_drop_params`: names and paths of parameters that a deployment must not be sent.
//!
//! `logit_bias`, `response_format.strict`, `tools[*].function.strict`, `messages[0].name`.

use serde_json::Value;

use crate::wire::surface::{Edits, Surface};

/// One step below a member.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Field(&'a str),
    Index(usize),
    Every,
}

/// Adds to `edits` what the paths remove. A path that is no path, or leads nowhere, removes nothing; only
/// members that a path goes into become trees.
pub fn apply<'a>(paths: &'a [String], surface: &Surface, edits: &mut Edits<'a>) {
    // Members whose inside changes, so that two paths into one member both count.
    let mut changed: Vec<(&'a str, Value)> = Vec::new();
    for path in paths {
        let Some((member, steps)) = parse(path) else { continue };
        let Some(raw) = surface.get(member) else { continue };
        if steps.is_empty() {
            edits.remove(member);
            continue;
        }
        let known = changed.iter_mut().find(|(name, _)| *name == member);
        if let Some((_, tree)) = known {
            remove(tree, &steps);
        } else if let Ok(mut tree) = serde_json::from_str::<Value>(raw)
            && remove(&mut tree, &steps)
        {
            changed.push((member, tree));
        }
    }
    for (member, tree) in changed {
        edits.replace(member, tree.to_string());
    }
}

/// The top-level member and the steps below it.
fn parse(path: &str) -> Option<(&str, Vec<Step<'_>>)> {
    let path = path.trim().trim_start_matches("$.");
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (field, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if !field.is_empty() {
            steps.push(Step::Field(field));
        }
        while !rest.is_empty() {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(match index.trim_matches(['\'', '"']) {
                "*" => Step::Every,
                index => index.parse().map_or(Step::Field(index), Step::Index),
            });
            rest = after;
        }
    }
    if steps.is_empty() {
        return None;
    }
    match steps.remove(0) {
        Step::Field(member) => Some((member, steps)),
        _ => None,
    }
}

/// Removes what the path leads to; says whether there was something.
fn remove(tree: &mut Value, steps: &[Step<'_>]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return false };
    match (tree, step) {
        (Value::Object(map), Step::Field(name)) if rest.is_empty() => map.shift_remove(*name).is_some(),
        (Value::Object(map), Step::Field(name)) => map.get_mut(*name).is_some_and(|next| remove(next, rest)),
        (Value::Array(items), Step::Index(index)) if rest.is_empty() => {
            let there = *index < items.len();
            if there {
                items.remove(*index);
            }
            there
        }
        (Value::Array(items), Step::Index(index)) => {
            items.get_mut(*index).is_some_and(|next| remove(next, rest))
        }
        (Value::Array(items), Step::Every) if rest.is_empty() => {
            let there = !items.is_empty();
            items.clear();
            there
        }
        (Value::Array(items), Step::Every) => {
            items.iter_mut().fold(false, |any, next| remove(next, rest) | any)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn dropped(body: &'static str, paths: &[&str]) -> String {
        let surface = Surface::parse(Bytes::from_static(body.as_bytes()), 64).unwrap();
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let mut edits = Edits::new();
        apply(&paths, &surface, &mut edits);
        String::from_utf8(surface.rewrite(&edits).to_vec()).unwrap()
    }

    #[test]
    fn names_and_paths() {
        let body =
            r#"{"seed": 1,"tools": [{"function":{"strict":true,"name":"f"}},{"function":{"name":"g"}}]}"#;
        assert_eq!(dropped(body, &["seed", "absent"]), body.replace(r#""seed": 1,"#, ""));
        assert_eq!(
            dropped(body, &["tools[*].function.strict"]),
            r#"{"seed": 1,"tools": [{"function":{"name":"f"}},{"function":{"name":"g"}}]}"#
        );
        assert_eq!(
            dropped(body, &["tools[0].function.strict", "tools[*].function.name"]),
            r#"{"seed": 1,"tools": [{"function":{}},{"function":{}}]}"#
        );
        assert_eq!(
            dropped(body, &["tools[1]"]),
            r#"{"seed": 1,"tools": [{"function":{"strict":true,"name":"f"}}]}"#
        );
    }

    #[test]
    fn paths_that_lead_nowhere_change_nothing() {
        let body = r#"{"a": {"b": 1.50}}"#;
        for path in ["a.c", "a[0]", "a.b.c", "[0]", "", ".", "a[", "a[*].b", "x.y"] {
            assert_eq!(dropped(body, &[path]), body, "{path}");
        }
        assert_eq!(dropped(body, &["a['b']"]), r#"{"a": {}}"#);
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_survived(path in ".{0,20}") {
            dropped(r#"{"a":[{"b":1}]}"#, &[&path]);
        }
    }
}
