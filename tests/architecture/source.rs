//! The project's source text, as far as the rules in `tests/architecture.rs` need to understand it: comments
//! and literals told apart from code, tests told apart from the program. No parser, just enough lexing.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One file of `src/`.
pub struct Source {
    /// `src/gateway/call.rs`
    pub path: String,
    /// `["gateway", "call"]`; empty for `lib.rs` and `main.rs`.
    pub module: Vec<String>,
    /// As it stands in the file.
    pub text: String,
    /// The same lines with comments, literals and test modules left blank.
    pub code: String,
    /// The string literals outside test modules.
    pub literals: Vec<String>,
    /// Whether the whole file is a `#[cfg(test)]` module.
    pub is_test: bool,
}

impl Source {
    /// The layer it belongs to (`gateway`), if it belongs to one.
    pub fn layer(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }

    /// Lines up to the test module, or all of them.
    pub fn lines_without_tests(&self) -> usize {
        let tests = self.test_lines();
        self.text.lines().enumerate().filter(|(number, _)| !tests.contains(number)).count()
    }

    fn test_lines(&self) -> HashSet<usize> {
        let lexed = lex(&self.text);
        let mut lines = HashSet::new();
        for (start, end) in test_items(&lexed.code) {
            let first = lexed.code[..start].matches('\n').count();
            let last = lexed.code[..end].matches('\n').count();
            lines.extend(first..=last);
        }
        lines
    }

    /// Every name that follows `crate::`, or `super::` as far as it leads to the crate's root.
    pub fn used_roots(&self) -> Vec<String> {
        let mut roots = Vec::new();
        for (at, _) in self.code.match_indices("crate::").filter(|(at, _)| starts_word(&self.code, *at)) {
            roots.extend(names_at(&self.code[at + "crate::".len()..]));
        }
        let mut from = 0;
        while let Some(found) = self.code[from..].find("super::") {
            let at = from + found;
            let mut end = at;
            let mut supers = 0;
            while self.code[end..].starts_with("super::") {
                end += "super::".len();
                supers += 1;
            }
            from = end;
            if starts_word(&self.code, at) && supers == self.module.len() {
                roots.extend(names_at(&self.code[end..]));
            }
        }
        roots
    }

    /// Name and length in lines of every function that has a body.
    pub fn functions(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices("fn ").filter(|(at, _)| starts_word(&self.code, *at)) {
            let rest = &self.code[at + 3..];
            let name = word(rest);
            if name.is_empty() {
                continue;
            }
            if let Some(end) = body_end(rest) {
                found.push((name.to_string(), rest[..end].matches('\n').count() + 1));
            }
        }
        found
    }

    /// The `//!` lines at its top, without their marks.
    pub fn module_doc(&self) -> String {
        let lines = self.text.lines().take_while(|line| line.starts_with("//!"));
        lines.map(|line| line.trim_start_matches("//!").trim()).collect::<Vec<_>>().join("\n")
    }
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository as text.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|cause| panic!("{path}: {cause}"))
}

/// Every file below a folder of the repository with this ending, sorted.
pub fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut open = vec![root().join(folder)];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let relative = |path: PathBuf| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    let mut names: Vec<String> = found.into_iter().map(relative).collect();
    names.sort();
    names
}

/// All of `src/`.
pub fn sources() -> Vec<Source> {
    let mut all: Vec<Source> = files("src", ".rs").into_iter().map(source).collect();
    let mut tests = HashSet::new();
    for file in &all {
        tests.extend(test_files(file));
    }
    for file in &mut all {
        // What stands inside of a test module is one too.
        file.is_test = tests.iter().any(|test| file.module.starts_with(test));
    }
    all
}

fn source(path: String) -> Source {
    let text = read(&path);
    let mut module: Vec<String> =
        path.trim_start_matches("src/").trim_end_matches(".rs").split('/').map(str::to_string).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    let Lexed { code, literals } = lex(&text);
    let tests = test_items(&code);
    let outside = |at: usize| !tests.iter().any(|(start, end)| (*start..*end).contains(&at));
    let literals = literals.into_iter().filter(|(at, _)| outside(*at)).map(|(_, text)| text).collect();
    let mut code = code.into_bytes();
    for (start, end) in &tests {
        blank(&mut code, *start, *end);
    }
    let code = String::from_utf8(code).unwrap();
    Source { path, module, text, code, literals, is_test: false }
}

/// The modules that a file declares as `#[cfg(test)] mod name;`.
fn test_files(file: &Source) -> Vec<Vec<String>> {
    let mut modules = Vec::new();
    let code = lex(&file.text).code;
    for (start, end) in test_items(&code) {
        let item = code[start..end].trim_end();
        if let Some(name) = item.strip_suffix(';').and_then(|item| item.rsplit("mod ").next()) {
            let mut module = file.module.clone();
            module.push(name.trim().to_string());
            modules.push(module);
        }
    }
    modules
}

