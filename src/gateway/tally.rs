//! What the attempts of a request come to while they are made, and how its record gets to know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::record::{Record, Wild};
use crate::base::clock;
use crate::base::error::Kind;
use crate::base::usage::Usage;
use crate::domain::deployment::Deployment;
use crate::domain::routing::Decision;

/// The most steps that one request is told of.
const MOST_STEPS: usize = 16;

/// What the attempts of a request came to, for headers and the record.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Upstream calls begun.
    pub attempts: u32,
    /// Retries inside the group that was tried last.
    pub retries: u32,
    /// Retries that were allowed there.
    pub max_retries: u32,
    /// Fallback hops taken.
    pub fallbacks: u32,
    /// Time spent waiting for providers, in attempts that are over.
    pub upstream: Duration,
    /// When the attempt that is under way was begun.
    pub begun: Option<Instant>,
    /// Time spent waiting between attempts.
    pub waited: Duration,
    /// The deployment that was tried last.
    pub deployment: Option<Arc<Deployment>>,
    /// What was asked of it, if it is a wildcard.
    pub wild: Option<Wild>,
    /// The group that was tried last.
    pub group: Option<Arc<str>>,
    /// Whether the caller could not have asked for that group, and is not told its name.
    pub hidden: bool,
    /// Why it went where it went, step by step, if that was asked for.
    pub steps: Vec<Step>,
    /// How many steps more there were.
    pub unkept: usize,
    /// What providers have counted for answers that went into none: some of a list came, and one failed.
    pub wasted: Option<Box<Usage>>,
}

/// One step of a request's way: a pick and what came of it, or a fallback that was passed over.
#[derive(Debug, Clone)]
pub struct Step {
    /// The group.
    pub group: Arc<str>,
    /// Whether the caller could not have asked for it.
    pub hidden: bool,
    /// What was seen and chosen; `None`: it was passed over before anything was picked.
    pub decision: Option<Arc<Decision>>,
    /// What the attempt on the chosen one failed with, or why the group was passed over.
    pub failed: Option<Kind>,
}

impl Tally {
    /// An attempt is over.
    pub fn ended(&mut self) {
        if let Some(begun) = self.begun.take() {
            self.upstream += clock::now().saturating_duration_since(begun);
        }
    }

    /// Keeps a step for the caller.
    pub fn keep(&mut self, step: Step) {
        if self.steps.len() < MOST_STEPS {
            self.steps.push(step);
        } else {
            self.unkept += 1;
        }
    }

    /// The attempt on what was picked last has failed.
    pub fn failed(&mut self, kind: Kind) {
        if let Some(step) = self.steps.last_mut().filter(|_| self.unkept == 0) {
            step.failed = Some(kind);
        }
    }
}

/// The attempts of a request under way. Dropped, its record knows what they came to, whether they ended or the client
/// left in the middle of one.
pub struct Trail<'a> {
    /// The record.
    pub record: &'a mut Record,
    /// What it is going to be told.
    pub tally: &'a mut Tally,
}

impl Drop for Trail<'_> {
    fn drop(&mut self) {
        self.tally.ended();
        let tally = &*self.tally;
        self.record.note(|facts| {
            facts.attempts = tally.attempts;
            facts.fallbacks = tally.fallbacks;
            facts.upstream = tally.upstream;
            facts.deployment = tally.deployment.clone();
            facts.wild = tally.wild.clone();
            facts.group = tally.group.clone();
            facts.usage = tally.wasted.as_deref().copied();
        });
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Waker};

    use super::*;
    use crate::domain::routing::strategy;
    use crate::gateway::pipeline::Inbound;
    use crate::gateway::testing::{Piece, Rig, Script, key_headers, settle_down};
    use crate::wire::endpoint::Endpoint;

    const CONFIG: &str = "
model_list:
  - {model_name: g, litellm_params: {model: groq/a, api_key: k, api_base: 'http://a.test/v1'}, model_info: {id: one}}
";
    const WHOLE: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#;

    #[actix_rt::test]
    async fn who_leaves_before_the_first_byte_leaves_an_attempt_and_what_came() {
        let rig = Rig::new(CONFIG, Arc::new(|name, args| strategy(name, args))).await;
        let answered = vec![(0, Piece::Bytes(bytes::Bytes::from_static(WHOLE.as_bytes())))];
        for (begins_after, pieces) in [(Some(0), answered), (None, Vec::new())] {
            let script = Script { begins_after, status: 200, stream: false, pieces };
            rig.upstream.scripts.borrow_mut().push_back(script);
        }
        let headers = key_headers();
        let opened = rig.gateway.open(Endpoint::Completions, &headers, Instant::now());
        let Ok(identified) = rig.gateway.identify(opened, &headers, None).await else { panic!("a good key") };
        let body = bytes::Bytes::from_static(br#"{"model":"g","prompt":["a","b"]}"#);
        let inbound = Inbound { headers: &headers, path_model: None, api_version: None, body };
        let mut asking = Box::pin(rig.gateway.serve(identified, inbound));
        for _ in 0..5 {
            assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            settle_down().await;
        }
        assert_eq!(rig.upstream.calls.get(), 2);
        drop(asking);
        let told = rig.told.finished.borrow();
        let finished = &told[0];
        assert_eq!((told.len(), finished.status, finished.attempts), (1, 499, 1));
        assert_eq!(finished.deployment.as_ref().map(|deployment| &*deployment.id), Some("one"));
        assert!(finished.upstream > Duration::ZERO);
        let usage = finished.usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens));
        assert_eq!(usage, Some((7, 2)), "the first of two answers is billed");
        assert_eq!(rig.leased(), 0);
    }
}
