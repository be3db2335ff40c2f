-- The tables of sqltune: what people write first, what the runner writes after.
-- SQLite. The same tables, columns and order stand in ../mysql and ../singlestore; a test compares the catalogs.
-- Times are UTC text 'YYYY-MM-DD HH:MM:SS.ffffff'; flags are 0 or 1; texts compare byte by byte.

-- One row per training sample that people keep in our own table; a `training_query` may read any other table instead.
CREATE TABLE training_samples (
    sample_id       INTEGER PRIMARY KEY AUTOINCREMENT,  -- opaque: unique, neither an order nor a watermark
    dataset         VARCHAR(191) NOT NULL,              -- an adapter without training_query reads the dataset of its own name
    prompt          LONGTEXT NOT NULL,
    response        LONGTEXT NOT NULL,
    system_prompt   LONGTEXT NULL,
    weight          DOUBLE NOT NULL DEFAULT 1,          -- multiplies the sample's loss; must be above 0
    group_key       VARCHAR(191) NULL,                  -- rows that belong together, for instance one customer
    split           VARCHAR(16) NULL,                   -- NULL or 'train' is trained on; any other value is held out
    created_at      DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now'))
);

-- The default training selection reads one dataset.
CREATE INDEX training_samples_by_dataset ON training_samples (dataset);

-- One row per prompt that is asked before and after training.
CREATE TABLE eval_prompts (
    prompt_id       INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset         VARCHAR(191) NOT NULL,
    prompt          LONGTEXT NOT NULL,
    expected        LONGTEXT NULL,                      -- NULL: the answer is shown but not scored
    system_prompt   LONGTEXT NULL,
    category        VARCHAR(100) NULL,                  -- groups prompts in reports
    scorer          VARCHAR(64) NULL,                   -- NULL: the adapter's scorer
    created_at      DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now'))
);

-- The default evaluation selection reads one dataset.
CREATE INDEX eval_prompts_by_dataset ON eval_prompts (dataset);

-- The desired state: one row per adapter that people want kept up to date.
CREATE TABLE adapters (
    adapter_name        VARCHAR(100) NOT NULL PRIMARY KEY,
    base_model          VARCHAR(255) NOT NULL,          -- 'sqltune/embedded', a model's name or a folder that the settings allow
    is_enabled          TINYINT NOT NULL DEFAULT 1,
    backend             VARCHAR(32) NOT NULL DEFAULT 'local',
    base_model_revision VARCHAR(191) NULL,
    training_query      LONGTEXT NULL,                  -- NULL: rows of training_samples whose dataset is adapter_name
    eval_query          LONGTEXT NULL,                  -- NULL: rows of eval_prompts whose dataset is adapter_name
    epochs              INTEGER NOT NULL DEFAULT 3,
    learning_rate       DOUBLE NULL,                    -- NULL: the backend's default, stored with each version
    lora_rank           INTEGER NULL,
    lora_alpha          INTEGER NULL,
    batch_size          INTEGER NULL,                   -- samples of the user's own in one optimizer step
    rehearsal           VARCHAR(8) NOT NULL DEFAULT 'auto', -- auto, on, off: the base model's own answers as extra samples
    seed                BIGINT NOT NULL DEFAULT 0,
    on_bad_row          VARCHAR(8) NOT NULL DEFAULT 'stop', -- stop: nothing is sent; skip: bad rows are left out and named
    max_skipped_share   DOUBLE NOT NULL DEFAULT 0.01,   -- with skip: above this share of bad rows the run fails
    scorer              VARCHAR(64) NOT NULL DEFAULT 'token_f1', -- the primary scorer, which the gate reads
    extra_scorers       VARCHAR(255) NULL,              -- further scorers, separated by commas
    pass_threshold      DOUBLE NULL,                    -- NULL: the primary scorer's own
    max_new_tokens      INTEGER NOT NULL DEFAULT 128,
    temperature         DOUBLE NOT NULL DEFAULT 0,
    min_gain            DOUBLE NULL,                    -- NULL: every version passes; else the mean change it must reach
    created_at          DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now'))
);

