-- The tables of sqltune: what people write first, what the runner writes after.
-- SingleStore. The same tables, columns and order stand in ../sqlite and ../mysql; a test compares the catalogs.
-- Times are UTC, for which the server must run in UTC (`sqltune check` looks); flags are 0 or 1; keys compare byte by byte.
-- Every primary key contains its table's shard key. Small tables that change in place are rowstore; the others are
-- columnstore, whose keys are hash keys.

-- One row per training sample that people keep in our own table; a `training_query` may read any other table instead.
CREATE TABLE training_samples (
    sample_id           BIGINT NOT NULL AUTO_INCREMENT COMMENT 'opaque: unique, neither an order nor a watermark',
    dataset             VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'an adapter without training_query reads the dataset of its own name',
    prompt              LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    response            LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    system_prompt       LONGTEXT COLLATE utf8mb4_bin NULL,
    weight              DOUBLE NOT NULL DEFAULT 1 COMMENT 'multiplies the sample''s loss; must be above 0',
    group_key           VARCHAR(191) COLLATE utf8mb4_bin NULL COMMENT 'rows that belong together, for instance one customer',
    split               VARCHAR(16) COLLATE utf8mb4_bin NULL COMMENT 'NULL or ''train'' is trained on; any other value is held out',
    created_at          DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (sample_id),
    -- The default training selection reads one dataset.
    KEY training_samples_by_dataset (dataset) USING HASH,
    SHARD KEY (sample_id)
);

-- One row per prompt that is asked before and after training.
CREATE TABLE eval_prompts (
    prompt_id           BIGINT NOT NULL AUTO_INCREMENT,
    dataset             VARCHAR(191) COLLATE utf8mb4_bin NOT NULL,
    prompt              LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    expected            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'NULL: the answer is shown but not scored',
    system_prompt       LONGTEXT COLLATE utf8mb4_bin NULL,
    category            VARCHAR(100) COLLATE utf8mb4_bin NULL COMMENT 'groups prompts in reports',
    scorer              VARCHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'NULL: the adapter''s scorer',
    created_at          DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (prompt_id),
    -- The default evaluation selection reads one dataset.
    KEY eval_prompts_by_dataset (dataset) USING HASH,
    SHARD KEY (prompt_id)
);

