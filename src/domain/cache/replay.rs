//! A whole answer as the events of a stream: for requests for a stream whose answer is there already.

use serde_json::{Map, Value, json};

/// A chat or text completion as server-sent events, with the usage at the end if it is wanted. `None` for anything else.
pub fn events(body: &[u8], with_usage: bool) -> Option<Vec<u8>> {
    let Ok(Value::Object(mut whole)) = serde_json::from_slice(body) else { return None };
    let kind = match whole.get("object")?.as_str()? {
        "chat.completion" => "chat.completion.chunk",
        "text_completion" => "text_completion",
        _ => return None,
    };
    let Some(Value::Array(choices)) = whole.remove("choices") else { return None };
    let usage = whole.remove("usage");
    whole.insert("object".to_owned(), kind.into());
    let mut out = Vec::new();
    for choice in choices {
        let Value::Object(choice) = choice else { return None };
        for choice in if kind == "text_completion" { text(choice) } else { chat(choice)? } {
            write(&whole, json!([choice]), with_usage.then_some(Value::Null), &mut out);
        }
    }
    if with_usage {
        write(&whole, json!([]), usage, &mut out);
    }
    out.extend_from_slice(b"data: [DONE]\n\n");
    Some(out)
}

fn write(frame: &Map<String, Value>, choices: Value, usage: Option<Value>, out: &mut Vec<u8>) {
    let mut chunk = frame.clone();
    chunk.insert("choices".to_owned(), choices);
    if let Some(usage) = usage {
        chunk.insert("usage".to_owned(), usage);
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(Value::Object(chunk).to_string().as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// What is said, and then how it ended.
fn chat(mut choice: Map<String, Value>) -> Option<[Value; 2]> {
    let Some(Value::Object(mut delta)) = choice.remove("message") else { return None };
    if let Some(Value::Array(calls)) = delta.get_mut("tool_calls") {
        for (index, call) in calls.iter_mut().enumerate() {
            if let Value::Object(call) = call {
                call.insert("index".to_owned(), index.into());
            }
        }
    }
    // What a message has not is left out of a delta.
    delta.retain(|_, value| !value.is_null());
    let (mut first, mut last) = (choice.clone(), choice);
    first.insert("delta".to_owned(), Value::Object(delta));
    first.insert("finish_reason".to_owned(), Value::Null);
    last.insert("delta".to_owned(), json!({}));
    last.insert("logprobs".to_owned(), Value::Null);
    Some([Value::Object(first), Value::Object(last)])
}

fn text(choice: Map<String, Value>) -> [Value; 2] {
    let (mut first, mut last) = (choice.clone(), choice);
    first.insert("finish_reason".to_owned(), Value::Null);
    last.insert("text".to_owned(), "".into());
    last.insert("logprobs".to_owned(), Value::Null);
    [Value::Object(first), Value::Object(last)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(body: &Value, with_usage: bool) -> Vec<Value> {
        let text = String::from_utf8(events(body.to_string().as_bytes(), with_usage).unwrap()).unwrap();
        let mut events: Vec<&str> =
            text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
        assert_eq!(events.pop(), Some("[DONE]"));
        events.into_iter().map(|event| serde_json::from_str(event).unwrap()).collect()
    }

    #[test]
    fn a_chat_keeps_its_words_calls_and_ends() {
        let call =
            |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let message = json!({"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]});
        let body = json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "m",
            "service_tier": "flex", "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop", "logprobs": {"content": []}},
                {"index": 1, "message": message, "finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
        let all = chunks(&body, true);
        assert_eq!(all.len(), 5);
        for chunk in &all {
            assert_eq!(
                (&chunk["object"], &chunk["id"]),
                (&json!("chat.completion.chunk"), &json!("chatcmpl-1"))
            );
            assert_eq!((&chunk["service_tier"], &chunk["created"]), (&json!("flex"), &json!(5)));
        }
        let choice = |at: usize| &all[at]["choices"][0];
        assert_eq!(choice(0)["delta"], json!({"role": "assistant", "content": "Hi"}));
        assert_eq!(
            (&choice(0)["finish_reason"], &choice(1)["finish_reason"]),
            (&Value::Null, &json!("stop"))
        );
        assert_eq!(choice(0)["logprobs"], json!({"content": []}));
        assert_eq!(
            (&choice(2)["index"], &choice(2)["delta"]["tool_calls"][1]["index"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(choice(3)["finish_reason"], "tool_calls");
        assert_eq!((&all[4]["usage"], &all[4]["choices"]), (&body["usage"], &json!([])));
        assert!(chunks(&body, false).iter().all(|chunk| chunk.get("usage").is_none()));
    }

    #[test]
    fn other_answers_are_no_streams() {
        for body in ["", "[]", "{}", r#"{"object":"list","choices":[]}"#, r#"{"object":"chat.completion"}"#] {
            assert_eq!(events(body.as_bytes(), true), None, "{body}");
        }
        let text = json!({"object": "text_completion", "choices": [{"index": 0, "text": "Hi", "finish_reason": "length"}]});
        let all = chunks(&text, false);
        assert_eq!(
            (&all[0]["choices"][0]["text"], &all[1]["choices"][0]["finish_reason"]),
            (&json!("Hi"), &json!("length"))
        );
    }
}
