-- Statements about adapter versions.

-- name: get_last_version_number
-- The adapter's highest version number, 0 when there is none.
SELECT COALESCE(MAX(version_number), 0) AS last_number
  FROM adapter_versions
 WHERE adapter_name = :adapter_name;

-- name: clear_latest_version
-- The version that was the latest is no longer the latest.
UPDATE adapter_versions
   SET is_latest = 0
 WHERE adapter_name = :adapter_name
   AND is_latest = 1;

-- name: insert_version
-- The version that a finished training produced.
INSERT INTO adapter_versions (adapter_name, version_number, adapter_label, state, is_latest, run_id, manifest_id,
                              fingerprint, training_key, backend, base_model, base_model_revision, method, epochs,
                              learning_rate, lora_rank, lora_alpha, batch_size, warmup_share, rehearsal_pairs, rehearsal, seed,
                              prompt_format, quantization, sample_count, validation_count, steps, tokens_processed,
                              final_train_loss, best_epoch, eval_loss, train_seconds, cost_usd,
                              external_id, artifact_uri, artifact_bytes, artifact_sha256, created_at)
VALUES (:adapter_name, :version_number, :adapter_label, 'trained', :is_latest, :run_id, :manifest_id,
        :fingerprint, :training_key, :backend, :base_model, :base_model_revision, 'lora', :epochs,
        :learning_rate, :lora_rank, :lora_alpha, :batch_size, :warmup_share, :rehearsal_pairs, :rehearsal, :seed,
        :prompt_format, :quantization, :sample_count, :validation_count, :steps, :tokens_processed,
        :final_train_loss, :best_epoch, :eval_loss, :train_seconds, :cost_usd,
        :external_id, :artifact_uri, :artifact_bytes, :artifact_sha256, :now);

-- name: get_version
-- One version.
SELECT adapter_name, version_number, state, run_id, manifest_id, fingerprint, training_key, backend, base_model,
       base_model_revision, epochs, learning_rate, lora_rank, lora_alpha, batch_size, warmup_share, rehearsal,
       rehearsal_pairs, seed, prompt_format, quantization, external_id, artifact_uri, artifact_bytes, artifact_sha256,
       retired_at
  FROM adapter_versions
 WHERE adapter_name = :adapter_name
   AND version_number = :version_number;

-- name: get_latest_version
-- The version that was trained last.
SELECT adapter_name, version_number, state, run_id, manifest_id, fingerprint, training_key, backend, base_model,
       base_model_revision, epochs, learning_rate, lora_rank, lora_alpha, batch_size, warmup_share, rehearsal,
       rehearsal_pairs, seed, prompt_format, quantization, external_id, artifact_uri, artifact_bytes, artifact_sha256,
       retired_at
  FROM adapter_versions
 WHERE adapter_name = :adapter_name
   AND is_latest = 1;

-- name: settle_version
-- The verdict of the gate on a version, and the run that it is from.
UPDATE adapter_versions
   SET state = :state,
       evaluation_run_id = :run_id
 WHERE adapter_name = :adapter_name
   AND version_number = :version_number;

-- name: insert_kept_epoch
-- The weights after one epoch of a finished training.
INSERT INTO kept_epochs (run_id, epoch, adapter_name, backend, eval_loss, external_id, artifact_uri, artifact_bytes,
                         artifact_sha256, created_at)
VALUES (:run_id, :epoch, :adapter_name, :backend, :eval_loss, :external_id, :artifact_uri, :artifact_bytes,
        :artifact_sha256, :now);

-- name: get_kept_epoch
-- The weights after one epoch of a run.
SELECT run_id, epoch, adapter_name, backend, eval_loss, external_id, artifact_uri, artifact_bytes, artifact_sha256
  FROM kept_epochs
 WHERE run_id = :run_id
   AND epoch = :epoch;

-- name: list_kept_epochs
-- All kept epochs: what `sqltune gc` must not remove.
SELECT run_id, epoch, adapter_name, backend, eval_loss, external_id, artifact_uri, artifact_bytes, artifact_sha256
  FROM kept_epochs
 ORDER BY run_id, epoch;

-- name: retire_version
-- The weights of a version are about to be removed; nothing may ask it from now on.
UPDATE adapter_versions
   SET retired_at = :now
 WHERE adapter_name = :adapter_name
   AND version_number = :version_number
   AND retired_at IS NULL;

-- name: list_kept_epochs_of_run
-- The kept epochs of one run.
SELECT run_id, epoch, adapter_name, backend, eval_loss, external_id, artifact_uri, artifact_bytes, artifact_sha256
  FROM kept_epochs
 WHERE run_id = :run_id
 ORDER BY epoch;

-- name: delete_kept_epoch
-- Delete a kept epoch whose weights are removed.
DELETE FROM kept_epochs
 WHERE run_id = :run_id
   AND epoch = :epoch;
