//! Documents and deployment files name things that exist, and tables in them say what the code says.

use serde_json::Value;
use stagedoor::app::cli::Cli;
use stagedoor::base::error::{Kind, Retry};
use stagedoor::domain::providers::table;
use stagedoor::telemetry::names;
use stagedoor::wire::endpoint::Endpoint;

use super::source::{files, read, root};
use super::{LAYERS, none};

const DOCUMENTS: [&str; 3] = ["ARCHITECTURE.md", "README.md", "cluster/README.md"];

/// The text between `<!-- name: ... -->` and `<!-- end -->`.
fn section(document: &str, name: &str) -> String {
    let text = read(document);
    let start = text.find(&format!("<!-- {name}:")).unwrap_or_else(|| panic!("{document} has no {name}"));
    let rest = &text[start..];
    let rest = &rest[rest.find("-->").unwrap() + 3..];
    rest[..rest.find("<!-- end -->").expect("the section has an end")].trim().to_string()
}

/// What stands between single backticks.
fn quoted(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.starts_with("```"));
    lines.flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// The error table as ARCHITECTURE.md has to show it.
fn error_table() -> String {
    let mut rows = vec![
        "| kind | status | type | code | retry | fallback | cools |".to_string(),
        "|---|---|---|---|---|---|---|".to_string(),
    ];
    let yes = |on: bool| if on { "yes" } else { "–" };
    for kind in Kind::ALL {
        let row = kind.behaviour();
        let code = row.code.map_or_else(|| "–".to_string(), |code| format!("`{code}`"));
        let retry = match row.retry {
            Retry::Never => "never",
            Retry::Yes => "yes",
            Retry::Elsewhere => "elsewhere",
        };
        let (fallback, cools) = (yes(row.fallback), yes(row.cools));
        let (status, type_) = (row.status, row.type_);
        rows.push(format!("| {kind:?} | {status} | `{type_}` | {code} | {retry} | {fallback} | {cools} |"));
    }
    rows.join("\n")
}

#[test]
fn the_error_table_is_the_codes() {
    let expected = error_table();
    let found = section("ARCHITECTURE.md", "errors");
    assert!(found == expected, "the error table of ARCHITECTURE.md has to read:\n\n{expected}\n");
}

#[test]
fn the_layers_are_told_in_their_order() {
    let section = section("ARCHITECTURE.md", "layers");
    let rows = section.lines().skip(2).map(|row| quoted(row.split('|').nth(1).unwrap()));
    let expected: Vec<Vec<&str>> = LAYERS.iter().map(|row| row.to_vec()).collect();
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}

#[test]
fn files_that_documents_name_exist() {
    let mut violations = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        for path in quoted(&text) {
            let ours = ["src/", "tests/", "cluster/", "config/", "k8s/"]
                .iter()
                .any(|folder| path.starts_with(folder));
            // A command line begins with the file it runs.
            let path = path.split(' ').next().unwrap_or(path);
            if ours && !path.contains(['{', '*', '<']) && !root().join(path).exists() {
                violations.push(format!("{document}: {path}"));
            }
        }
    }
    none("a document names a file that is not there", violations);
}

#[test]
fn the_map_shows_every_actor_and_stage() {
    let map = read("ARCHITECTURE.md");
    let inner = ["mod.rs", "testing.rs"];
    let missing = files("src/gateway", ".rs").into_iter().chain(files("src/actors", ".rs")).filter(|path| {
        let name = path.rsplit('/').next().unwrap();
        path.matches('/').count() == 2 && !inner.contains(&name) && !map.contains(&format!("`{path}`"))
    });
    none("ARCHITECTURE.md leaves out", missing.collect());
}

#[test]
fn the_readme_lists_flags_endpoints_and_providers() {
    use clap::CommandFactory;

    let readme = read("README.md");
    let mut missing: Vec<String> = Vec::new();
    for argument in Cli::command().get_arguments().filter(|argument| !argument.is_hide_set()) {
        let flag = format!("--{}", argument.get_long().unwrap_or_default());
        if flag != "--help" && !readme.contains(&format!("`{flag}")) {
            missing.push(flag);
        }
    }
    let endpoints = Endpoint::ALL.iter().map(|endpoint| format!("`/v1/{}`", endpoint.path()));
    missing.extend(endpoints.filter(|path| !readme.contains(path)));
    missing.extend(table::names().map(|name| format!("`{name}`")).filter(|name| !readme.contains(name)));
    none("README.md leaves out", missing);
}

