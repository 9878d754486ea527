//! Golden files of the bridges: each holds a call, what goes in and what comes out.
//!
//! `UPDATE_GOLDEN=1 cargo test --test golden_bridge` writes what comes out now; read the difference before
//! keeping it.

// Helpers of a test may fail loudly; clippy sees only `#[test]` functions as tests.
#![allow(clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stagedoor::base::error::{Error, Kind};
use stagedoor::domain::bridge::completions::{
    ChatStream, CompletionStream, chat_to_completion, completion_to_chat, from_chats, to_chats,
};
use stagedoor::domain::bridge::responses::{Events, ResponsesStream, from_chat, to_chat};
use stagedoor::domain::providers::mock::{Mock, mock};
use stagedoor::wire::endpoint::Endpoint;

const MODEL: &str = "shown-model";
const NOW: u64 = 1_700_000_000;
const CALL: &str = "call-id-1";

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn shown<T: Into<Value>>(result: Result<T, Error>) -> Value {
    match result {
        Ok(value) => value.into(),
        Err(error) => json!({"error": {
            "kind": format!("{:?}", error.kind()), "status": error.status(),
            "param": error.param(), "message": error.message()}}),
    }
}

/// Runs one call on its input.
fn run(call: &str, input: &Value) -> Value {
    match call {
        "responses::to_chat" => shown(to_chat(object(input)).map(|(chat, _)| chat)),
        "responses::from_chat" => {
            let (_, context) = to_chat(object(&input["request"])).expect("a valid request");
            from_chat(input["reply"].clone(), &context, MODEL)
        }
        "ResponsesStream" => responses_stream(input),
        "completions::to_chats" => {
            shown(to_chats(object(input)).map(|all| all.into_iter().map(Value::Object).collect::<Vec<_>>()))
        }
        "completions::from_chats" => from_chats(list(input), MODEL),
        "CompletionStream" => {
            let chats = to_chats(object(&input["request"])).expect("a valid request");
            let mut stream = CompletionStream::new(&chats, MODEL, NOW, CALL);
            let mut out = Vec::new();
            for step in list(&input["chunks"]) {
                let prompt = usize::try_from(step[0].as_u64().unwrap_or_default()).unwrap_or_default();
                stream.chunk(prompt, &step[1], &mut out);
            }
            stream.finish(&mut out);
            json!({"chunks": out, "complete": stream.complete()})
        }
        "completions::chat_to_completion" => shown(chat_to_completion(object(input))),
        "completions::completion_to_chat" => completion_to_chat(input.clone(), MODEL),
        "ChatStream" => {
            let mut stream = ChatStream::new(&object(&input["request"]), MODEL, NOW, CALL);
            let mut out = Vec::new();
            list(&input["chunks"]).iter().for_each(|chunk| stream.chunk(chunk, &mut out));
            Value::Array(out)
        }
        "mock" => mocked(input),
        other => panic!("unknown call {other}"),
    }
}

fn responses_stream(input: &Value) -> Value {
    let (_, context) = to_chat(object(&input["request"])).expect("a valid request");
    let mut stream = ResponsesStream::new(context, MODEL, NOW, CALL);
    let mut out = Events::new();
    list(&input["chunks"]).iter().for_each(|chunk| stream.chunk(chunk, &mut out));
    if input["fails"] == true {
        stream.fail(&Error::new(Kind::UpstreamRateLimit, "Slow down."), &mut out);
    }
    stream.finish(&mut out);
    for (place, (name, event)) in out.iter().enumerate() {
        assert_eq!(event["type"], *name);
        assert_eq!(event["sequence_number"], place);
    }
    out.into_iter().map(|(_, event)| event).collect()
}

fn mocked(input: &Value) -> Value {
    let path = input["endpoint"].as_str().unwrap_or_default();
    let endpoint = Endpoint::ALL.into_iter().find(|endpoint| endpoint.path() == path).expect("an endpoint");
    let text = input["text"].as_str().unwrap_or_default();
    match mock(text, endpoint, &object(&input["request"]), MODEL, NOW, CALL.to_owned()) {
        Ok(Mock::Whole(reply)) => json!({"whole": reply}),
        Ok(Mock::Stream(events)) => json!({"stream": events}),
        Ok(Mock::Binary { content_type, bytes }) => {
            json!({"content_type": content_type, "bytes": bytes.len()})
        }
        Err(error) => shown::<Value>(Err(error)),
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bridge");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    cases.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
    cases.sort();
    cases
}

#[test]
fn golden_files_hold() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let cases = cases();
    assert!(cases.len() >= 18, "only {} golden files found", cases.len());
    let mut wrong = Vec::new();
    for path in cases {
        let text = fs::read_to_string(&path).expect("readable");
        let mut case: Value =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let out = run(case["call"].as_str().unwrap_or_default(), &case["in"]);
        if out == case["out"] {
            continue;
        }
        if update {
            case["out"] = out;
            let text = serde_json::to_string_pretty(&case).expect("JSON") + "\n";
            fs::write(&path, text).expect("writable");
        } else {
            wrong.push(format!("{}:\n{}", path.display(), serde_json::to_string_pretty(&out).expect("JSON")));
        }
    }
    assert!(wrong.is_empty(), "these answers differ from their golden files:\n{}", wrong.join("\n"));
}

