//! What a user sees of a whole config: values obeyed, problems named.

mod deployments;
mod governance;
mod semantic;

use std::fs;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::base::secret::Secret;
use crate::domain::deployment::Deployment;
use crate::domain::reliability::AllowedFails;
use model::StrategyName;

fn none(_: &str) -> Option<String> {
    None
}

fn keys(name: &str) -> Option<String> {
    name.ends_with("_API_KEY").then(|| format!("key-of-{name}"))
}

fn load(text: &str) -> Loaded {
    load_text(text, "c.yaml", &keys).unwrap_or_else(|report| panic!("{report}"))
}

fn report(text: &str) -> Vec<String> {
    let report = match load_text(text, "c.yaml", &none) {
        Ok(loaded) => loaded.report,
        Err(report) => report,
    };
    report.problems.iter().map(|problem| format!("{}: {problem}", problem.severity)).collect()
}

/// A config with one deployment that has these lines in its `litellm_params`.
fn with_params(lines: &str) -> String {
    let indented: String = lines.lines().map(|line| format!("      {line}\n")).collect();
    format!("model_list:\n  - model_name: g\n    litellm_params:\n{indented}")
}

fn one(lines: &str) -> Deployment {
    let loaded = load(&with_params(lines));
    Deployment::clone(&loaded.config.deployments[0])
}

#[test]
fn the_quickstart_serves_a_demo_model_without_any_environment() {
    let Loaded { config, report } = super::load(None, &none).unwrap();
    assert_eq!(report.to_string(), "no problems");
    let demo = &config.deployments[0];
    assert_eq!(
        (demo.group.as_ref(), demo.full_model().as_str(), demo.id.as_ref()),
        ("demo", "openai/demo", "demo")
    );
    assert!(demo.problem.is_none() && demo.request.mock_response.is_some());
    assert_eq!(config.router.strategy, StrategyName::SimpleShuffle);
    assert_eq!(config.router.timeout, Duration::from_secs(600));
    assert_eq!((config.router.retry.num_retries, config.router.fallbacks.max), (2, 5));
    assert_eq!(config.router.cooldown_time, Duration::from_secs(5));
    assert_eq!(config.general.max_request_bytes, 100 * 1024 * 1024);
}

#[test]
fn every_problem_is_named_at_once_with_its_place() {
    let text = "\
model_list:
  - model_name: gpt
    litellm_params:
      model: openai/gpt-4o
      api_key: sk-canary
      api_bas: http://x
      rpm: many
      my_api_token: sk-canary
  - model_name: other
    litellm_params:
      model: opnai/gpt-4o
  - litellm_params: {model: gpt-4o}
  - model_name: vertex
    litellm_params: {model: vertex_ai/gemini-2.5-pro}
    model_info: {mode: chatt, base_modle: x}
litellm_settings:
  drop_param: true
  routing_strategy: least-busy
router_settings:
  routing_strategy: least-bussy
  num_retries: -1
  fallbacks: [{gpt: [othr]}]
  model_group_alias: {old: gtp}
general_settings:
  master_key: 1234
modell_list: []
num_retries: 4
";
    assert_eq!(
        report(text),
        [
            "warning: c.yaml:6 model_list[0].litellm_params.api_bas: unknown key, did you mean \"api_base\"?",
            "error: c.yaml:7 model_list[0].litellm_params.rpm: must be a whole number, 0 or more, not a text",
            "warning: c.yaml:8 model_list[0].litellm_params.my_api_token: unknown key, and named like a secret: it is \
             not sent anywhere",
            "warning: c.yaml:9 model_list[1]: this deployment of \"other\" cannot work: there is no provider \
             \"opnai\", did you mean \"openai\", \"openai_like\"?",
            "error: c.yaml:12 model_list[2]: a model_list entry needs a model_name",
            "warning: c.yaml:13 model_list[3]: this deployment of \"vertex\" cannot work: provider vertex_ai is not \
             supported yet",
            "warning: c.yaml:15 model_list[3].model_info.base_modle: unknown key, did you mean \"base_model\"?",
            "warning: c.yaml:15 model_list[3].model_info.mode: unknown mode, did you mean \"chat\"?",
            "warning: c.yaml:17 litellm_settings.drop_param: unknown key, did you mean \"drop_params\"?",
            "warning: c.yaml:18 litellm_settings.routing_strategy: unknown key here, it belongs under router_settings",
            "error: c.yaml:20 router_settings.routing_strategy: unknown strategy, did you mean \"least-busy\"?",
            "error: c.yaml:21 router_settings.num_retries: must be a whole number, 0 or more",
            "warning: c.yaml:22 router_settings.fallbacks[0].gpt[0]: the fallback target \"othr\" is not in \
             model_list, did you mean \"other\"?",
            "warning: c.yaml:23 router_settings.model_group_alias.old: the group \"gtp\" is not in model_list, did \
             you mean \"gpt\"?",
            "error: c.yaml:25 general_settings.master_key: must be a text, not a number: put it in quotes",
            "warning: c.yaml:26 modell_list: unknown key, did you mean \"model_list\"?",
            "warning: c.yaml:27 num_retries: unknown key here, it belongs under litellm_settings",
        ]
    );
}

