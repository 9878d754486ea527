//! What a user sees of the settings of keys, users, limits, budgets and the ledger.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::super::keys;
use super::*;
use crate::base::money::Nanos;
use crate::config::model::{
    AlertTarget, Governance, SpoolFsync, SpoolFull, TokenCount, UserHeader, UserKind,
};
use crate::domain::keys::reset::Every;
use crate::domain::keys::{Role, TeamRole};

const MODEL: &str = "model_list: [{model_name: m, litellm_params: {model: gpt-4o, api_key: k}}]\n";

fn governance_in(text: &str, environment: &[(&str, &str)]) -> Governance {
    let environment: Vec<(String, String)> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let look =
        move |name: &str| environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let text = format!("{MODEL}{text}");
    let loaded = load_text(&text, "c.yaml", &look).unwrap_or_else(|report| panic!("{report}\n{text}"));
    assert_eq!(loaded.report.to_string(), "no problems", "{text}");
    loaded.config.governance
}

fn governance(text: &str) -> Governance {
    governance_in(text, &[])
}

fn problems(text: &str) -> Vec<String> {
    report(&format!("{MODEL}{text}"))
}

#[test]
fn nothing_said_is_a_store_that_forgets_and_no_limits() {
    let governance = governance("");
    let store = &governance.store;
    assert!(store.database_url.is_none() && store.keeps_rows && !store.holds_models && !store.open_when_down);
    assert_eq!((store.connections, store.batch_every), (10, Duration::from_secs(1)));
    assert_eq!((governance.spool.dir, governance.spool.full), (None, SpoolFull::GoOn));
    assert!(governance.limits.global.is_empty() && governance.users.is_empty());
    assert_eq!((governance.money.exceeded_status, governance.money.proxy_budget), (422, None));
    assert_eq!(governance.identity.generated_key_bytes, 16);
    assert!(governance.identity.allowed_addresses.is_none() && governance.alerts.targets.is_empty());
}

#[test]
fn the_database_is_the_configs_or_the_environments_or_made_of_parts() {
    let url = |text: &str, environment: &[(&str, &str)]| {
        let store = governance_in(text, environment).store;
        store.database_url.map(|url| url.expose().to_owned()).unwrap_or_default()
    };
    let own = "general_settings: {database_url: \"sqlite:///litellm.db\"}";
    assert_eq!(url(own, &[("DATABASE_URL", "postgresql://h/n")]), "sqlite:///litellm.db");
    assert_eq!(url("", &[("DATABASE_URL", "postgresql://h/n")]), "postgresql://h/n");
    let parts = [
        ("DATABASE_HOST", "db"),
        ("DATABASE_PORT", "5433"),
        ("DATABASE_NAME", "litellm"),
        ("DATABASE_USER", "u"),
        ("DATABASE_PASSWORD", "p@ss/word"),
    ];
    assert_eq!(url("", &parts), "postgresql://u:p%40ss%2Fword@db:5433/litellm");
    let half = load_text(MODEL, "c.yaml", &|name| (name == "DATABASE_HOST").then(|| "db".into())).unwrap();
    assert!(half.report.to_string().contains("no database without DATABASE_NAME"), "{}", half.report);
    assert_eq!(
        problems("general_settings: {database_url: \"mysql://u:canary@h/n\"}"),
        ["error: c.yaml:2 general_settings.database_url: it must look like sqlite:///file.db or \
          postgresql://user:password@host:5432/name"]
    );
}

#[test]
fn the_spool_stands_beside_sqlite_or_in_the_state_folder() {
    let dir = |settings: &str, environment: &[(&str, &str)]| {
        governance_in(&format!("general_settings: {{{settings}}}"), environment).spool.dir
    };
    let folder = |path: &str| Some(PathBuf::from(path));
    assert_eq!(dir("database_url: \"sqlite:///data/x.db?a=1\"", &[]), folder("data/x.db-spool"));
    assert_eq!(dir("database_url: \"sqlite:////var/x.db\"", &[]), folder("/var/x.db-spool"));
    assert_eq!(dir("database_url: \"sqlite://:memory:\"", &[]), None);
    let postgres = "database_url: \"postgresql://h/n\"";
    assert_eq!(dir(postgres, &[("HOME", "/home/u")]), folder("/home/u/.local/state/stagedoor/spool"));
    assert_eq!(dir(postgres, &[("STATE_DIRECTORY", "/var/lib/sd")]), folder("/var/lib/sd/spool"));
    assert_eq!(dir(postgres, &[("SPOOL_DIR", "/e")]), folder("/e"));
    assert_eq!(dir("spool_dir: /s", &[("SPOOL_DIR", "/e")]), folder("/s"));
    let spool =
        governance("general_settings: {spool_fsync: interval, spool_fsync_interval: 5, spool_full: refuse}")
            .spool;
    assert_eq!((spool.fsync, spool.full), (SpoolFsync::Interval(Duration::from_secs(5)), SpoolFull::Refuse));
    assert_eq!(
        problems("general_settings: {spool_fsync: sometimes, spool_full: go_onn}"),
        [
            "error: c.yaml:2 general_settings.spool_fsync: must be one of never, interval, always",
            "error: c.yaml:2 general_settings.spool_full: unknown word, did you mean \"go_on\"?",
        ]
    );
}

