-- Statements about an adapter's lease and its last decision.

-- name: add_adapter_state
-- The first row of an adapter. Another runner may have inserted it at the same moment; that is fine.
INSERT INTO adapter_states (adapter_name, attempt)
VALUES (:adapter_name, 0);

-- name: get_adapter_state
-- The adapter's lease and what the last sync decided.
SELECT adapter_name, attempt, lease_owner, lease_until_ms, crash_count, claimed_at, heartbeat_at, run_id,
       decision, decision_reason, decided_at
  FROM adapter_states
 WHERE adapter_name = :adapter_name;

-- name: release_adapter
-- Release the lease. No row matched: it was lost before.
UPDATE adapter_states
   SET lease_owner = NULL,
       lease_until_ms = NULL,
       lease_expires_at = NULL,
       crash_count = 0,
       comes_last = :comes_last
 WHERE adapter_name = :adapter_name
   AND lease_owner = :owner
   AND attempt = :attempt;

-- name: forgive_crash
-- The runner that was counted as dead is alive: it had only lost its lease.
UPDATE adapter_states
   SET crash_count = crash_count - 1
 WHERE adapter_name = :adapter_name
   AND attempt > :attempt
   AND crash_count > 0;

-- name: list_order
-- What decides which adapter a sync takes first: those that went well, and of these the one that waits longest.
SELECT adapter_name, claimed_at,
       CASE WHEN comes_last = 1 OR crash_count > 0 OR lease_owner IS NOT NULL THEN 1 ELSE 0 END AS comes_last
  FROM adapter_states;

-- name: record_sync_decision
-- What this sync decided for the adapter, why, and when a worker tries again.
UPDATE adapter_states
   SET decision = :decision,
       decision_reason = :decision_reason,
       decided_at = :now,
       retry_at = CASE WHEN :keeps_retry = 1 THEN retry_at ELSE :retry_at END
 WHERE adapter_name = :adapter_name;

-- name: set_retry_at
-- When a worker tries again.
UPDATE adapter_states
   SET retry_at = :retry_at
 WHERE adapter_name = :adapter_name;

-- name: get_live_times
-- Since when a version is live, and when one was last evaluated by reevaluate_every, or answered the prediction_query. No row:
-- nothing is live.
SELECT l.changed_at AS live_since,
       s.reevaluated_at,
       s.predicted_at
  FROM aliases l
  LEFT JOIN adapter_states s ON s.adapter_name = l.adapter_name
 WHERE l.adapter_name = :adapter_name
   AND l.alias = 'live';

-- name: set_reevaluated_at
-- An evaluation by reevaluate_every begins.
UPDATE adapter_states
   SET reevaluated_at = :now
 WHERE adapter_name = :adapter_name;

-- name: set_predicted_at
-- The prediction_query is read.
UPDATE adapter_states
   SET predicted_at = :now
 WHERE adapter_name = :adapter_name;

-- name: get_predicted_key
-- The rows of which none was to be asked.
SELECT predicted_key
  FROM adapter_states
 WHERE adapter_name = :adapter_name;

-- name: set_predicted_key
-- None of these rows is to be asked; NULL: not known.
UPDATE adapter_states
   SET predicted_key = :predicted_key
 WHERE adapter_name = :adapter_name;

-- name: set_current_run
-- The adapter's current run.
UPDATE adapter_states
   SET run_id = :run_id
 WHERE adapter_name = :adapter_name;

-- name: clear_current_run
-- The adapter's run has ended; when a worker tries again.
UPDATE adapter_states
   SET run_id = NULL,
       retry_at = CASE WHEN :keeps_retry = 1 THEN retry_at ELSE :retry_at END
 WHERE adapter_name = :adapter_name;

-- name: fence_lease
-- The first statement of a fenced transaction: it locks the lease row, and matches nothing if the lease was lost.
-- It must change the row, if only by a millisecond: between the nodes of a Galera cluster only changes conflict, so a
-- claim on another node that has not reached this one yet would go unnoticed.
UPDATE adapter_states
   SET lease_until_ms = lease_until_ms + 1
 WHERE adapter_name = :adapter_name
   AND lease_owner = :owner
   AND attempt = :attempt;