#[test]
fn a_price_that_is_none_is_told_and_not_shown() {
    let lines = "model: gpt-4o\napi_key: k\ninput_cost_per_token: sk-canary\noutput_cost_per_second: -1\n\
                 output_cost_per_tokn: 1";
    assert_eq!(
        report(&with_params(lines)),
        [
            "error: c.yaml:6 model_list[0].litellm_params.input_cost_per_token: must be a decimal number",
            "error: c.yaml:7 model_list[0].litellm_params.output_cost_per_second: must not be negative",
            "warning: c.yaml:8 model_list[0].litellm_params.output_cost_per_tokn: unknown price, it has no effect",
        ]
    );
    let priced =
        one("model: my\napi_base: http://x\ncustom_llm_provider: openai\ninput_cost_per_token: 1e-06");
    assert_eq!(priced.info.input_cost_per_token, Some(1e-6));
    assert!(priced.info.price.is_some_and(|price| !price.is_free()));
}

#[test]
fn parameters_that_are_no_defaults_are_named() {
    let text =
        with_params("model: gpt-4o\nmock_response: x\nmax_token: 5\nstream: true\nmy_own: 1\ntimout: 3");
    assert_eq!(
        report(&text),
        [
            "warning: c.yaml:6 model_list[0].litellm_params.max_token: unknown parameter, did you mean \"max_tokens\"? \
             It is sent to the provider as it is",
            "warning: c.yaml:7 model_list[0].litellm_params.stream: only the caller can say this; it has no effect here",
            "warning: c.yaml:9 model_list[0].litellm_params.timout: unknown key, did you mean \"timeout\"?",
        ]
    );
    let defaults = load(&text).config.deployments[0].request.defaults.clone();
    assert_eq!(serde_json::Value::Object(defaults), json!({"max_token": 5, "my_own": 1}));
    assert_eq!(
        report("model_list: [{model_name: \"\", litellm_params: {model: \" \", rpm: x}}, {model_name: a}]"),
        [
            "error: c.yaml:1 model_list[0].model_name: must not be empty",
            "error: c.yaml:1 model_list[0].litellm_params.model: must not be empty",
            "error: c.yaml:1 model_list[0].litellm_params.rpm: must be a whole number, 0 or more, not a text",
            "error: c.yaml:1 model_list[1].litellm_params: there is no model; it looks like \"openai/gpt-4o\"",
        ]
    );
}

