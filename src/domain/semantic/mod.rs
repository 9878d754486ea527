//! The semantic cache: a question that was asked in other words gets the answer that is kept.
//!
//! Being nearly the same is a guess, so as little as possible is left to it. What may differ are the words of the
//! last message of a user, and nothing else: the rest of the request, the caller and the embedding model decide
//! which [`Bucket`] it belongs to, and only questions of one bucket are compared ([`question()`]). Of these the most
//! alike one counts whose words may stand for the question's, too ([`Wording`]). What was found is
//! the key of an answer in the response cache, so an answer is kept once, lives as long as its entry there, and is
//! gone with it.

mod bucket;
mod index;
mod pause;
#[cfg(test)]
mod properties;
mod question;
mod vector;
mod vocabulary;
mod wording;
mod words;

pub use bucket::Bucket;
pub use index::{Found, Index, MOST};
pub use pause::Pause;
pub use question::{LONGEST, Question, question};
pub use vector::Vector;
pub use wording::Wording;

/// A question that has an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// What it is compared with.
    pub bucket: Bucket,
    /// What it means.
    pub vector: Vector,
    /// How it is put.
    pub wording: Wording,
    /// Where the response cache keeps its answer.
    pub key: Box<str>,
    /// When the answer is too old, Unix milliseconds.
    pub until_ms: i64,
}
