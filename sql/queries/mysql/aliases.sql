-- The requests that the command line makes for a person.

-- name: insert_alias_request
-- Ask for an alias to be moved.
INSERT INTO alias_changes (adapter_name, alias, version_number, reason, requested_by)
VALUES (:adapter_name, :alias, :version_number, :reason, COALESCE(CURRENT_USER(), :os_user));
