-- The totals of a day lie together: reports ask for days, and what is added is nearly always today's. Columns and what
-- makes a row unique are as before.
CREATE TABLE stagedoor_totals_by_day (
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
    PRIMARY KEY (kind, day, owner, key_hash, model, model_group, provider, call_type)
) WITHOUT ROWID;
INSERT INTO stagedoor_totals_by_day
    SELECT day, kind, owner, key_hash, model_group, model, provider, call_type, spend, prompt_tokens,
           completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, requests, successes, failures,
           cache_hits, duration_ms
    FROM stagedoor_totals
    ORDER BY kind, day, owner, key_hash, model, model_group, provider, call_type;
DROP TABLE stagedoor_totals;
ALTER TABLE stagedoor_totals_by_day RENAME TO stagedoor_totals;
CREATE INDEX stagedoor_totals_owner ON stagedoor_totals (kind, owner, day);

-- What each owner spent on each day: the totals, not told apart by key, model or call. Reports over everybody read
-- this. A day on which `all` is less here than in the totals was written to by a program that did not know this
-- table: then the totals count.
CREATE TABLE stagedoor_daily (
    kind TEXT NOT NULL,
    day BIGINT NOT NULL,
    owner TEXT NOT NULL,
    spend BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (kind, day, owner)
) WITHOUT ROWID;
INSERT INTO stagedoor_daily (kind, day, owner, spend, requests)
    SELECT kind, day, owner, SUM(spend), SUM(requests) FROM stagedoor_totals GROUP BY kind, day, owner;

-- Errors are few, and looked for.
CREATE INDEX stagedoor_ledger_error ON stagedoor_ledger (error_code, started_ms) WHERE error_code <> '';
