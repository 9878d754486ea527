//! Costs that are asked for beforehand.

use serde_json::{Value, json};

use super::*;
use crate::manage::testing::Bench;

#[tokio::test]
async fn an_answers_usage_is_billed_as_it_would_have_been() {
    let bench = Bench::new(crate::manage::Settings::default());
    let answer = json!({"completion_response": {"model": "gpt-4o", "usage": {
        "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 40},
    }}});
    let cost = calculate(bench.post("/spend/calculate", answer).await).await.unwrap();
    assert_eq!(cost, json!({"cost": 0.0007}));
    let asked = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "x".repeat(400)}]});
    let cost = calculate(bench.post("/spend/calculate", asked).await).await.unwrap();
    assert!(cost["cost"].as_f64().unwrap() >= 0.000_25, "{cost}");
    for (bad, status) in [
        (json!({}), 400),
        (json!({"model": "gpt-4o"}), 400),
        (json!({"model": "gpt-4o", "messages": "hi"}), 422),
        (json!({"model": "none-such", "messages": []}), 400),
        (json!({"completion_response": {"model": "gpt-4o"}}), 400),
    ] {
        let error = calculate(bench.post("/spend/calculate", bad.clone()).await).await.unwrap_err();
        assert_eq!(error.status(), status, "{bad}");
    }
}

#[tokio::test]
async fn an_estimate_multiplies_exactly() {
    let bench = Bench::new(crate::manage::Settings::default());
    let body = json!({"model": "gpt-4o", "input_tokens": 100, "output_tokens": 50,
        "cache_read_input_tokens": 40, "num_requests_per_day": 10});
    let shown = estimate(bench.post("/cost/estimate", body).await).await.unwrap();
    assert_eq!(shown["cost_per_request"], json!(0.0007));
    assert_eq!((&shown["daily_cost"], &shown["monthly_cost"]), (&json!(0.007), &json!(0.21)));
    assert_eq!(
        (&shown["input_cost_per_request"], &shown["output_cost_per_request"]),
        (&json!(0.0002), &json!(0.0005))
    );
    assert_eq!((&shown["provider"], &shown["input_cost_per_token"]), (&json!("openai"), &json!(2.5e-6)));
    assert_eq!(shown["num_requests_per_month"], Value::Null);
    let bad = json!({"model": "gpt-4o", "input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": 2});
    let error = estimate(bench.post("/cost/estimate", bad).await).await.unwrap_err();
    assert_eq!((error.status(), error.param()), (400, Some("cache_read_input_tokens")));
}
