//! The same question is answered once; any other is asked.

use serde_json::json;

use super::{NUMBERED, cached, cached_config, hello, said};
use crate::harness::{FakeProvider, Gateway, config, eventually, openai, with};

#[tokio::test]
async fn the_same_question_is_answered_from_the_cache() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local"})).await;
    let first = gateway.chat(&hello("Hi")).await;
    let again = gateway.chat(&hello("Hi")).await;
    assert_eq!((said(&first), first.text()), (said(&again), again.text()), "byte for byte");
    let key = first.header("x-litellm-cache-key").unwrap();
    assert_eq!(key.len(), 64);
    assert_eq!(again.header("x-litellm-cache-key"), Some(key));
    assert_eq!(first.header("x-litellm-cache-hit"), Some("False"));
    assert_eq!(again.header("x-litellm-cache-hit"), Some("True"));
    assert_eq!(again.header("x-litellm-response-cost"), Some("0.0"));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_ne!(again.header("x-litellm-call-id"), first.header("x-litellm-call-id"));
    gateway.logged("cache_hit=true").await;
    assert_eq!(said(&gateway.chat(&hello("Hi!")).await), "answer 2");
    let bodies = [
        r#"{ "messages" : [ {"content":"H\u0069","role":"user"} ], "model":"gpt" }"#,
        r#"{"timeout":30,"model":"gpt","messages":[{"role":"user","content":"Hi"}],"num_retries":1}"#,
    ];
    for body in bodies {
        let bearer = format!("Bearer {}", crate::harness::KEY);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("x-stagedoor-explain", "true"),
        ];
        let reply = gateway.raw("POST", "/v1/chat/completions", &headers, body.as_bytes()).await;
        assert_eq!(said(&reply), "answer 1", "{body}");
        assert_eq!(reply.header("x-stagedoor-explain"), Some(r#"{"cache":"hit"}"#), "why it went nowhere");
    }
    for (name, label, count) in [
        ("litellm_cache_hits_metric_total", "gpt", 3.0),
        ("litellm_cache_misses_metric_total", "gpt", 2.0),
        ("stagedoor_cache_lookups_total", "hit", 3.0),
        ("stagedoor_cache_stores_total", "stored", 2.0),
        ("stagedoor_cache_entries", "", 2.0),
    ] {
        assert_eq!(gateway.metric(name, &[label]).await, Some(count), "{name}");
    }
}

#[tokio::test]
async fn any_other_question_is_asked() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, NUMBERED), openai("other", &provider, "sk-fake.text=other {n}")];
    let settings = json!({"litellm_settings": {"cache": true, "cache_params": {"type": "local"}},
        "router_settings": {"model_group_alias": {"alias": "gpt"}}});
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    let base = hello("Hi");
    let mut asked = 1;
    assert_eq!(said(&gateway.chat(&base).await), "answer 1");
    for change in [
        json!({"temperature": 0}),
        json!({"temperature": 0.0}),
        json!({"seed": 1}),
        json!({"user": "ann"}),
        json!({"max_tokens": 5}),
        json!({"min_p": 0.1}),
        json!({"extra_body": {"guided_json": {"a": 1}}}),
        json!({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "none"}),
        json!({"response_format": {"type": "text"}}),
        json!({"tags": ["a"]}),
        json!({"messages": [{"role": "system", "content": "Hi"}]}),
        json!({"messages": [{"role": "user", "content": "hi"}]}),
        json!({"messages": [{"role": "user", "content": "Hi", "name": "ann"}]}),
        json!({"cache": {"namespace": "mine"}}),
        json!({"model": "alias"}),
    ] {
        asked += 1;
        let body = with(base.clone(), change.clone());
        assert_eq!(said(&gateway.chat(&body).await), format!("answer {asked}"), "{change}");
        assert_eq!(said(&gateway.chat(&body).await), format!("answer {asked}"), "{change}, asked again");
    }
    assert_eq!(said(&gateway.chat(&with(base.clone(), json!({"model": "other"}))).await), "other 1");
    assert_eq!(said(&gateway.chat(&base).await), "answer 1");
    let tagged = gateway.post_with("/v1/chat/completions", &[("x-litellm-tags", "b")], &base).await;
    assert_eq!(said(&tagged), format!("answer {}", asked + 1));
}

