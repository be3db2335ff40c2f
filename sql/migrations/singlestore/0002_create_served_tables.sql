-- The tables of `sqltune serve`, because adapters of other programs live on between its starts.
-- SingleStore. The same tables, columns and order stand in ../sqlite and ../mysql; a test compares the catalogs.
-- Written by the local server only; no sync reads them.

-- One row per adapter that a client of the local server made. A deleted one stays as a row, without weights.
CREATE ROWSTORE TABLE served_adapters (
    adapter_id          VARCHAR(50) COLLATE utf8mb4_bin NOT NULL COMMENT 'the id on the wire; always 50 characters',
    adapter_name        LONGTEXT COLLATE utf8mb4_bin NOT NULL COMMENT 'as the client named it; need not be unique',
    base_slug           VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'what clients ask for, for instance ''nous-hermes2''',
    base_model          VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'the local or Hub model that stood behind the slug',
    base_model_revision VARCHAR(191) COLLATE utf8mb4_bin NOT NULL COMMENT 'a commit, or a hash of the files: weights fit no other',
    state               VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'active -> deleted',
    lora_rank           INT NOT NULL COMMENT 'as really used, like all options here',
    lora_alpha          INT NOT NULL,
    learning_rate       DOUBLE NOT NULL,
    rehearsal           VARCHAR(8) COLLATE utf8mb4_bin NOT NULL COMMENT 'on or off',
    seed                BIGINT NOT NULL,
    last_step           BIGINT NOT NULL COMMENT 'number of the last fine-tune call that was begun; 0: none',
    created_at          DATETIME(6) NOT NULL,
    updated_at          DATETIME(6) NOT NULL COMMENT 'latestUpdateTime on the wire: grows when weights were stored, never else',
    deleted_at          DATETIME(6) NULL,
    PRIMARY KEY (adapter_id),
    SHARD KEY (adapter_id)
);

-- One row per fine-tune call: written before the training and settled after it.
CREATE ROWSTORE TABLE served_steps (
    adapter_id             VARCHAR(50) COLLATE utf8mb4_bin NOT NULL,
    step_number            BIGINT NOT NULL COMMENT '1, 2, 3 ... per adapter: one fine-tune call each',
    state                  VARCHAR(16) COLLATE utf8mb4_bin NOT NULL COMMENT 'training -> done | failed | lost: failed and lost left the weights as they were',
    optimizer_steps_before BIGINT NOT NULL COMMENT 'in the weights when the call began; tells after a crash whether it was stored',
    optimizer_steps        BIGINT NULL COMMENT 'of this call, those of rehearsal alone included',
    sample_count           BIGINT NOT NULL,
    trainable_tokens       BIGINT NULL COMMENT 'numberOfTrainableTokens on the wire',
    sum_loss               DOUBLE NULL COMMENT 'sumLoss on the wire: nats, before weighting and before the step',
    rehearsal_pairs        BIGINT NULL COMMENT 'answers of the base model''s own that were trained beside the samples',
    train_seconds          DOUBLE NULL,
    begun_at               DATETIME(6) NOT NULL,
    ended_at               DATETIME(6) NULL,
    error_code             VARCHAR(64) COLLATE utf8mb4_bin NULL,
    error_message          LONGTEXT COLLATE utf8mb4_bin NULL,
    PRIMARY KEY (adapter_id, step_number),
    SHARD KEY (adapter_id)
);
