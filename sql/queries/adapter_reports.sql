-- Statements of `sqltune report`: one adapter, read for one page. Each is bounded by rows, and long texts by characters.
-- Short texts are not cut: SQLite's SUBSTR and LENGTH end at a zero byte, after which the rest would be missing.

-- name: list_reported_versions
-- The last versions of an adapter: what they were trained on and how, and the verdict of their last evaluation.
SELECT v.version_number, v.state, v.is_latest, v.run_id, v.evaluation_run_id,
       CASE WHEN a.version_number IS NULL THEN 0 ELSE 1 END AS is_live,
       COALESCE(r.is_trial, 0) AS is_trial, COALESCE(r.is_simulated, 0) AS is_simulated,
       v.backend, v.base_model, v.base_model_revision, v.epochs, v.learning_rate, v.lora_rank, v.lora_alpha, v.batch_size,
       v.warmup_share, v.rehearsal, v.seed, v.prompt_format, v.quantization,
       m.dataset_number, v.sample_count, v.validation_count, m.samples_added, m.samples_edited, m.samples_removed,
       COALESCE(m.forgotten_count, 0) AS forgotten_count, v.best_epoch, v.created_at, v.retired_at,
       g.decision, g.reason, g.compared_phase, g.prompts_compared, g.error_count, g.leaked_count, g.wins, g.losses, g.ties,
       g.mean_before, g.mean_after, g.mean_change, g.interval_low, g.interval_high, g.interval_level, g.decided_at
  FROM adapter_versions v
  LEFT JOIN runs r ON r.run_id = v.run_id
  LEFT JOIN manifests m ON m.manifest_id = v.manifest_id
  LEFT JOIN aliases a ON a.adapter_name = v.adapter_name AND a.alias = 'live' AND a.version_number = v.version_number
  LEFT JOIN gate_decisions g ON g.run_id = v.evaluation_run_id
 WHERE v.adapter_name = :adapter_name
 ORDER BY v.version_number DESC
 LIMIT :row_limit;

-- name: list_reported_evaluations
-- The last evaluations of an adapter, with the score of the version alone.
SELECT evaluation_number, run_id, version_number, compared_version, clean_count, clean_score, interval_low, interval_high,
       comparison_key, evaluated_at
  FROM evaluations
 WHERE adapter_name = :adapter_name
 ORDER BY evaluation_number DESC
 LIMIT :row_limit;

-- name: count_reported_samples
-- How many samples differ between two versions, and how.
SELECT sample_change, COUNT(*) AS sample_count
  FROM report_sample_changes
 WHERE adapter_name = :adapter_name
   AND old_version = :old_version
   AND version_number = :version_number
 GROUP BY sample_change
 ORDER BY sample_change;

-- name: list_reported_samples
-- Samples that differ between two versions, the beginnings of their texts alone.
SELECT sample_key, sample_change,
       CASE WHEN LENGTH(old_prompt) > :text_limit THEN SUBSTR(old_prompt, 1, :text_limit) ELSE old_prompt END AS old_prompt,
       CASE WHEN LENGTH(prompt) > :text_limit THEN SUBSTR(prompt, 1, :text_limit) ELSE prompt END AS prompt,
       CASE WHEN LENGTH(old_response) > :text_limit THEN SUBSTR(old_response, 1, :text_limit) ELSE old_response END AS old_response,
       CASE WHEN LENGTH(response) > :text_limit THEN SUBSTR(response, 1, :text_limit) ELSE response END AS response
  FROM report_sample_changes
 WHERE adapter_name = :adapter_name
   AND old_version = :old_version
   AND version_number = :version_number
 ORDER BY sample_change, sample_key
 LIMIT :row_limit;

