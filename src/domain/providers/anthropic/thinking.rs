//! `thinking`, `reasoning_effort` and the output limit, which have to fit each other.

use serde_json::{Value, json};

use super::fields::{Object, Path, take};
use super::model::Model;
use crate::base::error::Error;

/// The smallest thinking budget Anthropic accepts.
const LEAST_BUDGET: u64 = 1_024;
/// What is left for the answer beside a thinking budget when the client sets no limit.
const ANSWER_ROOM: u64 = 4_096;

/// How hard the model should think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

/// What stands in the way of thinking in this request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Obstacles {
    /// A tool call is forced: no thinking at all.
    pub forced_tool: bool,
    /// The history calls tools without the thinking before them: no thinking by budget.
    pub lost_thoughts: bool,
}

/// Settles `thinking`, `output_config.effort` and `max_tokens`. Returns whether the model will think.
pub(super) fn apply(
    chat: &mut Object,
    body: &mut Object,
    model: &Model,
    obstacles: Obstacles,
) -> Result<bool, Error> {
    let limit = limit(chat)?;
    let effort = take(chat, "reasoning_effort").map(effort).transpose()?;
    let explicit = take(chat, "thinking");
    let thinking = match explicit {
        Some(thinking) => {
            let thinking = Path::root("thinking").object(thinking)?;
            Some(written(thinking, effort, body, model))
        }
        None => effort.and_then(|effort| wanted(effort, limit, body, model, obstacles)),
    };
    let limit = limit.unwrap_or_else(|| default_limit(thinking.as_ref(), model));
    body.insert("max_tokens".to_owned(), Value::from(limit));
    let Some(thinking) = thinking else { return Ok(false) };
    let active = thinking.get("type").and_then(Value::as_str) != Some("disabled");
    body.insert("thinking".to_owned(), thinking);
    Ok(active)
}

/// The client's limit; with both names the smaller one, so that neither can be played against the other.
fn limit(chat: &mut Object) -> Result<Option<u64>, Error> {
    let mut least: Option<u64> = None;
    for key in ["max_completion_tokens", "max_tokens"] {
        if let Some(value) = take(chat, key) {
            let count = Path::root(key).count(&value)?;
            least = Some(least.map_or(count, |least| least.min(count)));
        }
    }
    Ok(least)
}

/// `thinking` as the client wrote it, in the words of a model that knows no budgets if need be.
fn written(thinking: Object, effort: Option<Effort>, body: &mut Object, model: &Model) -> Value {
    let budget = thinking.get("budget_tokens").and_then(Value::as_u64);
    let enabled = thinking.get("type").and_then(Value::as_str) == Some("enabled");
    if !(enabled && model.adaptive_only()) {
        if let Some(effort) = effort.filter(|_| model.adaptive()) {
            set_effort(effort, body, model);
        }
        return Value::Object(thinking);
    }
    let from_budget = budget.map(|budget| match budget {
        0..2_048 => Effort::Low,
        2_048..4_096 => Effort::Medium,
        _ => Effort::High,
    });
    if let Some(effort) = effort.or(from_budget) {
        set_effort(effort, body, model);
    }
    adaptive()
}

/// `thinking` for an effort, if the model and the request allow it.
fn wanted(
    effort: Effort,
    limit: Option<u64>,
    body: &mut Object,
    model: &Model,
    obstacles: Obstacles,
) -> Option<Value> {
    if effort == Effort::None {
        return None;
    }
    if model.adaptive() {
        set_effort(effort, body, model);
        return (!obstacles.forced_tool).then(adaptive);
    }
    if obstacles.forced_tool || obstacles.lost_thoughts {
        return None;
    }
    let budget = clamp(effort.budget(), limit.unwrap_or_else(|| model.max_output()))?;
    Some(json!({"type": "enabled", "budget_tokens": budget}))
}

/// A budget below the limit: at most half of it when it does not fit; none when even the least does not.
fn clamp(budget: u64, limit: u64) -> Option<u64> {
    if limit <= LEAST_BUDGET {
        return None;
    }
    Some(if budget < limit { budget } else { (limit / 2).max(LEAST_BUDGET) })
}

fn default_limit(thinking: Option<&Value>, model: &Model) -> u64 {
    let budget = thinking.and_then(|thinking| thinking.get("budget_tokens")).and_then(Value::as_u64);
    let most = model.max_output();
    match budget {
        Some(budget) if budget < most => budget.saturating_add(ANSWER_ROOM).min(most),
        Some(budget) => budget.saturating_add(ANSWER_ROOM),
        None => most,
    }
}

fn adaptive() -> Value {
    json!({"type": "adaptive", "display": "summarized"})
}

