//! The rules of ARCHITECTURE.md, held by a test so that nobody has to remember them: layers, file and function
//! length, module docs, metric names, no panics, actors' cards. `tests/architecture/documents.rs` holds the
//! documents to the code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/yaml.rs"]
mod yaml;

use source::{Source, sources};
use stagedoor::telemetry::names;

/// The layers from top to bottom. A module uses those of later rows only; those of one row do not know
/// each other.
pub const LAYERS: &[&[&str]] = &[
    &["app"],
    &["http"],
    &["gateway"],
    &["manage"],
    &["actors"],
    &["upstream", "spool", "store", "redis_link"],
    &["config"],
    &["domain"],
    &["wire"],
    &["telemetry"],
    &["base"],
];

/// The longest file, its test module not counted.
const LONGEST_FILE: usize = 450;

/// The longest function.
const LONGEST_FUNCTION: usize = 70;

/// Functions that are one table: a single `match` with a row for each case, which splitting would hide.
const TABLES: &[(&str, &str)] = &[("src/base/error/table.rs", "behaviour")];

/// What every actor says of itself.
const CARD: &[&str] = &["- owns:", "- accepts:", "- tells:", "- never:", "- on panic:", "- on shutdown:"];

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&layer))
}

/// Fails with all violations at once.
fn none(rule: &str, violations: Vec<String>) {
    assert!(violations.is_empty(), "{rule}:\n  {}\n", violations.join("\n  "));
}

fn program() -> impl Iterator<Item = Source> {
    sources().into_iter().filter(|file| !file.is_test)
}

#[test]
fn dependencies_point_down() {
    let mut violations = Vec::new();
    for file in program() {
        let Some(own) = file.layer() else { continue };
        let Some(own_rank) = rank(own) else {
            violations.push(format!("{}: `{own}` is no layer", file.path));
            continue;
        };
        for used in file.used_roots() {
            // Names in the crate's root that are no modules (macros) belong to no layer.
            let Some(used_rank) = rank(&used) else { continue };
            if used != own && used_rank <= own_rank {
                violations.push(format!("{}: `{own}` uses `{used}`", file.path));
            }
        }
    }
    violations.dedup();
    none("a module uses only layers below its own", violations);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = sources().into_iter().filter(|file| file.module_doc().is_empty());
    none("a file begins with `//!`", silent.map(|file| file.path).collect());
}

#[test]
fn files_hold_one_idea() {
    let long = program().map(|file| (file.lines_without_tests(), file.path));
    let long = long.filter(|(lines, _)| *lines > LONGEST_FILE);
    let said = long.map(|(lines, path)| format!("{path}: {lines} lines")).collect();
    none(&format!("at most {LONGEST_FILE} lines a file, tests not counted"), said);
}

#[test]
fn functions_fit_a_screen() {
    let mut violations = Vec::new();
    let mut tables = 0;
    for file in program() {
        for (name, lines) in file.functions() {
            if lines <= LONGEST_FUNCTION {
                continue;
            }
            if TABLES.contains(&(file.path.as_str(), name.as_str())) {
                tables += 1;
            } else {
                violations.push(format!("{}: `{name}` has {lines} lines", file.path));
            }
        }
    }
    none(&format!("at most {LONGEST_FUNCTION} lines a function"), violations);
    assert_eq!(tables, TABLES.len(), "an exception is no longer needed: remove it from TABLES");
}

#[test]
fn nothing_panics_on_purpose() {
    let mut violations = Vec::new();
    for file in program() {
        for (number, line) in file.code.lines().enumerate() {
            if [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!("]
                .iter()
                .any(|call| line.contains(call))
            {
                violations.push(format!("{}:{}", file.path, number + 1));
            }
        }
    }
    none("no unwrap, expect or panic outside tests", violations);
}

#[test]
fn metrics_are_named_once() {
    let text = source::read("src/telemetry/names.rs");
    let constants: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub const "))
        .filter(|line| line.contains(": &str ="))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    let helped: Vec<&str> = names::HELP.iter().map(|(name, _)| *name).collect();
    let mut violations: Vec<String> = Vec::new();
    violations
        .extend(constants.iter().filter(|name| !helped.contains(name)).map(|n| format!("{n} has no help")));
    violations.extend(
        helped.iter().filter(|name| !constants.contains(name)).map(|n| format!("{n} is no constant")),
    );
    for file in program().filter(|file| file.path != "src/telemetry/names.rs") {
        for literal in file.literals.iter().filter(|literal| helped.contains(&literal.as_str())) {
            violations.push(format!("{}: the literal \"{literal}\"", file.path));
        }
        let compact: String = file.text.split_whitespace().collect();
        for call in [".counter(\"", ".gauge(\"", ".histogram(\"", "counter!(", "gauge!(", "histogram!("] {
            if compact.contains(call) {
                violations.push(format!("{}: `{call}` with a name of its own", file.path));
            }
        }
    }
    none("metrics are constants of telemetry/names.rs with a help text", violations);
}

#[test]
fn actors_carry_their_card() {
    let actors: Vec<Source> = program().filter(|file| file.code.contains("impl Actor for ")).collect();
    for known in ["src/actors/router.rs", "src/actors/deployment.rs", "src/actors/topology.rs"] {
        assert!(actors.iter().any(|file| file.path == known), "{known} is no actor any more");
    }
    let mut violations = Vec::new();
    for file in actors {
        let doc = file.module_doc();
        let missing = CARD.iter().filter(|line| !doc.contains(**line));
        violations.extend(missing.map(|line| format!("{}: no `{line}`", file.path)));
    }
    none("an actor's file begins with its card", violations);
}
