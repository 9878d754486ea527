//! The one line that each request of the management API leaves in the log. It goes where the lines of the data plane go,
//! and is written the same way (`request_line.rs`). Bodies, queries and paths have no place in it, because keys stand in
//! them: of the path there is the pattern.

use std::time::Duration;

use super::request_line::{LONGEST, LONGEST_MESSAGE, Line};

/// What is known of a finished request. Empty texts are left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct ManagementLine<'a> {
    /// When it ended, milliseconds since 1970.
    pub at_ms: u64,
    /// `INFO`, `WARN`, `ERROR`.
    pub level: &'static str,
    /// The gateway's id of the call.
    pub call_id: &'a str,
    /// The client's own id (`x-request-id`).
    pub request_id: &'a str,
    /// `POST` ...
    pub method: &'a str,
    /// The pattern of the path: `/key/generate`, `/key/{key}/regenerate` ...
    pub route: &'a str,
    /// HTTP status.
    pub status: u16,
    /// The hash of the caller's key; its beginning is shown.
    pub key: &'a str,
    /// The key's alias.
    pub key_alias: &'a str,
    /// The caller's user.
    pub user: &'a str,
    /// The key's team.
    pub team: &'a str,
    /// Whom an admin says to act for (`litellm-changed-by`).
    pub changed_by: &'a str,
    /// From arrival to the answer.
    pub total: Duration,
    /// The kind of error.
    pub error: &'a str,
    /// The field that was wrong.
    pub param: &'a str,
    /// What was behind it.
    pub cause: &'a str,
}

impl ManagementLine<'_> {
    /// Writes the line with its end behind what is in `out`.
    pub fn write(&self, json: bool, out: &mut Vec<u8>) {
        let mut line = Line::begin(out, json, (self.at_ms, self.level, "management_request"));
        line.ids(self.call_id, self.request_id);
        line.text("method", self.method, LONGEST);
        line.text("route", self.route, LONGEST);
        line.number("status", self.status.into());
        line.key(self.key);
        for (name, text) in [
            ("key_alias", self.key_alias),
            ("user", self.user),
            ("team", self.team),
            ("changed_by", self.changed_by),
        ] {
            line.text(name, text, LONGEST);
        }
        line.millis("duration_ms", self.total);
        line.text("error", self.error, LONGEST);
        line.text("param", self.param, LONGEST);
        line.text("cause", self.cause, LONGEST_MESSAGE);
        line.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_object_or_one_line() {
        let told = ManagementLine {
            at_ms: 1_798_761_599_042,
            level: "INFO",
            call_id: "c-1",
            method: "POST",
            route: "/key/{key}/regenerate",
            status: 404,
            key: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            key_alias: "two\nlines",
            total: Duration::from_micros(1_500),
            error: "not_found",
            param: "key",
            ..ManagementLine::default()
        };
        let written = |json| {
            let mut out = Vec::new();
            told.write(json, &mut out);
            String::from_utf8(out).unwrap()
        };
        let text = written(false);
        assert_eq!(
            text,
            "2026-12-31T23:59:59.042Z  INFO management_request call_id=c-1 method=POST route=/key/{key}/regenerate \
             status=404 key=01234567 key_alias=\"two\\nlines\" duration_ms=1.500 error=not_found param=key\n"
        );
        let json: serde_json::Value = serde_json::from_str(&written(true)).unwrap();
        assert_eq!((&json["message"], &json["status"]), (&"management_request".into(), &404.into()));
        assert_eq!((&json["litellm_call_id"], &json["key"]), (&"c-1".into(), &"01234567".into()));
    }
}
