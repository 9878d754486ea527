//! The names that may stand in a config: what is obeyed now, and what is known and comes later.

use serde_json::Value;

use crate::domain::providers::scrub;

/// The keys of one section.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    /// Obeyed.
    pub now: &'static [&'static str],
    /// LiteLLM's, accepted and kept, without effect in this version.
    pub later: &'static [&'static str],
}

impl Keys {
    /// Whether the key is one of them.
    pub fn knows(&self, key: &str) -> bool {
        self.all().any(|known| known == key)
    }

    /// Every key.
    pub fn all(&self) -> impl Iterator<Item = &'static str> {
        self.now.iter().chain(self.later).copied()
    }
}

/// Sections of the file.
#[rustfmt::skip]
pub const TOP: Keys = Keys {
    now: &[
        "model_list", "litellm_settings", "router_settings", "general_settings", "environment_variables",
        "include", "credential_list", "fallback_mapping", "user_config", "rate_limit_config", "logging",
        "callback_settings", "cache_settings",
    ],
    later: &[
        "guardrails", "mcp_servers",
        "mcp_tools", "vector_store_registry", "search_tools", "files_settings", "finetune_settings",
        "assistant_settings", "prompts", "agent_list", "policies", "policy_attachments",
        "default_team_settings",
    ],
};

/// One entry of `model_list`.
#[rustfmt::skip]
pub const ENTRY: Keys =
    Keys { now: &["model_name", "litellm_params", "model_info", "rpm", "tpm"], later: &[] };

/// `litellm_params`.
#[rustfmt::skip]
pub const PARAMS: Keys = Keys {
    now: &[
        "model", "custom_llm_provider", "api_key", "api_base", "base_url", "api_version", "organization",
        "azure_ad_token", "region_name", "rpm", "tpm", "weight", "order", "max_parallel_requests", "timeout",
        "stream_timeout", "request_timeout", "num_retries", "cooldown_time", "mock_response", "drop_params",
        "additional_drop_params", "allowed_openai_params", "tags", "litellm_credential_name",
        "configurable_clientside_auth_params", "extra_headers", "headers", "extra_body", "keepalive_seconds",
        "allow_client_keepalive_override", "on_disconnect", "default_api_key_tpm_limit",
        "default_api_key_rpm_limit",
    ],
    later: &[
        "tenant_id", "client_id", "client_secret", "azure_username", "azure_password", "azure_scope",
        "vertex_project", "vertex_location", "vertex_credentials", "aws_access_key_id", "aws_secret_access_key",
        "aws_session_token", "aws_region_name", "aws_session_name", "aws_profile_name", "aws_role_name",
        "aws_web_identity_token", "aws_sts_endpoint", "aws_external_id", "aws_bedrock_runtime_endpoint", "itpm",
        "otpm", "timeout_by_service_tier", "stream_timeout_by_service_tier", "max_retries", "tag_regex",
        "max_budget", "budget_duration", "use_in_pass_through", "merge_reasoning_content_in_choices",
        "silent_model", "use_litellm_proxy", "max_file_size_mb", "watsonx_region_name", "auto_router_config",
        "auto_router_config_path", "auto_router_default_model", "auto_router_embedding_model",
        "vector_store_id", "mock_tool_calls", "ssl_verify", "model_info", "s3_bucket_name", "gcs_bucket_name",
        "use_chat_completions_api", "milvus_text_field",
    ],
};

