//! The users that the file names.

use crate::domain::keys::{JsonMap, Limits, Role, User};

/// An entry of `user_config`. What it leaves out is decided elsewhere: by the store, or the defaults of new users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfiguredUser {
    /// Its id.
    pub user_id: String,
    /// Its address.
    pub user_email: Option<String>,
    /// Shown name.
    pub user_alias: Option<String>,
    /// What it may do; `app_user` is an older name of `internal_user`.
    pub role: Option<Role>,
    /// Groups it may ask for.
    pub models: Option<Vec<String>>,
    /// Its caps.
    pub limits: Limits,
    /// Free form.
    pub metadata: Option<JsonMap>,
}

impl ConfiguredUser {
    /// Lays what the file says over what the store says: for the fields that it names, the file wins. Answers
    /// whether anything changed.
    pub fn apply(&self, user: &mut User) -> bool {
        let before = user.clone();
        user.user_id.clone_from(&self.user_id);
        over(&mut user.user_email, &self.user_email);
        over(&mut user.user_alias, &self.user_alias);
        over(&mut user.user_role, &self.role);
        if let Some(models) = &self.models {
            user.models.clone_from(models);
        }
        if let Some(metadata) = &self.metadata {
            user.metadata.clone_from(metadata);
        }
        let (own, said) = (&mut user.limits, &self.limits);
        over(&mut own.max_budget_nanos, &said.max_budget_nanos);
        over(&mut own.soft_budget_nanos, &said.soft_budget_nanos);
        over(&mut own.budget_duration, &said.budget_duration);
        over(&mut own.max_parallel_requests, &said.max_parallel_requests);
        over(&mut own.rpm_limit, &said.rpm_limit);
        over(&mut own.tpm_limit, &said.tpm_limit);
        over(&mut own.tpd_limit, &said.tpd_limit);
        if !said.model_max_budget.is_empty() {
            own.model_max_budget.clone_from(&said.model_max_budget);
        }
        *user != before
    }
}

fn over<T: Clone>(own: &mut Option<T>, said: &Option<T>) {
    if said.is_some() {
        own.clone_from(said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_wins_for_what_it_names_and_nothing_else() {
        let said = ConfiguredUser {
            user_id: "u".into(),
            role: Some(Role::InternalUser),
            limits: Limits { max_budget_nanos: Some(5), ..Limits::default() },
            ..ConfiguredUser::default()
        };
        let limits = Limits { max_budget_nanos: Some(9), rpm_limit: Some(7), ..Limits::default() };
        let mut user =
            User { user_email: Some("u@x".into()), models: vec!["m".into()], limits, ..User::default() };
        assert!(said.apply(&mut user));
        assert_eq!((user.user_id.as_str(), user.user_role), ("u", Some(Role::InternalUser)));
        assert_eq!((user.limits.max_budget_nanos, user.limits.rpm_limit), (Some(5), Some(7)));
        assert_eq!(
            (user.user_email.as_deref(), user.models.as_slice()),
            (Some("u@x"), &["m".to_owned()][..])
        );
        assert!(!said.apply(&mut user), "nothing is left to change");
    }
}
