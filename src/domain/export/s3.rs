//! S3-compatible stores: one JSON object for each event.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::event::{Event, rfc3339};
use super::payload::payload;
use super::request::{Method, Outgoing};
use super::settings::S3;
use super::sigv4::{Request, Signer};
use super::verdict::Answers;

/// What S3 wants encoded in a path: all but these.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
/// The longest part of a key that comes from elsewhere, characters.
const LONGEST_PART: usize = 200;

/// The request that stores an event.
pub fn object(settings: &S3, event: &Event, now_us: i64) -> Outgoing {
    let body = payload(event).to_string();
    let (scheme, rest) = settings.endpoint.split_once("://").unwrap_or(("https", &settings.endpoint));
    let (host, before) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let bucket = settings.bucket.as_ref().map(|bucket| format!("/{bucket}")).unwrap_or_default();
    let path =
        format!("{before}{}", utf8_percent_encode(&format!("{bucket}/{}", key(settings, event)), ENCODED));
    let signer = Signer {
        access_key: &settings.access_key,
        secret_key: &settings.secret_key,
        session_token: settings.session_token.as_ref(),
        region: &settings.region,
        service: "s3",
    };
    let request = Request { method: "PUT", host, path: &path, body: body.as_bytes() };
    let mut headers = signer.headers(&request, now_us);
    headers.push(("content-type".to_owned(), "application/json".into()));
    Outgoing {
        method: Method::Put,
        url: format!("{scheme}://{host}{path}").into(),
        headers,
        body: body.into(),
        events: 1,
        concerns: 1,
        answers: Answers::Plain,
    }
}

/// `[path/][team/][key/]2026-11-21/time-23-59-01-123456_id.json`, by the moment at which the request began.
fn key(settings: &S3, event: &Event) -> String {
    let moment = rfc3339(event.started_us);
    let (day, time) = moment.split_once('T').unwrap_or((&moment, ""));
    let time = time.trim_end_matches('Z').replace([':', '.'], "-");
    let owner = &event.owner;
    let team = if owner.team_alias.is_empty() { &owner.team_id } else { &owner.team_alias };
    let parts = [
        (!settings.path.is_empty()).then(|| settings.path.clone()),
        settings.team_prefix.then(|| part(team)).filter(|part| !part.is_empty()),
        settings.key_prefix.then(|| part(&owner.key_alias)).filter(|part| !part.is_empty()),
        Some(day.to_owned()),
        Some(format!("time-{time}_{}.json", part(&event.id))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("/")
}

/// A name as a part of a key: whoever chose it must not get into another folder.
fn part(name: &str) -> String {
    let safe = |c: char| if c == '/' || c == '\\' || c.is_control() { '_' } else { c };
    let name: String = name.chars().take(LONGEST_PART).map(safe).collect();
    if name.chars().all(|c| c == '.') { name.replace('.', "_") } else { name }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::domain::export::event::Owner;

    fn settings() -> S3 {
        S3 {
            endpoint: "http://127.0.0.1:9000".into(),
            bucket: Some("logs".into()),
            region: "us-east-1".into(),
            access_key: "AK".into(),
            secret_key: "s3-canary".into(),
            session_token: None,
            path: "a/b".into(),
            team_prefix: true,
            key_prefix: false,
        }
    }

    #[test]
    fn objects_are_named_by_team_day_and_moment() {
        let out = object(&settings(), &testing::answered(), testing::STARTED_US);
        assert_eq!(
            out.url.expose(),
            "http://127.0.0.1:9000/logs/a/b/Red/2023-11-14/time-22-13-20-000000_0190a3b4-0000-7000-8000-000000000001.json"
        );
        assert_eq!(out.method, Method::Put);
        assert!(out.headers.iter().any(|(name, value)| name == "host" && value.expose() == "127.0.0.1:9000"));
        assert!(!String::from_utf8_lossy(&out.body).contains("canary"));
    }

    #[test]
    fn names_stay_in_their_folder() {
        let event = Event {
            owner: Owner { team_alias: "../../other bucket".into(), ..Owner::default() },
            ..testing::answered()
        };
        let out = object(&settings(), &event, testing::STARTED_US);
        assert!(
            out.url.expose().contains("/logs/a/b/.._.._other%20bucket/2023-11-14/"),
            "{}",
            out.url.expose()
        );
        assert_eq!((part(".."), part("")), ("__".to_owned(), String::new()));
    }

    #[test]
    fn a_host_may_name_the_bucket() {
        let aws =
            S3 { endpoint: "https://logs.s3.eu-west-1.amazonaws.com".into(), bucket: None, ..settings() };
        let out = object(&S3 { path: String::new(), team_prefix: false, ..aws }, &testing::answered(), 0);
        assert!(out.url.expose().starts_with("https://logs.s3.eu-west-1.amazonaws.com/2023-11-14/time-"));
    }
}
