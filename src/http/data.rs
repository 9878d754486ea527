//! The data plane: one handler for all endpoints.

use std::rc::Rc;
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::inbound;
use super::reply;
use crate::gateway::answer::{Answer, AnswerBody};
use crate::gateway::pipeline::{Failure, Gateway, Inbound, Opened};
use crate::wire::endpoint::Endpoint;

/// Serves one request, whatever comes of it.
pub async fn serve(
    endpoint: Endpoint,
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Rc<Gateway>>,
) -> HttpResponse {
    let received = Instant::now();
    let opened = gateway.open(endpoint, request.headers(), received);
    match run(&gateway, opened, &request, payload).await {
        Ok(answer) => answered(answer),
        Err(failure) => failed(failure),
    }
}

async fn run(
    gateway: &Rc<Gateway>,
    opened: Opened,
    request: &HttpRequest,
    payload: Payload,
) -> Result<Answer, Failure> {
    let identified = gateway.identify(opened, request.headers()).await?;
    if let Err(error) = identified.may_call(request.path()) {
        return Err(identified.refuse(error));
    }
    let body = match inbound::read_body(request.headers(), payload, gateway.max_request_bytes()).await {
        Ok(body) => body,
        Err(error) => return Err(identified.refuse(error)),
    };
    let path_model = inbound::path_model(request);
    let inbound = Inbound {
        headers: request.headers(),
        path_model: path_model.as_deref(),
        api_version: inbound::api_version(request),
        body,
    };
    gateway.serve(identified, inbound).await
}

fn answered(answer: Answer) -> HttpResponse {
    let Answer { head, body } = answer;
    match body {
        AnswerBody::Whole(bytes) => HttpResponse::from(head.set_body(BoxBody::new(bytes))),
        AnswerBody::Stream(stream) => HttpResponse::from(head.set_body(BoxBody::new(stream))),
    }
}

fn failed(failure: Failure) -> HttpResponse {
    let mut response = reply::error_reply(&failure.error, failure.call_id_in_body.as_deref());
    for (name, value) in failure.headers {
        response.headers_mut().insert(name, value);
    }
    response
}
