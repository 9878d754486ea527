//! What can only be judged when everything has been read: names that point nowhere, uneven weights.

use std::collections::BTreeMap;

use super::context::Context;
use super::deployments::Placed;
use super::model::{Alias, StrategyName};
use super::scope::nearest;
use crate::base::suggest;
use crate::domain::deployment::Capacity;

/// Checks the deployments against each other and against the names that the settings mention.
pub fn check(
    context: &Context<'_>,
    placed: &[Placed],
    aliases: &BTreeMap<String, Alias>,
    strategy: StrategyName,
    more_in_database: bool,
) {
    // Without any model the mentions are for models that come later.
    if !placed.is_empty() {
        mentions(context, placed, aliases, more_in_database);
        shadowed(context, placed, aliases);
    }
    if strategy == StrategyName::SimpleShuffle {
        weights(context, placed);
    }
    wildcards(context, placed);
}

/// Mentioned groups must exist, as a group, an alias, a deployment's id or under a wildcard.
fn mentions(
    context: &Context<'_>,
    placed: &[Placed],
    aliases: &BTreeMap<String, Alias>,
    more_in_database: bool,
) {
    let groups = placed.iter().map(|one| one.deployment.group.as_ref());
    let names: Vec<&str> = groups.chain(aliases.keys().map(String::as_str)).collect();
    for mention in context.mentions.borrow().iter() {
        let wanted = mention.group.as_str();
        let exists = names.contains(&wanted)
            || names.iter().any(|name| name.contains('*') && covers(name, wanted))
            || placed.iter().any(|one| one.deployment.id.as_ref() == wanted);
        if exists {
            continue;
        }
        if more_in_database {
            let text = format!(
                "the {} \"{wanted}\" is not in model_list: it has to be in the database",
                mention.role
            );
            context.problems.info(mention.at, &mention.path, text);
            continue;
        }
        let mut near = suggest::nearest(wanted, names.iter().copied(), 3);
        if near.is_empty() {
            near.extend(nearest(wanted, names.iter().copied()));
        }
        let hint = match near.as_slice() {
            [] => String::new(),
            near => format!(
                ", did you mean {}?",
                near.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ")
            ),
        };
        let text = format!("the {} \"{wanted}\" is not in model_list{hint}", mention.role);
        context.problems.warn(mention.at, &mention.path, text);
    }
}

/// An alias with the name of a group is never looked at.
fn shadowed(context: &Context<'_>, placed: &[Placed], aliases: &BTreeMap<String, Alias>) {
    for alias in aliases.keys() {
        if let Some(group) = placed.iter().find(|one| one.deployment.group.as_ref() == alias.as_str()) {
            let text =
                format!("this alias has no effect: line {} has a group of the same name", group.at.line);
            let path = format!("router_settings.model_group_alias.{alias}");
            let mentions = context.mentions.borrow();
            let at =
                mentions.iter().find(|mention| mention.path == path).map_or(group.at, |mention| mention.at);
            context.problems.warn(at, &path, text);
        }
    }
}

/// simple-shuffle picks by the first of weight, rpm and tpm that anyone in the group has.
fn weights(context: &Context<'_>, placed: &[Placed]) {
    let mut groups: BTreeMap<&str, Vec<&Placed>> = BTreeMap::new();
    for one in placed {
        groups.entry(one.deployment.group.as_ref()).or_default().push(one);
    }
    type Measure = (&'static str, fn(&Capacity) -> bool);
    let measures: [Measure; 3] = [
        ("weight", |capacity| capacity.weight.is_some_and(|weight| weight > 0.0)),
        ("rpm", |capacity| capacity.rpm.is_some_and(|rpm| rpm > 0)),
        ("tpm", |capacity| capacity.tpm.is_some_and(|tpm| tpm > 0)),
    ];
    for (group, members) in groups {
        for (name, has) in measures {
            let count = members.iter().filter(|one| has(&one.deployment.capacity)).count();
            if count == 0 {
                continue;
            }
            // An explicit 0 is a wish, only silence is a slip.
            let silent = members.iter().find(|one| match name {
                "weight" => one.deployment.capacity.weight.is_none(),
                "rpm" => one.deployment.capacity.rpm.is_none(),
                _ => one.deployment.capacity.tpm.is_none(),
            });
            if let Some(one) = silent {
                let text = format!(
                    "only {count} of {} deployments of \"{group}\" have a {name}: simple-shuffle shares out by {name} \
                     and this one gets nothing while the others can serve",
                    members.len()
                );
                context.problems.warn(one.at, &one.path, text);
            }
            break;
        }
    }
}

/// Each `*` of the model needs one of the group to take its text from.
fn wildcards(context: &Context<'_>, placed: &[Placed]) {
    for one in placed {
        let stars = |text: &str| text.matches('*').count();
        let (group, model) = (stars(&one.deployment.group), stars(&one.deployment.model));
        if model > group {
            let text =
                format!("the model has {model} \"*\" but model_name has {group}: there is nothing to put in");
            context.problems.warn(one.at, &one.path, text);
        }
    }
}

/// Whether a pattern covers a whole name; `*` stands for any text.
fn covers(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
