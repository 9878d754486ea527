//! Base URLs that callers bring along: never the gateway's own network. What a name stands for is judged when a
//! connection is made ([`Reach::Public`]).

use std::net::IpAddr;

use actix_http::Uri;

use crate::base::error::{Error, Kind};
use crate::base::reach::Reach;

/// Refuses what is no public `https`/`http` URL by its text: private, loopback, link-local and metadata
/// addresses, bare host names and `localhost`.
///
/// # Errors
/// 403 naming `api_base`.
pub fn check(base: &str) -> Result<(), Error> {
    let refused = |why: &str| {
        Err(Error::new(Kind::Forbidden, format!("`api_base` is not allowed: {why}.")).with_param("api_base"))
    };
    let Ok(uri) = base.parse::<Uri>() else { return refused("it is no URL") };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return refused("it must start with https:// or http://");
    }
    let Some(host) = uri.host() else { return refused("it has no host") };
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(address) if !Reach::Public.allows(address) => {
            refused("private and metadata addresses are blocked")
        }
        Ok(_) => Ok(()),
        // Short forms such as 127.1 or 0x7f000001 are addresses to resolvers.
        Err(_)
            if host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit())) =>
        {
            refused("write the address in full")
        }
        Err(_) if !host.contains('.') || host.ends_with(".localhost") || host.ends_with(".internal") => {
            refused("private host names are blocked")
        }
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass() {
        for good in ["https://api.example.com/v1", "http://8.8.8.8/v1", "https://[2606:4700::1]/v1"] {
            assert!(check(good).is_ok(), "{good}");
        }
        let bad = [
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://169.254.169.254/latest",
            "http://10.0.0.1",
            "http://192.168.1.1",
            "http://[::1]:80",
            "http://[fd00::1]",
            "http://[::ffff:10.0.0.1]",
            "http://metadata.google.internal",
            "http://redis:6379",
            "file:///etc/passwd",
            "nonsense",
            "http://127.1",
            "http://0x7f000001",
            "http://2130706433",
            "http://100.64.0.1",
            "http://0.0.0.0",
        ];
        for base in bad {
            assert_eq!(check(base).unwrap_err().status(), 403, "{base}");
        }
    }
}
