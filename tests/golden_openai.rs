//! Golden files of the OpenAI dialect: what a client sends and what leaves, what comes back and what the
//! client gets. A case is a `.json` file under `tests/golden/{openai,azure}`; what comes out of it stands
//! beside it in a `.out` file. `UPDATE_GOLDEN=1 cargo test --test golden_openai` writes those anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::{Map, Value};
use stagedoor::base::error::Error;
use stagedoor::base::usage::Usage;
use stagedoor::domain::deployment::{Capacity, Connection, Deployment, ModelInfo, Patience, RequestRules};
use stagedoor::domain::providers::openai::{
    self, BodyOptions, ChatStream, End, ResponsesStream, StreamOptions,
};
use stagedoor::domain::providers::provider::Quirks;
use stagedoor::domain::providers::{Dialect, Provider, upstream_error};
use stagedoor::wire::endpoint::Endpoint;
use stagedoor::wire::sse::Splitter;
use stagedoor::wire::surface::Surface;

/// One case, as its file describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows, for its reader.
    #[allow(dead_code, reason = "documentation inside the file")]
    about: String,
    #[serde(default = "openai_name")]
    provider: String,
    model: String,
    #[serde(default)]
    deployment: DeploymentPart,
    #[serde(default = "chat_path")]
    endpoint: String,
    /// The client's body, as text, so that every byte of it counts.
    request: Option<String>,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    drop_params: bool,
    /// Whether the client asked for stream usage.
    #[serde(default)]
    usage_asked: bool,
    #[serde(default = "one")]
    choices: usize,
    reply: Option<Reply>,
    /// The upstream's stream, as text.
    events: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct DeploymentPart {
    api_base: Option<String>,
    api_version: Option<String>,
    azure_ad_token: Option<String>,
    organization: Option<String>,
    base_model: Option<String>,
    defaults: Map<String, Value>,
    extra_body: Map<String, Value>,
    additional_drop_params: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    body: String,
}

fn openai_name() -> String {
    "openai".to_owned()
}

fn chat_path() -> String {
    "chat/completions".to_owned()
}

fn one() -> usize {
    1
}

const PLAIN: Quirks = Quirks {
    native_responses: true,
    native_completions: false,
    developer_role: true,
    max_completion_tokens: true,
    stream_usage: true,
    flat_content: false,
    required_is_any: false,
    random_seed: false,
    unsupported: &[],
};

const OPENAI: Provider = Provider {
    name: "openai",
    title: "OpenAI",
    dialect: Dialect::OpenAi,
    base: "https://api.openai.com/v1",
    base_env: &[],
    key_env: &[],
    keyless: false,
    quirks: PLAIN,
};

fn provider(name: &str) -> Provider {
    match name {
        "openai" => OPENAI,
        "azure" => Provider {
            name: "azure",
            title: "Azure",
            dialect: Dialect::Azure,
            base: "https://res.openai.azure.com",
            ..OPENAI
        },
        "cohere" => Provider {
            name: "cohere",
            title: "Cohere",
            dialect: Dialect::Cohere,
            base: "https://api.cohere.ai",
            ..OPENAI
        },
        "mistral" => Provider {
            name: "mistral",
            title: "Mistral",
            base: "https://api.mistral.ai/v1",
            quirks: Quirks {
                developer_role: false,
                max_completion_tokens: false,
                stream_usage: false,
                required_is_any: true,
                random_seed: true,
                ..PLAIN
            },
            ..OPENAI
        },
        "deepseek" => Provider {
            name: "deepseek",
            title: "Deepseek",
            base: "https://api.deepseek.com/beta",
            quirks: Quirks {
                flat_content: true,
                developer_role: false,
                max_completion_tokens: false,
                ..PLAIN
            },
            ..OPENAI
        },
        other => panic!("no provider {other} in the golden tests"),
    }
}

fn deployment(case: &Case) -> Deployment {
    let provider = provider(&case.provider);
    let part = &case.deployment;
    Deployment {
        id: "golden".into(),
        group: "group".into(),
        position: 0,
        provider,
        model: case.model.clone(),
        connection: Connection {
            api_base: part.api_base.clone().unwrap_or_else(|| provider.base.to_owned()),
            api_key: Some("sk-golden-0123456789".into()),
            api_version: part.api_version.clone(),
            organization: part.organization.clone(),
            azure_ad_token: part.azure_ad_token.as_deref().map(Into::into),
            extra_headers: Vec::new(),
        },
        request: RequestRules {
            defaults: part.defaults.clone(),
            extra_body: part.extra_body.clone(),
            additional_drop_params: part.additional_drop_params.clone(),
            ..RequestRules::default()
        },
        capacity: Capacity::default(),
        patience: Patience::default(),
        info: ModelInfo { base_model: part.base_model.clone(), ..ModelInfo::default() },
        origin: Default::default(),
        problem: None,
    }
}

