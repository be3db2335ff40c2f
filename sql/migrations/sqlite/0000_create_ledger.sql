-- The ledger: which migration was applied when and by whom. It comes before everything else and is never edited.

-- One row per migration file; row 0 is the lease of `sqltune init`.
CREATE TABLE IF NOT EXISTS schema_migrations (
    number          INTEGER NOT NULL,
    name            VARCHAR(100) NOT NULL,
    state           VARCHAR(16) NOT NULL,               -- applying -> applied; of row 0: free, leased
    sha256          VARCHAR(64) NOT NULL,               -- of the file's content
    applied_at      DATETIME(6) NOT NULL,
    applied_by      VARCHAR(100) NOT NULL,
    host            VARCHAR(100) NOT NULL,
    PRIMARY KEY (number)
);

-- One row per view, with the hash of the text it was made from.
CREATE TABLE IF NOT EXISTS schema_views (
    view_name       VARCHAR(64) NOT NULL,
    sha256          VARCHAR(64) NOT NULL,
    applied_at      DATETIME(6) NOT NULL,
    PRIMARY KEY (view_name)
);
