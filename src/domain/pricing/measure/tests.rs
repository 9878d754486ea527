//! Requests and replies as clients and providers write them.

use bytes::Bytes;

use super::*;

fn asked(endpoint: Endpoint, request: &str) -> Asked {
    of_request(endpoint, &Surface::parse(Bytes::copy_from_slice(request.as_bytes()), 32).unwrap())
}

fn units(endpoint: Endpoint, request: &str, reply: &str) -> Units {
    of_reply(endpoint, &asked(endpoint, request), reply, None).units
}

#[test]
fn images() {
    let request = r#"{"prompt":"x","n":2,"size":"1792x1024","quality":"hd"}"#;
    let made = units(Endpoint::Images, request, r#"{"data":[{"url":"a"},{"url":"b"}]}"#);
    assert_eq!(
        (made.output_images, made.image_size, made.image_quality),
        (2, (1792, 1024), ImageQuality::Hd)
    );
    let told = r#"{"data":[{}],"size":"1024x1024","quality":"low"}"#;
    let made = units(Endpoint::Images, r#"{"prompt":"x","size":"auto"}"#, told);
    assert_eq!(
        (made.output_images, made.image_size, made.image_quality),
        (1, (1024, 1024), ImageQuality::Low)
    );
    let counted = Usage { completion_tokens: 4160, ..Usage::default() };
    let demand = asked(Endpoint::Images, r#"{"prompt":"x"}"#);
    assert_eq!(of_reply(Endpoint::Images, &demand, "{}", Some(counted)).output_image_tokens, 4160);
}

#[test]
fn spoken_characters_are_code_points() {
    let spoken = units(Endpoint::Speech, r#"{"input":"Gr\u00fc\u00dfe, 世界"}"#, "");
    assert_eq!((spoken.characters, spoken.milliseconds), (9, 600));
}

#[test]
fn rerank_by_searches_or_tokens() {
    let documents = vec!["\"d\""; 101].join(",");
    let request = format!(r#"{{"query":"q","documents":[{documents}]}}"#);
    assert_eq!(units(Endpoint::Rerank, &request, "{}").queries, 2);
    let cohere = r#"{"results":[],"meta":{"billed_units":{"search_units":1}}}"#;
    assert_eq!(units(Endpoint::Rerank, &request, cohere).queries, 1);
    let demand = asked(Endpoint::Rerank, &request);
    let tokens = r#"{"meta":{"tokens":{"input_tokens":77.0}}}"#;
    assert_eq!(of_reply(Endpoint::Rerank, &demand, tokens, None).prompt_tokens, 77);
}

#[test]
fn images_to_embed() {
    let count = |body: &str| asked(Endpoint::Embeddings, body).units.input_images;
    assert_eq!(count(r#"{"input":["text","data:image/png;base64,AA","data:image/jpeg;base64,BB"]}"#), 2);
    assert_eq!(count(r#"{"input":"data:image/png;base64,AA"}"#), 1);
    assert_eq!(count(r#"{"input":"text","images":["data:..."]}"#), 1);
    assert_eq!(count(r#"{"input":[1,2,3]}"#), 0);
}

#[test]
fn the_request_says_how_much_of_the_web() {
    let context = |endpoint, body: &str| asked(endpoint, body).search_context;
    let chat = r#"{"web_search_options":{"search_context_size":"high"}}"#;
    assert_eq!(context(Endpoint::Chat, chat), SearchContext::High);
    let responses =
        r#"{"tools":[{"type":"function"},{"type":"web_search_preview","search_context_size":"low"}]}"#;
    assert_eq!(context(Endpoint::Responses, responses), SearchContext::Low);
    assert_eq!(context(Endpoint::Chat, r#"{"tools":[]}"#), SearchContext::Medium);
    let demand = asked(Endpoint::Chat, chat);
    let usage = Usage { web_searches: 1, prompt_tokens: 1, ..Usage::default() };
    assert_eq!(of_reply(Endpoint::Chat, &demand, "{}", Some(usage)).search_context, SearchContext::High);
}
