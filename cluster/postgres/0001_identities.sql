-- Who may call and what they may spend. Each table has the columns that are searched and sorted by, and the
-- whole row as a JSON document in `doc`; money is in stagedoor_accounts. Amounts are nano-dollars, moments
-- milliseconds since 1970 in UTC. `version` comes from one sequence and grows with every change.

CREATE SEQUENCE stagedoor_version;

CREATE TABLE stagedoor_keys (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    alias TEXT,
    user_id TEXT,
    team_id TEXT,
    organization_id TEXT,
    project_id TEXT,
    agent_id TEXT,
    created_by TEXT,
    budget_id TEXT,
    max_budget BIGINT,
    blocked BOOLEAN NOT NULL,
    expires_ms BIGINT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);
CREATE UNIQUE INDEX stagedoor_keys_alias ON stagedoor_keys (alias) WHERE alias IS NOT NULL;
CREATE INDEX stagedoor_keys_user_id ON stagedoor_keys (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX stagedoor_keys_team_id ON stagedoor_keys (team_id) WHERE team_id IS NOT NULL;
CREATE INDEX stagedoor_keys_organization_id ON stagedoor_keys (organization_id) WHERE organization_id IS NOT NULL;
CREATE INDEX stagedoor_keys_budget_id ON stagedoor_keys (budget_id) WHERE budget_id IS NOT NULL;
CREATE INDEX stagedoor_keys_created ON stagedoor_keys (created_ms);

CREATE TABLE stagedoor_users (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    alias TEXT,
    email TEXT,
    role TEXT,
    sso_user_id TEXT,
    organization_id TEXT,
    budget_id TEXT,
    max_budget BIGINT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);
CREATE UNIQUE INDEX stagedoor_users_email ON stagedoor_users (email) WHERE email IS NOT NULL;
CREATE INDEX stagedoor_users_budget_id ON stagedoor_users (budget_id) WHERE budget_id IS NOT NULL;
CREATE INDEX stagedoor_users_created ON stagedoor_users (created_ms);

CREATE TABLE stagedoor_teams (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    alias TEXT,
    organization_id TEXT,
    budget_id TEXT,
    max_budget BIGINT,
    blocked BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);
CREATE INDEX stagedoor_teams_organization_id ON stagedoor_teams (organization_id) WHERE organization_id IS NOT NULL;
CREATE INDEX stagedoor_teams_created ON stagedoor_teams (created_ms);

CREATE TABLE stagedoor_members (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    role TEXT,
    budget_id TEXT,
    max_budget BIGINT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);
CREATE INDEX stagedoor_members_part ON stagedoor_members (part);
CREATE INDEX stagedoor_members_budget_id ON stagedoor_members (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE stagedoor_end_users (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    alias TEXT,
    budget_id TEXT,
    max_budget BIGINT,
    blocked BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);
CREATE INDEX stagedoor_end_users_budget_id ON stagedoor_end_users (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE stagedoor_budgets (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    max_budget BIGINT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);

CREATE TABLE stagedoor_organizations (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    alias TEXT,
    budget_id TEXT,
    max_budget BIGINT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);
CREATE INDEX stagedoor_organizations_budget_id ON stagedoor_organizations (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE stagedoor_org_members (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    role TEXT,
    budget_id TEXT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);
CREATE INDEX stagedoor_org_members_part ON stagedoor_org_members (part);
CREATE INDEX stagedoor_org_members_budget_id ON stagedoor_org_members (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE stagedoor_tags (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    budget_id TEXT,
    max_budget BIGINT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);
CREATE INDEX stagedoor_tags_budget_id ON stagedoor_tags (budget_id) WHERE budget_id IS NOT NULL;

CREATE TABLE stagedoor_models (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    model_name TEXT NOT NULL,
    blocked BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);

-- Keys that were deleted or replaced, for the record; never used to decide.
CREATE TABLE stagedoor_deleted_keys (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    alias TEXT,
    user_id TEXT,
    team_id TEXT,
    organization_id TEXT,
    deleted_ms BIGINT NOT NULL,
    deleted_by TEXT,
    spend BIGINT NOT NULL,
    total BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, version)
);
CREATE INDEX stagedoor_deleted_keys_deleted ON stagedoor_deleted_keys (deleted_ms);

-- Hashes of replaced keys that still work for a while.
CREATE TABLE stagedoor_retired_keys (
    id TEXT PRIMARY KEY,
    key_hash TEXT NOT NULL,
    revoke_ms BIGINT NOT NULL
);
CREATE INDEX stagedoor_retired_keys_key ON stagedoor_retired_keys (key_hash);

-- Settings that were changed through the API, as JSON.
CREATE TABLE stagedoor_settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- Money: what each owner spent in its current period (rows admitted since period_start, and adjust, which is what
-- people set by hand) and ever.
CREATE TABLE stagedoor_accounts (
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    part TEXT NOT NULL,
    spend BIGINT NOT NULL DEFAULT 0,
    adjust BIGINT NOT NULL DEFAULT 0,
    total BIGINT NOT NULL DEFAULT 0,
    period_start BIGINT NOT NULL DEFAULT 0,
    reset_at BIGINT,
    every TEXT,
    last_active BIGINT,
    PRIMARY KEY (kind, owner, part)
);
CREATE INDEX stagedoor_accounts_reset ON stagedoor_accounts (reset_at) WHERE reset_at IS NOT NULL;
