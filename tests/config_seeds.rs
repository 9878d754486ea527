//! Every config snippet of the two documents loads exactly as it is printed there.

// Helpers of tests stand outside of `#[test]` functions, where the lints' exception for tests does not reach.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use stagedoor::base::money::Nanos;
use stagedoor::base::secret::Secret;
use stagedoor::config::{self, Config, Loaded, Report, Severity};

const GUIDE: &str = include_str!("seeds/litellm-proxy-guide.txt");
const TUTORIAL: &str = include_str!("seeds/litellm-proxy-tutorial.md");

/// An environment in which every variable of the documents is set.
fn full(name: &str) -> Option<String> {
    let known = [
        "OPENAI_API_KEY",
        "OPENAI_API_KEY_1",
        "OPENAI_API_KEY_2",
        "OPENAI_API_KEY_3",
        "ANTHROPIC_API_KEY",
        "LITELLM_MASTER_KEY",
        "REDIS_HOST",
        "REDIS_PASSWORD",
    ];
    match name {
        "DATABASE_URL" => Some("postgresql://user@db/litellm".to_owned()),
        _ => known.contains(&name).then(|| format!("value-of-{name}")),
    }
}

fn empty(_: &str) -> Option<String> {
    None
}

fn load(text: &str) -> Loaded {
    config::load_text(text, "config.yaml", &full).unwrap_or_else(|report| panic!("{report}\n---\n{text}"))
}

/// The lines of the guide from one that equals `first` to the next that starts with `last`.
fn guide(first: &str, second: &str, last: &str) -> String {
    let lines: Vec<&str> = GUIDE.lines().collect();
    let start = lines.windows(2).position(|pair| pair == [first, second]).unwrap();
    let length = lines[start..].iter().position(|line| line.starts_with(last)).unwrap();
    lines[start..=start + length].join("\n") + "\n"
}

fn guide_main() -> String {
    guide("model_list:", "# Primary: Claude for quality tasks", "database_url:")
}

fn guide_routing() -> String {
    guide("router_settings:", "routing_strategy: latency-based-routing", "retry_after:")
}

fn guide_caching() -> String {
    guide("litellm_settings:", "cache: true", "# similarity_threshold")
}