/// Request parameters of OpenAI and the providers: defaults of a deployment, never mistaken for typing errors.
#[rustfmt::skip]
pub const REQUEST_PARAMS: &[&str] = &[
    "temperature", "top_p", "top_k", "top_a", "min_p", "n", "stop", "seed", "user", "max_tokens", "max_completion_tokens",
    "max_output_tokens", "presence_penalty", "frequency_penalty", "repetition_penalty", "logit_bias", "logprobs",
    "top_logprobs", "response_format", "tools", "tool_choice", "parallel_tool_calls", "functions",
    "function_call", "stream", "stream_options", "reasoning_effort", "reasoning", "thinking", "verbosity",
    "modalities", "audio", "prediction", "service_tier", "store", "metadata", "safety_identifier",
    "prompt_cache_key", "prompt_cache_retention", "web_search_options", "encoding_format", "dimensions",
    "input_type", "size", "quality", "style", "background", "output_format", "output_compression",
    "moderation", "voice", "speed", "language", "prompt", "timestamp_granularities", "top_n",
    "return_documents", "max_chunks_per_doc", "instructions", "text", "truncation", "include", "cache_control",
    "context_management", "num_ctx", "keep_alive", "think", "guided_json", "guided_regex", "guided_choice",
    "chat_template_kwargs", "safe_prompt", "random_seed", "transforms", "provider", "models", "route", "plugins",
    "usage", "search_mode", "search_domain_filter", "return_images", "return_related_questions",
    "safety_settings", "enable_thinking", "best_of", "echo", "suffix", "input",
];

/// `model_info`. Other keys are kept and shown, nobody's typing error here.
#[rustfmt::skip]
pub const INFO: Keys = Keys {
    now: &[
        "id", "base_model", "mode", "max_input_tokens", "max_output_tokens", "max_tokens", "rpm", "tpm",
        "allowed_fails", "allowed_fails_policy", "cooldown_time", "supports_response_schema",
        "supports_reasoning", "input_cost_per_token", "output_cost_per_token",
    ],
    later: &[
        "team_id", "team_public_model_name", "blocked", "access_groups", "supported_environments",
        "disable_background_health_check", "health_check_model", "health_check_timeout",
        "health_check_max_tokens", "enable_tag_filtering", "allow_fail_open",
    ],
};

/// The values of `model_info.mode`; `fallback` and `loadbalance` are labels without effect.
pub const MODES: &[&str] = &[
    "chat",
    "completion",
    "embedding",
    "image_generation",
    "image_edit",
    "audio_transcription",
    "audio_speech",
    "rerank",
    "responses",
    "moderation",
    "batch",
    "realtime",
    "ocr",
    "video_generation",
    "search",
    "vector_store",
    "fallback",
    "loadbalance",
];

/// `litellm_settings`.
#[rustfmt::skip]
pub const LITELLM: Keys = Keys {
    now: &[
        "drop_params", "num_retries", "request_timeout", "allowed_fails", "fallbacks",
        "context_window_fallbacks", "content_policy_fallbacks", "default_fallbacks", "max_fallbacks",
        "fallback_on_client_errors", "json_logs", "set_verbose", "ssl_verify", "ssl_certificate",
        "require_auth_for_metrics_endpoint", "prometheus_latency_buckets",
        "sse_keepalive_ping_interval_seconds", "cost_tracking", "budget_exceeded_status_code", "max_budget",
        "budget_duration", "max_end_user_budget", "cost_discount_config", "cost_margin_config",
        "default_internal_user_params", "default_team_params", "upperbound_key_generate_params",
        "default_key_generate_params", "key_generation_settings", "internal_user_budget_duration",
        "max_internal_user_budget", "model_cost_map_url", "max_user_budget", "max_end_user_budget_id",
        "timezone", "budget_reset_time", "price_list", "block_requests_for_models_without_pricing",
        "budget_exceeded_throttle_percentage", "callbacks", "success_callback", "failure_callback",
        "turn_off_message_logging", "redact_user_api_key_info", "allow_dynamic_callback_disabling", "s3_callback_params", "datadog_params", "expose_router_debug_in_errors",
        "cache", "cache_params", "cache_ttl",
    ],
    later: &[
        "modify_params", "service_callback", "input_callback", "audit_log_callbacks",
        "enable_caching_on_provider_specific_optional_params",
        "redact_messages_in_exceptions", "log_raw_request_response",
        "prometheus_metrics_config", "prometheus_exclude_metrics", "prometheus_exclude_labels",
        "prometheus_emit_stream_label", "prometheus_initialize_budget_metrics",
        "enable_end_user_cost_tracking_prometheus_only", "disable_end_user_cost_tracking",
        "custom_prometheus_metadata_labels", "custom_prometheus_tags", "include_cost_in_streaming_usage",
        "anthropic_sse_ping_interval_seconds", "model_alias_map", "default_redis_ttl",
        "default_redis_batch_cache_expiry", "force_redis_hash_tag_grouping",
        "use_chat_completions_url_for_anthropic_messages", "enable_anthropic_prompt_caching",
        "forward_traceparent_to_llm_provider", "add_user_information_to_llm_headers",
        "overwrite_user_with_key_hash", "default_team_settings",
        "disable_aiohttp_transport", "aiohttp_trust_env", "langfuse_default_tags", "gcs_pub_sub_use_v1", "guardrails", "public_routes",
        "disable_hf_tokenizer_download", "telemetry", "store_audit_logs", "default_max_internal_user_budget",
        "disable_copilot_system_to_assistant", "mcp_aliases", "credential_list", "priority_reservation",
        "priority_reservation_settings", "cold_storage_custom_logger", "responses_api_session_ttl",
        "ssl_security_level", "ssl_ecdh_curve", "network_mock", "tag_budget_config",
        "disable_add_transform_inline_image_block", "require_auth_for_public_ai_hub", "max_budget_per_session",
        "s3_audit_callback_params", "vertex_ai_safety_settings", "budget_rollover",
    ],
};

