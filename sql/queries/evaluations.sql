-- The history of evaluations: one row each, never changed.

-- name: get_last_evaluation_number
-- The number of the adapter's last evaluation, 0 when there is none.
SELECT COALESCE(MAX(evaluation_number), 0) AS last_number
  FROM evaluations
 WHERE adapter_name = :adapter_name;

-- name: insert_evaluation
-- One evaluation of a version, with the verdict that was reached on it.
INSERT INTO evaluations (adapter_name, evaluation_number, run_id, version_number, compared_version, decision, reason, prompt_count,
                         clean_count, leaked_count, error_count, mean_score, clean_score, interval_low, interval_high,
                         interval_level, prompt_set_key, decoding_key, comparison_key, evaluated_at)
VALUES (:adapter_name, :evaluation_number, :run_id, :version_number, :compared_version, :decision, :reason, :prompt_count,
        :clean_count, :leaked_count, :error_count, :mean_score, :clean_score, :interval_low, :interval_high,
        :interval_level, :prompt_set_key, :decoding_key, :comparison_key, :evaluated_at);
