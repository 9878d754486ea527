-- The tables of a LiteLLM proxy's database that matter when somebody moves in, with rows as a proxy in use has
-- them. Column types are those that its migrations make.

CREATE TABLE "LiteLLM_BudgetTable" (
    "budget_id" TEXT PRIMARY KEY, "max_budget" DOUBLE PRECISION, "soft_budget" DOUBLE PRECISION,
    "max_parallel_requests" INTEGER, "tpm_limit" BIGINT, "rpm_limit" BIGINT, "tpd_limit" BIGINT,
    "model_max_budget" JSONB, "budget_duration" TEXT, "budget_reset_at" TIMESTAMP(3), "allowed_models" TEXT[] DEFAULT '{}',
    "temp_budget_increase" DOUBLE PRECISION, "temp_budget_expiry" TIMESTAMP(3),
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "created_by" TEXT NOT NULL,
    "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updated_by" TEXT NOT NULL
);
CREATE TABLE "LiteLLM_OrganizationTable" (
    "organization_id" TEXT PRIMARY KEY, "organization_alias" TEXT NOT NULL, "budget_id" TEXT NOT NULL,
    "metadata" JSONB NOT NULL DEFAULT '{}', "models" TEXT[], "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "created_by" TEXT NOT NULL,
    "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updated_by" TEXT NOT NULL
);
CREATE TABLE "LiteLLM_OrganizationMembership" (
    "user_id" TEXT NOT NULL, "organization_id" TEXT NOT NULL, "user_role" TEXT, "spend" DOUBLE PRECISION DEFAULT 0.0,
    "budget_id" TEXT, "created_at" TIMESTAMP(3), "updated_at" TIMESTAMP(3), PRIMARY KEY ("user_id", "organization_id")
);
CREATE TABLE "LiteLLM_UserTable" (
    "user_id" TEXT PRIMARY KEY, "user_alias" TEXT, "team_id" TEXT, "sso_user_id" TEXT UNIQUE, "organization_id" TEXT,
    "password" TEXT, "teams" TEXT[] DEFAULT '{}', "user_role" TEXT, "max_budget" DOUBLE PRECISION,
    "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0, "user_email" TEXT, "models" TEXT[],
    "metadata" JSONB NOT NULL DEFAULT '{}', "max_parallel_requests" INTEGER, "tpm_limit" BIGINT, "rpm_limit" BIGINT,
    "budget_duration" TEXT, "budget_reset_at" TIMESTAMP(3), "allowed_cache_controls" TEXT[] DEFAULT '{}',
    "model_max_budget" JSONB NOT NULL DEFAULT '{}', "created_at" TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE "LiteLLM_ModelTable" ("id" SERIAL PRIMARY KEY, "aliases" JSONB, "created_by" TEXT NOT NULL, "updated_by" TEXT NOT NULL);
CREATE TABLE "LiteLLM_TeamTable" (
    "team_id" TEXT PRIMARY KEY, "team_alias" TEXT, "organization_id" TEXT, "admins" TEXT[], "members" TEXT[],
    "members_with_roles" JSONB NOT NULL DEFAULT '{}', "metadata" JSONB NOT NULL DEFAULT '{}',
    "max_budget" DOUBLE PRECISION, "soft_budget" DOUBLE PRECISION, "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    "models" TEXT[], "max_parallel_requests" INTEGER, "tpm_limit" BIGINT, "rpm_limit" BIGINT, "tpd_limit" BIGINT,
    "budget_duration" TEXT, "budget_reset_at" TIMESTAMP(3), "budget_limits" JSONB, "blocked" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "model_max_budget" JSONB NOT NULL DEFAULT '{}', "router_settings" JSONB DEFAULT '{}',
    "team_member_permissions" TEXT[] DEFAULT '{}', "model_id" INTEGER UNIQUE
);
CREATE TABLE "LiteLLM_TeamMembership" (
    "user_id" TEXT NOT NULL, "team_id" TEXT NOT NULL, "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    "total_spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0, "budget_id" TEXT, PRIMARY KEY ("user_id", "team_id")
);
CREATE TABLE "LiteLLM_EndUserTable" (
    "user_id" TEXT PRIMARY KEY, "alias" TEXT, "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    "allowed_model_region" TEXT, "default_model" TEXT, "budget_id" TEXT, "blocked" BOOLEAN NOT NULL DEFAULT false
);
CREATE TABLE "LiteLLM_TagTable" (
    "tag_name" TEXT PRIMARY KEY, "description" TEXT, "models" TEXT[], "model_info" JSONB,
    "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0, "budget_id" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "created_by" TEXT,
    "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE "LiteLLM_VerificationToken" (
    "token" TEXT PRIMARY KEY, "key_name" TEXT, "key_alias" TEXT, "soft_budget_cooldown" BOOLEAN NOT NULL DEFAULT false,
    "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0, "total_spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    "expires" TIMESTAMP(3), "models" TEXT[], "aliases" JSONB NOT NULL DEFAULT '{}', "config" JSONB NOT NULL DEFAULT '{}',
    "router_settings" JSONB DEFAULT '{}', "user_id" TEXT, "team_id" TEXT, "organization_id" TEXT,
    "permissions" JSONB NOT NULL DEFAULT '{}', "max_parallel_requests" INTEGER, "metadata" JSONB NOT NULL DEFAULT '{}',
    "blocked" BOOLEAN, "tpm_limit" BIGINT, "rpm_limit" BIGINT, "tpd_limit" BIGINT, "max_budget" DOUBLE PRECISION,
    "budget_duration" TEXT, "budget_reset_at" TIMESTAMP(3), "allowed_cache_controls" TEXT[] DEFAULT '{}',
    "allowed_routes" TEXT[] DEFAULT '{}', "model_max_budget" JSONB NOT NULL DEFAULT '{}', "budget_id" TEXT,
    "budget_limits" JSONB, "created_at" TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP, "created_by" TEXT,
    "updated_at" TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP, "updated_by" TEXT
);
CREATE TABLE "LiteLLM_DeprecatedVerificationToken" (
    "id" TEXT PRIMARY KEY, "token" TEXT UNIQUE NOT NULL, "active_token_id" TEXT NOT NULL, "revoke_at" TIMESTAMP(3) NOT NULL
);
CREATE TABLE "LiteLLM_BudgetWindowSpend" (
    "entity_type" TEXT NOT NULL, "entity_id" TEXT NOT NULL, "window_duration" TEXT NOT NULL,
    "window_start" TIMESTAMP(3) NOT NULL, "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0, "updated_at" TIMESTAMP(3) NOT NULL,
    PRIMARY KEY ("entity_type", "entity_id", "window_duration")
);
CREATE TABLE "LiteLLM_ProxyModelTable" (
    "model_id" TEXT PRIMARY KEY, "model_name" TEXT NOT NULL, "litellm_params" JSONB NOT NULL, "created_by" TEXT NOT NULL,
    "updated_by" TEXT NOT NULL
);
CREATE TABLE "LiteLLM_SpendLogs" (
    "request_id" TEXT PRIMARY KEY, "call_type" TEXT NOT NULL, "api_key" TEXT NOT NULL DEFAULT '',
    "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0, "total_tokens" INTEGER NOT NULL DEFAULT 0,
    "prompt_tokens" INTEGER NOT NULL DEFAULT 0, "completion_tokens" INTEGER NOT NULL DEFAULT 0,
    "startTime" TIMESTAMP(3) NOT NULL, "endTime" TIMESTAMP(3) NOT NULL, "completionStartTime" TIMESTAMP(3),
    "model" TEXT NOT NULL DEFAULT '', "model_id" TEXT DEFAULT '', "model_group" TEXT DEFAULT '',
    "custom_llm_provider" TEXT DEFAULT '', "api_base" TEXT DEFAULT '', "user" TEXT DEFAULT '',
    "metadata" JSONB DEFAULT '{}', "cache_hit" TEXT DEFAULT '', "cache_key" TEXT DEFAULT '',
    "request_tags" JSONB DEFAULT '[]', "team_id" TEXT, "end_user" TEXT, "requester_ip_address" TEXT,
    "messages" JSONB DEFAULT '{}', "response" JSONB DEFAULT '{}', "session_id" TEXT, "status" TEXT
);
CREATE INDEX ON "LiteLLM_SpendLogs" ("startTime", "request_id");

INSERT INTO "LiteLLM_BudgetTable" ("budget_id", "max_budget", "rpm_limit", "budget_duration", "budget_reset_at", "created_by", "updated_by")
VALUES ('b-member', 5.0, NULL, '30d', date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month', 'admin', 'admin'),
       ('b-customer', 0.5, 7, NULL, NULL, 'admin', 'admin'), ('b-org', 1000, NULL, NULL, NULL, 'admin', 'admin');
INSERT INTO "LiteLLM_OrganizationTable" ("organization_id", "organization_alias", "budget_id", "models", "spend", "created_by", "updated_by")
VALUES ('org1', 'Research', 'b-org', '{}', 3.75, 'admin', 'admin');
INSERT INTO "LiteLLM_UserTable" ("user_id", "user_alias", "user_email", "user_role", "password", "teams", "max_budget", "spend", "models", "created_at")
VALUES ('alice', 'Alice', 'alice@example.com', 'internal_user', 'scrypt:abc', '{team1}', 50, 12.345678901, '{}', '2026-01-05 10:00:00'),
       ('bob', NULL, 'ALICE@example.com', 'internal_user', NULL, '{team1}', NULL, 0.1, '{}', '2026-02-01 10:00:00'),
       ('default_user_id', NULL, NULL, 'proxy_admin', NULL, '{}', NULL, 0, '{}', '2026-01-01 10:00:00'),
       ('litellm-proxy-budget', NULL, NULL, NULL, NULL, '{}', NULL, 20.5, '{}', '2026-01-01 10:00:00');
INSERT INTO "LiteLLM_OrganizationMembership" ("user_id", "organization_id", "user_role", "spend") VALUES ('alice', 'org1', 'org_admin', 0.25);
INSERT INTO "LiteLLM_ModelTable" ("id", "aliases", "created_by", "updated_by") VALUES (4, '{"fast": "gpt"}', 'admin', 'admin');
INSERT INTO "LiteLLM_TeamTable" ("team_id", "team_alias", "organization_id", "members_with_roles", "metadata", "max_budget", "spend", "models", "model_id")
VALUES ('team1', 'One', 'org1', '[{"role": "admin", "user_id": "alice", "user_email": null}, {"role": "user", "user_id": "bob"}, {"role": "user", "user_id": null, "user_email": "nobody@example.com"}]',
        '{"team_member_budget_id": "b-member", "cost_center": 7, "logging": [{"callback_name": "langfuse", "callback_vars": {"langfuse_secret_key": "canary-callback"}}]}', 100, 4.5, '{}', 4);
INSERT INTO "LiteLLM_TeamMembership" ("user_id", "team_id", "spend", "total_spend", "budget_id") VALUES ('alice', 'team1', 1.25, 3, 'b-member');
INSERT INTO "LiteLLM_EndUserTable" ("user_id", "alias", "spend", "budget_id", "blocked") VALUES ('customer1', 'Shop', 0.2, 'b-customer', false), ('customer2', NULL, 0, NULL, true);
INSERT INTO "LiteLLM_TagTable" ("tag_name", "description", "models", "spend") VALUES ('prod', 'Production', '{}', 2.5);
INSERT INTO "LiteLLM_ProxyModelTable" ("model_id", "model_name", "litellm_params", "created_by", "updated_by")
VALUES ('m1', 'gpt-in-the-database', '{}', 'admin', 'admin');

INSERT INTO "LiteLLM_VerificationToken" ("token", "key_name", "key_alias", "spend", "total_spend", "expires", "models", "user_id", "team_id",
    "metadata", "blocked", "rpm_limit", "max_budget", "budget_duration", "budget_reset_at", "created_at", "created_by")
SELECT encode(sha256(('sk-moving-' || name)::bytea), 'hex'), 'sk-...' || right(name, 4), alias, spend, total, expires, models, owner, team,
       metadata::jsonb, blocked, rpm, max_budget, every, reset_at, '2026-03-01 12:00:00', 'default_user_id'
FROM (VALUES
    ('good', 'production', 0.30000000000000004, 2.5, NULL::timestamp, ARRAY['gpt'], 'alice', 'team1',
     '{"tags": ["prod"], "temp_budget_increase": 2.5, "temp_budget_expiry": "2099-01-01T00:00:00"}', NULL::boolean, 1000, 10.0::float8, '30d',
     date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month'),
    ('blocked', 'old-staging', 0, 0, NULL, '{}', NULL, NULL, '{}', true, NULL, NULL, NULL, NULL),
    ('expired', NULL, 0, 0, '2026-01-01 00:00:00', '{}', NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL),
    ('spent', 'spent', 1.5, 1.5, NULL, '{}', NULL, NULL, '{}', NULL, NULL, 1.0, NULL, NULL),
    ('narrow', 'twice', 0, 0, NULL, ARRAY['other'], NULL, NULL, '{}', false, NULL, NULL, NULL, NULL),
    ('plain', 'twice', 0.000001, 0.000001, NULL, '{}', 'bob', NULL, '{}', NULL, NULL, NULL, NULL, NULL),
    ('session', NULL, 0, 0, now() AT TIME ZONE 'UTC' + interval '1 day', '{}', 'alice', 'litellm-dashboard', '{}', NULL, NULL, NULL, NULL, NULL),
    ('broken', NULL, 'NaN', 0, NULL, '{}', NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL)
) AS row (name, alias, spend, total, expires, models, owner, team, metadata, blocked, rpm, max_budget, every, reset_at);
UPDATE "LiteLLM_VerificationToken" SET "budget_limits" = '[{"budget_duration": "1d", "max_budget": 3.5}]' WHERE "key_alias" = 'spent';
INSERT INTO "LiteLLM_BudgetWindowSpend" ("entity_type", "entity_id", "window_duration", "window_start", "spend", "updated_at")
SELECT 'key', "token", '1d', now() AT TIME ZONE 'UTC', 1.5, now() AT TIME ZONE 'UTC' FROM "LiteLLM_VerificationToken" WHERE "key_alias" = 'spent';
INSERT INTO "LiteLLM_DeprecatedVerificationToken"
SELECT 'd1', encode(sha256('sk-moving-before-rotation'), 'hex'), "token", now() AT TIME ZONE 'UTC' + interval '1 day'
FROM "LiteLLM_VerificationToken" WHERE "key_alias" = 'production';

-- Many rows share a moment, so that pages end between rows of one moment.
INSERT INTO "LiteLLM_SpendLogs" ("request_id", "call_type", "api_key", "spend", "total_tokens", "prompt_tokens", "completion_tokens",
    "startTime", "endTime", "completionStartTime", "model", "model_group", "custom_llm_provider", "api_base", "user", "metadata", "cache_hit",
    "request_tags", "team_id", "end_user", "status", "messages")
SELECT 'chatcmpl-' || n, 'acompletion', encode(sha256('sk-moving-good'), 'hex'), 0.0007, 150, 100, 50,
       timestamp '2026-05-01 00:00:00.123' + (n / 500) * interval '1 hour', timestamp '2026-05-01 00:00:01.123' + (n / 500) * interval '1 hour',
       timestamp '2026-05-01 00:00:00.523' + (n / 500) * interval '1 hour', 'gpt-4o', 'gpt', 'openai', 'https://api.example.com/v1?key=secret-in-url', 'alice',
       '{"user_api_key_alias": "production", "usage_object": {"prompt_tokens_details": {"cached_tokens": 40}}, "spend_logs_metadata": {"job": 7}}',
       'False', '["prod", "prod"]', 'team1', 'customer1', 'success', '[{"role": "user", "content": "a prompt that stays there"}]'
FROM generate_series(1, 2500) AS n;
INSERT INTO "LiteLLM_SpendLogs" ("request_id", "call_type", "api_key", "spend", "startTime", "endTime", "model_group", "status", "metadata")
VALUES ('failed-1', 'acompletion', encode(sha256('sk-moving-good'), 'hex'), 0, '2026-05-02 00:00:00', '2026-05-02 00:00:03', 'gpt', 'failure',
        '{"error_information": {"error_class": "RateLimitError", "error_code": 429, "error_message": "slow down"}}');
