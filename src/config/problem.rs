//! What is wrong with a config, said all at once: file, line, path and reason.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The config cannot be used.
    Error,
    /// It can be used, but something in it does not do what its author thinks.
    Warning,
    /// Worth knowing.
    Info,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        })
    }
}

/// One finding. Its text never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file it is in, as the user named it.
    pub file: String,
    /// The line, from 1; 0 when it belongs to no line.
    pub line: usize,
    /// Where in the tree (`model_list[2].litellm_params.api_bas`); empty for the file as a whole.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        match self.path.as_str() {
            "" => write!(f, ": {}", self.message),
            path => write!(f, " {path}: {}", self.message),
        }
    }
}

/// All findings, in file order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether the config cannot be used.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }
}

/// One line per finding, then a line of totals.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{}: {problem}", problem.severity)?;
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        if errors + warnings == 0 {
            return f.write_str("no problems");
        }
        let plural =
            |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        write!(f, "{}, {}", plural(errors, "error"), plural(warnings, "warning"))
    }
}

/// A place in one of the files that make up a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct At {
    /// Index of the file in [`Problems`].
    pub file: u16,
    /// The line, from 1; 0 for none.
    pub line: u32,
}

/// Collects findings while a config is read.
#[derive(Debug, Default)]
pub struct Problems {
    found: RefCell<Vec<(At, Problem)>>,
    files: RefCell<Vec<String>>,
    /// Paths whose unset variable a reader has already explained better than the general text would.
    explained: RefCell<HashSet<String>>,
}

impl Problems {
    /// Adds a file and returns its index.
    pub fn add_file(&self, name: impl Into<String>) -> u16 {
        let mut files = self.files.borrow_mut();
        files.push(name.into());
        u16::try_from(files.len() - 1).unwrap_or(u16::MAX)
    }

    /// The name under which a file was added.
    pub fn file_name(&self, file: u16) -> String {
        self.files.borrow().get(usize::from(file)).cloned().unwrap_or_default()
    }

    /// Notes an error.
    pub fn error(&self, at: At, path: &str, message: impl Into<String>) {
        self.add(Severity::Error, at, path, message.into());
    }

    /// Notes a warning.
    pub fn warn(&self, at: At, path: &str, message: impl Into<String>) {
        self.add(Severity::Warning, at, path, message.into());
    }

    /// Notes something worth knowing.
    pub fn info(&self, at: At, path: &str, message: impl Into<String>) {
        self.add(Severity::Info, at, path, message.into());
    }

    /// Says that an unset variable at this path needs no general warning.
    pub fn explain(&self, path: impl Into<String>) {
        self.explained.borrow_mut().insert(path.into());
    }

    /// Whether [`Problems::explain`] was called for this path.
    pub fn is_explained(&self, path: &str) -> bool {
        self.explained.borrow().contains(path)
    }

    /// How much has been found so far, for [`Problems::forget_since`].
    pub fn mark(&self) -> usize {
        self.found.borrow().len()
    }

    /// Drops what was found after a mark, when the reading that found it is given up.
    pub fn forget_since(&self, mark: usize) {
        self.found.borrow_mut().truncate(mark);
    }

    fn add(&self, severity: Severity, at: At, path: &str, message: String) {
        let line = usize::try_from(at.line).unwrap_or(usize::MAX);
        let problem =
            Problem { severity, file: self.file_name(at.file), line, path: path.to_owned(), message };
        let mut found = self.found.borrow_mut();
        // A value that two readers look at is wrong only once.
        if !found.iter().rev().take(100).any(|(other, known)| *other == at && *known == problem) {
            found.push((at, problem));
        }
    }

    /// The findings so far, by file and line.
    pub fn report(&self) -> Report {
        let mut found = self.found.borrow().clone();
        found.sort_by_key(|(at, _)| (at.file, at.line));
        Report { problems: found.into_iter().map(|(_, problem)| problem).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_one_line() {
        let problems = Problems::default();
        let file = problems.add_file("config.yaml");
        problems.warn(At { file, line: 14 }, "a.b", "unknown key");
        problems.error(At { file, line: 3 }, "", "not valid YAML");
        problems.info(At { file, line: 0 }, "", "hello");
        problems.warn(At { file, line: 14 }, "a.b", "unknown key");
        let report = problems.report();
        assert_eq!(
            report.to_string(),
            "info: config.yaml: hello\nerror: config.yaml:3: not valid YAML\n\
             warning: config.yaml:14 a.b: unknown key\n1 error, 1 warning"
        );
        assert!(report.has_errors());
        assert_eq!(Report::default().to_string(), "no problems");
    }
}
