//! The names of all metrics. LiteLLM's come first, for existing dashboards; counters carry the
//! `_total` that Prometheus clients show.

/// Requests by group and status.
pub const REQUESTS: &str = "litellm_request_total";
/// Failed requests by group and error class.
pub const FAILED_REQUESTS: &str = "litellm_failed_requests_total";
/// Whole upstream latency by group and deployment, seconds.
pub const DEPLOYMENT_LATENCY: &str = "litellm_deployment_latency_seconds";

/// Requests, with LiteLLM's labels.
pub const PROXY_REQUESTS: &str = "litellm_proxy_total_requests_metric_total";
/// Failed requests, with LiteLLM's labels.
pub const PROXY_FAILED: &str = "litellm_proxy_failed_requests_metric_total";
/// Seconds from the request's arrival to the last byte of its answer.
pub const TOTAL_LATENCY: &str = "litellm_request_total_latency_metric";
/// Seconds the provider took.
pub const API_LATENCY: &str = "litellm_llm_api_latency_metric";
/// Seconds to the first token, streams only.
pub const TIME_TO_FIRST_TOKEN: &str = "litellm_llm_api_time_to_first_token_metric";
/// Seconds that Stagedoor itself added.
pub const OVERHEAD: &str = "litellm_overhead_latency_metric";
/// Tokens in and out.
pub const TOTAL_TOKENS: &str = "litellm_total_tokens_metric_total";
/// Tokens in.
pub const INPUT_TOKENS: &str = "litellm_input_tokens_metric_total";
/// Tokens out.
pub const OUTPUT_TOKENS: &str = "litellm_output_tokens_metric_total";
/// Input tokens read from the provider's cache.
pub const CACHED_TOKENS: &str = "litellm_input_cached_tokens_metric_total";
/// Input tokens written to the provider's cache.
pub const CACHE_CREATION_TOKENS: &str = "litellm_input_cache_creation_tokens_metric_total";
/// Output tokens spent on reasoning.
pub const REASONING_TOKENS: &str = "litellm_output_reasoning_tokens_metric_total";

/// 0 healthy, 1 partial, 2 outage.
pub const DEPLOYMENT_STATE: &str = "litellm_deployment_state";
/// Cooldowns begun.
pub const COOLED_DOWN: &str = "litellm_deployment_cooled_down_total";
/// Successful attempts.
pub const DEPLOYMENT_SUCCESS: &str = "litellm_deployment_success_responses_total";
/// Failed attempts.
pub const DEPLOYMENT_FAILURE: &str = "litellm_deployment_failure_responses_total";
/// All attempts.
pub const DEPLOYMENT_REQUESTS: &str = "litellm_deployment_total_requests_total";
/// Seconds per output token.
pub const LATENCY_PER_TOKEN: &str = "litellm_deployment_latency_per_output_token";
/// Configured tokens a minute.
pub const TPM_LIMIT: &str = "litellm_deployment_tpm_limit";
/// Configured requests a minute.
pub const RPM_LIMIT: &str = "litellm_deployment_rpm_limit";
/// Fallbacks that answered.
pub const FALLBACK_SUCCESS: &str = "litellm_deployment_successful_fallbacks_total";
/// Fallbacks that failed too.
pub const FALLBACK_FAILURE: &str = "litellm_deployment_failed_fallbacks_total";
/// Requests under way.
pub const IN_FLIGHT: &str = "litellm_in_flight_requests";

