//! The words of a question as they are compared, and those that must be the same however alike two questions are:
//! embedding models hardly see the difference between two numbers, between a statement and its opposite, or between
//! signs that they do not know, and it is the whole difference between two questions.

use std::collections::BTreeSet;

use super::vocabulary::{self, Part};

/// What ends or surrounds words and says nothing. Dashes say something beside numbers only.
const PUNCTUATION: &str = ".,;:!?()[]\"'`…¿¡«»‹›“”„‘’‚。、，；：！？（）「」『』【】《》〈〉·・،؛؟।॥؍";
const DASHES: &str = "-‐‑–—−";
/// What opens a quotation, and what closes it.
const QUOTES: [(char, &str); 12] = [
    ('"', "\""),
    ('`', "`"),
    ('\'', "'"),
    ('‘', "’"),
    ('“', "”"),
    ('„', "“”"),
    ('«', "»"),
    ('»', "«"),
    ('‹', "›"),
    ('「', "」"),
    ('『', "』"),
    ('《', "》"),
];
/// The longest word behind a number that may be its unit, characters.
const UNIT: usize = 3;

/// What must be the same in two questions: words with digits (numbers, dates, versions) with their units, words with
/// signs (code, addresses, currencies, emoji) as they are written, in their order; quotations; the set of negations and
/// of other words that turn a question. Empty for a text without any of these.
pub fn fixed(text: &str) -> String {
    let kept = exact(text);
    let quoted = quotations(text);
    let turning = turning(text);
    let mut out = kept.join(" ");
    let quoted = quoted.iter().map(|words| ("\n\"", words));
    for (mark, words) in quoted.chain(turning.iter().map(|word| ("\n~", word))) {
        out.push_str(mark);
        out.push_str(words);
    }
    out
}

fn is_punctuation(c: char) -> bool {
    PUNCTUATION.contains(c)
}

fn is_dash(c: char) -> bool {
    DASHES.contains(c)
}

/// Whether it belongs to a word. Vowel signs and accents of their own are letters here.
fn in_word(c: char) -> bool {
    let mark = matches!(u32::from(c), 0x0300..=0x036F | 0x0483..=0x0489 | 0x0591..=0x05C7 | 0x0610..=0x061A
        | 0x064B..=0x065F | 0x0900..=0x0DFF | 0x0E00..=0x0EFF | 0x0F18..=0x0FBC | 0x1000..=0x109F | 0x1780..=0x17FF);
    c.is_alphanumeric() || (mark && !is_punctuation(c))
}

/// A sign that says something by itself.
fn is_sign(c: char) -> bool {
    !in_word(c) && !c.is_whitespace() && !is_punctuation(c) && !is_dash(c)
}

/// A letter of a script that sets no spaces between words, or none on which one could rely.
fn is_word_by_itself(c: char) -> bool {
    matches!(u32::from(c), 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3005..=0x3007 | 0x3040..=0x30FF
        | 0x31F0..=0x31FF | 0x3400..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

/// The words that are kept as they are written.
fn exact(text: &str) -> Vec<&str> {
    // Letters of scripts without spaces belong to no number beside them.
    let apart = |c: char| c.is_whitespace() || is_word_by_itself(c);
    // A point before a number is part of it.
    let before = |c: char| c != '.' && is_punctuation(c);
    let words: Vec<&str> = text
        .split(apart)
        .map(|word| word.trim_end_matches(is_punctuation).trim_start_matches(before))
        .filter(|word| !word.is_empty())
        .collect();
    let counts = |word: &str| word.contains(char::is_numeric);
    let any = words.iter().any(|word| counts(word));
    let mut kept = Vec::new();
    let mut behind_number = false;
    for word in words {
        let unit = behind_number && word.chars().count() <= UNIT && word.chars().all(char::is_alphabetic);
        let dash = any && word.chars().all(is_dash);
        if counts(word) || unit || dash || word.contains(is_sign) {
            kept.push(word);
        }
        behind_number = counts(word);
    }
    kept
}

/// What stands in quotation marks, in order.
fn quotations(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        at += 1;
        let Some((_, closing)) = QUOTES.iter().find(|(opening, _)| *opening == letter) else { continue };
        // An apostrophe opens nothing.
        let free = |c: Option<&char>| c.is_none_or(|c| !c.is_alphanumeric());
        let apostrophe = matches!(letter, '\'' | '‘');
        if apostrophe && !free(at.checked_sub(2).and_then(|before| letters.get(before))) {
            continue;
        }
        let rest = letters.get(at..).unwrap_or_default();
        let ends =
            |(place, c): (usize, &char)| closing.contains(*c) && (!apostrophe || free(rest.get(place + 1)));
        if let Some(end) = rest.iter().enumerate().position(ends) {
            found.push(rest.iter().take(end).collect());
            at += end + 1;
        }
    }
    found
}

/// The words that turn a question, each once and sorted.
fn turning(text: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> =
        split(text).into_iter().map(|word| word.text).filter(|word| vocabulary::turns(word)).collect();
    found.extend(vocabulary::turns_in_a_row(text).map(str::to_owned));
    found
}

/// A word as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// In lower case.
    pub text: String,
    /// What it is in its question.
    pub part: Part,
    /// It is written like a name.
    pub name: bool,
}

