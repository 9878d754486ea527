//! Roles, routes and fields.

use serde_json::{Map, Value, json};

use super::fields::{self, May};
use super::*;
use crate::domain::keys::{Key, Team};

fn fields_of(row: impl serde::Serialize) -> Map<String, Value> {
    serde_json::to_value(row).unwrap().as_object().unwrap().clone()
}

#[test]
fn every_field_of_keys_and_teams_has_a_row() {
    for (table, row) in [(fields::KEY, fields_of(Key::default())), (fields::TEAM, fields_of(Team::default()))]
    {
        let missing: Vec<&String> =
            row.keys().filter(|name| !table.iter().any(|(own, _)| own == name)).collect();
        assert!(missing.is_empty(), "no row for {missing:?}");
        let dead: Vec<&str> =
            table.iter().map(|(name, _)| *name).filter(|name| !row.contains_key(*name)).collect();
        assert!(dead.is_empty(), "no such field: {dead:?}");
    }
}

#[test]
fn a_row_of_the_table_is_written_once() {
    for (place, rule) in ROUTES.iter().enumerate() {
        let again =
            ROUTES.iter().skip(place + 1).any(|other| (other.verb, other.path) == (rule.verb, rule.path));
        assert!(!again, "{} stands twice", rule.path);
    }
}

/// Routes that change nothing and are POST for the sake of their bodies.
const LOOKS: [&str; 5] =
    ["/budget/info", "/spend/calculate", "/cost/estimate", "/global/spend/end_users", "/tag/info"];

#[test]
fn viewers_only_look_and_those_without_a_role_change_nothing() {
    for rule in ROUTES.iter().filter(|rule| rule.verb != Verb::Get) {
        let looks = ["/v2/key/info", "/key/health"].contains(&rule.path) || LOOKS.contains(&rule.path);
        for standing in [Standing::Viewer, Standing::UserViewer, Standing::Nobody] {
            assert!(looks || rule.right(standing) == Right::No, "{standing:?} {}", rule.path);
        }
        assert_ne!(rule.right(Standing::User), Right::All, "{}", rule.path);
    }
}

#[test]
fn what_a_field_may_become_is_measured_by_ones_own() {
    let judged = |name: &str, before: Value, after: Value, own: Value| {
        let row = |value: Value| {
            let mut row = fields_of(Key::default());
            row.insert("max_budget_nanos".into(), 5.into());
            row.insert(name.into(), value);
            row
        };
        fields::judge(fields::KEY, &row(before), &row(after), &row(own)).is_ok()
    };
    for (name, before, after, own, allowed) in [
        ("max_budget_nanos", json!(null), json!(5), json!(5), true),
        ("max_budget_nanos", json!(5), json!(6), json!(5), false),
        ("max_budget_nanos", json!(5), json!(null), json!(5), false),
        ("max_budget_nanos", json!(5), json!(null), json!(null), true),
        ("models", json!(["a", "b"]), json!(["a"]), json!(["a", "b"]), true),
        ("models", json!(["a"]), json!([]), json!(["a"]), false),
        ("models", json!(["a"]), json!(["a", "c"]), json!(["a"]), false),
        ("models", json!([]), json!(["c"]), json!([]), true),
        ("expires_ms", json!(10), json!(11), json!(10), false),
        ("budget_duration", json!("30d"), json!("1s"), json!("30d"), false),
        ("blocked", json!(true), json!(false), json!(false), false),
        ("blocked", json!(false), json!(true), json!(false), true),
        ("permissions", json!({}), json!({"get_spend_routes": true}), json!({}), false),
        ("metadata", json!({"tags": ["x"]}), json!({}), json!({"tags": ["x"]}), false),
        ("metadata", json!({"tags": ["x"]}), json!({"tags": ["x"], "a": 1}), json!({"tags": ["x"]}), true),
        ("metadata", json!({}), json!({"litellm_disabled_callbacks": ["s3"]}), json!({}), false),
        ("metadata", json!({"cache": {"no-store": true}}), json!({}), json!({}), false),
        ("metadata", json!({"cache": {"ttl": 1}}), json!({"cache": {"ttl": 1}, "a": 1}), json!({}), true),
        ("metadata", json!({}), json!({"a": 1}), json!({"cache": {"ttl": 1}}), true),
        ("from_the_future", json!(null), json!(1), json!(null), false),
    ] {
        assert_eq!(judged(name, before, after.clone(), own), allowed, "{name} {after}");
    }
    assert!(fields::KEY.iter().any(|(_, may)| *may == May::Not));
}

fn caller(standing: Standing, allowed_routes: &[&str]) -> Caller {
    let allowed_routes = allowed_routes.iter().map(ToString::to_string).collect();
    let key = Key { allowed_routes, ..Key::default() };
    Caller { standing, key: (standing != Standing::Master).then_some(key), ..Caller::master() }
}

#[test]
fn every_role_is_stopped_at_every_route_that_is_not_its_own() {
    for rule in ROUTES {
        for standing in Standing::ALL {
            let admitted = admit(&caller(standing, &[]), rule.verb, rule.path, rule.path);
            match rule.right(standing) {
                Right::No => assert_eq!(admitted.unwrap_err().status(), 403, "{standing:?} {}", rule.path),
                right => assert_eq!(admitted.unwrap(), right, "{standing:?} {}", rule.path),
            }
            // A key for models manages nothing, whoever has it; it may look at the models.
            if standing != Standing::Master && !groups::MODELS.contains(&rule.path) {
                let bound = admit(&caller(standing, &["llm_api_routes"]), rule.verb, rule.path, rule.path);
                assert_eq!(bound.unwrap_err().status(), 403, "{standing:?} {}", rule.path);
            }
        }
    }
    for standing in Standing::ALL {
        let unknown = admit(&caller(standing, &[]), Verb::Post, "/no/such/route", "/no/such/route");
        assert_eq!(unknown.is_ok(), standing == Standing::Master, "{standing:?}");
    }
}

#[test]
fn no_field_of_any_table_lets_anybody_have_more() {
    let own = json!({"a": 1});
    for (table, row) in [(fields::KEY, fields_of(Key::default())), (fields::TEAM, fields_of(Team::default()))]
    {
        for (name, may) in table {
            let (mut reach, greedy) = (
                row.clone(),
                match may {
                    May::Set | May::Kept | May::Elsewhere => continue,
                    May::Not => vec![json!("x"), json!({"x": 1})],
                    May::UpTo => vec![json!(6), Value::Null],
                    May::Within => vec![json!([]), json!(["mine", "yours"]), json!(["yours"])],
                    May::Same | May::SamePeriod => vec![json!({"a": 2}), json!({}), Value::Null],
                    May::SwitchOn => vec![json!(false)],
                    May::Metadata => vec![json!({}), json!({"tags": ["other"]})],
                },
            );
            reach.insert("max_budget_nanos".into(), 5.into());
            let has = match may {
                May::UpTo => json!(5),
                May::Within => json!(["mine"]),
                May::SwitchOn => json!(true),
                May::Metadata => json!({"tags": ["mine"]}),
                May::Not => Value::Null,
                _ => own.clone(),
            };
            reach.insert((*name).into(), has);
            for value in greedy {
                let mut after = reach.clone();
                after.insert((*name).into(), value.clone());
                let error = fields::judge(table, &reach, &after, &reach).expect_err(name);
                assert_eq!((error.status(), error.param()), (403, Some(fields::api_name(name))), "{value}");
            }
        }
    }
}
