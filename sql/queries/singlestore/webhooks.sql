-- Calls of the webhook.

-- name: insert_webhook_call
-- Store a call that is to be made, unless it is there already.
INSERT IGNORE INTO webhook_calls (adapter_name, event, event_number, run_id, message, happened_at, next_attempt_at)
VALUES (:adapter_name, :event, :event_number, :run_id, :message, :happened_at, :now);

-- name: insert_webhook
-- Record since when an address is called, unless another runner did.
INSERT IGNORE INTO webhooks (webhook_key, begun_at)
VALUES (:webhook_key, :now);
