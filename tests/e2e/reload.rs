//! Reload and `--check`: nothing is dropped, and a broken file changes nothing.

use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::gateway::command;
use crate::harness::{FakeProvider, Gateway, chat, config, eventually, openai, with};

/// Writes as editors do: a new file that takes the old one's place.
fn replace(gateway: &Gateway, text: &str) {
    let path = gateway.config_file();
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

async fn serves(gateway: &Gateway, text: &str) {
    eventually(&format!("the gateway says {text}"), || async {
        let reply = gateway.chat(&chat("gpt")).await;
        (reply.status() == 200 && reply.said() == text).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_changed_file_is_taken_over_under_load_without_a_failure() {
    let provider = FakeProvider::start().await;
    let version = |n: u32| {
        let key = format!("sk-fake.text=version{n}.slow=20");
        with(
            config(&[openai("gpt", &provider, &key)]),
            json!({"model_list": [openai("gpt", &provider, &key)]}),
        )
        .to_string()
    };
    let gateway = Gateway::start().workers(2).run(Some(&version(0))).await;
    let stop = AtomicBool::new(false);
    let load = async {
        let client = async || {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                let reply = gateway.chat(&chat("gpt")).await;
                assert_eq!(reply.status(), 200, "{}", reply.text());
                count += 1;
            }
            count
        };
        tokio::join!(client(), client(), client(), client())
    };
    let mut stream = gateway.stream("/v1/chat/completions", &chat("gpt")).await;
    let change = async {
        for n in 1..=3 {
            replace(&gateway, &version(n));
            serves(&gateway, &format!("version{n}")).await;
        }
        std::fs::write(gateway.config_file(), version(4)).unwrap();
        gateway.signal("HUP");
        serves(&gateway, "version4").await;
        stop.store(true, Ordering::Relaxed);
    };
    let ((a, b, c, d), ()) = tokio::join!(load, change);
    assert!(a > 0 && b > 0 && c > 0 && d > 0);
    stream.event().await.unwrap();
    assert_eq!(stream.rest().await.dones(), 1, "a stream goes on with what it began with");
    assert!(gateway.metric("stagedoor_config_reloads_total", &["applied"]).await.unwrap() >= 4.0);
    gateway.idle().await;
}

#[tokio::test]
async fn metrics_forget_a_deployment_that_is_gone() {
    let provider = FakeProvider::start().await;
    let named = |id: &str| with(openai("gpt", &provider, "sk-fake.id=1"), json!({"model_info": {"id": id}}));
    let limited = |id: &str| with(named(id), json!({"litellm_params": {"rpm": 500, "tpm": 50_000}}));
    let gateway = Gateway::serve(&config(&[limited("old"), named("stays")])).await;
    let all = [
        "litellm_deployment_state",
        "litellm_deployment_rpm_limit",
        "litellm_deployment_tpm_limit",
        "litellm_remaining_requests_metric",
        "litellm_deployment_total_requests_total",
        "stagedoor_deployment_in_flight",
    ];
    let of_old = async || {
        let text = gateway.get("/metrics").await.text();
        all.map(|name| text.lines().any(|line| line.starts_with(name) && line.contains("model_id=\"old\"")))
    };
    eventually("both have answered", || async {
        assert_eq!(gateway.chat(&chat("gpt")).await.status(), 200);
        (of_old().await == [true; 6]).then_some(())
    })
    .await;
    replace(&gateway, &config(&[named("stays")]).to_string());
    eventually("the old one is gone", || async { (of_old().await == [false; 6]).then_some(()) }).await;
    assert_eq!(gateway.metric("litellm_deployment_state", &["model_id=\"stays\""]).await, Some(0.0));
}

#[tokio::test]
async fn a_broken_file_keeps_the_old_configuration_and_says_so() {
    let provider = FakeProvider::start().await;
    let good = config(&[openai("gpt", &provider, "sk-fake.text=good")]);
    let gateway = Gateway::serve(&good).await;
    let broken = [
        ("model_list: [", "config.yaml"),
        ("model_list:\n  - model_name: gpt\n    litellm_params: 7\n", "litellm_params"),
    ];
    for (n, (text, says)) in broken.into_iter().enumerate() {
        replace(&gateway, text);
        let refused = move |value: f64| value >= (n + 1) as f64;
        eventually("the file is refused", || async {
            let refusals = gateway.metric("stagedoor_config_reloads_total", &["refused"]).await;
            refusals.is_some_and(refused).then_some(())
        })
        .await;
        assert_eq!(gateway.chat(&chat("gpt")).await.said(), "good");
        gateway.logged("the configuration was not reloaded").await;
        gateway.logged(says).await;
    }
    std::fs::remove_file(gateway.config_file()).unwrap();
    gateway.signal("HUP");
    assert_eq!(gateway.chat(&chat("gpt")).await.said(), "good");
    replace(&gateway, &config(&[openai("gpt", &provider, "sk-fake.text=mended")]).to_string());
    serves(&gateway, "mended").await;
}

#[tokio::test]
async fn what_stays_keeps_its_cooldown() {
    let provider = FakeProvider::start().await;
    let models =
        [openai("gpt", &provider, "sk-fake.status=429"), openai("gpt", &provider, "sk-fake.text=good")];
    let base = with(config(&models), json!({"router_settings": {"cooldown_time": 60, "num_retries": 2}}));
    let gateway = Gateway::serve(&base).await;
    eventually("the bad one is met", || async {
        gateway.chat(&chat("gpt")).await;
        (provider.stats("sk-fake.status=429").requests == 1).then_some(())
    })
    .await;
    let more = with(base, json!({"litellm_settings": {"drop_params": true}}));
    replace(&gateway, &more.to_string());
    gateway.logged("configuration reloaded").await;
    for _ in 0..20 {
        assert_eq!(gateway.chat(&chat("gpt")).await.said(), "good");
    }
    assert_eq!(provider.stats("sk-fake.status=429").requests, 1);
}

fn check(text: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.yaml");
    std::fs::write(&path, text).unwrap();
    command().args(["--check", "--config"]).arg(path).output().unwrap()
}

#[test]
fn check_prints_the_report_and_ends_with_0_or_1() {
    let good = check("model_list:\n  - model_name: a\n    litellm_params: {model: openai/x, api_key: k}\n");
    let text = String::from_utf8(good.stdout).unwrap();
    assert_eq!(good.status.code(), Some(0), "{text}");
    assert!(text.contains("OK: 1 deployments"), "{text}");

    let bad = "model_list:\n  - model_name: a\n    litellm_params: {modle: openai/x}\n  - litellm_params: {model: openai/y, api_key: k}\nrouter_settings:\n  num_retries: many\n";
    let bad = check(bad);
    let text = String::from_utf8(bad.stdout).unwrap();
    assert_eq!(bad.status.code(), Some(1), "{text}");
    for part in [
        "c.yaml:3 model_list[0].litellm_params.modle",
        "\"model\"",
        "c.yaml:4 model_list[1]",
        "c.yaml:6 router_settings.num_retries",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    let missing = command().args(["--check", "--config", "/nowhere/c.yaml"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8(missing.stdout).unwrap().contains("/nowhere/c.yaml"));
}

#[test]
fn start_up_fails_with_the_same_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.yaml");
    std::fs::write(&path, "model_list: 7\n").unwrap();
    let output = command().args(["--port", "0", "--config"]).arg(path).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("c.yaml:1 model_list"), "{text}");
    let value: Value = json!({"general_settings": {"master_key": "sk-1234"}});
    let path = folder.path().join("public.yaml");
    std::fs::write(&path, value.to_string()).unwrap();
    let output = command().args(["--port", "0", "--host", "0.0.0.0", "--config"]).arg(path).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "a public key on a public address");
    assert!(String::from_utf8(output.stderr).unwrap().contains("publicly known"));
}
