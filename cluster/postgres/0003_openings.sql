-- What owners brought along from another gateway, so that an audit still comes out even. `total` is the part of an
-- account's total that no row here stands for; rows of theirs that are taken over later replace it. `spend` is what
-- the other gateway had counted at `as_of`; in the account it stands in `adjust`.
CREATE TABLE stagedoor_openings (
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    part TEXT NOT NULL,
    spend BIGINT NOT NULL,
    total BIGINT NOT NULL,
    as_of BIGINT NOT NULL,
    PRIMARY KEY (kind, owner, part)
);