/// Attempts under way per deployment.
pub const DEPLOYMENT_IN_FLIGHT: &str = "stagedoor_deployment_in_flight";
/// Actors that were restarted after a panic.
pub const ACTOR_RESTARTS: &str = "stagedoor_actor_restarts_total";
/// Requests that consumed something without a price, by group.
pub const UNPRICED: &str = "stagedoor_unpriced_requests_total";
/// Whether the database answered when it was looked at last.
pub const DATABASE_UP: &str = "stagedoor_database_up";
/// Replicas that share one Redis, this one included.
pub const CLUSTER_REPLICAS: &str = "stagedoor_cluster_replicas";
/// 1 while changes made by other replicas are heard, 0 while they are not.
pub const CLUSTER_HEARS: &str = "stagedoor_cluster_hears";
/// 1 while the shared Redis can be used, 0 while it cannot.
pub const REDIS_UP: &str = "stagedoor_redis_up";
/// Calls to the shared Redis, by result: `ok`, `refused`, `late`, `broken`, `down`.
pub const REDIS_CALLS: &str = "stagedoor_redis_calls_total";
/// Keys that the shared Redis was seen to evict for want of memory.
pub const REDIS_EVICTED: &str = "stagedoor_redis_evicted_keys_total";
/// Seconds that calls to the shared Redis took; those that were not sent because it is down are left out.
pub const REDIS_SECONDS: &str = "stagedoor_redis_call_seconds";
/// Lines of the log that were dropped because standard error did not take them.
pub const LOG_DROPPED: &str = "stagedoor_log_lines_dropped_total";
/// Configurations taken over, by result.
pub const RELOADS: &str = "stagedoor_config_reloads_total";
/// Alerts, by target and result.
pub const ALERTS: &str = "stagedoor_alerts_total";
/// Finished requests that sinks were to be told of, by sink and result: `sent`, `failed`, `dropped`.
pub const EXPORTED: &str = "stagedoor_export_events_total";
/// Finished requests of which a sink has not got everything, by sink and reason: `refused`, `rejected`, `too_large`,
/// `gave_up`.
pub const EXPORT_LOST: &str = "stagedoor_export_lost_events_total";
/// Repeated deliveries, by sink.
pub const EXPORT_RETRIES: &str = "stagedoor_export_retries_total";
/// Finished requests that wait for a sink, those on their way included.
pub const EXPORT_WAITING: &str = "stagedoor_export_events_waiting";
/// About what they take in memory, bytes.
pub const EXPORT_BYTES: &str = "stagedoor_export_bytes_waiting";
/// What is left of a key's budget, dollars.
pub const KEY_REMAINING: &str = "litellm_remaining_api_key_budget_metric";
/// A key's budget, dollars.
pub const KEY_MAX: &str = "litellm_api_key_max_budget_metric";
/// Hours until a key's budget begins anew.
pub const KEY_HOURS: &str = "litellm_api_key_budget_remaining_hours_metric";
/// What is left of a team's budget, dollars.
pub const TEAM_REMAINING: &str = "litellm_remaining_team_budget_metric";
/// A team's budget, dollars.
pub const TEAM_MAX: &str = "litellm_team_max_budget_metric";
/// Hours until a team's budget begins anew.
pub const TEAM_HOURS: &str = "litellm_team_budget_remaining_hours_metric";
/// What is left of a user's budget, dollars.
pub const USER_REMAINING: &str = "litellm_remaining_user_budget_metric";
/// A user's budget, dollars.
pub const USER_MAX: &str = "litellm_user_max_budget_metric";
/// Hours until a user's budget begins anew.
pub const USER_HOURS: &str = "litellm_user_budget_remaining_hours_metric";
/// What is left of an organization's budget, dollars.
pub const ORG_REMAINING: &str = "litellm_remaining_org_budget_metric";
/// An organization's budget, dollars.
pub const ORG_MAX: &str = "litellm_org_max_budget_metric";
/// Hours until an organization's budget begins anew.
pub const ORG_HOURS: &str = "litellm_org_budget_remaining_hours_metric";
/// Keys that were looked up in the database, by result.
pub const KEY_LOOKUPS: &str = "stagedoor_key_lookups_total";
/// Keys of which a copy is kept, unknown ones too.
pub const KEYS_KNOWN: &str = "stagedoor_keys_known";
/// Ledger rows that wait for the database.
pub const SPOOL_WAITING: &str = "stagedoor_spool_rows_waiting";
/// Bytes of ledger rows that wait for the database.
pub const SPOOL_BYTES: &str = "stagedoor_spool_bytes_waiting";
/// How long the oldest waiting ledger row has waited, seconds.
pub const SPOOL_OLDEST: &str = "stagedoor_spool_oldest_seconds";
/// 1 while the spool cannot be written.
pub const SPOOL_FAILING: &str = "stagedoor_spool_failing";
/// Ledger rows since the start: written, kept in memory, lost.
pub const SPOOL_ROWS: &str = "stagedoor_spool_rows_total";

