-- Statements about what people ask for: rows of `runs` that no runner has begun, and the desired state of those that one has.

-- name: list_open_runs
-- The runs that a runner began and that have not ended.
SELECT run_id, adapter_name, state, desired_state, run_key, run_kind, is_trial, resume_state, queued_at, last_alive_at,
       is_stuck, stuck_reason, next_step, attempt_count, steps_done, responses_stored,
       1 AS request_count, NULL AS last_run_id
  FROM runs
 WHERE finished_at IS NULL
   AND run_key IS NOT NULL
   AND state NOT IN ('succeeded', 'rejected', 'failed', 'cancelled')
 ORDER BY queued_at, run_id
 LIMIT :row_limit;

-- name: list_open_requests
-- The requests that no runner has begun, equal ones as one row: there may be 100,000 of them.
SELECT MIN(run_id) AS run_id, adapter_name, state, desired_state, NULL AS run_key, NULL AS run_kind, 0 AS is_trial,
       NULL AS resume_state, MIN(queued_at) AS queued_at, NULL AS last_alive_at, MAX(is_stuck) AS is_stuck, stuck_reason,
       next_step, 0 AS attempt_count, 0 AS steps_done, 0 AS responses_stored, COUNT(*) AS request_count,
       MAX(run_id) AS last_run_id
  FROM runs
 WHERE finished_at IS NULL
   AND run_key IS NULL
   AND state NOT IN ('succeeded', 'rejected', 'failed', 'cancelled')
 GROUP BY adapter_name, state, desired_state, next_step, stuck_reason
 ORDER BY MIN(queued_at), MIN(run_id)
 LIMIT :row_limit;

-- name: show_requests_waiting
-- What equal requests wait for. Those that a runner has taken up since they were read are no longer among them.
UPDATE runs
   SET next_step = :next_step,
       is_stuck = :is_stuck,
       stuck_reason = :stuck_reason
 WHERE finished_at IS NULL
   AND run_key IS NULL
   AND adapter_name = :adapter_name
   AND state = :old_state
   AND desired_state = :old_desired_state
   AND COALESCE(next_step, '') = :old_next_step
   AND COALESCE(stuck_reason, '') = :old_stuck_reason
   AND run_id <= :newest_run_id;

-- name: end_open_requests
-- Equal requests end without a run of their own.
UPDATE runs
   SET state = :state,
       run_kind = NULL,
       version_number = :version_number,
       trigger_reason = COALESCE(trigger_reason, :trigger_reason),
       finished_at = :now,
       is_retryable = :is_retryable,
       failure_count = COALESCE(:failure_count, failure_count),
       next_attempt_at = :next_attempt_at,
       error_code = :error_code,
       error_message = :error_message,
       resume_state = NULL,
       desired_state = CASE WHEN desired_state = 'paused' THEN 'running' ELSE desired_state END,
       state_changed_at = :now,
       next_step = :next_step,
       is_stuck = 0,
       stuck_reason = NULL
 WHERE finished_at IS NULL
   AND run_key IS NULL
   AND adapter_name = :adapter_name
   AND state = :old_state
   AND desired_state = :old_desired_state
   AND COALESCE(next_step, '') = :old_next_step
   AND COALESCE(stuck_reason, '') = :old_stuck_reason
   AND run_id <= :newest_run_id;

-- name: end_equal_requests
-- One plan answers all requests that ask for no more than it, and were there before it was made.
UPDATE runs
   SET state = :state,
       run_kind = NULL,
       version_number = :version_number,
       trigger_reason = COALESCE(trigger_reason, :trigger_reason),
       finished_at = :now,
       is_retryable = :is_retryable,
       failure_count = COALESCE(:failure_count, failure_count),
       next_attempt_at = :next_attempt_at,
       error_code = :error_code,
       error_message = :error_message,
       resume_state = NULL,
       state_changed_at = :now,
       next_step = :next_step,
       is_stuck = 0,
       stuck_reason = NULL
 WHERE adapter_name = :adapter_name
   AND state = 'queued'
   AND desired_state = 'running'
   AND run_key IS NULL
   AND is_forced = 0
   AND COALESCE(backend, :backend) = :backend
   AND COALESCE(base_model, :base_model) = :base_model
   AND manifest_id IS NULL
   AND from_run_id IS NULL
   AND from_epoch IS NULL
   AND COALESCE(run_kind, 'train') = 'train'
   AND version_number IS NULL
   AND run_id <= :newest_run_id
   AND queued_at <= :queued_until;

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
       is_stuck, stuck_reason, next_step, attempt_count, steps_done, responses_stored,
       1 AS request_count, run_id AS last_run_id
  FROM runs
 WHERE run_id = :run_id;

-- name: find_request
-- The first of an adapter's requests that are not paused.
SELECT run_id, backend, base_model, manifest_id, from_run_id, from_epoch, run_kind, version_number, is_forced, trigger_reason,
       queued_at
  FROM runs
 WHERE adapter_name = :adapter_name
   AND run_key IS NULL
   AND state = 'queued'
   AND desired_state = 'running'
 ORDER BY queued_at, run_id
 LIMIT 1;

-- name: list_asked
-- What an adapter's requests ask for that are not paused, equal ones as one row, the first ones first.
SELECT MIN(run_id) AS run_id, COUNT(*) AS request_count, MIN(queued_at) AS queued_at,
       backend, base_model, manifest_id, from_run_id, from_epoch, run_kind, version_number, is_forced
  FROM runs
 WHERE adapter_name = :adapter_name
   AND run_key IS NULL
   AND state = 'queued'
   AND desired_state = 'running'
 GROUP BY backend, base_model, manifest_id, from_run_id, from_epoch, run_kind, version_number, is_forced
 ORDER BY MIN(queued_at), MIN(run_id)
 LIMIT :row_limit;

-- name: find_newest_request
-- The greatest id among an adapter's requests.
SELECT MAX(run_id) AS run_id
  FROM runs
 WHERE adapter_name = :adapter_name
   AND run_key IS NULL
   AND state = 'queued';

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
       training_columns = :training_columns,
       eval_columns = :eval_columns,
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
SELECT a.adapter_name, a.is_enabled, a.sync_every, s.decided_at, s.retry_at, a.reevaluate_every, s.reevaluated_at,
       CASE WHEN a.prediction_query IS NOT NULL AND a.predict <> 'off' THEN a.predict_every ELSE NULL END AS predict_every,
       s.predicted_at,
       l.changed_at AS live_since
  FROM adapters a
  LEFT JOIN adapter_states s ON s.adapter_name = a.adapter_name
  LEFT JOIN aliases l ON l.adapter_name = a.adapter_name AND l.alias = 'live'
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
