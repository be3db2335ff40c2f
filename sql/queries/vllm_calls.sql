-- Calls of a running vLLM: what is live, what was, and the calls themselves.

-- name: list_live_weights
-- The live versions whose weights are in a folder.
SELECT a.adapter_name,
       a.version_number,
       v.base_model,
       v.artifact_uri
  FROM aliases a
  JOIN adapter_versions v
    ON v.adapter_name = a.adapter_name
   AND v.version_number = a.version_number
 WHERE a.alias = 'live'
   AND v.backend = 'local'
   AND v.artifact_uri IS NOT NULL
   AND v.retired_at IS NULL
 ORDER BY a.adapter_name;

-- name: list_weights_once_live
-- The weights of these versions of these adapters that are or were live.
SELECT v.adapter_name,
       v.version_number,
       v.base_model,
       v.artifact_uri
  FROM adapter_versions v
 WHERE v.adapter_name IN :adapter_names
   AND v.version_number IN :version_numbers
   AND v.backend = 'local'
   AND v.artifact_uri IS NOT NULL
   AND EXISTS (SELECT 1
                 FROM alias_history m
                WHERE m.adapter_name = v.adapter_name
                  AND m.alias = 'live'
                  AND m.new_version = v.version_number)
 ORDER BY v.adapter_name, v.version_number;

-- name: list_waiting_vllm_calls
-- Calls of one server that are not made yet, the oldest first; is_due 0: the pause of one is not over.
SELECT lora_name,
       call_number,
       call_kind,
       adapter_name,
       version_number,
       lora_path,
       attempt_count,
       CASE WHEN next_attempt_at <= :now THEN 1 ELSE 0 END AS is_due
  FROM vllm_calls
 WHERE state = 'waiting'
   AND server_address = :server_address
 ORDER BY intended_at, lora_name, call_number;

-- name: list_last_vllm_call_numbers
-- The number of the last call for each name at one server.
SELECT lora_name,
       MAX(call_number) AS last_number
  FROM vllm_calls
 WHERE server_address = :server_address
 GROUP BY lora_name;

-- name: claim_vllm_call
-- Count an attempt. No row matched: another runner was first.
UPDATE vllm_calls
   SET attempt_count = :attempt_count + 1,
       next_attempt_at = :retry_at
 WHERE server_address = :server_address
   AND lora_name = :lora_name
   AND call_number = :call_number
   AND state = 'waiting'
   AND attempt_count = :attempt_count;

-- name: settle_vllm_call
-- Record how a call ended, or when it is tried again, unless another attempt at it was begun.
UPDATE vllm_calls
   SET state = :state,
       outcome = :outcome,
       next_attempt_at = :next_attempt_at,
       settled_at = :settled_at
 WHERE server_address = :server_address
   AND lora_name = :lora_name
   AND call_number = :call_number
   AND state = 'waiting'
   AND attempt_count = :attempt_count;
