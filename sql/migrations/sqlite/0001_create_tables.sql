-- The tables of sqltune: what people write first, then what the runner writes.
-- SQLite. The same tables, columns and order are in ../mysql and ../singlestore; a test compares the catalogs.
-- Times are UTC text 'YYYY-MM-DD HH:MM:SS.ffffff'; flags are 0 or 1; texts compare byte by byte.

-- One row per training sample. The `training_query` of an adapter may read any other table instead.
CREATE TABLE training_samples (
    sample_id           INTEGER PRIMARY KEY AUTOINCREMENT, -- unique; neither an order nor a watermark
    dataset             VARCHAR(191) NOT NULL,          -- an adapter without a training_query reads the dataset of its own name
    prompt              LONGTEXT NULL,                  -- what the model is asked; NULL: the row has messages
    response            LONGTEXT NULL,                  -- what the model is to answer; NULL: the row has messages
    system_prompt       LONGTEXT NULL,
    messages            LONGTEXT NULL,                  -- a conversation as JSON in the form of OpenAI's chat, in place of prompt, response and system_prompt
    weight              DOUBLE NOT NULL DEFAULT 1,      -- factor on the loss of this sample; above 0
    group_key           VARCHAR(191) NULL,              -- rows that belong together, such as those of one customer
    split               VARCHAR(16) NULL,               -- NULL or 'train': trained on; 'validation': its loss is measured after every epoch; any other value: held out
    created_at          DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now'))
);

-- The default training selection reads one dataset.
CREATE INDEX training_samples_by_dataset ON training_samples (dataset);

-- One row per prompt that is asked before and after training.
CREATE TABLE eval_prompts (
    prompt_id           INTEGER PRIMARY KEY AUTOINCREMENT, -- unique; neither an order nor a watermark
    dataset             VARCHAR(191) NOT NULL,          -- an adapter without an eval_query reads the dataset of its own name
    prompt              LONGTEXT NULL,                  -- what the models are asked; NULL: the row has messages
    expected            LONGTEXT NULL,                  -- NULL: the answers are shown; only a scorer that needs no expected text scores them
    system_prompt       LONGTEXT NULL,
    messages            LONGTEXT NULL,                  -- a conversation that ends with the user's turn, as in training_samples, in place of prompt and system_prompt
    category            VARCHAR(100) NULL,              -- groups prompts in reports
    scorer              VARCHAR(64) NULL,               -- NULL: the scorer of the adapter, else the one that the shape of expected chooses
    group_key           VARCHAR(191) NULL,              -- what it is about, as in training_samples: a prompt whose group is trained on counts as leaked
    created_at          DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now'))
);

-- The default evaluation selection reads one dataset.
CREATE INDEX eval_prompts_by_dataset ON eval_prompts (dataset);

-- The adapters that people want kept up to date, one row each.
CREATE TABLE adapters (
    -- What is tuned, where, and when.
    adapter_name        VARCHAR(100) NOT NULL PRIMARY KEY,
    base_model          VARCHAR(255) NOT NULL,          -- the name of a model on the Hugging Face Hub, or a folder or a GGUF file that the settings allow
    base_model_revision VARCHAR(191) NULL,              -- NULL: what the name means when a run begins; each version stores it
    backend             VARCHAR(32) NOT NULL DEFAULT 'local',
    is_enabled          TINYINT NOT NULL DEFAULT 1,
    sync_every          VARCHAR(32) NULL,               -- how often `sqltune worker` syncs it: '30s', '15m', '6h', '1d'; NULL: only when a row of runs asks
    min_new_samples     INTEGER NULL,                   -- how many new or edited samples it takes to train again; NULL: any change is enough
    -- What it is trained on.
    training_query      LONGTEXT NULL,                  -- NULL: the rows of training_samples whose dataset is adapter_name
    train_on            VARCHAR(8) NOT NULL DEFAULT 'all', -- all: of messages, every turn of the assistant is trained; last: only the last one
    validation_share    DOUBLE NULL,                    -- share of the samples, from 0 to 0.5, that is never trained and measured after every epoch; NULL or 0: none
    on_bad_row          VARCHAR(8) NOT NULL DEFAULT 'stop', -- stop: one bad row ends the run before training; skip: bad rows are left out and listed in data_issues
    max_skipped_share   DOUBLE NOT NULL DEFAULT 0.01,   -- with skip: the run fails above this share of bad rows
    on_personal_data    VARCHAR(8) NOT NULL DEFAULT 'report', -- personal data and secrets in a text are: report: a warning; refuse: a bad row; ignore: not looked for
    near_duplicate_at   DOUBLE NULL DEFAULT 0.9,        -- from which similarity, 0.5 to 1, two samples, or a prompt and a sample, are nearly the same, which is a warning; NULL: not looked for
    allow_unstable      TINYINT NOT NULL DEFAULT 0,     -- 1: training_query and eval_query may return other rows each time they are read; 0: such a query is refused
    -- How it is trained. NULL: the default of the backend, which each version stores.
    epochs              INTEGER NOT NULL DEFAULT 3,
    early_stop_patience INTEGER NULL,                   -- stop after so many epochs without a lower eval_loss; NULL: never early
    keep_epochs         TINYINT NOT NULL DEFAULT 0,     -- 1: the weights after each epoch are kept, as rows of kept_epochs
    learning_rate       DOUBLE NULL,
    lora_rank           INTEGER NULL,
    lora_alpha          INTEGER NULL,
    batch_size          INTEGER NULL,                   -- samples of one optimizer step, rehearsal not counted
    rehearsal           VARCHAR(8) NOT NULL DEFAULT 'auto', -- auto, on, off: keep what the base model answers to other questions as it is, beside the training of the samples
    seed                BIGINT NOT NULL DEFAULT 0,
    prompt_format       VARCHAR(1000) NOT NULL DEFAULT 'auto', -- auto: the chat template of the base model where it has one, else plain; chat; plain: '### Instruction: {prompt} \n\n### Response: {response}'; or a template with {prompt} and, at its end, {response}
    quantization        VARCHAR(8) NOT NULL DEFAULT 'none', -- none, int8, nf4: how the base model's weights are kept in memory while it is trained and asked; int8 and nf4 need bitsandbytes
    sample_form         VARCHAR(8) NOT NULL DEFAULT 'parts', -- parts: only the response is trained; text: sent as one text
    -- How it is evaluated, and what a version has to reach to go live.
    eval_query          LONGTEXT NULL,                  -- NULL: the rows of eval_prompts whose dataset is adapter_name
    scorer              VARCHAR(64) NULL,               -- the primary scorer, whose scores the gate reads; NULL: chosen for each prompt by the shape of its expected text
    extra_scorers       VARCHAR(255) NULL,              -- further scorers, separated by commas
    pass_threshold      DOUBLE NULL,                    -- NULL: the threshold of the primary scorer itself
    max_new_tokens      INTEGER NOT NULL DEFAULT 128,
    temperature         DOUBLE NOT NULL DEFAULT 0,      -- 0: greedy
    min_gain            DOUBLE NULL DEFAULT 0,          -- the mean change of the score that a version must reach; 0: it is no worse than what is live, else than the base model; NULL: any change passes
    gate_confidence     DOUBLE NULL,                    -- 0.95: the change must be shown with this confidence, by the lower end of its interval; NULL: the mean decides
    max_error_share     DOUBLE NOT NULL DEFAULT 0.1,    -- of the prompts that are scored, the share that errors may leave out
    max_regressed_share DOUBLE NULL,                    -- of the prompts that are compared, the share that may be answered worse than before; NULL: any
    gate_by_category    DOUBLE NULL,                    -- how far the mean score of a category may fall; NULL: any
    min_prompts         INTEGER NOT NULL DEFAULT 1,     -- so many prompts must be compared, where any is scored
    gate_without_prompts VARCHAR(8) NOT NULL DEFAULT 'accept', -- accept, refuse: a version that no scored prompt judges
    reevaluate_every    VARCHAR(32) NULL,               -- how often what is live is evaluated again, by `sqltune sync` and `sqltune worker`: '6h', '1d'; NULL: only when a row of runs asks
    on_fall             VARCHAR(16) NOT NULL DEFAULT 'report', -- report, roll_back: what follows where that finds that what is live is now worse than the version before it
    -- What its live version answers besides.
    prediction_query    LONGTEXT NULL,                  -- a SELECT of row_key and prompt, or messages, whose rows the live version answers, as rows of predictions; NULL: none
    predict             VARCHAR(8) NOT NULL DEFAULT 'new', -- new: rows that are new, changed, or answered by another version are asked; all: every row, each time; off: none
    predict_every       VARCHAR(32) NULL,               -- how often the prediction_query is read: '15m', '6h', '1d'; NULL: at each sync of the adapter
    created_at          DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now'))
);

