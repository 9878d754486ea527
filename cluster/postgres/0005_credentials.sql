-- Credentials that deployments name; their values lie in `doc`, encrypted.
CREATE TABLE stagedoor_credentials (
    id TEXT NOT NULL,
    part TEXT NOT NULL DEFAULT '',
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (id, part)
);
