-- One row for each finished request. The id carries the moment of admission, and `day` (days since 1970 in UTC) is
-- that moment's, so a repeated row always meets the first one. (day, id) is the order of time.
CREATE TABLE stagedoor_ledger (
    day BIGINT NOT NULL,
    id TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    first_token_ms BIGINT,
    ended_ms BIGINT NOT NULL,
    response_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    call_type TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    key_alias TEXT NOT NULL,
    user_id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    end_user TEXT NOT NULL,
    tags TEXT NOT NULL,
    model TEXT NOT NULL,
    model_id TEXT NOT NULL,
    model_group TEXT NOT NULL,
    provider TEXT NOT NULL,
    api_base TEXT NOT NULL,
    spend BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    estimated BOOLEAN NOT NULL,
    unpriced BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    error_class TEXT NOT NULL,
    error_code TEXT NOT NULL,
    error_message TEXT NOT NULL,
    cache_hit BOOLEAN,
    cache_key TEXT NOT NULL,
    requester_ip TEXT NOT NULL,
    cost_breakdown TEXT NOT NULL,
    metadata TEXT NOT NULL,
    PRIMARY KEY (day, id)
);
CREATE INDEX stagedoor_ledger_key ON stagedoor_ledger (key_hash, started_ms);
CREATE INDEX stagedoor_ledger_user ON stagedoor_ledger (user_id, started_ms) WHERE user_id <> '';
CREATE INDEX stagedoor_ledger_team ON stagedoor_ledger (team_id, started_ms) WHERE team_id <> '';
CREATE INDEX stagedoor_ledger_end_user ON stagedoor_ledger (end_user, started_ms) WHERE end_user <> '';
CREATE INDEX stagedoor_ledger_session ON stagedoor_ledger (session_id, started_ms) WHERE session_id <> '';
CREATE INDEX stagedoor_ledger_response ON stagedoor_ledger (response_id) WHERE response_id <> '';
CREATE INDEX stagedoor_ledger_call ON stagedoor_ledger (call_id) WHERE call_id <> '';

-- What the rows of a day add up to, for everybody (kind `all`) and for each owner. Reports read this.
CREATE TABLE stagedoor_totals (
    day BIGINT NOT NULL,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    model_group TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    call_type TEXT NOT NULL,
    spend BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    successes BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    cache_hits BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, owner, day, key_hash, model_group, model, provider, call_type)
) WITHOUT ROWID;
CREATE INDEX stagedoor_totals_day ON stagedoor_totals (kind, day);

-- What retention has taken out of the ledger, so that an audit still comes out even: `spend` is the part that was
-- admitted since `period_start`.
CREATE TABLE stagedoor_folded (
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    part TEXT NOT NULL,
    total BIGINT NOT NULL,
    spend BIGINT NOT NULL,
    period_start BIGINT NOT NULL,
    PRIMARY KEY (kind, owner, part)
);

-- The first day from which no row has left.
CREATE TABLE stagedoor_folded_until (
    one BIGINT PRIMARY KEY,
    day BIGINT NOT NULL
);

-- Parts that have left the ledger and are being counted before they are dropped, and how far that has come.
CREATE TABLE stagedoor_leaving (
    name TEXT PRIMARY KEY,
    after_day BIGINT NOT NULL,
    after_id TEXT NOT NULL
);
