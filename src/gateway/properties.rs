//! Whatever order requests are polled, dropped and broken in: nothing stays in flight, and each request
//! has exactly one finished-event.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use actix_http::body::MessageBody;
use bytes::Bytes;
use proptest::prelude::*;

use super::answer::AnswerBody;
use super::pipeline::{Gateway, Inbound};
use super::testing::{Piece, Rig, Script, key_headers, settle_down};
use crate::actors::router::MakeStrategy;
use crate::base::rng::Rng;
use crate::domain::routing::{Candidate, PickContext, Strategy as RoutingStrategy, strategy};
use crate::wire::endpoint::Endpoint;

const CONFIG: &str = "
model_list:
  - {model_name: g, litellm_params: {model: openai/a, api_key: k, api_base: 'http://a.test/v1'}, model_info: {id: a}}
  - {model_name: g, litellm_params: {model: openai/b, api_key: k, api_base: 'http://b.test/v1', max_parallel_requests: 3}, model_info: {id: b}}
  - {model_name: f, litellm_params: {model: openai/c, api_key: k, api_base: 'http://c.test/v1', rpm: 1000, tpm: 1000000}, model_info: {id: c}}
  - {model_name: k, litellm_params: {model: openai/d, api_key: k, api_base: 'http://d.test/v1', keepalive_seconds: 0.001}, model_info: {id: d}}
litellm_settings: {num_retries: 1, fallbacks: [{g: [f]}]}
router_settings: {disable_cooldowns: true}
";

#[derive(Debug, Clone)]
enum Step {
    Poll(usize),
    Drop(usize),
    Actors,
    BreakRouter,
}

/// What one client asks for.
#[derive(Debug, Clone, Copy)]
struct Wish {
    model: &'static str,
    endpoint: Endpoint,
    stream: bool,
}

#[derive(Debug, Clone)]
struct Plan {
    requests: Vec<Wish>,
    scripts: Vec<Script>,
    steps: Vec<Step>,
}

/// The real strategy, until somebody wants it to panic.
struct Fragile(Box<dyn RoutingStrategy>, Arc<AtomicBool>);

