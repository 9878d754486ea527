//! The request: one chat request per prompt.

use serde_json::{Map, Value, json};

use crate::base::error::{Error, Kind};
use crate::domain::bridge::json::{given, take};

/// Prompts that one request may hold; each is an upstream request of its own.
pub const MOST_PROMPTS: usize = 128;

/// Turns a text-completion request into chat requests, one per prompt, in order.
///
/// `logprobs: k` becomes chat's switch and `top_logprobs`; all other fields travel on untouched.
///
/// # Errors
/// [`Kind::InvalidRequest`] for a prompt that is none; [`Kind::UnsupportedParams`] for what chat cannot do:
/// token ids, `echo`, `suffix`, `best_of` above `n`.
pub fn to_chats(mut request: Map<String, Value>) -> Result<Vec<Map<String, Value>>, Error> {
    let prompts = prompts(take(&mut request, "prompt"))?;
    refuse(&mut request)?;
    logprobs(&mut request)?;
    let mut base = Map::new();
    if let Some(model) = request.shift_remove("model") {
        base.insert("model".to_owned(), model);
    }
    base.insert("messages".to_owned(), Value::Null);
    request.shift_remove("messages");
    base.extend(request);
    Ok(prompts
        .into_iter()
        .map(|prompt| {
            let mut chat = base.clone();
            chat.insert("messages".to_owned(), json!([{"role": "user", "content": prompt}]));
            chat
        })
        .collect())
}

fn prompts(prompt: Option<Value>) -> Result<Vec<String>, Error> {
    let prompts = match prompt {
        Some(Value::String(prompt)) => return Ok(vec![prompt]),
        Some(Value::Array(prompts)) => prompts,
        Some(_) => return Err(Error::invalid("prompt", "prompt: must be a string or a list of strings")),
        None => return Err(Error::invalid("prompt", "Missing required parameter: 'prompt'.")),
    };
    if prompts.is_empty() {
        return Err(Error::invalid("prompt", "prompt: must hold at least one prompt"));
    }
    if prompts.len() > MOST_PROMPTS {
        let message =
            format!("prompt: {} prompts in one request; at most {MOST_PROMPTS} are possible", prompts.len());
        return Err(Error::invalid("prompt", message));
    }
    prompts
        .into_iter()
        .map(|prompt| match prompt {
            Value::String(prompt) => Ok(prompt),
            Value::Number(_) | Value::Array(_) => Err(unsupported(
                "prompt",
                "this model is served by a chat provider, which takes no token ids; send the prompt as text",
            )),
            _ => Err(Error::invalid("prompt", "prompt: must be a string or a list of strings")),
        })
        .collect()
}

/// Refuses what would change the answer and cannot be had; removes what asks for nothing.
fn refuse(request: &mut Map<String, Value>) -> Result<(), Error> {
    if take(request, "echo").is_some_and(|echo| echo != Value::Bool(false)) {
        return Err(unsupported(
            "echo",
            "a chat provider cannot repeat the prompt; add it to the answer yourself",
        ));
    }
    if take(request, "suffix").is_some_and(|suffix| suffix.as_str() != Some("")) {
        return Err(unsupported("suffix", "a chat provider cannot fill in the middle of a text"));
    }
    let n = given(request, "n").and_then(Value::as_u64).unwrap_or(1);
    if take(request, "best_of").is_some_and(|best| best.as_u64() != Some(n) && best.as_u64() != Some(1)) {
        return Err(unsupported(
            "best_of",
            "a chat provider cannot choose among answers; ask for 'n' of them",
        ));
    }
    Ok(())
}

fn logprobs(request: &mut Map<String, Value>) -> Result<(), Error> {
    let Some(wanted) = take(request, "logprobs") else { return Ok(()) };
    match wanted {
        Value::Bool(false) => return Ok(()),
        Value::Bool(true) => {}
        Value::Number(top) if top.is_u64() => {
            request.insert("top_logprobs".to_owned(), Value::Number(top));
        }
        _ => return Err(Error::invalid("logprobs", "logprobs: must be a whole number from 0 to 5")),
    }
    request.insert("logprobs".to_owned(), Value::Bool(true));
    Ok(())
}

fn unsupported(param: &str, message: &str) -> Error {
    Error::new(Kind::UnsupportedParams, format!("{param}: {message}")).with_param(param)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chats(request: Value) -> Result<Vec<Map<String, Value>>, Error> {
        let Value::Object(request) = request else { panic!("an object") };
        to_chats(request)
    }

    #[test]
    fn each_prompt_is_a_request() {
        let chats =
            chats(json!({"model": "m", "prompt": ["a", "b"], "n": 2, "best_of": 2, "top_k": 1})).unwrap();
        assert_eq!(
            Value::Object(chats[1].clone()),
            json!({"model": "m", "messages": [{"role": "user", "content": "b"}], "n": 2, "top_k": 1})
        );
        assert_eq!(chats.len(), 2);
    }

    #[test]
    fn what_chat_cannot_do_is_refused_by_name() {
        for (field, value) in [
            ("prompt", json!([1, 2, 3])),
            ("prompt", json!([[1], [2]])),
            ("prompt", json!([])),
            ("prompt", json!(vec!["x"; MOST_PROMPTS + 1])),
            ("echo", json!(true)),
            ("suffix", json!("end")),
            ("best_of", json!(3)),
            ("logprobs", json!("many")),
        ] {
            let mut request = json!({"model": "m", "prompt": "x"});
            request[field] = value;
            let error = chats(request).unwrap_err();
            assert_eq!((error.status(), error.param()), (400, Some(field)), "{error}");
        }
        assert!(chats(json!({"prompt": "x", "echo": false, "suffix": null, "best_of": 1})).is_ok());
    }
}
