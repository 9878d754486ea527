//! Roles: of users in the whole gateway, and of members in a team.

use serde::{Deserialize, Serialize};

/// What a user may do in the whole gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    ProxyAdmin,
    /// Sees everything, changes nothing.
    ProxyAdminViewer,
    /// Calls models, manages own keys, sees own spend.
    #[serde(alias = "app_user")]
    InternalUser,
    /// Calls models, sees own spend.
    InternalUserViewer,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 4] =
        [Role::ProxyAdmin, Role::ProxyAdminViewer, Role::InternalUser, Role::InternalUserViewer];

    /// The role of that name; `app_user` is an older name of `internal_user`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "app_user" {
            return Some(Role::InternalUser);
        }
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::ProxyAdmin => "proxy_admin",
            Role::ProxyAdminViewer => "proxy_admin_viewer",
            Role::InternalUser => "internal_user",
            Role::InternalUserViewer => "internal_user_viewer",
        }
    }
}

/// What a member may do in its team.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeamRole {
    /// Manages the team.
    Admin,
    /// Uses it.
    #[default]
    User,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_the_old_one_is_known() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!(Role::parse("app_user"), Some(Role::InternalUser));
        assert_eq!(serde_json::from_str::<Role>("\"app_user\"").unwrap(), Role::InternalUser);
        assert_eq!(Role::parse("root"), None);
    }
}
