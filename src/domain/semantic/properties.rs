//! Whatever is done to an index: it finds what a plain list would find, and stays within its bounds.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::index::MOST_IN_BUCKET;
use super::{Bucket, Found, Index, Known, MOST, Vector, Wording, question};
use crate::wire::endpoint::Endpoint;
use crate::wire::surface::Surface;

#[derive(Debug, Clone)]
enum Step {
    Insert { bucket: u8, key: u8, values: [i8; 3], lives: i64 },
    Forget { bucket: u8, key: u8 },
    Clear,
    Pass(i64),
    Find { bucket: u8, values: [i8; 3], least: f32 },
}

fn step() -> impl Strategy<Value = Step> {
    let values = || prop::array::uniform3(-3i8..4);
    prop_oneof![
        6 => (0u8..3, 0u8..6, values(), 0i64..50)
            .prop_map(|(bucket, key, values, lives)| Step::Insert { bucket, key, values, lives }),
        1 => (0u8..3, 0u8..6).prop_map(|(bucket, key)| Step::Forget { bucket, key }),
        1 => Just(Step::Clear),
        2 => (0i64..20).prop_map(Step::Pass),
        6 => (0u8..3, values(), -1.0f32..1.0)
            .prop_map(|(bucket, values, least)| Step::Find { bucket, values, least }),
    ]
}

fn bucket(name: u8) -> Bucket {
    Bucket::of(&[&[name]])
}

fn vector(values: [i8; 3]) -> Option<Vector> {
    Vector::new(values.map(f32::from).to_vec())
}

fn known(bucket_name: u8, key: &str, vector: Vector, until_ms: i64) -> Known {
    Known { bucket: bucket(bucket_name), vector, wording: Wording::default(), key: key.into(), until_ms }
}

fn best(list: &[Known], bucket: &Bucket, vector: &Vector, least: f32, now: i64) -> Option<f32> {
    let fits = list.iter().filter(|one| one.bucket == *bucket && one.until_ms > now);
    let alike = fits.map(|one| one.vector.similarity(vector)).filter(|similarity| *similarity >= least);
    alike.max_by(f32::total_cmp).map(|similarity| similarity.min(1.0))
}

proptest! {
    #[test]
    fn it_finds_what_a_list_finds(steps in prop::collection::vec(step(), 1..120)) {
        let (mut index, mut list, mut now) = (Index::default(), Vec::<Known>::new(), 0i64);
        for step in steps {
            match step {
                Step::Insert { bucket: name, key, values, lives } => {
                    let Some(vector) = vector(values) else { continue };
                    let one = known(name, &key.to_string(), vector, now + lives);
                    list.retain(|old| old.bucket != one.bucket || old.key != one.key || lives == 0);
                    if lives > 0 {
                        list.push(one.clone());
                    }
                    index.insert(one, now);
                }
                Step::Forget { bucket: name, key } => {
                    let key = key.to_string();
                    list.retain(|old| old.bucket != bucket(name) || *old.key != *key);
                    index.forget(&bucket(name), &key);
                }
                Step::Clear => {
                    list.clear();
                    index.clear();
                }
                Step::Pass(time) => now += time,
                Step::Find { bucket: name, values, least } => {
                    let Some(vector) = vector(values) else { continue };
                    let found = index.nearest(&bucket(name), (&vector, &Wording::default()), least, now);
                    prop_assert_eq!(
                        found.map(|found| found.similarity),
                        best(&list, &bucket(name), &vector, least, now)
                    );
                }
            }
            prop_assert!(index.count() >= list.iter().filter(|one| one.until_ms > now).count());
        }
    }

    /// Whatever is asked: one word put in another's place, or two that change places, make another question, and a polite
    /// word makes none.
    #[test]
    fn one_other_word_is_another_question(
        words in prop::collection::vec("[a-z]{5,9}", 2..8),
        other in "[a-z]{5,9}x",
        at in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
    ) {
        let text = |words: &[String]| Wording::of(&words.join(" "));
        let share = |one: &[String], other: &[String]| {
            let (one, other) = (text(one), text(other));
            prop_assert_eq!(one.may_share(&other, 0.99), other.may_share(&one, 0.99));
            Ok(one.may_share(&other, 0.99))
        };
        prop_assert!(share(&words, &words)?);
        let mut polite = words.clone();
        polite.insert(0, "please".into());
        prop_assert!(share(&words, &polite)?);
        let (at, to) = (at.index(words.len()), to.index(words.len()));
        let mut replaced = words.clone();
        replaced[at] = other;
        prop_assert!(!share(&words, &replaced)?);
        let mut swapped = words.clone();
        swapped.swap(at, to);
        prop_assert_eq!(share(&words, &swapped)?, swapped == words);
    }

    /// Change anything in the messages but the last words, and the question is another one.
    #[test]
    fn everything_but_the_words_counts(
        at in 0usize..3,
        name in "(role|content|name|refusal|x)",
        value in "[a-z]{1,8}",
        words in "((how|password|cats|milk) ){1,8}",
    ) {
        let ask = |messages: &[Value]| {
            let text = json!({"model": "m", "messages": messages}).to_string();
            question(Endpoint::Chat, &Surface::parse(Bytes::from(text), 64).unwrap())
        };
        prop_assume!(!words.trim().is_empty() && (at, &*name) != (2, "content"));
        let said = |role: &str, content: &str| json!({"role": role, "content": content});
        let mut messages = [said("system", "s"), said("assistant", "a"), said("user", &words)];
        let plain = ask(&messages).unwrap();
        let other = ask(&[messages[0].clone(), messages[1].clone(), said("user", "other words")]).unwrap();
        prop_assert_eq!(&plain.rest, &other.rest);
        prop_assume!(messages[at].get(&name) != Some(&json!(value)));
        messages[at][&name] = json!(value);
        if let Some(changed) = ask(&messages) {
            prop_assert_ne!(changed.rest, plain.rest);
        }
    }
}

