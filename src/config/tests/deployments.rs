//! What becomes of the entries of `model_list`.

use super::*;

#[test]
fn deployments_get_everything_that_was_said() {
    let d = one(
        "model: azure/my-gpt\napi_base: https://x.openai.azure.com/\nrpm: 1_000\ntpm: \"20000\"\nweight: 0.5\norder: 2\n\
                 timeout: 30\nstream_timeout: 10s\nnum_retries: 1\nmax_parallel_requests: 7\ntags: [a, b]\ntemperature: 0.2\n\
                 seed: null\nextra_headers: {x-a: b, x-n: 1}\nextra_body: {k: [1]}\ndrop_params: on\n\
                 additional_drop_params: [n]\nkeepalive_seconds: 5\non_disconnect: drain\ninput_cost_per_token: 0.5\n\
                 configurable_clientside_auth_params: [api_key, {api_base: x}]\naws_region_name: eu",
    );
    assert_eq!((d.provider.name, d.model.as_str()), ("azure", "my-gpt"));
    assert_eq!(d.connection.api_base, "https://x.openai.azure.com");
    assert_eq!(d.connection.api_key, Some(Secret::from("key-of-AZURE_API_KEY")));
    assert_eq!(d.connection.api_version.as_deref(), Some("2025-02-01-preview"));
    assert_eq!(d.connection.extra_headers[1], ("x-n".to_owned(), Secret::from("1")));
    assert_eq!((d.capacity.rpm, d.capacity.tpm, d.capacity.weight), (Some(1000), Some(20_000), Some(0.5)));
    assert_eq!((d.capacity.order, d.capacity.max_parallel_requests), (Some(2), Some(7)));
    assert_eq!(d.patience.timeout, Some(Duration::from_secs(30)));
    assert_eq!(d.patience.stream_timeout, Some(Duration::from_secs(10)));
    assert_eq!(serde_json::Value::Object(d.request.defaults), json!({"temperature": 0.2}));
    assert_eq!(serde_json::Value::Object(d.request.extra_body), json!({"k": [1]}));
    assert_eq!((d.request.drop_params, d.request.drain_on_disconnect), (Some(true), true));
    assert_eq!(d.request.client_side_params, ["api_key"]);
    assert_eq!(d.info.input_cost_per_token, Some(0.5));
    assert_eq!(d.problem, None);
}

#[test]
fn the_price_list_and_overrides_stay_with_their_deployment() {
    let text = "model_list:\n- {model_name: a, litellm_params: {model: gpt-4o, output_cost_per_token: 1}}\n\
                - {model_name: b, litellm_params: {model: gpt-4o}, model_info: {max_input_tokens: 5}}\n";
    let config = load(text).config;
    let (a, b) = (&config.deployments[0].info, &config.deployments[1].info);
    assert_eq!((a.output_cost_per_token, a.max_input_tokens), (Some(1.0), Some(128_000)));
    assert_eq!((b.output_cost_per_token, b.max_input_tokens), (Some(1e-5), Some(5)));
    assert_eq!(b.mode.as_deref(), Some("chat"));
    assert!(b.supports_response_schema);
}

#[test]
fn providers_defaults_come_from_the_environment_and_the_table() {
    let env = |name: &str| match name {
        "OPENAI_API_BASE" => Some("http://127.0.0.1:9/v1/".to_owned()),
        "OLLAMA_API_BASE" => Some("http://box:11434".to_owned()),
        "OPENAI_ORGANIZATION" => Some("org".to_owned()),
        _ => keys(name),
    };
    let base = |params: &str| {
        let loaded = load_text(&with_params(params), "c.yaml", &env).unwrap();
        let d = &loaded.config.deployments[0];
        assert_eq!(d.problem, None, "{params}");
        d.connection.api_base.clone()
    };
    assert_eq!(base("model: gpt-4o"), "http://127.0.0.1:9/v1");
    assert_eq!(base("model: ollama/llama3"), "http://box:11434/v1");
    assert_eq!(base("model: mistral/x\napi_base: http://m"), "http://m/v1");
    assert_eq!(base("model: claude-x\napi_base: http://a/v1/messages"), "http://a");
    assert_eq!(base("model: groq/x"), "https://api.groq.com/openai/v1");
    assert_eq!(
        base("model: gemini/gemini-2.5-flash"),
        "https://generativelanguage.googleapis.com/v1beta/openai"
    );
    assert_eq!(base("model: my/own\ncustom_llm_provider: openai\nbase_url: http://o/x/"), "http://o/x");
}

