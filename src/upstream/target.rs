//! What never changes about the requests of one route: where they go and the head they begin with.

use actix_http::Uri;
use actix_http::header::{self, HeaderName, HeaderValue};
use bytes::{Bytes, BytesMut};

use super::Fault;
use crate::base::secret::Secret;

/// A parsed URL and the request head that belongs to it, written once.
pub struct Target {
    /// Whether it is `https`.
    pub tls: bool,
    /// Host name or address, an IPv6 one without its brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    method: &'static str,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The head with `headers`, up to where the length follows.
    head: Bytes,
}

impl Target {
    /// Reads the URL and checks the headers.
    ///
    /// # Errors
    /// [`Fault::Unsendable`]. A value that cannot be a header value is not repeated there, it may be a key.
    pub fn new(method: &'static str, url: &str, headers: &[(String, Secret)]) -> Result<Self, Fault> {
        let unsendable = |cause: &dyn std::fmt::Display| Fault::Unsendable(cause.to_string());
        let uri: Uri = url.parse().map_err(|cause| unsendable(&cause))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(unsendable(&"the URL must begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| unsendable(&"the URL has no host"))?;
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let named = match authority.port_u16() {
            None | Some(80 | 443) => authority.host().to_string(),
            Some(port) => format!("{}:{port}", authority.host()),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_string();
        let mut all = vec![
            (header::HOST, HeaderValue::from_str(&named).map_err(|cause| unsendable(&cause))?),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::ACCEPT, HeaderValue::from_static("*/*")),
            // Answers are looked into and passed on as they are.
            (header::ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            (header::USER_AGENT, HeaderValue::from_static(concat!("stagedoor/", env!("CARGO_PKG_VERSION")))),
        ];
        replace_all(&mut all, headers)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_string();
        let head = write_head(method, &path, &all).freeze();
        Ok(Target { tls, host, port, method, path, headers: all, head })
    }

    /// What connections to it have in common: they can carry each other's requests.
    pub fn origin(&self) -> String {
        format!("{}://{}:{}", if self.tls { "https" } else { "http" }, self.host, self.port)
    }

    /// The head of one request, its empty line included. `extra` headers replace those of the same name.
    ///
    /// # Errors
    /// [`Fault::Unsendable`]
    pub fn head(
        &self,
        extra: &[(String, Secret)],
        body_bytes: usize,
        room: usize,
    ) -> Result<BytesMut, Fault> {
        let mut out = if extra.is_empty() {
            let mut out = BytesMut::with_capacity(self.head.len() + 48 + room);
            out.extend_from_slice(&self.head);
            out
        } else {
            let mut headers = self.headers.clone();
            replace_all(&mut headers, extra)?;
            write_head(self.method, &self.path, &headers)
        };
        out.extend_from_slice(b"content-length: ");
        out.extend_from_slice(itoa::Buffer::new().format(body_bytes).as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        Ok(out)
    }
}

fn write_head(method: &str, path: &str, headers: &[(HeaderName, HeaderValue)]) -> BytesMut {
    let mut out = BytesMut::with_capacity(512);
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b" ");
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn replace_all(
    headers: &mut Vec<(HeaderName, HeaderValue)>,
    pairs: &[(String, Secret)],
) -> Result<(), Fault> {
    for (name, value) in pairs {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Fault::Unsendable(format!("`{name}` is no header name")))?;
        // Length and connection are this client's own business.
        if matches!(key, header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::CONNECTION) {
            continue;
        }
        let value = HeaderValue::from_str(value.expose()).map_err(|_| {
            Fault::Unsendable(format!("the value of header `{name}` has forbidden characters"))
        })?;
        headers.retain(|(known, _)| *known != key);
        headers.push((key, value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, headers: &[(&str, &str)]) -> Result<Target, Fault> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_string(), Secret::from(*value))).collect();
        Target::new("POST", url, &headers)
    }

    #[test]
    fn the_head_is_http() {
        let target = target("http://[::1]:8080/v1/chat?x=1", &[("Authorization", "Bearer k")]).unwrap();
        assert_eq!((target.host.as_str(), target.port, target.tls), ("::1", 8080, false));
        let head = target.head(&[], 12, 0).unwrap();
        let head = std::str::from_utf8(&head).unwrap();
        assert!(head.starts_with("POST /v1/chat?x=1 HTTP/1.1\r\nhost: [::1]:8080\r\n"), "{head}");
        assert!(head.ends_with("authorization: Bearer k\r\ncontent-length: 12\r\n\r\n"), "{head}");
    }

    #[test]
    fn headers_of_a_request_replace_the_routes() {
        let target = target("https://api.example/v1", &[("x-a", "1")]).unwrap();
        let extra = [("X-A".to_string(), Secret::from("2")), ("Content-Length".into(), Secret::from("9"))];
        let head = target.head(&extra, 0, 0).unwrap();
        let head = std::str::from_utf8(&head).unwrap();
        assert_eq!(head.matches("x-a").count(), 1);
        assert!(head.contains("x-a: 2\r\n") && head.contains("content-length: 0\r\n"), "{head}");
        assert!(head.contains("host: api.example\r\n") && target.port == 443);
    }

    #[test]
    fn what_cannot_be_sent_is_said_without_the_value() {
        let Err(fault) = target("http://h/", &[("authorization", "Bearer \n-canary")]) else {
            panic!("accepted")
        };
        assert!(matches!(&fault, Fault::Unsendable(text) if !text.contains("canary")), "{fault}");
        assert!(target("ftp://h/", &[]).is_err() && target("/v1", &[]).is_err());
    }
}
