//! Who makes a management call: read from the store each time, never from a copy.

use super::{Manage, fail};
use crate::base::error::{Error, Kind};
use crate::base::ids;
use crate::domain::keys::{Key, Member, Role, TeamRole, User};
use crate::store::{Find, Test, Value};

/// The user that the master key stands for.
pub const MASTER_USER: &str = "default_user_id";

/// What a caller is, as far as [`super::authority`] cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Has the master key.
    Master,
    /// A key of a user with the role `proxy_admin`.
    Admin,
    /// A key of a user with the role `proxy_admin_viewer`.
    Viewer,
    /// A key of a user with the role `internal_user`.
    User,
    /// A key of a user with the role `internal_user_viewer`.
    UserViewer,
    /// A key without a user, or whose user does not exist.
    Nobody,
}

impl Standing {
    /// All of them.
    pub const ALL: [Standing; 6] = [
        Standing::Master,
        Standing::Admin,
        Standing::Viewer,
        Standing::User,
        Standing::UserViewer,
        Standing::Nobody,
    ];

    /// What a key of somebody with this role is.
    pub fn of_role(role: Option<Role>) -> Self {
        match role {
            Some(Role::ProxyAdmin) => Standing::Admin,
            Some(Role::ProxyAdminViewer) => Standing::Viewer,
            Some(Role::InternalUser) => Standing::User,
            Some(Role::InternalUserViewer) => Standing::UserViewer,
            None => Standing::Nobody,
        }
    }

    /// Its name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Master | Standing::Admin => "proxy_admin",
            Standing::Viewer => "proxy_admin_viewer",
            Standing::User => "internal_user",
            Standing::UserViewer => "internal_user_viewer",
            Standing::Nobody => "unknown",
        }
    }
}

/// Somebody whose key was accepted.
#[derive(Debug, Clone)]
pub struct Caller {
    /// What it is.
    pub standing: Standing,
    /// Its user.
    pub user_id: Option<String>,
    /// Its key; `None` for the master key.
    pub key: Option<Key>,
    /// The row of its user.
    pub user: Option<User>,
    /// The teams its user is in.
    pub memberships: Vec<Member>,
}

impl Caller {
    /// The holder of the master key.
    pub fn master() -> Self {
        Caller {
            standing: Standing::Master,
            user_id: Some(MASTER_USER.to_string()),
            key: None,
            user: None,
            memberships: Vec::new(),
        }
    }

    /// Whether it may do everything.
    pub fn is_admin(&self) -> bool {
        matches!(self.standing, Standing::Master | Standing::Admin)
    }

    /// Whether it may see everything.
    pub fn sees_all(&self) -> bool {
        self.is_admin() || self.standing == Standing::Viewer
    }

    /// Whether this is its user.
    pub fn is_user(&self, user_id: &str) -> bool {
        self.user_id.as_deref() == Some(user_id)
    }

    /// Its place in a team.
    pub fn membership(&self, team_id: &str) -> Option<&Member> {
        self.memberships.iter().find(|member| member.team_id == team_id)
    }

    /// Whether it administers a team.
    pub fn runs_team(&self, team_id: &str) -> bool {
        self.membership(team_id).is_some_and(|member| member.role == TeamRole::Admin)
    }

    /// The teams it administers.
    pub fn teams_it_runs(&self) -> impl Iterator<Item = &str> {
        let runs = self.memberships.iter().filter(|member| member.role == TeamRole::Admin);
        runs.map(|member| member.team_id.as_str())
    }
}

impl Manage {
    /// Who has this key. Reads the store, so that what was changed a moment ago holds.
    ///
    /// # Errors
    /// 401 when the key is unknown, blocked or has expired; 503 when the store cannot be asked.
    pub async fn identify(&self, key: &str, now_ms: i64) -> Result<Caller, Error> {
        if self.is_master(key) {
            return Ok(Caller::master());
        }
        if !key.starts_with("sk-") {
            let message = "LiteLLM Virtual Key expected: a key starts with 'sk-'.";
            return Err(Error::new(Kind::Unauthorized, message));
        }
        let hash = ids::sha256_hex(key);
        let grant = self.store().grant(&hash, now_ms).await.map_err(fail::store)?;
        let Some(grant) = grant else { return Err(unknown_key()) };
        usable(&grant.key, grant.team.as_ref().filter(|team| team.blocked).is_some(), now_ms)?;
        let memberships = match &grant.key.user_id {
            Some(user) => {
                let find = Find::all(vec![Test::Is("part", Value::from(user))]);
                self.store().find::<Member>(find).await.map_err(fail::store)?.rows
            }
            None => Vec::new(),
        };
        // A user that was given no role is an internal user, as in LiteLLM.
        let role = grant.user.as_ref().map(|user| user.user_role.unwrap_or(Role::InternalUser));
        Ok(Caller {
            standing: Standing::of_role(role),
            user_id: grant.key.user_id.clone(),
            key: Some(grant.key),
            user: grant.user.map(|user| *user),
            memberships,
        })
    }
}

fn unknown_key() -> Error {
    Error::new(Kind::Unauthorized, "Authentication Error, Invalid proxy server token passed.")
        .with_type("token_not_found_in_db")
        .with_param("key")
}

fn usable(key: &Key, team_blocked: bool, now_ms: i64) -> Result<(), Error> {
    let refuse = |message: &str| Err(Error::new(Kind::Unauthorized, message));
    if key.blocked {
        return refuse("Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.");
    }
    if key.expires_ms.is_some_and(|end| end <= now_ms) {
        let error = Error::new(Kind::Unauthorized, "Authentication Error - Expired Key.");
        return Err(error.with_type("expired_key"));
    }
    if team_blocked {
        return refuse(
            "Authentication Error, the key's team is blocked. Update via `/team/unblock` if you're an admin.",
        );
    }
    Ok(())
}