/// What requests have cost, dollars.
pub const SPEND: &str = "litellm_spend_metric_total";
/// Answered requests, by caller.
pub const REQUESTS_BY_CALLER: &str = "litellm_requests_metric_total";
/// Requests that failed after a provider was called.
pub const API_FAILED: &str = "litellm_llm_api_failed_requests_metric_total";
/// Input tokens read from the provider's prompt cache.
pub const PROVIDER_CACHE_READ: &str = "litellm_provider_cache_read_input_tokens_metric_total";
/// Input tokens written to the provider's prompt cache.
pub const PROVIDER_CACHE_WRITE: &str = "litellm_provider_cache_creation_input_tokens_metric_total";
/// Audio tokens in.
pub const INPUT_AUDIO_TOKENS: &str = "litellm_input_audio_tokens_metric_total";
/// Audio tokens out.
pub const OUTPUT_AUDIO_TOKENS: &str = "litellm_output_audio_tokens_metric_total";
/// Images made.
pub const IMAGES: &str = "litellm_images_generated_metric_total";
/// Arrival until limits and budget had room, seconds.
pub const QUEUE_TIME: &str = "litellm_request_queue_time_seconds";
/// Requests that consumed something and cost nothing, by reason.
pub const ZERO_COST: &str = "litellm_zero_cost_requests_total";
/// What a provider says is left of its own limit of requests.
pub const PROVIDER_REMAINING_REQUESTS: &str = "litellm_remaining_requests_metric";
/// What a provider says is left of its own limit of tokens.
pub const PROVIDER_REMAINING_TOKENS: &str = "litellm_remaining_tokens_metric";
/// A key's limits a minute, by type.
pub const KEY_RATE_ALLOWED: &str = "litellm_api_key_rate_limit_allowed_metric";
/// What a key has used of its limits in the last minute, by type.
pub const KEY_RATE_USED: &str = "litellm_api_key_rate_limit_used_metric";
/// A team's limits a minute, by type.
pub const TEAM_RATE_ALLOWED: &str = "litellm_team_rate_limit_allowed_metric";
/// What a team has used of its limits in the last minute, by type.
pub const TEAM_RATE_USED: &str = "litellm_team_rate_limit_used_metric";
/// 1 for the state that the breaker before Redis is in.
pub const BREAKER_STATE: &str = "litellm_redis_circuit_breaker_state";
/// Changes of the breaker before Redis, by the new state.
pub const BREAKER_TRANSITIONS: &str = "litellm_redis_circuit_breaker_transitions_total";
/// Calls of Redis that were late or broken.
pub const BREAKER_FAILURES: &str = "litellm_redis_circuit_breaker_failures_total";
/// Time of each request that no provider took, seconds.
pub const GATEWAY_SECONDS: &str = "stagedoor_gateway_seconds";
/// Seconds that requests waited for the counters that replicas share.
pub const CLAIM_SECONDS: &str = "stagedoor_claim_wait_seconds";
/// Claims that one call of the shared counters carried.
pub const CLAIM_BATCH: &str = "stagedoor_claim_batch_size";
/// Messages that wait for an actor.
pub const MAILBOX: &str = "stagedoor_actor_mailbox_messages";
/// Processor time used, seconds.
pub const PROCESS_CPU: &str = "process_cpu_seconds_total";
/// Resident memory, bytes.
pub const PROCESS_MEMORY: &str = "process_resident_memory_bytes";
/// Threads.
pub const PROCESS_THREADS: &str = "process_threads";
/// Open file descriptors.
pub const PROCESS_FDS: &str = "process_open_fds";
/// When the process began, seconds since 1970.
pub const PROCESS_START: &str = "process_start_time_seconds";
/// Requests that the response cache answered, with LiteLLM's name.
pub const CACHE_HITS: &str = "litellm_cache_hits_metric_total";
/// Requests that it was asked for in vain, with LiteLLM's name.
pub const CACHE_MISSES: &str = "litellm_cache_misses_metric_total";
/// Look-ups in the response cache, by result: `hit`, `miss`, `error`, `shared`, `similar`.
pub const CACHE_LOOKUPS: &str = "stagedoor_cache_lookups_total";
/// Answers for the response cache, by result: `stored`, `failed`, `dropped`, `too_large`.
pub const CACHE_STORES: &str = "stagedoor_cache_stores_total";
/// Answers in the local cache.
pub const CACHE_ENTRIES: &str = "stagedoor_cache_entries";
/// Bytes of the answers in the local cache.
pub const CACHE_BYTES: &str = "stagedoor_cache_bytes";
/// Questions for the semantic cache, by result: `hit`, `miss`, `not_embedded`, `resting`, `unreachable`, `unlearnt`.
pub const SEMANTIC_LOOKUPS: &str = "stagedoor_semantic_cache_questions_total";
/// Questions that this process compares by itself.
pub const SEMANTIC_ENTRIES: &str = "stagedoor_semantic_cache_entries";