#[test]
fn the_store_obeys_its_settings() {
    let text = "general_settings:\n  database_connection_pool_limit: 4\n  database_connection_timeout: 20\n  \
                disable_spend_logs: true\n  proxy_batch_write_at: 60\n  maximum_spend_logs_retention_period: 365d\n  \
                maximum_spend_logs_retention_interval: 1h\n  allow_requests_on_db_unavailable: true\n";
    let store = governance_in(text, &[("STORE_MODEL_IN_DB", "True"), ("LITELLM_SALT_KEY", "salt")]).store;
    let days = |days: u64| Duration::from_secs(days * 86_400);
    assert_eq!((store.connections, store.patience), (4, Some(Duration::from_secs(20))));
    assert!(!store.keeps_rows && store.holds_models && store.open_when_down);
    let retention = store.retention.unwrap();
    assert_eq!((retention.keep, retention.every), (days(365), Duration::from_secs(3_600)));
    assert!(store.salt_key.unwrap().matches("salt"));
    assert!(!governance("litellm_settings: {cost_tracking: false}").store.keeps_rows);
}

#[test]
fn callers_are_recognised_as_the_file_says() {
    let text = "general_settings:\n  litellm_key_header_name: X-My-Key\n  user_api_key_cache_ttl: 5\n  enforce_user_param: true\n  \
                user_header_name: X-End\n  user_header_mappings: [{header_name: X-Who, litellm_user_role: internal_user}]\n  \
                allowed_ips: [10.0.0.0/8, 127.0.0.1]\n  default_team_disabled: true\n";
    let environment = [("LENGTH_OF_LITELLM_GENERATED_KEY", "32"), ("DISABLE_KEY_NAME", "true")];
    let identity = governance_in(text, &environment).identity;
    assert_eq!((identity.key_header.as_deref(), identity.cache_for.as_secs()), (Some("x-my-key"), 5));
    assert!(identity.needs_end_user && identity.keys_need_team && identity.hides_key_names);
    assert_eq!(identity.generated_key_bytes, 32);
    let header = |name: &str, names| UserHeader { name: name.to_owned(), names };
    assert_eq!(identity.user_headers, [header("x-who", UserKind::User), header("x-end", UserKind::EndUser)]);
    let allowed = identity.allowed_addresses.unwrap();
    assert!(allowed.iter().any(|range| range.contains("10.9.8.7".parse().unwrap())));
    let weak =
        load_text(MODEL, "c.yaml", &|name| (name == "LENGTH_OF_LITELLM_GENERATED_KEY").then(|| "4".into()));
    assert!(weak.unwrap_err().to_string().contains("must be a whole number from 16 to 256"));
    assert_eq!(
        problems("general_settings: {allowed_ips: [localhost], litellm_key_header_name: \"a b\"}")[1..],
        [
            "error: c.yaml:2 general_settings.allowed_ips[0]: must be an address or a range such as 10.0.0.0/8",
            "warning: c.yaml:2 general_settings.allowed_ips: is empty: nobody may connect",
        ]
    );
}

