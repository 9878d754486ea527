//! Any HTTP server: payloads as an array, a line each, or one by one.

use std::sync::Arc;

use super::event::Event;
use super::payload::payload;
use super::request::Outgoing;
use super::settings::{Format, Webhook};

/// The requests for a batch.
pub fn posts(settings: &Webhook, events: &[Arc<Event>]) -> Vec<Outgoing> {
    let url = || settings.url.expose();
    let headers = || settings.headers.clone();
    match settings.format {
        Format::JsonArray => {
            let all = events.iter().map(|event| payload(event)).collect();
            vec![Outgoing::json(url(), headers(), &all).of(events.len())]
        }
        Format::Ndjson => {
            let lines: String = events.iter().map(|event| format!("{}\n", payload(event))).collect();
            vec![Outgoing::post(url(), headers(), "application/x-ndjson", lines).of(events.len())]
        }
        Format::Single => {
            events.iter().map(|event| Outgoing::json(url(), headers(), &payload(event))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn bodies_have_the_form_that_was_asked_for() {
        let events = [testing::answered(), testing::failed()].map(Arc::new);
        let settings =
            |format| Webhook { url: "http://h/x".into(), headers: vec![("a".into(), "b".into())], format };
        let array = posts(&settings(Format::JsonArray), &events);
        assert_eq!(array.len(), 1);
        let body: serde_json::Value = serde_json::from_slice(&array[0].body).unwrap();
        assert_eq!(body[1]["status"], "failure");
        let lines = posts(&settings(Format::Ndjson), &events);
        let text = String::from_utf8(lines[0].body.to_vec()).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with('{')).count(), 2);
        let single = posts(&settings(Format::Single), &events);
        assert_eq!(single.len(), 2);
        assert!(single[0].body.starts_with(b"{") && single[0].headers.contains(&("a".into(), "b".into())));
    }
}
