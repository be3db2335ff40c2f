-- What the user of the connection may do.

-- name: show_grants
-- The GRANT statements that made the user what it is, one a row.
SHOW GRANTS;

-- name: get_current_user
-- The user as the server knows it, with the hosts that it may come from.
SELECT CURRENT_USER() AS user_name;
