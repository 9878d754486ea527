//! Whom a limit or a budget is for: a key, its team, one model under one key, everybody.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, OnceLock};

use siphasher::sip128::{Hasher128, SipHasher13};

/// How many characters of a name an error message repeats.
const LONGEST_SHOWN: usize = 64;

/// How many characters of a key's hash an error message shows.
const KEY_PREFIX: usize = 8;

/// What kind of thing it is. The text forms are those of LiteLLM's messages and headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScopeKind {
    /// A virtual key, named by its hash.
    Key,
    /// The user who owns the key.
    User,
    /// The key's team.
    Team,
    /// One user inside one team.
    TeamMember,
    /// The caller's own customer (`user` in the body).
    EndUser,
    /// One model group under one key.
    ModelPerKey,
    /// One model group under one user.
    ModelPerUser,
    /// One model group under one team.
    ModelPerTeam,
    /// One model group under one end user.
    ModelPerEndUser,
    /// One deployment.
    Deployment,
    /// A tag of the request.
    Tag,
    /// The organization of the key or team.
    Organization,
    /// A model group, whoever asks.
    ModelGroup,
    /// The whole proxy.
    Global,
}

impl ScopeKind {
    /// Its name in messages, headers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            ScopeKind::Key => "api_key",
            ScopeKind::User => "user",
            ScopeKind::Team => "team",
            ScopeKind::TeamMember => "team_member",
            ScopeKind::EndUser => "end_user",
            ScopeKind::ModelPerKey => "model_per_key",
            ScopeKind::ModelPerUser => "model_per_user",
            ScopeKind::ModelPerTeam => "model_per_team",
            ScopeKind::ModelPerEndUser => "model_per_end_user",
            ScopeKind::Deployment => "deployment",
            ScopeKind::Tag => "tag",
            ScopeKind::Organization => "organization",
            ScopeKind::ModelGroup => "model_group",
            ScopeKind::Global => "global",
        }
    }
}

impl fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that has limits or budgets, hashed once so that counters are found without looking at text.
///
/// The hash is 128 bits under a seed ([`seed`]), so callers who choose their own names (end users, tags) cannot aim
/// at somebody else's counter. Replicas that share counters have the same seed; without one it is drawn at start, and
/// the hash means nothing outside this process.
#[derive(Clone)]
pub struct ScopeId {
    key: u128,
    kind: ScopeKind,
    shown: Arc<str>,
}

impl ScopeId {
    /// A scope that one name identifies. A key is named by its hash, never by the key itself.
    pub fn new(kind: ScopeKind, name: &str) -> Self {
        ScopeId {
            key: hashed(&[kind.as_str().as_bytes(), name.as_bytes()]),
            kind,
            shown: shown(kind, name, None),
        }
    }

    /// A scope that two names identify: `TeamMember` (team, user) or `ModelPerKey` (key hash, group).
    pub fn pair(kind: ScopeKind, owner: &str, part: &str) -> Self {
        ScopeId {
            key: hashed(&[kind.as_str().as_bytes(), owner.as_bytes(), part.as_bytes()]),
            kind,
            shown: shown(kind, owner, Some(part)),
        }
    }

    /// The whole proxy.
    pub fn global() -> Self {
        ScopeId::new(ScopeKind::Global, "proxy")
    }

    /// The same scope seen through one of several budget windows (`1d`, `30d` ...), counted on its own.
    #[must_use]
    pub fn within(&self, window: &str) -> Self {
        let key = hashed(&[&self.key.to_le_bytes(), window.as_bytes()]);
        ScopeId { key, kind: self.kind, shown: format!("{}/{window}", self.shown).into() }
    }

    /// The same counters under another name: a replaced key is shown by its latest hash.
    #[must_use]
    pub fn shown_as(self, owner: &str, part: Option<&str>) -> Self {
        ScopeId { shown: shown(self.kind, owner, part), ..self }
    }

