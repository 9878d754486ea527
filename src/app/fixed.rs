//! Settings that are read once, at start: a reload says which of them have changed.

use crate::config::Config;

/// The names of settings that differ and take effect with the next start only.
pub fn changed(old: &Config, new: &Config) -> Vec<&'static str> {
    let all = [general(old, new), identity(old, new), litellm(old, new), cache(old, new)].concat();
    all.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}

type Compared = Vec<(&'static str, bool)>;

/// Where things are remembered, and everybody's limits.
fn general(old: &Config, new: &Config) -> Compared {
    let (before, after) = (&old.governance, &new.governance);
    let (store, new_store) = (&before.store, &after.store);
    let (spool, new_spool) = (&before.spool, &after.spool);
    let (limits, new_limits) = (&before.limits, &after.limits);
    vec![
        ("general_settings.master_key", old.general.master_key != new.general.master_key),
        ("general_settings.log_level", old.general.log_level != new.general.log_level),
        ("general_settings.request_log", old.general.request_log != new.general.request_log),
        ("general_settings.database_url", store.database_url != new_store.database_url),
        ("general_settings.database_connection_pool_limit", store.connections != new_store.connections),
        ("general_settings.database_connection_timeout", store.patience != new_store.patience),
        (
            "general_settings.disable_spend_logs, litellm_settings.cost_tracking",
            store.keeps_rows != new_store.keeps_rows,
        ),
        ("general_settings.proxy_batch_write_at", store.batch_every != new_store.batch_every),
        ("general_settings.maximum_spend_logs_retention_*", store.retention != new_store.retention),
        ("general_settings.store_model_in_db", store.holds_models != new_store.holds_models),
        (
            "general_settings.allow_requests_on_db_unavailable",
            store.open_when_down != new_store.open_when_down,
        ),
        ("general_settings.spool_dir", spool.dir != new_spool.dir),
        ("general_settings.spool_fsync", spool.fsync != new_spool.fsync),
        ("general_settings.spool_full", spool.full != new_spool.full),
        ("general_settings.global_max_rpm, _tpm, _parallel_requests", limits.global != new_limits.global),
        ("general_settings.max_parallel_requests", limits.key_parallel != new_limits.key_parallel),
        ("general_settings.token_rate_limit_type", limits.tokens != new_limits.tokens),
        ("the settings of Redis", old.redis != new.redis),
        ("general_settings.alerting_threshold", before.alerts.slow_after != after.alerts.slow_after),
        ("callbacks, callback_settings, logging", old.export != new.export),
        (
            "general_settings.fail_closed_rate_limit_enforcement, fail_closed_budget_enforcement",
            limits.refuses_alone != new_limits.refuses_alone,
        ),
        (
            "litellm_params.default_api_key_rpm_limit, _tpm_limit",
            limits.key_by_group != new_limits.key_by_group,
        ),
        ("user_config", before.users != after.users),
    ]
}

/// Keys, and who gets what.
fn identity(old: &Config, new: &Config) -> Compared {
    let (before, after) = (&old.governance.identity, &new.governance.identity);
    let (grants, new_grants) = (&old.governance.grants, &new.governance.grants);
    vec![
        ("general_settings.disable_custom_api_keys", before.only_generated_keys != after.only_generated_keys),
        ("general_settings.user_api_key_cache_ttl", before.cache_for != after.cache_for),
        ("general_settings.user_api_key_cache_max_size", before.cache_entries != after.cache_entries),
        ("general_settings.enforce_user_param", before.needs_end_user != after.needs_end_user),
        ("general_settings.default_team_disabled", before.keys_need_team != after.keys_need_team),
        (
            "general_settings.disable_auto_add_proxy_admin_to_teams",
            before.admins_stay_out_of_teams != after.admins_stay_out_of_teams,
        ),
        (
            "general_settings.apply_user_budget_to_team_keys",
            before.user_budget_in_teams != after.user_budget_in_teams,
        ),
        (
            "litellm_settings.default_key_generate_params and its kin, max_user_budget, max_end_user_budget",
            grants != new_grants,
        ),
    ]
}

/// Money, TLS and the log.
fn litellm(old: &Config, new: &Config) -> Compared {
    let (money, new_money) = (&old.governance.money, &new.governance.money);
    let (before, after) = (&old.settings, &new.settings);
    vec![
        ("litellm_settings.max_budget, budget_duration", money.proxy_budget != new_money.proxy_budget),
        ("litellm_settings.budget_exceeded_status_code", money.exceeded_status != new_money.exceeded_status),
        (
            "litellm_settings.budget_exceeded_throttle_percentage",
            money.throttle_share != new_money.throttle_share,
        ),
        (
            "litellm_settings.block_requests_for_models_without_pricing",
            money.refuses_unpriced != new_money.refuses_unpriced,
        ),
        ("litellm_settings.timezone, budget_reset_time", money.calendar != new_money.calendar),
        ("litellm_settings.ssl_verify", before.ssl_verify != after.ssl_verify),
        ("litellm_settings.ssl_certificate", before.ca_file != after.ca_file),
        ("litellm_settings.json_logs", before.json_logs != after.json_logs),
        ("litellm_settings.set_verbose", before.verbose != after.verbose),
        ("litellm_settings.prometheus_latency_buckets", before.latency_buckets != after.latency_buckets),
    ]
}

/// Where the response cache is. The rest of its settings, and switching it off, take effect at once.
fn cache(old: &Config, new: &Config) -> Compared {
    let place = |config: &Config| config.cache.as_ref().map(|cache| (cache.place, cache.local));
    let moved = old.cache.is_none() || place(old) != place(new);
    let index = |config: &Config| config.semantic.as_ref().and_then(|semantic| semantic.index.clone());
    let renamed = new.semantic.is_some() && index(old) != index(new);
    vec![
        ("litellm_settings.cache, type and sizes of cache_params", new.cache.is_some() && moved),
        ("redis_semantic_cache_index_name of cache_params", renamed),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        crate::config::load_text(text, "test.yaml", &|_| None)
            .unwrap_or_else(|report| panic!("{report}"))
            .config
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        let none = config("general_settings: {}\n");
        assert_eq!(changed(&none, &none), [""; 0]);
        let other = config(
            "general_settings:\n  database_url: sqlite:///x.db\n  global_max_rpm: 5\n  allowed_ips: [10.0.0.1]\n\
             litellm_settings:\n  cache: true\n  max_budget: 3\n  max_user_budget: 4\nuser_config:\n  - user_id: ann\n",
        );
        let names = changed(&none, &other);
        for name in [
            "database_url",
            "spool_dir",
            "global_max_rpm",
            "max_budget",
            "max_user_budget",
            "user_config",
            "cache",
        ] {
            assert!(names.iter().any(|known| known.contains(name)), "{name}: {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("allowed_ips")), "obeyed at once");
    }
}
