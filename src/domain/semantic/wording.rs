//! How a question is put, as far as it decides whether two that mean nearly the same may share an answer.
//!
//! A vector says what texts are about, and little of what they say about it: "from French to German" and "from German to
//! French" are 0.999 alike, words that stand for opposites nearly as much, and words that the model has never seen are
//! all one to it. So besides being alike, two questions must pass [`Wording::may_share`]: what one says and the other
//! does not must be words that narrow nothing, never other ones, and what both say stands in the same order: a medicine for
//! children is another one.

use std::sync::LazyLock;

use hashbrown::HashSet;
use sha2::{Digest, Sha256};

use super::vocabulary::{self, Part};
use super::words;

/// At least as alike are only texts between which the model sees no difference.
const BLIND: f32 = 0.9999;
/// The most words; a text that may be compared has no more.
const MOST: usize = 256;

const SMALL: u64 = 0;
const ASKING: u64 = 1;
const PERSON: u64 = 2;
const SUBJECT: u64 = 3;
const PART: u64 = 3;
const NAME: u64 = 4;
/// What says nothing of the word itself.
const FLAGS: u64 = 7;

/// The words of a question in their order: a hash of each, and what part it has in its lowest bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wording(Box<[u64]>);

impl Wording {
    /// The words of a text.
    pub fn of(text: &str) -> Self {
        let words = words::split(text).into_iter().take(MOST).map(|word| {
            let (part, text) = match word.part {
                Part::Small => (SMALL, &*word.text),
                Part::Asking(asked) => (ASKING, asked),
                Part::Person(person) => (PERSON, person),
                Part::Subject => (SUBJECT, words::singular(&word.text)),
            };
            // The same for all that mean the same, so where they differ in no other way they are the same.
            hash(text) | part | if word.name { NAME } else { 0 }
        });
        Wording(words.collect())
    }

    /// Whether a question put so may be answered with what was said to one put like the other, where the model finds
    /// them so alike.
    pub fn may_share(&self, other: &Self, similarity: f32) -> bool {
        if self.same_words(other) {
            return true;
        }
        similarity < BLIND
            && !self.reordered(other)
            && self.about_the_same(other)
            && nested(&self.of_part(PERSON, true), &other.of_part(PERSON, true), |_, _| true)
            && self.names_in(other)
            && other.names_in(self)
    }

    /// As bytes, eight for each word, the low ones first.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// From what [`Wording::bytes`] gave; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let whole = rest.is_empty() && words.len() <= MOST;
        whole.then(|| Wording(words.iter().map(|word| u64::from_le_bytes(*word)).collect()))
    }

    /// Whether the texts differ in nothing but how their words are written.
    fn same_words(&self, other: &Self) -> bool {
        let plain = |wording: &Self| wording.0.iter().map(|word| word & !NAME).collect::<Vec<_>>();
        plain(self) == plain(other)
    }

    /// Whether both have the same words in another order.
    fn reordered(&self, other: &Self) -> bool {
        let sorted = |wording: &Self| {
            let mut words: Vec<u64> = wording.0.iter().map(|word| word & !FLAGS).collect();
            words.sort_unstable();
            words
        };
        sorted(self) == sorted(other)
    }

    /// Whether one says all that the other says, in the same order, and no more that matters; and where none says more,
    /// whether they ask the same of it.
    fn about_the_same(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.of_part(SUBJECT, false), other.of_part(SUBJECT, false));
        if ours.is_empty() || theirs.is_empty() || !nested(&ours, &theirs, is_idle) {
            return false;
        }
        let (we, they) = (self.of_part(ASKING, true), other.of_part(ASKING, true));
        // Yes or no is no answer to how.
        we == they || (ours.len() != theirs.len() && we.is_empty() == they.is_empty())
    }

    /// Whether every name is a word of the other question.
    fn names_in(&self, other: &Self) -> bool {
        let subjects = other.of_part(SUBJECT, false);
        self.0.iter().filter(|word| **word & NAME != 0).all(|word| subjects.contains(&(word & !FLAGS)))
    }

    /// The words of one part in their order; each only where it stands first, if they are to be `once`.
    fn of_part(&self, part: u64, once: bool) -> Vec<u64> {
        let mut found = Vec::with_capacity(self.0.len());
        for word in self.0.iter().filter(|word| **word & PART == part) {
            let plain = word & !FLAGS;
            if !once || !found.contains(&plain) {
                found.push(plain);
            }
        }
        found
    }
}

