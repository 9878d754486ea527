//! From config text to a checked, immutable [`Config`], with all problems at once.
//!
//! Text becomes a tree with line numbers ([`yaml`], repaired by [`pasted`] where a document's formatting got
//! lost), files become one tree ([`source`]), variables are put in ([`environment`]), sections are read with
//! every mistake noted ([`read`], [`deployments`]), and what points nowhere is found ([`check`]). Models that are kept
//! in the database join the file's later ([`stored`]).

mod check;
mod context;
mod deployments;
mod environment;
mod keys;
mod pasted;
mod read;
mod scope;
mod source;
pub mod stored;
mod yaml;

#[cfg(test)]
mod tests;

pub mod model;
pub mod problem;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::deployment::Deployment;

use context::Context;
use environment::Environment;
use scope::Scope;
use yaml::Node;

pub use model::Config;
pub use problem::{Problem, Problems, Report, Severity};

/// The config that serves when none is named: a demo model that needs no key.
pub const QUICKSTART: &str = include_str!("../../config/quickstart.yaml");

/// A usable config and what is still worth saying about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// Warnings and remarks; no errors.
    pub report: Report,
}

/// Loads the file, or [`QUICKSTART`] when none is named. Uses no network.
///
/// `environment` looks a variable up; the config's own `environment_variables` win over it.
///
/// # Errors
/// The report, when it has errors; every problem of all files is in it.
pub fn load(path: Option<&Path>, environment: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Report> {
    let problems = Problems::default();
    let mut files = Vec::new();
    let tree = match path {
        Some(path) => source::read(path, &problems, &mut files),
        None => source::read_embedded(QUICKSTART, "quickstart.yaml", &problems),
    };
    finish(tree, files, environment, &problems)
}

/// Loads a text that stands in no file; `name` is what problems call it. `include` is relative to the working
/// directory.
///
/// # Errors
/// As [`load`].
pub fn load_text(
    text: &str,
    name: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Report> {
    let problems = Problems::default();
    let tree = source::read_embedded(text, name, &problems);
    finish(tree, Vec::new(), environment, &problems)
}

fn finish(
    tree: Option<Node>,
    files: Vec<PathBuf>,
    environment: &dyn Fn(&str) -> Option<String>,
    problems: &Problems,
) -> Result<Loaded, Report> {
    let Some(mut tree) = tree else { return Err(problems.report()) };
    let environment = Environment::new(&tree, environment);
    environment.resolve(&mut tree);
    let config = sections(&tree, &environment, problems, files);
    environment::warn_of_unset(&tree, tree.at, &mut String::new(), problems);
    let report = problems.report();
    if report.has_errors() { Err(report) } else { Ok(Loaded { config, report }) }
}

fn sections(
    tree: &Node,
    environment: &Environment<'_>,
    problems: &Problems,
    mut files: Vec<PathBuf>,
) -> Config {
    let context = Context::new(tree, environment, problems);
    let root = Scope::new(Some(tree), "", tree.at, problems);
    root.warn_of_unknown(
        keys::TOP,
        &[
            ("litellm_settings", keys::LITELLM),
            ("router_settings", keys::ROUTER),
            ("general_settings", keys::GENERAL),
            ("model_list", keys::ENTRY),
            ("litellm_params of a model_list entry", keys::PARAMS),
        ],
    );
    context.keep_later(&root, keys::TOP, "");
    let (litellm, router) = (root.scope("litellm_settings"), root.scope("router_settings"));
    let general = root.scope("general_settings");
    let mut governance = read::governance::read(&context, &root, &general, &litellm, &mut files);
    let keeps_content = governance.store.keeps_content.is_some();
    let export = read::export::read(&context, &root, &litellm, keeps_content);
    let redis = read::redis::read(&context, &root);
    let cache = read::cache::read(&context, &root, &litellm, redis.as_ref());
    let general = read::general::read(&context, &general);
    let mut settings = read::litellm::read(&context, &litellm);
    let routing = read::router::read(&context, &root, &router, &litellm);
    let aliases = read::router::aliases(&context, &router);
    let placed = deployments::read(&context, &root, &governance.money.prices);
    governance.limits.key_by_group = deployments::key_limits(&context, &placed);
    let semantic = cache.as_ref().and_then(|_| read::semantic::read(&context, &root, &litellm, &placed));
    check::check(&context, &placed, &aliases, routing.strategy, governance.store.holds_models);
    settings.later = context.take_later();
    let numbered =
        placed.into_iter().enumerate().map(|(position, one)| Deployment { position, ..one.deployment });
    let deployments = numbered.map(Arc::new).collect();
    let basis = stored::Basis::of(tree);
    Config {
        deployments,
        aliases,
        router: routing,
        general,
        settings,
        governance,
        export,
        redis,
        cache,
        semantic,
        basis,
        files,
    }
}