#[test]
fn users_of_the_file_are_typed_and_checked() {
    let text = "user_config:\n  - {user_id: a, user_email: a@x, user_role: app_user, models: [m], max_budget: 100.0,\n     \
                budget_duration: 30d, rpm_limit: 5, tpm_limit: 6}\n  - {user_id: b}\n";
    let users = governance(text).users;
    let a = &users[0];
    assert_eq!(
        (a.user_id.as_str(), a.user_email.as_deref(), a.role),
        ("a", Some("a@x"), Some(Role::InternalUser))
    );
    assert_eq!(a.limits.max_budget_nanos, Some(Nanos::from_usd(100).get()));
    assert_eq!((a.limits.budget_duration.as_deref(), a.limits.rpm_limit), (Some("30d"), Some(5)));
    assert_eq!((a.limits.tpm_limit, a.models.clone()), (Some(6), Some(vec!["m".to_owned()])));
    assert_eq!((users.len(), users[1].models.clone()), (2, None));
    let bad = "user_config:\n  - {user_id: a, max_budgt: 1, models: [n, \"x/*\", no-default-models]}\n  - {user_id: a}\n  \
               - {user_email: x}\n  - {user_id: c, user_role: boss, max_budget: -1, budget_duration: 30}\n  - {user_id: 7}\n";
    assert_eq!(
        problems(bad),
        [
            "warning: c.yaml:3 user_config[0].max_budgt: unknown key, did you mean \"max_budget\"?",
            "warning: c.yaml:3 user_config[0].models: the model \"n\" is not in model_list",
            "error: c.yaml:4 user_config[1]: the user \"a\" stands on line 3 already; ids must differ",
            "error: c.yaml:5 user_config[2]: a user needs a user_id",
            "error: c.yaml:6 user_config[3].user_role: must be one of proxy_admin, proxy_admin_viewer, internal_user, \
             internal_user_viewer, app_user",
            "error: c.yaml:6 user_config[3].max_budget: must be an amount in dollars, 0 or more",
            "error: c.yaml:6 user_config[3].budget_duration: must be a length of time such as \"1h\", \"7d\", \"30d\" or \
             \"1mo\"",
            "error: c.yaml:7 user_config[4].user_id: must be a text, not a number: put it in quotes",
        ]
    );
}

#[test]
fn defaults_and_ceilings_of_keys_users_and_teams() {
    let text = "litellm_settings:\n  \
        default_key_generate_params: {max_budget: 1.5, duration: 7d, models: [m], metadata: {a: 1}}\n  \
        upperbound_key_generate_params: {max_budget: 100, duration: 30d, tpm_limit: 1000}\n  \
        key_generation_settings:\n    team_key_generation: {allowed_team_member_roles: [admin], required_params: [tags]}\n    \
        personal_key_generation: {allowed_user_roles: [proxy_admin]}\n  \
        default_internal_user_params: {user_role: internal_user_viewer, max_budget: 2, teams: [t, {team_id: u, user_role: admin, max_budget_in_team: 3}]}\n  \
        default_team_params: {max_budget: 4, team_member_permissions: [/key/generate]}\n  \
        max_internal_user_budget: 5\n  internal_user_budget_duration: 1mo\n  max_user_budget: 6\n  max_end_user_budget: 0.1\n  \
        max_end_user_budget_id: b\n";
    let grants = governance(text).grants;
    assert_eq!(
        json!([grants.key_defaults, grants.key_ceilings]),
        json!([
            {"max_budget": 1.5, "duration": "7d", "models": ["m"], "metadata": {"a": 1}},
            {"max_budget": 100, "duration": "30d", "tpm_limit": 1000}
        ])
    );
    let team = grants.team_keys.unwrap();
    assert_eq!((team.roles, team.required), (Some(vec![TeamRole::Admin]), vec!["tags".to_owned()]));
    assert_eq!(grants.personal_keys.unwrap().roles, Some(vec![Role::ProxyAdmin]));
    assert_eq!(grants.user_defaults["teams"][1]["max_budget_in_team"], 3);
    assert_eq!(grants.team_defaults["max_budget"], 4);
    assert_eq!(grants.internal_user_budget, Some(Nanos::from_usd(5)));
    assert_eq!(grants.internal_user_budget_duration.as_deref(), Some("1mo"));
    assert_eq!(
        (grants.user_budget, grants.end_user_budget),
        (Some(Nanos::from_usd(6)), Some(Nanos::new(100_000_000)))
    );
    assert_eq!(grants.end_user_budget_id.as_deref(), Some("b"));
    let bad = "litellm_settings:\n  upperbound_key_generate_params: {max_budgets: 1, duration: 30}\n  \
               default_internal_user_params: {user_role: owner, teams: [{user_role: admin}]}\n  \
               key_generation_settings: {team_key_generation: {allowed_team_member_role: [admin]}}\n";
    assert_eq!(
        problems(bad),
        [
            "warning: c.yaml:3 litellm_settings.upperbound_key_generate_params.max_budgets: unknown key, did you mean \
             \"max_budget\"?",
            "error: c.yaml:3 litellm_settings.upperbound_key_generate_params.duration: must be a length of time such as \
             \"1h\", \"7d\", \"30d\" or \"1mo\"",
            "error: c.yaml:4 litellm_settings.default_internal_user_params.user_role: must be one of proxy_admin, \
             proxy_admin_viewer, internal_user, internal_user_viewer, app_user",
            "error: c.yaml:4 litellm_settings.default_internal_user_params.teams[0]: needs a team_id",
            "warning: c.yaml:5 litellm_settings.key_generation_settings.team_key_generation.allowed_team_member_role: \
             unknown key; the keys are allowed_team_member_roles and required_params",
        ]
    );
}

