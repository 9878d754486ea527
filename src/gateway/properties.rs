//! Whatever order requests are polled, dropped and broken in: nothing stays in flight, and each request
//! has exactly one finished-event.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
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

#[derive(Debug, Clone)]
struct Plan {
    requests: Vec<bool>,
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

fn plan() -> impl Strategy<Value = Plan> {
    let step = prop_oneof![
        12 => (0usize..6).prop_map(Step::Poll),
        2 => (0usize..6).prop_map(Step::Drop),
        4 => Just(Step::Actors),
        1 => Just(Step::BreakRouter),
    ];
    (
        prop::collection::vec(any::<bool>(), 1..6),
        prop::collection::vec(script(), 40),
        prop::collection::vec(step, 0..120),
    )
        .prop_map(|(requests, scripts, steps)| Plan { requests, scripts, steps })
}

/// One request from arrival to the last byte of its answer.
async fn request(gateway: Rc<Gateway>, stream: bool) {
    let headers = key_headers();
    let opened = gateway.open(Endpoint::Chat, &headers, Instant::now());
    let Ok(identified) = gateway.identify(opened, &headers) else { panic!("the key is right") };
    let body = format!(r#"{{"model":"g","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#);
    let inbound = Inbound { headers: &headers, path_model: None, api_version: None, body: Bytes::from(body) };
    let Ok(answer) = gateway.serve(identified, inbound).await else { return };
    if let AnswerBody::Stream(mut stream) = answer.body {
        while let Some(Ok(_)) = std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await {}
    }
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
        .map(|stream| Some(Box::pin(request(Rc::clone(&rig.gateway), *stream)) as Pin<Box<_>>))
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
                    Ok(Poll::Ready(())) | Err(_) => *slot = None,
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
            let text = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "panicked".into());
            return Err(TestCaseError::fail(text));
        }
    }
}