/// Name and help text of every metric.
pub const HELP: &[(&str, &str)] = &[
    (REQUESTS, "Requests by model group and HTTP status."),
    (FAILED_REQUESTS, "Failed requests by model group and error class."),
    (DEPLOYMENT_LATENCY, "Upstream latency of answered attempts by deployment, seconds."),
    (PROXY_REQUESTS, "Requests with LiteLLM's labels."),
    (PROXY_FAILED, "Failed requests with LiteLLM's labels."),
    (TOTAL_LATENCY, "Arrival to last byte, seconds."),
    (API_LATENCY, "Time the provider took, seconds."),
    (TIME_TO_FIRST_TOKEN, "Time to the first token of streams, seconds."),
    (OVERHEAD, "Time the gateway itself added, seconds."),
    (TOTAL_TOKENS, "Tokens in and out."),
    (INPUT_TOKENS, "Tokens in."),
    (OUTPUT_TOKENS, "Tokens out."),
    (CACHED_TOKENS, "Input tokens read from the provider's prompt cache."),
    (CACHE_CREATION_TOKENS, "Input tokens written to the provider's prompt cache."),
    (REASONING_TOKENS, "Output tokens spent on reasoning."),
    (DEPLOYMENT_STATE, "0 healthy, 1 partial outage, 2 outage."),
    (COOLED_DOWN, "Cooldowns begun, by the error's status."),
    (DEPLOYMENT_SUCCESS, "Successful attempts by deployment."),
    (DEPLOYMENT_FAILURE, "Failed attempts by deployment and error class."),
    (DEPLOYMENT_REQUESTS, "Attempts by deployment."),
    (LATENCY_PER_TOKEN, "Seconds per output token by deployment."),
    (TPM_LIMIT, "Configured tokens a minute."),
    (RPM_LIMIT, "Configured requests a minute."),
    (FALLBACK_SUCCESS, "Fallbacks that answered."),
    (FALLBACK_FAILURE, "Fallbacks that failed too."),
    (IN_FLIGHT, "Requests under way."),
    (DEPLOYMENT_IN_FLIGHT, "Attempts under way by deployment."),
    (ACTOR_RESTARTS, "Actors restarted after a panic."),
    (UNPRICED, "Requests that consumed something without a price."),
    (DATABASE_UP, "1 while the database answers, 0 while it does not."),
    (CLUSTER_REPLICAS, "Replicas that share one Redis, this one included."),
    (CLUSTER_HEARS, "1 while changes made by other replicas are heard, 0 while they are not."),
    (REDIS_UP, "1 while the shared Redis can be used, 0 while it cannot."),
    (REDIS_CALLS, "Calls to the shared Redis, by result."),
    (REDIS_EVICTED, "Keys that the shared Redis was seen to evict for want of memory, counters among them."),
    (REDIS_SECONDS, "Seconds that calls to the shared Redis took."),
    (LOG_DROPPED, "Lines of the log that were dropped because standard error did not take them."),
    (RELOADS, "Configurations taken over or refused."),
    (ALERTS, "Alerts that were sent, failed or were dropped."),
    (EXPORTED, "Finished requests that were sent to a sink, failed or were dropped."),
    (EXPORT_LOST, "Finished requests of which a sink has not got everything, by reason."),
    (EXPORT_RETRIES, "Repeated deliveries to a sink."),
    (EXPORT_WAITING, "Finished requests that wait for a sink."),
    (EXPORT_BYTES, "Memory that finished requests take while they wait for a sink, bytes."),
    (KEY_REMAINING, "What is left of a key's budget, dollars."),
    (KEY_MAX, "A key's budget, dollars."),
    (KEY_HOURS, "Hours until a key's budget begins anew."),
    (TEAM_REMAINING, "What is left of a team's budget, dollars."),
    (TEAM_MAX, "A team's budget, dollars."),
    (TEAM_HOURS, "Hours until a team's budget begins anew."),
    (USER_REMAINING, "What is left of a user's budget, dollars."),
    (USER_MAX, "A user's budget, dollars."),
    (USER_HOURS, "Hours until a user's budget begins anew."),
    (ORG_REMAINING, "What is left of an organization's budget, dollars."),
    (ORG_MAX, "An organization's budget, dollars."),
    (ORG_HOURS, "Hours until an organization's budget begins anew."),
    (KEY_LOOKUPS, "Keys that were looked up in the database, by result."),
    (KEYS_KNOWN, "Keys of which a copy is kept, unknown ones too."),
    (SPOOL_WAITING, "Ledger rows that wait for the database."),
    (SPOOL_BYTES, "Bytes of ledger rows that wait for the database."),
    (SPOOL_OLDEST, "How long the oldest waiting ledger row has waited, seconds."),
    (SPOOL_FAILING, "1 while the spool cannot be written."),
    (SPOOL_ROWS, "Ledger rows since the start: written, kept in memory, lost."),
    (SPEND, "What requests have cost, dollars."),
    (REQUESTS_BY_CALLER, "Answered requests, by caller."),
    (API_FAILED, "Requests that failed after a provider was called."),
    (PROVIDER_CACHE_READ, "Input tokens read from the provider's prompt cache."),
    (PROVIDER_CACHE_WRITE, "Input tokens written to the provider's prompt cache."),
    (INPUT_AUDIO_TOKENS, "Audio tokens in."),
    (OUTPUT_AUDIO_TOKENS, "Audio tokens out."),
    (IMAGES, "Images made."),
    (QUEUE_TIME, "Arrival until limits and budget had room, seconds."),
    (ZERO_COST, "Requests that consumed something and cost nothing, by reason."),
    (PROVIDER_REMAINING_REQUESTS, "What a provider says is left of its own limit of requests."),
    (PROVIDER_REMAINING_TOKENS, "What a provider says is left of its own limit of tokens."),
    (KEY_RATE_ALLOWED, "A key's limits a minute, by type."),
    (KEY_RATE_USED, "What a key has used of its limits in the last minute, by type."),
    (TEAM_RATE_ALLOWED, "A team's limits a minute, by type."),
    (TEAM_RATE_USED, "What a team has used of its limits in the last minute, by type."),
    (BREAKER_STATE, "1 for the state that the breaker before Redis is in."),
    (BREAKER_TRANSITIONS, "Changes of the breaker before Redis, by the new state."),
    (BREAKER_FAILURES, "Calls of Redis that were late or broken."),
    (GATEWAY_SECONDS, "Time of each request that no provider took, seconds."),
    (CLAIM_SECONDS, "Seconds that requests waited for the counters that replicas share."),
    (CLAIM_BATCH, "Claims that one call of the shared counters carried."),
    (MAILBOX, "Messages that wait for an actor."),
    (PROCESS_CPU, "Processor time used, seconds."),
    (PROCESS_MEMORY, "Resident memory, bytes."),
    (PROCESS_THREADS, "Threads."),
    (PROCESS_FDS, "Open file descriptors."),
    (PROCESS_START, "When the process began, seconds since 1970."),
    (CACHE_HITS, "Requests that the response cache answered, by model group."),
    (CACHE_MISSES, "Requests that the response cache was asked for in vain, by model group."),
    (
        CACHE_LOOKUPS,
        "Look-ups in the response cache: hit, miss, error, shared with another request, similar to an earlier question.",
    ),
    (CACHE_STORES, "Answers for the response cache: stored, failed, dropped, too_large."),
    (CACHE_ENTRIES, "Answers in the local response cache."),
    (CACHE_BYTES, "Bytes of the answers in the local response cache."),
    (
        SEMANTIC_LOOKUPS,
        "Questions for the semantic cache: hit, miss, not_embedded, resting, unreachable, unlearnt.",
    ),
    (SEMANTIC_ENTRIES, "Known questions that this process compares by itself."),
];

