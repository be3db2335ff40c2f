-- Statements of `sqltune gc`: what backends hold that no row names, and rows whose adapter is gone.

-- name: find_run_of_key
-- The run that a name outside the database carries.
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
       base_model_revision, epochs, learning_rate, lora_rank, lora_alpha, batch_size, rehearsal, rehearsal_pairs, seed,
       external_id, artifact_uri, artifact_bytes, artifact_sha256
  FROM adapter_versions
 ORDER BY adapter_name, version_number;

-- name: see_orphan
-- An orphan that is in the table already was seen again; one that had been settled is found anew.
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
-- An orphan that was never seen before.
INSERT INTO orphans (orphan_key, orphan_kind, state, adapter_name, version_number, run_id, run_key, is_unknown_run,
                     backend, place, external_id, address, size_bytes, reason, found_at, last_seen_at)
VALUES (:orphan_key, :orphan_kind, 'found', :adapter_name, :version_number, :run_id, :run_key, :is_unknown_run,
        :backend, :place, :external_id, :address, :size_bytes, :reason, :now, :now);

-- name: list_open_orphans
-- The orphans that the last look at a place left open.
SELECT orphan_key, state, run_id, address
  FROM orphans
 WHERE backend = :backend
   AND place = :place
   AND state IN ('found', 'removing');

-- name: set_orphan_state
-- What becomes of an orphan: removing before it is removed; removed, found again after an error, or gone afterwards.
UPDATE orphans
   SET state = :state,
       removed_at = :removed_at,
       error_message = :error_message
 WHERE orphan_key = :orphan_key;
