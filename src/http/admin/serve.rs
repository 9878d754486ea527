//! The one handler of the management API: who calls, may it, what does it say, what comes of it.

use std::collections::BTreeMap;
use std::rc::Rc;

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::Route;
use super::told::Told;
use crate::base::error::{Error, Kind};
use crate::domain::keys::JsonMap;
use crate::gateway::pipeline::Gateway;
use crate::http::{inbound, reply};
use crate::manage::authority;
use crate::manage::body::Body;
use crate::manage::{Call, Manage, now_ms};

/// The largest body, bytes.
const LARGEST: usize = 8 * 1024 * 1024;

/// Serves one request.
pub async fn serve(route: Route, request: HttpRequest, payload: Payload) -> HttpResponse {
    let mut told = Told::begin(route, request.method().clone(), request.headers());
    let result = run(route, &request, payload, &mut told).await;
    let mut error = None;
    let mut response = match result {
        // Operations answer objects and lists; a text is a table for spreadsheets.
        Ok(Value::String(table)) if route.path.ends_with("/export") => HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"activity.csv\""))
            .body(table),
        Ok(answer) => HttpResponse::Ok().json(answer),
        Err(refused) => reply::error_reply(error.insert(refused), None),
    };
    told.end(error.as_ref(), request.headers(), response.headers_mut());
    response
}

async fn run(route: Route, request: &HttpRequest, payload: Payload, told: &mut Told) -> Result<Value, Error> {
    let gateway = request.app_data::<Data<Rc<Gateway>>>();
    let (Some(manage), Some(gateway)) = (request.app_data::<Data<Manage>>(), gateway) else {
        return Err(Error::new(Kind::Internal, "The management API is not ready."));
    };
    let manage = Manage::clone(manage);
    let key = gateway.presented_key(request.headers(), inbound::peer(request.head()))?;
    let now_ms = now_ms();
    let caller = manage.identify(key, now_ms).await?;
    let changed_by = changed_by(request);
    told.by(&caller, changed_by.as_deref());
    authority::admit(&caller, route.verb, route.path, request.path())?;
    let body = inbound::read_body(request.headers(), payload.into_inner(), LARGEST).await?;
    let call = Call {
        manage,
        caller,
        now_ms,
        body: parsed(&body)?,
        query: query(request)?,
        path: names(request),
        route: route.path,
        changed_by,
    };
    (route.run)(call).await
}

fn parsed(bytes: &[u8]) -> Result<Body, Error> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Body::default());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(Body(map)),
        Ok(_) => Err(Error::new(Kind::WrongType, "The body must be a JSON object.")),
        Err(cause) => {
            let place = format!("line {}, column {}", cause.line(), cause.column());
            Err(Error::new(Kind::InvalidRequest, format!("The body is no JSON ({place}).")))
        }
    }
}

fn query(request: &HttpRequest) -> Result<Body, Error> {
    let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|_| Error::new(Kind::InvalidRequest, "The query cannot be read."))?;
    let map: JsonMap = pairs.into_inner().into_iter().map(|(name, value)| (name, value.into())).collect();
    Ok(Body(map))
}

fn names(request: &HttpRequest) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    request.match_info().iter().map(|(name, value)| (name.to_string(), decode(value))).collect()
}

fn changed_by(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get("litellm-changed-by")?.to_str().ok()?.trim();
    (!value.is_empty() && value.len() <= 256).then(|| value.to_string())
}
