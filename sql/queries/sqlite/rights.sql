-- What the user of the connection may do: SQLite has no users.

-- name: show_grants
-- No row.
SELECT NULL AS statement_text
 WHERE 1 = 0;

-- name: get_current_user
-- Nobody.
SELECT NULL AS user_name;
