-- The tables of sqltune: what people write first, then what the runner writes.
-- MySQL and MariaDB. The same tables, columns and order are in ../sqlite and ../singlestore; a test compares the catalogs.
-- Times are UTC in every time zone of a client; flags are 0 or 1; keys compare byte by byte.

-- One row per training sample. The `training_query` of an adapter may read any other table instead.
CREATE TABLE training_samples (
    sample_id           BIGINT NOT NULL AUTO_INCREMENT COMMENT 'unique; neither an order nor a watermark',
    dataset             VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'an adapter without a training_query reads the dataset of its own name',
    prompt              LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'what the model is asked; NULL: the row has messages',
    response            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'what the model is to answer; NULL: the row has messages',
    system_prompt       LONGTEXT COLLATE utf8mb4_bin NULL,
    messages            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'a conversation as JSON in the form of OpenAI''s chat, in place of prompt, response and system_prompt',
    weight              DOUBLE NOT NULL DEFAULT 1 COMMENT 'factor on the loss of this sample; above 0',
    group_key           VARCHAR(191) COLLATE utf8mb4_bin NULL COMMENT 'rows that belong together, such as those of one customer',
    split               VARCHAR(16) COLLATE utf8mb4_bin NULL COMMENT 'NULL or ''train'': trained on; ''validation'': its loss is measured after every epoch; any other value: held out',
    created_at          DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    PRIMARY KEY (sample_id),
    -- The default training selection reads one dataset.
    KEY training_samples_by_dataset (dataset)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row per prompt that is asked before and after training.
CREATE TABLE eval_prompts (
    prompt_id           BIGINT NOT NULL AUTO_INCREMENT COMMENT 'unique; neither an order nor a watermark',
    dataset             VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'an adapter without an eval_query reads the dataset of its own name',
    prompt              LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'what the models are asked; NULL: the row has messages',
    expected            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'NULL: the answers are shown; only a scorer that needs no expected text scores them',
    system_prompt       LONGTEXT COLLATE utf8mb4_bin NULL,
    messages            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'a conversation that ends with the user''s turn, as in training_samples, in place of prompt and system_prompt',
    category            VARCHAR(100) COLLATE utf8mb4_bin NULL COMMENT 'groups prompts in reports',
    scorer              VARCHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'NULL: the scorer of the adapter, else the one that the shape of expected chooses',
    group_key           VARCHAR(191) COLLATE utf8mb4_bin NULL COMMENT 'what it is about, as in training_samples: a prompt whose group is trained on counts as leaked',
    created_at          DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    PRIMARY KEY (prompt_id),
    -- The default evaluation selection reads one dataset.
    KEY eval_prompts_by_dataset (dataset)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The adapters that people want kept up to date, one row each.
CREATE TABLE adapters (
    -- What is tuned, where, and when.
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    base_model          VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'the name of a model on the Hugging Face Hub, or a folder or a GGUF file that the settings allow',
    base_model_revision VARCHAR(191) COLLATE utf8mb4_bin NULL COMMENT 'NULL: what the name means when a run begins; each version stores it',
    backend             VARCHAR(32) COLLATE utf8mb4_bin NOT NULL DEFAULT 'local',
    is_enabled          TINYINT NOT NULL DEFAULT 1,
    sync_every          VARCHAR(32) COLLATE utf8mb4_bin NULL COMMENT 'how often `sqltune worker` syncs it: ''30s'', ''15m'', ''6h'', ''1d''; NULL: only when a row of runs asks',
    min_new_samples     INT NULL COMMENT 'how many new or edited samples it takes to train again; NULL: any change is enough',
    -- What it is trained on.
    training_query      LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'NULL: the rows of training_samples whose dataset is adapter_name',
    train_on            VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'all' COMMENT 'all: of messages, every turn of the assistant is trained; last: only the last one',
    validation_share    DOUBLE NULL COMMENT 'share of the samples, from 0 to 0.5, that is never trained and measured after every epoch; NULL or 0: none',
    on_bad_row          VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'stop' COMMENT 'stop: one bad row ends the run before training; skip: bad rows are left out and listed in data_issues',
    max_skipped_share   DOUBLE NOT NULL DEFAULT 0.01 COMMENT 'with skip: the run fails above this share of bad rows',
    on_personal_data    VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'report' COMMENT 'personal data and secrets in a text are: report: a warning; refuse: a bad row; ignore: not looked for',
    near_duplicate_at   DOUBLE NULL DEFAULT 0.9 COMMENT 'from which similarity, 0.5 to 1, two samples, or a prompt and a sample, are nearly the same, which is a warning; NULL: not looked for',
    allow_unstable      TINYINT NOT NULL DEFAULT 0 COMMENT '1: training_query and eval_query may return other rows each time they are read; 0: such a query is refused',
    -- How it is trained. NULL: the default of the backend, which each version stores.
    epochs              INT NOT NULL DEFAULT 3,
    early_stop_patience INT NULL COMMENT 'stop after so many epochs without a lower eval_loss; NULL: never early',
    keep_epochs         TINYINT NOT NULL DEFAULT 0 COMMENT '1: the weights after each epoch are kept, as rows of kept_epochs',
    learning_rate       DOUBLE NULL,
    lora_rank           INT NULL,
    lora_alpha          INT NULL,
    batch_size          INT NULL COMMENT 'samples of one optimizer step, rehearsal not counted',
    rehearsal           VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'auto' COMMENT 'auto, on, off: keep what the base model answers to other questions as it is, beside the training of the samples',
    seed                BIGINT NOT NULL DEFAULT 0,
    prompt_format       VARCHAR(1000) COLLATE utf8mb4_bin NOT NULL DEFAULT 'auto' COMMENT 'auto: the chat template of the base model where it has one, else plain; chat; plain: ''### Instruction: {prompt} \\n\\n### Response: {response}''; or a template with {prompt} and, at its end, {response}',
    quantization        VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'none' COMMENT 'none, int8, nf4: how the base model''s weights are kept in memory while it is trained and asked; int8 and nf4 need bitsandbytes',
    sample_form         VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'parts' COMMENT 'parts: only the response is trained; text: sent as one text',
    -- How it is evaluated, and what a version has to reach to go live.
    eval_query          LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'NULL: the rows of eval_prompts whose dataset is adapter_name',
    scorer              VARCHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'the primary scorer, whose scores the gate reads; NULL: chosen for each prompt by the shape of its expected text',
    extra_scorers       VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'further scorers, separated by commas',
    pass_threshold      DOUBLE NULL COMMENT 'NULL: the threshold of the primary scorer itself',
    max_new_tokens      INT NOT NULL DEFAULT 128,
    temperature         DOUBLE NOT NULL DEFAULT 0 COMMENT '0: greedy',
    min_gain            DOUBLE NULL DEFAULT 0 COMMENT 'the mean change of the score that a version must reach; 0: it is no worse than what is live, else than the base model; NULL: any change passes',
    gate_confidence     DOUBLE NULL COMMENT '0.95: the change must be shown with this confidence, by the lower end of its interval; NULL: the mean decides',
    max_error_share     DOUBLE NOT NULL DEFAULT 0.1 COMMENT 'of the prompts that are scored, the share that errors may leave out',
    max_regressed_share DOUBLE NULL COMMENT 'of the prompts that are compared, the share that may be answered worse than before; NULL: any',
    gate_by_category    DOUBLE NULL COMMENT 'how far the mean score of a category may fall; NULL: any',
    min_prompts         INTEGER NOT NULL DEFAULT 1 COMMENT 'so many prompts must be compared, where any is scored',
    gate_without_prompts VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'accept' COMMENT 'accept, refuse: a version that no scored prompt judges',
    reevaluate_every    VARCHAR(32) COLLATE utf8mb4_bin NULL COMMENT 'how often what is live is evaluated again, by `sqltune sync` and `sqltune worker`: ''6h'', ''1d''; NULL: only when a row of runs asks',
    on_fall             VARCHAR(16) COLLATE utf8mb4_bin NOT NULL DEFAULT 'report' COMMENT 'report, roll_back: what follows where that finds that what is live is now worse than the version before it',
    -- What its live version answers besides.
    prediction_query    LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'a SELECT of row_key and prompt, or messages, whose rows the live version answers, as rows of predictions; NULL: none',
    predict             VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'new' COMMENT 'new: rows that are new, changed, or answered by another version are asked; all: every row, each time; off: none',
    predict_every       VARCHAR(32) COLLATE utf8mb4_bin NULL COMMENT 'how often the prediction_query is read: ''15m'', ''6h'', ''1d''; NULL: at each sync of the adapter',
    created_at          DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    PRIMARY KEY (adapter_name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Requests to move an alias, written by people; the runner answers in state and reason.
CREATE TABLE alias_changes (
    change_id           BIGINT NOT NULL AUTO_INCREMENT COMMENT 'unique; neither an order nor a watermark',
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    alias               VARCHAR(64) COLLATE utf8mb4_bin NOT NULL DEFAULT 'live',
    version_number      INT NOT NULL,
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL DEFAULT 'requested' COMMENT 'requested -> applied | refused',
    reason              LONGTEXT COLLATE utf8mb4_bin NULL,
    requested_by        VARCHAR(191) COLLATE utf8mb4_bin NULL DEFAULT (CURRENT_USER()) COMMENT 'whose request it is: the user of the database where the engine fills it in, or of the computer where the command line wrote it; evidence only where people may not write this column',
    requested_at        DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    settled_at          DATETIME(6) NULL,
    PRIMARY KEY (change_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The lease of each adapter and what the last sync decided, one row per adapter.
CREATE TABLE adapter_states (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    run_id              BIGINT NULL COMMENT 'the run that is past queued and not ended, if any',
    decision            VARCHAR(32) COLLATE utf8mb4_bin NULL COMMENT 'up_to_date, train, evaluate, resume, wait, blocked, refused, busy, paused, disabled',
    decision_reason     LONGTEXT COLLATE utf8mb4_bin NULL,
    attempt             BIGINT NOT NULL DEFAULT 0 COMMENT 'grows with every claim: a runner that lost the lease can write nothing more',
    decided_at          DATETIME(6) NULL,
    retry_at            DATETIME(6) NULL COMMENT 'when a worker tries again after a failure; NULL: nothing waits for that',
    lease_owner         VARCHAR(100) COLLATE utf8mb4_bin NULL COMMENT 'NULL: no runner works on the adapter',
    claimed_at          DATETIME(6) NULL,
    heartbeat_at        DATETIME(6) NULL,
    lease_expires_at    DATETIME(6) NULL COMMENT 'lease_until_ms as a time for people',
    lease_until_ms      BIGINT NULL COMMENT 'milliseconds since 1970 by the clock of the database',
    crash_count         INT NOT NULL DEFAULT 0 COMMENT 'how many runners in a row died with its lease',
    comes_last          TINYINT NOT NULL DEFAULT 0 COMMENT '1: its last turn failed or was slow, so others come first',
    reevaluated_at      DATETIME(6) NULL COMMENT 'when the last evaluation by reevaluate_every began',
    predicted_at        DATETIME(6) NULL COMMENT 'when the prediction_query was last read',
    predicted_key       CHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'hash of the rows of the prediction_query of which none was to be asked; NULL: not known',
    PRIMARY KEY (adapter_name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One attempt to bring an adapter up to date.
CREATE TABLE runs (
    run_id              BIGINT NOT NULL AUTO_INCREMENT COMMENT 'unique; not an order',
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    run_kind            VARCHAR(16) COLLATE utf8mb4_bin NULL COMMENT 'train | evaluate | reevaluate | predict; in a request, evaluate: a version is evaluated, predict: the rows of the prediction_query are asked, and nothing is trained or goes live',
    trigger_reason      LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'why the run exists',
    is_forced           TINYINT NOT NULL DEFAULT 0 COMMENT '1: train even if nothing changed; evaluate: every prompt is asked again, also where the answer is known; predict: every row is asked again',
    is_trial            TINYINT NOT NULL DEFAULT 0 COMMENT '1: beside the adapter''s own runs: for another backend, base model or manifest than its row has, or an evaluation or predictions alone; never made live automatically',
    state               VARCHAR(20) COLLATE utf8mb4_bin NOT NULL DEFAULT 'queued' COMMENT 'queued -> preparing -> answering_before -> training -> answering_after -> deciding -> succeeded | rejected; with predict queued -> predicting -> succeeded; from any of them paused and back, failed, cancelled',
    desired_state       VARCHAR(16) COLLATE utf8mb4_bin NOT NULL DEFAULT 'running' COMMENT 'running | paused | cancelled: people may write it',
    resume_state        VARCHAR(20) COLLATE utf8mb4_bin NULL COMMENT 'with paused: the state that it resumes in',
    next_step           VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'what comes next, in words',
    is_stuck            TINYINT NOT NULL DEFAULT 0 COMMENT '1: the run makes no progress',
    stuck_reason        LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'why it makes no progress, and what a person can do',
    run_key             VARCHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'made by the runner: names this run outside the database; NULL: no runner has begun it',
    backend             VARCHAR(32) COLLATE utf8mb4_bin NULL,
    is_simulated        TINYINT NOT NULL DEFAULT 0 COMMENT '1: the backend only plays back a script',
    base_model          VARCHAR(255) COLLATE utf8mb4_bin NULL,
    base_model_revision VARCHAR(191) COLLATE utf8mb4_bin NULL,
    manifest_id         BIGINT NULL COMMENT 'the samples that it trains on',
    from_run_id         BIGINT NULL COMMENT 'in a request: the run of whose kept epoch a version is to be made, as a trial',
    from_epoch          INT NULL COMMENT 'in a request: the epoch, as in kept_epochs',
    version_number      INT NULL COMMENT 'the version that it trained or evaluates; in a request to evaluate: which one, NULL: what is live',
    before_version      INT NULL COMMENT 'the version that was live when it began',
    fingerprint         VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the training selection: ''<rows>-<sum of the content hashes>''',
    eval_fingerprint    VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the evaluation selection',
    training_columns    VARCHAR(191) COLLATE utf8mb4_bin NULL COMMENT 'the optional columns that the training selection used, such as split, separated by commas; NULL: not known',
    eval_columns        VARCHAR(191) COLLATE utf8mb4_bin NULL COMMENT 'the same of the evaluation selection',
    training_key        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'hash of everything that the training depends on',
    evaluation_key      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'hash of everything that only the evaluation depends on',
    settings            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'the effective settings as JSON, without secrets',
    samples_selected    BIGINT NULL,
    samples_skipped     BIGINT NULL,
    samples_held_out    BIGINT NULL,
    samples_validated   BIGINT NULL COMMENT 'rows that are never trained and whose loss is measured after every epoch',
    samples_used        BIGINT NULL,
    prompts_selected    BIGINT NULL,
    responses_stored    BIGINT NOT NULL DEFAULT 0,
    steps_done          BIGINT NOT NULL DEFAULT 0,
    steps_total         BIGINT NULL,
    tokens_processed    BIGINT NULL,
    cost_usd            DECIMAL(12,4) NULL COMMENT 'NULL: the backend has no price',
    attempt_count       INT NOT NULL DEFAULT 0 COMMENT 'how often a runner began or resumed it',
    failure_count       INT NOT NULL DEFAULT 0 COMMENT 'failed runs in a row with the same keys',
    queued_at           DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    started_at          DATETIME(6) NULL,
    state_changed_at    DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)) COMMENT 'when it entered its state',
    last_alive_at       DATETIME(6) NULL COMMENT 'the last sign of life of its runner',
    finished_at         DATETIME(6) NULL,
    next_attempt_at     DATETIME(6) NULL COMMENT 'with failed: not tried again before',
    wait_seconds        DOUBLE NULL,
    run_seconds         DOUBLE NULL,
    is_retryable        TINYINT NULL COMMENT 'with failed: 1 when the same run may succeed later',
    error_code          VARCHAR(64) COLLATE utf8mb4_bin NULL,
    error_message       LONGTEXT COLLATE utf8mb4_bin NULL,
    PRIMARY KEY (run_id),
    -- The planner asks for the last ended run of an adapter and for the open ones.
    KEY runs_by_adapter (adapter_name, state),
    -- The runner finds the run that it has just written by the key that it made.
    KEY runs_by_key (run_key),
    -- Workers look for runs that have not ended: requests, and runs without a runner.
    KEY runs_by_end (finished_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What happened in a run, in words, in order.
CREATE TABLE run_events (
    run_id              BIGINT NOT NULL,
    event_number        INT NOT NULL,
    event               VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    message             LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    logged_at           DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, event_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row per optimizer step.
CREATE TABLE training_metrics (
    run_id              BIGINT NOT NULL,
    step                BIGINT NOT NULL COMMENT '1, 2, 3 ...',
    epoch               DOUBLE NOT NULL COMMENT 'epochs done after this step',
    train_loss          DOUBLE NOT NULL COMMENT 'mean over all trained tokens of the step, rehearsal included, weighted, in nats',
    sample_loss         DOUBLE NULL COMMENT 'mean over the trained tokens of the samples, unweighted, rehearsal left out, in nats; NULL: the step has no samples',
    smoothed_loss       DOUBLE NULL COMMENT 'moving average of sample_loss; NULL only before the first step with samples',
    eval_loss           DOUBLE NULL COMMENT 'after the last step of an epoch: mean over the trained tokens of the validation samples, unweighted, in nats; NULL: not measured',
    learning_rate       DOUBLE NULL,
    gradient_norm       DOUBLE NULL,
    tokens              BIGINT NULL COMMENT 'all tokens of the step',
    trained_tokens      BIGINT NULL COMMENT 'those that count in the loss',
    tokens_seen         BIGINT NULL COMMENT 'tokens of this step and all before',
    logged_at           DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, step)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The exact content of a training selection; runs with an equal fingerprint share one manifest.
CREATE TABLE manifests (
    manifest_id         BIGINT NOT NULL COMMENT 'the run_id of the run that wrote it',
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    dataset_number      INT NULL COMMENT '1, 2, 3 ... per adapter',
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'writing -> complete',
    fingerprint         VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'NULL while it is written',
    sample_count        BIGINT NULL COMMENT 'those for validation included',
    validation_count    BIGINT NOT NULL DEFAULT 0 COMMENT 'how many of them are for validation',
    samples_added       BIGINT NULL COMMENT 'keys that the manifest of the adapter before this one lacks',
    samples_edited      BIGINT NULL COMMENT 'keys that both have, with another content; without keys of their own, an edit is a removal and an addition',
    samples_removed     BIGINT NULL COMMENT 'keys that only the one before has',
    forgotten_count     BIGINT NOT NULL DEFAULT 0 COMMENT 'how many of its samples were forgotten since; above 0: nothing is trained on it again',
    token_count         BIGINT NULL COMMENT 'of one epoch',
    created_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (manifest_id),
    -- A new manifest is compared with the others by its fingerprint.
    KEY manifests_by_adapter (adapter_name, fingerprint)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The samples of a manifest, in the order of the selection.
CREATE TABLE manifest_samples (
    manifest_id         BIGINT NOT NULL,
    position            BIGINT NOT NULL COMMENT '0, 1, 2 ...',
    sample_key          VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'the key of the row: sample_key of the query, else the id of the table, else the content hash',
    content_hash        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'BLAKE2b-256 in hexadecimal',
    is_validation       TINYINT NOT NULL DEFAULT 0 COMMENT '1: never trained; its loss is measured after every epoch',
    PRIMARY KEY (manifest_id, position),
    -- Which versions were trained on a row, and two rows with one key.
    KEY manifest_samples_by_key (sample_key),
    -- Which versions were trained on a text, and the same text twice.
    KEY manifest_samples_by_content (content_hash)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The texts of samples and prompts, once per content hash: an edited or deleted row stays as it was trained on.
CREATE TABLE contents (
    content_hash        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    prompt              LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    response            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'of an evaluation prompt: the expected text',
    system_prompt       LONGTEXT COLLATE utf8mb4_bin NULL,
    messages            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'canonical JSON; prompt, response and system_prompt then repeat its last user''s, last assistant''s and system''s text',
    weight              DOUBLE NULL,
    group_key           VARCHAR(191) COLLATE utf8mb4_bin NULL,
    split               VARCHAR(16) COLLATE utf8mb4_bin NULL,
    forgotten_at        DATETIME(6) NULL COMMENT 'when `sqltune forget` removed its texts; NULL: they are here',
    PRIMARY KEY (content_hash)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The evaluation prompts of a run as they were asked.
CREATE TABLE run_prompts (
    run_id              BIGINT NOT NULL,
    prompt_key          VARCHAR(191) COLLATE utf8mb4_bin NOT NULL,
    content_hash        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    category            VARCHAR(100) COLLATE utf8mb4_bin NULL,
    scorer              VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'the primary scorer of this prompt: its own, else the adapter''s, else the chosen one; none: nothing is expected',
    is_scored           TINYINT NOT NULL COMMENT '1: there is an expected text, or the scorer needs none; 0: the answers are only shown',
    is_leaked           TINYINT NOT NULL DEFAULT 0 COMMENT '1: a trained sample has the same prompt or group_key, so that the answer shows no more than what was learnt by heart',
    leaked_by           VARCHAR(8) COLLATE utf8mb4_bin NULL COMMENT 'prompt: a trained sample has the same prompt; group: only the same group_key; NULL: it is clean',
    PRIMARY KEY (run_id, prompt_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What each run that finished training produced.
CREATE TABLE adapter_versions (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    version_number      INT NOT NULL COMMENT '1, 2, 3 ... per adapter',
    adapter_label       VARCHAR(120) COLLATE utf8mb4_bin NOT NULL COMMENT '''Pavanmodel v3'', ready for a chart',
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'trained -> accepted | rejected',
    is_latest           TINYINT NOT NULL COMMENT '1: the version of the adapter that was trained last, trials not counted',
    run_id              BIGINT NOT NULL COMMENT 'the run that trained it',
    evaluation_run_id   BIGINT NULL COMMENT 'the last run that evaluated it to the end',
    manifest_id         BIGINT NOT NULL COMMENT 'the samples that it was trained on',
    fingerprint         VARCHAR(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    training_key        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    backend             VARCHAR(32) COLLATE utf8mb4_bin NOT NULL,
    base_model          VARCHAR(255) COLLATE utf8mb4_bin NOT NULL,
    base_model_revision VARCHAR(191) COLLATE utf8mb4_bin NULL,
    method              VARCHAR(32) COLLATE utf8mb4_bin NOT NULL COMMENT 'lora',
    epochs              INT NOT NULL,
    learning_rate       DOUBLE NULL,
    lora_rank           INT NULL,
    lora_alpha          INT NULL,
    batch_size          INT NULL,
    warmup_share        DOUBLE NULL COMMENT 'share of the steps in which the learning rate rose',
    rehearsal           VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'on or off, as it was really done',
    rehearsal_pairs     INT NULL COMMENT 'how many answers of the base model were rehearsed beside the samples',
    seed                BIGINT NOT NULL,
    prompt_format       VARCHAR(1000) COLLATE utf8mb4_bin NOT NULL DEFAULT 'auto' COMMENT 'as in adapters; local: what auto became',
    quantization        VARCHAR(8) COLLATE utf8mb4_bin NOT NULL DEFAULT 'none' COMMENT 'as in adapters',
    sample_count        BIGINT NOT NULL,
    validation_count    BIGINT NOT NULL DEFAULT 0 COMMENT 'samples whose loss chose the epoch; 0: the last epoch is the version',
    steps               BIGINT NULL,
    tokens_processed    BIGINT NULL,
    final_train_loss    DOUBLE NULL COMMENT 'mean of train_loss over the last tenth of the steps',
    best_epoch          INT NULL COMMENT 'the epoch whose weights are the version, where samples are for validation or the epoch was kept; NULL: the last one',
    eval_loss           DOUBLE NULL COMMENT 'of these weights; NULL: no samples are for validation',
    cost_usd            DECIMAL(12,4) NULL,
    train_seconds       DOUBLE NULL,
    external_id         VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'the id of the adapter at a remote backend',
    artifact_uri        LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'where the weights are stored',
    artifact_bytes      BIGINT NULL,
    artifact_sha256     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    created_at          DATETIME(6) NOT NULL,
    retired_at          DATETIME(6) NULL COMMENT 'when `sqltune retire` removed its weights; NULL: they are kept',
    PRIMARY KEY (adapter_name, version_number),
    -- Which versions were trained on a manifest: from a sample to its versions.
    KEY adapter_versions_by_manifest (manifest_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The weights after each epoch of a training, kept with adapters.keep_epochs. Delete a row, and `sqltune gc --remove` removes its weights.
CREATE TABLE kept_epochs (
    run_id              BIGINT NOT NULL,
    epoch               INT NOT NULL COMMENT '1, 2, 3 ...',
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    backend             VARCHAR(32) COLLATE utf8mb4_bin NOT NULL,
    eval_loss           DOUBLE NULL COMMENT 'as in training_metrics; NULL: no samples are for validation',
    external_id         VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'as in adapter_versions',
    artifact_uri        LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'where the weights are stored',
    artifact_bytes      BIGINT NULL,
    artifact_sha256     VARCHAR(64) COLLATE utf8mb4_bin NULL,
    created_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, epoch)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What a model answered, or the error in place of an answer.
CREATE TABLE responses (
    run_id              BIGINT NOT NULL,
    prompt_key          VARCHAR(191) COLLATE utf8mb4_bin NOT NULL,
    phase               VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'base, before, after',
    content_hash        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the prompt as it was asked',
    model_key           VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'hash of the model that answered',
    decoding_key        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'hash of the decoding settings: answers under different ones are not compared',
    reused_run_id       BIGINT NULL COMMENT 'the run that first asked, where the answer was already known',
    response            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'NULL only with an error',
    finish_reason       VARCHAR(32) COLLATE utf8mb4_bin NULL COMMENT 'stop, length, or the word of the service',
    prompt_tokens       INT NULL,
    output_tokens       INT NULL,
    latency_ms          DOUBLE NULL,
    answered_at         DATETIME(6) NOT NULL,
    error_code          VARCHAR(64) COLLATE utf8mb4_bin NULL,
    error_message       LONGTEXT COLLATE utf8mb4_bin NULL,
    PRIMARY KEY (run_id, prompt_key, phase),
    -- Answers that the same model gave to the same prompt under the same settings.
    KEY responses_by_model (content_hash, model_key, decoding_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The latest answer of a live version to each row of a prediction_query.
CREATE TABLE predictions (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    row_key             VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'row_key of the prediction_query',
    content_hash        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of prompt, system prompt and messages as they were asked, BLAKE2b-256 in hexadecimal; the texts are not stored',
    version_number      INT NOT NULL COMMENT 'the version that answered',
    run_id              BIGINT NOT NULL COMMENT 'the run that asked',
    answer              LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'NULL only with an error',
    finish_reason       VARCHAR(32) COLLATE utf8mb4_bin NULL COMMENT 'stop, length, or the word of the service',
    prompt_tokens       INT NULL,
    output_tokens       INT NULL,
    latency_ms          DOUBLE NULL,
    answered_at         DATETIME(6) NOT NULL COMMENT 'when the answer, or the error, was stored',
    attempt_count       INT NOT NULL DEFAULT 1 COMMENT 'how often this version was asked for this content; an error is asked again up to SQLTUNE_MAX_ATTEMPTS times',
    error_code          VARCHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'why there is no answer',
    error_message       LONGTEXT COLLATE utf8mb4_bin NULL,
    PRIMARY KEY (adapter_name, row_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The score that a scorer gave to a response.
CREATE TABLE scores (
    run_id              BIGINT NOT NULL,
    prompt_key          VARCHAR(191) COLLATE utf8mb4_bin NOT NULL,
    phase               VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'base, before, after',
    scorer              VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'a scorer''s name, or sql: and that of a view',
    is_primary_scorer   TINYINT NOT NULL,
    score               DOUBLE NULL COMMENT '0 to 1; NULL only with an error',
    pass_threshold      DOUBLE NOT NULL,
    scored_at           DATETIME(6) NOT NULL,
    error_message       LONGTEXT COLLATE utf8mb4_bin NULL,
    reason              LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'why, in the words of a scorer in SQL',
    PRIMARY KEY (run_id, prompt_key, phase, scorer)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Whether a version may go live, with the figures and the reason.
CREATE TABLE gate_decisions (
    run_id              BIGINT NOT NULL,
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    version_number      INT NULL,
    decision            VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'accepted | rejected',
    reason              LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    compared_phase      VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'before; base where nothing was live',
    prompts_compared    BIGINT NOT NULL,
    error_count         BIGINT NOT NULL COMMENT 'prompts left out because one of the two answers or scores is an error',
    leaked_count        BIGINT NOT NULL COMMENT 'scored prompts that are trained on; left out, unless all are',
    wins                BIGINT NOT NULL,
    losses              BIGINT NOT NULL,
    ties                BIGINT NOT NULL,
    mean_before         DOUBLE NULL,
    mean_after          DOUBLE NULL,
    mean_change         DOUBLE NULL,
    interval_low        DOUBLE NULL COMMENT 'paired bootstrap interval of mean_change',
    interval_high       DOUBLE NULL,
    interval_level      DOUBLE NULL,
    p_value             DOUBLE NULL COMMENT 'how often signs by chance show as much above min_gain, or more, where a version gains no more than that',
    min_gain            DOUBLE NULL,
    rule                VARCHAR(32) COLLATE utf8mb4_bin NOT NULL COMMENT 'the column of adapters that decided: min_gain, max_error_share ...',
    worst_prompts       LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'JSON: the three prompts that lost most, with both scores',
    decided_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Names that point to one version, such as live.
CREATE TABLE aliases (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    alias               VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    version_number      INT NOT NULL,
    changed_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, alias)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Every move of an alias.
CREATE TABLE alias_history (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    alias               VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    move_number         INT NOT NULL COMMENT '1, 2, 3 ... per adapter and alias',
    old_version         INT NULL COMMENT 'NULL: the alias is new',
    new_version         INT NOT NULL,
    run_id              BIGINT NULL COMMENT 'NULL: asked for in alias_changes',
    reason              LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    moved_by            VARCHAR(191) COLLATE utf8mb4_bin NULL COMMENT 'alias_changes.requested_by; on_fall: a fall was found; NULL: the gate',
    changed_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, alias, move_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Calls that change something outside the database: the intent before the call, the outcome after it.
CREATE TABLE backend_calls (
    run_id              BIGINT NOT NULL,
    call_number         INT NOT NULL,
    call_kind           VARCHAR(32) COLLATE utf8mb4_bin NOT NULL,
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'intended -> done | failed | unknown',
    request             LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'what was asked, in short, without secrets',
    external_id         VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'the id of the adapter at the backend',
    outcome             LONGTEXT COLLATE utf8mb4_bin NULL,
    intended_at         DATETIME(6) NOT NULL,
    settled_at          DATETIME(6) NULL,
    PRIMARY KEY (run_id, call_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The addresses that are called as webhook: what happened before is no news to them.
CREATE TABLE webhooks (
    webhook_key         VARCHAR(64) COLLATE utf8mb4_bin NOT NULL COMMENT 'a hash of the address, which does not reveal it',
    begun_at            DATETIME(6) NOT NULL COMMENT 'when a runner first had it among its settings',
    PRIMARY KEY (webhook_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Calls of the webhook: what people hear outside the database.
CREATE TABLE webhook_calls (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    event               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'failed | rejected | promoted | rolled_back | stuck',
    event_number        BIGINT NOT NULL COMMENT 'run_id, or move_number of alias_history',
    run_id              BIGINT NULL COMMENT 'NULL: a person moved the alias',
    message             LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'why, in words',
    happened_at         DATETIME(6) NOT NULL COMMENT 'when the run ended, the alias moved or the run was found stuck',
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL DEFAULT 'waiting' COMMENT 'waiting -> delivered | given_up',
    attempt_count       INT NOT NULL DEFAULT 0 COMMENT 'attempts that were begun',
    next_attempt_at     DATETIME(6) NOT NULL COMMENT 'with waiting: not tried again before',
    settled_at          DATETIME(6) NULL COMMENT 'when it was delivered or given up',
    outcome             VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'how the last attempt ended: the status of the reply, or why there is none',
    PRIMARY KEY (adapter_name, event, event_number),
    -- A sync and a worker look for the calls that wait.
    KEY webhook_calls_by_state (state, next_attempt_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Calls of a running vLLM, which loads what is live and unloads what no longer is: the intent before the call, the outcome after it.
CREATE TABLE vllm_calls (
    server_address      VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'the server, without a login',
    lora_name           VARCHAR(120) COLLATE utf8mb4_bin NOT NULL COMMENT 'the name there: support-bot-v3',
    call_number         INT NOT NULL COMMENT '1, 2, 3 ... per server and name',
    call_kind           VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'load | unload',
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    version_number      INT NOT NULL,
    lora_path           LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'the folder of the weights as the server sees it; NULL: unload',
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL DEFAULT 'waiting' COMMENT 'waiting -> done | withdrawn (what is live changed before it was made)',
    attempt_count       INT NOT NULL DEFAULT 0 COMMENT 'attempts that were begun',
    intended_at         DATETIME(6) NOT NULL COMMENT 'when it was found to be needed',
    next_attempt_at     DATETIME(6) NOT NULL COMMENT 'with waiting: not tried again before',
    settled_at          DATETIME(6) NULL COMMENT 'when it was done or withdrawn',
    outcome             VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'how the last attempt ended: the status and message of the reply, or why there is none',
    PRIMARY KEY (server_address, lora_name, call_number),
    -- A sync and a worker look for the calls that wait.
    KEY vllm_calls_by_state (state, server_address)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

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
    PRIMARY KEY (run_id, issue_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- How many rows break each rule, exactly.
CREATE TABLE data_issue_counts (
    run_id              BIGINT NOT NULL,
    selection           VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'training | evaluation',
    rule                VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    severity            VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'error | warning',
    issue_count         BIGINT NOT NULL,
    PRIMARY KEY (run_id, selection, rule)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The adapters that clients of `sqltune serve` made. No sync reads them. A deleted one stays as a row, without weights.
CREATE TABLE served_adapters (
    adapter_id          VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'the id on the wire; always 50 characters',
    adapter_name        LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'as the client named it; need not be unique',
    base_slug           VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'what clients ask for, such as ''nous-hermes2''',
    base_model          VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'the model behind the slug',
    base_model_revision VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'a commit, or a hash of the files: weights fit no other',
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'active -> deleted',
    lora_rank           INT NOT NULL COMMENT 'as really used, like all options here',
    lora_alpha          INT NOT NULL,
    learning_rate       DOUBLE NOT NULL,
    rehearsal           VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'on or off',
    seed                BIGINT NOT NULL,
    last_step           BIGINT NOT NULL COMMENT 'the number of the last fine-tune call that was begun; 0: none',
    created_at          DATETIME(6) NOT NULL,
    updated_at          DATETIME(6) NOT NULL COMMENT 'latestUpdateTime on the wire: when weights were last stored',
    deleted_at          DATETIME(6) NULL,
    PRIMARY KEY (adapter_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row per fine-tune call to `sqltune serve`: written before the training and completed after it.
CREATE TABLE served_steps (
    adapter_id             VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    step_number            BIGINT NOT NULL COMMENT '1, 2, 3 ... per adapter: one fine-tune call each',
    state                  VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'training -> done | failed | lost; failed and lost leave the weights unchanged',
    sample_count           BIGINT NOT NULL,
    optimizer_steps_before BIGINT NOT NULL COMMENT 'in the weights when the call began: shows after a crash whether the call was stored',
    optimizer_steps        BIGINT NULL COMMENT 'of this call, including those of rehearsal alone',
    trainable_tokens       BIGINT NULL COMMENT 'numberOfTrainableTokens on the wire',
    sum_loss               DOUBLE NULL COMMENT 'sumLoss on the wire: nats, unweighted, before the step',
    rehearsal_pairs        BIGINT NULL COMMENT 'how many answers of the base model were rehearsed beside the samples',
    train_seconds          DOUBLE NULL,
    begun_at               DATETIME(6) NOT NULL,
    ended_at               DATETIME(6) NULL,
    error_code             VARCHAR(64) COLLATE utf8mb4_bin NULL,
    error_message          LONGTEXT COLLATE utf8mb4_bin NULL,
    PRIMARY KEY (adapter_id, step_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What was asked of `sqltune serve` through OpenAI's API: counts by model and hour, no texts.
CREATE TABLE served_use (
    model_name          VARCHAR(100) COLLATE utf8mb4_bin NOT NULL COMMENT 'the adapter; of a base model its slug',
    version_number      INT NOT NULL COMMENT '0: the base model itself',
    hour_at             DATETIME(6) NOT NULL COMMENT 'when the hour begins in which the requests ended',
    server_key          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'the process that counted; sums over all are what was used',
    request_count       BIGINT NOT NULL COMMENT 'requests that were answered, refused or given up',
    error_count         BIGINT NOT NULL COMMENT 'of these, requests that got an error in place of an answer',
    cancelled_count     BIGINT NOT NULL COMMENT 'of these, requests whose client hung up before the end',
    prompt_tokens       BIGINT NOT NULL COMMENT 'of the answered requests',
    output_tokens       BIGINT NOT NULL COMMENT 'of the answered requests',
    latency_ms_sum      DOUBLE NOT NULL COMMENT 'of the answered requests, from the head of the request to the end of the answer',
    latency_ms_max      DOUBLE NOT NULL COMMENT 'of the answered requests',
    within_50_ms        BIGINT NOT NULL COMMENT 'answered requests that took no longer; each of these columns includes those before',
    within_100_ms       BIGINT NOT NULL,
    within_250_ms       BIGINT NOT NULL,
    within_500_ms       BIGINT NOT NULL,
    within_1000_ms      BIGINT NOT NULL,
    within_2500_ms      BIGINT NOT NULL,
    within_5000_ms      BIGINT NOT NULL,
    within_10000_ms     BIGINT NOT NULL,
    within_30000_ms     BIGINT NOT NULL,
    within_60000_ms     BIGINT NOT NULL,
    within_300000_ms    BIGINT NOT NULL,
    updated_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (model_name, version_number, hour_at, server_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What `sqltune gc` found: stored artifacts that no row names, and versions whose adapter is gone.
CREATE TABLE orphans (
    orphan_key          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'hash of backend, kind, address and version: the same orphan is the same row in every scan',
    orphan_kind         VARCHAR(24) COLLATE utf8mb4_bin NOT NULL COMMENT 'adapter_without_row | row_without_adapter | weights_without_row',
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NULL COMMENT 'NULL: this database does not know the run',
    version_number      INT NULL COMMENT 'with row_without_adapter',
    run_id              BIGINT NULL COMMENT 'the run that made it',
    run_key             VARCHAR(64) COLLATE utf8mb4_bin NULL COMMENT 'the key of that run, as the name of the artifact carries it',
    is_unknown_run      TINYINT NOT NULL COMMENT '1: of a run that this database does not know; removed only with --unknown-runs',
    backend             VARCHAR(32) COLLATE utf8mb4_bin NOT NULL,
    place               LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'the address of the service, or the folder that was scanned',
    external_id         VARCHAR(255) COLLATE utf8mb4_bin NULL COMMENT 'the id of the adapter at a service',
    address             LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'path or id',
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'found -> removing -> removed; or gone: no longer an orphan, though sqltune did not remove it',
    reason              LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'why it is an orphan',
    size_bytes          BIGINT NULL COMMENT 'NULL: the backend does not report it',
    found_at            DATETIME(6) NOT NULL,
    last_seen_at        DATETIME(6) NOT NULL COMMENT 'when a scan last found it',
    removed_at          DATETIME(6) NULL,
    error_message       LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'why it could not be removed',
    PRIMARY KEY (orphan_key)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Every evaluation of a version as it was: a later one is a further row, and none is overwritten.
CREATE TABLE evaluations (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    evaluation_number   INT NOT NULL COMMENT '1, 2, 3 ... per adapter, in the order of evaluated_at',
    run_id              BIGINT NOT NULL COMMENT 'the run that evaluated; `sqltune retry --failed` evaluates again, as a further row',
    version_number      INT NOT NULL COMMENT 'the version that was evaluated',
    compared_version    INT NULL COMMENT 'the version that it was compared with; NULL: the base model',
    decision            VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'accepted | rejected',
    reason              LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'the verdict in words, with all figures of the comparison',
    prompt_count        BIGINT NOT NULL COMMENT 'prompts that can be scored',
    clean_count         BIGINT NOT NULL COMMENT 'of these, prompts that are not trained on',
    leaked_count        BIGINT NOT NULL COMMENT 'of these, prompts that are trained on',
    error_count         BIGINT NOT NULL COMMENT 'of these, prompts whose answer or score is an error; they are in no mean',
    mean_score          DOUBLE NULL COMMENT 'of the version, over all prompts; NULL: none has a score',
    clean_score         DOUBLE NULL COMMENT 'of the version, over the clean prompts; NULL: none has a score',
    interval_low        DOUBLE NULL COMMENT 'bootstrap interval of clean_score',
    interval_high       DOUBLE NULL,
    interval_level      DOUBLE NOT NULL,
    prompt_set_key      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'hash of the prompts with their expected texts and scorers',
    decoding_key        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'as in responses: hash of the decoding settings and of the prompt format',
    comparison_key      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'hash of both and of which prompts are clean: evaluations are compared only where it is equal',
    evaluated_at        DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, evaluation_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What may never be trained on again, by keyed hashes: no text and no key of a row.
CREATE TABLE forgotten_samples (
    erasure_id          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    hash_kind           VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'row: adapter and sample_key; texts: of a sample; prompt: of an evaluation prompt; answer: a text that no stored answer may be',
    keyed_hash          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'BLAKE2b-256 in hexadecimal, keyed by the secret of key_id',
    key_id              VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'which secret, in forget_keys',
    forgotten_at        DATETIME(6) NOT NULL,
    PRIMARY KEY (erasure_id, hash_kind, keyed_hash)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The secrets of the keyed hashes: one that this database made, or one that the environment keeps.
CREATE TABLE forget_keys (
    key_id              VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'a hash of the secret, which does not reveal it',
    made_key            VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'the secret that was made here; NULL: it is SQLTUNE_FORGET_KEY',
    created_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (key_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The certificates of `sqltune forget`: what was removed, and when.
CREATE TABLE erasures (
    erasure_id          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NULL COMMENT 'NULL: the rows of all adapters',
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'erasing -> done',
    requested_by        VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'the user of the computer who asked',
    sample_count        BIGINT NOT NULL COMMENT 'rows that were asked to be forgotten',
    samples_removed     BIGINT NOT NULL DEFAULT 0 COMMENT 'texts of samples, an edited row once per text',
    prompts_removed     BIGINT NOT NULL DEFAULT 0 COMMENT 'evaluation prompts and questions that had the text in them',
    answers_removed     BIGINT NOT NULL DEFAULT 0 COMMENT 'answers and corrections that had it in them, or were about such a prompt',
    messages_removed    BIGINT NOT NULL DEFAULT 0 COMMENT 'findings, events, errors, reasons, categories and recorded settings that had it in them',
    files_removed       BIGINT NOT NULL DEFAULT 0 COMMENT 'checkpoints of ended runs, which may hold it',
    samples_left        BIGINT NOT NULL COMMENT 'samples of other rows that hold the text; forget them too',
    queries_left        LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'columns of adapters that quote the text, such as ''helpdesk.training_query'': rewrite them; NULL: none',
    requested_at        DATETIME(6) NOT NULL,
    erased_at           DATETIME(6) NULL COMMENT 'when everything was removed; NULL: `sqltune forget` has to be repeated',
    PRIMARY KEY (erasure_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Which versions saw what was forgotten.
CREATE TABLE erasure_versions (
    erasure_id          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    version_number      INT NOT NULL,
    sample_count        BIGINT NOT NULL COMMENT 'samples of its manifest that were forgotten',
    PRIMARY KEY (erasure_id, adapter_name, version_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What `sqltune validate` found last about each adapter, one row per adapter.
CREATE TABLE row_checks (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    samples_usable      BIGINT NULL COMMENT 'NULL: the selections could not be read; samples for validation are counted here',
    samples_bad         BIGINT NULL,
    samples_held_out    BIGINT NULL,
    prompts_usable      BIGINT NULL,
    prompts_bad         BIGINT NULL,
    error_code          VARCHAR(64) COLLATE utf8mb4_bin NULL,
    error_message       LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'why a run would fail, and the cure; NULL: it would not',
    checked_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What is wrong with single rows by the last row check of an adapter: the first 1,000 of each rule.
CREATE TABLE row_check_issues (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    issue_number        INT NOT NULL,
    selection           VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'training | evaluation',
    severity            VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'error | warning',
    rule                VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    row_key             VARCHAR(191) COLLATE utf8mb4_bin NOT NULL,
    column_name         VARCHAR(64) COLLATE utf8mb4_bin NULL,
    message             LONGTEXT COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (adapter_name, issue_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- How many rows break each rule by the last row check of an adapter, exactly.
CREATE TABLE row_check_counts (
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    selection           VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'training | evaluation',
    rule                VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    severity            VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'error | warning',
    issue_count         BIGINT NOT NULL,
    PRIMARY KEY (adapter_name, selection, rule, severity)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Questions to the models: people insert what is asked, the runner writes the answer into the row.
CREATE TABLE questions (
    question_id         BIGINT NOT NULL AUTO_INCREMENT COMMENT 'unique; neither an order nor a watermark',
    adapter_name        VARCHAR(100) COLLATE utf8mb4_bin NOT NULL,
    alias               VARCHAR(64) COLLATE utf8mb4_bin NOT NULL DEFAULT 'live' COMMENT 'the version to which this alias points when the question is answered, unless version_number is given',
    version_number      INT NULL COMMENT 'the version to ask; NULL: that of alias',
    prompt              LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'what is asked; NULL: the row has messages',
    system_prompt       LONGTEXT COLLATE utf8mb4_bin NULL,
    messages            LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'a conversation that ends with the user''s turn, as in eval_prompts, in place of prompt and system_prompt',
    max_new_tokens      INT NULL COMMENT 'of the answer; NULL: as in adapters',
    temperature         DOUBLE NULL COMMENT '0: greedy; NULL: as in adapters',
    asked_by            VARCHAR(191) COLLATE utf8mb4_bin NULL DEFAULT (CURRENT_USER()) COMMENT 'the user of the database, where the engine fills it in',
    asked_at            DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL DEFAULT 'waiting' COMMENT 'waiting -> answering -> answered | failed; people may write waiting, to ask again',
    answered_version    INT NULL COMMENT 'the version that answered',
    answer              LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'NULL: there is none yet, or an error',
    finish_reason       VARCHAR(32) COLLATE utf8mb4_bin NULL COMMENT 'stop, length, or the word of the service',
    prompt_tokens       INT NULL,
    output_tokens       INT NULL,
    latency_ms          DOUBLE NULL,
    answered_at         DATETIME(6) NULL COMMENT 'when the answer or the error was stored',
    crash_count         INT NOT NULL DEFAULT 0 COMMENT 'how many runners in a row died while they answered it',
    claimed_by          VARCHAR(100) COLLATE utf8mb4_bin NULL COMMENT 'the runner that answers it',
    claim_expires_at    DATETIME(6) NULL COMMENT 'with answering: when another runner may take it, unless the claim is renewed',
    error_code          VARCHAR(64) COLLATE utf8mb4_bin NULL,
    error_message       LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'what went wrong, or what it waits for, and the cure',
    PRIMARY KEY (question_id),
    -- Runners look for the oldest question that waits, adapter by adapter.
    KEY questions_by_state (state, adapter_name, asked_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What people say about answers: a rating, a correction, or both.
CREATE TABLE feedback (
    feedback_id         BIGINT NOT NULL AUTO_INCREMENT COMMENT 'unique; neither an order nor a watermark',
    question_id         BIGINT NULL COMMENT 'the question whose answer this is about; NULL: an answer of an evaluation',
    run_id              BIGINT NULL COMMENT 'with prompt_key: the run whose answer, by the version that it evaluated, this is about',
    prompt_key          VARCHAR(191) COLLATE utf8mb4_bin NULL,
    rating              DOUBLE NULL COMMENT 'how good the answer is: 1 good, 0 bad, or a scale of your own',
    correction          LONGTEXT COLLATE utf8mb4_bin NULL COMMENT 'what the answer should have been; NULL: nothing was corrected',
    given_by            VARCHAR(191) COLLATE utf8mb4_bin NULL DEFAULT (CURRENT_USER()) COMMENT 'the user of the database, where the engine fills it in',
    given_at            DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    PRIMARY KEY (feedback_id),
    -- From a question to what was said about its answer.
    KEY feedback_by_question (question_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