-- Requests to move an alias, written by people; the runner answers in state and reason.
CREATE TABLE alias_changes (
    change_id           INTEGER PRIMARY KEY AUTOINCREMENT, -- unique; neither an order nor a watermark
    adapter_name        VARCHAR(100) NOT NULL,
    alias               VARCHAR(64) NOT NULL DEFAULT 'live',
    version_number      INTEGER NOT NULL,
    state               VARCHAR(16) NOT NULL DEFAULT 'requested', -- requested -> applied | refused
    reason              LONGTEXT NULL,
    requested_by        VARCHAR(191) NULL,              -- whose request it is: the user of the database where the engine fills it in, or of the computer where the command line wrote it; evidence only where people may not write this column
    requested_at        DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    settled_at          DATETIME(6) NULL
);

-- The lease of each adapter and what the last sync decided, one row per adapter.
CREATE TABLE adapter_states (
    adapter_name        VARCHAR(100) NOT NULL PRIMARY KEY,
    run_id              BIGINT NULL,                    -- the run that is past queued and not ended, if any
    decision            VARCHAR(32) NULL,               -- up_to_date, train, evaluate, resume, wait, blocked, refused, busy, paused, disabled
    decision_reason     LONGTEXT NULL,
    attempt             BIGINT NOT NULL DEFAULT 0,      -- grows with every claim: a runner that lost the lease can write nothing more
    decided_at          DATETIME(6) NULL,
    retry_at            DATETIME(6) NULL,               -- when a worker tries again after a failure; NULL: nothing waits for that
    lease_owner         VARCHAR(100) NULL,              -- NULL: no runner works on the adapter
    claimed_at          DATETIME(6) NULL,
    heartbeat_at        DATETIME(6) NULL,
    lease_expires_at    DATETIME(6) NULL,               -- lease_until_ms as a time for people
    lease_until_ms      BIGINT NULL,                    -- milliseconds since 1970 by the clock of the database
    crash_count         INT NOT NULL DEFAULT 0,         -- how many runners in a row died with its lease
    comes_last          TINYINT NOT NULL DEFAULT 0,     -- 1: its last turn failed or was slow, so others come first
    reevaluated_at      DATETIME(6) NULL,               -- when the last evaluation by reevaluate_every began
    predicted_at        DATETIME(6) NULL,               -- when the prediction_query was last read
    predicted_key       CHAR(64) NULL                   -- hash of the rows of the prediction_query of which none was to be asked; NULL: not known
);

