-- The tables of `sqltune serve`, because adapters of other programs live on between its starts.
-- SQLite. The same tables, columns and order stand in ../mysql and ../singlestore; a test compares the catalogs.
-- Written by the local server only; no sync reads them.

-- One row per adapter that a client of the local server made. A deleted one stays as a row, without weights.
CREATE TABLE served_adapters (
    adapter_id          VARCHAR(50) NOT NULL,           -- the id on the wire; always 50 characters
    adapter_name        LONGTEXT NOT NULL,              -- as the client named it; need not be unique
    base_slug           VARCHAR(191) NOT NULL,          -- what clients ask for, for instance 'nous-hermes2'
    base_model          VARCHAR(255) NOT NULL,          -- the local or Hub model that stood behind the slug
    base_model_revision VARCHAR(191) NOT NULL,          -- a commit, or a hash of the files: weights fit no other
    state               VARCHAR(16) NOT NULL,           -- active -> deleted
    lora_rank           INTEGER NOT NULL,               -- as really used, like all options here
    lora_alpha          INTEGER NOT NULL,
    learning_rate       DOUBLE NOT NULL,
    rehearsal           VARCHAR(8) NOT NULL,            -- on or off
    seed                BIGINT NOT NULL,
    last_step           BIGINT NOT NULL,                -- number of the last fine-tune call that was begun; 0: none
    created_at          DATETIME(6) NOT NULL,
    updated_at          DATETIME(6) NOT NULL,           -- latestUpdateTime on the wire: grows when weights were stored, never else
    deleted_at          DATETIME(6) NULL,
    PRIMARY KEY (adapter_id)
);

-- One row per fine-tune call: written before the training and settled after it.
CREATE TABLE served_steps (
    adapter_id             VARCHAR(50) NOT NULL,
    step_number            BIGINT NOT NULL,             -- 1, 2, 3 ... per adapter: one fine-tune call each
    state                  VARCHAR(16) NOT NULL,        -- training -> done | failed | lost: failed and lost left the weights as they were
    optimizer_steps_before BIGINT NOT NULL,             -- in the weights when the call began; tells after a crash whether it was stored
    optimizer_steps        BIGINT NULL,                 -- of this call, those of rehearsal alone included
    sample_count           BIGINT NOT NULL,
    trainable_tokens       BIGINT NULL,                 -- numberOfTrainableTokens on the wire
    sum_loss               DOUBLE NULL,                 -- sumLoss on the wire: nats, before weighting and before the step
    rehearsal_pairs        BIGINT NULL,                 -- answers of the base model's own that were trained beside the samples
    train_seconds          DOUBLE NULL,
    begun_at               DATETIME(6) NOT NULL,
    ended_at               DATETIME(6) NULL,
    error_code             VARCHAR(64) NULL,
    error_message          LONGTEXT NULL,
    PRIMARY KEY (adapter_id, step_number)
);