/// `router_settings`.
#[rustfmt::skip]
pub const ROUTER: Keys = Keys {
    now: &[
        "routing_strategy", "routing_strategy_args", "num_retries", "retry_after", "timeout",
        "stream_timeout", "max_fallbacks", "fallbacks", "default_fallbacks", "context_window_fallbacks",
        "content_policy_fallbacks", "fallback_on_client_errors", "model_group_alias", "retry_policy",
        "model_group_retry_policy", "allowed_fails", "allowed_fails_policy", "cooldown_time",
        "disable_cooldowns", "enable_pre_call_checks", "enable_tag_filtering", "tag_filtering_match_any",
        "default_max_parallel_requests", "redis_url", "redis_host", "redis_port", "redis_username",
        "redis_password", "redis_db", "redis_ssl", "redis_ssl_ca_certs", "redis_ssl_cert_reqs",
        "redis_ssl_check_hostname", "redis_ssl_certfile", "redis_ssl_keyfile",
    ],
    later: &[
        "optional_pre_call_checks", "tag_routing_prefix", "default_litellm_params", "cache_responses",
        "cache_kwargs", "caching_groups", "client_ttl", "provider_budget_config",
        "deployment_affinity_ttl_seconds", "model_group_affinity_config", "routing_groups",
        "ignore_invalid_deployments", "enable_health_check_routing", "health_check_staleness_threshold",
        "health_check_ignore_transient_errors", "enable_weighted_failover", "polling_interval",
        "default_priority", "alerting_config", "assistants_config", "set_verbose", "debug_level",
        "search_tools", "guardrail_list", "default_cache_time_seconds", "cache_params",
        "router_general_settings",
    ],
};