-- One attempt to bring an adapter up to date.
CREATE TABLE runs (
    run_id              INTEGER PRIMARY KEY AUTOINCREMENT, -- unique; not an order
    adapter_name        VARCHAR(100) NOT NULL,
    run_kind            VARCHAR(16) NULL,               -- train | evaluate | reevaluate | predict; in a request, evaluate: a version is evaluated, predict: the rows of the prediction_query are asked, and nothing is trained or goes live
    trigger_reason      LONGTEXT NULL,                  -- why the run exists
    is_forced           TINYINT NOT NULL DEFAULT 0,     -- 1: train even if nothing changed; evaluate: every prompt is asked again, also where the answer is known; predict: every row is asked again
    is_trial            TINYINT NOT NULL DEFAULT 0,     -- 1: beside the adapter's own runs: for another backend, base model or manifest than its row has, or an evaluation or predictions alone; never made live automatically
    state               VARCHAR(20) NOT NULL DEFAULT 'queued', -- queued -> preparing -> answering_before -> training -> answering_after -> deciding -> succeeded | rejected; with predict queued -> predicting -> succeeded; from any of them paused and back, failed, cancelled
    desired_state       VARCHAR(16) NOT NULL DEFAULT 'running', -- running | paused | cancelled: people may write it
    resume_state        VARCHAR(20) NULL,               -- with paused: the state that it resumes in
    next_step           VARCHAR(255) NULL,              -- what comes next, in words
    is_stuck            TINYINT NOT NULL DEFAULT 0,     -- 1: the run makes no progress
    stuck_reason        LONGTEXT NULL,                  -- why it makes no progress, and what a person can do
    run_key             VARCHAR(64) NULL,               -- made by the runner: names this run outside the database; NULL: no runner has begun it
    backend             VARCHAR(32) NULL,
    is_simulated        TINYINT NOT NULL DEFAULT 0,     -- 1: the backend only plays back a script
    base_model          VARCHAR(255) NULL,
    base_model_revision VARCHAR(191) NULL,
    manifest_id         BIGINT NULL,                    -- the samples that it trains on
    from_run_id         BIGINT NULL,                    -- in a request: the run of whose kept epoch a version is to be made, as a trial
    from_epoch          INTEGER NULL,                   -- in a request: the epoch, as in kept_epochs
    version_number      INTEGER NULL,                   -- the version that it trained or evaluates; in a request to evaluate: which one, NULL: what is live
    before_version      INTEGER NULL,                   -- the version that was live when it began
    fingerprint         VARCHAR(96) NULL,               -- of the training selection: '<rows>-<sum of the content hashes>'
    eval_fingerprint    VARCHAR(96) NULL,               -- of the evaluation selection
    training_columns    VARCHAR(191) NULL,              -- the optional columns that the training selection used, such as split, separated by commas; NULL: not known
    eval_columns        VARCHAR(191) NULL,              -- the same of the evaluation selection
    training_key        VARCHAR(64) NULL,               -- hash of everything that the training depends on
    evaluation_key      VARCHAR(64) NULL,               -- hash of everything that only the evaluation depends on
    settings            LONGTEXT NULL,                  -- the effective settings as JSON, without secrets
    samples_selected    BIGINT NULL,
    samples_skipped     BIGINT NULL,
    samples_held_out    BIGINT NULL,
    samples_validated   BIGINT NULL,                    -- rows that are never trained and whose loss is measured after every epoch
    samples_used        BIGINT NULL,
    prompts_selected    BIGINT NULL,
    responses_stored    BIGINT NOT NULL DEFAULT 0,
    steps_done          BIGINT NOT NULL DEFAULT 0,
    steps_total         BIGINT NULL,
    tokens_processed    BIGINT NULL,
    cost_usd            DECIMAL(12,4) NULL,             -- NULL: the backend has no price
    attempt_count       INTEGER NOT NULL DEFAULT 0,     -- how often a runner began or resumed it
    failure_count       INTEGER NOT NULL DEFAULT 0,     -- failed runs in a row with the same keys
    queued_at           DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    started_at          DATETIME(6) NULL,
    state_changed_at    DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')), -- when it entered its state
    last_alive_at       DATETIME(6) NULL,               -- the last sign of life of its runner
    finished_at         DATETIME(6) NULL,
    next_attempt_at     DATETIME(6) NULL,               -- with failed: not tried again before
    wait_seconds        DOUBLE NULL,
    run_seconds         DOUBLE NULL,
    is_retryable        TINYINT NULL,                   -- with failed: 1 when the same run may succeed later
    error_code          VARCHAR(64) NULL,
    error_message       LONGTEXT NULL
);

-- The planner asks for the last ended run of an adapter and for the open ones.
CREATE INDEX runs_by_adapter ON runs (adapter_name, state);

-- The runner finds the run that it has just written by the key that it made.
CREATE INDEX runs_by_key ON runs (run_key);

-- Workers look for runs that have not ended: requests, and runs without a runner.
CREATE INDEX runs_by_end ON runs (finished_at);

-- What happened in a run, in words, in order.
CREATE TABLE run_events (
    run_id              BIGINT NOT NULL,
    event_number        INTEGER NOT NULL,
    event               VARCHAR(64) NOT NULL,
    message             LONGTEXT NOT NULL,
    logged_at           DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, event_number)
);

-- One row per optimizer step.
CREATE TABLE training_metrics (
    run_id              BIGINT NOT NULL,
    step                BIGINT NOT NULL,                -- 1, 2, 3 ...
    epoch               DOUBLE NOT NULL,                -- epochs done after this step
    train_loss          DOUBLE NOT NULL,                -- mean over all trained tokens of the step, rehearsal included, weighted, in nats
    sample_loss         DOUBLE NULL,                    -- mean over the trained tokens of the samples, unweighted, rehearsal left out, in nats; NULL: the step has no samples
    smoothed_loss       DOUBLE NULL,                    -- moving average of sample_loss; NULL only before the first step with samples
    eval_loss           DOUBLE NULL,                    -- after the last step of an epoch: mean over the trained tokens of the validation samples, unweighted, in nats; NULL: not measured
    learning_rate       DOUBLE NULL,
    gradient_norm       DOUBLE NULL,
    tokens              BIGINT NULL,                    -- all tokens of the step
    trained_tokens      BIGINT NULL,                    -- those that count in the loss
    tokens_seen         BIGINT NULL,                    -- tokens of this step and all before
    logged_at           DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, step)
);

-- The exact content of a training selection; runs with an equal fingerprint share one manifest.
CREATE TABLE manifests (
    manifest_id         BIGINT NOT NULL PRIMARY KEY,    -- the run_id of the run that wrote it
    adapter_name        VARCHAR(100) NOT NULL,
    dataset_number      INTEGER NULL,                   -- 1, 2, 3 ... per adapter
    state               VARCHAR(16) NOT NULL,           -- writing -> complete
    fingerprint         VARCHAR(96) NULL,               -- NULL while it is written
    sample_count        BIGINT NULL,                    -- those for validation included
    validation_count    BIGINT NOT NULL DEFAULT 0,      -- how many of them are for validation
    samples_added       BIGINT NULL,                    -- keys that the manifest of the adapter before this one lacks
    samples_edited      BIGINT NULL,                    -- keys that both have, with another content; without keys of their own, an edit is a removal and an addition
    samples_removed     BIGINT NULL,                    -- keys that only the one before has
    forgotten_count     BIGINT NOT NULL DEFAULT 0,      -- how many of its samples were forgotten since; above 0: nothing is trained on it again
    token_count         BIGINT NULL,                    -- of one epoch
    created_at          DATETIME(6) NOT NULL
);

-- A new manifest is compared with the others by its fingerprint.
CREATE INDEX manifests_by_adapter ON manifests (adapter_name, fingerprint);

