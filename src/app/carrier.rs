//! Changes on their way to those who keep copies: here, and through the cluster on the other replicas.

use std::sync::Arc;

use actix_rt::ArbiterHandle;

use crate::actors::cluster::{self, Bus, ClusterHandle, Listener, Replicas};
use crate::actors::confirmed;
use crate::actors::key_directory::{Directory, Found};
use crate::actors::response_cache::ResponseCache;
use crate::actors::stored_models::StoredModels;
use crate::actors::topology::{Current, Ground};
use crate::domain::cache::CacheKey;
use crate::domain::ledger::{AccountId, AccountKind};
use crate::domain::scope::ScopeKind;
use crate::gateway::governance::Governance;
use crate::manage::{Changed, Changes};
use crate::redis_link::Link;
use crate::store::{Grant, Store};

/// The copies of this process.
#[derive(Clone)]
pub struct Copies {
    directory: Directory,
    governance: Governance,
    /// `None`: models live in the file only.
    models: Option<StoredModels>,
    /// `None`: answers are not kept.
    answers: Option<ResponseCache>,
    control: ArbiterHandle,
}

impl Copies {
    /// These copies of keys, counters of budgets, models, and answers.
    pub fn new(
        directory: Directory,
        governance: Governance,
        (models, answers): (Option<StoredModels>, Option<ResponseCache>),
        control: ArbiterHandle,
    ) -> Self {
        Copies { directory, governance, models, answers, control }
    }

    fn forget(&self, concerns: impl Fn(&Grant) -> bool) {
        self.directory.forget_where(|_, found| match found {
            Found::Known(identity) => identity.grant.as_deref().is_some_and(&concerns),
            Found::Unknown => false,
        });
    }

    fn forget_key(&self, hash: &str) {
        self.directory.forget_where(|known, found| {
            known == hash
                || matches!(found, Found::Known(identity) if identity.key().is_some_and(|key| key.hash == *hash))
        });
    }

    fn forget_named(&self) {
        self.governance.named.forget(ScopeKind::EndUser, None);
        self.governance.named.forget(ScopeKind::Tag, None);
    }

    /// The counters of this owner are read anew; a key's are found under its first hash. Who has made the change also
    /// says so to the counters that replicas have in common.
    fn reread(&self, id: AccountId, counted_as: &str, origin: Origin) {
        let parts: &[AccountKind] = match id.kind {
            AccountKind::Key => &[AccountKind::KeyModel, AccountKind::KeyWindow],
            AccountKind::User => &[AccountKind::UserModel],
            AccountKind::Team => &[AccountKind::TeamModel, AccountKind::TeamWindow, AccountKind::Member],
            _ => &[],
        };
        let (governance, of_key) = (self.governance.clone(), counted_as.to_string());
        self.control.spawn(async move {
            let read = governance.reread(id, parts, |id| confirmed::scope_of(id, |_| of_key.clone())).await;
            if let (Origin::Here, Some(commons)) = (origin, &governance.commons) {
                read.into_iter().for_each(|key| commons.replace(key));
            }
        });
    }

    /// Who forgets answers has done so already.
    fn answers_forgotten(&self, key: Option<&CacheKey>, origin: Origin) {
        if let (Origin::Elsewhere, Some(answers)) = (origin, &self.answers) {
            answers.forgotten_elsewhere(key);
        }
    }

    /// Brings the database's models into the table.
    fn refresh_models(&self) {
        let Some(models) = self.models.clone() else { return };
        self.control.spawn(async move {
            if let Err(cause) = models.refresh().await {
                tracing::warn!(%cause, "a changed model is in use a little later");
            }
        });
    }

