//! What goes wrong, in the words of the API.

use crate::base::error::{Error, Kind};
use crate::store::{StoreError, StoreErrorKind};

/// 400: a value that makes no sense.
pub fn invalid(param: &str, message: impl Into<String>) -> Error {
    Error::new(Kind::InvalidRequest, message).with_param(param).with_type("bad_request_error")
}

/// 422: a value of the wrong type, or a field that is missing.
pub fn wrong_type(param: &str, message: impl Into<String>) -> Error {
    Error::new(Kind::WrongType, message).with_param(param)
}

/// 422: a field that must be there.
pub fn missing(param: &str) -> Error {
    wrong_type(param, format!("`{param}` is required."))
}

/// 403: not with this role, or not this row.
pub fn forbidden(message: impl Into<String>) -> Error {
    Error::new(Kind::Forbidden, message).with_type("auth_error")
}

/// 403: not this field.
pub fn forbidden_field(param: &str, message: impl Into<String>) -> Error {
    forbidden(message).with_param(param)
}

/// 404.
pub fn not_found(param: &str, message: impl Into<String>) -> Error {
    Error::new(Kind::NotFound, message).with_param(param)
}

/// 409.
pub fn conflict(param: &str, message: impl Into<String>) -> Error {
    Error::new(Kind::Conflict, message).with_param(param)
}

/// What the store said, where the operation has no better words: 503 when it could not be asked.
pub fn store(error: StoreError) -> Error {
    let cause = error.message.clone();
    match error.kind {
        StoreErrorKind::Unavailable => {
            Error::new(Kind::StoreUnavailable, "The database does not answer. Try again in a moment.")
        }
        StoreErrorKind::Conflict(what) => {
            Error::new(Kind::Conflict, format!("The {what} is taken.")).with_param(what)
        }
        StoreErrorKind::NotFound => Error::new(Kind::NotFound, "There is no such row."),
        StoreErrorKind::Invalid => Error::new(Kind::InvalidRequest, error.message),
        StoreErrorKind::Defect => Error::new(Kind::Internal, "The database refused the request."),
    }
    .with_cause(cause)
}
