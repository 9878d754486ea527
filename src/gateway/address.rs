//! From where somebody may call (`allowed_ips`).

use std::net::IpAddr;

use actix_http::header::{HeaderMap, HeaderName};

use crate::base::error::{Error, Kind};
use crate::config::model::IdentitySettings;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Checks the caller's address. Behind a proxy it is the last that `X-Forwarded-For` names: the others are what the
/// caller itself has said.
///
/// # Errors
/// 403. Which addresses are allowed is not disclosed.
pub fn check(settings: &IdentitySettings, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Error> {
    let Some(allowed) = &settings.allowed_addresses else { return Ok(()) };
    let address = if settings.trusts_forwarded_for { forwarded(headers) } else { peer };
    if address.is_some_and(|address| allowed.iter().any(|range| range.contains(address))) {
        return Ok(());
    }
    let error = Error::new(Kind::Forbidden, "Access forbidden: IP address not allowed.");
    Err(error.with_type("auth_error"))
}

/// Whose address a row names: as [`check`] sees it, and without a proxy's word the one that the connection comes from.
pub fn shown(settings: &IdentitySettings, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
    let named = if settings.trusts_forwarded_for { forwarded(headers) } else { None };
    named.or(peer).map(|address| address.to_canonical())
}

/// The address that the nearest proxy has seen, with or without a port.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(FORWARDED_FOR).last()?.to_str().ok()?.rsplit(',').next()?.trim();
    let with_port = || last.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    last.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use actix_http::header::HeaderValue;

    use super::*;

    fn may(yaml: &str, peer: &str, forwarded: Option<&'static str>) -> bool {
        let config = super::super::testing::config(&format!("general_settings:\n{yaml}"));
        let mut headers = HeaderMap::new();
        if let Some(forwarded) = forwarded {
            headers.insert(FORWARDED_FOR, HeaderValue::from_static(forwarded));
        }
        check(&config.governance.identity, peer.parse().ok(), &headers).is_ok()
    }

    #[test]
    fn only_the_named_addresses_may_call() {
        let list = "  allowed_ips: [10.0.0.0/8, 192.0.2.7]\n";
        assert!(
            may(list, "10.1.2.3", None) && may(list, "192.0.2.7", None) && may(list, "::ffff:10.0.0.1", None)
        );
        assert!(!may(list, "192.0.2.8", None) && !may(list, "", None));
        assert!(!may(list, "192.0.2.8", Some("10.1.2.3")), "nobody told it to believe that");
        assert!(may("  master_key: sk-x\n", "203.0.113.9", None));
    }

    #[test]
    fn behind_a_proxy_the_address_is_the_one_that_it_has_seen() {
        let list = "  allowed_ips: [10.0.0.0/8]\n  use_x_forwarded_for: true\n";
        assert!(
            may(list, "203.0.113.9", Some("10.1.2.3")) && may(list, "203.0.113.9", Some("10.1.2.3:4711"))
        );
        assert!(!may(list, "10.1.2.3", None), "a proxy that says nothing vouches for nobody");
        assert!(!may(list, "10.1.2.3", Some("10.1.2.3, 203.0.113.9")), "a caller cannot choose its address");
    }
}