#[test]
fn limits_of_everybody_and_of_each_key() {
    let text = "general_settings: {global_max_rpm: 1000, global_max_tpm: 1000000, global_max_parallel_requests: 50,\n  \
                max_parallel_requests: 5, token_rate_limit_type: output}\n";
    let limits = governance(text).limits;
    assert_eq!(
        (limits.global.requests_per_minute, limits.global.tokens_per_minute),
        (Some(1000), Some(1_000_000))
    );
    assert_eq!(
        (limits.global.parallel, limits.key_parallel, limits.tokens),
        (Some(50), Some(5), TokenCount::Output)
    );
    assert_eq!(
        problems("general_settings: {global_max_rpm: 0, database_connection_pool_limit: 0}"),
        [
            "warning: c.yaml:2 general_settings.global_max_rpm: 0 counts as no limit; leave it out, or give a number"
        ]
    );
    let text = "model_list:\n- {model_name: a, litellm_params: {model: gpt-4o, default_api_key_rpm_limit: 3}}\n\
                - {model_name: a, litellm_params: {model: gpt-4o, default_api_key_rpm_limit: 4}}\n\
                rate_limit_config: {redis_host: localhost, redis_port: 6380}\n";
    let Loaded { config, report } = load(text);
    assert_eq!(config.governance.limits.key_by_group["a"].requests_per_minute, Some(3));
    assert_eq!(config.redis.unwrap().address.to_string(), "localhost:6380");
    assert!(report.to_string().contains("c.yaml:3 model_list[1]: default_api_key limits differ"), "{report}");
}

#[test]
fn budgets_periods_and_the_price_of_an_answer() {
    let text = "litellm_settings: {max_budget: 10, budget_duration: 1d, budget_exceeded_status_code: 429,\n  \
                timezone: Europe/Berlin, budget_reset_time: \"06:00\", block_requests_for_models_without_pricing: true,\n  \
                cost_discount_config: {openai: 0.5}}\n";
    let money = governance(text).money;
    let budget = money.proxy_budget.unwrap();
    assert_eq!((budget.max, budget.duration.as_deref()), (Nanos::from_usd(10), Some("1d")));
    assert!(money.exceeded_status == 429 && money.refuses_unpriced);
    // 2026-11-21 08:00 in Berlin; the next 06:00 there is 05:00 UTC.
    let next = money.calendar.next_after(Every::Days(1), 1_795_244_400_000).unwrap();
    assert_eq!(crate::base::civil::utc(u64::try_from(next / 1_000).unwrap()), "2026-11-22 05:00:00 UTC");
    assert_eq!(governance("litellm_settings: {max_budget: 0.0}").money.proxy_budget, None);
    let calendar = governance("litellm_settings: {budget_reset_time: 18:30}").money.calendar;
    assert_eq!(calendar.next_after(Every::Days(1), 0), Some(1_110 * 60_000), "without quotes, too");
    let bad = "litellm_settings:\n  timezone: Mars/Olympus\n  budget_reset_time: 25:00\n  budget_exceeded_status_code: 200\n  \
               cost_discount_config:\n    azure: 0.1\n    openai: 2\n  cost_margin_config: 3\n  budget_duration: 1d\n";
    assert_eq!(
        problems(bad),
        [
            "error: c.yaml:3 litellm_settings.timezone: `Mars/Olympus` is no time zone",
            "error: c.yaml:4 litellm_settings.budget_reset_time: `25:00` is no time of day (HH:MM)",
            "error: c.yaml:5 litellm_settings.budget_exceeded_status_code: must be a status from 400 to 499",
            "error: c.yaml:8 litellm_settings.cost_discount_config.openai: must be a share from 0 to 1: 2",
            "error: c.yaml:9 litellm_settings.cost_margin_config: must be an object of providers",
            "warning: c.yaml:10 litellm_settings.budget_duration: has no effect without a max_budget",
        ]
    );
}

