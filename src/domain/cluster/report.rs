//! The message how one replica uses the deployments.

use std::time::Duration;

use serde_json::{Value, json};

use crate::base::error::Kind;
use crate::domain::routing::samples::{Samples, Total};

/// The form of the message; others are left aside.
const VERSION: u64 = 1;
/// The longest cooldown that is believed.
const LONGEST_REST: Duration = Duration::from_secs(3_600);
/// More samples of one kind at once are not believed.
const MOST_SAMPLES: u64 = 1_000_000;

/// How one replica uses one deployment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Attempts under way.
    pub in_flight: u32,
    /// Requests of the last 60 seconds, where the deployment has a limit of them.
    pub requests: u64,
    /// Tokens of the last 60 seconds, likewise.
    pub tokens: u64,
}

impl Numbers {
    /// Whether there is nothing to say.
    pub fn is_nothing(&self) -> bool {
        *self == Numbers::default()
    }
}

/// A cooldown that a replica began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// How much longer it lasts: clocks differ, spans do not.
    pub remaining: Duration,
    /// The failure that did it.
    pub cause: Kind,
}

/// What one replica says at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The replica.
    pub from: String,
    /// Grows with each message of a replica: an older one that comes later is left aside.
    pub number: u64,
    /// Its last message: it ends.
    pub ends: bool,
    /// Its numbers of these deployments, by id; those of others have not changed.
    pub used: Vec<(String, Numbers)>,
    /// The cooldowns it began.
    pub rests: Vec<(String, Rest)>,
    /// Latencies that it has measured since its last word. They are said once: one lost is one sample less.
    pub samples: Vec<(String, Samples)>,
}

impl Report {
    /// The message's text.
    pub fn text(&self) -> String {
        let used = self.used.iter().map(|(id, n)| json!([id, n.in_flight, n.requests, n.tokens]));
        let rests = self.rests.iter().map(|(id, rest)| {
            let milliseconds = u64::try_from(rest.remaining.as_millis()).unwrap_or(u64::MAX);
            json!([id, milliseconds, rest.cause.behaviour().label])
        });
        let samples = self.samples.iter().map(|(id, Samples { per_token, whole, first_token })| {
            let pair = |total: &Total| [json!(total.count), json!(total.seconds)];
            let pairs = [per_token, whole, first_token].into_iter().flat_map(pair);
            Value::Array(std::iter::once(json!(id)).chain(pairs).collect())
        });
        json!({
            "v": VERSION, "from": self.from, "n": self.number, "ends": self.ends,
            "used": used.collect::<Vec<_>>(), "rests": rests.collect::<Vec<_>>(),
            "samples": samples.collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// Reads a message; `None` when it cannot be understood. Parts that cannot are left out.
    pub fn read(text: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(text).ok()?;
        let number = message.get("n")?.as_u64()?;
        if message.get("v")?.as_u64()? != VERSION {
            return None;
        }
        let list = |name: &str| message.get(name).and_then(Value::as_array).into_iter().flatten();
        Some(Report {
            from: message.get("from")?.as_str()?.to_owned(),
            number,
            ends: message.get("ends").and_then(Value::as_bool).unwrap_or(false),
            used: list("used").filter_map(used).collect(),
            rests: list("rests").filter_map(rest).collect(),
            samples: list("samples").filter_map(samples).collect(),
        })
    }
}

fn used(item: &Value) -> Option<(String, Numbers)> {
    let number = |index: usize| item.get(index).and_then(Value::as_u64);
    let numbers =
        Numbers { in_flight: u32::try_from(number(1)?).ok()?, requests: number(2)?, tokens: number(3)? };
    Some((item.get(0)?.as_str()?.to_owned(), numbers))
}

fn rest(item: &Value) -> Option<(String, Rest)> {
    let remaining = Duration::from_millis(item.get(1)?.as_u64()?).min(LONGEST_REST);
    let label = item.get(2)?.as_str()?;
    // A kind that only a newer program knows is some trouble all the same.
    let cause = Kind::ALL.into_iter().find(|kind| kind.behaviour().label == label);
    let cause = cause.unwrap_or(Kind::UpstreamUnavailable);
    Some((item.get(0)?.as_str()?.to_owned(), Rest { remaining, cause }))
}

fn samples(item: &Value) -> Option<(String, Samples)> {
    let total = |index: usize| {
        let count = item.get(index)?.as_u64().filter(|count| *count <= MOST_SAMPLES)?;
        let seconds = item.get(index + 1)?.as_f64().filter(|seconds| *seconds >= 0.0)?;
        Some(Total { count, seconds })
    };
    let samples = Samples { per_token: total(1)?, whole: total(3)?, first_token: total(5)? };
    Some((item.get(0)?.as_str()?.to_owned(), samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let rest = Rest { remaining: Duration::from_millis(4_321), cause: Kind::UpstreamRateLimit };
        let report = Report {
            from: "a".into(),
            number: 7,
            ends: false,
            used: vec![("d \"1\"".into(), Numbers { in_flight: 3, requests: 10, tokens: 500 })],
            rests: vec![("d2".into(), rest)],
            samples: vec![(
                "d".into(),
                Samples { whole: Total { count: 2, seconds: 0.5 }, ..Samples::default() },
            )],
        };
        assert_eq!(Report::read(&report.text()), Some(report));
    }

    #[test]
    fn what_is_not_understood_is_left_aside() {
        for text in ["", "{}", r#"{"v":2,"from":"a","n":1}"#, r#"{"v":1,"n":1}"#] {
            assert_eq!(Report::read(text), None, "{text}");
        }
        let text = r#"{"v":1,"from":"a","n":1,"used":[["x"],["y",1,2,3],5],"rests":[["z",99999999999,"new"]],"samples":[["x",0,0,1000001,5e5,0,0]]}"#;
        let report = Report::read(text).unwrap();
        assert_eq!(report.samples, [], "their average would be another one");
        assert_eq!(report.used.len(), 1);
        assert_eq!(
            report.rests,
            [("z".to_owned(), Rest { remaining: LONGEST_REST, cause: Kind::UpstreamUnavailable })]
        );
    }
}
