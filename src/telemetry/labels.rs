//! The labels of requests' series, each named once: what a caller, a deployment and a request are called in them.

use super::bound::OTHER;
use super::text;

/// A label's name and value.
pub type Pair<'a> = (&'static str, &'a str);

/// Absent values are this word, as LiteLLM writes it.
pub const NONE: &str = "None";

/// The classes of refusals that no provider had a part in, as LiteLLM names them: no provider stands before them.
const OWN_CLASSES: [&str; 4] =
    ["HTTPException", "RouterRateLimitError", "BudgetExceededError", "ProxyException"];

/// Whose request it was. Absent values are [`NONE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallerLabels<'a> {
    /// SHA-256 of the key.
    pub hashed_api_key: &'a str,
    /// The key's alias.
    pub api_key_alias: &'a str,
    /// The key's team.
    pub team: &'a str,
    /// That team's alias.
    pub team_alias: &'a str,
    /// The key's user.
    pub user: &'a str,
    /// The key's organization.
    pub org_id: &'a str,
    /// That organization's alias.
    pub org_alias: &'a str,
}

impl<'a> CallerLabels<'a> {
    /// One of those that are not shown by name.
    pub const OTHERS: CallerLabels<'static> = CallerLabels {
        hashed_api_key: OTHER,
        api_key_alias: OTHER,
        team: OTHER,
        team_alias: OTHER,
        user: OTHER,
        org_id: OTHER,
        org_alias: OTHER,
    };

    /// The labels that all series of LiteLLM have which name callers.
    pub fn common(&self) -> [Pair<'a>; 6] {
        [
            ("end_user", NONE),
            ("hashed_api_key", self.hashed_api_key),
            ("api_key_alias", self.api_key_alias),
            ("team", self.team),
            ("team_alias", self.team_alias),
            ("user", self.user),
        ]
    }

    /// What some of them have besides.
    pub fn organization(&self) -> [Pair<'a>; 3] {
        [("user_email", NONE), ("org_id", self.org_id), ("org_alias", self.org_alias)]
    }
}

/// What distinguishes a deployment's series. Absent values are [`NONE`].
#[derive(Debug, Clone, Copy)]
pub struct DeploymentLabels<'a> {
    /// Deployment id.
    pub model_id: &'a str,
    /// `provider/model`.
    pub litellm_model_name: &'a str,
    /// Provider prefix.
    pub api_provider: &'a str,
    /// Base URL.
    pub api_base: &'a str,
}

impl<'a> DeploymentLabels<'a> {
    /// No deployment.
    pub const NONE: DeploymentLabels<'static> = DeploymentLabels::all(NONE);
    /// One of those that are not shown by name.
    pub const OTHERS: DeploymentLabels<'static> = DeploymentLabels::all(OTHER);

    const fn all(word: &'static str) -> DeploymentLabels<'static> {
        DeploymentLabels { model_id: word, litellm_model_name: word, api_provider: word, api_base: word }
    }

    /// All of them.
    pub fn full(&self) -> [Pair<'a>; 4] {
        [
            ("litellm_model_name", self.litellm_model_name),
            ("model_id", self.model_id),
            ("api_base", self.api_base),
            ("api_provider", self.api_provider),
        ]
    }

    /// Those of series that name the model, too.
    pub fn short(&self) -> [Pair<'a>; 2] {
        [("model_id", self.model_id), ("api_provider", self.api_provider)]
    }
}

/// What distinguishes the series of finished requests. All values are bounded: names from the configuration, known
/// routes, statuses, error classes.
#[derive(Debug, Clone, Copy)]
pub struct RequestLabels<'a> {
    /// The name the client asked for, or `unknown` if no such group exists.
    pub requested_model: &'a str,
    /// The group that answered or failed.
    pub model_group: &'a str,
    /// `/v1/chat/completions` ...
    pub route: &'a str,
    /// HTTP status.
    pub status: &'a str,
    /// Error class, `None` for answers.
    pub class: Option<&'a str>,
    /// The deployment that answered last, `None` without one.
    pub deployment: DeploymentLabels<'a>,
}

impl<'a> RequestLabels<'a> {
    /// The same under names that stand for many: what was asked, and of whom.
    pub fn among(self, word: &'static str) -> Self {
        let deployment = DeploymentLabels::all(word);
        RequestLabels { requested_model: word, model_group: word, deployment, ..self }
    }

    /// What was asked, and of whom.
    pub fn by_model(&self) -> [Pair<'a>; 4] {
        let [id, provider] = self.deployment.short();
        [("requested_model", self.requested_model), ("model", self.model_group), id, provider]
    }

    /// How it failed, with the class as LiteLLM writes it.
    pub fn failure(&self) -> String {
        let class = exception_class(self.deployment.api_provider, self.class.unwrap_or(NONE));
        text::labels([("exception_status", self.status), ("exception_class", class.as_str())])
    }
}

/// `Openai.RateLimitError`: provider, capitalised, and class; the class alone where no provider had a part in it.
pub fn exception_class(provider: &str, class: &str) -> String {
    let mut letters = provider.chars();
    match letters.next() {
        Some(first) if provider != NONE && !OWN_CLASSES.contains(&class) => {
            format!("{}{}.{class}", first.to_ascii_uppercase(), letters.as_str())
        }
        _ => class.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_written_as_litellm_writes_them() {
        assert_eq!(exception_class("openai", "RateLimitError"), "Openai.RateLimitError");
        assert_eq!(exception_class("None", "ProxyException"), "ProxyException");
    }

    #[test]
    fn our_own_limits_are_never_a_providers() {
        assert_eq!(exception_class("openai", "HTTPException"), "HTTPException");
    }
}