/// Buckets of calls inside the machine room, seconds.
pub const NEAR_BUCKETS: &[f64] = &[0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// Buckets of what providers take, seconds: those of LiteLLM's that answers of models fall into. Each one is a line for
/// each row of a histogram.
pub const LATENCY_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0];

/// Buckets of what the gateway itself takes, and of a token, seconds.
pub const SHORT_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Buckets of what travels together.
pub const BATCH_BUCKETS: &[f64] = &[0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];

/// The part of a scrape that a metric belongs to. Parts that grow with what callers do are bounded; series of all but
/// [`Share::Fixed`] go when nobody holds them any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// As many series as the configuration has things that they name.
    Fixed,
    /// Counters of deployments.
    Deployments,
    /// The histogram of each deployment.
    Latencies,
    /// Histograms by model and deployment.
    Models,
    /// Counters that name callers.
    Callers,
    /// The same of all those together who are not named.
    Others,
}

impl Share {
    /// Every share.
    pub const ALL: [Share; 6] =
        [Share::Fixed, Share::Deployments, Share::Latencies, Share::Models, Share::Callers, Share::Others];

    /// Its part, in hundredths, of the room that the first two leave.
    pub const fn percent(self) -> usize {
        match self {
            Share::Fixed | Share::Deployments => 0,
            Share::Latencies => 12,
            Share::Models => 30,
            Share::Callers => 45,
            Share::Others => 13,
        }
    }
}

/// The share that a metric belongs to.
pub fn share(name: &str) -> Share {
    match name {
        DEPLOYMENT_REQUESTS | DEPLOYMENT_SUCCESS | DEPLOYMENT_FAILURE | COOLED_DOWN => Share::Deployments,
        DEPLOYMENT_LATENCY => Share::Latencies,
        LATENCY_PER_TOKEN | TOTAL_LATENCY | API_LATENCY | TIME_TO_FIRST_TOKEN | OVERHEAD | QUEUE_TIME => {
            Share::Models
        }
        PROXY_REQUESTS
        | PROXY_FAILED
        | API_FAILED
        | REQUESTS_BY_CALLER
        | SPEND
        | TOTAL_TOKENS
        | INPUT_TOKENS
        | OUTPUT_TOKENS
        | CACHED_TOKENS
        | CACHE_CREATION_TOKENS
        | PROVIDER_CACHE_READ
        | PROVIDER_CACHE_WRITE
        | REASONING_TOKENS
        | INPUT_AUDIO_TOKENS
        | OUTPUT_AUDIO_TOKENS
        | IMAGES => Share::Callers,
        _ => Share::Fixed,
    }
}