-- A request to move an alias, written by people; the runner answers in state and reason.
CREATE TABLE alias_changes (
    change_id       INTEGER PRIMARY KEY AUTOINCREMENT,
    adapter_name    VARCHAR(100) NOT NULL,
    alias           VARCHAR(64) NOT NULL DEFAULT 'live',
    version_number  INTEGER NOT NULL,
    state           VARCHAR(16) NOT NULL DEFAULT 'requested', -- requested -> applied | refused
    reason          LONGTEXT NULL,
    requested_at    DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    settled_at      DATETIME(6) NULL
);

-- Who works on which adapter, and what the last sync decided. One row per adapter, written by the runner only.
CREATE TABLE adapter_states (
    adapter_name    VARCHAR(100) NOT NULL PRIMARY KEY,
    attempt         BIGINT NOT NULL DEFAULT 0,          -- grows with every claim; fences whoever lost the lease
    lease_owner     VARCHAR(100) NULL,                  -- NULL: nobody works on it
    lease_until_ms  BIGINT NULL,                        -- milliseconds since 1970 by the database's clock
    claimed_at      DATETIME(6) NULL,
    heartbeat_at    DATETIME(6) NULL,
    run_id          BIGINT NULL,                        -- the run that is past queued and not ended, if any
    decision        VARCHAR(32) NULL,                   -- up_to_date, train, evaluate, resume, wait, blocked
    decision_reason LONGTEXT NULL,
    decided_at      DATETIME(6) NULL
);

-- One attempt to bring an adapter up to date.
CREATE TABLE runs (
    run_id              INTEGER PRIMARY KEY AUTOINCREMENT,
    adapter_name        VARCHAR(100) NOT NULL,
    state               VARCHAR(20) NOT NULL DEFAULT 'queued', -- queued -> preparing -> answering_before -> training -> answering_after -> deciding -> succeeded | rejected; or failed | cancelled
    desired_state       VARCHAR(16) NOT NULL DEFAULT 'running', -- running | cancelled: people may write it
    run_key             VARCHAR(64) NULL,               -- made by the runner; names this run outside the database
    run_kind            VARCHAR(16) NULL,               -- train | evaluate
    trigger_reason      LONGTEXT NULL,                  -- why the run exists
    backend             VARCHAR(32) NULL,
    is_simulated        TINYINT NOT NULL DEFAULT 0,     -- 1: the backend only plays back a script
    base_model          VARCHAR(255) NULL,
    base_model_revision VARCHAR(191) NULL,
    fingerprint         VARCHAR(96) NULL,               -- of the training selection: '<rows>-<hash sum>'
    eval_fingerprint    VARCHAR(96) NULL,
    training_key        VARCHAR(64) NULL,               -- hash of all that training depends on
    evaluation_key      VARCHAR(64) NULL,               -- hash of all that only the evaluation depends on
    manifest_id         BIGINT NULL,
    version_number      INTEGER NULL,                   -- the version that it trained or evaluates
    before_version      INTEGER NULL,                   -- the version that was live when it began
    settings            LONGTEXT NULL,                  -- the effective settings as JSON, without secrets
    samples_selected    BIGINT NULL,
    samples_skipped     BIGINT NULL,
    samples_held_out    BIGINT NULL,
    samples_used        BIGINT NULL,
    prompts_selected    BIGINT NULL,
    responses_stored    BIGINT NOT NULL DEFAULT 0,
    steps_done          BIGINT NOT NULL DEFAULT 0,
    steps_total         BIGINT NULL,
    tokens_processed    BIGINT NULL,
    cost_usd            DECIMAL(12,4) NULL,             -- NULL: the backend has no price
    attempt_count       INTEGER NOT NULL DEFAULT 0,     -- how often a runner began or resumed it
    queued_at           DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    started_at          DATETIME(6) NULL,
    finished_at         DATETIME(6) NULL,
    wait_seconds        DOUBLE NULL,
    run_seconds         DOUBLE NULL,
    is_retryable        TINYINT NULL,                   -- with failed: 1 when the same run may succeed later
    failure_count       INTEGER NOT NULL DEFAULT 0,     -- failed runs in a row with this same key
    next_attempt_at     DATETIME(6) NULL,
    error_code          VARCHAR(64) NULL,
    error_message       LONGTEXT NULL
);