#[test]
fn broken_files_say_where() {
    assert_eq!(
        report("a:\n\t- b\n")
            .last()
            .map(String::as_str)
            .map(|text| text.contains("(YAML is indented with spaces")),
        Some(true)
    );
    assert_eq!(
        report("- a\n"),
        ["error: c.yaml:1: a config file is a mapping of sections such as model_list, this is a list"]
    );
    assert_eq!(
        report("model_list: {}\ngeneral_settings: [x]\n"),
        [
            "error: c.yaml:1 model_list: must be a list, not a mapping",
            "error: c.yaml:2 general_settings: must be a mapping of keys to values, not a list",
        ]
    );
    assert_eq!(
        report(""),
        [
            "warning: c.yaml:1 model_list: there is no model_list: nothing can be served until models are added"
        ]
    );
    let missing = super::load(Some(Path::new("/nowhere/c.yaml")), &none).unwrap_err().to_string();
    assert!(missing.starts_with("error: /nowhere/c.yaml: cannot be read: "), "{missing}");
}

#[test]
fn settings_of_two_sections_have_an_order() {
    let text = "litellm_settings: {num_retries: 7, request_timeout: 11, allowed_fails: 3, default_fallbacks: [d], fallbacks: [{a: [x]}, {b: [y]}]}\n\
                router_settings: {num_retries: 1, timeout: 99, fallbacks: [{a: [z, {model: w, temperature: 0}]}],\n\
                  retry_policy: {RateLimitErrorRetries: 4, BadRequestErrorRetry: 1}, context_window_fallbacks: [{a: [big]}]}\n\
                fallback_mapping: {a: [q], c: r}\n";
    let Loaded { config, report } = load(text);
    let router = &config.router;
    assert_eq!((router.retry.num_retries, router.timeout.as_secs()), (1, 11));
    assert_eq!(router.allowed_fails, Some(AllowedFails::Count(3)));
    let targets =
        |group: &str| router.fallbacks.general[group].iter().map(|f| f.group.to_string()).collect::<Vec<_>>();
    assert_eq!(
        (targets("a"), targets("b"), targets("c")),
        (vec!["z".into(), "w".into()], vec!["y".into()], vec!["r".into()])
    );
    assert_eq!(router.fallbacks.general["a"][1].overrides["temperature"], 0);
    assert_eq!(router.fallbacks.default[0].group.as_ref(), "d");
    assert_eq!(router.fallbacks.context_window["a"][0].group.as_ref(), "big");
    assert_eq!(router.retry.by_class.rate_limit, Some(4));
    assert!(
        report
            .to_string()
            .contains("BadRequestErrorRetry: unknown key, did you mean \"BadRequestErrorRetries\"?")
    );
}

#[test]
fn aliases_have_two_forms_and_uneven_weights_are_named() {
    let text = "model_list:\n- {model_name: a, litellm_params: {model: gpt-4o, weight: 2}}\n- {model_name: a, litellm_params: {model: gpt-4o}}\n\
                - {model_name: \"x/*\", litellm_params: {model: \"openai/*\"}}\n- {model_name: y, litellm_params: {model: \"openai/*\"}}\n\
                router_settings: {model_group_alias: {one: a, two: {model: x/1, hidden: true}, y: a}}\n";
    let Loaded { config, report } = load(text);
    assert_eq!((config.aliases["one"].group.as_ref(), config.aliases["two"].hidden), ("a", true));
    let messages: Vec<_> = report.problems.iter().map(|p| format!("{} {}", p.line, p.message)).collect();
    assert_eq!(
        messages,
        [
            "3 only 1 of 2 deployments of \"a\" have a weight: simple-shuffle shares out by weight and this one gets \
             nothing while the others can serve",
            "5 the model has 1 \"*\" but model_name has 0: there is nothing to put in",
            "6 this alias has no effect: line 5 has a group of the same name",
        ]
    );
}

