//! Any HTTP server, and stores of objects.

use super::inputs::Inputs;
use crate::base::secret::Secret;
use crate::domain::export::{Format, S3, Webhook};

/// Any HTTP server.
pub fn webhook(inputs: &Inputs<'_>) -> Option<Webhook> {
    let url = inputs.required(&["endpoint", "url"], &["GENERIC_LOGGER_ENDPOINT"])?;
    let formats = [("json_array", Format::JsonArray), ("ndjson", Format::Ndjson), ("single", Format::Single)];
    let format = inputs.own.get("log_format").and_then(|field| field.word(&formats));
    Some(Webhook {
        url: Secret::new(url.address(inputs)?),
        headers: inputs.headers(&["GENERIC_LOGGER_HEADERS"]),
        format: format.unwrap_or(Format::JsonArray),
    })
}

/// An S3-compatible store; credentials that the parameters do not name are AWS' usual variables.
pub fn s3(inputs: &Inputs<'_>) -> Option<S3> {
    let bucket = inputs.required(&["s3_bucket_name"], &[])?.text;
    let region = inputs.text(&["s3_region_name"], &["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_REGION_NAME"]);
    let region = region.unwrap_or_else(|| "us-east-1".to_owned());
    let access_key = inputs.secret(&["s3_aws_access_key_id"], &["AWS_ACCESS_KEY_ID"]);
    let secret_key = inputs.secret(&["s3_aws_secret_access_key"], &["AWS_SECRET_ACCESS_KEY"]);
    let (access_key, secret_key) = (access_key?.expose().to_owned(), secret_key?);
    let session_token = match inputs.find(&["s3_aws_session_token"], &["AWS_SESSION_TOKEN"]) {
        Some(token) => Some(token.header(inputs)?),
        None => None,
    };
    let (endpoint, bucket) = match inputs.find(&["s3_endpoint_url"], &["AWS_ENDPOINT_URL_S3"]) {
        Some(endpoint) => (endpoint.base(inputs)?, Some(bucket)),
        // A certificate for all buckets covers no dots in their names.
        None if bucket.contains('.') => (format!("https://s3.{region}.amazonaws.com"), Some(bucket)),
        None => (in_bucket(inputs, &bucket, &region)?, None),
    };
    Some(S3 {
        endpoint: without_usual_port(endpoint),
        bucket,
        region,
        access_key,
        secret_key,
        session_token,
        path: inputs.text(&["s3_path"], &[]).unwrap_or_default().trim_matches('/').to_owned(),
        team_prefix: inputs.flag("s3_use_team_prefix"),
        key_prefix: inputs.flag("s3_use_key_prefix"),
    })
}

/// The address of a bucket at AWS. What is wrong with it is wrong with the names in it.
fn in_bucket(inputs: &Inputs<'_>, bucket: &str, region: &str) -> Option<String> {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    for (name, key) in [(bucket, "s3_bucket_name"), (region, "s3_region_name")] {
        if !is_name(name) {
            let found = inputs.find(&[key], &["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_REGION_NAME"]);
            let what = "must be a name of letters, digits and hyphens: it becomes part of an address";
            found?.error(inputs, what);
            return None;
        }
    }
    Some(format!("https://{bucket}.s3.{region}.amazonaws.com"))
}

/// Servers sign for the host without the port that its scheme stands for.
fn without_usual_port(endpoint: String) -> String {
    for (scheme, port) in [("https://", ":443"), ("http://", ":80")] {
        if endpoint.starts_with(scheme)
            && let Some(short) = endpoint.strip_suffix(port)
        {
            return short.to_owned();
        }
    }
    endpoint
}
