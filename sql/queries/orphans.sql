-- Statements of `sqltune gc`: stored artifacts that no row names, and versions whose adapter is gone.

-- name: find_run_of_key
-- The run whose key a stored artifact carries in its name.
SELECT run_id, adapter_name, state, finished_at
  FROM runs
 WHERE run_key = :run_key;

-- name: get_run_end
-- Whether and when a run ended.
SELECT run_id, adapter_name, state, finished_at
  FROM runs
 WHERE run_id = :run_id;

-- name: list_created_adapters
-- The ids of all adapters that runs created at services.
SELECT run_id, external_id
  FROM backend_calls
 WHERE call_kind = 'create_adapter'
   AND external_id IS NOT NULL;

-- name: list_versions
-- All versions, with what their backends need to find them.
SELECT adapter_name, version_number, state, run_id, manifest_id, fingerprint, training_key, backend, base_model,
       base_model_revision, epochs, learning_rate, lora_rank, lora_alpha, batch_size, warmup_share, rehearsal,
       rehearsal_pairs, seed, prompt_format, quantization, external_id, artifact_uri, artifact_bytes, artifact_sha256,
       retired_at
  FROM adapter_versions
 ORDER BY adapter_name, version_number;

-- name: refresh_orphan
-- A scan found an orphan that is in the table already; one that was settled is open again.
UPDATE orphans
   SET found_at = CASE WHEN state IN ('found', 'removing') THEN found_at ELSE :now END,
       state = 'found',
       adapter_name = :adapter_name,
       run_id = :run_id,
       is_unknown_run = :is_unknown_run,
       size_bytes = :size_bytes,
       reason = :reason,
       last_seen_at = :now,
       removed_at = NULL
 WHERE orphan_key = :orphan_key;

-- name: insert_orphan
-- An orphan that no scan found before.
INSERT INTO orphans (orphan_key, orphan_kind, state, adapter_name, version_number, run_id, run_key, is_unknown_run,
                     backend, place, external_id, address, size_bytes, reason, found_at, last_seen_at)
VALUES (:orphan_key, :orphan_kind, 'found', :adapter_name, :version_number, :run_id, :run_key, :is_unknown_run,
        :backend, :place, :external_id, :address, :size_bytes, :reason, :now, :now);

-- name: list_open_orphans
-- The orphans that the last scan of a place left open.
SELECT orphan_key, state, run_id, address
  FROM orphans
 WHERE backend = :backend
   AND place = :place
   AND state IN ('found', 'removing');

-- name: set_orphan_state
-- The state of an orphan: removing before it is removed; afterwards removed, found after an error, or gone.
UPDATE orphans
   SET state = :state,
       removed_at = :removed_at,
       error_message = :error_message
 WHERE orphan_key = :orphan_key;
