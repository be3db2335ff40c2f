-- Version and clock of the server.

-- name: get_server_version
-- The version, as the server reports it.
SELECT sqlite_version() AS version;

-- name: get_default_time
-- The time that the INSERT of a person would get now.
SELECT strftime('%Y-%m-%d %H:%M:%f000', 'now') AS default_time;

-- name: get_utc_time
-- The clock of the server: the runner takes all its times from it.
SELECT strftime('%Y-%m-%d %H:%M:%f000', 'now') AS server_time;
