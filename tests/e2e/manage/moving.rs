//! Moving in from a LiteLLM proxy's database: the command, twice, and the gateway on what it made.

use std::process::Output;

use serde_json::{Value, json};

use super::{ask, done, got, postgres, postgres_url};
use crate::harness::gateway::command;
use crate::harness::{FakeProvider, Gateway, chat, config, eventually, openai, with};

const SOURCE: &str = include_str!("../../support/litellm.sql");

/// LiteLLM's database.
async fn litellm() -> String {
    let url = postgres_url().await;
    let name = url.rsplit('/').next().unwrap();
    postgres::shared().script(name, SOURCE).await;
    url
}

async fn change(url: &str, sql: &str) {
    postgres::shared().script(url.rsplit('/').next().unwrap(), sql).await;
}

fn import(from: &str, to: &str, more: &[&str]) -> Output {
    let mut command = command();
    let arguments = ["import-litellm", "--from", from, "--to", to];
    command.args(arguments).args(more).output().unwrap()
}

/// The code and what was printed.
fn imported(from: &str, to: &str, more: &[&str]) -> (Option<i32>, String) {
    let output = import(from, to, more);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), format!("{}{said}", String::from_utf8(output.stdout).unwrap()))
}

/// The numbers of a line of the report: new, here already, replaced, differ, left out.
fn line(report: &str, name: &str) -> Vec<u64> {
    let line =
        report.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {report}"));
    line[name.len()..].split_whitespace().map(|number| number.parse().unwrap()).collect()
}

