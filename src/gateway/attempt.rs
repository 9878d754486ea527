//! One attempt: one upstream call, judged.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use actix_http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::Value;
use smallvec::SmallVec;

use super::attempt_guard::AttemptGuard;
use super::attempts::Served;
use super::back::Back;
use super::call::Call;
use super::hop::Hop;
use super::live::{Live, More, timed_out};
use super::patience;
use super::patience::patience;
use super::pipeline::Gateway;
use super::prepare::{self, Prepared, Upstreamed};
use super::silence::{Silence, Tick};
use super::tally::Tally;
use super::translate::Whole;
use crate::actors::router::Picked;
use crate::base::clock;
use crate::base::deadline::Deadline;
use crate::base::error::{Error, Kind};
use crate::base::usage::Usage;
use crate::domain::deployment::Deployment;
use crate::domain::providers::{Dialect, anthropic, scrub, upstream_error};
use crate::domain::tokens;
use crate::upstream::Reply;
use crate::wire::endpoint::Endpoint;
use crate::wire::retry_after::retry_after;

/// The largest error body that is read.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// Calls the picked deployment and waits for its answer: all of it, or the first bytes of a stream.
///
/// # Errors
/// Why it did not answer; the deployment's actor has been told.
pub async fn run(
    gateway: &Gateway,
    call: &Call,
    hop: &Hop,
    picked: Picked,
    tally: &mut Tally,
) -> Result<Served, Error> {
    tally.attempts += 1;
    let model = hop.resolved.members.get(picked.index).map(|member| member.model.clone());
    let guard = AttemptGuard::begin(picked.lease, call, std::rc::Rc::clone(&gateway.outbox));
    let model = model.unwrap_or_else(|| guard.deployment().model.as_str().into());
    let prepared = match prepare::prepare(gateway, call, hop, guard.deployment(), &model) {
        Ok(prepared) => prepared,
        Err(error) => {
            guard.withdraw();
            return Err(error);
        }
    };
    tally.begun = Some(clock::fresh());
    let result = call_upstream(gateway, call, prepared, guard, tally).await;
    tally.ended();
    result
}

async fn call_upstream(
    gateway: &Gateway,
    call: &Call,
    prepared: Prepared,
    guard: AttemptGuard,
    tally: &mut Tally,
) -> Result<Served, Error> {
    let Prepared { upstream, back } = prepared;
    let result = match upstream {
        Upstreamed::Made(made) => {
            made.map(|reply| (reply, Silence::new(patience(call, guard.deployment()).idle, Deadline::NONE)))
        }
        Upstreamed::Http { route, extra, mut bodies } if bodies.len() == 1 => {
            let body = bodies.pop().unwrap_or_default();
            let mut silence =
                Silence::new(patience(call, guard.deployment()).idle, call.options.first_byte_deadline);
            let sending = gateway.upstream.send(&route, &extra, body);
            within(&mut silence, sending, guard.deployment())
                .await
                .and_then(|sent| sent.map_err(|fault| fault.into_error(guard.deployment().provider.title)))
                .map(|reply| (reply, silence))
        }
        Upstreamed::Http { route, extra, bodies } => {
            // Boxed: it is rare, and would make every request's future larger.
            let sending = (route, extra, bodies);
            return Box::pin(several(gateway, call, sending, back, guard, &mut tally.wasted)).await;
        }
    };
    let (mut reply, mut silence) = match result {
        Ok(begun) => begun,
        Err(error) => return Err(failed(guard, error)),
    };
    // Boxed each: what an answer of the usual kind does not need would make every request's future larger, and what
    // is as large as that costs a miss of the first data cache for each 64 bytes.
    if !(200..300).contains(&reply.status()) {
        let error = Box::pin(refused(&mut reply, &mut silence, guard.deployment())).await;
        return Err(failed(guard, error));
    }
    if call.endpoint == Endpoint::Speech || (call.stream && is_stream(call, &reply)) {
        return Box::pin(begin(call, reply, silence, back, guard)).await;
    }
    let limit = call.table.config.general.max_response_bytes;
    let body = collect(&mut reply, &mut silence, limit, guard.deployment()).await;
    judge(call, reply, body, &back, guard)
}

/// What a whole answer means.
fn judge(
    call: &Call,
    reply: Reply,
    body: Result<Bytes, Error>,
    back: &Back,
    guard: AttemptGuard,
) -> Result<Served, Error> {
    let status = reply.status();
    match body.and_then(|body| back.whole(body, guard.deployment())) {
        Ok(_) if call.stream && !back.may_be_whole() => Err(failed(guard, super::attempts::not_a_stream())),
        Ok(whole) => {
            guard.succeed(whole.usage.as_ref());
            Ok(Served::Whole { status, whole, reply: Some(Box::new(reply)) })
        }
        Err(error) => Err(failed(guard, error)),
    }
}

