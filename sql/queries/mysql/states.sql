-- Statements about leases. They alone use the database's own clock, so that the clocks of machines need not agree.

-- name: claim_adapter
-- Lease the adapter to one runner. One row matched and COMMIT returned: the lease is ours. No row: another runner was first.
-- A lease that nobody released is that of a runner that died: it is counted, before the owner changes. One that ends later
-- than twice its length from now was written by a wrong clock.
UPDATE adapter_states
   SET crash_count = CASE WHEN lease_owner IS NULL THEN crash_count ELSE crash_count + 1 END,
       lease_owner = :owner,
       attempt = :attempt + 1,
       lease_until_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + :lease_ms,
       lease_expires_at = UTC_TIMESTAMP(6) + INTERVAL :lease_ms * 1000 MICROSECOND,
       claimed_at = :now,
       heartbeat_at = :now
 WHERE adapter_name = :adapter_name
   AND attempt = :attempt
   AND (lease_owner IS NULL
        OR COALESCE(lease_until_ms, 0) < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
        OR lease_until_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + 2 * :lease_ms);

-- name: renew_lease
-- Prolong the lease of a live runner. No row matched: another runner has it now.
UPDATE adapter_states
   SET lease_until_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + :lease_ms,
       lease_expires_at = UTC_TIMESTAMP(6) + INTERVAL :lease_ms * 1000 MICROSECOND,
       heartbeat_at = :now
 WHERE adapter_name = :adapter_name
   AND lease_owner = :owner
   AND attempt = :attempt;

-- name: list_leases
-- Every leased adapter; is_expired is 1 if the lease was not renewed in time, or ends too late to be a lease.
SELECT adapter_name, lease_owner, claimed_at, heartbeat_at, lease_expires_at, run_id, crash_count,
       CASE WHEN COALESCE(lease_until_ms, 0) < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) THEN 1
            WHEN lease_until_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + 2 * :lease_ms THEN 1
            ELSE 0 END AS is_expired
  FROM adapter_states
 WHERE lease_owner IS NOT NULL
 ORDER BY adapter_name;