#[test]
fn documents_and_alerts_name_metrics_that_exist() {
    let known: Vec<&str> = names::HELP.iter().map(|(name, _)| *name).collect();
    let mut violations = Vec::new();
    for file in DOCUMENTS.iter().copied().chain(["cluster/prometheus/alerts.yml"]) {
        for word in read(file).split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let metric =
                ["_bucket", "_sum", "_count"].iter().fold(word, |word, end| word.trim_end_matches(end));
            let looks_like_one =
                word.starts_with("litellm_") || (word.starts_with("stagedoor_") && word != "stagedoor_");
            // Parts of a config, a label, a prefix.
            let config = [
                "litellm_settings",
                "litellm_params",
                "litellm_model_name",
                "litellm_proxy",
                "litellm_key_header_name",
                "litellm_credential_name",
                "litellm_call_id",
                "litellm_disabled_callbacks",
            ];
            if looks_like_one && !known.contains(&metric) && !config.contains(&word) {
                violations.push(format!("{file}: {word}"));
            }
        }
    }
    for seed in [names::REQUESTS, names::FAILED_REQUESTS, names::DEPLOYMENT_LATENCY] {
        if !read("cluster/prometheus/alerts.yml").contains(seed) {
            violations.push(format!("cluster/prometheus/alerts.yml: nothing about {seed}"));
        }
    }
    none("a metric that does not exist", violations);
}

/// All documents of a YAML file.
fn yaml(path: &str) -> Vec<Value> {
    super::yaml::documents(path, &read(path))
}

/// Whether a config of ours has problems, with every key it names set.
fn problems(name: &str, config: &str) -> Option<String> {
    match stagedoor::config::load_text(config, name, &|name| {
        (name.ends_with("_API_KEY") || name == "LITELLM_MASTER_KEY").then(|| "sk-of-a-test".to_string())
    }) {
        Ok(loaded) if loaded.report.problems.is_empty() => None,
        Ok(loaded) => Some(format!("{name}: {}", loaded.report)),
        Err(report) => Some(format!("{name}: {report}")),
    }
}

#[test]
fn deployment_files_are_sound_yaml() {
    let mut paths = files("k8s", ".yaml");
    paths.extend(files("cluster", ".yml"));
    paths.push("docker-compose.yml".into());
    for path in &paths {
        assert!(!yaml(path).is_empty(), "{path} is empty");
    }
    let kinds: Vec<String> = files("k8s/base", ".yaml")
        .iter()
        .flat_map(|path| yaml(path))
        .map(|one| one["kind"].as_str().expect("a manifest has a kind").to_string())
        .collect();
    for kind in ["Deployment", "Service", "ConfigMap"] {
        assert!(kinds.iter().any(|one| one == kind), "k8s/base has no {kind}");
    }
}

#[test]
fn kubernetes_probes_what_the_gateway_serves() {
    let manifests = files("k8s/base", ".yaml");
    let deployment =
        manifests.iter().flat_map(|path| yaml(path)).find(|one| one["kind"] == "Deployment").unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(deployment["spec"]["replicas"], "3");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/health/liveliness");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/health/readiness");
    let routes = read("src/http/routes.rs");
    assert!(routes.contains("\"/health/liveliness\"") && routes.contains("\"/health/readiness\""));
}

#[test]
fn configs_in_documents_and_manifests_have_no_problems() {
    let configmap = &yaml("k8s/base/configmap.yaml")[0];
    let in_base = configmap["data"]["config.yaml"].as_str().expect("a config in the ConfigMap").to_string();
    let in_dev = read("k8s/overlays/dev/config.yaml");
    let mut configs = vec![("k8s/base/configmap.yaml", in_base), ("k8s/overlays/dev/config.yaml", in_dev)];
    let readme = read("README.md");
    let blocks = readme.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_string());
    configs.extend(blocks.map(|block| ("README.md", block)));
    assert!(configs.len() > 2, "README.md shows no config");
    none(
        "a config has problems",
        configs.iter().filter_map(|(name, config)| problems(name, config)).collect(),
    );
}