-- The samples of a manifest, in the order of the selection.
CREATE TABLE manifest_samples (
    manifest_id         BIGINT NOT NULL,
    position            BIGINT NOT NULL,                -- 0, 1, 2 ...
    sample_key          VARCHAR(191) NOT NULL,          -- the key of the row: sample_key of the query, else the id of the table, else the content hash
    content_hash        VARCHAR(64) NOT NULL,           -- BLAKE2b-256 in hexadecimal
    is_validation       TINYINT NOT NULL DEFAULT 0,     -- 1: never trained; its loss is measured after every epoch
    PRIMARY KEY (manifest_id, position)
) WITHOUT ROWID;

-- Which versions were trained on a row, and two rows with one key.
CREATE INDEX manifest_samples_by_key ON manifest_samples (sample_key);

-- Which versions were trained on a text, and the same text twice.
CREATE INDEX manifest_samples_by_content ON manifest_samples (content_hash);

-- The texts of samples and prompts, once per content hash: an edited or deleted row stays as it was trained on.
CREATE TABLE contents (
    content_hash        VARCHAR(64) NOT NULL PRIMARY KEY,
    prompt              LONGTEXT NOT NULL,
    response            LONGTEXT NULL,                  -- of an evaluation prompt: the expected text
    system_prompt       LONGTEXT NULL,
    messages            LONGTEXT NULL,                  -- canonical JSON; prompt, response and system_prompt then repeat its last user's, last assistant's and system's text
    weight              DOUBLE NULL,
    group_key           VARCHAR(191) NULL,
    split               VARCHAR(16) NULL,
    forgotten_at        DATETIME(6) NULL                -- when `sqltune forget` removed its texts; NULL: they are here
);

-- The evaluation prompts of a run as they were asked.
CREATE TABLE run_prompts (
    run_id              BIGINT NOT NULL,
    prompt_key          VARCHAR(191) NOT NULL,
    content_hash        VARCHAR(64) NOT NULL,
    category            VARCHAR(100) NULL,
    scorer              VARCHAR(64) NOT NULL,           -- the primary scorer of this prompt: its own, else the adapter's, else the chosen one; none: nothing is expected
    is_scored           TINYINT NOT NULL,               -- 1: there is an expected text, or the scorer needs none; 0: the answers are only shown
    is_leaked           TINYINT NOT NULL DEFAULT 0,     -- 1: a trained sample has the same prompt or group_key, so that the answer shows no more than what was learnt by heart
    leaked_by           VARCHAR(8) NULL,                -- prompt: a trained sample has the same prompt; group: only the same group_key; NULL: it is clean
    PRIMARY KEY (run_id, prompt_key)
);

-- What each run that finished training produced.
CREATE TABLE adapter_versions (
    adapter_name        VARCHAR(100) NOT NULL,
    version_number      INTEGER NOT NULL,               -- 1, 2, 3 ... per adapter
    adapter_label       VARCHAR(120) NOT NULL,          -- 'Pavanmodel v3', ready for a chart
    state               VARCHAR(16) NOT NULL,           -- trained -> accepted | rejected
    is_latest           TINYINT NOT NULL,               -- 1: the version of the adapter that was trained last, trials not counted
    run_id              BIGINT NOT NULL,                -- the run that trained it
    evaluation_run_id   BIGINT NULL,                    -- the last run that evaluated it to the end
    manifest_id         BIGINT NOT NULL,                -- the samples that it was trained on
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
    warmup_share        DOUBLE NULL,                    -- share of the steps in which the learning rate rose
    rehearsal           VARCHAR(8) NOT NULL,            -- on or off, as it was really done
    rehearsal_pairs     INTEGER NULL,                   -- how many answers of the base model were rehearsed beside the samples
    seed                BIGINT NOT NULL,
    prompt_format       VARCHAR(1000) NOT NULL DEFAULT 'auto', -- as in adapters; local: what auto became
    quantization        VARCHAR(8) NOT NULL DEFAULT 'none', -- as in adapters
    sample_count        BIGINT NOT NULL,
    validation_count    BIGINT NOT NULL DEFAULT 0,      -- samples whose loss chose the epoch; 0: the last epoch is the version
    steps               BIGINT NULL,
    tokens_processed    BIGINT NULL,
    final_train_loss    DOUBLE NULL,                    -- mean of train_loss over the last tenth of the steps
    best_epoch          INTEGER NULL,                   -- the epoch whose weights are the version, where samples are for validation or the epoch was kept; NULL: the last one
    eval_loss           DOUBLE NULL,                    -- of these weights; NULL: no samples are for validation
    cost_usd            DECIMAL(12,4) NULL,
    train_seconds       DOUBLE NULL,
    external_id         VARCHAR(255) NULL,              -- the id of the adapter at a remote backend
    artifact_uri        LONGTEXT NULL,                  -- where the weights are stored
    artifact_bytes      BIGINT NULL,
    artifact_sha256     VARCHAR(64) NULL,
    created_at          DATETIME(6) NOT NULL,
    retired_at          DATETIME(6) NULL,               -- when `sqltune retire` removed its weights; NULL: they are kept
    PRIMARY KEY (adapter_name, version_number)
);

-- Which versions were trained on a manifest: from a sample to its versions.
CREATE INDEX adapter_versions_by_manifest ON adapter_versions (manifest_id);

-- The weights after each epoch of a training, kept with adapters.keep_epochs. Delete a row, and `sqltune gc --remove` removes its weights.
CREATE TABLE kept_epochs (
    run_id              BIGINT NOT NULL,
    epoch               INTEGER NOT NULL,               -- 1, 2, 3 ...
    adapter_name        VARCHAR(100) NOT NULL,
    backend             VARCHAR(32) NOT NULL,
    eval_loss           DOUBLE NULL,                    -- as in training_metrics; NULL: no samples are for validation
    external_id         VARCHAR(255) NULL,              -- as in adapter_versions
    artifact_uri        LONGTEXT NULL,                  -- where the weights are stored
    artifact_bytes      BIGINT NULL,
    artifact_sha256     VARCHAR(64) NULL,
    created_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (run_id, epoch)
);

