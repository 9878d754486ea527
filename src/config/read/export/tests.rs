//! What configurations come to as sinks, and what is said of those that cannot work.

use crate::config::{Loaded, load_text};
use crate::domain::export::{Format, OtlpEncoding, Sink, SinkKind};

fn load(text: &str, environment: &[(&str, &str)]) -> Loaded {
    let get = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    load_text(text, "c.yaml", &get).unwrap_or_else(|report| panic!("{report}"))
}

fn sinks(text: &str, environment: &[(&str, &str)]) -> Vec<Sink> {
    load(text, environment).config.export.sinks
}

fn said(text: &str, environment: &[(&str, &str)]) -> String {
    load(text, environment).report.to_string()
}

/// What is said of a configuration that cannot be used.
fn refused(text: &str, environment: &[(&str, &str)]) -> String {
    let get = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    match load_text(text, "c.yaml", &get) {
        Ok(loaded) => panic!("it is taken: {:?}", loaded.config.export),
        Err(report) => report.to_string(),
    }
}

#[test]
fn callbacks_say_what_they_are_told_of() {
    let environment = [
        ("LANGFUSE_PUBLIC_KEY", "pk"),
        ("LANGFUSE_SECRET_KEY", "sk"),
        ("DD_API_KEY", "k"),
        ("DD_SITE", "datadoghq.eu"),
    ];
    let found = sinks(
        "litellm_settings:\n  success_callback: [langfuse]\n  failure_callback: [langfuse, datadog]\n  callbacks: prometheus\n",
        &environment,
    );
    let told: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.successes, one.failures)).collect();
    assert_eq!(told, [("langfuse", true, true), ("datadog", false, true)]);
    let SinkKind::DatadogLogs(datadog) = &found[1].kind else { panic!("{found:?}") };
    assert_eq!(datadog.url, "https://http-intake.logs.datadoghq.eu/api/v2/logs");
    let SinkKind::Langfuse(langfuse) = &found[0].kind else { panic!("{found:?}") };
    assert_eq!(langfuse.url, "https://cloud.langfuse.com/api/public/ingestion");
}

#[test]
fn the_tutorials_list_is_taken_literally() {
    let text = "logging:\n  - type: datadog\n    datadog_api_key: your-datadog-key\n    datadog_site: datadoghq.com\n\
                \x20 - type: sentry\n    dsn: https://key@o1.ingest.sentry.io/42\n\
                \x20 - type: langsmith\n    project_name: litellm-proxy\n    api_key: your-langsmith-key\n";
    let found = sinks(text, &[]);
    assert!(!said(text, &[]).contains("logging"), "{}", said(text, &[]));
    let (SinkKind::DatadogLogs(datadog), SinkKind::Sentry(sentry), SinkKind::Langsmith(langsmith)) =
        (&found[0].kind, &found[1].kind, &found[2].kind)
    else {
        panic!("{found:?}")
    };
    assert_eq!(datadog.url, "https://http-intake.logs.datadoghq.com/api/v2/logs");
    assert_eq!(sentry.url, "https://o1.ingest.sentry.io/api/42/envelope/");
    assert_eq!((found[1].successes, found[1].failures), (false, true));
    assert_eq!(langsmith.url, "https://api.smith.langchain.com/api/v1/runs/batch");
    assert_eq!(langsmith.project, "litellm-proxy");
    let placeholder = said("logging: [{type: sentry, dsn: your-sentry-dsn}]\n", &[]);
    assert!(placeholder.contains("logging[0].type: has no effect: the DSN must look like"), "{placeholder}");
}

#[test]
fn what_is_missing_or_mistaken_is_said_once_by_name() {
    let report = said(
        "litellm_settings:\n  callbacks: [langfuze, langsmith, arize, custom.handler, nonsense]\n  success_callback: [s3]\n",
        &[],
    );
    for sentence in [
        "litellm_settings.callbacks[0]: unknown callback \"langfuze\", did you mean \"langfuse\"?",
        "litellm_settings.callbacks[1]: has no effect without LANGSMITH_API_KEY, which is not set",
        "litellm_settings.callbacks[2]: \"arize\" is not exported to in this version",
        "litellm_settings.callbacks[3]: \"custom.handler\" is Python",
        "litellm_settings.callbacks[4]: unknown callback \"nonsense\"; known are datadog",
        "litellm_settings.success_callback[0]: has no effect without s3_bucket_name, which is not set",
    ] {
        assert_eq!(report.matches(sentence).count(), 1, "{sentence}\n{report}");
    }
}

