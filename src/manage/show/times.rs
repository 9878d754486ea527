//! Moments in the two forms that LiteLLM uses: `...Z` where something was made or changed, `...+00:00` where it is
//! looked up.

use serde_json::Value;

use crate::base::civil::Date;

fn text(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let Date { year, month, day } = Date::of_day(days);
    let (second, millis) = (of_day / 1_000, of_day % 1_000);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let whole = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if millis == 0 { whole } else { format!("{whole}.{millis:03}000") }
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