-- The desired state: one row per adapter that people want kept up to date.
CREATE ROWSTORE TABLE adapters (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    base_model          VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT '''sqltune/embedded'', a model''s name or a folder that the settings allow',
    is_enabled          TINYINT NOT NULL DEFAULT 1,
    backend             VARCHAR(32) COLLATE utf8mb4_bin NOT NULL DEFAULT 'local',
    base_model_revision VARCHAR(191) COLLATE utf8mb4_bin NULL,
    training_query      LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'NULL: rows of training_samples whose dataset is adapter_name',
    eval_query          LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'NULL: rows of eval_prompts whose dataset is adapter_name',
    epochs              INT NOT NULL DEFAULT 3,
    learning_rate       DOUBLE NULL COMMENT 'NULL: the backend''s default, stored with each version',
    lora_rank           INT NULL,
    lora_alpha          INT NULL,
    batch_size          INT NULL COMMENT 'samples of the user''s own in one optimizer step',
    rehearsal           VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'auto' COMMENT 'auto, on, off: the base model''s own answers as extra samples',
    seed                BIGINT NOT NULL DEFAULT 0,
    on_bad_row          VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'stop' COMMENT 'stop: nothing is sent; skip: bad rows are left out and named',
    max_skipped_share   DOUBLE NOT NULL DEFAULT 0.01 COMMENT 'with skip: above this share of bad rows the run fails',
    scorer              VARCHAR(64) COLLATE utf8mb4_bin NOT NULL DEFAULT 'token_f1' COMMENT 'the primary scorer, which the gate reads',
    extra_scorers       VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'further scorers, separated by commas',
    pass_threshold      DOUBLE NULL COMMENT 'NULL: the primary scorer''s own',
    max_new_tokens      INT NOT NULL DEFAULT 128,
    temperature         DOUBLE NOT NULL DEFAULT 0,
    min_gain            DOUBLE NULL COMMENT 'NULL: every version passes; else the mean change it must reach',
    created_at          DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (adapter_name),
    SHARD KEY (adapter_name)
);

-- A request to move an alias, written by people; the runner answers in state and reason.
CREATE ROWSTORE TABLE alias_changes (
    change_id           BIGINT NOT NULL AUTO_INCREMENT,
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    alias               VARCHAR(64) COLLATE utf8mb4_bin NOT NULL DEFAULT 'live',
    version_number      INT NOT NULL,
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL DEFAULT 'requested' COMMENT 'requested -> applied | refused',
    reason              LONGTEXT COLLATE utf8mb4_bin NULL,
    requested_at        DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    settled_at          DATETIME(6) NULL,
    PRIMARY KEY (change_id),
    SHARD KEY (change_id)
);

-- Who works on which adapter, and what the last sync decided. One row per adapter, written by the runner only.
CREATE ROWSTORE TABLE adapter_states (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    attempt             BIGINT NOT NULL DEFAULT 0 COMMENT 'grows with every claim; fences whoever lost the lease',
    lease_owner         VARCHAR(100) COLLATE utf8mb4_bin NULL COMMENT 'NULL: nobody works on it',
    lease_until_ms      BIGINT NULL COMMENT 'milliseconds since 1970 by the database''s clock',
    claimed_at          DATETIME(6) NULL,
    heartbeat_at        DATETIME(6) NULL,
    run_id              BIGINT NULL COMMENT 'the run that is past queued and not ended, if any',
    decision            VARCHAR(32) COLLATE utf8mb4_bin NULL COMMENT 'up_to_date, train, evaluate, resume, wait, blocked',
    decision_reason     LONGTEXT COLLATE utf8mb4_bin NULL,
    decided_at          DATETIME(6) NULL,
    PRIMARY KEY (adapter_name),
    SHARD KEY (adapter_name)
);

-- One attempt to bring an adapter up to date.
CREATE ROWSTORE TABLE runs (
    run_id              BIGINT NOT NULL AUTO_INCREMENT,
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    state               VARCHAR(20) COLLATE utf8mb4_bin NOT NULL DEFAULT 'queued' COMMENT 'queued -> preparing -> answering_before -> training -> answering_after -> deciding -> succeeded | rejected; or failed | cancelled',
    desired_state       VARCHAR(16) COLLATE utf8mb4_bin NOT NULL DEFAULT 'running' COMMENT 'running | cancelled: people may write it',
    run_key             VARCHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'made by the runner; names this run outside the database',
    run_kind            VARCHAR(16) COLLATE utf8mb4_bin NULL COMMENT 'train | evaluate',
    trigger_reason      LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'why the run exists',
    backend             VARCHAR(32) COLLATE utf8mb4_bin NULL,
    is_simulated        TINYINT NOT NULL DEFAULT 0 COMMENT '1: the backend only plays back a script',
    base_model          VARCHAR(255) COLLATE utf8mb4_bin NULL,
    base_model_revision VARCHAR(191) COLLATE utf8mb4_bin NULL,
    fingerprint         VARCHAR(96) COLLATE utf8mb4_bin NULL COMMENT 'of the training selection: ''<rows>-<hash sum>''',
    eval_fingerprint    VARCHAR(96) COLLATE utf8mb4_bin NULL,
    training_key        VARCHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'hash of all that training depends on',
    evaluation_key      VARCHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'hash of all that only the evaluation depends on',
    manifest_id         BIGINT NULL,
    version_number      INT NULL COMMENT 'the version that it trained or evaluates',
    before_version      INT NULL COMMENT 'the version that was live when it began',
    settings            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'the effective settings as JSON, without secrets',
    samples_selected    BIGINT NULL,
    samples_skipped     BIGINT NULL,
    samples_held_out    BIGINT NULL,
    samples_used        BIGINT NULL,
    prompts_selected    BIGINT NULL,
    responses_stored    BIGINT NOT NULL DEFAULT 0,
    steps_done          BIGINT NOT NULL DEFAULT 0,
    steps_total         BIGINT NULL,
    tokens_processed    BIGINT NULL,
    cost_usd            DECIMAL(12,4) NULL COMMENT 'NULL: the backend has no price',
    attempt_count       INT NOT NULL DEFAULT 0 COMMENT 'how often a runner began or resumed it',
    queued_at           DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    started_at          DATETIME(6) NULL,
    finished_at         DATETIME(6) NULL,
    wait_seconds        DOUBLE NULL,
    run_seconds         DOUBLE NULL,
    is_retryable        TINYINT NULL COMMENT 'with failed: 1 when the same run may succeed later',
    failure_count       INT NOT NULL DEFAULT 0 COMMENT 'failed runs in a row with this same key',
    next_attempt_at     DATETIME(6) NULL,
    error_code          VARCHAR(64) COLLATE utf8mb4_bin NULL,
    error_message       LONGTEXT COLLATE utf8mb4_bin NULL,
    PRIMARY KEY (run_id),
    -- The planner asks for an adapter's last ended run and for the one at work.
    KEY runs_by_adapter (adapter_name, state),
    -- The runner finds the run it just wrote by the key it made.
    KEY runs_by_key (run_key),
    SHARD KEY (run_id)
);