#[test]
fn a_price_list_of_ones_own_replaces_the_shipped_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.json");
    let list = r#"{"gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1, "output_cost_per_token": 2}}"#;
    fs::write(&file, list).unwrap();
    let priced = |text: &str, variable: Option<String>| {
        let text = format!("{MODEL}{text}");
        let look = |name: &str| variable.clone().filter(|_| name == "LITELLM_MODEL_COST_MAP_URL");
        load_text(&text, "c.yaml", &look)
    };
    let input = |loaded: &Loaded| loaded.config.deployments[0].info.input_cost_per_token;
    let own = priced(&format!("litellm_settings: {{price_list: {}}}", file.display()), None).unwrap();
    assert_eq!((input(&own), own.config.files), (Some(1.0), vec![file.clone()]));
    let by_variable = priced("", Some(format!("file://{}", file.display()))).unwrap();
    assert_eq!(input(&by_variable), Some(1.0));
    let remote = priced("", Some("https://example.com/prices.json".to_owned())).unwrap();
    assert_eq!(input(&remote), Some(2.5e-6));
    assert!(
        remote.report.to_string().contains("prices are not fetched over the network"),
        "{}",
        remote.report
    );
    fs::write(&file, r#"{"x": {"input_cost_per_token": "much"}}"#).unwrap();
    let broken = priced(&format!("litellm_settings: {{price_list: {}}}", file.display()), None).unwrap_err();
    let broken = broken.to_string();
    assert!(broken.contains("c.yaml:2 litellm_settings.price_list: "), "{broken}");
    assert!(broken.contains("\"x\" input_cost_per_token must be a decimal number"), "{broken}");
    let gone = priced("litellm_settings: {price_list: /nowhere/prices.json}", None).unwrap_err().to_string();
    assert!(gone.contains("the price list /nowhere/prices.json cannot be read"), "{gone}");
    assert!(!Path::new("/nowhere").exists());
}

#[test]
fn alerts_go_where_they_are_sent() {
    let text = "general_settings: {alerting: [slack, webhook], alerting_args: {budget_alert_ttl: 60}}";
    let environment = [("SLACK_WEBHOOK_URL", "https://slack/canary"), ("WEBHOOK_URL", "https://hook/canary")];
    let alerts = governance_in(text, &environment).alerts;
    let (slack, hook) = (Secret::from("https://slack/canary"), Secret::from("https://hook/canary"));
    assert_eq!(alerts.targets, [AlertTarget::Slack(slack), AlertTarget::Webhook(hook)]);
    assert_eq!(alerts.repeat_after, Duration::from_secs(60));
    assert!(!format!("{alerts:?}").contains("canary"));
    let own = "general_settings: {alerting: [slack], alert_to_webhook_url: {budget_alerts: [\"https://a\", \"https://b\"]}}";
    assert_eq!(governance(own).alerts.targets.len(), 2);
    let none = "general_settings: {alerting: [slack], alert_types: [llm_exceptions]}";
    assert!(governance(none).alerts.targets.is_empty());
    assert_eq!(
        problems("general_settings: {alerting: [slack, email, pager]}"),
        [
            "warning: c.yaml:2 general_settings.alerting[0]: has no effect without SLACK_WEBHOOK_URL or \
             alert_to_webhook_url.budget_alerts",
            "warning: c.yaml:2 general_settings.alerting[1]: alerts by e-mail come later",
            "warning: c.yaml:2 general_settings.alerting[2]: unknown channel; the channels are slack and webhook",
        ]
    );
}

#[test]
fn the_readme_names_every_setting_that_takes_effect() {
    let readme = include_str!("../../../README.md");
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let words: std::collections::HashSet<&str> = readme.split(word).collect();
    let settings = keys::GENERAL.now.iter().chain(keys::LITELLM.now);
    let missing: Vec<&str> = settings.copied().filter(|key| !words.contains(key)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn prompts_are_kept_and_keys_slowed_down_only_where_the_file_says_so() {
    let usual = governance("");
    assert_eq!((usual.store.keeps_content, usual.money.throttle_share), (None, None));
    let text = "general_settings: {store_prompts_in_spend_logs: true}\n\
                litellm_settings: {budget_exceeded_throttle_percentage: 0.1}\n";
    let said = governance(text);
    assert_eq!((said.store.keeps_content, said.money.throttle_share), (Some(2048), Some(100_000_000)));
    let cut = governance_in(text, &[("MAX_STRING_LENGTH_PROMPT_IN_DB", "10")]);
    assert_eq!(cut.store.keeps_content, Some(10));
    for share in ["0", "1.5", "ten"] {
        let told = problems(&format!("litellm_settings: {{budget_exceeded_throttle_percentage: {share}}}\n"));
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
