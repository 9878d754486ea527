//! Which group a request goes to when its group has failed.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Map;

use super::policy::{Fallback, Fallbacks};
use super::request_fallbacks::{FallbackList, RequestFallbacks};
use crate::base::error::Kind;

/// The entry for groups without an entry of their own.
const ANY: &str = "*";

/// The hops of one request, walked depth first: a failed target's own fallbacks come before the rest of
/// the list that named it. Each target comes once.
#[derive(Debug, Clone)]
pub struct FallbackPlan<'a> {
    config: &'a Fallbacks,
    request: &'a RequestFallbacks,
    seen: Vec<Fallback>,
    /// What is left, the next one last.
    pending: Vec<(Fallback, u32)>,
    depth: u32,
}

impl<'a> FallbackPlan<'a> {
    /// The plan of a request for `group`.
    pub fn new(config: &'a Fallbacks, request: &'a RequestFallbacks, group: &Arc<str>) -> Self {
        let first = Fallback { group: group.clone(), overrides: Map::new() };
        FallbackPlan { config, request, seen: vec![first], pending: Vec::new(), depth: 0 }
    }

    /// How many hops were handed out.
    pub fn hops(&self) -> usize {
        self.seen.len() - 1
    }

    /// Where to go after a group has failed. `names` are those of the failed group, best first: as it was
    /// requested, as it is configured.
    ///
    /// The failed group's targets for this kind of error are the first to be tried: those for a too small
    /// context or a refused content, then the general ones. A mistake of the caller opens none, but what
    /// is still to be tried for an earlier failure goes on. Nothing follows when nobody waits any more.
    pub fn next(&mut self, kind: Kind, names: &[&str]) -> Option<Fallback> {
        if self.request.disabled || is_final(kind) {
            return None;
        }
        if self.depth < self.config.max {
            let targets = self.targets(kind, names);
            let deeper = self.depth + 1;
            self.pending.extend(targets.into_iter().rev().map(|target| (target, deeper)));
        }
        while let Some((target, depth)) = self.pending.pop() {
            let itself = target.overrides.is_empty() && names.contains(&&*target.group);
            if !itself && !self.seen.contains(&target) {
                self.seen.push(target.clone());
                self.depth = depth;
                return Some(target);
            }
        }
        None
    }

    fn targets(&self, kind: Kind, names: &[&str]) -> Vec<Fallback> {
        let (asked, configured) = match kind {
            Kind::ContextWindow => (&self.request.context_window, &self.config.context_window),
            Kind::ContentPolicy => (&self.request.content_policy, &self.config.content_policy),
            _ => return self.general(kind, names),
        };
        let mut targets = match asked {
            Some(list) => of_request(list, names),
            None => of_config(configured, names).unwrap_or_default().to_vec(),
        };
        targets.extend(self.general(kind, names));
        targets
    }

    fn general(&self, kind: Kind, names: &[&str]) -> Vec<Fallback> {
        let special = matches!(kind, Kind::ContextWindow | Kind::ContentPolicy);
        if !(kind.behaviour().fallback || special || self.config.on_client_errors) {
            return Vec::new();
        }
        match &self.request.general {
            Some(list) => of_request(list, names),
            None => of_config(&self.config.general, names).unwrap_or(&self.config.default).to_vec(),
        }
    }
}

impl Fallbacks {
    /// The group that serves names which nobody knows: the first default fallback.
    pub fn for_unknown(&self) -> Option<&Fallback> {
        self.general.get(ANY).unwrap_or(&self.default).first()
    }
}

/// Whether nobody waits for an answer any more, or no other group could give one.
fn is_final(kind: Kind) -> bool {
    matches!(kind, Kind::ClientGone | Kind::CallerDeadline | Kind::Draining | Kind::Internal)
}

fn of_request(list: &FallbackList, names: &[&str]) -> Vec<Fallback> {
    let mut targets = of_config(&list.per_group, names).unwrap_or_default().to_vec();
    targets.extend(list.always.iter().cloned());
    targets
}

