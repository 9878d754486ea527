//! From the model name of a request to the deployments that may serve it.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use super::Alias;
use super::wildcard::{Pattern, substitute};
use crate::base::suggest;
use crate::domain::deployment::Deployment;

/// The name of the group that takes what nobody else knows.
const CATCH_ALL: &str = "*";

/// Finds the provider of a bare model name (`claude-x` -> `anthropic`).
pub type Detect = Box<dyn Fn(&str) -> Option<&'static str> + Send + Sync>;

/// How a name was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// It is a group.
    Group,
    /// It is a deployment's id.
    Deployment,
    /// It is an alias.
    Alias,
    /// It matches a wildcard group.
    Wildcard,
    /// The group `*` takes it.
    CatchAll,
    /// It is the `provider/model` of deployments.
    Model,
}

/// The deployments behind a requested name.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The name that answers, headers and metrics show: the requested one.
    pub name: Arc<str>,
    /// The group as configured; settings per group are found under it (or under `name`).
    pub group: Arc<str>,
    /// Those who may serve, in file order.
    pub members: Arc<[Member]>,
    /// How the name was found.
    pub via: Via,
}

impl Resolved {
    /// Whether one of those who may serve belongs to an access group (`model_info.access_groups`).
    pub fn in_access_group(&self, name: &str) -> bool {
        self.members.iter().any(|member| {
            let groups = member.deployment.info.raw.get("access_groups").and_then(|groups| groups.as_array());
            groups.into_iter().flatten().any(|group| group.as_str() == Some(name))
        })
    }
}

/// A deployment and what the requested model is called there.
#[derive(Debug, Clone)]
pub struct Member {
    /// The deployment.
    pub deployment: Arc<Deployment>,
    /// The provider's own model name for this request, wildcards filled in.
    pub model: Arc<str>,
}

/// Every name under which deployments can be asked for.
pub struct Groups {
    /// Groups, deployment ids and aliases, the former hiding the latter.
    exact: HashMap<Arc<str>, Resolved>,
    /// Wildcard groups, most specific first, without `*`.
    wildcards: Vec<Wildcard>,
    catch_all: Option<Wildcard>,
    /// By `provider/model`.
    models: HashMap<String, Resolved>,
    public: Vec<Arc<str>>,
    detect: Detect,
}

struct Wildcard {
    pattern: Pattern,
    group: Arc<str>,
    deployments: Vec<Arc<Deployment>>,
}

impl Groups {
    /// Builds the table. Aliases whose target nobody knows are left out: the config check names them.
    pub fn new(deployments: &[Arc<Deployment>], aliases: &BTreeMap<String, Alias>, detect: Detect) -> Self {
        let by_group = grouped(deployments);
        let mut groups = Groups {
            exact: HashMap::new(),
            wildcards: Vec::new(),
            catch_all: None,
            models: by_model(deployments),
            public: by_group.iter().map(|(group, _)| group.clone()).collect(),
            detect,
        };
        for (group, deployments) in by_group {
            groups.add_group(group, deployments);
        }
        groups.wildcards.sort_by_key(|wildcard| std::cmp::Reverse(wildcard.pattern.specificity()));
        for deployment in deployments.iter().filter(|one| !is_pattern(&one.group)) {
            let alone = Resolved {
                name: deployment.id.clone(),
                group: deployment.group.clone(),
                members: [Member::plain(deployment)].into(),
                via: Via::Deployment,
            };
            groups.exact.entry(deployment.id.clone()).or_insert(alone);
        }
        groups.add_aliases(aliases);
        groups
    }

    /// Who serves `requested`, in this order: the group of this name, the deployment of this id, the
    /// alias, the most specific wildcard (also for `provider/name` with the provider that the name is
    /// known for), the catch-all, the deployments with this `provider/model` (ditto).
    pub fn resolve(&self, requested: &str) -> Option<Resolved> {
        if let Some(found) = self.exact.get(requested) {
            return Some(found.clone());
        }
        let detected = || Some(format!("{}/{requested}", (self.detect)(requested)?));
        if let Some(found) = self.by_wildcard(requested, requested) {
            return Some(found);
        }
        let full = detected();
        if let Some(found) = full.as_ref().and_then(|full| self.by_wildcard(full, requested)) {
            return Some(found);
        }
        if let Some(found) = self.by_catch_all(requested) {
            return Some(found);
        }
        let found = self.models.get(requested).or_else(|| self.models.get(&full?))?;
        Some(Resolved { name: requested.into(), ..found.clone() })
    }

    /// The deployments of a configured group (by its configured name, wildcards included).
    pub fn deployments(&self, group: &str) -> Vec<Arc<Deployment>> {
        let wild = self.wildcards.iter().chain(&self.catch_all).find(|wildcard| &*wildcard.group == group);
        if let Some(wildcard) = wild {
            return wildcard.deployments.clone();
        }
        let exact = self.exact.get(group).filter(|found| found.via == Via::Group);
        exact
            .map(|found| found.members.iter().map(|one| one.deployment.clone()).collect())
            .unwrap_or_default()
    }