fn audit(config: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yaml"), config.to_string()).unwrap();
    let output =
        command().current_dir(folder.path()).args(["audit", "--config", "config.yaml"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A file's path in a folder that stays, as SQLite's URL.
fn file(folder: &tempfile::TempDir) -> String {
    format!("sqlite:///{}/moved.db", folder.path().display())
}

async fn gateway_on(to: &str, provider: &FakeProvider) -> (Gateway, Value) {
    let price = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    let models = [with(openai("gpt", provider, "sk-fake.prompt_tokens=5.completion_tokens=10"), price)];
    let config = with(config(&models), json!({"general_settings": {"database_url": to}}));
    (Gateway::serve(&config).await, config)
}

async fn status(gateway: &Gateway, key: &str, body: &Value) -> (u16, Value) {
    let reply = ask(gateway, key, "POST", "/v1/chat/completions", body).await;
    let error = if reply.status() == 200 { Value::Null } else { reply.error() };
    (reply.status(), error)
}

async fn moves_in(to: &str, with_logs: bool) {
    let from = litellm().await;
    let logs: &[&str] = if with_logs { &["--with-spend-logs"] } else { &[] };
    let apply: Vec<&str> = logs.iter().copied().chain(["--apply"]).collect();

    let (code, dry) = imported(&from, to, logs);
    assert_eq!(code, Some(3), "a broken key and a member without a user are left out: {dry}");
    assert!(dry.starts_with("Dry run: nothing was changed."), "{dry}");
    let (code, first) = imported(&from, to, &apply);
    assert_eq!(code, Some(3), "{first}");
    for (name, new, left_out) in
        [("budgets", 3, 0), ("users", 3, 0), ("teams", 1, 0), ("team members", 2, 1), ("keys", 6, 1)]
    {
        assert_eq!(line(&dry, name), [new, 0, 0, 0, left_out], "{name}: {dry}");
        assert_eq!(line(&first, name), [new, 0, 0, 0, left_out], "{name}: {first}");
    }
    assert!(first.contains("1 models: write them into config.yaml"), "{first}");
    assert!(first.contains("its spend is not a decimal number"), "{first}");
    assert!(first.contains("keys of signed-in sessions"), "{first}");
    assert!(first.contains("1 keys and teams without their own callbacks"), "{first}");
    if with_logs {
        assert_eq!(line(&dry, "spend logs"), [2501, 0, 0, 0, 0], "{dry}");
    } else {
        assert!(dry.contains("2501 rows of the request log: --with-spend-logs"), "{dry}");
    }
    let (_, dry) = imported(&from, to, logs);
    let (_, second) = imported(&from, to, &apply);
    assert!(second.contains("There is nothing to do"), "{second}");
    assert_eq!(line(&second, "keys"), [0, 6, 0, 0, 1], "{second}");
    if with_logs {
        assert_eq!(line(&second, "spend logs"), [0, 2501, 0, 0, 0], "{second}");
        assert_eq!(line(&dry, "spend logs"), [0, 2501, 0, 0, 0], "{dry}");
    }

    let provider = FakeProvider::start().await;
    let (gateway, config) = gateway_on(to, &provider).await;
    let rows = if with_logs { 2501 } else { 0 };
    assert_eq!(audit(&config), format!("OK: {rows} rows, every total agrees with them\n"));
    what_was_moved(&gateway, with_logs).await;
    let team = got(&gateway, "/team/info?team_id=team1").await.to_string();
    assert!(team.contains("cost_center") && !team.contains("canary-callback"), "{team}");
    keys_act_as_they_did(&gateway).await;
    if with_logs {
        the_log_is_there(&gateway).await;
    }
    eventually("the audit agrees with new rows too", || async {
        audit(&config).starts_with("OK").then_some(())
    })
    .await;
}

async fn what_was_moved(gateway: &Gateway, with_logs: bool) {
    let info = got(gateway, "/key/info?key=sk-moving-good").await["info"].clone();
    assert_eq!((&info["spend"], &info["max_budget"]), (&json!(0.3), &json!(10.0)));
    assert_eq!((&info["key_alias"], &info["models"]), (&json!("production"), &json!(["gpt"])));
    assert_eq!((&info["user_id"], &info["team_id"]), (&json!("alice"), &json!("team1")));
    assert!(info["created_at"].as_str().unwrap().starts_with("2026-03-01T12:00:00"), "{info}");
    assert!(info["budget_reset_at"].as_str().unwrap().contains("-01T00:00:00"), "{info}");
    // The rows come to 1.75 of the 2.5 that the proxy says.
    assert_eq!(info["total_spend"], json!(2.5), "{with_logs}");
    let user = got(gateway, "/user/info?user_id=alice").await["user_info"].clone();
    assert_eq!((&user["spend"], &user["user_email"]), (&json!(12.345678901), &json!("alice@example.com")));
    let team = got(gateway, "/team/info?team_id=team1").await;
    assert_eq!(
        (&team["team_info"]["spend"], &team["team_info"]["organization_id"]),
        (&json!(4.5), &json!("org1"))
    );
    let members = team["team_memberships"].as_array().unwrap();
    let alice = members.iter().find(|member| member["user_id"] == "alice").unwrap();
    assert_eq!(
        (&alice["spend"], &alice["total_spend"], &alice["budget_id"]),
        (&json!(1.25), &json!(3.0), &json!("b-member"))
    );
    let customer = got(gateway, "/customer/info?end_user_id=customer1").await;
    assert_eq!(
        (&customer["spend"], &customer["litellm_budget_table"]["max_budget"]),
        (&json!(0.2), &json!(0.5))
    );
    let window = got(gateway, "/key/info?key=sk-moving-spent").await["info"]["budget_limits"][0].clone();
    assert_eq!(window["max_budget"], json!(3.5));
    let keys = got(gateway, "/key/list?return_full_object=true&key_alias=twice").await;
    assert_eq!(keys["total_count"], 1, "one of two equal aliases got a longer one: {keys}");
}

async fn keys_act_as_they_did(gateway: &Gateway) {
    let call = with(chat("gpt"), json!({"max_tokens": 10}));
    for key in ["sk-moving-good", "sk-moving-plain", "sk-moving-before-rotation"] {
        let (code, error) = status(gateway, key, &call).await;
        assert_eq!(code, 200, "{key}: {error}");
    }
    for (key, code, word) in [
        ("sk-moving-blocked", 401, "blocked"),
        ("sk-moving-expired", 401, "xpired"),
        ("sk-moving-spent", 422, "udget"),
        ("sk-moving-narrow", 403, "model"),
        ("sk-moving-session", 401, ""),
        ("sk-moving-never-there", 401, ""),
    ] {
        let (found, error) = status(gateway, key, &call).await;
        assert_eq!(found, code, "{key}: {error}");
        assert!(error["message"].as_str().unwrap().contains(word), "{key}: {error}");
    }
    let blocked = with(call, json!({"user": "customer2"}));
    assert_ne!(status(gateway, "sk-moving-plain", &blocked).await.0, 200);
    eventually("what it spends here is added", || async {
        let info = got(gateway, "/key/info?key=sk-moving-good").await;
        // Two calls, one of them with the key's earlier text.
        (info["info"]["spend"] == json!(0.32)).then_some(())
    })
    .await;
}

async fn the_log_is_there(gateway: &Gateway) {
    let logs = got(gateway, "/spend/logs?request_id=chatcmpl-7").await;
    let row = &logs[0];
    assert_eq!((&row["spend"], &row["model_group"]), (&json!(0.0007), &json!("gpt")), "{logs}");
    assert_eq!((&row["user"], &row["request_tags"]), (&json!("alice"), &json!(["prod"])));
    assert_eq!(row["metadata"]["usage_object"]["prompt_tokens_details"]["cached_tokens"], 40);
    assert_eq!(row["metadata"]["spend_logs_metadata"]["job"], 7);
    assert_eq!(row["startTime"].as_str().unwrap().get(..23), Some("2026-05-01T00:00:00.123"));
    assert!(!logs.to_string().contains("secret-in-url") && !logs.to_string().contains("a prompt"));
    let failed = got(gateway, "/spend/logs?request_id=failed-1").await;
    assert_eq!((&failed[0]["status"], &failed[0]["spend"]), (&json!("failure"), &json!(0.0)));
    let days = "/user/daily/activity?start_date=2026-05-01&end_date=2026-05-02";
    assert_eq!(got(gateway, days).await["metadata"]["total_spend"], json!(1.75));
}

#[tokio::test]
async fn to_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    moves_in(&file(&folder), false).await;
}

#[tokio::test]
async fn to_sqlite_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    moves_in(&file(&folder), true).await;
}

#[tokio::test]
async fn to_postgresql_with_its_log() {
    moves_in(&postgres_url().await, true).await;
}

#[tokio::test]
async fn a_dry_run_leaves_no_trace() {
    let from = litellm().await;
    let folder = tempfile::tempdir().unwrap();
    imported(&from, &file(&folder), &["--with-spend-logs"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // The proxy's own database can be the new one's, too.
    let (code, said) = imported(&from, &from, &[]);
    assert_eq!(code, Some(3), "{said}");
    let untouched = "SELECT 1 / (CASE WHEN to_regclass('stagedoor_keys') IS NULL THEN 1 ELSE 0 END)";
    change(&from, untouched).await;
    let (code, said) = imported(&from, &from, &["--apply"]);
    assert_eq!((code, line(&said, "keys")), (Some(3), vec![6, 0, 0, 0, 1]), "{said}");
}

#[tokio::test]
async fn what_differs_is_kept_unless_told_otherwise_and_later_spend_is_added_once() {
    let (from, folder) = (litellm().await, tempfile::tempdir().unwrap());
    let to = file(&folder);
    imported(&from, &to, &["--apply", "--with-spend-logs"]);
    let key = "encode(sha256('sk-moving-good'), 'hex')";
    // The proxy went on working: a request, and somebody raised the budget.
    let meanwhile = format!(
        "UPDATE \"LiteLLM_VerificationToken\" SET spend = 0.5, total_spend = 2.7, max_budget = 20 WHERE token = {key};
         INSERT INTO \"LiteLLM_SpendLogs\" (request_id, call_type, api_key, spend, \"startTime\", \"endTime\", model_group)
         VALUES ('later', 'acompletion', {key}, 0.2, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', 'gpt')"
    );
    change(&from, &meanwhile).await;
    let (code, kept) = imported(&from, &to, &["--apply"]);
    assert_eq!((code, line(&kept, "keys")), (Some(3), vec![0, 5, 0, 1, 1]), "{kept}");
    assert!(kept.contains("(production): max_budget, spend"), "{kept}");
    // The row brings what the proxy counted, so that only the budget is left to differ.
    let (_, rows) = imported(&from, &to, &["--apply", "--with-spend-logs"]);
    assert_eq!(line(&rows, "spend logs"), [1, 2501, 0, 0, 0], "{rows}");
    let (_, again) = imported(&from, &to, &[]);
    assert!(again.contains("(production): max_budget\n"), "{again}");
    let (_, replaced) = imported(&from, &to, &["--apply", "--overwrite"]);
    assert_eq!(line(&replaced, "keys"), [0, 5, 1, 0, 1], "{replaced}");
    let (_, last) = imported(&from, &to, &["--apply", "--overwrite", "--with-spend-logs"]);
    assert!(last.contains("There is nothing to do"), "{last}");
    let provider = FakeProvider::start().await;
    let (gateway, config) = gateway_on(&to, &provider).await;
    let info = got(&gateway, "/key/info?key=sk-moving-good").await["info"].clone();
    assert_eq!((&info["spend"], &info["max_budget"]), (&json!(0.5), &json!(20.0)));
    assert_eq!(audit(&config), "OK: 2502 rows, every total agrees with them\n");
    // A key gets a new text, and what it brought along goes with it.
    done(&gateway, "POST", "/key/sk-moving-good/regenerate", json!({})).await;
    assert_eq!(audit(&config), "OK: 2502 rows, every total agrees with them\n");
    // Its old text does not come back.
    let (_, rotated) = imported(&from, &to, &["--apply"]);
    assert_eq!(line(&rotated, "keys"), [0, 5, 0, 0, 2], "{rotated}");
    assert!(rotated.contains("(production): it was deleted or replaced here"), "{rotated}");
}

#[tokio::test]
async fn an_older_version_without_some_columns_and_tables_is_taken_as_it_is() {
    let (from, folder) = (litellm().await, tempfile::tempdir().unwrap());
    let older = "ALTER TABLE \"LiteLLM_VerificationToken\" DROP COLUMN total_spend, DROP COLUMN budget_limits,
                     DROP COLUMN tpd_limit, DROP COLUMN allowed_routes, DROP COLUMN organization_id;
                 DROP TABLE \"LiteLLM_TagTable\", \"LiteLLM_DeprecatedVerificationToken\", \"LiteLLM_SpendLogs\",
                     \"LiteLLM_BudgetWindowSpend\", \"LiteLLM_OrganizationMembership\"";
    change(&from, older).await;
    let (code, said) = imported(&from, &file(&folder), &["--apply", "--with-spend-logs"]);
    assert_eq!((code, line(&said, "keys")), (Some(3), vec![6, 0, 0, 0, 1]), "{said}");
    let (_, again) = imported(&from, &file(&folder), &["--apply"]);
    assert!(again.contains("There is nothing to do"), "{again}");
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_sentence_without_the_password() {
    let from = litellm().await;
    let folder = tempfile::tempdir().unwrap();
    let to = file(&folder);
    change(&from, "CREATE ROLE outsider LOGIN PASSWORD 'hunter2'").await;
    let outsider = from.replace("postgres@", "outsider:hunter2@");
    let empty = postgres_url().await;
    for (from, to, word) in [
        (
            outsider.as_str(),
            to.as_str(),
            "the user outsider may not read the table LiteLLM_VerificationToken",
        ),
        (empty.as_str(), to.as_str(), "there is no table LiteLLM_VerificationToken"),
        ("postgresql://u:hunter2@127.0.0.1:1/none", to.as_str(), "no connection"),
        ("sqlite:///x.db", to.as_str(), "LiteLLM's database is a PostgreSQL one"),
        ("postgresql://u:hunter2@h:port/x", to.as_str(), "no PostgreSQL URL"),
        (from.as_str(), "sqlite://:memory:", "would be gone"),
    ] {
        let output = import(from, to, &["--apply"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(word) && said.trim_end().lines().count() == 1, "{said}");
        assert!(!said.contains("hunter2") && output.stdout.is_empty(), "{said}");
    }
    let output = command().args(["import-litellm", "--from", &from]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("where to? Give --to"));
}