/// Everything that comes out of a case.
fn outcome(case: &Case) -> String {
    let deployment = Arc::new(deployment(case));
    let mut out = String::new();
    if let Some(request) = &case.request {
        show_request(case, &deployment, request, &mut out);
    }
    if let Some(reply) = &case.reply {
        show_reply(&deployment, reply, &mut out);
    }
    if let Some(events) = &case.events {
        show_stream(case, &deployment, events, &mut out);
    }
    out
}

fn endpoint(case: &Case) -> Endpoint {
    let found = Endpoint::ALL.into_iter().find(|endpoint| endpoint.path() == case.endpoint);
    found.unwrap_or_else(|| panic!("no endpoint {}", case.endpoint))
}

fn show_request(case: &Case, deployment: &Deployment, request: &str, out: &mut String) {
    let endpoint = endpoint(case);
    let surface = Surface::parse(Bytes::copy_from_slice(request.as_bytes()), 64).expect("a JSON object");
    let options = BodyOptions { stream: case.stream, ask_usage: case.stream, drop_params: case.drop_params };
    let body = match openai::body(&surface, deployment, endpoint, &case.model, &options) {
        Ok(body) => body,
        Err(error) => return show_error(&error, out),
    };
    let target = openai::target(deployment, endpoint, &case.model, case.api_version.as_deref());
    writeln!(out, "POST {}", target.url).unwrap();
    for (name, value) in &target.headers {
        writeln!(out, "{name}: {}", value.expose()).unwrap();
    }
    writeln!(out, "\n{}", String::from_utf8_lossy(&body)).unwrap();
}

fn show_reply(deployment: &Deployment, reply: &Reply, out: &mut String) {
    let header = |name: &str| reply.headers.get(name).and_then(Value::as_str);
    if reply.status != 200 {
        let body = reply.body.as_bytes();
        let error = upstream_error::of_reply(deployment, reply.status, body, header, SystemTime::UNIX_EPOCH);
        return show_error(&error, out);
    }
    match openai::restamp(Bytes::copy_from_slice(reply.body.as_bytes()), "group") {
        Ok((body, usage)) => {
            writeln!(out, "{}", String::from_utf8_lossy(&body)).unwrap();
            show_usage(usage, out);
        }
        Err(invalid) => show_error(&invalid.into_error(deployment), out),
    }
}

fn show_stream(case: &Case, deployment: &Arc<Deployment>, events: &str, out: &mut String) {
    // Chunks of 7 bytes: no event arrives whole.
    let mut splitter = Splitter::new(1 << 16);
    let mut shown = BytesMut::new();
    let options =
        StreamOptions { shown_model: "group".into(), usage_asked: case.usage_asked, choices: case.choices };
    let mut chat = ChatStream::new(Arc::clone(deployment), options);
    let mut responses = ResponsesStream::new(Arc::clone(deployment), "group");
    let native = endpoint(case) == Endpoint::Responses;
    for piece in events.as_bytes().chunks(7) {
        splitter.push(Bytes::copy_from_slice(piece));
        while let Some(event) = splitter.next().expect("small events") {
            let fed = if native { responses.feed(&event, &mut shown) } else { chat.feed(&event, &mut shown) };
            if let Err(error) = fed {
                out.push_str(&String::from_utf8_lossy(&shown));
                return show_error(&error, out);
            }
        }
    }
    let end = if native { responses.finish() } else { chat.finish(&mut shown) };
    out.push_str(&String::from_utf8_lossy(&shown));
    match end {
        End::Complete => out.push_str("== complete\n"),
        End::Cut(error) => show_error(&error, out),
    }
    show_usage(if native { responses.usage() } else { chat.usage() }, out);
}

fn show_usage(usage: Option<Usage>, out: &mut String) {
    let text = usage.map_or_else(
        || "none".to_owned(),
        |usage| {
            format!(
                "prompt {} (cached {}), completion {} (reasoning {})",
                usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, usage.reasoning_tokens
            )
        },
    );
    writeln!(out, "usage: {text}").unwrap();
}

fn show_error(error: &Error, out: &mut String) {
    writeln!(out, "== error {} {:?}", error.status(), error.kind()).unwrap();
    writeln!(out, "message: {}", error.message()).unwrap();
    writeln!(out, "type: {}, param: {:?}, code: {:?}", error.type_(), error.param(), error.code()).unwrap();
    writeln!(out, "retry after: {:?}, should retry: {:?}", error.retry_after(), error.should_retry())
        .unwrap();
}

fn cases(folder: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let files = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found: Vec<PathBuf> = files
        .map(|file| file.expect("a folder that can be read").path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .collect();
    found.sort();
    found
}

fn check(folder: &str, at_least: usize) {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let cases = cases(folder);
    assert!(cases.len() >= at_least, "only {} cases in {folder}", cases.len());
    let mut wrong = String::new();
    for path in cases {
        let text = std::fs::read_to_string(&path).expect("a case");
        let case: Case =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let found = outcome(&case);
        let golden = path.with_extension("out");
        if update {
            std::fs::write(&golden, &found).expect("a golden file");
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != found {
            write!(wrong, "\n{} now gives:\n{found}", golden.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn openai_cases() {
    check("openai", 18);
}

#[test]
fn azure_cases() {
    check("azure", 6);
}
