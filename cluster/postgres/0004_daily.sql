-- Over a large ledger this takes minutes.
SET LOCAL statement_timeout = 0;

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
);
INSERT INTO stagedoor_daily (kind, day, owner, spend, requests)
    SELECT kind, day, owner, CAST(SUM(spend) AS BIGINT), CAST(SUM(requests) AS BIGINT)
    FROM stagedoor_totals GROUP BY kind, day, owner;

-- Errors are few, and looked for.
CREATE INDEX stagedoor_ledger_error ON stagedoor_ledger (error_code, started_ms) WHERE error_code <> '';
