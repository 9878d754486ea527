//! Moments in the two forms that LiteLLM uses: `...Z` where something was made or changed, `...+00:00` where it is
//! looked up.

use jiff::Timestamp;
use serde_json::Value;

fn text(ms: i64) -> String {
    let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    let form = if ms.rem_euclid(1_000) == 0 { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S%.6f" };
    moment.strftime(form).to_string()
}

/// `2026-11-21T08:17:50.282000Z`.
pub fn zulu(ms: impl Into<Option<i64>>) -> Value {
    ms.into().map_or(Value::Null, |ms| format!("{}Z", text(ms)).into())
}

/// `2026-11-21T08:17:50.282000+00:00`.
pub fn offset(ms: impl Into<Option<i64>>) -> Value {
    ms.into().map_or(Value::Null, |ms| format!("{}+00:00", text(ms)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        assert_eq!(zulu(1_795_251_035_282), "2026-11-21T08:50:35.282000Z");
        assert_eq!(offset(1_795_251_035_000), "2026-11-21T08:50:35+00:00");
        assert_eq!(offset(None), Value::Null);
    }
}
