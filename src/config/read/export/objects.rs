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
        url: Secret::new(inputs.address(url)?),
        headers: inputs.headers(&["GENERIC_LOGGER_HEADERS"]),
        format: format.unwrap_or(Format::JsonArray),
    })
}

/// An S3-compatible store; credentials that the parameters do not name are AWS' usual variables.
pub fn s3(inputs: &Inputs<'_>) -> Option<S3> {
    let bucket = inputs.required(&["s3_bucket_name"], &[])?;
    let region = inputs.text(&["s3_region_name"], &["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_REGION_NAME"]);
    let region = region.unwrap_or_else(|| "us-east-1".to_owned());
    let access_key = inputs.required(&["s3_aws_access_key_id"], &["AWS_ACCESS_KEY_ID"]);
    let secret_key = inputs.secret(&["s3_aws_secret_access_key"], &["AWS_SECRET_ACCESS_KEY"]);
    let (access_key, secret_key) = (access_key?, secret_key?);
    let (endpoint, bucket) = match inputs.text(&["s3_endpoint_url"], &["AWS_ENDPOINT_URL_S3"]) {
        Some(endpoint) => (inputs.address(endpoint)?, Some(bucket)),
        // A certificate for all buckets covers no dots in their names.
        None if bucket.contains('.') => (format!("https://s3.{region}.amazonaws.com"), Some(bucket)),
        None => (inputs.address(format!("https://{bucket}.s3.{region}.amazonaws.com"))?, None),
    };
    Some(S3 {
        endpoint: without_usual_port(endpoint),
        bucket,
        region,
        access_key,
        secret_key,
        session_token: inputs.text(&["s3_aws_session_token"], &["AWS_SESSION_TOKEN"]).map(Secret::new),
        path: inputs.text(&["s3_path"], &[]).unwrap_or_default().trim_matches('/').to_owned(),
        team_prefix: inputs.flag("s3_use_team_prefix"),
        key_prefix: inputs.flag("s3_use_key_prefix"),
    })
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