#[test]
fn variables_come_from_the_block_first_and_unset_ones_are_named() {
    let text = "environment_variables: {OPENAI_API_KEY: from-file, LITELLM_MASTER_KEY: os.environ/ADMIN}\n\
                model_list: [{model_name: a, litellm_params: {model: gpt-4o, rpm: os.environ/RPM, tpm: os.environ/TPM}}]\n\
                general_settings: {completion_model: os.environ/GONE}\n";
    let env = |name: &str| match name {
        "ADMIN" => Some("sk-admin".to_owned()),
        "RPM" => Some("60".to_owned()),
        "OPENAI_API_KEY" => Some("from-process".to_owned()),
        _ => None,
    };
    let Loaded { config, report } = load_text(text, "c.yaml", &env).unwrap();
    assert_eq!(config.deployments[0].connection.api_key, Some(Secret::from("from-file")));
    assert_eq!(config.general.master_key, Some(Secret::from("sk-admin")));
    assert_eq!(config.deployments[0].capacity.rpm, Some(60));
    assert_eq!(
        report.to_string(),
        "warning: c.yaml:2 model_list[0].litellm_params.tpm: the environment variable TPM is not set, so this counts \
         as absent\nwarning: c.yaml:3 general_settings.completion_model: the environment variable GONE is not set, so \
         this counts as absent\n0 errors, 2 warnings"
    );
}

#[test]
fn credentials_fill_in_what_the_entry_leaves_open() {
    let text = "credential_list: [{credential_name: prod, credential_values: {api_key: from-list, api_base: \"http://c\"}}]\n\
                model_list:\n- {model_name: a, litellm_params: {model: openai/x, litellm_credential_name: prod, api_base: \"http://own\"}}\n\
                - {model_name: b, litellm_params: {model: openai/x, litellm_credential_name: prodd}}\n";
    let Loaded { config, report } = load(text);
    let connection = &config.deployments[0].connection;
    assert_eq!(
        (connection.api_base.as_str(), &connection.api_key),
        ("http://own", &Some(Secret::from("from-list")))
    );
    assert_eq!(report.problems[0].message, "there is no such credential, did you mean \"prod\"?");
}

