-- Rows in control: requests for runs, a schedule for workers, and what a run tells of itself.

-- The worker's schedule: a number and s, m, h or d. NULL: a worker syncs it only when a row of runs asks.
ALTER TABLE adapters ADD COLUMN
    sync_every          VARCHAR(32) NULL;

-- New or edited samples that must be there before it is trained again. NULL: any change is enough.
ALTER TABLE adapters ADD COLUMN
    min_new_samples     INTEGER NULL;

-- lease_until_ms as a time for people: report_runs shows it, so that an expired lease is seen when no runner lives.
ALTER TABLE adapter_states ADD COLUMN
    lease_until         DATETIME(6) NULL;

-- When a worker tries again after a failure. NULL: nothing waits for that.
ALTER TABLE adapter_states ADD COLUMN
    retry_at            DATETIME(6) NULL;

-- Whoever asks for a run may set it: train even if nothing changed.
ALTER TABLE runs ADD COLUMN
    is_forced           TINYINT NOT NULL DEFAULT 0;

-- 1: asked for with another backend, base model or manifest than the adapter's row says: compared, never made live by itself.
ALTER TABLE runs ADD COLUMN
    is_trial            TINYINT NOT NULL DEFAULT 0;

-- With 'paused': the state that it goes on with.
ALTER TABLE runs ADD COLUMN
    resume_state        VARCHAR(20) NULL;

-- When the state was entered.
ALTER TABLE runs ADD COLUMN
    state_since         DATETIME(6) NULL;

-- When its runner was last heard of.
ALTER TABLE runs ADD COLUMN
    last_alive_at       DATETIME(6) NULL;

-- Refreshed by every sync, worker and status.
ALTER TABLE runs ADD COLUMN
    is_stuck            TINYINT NOT NULL DEFAULT 0;

-- Why it does not go on, and what a person can do.
ALTER TABLE runs ADD COLUMN
    stuck_reason        LONGTEXT NULL;

-- What comes next, in words.
ALTER TABLE runs ADD COLUMN
    next_step           VARCHAR(255) NULL;

-- Whoever looks for something to do reads what is not ended: requests, and runs that nobody works on.
CREATE INDEX runs_by_end ON runs (finished_at);
