//! Models: added through the API, kept encrypted, shown without secrets.

use std::path::Path;

use serde_json::{Value, json};

use super::{ask, done, done_by, got, key, postgres_url, refused};
use crate::harness::{FakeProvider, Gateway, KEY, chat, config, eventually, openai, with};

const SALT: &str = "sk-e2e-salt";

/// A config whose models may also live in this database.
fn holding(url: &str, models: &[Value]) -> Value {
    let general = json!({"database_url": url, "store_model_in_db": true});
    with(config(models), json!({ "general_settings": general }))
}

async fn serve(config: &Value) -> Gateway {
    Gateway::start().env("LITELLM_SALT_KEY", SALT).serve(config).await
}

fn in_folder(folder: &Path) -> String {
    format!("sqlite:///{}/models.db", folder.display())
}

/// A request for a model that the provider answers with `key`'s text.
fn added(name: &str, id: &str, provider: &FakeProvider, key: &str) -> Value {
    json!({
        "model_name": name,
        "litellm_params": {"model": "openai/gpt-4o", "api_base": provider.v1(), "api_key": key,
                           "extra_headers": {"x-canary": "canary-in-a-header"}},
        "model_info": {"id": id, "note": "kept"},
    })
}

async fn says(gateway: &Gateway, model: &str) -> String {
    let reply = gateway.chat(&chat(model)).await;
    if reply.status() == 200 { reply.said() } else { reply.status().to_string() }
}

/// Waits until a model answers so, or with this status.
async fn comes_to_say(gateway: &Gateway, model: &str, text: &str) {
    eventually(&format!("{model} says {text}"), || async {
        (says(gateway, model).await == text).then_some(())
    })
    .await;
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|item| item["model_info"]["id"].as_str().unwrap()).collect()
}

async fn a_model_lives_in_the_database(url: String) {
    let provider = FakeProvider::start().await;
    let config = holding(&url, &[openai("own", &provider, "sk-fake.text=file")]);
    let gateway = serve(&config).await;
    let body = added("added", "db-1", &provider, "sk-fake.text=one");
    let made = done(&gateway, "POST", "/model/new", body.clone()).await;
    assert_eq!((&made["model_id"], &made["model_name"]), (&json!("db-1"), &json!("added")));
    assert!(!made.to_string().contains("sk-fake") && !made.to_string().contains("canary-in"), "{made}");
    // At once, by its name, its id, and in every list.
    assert_eq!(says(&gateway, "added").await, "one");
    assert_eq!(says(&gateway, "db-1").await, "one");
    assert_eq!(says(&gateway, "own").await, "file");
    let headers = &provider.log("sk-fake.text=one")[0].headers;
    assert_eq!(headers["x-canary"], "canary-in-a-header");
    let listed = got(&gateway, "/v1/models").await;
    assert!(listed["data"].as_array().unwrap().iter().any(|model| model["id"] == "added"), "{listed}");
    let (code, error) = refused(&gateway, KEY, "POST", "/model/new", body).await;
    assert_eq!((code, &error["param"]), (409, &json!("model_info.id")));
    drop(gateway);

    let gateway = serve(&config).await;
    comes_to_say(&gateway, "added", "one").await;
    let shown = got(&gateway, "/model/info?litellm_model_id=db-1").await;
    let item = &shown["data"][0];
    assert_eq!(item["litellm_params"]["extra_headers"], json!({"x-canary": "*****"}));
    let info = &item["model_info"];
    assert_eq!((&info["db_model"], &info["note"]), (&json!(true), &json!("kept")));
    assert_eq!((&info["created_by"], &info["key"]), (&json!("default_user_id"), &json!("gpt-4o")));
    assert!(!shown.to_string().contains("sk-fake"), "{shown}");

    // Null says nothing in POST and takes away in PATCH.
    let change = json!({"model_info": {"id": "db-1", "note": null},
                        "litellm_params": {"api_key": "sk-fake.text=two", "rpm": 5, "api_base": null}});
    done(&gateway, "POST", "/model/update", change).await;
    assert_eq!(says(&gateway, "added").await, "two");
    let patch =
        json!({"model_name": "renamed", "litellm_params": {"rpm": null}, "model_info": {"note": null}});
    let patched = done(&gateway, "PATCH", "/model/db-1/update", patch).await;
    assert!(patched["litellm_params"].get("rpm").is_none() && patched["model_info"].get("note").is_none());
    assert_eq!(
        (says(&gateway, "renamed").await.as_str(), says(&gateway, "added").await.as_str()),
        ("two", "404")
    );

    done(&gateway, "POST", "/model/block", json!({"model_id": "db-1"})).await;
    assert_eq!(says(&gateway, "renamed").await, "404");
    let blocked = got(&gateway, "/model/info?litellm_model_id=db-1").await;
    assert_eq!(blocked["data"][0]["model_info"]["blocked"], true);
    done(&gateway, "POST", "/model/unblock", json!({"model_id": "db-1"})).await;
    assert_eq!(says(&gateway, "renamed").await, "two");

    let gone = done(&gateway, "POST", "/model/delete", json!({"id": "db-1"})).await;
    assert_eq!(gone, json!({"message": "Model: db-1 deleted successfully"}));
    assert_eq!(says(&gateway, "renamed").await, "404");
    for (path, body) in [
        ("/model/delete", json!({"id": "db-1"})),
        ("/model/update", json!({"model_info": {"id": "db-1"}})),
        ("/model/block", json!({"model_id": "db-1"})),
    ] {
        assert_eq!(refused(&gateway, KEY, "POST", path, body).await.0, 404, "{path}");
    }
    assert_eq!(refused(&gateway, KEY, "PATCH", "/model/db-1/update", json!({})).await.0, 404);
    for secret in ["sk-fake", "canary-in", SALT] {
        assert!(!gateway.log().contains(secret), "{secret} in the log");
    }
}

