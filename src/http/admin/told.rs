//! What the log is told of a management request: one line, whatever it ends with.

use std::time::Instant;

use actix_http::Method;
use actix_http::header::HeaderMap;

use super::Route;
use crate::actors::key_directory::MASTER;
use crate::base::clock::{self, unix_ms};
use crate::base::error::{Error, Kind};
use crate::base::ids;
use crate::gateway::headers;
use crate::manage::Caller;
use crate::telemetry::logging;
use crate::telemetry::management_line::ManagementLine;

/// A management request under way. Dropped before its end is known (the client hung up), it tells that.
pub struct Told {
    route: Route,
    method: Method,
    call_id: String,
    request_id: Option<Box<str>>,
    arrived: Instant,
    who: Who,
    ended: bool,
}

/// Who is calling, as far as that is known.
#[derive(Default)]
struct Who {
    key: String,
    key_alias: String,
    user: String,
    team: String,
    changed_by: String,
}

impl Told {
    /// A request has arrived.
    pub fn begin(route: Route, method: Method, sent: &HeaderMap) -> Self {
        let call_id = headers::client_call_id(sent).unwrap_or_else(ids::call_id);
        let (request_id, arrived, who) = (headers::request_id(sent), clock::now(), Who::default());
        Told { route, method, call_id, request_id, arrived, who, ended: false }
    }

    /// Its caller is known, and whom the caller acts for.
    pub fn by(&mut self, caller: &Caller, changed_by: Option<&str>) {
        let key = caller.key.as_ref();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        self.who = Who {
            key: key.map_or(MASTER, |key| &*key.hash).to_owned(),
            key_alias: text(key.and_then(|key| key.key_alias.as_deref())),
            user: text(caller.user_id.as_deref()),
            team: text(key.and_then(|key| key.team_id.as_deref())),
            changed_by: text(changed_by.filter(|_| caller.is_admin())),
        };
    }

    /// It is over; the reply gets its ids.
    pub fn end(mut self, error: Option<&Error>, sent: &HeaderMap, reply: &mut HeaderMap) {
        for (name, value) in headers::minimal(&self.call_id) {
            reply.insert(name, value);
        }
        headers::tell_request_id(sent, reply);
        self.tell(error);
    }

    fn tell(&mut self, error: Option<&Error>) {
        self.ended = true;
        let level = logging::level_of(error);
        if !logging::wants_request(error.is_some(), level) {
            return;
        }
        let line = ManagementLine {
            at_ms: u64::try_from(unix_ms()).unwrap_or(0),
            level: level.as_str(),
            call_id: &self.call_id,
            request_id: self.request_id.as_deref().unwrap_or_default(),
            method: self.method.as_str(),
            route: self.route.path,
            status: error.map_or(200, Error::status),
            key: &self.who.key,
            key_alias: &self.who.key_alias,
            user: &self.who.user,
            team: &self.who.team,
            changed_by: &self.who.changed_by,
            total: clock::now().saturating_duration_since(self.arrived),
            error: error.map_or("", |error| error.behaviour().label),
            param: error.and_then(Error::param).unwrap_or_default(),
            cause: error.and_then(Error::cause).unwrap_or_default(),
        };
        logging::request(|json, room| line.write(json, room));
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if !self.ended {
            self.tell(Some(&Error::new(Kind::ClientGone, "The client closed the connection.")));
        }
    }
}