    /// Does what a change of anything but models asks for.
    fn apply(&self, changed: &Changed, origin: Origin) {
        let reread = |kind, name: &str| self.reread(AccountId::new(kind, name), name, origin);
        match changed {
            Changed::Key { hash, counted_as } => {
                self.forget_key(hash);
                self.reread(AccountId::new(AccountKind::Key, hash), counted_as, origin);
            }
            Changed::User(id) => {
                self.forget(|grant| grant.key.user_id.as_deref() == Some(id));
                reread(AccountKind::User, id);
            }
            Changed::Team(id) => {
                self.forget(|grant| grant.key.team_id.as_deref() == Some(id));
                reread(AccountKind::Team, id);
            }
            Changed::Organization(id) => {
                let of =
                    |grant: &Grant| grant.organization.as_ref().is_some_and(|own| own.organization_id == *id);
                self.forget(of);
                reread(AccountKind::Organization, id);
            }
            Changed::EndUser(id) => {
                self.governance.named.forget(ScopeKind::EndUser, Some(id));
                reread(AccountKind::EndUser, id);
            }
            Changed::Tag(name) => {
                self.governance.named.forget(ScopeKind::Tag, Some(name));
                reread(AccountKind::Tag, name);
            }
            Changed::Budget(id) => {
                self.forget(|grant| grant.budgets.iter().any(|budget| budget.budget_id == *id));
                self.forget_named();
                // Nobody knows here who points to it.
                self.governance.budgets().all_changed();
            }
            Changed::Model(_) | Changed::Credential(_) => {}
            Changed::Answer(key) => self.answers_forgotten(CacheKey::shown(key).as_ref(), origin),
            Changed::Answers => self.answers_forgotten(None, origin),
            Changed::Everything => {
                self.answers_forgotten(None, origin);
                self.directory.forget_where(|_, _| true);
                self.forget_named();
                self.governance.budgets().all_changed();
            }
        }
    }
}

/// Who has made a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// This process.
    Here,
    /// Another replica.
    Elsewhere,
}

impl Listener for Copies {
    fn changed(&self, changed: &Changed) {
        self.apply(changed, Origin::Elsewhere);
        if matches!(changed, Changed::Model(_) | Changed::Credential(_) | Changed::Everything) {
            self.refresh_models();
        }
    }

    fn doubt(&self) {
        self.directory.doubt();
        self.governance.named.doubt();
    }

    fn hears_again(&self) {
        self.doubt();
        // That some were forgotten meanwhile may not have been heard.
        self.answers_forgotten(None, Origin::Elsewhere);
        self.governance.budgets().all_changed();
        self.refresh_models();
    }
}

/// Carries changes made here to the copies of this process and to the other replicas.
pub struct Carrier {
    copies: Copies,
    /// `None`: this process is alone.
    cluster: Option<ClusterHandle>,
}

impl Carrier {
    /// To these.
    pub fn new(copies: Copies, cluster: Option<ClusterHandle>) -> Self {
        Carrier { copies, cluster }
    }
}

impl Changes for Carrier {
    /// Models are in the table already when a change of them is told.
    fn tell(&self, changed: Changed) {
        self.copies.apply(&changed, Origin::Here);
        if let Some(cluster) = &self.cluster {
            cluster.tell(changed);
        }
    }

    fn reaches_others(&self) -> bool {
        self.cluster.is_some()
    }
}

/// Joins the other replicas, over Redis or else over PostgreSQL; a process without either is alone.
pub fn join(
    redis: Option<&Link>,
    store: &Store,
    current: &Current,
    copies: &Copies,
    ground: &Ground,
) -> Option<ClusterHandle> {
    let bus = match redis {
        Some(link) => Bus::Redis(link.clone()),
        None if store.carries_news() => Bus::Postgres(store.clone()),
        None => return None,
    };
    let parts = cluster::Ground {
        bus,
        current: Arc::clone(current),
        listener: Arc::new(copies.clone()),
        cooled: Arc::clone(&ground.cooled),
        replicas: Replicas::default(),
        metrics: ground.metrics.clone(),
    };
    Some(ClusterHandle::start(ground.control.clone(), parts))
}
