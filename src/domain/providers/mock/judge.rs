//! Mocked judgements: moderations that flag nothing, a ranking by common words.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{Shown, input_text, inputs, whole};
use crate::base::error::Error;

/// OpenAI's moderation categories.
const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// One result per input, nothing flagged. A list of typed parts is one input.
pub(super) fn moderations(request: &Map<String, Value>, shown: &Shown<'_>) -> Result<Value, Error> {
    let parts =
        request.get("input").and_then(Value::as_array).is_some_and(|list| list.iter().any(Value::is_object));
    let count = if parts { 1 } else { inputs(request)?.len() };
    let each = |value: Value| Map::from_iter(CATEGORIES.map(|name| (name.to_owned(), value.clone())));
    let result = json!({
        "flagged": false,
        "categories": each(json!(false)),
        "category_scores": each(json!(0.0)),
        "category_applied_input_types": each(json!(["text"])),
    });
    Ok(json!({"id": format!("modr-{}", shown.id), "model": shown.model, "results": vec![result; count]}))
}

/// Documents by the share of the query's words that they hold, best first, in Cohere's shape.
pub(super) fn rerank(request: &Map<String, Value>, shown: &Shown<'_>) -> Result<Value, Error> {
    let Some(query) = request.get("query").and_then(Value::as_str) else {
        return Err(Error::invalid("query", "query: must be a string"));
    };
    let documents = match request.get("documents") {
        Some(Value::Array(documents)) if !documents.is_empty() => documents,
        _ => return Err(Error::invalid("documents", "documents: must be a list with at least one document")),
    };
    let all = u64::try_from(documents.len()).unwrap_or(u64::MAX);
    let top = usize::try_from(whole(request, "top_n", all, (1, u64::MAX))?).unwrap_or(usize::MAX);
    let wanted = words(query);
    let mut scored: Vec<(usize, f64, String)> = documents
        .iter()
        .map(input_text)
        .enumerate()
        .map(|(index, text)| (index, score(&wanted, &text), text))
        .collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let with_text = super::on(request, "return_documents");
    let results: Vec<Value> = scored
        .into_iter()
        .take(top)
        .map(|(index, score, text)| {
            let mut result = Map::from_iter([
                ("index".to_owned(), json!(index)),
                ("relevance_score".to_owned(), json!(score)),
            ]);
            if with_text {
                result.insert("document".to_owned(), json!({"text": text}));
            }
            Value::Object(result)
        })
        .collect();
    Ok(json!({
        "id": shown.id,
        "results": results,
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    }))
}

fn words(text: &str) -> HashSet<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn score(wanted: &HashSet<String>, text: &str) -> f64 {
    let common = words(text).intersection(wanted).count();
    let share = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
    share(common) / share(wanted.len()).max(1.0)
}