-- The planner asks for an adapter's last ended run and for the one at work.
CREATE INDEX runs_by_adapter ON runs (adapter_name, state);

-- The runner finds the run it just wrote by the key it made.
CREATE INDEX runs_by_key ON runs (run_key);

-- What happened in a run, in words, in order.
CREATE TABLE run_events (
    run_id          BIGINT NOT NULL,
    event_number    INTEGER NOT NULL,
    logged_at       DATETIME(6) NOT NULL,
    event           VARCHAR(64) NOT NULL,
    message         LONGTEXT NOT NULL,
    PRIMARY KEY (run_id, event_number)
);

-- One row per optimizer step.
CREATE TABLE training_metrics (
    run_id          BIGINT NOT NULL,
    step            BIGINT NOT NULL,
    epoch           DOUBLE NOT NULL,
    train_loss      DOUBLE NOT NULL,                    -- mean over the response tokens of the step, in nats
    eval_loss       DOUBLE NULL,
    learning_rate   DOUBLE NULL,
    gradient_norm   DOUBLE NULL,
    tokens          BIGINT NULL,                        -- all tokens of the step
    trained_tokens  BIGINT NULL,                        -- those that count in the loss
    tokens_seen     BIGINT NULL,
    logged_at       DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, step)
);

-- The exact content of a training selection; runs with an equal fingerprint share one manifest.
CREATE TABLE manifests (
    manifest_id     BIGINT NOT NULL PRIMARY KEY,        -- the run_id that wrote it
    adapter_name    VARCHAR(100) NOT NULL,
    state           VARCHAR(16) NOT NULL,               -- writing -> complete
    fingerprint     VARCHAR(96) NULL,                   -- NULL while it is being written
    dataset_number  INTEGER NULL,                       -- 1, 2, 3 ... per adapter
    sample_count    BIGINT NULL,
    samples_added   BIGINT NULL,                        -- against the adapter's manifest before
    samples_removed BIGINT NULL,
    token_count     BIGINT NULL,
    created_at      DATETIME(6) NOT NULL
);

-- A new manifest looks for its equal.
CREATE INDEX manifests_by_adapter ON manifests (adapter_name, fingerprint);

-- The samples of a manifest, in the order in which the selection gave them.
CREATE TABLE manifest_samples (
    manifest_id     BIGINT NOT NULL,
    position        BIGINT NOT NULL,                    -- 0, 1, 2 ...
    sample_key      VARCHAR(191) NOT NULL,              -- the row's own key: sample_key, else the table's id, else the hash
    content_hash    VARCHAR(64) NOT NULL,               -- BLAKE2b-256 in hexadecimal
    PRIMARY KEY (manifest_id, position)
) WITHOUT ROWID;

-- Which versions saw this row, and two rows under one key.
CREATE INDEX manifest_samples_by_key ON manifest_samples (sample_key);

-- Which versions saw this text, and the same text twice.
CREATE INDEX manifest_samples_by_content ON manifest_samples (content_hash);

-- Texts of samples and prompts, once per content hash, so that a deleted or edited row stays what it was when trained on.
CREATE TABLE contents (
    content_hash    VARCHAR(64) NOT NULL PRIMARY KEY,
    prompt          LONGTEXT NOT NULL,
    response        LONGTEXT NULL,                      -- of an evaluation prompt: the expected answer
    system_prompt   LONGTEXT NULL,
    weight          DOUBLE NULL,
    group_key       VARCHAR(191) NULL,
    split           VARCHAR(16) NULL
);

