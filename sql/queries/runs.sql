-- Statements about runs, their events and outside calls.

-- name: insert_run
-- A new run; its id is read back by the key that the runner made.
INSERT INTO runs (adapter_name, state, run_key, run_kind, trigger_reason, backend, is_simulated, base_model,
                  base_model_revision, fingerprint, eval_fingerprint, training_columns, eval_columns, training_key, evaluation_key,
                  manifest_id, version_number, before_version, settings, is_trial, failure_count, next_step, queued_at, state_changed_at)
VALUES (:adapter_name, :state, :run_key, :run_kind, :trigger_reason, :backend, :is_simulated, :base_model,
        :base_model_revision, :fingerprint, :eval_fingerprint, :training_columns, :eval_columns, :training_key, :evaluation_key,
        :manifest_id, :version_number, :before_version, :settings, :is_trial, :failure_count, :next_step, :now, :now);

-- name: get_run_by_key
-- The run that was just inserted.
SELECT run_id
  FROM runs
 WHERE run_key = :run_key;

-- name: get_run
-- One run.
SELECT run_id, adapter_name, state, desired_state, run_key, run_kind, backend, base_model, base_model_revision,
       fingerprint, eval_fingerprint, training_key, evaluation_key, manifest_id, from_run_id, from_epoch, version_number,
       before_version, samples_used, prompts_selected, settings, is_forced, is_trial, resume_state, last_alive_at, failure_count, is_retryable, next_attempt_at, queued_at, started_at, finished_at, error_code, error_message
  FROM runs
 WHERE run_id = :run_id;

-- name: list_unfinished_runs
-- Runs of an adapter that a runner began and that have not ended, oldest first.
SELECT run_id
  FROM runs
 WHERE adapter_name = :adapter_name
   AND run_key IS NOT NULL
   AND state IN ('queued', 'preparing', 'answering_before', 'training', 'answering_after', 'deciding',
                 'predicting', 'paused')
 ORDER BY queued_at, run_id;

-- name: find_last_ended_run
-- The last of an adapter's ended runs, by its beginning: a retry ends an old run again and makes it no newer.
-- Trials ask for something other than the adapter's row, so they do not count.
SELECT run_id
  FROM runs
 WHERE adapter_name = :adapter_name
   AND run_key IS NOT NULL
   AND is_trial = 0
   AND state IN ('succeeded', 'rejected', 'failed', 'cancelled')
 ORDER BY started_at DESC, run_id DESC
 LIMIT 1;

-- name: find_last_planned_run
-- The last of the ended runs among those whose wanted key was known: a refused row has no fingerprint.
SELECT run_id
  FROM runs
 WHERE adapter_name = :adapter_name
   AND run_key IS NOT NULL
   AND fingerprint IS NOT NULL
   AND is_trial = 0
   AND state IN ('succeeded', 'rejected', 'failed', 'cancelled')
 ORDER BY started_at DESC, run_id DESC
 LIMIT 1;

-- name: get_sample_counts
-- How many samples a run selected, and how many of them it left out.
SELECT COALESCE(samples_selected, 0) AS selected,
       COALESCE(samples_skipped, 0) AS skipped
  FROM runs
 WHERE run_id = :run_id;

-- name: find_last_run_of_kind
-- The last ended run of a kind, trials too.
SELECT run_id
  FROM runs
 WHERE adapter_name = :adapter_name
   AND run_key IS NOT NULL
   AND run_kind = :run_kind
   AND state IN ('succeeded', 'rejected', 'failed', 'cancelled')
 ORDER BY started_at DESC, run_id DESC
 LIMIT 1;

-- name: find_last_columns
-- What the selections of the last finished run used: a failed one may have failed because of a column.
SELECT run_id, training_columns, eval_columns
  FROM runs
 WHERE adapter_name = :adapter_name
   AND run_key IS NOT NULL
   AND training_columns IS NOT NULL
   AND is_trial = 0
   AND state IN ('succeeded', 'rejected')
 ORDER BY started_at DESC, run_id DESC
 LIMIT 1;

-- name: begin_run
-- A runner begins or resumes the run.
UPDATE runs
   SET attempt_count = attempt_count + 1,
       started_at = COALESCE(started_at, :started_at),
       wait_seconds = COALESCE(wait_seconds, :wait_seconds),
       last_alive_at = :now,
       is_stuck = 0,
       stuck_reason = NULL
 WHERE run_id = :run_id;

-- name: set_run_state
-- The run enters its next state, once.
UPDATE runs
   SET state = :state,
       resume_state = :resume_state,
       state_changed_at = :now,
       last_alive_at = :now,
       next_step = :next_step
 WHERE run_id = :run_id
   AND state = :old_state;

-- name: set_next_step
-- What comes next, while the state stays the same.
UPDATE runs
   SET next_step = :next_step
 WHERE run_id = :run_id;

