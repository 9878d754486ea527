//! The first minute: no arguments, no keys, no files.

use std::process::Command;

use serde_json::Value;

use crate::harness::Gateway;
use crate::harness::gateway::command;

/// The command that the program prints, as a person would paste it.
fn printed_curl(log: &str) -> String {
    let start = log.find("  curl ").expect("a curl command");
    let lines: Vec<&str> = log[start..].lines().collect();
    let end = lines.iter().position(|line| !line.ends_with('\\')).unwrap();
    lines[..=end].join("\n")
}

fn shell(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn what_is_printed_works_as_it_stands() {
    let gateway = Gateway::start().run(None).await;
    gateway.logged("  curl ").await;
    gateway.logged("    -d ").await;
    let log = gateway.log();
    assert!(log.contains("Models: demo"), "{log}");
    assert!(log.contains("Master key (made for this run"), "{log}");
    let curl = printed_curl(&log);
    let said: Value = serde_json::from_str(&shell(&format!("{curl} -s"))).unwrap();
    assert!(said["choices"][0]["message"]["content"].as_str().unwrap().contains("Stagedoor"), "{said}");
    let streamed = shell(&format!("{} -sN", curl.replace("{\"model\"", "{\"stream\": true, \"model\"")));
    let blocks: Vec<&str> = streamed.trim().split("\n\n").collect();
    assert!(blocks.len() > 3, "{streamed}");
    assert_eq!(blocks.last(), Some(&"data: [DONE]"));
    let first: Value = serde_json::from_str(blocks[0].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(first["object"], "chat.completion.chunk");
}

#[tokio::test]
async fn with_a_key_of_ones_own_it_is_not_printed() {
    let gateway = Gateway::start().env("LITELLM_MASTER_KEY", "sk-my-own-key").run(None).await;
    gateway.logged("    -d ").await;
    assert!(!gateway.log().contains("sk-my-own-key"));
    let curl = printed_curl(&gateway.log());
    let said = shell(&format!("LITELLM_MASTER_KEY=sk-my-own-key; {curl} -s"));
    assert!(said.contains("Stagedoor"), "{said}");
}

#[test]
fn version_and_help_are_there() {
    let version = command().arg("--version").output().unwrap();
    assert!(String::from_utf8(version.stdout).unwrap().contains(env!("CARGO_PKG_VERSION")));
    let help = String::from_utf8(command().arg("--help").output().unwrap().stdout).unwrap();
    for flag in ["--config", "--port", "--host", "--num_workers", "--detailed_debug", "--check"] {
        assert!(help.contains(flag), "{flag}");
    }
    assert!(!command().arg("--nonsense").output().unwrap().status.success());
}
