-- On SingleStore alone: `SELECT complete('support-bot@live', question) FROM tickets` asks `sqltune serve`. Run by hand, with
-- the server's address and its SQLTUNE_SERVE_TOKEN in place of those here; the server must be reachable from every node.

CREATE LINK sqltune_serve AS HTTP
CREDENTIALS '{"headers": {"Authorization": "Bearer choose-a-token"}}';

CREATE EXTERNAL FUNCTION complete(model TEXT NULL, prompt TEXT NULL) RETURNS TEXT NULL
AS REMOTE SERVICE "http://sqltune.example:8400/singlestore/complete" FORMAT ROWDAT_1 LINK sqltune_serve;