/// Waits for a stream's first bytes; until then nothing has been sent to the client.
async fn begin(
    call: &Call,
    reply: Reply,
    silence: Silence,
    back: Back,
    guard: AttemptGuard,
) -> Result<Served, Error> {
    let headers: HeaderMap = reply.headers().clone();
    let idle = patience(call, guard.deployment()).idle;
    let binary = call.endpoint == Endpoint::Speech && !is_stream(call, &reply);
    let announced = text_of(&reply, &CONTENT_LENGTH).and_then(|text| text.parse().ok());
    let (endpoint, media) = (back.endpoint, back.media.clone());
    let live = Live::new(reply, back.stream(guard.deployment()), guard, silence).counted(endpoint, media);
    let mut live = Box::new(if binary { live.binary(announced) } else { live });
    let first = match poll_fn(|cx| live.poll_more(cx)).await? {
        More::Bytes(first) => Some(first),
        More::End => None,
    };
    let comments = patience::keepalive(call).unwrap_or(COMMENTS);
    live.begin(first, idle, call.options.deadline, (!binary).then_some(comments));
    Ok(Served::Live { live, headers })
}

/// How often the client of a silent stream hears a comment once it has begun, unless configured: below the 30 s after which
/// common load balancers cut idle connections.
const COMMENTS: Duration = Duration::from_secs(15);

/// Where to, with which headers of this request, and the bodies.
type Sending =
    (std::rc::Rc<crate::upstream::Route>, Vec<(String, crate::base::secret::Secret)>, SmallVec<[Bytes; 1]>);

/// Several calls whose answers become one (a list of prompts on a chat provider), one after another on
/// one lease: the caller's request counts once. What has come counts as `wasted` until all are there, also when the
/// client does not wait for that.
async fn several(
    gateway: &Gateway,
    call: &Call,
    (route, extra, bodies): Sending,
    back: Back,
    guard: AttemptGuard,
    wasted: &mut Option<Box<Usage>>,
) -> Result<Served, Error> {
    let limit = call.table.config.general.max_response_bytes;
    let before = wasted.as_deref().copied();
    let mut usage: Option<Usage> = None;
    let mut replies = Vec::with_capacity(bodies.len());
    for body in bodies {
        let input_tokens = tokens::of_body(body.len());
        let mut silence =
            Silence::new(patience(call, guard.deployment()).idle, call.options.first_byte_deadline);
        let sending = gateway.upstream.send(&route, &extra, body);
        let one = async {
            let mut reply = within(&mut silence, sending, guard.deployment())
                .await?
                .map_err(|fault| fault.into_error(guard.deployment().provider.title))?;
            if !(200..300).contains(&reply.status()) {
                return Err(refused(&mut reply, &mut silence, guard.deployment()).await);
            }
            let body = collect(&mut reply, &mut silence, limit, guard.deployment()).await?;
            back.chat_reply(body, guard.deployment())
        };
        match one.await {
            Ok((reply, spent)) => {
                let spent = spent.unwrap_or_else(|| uncounted(input_tokens, &reply));
                let all = usage.map_or(spent, |usage| usage.plus(&spent));
                usage = Some(all);
                *wasted = Some(Box::new(before.map_or(all, |before| before.plus(&all))));
                replies.push(reply);
            }
            Err(error) => return Err(failed(guard, error)),
        }
    }
    let whole: Whole = match back.join(replies, usage) {
        Ok(whole) => whole,
        Err(error) => return Err(failed(guard, error)),
    };
    *wasted = before.map(Box::new);
    guard.succeed(whole.usage.as_ref());
    Ok(Served::Whole { status: 200, whole, reply: None })
}

/// The usage of one answer among several whose provider told none.
fn uncounted(prompt_tokens: u64, reply: &Value) -> Usage {
    let completion_tokens = reply.get("choices").map_or(0, |choices| tokens::of_text(&choices.to_string()));
    Usage { prompt_tokens, completion_tokens, estimated: true, ..Usage::default() }
}

fn failed(guard: AttemptGuard, error: Error) -> Error {
    guard.fail(&error);
    error
}

/// Waits for `work`, but no longer than the clock allows.
async fn within<F: Future>(
    silence: &mut Silence,
    work: F,
    deployment: &Deployment,
) -> Result<F::Output, Error> {
    let mut work = pin!(work);
    let outcome = poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending => silence.poll(cx).map(Err),
    });
    let outcome: Result<F::Output, Tick> = outcome.await;
    outcome.map_err(|tick| timed_out(tick, silence, deployment.provider.title))
}

