//! AWS Signature Version 4 for one request.
//!
//! Source: AWS, "Create a signed AWS API request" (General Reference).

use ring::hmac::{self, HMAC_SHA256, Key};
use sha2::{Digest, Sha256};

use super::event::rfc3339;
use crate::base::ids::hex;
use crate::base::secret::Secret;

/// What signs.
pub struct Signer<'a> {
    /// Access key id.
    pub access_key: &'a str,
    /// Secret access key.
    pub secret_key: &'a Secret,
    /// Of temporary credentials.
    pub session_token: Option<&'a Secret>,
    /// Such as `eu-central-1`.
    pub region: &'a str,
    /// Such as `s3`.
    pub service: &'a str,
}

/// What is signed.
pub struct Request<'a> {
    /// Such as `PUT`.
    pub method: &'a str,
    /// Host, and port where it is not the usual one.
    pub host: &'a str,
    /// The path, encoded as it is sent.
    pub path: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Signer<'_> {
    /// The headers that the request needs, `host` and `authorization` among them. `now_us` is the moment, microseconds
    /// since 1970; servers accept it for a quarter of an hour.
    pub fn headers(&self, request: &Request<'_>, now_us: i64) -> Vec<(String, Secret)> {
        let moment: String =
            rfc3339(now_us).chars().take(19).filter(|c| !matches!(c, '-' | ':')).chain(['Z']).collect();
        let day = moment.get(..8).unwrap_or_default().to_owned();
        let body_hash = hex(&Sha256::digest(request.body));
        let mut headers: Vec<(&str, Secret)> = vec![
            ("host", request.host.into()),
            ("x-amz-content-sha256", body_hash.as_str().into()),
            ("x-amz-date", moment.as_str().into()),
        ];
        headers.extend(self.session_token.map(|token| ("x-amz-security-token", token.clone())));
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.expose().trim())).collect();
        let Request { method, path, .. } = request;
        let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{body_hash}");
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign =
            format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let signature = hex(mac(&self.key(&day), &to_sign).as_ref());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key
        );
        headers.push(("authorization", authorization.into()));
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The key of one day.
    fn key(&self, day: &str) -> Vec<u8> {
        let first = format!("AWS4{}", self.secret_key.expose()).into_bytes();
        [day, self.region, self.service, "aws4_request"]
            .iter()
            .fold(first, |key, part| mac(&key, part).as_ref().to_vec())
    }
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&Key::new(HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of a `PUT` from AWS' documentation has other headers; this is what botocore computes for the same
    /// request, moment and credentials. `tests/sdk/python/test_export.py` compares the two on whole requests.
    #[test]
    fn the_key_of_a_day_is_that_of_the_documentation() {
        let secret = Secret::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let signer = Signer {
            access_key: "AKIDEXAMPLE",
            secret_key: &secret,
            session_token: None,
            region: "us-east-1",
            service: "iam",
        };
        let expected = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
        assert_eq!(hex(&signer.key("20150830")), expected);
    }

    #[test]
    fn what_is_signed_is_sent() {
        let (secret, token) = (Secret::from("s"), Secret::from("t"));
        let signer = Signer {
            access_key: "A",
            secret_key: &secret,
            session_token: Some(&token),
            region: "eu-west-1",
            service: "s3",
        };
        let request = Request { method: "PUT", host: "h:9000", path: "/b/k.json", body: b"{}" };
        let headers = signer.headers(&request, 1_700_000_000_123_456);
        let get = |name: &str| headers.iter().find(|(known, _)| known == name).unwrap().1.expose();
        assert_eq!((get("x-amz-date"), get("host")), ("20231114T221320Z", "h:9000"));
        assert!(get("authorization").contains(
            "Credential=A/20231114/eu-west-1/s3/aws4_request, \
             SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature="
        ));
    }
}