/// Whether one has all that the other has, in the same order, and besides nothing but what is `idle` behind what stands
/// before it.
fn nested(ours: &[u64], theirs: &[u64], idle: impl Fn(Option<u64>, u64) -> bool) -> bool {
    let (short, long) = if ours.len() <= theirs.len() { (ours, theirs) } else { (theirs, ours) };
    let (mut wanted, mut before) = (short.iter().peekable(), None);
    let fits = long.iter().all(|word| {
        let before = before.replace(*word);
        wanted.next_if_eq(&word).is_some() || idle(before, *word)
    });
    fits && wanted.peek().is_none()
}

/// Whether a question asks the same without this word: the steps to do something are how it is done, and for how long is
/// how long.
fn is_idle(before: Option<u64>, word: u64) -> bool {
    static TO: LazyLock<u64> = LazyLock::new(|| hash("to"));
    static FOR: LazyLock<u64> = LazyLock::new(|| hash("for"));
    match before {
        None => word == *FOR || IDLE.contains(&word),
        Some(before) => IDLE.contains(&word) || (word == *TO && IDLE.contains(&before)),
    }
}

/// The words of [`vocabulary::IDLE`].
static IDLE: LazyLock<HashSet<u64>> = LazyLock::new(|| vocabulary::IDLE.split(' ').map(hash).collect());

