//! How callers are recognised, and what they have to say of themselves.

use std::time::Duration;

use super::AddressRange;

/// Keys, headers, addresses.
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// `litellm_key_header_name`, lower case: the one header that keys are read from, instead of the usual ones.
    pub key_header: Option<String>,
    /// `disable_custom_api_keys`: nobody chooses a key's text.
    pub only_generated_keys: bool,
    /// `LENGTH_OF_LITELLM_GENERATED_KEY`: random bytes in a generated key (16 by default).
    pub generated_key_bytes: usize,
    /// `MINIMUM_CUSTOM_KEY_LENGTH`: characters of a key that somebody chooses (16 by default).
    pub custom_key_length: usize,
    /// `DISABLE_KEY_NAME`: do not keep `sk-...` and the last four characters of a key for show.
    pub hides_key_names: bool,
    /// `LITELLM_KEY_ROTATION_GRACE_PERIOD`: how long a replaced key goes on working (`24h` ...); `None`: not at all.
    pub rotation_grace: Option<String>,
    /// `user_api_key_cache_ttl`: how long a key's record is used without looking again (60 s by default);
    /// changes are noticed at once all the same.
    pub cache_for: Duration,
    /// `user_api_key_cache_max_size`: records kept in memory (10000 by default).
    pub cache_entries: usize,
    /// `enforce_user_param`: a request must name its end user.
    pub needs_end_user: bool,
    /// `user_header_mappings`, then `user_header_name`: headers that name a user, the first that is there counts.
    pub user_headers: Vec<UserHeader>,
    /// `reject_clientside_metadata_tags`: requests must not bring tags.
    pub refuses_tags: bool,
    /// `allowed_ips`: who may connect; `None`: everybody.
    pub allowed_addresses: Option<Vec<AddressRange>>,
    /// `use_x_forwarded_for`: whether the caller's address is the one that a proxy in front has noted.
    pub trusts_forwarded_for: bool,
    /// `default_team_disabled`: keys belong to a team, or are not made.
    pub keys_need_team: bool,
    /// `disable_auto_add_proxy_admin_to_teams`: an admin who makes a team is no member of it.
    pub admins_stay_out_of_teams: bool,
    /// `apply_user_budget_to_team_keys`: a user's budget also holds for its keys in teams.
    pub user_budget_in_teams: bool,
}

/// A header that names a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserHeader {
    /// Its name, lower case.
    pub name: String,
    /// Whose name it holds.
    pub names: UserKind,
}

/// Which kind of user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserKind {
    /// The caller's own customer (`customer`).
    EndUser,
    /// A user of the gateway (`internal_user`).
    User,
}
