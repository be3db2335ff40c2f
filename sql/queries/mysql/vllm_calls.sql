-- Calls of a running vLLM.

-- name: insert_vllm_call
-- Store a call that is to be made, unless another runner did.
INSERT IGNORE INTO vllm_calls (server_address, lora_name, call_number, call_kind, adapter_name, version_number, lora_path, intended_at,
                        next_attempt_at)
VALUES (:server_address, :lora_name, :call_number, :call_kind, :adapter_name, :version_number, :lora_path, :now, :now);