#[test]
fn included_files_are_merged_and_named_in_problems() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "main.yaml",
        "include: [sub/models.yaml, more.yaml]\nmodel_list: [{model_name: a, litellm_params: {model: gpt-4o}}]\n\
                        litellm_settings: {num_retries: 1, drop_params: true}\n",
    );
    fs::create_dir(folder.path().join("sub")).unwrap();
    write(
        "sub/models.yaml",
        "include: [deep.yaml]\nmodel_list:\n- {model_name: b, litellm_params: {model: gpt-4o, rmp: 1}}\n",
    );
    write("sub/deep.yaml", "litellm_settings: {num_retries: 5}\n");
    write("more.yaml", "litellm_settings: {json_logs: true}\n");
    let main = folder.path().join("main.yaml");
    let Loaded { config, report } = super::load(Some(&main), &keys).unwrap();
    assert_eq!(config.deployments.iter().map(|d| d.group.as_ref()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(
        (config.router.retry.num_retries, config.settings.drop_params, config.settings.json_logs),
        (5, true, true)
    );
    assert_eq!(config.files.len(), 4);
    let problem = &report.problems[0];
    assert!(problem.file.ends_with("sub/models.yaml"), "{problem}");
    assert_eq!((problem.line, problem.message.as_str()), (3, "unknown key, did you mean \"rpm\"?"));

    write("more.yaml", "include: main.yaml\n");
    let circle = super::load(Some(&main), &keys).unwrap_err().to_string();
    assert!(
        circle.contains("more.yaml:1 include: main.yaml includes itself, directly or through others"),
        "{circle}"
    );
    fs::remove_file(folder.path().join("more.yaml")).unwrap();
    let gone = super::load(Some(&main), &keys).unwrap_err().to_string();
    assert!(gone.contains("main.yaml:1 include: more.yaml: cannot be read: "), "{gone}");
}

#[test]
fn a_log_level_may_be_written_as_yaml_reads_it() {
    for (written, level) in [("off", "off"), ("\"off\"", "off"), ("debug", "debug")] {
        let config = load(&format!("general_settings: {{log_level: {written}}}\n"));
        assert_eq!(config.config.general.log_level.as_deref(), Some(level), "{written}");
    }
}

#[test]
fn no_secret_is_printed_by_any_problem_or_debug() {
    let text = with_params(
        "model: opnai/x\napi_key: [sk-canary]\napi_kye: sk-canary\nextra_headers: {\"bad name\": sk-canary}\n\
                            rpm: sk-canary\nheaders: {ok: sk-canary}",
    ) + "general_settings: {master_key: {a: sk-canary}, database_url: \"postgres://u:sk-canary@h\", log_level: sk-canary}\n\
           litellm_settings: {cache_params: {password: sk-canary, url: sk-canary}}\nlogging: [{dsn: sk-canary}]\n";
    let printed = report(&text).join("\n");
    assert!(printed.contains("api_kye") && !printed.contains("canary"), "{printed}");
    let good = text.replace("api_key: [sk-canary]", "api_key: sk-canary").replace("rpm: sk-canary", "rpm: 1");
    let good = good
        .replace("master_key: {a: sk-canary}", "master_key: sk-canary")
        .replace(", log_level: sk-canary", "");
    let good = good.replace("url: sk-canary", "url: \"redis://:sk-canary@h\"");
    let good = good.replace("extra_headers: {\"bad name\": sk-canary}", "extra_headers: {name: sk-canary}");
    let loaded = load(&good);
    let shown = format!("{loaded:?}");
    assert!(!shown.contains("canary"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_panics_the_loader(text in "\\PC{0,200}") {
        let _ = load_text(&text, "c.yaml", &keys);
    }

    #[test]
    fn no_bytes_panic_the_loader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = load_text(&String::from_utf8_lossy(&bytes), "c.yaml", &keys);
    }

    #[test]
    fn no_pile_of_yaml_panics_the_loader(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("model_list:"), Just("\n"), Just("  "), Just("- "), Just("model_name: a"), Just("litellm_params:"),
                Just("model: "), Just("gpt-4o"), Just("&a "), Just("*a"), Just("<<: "), Just("{"), Just("}"), Just("["),
                Just("]"), Just(", "), Just("os.environ/X"), Just("router_settings:"), Just("fallbacks: "), Just("\""),
                Just("rpm: 1:30"), Just("weight: .inf"), Just("timeout: -1"), Just("# c"), Just("|\n"), Just("!!int "),
                Just("? "), Just(": "), Just("litellm --x"), Just("---\n"), Just("\t"), Just("%YAML 1.1\n"), Just("0x"),
                Just("cache_params:"), Just("include: x"), Just("model_info: {id: 1, rpm: x}"), Just("general_settings: "),
            ],
            0..60,
        )
    ) {
        let _ = load_text(&parts.concat(), "c.yaml", &keys);
    }
}

#[test]
fn a_catch_all_serves_every_provider_whose_key_is_there() {
    let text = "model_list:\n  - {model_name: '*', litellm_params: {model: '*'}}\n  - {model_name: a, litellm_params: {model: openai/x, organization: [o1, o2]}}\n";
    let environment =
        |name: &str| matches!(name, "OPENAI_API_KEY" | "ANTHROPIC_API_KEY").then(|| "k".to_owned());
    let config = super::load_text(text, "c.yaml", &environment).unwrap().config;
    let all: Vec<_> = config.deployments.iter().map(|one| (one.position, one.full_model())).collect();
    let names: Vec<_> = all.iter().map(|(_, name)| name.as_str()).collect();
    assert!(names.contains(&"openai/*") && names.contains(&"anthropic/*"), "{names:?}");
    assert!(all.iter().enumerate().all(|(index, (position, _))| index == *position), "{all:?}");
    assert!(!names.contains(&"groq/*"));
}
