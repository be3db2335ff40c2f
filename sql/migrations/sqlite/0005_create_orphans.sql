-- What no row knows and what rows know in vain, because a run that died leaves adapters and weights behind that cost room and money.
-- SQLite. The same table, columns and order stand in ../mysql and ../singlestore; a test compares the catalogs.

-- One row per orphan that `sqltune gc` ever saw. Written by `sqltune gc` only.
CREATE TABLE orphans (
    orphan_key      VARCHAR(64) NOT NULL,     -- hash of backend, kind, address and version: the same orphan is the same row in every listing
    orphan_kind     VARCHAR(24) NOT NULL,     -- adapter_without_row | row_without_adapter | weights_without_row
    state           VARCHAR(16) NOT NULL,     -- found -> removing -> removed; or gone: no orphan any more without our doing
    adapter_name    VARCHAR(100) NULL,        -- NULL: this database does not know the run
    version_number  INT NULL,                 -- with row_without_adapter
    run_id          BIGINT NULL,              -- the run that made it
    run_key         VARCHAR(64) NULL,         -- as its name carries it
    is_unknown_run  TINYINT NOT NULL,         -- 1: of a run that this database does not know; removed only with --unknown-runs
    backend         VARCHAR(32) NOT NULL,
    place           LONGTEXT NOT NULL,        -- the service's address, or the folder that was looked at
    external_id     VARCHAR(255) NULL,        -- the adapter's id at a service
    address         LONGTEXT NOT NULL,        -- path or id
    size_bytes      BIGINT NULL,              -- NULL: the backend does not say
    reason          LONGTEXT NOT NULL,        -- why it is an orphan
    found_at        DATETIME(6) NOT NULL,
    last_seen_at    DATETIME(6) NOT NULL,     -- the latest listing that had it
    removed_at      DATETIME(6) NULL,
    error_message   LONGTEXT NULL,            -- why it could not be removed
    PRIMARY KEY (orphan_key)
);
