//! Active health checks: a tiny real request to each deployment, only when somebody asks for it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::header::HeaderMap;
use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::json;

use super::admit::{self, Raw};
use super::attempt;
use super::explain::Audience;
use super::hop::Hop;
use super::pipeline::Gateway;
use super::tally::Tally;
use crate::actors::router::Picked;
use crate::actors::topology::Member;
use crate::base::ids;
use crate::domain::deployment::Deployment;
use crate::wire::endpoint::Endpoint;

/// How long one check may take, whatever the deployment's own patience is.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks every selected deployment; what comes of it is told to their actors like any attempt.
pub async fn all(gateway: &Rc<Gateway>, selects: impl Fn(&Member) -> bool) {
    let table = Arc::clone(&gateway.table());
    let members: Vec<Member> = table.members().iter().filter(|member| selects(member)).cloned().collect();
    join_all(members.iter().map(|member| one(gateway, member))).await;
    gateway.settle_facts().await;
}

async fn one(gateway: &Rc<Gateway>, member: &Member) {
    let deployment = Arc::clone(member.cell().deployment());
    if deployment.problem.is_some() || deployment.group.contains('*') {
        return;
    }
    let Some((endpoint, body)) = request(&deployment) else { return };
    let raw = Raw {
        own: None,
        endpoint,
        headers: &HeaderMap::new(),
        path_model: Some(&deployment.id),
        api_version: None,
        body: Bytes::from(body.to_string()),
        received: Instant::now(),
        call_id: ids::call_id().into(),
        audience: Audience::Nobody,
    };
    let table = Arc::clone(&gateway.table());
    let Ok(call) = admit::admit(raw, &table) else { return };
    let known = call.resolved.members.iter().position(|member| member.deployment.id == deployment.id);
    let Some(index) = known else { return };
    let Ok(lease) = member.cell().lease(call.size.estimated_tokens(), Instant::now()) else { return };
    let hop = Hop { resolved: call.resolved.clone(), body: call.body.clone(), size: call.size.clone() };
    let picked = Picked { lease, index, why: None };
    let mut tally = Tally::default();
    match actix_rt::time::timeout(PATIENCE, attempt::run(gateway, &call, &hop, picked, &mut tally)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::info!(deployment = &*deployment.id, %error, "health check failed"),
        Err(_) => tracing::info!(deployment = &*deployment.id, "health check was not answered in time"),
    }
}

/// The smallest request of the deployment's kind; `None` for kinds that cannot be asked cheaply.
fn request(deployment: &Deployment) -> Option<(Endpoint, serde_json::Value)> {
    let model = &*deployment.id;
    match deployment.info.mode.as_deref() {
        Some("embedding") => Some((Endpoint::Embeddings, json!({"model": model, "input": "ok"}))),
        Some("completion") => {
            Some((Endpoint::Completions, json!({"model": model, "prompt": "ok", "max_tokens": 1})))
        }
        Some("rerank") => {
            Some((Endpoint::Rerank, json!({"model": model, "query": "ok", "documents": ["ok"]})))
        }
        Some("moderation") => Some((Endpoint::Moderations, json!({"model": model, "input": "ok"}))),
        Some("responses") => {
            Some((Endpoint::Responses, json!({"model": model, "input": "ok", "max_output_tokens": 16})))
        }
        Some("image_generation" | "audio_transcription" | "audio_speech") => None,
        _ => {
            let messages = json!([{"role": "user", "content": "ok"}]);
            Some((Endpoint::Chat, json!({"model": model, "messages": messages, "max_tokens": 16})))
        }
    }
}