-- The evaluation prompts of a run as they were asked.
CREATE TABLE run_prompts (
    run_id          BIGINT NOT NULL,
    prompt_key      VARCHAR(191) NOT NULL,
    content_hash    VARCHAR(64) NOT NULL,
    category        VARCHAR(100) NULL,
    scorer          VARCHAR(64) NOT NULL,               -- the primary scorer of this prompt
    PRIMARY KEY (run_id, prompt_key)
);

-- What one run that finished training produced.
CREATE TABLE adapter_versions (
    adapter_name        VARCHAR(100) NOT NULL,
    version_number      INTEGER NOT NULL,               -- 1, 2, 3 ... per adapter
    adapter_label       VARCHAR(120) NOT NULL,          -- 'Pavanmodel v3', ready for a chart
    state               VARCHAR(16) NOT NULL,           -- trained -> accepted | rejected
    is_latest           TINYINT NOT NULL,
    run_id              BIGINT NOT NULL,                -- the run that trained it
    evaluation_run_id   BIGINT NULL,                    -- the latest run that evaluated it to the end
    manifest_id         BIGINT NOT NULL,
    fingerprint         VARCHAR(96) NOT NULL,
    training_key        VARCHAR(64) NOT NULL,
    backend             VARCHAR(32) NOT NULL,
    base_model          VARCHAR(255) NOT NULL,
    base_model_revision VARCHAR(191) NULL,
    method              VARCHAR(32) NOT NULL,           -- lora
    epochs              INTEGER NOT NULL,
    learning_rate       DOUBLE NULL,
    lora_rank           INTEGER NULL,
    lora_alpha          INTEGER NULL,
    batch_size          INTEGER NULL,
    rehearsal_pairs     INTEGER NULL,                   -- extra samples of the base model's own answers
    rehearsal           VARCHAR(8) NOT NULL,            -- on or off, as it was really done
    seed                BIGINT NOT NULL,
    sample_count        BIGINT NOT NULL,
    steps               BIGINT NULL,
    tokens_processed    BIGINT NULL,
    final_train_loss    DOUBLE NULL,
    train_seconds       DOUBLE NULL,
    cost_usd            DECIMAL(12,4) NULL,
    external_id         VARCHAR(255) NULL,              -- the adapter's id at a remote backend
    artifact_uri        LONGTEXT NULL,                  -- where the weights lie
    artifact_bytes      BIGINT NULL,
    artifact_sha256     VARCHAR(64) NULL,
    created_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, version_number)
);

-- What a model answered, or the error in place of an answer.
CREATE TABLE responses (
    run_id          BIGINT NOT NULL,
    prompt_key      VARCHAR(191) NOT NULL,
    phase           VARCHAR(8) NOT NULL,                -- base, before, after
    content_hash    VARCHAR(64) NOT NULL,               -- of the prompt as asked
    model_key       VARCHAR(64) NOT NULL,               -- hash of the model that answered
    decoding_key    VARCHAR(64) NOT NULL,               -- hash of the decoding settings: unequal ones are not compared
    response        LONGTEXT NULL,                      -- NULL only with an error
    error_code      VARCHAR(64) NULL,
    error_message   LONGTEXT NULL,
    finish_reason   VARCHAR(32) NULL,                   -- stop, length
    prompt_tokens   INTEGER NULL,
    output_tokens   INTEGER NULL,
    latency_ms      DOUBLE NULL,
    reused_run_id   BIGINT NULL,                        -- the run that first asked, where the answer was known
    answered_at     DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, prompt_key, phase)
);

-- The base model's known answers to the same prompt under the same settings.
CREATE INDEX responses_by_model ON responses (content_hash, model_key, decoding_key);