/// The entry of a group: under its own name, without its provider prefix, with a provider prefix, or the
/// one for any.
fn of_config<'m>(map: &'m HashMap<Arc<str>, Vec<Fallback>>, names: &[&str]) -> Option<&'m [Fallback]> {
    if map.is_empty() {
        return None;
    }
    let exact = || names.iter().find_map(|name| map.get(*name));
    let stripped = || names.iter().find_map(|name| map.get(bare(name)));
    let prefixed = || {
        let keys = map.iter().filter(|(key, _)| names.iter().any(|name| bare(key) == *name));
        keys.min_by(|a, b| a.0.cmp(b.0)).map(|(_, targets)| targets)
    };
    exact().or_else(stripped).or_else(prefixed).or_else(|| map.get(ANY)).map(Vec::as_slice)
}

fn bare(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, bare)| bare)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn map(entries: Value) -> HashMap<Arc<str>, Vec<Fallback>> {
        FallbackList::parse("fallbacks", &entries).unwrap().per_group
    }

    fn config(entries: Value) -> Fallbacks {
        Fallbacks { general: map(entries), ..Fallbacks::default() }
    }

    fn request(body: Value) -> RequestFallbacks {
        RequestFallbacks::parse(body.as_object().unwrap()).unwrap()
    }

    /// Where a request for `start` goes when every group fails with `kind`.
    fn walk(config: &Fallbacks, request: &RequestFallbacks, start: &str, kind: Kind) -> Vec<String> {
        let mut plan = FallbackPlan::new(config, request, &start.into());
        let mut failed: Arc<str> = start.into();
        let mut visited = Vec::new();
        while let Some(target) = plan.next(kind, &[&failed]) {
            visited.push(target.group.to_string());
            failed = target.group;
        }
        assert_eq!(plan.hops(), visited.len());
        visited
    }

    fn walk_plain(config: &Fallbacks, start: &str, kind: Kind) -> Vec<String> {
        walk(config, &RequestFallbacks::default(), start, kind)
    }

    #[test]
    fn targets_come_in_their_order_and_once() {
        let config = config(json!([{"a": ["b", "c"]}, {"b": ["d", "a", "c"]}]));
        assert_eq!(walk_plain(&config, "a", Kind::UpstreamInternal), ["b", "d", "c"]);
        assert_eq!(walk_plain(&config, "z", Kind::UpstreamInternal), Vec::<String>::new());
    }

    #[test]
    fn a_chain_ends_at_the_depth() {
        let chain =
            json!([{"a": ["b"]}, {"b": ["c"]}, {"c": ["d"]}, {"d": ["e"]}, {"e": ["f"]}, {"f": ["g"]}]);
        assert_eq!(walk_plain(&config(chain), "a", Kind::Connect), ["b", "c", "d", "e", "f"]);
        let wide = json!([{"a": ["b", "c", "d", "e", "f", "g", "h"]}]);
        assert_eq!(walk_plain(&config(wide), "a", Kind::Connect).len(), 7);
        let circle = json!([{"a": ["b"]}, {"b": ["a"]}]);
        assert_eq!(walk_plain(&config(circle), "a", Kind::Connect), ["b"]);
        let none = Fallbacks { max: 0, ..config(json!([{"a": ["b"]}])) };
        assert!(walk_plain(&none, "a", Kind::Connect).is_empty());
    }

    #[test]
    fn exact_then_without_prefix_then_with_prefix_then_default() {
        let all =
            json!([{"*": ["any"]}, {"gpt-4": ["bare"]}, {"openai/gpt-4": ["exact"]}, {"x/o1": ["prefixed"]}]);
        let mut config = config(all);
        config.default = map(json!([{"_": ["default"]}]))["_"].clone();
        for (group, expected) in
            [("openai/gpt-4", "exact"), ("azure/gpt-4", "bare"), ("o1", "prefixed"), ("other", "any")]
        {
            assert_eq!(walk_plain(&config, group, Kind::Connect)[0], expected, "{group}");
        }
        config.general.remove(ANY);
        assert_eq!(walk_plain(&config, "other", Kind::Connect), ["default"]);
        assert_eq!(config.for_unknown().map(|one| &*one.group), Some("default"));
    }

    #[test]
    fn an_alias_is_looked_up_before_its_group() {
        let config = config(json!([{"alias": ["b"]}, {"group": ["c"]}]));
        let request = RequestFallbacks::default();
        let mut plan = FallbackPlan::new(&config, &request, &"group".into());
        assert_eq!(&*plan.next(Kind::Connect, &["alias", "group"]).unwrap().group, "b");
        let mut plan = FallbackPlan::new(&config, &request, &"group".into());
        assert_eq!(&*plan.next(Kind::Connect, &["nick", "group"]).unwrap().group, "c");
    }

    #[test]
    fn specialised_lists_come_first() {
        let config = Fallbacks {
            context_window: map(json!([{"a": ["long"]}])),
            content_policy: map(json!([{"*": ["mild"]}])),
            ..config(json!([{"a": ["b"]}]))
        };
        assert_eq!(walk_plain(&config, "a", Kind::ContextWindow), ["long", "b"]);
        assert_eq!(walk_plain(&config, "a", Kind::ContentPolicy), ["mild", "b"]);
        assert_eq!(walk_plain(&config, "a", Kind::UpstreamInternal), ["b"]);
        assert_eq!(walk_plain(&config, "z", Kind::ContextWindow), Vec::<String>::new());
    }

    #[test]
    fn callers_mistakes_fall_back_only_where_the_config_says_so() {
        use Kind::*;
        let mut config = config(json!([{"a": ["b"]}]));
        for kind in [InvalidRequest, UpstreamBadRequest, UpstreamTooLarge, UpstreamUnprocessable] {
            assert!(walk_plain(&config, "a", kind).is_empty(), "{kind:?}");
        }
        for kind in [LimitExceeded, AllCooling, UpstreamRateLimit, UpstreamUnauthorized, AttemptTimeout] {
            assert_eq!(walk_plain(&config, "a", kind), ["b"], "{kind:?}");
        }
        config.on_client_errors = true;
        assert_eq!(walk_plain(&config, "a", UpstreamBadRequest), ["b"]);
        for kind in [ClientGone, CallerDeadline, Draining] {
            assert!(walk_plain(&config, "a", kind).is_empty(), "{kind:?}");
        }
    }

    #[test]
    fn a_target_that_cannot_take_the_request_does_not_end_the_list() {
        let config = config(json!([{"a": ["b", "c"]}, {"b": ["d"]}]));
        let request = RequestFallbacks::default();
        let mut plan = FallbackPlan::new(&config, &request, &"a".into());
        assert_eq!(&*plan.next(Kind::UpstreamInternal, &["a"]).unwrap().group, "b");
        assert_eq!(&*plan.next(Kind::UpstreamBadRequest, &["b"]).unwrap().group, "c");
        assert_eq!(plan.next(Kind::UpstreamInternal, &["c"]), None);
    }

    #[test]
    fn a_requests_own_list_replaces_the_configured_one() {
        let config = config(json!([{"a": ["b"]}]));
        let asks = |body| walk(&config, &request(body), "a", Kind::UpstreamInternal);
        assert_eq!(asks(json!({"fallbacks": ["x", "a", "y"]})), ["x", "y"]);
        assert_eq!(asks(json!({"fallbacks": [{"a": ["m"]}, "x", {"q": ["n"]}]})), ["m", "x"]);
        assert!(asks(json!({"fallbacks": []})).is_empty());
        assert!(asks(json!({"disable_fallbacks": true})).is_empty());
        assert_eq!(asks(json!({"context_window_fallbacks": ["long"]})), ["b"]);
        let changed = request(json!({"fallbacks": [{"model": "a", "temperature": 0}]}));
        let mut plan = FallbackPlan::new(&config, &changed, &"a".into());
        let target = plan.next(Kind::UpstreamInternal, &["a"]).unwrap();
        assert_eq!((&*target.group, &target.overrides["temperature"]), ("a", &json!(0)));
        assert_eq!(plan.next(Kind::UpstreamInternal, &["a"]), None);
    }

    proptest! {
        #[test]
        fn every_walk_ends_and_repeats_nothing(
            edges in prop::collection::vec((0u8..6, prop::collection::vec(0u8..6, 0..5)), 0..6),
            max in 0u32..7,
        ) {
            let name = |n: &u8| format!("g{n}");
            let entries: Vec<Value> = edges
                .iter()
                .map(|(from, to)| json!({ name(from): to.iter().map(name).collect::<Vec<_>>() }))
                .collect();
            let config = Fallbacks { max, ..config(Value::Array(entries)) };
            let mut visited = walk_plain(&config, "g0", Kind::UpstreamInternal);
            prop_assert!(!visited.contains(&"g0".to_string()));
            let hops = visited.len();
            visited.sort();
            visited.dedup();
            prop_assert_eq!(visited.len(), hops);
        }
    }
}