#[test]
fn the_oldest_make_place() {
    let mut index = Index::default();
    let at = |number: usize| {
        let angle = number as f32 / 1_000.0;
        Vector::new(vec![angle.cos(), angle.sin()]).unwrap()
    };
    let of = |number: usize| u8::try_from(number % 10).unwrap();
    for number in 0..(MOST + 100) {
        index.insert(known(of(number), &number.to_string(), at(number), 1_000), 0);
    }
    assert_eq!(index.count(), MOST);
    let find = |index: &Index, number: usize| {
        index.nearest(&bucket(of(number)), (&at(number), &Wording::default()), 0.999_999_8, 0)
    };
    assert_eq!(find(&index, 0).map(|found| found.key), None);
    let last = MOST + 99;
    assert_eq!(*find(&index, last).unwrap().key, *last.to_string());
    for number in 0..(MOST_IN_BUCKET + 5) {
        index.insert(known(77, &number.to_string(), at(number), 1_000), 0);
    }
    assert_eq!(index.count(), MOST);
    let asked = (&at(0), &Wording::default());
    assert_eq!(index.nearest(&bucket(77), asked, 0.999_999_8, 0).map(|found| found.key), None);
}

#[test]
fn what_is_nearer_but_says_something_else_does_not_stand_in_the_way() {
    let mut index = Index::default();
    let put = |index: &mut Index, text: &str, values: [i8; 3]| {
        let one = known(1, text, vector(values).unwrap(), 10);
        index.insert(Known { wording: Wording::of(text), ..one }, 0);
    };
    put(&mut index, "how do I open it", [10, 1, 0]);
    put(&mut index, "how do I close my box", [10, 2, 0]);
    let asked = (&vector([10, 0, 0]).unwrap(), &Wording::of("how can I close my box"));
    let found = index.nearest(&bucket(1), asked, 0.5, 0).unwrap();
    assert_eq!((&*found.key, found.similarity < 0.99), ("how do I close my box", true));
}

#[test]
fn the_same_answer_is_known_once_and_time_ends_it() {
    let (mut index, one) = (Index::default(), vector([1, 0, 0]).unwrap());
    for _ in 0..3 {
        index.insert(known(1, "k", one.clone(), 10), 0);
    }
    assert_eq!(index.count(), 1);
    let found = Found { key: "k".into(), similarity: 1.0 };
    let nearest = |name, least, now| index.nearest(&bucket(name), (&one, &Wording::default()), least, now);
    assert_eq!(nearest(1, 0.9, 9), Some(found));
    assert_eq!(nearest(1, 0.9, 10), None);
    assert_eq!(nearest(2, 0.9, 0), None);
    // Gone ones do not pile up in the order either.
    for number in 0..(5 * MOST) {
        index.insert(known(1, "k", one.clone(), 10), i64::from(number == 0));
    }
    assert_eq!(index.count(), 1);
}