impl RoutingStrategy for Fragile {
    fn pick(
        &mut self,
        candidates: &[Candidate<'_>],
        context: &PickContext<'_>,
        rng: &mut dyn Rng,
    ) -> Option<usize> {
        assert!(!self.1.swap(false, Ordering::SeqCst), "scripted panic in the router");
        self.0.pick(candidates, context, rng)
    }
}

fn piece() -> impl Strategy<Value = Piece> {
    let chunk = |text: &'static str| Just(Piece::Bytes(Bytes::from_static(text.as_bytes())));
    prop_oneof![
        4 => chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"),
        2 => chunk("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"),
        1 => chunk("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"),
        2 => chunk("{\"model\":\"x\",\"choices\":[]}"),
        1 => chunk("data: {\"error\":{\"message\":\"no\"}}\n\n"),
        1 => chunk("data: nonsense\n\n"),
        1 => Just(Piece::Cut),
        1 => Just(Piece::Panic),
        1 => Just(Piece::Hang),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let begins = prop_oneof![1 => Just(None), 9 => (0u32..4).prop_map(Some)];
    let status =
        prop_oneof![6 => Just(200u16), 1 => Just(500), 1 => Just(429), 1 => Just(400), 1 => Just(401)];
    (begins, status, any::<bool>(), prop::collection::vec((0u32..3, piece()), 0..5))
        .prop_map(|(begins_after, status, stream, pieces)| Script { begins_after, status, stream, pieces })
}

fn wish() -> impl Strategy<Value = Wish> {
    // `k` sends comments while it waits; text completions and responses go through chat where they must.
    let model = prop_oneof![3 => Just("g"), 1 => Just("k")];
    let endpoint =
        prop_oneof![3 => Just(Endpoint::Chat), 1 => Just(Endpoint::Completions), 1 => Just(Endpoint::Speech)];
    (model, endpoint, any::<bool>()).prop_map(|(model, endpoint, stream)| Wish { model, endpoint, stream })
}

fn plan() -> impl Strategy<Value = Plan> {
    let step = prop_oneof![
        12 => (0usize..6).prop_map(Step::Poll),
        2 => (0usize..6).prop_map(Step::Drop),
        4 => Just(Step::Actors),
        1 => Just(Step::BreakRouter),
    ];
    (
        prop::collection::vec(wish(), 1..6),
        prop::collection::vec(script(), 40),
        prop::collection::vec(step, 0..120),
    )
        .prop_map(|(requests, scripts, steps)| Plan { requests, scripts, steps })
}

/// One request from arrival to the last byte of its answer.
async fn request(gateway: Rc<Gateway>, wish: Wish) {
    let headers = key_headers();
    let opened = gateway.open(wish.endpoint, &headers, Instant::now());
    let Ok(identified) = gateway.identify(opened, &headers, None).await else { panic!("the key is right") };
    let Wish { model, stream, .. } = wish;
    let body = format!(
        r#"{{"model":"{model}","stream":{stream},"prompt":"p","input":"i","messages":[{{"role":"user","content":"hi"}}]}}"#
    );
    let inbound = Inbound { headers: &headers, path_model: None, api_version: None, body: Bytes::from(body) };
    let Ok(answer) = gateway.serve(identified, inbound).await else { return };
    if let AnswerBody::Stream(mut stream) = answer.body {
        while let Some(Ok(_)) = std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await {}
    }
}

/// Whether a panic is one that the plan asked for.
fn is_scripted(panic: &(dyn std::any::Any + Send)) -> bool {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .is_some_and(|text| text.contains("scripted"))
}

async fn run(plan: Plan) {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&broken);
    let make: MakeStrategy =
        Arc::new(move |name, args| Box::new(Fragile(strategy(name, args), Arc::clone(&switch))));
    let rig = Rig::new(CONFIG, make).await;
    *rig.upstream.scripts.borrow_mut() = plan.scripts.into();
    let mut open: Vec<Option<Pin<Box<dyn Future<Output = ()>>>>> = plan
        .requests
        .iter()
        .map(|wish| Some(Box::pin(request(Rc::clone(&rig.gateway), *wish)) as Pin<Box<_>>))
        .collect();
    let mut started = vec![false; open.len()];
    let mut cx = Context::from_waker(Waker::noop());
    for step in plan.steps {
        match step {
            Step::Poll(index) => {
                let Some(slot) = open.get_mut(index) else { continue };
                let Some(future) = slot else { continue };
                started[index] = true;
                // A panic in a handler drops what the handler holds; so does this.
                match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx))) {
                    Ok(Poll::Pending) => {}
                    Ok(Poll::Ready(())) => *slot = None,
                    Err(panic) if is_scripted(&*panic) => *slot = None,
                    Err(panic) => resume_unwind(panic),
                }
            }
            Step::Drop(index) => {
                if let Some(slot) = open.get_mut(index) {
                    *slot = None;
                }
            }
            Step::Actors => settle_down().await,
            Step::BreakRouter => broken.store(true, Ordering::SeqCst),
        }
    }
    drop(open);
    settle_down().await;
    let expected = started.iter().filter(|started| **started).count();
    assert_eq!(rig.leased(), 0, "attempts stay in flight");
    assert_eq!(rig.shared.in_flight.count(), 0, "requests stay in flight");
    assert_eq!(rig.told.arrived.get(), expected);
    assert_eq!(rig.told.finished.borrow().len(), expected, "one finished-event for each request");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_leaks_and_everything_is_told_once(plan in plan()) {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let outcome = catch_unwind(AssertUnwindSafe(|| actix_rt::System::new().block_on(run(plan))));
        std::panic::set_hook(hook);
        if let Err(panic) = outcome {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_string());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            return Err(TestCaseError::fail(text));
        }
    }
}
