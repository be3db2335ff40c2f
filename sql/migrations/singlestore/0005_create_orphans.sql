-- What no row knows and what rows know in vain, because a run that died leaves adapters and weights behind that cost room and money.
-- SingleStore. The same table, columns and order stand in ../sqlite and ../mysql; a test compares the catalogs.

-- One row per orphan that `sqltune gc` ever saw. Written by `sqltune gc` only.
CREATE ROWSTORE TABLE orphans (
    orphan_key      VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'hash of backend, kind, address and version: the same orphan is the same row in every listing',
    orphan_kind     VARCHAR(24) COLLATE utf8mb4_bin NOT NULL COMMENT 'adapter_without_row | row_without_adapter | weights_without_row',
    state           VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'found -> removing -> removed; or gone: no orphan any more without our doing',
    adapter_name    VARCHAR(100) COLLATE utf8mb4_bin NULL COMMENT 'NULL: this database does not know the run',
    version_number  INT NULL COMMENT 'with row_without_adapter',
    run_id          BIGINT NULL COMMENT 'the run that made it',
    run_key         VARCHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'as its name carries it',
    is_unknown_run  TINYINT NOT NULL COMMENT '1: of a run that this database does not know; removed only with --unknown-runs',
    backend         VARCHAR(32) COLLATE utf8mb4_bin NOT NULL,
    place           LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'the service''s address, or the folder that was looked at',
    external_id     VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'the adapter''s id at a service',
    address         LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'path or id',
    size_bytes      BIGINT NULL COMMENT 'NULL: the backend does not say',
    reason          LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'why it is an orphan',
    found_at        DATETIME(6) NOT NULL,
    last_seen_at    DATETIME(6) NOT NULL COMMENT 'the latest listing that had it',
    removed_at      DATETIME(6) NULL,
    error_message   LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'why it could not be removed',
    PRIMARY KEY (orphan_key),
    SHARD KEY (orphan_key)
);
