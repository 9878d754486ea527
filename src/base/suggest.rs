//! "Did you mean": the valid names nearest to a wrong one.

/// Longer names, bytes, are not compared.
const LONGEST: usize = 128;

/// The nearest candidates to `wrong`, best first, at most `most`; none that is clearly something else.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    // Comparing costs length times length, and nobody mistypes a name of this length.
    if wrong.len() > LONGEST {
        return Vec::new();
    }
    let lower = wrong.to_lowercase();
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|name| (score(&lower, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= 0.72)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(most).map(|(_, name)| name).collect()
}

fn score(wrong: &str, name: &str) -> f64 {
    let similar = strsim::jaro_winkler(wrong, name);
    let contains = !wrong.is_empty() && (name.contains(wrong) || wrong.contains(name));
    if contains { similar.max(0.75) } else { similar }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typos_and_not_strangers() {
        assert_eq!(nearest("api_bas", ["api_base", "api_key", "weight"], 1), ["api_base"]);
        assert_eq!(nearest("GPT4", ["gpt-4", "claude"], 2), ["gpt-4"]);
        assert!(nearest("zebra", ["api_base", "gpt-4"], 3).is_empty());
    }
}
