//! Streams: past the cache, unless it is switched on for them.

use serde_json::{Value, json};

use super::{NUMBERED, cached, hello, said};
use crate::harness::{FakeProvider, Gateway, Reply, with};

/// A stream, read to its end.
async fn streamed(gateway: &Gateway, body: &Value) -> Reply {
    let reply = gateway.chat(&with(body.clone(), json!({"stream": true}))).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply
}

/// The chunks of a stream that has come to its end.
fn chunks(reply: &Reply) -> Vec<Value> {
    let text = reply.text();
    let mut events: Vec<&str> = text.split_terminator("\n\n").collect();
    assert_eq!(events.pop(), Some("data: [DONE]"), "{text}");
    events.iter().map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap()).collect()
}

/// What it says.
fn told(reply: &Reply) -> String {
    let chunks = chunks(reply);
    let pieces = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    pieces.collect()
}

fn hit(reply: &Reply) -> Option<&str> {
    reply.header("x-litellm-cache-hit")
}

#[tokio::test]
async fn streams_go_past_the_cache() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local"})).await;
    assert_eq!(said(&gateway.chat(&hello("a")).await), "answer 1");
    for answer in ["answer 2", "answer 3"] {
        let reply = streamed(&gateway, &hello("a")).await;
        assert_eq!((told(&reply).as_str(), hit(&reply)), (answer, None));
    }
    assert_eq!(said(&gateway.chat(&hello("a")).await), "answer 1");
}

#[tokio::test]
async fn a_stream_is_kept_and_replayed_where_that_is_switched_on() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local", "cache_streams": true})).await;
    let first = streamed(&gateway, &hello("a")).await;
    let again = streamed(&gateway, &hello("a")).await;
    assert_eq!((told(&first).as_str(), first.text()), ("answer 1", again.text()), "the same events");
    assert_eq!((hit(&first), hit(&again)), (Some("False"), Some("True")));
    for header in ["content-type", "cache-control", "x-accel-buffering", "x-litellm-cache-key"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_eq!(said(&gateway.chat(&hello("a")).await), "answer 2", "no stream is another question");
}

#[tokio::test]
async fn a_whole_answer_is_replayed_as_a_stream() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local", "cache_streams": true})).await;
    let whole = gateway.chat(&hello("a")).await;
    let stream = streamed(&gateway, &hello("a")).await;
    assert_eq!((told(&stream), hit(&stream)), (said(&whole), Some("True")));
    let wants = with(hello("a"), json!({"stream_options": {"include_usage": true}}));
    let chunks = chunks(&streamed(&gateway, &wants).await);
    let last = chunks.last().unwrap();
    assert_eq!((&last["usage"], &last["choices"]), (&whole.json()["usage"], &json!([])));
    assert!(chunks.iter().all(|chunk| chunk["id"] == whole.json()["id"]));
    assert_eq!(provider.stats(NUMBERED).requests, 1);
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_not_kept() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local", "cache_streams": true})).await;
    for fault in ["cut=1", "clean_cut=1", "midstream_error=1"] {
        provider.script(NUMBERED, fault);
        let broken = gateway.stream("/v1/chat/completions", &hello(fault)).await.rest().await;
        assert_eq!(broken.dones(), 0, "{fault}");
        provider.script(NUMBERED, "text=whole");
        let healed = streamed(&gateway, &hello(fault)).await;
        assert_eq!((told(&healed).as_str(), hit(&healed)), ("whole", Some("False")), "{fault}");
    }
}
