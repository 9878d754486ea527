//! The semantic cache's settings.

use std::time::Duration;

use super::*;

const MODELS: &str = "model_list:
  - {model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}}
  - {model_name: e, litellm_params: {model: openai/text-embedding-3-small, api_key: k}}
";

fn semantic(params: &str) -> Option<model::SemanticSettings> {
    load(&format!("{MODELS}litellm_settings: {{cache: true, cache_params: {{{params}}}}}")).config.semantic
}

#[test]
fn a_threshold_switches_it_on() {
    assert_eq!(semantic("type: local"), None);
    let found = semantic("type: redis-semantic, host: r, similarity_threshold: 0.8").unwrap();
    assert_eq!((found.least, &*found.model, found.timeout), (0.8, "e", Duration::from_secs(5)));
    assert_eq!((found.by_end_user, found.index), (false, None));
    let all = "type: local-semantic, similarity_threshold: 1, redis_semantic_cache_embedding_model: e, \
               redis_semantic_cache_index_name: i, semantic_cache_scope: end_user, semantic_cache_embedding_timeout: 0.5";
    let found = semantic(all).unwrap();
    assert_eq!((found.least, found.index.as_deref(), found.by_end_user), (1.0, Some("i"), true));
    assert_eq!(found.timeout, Duration::from_millis(500));
    let text = format!("{MODELS}cache_settings: {{type: redis, host: r, similarity_threshold: 0.8}}");
    assert!(load(&text).config.semantic.is_some(), "the tutorial's form");
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    let said = |models: &str, params: &str| {
        let text = format!("{models}litellm_settings:\n  cache: true\n  cache_params: {{{params}}}");
        let text = format!("{text}\ngeneral_settings: {{master_key: sk-a-master-key-of-tests}}\n");
        report(&text).into_iter().filter(|line| line.contains("cache_params")).collect::<Vec<_>>().join("\n")
    };
    for (params, word) in [
        ("type: local-semantic", "needs a similarity_threshold"),
        ("type: local, similarity_threshold: 1.5", "must be more than 0 and at most 1"),
        ("type: local, similarity_threshold: 0", "must be more than 0 and at most 1"),
        ("type: local, similarity_threshold: 0.8, semantic_cache_scope: team", "must be key or end_user"),
        (
            "type: local, similarity_threshold: 0.8, redis_semantic_cache_embedding_model: f",
            "the embedding model of the semantic cache \"f\" is not in model_list",
        ),
    ] {
        let all = said(MODELS, params);
        assert!(all.contains(word), "{params}: {all}");
    }
    let only_chat = "model_list:\n  - {model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}}\n";
    let warned = said(only_chat, "type: local, similarity_threshold: 0.8");
    assert!(warned.contains("warning") && warned.contains("has no effect without"), "{warned}");
    let wrong = said(only_chat, "type: local-semantic, similarity_threshold: 0.8");
    assert!(wrong.contains("error") && wrong.contains("redis_semantic_cache_embedding_model"), "{wrong}");
}
