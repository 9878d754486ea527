//! The lists of routes that a key may be bound to: exact paths, patterns, and names of whole groups.

use crate::base::error::Error;
use crate::manage::fail;
use crate::wire::endpoint::Endpoint;

/// Prefixes of the routes that manage things.
const MANAGEMENT: [&str; 16] = [
    "/key/",
    "/v2/key/",
    "/user/",
    "/v2/user/",
    "/team/",
    "/v2/team/",
    "/model/",
    "/organization/",
    "/customer/",
    "/end_user/",
    "/budget/",
    "/tag/",
    "/config/",
    "/cache/",
    "/invitation/",
    "/credentials",
];

/// Routes on which a key may look at things.
const INFO: [&str; 14] = [
    "/key/info",
    "/v2/key/info",
    "/key/health",
    "/key/list",
    "/team/info",
    "/team/list",
    "/user/info",
    "/user/spend",
    "/v1/limits",
    "/model/info",
    "/v1/model/info",
    "/v2/model/info",
    "/model_group/info",
    "/health/services",
];

/// What a key for models may look at besides.
pub(super) const MODELS: [&str; 3] = ["/model/info", "/v1/model/info", "/model_group/info"];

/// Prefixes of the routes that tell what was spent.
const SPEND: [&str; 3] = ["/spend/", "/global/spend", "/global/activity"];

/// Whether a key with this list may ask for a path; an empty list leaves it to the role.
pub fn allows(list: &[String], path: &str) -> bool {
    list.is_empty() || list.iter().any(|entry| covers(entry, path))
}

fn covers(entry: &str, path: &str) -> bool {
    match entry {
        "llm_api_routes" | "openai_routes" => is_models(path) || is_llm(path) || MODELS.contains(&path),
        "info_routes" => INFO.contains(&path) || is_models(path) || path == "/health",
        "management_routes" => MANAGEMENT.iter().any(|prefix| path.starts_with(prefix)),
        "spend_tracking_routes" | "global_spend_tracking_routes" => {
            SPEND.iter().any(|prefix| path.starts_with(prefix))
        }
        _ => match entry.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => matches_pattern(entry, path),
        },
    }
}

/// The same path, one below it, or one that fits its `{names}`.
fn matches_pattern(entry: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (entry.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, _) => return true,
            (Some(_), None) => return false,
            (Some(wanted), Some(given)) => {
                let named = wanted.starts_with('{') && wanted.ends_with('}');
                if !named && wanted != given {
                    return false;
                }
            }
        }
    }
}

fn is_models(path: &str) -> bool {
    ["/models", "/v1/models"]
        .iter()
        .any(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn is_llm(path: &str) -> bool {
    path == "/v2/rerank"
        || Endpoint::ALL.iter().any(|endpoint| {
            path.strip_suffix(endpoint.path()).is_some_and(|front| {
                matches!(front, "/" | "/v1/" | "/openai/v1/")
                    || front.starts_with("/openai/deployments/")
                    || front.starts_with("/engines/")
            })
        })
}

/// The routes that a `key_type` stands for.
///
/// # Errors
/// 400 for a type that does not exist.
pub fn of_key_type(key_type: &str) -> Result<&'static [&'static str], Error> {
    match key_type {
        "default" => Ok(&[]),
        "llm_api" => Ok(&["llm_api_routes"]),
        "management" => Ok(&["management_routes"]),
        "read_only" => Ok(&["info_routes"]),
        _ => Err(fail::wrong_type(
            "key_type",
            "`key_type` must be one of default, llm_api, management, read_only.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(entry: &str, path: &str) -> bool {
        allows(&[entry.to_string()], path)
    }

    #[test]
    fn key_types_open_what_their_names_say() {
        let chat = "/v1/chat/completions";
        for (entry, path, open) in [
            ("llm_api_routes", chat, true),
            ("llm_api_routes", "/openai/deployments/gpt-4o/chat/completions", true),
            ("llm_api_routes", "/v1/models/gpt-4o", true),
            ("llm_api_routes", "/key/list", false),
            ("llm_api_routes", "/key/info", false),
            ("info_routes", "/key/info", true),
            ("info_routes", chat, false),
            ("info_routes", "/key/generate", false),
            ("management_routes", "/key/generate", true),
            ("management_routes", chat, false),
            ("management_routes", "/v1/models", false),
            ("spend_tracking_routes", "/spend/logs", true),
            ("/key/info", "/key/info", true),
            ("/key/info", "/key/information", false),
            ("/key", "/key/info", true),
            ("/key/{key}/regenerate", "/key/abc/regenerate", true),
            ("/v1/*", chat, true),
            ("/v1/chat*", "/key/info", false),
        ] {
            assert_eq!(allowed(entry, path), open, "{entry} {path}");
        }
        assert!(allows(&[], "/key/generate"));
    }
}
