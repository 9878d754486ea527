//! Which models a list of names allows: groups, wildcards, access groups, and LiteLLM's special names.

/// Every model, however it is called here.
const ALL_PROXY: &str = "all-proxy-models";
/// The team's models: the team's own list decides.
const ALL_TEAM: &str = "all-team-models";
/// No model, unless another entry allows it.
const NONE: &str = "no-default-models";

/// Whether a list allows a model. `model` is the name that was asked for or the group that serves it;
/// `in_access_group` says whether that group belongs to an access group of a name.
pub fn allows(list: &[String], model: &str, in_access_group: impl Fn(&str) -> bool) -> bool {
    if list.is_empty() {
        return true;
    }
    list.iter().any(|entry| match entry.as_str() {
        ALL_PROXY | ALL_TEAM | "*" => true,
        NONE => false,
        entry if entry == model => true,
        entry if entry.contains('*') => covers(entry, model),
        entry => in_access_group(entry),
    })
}

/// Whether a pattern with stars (`openai/*`) covers a name.
fn covers(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_wildcards_and_special_names() {
        let nobody = |_: &str| false;
        assert!(allows(&[], "anything", nobody));
        assert!(allows(&list(&["gpt"]), "gpt", nobody) && !allows(&list(&["gpt"]), "gpt-4o", nobody));
        assert!(allows(&list(&["openai/*"]), "openai/gpt-4o", nobody));
        assert!(!allows(&list(&["openai/*"]), "gpt-4o", nobody));
        assert!(allows(&list(&["a*b*c"]), "a-b-b-c", nobody) && !allows(&list(&["a*b*c"]), "a-c-b", nobody));
        assert!(!allows(&list(&["no-default-models"]), "gpt", nobody));
        assert!(allows(&list(&["no-default-models", "gpt"]), "gpt", nobody));
        for every in ["all-proxy-models", "all-team-models", "*"] {
            assert!(allows(&list(&[every]), "gpt", nobody));
        }
        assert!(allows(&list(&["beta"]), "gpt", |group| group == "beta"));
    }
}
