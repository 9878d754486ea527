//! `/model/*`, `/model_group/info` and `/credentials`.

use super::{Route, route};
use crate::manage::models;

/// The routes of models.
pub const ROUTES: &[Route] = &[
    route!(Get "/model/info" models::info),
    route!(Get "/v1/model/info" models::info),
    route!(Get "/v2/model/info" models::page),
    route!(Get "/model_group/info" models::groups),
    route!(Post "/model/new" models::new),
    route!(Post "/model/update" models::update),
    route!(Patch "/model/{model_id}/update" models::patch),
    route!(Post "/model/delete" models::delete),
    route!(Post "/model/block" models::block),
    route!(Post "/model/unblock" models::unblock),
    route!(Post "/credentials" models::credentials::new),
    route!(Get "/credentials" models::credentials::list),
    route!(Get "/credentials/by_name/{credential_name}" models::credentials::by_name),
    route!(Get "/credentials/by_model/{model_id}" models::credentials::by_model),
    route!(Patch "/credentials/{credential_name}" models::credentials::update),
    route!(Delete "/credentials/{credential_name}" models::credentials::delete),
];
