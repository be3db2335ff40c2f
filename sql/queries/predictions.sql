-- What live versions answered to the rows of a prediction_query.

-- name: fetch_predictions
-- What is known of some rows, without their answers. A value after IN is a list: ('17', '18').
SELECT row_key, content_hash, version_number, run_id, attempt_count, error_code
  FROM predictions
 WHERE adapter_name = :adapter_name
   AND row_key IN :row_keys;

-- name: delete_predictions
-- Make room for new answers to some rows, in the transaction that stores them.
DELETE FROM predictions
 WHERE adapter_name = :adapter_name
   AND row_key IN :row_keys;

-- name: insert_prediction
-- The answer to a row, or the error in its place.
INSERT INTO predictions (adapter_name, row_key, content_hash, version_number, run_id, answer, finish_reason,
                         prompt_tokens, output_tokens, latency_ms, answered_at, attempt_count, error_code, error_message)
VALUES (:adapter_name, :row_key, :content_hash, :version_number, :run_id, :answer, :finish_reason,
        :prompt_tokens, :output_tokens, :latency_ms, :answered_at, :attempt_count, :error_code, :error_message);

-- name: count_predictions
-- How many rows a run answered, and how many of them are errors.
SELECT COUNT(*) AS settled_count,
       COUNT(error_code) AS error_count
  FROM predictions
 WHERE adapter_name = :adapter_name
   AND run_id = :run_id;

-- name: count_stored_predictions
-- How many rows of an adapter have a prediction, an error included.
SELECT COUNT(*) AS stored_count
  FROM predictions
 WHERE adapter_name = :adapter_name;

-- name: set_rows_to_predict
-- How many rows a run asks.
UPDATE runs
   SET prompts_selected = :asked_count
 WHERE run_id = :run_id;
