//! `model_group_alias`: another name for a group.

use std::sync::Arc;

/// Another name for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The group it stands for.
    pub group: Arc<str>,
    /// Whether `/v1/models` leaves it out.
    pub hidden: bool,
}
