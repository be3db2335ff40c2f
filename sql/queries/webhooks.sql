-- Calls of the webhook: what happened and has not been announced, and the calls themselves.

-- name: get_webhook
-- Since when an address is called.
SELECT begun_at
  FROM webhooks
 WHERE webhook_key = :webhook_key;

-- name: find_ended_runs_to_announce
-- Runs that failed, or that are no trial and were rejected, and have no call yet.
SELECT r.adapter_name,
       r.state AS event,
       r.run_id AS event_number,
       r.run_id,
       COALESCE(CASE WHEN r.state = 'rejected' THEN d.reason ELSE r.error_message END, r.state) AS message,
       r.finished_at AS happened_at
  FROM runs r
  LEFT JOIN gate_decisions d ON d.run_id = r.run_id
  LEFT JOIN webhook_calls c ON c.adapter_name = r.adapter_name AND c.event = r.state AND c.event_number = r.run_id
 WHERE r.finished_at >= :since
   AND (r.state = 'failed' OR (r.state = 'rejected' AND r.is_trial = 0))
   AND c.event_number IS NULL
 ORDER BY r.finished_at, r.run_id
 LIMIT :page_size;

-- name: find_stuck_runs_to_announce
-- Runs that make no progress and have no call yet.
SELECT r.adapter_name,
       'stuck' AS event,
       r.run_id AS event_number,
       r.run_id,
       COALESCE(r.stuck_reason, 'stuck') AS message,
       NULL AS happened_at
  FROM runs r
  LEFT JOIN webhook_calls c ON c.adapter_name = r.adapter_name AND c.event = 'stuck' AND c.event_number = r.run_id
 WHERE r.finished_at IS NULL
   AND r.is_stuck = 1
   AND c.event_number IS NULL
 ORDER BY r.run_id
 LIMIT :page_size;

-- name: find_moves_to_announce
-- Moves of the alias live that have no call yet.
SELECT m.adapter_name,
       m.move_number,
       m.old_version,
       m.new_version,
       m.run_id,
       m.reason,
       m.moved_by,
       m.changed_at
  FROM alias_history m
  LEFT JOIN webhook_calls c
    ON c.adapter_name = m.adapter_name AND c.event IN ('promoted', 'rolled_back') AND c.event_number = m.move_number
 WHERE m.alias = 'live'
   AND m.changed_at >= :since
   AND c.event_number IS NULL
 ORDER BY m.changed_at, m.adapter_name, m.move_number
 LIMIT :page_size;

-- name: fetch_due_calls
-- Calls of what happened since then that wait for an attempt, the oldest first.
SELECT adapter_name,
       event,
       event_number,
       run_id,
       message,
       happened_at,
       attempt_count
  FROM webhook_calls
 WHERE state = 'waiting'
   AND next_attempt_at <= :now
   AND happened_at >= :since
 ORDER BY happened_at, adapter_name, event_number
 LIMIT :page_size;

-- name: claim_webhook_call
-- Count an attempt. No row matched: another runner was first.
UPDATE webhook_calls
   SET attempt_count = :attempt_count + 1,
       next_attempt_at = :retry_at
 WHERE adapter_name = :adapter_name
   AND event = :event
   AND event_number = :event_number
   AND state = 'waiting'
   AND attempt_count = :attempt_count;

-- name: settle_webhook_call
-- Record how an attempt ended, unless another one was begun.
UPDATE webhook_calls
   SET state = :state,
       outcome = :outcome,
       settled_at = :settled_at
 WHERE adapter_name = :adapter_name
   AND event = :event
   AND event_number = :event_number
   AND state = 'waiting'
   AND attempt_count = :attempt_count;
