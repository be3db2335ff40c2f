-- Rows in control: requests for runs, a schedule for workers, and what a run tells of itself.

-- The worker's schedule: a number and s, m, h or d. NULL: a worker syncs it only when a row of runs asks.
ALTER TABLE adapters ADD COLUMN
    sync_every          VARCHAR(32) COLLATE utf8mb4_bin NULL COMMENT 'how often `sqltune worker` syncs it: ''30s'', ''15m'', ''6h'', ''1d''; NULL: when a row of runs asks';

-- New or edited samples that must be there before it is trained again. NULL: any change is enough.
ALTER TABLE adapters ADD COLUMN
    min_new_samples     INT NULL COMMENT 'new or edited samples that must be there before it is trained again; NULL: one is enough';

-- lease_until_ms as a time for people: report_runs shows it, so that an expired lease is seen when no runner lives.
ALTER TABLE adapter_states ADD COLUMN
    lease_until         DATETIME(6) NULL COMMENT 'lease_until_ms as a time for people, UTC';

-- When a worker tries again after a failure. NULL: nothing waits for that.
ALTER TABLE adapter_states ADD COLUMN
    retry_at            DATETIME(6) NULL COMMENT 'when a worker tries again after a failure; NULL: nothing waits for that';

-- Whoever asks for a run may set it: train even if nothing changed.
ALTER TABLE runs ADD COLUMN
    is_forced           TINYINT NOT NULL DEFAULT 0 COMMENT '1: train even if nothing changed; whoever asks for a run may set it';

-- 1: asked for with another backend, base model or manifest than the adapter's row says: compared, never made live by itself.
ALTER TABLE runs ADD COLUMN
    is_trial            TINYINT NOT NULL DEFAULT 0 COMMENT '1: asked for with another backend, base model or manifest than the adapter''s; never made live by itself';

-- With 'paused': the state that it goes on with.
ALTER TABLE runs ADD COLUMN
    resume_state        VARCHAR(20) COLLATE utf8mb4_bin NULL COMMENT 'with paused: the state that it goes on with';

-- When the state was entered.
ALTER TABLE runs ADD COLUMN
    state_since         DATETIME(6) NULL COMMENT 'when the state was entered';

-- When its runner was last heard of.
ALTER TABLE runs ADD COLUMN
    last_alive_at       DATETIME(6) NULL COMMENT 'when its runner was last heard of';

-- Refreshed by every sync, worker and status.
ALTER TABLE runs ADD COLUMN
    is_stuck            TINYINT NOT NULL DEFAULT 0 COMMENT '1: stuck_reason says why, and what a person can do';

-- Why it does not go on, and what a person can do.
ALTER TABLE runs ADD COLUMN
    stuck_reason        LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'why it does not go on, and what a person can do';

-- What comes next, in words.
ALTER TABLE runs ADD COLUMN
    next_step           VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'what comes next';

-- Whoever looks for something to do reads what is not ended: requests, and runs that nobody works on.
ALTER TABLE runs ADD INDEX runs_by_end (finished_at);