-- What a model answered, or the error in place of an answer.
CREATE TABLE responses (
    run_id              BIGINT NOT NULL,
    prompt_key          VARCHAR(191) NOT NULL,
    phase               VARCHAR(8) NOT NULL,            -- base, before, after
    content_hash        VARCHAR(64) NOT NULL,           -- of the prompt as it was asked
    model_key           VARCHAR(64) NOT NULL,           -- hash of the model that answered
    decoding_key        VARCHAR(64) NOT NULL,           -- hash of the decoding settings: answers under different ones are not compared
    reused_run_id       BIGINT NULL,                    -- the run that first asked, where the answer was already known
    response            LONGTEXT NULL,                  -- NULL only with an error
    finish_reason       VARCHAR(32) NULL,               -- stop, length, or the word of the service
    prompt_tokens       INTEGER NULL,
    output_tokens       INTEGER NULL,
    latency_ms          DOUBLE NULL,
    answered_at         DATETIME(6) NOT NULL,
    error_code          VARCHAR(64) NULL,
    error_message       LONGTEXT NULL,
    PRIMARY KEY (run_id, prompt_key, phase)
);

-- Answers that the same model gave to the same prompt under the same settings.
CREATE INDEX responses_by_model ON responses (content_hash, model_key, decoding_key);

-- The latest answer of a live version to each row of a prediction_query.
CREATE TABLE predictions (
    adapter_name        VARCHAR(100) NOT NULL,
    row_key             VARCHAR(191) NOT NULL,          -- row_key of the prediction_query
    content_hash        VARCHAR(64) NOT NULL,           -- of prompt, system prompt and messages as they were asked, BLAKE2b-256 in hexadecimal; the texts are not stored
    version_number      INTEGER NOT NULL,               -- the version that answered
    run_id              BIGINT NOT NULL,                -- the run that asked
    answer              LONGTEXT NULL,                  -- NULL only with an error
    finish_reason       VARCHAR(32) NULL,               -- stop, length, or the word of the service
    prompt_tokens       INTEGER NULL,
    output_tokens       INTEGER NULL,
    latency_ms          DOUBLE NULL,
    answered_at         DATETIME(6) NOT NULL,           -- when the answer, or the error, was stored
    attempt_count       INTEGER NOT NULL DEFAULT 1,     -- how often this version was asked for this content; an error is asked again up to SQLTUNE_MAX_ATTEMPTS times
    error_code          VARCHAR(64) NULL,               -- why there is no answer
    error_message       LONGTEXT NULL,
    PRIMARY KEY (adapter_name, row_key)
);

-- The score that a scorer gave to a response.
CREATE TABLE scores (
    run_id              BIGINT NOT NULL,
    prompt_key          VARCHAR(191) NOT NULL,
    phase               VARCHAR(8) NOT NULL,            -- base, before, after
    scorer              VARCHAR(64) NOT NULL,           -- a scorer's name, or sql: and that of a view
    is_primary_scorer   TINYINT NOT NULL,
    score               DOUBLE NULL,                    -- 0 to 1; NULL only with an error
    pass_threshold      DOUBLE NOT NULL,
    scored_at           DATETIME(6) NOT NULL,
    error_message       LONGTEXT NULL,
    reason              LONGTEXT NULL,                  -- why, in the words of a scorer in SQL
    PRIMARY KEY (run_id, prompt_key, phase, scorer)
);

-- Whether a version may go live, with the figures and the reason.
CREATE TABLE gate_decisions (
    run_id              BIGINT NOT NULL PRIMARY KEY,
    adapter_name        VARCHAR(100) NOT NULL,
    version_number      INTEGER NULL,
    decision            VARCHAR(16) NOT NULL,           -- accepted | rejected
    reason              LONGTEXT NOT NULL,
    compared_phase      VARCHAR(8) NOT NULL,            -- before; base where nothing was live
    prompts_compared    BIGINT NOT NULL,
    error_count         BIGINT NOT NULL,                -- prompts left out because one of the two answers or scores is an error
    leaked_count        BIGINT NOT NULL,                -- scored prompts that are trained on; left out, unless all are
    wins                BIGINT NOT NULL,
    losses              BIGINT NOT NULL,
    ties                BIGINT NOT NULL,
    mean_before         DOUBLE NULL,
    mean_after          DOUBLE NULL,
    mean_change         DOUBLE NULL,
    interval_low        DOUBLE NULL,                    -- paired bootstrap interval of mean_change
    interval_high       DOUBLE NULL,
    interval_level      DOUBLE NULL,
    p_value             DOUBLE NULL,                    -- how often signs by chance show as much above min_gain, or more, where a version gains no more than that
    min_gain            DOUBLE NULL,
    rule                VARCHAR(32) NOT NULL,           -- the column of adapters that decided: min_gain, max_error_share ...
    worst_prompts       LONGTEXT NULL,                  -- JSON: the three prompts that lost most, with both scores
    decided_at          DATETIME(6) NOT NULL
);

-- Names that point to one version, such as live.
CREATE TABLE aliases (
    adapter_name        VARCHAR(100) NOT NULL,
    alias               VARCHAR(64) NOT NULL,
    version_number      INTEGER NOT NULL,
    changed_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, alias)
);

-- Every move of an alias.
CREATE TABLE alias_history (
    adapter_name        VARCHAR(100) NOT NULL,
    alias               VARCHAR(64) NOT NULL,
    move_number         INTEGER NOT NULL,               -- 1, 2, 3 ... per adapter and alias
    old_version         INTEGER NULL,                   -- NULL: the alias is new
    new_version         INTEGER NOT NULL,
    run_id              BIGINT NULL,                    -- NULL: asked for in alias_changes
    reason              LONGTEXT NOT NULL,
    moved_by            VARCHAR(191) NULL,              -- alias_changes.requested_by; on_fall: a fall was found; NULL: the gate
    changed_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, alias, move_number)
);

-- Calls that change something outside the database: the intent before the call, the outcome after it.
CREATE TABLE backend_calls (
    run_id              BIGINT NOT NULL,
    call_number         INTEGER NOT NULL,
    call_kind           VARCHAR(32) NOT NULL,
    state               VARCHAR(16) NOT NULL,           -- intended -> done | failed | unknown
    request             LONGTEXT NOT NULL,              -- what was asked, in short, without secrets
    external_id         VARCHAR(255) NULL,              -- the id of the adapter at the backend
    outcome             LONGTEXT NULL,
    intended_at         DATETIME(6) NOT NULL,
    settled_at          DATETIME(6) NULL,
    PRIMARY KEY (run_id, call_number)
);

-- The addresses that are called as webhook: what happened before is no news to them.
CREATE TABLE webhooks (
    webhook_key         VARCHAR(64) NOT NULL,           -- a hash of the address, which does not reveal it
    begun_at            DATETIME(6) NOT NULL,           -- when a runner first had it among its settings
    PRIMARY KEY (webhook_key)
);

