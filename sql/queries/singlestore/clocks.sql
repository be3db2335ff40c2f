-- What the server says of itself.

-- name: get_server_version
-- The version, in the server's own words.
SELECT @@memsql_version AS version;

-- name: get_default_time
-- The time that a person's INSERT would get now.
SELECT CURRENT_TIMESTAMP(6) AS default_time;

-- name: get_utc_time
-- The server's own clock: what the runner writes as the time.
SELECT UTC_TIMESTAMP(6) AS server_time;