fn hash(text: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let [first, ..] = digest.as_chunks::<8>().0 else { return 0 };
    u64::from_le_bytes(*first) & !FLAGS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::semantic::words::fixed;

    /// As alike as texts are between which a model sees a difference.
    fn share(one: &str, other: &str) -> bool {
        fixed(one) == fixed(other) && Wording::of(one).may_share(&Wording::of(other), 0.999)
    }

    #[test]
    fn the_same_in_other_words_may_share() {
        for (one, other) in [
            ("What is the capital of France?", "what's the capital city of france"),
            ("What is the capital of France?", "Which city is the capital of France?"),
            ("How do I reset my password?", "What are the steps to reset my password?"),
            ("How do I reset my password?", "How can I reset my password, please?"),
            ("How much are 3 tickets to Paris?", "What do 3 tickets to Paris cost?"),
            ("How long may I park here?", "For how long may I park here?"),
            ("WHERE IS MY INVOICE RIGHT NEAR", "where is my invoice right near"),
            ("Hi! How does a heat pump work?", "How do heat pumps work?"),
            ("Wie ist das Wetter in Berlin?", "Wie ist bitte das Wetter in Berlin?"),
            ("Quelle est la capitale de la France ?", "Quelle ville est la capitale de la France ?"),
            ("法国的首都是哪里？", "请问法国首都是哪里"),
            ("日本の首都はどこですか？", "日本の首都はどこ"),
            ("프랑스의 수도는 어디인가요?", "프랑스 수도는 어디인가요"),
            ("Какая столица Франции?", "какая столица франции"),
        ] {
            assert!(share(one, other) && share(other, one), "{one} / {other}");
        }
    }

    #[test]
    fn other_questions_never_share() {
        for (one, other) in [
            ("Translate from French to German", "Translate from German to French"),
            ("Translate from French to German", "Please translate from German into French"),
            ("Does Anna love Peter?", "Does Peter love Anna?"),
            ("Is it safe to fly?", "Is it not safe to fly?"),
            ("Can I eat this?", "Can't I eat this?"),
            ("pizza with cheese", "pizza without cheese"),
            ("What is the capital of Austria?", "What is the capital of Australia?"),
            ("what is the capital of austria", "what is the capital of australia"),
            ("How do I open the valve?", "How do I close the valve?"),
            ("Is tea more healthy than coffee?", "Is tea less healthy than coffee?"),
            ("Should I eat before the test?", "Should I eat after the test?"),
            ("When was Einstein born?", "Where was Einstein born?"),
            ("What do cats drink?", "How do cats drink?"),
            ("Is it safe to eat?", "isnt it safe to eat"),
            ("Can cats swim well?", "cats cannot swim well"),
            ("How many people live in Japan?", "How do people live in Japan?"),
            ("How much does a house weigh?", "How does a house weigh?"),
            ("When was Rome founded?", "Was Rome founded?"),
            ("Why is the bank open on Sunday?", "Is the bank open on Sunday?"),
            ("Where can I take ibuprofen?", "Can I take ibuprofen?"),
            ("How do fish breathe?", "Can fish breathe air?"),
            ("Öffnet die Bank?", "Wann öffnet die Bank?"),
            ("the largest city", "the second largest city"),
            ("what is the population of york", "what is the population of new york"),
            ("Who is the president?", "Who was the president?"),
            ("Who is the president?", "Who is the president of Chile?"),
            ("Is aspirin safe?", "Is aspirin safe for children?"),
            ("How do I sharpen a knife?", "How do I sharpen a kitchen knife?"),
            ("At what temperature does water boil?", "At what temperature does heavy water boil?"),
            ("What is the largest city in Africa?", "What is the largest country in Africa?"),
            ("What is your name?", "What is my name?"),
            ("Does she trust him?", "Does he trust her?"),
            ("What does \"set\" mean?", "What does \"get\" mean?"),
            ("How do I call fooBar()?", "How do I call foo_bar()?"),
            ("Is C fast?", "Is C++ fast?"),
            ("What does 😀 mean?", "What does 😡 mean?"),
            ("I run 10 km", "I run 10 mi"),
            ("Is a file of 10 Mb large?", "Is a file of 10 MB large?"),
            ("Who governs the US?", "Who governs us?"),
            ("flights from Paris", "flights to Paris"),
            ("where is my invoice", "where is my latest invoice"),
            ("cats and dogs in the house", "cats or dogs in the house"),
            ("blorp is what", "zorgle is what"),
            ("What?", "How?"),
            ("Ist das Wetter gut?", "Ist das Wetter nicht gut?"),
            ("Est-ce que je dois payer ?", "Est-ce que je ne dois pas payer ?"),
            ("Vuelos desde París", "Vuelos a París"),
            ("Можно есть грибы?", "Нельзя есть грибы?"),
            ("从法语翻译成德语", "从德语翻译成法语"),
            ("法国的首都是哪里", "德国的首都是哪里"),
            ("这个能吃吗", "这个不能吃吗"),
            ("魚を食べます", "魚を食べません"),
            ("東京から大阪まで", "大阪から東京まで"),
            ("이거 먹어요", "이거 안 먹어요"),
            ("هل هذا آمن", "هل هذا غير آمن"),
        ] {
            assert!(!share(one, other) && !share(other, one), "{one} / {other}");
        }
    }

    #[test]
    fn where_a_model_sees_no_difference_the_words_decide() {
        let share = |one: &str, other: &str| Wording::of(one).may_share(&Wording::of(other), 1.0);
        assert!(share("What is it?!", "what is it"));
        assert!(!share("What is the capital?", "What is the capital city?"));
        assert!(Wording::of("the capital").may_share(&Wording::of("the capital city"), 0.99));
    }

    #[test]
    fn it_is_read_back_as_it_is_written() {
        let wording = Wording::of("What is the capital of France?");
        assert_eq!(Wording::from_bytes(&wording.bytes()), Some(wording.clone()));
        assert_eq!(Wording::from_bytes(&wording.bytes()[1..]), None);
        assert_eq!(Wording::from_bytes(&[0; 8 * (MOST + 1)]), None);
    }
}