    /// Where its counters are.
    pub fn key(&self) -> u128 {
        self.key
    }

    /// What kind of thing it is.
    pub fn kind(&self) -> ScopeKind {
        self.kind
    }

    /// Its name as callers may read it: short, printable, and only the beginning of a key's hash.
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

impl fmt::Debug for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.shown)
    }
}

impl PartialEq for ScopeId {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for ScopeId {}

static SEED: OnceLock<[u64; 2]> = OnceLock::new();

/// Sets the seed, before any scope is named; later calls change nothing. It must be secret.
pub fn seed(bytes: [u8; 16]) {
    let seed = u128::from_le_bytes(bytes);
    // Somebody else was first: then all scopes have the other seed, which is what matters.
    let _ = SEED.set([seed as u64, (seed >> 64) as u64]);
}

fn hasher() -> SipHasher13 {
    let [first, second] = SEED.get_or_init(|| [0, 1].map(|part| RandomState::new().hash_one(part)));
    SipHasher13::new_with_keys(*first, *second)
}

/// The same on every replica, whatever it was built by and runs on: parts and their lengths, in order.
fn hashed(parts: &[&[u8]]) -> u128 {
    let mut hasher = hasher();
    for part in parts {
        hasher.write(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.write(part);
    }
    hasher.finish128().as_u128()
}

fn shown(kind: ScopeKind, owner: &str, part: Option<&str>) -> Arc<str> {
    let mut text = String::with_capacity(2 * LONGEST_SHOWN);
    let hash = matches!(kind, ScopeKind::Key | ScopeKind::ModelPerKey);
    if hash && owner.chars().nth(KEY_PREFIX).is_some() {
        push_printable(&mut text, owner, KEY_PREFIX);
        text.push_str("...");
    } else {
        push_printable(&mut text, owner, LONGEST_SHOWN);
    }
    if let Some(part) = part {
        text.push(':');
        push_printable(&mut text, part, LONGEST_SHOWN);
    }
    text.into()
}

fn push_printable(to: &mut String, text: &str, longest: usize) {
    // Nearly all names: no need to look at characters one by one.
    if text.len() <= longest && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        to.push_str(text);
    } else {
        to.extend(text.chars().filter(|c| !c.is_control()).take(longest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_names_meet_and_others_do_not() {
        let key = ScopeId::new(ScopeKind::Key, "k");
        assert_eq!(key, ScopeId::new(ScopeKind::Key, "k"));
        assert_ne!(key, ScopeId::new(ScopeKind::User, "k"));
        assert_ne!(
            ScopeId::pair(ScopeKind::TeamMember, "ab", "c"),
            ScopeId::pair(ScopeKind::TeamMember, "a", "bc")
        );
        assert_ne!(key, key.within("1d"));
        assert_ne!(key.within("7d"), key.within("1d"));
        assert_eq!(key.within("1d"), ScopeId::new(ScopeKind::Key, "k").within("1d"));
    }

    #[test]
    fn another_name_leads_to_the_same_counters() {
        let key = ScopeId::new(ScopeKind::Key, "first");
        let renamed = key.clone().shown_as("second", None);
        assert_eq!((&renamed, renamed.shown()), (&key, "second"));
        assert_eq!(renamed.within("1d"), key.within("1d"));
    }

    #[test]
    fn a_message_shows_no_hash_and_no_control_characters() {
        let hash = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b";
        assert_eq!(ScopeId::new(ScopeKind::Key, hash).shown(), "88dc28d0...");
        assert_eq!(ScopeId::pair(ScopeKind::ModelPerKey, hash, "gpt-4o").shown(), "88dc28d0...:gpt-4o");
        assert_eq!(ScopeId::new(ScopeKind::EndUser, "a\r\nb").shown(), "ab");
        assert_eq!(ScopeId::new(ScopeKind::Tag, &"x".repeat(500)).shown().len(), LONGEST_SHOWN);
    }
}
