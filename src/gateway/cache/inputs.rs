//! A list of inputs for embeddings: those that are known are answered from the cache, the rest is asked.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use super::Question;
use super::keep::stored;
use super::question::{self, INPUT};
use crate::actors::response_cache::{Outcome, ResponseCache};
use crate::base::clock::unix_ms;
use crate::base::error::{Error, Kind};
use crate::base::usage::Usage;
use crate::domain::cache::{CacheKey, Stored, vectors};
use crate::domain::reliability::FallbackPlan;
use crate::gateway::call::{Body, Call};
use crate::gateway::record::{Finished, Record};
use crate::gateway::size::Size;
use crate::gateway::translate::Whole;
use crate::wire::surface::{Edits, Surface};

/// The inputs of one request, in their order.
pub struct Inputs {
    inputs: Vec<Input>,
}

struct Input {
    raw: String,
    key: CacheKey,
    epoch: Option<u64>,
    known: Option<Arc<Stored>>,
}

/// What is known of them.
pub enum Known {
    /// All: the answer.
    All(Stored),
    /// Some or nothing: what is left to ask, `None` where that is everything.
    Some(Inputs, Option<Rc<Call>>),
}

impl Inputs {
    /// The inputs of a question about embeddings.
    pub fn of(question: &Question) -> Option<Self> {
        let raw = question::inputs(&question.call)?;
        let frame = question.digest(&[INPUT]);
        let inputs = raw.into_iter().map(|raw| {
            let key = frame.with(INPUT, raw);
            Input { raw: raw.to_owned(), key, epoch: None, known: None }
        });
        Some(Inputs { inputs: inputs.collect() })
    }

    /// Looks them up, all at once.
    pub async fn ask(mut self, cache: &ResponseCache, question: &Question) -> Known {
        let found = join_all(self.inputs.iter().map(|input| cache.find(&input.key))).await;
        let now = unix_ms();
        for (input, found) in self.inputs.iter_mut().zip(found) {
            input.epoch = found.epoch;
            let young = found.stored.filter(|stored| question.reads && question.accepts(stored, now));
            // What Redis has spoilt is asked again.
            input.known = young.filter(|stored| vectors::is_one(&stored.body));
            if question.reads && (input.known.is_some() || input.epoch.is_some()) {
                cache.count(if input.known.is_some() { Outcome::Hit } else { Outcome::Miss });
            }
        }
        let known: Option<Vec<&Arc<Stored>>> = self.inputs.iter().map(|input| input.known.as_ref()).collect();
        if let Some(answer) = known.and_then(|known| all(&known)) {
            return Known::All(answer);
        }
        let rest = self.rest(&question.call);
        Known::Some(self, rest)
    }

    /// The request for what is not known; `None`: nothing is known, or all has to be asked.
    fn rest(&mut self, call: &Rc<Call>) -> Option<Rc<Call>> {
        let unknown = self.unknown();
        let some = unknown.len() < self.inputs.len() && stays(call);
        let narrowed = some.then(|| narrowed(call, &unknown)).flatten();
        if narrowed.is_none() {
            self.inputs.iter_mut().for_each(|input| input.known = None);
        }
        narrowed
    }

    fn unknown(&self) -> Vec<&str> {
        self.inputs.iter().filter(|input| input.known.is_none()).map(|input| &*input.raw).collect()
    }

    /// The rest has been answered: keeps each vector, and puts the answer together where some were known.
    ///
    /// # Errors
    /// 502 when there is not one vector for each input that was asked, and others were known.
    pub fn answered(
        self,
        cache: &ResponseCache,
        question: &Question,
        whole: &Whole,
        record: &Record,
    ) -> Result<Option<Bytes>, Error> {
        let unknown = self.unknown();
        let partial = unknown.len() < self.inputs.len();
        let made = vectors::split(&whole.body, whole.usage, &unknown);
        match made.zip(record.facts()).and_then(|(made, facts)| self.joined(cache, question, made, facts)) {
            Some(body) => Ok(partial.then_some(body)),
            // What was asked as a whole is passed on as it is.
            None if !partial => Ok(None),
            None => {
                let message = "litellm.APIError: the provider answered with another number of embeddings than it was asked for.";
                Err(Error::new(Kind::InvalidReply, message))
            }
        }
    }

    fn joined(
        &self,
        cache: &ResponseCache,
        question: &Question,
        made: Vec<(Bytes, Option<Usage>)>,
        facts: &Finished,
    ) -> Option<Bytes> {
        let mut made = made.into_iter();
        let mut answers = Vec::with_capacity(self.inputs.len());
        let mut usage = Usage::default();
        for input in &self.inputs {
            let (body, part) = match &input.known {
                Some(known) => (known.body.clone(), known.usage),
                None => {
                    let (body, part) = made.next()?;
                    if let Some(epoch) = input.epoch.filter(|_| question.stores && facts.fallbacks == 0) {
                        let answer = stored(facts, "application/json", part, body.clone());
                        question.keep(cache, (input.key, epoch), answer);
                    }
                    (body, part)
                }
            };
            usage = usage.plus(&part.unwrap_or_default());
            answers.push(body);
        }
        vectors::join(&answers, Some(usage))
    }
}

/// Whether nobody but the group that is asked can answer: vectors of two models must not come together.
fn stays(call: &Call) -> bool {
    let (fallbacks, group) = (&call.table.config.router.fallbacks, &call.resolved.group);
    let names = [&*call.resolved.name, &**group];
    let kinds = [Kind::UpstreamInternal, Kind::ContextWindow, Kind::ContentPolicy];
    let plan = FallbackPlan::new(fallbacks, call.fallbacks(), group);
    kinds.into_iter().all(|kind| plan.clone().next(kind, &names).is_none())
}

/// The answer that all inputs' answers make.
fn all(known: &[&Arc<Stored>]) -> Option<Stored> {
    let first = known.first()?;
    if known.len() == 1 {
        return Some(Stored::clone(first));
    }
    let usage = known.iter().filter_map(|stored| stored.usage).reduce(|sum, next| sum.plus(&next));
    let bodies: Vec<Bytes> = known.iter().map(|stored| stored.body.clone()).collect();
    let body = vectors::join(&bodies, usage)?;
    Some(Stored { body, usage, ..Stored::clone(first) })
}

fn narrowed(call: &Rc<Call>, unknown: &[&str]) -> Option<Rc<Call>> {
    let surface = call.body.json()?;
    let mut edits = Edits::new();
    edits.set(INPUT, format!("[{}]", unknown.join(",")));
    let body = Body::json_of(Surface::parse(surface.rewrite(&edits), usize::MAX).ok()?);
    let size = Size::of(call.endpoint, &body);
    Some(Rc::new(Call { body, size, ..Call::clone(call) }))
}
