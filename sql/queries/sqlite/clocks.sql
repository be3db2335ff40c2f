-- What the server says of itself.

-- name: get_server_version
-- The version, in the server's own words.
SELECT sqlite_version() AS version;

-- name: get_default_time
-- The time that a person's INSERT would get now.
SELECT strftime('%Y-%m-%d %H:%M:%f000', 'now') AS default_time;

-- name: get_utc_time
-- The server's own clock: what the runner writes as the time.
SELECT strftime('%Y-%m-%d %H:%M:%f000', 'now') AS server_time;
