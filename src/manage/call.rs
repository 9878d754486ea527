//! One management request: who asks, and what.

use std::collections::BTreeMap;

use super::body::Body;
use super::{Caller, Manage, fail};
use crate::base::error::Error;

/// What an operation is called with.
pub struct Call {
    /// What it works with.
    pub manage: Manage,
    /// Who asks.
    pub caller: Caller,
    /// When, milliseconds since 1970.
    pub now_ms: i64,
    /// The fields of the JSON body; empty for GET.
    pub body: Body,
    /// The fields of the query; of several with one name the last.
    pub query: Body,
    /// The names in the path (`key`, `team_id`).
    pub path: BTreeMap<String, String>,
    /// The pattern of its path, as in [`super::authority::ROUTES`].
    pub route: &'static str,
    /// Who acts, as `litellm-changed-by` says; believed of admins only.
    pub changed_by: Option<String>,
}

impl Call {
    /// A name in the path; empty when the pattern has none of that name.
    pub fn in_path(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// Whom the change is written down under.
    pub fn by(&self) -> Option<String> {
        self.changed_by.clone().filter(|_| self.caller.is_admin()).or_else(|| self.caller.user_id.clone())
    }

    /// The page asked for, from 1, and its size.
    ///
    /// # Errors
    /// 422 for a page before the first, or a size outside 1 to `largest`.
    pub fn page(&self, size_name: &'static str, size: u32, largest: u32) -> Result<(u32, u32), Error> {
        let page = self.query.count("page")?.unwrap_or(1);
        let size = self.query.count(size_name)?.unwrap_or(i64::from(size));
        let within = |value: i64, most: u32, name: &'static str| {
            u32::try_from(value)
                .ok()
                .filter(|value| (1..=most).contains(value))
                .ok_or_else(|| fail::wrong_type(name, format!("`{name}` must be a number from 1 to {most}.")))
        };
        Ok((within(page, u32::MAX, "page")?, within(size, largest, size_name)?))
    }

    /// The order asked for: the column that `sort_by` means (by default when a row was made), and whether the largest
    /// come first. `columns` are the names that callers know and what they are called in the store.
    ///
    /// # Errors
    /// 400 for a column or an order that does not exist.
    pub fn order(&self, columns: &[(&str, &'static str)]) -> Result<(&'static str, bool), Error> {
        let column = match self.query.id("sort_by")?.value() {
            None => "created_ms",
            Some(name) => {
                columns.iter().find(|(own, _)| *own == name).map(|(_, column)| *column).ok_or_else(|| {
                    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
                    fail::invalid("sort_by", format!("`sort_by` must be one of {}.", names.join(", ")))
                })?
            }
        };
        let descending = match self.query.id("sort_order")?.value().as_deref() {
            None | Some("desc") => true,
            Some("asc") => false,
            Some(_) => return Err(fail::invalid("sort_order", "`sort_order` must be asc or desc.")),
        };
        Ok((column, descending))
    }
}