/// JSON of any shape, in which the keys and words that the bridges look for are frequent.
fn any_json() -> impl Strategy<Value = Value> {
    const WORDS: &str = "user|assistant|system|tool|message|function|function_call|function_call_output|\
        reasoning|input_text|output_text|input_image|input_file|text|json_schema|allowed_tools|stop|length|\
        url_citation|thinking|thinking-blocks:e30=|refusal|a1|";
    const KEYS: &str = "model|messages|prompt|input|instructions|role|content|type|text|tools|tool_choice|\
        name|parameters|function|arguments|call_id|id|index|choices|delta|message|tool_calls|usage|\
        prompt_tokens|prompt_tokens_details|logprobs|token|tokens|top_logprobs|finish_reason|format|schema|\
        reasoning|effort|reasoning_content|thinking_blocks|signature|annotations|url_citation|refusal|stream|\
        stream_options|include_usage|n|echo|suffix|best_of|output|encrypted_content|image_url|file_data|error|\
        documents|query|dimensions|encoding_format|response_format|top_n|x";
    let word = || proptest::sample::select(WORDS.split('|').map(str::trim).collect::<Vec<_>>());
    let key = || proptest::sample::select(KEYS.split('|').map(str::trim).collect::<Vec<_>>());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![Just(0u64), Just(1), Just(2), any::<u64>()].prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key(), inner), 0..7).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

/// Chat chunks with any delta.
fn any_chunk() -> impl Strategy<Value = Value> {
    prop_oneof![
        any_json(),
        (any_json(), any_json(), any_json()).prop_map(|(delta, finish, usage)| {
            json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": usage})
        }),
        (any_json(), any_json(), any_json()).prop_map(|(content, calls, reasoning)| {
            json!({"choices": [{"index": 0, "delta":
                {"content": content, "tool_calls": [calls], "reasoning_content": reasoning}}]})
        }),
    ]
}

proptest! {
    #[test]
    fn any_request_is_translated_or_refused(request in any_json(), text in any_json()) {
        let mut request = object(&request);
        for key in ["input", "prompt", "messages"] {
            request.entry(key).or_insert_with(|| text.clone());
        }
        let input = Value::Object(request);
        for call in ["responses::to_chat", "completions::to_chats", "completions::chat_to_completion"] {
            let out = run(call, &input);
            if let Some(status) = out.pointer("/error/status") {
                prop_assert_eq!(status, 400);
            }
        }
        for endpoint in Endpoint::ALL {
            run("mock", &json!({"endpoint": endpoint.path(), "text": "hi there", "request": input.clone()}));
        }
    }

    #[test]
    fn any_reply_gives_an_answer(reply in any_json(), message in any_json()) {
        let nested = json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
        for reply in [reply, nested] {
            let response = run("responses::from_chat", &json!({"request": {"input": "x"}, "reply": reply}));
            prop_assert_eq!(&response["object"], "response");
            run("completions::from_chats", &json!([reply, reply]));
            run("completions::completion_to_chat", &reply);
        }
    }

    #[test]
    fn any_stream_ends_exactly_once(chunks in prop::collection::vec(any_chunk(), 0..8)) {
        let events = run("ResponsesStream", &json!({"request": {"input": "x"}, "chunks": chunks}));
        let types: Vec<String> =
            list(&events).iter().map(|event| event["type"].as_str().unwrap_or_default().to_owned()).collect();
        let ends = types.iter().filter(|name| {
            matches!(name.as_str(), "response.completed" | "response.incomplete" | "response.failed")
        });
        prop_assert_eq!(ends.count(), 1);
        prop_assert_eq!(&types[0], "response.created");
        let added = types.iter().filter(|name| *name == "response.output_item.added").count();
        let done = types.iter().filter(|name| *name == "response.output_item.done").count();
        if types.last().is_some_and(|name| name != "response.failed") {
            prop_assert_eq!(added, done);
        }
        let steps: Vec<Value> = chunks.iter().map(|chunk| json!([1, chunk])).collect();
        run("CompletionStream", &json!({"request": {"prompt": ["a", "b"], "n": 2}, "chunks": steps}));
        run("ChatStream", &json!({"request": {}, "chunks": chunks}));
    }
}
