-- Statements about the ledger of migrations and views.

-- name: list_migrations
-- The rows of the ledger; row 0 is the lease.
SELECT number, name, state, sha256, applied_at, applied_by, host
  FROM schema_migrations
 ORDER BY number;

-- name: insert_migration
-- A migration begins.
INSERT INTO schema_migrations (number, name, state, sha256, applied_at, applied_by, host)
VALUES (:number, :name, :state, :sha256, :now, :applied_by, :host);

-- name: set_migration_state
-- A migration has ended, or begins again.
UPDATE schema_migrations
   SET state = :state,
       sha256 = :sha256,
       applied_at = :now,
       applied_by = :applied_by,
       host = :host
 WHERE number = :number;

-- name: take_init_lease
-- One `sqltune init` at a time; a lease that is too old belongs to a process that died.
UPDATE schema_migrations
   SET state = 'leased',
       sha256 = :owner,
       applied_at = :now
 WHERE number = 0
   AND (state = 'free' OR applied_at < :stale);

-- name: free_init_lease
-- Free the lease for the next init.
UPDATE schema_migrations
   SET state = 'free'
 WHERE number = 0
   AND sha256 = :owner;

-- name: list_views
-- The hashes of the views as they were last made.
SELECT view_name, sha256
  FROM schema_views
 ORDER BY view_name;

-- name: delete_view_record
-- Delete the hash of a view before its new one is stored.
DELETE FROM schema_views
 WHERE view_name = :view_name;

-- name: insert_view_record
-- The view was made from this text.
INSERT INTO schema_views (view_name, sha256, applied_at)
VALUES (:view_name, :sha256, :now);
