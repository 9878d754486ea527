//! Moments in the two forms that LiteLLM uses: `...Z` where something was made or changed, `...+00:00` where it is
//! looked up.

use jiff::Timestamp;
use serde_json::Value;

fn text(ms: i64) -> Option<String> {
    let moment = Timestamp::from_millisecond(ms).ok()?;
    let whole = moment.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let millis = ms.rem_euclid(1_000);
    Some(if millis == 0 { whole } else { format!("{whole}.{millis:03}000") })
}

/// `2026-11-21T08:17:50.282000Z`.
pub fn zulu(ms: impl Into<Option<i64>>) -> Value {
    ms.into().and_then(text).map_or(Value::Null, |text| format!("{text}Z").into())
}

/// `2026-11-21T08:17:50.282000+00:00`.
pub fn offset(ms: impl Into<Option<i64>>) -> Value {
    ms.into().and_then(text).map_or(Value::Null, |text| format!("{text}+00:00").into())
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
