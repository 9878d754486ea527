//! Who may call, what they may do and how much they may spend: keys, users, teams, budgets and their kin, as the
//! store keeps them and the management API shows them. Plain data and pure rules.
//!
//! Amounts are integer nano-dollars (`*_nanos`, 1 USD is 10^9), moments are milliseconds since 1970 in UTC
//! (`*_ms`). What has no meaning for this program (policies, permissions of features that do not exist here) is
//! kept as it came, so that nothing is lost on the way in and out.

pub mod access;
mod budget;
mod credential;
mod end_user;
mod key;
mod model;
mod organization;
pub mod reset;
mod role;
mod routing;
mod state;
mod tag;
mod team;
mod user;

pub use budget::{Budget, Limits, Window};
pub use credential::StoredCredential;
pub use end_user::EndUser;
pub use key::{Key, KeyStatus};
pub use model::StoredModel;
pub use organization::{OrgMember, Organization};
pub use role::{Role, TeamRole};
pub use routing::{OwnRouting, RouterSettings};
pub use state::State;
pub use tag::Tag;
pub use team::{Member, Team};
pub use user::User;

/// A free-form JSON object.
pub type JsonMap = serde_json::Map<String, serde_json::Value>;