-- Calls of the webhook: what people hear outside the database.
CREATE TABLE webhook_calls (
    adapter_name        VARCHAR(100) NOT NULL,
    event               VARCHAR(16) NOT NULL,           -- failed | rejected | promoted | rolled_back | stuck
    event_number        BIGINT NOT NULL,                -- run_id, or move_number of alias_history
    run_id              BIGINT NULL,                    -- NULL: a person moved the alias
    message             LONGTEXT NOT NULL,              -- why, in words
    happened_at         DATETIME(6) NOT NULL,           -- when the run ended, the alias moved or the run was found stuck
    state               VARCHAR(16) NOT NULL DEFAULT 'waiting', -- waiting -> delivered | given_up
    attempt_count       INTEGER NOT NULL DEFAULT 0,     -- attempts that were begun
    next_attempt_at     DATETIME(6) NOT NULL,           -- with waiting: not tried again before
    settled_at          DATETIME(6) NULL,               -- when it was delivered or given up
    outcome             VARCHAR(255) NULL,              -- how the last attempt ended: the status of the reply, or why there is none
    PRIMARY KEY (adapter_name, event, event_number)
);

-- A sync and a worker look for the calls that wait.
CREATE INDEX webhook_calls_by_state ON webhook_calls (state, next_attempt_at);

-- Calls of a running vLLM, which loads what is live and unloads what no longer is: the intent before the call, the outcome after it.
CREATE TABLE vllm_calls (
    server_address      VARCHAR(191) NOT NULL,          -- the server, without a login
    lora_name           VARCHAR(120) NOT NULL,          -- the name there: support-bot-v3
    call_number         INTEGER NOT NULL,               -- 1, 2, 3 ... per server and name
    call_kind           VARCHAR(8) NOT NULL,            -- load | unload
    adapter_name        VARCHAR(100) NOT NULL,
    version_number      INTEGER NOT NULL,
    lora_path           LONGTEXT NULL,                  -- the folder of the weights as the server sees it; NULL: unload
    state               VARCHAR(16) NOT NULL DEFAULT 'waiting', -- waiting -> done | withdrawn (what is live changed before it was made)
    attempt_count       INTEGER NOT NULL DEFAULT 0,     -- attempts that were begun
    intended_at         DATETIME(6) NOT NULL,           -- when it was found to be needed
    next_attempt_at     DATETIME(6) NOT NULL,           -- with waiting: not tried again before
    settled_at          DATETIME(6) NULL,               -- when it was done or withdrawn
    outcome             VARCHAR(255) NULL,              -- how the last attempt ended: the status and message of the reply, or why there is none
    PRIMARY KEY (server_address, lora_name, call_number)
);

-- A sync and a worker look for the calls that wait.
CREATE INDEX vllm_calls_by_state ON vllm_calls (state, server_address);

-- What is wrong with single rows of a selection: the first 1,000 of each rule.
CREATE TABLE data_issues (
    run_id              BIGINT NOT NULL,
    issue_number        INTEGER NOT NULL,
    selection           VARCHAR(16) NOT NULL,           -- training | evaluation
    severity            VARCHAR(8) NOT NULL,            -- error | warning
    rule                VARCHAR(64) NOT NULL,
    row_key             VARCHAR(191) NOT NULL,
    column_name         VARCHAR(64) NULL,
    message             LONGTEXT NOT NULL,
    PRIMARY KEY (run_id, issue_number)
);

-- How many rows break each rule, exactly.
CREATE TABLE data_issue_counts (
    run_id              BIGINT NOT NULL,
    selection           VARCHAR(16) NOT NULL,           -- training | evaluation
    rule                VARCHAR(64) NOT NULL,
    severity            VARCHAR(8) NOT NULL,            -- error | warning
    issue_count         BIGINT NOT NULL,
    PRIMARY KEY (run_id, selection, rule)
);

-- The adapters that clients of `sqltune serve` made. No sync reads them. A deleted one stays as a row, without weights.
CREATE TABLE served_adapters (
    adapter_id          VARCHAR(50) NOT NULL,           -- the id on the wire; always 50 characters
    adapter_name        LONGTEXT NOT NULL,              -- as the client named it; need not be unique
    base_slug           VARCHAR(191) NOT NULL,          -- what clients ask for, such as 'nous-hermes2'
    base_model          VARCHAR(255) NOT NULL,          -- the model behind the slug
    base_model_revision VARCHAR(191) NOT NULL,          -- a commit, or a hash of the files: weights fit no other
    state               VARCHAR(16) NOT NULL,           -- active -> deleted
    lora_rank           INTEGER NOT NULL,               -- as really used, like all options here
    lora_alpha          INTEGER NOT NULL,
    learning_rate       DOUBLE NOT NULL,
    rehearsal           VARCHAR(8) NOT NULL,            -- on or off
    seed                BIGINT NOT NULL,
    last_step           BIGINT NOT NULL,                -- the number of the last fine-tune call that was begun; 0: none
    created_at          DATETIME(6) NOT NULL,
    updated_at          DATETIME(6) NOT NULL,           -- latestUpdateTime on the wire: when weights were last stored
    deleted_at          DATETIME(6) NULL,
    PRIMARY KEY (adapter_id)
);

-- One row per fine-tune call to `sqltune serve`: written before the training and completed after it.
CREATE TABLE served_steps (
    adapter_id             VARCHAR(50) NOT NULL,
    step_number            BIGINT NOT NULL,             -- 1, 2, 3 ... per adapter: one fine-tune call each
    state                  VARCHAR(16) NOT NULL,        -- training -> done | failed | lost; failed and lost leave the weights unchanged
    sample_count           BIGINT NOT NULL,
    optimizer_steps_before BIGINT NOT NULL,             -- in the weights when the call began: shows after a crash whether the call was stored
    optimizer_steps        BIGINT NULL,                 -- of this call, including those of rehearsal alone
    trainable_tokens       BIGINT NULL,                 -- numberOfTrainableTokens on the wire
    sum_loss               DOUBLE NULL,                 -- sumLoss on the wire: nats, unweighted, before the step
    rehearsal_pairs        BIGINT NULL,                 -- how many answers of the base model were rehearsed beside the samples
    train_seconds          DOUBLE NULL,
    begun_at               DATETIME(6) NOT NULL,
    ended_at               DATETIME(6) NULL,
    error_code             VARCHAR(64) NULL,
    error_message          LONGTEXT NULL,
    PRIMARY KEY (adapter_id, step_number)
);

