//! The words that must be the same in two questions however alike they are: embedding models hardly see the
//! difference between two numbers, and it is the whole difference between two questions.

/// What surrounds a word and is no part of it.
const PUNCTUATION: &[char] = &['.', ',', ';', ':', '!', '?', '(', ')', '[', ']', '{', '}', '"', '\'', '`'];

/// The words of a text that hold a digit (numbers, dates, versions, article numbers), in their order and as they are
/// written (10 Mb are not 10 MB), and the signs between them. Empty for a text without digits.
pub fn with_digits(text: &str) -> String {
    // Scripts without spaces write their words around numbers, so letters belong to one only in ASCII. Signs do:
    // currencies, degrees, comparisons.
    let apart = |c: char| c.is_whitespace() || (!c.is_ascii() && c.is_alphabetic());
    // A point before a number is part of it.
    let before = |c: char| c != '.' && PUNCTUATION.contains(&c);
    let words = text.split(apart).map(|word| word.trim_end_matches(PUNCTUATION).trim_start_matches(before));
    let kept = words.filter(|word| {
        let sign = !word.is_empty() && !word.contains(char::is_alphanumeric);
        sign || word.contains(char::is_numeric)
    });
    let kept: Vec<&str> = kept.collect();
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
            ("Where is order A-123, please?", "A-123"),
            ("from 2024-01-05 to (2024-02-05).", "2024-01-05 2024-02-05"),
            ("pay $5.00 or 5%", "$5.00 5%"),
            ("5€ or £5", "5€ £5"),
            ("20°C, 20°F", "20°C 20°F"),
            ("is x ≤ 5", "≤ 5"),
            ("what is .5 of (5)?", ".5 5"),
            ("10 Mb, 10Mb, 10MB", "10 10Mb 10MB"),
            ("now - or later", ""),
            ("今天是2024年吗", "2024"),
            ("٣ apples", "٣"),
        ] {
            assert_eq!(with_digits(text), kept, "{text}");
        }
    }
}
