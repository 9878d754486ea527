//! Everything that decides about the end user and the tags that a request names, in one visit to the database.

use super::entity::{get, get_all};
use super::{Store, StoreError};
use crate::domain::keys::{Budget, EndUser, Tag};

/// The rows of names; a name without a row is left out.
#[derive(Debug, Clone, Default)]
pub struct NamedRows {
    /// The end user.
    pub end_user: Option<EndUser>,
    /// The tags.
    pub tags: Vec<Tag>,
    /// The shared budgets that any of them point to, and those that were asked for.
    pub budgets: Vec<Budget>,
}

impl NamedRows {
    /// A shared budget.
    pub fn budget(&self, id: &str) -> Option<&Budget> {
        self.budgets.iter().find(|budget| budget.budget_id == id)
    }
}

impl Store {
    /// The rows of an end user and of tags, with their shared budgets and those of these ids.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn named(
        &self,
        end_user: Option<String>,
        tags: Vec<String>,
        budgets: Vec<String>,
    ) -> Result<NamedRows, StoreError> {
        self.read(move |session| {
            let end_user =
                end_user.as_ref().map(|name| get::<EndUser>(session, name, "")).transpose()?.flatten();
            let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
            let tags = get_all::<Tag>(session, &tags)?;
            let of_tags = tags.iter().filter_map(|tag| tag.budget_id.as_deref());
            let of_user = end_user.as_ref().and_then(|user| user.budget_id.as_deref());
            let mut ids: Vec<&str> =
                budgets.iter().map(String::as_str).chain(of_user).chain(of_tags).collect();
            ids.sort_unstable();
            ids.dedup();
            let budgets = get_all::<Budget>(session, &ids)?;
            Ok(NamedRows { end_user, tags, budgets })
        })
        .await
    }
}
