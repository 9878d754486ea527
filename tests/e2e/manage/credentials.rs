//! Credentials: written down once, named by models of the database, kept encrypted and never shown.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ask, done, got, postgres_url, refused};
use crate::harness::{FakeProvider, Gateway, KEY, chat, config, eventually, with};

/// A gateway whose file has a credential of its own, too.
async fn serve(url: &str, provider: &FakeProvider) -> Gateway {
    let config = with(
        config(&[]),
        json!({
            "general_settings": {"database_url": url, "store_model_in_db": true},
            "credential_list": [{"credential_name": "of the file",
                "credential_values": {"api_key": "sk-fake.text=file", "api_base": provider.v1()},
                "credential_info": {"note": "n"}}],
        }),
    );
    Gateway::start().env("LITELLM_SALT_KEY", "sk-e2e-salt").serve(&config).await
}

fn model(id: &str, credential: &str) -> Value {
    json!({"model_name": id, "model_info": {"id": id},
        "litellm_params": {"model": "openai/gpt-4o", "litellm_credential_name": credential}})
}

async fn says(gateway: &Gateway, model: &str) -> String {
    let reply = gateway.chat(&chat(model)).await;
    if reply.status() == 200 { reply.said() } else { reply.status().to_string() }
}

async fn models_use_what_is_written_down_once(url: &str) {
    let provider = FakeProvider::start().await;
    let gateway = serve(url, &provider).await;
    let values = json!({"api_key": "sk-fake.text=one", "api_base": provider.v1()});
    let body =
        json!({"credential_name": "prod", "credential_values": values, "credential_info": {"team": "a"}});
    let made = done(&gateway, "POST", "/credentials", body.clone()).await;
    assert_eq!(made, json!({"success": true, "message": "Credential created successfully"}));
    assert_eq!(refused(&gateway, KEY, "POST", "/credentials", body).await.0, 409);
    for id in ["first", "second"] {
        done(&gateway, "POST", "/model/new", model(id, "prod")).await;
        assert_eq!(says(&gateway, id).await, "one");
    }
    done(&gateway, "POST", "/model/new", model("third", "of the file")).await;
    assert_eq!(says(&gateway, "third").await, "file");

    let masked = json!({"credential_name": "prod",
        "credential_values": {"api_key": "*****", "api_base": "*****"}, "credential_info": {"team": "a"}});
    assert_eq!(got(&gateway, "/credentials/by_name/prod").await, masked);
    let all = got(&gateway, "/credentials").await;
    assert_eq!((&all["success"], &all["credentials"][1]), (&json!(true), &masked));
    assert_eq!(all["credentials"][0]["credential_info"], json!({"note": "n"}));
    assert!(!all.to_string().contains("sk-fake"), "{all}");
    let own = got(&gateway, "/credentials/by_model/first").await;
    assert_eq!(own["credential_values"], json!({}));

    // All models change at once.
    let change = json!({"credential_values": {"api_key": "sk-fake.text=two"}});
    done(&gateway, "PATCH", "/credentials/prod", change).await;
    assert_eq!((says(&gateway, "first").await, says(&gateway, "second").await), ("two".into(), "two".into()));
    let (status, error) = refused(&gateway, KEY, "DELETE", "/credentials/prod", Value::Null).await;
    assert!(status == 409 && error["message"].as_str().unwrap().contains("first"), "{error}");
    drop(gateway);

    let gateway = serve(url, &provider).await;
    eventually("the models are there again", || async {
        (says(&gateway, "first").await == "two").then_some(())
    })
    .await;
    for id in ["first", "second"] {
        done(&gateway, "POST", "/model/delete", json!({"id": id})).await;
    }
    done(&gateway, "DELETE", "/credentials/prod", Value::Null).await;
    for (method, path) in
        [("GET", "by_name/prod"), ("PATCH", "prod"), ("DELETE", "prod"), ("GET", "by_model/first")]
    {
        let (status, _) = refused(&gateway, KEY, method, &format!("/credentials/{path}"), json!({})).await;
        assert_eq!(status, 404, "{method} {path}");
    }
    for method in ["PATCH", "DELETE"] {
        let (status, _) = refused(&gateway, KEY, method, "/credentials/of%20the%20file", json!({})).await;
        assert_eq!(status, 400, "the file's are changed in the file");
    }
}

#[tokio::test]
async fn models_use_what_is_written_down_once_on_sqlite() {
    let folder = TempDir::new().unwrap();
    models_use_what_is_written_down_once(&format!("sqlite:///{}/c.db", folder.path().display())).await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        assert!(
            memchr::memmem::find(&bytes, b"sk-fake").is_none(),
            "a key in the clear in {}",
            path.display()
        );
    }
}

#[tokio::test]
async fn models_use_what_is_written_down_once_on_postgresql() {
    models_use_what_is_written_down_once(&postgres_url().await).await;
}

#[tokio::test]
async fn an_admin_sends_nobodys_key_elsewhere() {
    let provider = FakeProvider::start().await;
    let gateway = serve("sqlite:///c.db", &provider).await;
    let admin = json!({"user_id": "admin", "user_role": "proxy_admin"});
    let admin = done(&gateway, "POST", "/user/new", admin).await["key"].as_str().unwrap().to_string();
    let body = |values: Value| json!({"credential_name": "c", "credential_values": values});
    for (values, field) in [
        (json!({"api_base": "https://elsewhere.example"}), "credential_values.api_base"),
        (json!({"api_key": "os.environ/HOME"}), "credential_values.api_key"),
    ] {
        let (status, error) = refused(&gateway, &admin, "POST", "/credentials", body(values)).await;
        assert_eq!((status, &error["param"]), (403, &json!(field)));
    }
    for base in ["http://169.254.169.254/", "http://[64:ff9b::a9fe:a9fe]/"] {
        let refusal = refused(&gateway, KEY, "POST", "/credentials", body(json!({"api_base": base}))).await;
        assert_eq!(refusal.0, 403, "not from the master key either: {base}");
    }
    let made = ask(&gateway, &admin, "POST", "/credentials", &body(json!({"api_key": "sk-own"}))).await;
    assert_eq!(made.status(), 200, "{}", made.text());
    let (status, _) = refused(
        &gateway,
        &admin,
        "PATCH",
        "/credentials/c",
        json!({"credential_values": {"base_url": "https://elsewhere.example"}}),
    )
    .await;
    assert_eq!(status, 403);
}