-- What a scorer said of a response.
CREATE TABLE scores (
    run_id          BIGINT NOT NULL,
    prompt_key      VARCHAR(191) NOT NULL,
    phase           VARCHAR(8) NOT NULL,
    scorer          VARCHAR(64) NOT NULL,
    is_primary_scorer TINYINT NOT NULL,
    score           DOUBLE NULL,                        -- 0 to 1; NULL only with an error
    pass_threshold  DOUBLE NOT NULL,
    error_message   LONGTEXT NULL,
    scored_at       DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, prompt_key, phase, scorer)
);

-- Whether a version may go live, with the figures and the reason.
CREATE TABLE gate_decisions (
    run_id              BIGINT NOT NULL PRIMARY KEY,
    adapter_name        VARCHAR(100) NOT NULL,
    version_number      INTEGER NULL,
    decision            VARCHAR(16) NOT NULL,           -- accepted | rejected
    reason              LONGTEXT NOT NULL,
    compared_phase      VARCHAR(8) NOT NULL,            -- before, or base where nothing was live
    prompts_compared    BIGINT NOT NULL,
    error_count         BIGINT NOT NULL,
    wins                BIGINT NOT NULL,
    losses              BIGINT NOT NULL,
    ties                BIGINT NOT NULL,
    mean_before         DOUBLE NULL,
    mean_after          DOUBLE NULL,
    mean_change         DOUBLE NULL,
    interval_low        DOUBLE NULL,                    -- paired bootstrap interval of the mean change
    interval_high       DOUBLE NULL,
    interval_level      DOUBLE NULL,
    min_gain            DOUBLE NULL,
    decided_at          DATETIME(6) NOT NULL
);

-- Names that point to one version, such as live.
CREATE TABLE aliases (
    adapter_name    VARCHAR(100) NOT NULL,
    alias           VARCHAR(64) NOT NULL,
    version_number  INTEGER NOT NULL,
    changed_at      DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, alias)
);

-- Every move of an alias.
CREATE TABLE alias_history (
    adapter_name    VARCHAR(100) NOT NULL,
    alias           VARCHAR(64) NOT NULL,
    move_number     INTEGER NOT NULL,                   -- 1, 2, 3 ... per adapter and alias
    old_version     INTEGER NULL,
    new_version     INTEGER NOT NULL,
    run_id          BIGINT NULL,                        -- NULL: asked for in alias_changes
    reason          LONGTEXT NOT NULL,
    changed_at      DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, alias, move_number)
);

-- Calls that change something outside the database: the intent first, the outcome after.
CREATE TABLE backend_calls (
    run_id          BIGINT NOT NULL,
    call_number     INTEGER NOT NULL,
    state           VARCHAR(16) NOT NULL,               -- intended -> done | failed | unknown
    call_kind       VARCHAR(32) NOT NULL,
    request         LONGTEXT NOT NULL,                  -- what was asked, in short, without secrets
    external_id     VARCHAR(255) NULL,
    outcome         LONGTEXT NULL,
    intended_at     DATETIME(6) NOT NULL,
    settled_at      DATETIME(6) NULL,
    PRIMARY KEY (run_id, call_number)
);

-- What is wrong with single rows of a selection: the first 1,000 of each rule.
CREATE TABLE data_issues (
    run_id          BIGINT NOT NULL,
    issue_number    INTEGER NOT NULL,
    selection       VARCHAR(16) NOT NULL,               -- training | evaluation
    severity        VARCHAR(8) NOT NULL,                -- error | warning
    rule            VARCHAR(64) NOT NULL,
    row_key         VARCHAR(191) NOT NULL,
    column_name     VARCHAR(64) NULL,
    message         LONGTEXT NOT NULL,
    PRIMARY KEY (run_id, issue_number)
);

-- How many rows break each rule, exactly.
CREATE TABLE data_issue_counts (
    run_id          BIGINT NOT NULL,
    selection       VARCHAR(16) NOT NULL,
    rule            VARCHAR(64) NOT NULL,
    severity        VARCHAR(8) NOT NULL,
    issue_count     BIGINT NOT NULL,
    PRIMARY KEY (run_id, selection, rule)
);
