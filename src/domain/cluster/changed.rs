//! What was changed, so that copies of it are to be forgotten.

use crate::domain::keys::Key;

/// What was made, changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Changed {
    /// A key. A replaced key is told under its old hash and its new one.
    Key {
        /// Its hash.
        hash: String,
        /// The hash that it is counted under ([`Key::counted_as`]).
        counted_as: String,
    },
    /// A user.
    User(String),
    /// A team, or a member of it.
    Team(String),
    /// An organization, or a member of it.
    Organization(String),
    /// An end user.
    EndUser(String),
    /// A shared budget, and so all that point to it.
    Budget(String),
    /// A tag, by name.
    Tag(String),
    /// A deployment in the database, by id.
    Model(String),
    /// A credential in the database, by name.
    Credential(String),
    /// An answer of a response cache that each replica keeps by itself was forgotten, by its key.
    Answer(String),
    /// All of them were.
    Answers,
    /// More than can be said one by one.
    Everything,
}

impl From<&Key> for Changed {
    fn from(key: &Key) -> Self {
        Changed::Key { hash: key.hash.clone(), counted_as: key.counted_as().to_string() }
    }
}

impl Changed {
    /// The kind, the name, and what it is counted as, as messages carry them.
    pub(super) fn parts(&self) -> (&'static str, &str, &str) {
        match self {
            Changed::Key { hash, counted_as } => ("key", hash, counted_as),
            Changed::User(name) => ("user", name, ""),
            Changed::Team(name) => ("team", name, ""),
            Changed::Organization(name) => ("organization", name, ""),
            Changed::EndUser(name) => ("end_user", name, ""),
            Changed::Budget(name) => ("budget", name, ""),
            Changed::Tag(name) => ("tag", name, ""),
            Changed::Model(name) => ("model", name, ""),
            Changed::Credential(name) => ("credential", name, ""),
            Changed::Answer(key) => ("answer", key, ""),
            Changed::Answers => ("answers", "", ""),
            Changed::Everything => ("everything", "", ""),
        }
    }

    /// What they mean; what nobody here knows may concern anything.
    pub(super) fn of(kind: &str, name: &str, counted_as: &str) -> Self {
        let name = name.to_owned();
        match kind {
            "key" => Changed::Key { hash: name, counted_as: counted_as.to_owned() },
            "user" => Changed::User(name),
            "team" => Changed::Team(name),
            "organization" => Changed::Organization(name),
            "end_user" => Changed::EndUser(name),
            "budget" => Changed::Budget(name),
            "tag" => Changed::Tag(name),
            "model" => Changed::Model(name),
            "credential" => Changed::Credential(name),
            "answer" => Changed::Answer(name),
            "answers" => Changed::Answers,
            _ => Changed::Everything,
        }
    }
}