/// The words of a text in their order.
pub fn split(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text;
    let mut starts = true;
    // Where everything is written large, that says nothing.
    let says = text.contains(char::is_lowercase);
    while let Some(begin) = rest.find(in_word) {
        let (gap, from) = rest.split_at(begin);
        starts |= gap.contains(['.', '!', '?', ':', '\n', '。', '！', '？', '¿', '¡']);
        let single = from.chars().next().is_some_and(is_word_by_itself);
        let end = match single {
            true => from.chars().next().map_or(from.len(), char::len_utf8),
            false => end_of_word(from),
        };
        let (word, after) = from.split_at(end);
        pieces(word, starts, says, &mut words);
        (rest, starts) = (after, false);
    }
    // As in a headline.
    if words.len() > 3 && words.iter().skip(1).all(|word| word.name) {
        words.iter_mut().for_each(|word| word.name = false);
    }
    words
}

/// Where a word ends; an apostrophe between letters belongs to it.
fn end_of_word(text: &str) -> usize {
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let apostrophe = matches!(letter, '\'' | '’');
        let goes_on = letters.peek().is_some_and(|(_, next)| in_word(*next));
        if is_word_by_itself(letter) || !(in_word(letter) || (apostrophe && goes_on)) {
            return at;
        }
    }
    text.len()
}

/// A word between spaces is mostly one; contractions are taken apart.
fn pieces(word: &str, starts: bool, says: bool, words: &mut Vec<Word>) {
    let lower = word.to_lowercase().replace('’', "'");
    let large = word.chars().next().is_some_and(char::is_uppercase);
    let letters = word.chars().count();
    let shouted = says && (2..=5).contains(&letters) && word.chars().all(char::is_uppercase);
    let name = (says && large && !starts && letters > 1) || shouted;
    let mut add = |text: &str, name: bool, part: Part| {
        let part = if shouted && name { Part::Subject } else { part };
        words.push(Word { text: text.to_owned(), part, name: name && part == Part::Subject });
    };
    let Some((stem, end)) = lower.split_once('\'') else {
        add(&lower, name, vocabulary::part(&lower));
        return;
    };
    let contraction = match end {
        "t" => stem.strip_suffix('n').map(|stem| (if stem == "ca" { "can" } else { stem }, "not")),
        "ll" => Some((stem, "will")),
        "s" | "m" | "re" | "ve" | "d" => Some((stem, "")),
        _ => None,
    };
    let elision = matches!(stem, "l" | "d" | "n" | "j" | "qu" | "s" | "c" | "m" | "t").then_some(end);
    match (contraction, elision) {
        (Some((stem, end)), _) => {
            let stem = if stem == "wo" { "will" } else { stem };
            add(stem, name, vocabulary::part(stem));
            if !end.is_empty() {
                add(end, false, vocabulary::part(end));
            }
        }
        (None, Some(end)) => {
            match stem {
                "n" => add("ne", false, Part::Subject),
                "j" | "m" => add("je", false, vocabulary::part("je")),
                _ => {}
            }
            let inner = word.chars().skip(stem.chars().count() + 1);
            let name = says && inner.into_iter().next().is_some_and(char::is_uppercase);
            add(end, name, vocabulary::part(end));
        }
        (None, None) => add(&lower, name, Part::Subject),
    }
}