/// `general_settings`.
#[rustfmt::skip]
pub const GENERAL: Keys = Keys {
    now: &[
        "master_key", "allow_client_side_credentials", "completion_model", "always_include_stream_usage",
        "forward_client_headers_to_llm_api", "max_request_size_mb", "max_response_size_mb",
        "include_call_id_in_error_body", "log_level", "request_log", "dangerously_allow_mock_testing_request_params",
        "database_url", "global_max_rpm", "global_max_tpm", "user_header_name", "max_parallel_requests",
        "global_max_parallel_requests", "token_rate_limit_type", "alerting", "alert_types", "alerting_args",
        "alert_to_webhook_url", "alerting_threshold", "user_header_mappings", "user_api_key_cache_ttl", "user_api_key_cache_max_size",
        "disable_spend_logs", "proxy_batch_write_at", "store_model_in_db", "database_connection_pool_limit",
        "database_connection_timeout", "allow_requests_on_db_unavailable", "enforce_user_param",
        "reject_clientside_metadata_tags", "default_team_disabled", "maximum_spend_logs_retention_period",
        "maximum_spend_logs_retention_interval", "allowed_ips", "use_x_forwarded_for",
        "litellm_key_header_name", "spool_dir", "spool_fsync", "spool_fsync_interval", "spool_full",
        "disable_custom_api_keys", "disable_auto_add_proxy_admin_to_teams", "apply_user_budget_to_team_keys",
        "proxy_config_reload_interval_seconds", "store_prompts_in_spend_logs", "redact_stored_prompts", "coordination_redis",
        "redis_url", "redis_host", "redis_port", "redis_username", "redis_password", "redis_db", "redis_ssl",
        "redis_ssl_ca_certs", "redis_ssl_cert_reqs",
        "redis_ssl_check_hostname", "redis_ssl_certfile", "redis_ssl_keyfile",
        "fail_closed_rate_limit_enforcement", "fail_closed_budget_enforcement",
    ],
    later: &[
        "background_health_checks", "health_check_interval", "health_check_concurrency", "health_check_details",
        "use_shared_health_check", "enable_health_check_routing", "health_check_staleness_threshold",
        "health_check_ignore_transient_errors", "cancel_on_disconnect", "forward_llm_provider_auth_headers",
        "infer_model_from_keys", "max_in_flight_requests_per_worker", "max_queued_requests_per_worker",
        "admission_queue_timeout_seconds",
        "pass_through_endpoints", "drain_endpoint_token",
        "database_extra_connection_params", "database_type", "database_args", "disable_reset_budget",
        "disable_adding_master_key_hash_to_db", "disable_error_logs", "disable_prisma_schema_update",
        "disable_responses_id_security", "enable_jwt_auth", "litellm_jwtauth", "enable_oauth2_auth",
        "enable_oauth2_proxy_auth", "oauth2_config_mappings", "enforced_params", "allowed_routes",
        "admin_only_routes", "public_routes", "admin_allowed_routes", "proxy_admin_email", "ui_access_mode",
        "custom_auth", "custom_auth_run_common_checks", "custom_key_generate", "custom_sso",
        "custom_ui_sso_sign_in_handler", "key_management_system", "key_management_settings", "use_google_kms",
        "use_azure_key_vault", "maximum_spend_logs_cleanup_cron", "proxy_budget_rescheduler_min_time",
        "proxy_budget_rescheduler_max_time", "mcp_internal_ip_ranges", "mcp_trusted_proxy_ranges",
        "role_mappings", "service_account_settings", "pass_through_request_timeout", "image_generation_model",
        "embedding_model", "transcription_model", "spend_report_frequency", "block_robots",
        "disable_master_key_return", "auto_redirect_ui_login_to_sso", "supported_db_objects",
        "user_mcp_management_mode", "control_plane_url", "enable_public_model_hub", "allow_user_auth",
        "cors_origins", "use_redis_transaction_buffer", "disable_health_check_logging", "disable_budget_reservation",
        "disable_spend_updates",
    ],
};

/// Classes of `retry_policy`, without the ending `Retries`, and of `allowed_fails_policy`, without
/// `AllowedFails`.
pub const CLASSES: &[&str] = &[
    "BadRequestError",
    "AuthenticationError",
    "TimeoutError",
    "RateLimitError",
    "ContentPolicyViolationError",
    "InternalServerError",
    "ServiceUnavailableError",
    "BadGatewayError",
    "NotFoundError",
];

/// The keys of `cache_params` and `cache_settings`.
#[rustfmt::skip]
pub const CACHE: Keys = Keys {
    now: &[
        "type", "host", "port", "password", "username", "url", "db", "ssl", "ttl", "namespace", "mode",
        "supported_call_types", "redis_startup_nodes", "service_name", "sentinel_nodes", "sentinel_password",
        "default_in_memory_ttl", "default_in_redis_ttl", "max_size_in_memory", "max_bytes_in_memory",
        "max_entry_bytes", "max_messages", "scope", "cache_streams", "share_concurrent_calls",
        "similarity_threshold", "redis_semantic_cache_embedding_model", "redis_semantic_cache_index_name",
        "semantic_cache_scope", "semantic_cache_embedding_timeout",
        "ssl_cert_reqs", "ssl_ca_certs", "ssl_check_hostname", "ssl_certfile", "ssl_keyfile",
    ],
    later: &[
        "max_connections",
        "qdrant_api_base", "qdrant_api_key", "qdrant_collection_name",
        "qdrant_quantization_config", "qdrant_semantic_cache_embedding_model",
        "s3_bucket_name", "s3_region_name", "s3_api_version",
        "s3_path", "s3_endpoint_url", "s3_aws_access_key_id", "s3_aws_secret_access_key", "disk_cache_dir",
        "gcs_bucket_name", "gcs_path_service_account", "gcs_path", "gcp_service_account", "gcp_ssl_ca_certs",
        "redis_flush_size", "flush_size", "socket_timeout",
    ],
};

