//! The data plane: one handler for all endpoints.

use std::rc::Rc;

use actix_http::{Payload, RequestHead, Response};
use actix_web::body::BoxBody;

use super::inbound;
use super::reply;
use crate::base::clock;
use crate::gateway::answer::{Answer, AnswerBody};
use crate::gateway::failure::Failure;
use crate::gateway::headers;
use crate::gateway::pipeline::{Gateway, Inbound, Opened};
use crate::wire::endpoint::Endpoint;

/// A request as far as its head tells.
pub struct Asked<'a> {
    /// What is asked.
    pub endpoint: Endpoint,
    /// The head.
    pub head: &'a RequestHead,
    /// The path, decoded.
    pub path: &'a str,
    /// The model that the path names.
    pub model: Option<String>,
}

/// Serves one request, whatever comes of it.
pub async fn serve(gateway: &Rc<Gateway>, asked: Asked<'_>, payload: Payload) -> Response<BoxBody> {
    let opened = gateway.open(asked.endpoint, asked.head.headers(), clock::now());
    let sent = asked.head.headers();
    let mut response = match run(gateway, opened, asked, payload).await {
        Ok(answer) => answered(answer),
        Err(failure) => failed(failure),
    };
    headers::tell_request_id(sent, response.headers_mut());
    response
}

async fn run(
    gateway: &Rc<Gateway>,
    opened: Opened,
    asked: Asked<'_>,
    payload: Payload,
) -> Result<Answer, Failure> {
    let Asked { head, path, model, .. } = asked;
    let identified = gateway.identify(opened, head.headers(), inbound::peer(head)).await?;
    if let Err(error) = identified.may_call(path) {
        return Err(identified.refuse(error));
    }
    let body = match inbound::read_body(head.headers(), payload, gateway.max_request_bytes()).await {
        Ok(body) => body,
        Err(error) => return Err(identified.refuse(error)),
    };
    let inbound = Inbound {
        headers: head.headers(),
        path_model: model.as_deref(),
        api_version: inbound::api_version(head),
        body,
    };
    gateway.serve(identified, inbound).await
}

fn answered(answer: Answer) -> Response<BoxBody> {
    let Answer { head, body } = answer;
    match body {
        AnswerBody::Whole(bytes) => head.set_body(BoxBody::new(bytes)),
        AnswerBody::Stream(stream) => head.set_body(BoxBody::new(stream)),
    }
}

fn failed(failure: Failure) -> Response<BoxBody> {
    let mut response = reply::error_reply(&failure.error, failure.call_id_in_body.as_deref());
    for (name, value) in failure.headers {
        response.headers_mut().insert(name, value);
    }
    response.into()
}
