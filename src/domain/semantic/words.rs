//! The words that must be the same in two questions however alike they are: embedding models hardly see the
//! difference between two numbers, and it is the whole difference between two questions.

/// Signs that stand between numbers.
const SIGNS: &[char] = &['+', '-', '*', '/', '^', '=', '<', '>', '%', '×', '÷', '−'];
/// What surrounds a word and is no part of it.
const PUNCTUATION: &[char] = &['.', ',', ';', ':', '!', '?', '(', ')', '[', ']', '{', '}', '"', '\'', '`'];

/// The words of a text that hold a digit (numbers, dates, versions, article numbers), in their order and in lower
/// case, and the signs between them. Empty for a text without digits.
pub fn with_digits(text: &str) -> String {
    // Scripts without spaces write their words around numbers, so only what is ASCII or a digit belongs to one.
    let apart = |c: char| c.is_whitespace() || !(c.is_ascii() || c.is_numeric() || SIGNS.contains(&c));
    let words = text.split(apart).map(|word| word.trim_matches(PUNCTUATION));
    let kept = words.filter(|word| {
        let sign = !word.is_empty() && word.chars().all(|c| SIGNS.contains(&c));
        sign || word.contains(char::is_numeric)
    });
    let kept: Vec<String> = kept.map(str::to_lowercase).collect();
    let any = kept.iter().any(|word| word.contains(char::is_numeric));
    if any { kept.join(" ") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_what_holds_them_are_kept() {
        for (text, kept) in [
            ("How do I reset my password?", ""),
            ("What is 17 + 4?", "17 + 4"),
            ("what is 17 * 4", "17 * 4"),
            ("Where is order A-123, please?", "a-123"),
            ("from 2024-01-05 to (2024-02-05).", "2024-01-05 2024-02-05"),
            ("pay $5.00 or 5%", "$5.00 5%"),
            ("now - or later", ""),
            ("今天是2024年吗", "2024"),
            ("٣ apples", "٣"),
        ] {
            assert_eq!(with_digits(text), kept, "{text}");
        }
    }
}
