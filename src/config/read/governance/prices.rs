//! The price list, discounts and margins.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::variables;
use crate::config::context::Context;
use crate::config::model::Prices;
use crate::config::problem::At;
use crate::config::scope::Scope;
use crate::config::source;
use crate::config::yaml::Node;
use crate::domain::pricing::{AdjustConfig, PriceBook};

/// The largest price list, bytes.
const LARGEST: u64 = 64 * 1024 * 1024;
/// How many wrong prices of a list are told.
const TOLD: usize = 20;
/// LiteLLM's name of the list's place in the environment.
const VARIABLE: &str = "LITELLM_MODEL_COST_MAP_URL";

/// Reads them. A list that cannot be read is an error: with another one every bill would be wrong.
pub fn read(context: &Context<'_>, litellm: &Scope<'_>, files: &mut Vec<PathBuf>) -> Prices {
    Prices { own: list(context, litellm, files).map(Arc::new), adjust: adjust(litellm) }
}

/// What a list is called, and where that is said.
struct Named {
    name: String,
    at: At,
    path: String,
}

fn named(context: &Context<'_>, litellm: &Scope<'_>) -> Option<Named> {
    for key in ["price_list", "model_cost_map_url"] {
        if let Some(field) = litellm.get(key) {
            return field.text().map(|name| Named { name, at: field.at, path: field.path });
        }
    }
    // LiteLLM's wish to use the list that it comes with.
    if variables::flag(context, "LITELLM_LOCAL_MODEL_COST_MAP") == Some(true) {
        return None;
    }
    let name = context.environment.get(VARIABLE)?;
    Some(Named { name, at: At::default(), path: String::new() })
}

fn list(context: &Context<'_>, litellm: &Scope<'_>, files: &mut Vec<PathBuf>) -> Option<PriceBook> {
    let Named { name, at, path } = named(context, litellm)?;
    let name = name.trim();
    if name.starts_with("http://") || name.starts_with("https://") {
        let of = if path.is_empty() { format!("{VARIABLE}: ") } else { String::new() };
        let text = format!(
            "{of}prices are not fetched over the network; the shipped list is used. Save the list as a file and \
             name that in litellm_settings.price_list"
        );
        context.problems.warn(at, &path, text);
        return None;
    }
    let file = PathBuf::from(name.strip_prefix("file://").unwrap_or(name));
    let shown = file.display().to_string();
    // Watched even when it cannot be read, so that its return is noticed.
    files.push(file.clone());
    let told = |text: String| context.problems.error(at, &path, format!("the price list {shown} {text}"));
    let text = source::text_of(&file, LARGEST).map_err(told).ok()?;
    let problems = match PriceBook::load(text) {
        Ok(book) => return Some(book),
        Err(problems) => problems,
    };
    let more = problems.len().saturating_sub(TOLD);
    for problem in problems.into_iter().take(TOLD) {
        context.problems.error(at, &path, format!("{shown}: {problem}"));
    }
    if more > 0 {
        context.problems.error(at, &path, format!("{shown}: {more} more prices cannot be read"));
    }
    None
}

fn adjust(litellm: &Scope<'_>) -> AdjustConfig {
    let json = |key: &str| litellm.get(key).map_or(Value::Null, |field| field.node.to_json());
    let (config, wrong) = AdjustConfig::read(&json("cost_discount_config"), &json("cost_margin_config"));
    for sentence in wrong {
        let (place, message) = sentence.split_once(' ').unwrap_or(("", &sentence));
        let (setting, provider) = place.split_once('.').unwrap_or((place, ""));
        let inner = litellm.get(setting).map(|field| field.node);
        let entry = inner.map(Node::entries).unwrap_or_default().iter().find(|entry| entry.key == provider);
        let at = entry.map_or_else(|| litellm.at_of(setting), |entry| entry.at);
        litellm.problems.error(at, &format!("{}.{place}", litellm.path), message);
    }
    config
}