#[test]
fn what_a_deployment_lacks_is_said_and_it_is_kept() {
    let problem = |params: &str| {
        let loaded = load_text(&with_params(params), "c.yaml", &none).unwrap();
        assert_eq!(
            loaded.report.count(Severity::Warning),
            usize::from(loaded.config.deployments[0].problem.is_some())
        );
        loaded.config.deployments[0].problem.clone()
    };
    let says = |params: &str, wanted: &str| assert_eq!(problem(params).as_deref(), Some(wanted), "{params}");
    says("model: gpt-4o", "no API key: set OPENAI_API_KEY or litellm_params.api_key");
    says(
        "model: gpt-4o\napi_key: os.environ/MINE",
        "the environment variable MINE (litellm_params.api_key) is not set",
    );
    says(
        "model: gpt-4o\napi_key: k\napi_base: os.environ/B",
        "the environment variable B (litellm_params.api_base) is not set",
    );
    says("model: azure/x\napi_key: k", "no API base: set AZURE_API_BASE or litellm_params.api_base");
    says("model: hosted_vllm/x", "no API base: set HOSTED_VLLM_API_BASE or litellm_params.api_base");
    says(
        "model: gpt-4o\napi_key: k\napi_base: localhost:8000",
        "its api_base is no address: it must look like https://host/path",
    );
    says(
        "model: azure/x\napi_base: https://a\ntenant_id: t\nclient_secret: s",
        "fetching Entra tokens is not supported yet: set litellm_params.api_key or azure_ad_token",
    );
    says("model: bedrock/x", "provider bedrock is not supported yet");
    says(
        "model: llama3",
        "nobody's model is called \"llama3\": write the provider in front of it, such as \"openai/llama3\"",
    );
    for fine in [
        "model: gpt-4o\napi_base: http://localhost:1",
        "model: ollama/x",
        "model: nobody\nmock_response: hi",
        "model: azure/x\napi_base: https://a\nazure_ad_token: t",
        "model: gpt-4o\napi_key: os.environ/X\nmock_response: hi",
    ] {
        assert_eq!(problem(fine), None, "{fine}");
    }
    assert_eq!(
        load(&with_params("model: gpt-4o\napi_key: os.environ/MINE")).report.problems[0].message,
        "the environment variable MINE is not set; OPENAI_API_KEY is used instead"
    );
}

#[test]
fn ids_are_stable_unique_and_free_of_secrets() {
    let ids = |text: &str| load(text).config.deployments.iter().map(|d| d.id.to_string()).collect::<Vec<_>>();
    let entry =
        |key: &str| format!("- {{model_name: a, litellm_params: {{model: gpt-4o, api_key: {key}}}}}\n");
    let text = format!("model_list:\n{}{}", entry("one"), entry("two"));
    let rotated = format!("model_list:\n{}{}", entry("three"), entry("four"));
    let first = ids(&text);
    assert_eq!(first, ids(&rotated));
    assert_eq!(first[1], format!("{}-2", first[0]));
    assert_eq!(first[0].len(), 32);
    let organizations =
        "model_list: [{model_name: a, litellm_params: {model: gpt-4o, organization: [x, y]}}]";
    let loaded = load(organizations);
    let shown: Vec<_> =
        loaded.config.deployments.iter().filter_map(|d| d.connection.organization.as_deref()).collect();
    assert_eq!(shown, ["x", "y"]);
    let twice = "model_list:\n- {model_name: a, litellm_params: {model: gpt-4o, mock_response: x}, model_info: {id: 7}}\n\
                 - {model_name: b, litellm_params: {model: gpt-4o, mock_response: x}, model_info: {id: \"7\"}}\n";
    assert_eq!(
        report(twice),
        [
            "error: c.yaml:3 model_list[1].model_info.id: the id \"7\" is taken by the deployment of line 2; ids must differ"
        ]
    );
}