/// The keys of `rate_limit_config`.
#[rustfmt::skip]
pub const RATE_LIMIT: &[&str] = &[
    "redis_host", "redis_port", "redis_username", "redis_password", "redis_url", "redis_db", "redis_ssl",
    "redis_ssl_ca_certs", "redis_ssl_cert_reqs",
    "redis_ssl_check_hostname", "redis_ssl_certfile", "redis_ssl_keyfile",
];

/// The keys of `coordination_redis`.
#[rustfmt::skip]
pub const COORDINATION: &[&str] = &[
    "type", "url", "host", "port", "username", "password", "db", "ssl", "ssl_cert_reqs", "ssl_ca_certs",
    "ssl_check_hostname", "ssl_certfile", "ssl_keyfile", "redis_startup_nodes", "sentinel_nodes", "service_name",
    "sentinel_password", "namespace",
];

/// Whether a `litellm_params` or `model_info` key is one of the price list's.
pub fn is_price(key: &str) -> bool {
    key.contains("_cost") || key.starts_with("cost_per_")
}

/// Whether a key's name says that its value is a secret.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let holds =
        ["password", "secret", "credential", "authorization", "dsn"].iter().any(|word| key.contains(word));
    let ends = ["_key", "_token", "_url"].iter().any(|end| key.ends_with(end));
    let is = matches!(key.as_str(), "url" | "key" | "token");
    // `max_token` counts tokens, it is none.
    (holds || ends || is) && !key.starts_with("max_") && !key.starts_with("min_")
}

/// Whether a value of this name must not be shown in a model's `litellm_params` or `model_info`.
pub fn hides(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let harmless = is_price(&key) || matches!(key.as_str(), "litellm_credential_name" | "base_url");
    let login = matches!(key.as_str(), "aws_access_key_id" | "client_id" | "azure_username" | "auth");
    let named = ["apikey", "bearer", "passwd"].iter().any(|word| key.contains(word));
    login || (is_secret(&key) || named) && !harmless
}

/// A value without what is named like a secret in it, or looks like a key.
pub fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let shown = map.into_iter().filter(|(key, _)| !hides(key));
            Value::Object(shown.map(|(key, value)| (key, without_secrets(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_secrets).collect()),
        Value::String(text) => Value::String(scrub::without_lookalikes(&text)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_known_by_name() {
        for key in [
            "api_key",
            "REDIS_PASSWORD",
            "aws_secret_access_key",
            "azure_ad_token",
            "dsn",
            "redis_url",
            "token",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in ["max_token", "max_tokens", "host", "ttl", "temperature", "datadog_site"] {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn what_is_shown_of_a_model_holds_no_secret() {
        let params = json!({
            "api_key": "k", "x-api-key": "k", "vertex_credentials": {"a": "k"}, "list": [{"authorization": "k"}],
            "note": "use sk-0123456789abcdef", "input_cost_per_token": 1, "max_tokens": 5, "model": "openai/gpt-4o",
            "litellm_credential_name": "c",
        });
        let shown = without_secrets(params);
        let kept = json!({
            "list": [{}], "note": "use sk-***", "input_cost_per_token": 1, "max_tokens": 5, "model": "openai/gpt-4o",
            "litellm_credential_name": "c",
        });
        assert_eq!(shown, kept);
    }

    #[test]
    fn no_key_is_both_now_and_later() {
        for keys in [TOP, ENTRY, PARAMS, INFO, LITELLM, ROUTER, GENERAL, CACHE] {
            for key in keys.now {
                assert!(!keys.later.contains(key), "{key}");
            }
        }
    }
}
