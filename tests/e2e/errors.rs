//! Errors tell the truth: the provider's class, code, param and type come through, in OpenAI's envelope.

use serde_json::{Value, json};

use crate::harness::config::at;
use crate::harness::{FakeProvider, Gateway, anthropic, azure, chat, config, openai};

#[tokio::test]
async fn every_status_keeps_its_class() {
    let provider = FakeProvider::start().await;
    for status in [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529] {
        let key = format!(
            "sk-fake.status={status}.error_code=its_code.error_param=its_param.error_type=its_type.error_message=its%20words"
        );
        let models = [openai("gpt", &provider, &key), azure("azure", &provider, &format!("{key}.id=a"))];
        let gateway = Gateway::serve(&config(&models)).await;
        for model in ["gpt", "azure"] {
            for stream in [false, true] {
                let mut body = chat(model);
                body["stream"] = stream.into();
                let reply = gateway.chat(&body).await;
                assert_eq!(reply.status(), status, "{model}: {}", reply.text());
                let error = reply.error();
                assert_eq!(error["code"], "its_code", "{status} {model}: {error}");
                assert_eq!(error["param"], "its_param", "{status} {model}: {error}");
                assert_eq!(error["type"], "its_type", "{status} {model}: {error}");
                let message = error["message"].as_str().unwrap();
                assert!(message.contains("its words") && message.starts_with("litellm."), "{message}");
                assert!(reply.must("x-litellm-model-id").starts_with(&key));
            }
        }
    }
}

#[tokio::test]
async fn anthropics_errors_speak_openais_language() {
    let provider = FakeProvider::start().await;
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ] {
        let key = format!("sk-fake.status={status}");
        let gateway = Gateway::serve(&config(&[anthropic("claude", &provider, &key)])).await;
        let reply = gateway.chat(&chat("claude")).await;
        assert_eq!(reply.status(), status, "{}", reply.text());
        assert_eq!(reply.error()["type"], kind, "{status}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_success_that_is_none_is_an_error() {
    let provider = FakeProvider::start().await;
    let table: [(&str, u16); 5] =
        [("error_in_200", 500), ("garbage", 502), ("cut=1", 502), ("close", 502), ("reset", 502)];
    for (fault, status) in table {
        let key = format!("sk-fake.{fault}");
        let models = [openai("gpt", &provider, &key), anthropic("claude", &provider, &format!("{key}.id=a"))];
        let gateway = Gateway::serve(&config(&models)).await;
        for model in ["gpt", "claude"] {
            let reply = gateway.chat(&chat(model)).await;
            assert_eq!(reply.status(), status, "{fault} {model}: {}", reply.text());
            reply.error();
        }
        gateway.idle().await;
    }
}

#[tokio::test]
async fn garbage_is_no_embedding_either() {
    let provider = FakeProvider::start().await;
    for fault in ["error_in_200", "garbage", "cut=1"] {
        let gateway = Gateway::serve(&config(&[openai("gpt", &provider, &format!("sk-fake.{fault}"))])).await;
        for (path, body) in [
            ("/v1/embeddings", json!({"model": "gpt", "input": "a"})),
            ("/v1/completions", json!({"model": "gpt", "prompt": "a"})),
            ("/v1/moderations", json!({"model": "gpt", "input": "a"})),
            ("/v1/responses", json!({"model": "gpt", "input": "a"})),
            ("/v1/images/generations", json!({"model": "gpt", "prompt": "a"})),
        ] {
            let reply = gateway.post(path, &body).await;
            assert!(reply.status() >= 500, "{fault} {path}: {} {}", reply.status(), reply.text());
            reply.error();
        }
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_a_502() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let base = format!("http://{free}/v1");
    let models = [
        at("refused", "openai/up", &base, "sk-a"),
        at("nowhere", "openai/up", "http://nowhere.invalid/v1", "sk-b"),
    ];
    let gateway = Gateway::serve(&config(&models)).await;
    for model in ["refused", "nowhere"] {
        let reply = gateway.chat(&chat(model)).await;
        assert_eq!(reply.status(), 502, "{}", reply.text());
        let error = reply.error();
        assert_eq!(error["code"], "upstream_connection_failed");
        assert!(error["message"].as_str().unwrap().contains("Connection error"), "{error}");
    }
}

#[tokio::test]
async fn a_deployment_that_cannot_work_says_why() {
    let models = [json!({"model_name": "gpt", "litellm_params": {"model": "azure/x"}})];
    let gateway = Gateway::serve(&config(&models)).await;
    let reply = gateway.chat(&chat("gpt")).await;
    assert_eq!(reply.status(), 500, "{}", reply.text());
    let error = reply.error();
    assert_eq!(error["code"], "deployment_misconfigured");
    assert!(error["message"].as_str().unwrap().contains("api_base"), "{error}");
    assert_eq!(reply.header("x-should-retry"), Some("false"));
}

#[tokio::test]
async fn what_the_provider_says_about_waiting_is_passed_on() {
    let provider = FakeProvider::start().await;
    let models = [
        openai("seconds", &provider, "sk-fake.status=429.retry_after=7"),
        openai("millis", &provider, "sk-fake.status=503.retry_after_ms=1500"),
        openai("silent", &provider, "sk-fake.status=429"),
    ];
    let gateway = Gateway::serve(&config(&models)).await;
    let reply = gateway.chat(&chat("seconds")).await;
    assert_eq!((reply.must("retry-after"), reply.must("retry-after-ms")), ("7", "7000"));
    let reply = gateway.chat(&chat("millis")).await;
    assert_eq!((reply.must("retry-after"), reply.must("retry-after-ms")), ("2", "1500"));
    let reply = gateway.chat(&chat("silent")).await;
    assert_eq!((reply.header("retry-after"), reply.header("x-should-retry")), (None, None));
    let error: Value = reply.error();
    assert_eq!(error["code"], "rate_limit_exceeded");
}