-- name: set_last_alive
-- The run's runner is alive.
UPDATE runs
   SET last_alive_at = :now
 WHERE run_id = :run_id
   AND finished_at IS NULL;

-- name: set_stuck
-- Whether the run is stuck, why, and what a person can do.
UPDATE runs
   SET is_stuck = :is_stuck,
       stuck_reason = :stuck_reason
 WHERE run_id = :run_id
   AND state IN ('queued', 'preparing', 'answering_before', 'training', 'answering_after', 'deciding',
                 'predicting', 'paused');

-- name: set_run_selection
-- What the training selection gave.
UPDATE runs
   SET manifest_id = :manifest_id,
       fingerprint = :fingerprint,
       training_key = :training_key,
       samples_selected = :samples_selected,
       samples_skipped = :samples_skipped,
       samples_held_out = :samples_held_out,
       samples_validated = :samples_validated,
       samples_used = :samples_used
 WHERE run_id = :run_id;

-- name: set_run_prompts
-- What the evaluation selection gave.
UPDATE runs
   SET prompts_selected = :prompts_selected,
       eval_fingerprint = :eval_fingerprint,
       evaluation_key = :evaluation_key
 WHERE run_id = :run_id;

-- name: set_run_steps_total
-- How many steps the training has.
UPDATE runs
   SET steps_total = :steps_total
 WHERE run_id = :run_id;

-- name: set_run_progress
-- How far the training has progressed.
UPDATE runs
   SET steps_done = :steps_done,
       tokens_processed = :tokens_processed
 WHERE run_id = :run_id;

-- name: set_run_version
-- The version that the run trained or evaluates.
UPDATE runs
   SET version_number = :version_number,
       cost_usd = :cost_usd
 WHERE run_id = :run_id;

-- name: end_run
-- The run has ended: carried out, answered without a run of its own (a request), or unreadable. No row matched: it has
-- ended already, a runner took the request up, or its state is no longer :old_state.
UPDATE runs
   SET state = :state,
       run_kind = CASE WHEN :is_request = 1 THEN NULL ELSE run_kind END,
       version_number = CASE WHEN :is_request = 1 THEN :version_number ELSE version_number END,
       trigger_reason = COALESCE(:trigger_reason, trigger_reason),
       finished_at = :now,
       run_seconds = :run_seconds,
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
 WHERE run_id = :run_id
   AND CASE WHEN run_key IS NULL THEN 1 ELSE 0 END = :is_request
   AND state = COALESCE(:old_state, state)
   AND state NOT IN ('succeeded', 'rejected', 'failed', 'cancelled');

-- name: reopen_run
-- An ended run returns to answering, because a person asked to repeat what failed.
UPDATE runs
   SET state = :state,
       desired_state = 'running',
       finished_at = NULL,
       state_changed_at = :now,
       next_step = :next_step,
       error_code = NULL,
       error_message = NULL,
       is_retryable = NULL
 WHERE run_id = :run_id;

-- name: get_desired_state
-- The desired state of the run.
SELECT desired_state
  FROM runs
 WHERE run_id = :run_id;

-- name: request_cancel
-- Ask for the end of a run; one that has ended stays as it is.
UPDATE runs
   SET desired_state = 'cancelled'
 WHERE run_id = :run_id
   AND state NOT IN ('succeeded', 'rejected', 'failed', 'cancelled');

-- name: get_last_event_number
-- The number of the run's last event, 0 when there is none.
SELECT COALESCE(MAX(event_number), 0) AS last_number
  FROM run_events
 WHERE run_id = :run_id;

-- name: insert_event
-- What happened, in words.
INSERT INTO run_events (run_id, event_number, logged_at, event, message)
VALUES (:run_id, :event_number, :now, :event, :message);

-- name: list_events
-- What happened in a run, in order.
SELECT event_number, logged_at, event, message
  FROM run_events
 WHERE run_id = :run_id
 ORDER BY event_number;

-- name: get_last_call_number
-- The number of the run's last outside call, 0 when there is none.
SELECT COALESCE(MAX(call_number), 0) AS last_number
  FROM backend_calls
 WHERE run_id = :run_id;

-- name: insert_call
-- The intent, committed before anything is sent.
INSERT INTO backend_calls (run_id, call_number, state, call_kind, request, intended_at)
VALUES (:run_id, :call_number, 'intended', :call_kind, :request, :now);

-- name: settle_call
-- How the call ended.
UPDATE backend_calls
   SET state = :state,
       external_id = :external_id,
       outcome = :outcome,
       settled_at = :now
 WHERE run_id = :run_id
   AND call_number = :call_number;

-- name: list_calls
-- The outside calls of a run, in order.
SELECT call_number, state, call_kind, request, external_id
  FROM backend_calls
 WHERE run_id = :run_id
 ORDER BY call_number;
