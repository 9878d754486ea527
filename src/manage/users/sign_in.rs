//! What only serves people who sign in to an admin page with a password. There is no such page here, so each of these
//! routes says what does the same.

use serde_json::Value;

use crate::base::error::{Error, Kind};
use crate::manage::Call;

/// `/invitation/new`, `/invitation/info`, `/invitation/update`, `/invitation/delete`.
///
/// # Errors
/// Always 400.
pub async fn invitation(_: Call) -> Result<Value, Error> {
    Err(refused(
        "There is no admin page to sign in to, so nobody can be invited. Make a key for the user with /key/generate \
         (`user_id`) and hand it over.",
    ))
}

/// `/user/password/change`.
///
/// # Errors
/// Always 400.
pub async fn password(_: Call) -> Result<Value, Error> {
    Err(refused(
        "Users have no passwords here: they call with keys. /key/regenerate gives a key another text, /key/block locks \
         it.",
    ))
}

fn refused(message: &str) -> Error {
    Error::new(Kind::InvalidRequest, message).with_type("not_supported").with_should_retry(Some(false))
}