-- What happened in a run, in words, in order.
CREATE TABLE run_events (
    run_id              BIGINT NOT NULL,
    event_number        INT NOT NULL,
    logged_at           DATETIME(6) NOT NULL,
    event               VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    message             LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (run_id, event_number),
    SHARD KEY (run_id),
    SORT KEY (event_number)
);

-- One row per optimizer step.
CREATE TABLE training_metrics (
    run_id              BIGINT NOT NULL,
    step                BIGINT NOT NULL,
    epoch               DOUBLE NOT NULL,
    train_loss          DOUBLE NOT NULL COMMENT 'mean over the response tokens of the step, in nats',
    eval_loss           DOUBLE NULL,
    learning_rate       DOUBLE NULL,
    gradient_norm       DOUBLE NULL,
    tokens              BIGINT NULL COMMENT 'all tokens of the step',
    trained_tokens      BIGINT NULL COMMENT 'those that count in the loss',
    tokens_seen         BIGINT NULL,
    logged_at           DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, step),
    SHARD KEY (run_id),
    SORT KEY (step)
);

-- The exact content of a training selection; runs with an equal fingerprint share one manifest.
CREATE ROWSTORE TABLE manifests (
    manifest_id         BIGINT NOT NULL COMMENT 'the run_id that wrote it',
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'writing -> complete',
    fingerprint         VARCHAR(96) COLLATE utf8mb4_bin NULL COMMENT 'NULL while it is being written',
    dataset_number      INT NULL COMMENT '1, 2, 3 ... per adapter',
    sample_count        BIGINT NULL,
    samples_added       BIGINT NULL COMMENT 'against the adapter''s manifest before',
    samples_removed     BIGINT NULL,
    token_count         BIGINT NULL,
    created_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (manifest_id),
    -- A new manifest looks for its equal.
    KEY manifests_by_adapter (adapter_name, fingerprint),
    SHARD KEY (manifest_id)
);

-- The samples of a manifest, in the order in which the selection gave them.
CREATE TABLE manifest_samples (
    manifest_id         BIGINT NOT NULL,
    position            BIGINT NOT NULL COMMENT '0, 1, 2 ...',
    sample_key          VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'the row''s own key: sample_key, else the table''s id, else the hash',
    content_hash        VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'BLAKE2b-256 in hexadecimal',
    PRIMARY KEY (manifest_id, position),
    -- Which versions saw this row, and two rows under one key.
    KEY manifest_samples_by_key (sample_key) USING HASH,
    -- Which versions saw this text, and the same text twice.
    KEY manifest_samples_by_content (content_hash) USING HASH,
    SHARD KEY (manifest_id),
    SORT KEY (position)
);