-- What was asked of `sqltune serve` through OpenAI's API: counts by model and hour, no texts.
CREATE TABLE served_use (
    model_name          VARCHAR(100) NOT NULL,          -- the adapter; of a base model its slug
    version_number      INTEGER NOT NULL,               -- 0: the base model itself
    hour_at             DATETIME(6) NOT NULL,           -- when the hour begins in which the requests ended
    server_key          VARCHAR(64) NOT NULL,           -- the process that counted; sums over all are what was used
    request_count       BIGINT NOT NULL,                -- requests that were answered, refused or given up
    error_count         BIGINT NOT NULL,                -- of these, requests that got an error in place of an answer
    cancelled_count     BIGINT NOT NULL,                -- of these, requests whose client hung up before the end
    prompt_tokens       BIGINT NOT NULL,                -- of the answered requests
    output_tokens       BIGINT NOT NULL,                -- of the answered requests
    latency_ms_sum      DOUBLE NOT NULL,                -- of the answered requests, from the head of the request to the end of the answer
    latency_ms_max      DOUBLE NOT NULL,                -- of the answered requests
    within_50_ms        BIGINT NOT NULL,                -- answered requests that took no longer; each of these columns includes those before
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
);

-- What `sqltune gc` found: stored artifacts that no row names, and versions whose adapter is gone.
CREATE TABLE orphans (
    orphan_key          VARCHAR(64) NOT NULL,           -- hash of backend, kind, address and version: the same orphan is the same row in every scan
    orphan_kind         VARCHAR(24) NOT NULL,           -- adapter_without_row | row_without_adapter | weights_without_row
    adapter_name        VARCHAR(100) NULL,              -- NULL: this database does not know the run
    version_number      INTEGER NULL,                   -- with row_without_adapter
    run_id              BIGINT NULL,                    -- the run that made it
    run_key             VARCHAR(64) NULL,               -- the key of that run, as the name of the artifact carries it
    is_unknown_run      TINYINT NOT NULL,               -- 1: of a run that this database does not know; removed only with --unknown-runs
    backend             VARCHAR(32) NOT NULL,
    place               LONGTEXT NOT NULL,              -- the address of the service, or the folder that was scanned
    external_id         VARCHAR(255) NULL,              -- the id of the adapter at a service
    address             LONGTEXT NOT NULL,              -- path or id
    state               VARCHAR(16) NOT NULL,           -- found -> removing -> removed; or gone: no longer an orphan, though sqltune did not remove it
    reason              LONGTEXT NOT NULL,              -- why it is an orphan
    size_bytes          BIGINT NULL,                    -- NULL: the backend does not report it
    found_at            DATETIME(6) NOT NULL,
    last_seen_at        DATETIME(6) NOT NULL,           -- when a scan last found it
    removed_at          DATETIME(6) NULL,
    error_message       LONGTEXT NULL,                  -- why it could not be removed
    PRIMARY KEY (orphan_key)
);

-- Every evaluation of a version as it was: a later one is a further row, and none is overwritten.
CREATE TABLE evaluations (
    adapter_name        VARCHAR(100) NOT NULL,
    evaluation_number   INTEGER NOT NULL,               -- 1, 2, 3 ... per adapter, in the order of evaluated_at
    run_id              BIGINT NOT NULL,                -- the run that evaluated; `sqltune retry --failed` evaluates again, as a further row
    version_number      INTEGER NOT NULL,               -- the version that was evaluated
    compared_version    INTEGER NULL,                   -- the version that it was compared with; NULL: the base model
    decision            VARCHAR(16) NOT NULL,           -- accepted | rejected
    reason              LONGTEXT NOT NULL,              -- the verdict in words, with all figures of the comparison
    prompt_count        BIGINT NOT NULL,                -- prompts that can be scored
    clean_count         BIGINT NOT NULL,                -- of these, prompts that are not trained on
    leaked_count        BIGINT NOT NULL,                -- of these, prompts that are trained on
    error_count         BIGINT NOT NULL,                -- of these, prompts whose answer or score is an error; they are in no mean
    mean_score          DOUBLE NULL,                    -- of the version, over all prompts; NULL: none has a score
    clean_score         DOUBLE NULL,                    -- of the version, over the clean prompts; NULL: none has a score
    interval_low        DOUBLE NULL,                    -- bootstrap interval of clean_score
    interval_high       DOUBLE NULL,
    interval_level      DOUBLE NOT NULL,
    prompt_set_key      VARCHAR(64) NOT NULL,           -- hash of the prompts with their expected texts and scorers
    decoding_key        VARCHAR(64) NOT NULL,           -- as in responses: hash of the decoding settings and of the prompt format
    comparison_key      VARCHAR(64) NOT NULL,           -- hash of both and of which prompts are clean: evaluations are compared only where it is equal
    evaluated_at        DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name, evaluation_number)
);

-- What may never be trained on again, by keyed hashes: no text and no key of a row.
CREATE TABLE forgotten_samples (
    erasure_id          VARCHAR(64) NOT NULL,
    hash_kind           VARCHAR(8) NOT NULL,            -- row: adapter and sample_key; texts: of a sample; prompt: of an evaluation prompt; answer: a text that no stored answer may be
    keyed_hash          VARCHAR(64) NOT NULL,           -- BLAKE2b-256 in hexadecimal, keyed by the secret of key_id
    key_id              VARCHAR(32) NOT NULL,           -- which secret, in forget_keys
    forgotten_at        DATETIME(6) NOT NULL,
    PRIMARY KEY (erasure_id, hash_kind, keyed_hash)
);

-- The secrets of the keyed hashes: one that this database made, or one that the environment keeps.
CREATE TABLE forget_keys (
    key_id              VARCHAR(32) NOT NULL,           -- a hash of the secret, which does not reveal it
    made_key            VARCHAR(64) NULL,               -- the secret that was made here; NULL: it is SQLTUNE_FORGET_KEY
    created_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (key_id)
);

