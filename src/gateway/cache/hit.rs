//! An answer from the cache: what it takes, what it tells, and its record.

use std::rc::Rc;
use std::sync::Arc;

use actix_http::header::{CONTENT_TYPE, HeaderValue};

use super::{Consulted, Question, tell};
use crate::base::error::Error;
use crate::domain::cache::Stored;
use crate::domain::limits::Standing;
use crate::gateway::answer::{Answer, AnswerBody};
use crate::gateway::caller::Caller;
use crate::gateway::pipeline::{Gateway, head};
use crate::gateway::record::Record;
use crate::gateway::tally::Tally;
use crate::gateway::translate::ContentType;
use crate::gateway::{cost_headers, explain, headers, limit_headers};

/// Answers with what is stored. A hit counts as a request for the limits of requests, and takes nothing else.
///
/// # Errors
/// A limit of requests; 403 for a blocked end user. The record stays open.
pub async fn answer(
    gateway: &Gateway,
    question: &Rc<Question>,
    stored: &Arc<Stored>,
    caller: Caller,
    record: &mut Record,
) -> Result<Answer, Error> {
    let taken = gateway.governance().take_hit(&question.call, caller).await?;
    let standings: Vec<Standing> = taken.standings().collect();
    record.note(|facts| facts.taken = Some(taken));
    Ok(give(gateway, question, stored, &standings, record))
}

/// Gives what is stored, to a request that has taken what it takes.
pub fn give(
    gateway: &Gateway,
    question: &Rc<Question>,
    stored: &Arc<Stored>,
    standings: &[Standing],
    record: &mut Record,
) -> Answer {
    let call = &question.call;
    let mut head = head(200);
    let members = &call.resolved.members;
    let served = members.iter().find(|member| *member.deployment.id == *stored.deployment);
    let served = served.map(|member| Arc::clone(&member.deployment));
    let tally = Tally { deployment: served.clone(), ..Tally::default() };
    let streamed = stored.content_type.starts_with("text/event-stream");
    let shape = if streamed { ContentType::Events } else { ContentType::Json };
    headers::success(gateway, call, &tally, None, &shape, head.headers_mut());
    if let Ok(kind) = HeaderValue::from_str(&stored.content_type) {
        headers::put(head.headers_mut(), &CONTENT_TYPE, kind);
    }
    tell(question, &question.key, true, head.headers_mut());
    limit_headers::tell(standings, head.headers_mut());
    explain::from_cache(call, standings, head.headers_mut());
    record.note(|facts| {
        facts.usage = stored.usage;
        facts.deployment = served;
        facts.cache = Some(Box::new(Consulted::new(Rc::clone(question), true)));
    });
    match streamed {
        true => record.more(&stored.body),
        false => record.whole(&stored.body),
    }
    let settled = record.finish_now(200, None);
    cost_headers::settled(&settled, head.headers_mut());
    Answer { head, body: AnswerBody::Whole(stored.body.clone()) }
}