-- Texts of samples and prompts, once per content hash, so that a deleted or edited row stays what it was when trained on.
CREATE TABLE contents (
    content_hash        VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    prompt              LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    response            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'of an evaluation prompt: the expected answer',
    system_prompt       LONGTEXT COLLATE utf8mb4_bin NULL,
    weight              DOUBLE NULL,
    group_key           VARCHAR(191) COLLATE utf8mb4_bin NULL,
    split               VARCHAR(16) COLLATE utf8mb4_bin NULL,
    PRIMARY KEY (content_hash),
    SHARD KEY (content_hash)
);

-- The evaluation prompts of a run as they were asked.
CREATE TABLE run_prompts (
    run_id              BIGINT NOT NULL,
    prompt_key          VARCHAR(191) COLLATE utf8mb4_bin NOT NULL,
    content_hash        VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    category            VARCHAR(100) COLLATE utf8mb4_bin NULL,
    scorer              VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'the primary scorer of this prompt',
    PRIMARY KEY (run_id, prompt_key),
    SHARD KEY (run_id)
);

-- What one run that finished training produced.
CREATE ROWSTORE TABLE adapter_versions (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    version_number      INT NOT NULL COMMENT '1, 2, 3 ... per adapter',
    adapter_label       VARCHAR(120) COLLATE utf8mb4_bin NOT NULL COMMENT '''Pavanmodel v3'', ready for a chart',
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'trained -> accepted | rejected',
    is_latest           TINYINT NOT NULL,
    run_id              BIGINT NOT NULL COMMENT 'the run that trained it',
    evaluation_run_id   BIGINT NULL COMMENT 'the latest run that evaluated it to the end',
    manifest_id         BIGINT NOT NULL,
    fingerprint         VARCHAR(96) COLLATE utf8mb4_bin NOT NULL,
    training_key        VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    backend             VARCHAR(32) COLLATE utf8mb4_bin NOT NULL,
    base_model          VARCHAR(255) COLLATE utf8mb4_bin NOT NULL,
    base_model_revision VARCHAR(191) COLLATE utf8mb4_bin NULL,
    method              VARCHAR(32) COLLATE utf8mb4_bin NOT NULL COMMENT 'lora',
    epochs              INT NOT NULL,
    learning_rate       DOUBLE NULL,
    lora_rank           INT NULL,
    lora_alpha          INT NULL,
    batch_size          INT NULL,
    rehearsal_pairs     INT NULL COMMENT 'extra samples of the base model''s own answers',
    rehearsal           VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'on or off, as it was really done',
    seed                BIGINT NOT NULL,
    sample_count        BIGINT NOT NULL,
    steps               BIGINT NULL,
    tokens_processed    BIGINT NULL,
    final_train_loss    DOUBLE NULL,
    train_seconds       DOUBLE NULL,
    cost_usd            DECIMAL(12,4) NULL,
    external_id         VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'the adapter''s id at a remote backend',
    artifact_uri        LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'where the weights lie',
    artifact_bytes      BIGINT NULL,
    artifact_sha256     VARCHAR(64) COLLATE utf8mb4_bin NULL,
    created_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, version_number),
    SHARD KEY (adapter_name)
);

-- What a model answered, or the error in place of an answer.
CREATE TABLE responses (
    run_id              BIGINT NOT NULL,
    prompt_key          VARCHAR(191) COLLATE utf8mb4_bin NOT NULL,
    phase               VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'base, before, after',
    content_hash        VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'of the prompt as asked',
    model_key           VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'hash of the model that answered',
    decoding_key        VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'hash of the decoding settings: unequal ones are not compared',
    response            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'NULL only with an error',
    error_code          VARCHAR(64) COLLATE utf8mb4_bin NULL,
    error_message       LONGTEXT COLLATE utf8mb4_bin NULL,
    finish_reason       VARCHAR(32) COLLATE utf8mb4_bin NULL COMMENT 'stop, length',
    prompt_tokens       INT NULL,
    output_tokens       INT NULL,
    latency_ms          DOUBLE NULL,
    reused_run_id       BIGINT NULL COMMENT 'the run that first asked, where the answer was known',
    answered_at         DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, prompt_key, phase),
    -- The base model's known answers to the same prompt under the same settings.
    KEY responses_by_model (content_hash, model_key, decoding_key) USING HASH,
    SHARD KEY (run_id)
);

-- What a scorer said of a response.
CREATE TABLE scores (
    run_id              BIGINT NOT NULL,
    prompt_key          VARCHAR(191) COLLATE utf8mb4_bin NOT NULL,
    phase               VARCHAR(8) COLLATE utf8mb4_bin NOT NULL,
    scorer              VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    is_primary_scorer   TINYINT NOT NULL,
    score               DOUBLE NULL COMMENT '0 to 1; NULL only with an error',
    pass_threshold      DOUBLE NOT NULL,
    error_message       LONGTEXT COLLATE utf8mb4_bin NULL,
    scored_at           DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, prompt_key, phase, scorer),
    SHARD KEY (run_id)
);

-- Whether a version may go live, with the figures and the reason.
CREATE ROWSTORE TABLE gate_decisions (
    run_id              BIGINT NOT NULL,
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    version_number      INT NULL,
    decision            VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'accepted | rejected',
    reason              LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    compared_phase      VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'before, or base where nothing was live',
    prompts_compared    BIGINT NOT NULL,
    error_count         BIGINT NOT NULL,
    wins                BIGINT NOT NULL,
    losses              BIGINT NOT NULL,
    ties                BIGINT NOT NULL,
    mean_before         DOUBLE NULL,
    mean_after          DOUBLE NULL,
    mean_change         DOUBLE NULL,
    interval_low        DOUBLE NULL COMMENT 'paired bootstrap interval of the mean change',
    interval_high       DOUBLE NULL,
    interval_level      DOUBLE NULL,
    min_gain            DOUBLE NULL,
    decided_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id),
    SHARD KEY (run_id)
);

-- Names that point to one version, such as live.
CREATE ROWSTORE TABLE aliases (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    alias               VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    version_number      INT NOT NULL,
    changed_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, alias),
    SHARD KEY (adapter_name)
);

-- Every move of an alias.
CREATE ROWSTORE TABLE alias_history (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    alias               VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    move_number         INT NOT NULL COMMENT '1, 2, 3 ... per adapter and alias',
    old_version         INT NULL,
    new_version         INT NOT NULL,
    run_id              BIGINT NULL COMMENT 'NULL: asked for in alias_changes',
    reason              LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    changed_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, alias, move_number),
    SHARD KEY (adapter_name)
);

-- Calls that change something outside the database: the intent first, the outcome after.
CREATE ROWSTORE TABLE backend_calls (
    run_id              BIGINT NOT NULL,
    call_number         INT NOT NULL,
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'intended -> done | failed | unknown',
    call_kind           VARCHAR(32) COLLATE utf8mb4_bin NOT NULL,
    request             LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'what was asked, in short, without secrets',
    external_id         VARCHAR(255) COLLATE utf8mb4_bin NULL,
    outcome             LONGTEXT COLLATE utf8mb4_bin NULL,
    intended_at         DATETIME(6) NOT NULL,
    settled_at          DATETIME(6) NULL,
    PRIMARY KEY (run_id, call_number),
    SHARD KEY (run_id)
);

-- What is wrong with single rows of a selection: the first 1,000 of each rule.
CREATE TABLE data_issues (
    run_id              BIGINT NOT NULL,
    issue_number        INT NOT NULL,
    selection           VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'training | evaluation',
    severity            VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'error | warning',
    rule                VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    row_key             VARCHAR(191) COLLATE utf8mb4_bin NOT NULL,
    column_name         VARCHAR(64) COLLATE utf8mb4_bin NULL,
    message             LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (run_id, issue_number),
    SHARD KEY (run_id),
    SORT KEY (issue_number)
);

-- How many rows break each rule, exactly.
CREATE TABLE data_issue_counts (
    run_id              BIGINT NOT NULL,
    selection           VARCHAR(16) COLLATE utf8mb4_bin NOT NULL,
    rule                VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    severity            VARCHAR(8) COLLATE utf8mb4_bin NOT NULL,
    issue_count         BIGINT NOT NULL,
    PRIMARY KEY (run_id, selection, rule),
    SHARD KEY (run_id)
);