/// From `#[cfg(test)]` to the end of the item behind it.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    const MARK: &str = "#[cfg(test)]";
    let mut items = Vec::new();
    let mut from = 0;
    while let Some(found) = code[from..].find(MARK) {
        let start = from + found;
        let rest = &code[start + MARK.len()..];
        let end = match (rest.find('{'), rest.find(';')) {
            (Some(open), semicolon) if semicolon.is_none_or(|semicolon| open < semicolon) => {
                open + closing(&rest[open..])
            }
            (_, Some(semicolon)) => semicolon + 1,
            _ => rest.len(),
        };
        from = start + MARK.len() + end;
        items.push((start, from));
    }
    items
}

/// Just behind the brace that closes the one `text` begins with.
fn closing(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// Where a function's body ends, seen from behind `fn `; `None` for declarations.
fn body_end(text: &str) -> Option<usize> {
    let mut depth = 0i32;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(at + closing(&text[at..])),
            _ => {}
        }
    }
    None
}

/// The first name of a path, or those of a group `{a::b, c}`.
fn names_at(text: &str) -> Vec<String> {
    if !text.starts_with('{') {
        return vec![word(text).to_string()];
    }
    let group = &text[1..closing(text) - 1];
    let mut depth = 0i32;
    let parts = group.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    parts.map(|part| word(part.trim()).to_string()).filter(|name| !name.is_empty()).collect()
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")
}

fn starts_word(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

fn blank(bytes: &mut [u8], start: usize, end: usize) {
    for byte in &mut bytes[start..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// A text with comments and literals blank, byte for byte, and the string literals with their places.
struct Lexed {
    code: String,
    literals: Vec<(usize, String)>,
}

fn lex(text: &str) -> Lexed {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        let end = match rest {
            [b'/', b'/', ..] => at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => at + block_comment(rest),
            [b'"', ..] => at + string(rest),
            [b'r', b'"' | b'#', ..] if !in_word(bytes, at) => at + raw_string(rest),
            [b'b', b'r', b'"' | b'#', ..] if !in_word(bytes, at) => at + 1 + raw_string(&rest[1..]),
            [b'\'', ..] => at + character(rest),
            _ => {
                at += 1;
                continue;
            }
        };
        if rest[0] != b'/' && rest[0] != b'\'' && end > at + 1 {
            literals.push((at, text[at..end].trim_matches(['r', 'b', '#', '"']).to_string()));
        }
        if end > at + 1 {
            blank(&mut code, at, end);
        }
        at = end.max(at + 1);
    }
    Lexed { code: String::from_utf8(code).unwrap(), literals }
}

fn in_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return at + 2,
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r"..."`, `r#"..."#`; just the `r` of a raw identifier.
fn raw_string(rest: &[u8]) -> usize {
    let marks = rest[1..].iter().take_while(|b| **b == b'#').count();
    if rest.get(1 + marks) != Some(&b'"') {
        return 1;
    }
    let end = format!("\"{}", "#".repeat(marks));
    let body = &rest[2 + marks..];
    let found = body.windows(end.len()).position(|window| window == end.as_bytes());
    found.map_or(rest.len(), |found| 2 + marks + found + end.len())
}

/// `'x'`, `'\n'`, `'\u{1F600}'`; just the quote of a lifetime.
fn character(rest: &[u8]) -> usize {
    let text = String::from_utf8_lossy(&rest[1..rest.len().min(16)]).into_owned();
    if text.starts_with('\\') {
        return text[2..].find('\'').map_or(1, |end| end + 4);
    }
    let Some(first) = text.chars().next() else { return 1 };
    if text[first.len_utf8()..].starts_with('\'') { first.len_utf8() + 2 } else { 1 }
}

#[test]
fn code_is_told_from_text_and_tests() {
    let text = "fn a() { let s = \"fn b() { // }\"; } // crate::x\nlet q = '\"'; let l: &'a str = r#\"\"\"#;\n\
                #[cfg(test)]\nmod tests { fn c() {} }\nfn d() {}\n";
    let Lexed { code, literals } = lex(text);
    assert_eq!(code.len(), text.len());
    assert!(!code.contains("fn b") && !code.contains("crate::x") && code.contains("&'a str"));
    assert_eq!(literals[0].1, "fn b() { // }");
    let [(start, end)] = test_items(&code)[..] else { panic!("one test module") };
    assert!(code[start..end].contains("fn c") && !code[start..end].contains("fn d"));
    assert_eq!(names_at("{a::b, c::{d, e}}"), ["a", "c"]);
}

#[test]
fn ways_to_other_modules_are_found() {
    let file = |path: &str, code: &str| Source {
        module: path.split('/').map(str::to_string).collect(),
        path: String::new(),
        text: String::new(),
        code: code.into(),
        literals: Vec::new(),
        is_test: false,
    };
    let used = |path: &str, code: &str| file(path, code).used_roots();
    assert_eq!(used("base/ids", "use crate::{http::x, base};"), ["http", "base"]);
    assert_eq!(
        used("base/ids", "fn x() -> crate::wire::Y { super::super::gateway::y() }"),
        ["wire", "gateway"]
    );
    assert_eq!(used("gateway/back", "use super::call::Call; pub(in crate) struct X;"), Vec::<String>::new());
    let text = "fn long()\nwhere\n{\n}\nfn declared([u8; 4]);\n";
    assert_eq!(file("a", text).functions(), [("long".to_string(), 4)]);
}