/// The fenced YAML blocks of the tutorial.
fn tutorial_blocks() -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in TUTORIAL.lines() {
        match (&mut open, line) {
            (None, "```yaml") => open = Some(String::new()),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

/// The tutorial's blocks that are gateway configs: those that start with a comment about `config.yaml`.
fn tutorial_configs() -> Vec<String> {
    let blocks = tutorial_blocks();
    blocks.into_iter().filter(|block| block.starts_with("# config.yaml")).collect()
}

/// The block of the tutorial's section.
fn tutorial(marker: &str) -> String {
    let mut found: Vec<String> =
        tutorial_configs().into_iter().filter(|block| block.contains(marker)).collect();
    assert_eq!(found.len(), 1, "{marker}");
    found.remove(0)
}

fn warnings(report: &Report) -> Vec<String> {
    report.problems.iter().filter(|p| p.severity == Severity::Warning).map(ToString::to_string).collect()
}

fn groups(config: &Config) -> Vec<String> {
    let show = |d: &std::sync::Arc<stagedoor::domain::deployment::Deployment>| {
        assert_eq!(d.problem, None, "{}", d.group);
        format!("{} = {}", d.group, d.full_model())
    };
    config.deployments.iter().map(show).collect()
}

/// The users of a config, one line each.
fn users(config: &Config) -> Vec<String> {
    let show = |user: &stagedoor::config::model::ConfiguredUser| {
        let budget = Nanos::new(user.limits.max_budget_nanos.unwrap());
        let (email, role) = (user.user_email.as_deref().unwrap(), user.role.unwrap().as_str());
        format!("{} {email} {role} ${budget} {}", user.user_id, user.models.as_ref().unwrap().join(","))
    };
    config.governance.users.iter().map(show).collect()
}

#[test]
fn the_guides_config_loads_without_its_indentation() {
    let text = guide_main();
    assert!(text.lines().all(|line| !line.starts_with(' ')));
    let Loaded { config, report } = load(&text);
    assert_eq!(
        groups(&config),
        [
            "claude-quality = anthropic/claude-sonnet-4-6",
            "gpt-fast = openai/gpt-4o-mini",
            "gpt4o-pool = openai/gpt-4o",
            "gpt4o-pool = openai/gpt-4o"
        ]
    );
    let keys: Vec<_> = config.deployments.iter().map(|d| d.connection.api_key.clone().unwrap()).collect();
    assert_eq!(keys[0], Secret::from("value-of-ANTHROPIC_API_KEY"));
    assert_eq!(keys[3], Secret::from("value-of-OPENAI_API_KEY_2"));
    assert_eq!(config.router.fallbacks.general["gpt4o-pool"][0].group.as_ref(), "claude-quality");
    assert_eq!(config.router.retry.num_retries, 3);
    assert_eq!(config.router.timeout.as_secs(), 60);
    assert!(config.settings.drop_params);
    assert_eq!(config.general.master_key, Some(Secret::from("value-of-LITELLM_MASTER_KEY")));
    assert_eq!(
        warnings(&report),
        [
            "config.yaml:1: this file has lost its indentation. It is read with lines 3 to 20 indented under model_list, \
          lines 23 to 27 indented under litellm_settings, lines 29 to 30 indented under general_settings; please indent them"
        ]
    );
}

#[test]
fn the_guides_other_snippets_load() {
    let Loaded { config, .. } = load(&guide_routing());
    assert_eq!(config.router.strategy, config::model::StrategyName::LatencyBased);
    assert_eq!(config.router.retry.num_retries, 3);
    assert_eq!(config.router.retry.retry_after.as_secs(), 5);
    let Loaded { config, .. } = load(&guide_caching());
    let cache = config.cache.unwrap();
    assert_eq!((cache.place, cache.ttl.as_secs()), (config::model::CachePlace::Redis, 3600));
    assert!(config.redis.is_some_and(|redis| redis.password.is_some()));
}

#[test]
fn the_tutorials_first_config_loads() {
    let Loaded { config, report } = load(&tutorial("model: gpt-3.5-turbo"));
    assert_eq!(
        groups(&config),
        [
            "gpt-4 = openai/gpt-4",
            "claude-3 = anthropic/claude-3-opus-20240229",
            "gpt-3.5-turbo = openai/gpt-3.5-turbo"
        ]
    );
    assert_eq!(config.general.master_key, Some(Secret::from("sk-1234")));
    let store = &config.governance.store;
    assert_eq!(store.database_url, Some(Secret::from("sqlite:///litellm.db")));
    assert_eq!(config.governance.spool.dir, Some(PathBuf::from("litellm.db-spool")));
    let redis = config.redis.as_ref().unwrap();
    assert_eq!(redis.address.to_string(), "localhost:6379");
    assert_eq!(report.problems, []);
}

#[test]
fn the_tutorials_authentication_block_loads_with_its_shell_and_python_lines() {
    let text = tutorial("--generate_key");
    assert!(text.contains("client = openai.OpenAI("));
    let Loaded { config, report } = load(&text);
    assert_eq!(
        users(&config),
        [
            "user1 user1@example.com internal_user $100 gpt-3.5-turbo,claude-3-haiku-20240307",
            "user2 user2@example.com internal_user $50 gpt-3.5-turbo"
        ]
    );
    assert_eq!(
        config.governance.store.database_url,
        Some(Secret::from("postgresql://user:pass@host:5432/litellm"))
    );
    let warnings = warnings(&report);
    assert!(warnings[0].contains("model_list: there is no model_list"), "{warnings:#?}");
    assert_eq!(
        warnings[1..],
        [
            "config.yaml:20 general_settings: this key stands on lines 2 and 20; the last one wins",
            "config.yaml:24: lines 24 to 31 are a command and what follows it, not YAML; they are left out. Delete them \
          to silence this"
        ]
    );
}

#[test]
fn the_tutorials_limits_and_costs_load() {
    let Loaded { config, .. } = load(&tutorial("global_max_rpm"));
    let global = config.governance.limits.global;
    assert_eq!((global.requests_per_minute, global.tokens_per_minute), (Some(1000), Some(1_000_000)));
    assert_eq!(
        users(&config),
        [
            "premium_user premium@example.com internal_user $500 gpt-4,claude-3",
            "basic_user basic@example.com internal_user $10 gpt-3.5-turbo"
        ]
    );
    let limits: Vec<_> =
        config.governance.users.iter().map(|user| (user.limits.rpm_limit, user.limits.tpm_limit)).collect();
    assert_eq!(limits, [(Some(100), Some(100_000)), (Some(20), Some(10_000))]);
    let Loaded { config, .. } = load(&tutorial("cost_tracking"));
    assert!(config.governance.store.keeps_rows);
    assert_eq!(config.governance.store.database_url, Some(Secret::from("sqlite:///costs.db")));
    assert_eq!(users(&config), ["team_a team_a@example.com internal_user $200 gpt-4,gpt-3.5-turbo,claude-3"]);
    assert_eq!(config.governance.users[0].limits.budget_duration.as_deref(), Some("30d"));
}

#[test]
fn the_tutorials_fallbacks_load() {
    let Loaded { config, report } = load(&tutorial("fallback_mapping"));
    assert_eq!(
        groups(&config),
        ["gpt-4 = openai/gpt-4", "gpt-4-fallback = anthropic/claude-3-opus-20240229"]
    );
    assert_eq!(config.router.fallbacks.general["gpt-4"][0].group.as_ref(), "gpt-4-fallback");
    assert_eq!(config.deployments[0].info.raw["mode"], "fallback");
    assert_eq!(config.deployments[0].info.mode.as_deref(), Some("chat"));
    assert_eq!(warnings(&report), Vec::<String>::new());
}

#[test]
fn the_tutorials_load_balancing_loads() {
    let Loaded { config, report } = load(&tutorial("mode: loadbalance"));
    assert_eq!(groups(&config), ["gpt-4 = openai/gpt-4"; 3]);
    let mut ids: Vec<_> = config.deployments.iter().map(|d| d.id.to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each deployment has a name of its own");
    assert_eq!(warnings(&report), Vec::<String>::new());
}

#[test]
fn the_tutorials_caching_and_logging_load() {
    let Loaded { config, report } = load(&tutorial("cache_settings"));
    // It names no embedding model, and has none that could be meant.
    let unlike =
        "cache_settings.similarity_threshold: has no effect without redis_semantic_cache_embedding_model";
    assert!(warnings(&report).iter().any(|warning| warning.contains(unlike)), "{report}");
    let cache = config.cache.unwrap();
    assert_eq!((cache.place, cache.ttl.as_secs()), (config::model::CachePlace::Redis, 3600));
    assert!(
        warnings(&report).contains(
            &"config.yaml:14 cache_settings: this key stands on lines 2 and 14; the last one wins".to_owned()
        ),
        "{report}"
    );
    let Loaded { config, report } = load(&tutorial("datadog"));
    assert_eq!(config.general.log_level.as_deref(), Some("INFO"));
    let sinks: Vec<_> = config.export.sinks.iter().map(|sink| sink.name.as_str()).collect();
    assert_eq!(sinks, ["datadog", "langsmith"], "the tutorial's DSN is a placeholder: {report}");
    assert!(report.to_string().contains("the DSN must look like https://KEY@host/PROJECT"), "{report}");
}

#[test]
fn the_tutorials_kubernetes_config_loads() {
    let block =
        tutorial_blocks().into_iter().find(|block| block.contains("name: litellm-config\ndata:")).unwrap();
    let (_, inner) = block.split_once("config.yaml: |\n").unwrap();
    let text: String =
        inner.lines().map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n").collect();
    assert_eq!(groups(&load(&text).config), ["gpt-4 = openai/gpt-4"]);
}

#[test]
fn every_block_of_the_tutorial_that_is_a_config_was_looked_at() {
    assert_eq!(tutorial_configs().len(), 8);
    for block in tutorial_configs() {
        load(&block);
    }
}

#[test]
fn without_any_key_the_configs_still_start_visibly_broken() {
    for block in tutorial_configs() {
        let loaded = config::load_text(&block, "config.yaml", &empty).unwrap();
        for deployment in &loaded.config.deployments {
            assert!(deployment.problem.as_deref().unwrap_or_default().contains("API_KEY"), "{deployment:?}");
        }
    }
    // The guide's master key comes from the environment: without it there is no admin, so there is no start.
    let report = config::load_text(&guide_main(), "config.yaml", &empty).unwrap_err();
    assert!(
        report.to_string().contains(
            "error: config.yaml:29 general_settings.master_key: the environment variable LITELLM_MASTER_KEY is not \
             set, and the master key must not be empty"
        ),
        "{report}"
    );
}

#[test]
fn the_shipped_files_load_without_a_warning() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut files = vec![folder.join("quickstart.yaml"), folder.join("production.yaml")];
    files.extend(std::fs::read_dir(folder.join("examples")).unwrap().map(|entry| entry.unwrap().path()));
    assert!(files.len() >= 12, "{files:?}");
    let complete = |name: &str| match name {
        "AZURE_API_BASE" | "VLLM_BASE" => Some("https://models.example".to_owned()),
        "SENTRY_DSN" => Some("https://key@sentry.example/1".to_owned()),
        _ => full(name).or_else(|| name.ends_with("_API_KEY").then(|| format!("value-of-{name}"))),
    };
    for file in files {
        let loaded = config::load(Some(&file), &complete).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(warnings(&loaded.report), Vec::<String>::new(), "{}", file.display());
        assert_eq!(loaded.config.files, [file]);
    }
}
