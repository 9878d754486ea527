//! Files to one tree: reading, repairing pasted text, `include`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::pasted;
use super::problem::{At, Problems};
use super::yaml::{Entry, Node, ParseError, Yaml};

/// The largest config file, bytes.
const LARGEST: u64 = 8 * 1024 * 1024;
/// The most files that one config may consist of.
const MOST_FILES: usize = 200;

/// Reads a file and what it includes. `None`: an error has been noted.
pub fn read(path: &Path, problems: &Problems, files: &mut Vec<PathBuf>) -> Option<Node> {
    let file = problems.add_file(path.display().to_string());
    files.push(path.to_owned());
    let place = At { file, line: 0 };
    match text_of(path, LARGEST) {
        Ok(text) => read_text(&text, file, Some(path), problems, files, &mut vec![identity(path)]),
        Err(reason) => {
            problems.error(place, "", reason);
            None
        }
    }
}

/// Reads a text that stands in no file of its own.
pub fn read_embedded(text: &str, name: &str, problems: &Problems) -> Option<Node> {
    let file = problems.add_file(name);
    read_text(text, file, None, problems, &mut Vec::new(), &mut Vec::new())
}

/// `open` are the files from the main one down to this one: a file among them must not be included again.
fn read_text(
    text: &str,
    file: u16,
    path: Option<&Path>,
    problems: &Problems,
    files: &mut Vec<PathBuf>,
    open: &mut Vec<PathBuf>,
) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = match pasted::parse(text, file, problems) {
        Ok(tree) => tree,
        Err(ParseError { line, column, message }) => {
            let at = At { file, line: u32::try_from(line).unwrap_or(u32::MAX) };
            problems.error(
                at,
                "",
                format!("not valid YAML at column {column}: {message}{}", hint(text, line)),
            );
            return None;
        }
    };
    if !matches!(tree.value, Yaml::Map(_)) && !tree.is_null() {
        let message =
            format!("a config file is a mapping of sections such as model_list, this is {}", tree.kind());
        problems.error(tree.at, "", message);
        return None;
    }
    include(tree, path, problems, files, open)
}

/// Takes in the files of the `include` list, in their order.
fn include(
    mut tree: Node,
    path: Option<&Path>,
    problems: &Problems,
    files: &mut Vec<PathBuf>,
    open: &mut Vec<PathBuf>,
) -> Option<Node> {
    let Yaml::Map(entries) = &mut tree.value else { return Some(tree) };
    let Some(position) = entries.iter().position(|entry| entry.key == "include") else { return Some(tree) };
    let entry = entries.remove(position);
    let mut complete = true;
    for (place, name) in names(&entry, problems) {
        let target = path.and_then(Path::parent).unwrap_or(Path::new("")).join(&name);
        if open.contains(&identity(&target)) {
            problems.error(place, "include", format!("{name} includes itself, directly or through others"));
            complete = false;
        } else if files.len() >= MOST_FILES {
            problems.error(place, "include", format!("more than {MOST_FILES} files"));
            return None;
        } else {
            match included(&target, &name, place, problems, files, open) {
                Some(other) => merge(&mut tree, other),
                None => complete = false,
            }
        }
    }
    complete.then_some(tree)
}

fn included(
    target: &Path,
    name: &str,
    place: At,
    problems: &Problems,
    files: &mut Vec<PathBuf>,
    open: &mut Vec<PathBuf>,
) -> Option<Node> {
    let text = match text_of(target, LARGEST) {
        Ok(text) => text,
        Err(reason) => {
            // Watched all the same, so that creating the file is noticed.
            files.push(target.to_owned());
            problems.error(place, "include", format!("{name}: {reason}"));
            return None;
        }
    };
    let file = problems.add_file(target.display().to_string());
    files.push(target.to_owned());
    open.push(identity(target));
    let tree = read_text(&text, file, Some(target), problems, files, open);
    open.pop();
    tree
}

/// The file names of an `include` entry: one text or a list of texts.
fn names(entry: &Entry, problems: &Problems) -> Vec<(At, String)> {
    let items = match &entry.node.value {
        Yaml::List(items) => items.iter().collect(),
        Yaml::Null => Vec::new(),
        _ => vec![&entry.node],
    };
    let mut names = Vec::new();
    for item in items {
        match item.text() {
            Some(name) => names.push((item.at, name.to_owned())),
            None => problems.error(item.at, "include", format!("must be a file name, not {}", item.kind())),
        }
    }
    names
}

/// Adds an included tree: lists are appended, mappings merged, everything else replaced.
fn merge(into: &mut Node, other: Node) {
    match (&mut into.value, other.value) {
        (Yaml::Map(own), Yaml::Map(others)) => {
            for entry in others {
                match own.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => merge(&mut known.node, entry.node),
                    None => own.push(entry),
                }
            }
        }
        (Yaml::List(own), Yaml::List(others)) => own.extend(others),
        (_, Yaml::Null) => {}
        (own, value) => {
            *own = value;
            into.at = other.at;
            into.variable = other.variable;
        }
    }
}

/// The text of a file of at most so many bytes, or a sentence that says why there is none.
pub fn text_of(path: &Path, largest: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    file.take(largest + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > largest {
        return Err(format!("is larger than {} MiB", largest / 1024 / 1024));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let lines = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count();
        format!("is not UTF-8 text: line {} has other bytes", lines + 1)
    })
}

/// The same file has one identity, whatever way it is named.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The commonest cause of an unreadable line, when it is visible.
fn hint(text: &str, line: usize) -> &'static str {
    let found = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let indent = &found[..found.len() - found.trim_start().len()];
    if indent.contains('\t') { " (YAML is indented with spaces, this line has a tab)" } else { "" }
}