/// Sets `output_config.effort` unless the client has set it.
fn set_effort(effort: Effort, body: &mut Object, model: &Model) {
    let word = match effort {
        Effort::None => return,
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::Xhigh if model.adaptive_only() => "xhigh",
        Effort::High | Effort::Xhigh => "high",
        Effort::Max => "max",
    };
    let config = body.entry("output_config").or_insert_with(|| json!({}));
    if let Some(config) = config.as_object_mut() {
        config.entry("effort").or_insert_with(|| Value::from(word));
    }
}

impl Effort {
    /// LiteLLM's budgets, tokens.
    fn budget(self) -> u64 {
        match self {
            Effort::None => 0,
            Effort::Minimal | Effort::Low => 1_024,
            Effort::Medium => 2_048,
            Effort::High => 4_096,
            Effort::Xhigh => 8_192,
            Effort::Max => 16_384,
        }
    }
}

/// Reads the effort: a word, or `{effort: word}` as the Responses API has it.
fn effort(value: Value) -> Result<Effort, Error> {
    let path = Path::root("reasoning_effort");
    let word = match value {
        Value::Object(mut object) => {
            take(&mut object, "effort").ok_or_else(|| path.key("effort").missing())?
        }
        other => other,
    };
    match path.string(word)?.as_str() {
        "none" => Ok(Effort::None),
        "minimal" => Ok(Effort::Minimal),
        "low" => Ok(Effort::Low),
        "medium" => Ok(Effort::Medium),
        "high" => Ok(Effort::High),
        "xhigh" => Ok(Effort::Xhigh),
        "max" => Ok(Effort::Max),
        _ => Err(path.error("must be none, minimal, low, medium, high, xhigh or max")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::deployment::ModelInfo;

    const FREE: Obstacles = Obstacles { forced_tool: false, lost_thoughts: false };

    fn body(model: &str, chat: Value, obstacles: Obstacles) -> Value {
        let info = ModelInfo::default();
        let mut chat = chat.as_object().unwrap().clone();
        let mut body = Object::new();
        apply(&mut chat, &mut body, &Model::new(model, &info), obstacles).unwrap();
        Value::Object(body)
    }

    #[test]
    fn a_budget_always_fits_below_the_limit() {
        for limit in [1u64, 1_024, 1_025, 2_000, 4_096, 4_097, 100_000] {
            let body =
                body("claude-sonnet-4-5", json!({"reasoning_effort": "high", "max_tokens": limit}), FREE);
            assert_eq!(body["max_tokens"], limit);
            match body.get("thinking") {
                Some(thinking) => {
                    let budget = thinking["budget_tokens"].as_u64().unwrap();
                    assert!((1_024..limit).contains(&budget), "{limit}: {budget}");
                }
                None => assert!(limit <= 1_024),
            }
        }
    }

    #[test]
    fn without_a_limit_the_answer_has_room() {
        let body = body("claude-sonnet-4-5", json!({"reasoning_effort": "max"}), FREE);
        assert_eq!(body["thinking"], json!({"type": "enabled", "budget_tokens": 16_384}));
        assert_eq!(body["max_tokens"], 20_480);
    }

    #[test]
    fn adaptive_models_take_an_effort() {
        let chat = json!({"reasoning_effort": "xhigh", "max_tokens": 10});
        let old = body("claude-opus-4-6", chat.clone(), FREE);
        assert_eq!(old["thinking"], json!({"type": "adaptive", "display": "summarized"}));
        assert_eq!(old["output_config"], json!({"effort": "high"}));
        assert_eq!(body("claude-opus-4-7", chat.clone(), FREE)["output_config"], json!({"effort": "xhigh"}));
        let forced = body("claude-opus-4-6", chat, Obstacles { forced_tool: true, lost_thoughts: false });
        assert!(forced.get("thinking").is_none());
    }

    #[test]
    fn thinking_as_written_is_translated_only_where_it_would_be_refused() {
        let chat = json!({"thinking": {"type": "enabled", "budget_tokens": 2_500}});
        assert_eq!(body("claude-opus-4-6", chat.clone(), FREE)["thinking"], chat["thinking"]);
        let newer = body("claude-opus-4-7", chat, FREE);
        assert_eq!(newer["thinking"]["type"], "adaptive");
        assert_eq!(newer["output_config"]["effort"], "medium");
    }

    #[test]
    fn effort_gives_way_to_what_would_be_refused() {
        let chat = json!({"reasoning_effort": "low"});
        for obstacles in [
            Obstacles { forced_tool: true, lost_thoughts: false },
            Obstacles { forced_tool: false, lost_thoughts: true },
        ] {
            assert!(body("claude-sonnet-4-5", chat.clone(), obstacles).get("thinking").is_none());
        }
    }
}
