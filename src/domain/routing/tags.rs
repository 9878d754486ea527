//! Tag routing: which deployments a request's tags allow.

/// The deployment tag that serves untagged and unmatched requests.
const DEFAULT: &str = "default";

/// A request's tags, sorted by what they ask for.
#[derive(Debug, Clone, Default)]
pub struct RequestTags<'a> {
    wanted: Vec<&'a str>,
    required: Vec<&'a str>,
    excluded: Vec<&'a str>,
}

impl<'a> RequestTags<'a> {
    /// Reads plain tags (`eu`), required ones (`&eu`) and excluded ones (`!eu`); blanks are ignored.
    pub fn parse(tags: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parsed = RequestTags::default();
        for tag in tags {
            let tag = tag.trim();
            let (list, tag) = match (tag.strip_prefix('&'), tag.strip_prefix('!')) {
                (Some(required), _) => (&mut parsed.required, required),
                (_, Some(excluded)) => (&mut parsed.excluded, excluded),
                _ => (&mut parsed.wanted, tag),
            };
            if !tag.is_empty() {
                list.push(tag);
            }
        }
        parsed
    }

    /// Whether a deployment with `tags` fits.
    ///
    /// A request that wants or requires nothing is untagged: it fits deployments that are untagged or
    /// tagged `default`. An exclusion alone opens no tagged deployment, for tags also keep requests out.
    pub fn fits(&self, tags: &[String], match_any: bool) -> bool {
        if !self.permits(tags) {
            return false;
        }
        if self.wanted.is_empty() {
            return !self.required.is_empty() || tags.is_empty() || has(tags, DEFAULT);
        }
        let mut wanted = self.wanted.iter();
        if match_any { wanted.any(|tag| has(tags, tag)) } else { wanted.all(|tag| has(tags, tag)) }
    }

    /// Whether a deployment with `tags` may serve this request if none fits: those tagged `default`.
    pub fn fits_by_default(&self, tags: &[String]) -> bool {
        has(tags, DEFAULT) && self.permits(tags)
    }

    fn permits(&self, tags: &[String]) -> bool {
        self.required.iter().all(|tag| has(tags, tag)) && !self.excluded.iter().any(|tag| has(tags, tag))
    }
}

fn has(tags: &[String], tag: &str) -> bool {
    tags.iter().any(|own| own == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_read_like_the_contract() {
        #[rustfmt::skip]
        let table: [(&[&str], &[&str], bool, bool); 14] = [
            // request, deployment, match any -> fits
            (&["eu"],            &["eu", "paid"], true,  true),
            (&["eu", "us"],      &["eu"],         true,  true),
            (&["eu", "us"],      &["eu"],         false, false),
            (&["eu", "us"],      &["us", "eu"],   false, true),
            (&["eu"],            &[],             true,  false),
            (&["eu"],            &["default"],    true,  false),
            (&[],                &[],             true,  true),
            (&[],                &["default"],    true,  true),
            (&[],                &["paid"],       true,  false),
            (&["!paid"],         &["eu"],         true,  false),
            (&["!paid"],         &[],             true,  true),
            (&["eu", "!paid"],   &["eu", "paid"], true,  false),
            (&["&eu"],           &["eu", "paid"], true,  true),
            (&["eu", "&paid"],   &["eu"],         true,  false),
        ];
        for (request, deployment, any, fits) in table {
            let tags: Vec<String> = deployment.iter().map(|tag| tag.to_string()).collect();
            let found = RequestTags::parse(request.iter().copied()).fits(&tags, any);
            assert_eq!(found, fits, "{request:?} on {deployment:?}, match any: {any}");
        }
    }

    #[test]
    fn the_default_deployments_take_what_nobody_matches_but_not_what_is_excluded() {
        let default = ["default".to_string(), "us".to_string()];
        assert!(RequestTags::parse(["eu"]).fits_by_default(&default));
        assert!(!RequestTags::parse(["eu", "!us"]).fits_by_default(&default));
        assert!(!RequestTags::parse(["eu"]).fits_by_default(&[]));
    }
}
