-- Names that point to one version, their history, and the requests of people to move them.

-- name: fetch_alias
-- The version that an alias points to.
SELECT version_number
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

-- name: get_last_move_number
-- The number of the last move of an alias, 0 when it never moved.
SELECT COALESCE(MAX(move_number), 0) AS last_number
  FROM alias_history
 WHERE adapter_name = :adapter_name
   AND alias = :alias;

-- name: insert_alias_move
-- One move of an alias.
INSERT INTO alias_history (adapter_name, alias, move_number, old_version, new_version, run_id, reason, moved_by, changed_at)
VALUES (:adapter_name, :alias, :move_number, :old_version, :new_version, :run_id, :reason, :moved_by, :changed_at);

-- name: get_last_move
-- The last move of an alias.
SELECT old_version,
       new_version,
       moved_by
  FROM alias_history
 WHERE adapter_name = :adapter_name
   AND alias = :alias
 ORDER BY move_number DESC
 LIMIT 1;

-- name: fetch_alias_requests
-- The requests of people for one adapter that are not answered yet, the oldest first.
SELECT change_id,
       alias,
       version_number,
       reason,
       requested_by
  FROM alias_changes
 WHERE adapter_name = :adapter_name
   AND state = 'requested'
 ORDER BY requested_at, change_id;

-- name: settle_alias_request
-- Answer the request of a person.
UPDATE alias_changes
   SET state = :state,
       reason = :reason,
       settled_at = :settled_at
 WHERE change_id = :change_id
   AND state = 'requested';

-- name: get_alias_request
-- How a request of a person was answered.
SELECT state,
       reason
  FROM alias_changes
 WHERE change_id = :change_id;

-- name: list_aliases_of
-- The aliases that point to one version.
SELECT alias
  FROM aliases
 WHERE adapter_name = :adapter_name
   AND version_number = :version_number
 ORDER BY alias;

-- name: list_alias_versions
-- Every alias with the version that it points to.
SELECT a.adapter_name, a.alias, a.version_number, a.changed_at, v.backend, v.base_model, v.base_model_revision,
       v.quantization, v.retired_at
  FROM aliases a
  JOIN adapter_versions v
    ON v.adapter_name = a.adapter_name
   AND v.version_number = a.version_number
 ORDER BY a.adapter_name, a.alias;