#[tokio::test]
async fn a_model_lives_in_postgresql() {
    a_model_lives_in_the_database(postgres_url().await).await;
}

#[tokio::test]
async fn a_model_lives_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    a_model_lives_in_the_database(in_folder(folder.path())).await;
}

#[tokio::test]
async fn the_file_of_the_database_tells_nothing() {
    let provider = FakeProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = serve(&holding(&in_folder(folder.path()), &[])).await;
    let body = added("added", "db-1", &provider, "sk-fake.text=canary-as-a-key");
    done(&gateway, "POST", "/model/new", body).await;
    assert_eq!(says(&gateway, "added").await, "canary-as-a-key");
    drop(gateway);
    let mut seen = 0;
    for file in std::fs::read_dir(folder.path()).unwrap().flatten().filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        let has = |text: &str| memchr::memmem::find(&bytes, text.as_bytes()).is_some();
        seen += usize::from(has("v2:gcm:"));
        for secret in ["canary-as-a-key", "canary-in-a-header", &provider.v1(), "openai/gpt-4o"] {
            assert!(!has(secret), "{secret} in {:?}", file.path());
        }
    }
    assert!(seen > 0, "the row is nowhere");
}

#[tokio::test]
async fn what_cannot_work_is_refused_by_name() {
    let provider = FakeProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let gateway = serve(&holding(&in_folder(folder.path()), &[openai("own", &provider, "file-1")])).await;
    let with_params = |params: Value| json!({"model_name": "m", "litellm_params": params});
    for (body, status, param) in [
        (json!({"litellm_params": {"model": "openai/x", "api_key": "k"}}), 422, "model_name"),
        (json!({"model_name": "m"}), 422, "litellm_params"),
        (json!({"model_name": "m", "litellm_params": "x"}), 422, "litellm_params"),
        (with_params(json!({"api_key": "k"})), 422, "litellm_params.model"),
        (with_params(json!({"model": "openai/x", "api_key": "k", "rpm": "many"})), 400, "litellm_params.rpm"),
        (
            with_params(json!({"model": "openai/x", "api_key": "k", "timeout": -1})),
            400,
            "litellm_params.timeout",
        ),
        (with_params(json!({"model": "openai/x"})), 400, "litellm_params"),
        (with_params(json!({"model": "bedrock/x"})), 400, "litellm_params"),
        (
            with_params(json!({"model": "openai/x", "api_key": "k", "api_base": "http://169.254.169.254"})),
            403,
            "litellm_params.api_base",
        ),
        (
            with_params(json!({"model": "openai/x", "api_key": "os.environ/LITELLM_SALT_KEY"})),
            403,
            "litellm_params.api_key",
        ),
        (
            json!({"model_name": "m", "litellm_params": {"model": "openai/x", "api_key": "k"},
                "model_info": {"team_id": "t"}}),
            400,
            "model_info.team_id",
        ),
        (
            json!({"model_name": "m", "litellm_params": {"model": "openai/x", "api_key": "k"},
                "model_info": {"id": "file-1"}}),
            409,
            "model_info.id",
        ),
    ] {
        let (code, error) = refused(&gateway, KEY, "POST", "/model/new", body.clone()).await;
        assert_eq!((code, &error["param"]), (status, &json!(param)), "{body}: {error}");
    }
    // A slip that is none of these is told, and the model serves.
    let odd = with_params(json!({"model": "openai/x", "api_key": "k", "api_bas": "http://x"}));
    let made = done(&gateway, "POST", "/model/new", odd).await;
    assert!(made["warnings"][0].as_str().unwrap().contains("did you mean \"api_base\"?"), "{made}");
    // What stands in the file is changed there.
    for (method, path, body) in [
        ("POST", "/model/update", json!({"model_info": {"id": "file-1"}, "model_name": "x"})),
        ("PATCH", "/model/file-1/update", json!({"model_name": "x"})),
        ("POST", "/model/delete", json!({"id": "file-1"})),
        ("POST", "/model/block", json!({"model_id": "file-1"})),
    ] {
        let (code, error) = refused(&gateway, KEY, method, path, body).await;
        assert_eq!(code, 400, "{path}");
        assert!(
            error["message"].as_str().unwrap().starts_with("Can't edit model. Model in config"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn without_the_setting_the_refusal_names_it() {
    let gateway = Gateway::serve(&config(&[])).await;
    for path in ["/model/new", "/model/update", "/model/delete", "/model/block", "/model/unblock"] {
        let (code, error) = refused(&gateway, KEY, "POST", path, json!({})).await;
        assert_eq!((code, &error["param"]), (400, &json!("store_model_in_db")), "{path}");
        assert!(error["message"].as_str().unwrap().contains("STORE_MODEL_IN_DB"), "{error}");
    }
}

#[tokio::test]
async fn other_replicas_follow() {
    let provider = FakeProvider::start().await;
    let soon = json!({"general_settings": {"proxy_config_reload_interval_seconds": 0.05}});
    let config = with(holding(&postgres_url().await, &[]), soon);
    let (one, other) = tokio::join!(serve(&config), serve(&config));
    done(&one, "POST", "/model/new", added("added", "db-1", &provider, "sk-fake.text=one")).await;
    comes_to_say(&other, "added", "one").await;
    let change = json!({"litellm_params": {"api_key": "sk-fake.text=two"}});
    done(&other, "PATCH", "/model/db-1/update", change).await;
    comes_to_say(&one, "added", "two").await;
    done(&one, "POST", "/model/delete", json!({"id": "db-1"})).await;
    comes_to_say(&other, "added", "404").await;
}

#[tokio::test]
async fn file_and_database_keep_out_of_each_others_way() {
    let provider = FakeProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let fallback = json!({"litellm_settings": {"fallbacks": [{"own": ["added"]}]}});
    let first = with(
        holding(
            &in_folder(folder.path()),
            &[with(
                openai("own", &provider, "sk-fake.text=first"),
                json!({"litellm_params": {"input_cost_per_token": 0}}),
            )],
        ),
        fallback.clone(),
    );
    let gateway = serve(&first).await;
    assert!(!gateway.log().contains("WARN"), "{}", gateway.log());
    done(&gateway, "POST", "/model/new", added("added", "db-1", &provider, "sk-fake.text=one")).await;
    assert_eq!((says(&gateway, "own").await, says(&gateway, "added").await), ("first".into(), "one".into()));
    // The file changes: the database's models stay, and serve where the file's cannot.
    let second =
        with(holding(&in_folder(folder.path()), &[openai("own", &provider, "sk-fake.status=500")]), fallback);
    std::fs::write(gateway.config_file(), second.to_string()).unwrap();
    gateway.signal("HUP");
    comes_to_say(&gateway, "own", "one").await;
    assert_eq!(says(&gateway, "added").await, "one");
    // The database changes: the file's models stay.
    done(&gateway, "POST", "/model/new", added("more", "db-2", &provider, "sk-fake.text=two")).await;
    assert_eq!((says(&gateway, "own").await, says(&gateway, "more").await), ("one".into(), "two".into()));
}

#[tokio::test]
async fn a_row_that_cannot_be_decrypted_is_its_own_problem() {
    let provider = FakeProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let config = holding(&in_folder(folder.path()), &[openai("own", &provider, "sk-fake.text=file")]);
    let gateway = serve(&config).await;
    done(&gateway, "POST", "/model/new", added("added", "db-1", &provider, "sk-fake.text=one")).await;
    drop(gateway);
    let gateway = Gateway::start().env("LITELLM_SALT_KEY", "another").serve(&config).await;
    comes_to_say(&gateway, "added", "500").await;
    assert_eq!(says(&gateway, "own").await, "file");
    let shown = got(&gateway, "/model/info?litellm_model_id=db-1").await;
    let info = &shown["data"][0]["model_info"];
    assert_eq!(info["health_status"], "unusable");
    assert!(info["problem"].as_str().unwrap().contains("LITELLM_SALT_KEY"), "{info}");
    let (code, _) = refused(&gateway, KEY, "PATCH", "/model/db-1/update", json!({"model_name": "x"})).await;
    assert_eq!(code, 400);
    // Written anew it works again.
    let anew = json!({"litellm_params": {"model": "openai/x", "api_base": provider.v1(), "api_key": "sk-fake.text=new"}});
    done(&gateway, "PATCH", "/model/db-1/update", anew).await;
    assert_eq!(says(&gateway, "added").await, "new");
}

#[tokio::test]
async fn a_database_that_comes_later_brings_its_models() {
    let provider = FakeProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (early, late) = (folder.path().join("early"), folder.path().join("late"));
    std::fs::create_dir(&early).unwrap();
    let gateway = serve(&holding(&in_folder(&early), &[])).await;
    done(&gateway, "POST", "/model/new", added("added", "db-1", &provider, "sk-fake.text=one")).await;
    drop(gateway);
    let spool = json!({"general_settings": {"spool_dir": folder.path().join("spool")}});
    let config = with(holding(&in_folder(&late), &[openai("own", &provider, "sk-fake.text=file")]), spool);
    let gateway = serve(&config).await;
    assert_eq!((says(&gateway, "own").await, says(&gateway, "added").await), ("file".into(), "404".into()));
    assert_eq!(refused(&gateway, KEY, "POST", "/model/delete", json!({"id": "db-1"})).await.0, 503);
    std::fs::rename(early, late).unwrap();
    comes_to_say(&gateway, "added", "one").await;
}

#[tokio::test]
async fn models_are_shown_to_those_who_may_use_them() {
    let provider = FakeProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let secretive = json!({
        "model_name": "cheap",
        "litellm_params": {"model": "openai/gpt-4o-mini", "api_key": "canary-key", "rpm": 7,
            "api_base": format!("http://canary-user:canary-word@{}/v1?canary-query", provider.addr),
            "extra_headers": {"x-auth": "canary-header"}, "aws_secret_access_key": "canary-aws",
            "extra_body": {"token": "canary-token", "a": 1}, "input_cost_per_token": 0.000001},
        "model_info": {"id": "file-1", "access_groups": ["low"], "partner_password": "canary-info"},
    });
    let models = [secretive, openai("dear", &provider, "file-2"), openai("cheap", &provider, "file-3")];
    let gateway = serve(&holding(&in_folder(folder.path()), &models)).await;
    let all = got(&gateway, "/model/info").await;
    assert_eq!(ids(&all), ["file-1", "file-2", "file-3"]);
    assert!(!all.to_string().contains("canary"), "{all}");
    let item = &all["data"][0];
    assert_eq!(item["litellm_params"]["extra_body"], json!({"a": 1}));
    let info = &item["model_info"];
    assert_eq!((&info["db_model"], &info["mode"]), (&json!(false), &json!("chat")));
    assert_eq!((&info["input_cost_per_token"], &info["supports_vision"]), (&json!(0.000_001), &json!(true)));
    assert_eq!((&info["max_input_tokens"], &info["health_status"]), (&json!(128_000), &json!("healthy")));

    let bound = key(&gateway, json!({"models": ["low"]})).await;
    for path in ["/model/info", "/v1/model/info", "/v2/model/info"] {
        assert_eq!(
            ids(&done_by(&gateway, &bound, "GET", path, Value::Null).await),
            ["file-1", "file-3"],
            "{path}"
        );
    }
    let path = "/v1/model/info?litellm_model_id=file-2";
    assert_eq!(refused(&gateway, &bound, "GET", path, Value::Null).await.0, 400);
    assert_eq!(refused(&gateway, KEY, "GET", "/model/info?litellm_model_id=x", Value::Null).await.0, 400);
    let groups = done_by(&gateway, &bound, "GET", "/model_group/info", Value::Null).await;
    let group = &groups["data"][0];
    assert_eq!((groups["data"].as_array().unwrap().len(), &group["model_group"]), (1, &json!("cheap")));
    assert_eq!((&group["providers"], &group["rpm"]), (&json!(["openai"]), &json!(7)));
    assert_eq!((&group["supports_vision"], &group["health_status"]), (&json!(true), &json!("healthy")));
    let denied = done_by(&gateway, &bound, "GET", "/model_group/info?model_group=dear", Value::Null).await;
    assert_eq!(denied, json!({"data": []}));

    let paged = got(&gateway, "/v2/model/info?size=2&page=2&sortBy=model_name&sortOrder=desc").await;
    assert_eq!(
        (ids(&paged), &paged["total_count"], &paged["total_pages"]),
        (vec!["file-3"], &json!(3), &json!(2))
    );
    assert_eq!(ids(&got(&gateway, "/v2/model/info?search=DEA").await), ["file-2"]);
    assert_eq!(ids(&got(&gateway, "/v2/model/info?model=cheap&modelId=file-3").await), ["file-3"]);
    done(&gateway, "POST", "/team/new", json!({"team_id": "t", "models": ["dear"]})).await;
    assert_eq!(ids(&got(&gateway, "/v2/model/info?teamId=t").await), ["file-2"]);
    assert_eq!(refused(&gateway, &bound, "GET", "/v2/model/info?teamId=t", Value::Null).await.0, 403);
    for bad in ["page=0", "size=x", "sortBy=secret", "sortOrder=up"] {
        let (code, error) =
            refused(&gateway, KEY, "GET", &format!("/v2/model/info?{bad}"), Value::Null).await;
        assert!(code == 400 || code == 422, "{bad}: {code}");
        assert_eq!(error["param"], bad.split('=').next().unwrap());
    }
}

#[tokio::test]
async fn an_admin_does_not_learn_what_the_machine_knows() {
    let (provider, thief) = (FakeProvider::start().await, FakeProvider::start().await);
    let folder = tempfile::tempdir().unwrap();
    let start = Gateway::start().env("LITELLM_SALT_KEY", SALT).env("OPENAI_API_KEY", "sk-fake.text=machine");
    let start = start.env("OPENAI_BASE_URL", &provider.v1());
    let gateway = start.serve(&holding(&in_folder(folder.path()), &[])).await;
    let body = json!({"user_id": "a", "user_role": "proxy_admin"});
    let admin = done(&gateway, "POST", "/user/new", body).await["key"].as_str().unwrap().to_string();
    done(&gateway, "POST", "/model/new", added("added", "db-1", &provider, "sk-fake.text=stored")).await;
    let new = |params: Value| json!({"model_name": "m", "litellm_params": params});
    for (method, path, body) in [
        (
            "POST",
            "/model/new",
            new(json!({"model": "openai/x", "api_base": thief.v1(), "api_key": "os.environ/OPENAI_API_KEY"})),
        ),
        ("PATCH", "/model/db-1/update", json!({"litellm_params": {"api_base": thief.v1()}})),
        ("PATCH", "/model/db-1/update", json!({"litellm_params": {"base_url": thief.v1()}})),
    ] {
        assert_eq!(refused(&gateway, &admin, method, path, body.clone()).await.0, 403, "{body}");
    }
    // The machine's key goes to the machine's address, and to no other.
    done_by(&gateway, &admin, "POST", "/model/new", new(json!({"model": "openai/x"}))).await;
    assert_eq!(says(&gateway, "m").await, "machine");
    let elsewhere =
        json!({"model_name": "n", "litellm_params": {"model": "openai/x", "api_base": thief.v1()}});
    done_by(&gateway, &admin, "POST", "/model/new", elsewhere).await;
    let _ = says(&gateway, "n").await;
    let own = json!({"litellm_params": {"api_base": thief.v1(), "api_key": "sk-fake.text=own", "extra_headers": {}}});
    done_by(&gateway, &admin, "PATCH", "/model/db-1/update", own).await;
    assert_eq!(says(&gateway, "added").await, "own");
    for stolen in ["sk-fake.text=machine", "sk-fake.text=stored"] {
        assert_eq!(thief.log(stolen).len(), 0, "{stolen}");
    }
    // The master key's holder runs the machine.
    let reference =
        new(json!({"model": "openai/x", "api_key": "os.environ/OPENAI_API_KEY", "api_base": provider.v1()}));
    let made = done(&gateway, "POST", "/model/new", reference).await;
    assert!(!made.to_string().contains("machine"), "{made}");
    for key in [key(&gateway, json!({})).await, key(&gateway, json!({"key_type": "llm_api"})).await] {
        let reply = ask(&gateway, &key, "POST", "/model/new", &new(json!({"model": "openai/x"}))).await;
        assert_eq!(reply.status(), 403);
        assert_eq!(ask(&gateway, &key, "GET", "/model/info", &Value::Null).await.status(), 200);
    }
}
