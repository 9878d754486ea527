//! Settings that are environment variables. What is wrong with one is told without a line: no file has it.

use std::ops::RangeInclusive;

use crate::config::context::Context;
use crate::config::problem::At;
use crate::domain::keys::reset::rolling_end;

/// A truth value.
pub fn flag(context: &Context<'_>, name: &str) -> Option<bool> {
    let word = context.environment.get(name)?;
    match word.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => {
            wrong(context, name, "must be true or false");
            None
        }
    }
}

/// A whole number within bounds.
pub fn number(context: &Context<'_>, name: &str, range: RangeInclusive<usize>) -> Option<usize> {
    let found = context.environment.get(name)?.trim().parse().ok().filter(|number| range.contains(number));
    if found.is_none() {
        wrong(context, name, &format!("must be a whole number from {} to {}", range.start(), range.end()));
    }
    found
}

/// A length of time as it is written.
pub fn lifetime(context: &Context<'_>, name: &str) -> Option<String> {
    let text = context.environment.get(name)?;
    if rolling_end(&text, 0).is_some() {
        return Some(text);
    }
    wrong(context, name, "must be a length of time such as 24h");
    None
}

/// Notes an error about a variable. Its value is not shown: it may be secret.
pub fn wrong(context: &Context<'_>, name: &str, what: &str) {
    context.problems.error(At::default(), "", format!("the environment variable {name} {what}"));
}
