//! The price list as text with an index: a model's entry is parsed when it is asked for, not before.
//!
//! The shipped list has one model a line (a test holds that), so its index is made by looking at lines; a
//! list of an operator's own may be laid out in any way and is checked as a whole when it is loaded.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use super::sheet::Sheet;
use crate::wire::json::{Members, span_within};

static SHIPPED: &str = include_str!("../../../config/model_prices.json");

/// Something in a price list, or among a deployment's own prices, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PriceProblem {
    /// The model's name in the list; `None` when it is the deployment's own price, or the list as a whole.
    pub model: Option<String>,
    /// The field; empty when it is the whole list or the whole entry.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for PriceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.model.as_deref().map(|model| format!("{model:?}"));
        let parts = [model.as_deref(), Some(self.field.as_str()), Some(self.message.as_str())];
        let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        f.write_str(&parts.join(" "))
    }
}

/// A price list.
pub struct PriceBook {
    text: Cow<'static, str>,
    /// Where each model's object stands in the text.
    index: OnceLock<HashMap<Box<str>, Range<usize>>>,
    /// Names with the size of an image in them, a few among thousands.
    sized: OnceLock<Box<[Box<str>]>>,
}

impl fmt::Debug for PriceBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriceBook").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

impl PriceBook {
    /// The list that comes with the program. Costs nothing until a model is looked up.
    pub fn shipped() -> &'static PriceBook {
        static BOOK: PriceBook =
            PriceBook { text: Cow::Borrowed(SHIPPED), index: OnceLock::new(), sized: OnceLock::new() };
        &BOOK
    }

    /// A list of the operator's own, in the shipped one's format: an object of models.
    ///
    /// # Errors
    /// Every price that cannot be read, with model and field; or that the text is no object of objects.
    pub fn load(text: String) -> Result<PriceBook, Vec<PriceProblem>> {
        let whole = |message: String| {
            vec![PriceProblem {
                model: None,
                field: String::new(),
                message: format!("the price list {message}"),
            }]
        };
        let parsed: HashMap<Cow<'_, str>, &serde_json::value::RawValue> = serde_json::from_str(&text)
            .map_err(|cause| whole(format!("is no JSON object of models: {cause}")))?;
        let mut problems = Vec::new();
        let mut index = HashMap::with_capacity(parsed.len());
        for (name, entry) in &parsed {
            check(name, entry.get(), &mut problems);
            if let Some(range) = span_within(&text, entry.get()) {
                index.insert(Box::from(&**name), range);
            }
        }
        if !problems.is_empty() {
            problems.sort_by(|a, b| (&a.model, &a.field).cmp(&(&b.model, &b.field)));
            return Err(problems);
        }
        Ok(PriceBook { text: Cow::Owned(text), index: OnceLock::from(index), sized: OnceLock::new() })
    }

    /// The whole list, as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many models it has.
    pub fn len(&self) -> usize {
        self.index().len()
    }

    /// Whether it has no model.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The JSON of the entry of exactly this name.
    pub fn entry(&self, name: &str) -> Option<&str> {
        self.text.get(self.index().get(name)?.clone())
    }

    /// All entries: name and JSON, in no order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.index().iter().filter_map(|(name, range)| Some((&**name, self.text.get(range.clone())?)))
    }

    /// The entries whose names hold the size of an image (`hd/1024-x-1024/dall-e-3`).
    pub(super) fn sized(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.sized.get_or_init(|| {
            let names = self.index().keys().filter(|name| name.contains("-x-"));
            names.cloned().collect()
        });
        names.iter().filter_map(|name| Some((&**name, self.entry(name)?)))
    }

    fn index(&self) -> &HashMap<Box<str>, Range<usize>> {
        self.index.get_or_init(|| {
            let mut index = HashMap::with_capacity(4096);
            index.extend(self.text.lines().filter_map(|line| {
                let (name, object) = line.strip_prefix('"')?.split_once("\": ")?;
                let object = object.strip_suffix(',').unwrap_or(object);
                Some((Box::from(name), span_within(&self.text, object)?))
            }));
            index
        })
    }
}

/// Notes everything in an entry that is no price although its name says so.
fn check(model: &str, entry: &str, problems: &mut Vec<PriceProblem>) {
    let mut note = |field: &str, message: String| {
        problems.push(PriceProblem { model: Some(model.to_owned()), field: field.to_owned(), message });
    };
    if !entry.starts_with('{') {
        return note("", "must be an object".to_owned());
    }
    for (field, raw) in Members::of(entry) {
        if let Err(message) = Sheet::default().read(field, raw) {
            note(field, format!("{message}: {raw}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_shipped_list_is_one_model_a_line_and_sound() {
        let whole: Value = serde_json::from_str(SHIPPED).unwrap();
        let whole = whole.as_object().unwrap();
        let book = PriceBook::shipped();
        assert_eq!(book.len(), whole.len());
        let mut problems = Vec::new();
        for (name, value) in whole {
            let entry: Value = serde_json::from_str(book.entry(name).unwrap()).unwrap();
            assert_eq!(&entry, value, "{name}");
            check(name, book.entry(name).unwrap(), &mut problems);
        }
        assert_eq!(problems, []);
    }

    #[test]
    fn every_price_field_of_the_shipped_list_is_understood() {
        let is_money = |name: &str| name.contains("_cost") || name.contains("pricing");
        let mut unknown: Vec<&str> = PriceBook::shipped()
            .entries()
            .flat_map(|(_, entry)| Members::of(entry))
            .map(|(name, _)| name)
            .filter(|name| is_money(name) && !super::super::is_price(name))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        assert_eq!(unknown, [""; 0]);
    }

    #[test]
    fn a_list_of_ones_own_in_any_layout() {
        let text = "{\n  \"a\\u0062\": {\n    \"input_cost_per_token\": 1e-6\n  }, \"c\": {}\n}\n";
        let book = PriceBook::load(text.to_owned()).unwrap();
        assert_eq!(book.len(), 2);
        assert!(book.entry("ab").unwrap().contains("1e-6"));
        assert_eq!(book.entry("c"), Some("{}"));
        assert_eq!(book.entry("gpt-4o"), None);
    }

    #[test]
    fn all_that_is_wrong_names_model_and_field() {
        let text = r#"{"good": {"input_cost_per_token": 1, "note": "x"},
            "bad": {"output_cost_per_token": "much", "input_cost_per_token": -1}, "worse": 7}"#;
        let problems = PriceBook::load(text.to_owned()).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                r#""bad" input_cost_per_token must not be negative: -1"#,
                r#""bad" output_cost_per_token must be a decimal number: "much""#,
                r#""worse" must be an object"#,
            ]
        );
        let whole = PriceBook::load("[]".to_owned()).unwrap_err();
        assert!(whole[0].to_string().starts_with("the price list is no JSON object of models"), "{whole:?}");
    }
}