#[test]
fn prompts_are_exported_only_where_that_is_said() {
    let environment = [("GENERIC_LOGGER_ENDPOINT", "https://h/x")];
    let content = |more: &str| {
        let text = format!("litellm_settings:\n  callbacks: [generic_api]\n{more}");
        sinks(&text, &environment)[0].content
    };
    assert!(!content(""));
    assert!(content("  turn_off_message_logging: false\n"));
    assert!(content("general_settings: {store_prompts_in_spend_logs: true}\n"));
    assert!(!content(
        "  turn_off_message_logging: true\ngeneral_settings: {store_prompts_in_spend_logs: true}\n"
    ));
    assert!(content("callback_settings: {generic_api: {message_logging: true}}\n"));
    assert!(!content(
        "  turn_off_message_logging: false\ncallback_settings: {generic_api: {turn_off_message_logging: true}}\n"
    ));
}

#[test]
fn opentelemetry_is_spoken_over_http() {
    let of = |environment: &[(&str, &str)]| sinks("litellm_settings: {callbacks: [otel]}\n", environment);
    let usual = of(&[
        ("OTEL_EXPORTER", "otlp_http"),
        ("OTEL_ENDPOINT", "http://c:4318"),
        ("OTEL_HEADERS", "api-key=a%20b,x=y"),
        ("LITELLM_OTEL_INTEGRATION_ENABLE_METRICS", "true"),
    ]);
    let SinkKind::Otlp(otlp) = &usual[0].kind else { panic!("{usual:?}") };
    assert_eq!(otlp.traces_url, "http://c:4318/v1/traces");
    assert_eq!(otlp.metrics_url.as_deref(), Some("http://c:4318/v1/metrics"));
    assert_eq!(otlp.headers, [("api-key".to_owned(), "a b".into()), ("x".to_owned(), "y".into())]);
    assert_eq!(otlp.resource[0], ("service.name".to_owned(), "litellm".to_owned()));
    let json = of(&[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/v1/traces/"),
    ]);
    let SinkKind::Otlp(otlp) = &json[0].kind else { panic!("{json:?}") };
    assert_eq!((otlp.encoding, otlp.traces_url.as_str()), (OtlpEncoding::Json, "http://c:4318/v1/traces"));
    for (name, value) in [("OTEL_EXPORTER", "otlp_grpc"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")] {
        let grpc = refused(
            "litellm_settings: {callbacks: [otel]}\n",
            &[(name, value), ("OTEL_ENDPOINT", "http://c")],
        );
        let sentence = format!("the environment variable {name} must be http/protobuf or http/json");
        assert!(grpc.contains(&sentence), "{grpc}");
    }
    // Set for other programs of the machine.
    let own = of(&[
        ("OTEL_EXPORTER", "otlp_http"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_ENDPOINT", "http://c"),
    ]);
    assert!(
        matches!(&own[0].kind, SinkKind::Otlp(otlp) if otlp.encoding == OtlpEncoding::Protobuf),
        "{own:?}"
    );
}

#[test]
fn opentelemetrys_own_variables_mean_what_its_specification_says() {
    let otlp = |environment: &[(&str, &str)]| {
        let found = sinks("litellm_settings: {callbacks: [otel]}\n", environment);
        let SinkKind::Otlp(otlp) = found[0].kind.clone() else { panic!("{found:?}") };
        otlp
    };
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:1/own/path");
    let metrics = ("LITELLM_OTEL_INTEGRATION_ENABLE_METRICS", "true");
    let both = otlp(&[
        traces,
        metrics,
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:2/base/"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=all"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-key=of%2Dtraces"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ]);
    assert_eq!(both.traces_url, "http://t:1/own/path");
    assert_eq!(both.metrics_url.as_deref(), Some("http://b:2/base/v1/metrics"));
    assert_eq!(both.headers, [("x-key".to_owned(), "of-traces".into())]);
    assert_eq!(both.metrics_headers, [("x-key".to_owned(), "all".into())]);
    assert!(both.gzip);
    let base = otlp(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:2/base/")]);
    assert_eq!((base.traces_url.as_str(), base.gzip), ("http://b:2/base/v1/traces", false));
    let lost = refused("litellm_settings: {callbacks: [otel]}\n", &[traces, metrics]);
    assert!(lost.contains("needs OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"), "{lost}");
}

#[test]
fn what_cannot_be_sent_is_an_error_that_names_its_place() {
    let mine = |settings: &str| {
        let text = format!(
            "litellm_settings: {{callbacks: [mine]}}\ncallback_settings:\n  mine:\n    callback_type: generic_api\n{settings}"
        );
        refused(&text, &[])
    };
    let url = mine("    endpoint: collector:8080/x\n");
    assert!(
        url.contains("callback_settings.mine.endpoint: must be an address that begins with http"),
        "{url}"
    );
    let port = mine("    endpoint: https://h:99999/x\n");
    assert!(port.contains("callback_settings.mine.endpoint: must be an address whose port is"), "{port}");
    let value = mine("    endpoint: https://h/x\n    headers: {X-Key: \"canary\\nb\", 'a b': c, Host: x}\n");
    for sentence in [
        "callback_settings.mine.headers.X-Key: must be printable ASCII on one line",
        "is no name of an HTTP header",
        "callback_settings.mine.headers.Host: is a header that is set here",
    ] {
        assert!(value.contains(sentence), "{sentence}\n{value}");
    }
    assert!(!value.contains("canary"), "{value}");
    let variables = refused(
        "litellm_settings: {callbacks: [generic_api, datadog, langfuse, langsmith]}\n",
        &[
            ("GENERIC_LOGGER_ENDPOINT", "https://ann:canary@h/x"),
            ("GENERIC_LOGGER_HEADERS", "X-Key"),
            ("DD_API_KEY", "canary\nkey"),
            ("DD_SITE", "https://datadoghq.eu"),
            ("LANGFUSE_PUBLIC_KEY", "pk"),
            ("LANGFUSE_SECRET_KEY", "sk"),
            ("LANGFUSE_HOST", "https://h?x=1"),
            ("LANGSMITH_API_KEY", "k"),
            ("LANGSMITH_BASE_URL", "ls.example"),
        ],
    );
    for sentence in [
        "the environment variable GENERIC_LOGGER_ENDPOINT must be an address without a login",
        "the environment variable DD_API_KEY must be printable ASCII on one line",
        "the environment variable LANGFUSE_HOST must be an address without ? and #",
        "the environment variable LANGSMITH_BASE_URL must be an address that begins with http",
    ] {
        assert!(variables.contains(sentence), "{sentence}\n{variables}");
    }
    assert!(!variables.contains("canary"), "{variables}");
    let site = [("DD_API_KEY", "k"), ("DD_SITE", "https://datadoghq.eu")];
    let site = refused("litellm_settings: {callbacks: [datadog]}\n", &site);
    assert!(site.contains("DD_SITE must be the name of a Datadog site"), "{site}");
    let dsn = refused("logging: [{type: sentry, dsn: 'https://o1.ingest.sentry.io/42'}]\n", &[]);
    assert!(dsn.contains("logging[0].dsn: must be a DSN that looks like"), "{dsn}");
}

#[test]
fn a_callback_of_ones_own_is_a_webhook() {
    let text = "litellm_settings: {callbacks: [mine]}\ncallback_settings:\n  mine:\n    callback_type: generic_api\n    \
                endpoint: https://h/x?key=canary\n    headers: {Authorization: Bearer canary}\n    \
                event_types: [llm_api_failure]\n    log_format: ndjson\n";
    let found = sinks(text, &[]);
    let SinkKind::Webhook(webhook) = &found[0].kind else { panic!("{found:?}") };
    assert_eq!((found[0].name.as_str(), found[0].successes, found[0].failures), ("mine", false, true));
    assert_eq!((webhook.format, webhook.headers[0].0.as_str()), (Format::Ndjson, "Authorization"));
    assert!(!format!("{found:?}").contains("canary"));
}

#[test]
fn objects_go_to_a_bucket() {
    let text = |more: &str| {
        format!(
            "litellm_settings:\n  callbacks: [s3_v2]\n  s3_callback_params: {{s3_bucket_name: logs, s3_region_name: eu-west-1, \
             s3_aws_access_key_id: os.environ/KEY_ID, s3_aws_secret_access_key: canary{more}}}\n"
        )
    };
    let found = sinks(&text(", s3_path: /a/, s3_flush_interval: 3"), &[("KEY_ID", "AK")]);
    let SinkKind::S3(s3) = &found[0].kind else { panic!("{found:?}") };
    assert_eq!((s3.endpoint.as_str(), &s3.bucket), ("https://logs.s3.eu-west-1.amazonaws.com", &None));
    assert_eq!((s3.path.as_str(), s3.access_key.as_str()), ("a", "AK"));
    assert_eq!(found[0].batching.every.as_secs(), 3);
    let own = sinks(&text(", s3_endpoint_url: 'https://minio:443/'"), &[("KEY_ID", "AK")]);
    let SinkKind::S3(s3) = &own[0].kind else { panic!("{own:?}") };
    assert_eq!((s3.endpoint.as_str(), s3.bucket.as_deref()), ("https://minio", Some("logs")));
    let missing = said(&text(""), &[]);
    assert!(missing.contains("has no effect without KEY_ID, which is not set"), "{missing}");
}