#[tokio::test]
async fn a_request_says_what_it_wants_of_the_cache() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local"})).await;
    let wants = |text: &str, cache| with(hello(text), json!({"cache": cache}));
    assert_eq!(said(&gateway.chat(&hello("a")).await), "answer 1");
    assert_eq!(said(&gateway.chat(&wants("a", json!({"no-cache": true}))).await), "answer 2");
    assert_eq!(said(&gateway.chat(&hello("a")).await), "answer 2", "the newer answer was kept");
    assert_eq!(said(&gateway.chat(&wants("b", json!({"no-store": true}))).await), "answer 3");
    assert_eq!(said(&gateway.chat(&hello("b")).await), "answer 4", "nothing was kept");
    assert_eq!(said(&gateway.chat(&wants("a", json!({"s-maxage": 3600}))).await), "answer 2");
    assert_eq!(said(&gateway.chat(&with(hello("a"), json!({"caching": false}))).await), "answer 5");
    for (header, answer) in [("no-cache, no-store", "answer 6"), ("max-age=3600", "answer 2")] {
        let headers = [("cache-control", header)];
        let reply = gateway.post_with("/v1/chat/completions", &headers, &hello("a")).await;
        assert_eq!(said(&reply), answer, "{header}");
    }
    assert_eq!(said(&gateway.chat(&wants("c", json!({"ttl": 0}))).await), "answer 7");
    assert_eq!(said(&gateway.chat(&hello("c")).await), "answer 8", "kept for no time");
    let wrong = gateway.chat(&wants("a", json!({"ttl": "soon"}))).await;
    assert_eq!((wrong.status(), &wrong.error()["param"]), (400, &json!("cache")));
    let sent = provider.log(NUMBERED);
    assert!(sent.iter().all(|request| request.body.get("cache").is_none()), "no provider sees it");
}

#[tokio::test]
async fn a_cache_for_those_who_ask_for_it() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local", "mode": "default_off"})).await;
    let plain = gateway.chat(&hello("a")).await;
    assert_eq!((said(&plain).as_str(), plain.header("x-litellm-cache-key")), ("answer 1", None));
    assert_eq!(said(&gateway.chat(&hello("a")).await), "answer 2");
    let wants = with(hello("a"), json!({"cache": {"use-cache": true}}));
    assert_eq!(said(&gateway.chat(&wants).await), "answer 3");
    assert_eq!(said(&gateway.chat(&wants).await), "answer 3");
}

#[tokio::test]
async fn errors_and_answers_of_fallbacks_are_not_kept() {
    let provider = FakeProvider::start().await;
    let models = [openai("gpt", &provider, "sk-fake.status=500"), openai("spare", &provider, NUMBERED)];
    let settings = json!({
        "litellm_settings": {"cache": true, "cache_params": {"type": "local"}},
        "router_settings": {"fallbacks": [{"gpt": ["spare"]}], "disable_cooldowns": true},
    });
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    assert_eq!(said(&gateway.chat(&hello("a")).await), "answer 1");
    assert_eq!(said(&gateway.chat(&hello("a")).await), "answer 2", "the spare one's answer is not gpt's");
    let alone = with(hello("a"), json!({"disable_fallbacks": true}));
    for _ in 0..2 {
        assert_eq!(gateway.chat(&alone).await.status(), 500);
    }
    provider.script("sk-fake.status=500", "text=healed {n}");
    let healed = gateway.chat(&hello("a")).await;
    assert!(said(&healed).starts_with("healed"), "{}", healed.text());
}

#[tokio::test]
async fn a_group_that_was_given_another_model_is_asked_again() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local"})).await;
    assert_eq!(said(&gateway.chat(&hello("Hi")).await), "answer 1");
    assert_eq!(said(&gateway.chat(&hello("Hi")).await), "answer 1");
    let mut changed = cached_config(&provider, json!({"type": "local"}));
    changed["model_list"][0]["litellm_params"]["model"] = json!("openai/another");
    std::fs::write(gateway.config_file(), changed.to_string()).unwrap();
    eventually("the other model is in use", || async {
        let reply = gateway.chat(&hello("other")).await;
        let asked = provider.log(NUMBERED).into_iter().any(|entry| entry.body["model"] == "another");
        (reply.status() == 200 && asked).then_some(())
    })
    .await;
    assert_ne!(said(&gateway.chat(&hello("Hi")).await), "answer 1");
}

#[tokio::test]
async fn what_goes_on_a_conversation_of_the_provider_is_a_turn_each_time() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local", "supported_call_types": ["responses"]})).await;
    let body = json!({"model": "gpt", "input": "continue", "conversation": "conv_1"});
    for asked in 1..=2 {
        assert_eq!(gateway.post("/v1/responses", &body).await.status(), 200);
        assert_eq!(provider.stats(NUMBERED).requests, asked);
    }
}
