//! Entries of the database beside a file.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::base::secret::Secret;
use crate::config::load_text;
use crate::domain::keys::{StoredCredential, StoredModel};

fn config(text: &str) -> Config {
    load_text(text, "test.yaml", &environment).unwrap().config
}

fn environment(name: &str) -> Option<String> {
    match name {
        "OPENAI_API_KEY" => Some("sk-machine".into()),
        "SOME_KEY" => Some("sk-some".into()),
        _ => None,
    }
}

fn plain(params: Value, info: Value) -> Plain {
    let map = |value: Value| value.as_object().unwrap().clone();
    Plain { id: "id".into(), group: "g".into(), params: map(params), info: map(info) }
}

fn key(read: &Read) -> Option<&str> {
    read.deployments[0].connection.api_key.as_ref().map(Secret::expose)
}

#[test]
fn an_entry_is_read_like_one_of_the_file() {
    let text = "environment_variables: {OWN: sk-own}\n\
                credential_list: [{credential_name: c, credential_values: {api_key: os.environ/SOME_KEY}}]";
    let config = config(text);
    let read = |params: Value| config.read_model(&plain(params, json!({"mode": "chat"})), &environment);
    let found =
        read(json!({"model": "openai/x", "api_key": "os.environ/OWN", "default_api_key_rpm_limit": 3}));
    assert_eq!((key(&found), found.key_limits.requests_per_minute), (Some("sk-own"), Some(3)));
    assert_eq!(found.problems, []);
    let deployment = &found.deployments[0];
    assert_eq!((&*deployment.id, &*deployment.group, deployment.origin.stored), ("id", "g", true));
    assert!(!deployment.origin.params.contains_key("api_key"));
    assert_eq!(key(&read(json!({"model": "openai/x", "litellm_credential_name": "c"}))), Some("sk-some"));
    // Its mistakes have its own paths.
    let wrong = read(json!({"model": "openai/x", "rpm": "many", "api_bas": "x"}));
    let told: Vec<(&str, Severity)> =
        wrong.problems.iter().map(|problem| (problem.path.as_str(), problem.severity)).collect();
    assert!(wrong.deployments.is_empty());
    assert!(told.contains(&("litellm_params.rpm", Severity::Error)), "{told:?}");
    assert!(told.contains(&("litellm_params.api_bas", Severity::Warning)), "{told:?}");
}

#[test]
fn the_machines_keys_are_for_the_providers_own_addresses() {
    let config = config("model_list: []");
    let read = |params: Value| config.read_model(&plain(params, json!({})), &environment);
    assert_eq!(key(&read(json!({"model": "openai/x"}))), Some("sk-machine"));
    let elsewhere = read(json!({"model": "openai/x", "api_base": "https://elsewhere.example"}));
    assert_eq!(key(&elsewhere), None);
    let azure = read(json!({"model": "azure/x", "api_base": "https://elsewhere.example"}));
    assert!(azure.deployments[0].problem.as_ref().unwrap().contains("set litellm_params.api_key"));
    // In the file they go where the file says.
    let text = "model_list: [{model_name: g, litellm_params: {model: openai/x, api_base: https://elsewhere.example}}]";
    let own = self::config(text);
    assert_eq!(own.deployments[0].connection.api_key.as_ref().unwrap().expose(), "sk-machine");
}

#[test]
fn what_everybody_sees_holds_no_value_of_a_variable() {
    let config = config("model_list: []");
    let info = json!({"note": "os.environ/SOME_KEY"});
    let params =
        json!({"model": "openai/x", "tags": ["os.environ/SOME_KEY"], "api_key": "os.environ/SOME_KEY"});
    let read = config.read_model(&plain(params, info), &environment);
    let deployment = &read.deployments[0];
    assert_eq!(deployment.info.raw["note"], "os.environ/SOME_KEY");
    assert_eq!(deployment.origin.params["tags"], json!(["os.environ/SOME_KEY"]));
}

#[test]
fn rows_join_the_files_deployments_and_none_spoils_another() {
    let seal = Seal::new(Secret::from("salt"));
    let opener = Opener { seal: seal.clone(), environment: Arc::new(environment) };
    let row = |id: &str, params: Value, seal: &Seal| StoredModel {
        model_id: id.into(),
        model_name: format!("group-{id}"),
        params: seal.seal_all(&params).unwrap().as_object().unwrap().clone(),
        ..StoredModel::default()
    };
    let good = || json!({"model": "openai/x", "api_key": "k", "default_api_key_tpm_limit": 9});
    let rows = [
        row("a", good(), &seal),
        row("other-key", good(), &Seal::new(Secret::from("another"))),
        row("wrong", json!({"model": "openai/x", "timeout": "soon"}), &seal),
        row("file-id", good(), &seal),
        StoredModel { blocked: true, ..row("off", good(), &seal) },
        row("z", good(), &seal),
    ];
    let text = "model_list: [{model_name: own, litellm_params: {model: openai/x, api_key: k}, model_info: {id: file-id}}]";
    let file = config(text);
    let merged = file.with_models(&rows, &opener);
    let all: Vec<(&str, usize, bool)> =
        merged.config.deployments.iter().map(|one| (&*one.id, one.position, one.problem.is_none())).collect();
    assert_eq!(
        all,
        [
            ("file-id", 0, true),
            ("a", 1, true),
            ("other-key", 2, false),
            ("wrong", 3, false),
            ("file-id-stored", 4, false),
            ("z", 5, true)
        ]
    );
    assert_eq!(&*merged.blocked[0].id, "off");
    let told: Vec<&str> = merged.problems.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(told, ["other-key", "wrong", "file-id"]);
    let limits = &merged.config.governance.limits.key_by_group;
    assert_eq!(limits["group-a"].tokens_per_minute, Some(9));
    assert!(!limits.contains_key("group-off"));
}

#[test]
fn credentials_of_the_database_are_for_its_models_and_the_files_come_first() {
    let seal = Seal::new(Secret::from("salt"));
    let row = |name: &str, seal: &Seal, key: &str| StoredCredential {
        name: name.into(),
        values: seal.seal_all(&json!({"api_key": key})).unwrap().as_object().unwrap().clone(),
        ..StoredCredential::default()
    };
    let other = Seal::new(Secret::from("another salt"));
    let rows = [
        row("both", &seal, "of the database"),
        row("stored", &seal, "os.environ/SOME_KEY"),
        row("lost", &other, "x"),
    ];
    let opener = Opener { seal, environment: Arc::new(environment) };
    let file =
        config("credential_list: [{credential_name: both, credential_values: {api_key: of the file}}]");
    let (with, problems) = file.with_credentials(&rows, &opener);
    assert!(
        matches!(&problems[..], [(name, why)] if name == "lost" && why.contains("decrypted")),
        "{problems:?}"
    );
    let read = |config: &Config, name: &str| {
        let params = json!({"model": "openai/x", "litellm_credential_name": name});
        key(&config.read_model(&plain(params, json!({})), &environment)).map(str::to_owned)
    };
    assert_eq!(read(&with, "both").as_deref(), Some("of the file"));
    assert_eq!(read(&with, "stored").as_deref(), Some("sk-some"));
    let (without, _) = with.with_credentials(&[], &opener);
    assert_eq!(read(&without, "stored").as_deref(), Some("sk-machine"), "those that are gone are gone");
    assert_eq!((with.has_file_credential("both"), with.has_file_credential("stored")), (true, false));
}
