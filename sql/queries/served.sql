-- Statements of the local server about the adapters of its clients.

-- name: insert_served_adapter
-- A new adapter, not trained yet.
INSERT INTO served_adapters (adapter_id, adapter_name, base_slug, base_model, base_model_revision, state, lora_rank,
                             lora_alpha, learning_rate, rehearsal, seed, last_step, created_at, updated_at)
VALUES (:adapter_id, :adapter_name, :base_slug, :base_model, :base_model_revision, 'active', :lora_rank,
        :lora_alpha, :learning_rate, :rehearsal, :seed, 0, :now, :now);

-- name: list_served_adapters
-- The adapters that are not deleted, the oldest first.
SELECT adapter_id, adapter_name, base_slug, base_model, base_model_revision, lora_rank, lora_alpha, learning_rate,
       rehearsal, seed, last_step, created_at, updated_at
  FROM served_adapters
 WHERE state = 'active'
 ORDER BY created_at, adapter_id;

-- name: delete_served_adapter
-- Mark an adapter as deleted; its row stays.
UPDATE served_adapters
   SET state = 'deleted',
       deleted_at = :now
 WHERE adapter_id = :adapter_id;

-- name: set_last_served_step
-- The number of the fine-tune call that begins.
UPDATE served_adapters
   SET last_step = :step_number
 WHERE adapter_id = :adapter_id;

-- name: set_served_adapter_updated
-- New weights were stored.
UPDATE served_adapters
   SET updated_at = :now
 WHERE adapter_id = :adapter_id;

-- name: insert_served_step
-- A fine-tune call that begins.
INSERT INTO served_steps (adapter_id, step_number, state, optimizer_steps_before, sample_count, begun_at)
VALUES (:adapter_id, :step_number, 'training', :optimizer_steps_before, :sample_count, :now);

-- name: settle_served_step
-- How a fine-tune call ended.
UPDATE served_steps
   SET state = :state,
       optimizer_steps = :optimizer_steps,
       trainable_tokens = :trainable_tokens,
       sum_loss = :sum_loss,
       rehearsal_pairs = :rehearsal_pairs,
       train_seconds = :train_seconds,
       ended_at = :now,
       error_code = :error_code,
       error_message = :error_message
 WHERE adapter_id = :adapter_id
   AND step_number = :step_number;

-- name: list_last_served_steps
-- The last fine-tune call of each adapter. A left join, so that no engine begins with the larger table.
SELECT a.adapter_id, s.step_number, s.state, s.optimizer_steps_before
  FROM served_adapters a
  LEFT JOIN served_steps s
    ON s.adapter_id = a.adapter_id
   AND s.step_number = a.last_step
 WHERE a.state = 'active';

-- name: update_served_use
-- What this process has counted so far for one model and hour; it is all there is, so that a repetition changes nothing.
UPDATE served_use
   SET request_count = :request_count,
       error_count = :error_count,
       cancelled_count = :cancelled_count,
       prompt_tokens = :prompt_tokens,
       output_tokens = :output_tokens,
       latency_ms_sum = :latency_ms_sum,
       latency_ms_max = :latency_ms_max,
       within_50_ms = :within_50_ms,
       within_100_ms = :within_100_ms,
       within_250_ms = :within_250_ms,
       within_500_ms = :within_500_ms,
       within_1000_ms = :within_1000_ms,
       within_2500_ms = :within_2500_ms,
       within_5000_ms = :within_5000_ms,
       within_10000_ms = :within_10000_ms,
       within_30000_ms = :within_30000_ms,
       within_60000_ms = :within_60000_ms,
       within_300000_ms = :within_300000_ms,
       updated_at = :updated_at
 WHERE model_name = :model_name
   AND version_number = :version_number
   AND hour_at = :hour_at
   AND server_key = :server_key;

-- name: insert_served_use
-- The first counts of this process for one model and hour.
INSERT INTO served_use (model_name, version_number, hour_at, server_key, request_count, error_count, cancelled_count,
                        prompt_tokens, output_tokens, latency_ms_sum, latency_ms_max, within_50_ms, within_100_ms,
                        within_250_ms, within_500_ms, within_1000_ms, within_2500_ms, within_5000_ms, within_10000_ms,
                        within_30000_ms, within_60000_ms, within_300000_ms, updated_at)
VALUES (:model_name, :version_number, :hour_at, :server_key, :request_count, :error_count, :cancelled_count,
        :prompt_tokens, :output_tokens, :latency_ms_sum, :latency_ms_max, :within_50_ms, :within_100_ms,
        :within_250_ms, :within_500_ms, :within_1000_ms, :within_2500_ms, :within_5000_ms, :within_10000_ms,
        :within_30000_ms, :within_60000_ms, :within_300000_ms, :updated_at);