/// A word in lower case without the `s` that makes a plural in many languages.
pub fn singular(word: &str) -> &str {
    let plain =
        word.len() > 3 && word.is_ascii() && !["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    if plain { word.strip_suffix('s').unwrap_or(word) } else { word }
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
            ("Where is order A-123, please?", "A-123\n~where"),
            ("from 2024-01-05 to (2024-02-05).", "2024-01-05 to 2024-02-05\n~from"),
            ("pay $5.00 or 5%", "$5.00 or 5%\n~or"),
            ("5€ or £5", "5€ or £5\n~or"),
            ("20°C, 20°F", "20°C 20°F"),
            ("is x ≤ 5", "≤ 5"),
            ("what is .5 of (5)?", ".5 of 5"),
            ("10 Mb, 10Mb, 10MB", "10 Mb 10Mb 10MB"),
            ("at 5 pm", "5 pm"),
            ("this - or that", "\n~or"),
            ("今天是2024年吗", "2024"),
            ("٣ apples", "٣"),
        ] {
            assert_eq!(fixed(text), kept, "{text}");
        }
    }

    #[test]
    fn signs_quotations_and_turning_words_are_kept() {
        for (text, kept) in [
            ("I love it 😀", "😀"),
            ("hi👍🏽!", "hi👍🏽"),
            ("C++ or C#?", "C++ C#\n~or"),
            ("what does foo_bar do", "foo_bar"),
            ("mail a@b.c about /etc/hosts.", "a@b.c /etc/hosts"),
            ("what does \"set up\" mean?", "\n\"set up\n~up"),
            ("what's 'it' in don't", "\n\"it\n~not"),
            ("le mot « jour », svp", "\n\" jour "),
            ("「水」とは", "\n\"水"),
            ("Can't I never?", "\n~never\n~not"),
            ("I won't, you don’t", "\n~not\n~will"),
            ("je n'ai rien", "\n~ne\n~rien"),
            ("¿Por qué no?", "\n~no"),
            ("她不去", "\n~不"),
            ("食べません", "\n~ません"),
            ("안 가요", "\n~안"),
            ("more than before", "\n~before\n~more\n~than"),
        ] {
            assert_eq!(fixed(text), kept, "{text}");
        }
    }

    #[test]
    fn texts_fall_into_words() {
        let words = |text: &str| split(text).into_iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
        for (text, expected) in [
            ("What's the capital of France?", "what the capital of france"),
            ("I'm here, you’ll see: tickets", "i here you will see tickets"),
            ("can't won't isn't", "can not will not is not"),
            ("l'hôtel n'est pas là", "hôtel ne est pas là"),
            ("法国的首都", "法 国 的 首 都"),
            ("iPhone手机", "iphone 手 机"),
            ("पानी क्या है।", "पानी क्या है"),
            ("rock-n-roll 'n' o'clock", "rock n roll n o'clock"),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_told_by_how_they_are_written() {
        let names = |text: &str| {
            let names = split(text).into_iter().filter(|word| word.name).map(|word| word.text);
            names.collect::<Vec<_>>().join(" ")
        };
        for (text, expected) in [
            ("What is the capital of France?", "france"),
            ("Is it so? Ask Anna.", "anna"),
            ("Who am I", ""),
            ("does the US trust us", "us"),
            ("WHAT IS THE CAPITAL NOW", ""),
            ("où est l'Élysée", "élysée"),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }
}
