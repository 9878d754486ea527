//! The shapes of usage that providers send.

use super::*;

#[test]
fn openai_chat_with_details() {
    let usage = usage_of(
        r#"{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
            "prompt_tokens_details":{"cached_tokens":64,"audio_tokens":3},
            "completion_tokens_details":{"reasoning_tokens":8,"audio_tokens":2}}"#,
    )
    .unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total()), (100, 20, 120));
    assert_eq!((usage.cached_tokens, usage.reasoning_tokens), (64, 8));
    assert_eq!((usage.input_audio_tokens, usage.output_audio_tokens), (3, 2));
    assert!(!usage.estimated);
}

#[test]
fn embeddings_and_responses() {
    let embedding = usage_of(r#"{"prompt_tokens":8,"total_tokens":8}"#).unwrap();
    assert_eq!((embedding.prompt_tokens, embedding.completion_tokens), (8, 0));
    let response = usage_of(
        r#"{"input_tokens":36,"input_tokens_details":{"cached_tokens":10},"output_tokens":87,
            "output_tokens_details":{"reasoning_tokens":7},"total_tokens":123}"#,
    )
    .unwrap();
    assert_eq!((response.prompt_tokens, response.completion_tokens), (36, 87));
    assert_eq!((response.cached_tokens, response.reasoning_tokens), (10, 7));
    assert_eq!(usage_of(r#"{"total_tokens":5}"#).unwrap().prompt_tokens, 5);
}

#[test]
fn anthropic_counts_cache_beside_the_input() {
    let usage = usage_of(
        r#"{"input_tokens":5,"cache_creation_input_tokens":100,"cache_read_input_tokens":50,"output_tokens":7}"#,
    )
    .unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (155, 7));
    assert_eq!((usage.cached_tokens, usage.cache_creation_tokens), (50, 100));
}

#[test]
fn the_same_extras_beside_openai_counts_add_nothing() {
    let usage =
        usage_of(r#"{"prompt_tokens":155,"completion_tokens":7,"cache_read_input_tokens":50}"#).unwrap();
    assert_eq!((usage.prompt_tokens, usage.cached_tokens), (155, 50));
}

#[test]
fn compatible_servers_deviate() {
    let deepseek =
        usage_of(r#"{"prompt_tokens":9,"completion_tokens":1,"prompt_cache_hit_tokens":4}"#).unwrap();
    assert_eq!(deepseek.cached_tokens, 4);
    let xai = usage_of(
        r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,"completion_tokens_details":{"reasoning_tokens":20}}"#,
    )
    .unwrap();
    assert_eq!((xai.completion_tokens, xai.reasoning_tokens), (25, 20));
    assert_eq!(usage_of(r#"{"prompt_tokens":3.0,"completion_tokens":-1.0}"#).unwrap().prompt_tokens, 3);
}

#[test]
fn nothing_counted_is_no_usage() {
    for raw in ["null", "{}", "7", r#"{"type":"duration"}"#, r#"{"prompt_tokens":null}"#, "{"] {
        assert_eq!(usage_of(raw), None, "{raw}");
    }
}

#[test]
fn images_audio_and_seconds() {
    let image = usage_of(
        r#"{"total_tokens":6000,"input_tokens":1000,"output_tokens":5000,
            "input_tokens_details":{"text_tokens":40,"image_tokens":960,"cached_tokens":500,
                "cached_tokens_details":{"text_tokens":20,"image_tokens":480}},
            "output_tokens_details":{"image_tokens":4900,"text_tokens":100}}"#,
    )
    .unwrap();
    assert_eq!((image.prompt_tokens, image.completion_tokens), (1000, 5000));
    assert_eq!((image.input_image_tokens, image.output_image_tokens), (960, 4900));
    assert_eq!((image.cached_tokens, image.cached_image_tokens), (500, 480));
    let speech = usage_of(
        r#"{"input_token_details":{"audio_tokens":90,"cached_tokens":70,"cached_tokens_details":{"audio_tokens":60}},
            "input_tokens":100,"output_tokens":7,"type":"tokens"}"#,
    )
    .unwrap();
    assert_eq!((speech.input_audio_tokens, speech.cached_audio_tokens), (90, 60));
    let seconds = usage_of(r#"{"type":"duration","seconds":3}"#).unwrap();
    assert_eq!((seconds.units.milliseconds, seconds.total()), (3000, 0));
    assert_eq!(milliseconds("\"8.47\""), Some(8470));
    assert_eq!(milliseconds("-1"), None);
}

#[test]
fn anthropic_says_tier_searches_and_how_long_it_caches() {
    let usage = usage_of(
        r#"{"input_tokens":5,"cache_creation_input_tokens":100,"cache_read_input_tokens":0,"output_tokens":7,
            "cache_creation":{"ephemeral_5m_input_tokens":40,"ephemeral_1h_input_tokens":60},
            "server_tool_use":{"web_search_requests":2},"service_tier":"priority"}"#,
    )
    .unwrap();
    assert_eq!((usage.cache_creation_tokens, usage.cache_creation_1h_tokens), (100, 60));
    assert_eq!((usage.web_searches, usage.service_tier), (2, ServiceTier::Priority));
}

#[test]
fn searches_that_are_billed() {
    let sonar = r#"{"prompt_tokens":1,"completion_tokens":1,"search_context_size":"high"}"#;
    let sonar = usage_of(sonar).unwrap();
    assert_eq!((sonar.web_searches, sonar.search_context), (1, SearchContext::High));
    let deep = usage_of(r#"{"prompt_tokens":1,"num_search_queries":30,"reasoning_tokens":0}"#).unwrap();
    assert_eq!(deep.web_searches, 30);
    let output = r#"[{"type":"web_search_call","action":{"type":"search"}},{"type":"message"},
        {"type":"web_search_call","action":{"type":"open_page"}},{"type":"web_search_call"}]"#;
    assert_eq!(searches_of(output), 2);
    assert_eq!(tier_of("\"flex\""), ServiceTier::Flex);
    assert_eq!(tier_of("null"), ServiceTier::Standard);
}
