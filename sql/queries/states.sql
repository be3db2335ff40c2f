-- Statements about who works on an adapter.

-- name: add_adapter_state
-- A first row for an adapter that never had one; another runner may have been faster, which is no harm.
INSERT INTO adapter_states (adapter_name, attempt)
VALUES (:adapter_name, 0);

-- name: get_adapter_state
-- Who works on the adapter and what the last sync decided.
SELECT adapter_name, attempt, lease_owner, lease_until_ms, claimed_at, heartbeat_at, run_id,
       decision, decision_reason, decided_at
  FROM adapter_states
 WHERE adapter_name = :adapter_name;

-- name: release_adapter
-- Give the lease back. No row matched: it was lost before.
UPDATE adapter_states
   SET lease_owner = NULL,
       lease_until_ms = NULL,
       lease_expires_at = NULL
 WHERE adapter_name = :adapter_name
   AND lease_owner = :owner
   AND attempt = :attempt;

-- name: record_decision_of_sync
-- What this sync decided for the adapter, and why.
UPDATE adapter_states
   SET decision = :decision,
       decision_reason = :decision_reason,
       decided_at = :now
 WHERE adapter_name = :adapter_name;

-- name: set_retry_at
-- When a worker tries again.
UPDATE adapter_states
   SET retry_at = :retry_at
 WHERE adapter_name = :adapter_name;

-- name: set_current_run
-- The run that works on the adapter; NULL when it has ended.
UPDATE adapter_states
   SET run_id = :run_id
 WHERE adapter_name = :adapter_name;

-- name: hold_lease
-- The first statement of a fenced transaction: it locks the lease row, and matches nothing when the lease was lost.
-- It has to change the row, be it by a millisecond: between the nodes of a Galera cluster only a change is a conflict,
-- and a claim on another node, of which this one has not heard, would go unnoticed.
UPDATE adapter_states
   SET lease_until_ms = lease_until_ms + 1
 WHERE adapter_name = :adapter_name
   AND lease_owner = :owner
   AND attempt = :attempt;
