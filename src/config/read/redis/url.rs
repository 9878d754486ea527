//! `redis_url`: `redis://user:password@host:6379/0`, `rediss://` for TLS, `unix:///path` for a socket.
//!
//! The parameters are redis-py's (`?db=1&ssl_cert_reqs=none`). `valkey` may stand for `redis`.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::draft::{Draft, PORT};
use crate::base::secret::Secret;

/// What a usable URL looks like.
const FORMS: &str = "must look like redis://host:6379, rediss://user:password@host:6379/0 or unix:///path";

/// Puts what the URL says into the draft, over what is there.
///
/// # Errors
/// A sentence that does not repeat the URL, which may hold a password.
pub fn apply(url: &str, draft: &mut Draft) -> Result<(), String> {
    let (scheme, rest) = url.trim().split_once("://").ok_or(FORMS)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let rest = rest.split('#').next().unwrap_or(rest);
    match scheme.to_ascii_lowercase().as_str() {
        "redis" | "valkey" => server(rest, draft)?,
        "rediss" | "valkeys" => {
            server(rest, draft)?;
            draft.ssl = Some(true);
        }
        "unix" | "redis+unix" | "valkey+unix" => socket(rest, draft)?,
        _ => return Err(FORMS.to_owned()),
    }
    query.split('&').filter(|pair| !pair.is_empty()).try_for_each(|pair| parameter(pair, draft))
}

/// `user:password@host:port/db`; of the user the colon makes a password.
fn server(rest: &str, draft: &mut Draft) -> Result<(), String> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = login(authority, draft);
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
        None => address.rsplit_once(':').unwrap_or((address, "")),
    };
    if host.is_empty() {
        return Err(format!("names no host: it {FORMS}"));
    }
    let port = if port.is_empty() { Some(PORT) } else { port.parse().ok().filter(|port| *port > 0) };
    draft.port = Some(port.ok_or("has a port that is none: 1 to 65535")?);
    draft.host = Some(decoded(host));
    let db = path.trim_end_matches('/');
    if !db.is_empty() {
        draft.db = Some(db.parse().map_err(|_| "names a database that is no number")?);
    }
    Ok(())
}

fn socket(rest: &str, draft: &mut Draft) -> Result<(), String> {
    let path = login(rest, draft);
    if !path.starts_with('/') {
        return Err(format!("names no path: it {FORMS}"));
    }
    draft.socket = Some(PathBuf::from(decoded(path)));
    Ok(())
}

/// Takes user and password; what is left is the address.
fn login<'t>(authority: &'t str, draft: &mut Draft) -> &'t str {
    let Some((login, address)) = authority.rsplit_once('@') else { return authority };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let given = |text: &str| (!text.is_empty()).then(|| decoded(text));
    draft.username = given(user).or(draft.username.take());
    draft.password = given(password).map(Secret::new).or(draft.password.take());
    address
}

fn parameter(pair: &str, draft: &mut Draft) -> Result<(), String> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let value = decoded(value);
    match name {
        "db" => draft.db = Some(value.parse().map_err(|_| "names a database that is no number")?),
        "username" => draft.username = Some(value),
        "password" => draft.password = Some(Secret::new(value)),
        "ssl_ca_certs" => draft.ca_file = Some(PathBuf::from(value)),
        "ssl_certfile" => draft.certificate = Some(PathBuf::from(value)),
        "ssl_keyfile" => draft.key = Some(PathBuf::from(value)),
        "ssl_cert_reqs" => draft.verify = Some(!value.eq_ignore_ascii_case("none")),
        "ssl_check_hostname" => draft.check_host = Some(!matches!(value.as_str(), "false" | "False" | "0")),
        // Settings of other clients that change nothing here.
        _ => {}
    }
    Ok(())
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_read() {
        let mut draft = Draft::default();
        apply("rediss://u%40x:p%3A1@cache.example:6380/2?ssl_cert_reqs=none&timeout=3", &mut draft).unwrap();
        assert_eq!((draft.username.as_deref(), draft.password), (Some("u@x"), Some(Secret::from("p:1"))));
        assert_eq!(
            (draft.host.as_deref(), draft.port, draft.db),
            (Some("cache.example"), Some(6380), Some(2))
        );
        assert_eq!((draft.ssl, draft.verify), (Some(true), Some(false)));
        let mut short = Draft::default();
        apply("redis://:secret@[::1]", &mut short).unwrap();
        assert_eq!((short.host.as_deref(), short.port, short.username), (Some("::1"), Some(PORT), None));
        let mut local = Draft::default();
        apply("unix:///run/redis.sock?db=3", &mut local).unwrap();
        assert_eq!((local.socket, local.db), (Some(PathBuf::from("/run/redis.sock")), Some(3)));
    }

    #[test]
    fn errors_do_not_repeat_the_password() {
        for bad in ["redis://:hunter2@", "http://:hunter2@h", "redis://:hunter2@h:x", "redis://h/x", "h:6379"]
        {
            let error = apply(bad, &mut Draft::default()).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
