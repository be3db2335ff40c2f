-- Version and clock of the server.

-- name: get_server_version
-- The version, as the server reports it.
SELECT VERSION() AS version;

-- name: get_default_time
-- The time that the INSERT of a person would get now.
SELECT UTC_TIMESTAMP(6) AS default_time;

-- name: get_utc_time
-- The clock of the server: the runner takes all its times from it.
SELECT UTC_TIMESTAMP(6) AS server_time;