    /// The names that `/v1/models` lists: groups in file order, wildcards as themselves, then the aliases
    /// that are not hidden.
    pub fn public_names(&self) -> impl Iterator<Item = &str> {
        self.public.iter().map(|name| &**name)
    }

    /// The public names nearest to a wrong one, best first, at most three.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        suggest::nearest(name, self.public_names(), 3)
    }

    fn add_group(&mut self, group: Arc<str>, deployments: Vec<Arc<Deployment>>) {
        if is_pattern(&group) {
            let pattern = Pattern::new(&group);
            let catches_all = &*group == CATCH_ALL;
            let wildcard = Wildcard { pattern, group, deployments };
            if catches_all {
                self.catch_all = Some(wildcard);
            } else {
                self.wildcards.push(wildcard);
            }
            return;
        }
        let members = deployments.iter().map(Member::plain).collect();
        let resolved = Resolved { name: group.clone(), group: group.clone(), members, via: Via::Group };
        self.exact.insert(group, resolved);
    }

    fn add_aliases(&mut self, aliases: &BTreeMap<String, Alias>) {
        let found: Vec<_> = aliases
            .iter()
            .filter(|(name, _)| !self.exact.contains_key(name.as_str()))
            .filter_map(|(name, alias)| Some((name, alias.hidden, self.resolve(&alias.group)?)))
            .collect();
        for (name, hidden, target) in found {
            let name: Arc<str> = name.as_str().into();
            if !hidden {
                self.public.push(name.clone());
            }
            self.exact.insert(name.clone(), Resolved { name, via: Via::Alias, ..target });
        }
    }

    fn by_wildcard(&self, name: &str, requested: &str) -> Option<Resolved> {
        self.wildcards.iter().find_map(|wildcard| {
            let captures = wildcard.pattern.captures(name)?;
            let members = wildcard.deployments.iter().map(|one| Member::filled(one, &captures)).collect();
            let group = wildcard.group.clone();
            Some(Resolved { name: requested.into(), group, members, via: Via::Wildcard })
        })
    }

    /// A catch-all with deployments of several providers serves a name by those of the name's provider,
    /// if it has such.
    fn by_catch_all(&self, requested: &str) -> Option<Resolved> {
        let catch_all = self.catch_all.as_ref()?;
        let prefix = requested.split_once('/').map(|(prefix, _)| prefix);
        let of = |provider: Option<&str>| -> Vec<&Arc<Deployment>> {
            let same = |one: &&Arc<Deployment>| provider == Some(one.provider.name);
            catch_all.deployments.iter().filter(same).collect()
        };
        let mut serving = of(prefix);
        if serving.is_empty() {
            serving = of((self.detect)(requested));
        }
        if serving.is_empty() {
            serving = catch_all.deployments.iter().collect();
        }
        let members = serving.into_iter().map(|one| Member::filled(one, &[requested])).collect();
        let group = catch_all.group.clone();
        Some(Resolved { name: requested.into(), group, members, via: Via::CatchAll })
    }
}

impl Member {
    fn plain(deployment: &Arc<Deployment>) -> Self {
        Member { deployment: deployment.clone(), model: deployment.model.as_str().into() }
    }

    /// With the stars filled in. Where the star is the whole model name, the deployment's own provider
    /// prefix is no part of it.
    fn filled(deployment: &Arc<Deployment>, captures: &[&str]) -> Self {
        let model = substitute(&deployment.model, captures);
        let own = |model: &str| {
            let rest = model.strip_prefix(deployment.provider.name)?.strip_prefix('/')?;
            (deployment.model == CATCH_ALL && !rest.is_empty()).then(|| rest.into())
        };
        let model = own(&model).unwrap_or_else(|| model.into());
        Member { deployment: deployment.clone(), model }
    }
}

fn is_pattern(group: &str) -> bool {
    group.contains('*')
}

fn grouped(deployments: &[Arc<Deployment>]) -> Vec<(Arc<str>, Vec<Arc<Deployment>>)> {
    let mut positions: HashMap<Arc<str>, usize> = HashMap::new();
    let mut groups: Vec<(Arc<str>, Vec<Arc<Deployment>>)> = Vec::new();
    for deployment in deployments {
        let position = *positions.entry(deployment.group.clone()).or_insert(groups.len());
        match groups.get_mut(position) {
            Some((_, members)) => members.push(deployment.clone()),
            None => groups.push((deployment.group.clone(), vec![deployment.clone()])),
        }
    }
    groups
}