-- The certificates of `sqltune forget`: what was removed, and when.
CREATE TABLE erasures (
    erasure_id          VARCHAR(64) NOT NULL,
    adapter_name        VARCHAR(100) NULL,              -- NULL: the rows of all adapters
    state               VARCHAR(16) NOT NULL,           -- erasing -> done
    requested_by        VARCHAR(191) NOT NULL,          -- the user of the computer who asked
    sample_count        BIGINT NOT NULL,                -- rows that were asked to be forgotten
    samples_removed     BIGINT NOT NULL DEFAULT 0,      -- texts of samples, an edited row once per text
    prompts_removed     BIGINT NOT NULL DEFAULT 0,      -- evaluation prompts and questions that had the text in them
    answers_removed     BIGINT NOT NULL DEFAULT 0,      -- answers and corrections that had it in them, or were about such a prompt
    messages_removed    BIGINT NOT NULL DEFAULT 0,      -- findings, events, errors, reasons, categories and recorded settings that had it in them
    files_removed       BIGINT NOT NULL DEFAULT 0,      -- checkpoints of ended runs, which may hold it
    samples_left        BIGINT NOT NULL,                -- samples of other rows that hold the text; forget them too
    queries_left        LONGTEXT NULL,                  -- columns of adapters that quote the text, such as 'helpdesk.training_query': rewrite them; NULL: none
    requested_at        DATETIME(6) NOT NULL,
    erased_at           DATETIME(6) NULL,               -- when everything was removed; NULL: `sqltune forget` has to be repeated
    PRIMARY KEY (erasure_id)
);

-- Which versions saw what was forgotten.
CREATE TABLE erasure_versions (
    erasure_id          VARCHAR(64) NOT NULL,
    adapter_name        VARCHAR(100) NOT NULL,
    version_number      INTEGER NOT NULL,
    sample_count        BIGINT NOT NULL,                -- samples of its manifest that were forgotten
    PRIMARY KEY (erasure_id, adapter_name, version_number)
);

-- What `sqltune validate` found last about each adapter, one row per adapter.
CREATE TABLE row_checks (
    adapter_name        VARCHAR(100) NOT NULL,
    samples_usable      BIGINT NULL,                    -- NULL: the selections could not be read; samples for validation are counted here
    samples_bad         BIGINT NULL,
    samples_held_out    BIGINT NULL,
    prompts_usable      BIGINT NULL,
    prompts_bad         BIGINT NULL,
    error_code          VARCHAR(64) NULL,
    error_message       LONGTEXT NULL,                  -- why a run would fail, and the cure; NULL: it would not
    checked_at          DATETIME(6) NOT NULL,
    PRIMARY KEY (adapter_name)
);

-- What is wrong with single rows by the last row check of an adapter: the first 1,000 of each rule.
CREATE TABLE row_check_issues (
    adapter_name        VARCHAR(100) NOT NULL,
    issue_number        INTEGER NOT NULL,
    selection           VARCHAR(16) NOT NULL,           -- training | evaluation
    severity            VARCHAR(8) NOT NULL,            -- error | warning
    rule                VARCHAR(64) NOT NULL,
    row_key             VARCHAR(191) NOT NULL,
    column_name         VARCHAR(64) NULL,
    message             LONGTEXT NOT NULL,
    PRIMARY KEY (adapter_name, issue_number)
);

-- How many rows break each rule by the last row check of an adapter, exactly.
CREATE TABLE row_check_counts (
    adapter_name        VARCHAR(100) NOT NULL,
    selection           VARCHAR(16) NOT NULL,           -- training | evaluation
    rule                VARCHAR(64) NOT NULL,
    severity            VARCHAR(8) NOT NULL,            -- error | warning
    issue_count         BIGINT NOT NULL,
    PRIMARY KEY (adapter_name, selection, rule, severity)
);

-- Questions to the models: people insert what is asked, the runner writes the answer into the row.
CREATE TABLE questions (
    question_id         INTEGER PRIMARY KEY AUTOINCREMENT, -- unique; neither an order nor a watermark
    adapter_name        VARCHAR(100) NOT NULL,
    alias               VARCHAR(64) NOT NULL DEFAULT 'live', -- the version to which this alias points when the question is answered, unless version_number is given
    version_number      INTEGER NULL,                   -- the version to ask; NULL: that of alias
    prompt              LONGTEXT NULL,                  -- what is asked; NULL: the row has messages
    system_prompt       LONGTEXT NULL,
    messages            LONGTEXT NULL,                  -- a conversation that ends with the user's turn, as in eval_prompts, in place of prompt and system_prompt
    max_new_tokens      INTEGER NULL,                   -- of the answer; NULL: as in adapters
    temperature         DOUBLE NULL,                    -- 0: greedy; NULL: as in adapters
    asked_by            VARCHAR(191) NULL,              -- the user of the database, where the engine fills it in
    asked_at            DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    state               VARCHAR(16) NOT NULL DEFAULT 'waiting', -- waiting -> answering -> answered | failed; people may write waiting, to ask again
    answered_version    INTEGER NULL,                   -- the version that answered
    answer              LONGTEXT NULL,                  -- NULL: there is none yet, or an error
    finish_reason       VARCHAR(32) NULL,               -- stop, length, or the word of the service
    prompt_tokens       INTEGER NULL,
    output_tokens       INTEGER NULL,
    latency_ms          DOUBLE NULL,
    answered_at         DATETIME(6) NULL,               -- when the answer or the error was stored
    crash_count         INTEGER NOT NULL DEFAULT 0,     -- how many runners in a row died while they answered it
    claimed_by          VARCHAR(100) NULL,              -- the runner that answers it
    claim_expires_at    DATETIME(6) NULL,               -- with answering: when another runner may take it, unless the claim is renewed
    error_code          VARCHAR(64) NULL,
    error_message       LONGTEXT NULL                   -- what went wrong, or what it waits for, and the cure
);

-- Runners look for the oldest question that waits, adapter by adapter.
CREATE INDEX questions_by_state ON questions (state, adapter_name, asked_at);

-- What people say about answers: a rating, a correction, or both.
CREATE TABLE feedback (
    feedback_id         INTEGER PRIMARY KEY AUTOINCREMENT, -- unique; neither an order nor a watermark
    question_id         BIGINT NULL,                    -- the question whose answer this is about; NULL: an answer of an evaluation
    run_id              BIGINT NULL,                    -- with prompt_key: the run whose answer, by the version that it evaluated, this is about
    prompt_key          VARCHAR(191) NULL,
    rating              DOUBLE NULL,                    -- how good the answer is: 1 good, 0 bad, or a scale of your own
    correction          LONGTEXT NULL,                  -- what the answer should have been; NULL: nothing was corrected
    given_by            VARCHAR(191) NULL,              -- the user of the database, where the engine fills it in
    given_at            DATETIME(6) NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now'))
);

-- From a question to what was said about its answer.
CREATE INDEX feedback_by_question ON feedback (question_id);