-- name: list_reported_prompts
-- The answers before and after of one version: regressions first, then by the size of the change.
SELECT b.prompt_key, b.category, b.scorer, b.is_leaked, b.before_is_base, b.outcome, b.not_compared_reason,
       CASE WHEN LENGTH(b.prompt) > :text_limit THEN SUBSTR(b.prompt, 1, :text_limit) ELSE b.prompt END AS prompt,
       CASE WHEN LENGTH(b.expected) > :text_limit THEN SUBSTR(b.expected, 1, :text_limit) ELSE b.expected END AS expected,
       CASE WHEN LENGTH(b.response_before) > :text_limit THEN SUBSTR(b.response_before, 1, :text_limit) ELSE b.response_before END AS response_before,
       CASE WHEN LENGTH(b.response_after) > :text_limit THEN SUBSTR(b.response_after, 1, :text_limit) ELSE b.response_after END AS response_after,
       CASE WHEN LENGTH(rb.error_message) > :text_limit THEN SUBSTR(rb.error_message, 1, :text_limit) ELSE rb.error_message END AS error_before,
       CASE WHEN LENGTH(ra.error_message) > :text_limit THEN SUBSTR(ra.error_message, 1, :text_limit) ELSE ra.error_message END AS error_after,
       b.score_before, b.score_after, b.score_change
  FROM report_before_after b
  LEFT JOIN responses rb ON rb.run_id = b.run_id AND rb.prompt_key = b.prompt_key
                        AND rb.phase = CASE b.before_is_base WHEN 1 THEN 'base' ELSE 'before' END
  LEFT JOIN responses ra ON ra.run_id = b.run_id AND ra.prompt_key = b.prompt_key AND ra.phase = 'after'
 WHERE b.adapter_name = :adapter_name
   AND b.version_number = :version_number
 ORDER BY CASE b.outcome WHEN 'regressed' THEN 0 WHEN 'improved' THEN 1 WHEN 'not_compared' THEN 2 ELSE 3 END,
          ABS(b.score_change) DESC,
          b.prompt_key
 LIMIT :row_limit;

-- name: count_reported_prompts
-- How many prompts of a version's evaluation got better and worse, those that are trained on apart, with sums for their means.
SELECT is_leaked, outcome, COUNT(*) AS prompt_count,
       SUM(CASE WHEN score_change IS NULL THEN NULL ELSE score_before END) AS sum_before,
       SUM(CASE WHEN score_change IS NULL THEN NULL ELSE score_after END) AS sum_after
  FROM report_before_after
 WHERE adapter_name = :adapter_name
   AND version_number = :version_number
 GROUP BY is_leaked, outcome
 ORDER BY is_leaked, outcome;

-- name: list_reported_steps
-- The loss curve of a run: the first and the last step, every so many steps one, and each with the loss of the validation samples.
SELECT step, epoch, COALESCE(smoothed_loss, train_loss) AS train_loss, eval_loss
  FROM training_metrics
 WHERE run_id = :run_id
   AND (step IN (1, :last_step) OR step % :stride = 0 OR eval_loss IS NOT NULL)
 ORDER BY step
 LIMIT :row_limit;

-- name: list_reported_runs
-- The last runs of an adapter.
SELECT run_id, run_kind, version_number, state, trigger_reason, is_trial, is_simulated, samples_used, samples_skipped,
       prompts_selected, tokens_processed, cost_usd, run_seconds, queued_at, finished_at, next_step, stuck_reason,
       error_code, error_message
  FROM runs
 WHERE adapter_name = :adapter_name
 ORDER BY queued_at DESC, run_id DESC
 LIMIT :row_limit;

-- name: sum_reported_runs
-- What all runs of an adapter took.
SELECT COUNT(*) AS run_count,
       COUNT(CASE WHEN state = 'failed' THEN 1 END) AS failed_count,
       SUM(tokens_processed) AS tokens_processed,
       SUM(run_seconds) AS run_seconds,
       SUM(cost_usd) AS cost_usd
  FROM runs
 WHERE adapter_name = :adapter_name;

-- name: list_reported_moves
-- What was live last, from when until when, why, and who moved it.
SELECT version_number, old_version, began_at, ended_at, moved_by, reason
  FROM report_live_history
 WHERE adapter_name = :adapter_name
   AND alias = 'live'
 ORDER BY move_number DESC
 LIMIT :row_limit;

-- name: list_reported_use
-- How often each version was asked through OpenAI's API, the last version first.
SELECT version_number,
       SUM(request_count) AS request_count,
       SUM(error_count) AS error_count,
       SUM(request_count - error_count - cancelled_count) AS answered_count,
       SUM(prompt_tokens) AS prompt_tokens,
       SUM(output_tokens) AS output_tokens,
       SUM(latency_ms_sum) AS latency_ms_sum,
       MAX(hour_at) AS last_hour_at
  FROM served_use
 WHERE model_name = :adapter_name
   AND version_number > 0
 GROUP BY version_number
 ORDER BY version_number DESC
 LIMIT :row_limit;

-- name: count_reported_questions
-- How many rows of questions an adapter has in each state.
SELECT state, COUNT(*) AS question_count
  FROM questions
 WHERE state IN ('waiting', 'answering', 'answered', 'failed')
   AND adapter_name = :adapter_name
 GROUP BY state
 ORDER BY state;

-- name: count_reported_predictions
-- How many rows of the prediction_query have an answer, and how many an error.
SELECT COUNT(answer) AS answered_count, COUNT(error_code) AS error_count, MAX(answered_at) AS answered_at
  FROM predictions
 WHERE adapter_name = :adapter_name;
