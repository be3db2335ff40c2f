-- Statements about what people ask for: rows of `runs` that no runner has begun, and wishes about those that one has.

-- name: list_open_runs
-- Every run that is not ended. Without a run_key it is a person's request.
SELECT run_id, adapter_name, state, desired_state, run_key, run_kind, is_trial, resume_state, queued_at, last_alive_at,
       is_stuck, stuck_reason, next_step, attempt_count, steps_done, responses_stored
  FROM runs
 WHERE finished_at IS NULL
   AND state NOT IN ('succeeded', 'rejected', 'failed', 'cancelled')
 ORDER BY queued_at, run_id;

-- name: show_waiting
-- What a run that nobody works on waits for. No row matched: a runner took it up since it was read, and tells itself.
UPDATE runs
   SET next_step = :next_step,
       is_stuck = :is_stuck,
       stuck_reason = :stuck_reason
 WHERE run_id = :run_id
   AND state = :state
   AND attempt_count = :attempt_count;

-- name: get_sight
-- What the keeper of a run's lease looks at.
SELECT run_id, adapter_name, state, desired_state, run_key, run_kind, is_trial, resume_state, queued_at, last_alive_at,
       is_stuck, stuck_reason, next_step, attempt_count, steps_done, responses_stored
  FROM runs
 WHERE run_id = :run_id;

-- name: list_requests
-- An adapter's requests that nobody holds back, in the order of their time.
SELECT run_id, backend, base_model, manifest_id, is_forced, trigger_reason
  FROM runs
 WHERE adapter_name = :adapter_name
   AND run_key IS NULL
   AND state = 'queued'
   AND desired_state = 'running'
 ORDER BY queued_at, run_id;

-- name: adopt_run
-- A runner makes a request its run. No row matched: it was withdrawn meanwhile.
-- What a person wrote into columns of the runner's, perhaps by copying a row, does not count.
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

-- name: settle_request
-- A request that needs no run, or cannot have one, ends at once.
UPDATE runs
   SET state = :state,
       run_kind = NULL,
       resume_state = NULL,
       next_attempt_at = NULL,
       version_number = :version_number,
       trigger_reason = COALESCE(:trigger_reason, trigger_reason),
       error_code = :error_code,
       error_message = :error_message,
       is_retryable = :is_retryable,
       desired_state = CASE WHEN desired_state = 'paused' THEN 'running' ELSE desired_state END,
       next_step = :next_step,
       finished_at = :now,
       state_changed_at = :now,
       is_stuck = 0,
       stuck_reason = NULL
 WHERE run_id = :run_id
   AND run_key IS NULL
   AND state NOT IN ('succeeded', 'rejected', 'failed', 'cancelled');

-- name: end_unreadable
-- A run that nobody can go on with, because somebody changed its row. No row matched: it was changed again.
UPDATE runs
   SET state = 'failed',
       resume_state = NULL,
       desired_state = 'running',
       next_attempt_at = NULL,
       error_code = 'unreadable_run',
       error_message = :message,
       is_retryable = 1,
       next_step = :next_step,
       finished_at = :now,
       state_changed_at = :now,
       is_stuck = 0,
       stuck_reason = NULL
 WHERE run_id = :run_id
   AND state = :state
   AND finished_at IS NULL;

-- name: set_desired_state
-- Answer a wish that cannot be met. No row matched: the person has changed it since.
UPDATE runs
   SET desired_state = :desired_state
 WHERE run_id = :run_id
   AND desired_state = :old_desired_state;

-- name: list_schedule
-- What a worker decides by whether an adapter is due.
SELECT a.adapter_name, a.is_enabled, a.sync_every, s.decided_at, s.retry_at
  FROM adapters a
  LEFT JOIN adapter_states s ON s.adapter_name = a.adapter_name
 ORDER BY a.adapter_name;

-- name: list_alias_requests
-- Adapters for which somebody asked to move an alias.
SELECT DISTINCT adapter_name
  FROM alias_changes
 WHERE state = 'requested';

-- name: refuse_alias_requests
-- Nobody will ever answer for an adapter that is not declared.
UPDATE alias_changes
   SET state = 'refused',
       reason = :reason,
       settled_at = :now
 WHERE adapter_name = :adapter_name
   AND state = 'requested';