/// Reads a whole body in bounded memory.
async fn collect(
    reply: &mut Reply,
    silence: &mut Silence,
    limit: usize,
    deployment: &Deployment,
) -> Result<Bytes, Error> {
    let announced: Option<usize> = text_of(reply, &CONTENT_LENGTH).and_then(|text| text.parse().ok());
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let provider = deployment.provider.title;
    loop {
        let chunk = match within(silence, reply.next(), deployment).await? {
            None => break,
            Some(chunk) => chunk.map_err(|fault| fault.into_error(provider))?,
        };
        silence.heard(clock::now());
        match first.take() {
            None if rest.is_empty() => first = Some(chunk),
            Some(earlier) => {
                rest.reserve(announced.unwrap_or(0).min(limit).max(earlier.len() + chunk.len()));
                rest.extend_from_slice(&earlier);
                rest.extend_from_slice(&chunk);
            }
            None => rest.extend_from_slice(&chunk),
        }
        if rest.len().max(first.as_ref().map_or(0, Bytes::len)) > limit {
            let message =
                format!("litellm.APIError: {provider}Exception - the answer is larger than {limit} bytes.");
            return Err(Error::new(Kind::InvalidReply, message).with_provider(provider));
        }
    }
    let body = first.unwrap_or_else(|| rest.freeze());
    // A connection that ends inside a body of known length is a cut answer, not a short one.
    if announced.is_some_and(|length| length != body.len()) {
        return Err(crate::upstream::Fault::Cut("shorter than announced".into()).into_error(provider));
    }
    Ok(body)
}

/// The error that an error status means.
async fn refused(reply: &mut Reply, silence: &mut Silence, deployment: &Deployment) -> Error {
    let status = reply.status();
    let mut body = BytesMut::new();
    // The status says enough if the body does not come.
    while let Ok(Some(Ok(chunk))) = within(silence, reply.next(), deployment).await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ERROR_BODY {
            body.truncate(MAX_ERROR_BODY);
            break;
        }
    }
    let header = |name: &str| reply.headers().get(name).and_then(|value| value.to_str().ok());
    let now = SystemTime::now();
    match deployment.provider.dialect {
        Dialect::Anthropic => {
            let error = anthropic::error(status, &body, retry_after(header, now));
            let class = error.behaviour().class;
            let text = scrub::scrub(error.message(), &deployment.connection);
            error.with_message(format!("litellm.{class}: {class}: {text}"))
        }
        _ => upstream_error::of_reply(deployment, status, &body, header, now),
    }
}

fn text_of<'a>(reply: &'a Reply, name: &HeaderName) -> Option<&'a str> {
    reply.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Whether the answer is an event stream: said to be one, or, where the endpoint has no other kind of
/// stream, not said to be JSON (some servers and proxies name no type or a general one).
fn is_stream(call: &Call, reply: &Reply) -> bool {
    let kind = text_of(reply, &CONTENT_TYPE).unwrap_or_default();
    let is = |name: &str| kind.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    let only_events = matches!(call.endpoint, Endpoint::Chat | Endpoint::Completions | Endpoint::Responses);
    is("text/event-stream") || (only_events && !is("application/json"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use bytes::Bytes;

    use crate::domain::routing::strategy;
    use crate::gateway::pipeline::Inbound;
    use crate::gateway::testing::{Piece, Rig, Script, key_headers};
    use crate::wire::endpoint::Endpoint;

    const CONFIG: &str = "
model_list:
  - {model_name: g, litellm_params: {model: groq/a, api_key: k, api_base: 'http://a.test/v1', num_retries: 0}}
";
    const WHOLE: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#;

    #[actix_rt::test]
    async fn answers_that_came_before_one_failed_are_billed() {
        let rig = Rig::new(CONFIG, Arc::new(|name, args| strategy(name, args))).await;
        for (status, body) in [(200, WHOLE), (200, WHOLE), (400, r#"{"error":{"message":"no"}}"#)] {
            let pieces = vec![(0, Piece::Bytes(Bytes::from_static(body.as_bytes())))];
            let script = Script { begins_after: Some(0), status, stream: false, pieces };
            rig.upstream.scripts.borrow_mut().push_back(script);
        }
        let headers = key_headers();
        let opened = rig.gateway.open(Endpoint::Completions, &headers, Instant::now());
        let Ok(identified) = rig.gateway.identify(opened, &headers, None).await else { panic!("a good key") };
        let body = Bytes::from_static(br#"{"model":"g","prompt":["a","b","c"]}"#);
        let inbound = Inbound { headers: &headers, path_model: None, api_version: None, body };
        let Err(failure) = rig.gateway.serve(identified, inbound).await else {
            panic!("one of three failed")
        };
        assert_eq!((failure.error.status(), rig.upstream.calls.get()), (400, 3));
        let usage =
            rig.told.finished.borrow()[0].usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens));
        assert_eq!(usage, Some((14, 4)));
    }
}