/// Those with the same `provider/model`, as far as they are of one group: the first that has it. So who
/// may use a group may use this name, and nobody reaches another group through it.
fn by_model(deployments: &[Arc<Deployment>]) -> HashMap<String, Resolved> {
    let mut models: HashMap<String, (Arc<str>, Vec<Member>)> = HashMap::new();
    for deployment in deployments.iter().filter(|one| !is_pattern(&one.group) && !is_pattern(&one.model)) {
        let (group, members) =
            models.entry(deployment.full_model()).or_insert_with(|| (deployment.group.clone(), Vec::new()));
        if *group == deployment.group {
            members.push(Member::plain(deployment));
        }
    }
    models
        .into_iter()
        .map(|(model, (group, members))| {
            let name = model.as_str().into();
            (model, Resolved { name, group, members: members.into(), via: Via::Model })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::testing::named;

    fn detect(name: &str) -> Option<&'static str> {
        if name.starts_with("gpt-") {
            return Some("openai");
        }
        name.starts_with("claude-").then_some("anthropic")
    }

    fn groups(deployments: &[(&str, &str, &'static str, &str)], aliases: &[(&str, &str, bool)]) -> Groups {
        let deployments: Vec<_> = deployments
            .iter()
            .map(|(id, group, provider, model)| named(id, group, provider, model))
            .collect();
        let alias = |group: &str, hidden| Alias { group: group.into(), hidden };
        let aliases = aliases.iter().map(|(name, group, hidden)| (name.to_string(), alias(group, *hidden)));
        Groups::new(&deployments, &aliases.collect(), Box::new(detect))
    }

    /// `group via [id=model ...]`
    fn found(groups: &Groups, name: &str) -> String {
        let Some(resolved) = groups.resolve(name) else { return "nothing".into() };
        assert_eq!(&*resolved.name, name, "answers show the requested name");
        let members: Vec<_> =
            resolved.members.iter().map(|one| format!("{}={}", one.deployment.id, one.model)).collect();
        format!("{} {:?} {}", resolved.group, resolved.via, members.join(" "))
    }

    #[test]
    fn names_resolve_in_the_contracts_order() {
        let all = groups(
            &[
                ("d1", "gpt-4", "openai", "gpt-4o"),
                ("d2", "gpt-4", "azure", "my-gpt"),
                ("d3", "mine", "openai", "gpt-5"),
                ("w1", "openai/*", "openai", "*"),
                ("w2", "openai/gpt-*", "azure", "deploy-*"),
                ("w3", "anthropic/*", "anthropic", "*"),
            ],
            &[
                ("fast", "gpt-4", false),
                ("gpt-4", "mine", false),
                ("wild", "openai/o1", true),
                ("d3", "gpt-4", false),
                ("lost", "nowhere", false),
            ],
        );
        #[rustfmt::skip]
        let table = [
            ("gpt-4",               "gpt-4 Group d1=gpt-4o d2=my-gpt"),
            ("d2",                  "gpt-4 Deployment d2=my-gpt"),
            ("d3",                  "mine Deployment d3=gpt-5"),
            ("fast",                "gpt-4 Alias d1=gpt-4o d2=my-gpt"),
            ("wild",                "openai/* Alias w1=o1"),
            ("openai/o1",           "openai/* Wildcard w1=o1"),
            ("openai/gpt-4o",       "openai/gpt-* Wildcard w2=deploy-4o"),
            ("claude-9",            "anthropic/* Wildcard w3=claude-9"),
            ("gpt-9",               "openai/gpt-* Wildcard w2=deploy-9"),
            ("azure/my-gpt",        "gpt-4 Model d2=my-gpt"),
            ("lost",                "nothing"),
            ("unheard-of",          "nothing"),
        ];
        for (name, expected) in table {
            assert_eq!(found(&all, name), expected, "{name}");
        }
    }

    #[test]
    fn the_catch_all_takes_the_rest_by_provider_where_it_can() {
        let one = groups(&[("a", "*", "openai", "*"), ("b", "known", "openai", "gpt-4o")], &[]);
        assert_eq!(found(&one, "known"), "known Group b=gpt-4o");
        assert_eq!(found(&one, "claude-3"), "* CatchAll a=claude-3");
        assert_eq!(found(&one, "openai/gpt-4o"), "* CatchAll a=gpt-4o");
        let two = groups(&[("a", "*", "openai", "*"), ("b", "*", "anthropic", "*")], &[]);
        assert_eq!(found(&two, "claude-3"), "* CatchAll b=claude-3");
        assert_eq!(found(&two, "anthropic/x"), "* CatchAll b=x");
        assert_eq!(found(&two, "llama3"), "* CatchAll a=llama3 b=llama3");
    }

    #[test]
    fn a_bare_name_finds_the_deployments_of_its_provider() {
        let mine = groups(&[("a", "mine", "openai", "gpt-4o"), ("b", "theirs", "openai", "gpt-4o")], &[]);
        assert_eq!(found(&mine, "gpt-4o"), "mine Model a=gpt-4o");
        assert_eq!(found(&mine, "openai/gpt-4o"), "mine Model a=gpt-4o");
    }

    #[test]
    fn lists_what_is_public_and_suggests_it() {
        let all = groups(
            &[("a", "gpt-4", "openai", "gpt-4o"), ("b", "openai/*", "openai", "*")],
            &[("quick", "gpt-4", false), ("secret", "gpt-4", true)],
        );
        assert_eq!(all.public_names().collect::<Vec<_>>(), ["gpt-4", "openai/*", "quick"]);
        assert_eq!(all.nearest("gpt4"), ["gpt-4"]);
        assert!(all.nearest("secre").is_empty());
        assert_eq!(all.deployments("openai/*").len(), 1);
        assert_eq!(all.deployments("quick").len(), 0);
    }
}
