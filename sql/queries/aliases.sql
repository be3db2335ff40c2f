-- Names that point to one version, their history, and people's requests to move them.

-- name: fetch_alias
-- Which version an alias points to.
SELECT version_number,
       changed_at
  FROM aliases
 WHERE adapter_name = :adapter_name
   AND alias = :alias;

-- name: insert_alias
-- Point a new alias to its first version.
INSERT INTO aliases (adapter_name, alias, version_number, changed_at)
VALUES (:adapter_name, :alias, :version_number, :changed_at);

-- name: update_alias
-- Point an alias to another version.
UPDATE aliases
   SET version_number = :version_number,
       changed_at = :changed_at
 WHERE adapter_name = :adapter_name
   AND alias = :alias;

-- name: fetch_last_move
-- The latest move of an alias.
SELECT move_number,
       old_version,
       new_version,
       run_id,
       changed_at
  FROM alias_history
 WHERE adapter_name = :adapter_name
   AND alias = :alias
 ORDER BY move_number DESC
 LIMIT 1;

-- name: insert_alias_move
-- Keep one move of an alias.
INSERT INTO alias_history (adapter_name, alias, move_number, old_version, new_version, run_id, reason, changed_at)
VALUES (:adapter_name, :alias, :move_number, :old_version, :new_version, :run_id, :reason, :changed_at);

-- name: fetch_alias_requests
-- People's requests for one adapter that nobody answered yet, in the order of their time.
SELECT change_id,
       alias,
       version_number,
       reason
  FROM alias_changes
 WHERE adapter_name = :adapter_name
   AND state = 'requested'
 ORDER BY requested_at, change_id;

-- name: settle_alias_request
-- Answer a person's request.
UPDATE alias_changes
   SET state = :state,
       reason = :reason,
       settled_at = :settled_at
 WHERE change_id = :change_id
   AND state = 'requested';

-- name: count_version
-- 1 if the adapter has this version, else 0.
SELECT COUNT(*) AS version_count
  FROM adapter_versions
 WHERE adapter_name = :adapter_name
   AND version_number = :version_number;
