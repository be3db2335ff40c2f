-- Statements about what people ask for: rows of `runs` that no runner has begun, and the desired state of those that one has.

-- name: list_open_runs
-- Every run that is not ended. Without a run_key it is a person's request.
SELECT run_id, adapter_name, state, desired_state, run_key, run_kind, is_trial, resume_state, queued_at, last_alive_at,
       is_stuck, stuck_reason, next_step, attempt_count, steps_done, responses_stored
  FROM runs
 WHERE finished_at IS NULL
   AND state NOT IN ('succeeded', 'rejected', 'failed', 'cancelled')
 ORDER BY queued_at, run_id;

-- name: show_waiting
-- What a run without a runner waits for. No row matched: a runner has taken it up since it was read, and records this itself.
UPDATE runs
   SET next_step = :next_step,
       is_stuck = :is_stuck,
       stuck_reason = :stuck_reason
 WHERE run_id = :run_id
   AND state = :state
   AND attempt_count = :attempt_count;

-- name: get_open_run
-- What the lease keeper reads of its run.
SELECT run_id, adapter_name, state, desired_state, run_key, run_kind, is_trial, resume_state, queued_at, last_alive_at,
       is_stuck, stuck_reason, next_step, attempt_count, steps_done, responses_stored
  FROM runs
 WHERE run_id = :run_id;

-- name: list_requests
-- An adapter's requests that are not paused, in the order of their time.
SELECT run_id, backend, base_model, manifest_id, from_run_id, from_epoch, is_forced, trigger_reason
  FROM runs
 WHERE adapter_name = :adapter_name
   AND run_key IS NULL
   AND state = 'queued'
   AND desired_state = 'running'
 ORDER BY queued_at, run_id;

-- name: adopt_run
-- A runner turns a request into its run. No row matched: it was withdrawn in the meantime.
-- Values that a person wrote into the runner's columns, perhaps by copying a row, are overwritten.
UPDATE runs
   SET run_key = :run_key,
       run_kind = :run_kind,
       trigger_reason = :trigger_reason,
       backend = :backend,
       is_simulated = :is_simulated,
       base_model = :base_model,
       base_model_revision = :base_model_revision,
       fingerprint = :fingerprint,
       eval_fingerprint = :eval_fingerprint,
       training_key = :training_key,
       evaluation_key = :evaluation_key,
       manifest_id = :manifest_id,
       version_number = :version_number,
       before_version = :before_version,
       settings = :settings,
       is_trial = :is_trial,
       failure_count = :failure_count,
       next_step = :next_step,
       resume_state = NULL,
       next_attempt_at = NULL,
       steps_done = 0,
       started_at = NULL,
       finished_at = NULL,
       state_changed_at = :now
 WHERE run_id = :run_id
   AND run_key IS NULL
   AND state = 'queued'
   AND desired_state = 'running';

-- name: set_desired_state
-- Replace a desired state. No row matched: the person has changed it since it was read.
UPDATE runs
   SET desired_state = :desired_state
 WHERE run_id = :run_id
   AND desired_state = :old_desired_state;

-- name: list_schedule
-- What decides whether an adapter is due.
SELECT a.adapter_name, a.is_enabled, a.sync_every, s.decided_at, s.retry_at
  FROM adapters a
  LEFT JOIN adapter_states s ON s.adapter_name = a.adapter_name
 ORDER BY a.adapter_name;

-- name: list_alias_requests
-- Adapters with a pending request to move an alias.
SELECT DISTINCT adapter_name
  FROM alias_changes
 WHERE state = 'requested';

-- name: refuse_alias_requests
-- Refuse requests about an adapter that is not declared: no runner would ever answer them.
UPDATE alias_changes
   SET state = 'refused',
       reason = :reason,
       settled_at = :now
 WHERE adapter_name = :adapter_name
   AND state = 'requested';
