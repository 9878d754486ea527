//! Models that live in the database: read like entries of `model_list`, one by one, so that what is wrong with one
//! is that one's problem.
//!
//! Two things are stricter than in the file, because whoever may call the API need not be whoever runs the
//! machine: the environment's provider keys go to the providers' own addresses only (see
//! [`super::context::Context::stored`]), and who may write references to variables is decided before a row is saved
//! (`manage::models::trust`).

mod credentials;
mod merge;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use super::context::Context;
use super::environment::{Environment, warn_of_unset};
use super::model::{Config, Prices};
use super::problem::{At, Problem, Problems, Severity};
use super::scope::Scope;
use super::yaml::{Entry, Node, Yaml};
use super::{deployments, keys};
use crate::base::seal::Seal;
use crate::domain::deployment::Deployment;
use crate::domain::keys::JsonMap;
use crate::domain::limits::Limits;

pub use keys::{hides, without_secrets};
pub use merge::Merged;

/// Where the only entry stands.
const ENTRY: &str = "model_list[0]";

/// What entries of the database are read with: the file's variables and credentials, and the database's credentials,
/// in memory only.
#[derive(Clone)]
pub struct Basis {
    file: Arc<Node>,
    /// Entries of a `credential_list`, references in them not yet put in.
    stored: Arc<Vec<Node>>,
}

impl fmt::Debug for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Basis")
    }
}

impl Basis {
    /// Of a file's tree, its variables put in.
    pub(super) fn of(tree: &Node) -> Self {
        let kept = ["environment_variables", "credential_list"];
        let entries = tree.entries().iter().filter(|entry| kept.contains(&entry.key.as_str()));
        let file = Arc::new(Node::new(Yaml::Map(entries.cloned().collect()), At::default()));
        Basis { file, stored: Arc::default() }
    }
}

/// Looks a variable up.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How rows are opened: the key of their secrets, and where variables are looked up.
#[derive(Clone)]
pub struct Opener {
    /// Opens what is encrypted.
    pub seal: Seal,
    /// The environment of the process.
    pub environment: Variables,
}

/// An entry, its secrets in the clear.
#[derive(Clone, Default)]
pub struct Plain {
    /// The id of its row.
    pub id: String,
    /// `model_name`.
    pub group: String,
    /// `litellm_params`.
    pub params: JsonMap,
    /// `model_info`.
    pub info: JsonMap,
}

/// What became of an entry.
pub struct Read {
    /// Its deployments; none when there are errors. `position` is not given yet.
    pub deployments: Vec<Deployment>,
    /// What each key gets of its group.
    pub key_limits: Limits,
    /// What is wrong with it and what has no effect; the paths begin inside of the entry.
    pub problems: Vec<Problem>,
}

impl Read {
    /// The first error.
    pub fn error(&self) -> Option<&Problem> {
        self.problems.iter().find(|problem| problem.severity == Severity::Error)
    }
}

impl Config {
    /// Reads an entry as if it stood in the file.
    pub fn read_model(&self, plain: &Plain, environment: &dyn Fn(&str) -> Option<String>) -> Read {
        let problems = Problems::default();
        let variables = Environment::new(&self.basis.file, environment);
        let mut tree = self.basis.tree(&variables);
        let list = Node::new(Yaml::List(vec![entry(plain, &variables)]), At::default());
        if let Yaml::Map(entries) = &mut tree.value {
            entries.push(Entry { key: "model_list".to_owned(), at: At::default(), node: list });
        }
        let (deployments, key_limits) = read(&tree, &variables, &problems, &self.governance.money.prices);
        warn_of_unset(&tree, tree.at, &mut String::new(), &problems);
        let mut problems = problems.report().problems;
        problems.retain(|problem| problem.path.starts_with(ENTRY) || problem.path.is_empty());
        for problem in &mut problems {
            let inside = problem.path.strip_prefix(ENTRY).unwrap_or(&problem.path);
            problem.path = inside.trim_start_matches('.').to_owned();
        }
        Read { deployments, key_limits, problems }
    }
}

fn read(
    tree: &Node,
    variables: &Environment<'_>,
    problems: &Problems,
    prices: &Prices,
) -> (Vec<Deployment>, Limits) {
    let mut context = Context::new(tree, variables, problems);
    context.stored = true;
    let root = Scope::new(Some(tree), "", tree.at, problems);
    let placed = deployments::read(&context, &root, prices);
    context.take_later();
    if problems.report().has_errors() {
        return (Vec::new(), Limits::default());
    }
    let key_limits = placed.first().map(|one| one.key_limits).unwrap_or_default();
    (placed.into_iter().map(|one| one.deployment).collect(), key_limits)
}

/// The entry as a node; its id is its row's. `model_info` is shown to everybody, so references in it stay texts.
fn entry(plain: &Plain, variables: &Environment<'_>) -> Node {
    let at = At::default();
    let mut info = plain.info.clone();
    info.insert("id".to_owned(), plain.id.clone().into());
    let part = |key: &str, value: serde_json::Value| Entry {
        key: key.to_owned(),
        at,
        node: Node::from_json(&value, at),
    };
    let mut params = part("litellm_params", plain.params.clone().into());
    variables.resolve(&mut params.node);
    let name = part("model_name", plain.group.clone().into());
    Node::new(Yaml::Map(vec![name, params, part("model_info", info.into())]), at)
}
