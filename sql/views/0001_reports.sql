-- What people and BI tools read: a public contract. A column that is missing or means something else is a new view.
-- One row is one fact. Names come first, then labels and states, figures, times and errors. `version_number` is the version of
-- the adapter, `run_id` the run that made the row, `manifest_id` the samples that were trained on. Times are UTC and end in _at,
-- dates end in _date, durations in _seconds; flags are 0 or 1; labels are ready for a chart.

-- view: report_before_after
-- One row per adapter version and evaluation prompt, of the last evaluation of the version, scored by the primary scorer of the prompt.
-- Where nothing was live when the run began, the base model's answer is the one before, and before_is_base is 1.
-- A score_change up to 1e-9 counts as unchanged; where the scores are not compared, not_compared_reason is the first reason that applies.
SELECT v.adapter_name AS adapter_name,
       v.version_number AS version_number,
       p.prompt_key AS prompt_key,
       g.run_id AS run_id,
       v.manifest_id AS manifest_id,
       v.adapter_label AS adapter_label,
       v.is_latest AS is_latest,
       v.base_model AS base_model,
       p.category AS category,
       p.scorer AS scorer,
       p.is_leaked AS is_leaked,
       c.prompt AS prompt,
       c.response AS expected,
       r0.response AS response_base,
       rb.response AS response_before,
       ra.response AS response_after,
       CASE WHEN g.compared_phase = 'base' THEN 1 ELSE 0 END AS before_is_base,
       CASE WHEN rb.decoding_key = ra.decoding_key AND sa.score - sb.score > 0.000000001 THEN 'improved'
            WHEN rb.decoding_key = ra.decoding_key AND sb.score - sa.score > 0.000000001 THEN 'regressed'
            WHEN rb.decoding_key = ra.decoding_key AND sa.score IS NOT NULL AND sb.score IS NOT NULL THEN 'unchanged'
            ELSE 'not_compared' END AS outcome,
       CASE WHEN rb.decoding_key = ra.decoding_key AND sa.score IS NOT NULL AND sb.score IS NOT NULL THEN NULL
            WHEN p.is_scored = 0 THEN 'no_expected_text'
            WHEN rb.run_id IS NULL THEN 'no_answer_before'
            WHEN ra.run_id IS NULL THEN 'no_answer_after'
            WHEN rb.error_code IS NOT NULL THEN 'answer_before_is_an_error'
            WHEN ra.error_code IS NOT NULL THEN 'answer_after_is_an_error'
            WHEN rb.decoding_key <> ra.decoding_key THEN 'unequal_decoding_settings'
            WHEN sb.run_id IS NULL THEN 'no_score_before'
            WHEN sa.run_id IS NULL THEN 'no_score_after'
            WHEN sb.score IS NULL THEN 'score_before_is_an_error'
            ELSE 'score_after_is_an_error' END AS not_compared_reason,
       CASE WHEN rb.decoding_key = ra.decoding_key AND sa.score - sb.score > 0.000000001 THEN 1 ELSE 0 END AS is_improved,
       CASE WHEN rb.decoding_key = ra.decoding_key AND sb.score - sa.score > 0.000000001 THEN 1 ELSE 0 END AS is_regressed,
       ROUND(s0.score, 6) AS score_base,
       ROUND(sb.score, 6) AS score_before,
       ROUND(sa.score, 6) AS score_after,
       CASE WHEN rb.decoding_key = ra.decoding_key THEN ROUND(sa.score - sb.score, 6) ELSE NULL END AS score_change,
       CASE WHEN sb.score IS NULL THEN NULL WHEN sb.score >= sb.pass_threshold THEN 1 ELSE 0 END AS passed_before,
       CASE WHEN sa.score IS NULL THEN NULL WHEN sa.score >= sa.pass_threshold THEN 1 ELSE 0 END AS passed_after,
       rb.latency_ms AS latency_ms_before,
       ra.latency_ms AS latency_ms_after,
       g.decided_at AS decided_at,
       DATE(g.decided_at) AS decided_date
  FROM adapter_versions v
  JOIN gate_decisions g ON g.run_id = v.evaluation_run_id
  JOIN run_prompts p ON p.run_id = g.run_id
  JOIN contents c ON c.content_hash = p.content_hash
  LEFT JOIN responses r0 ON r0.run_id = p.run_id AND r0.prompt_key = p.prompt_key AND r0.phase = 'base'
  LEFT JOIN responses rb ON rb.run_id = p.run_id AND rb.prompt_key = p.prompt_key AND rb.phase = g.compared_phase
  LEFT JOIN responses ra ON ra.run_id = p.run_id AND ra.prompt_key = p.prompt_key AND ra.phase = 'after'
  LEFT JOIN scores s0 ON s0.run_id = p.run_id AND s0.prompt_key = p.prompt_key AND s0.phase = 'base'
                     AND s0.scorer = p.scorer
  LEFT JOIN scores sb ON sb.run_id = p.run_id AND sb.prompt_key = p.prompt_key AND sb.phase = g.compared_phase
                     AND sb.scorer = p.scorer
  LEFT JOIN scores sa ON sa.run_id = p.run_id AND sa.prompt_key = p.prompt_key AND sa.phase = 'after'
                     AND sa.scorer = p.scorer;

-- view: report_scores
-- One row per answer and scorer, of the last evaluation of each version. For averages, take is_primary_scorer = 1 and one phase at a time.
SELECT v.adapter_name AS adapter_name,
       v.version_number AS version_number,
       s.prompt_key AS prompt_key,
       s.phase AS phase,
       s.scorer AS scorer,
       s.run_id AS run_id,
       v.manifest_id AS manifest_id,
       v.adapter_label AS adapter_label,
       v.is_latest AS is_latest,
       v.base_model AS base_model,
       p.category AS category,
       p.is_leaked AS is_leaked,
       c.prompt AS prompt,
       CASE s.phase WHEN 'base' THEN 0 WHEN 'before' THEN 1 ELSE 2 END AS phase_order,
       s.is_primary_scorer AS is_primary_scorer,
       ROUND(s.score, 6) AS score,
       s.pass_threshold AS pass_threshold,
       CASE WHEN s.score IS NULL THEN NULL WHEN s.score >= s.pass_threshold THEN 1 ELSE 0 END AS passed,
       r.output_tokens AS output_tokens,
       r.latency_ms AS latency_ms,
       s.scored_at AS scored_at,
       DATE(s.scored_at) AS scored_date,
       s.error_message AS error_message,
       s.reason AS reason
  FROM adapter_versions v
  JOIN scores s ON s.run_id = v.evaluation_run_id
  JOIN run_prompts p ON p.run_id = s.run_id AND p.prompt_key = s.prompt_key
  JOIN contents c ON c.content_hash = p.content_hash
  JOIN responses r ON r.run_id = s.run_id AND r.prompt_key = s.prompt_key AND r.phase = s.phase;

-- view: report_adapter_versions
-- One row per adapter version, wide: what it was trained on, what it cost, how it answers.
SELECT v.adapter_name AS adapter_name,
       v.version_number AS version_number,
       v.run_id AS run_id,
       v.evaluation_run_id AS evaluation_run_id,
       v.manifest_id AS manifest_id,
       m.dataset_number AS dataset_number,
       v.adapter_label AS adapter_label,
       v.state AS state,
       v.is_latest AS is_latest,
       CASE WHEN a.version_number IS NULL THEN 0 ELSE 1 END AS is_live,
       v.backend AS backend,
       v.base_model AS base_model,
       v.method AS method,
       v.lora_rank AS lora_rank,
       v.epochs AS epochs,
       v.rehearsal AS rehearsal,
       v.prompt_format AS prompt_format,
       v.quantization AS quantization,
       v.sample_count AS sample_count,
       v.validation_count AS validation_count,
       v.steps AS steps,
       v.tokens_processed AS tokens_processed,
       v.final_train_loss AS final_train_loss,
       v.best_epoch AS best_epoch,
       v.eval_loss AS eval_loss,
       e.prompts_evaluated AS prompts_evaluated,
       ROUND(e.score_before, 4) AS score_before,
       ROUND(e.score_after, 4) AS score_after,
       ROUND(e.score_after - e.score_before, 4) AS score_change,
       e.prompts_improved AS prompts_improved,
       e.prompts_regressed AS prompts_regressed,
       ROUND(e.pass_rate_before, 4) AS pass_rate_before,
       ROUND(e.pass_rate_after, 4) AS pass_rate_after,
       v.cost_usd AS cost_usd,
       COALESCE(f.failed_runs, 0) AS failed_runs,
       v.train_seconds AS train_seconds,
       v.created_at AS created_at,
       DATE(v.created_at) AS created_date,
       v.retired_at AS retired_at,
       COALESCE(m.forgotten_count, 0) AS forgotten_count
  FROM adapter_versions v
  LEFT JOIN manifests m ON m.manifest_id = v.manifest_id
  LEFT JOIN aliases a ON a.adapter_name = v.adapter_name AND a.alias = 'live' AND a.version_number = v.version_number
  LEFT JOIN (SELECT b.adapter_name AS adapter_name,
                    b.version_number AS version_number,
                    COUNT(*) AS prompts_evaluated,
                    AVG(CASE WHEN b.score_change IS NULL THEN NULL ELSE b.score_before END) AS score_before,
                    AVG(CASE WHEN b.score_change IS NULL THEN NULL ELSE b.score_after END) AS score_after,
                    COUNT(CASE WHEN b.is_improved = 1 THEN 1 END) AS prompts_improved,
                    COUNT(CASE WHEN b.is_regressed = 1 THEN 1 END) AS prompts_regressed,
                    AVG(1.0 * b.passed_before) AS pass_rate_before,
                    AVG(1.0 * b.passed_after) AS pass_rate_after
               FROM report_before_after b
              GROUP BY b.adapter_name, b.version_number) e
         ON e.adapter_name = v.adapter_name AND e.version_number = v.version_number
  LEFT JOIN (SELECT r.adapter_name AS adapter_name,
                    r.training_key AS training_key,
                    COUNT(*) AS failed_runs
               FROM runs r
              WHERE r.state = 'failed'
              GROUP BY r.adapter_name, r.training_key) f
         ON f.adapter_name = v.adapter_name AND f.training_key = v.training_key;

-- view: report_evaluations
-- One row per evaluation of a version, none ever overwritten: how well it answered, when, and what the gate decided.
-- Take comparison_key as the series of a chart, so that a trend is over the same prompts, scorers, decoding settings and clean prompts.
-- is_comparable = 1: all of them are those of the adapter's evaluation before; else not_comparable_reason is the first reason that applies.
SELECT e.adapter_name AS adapter_name,
       e.version_number AS version_number,
       e.evaluation_number AS evaluation_number,
       e.run_id AS run_id,
       v.manifest_id AS manifest_id,
       COALESCE(v.adapter_label, e.adapter_name) AS adapter_label,
       COALESCE(v.is_latest, 0) AS is_latest,
       CASE WHEN a.version_number IS NULL THEN 0 ELSE 1 END AS is_live,
       v.base_model AS base_model,
       e.compared_version AS compared_version,
       e.decision AS decision,
       e.prompt_count AS prompt_count,
       e.clean_count AS clean_count,
       e.leaked_count AS leaked_count,
       e.error_count AS error_count,
       ROUND(e.mean_score, 6) AS mean_score,
       ROUND(e.clean_score, 6) AS clean_score,
       ROUND(e.interval_low, 6) AS interval_low,
       ROUND(e.interval_high, 6) AS interval_high,
       p.version_number AS previous_version,
       CASE WHEN e.comparison_key = p.comparison_key AND e.clean_score IS NOT NULL AND p.clean_score IS NOT NULL THEN 1 ELSE 0 END
           AS is_comparable,
       CASE WHEN p.evaluation_number IS NULL THEN 'first_evaluation'
            WHEN e.prompt_set_key <> p.prompt_set_key THEN 'other_prompts_or_scorers'
            WHEN e.decoding_key <> p.decoding_key THEN 'other_decoding_settings'
            WHEN e.comparison_key <> p.comparison_key THEN 'other_clean_prompts'
            WHEN e.clean_score IS NULL OR p.clean_score IS NULL THEN 'no_score'
            ELSE NULL END AS not_comparable_reason,
       CASE WHEN e.comparison_key = p.comparison_key THEN ROUND(e.clean_score - p.clean_score, 6) ELSE NULL END AS score_change,
       e.comparison_key AS comparison_key,
       e.reason AS reason,
       e.evaluated_at AS evaluated_at,
       DATE(e.evaluated_at) AS evaluated_date
  FROM evaluations e
  LEFT JOIN evaluations p ON p.adapter_name = e.adapter_name AND p.evaluation_number = e.evaluation_number - 1
  LEFT JOIN adapter_versions v ON v.adapter_name = e.adapter_name AND v.version_number = e.version_number
  LEFT JOIN aliases a ON a.adapter_name = e.adapter_name AND a.alias = 'live' AND a.version_number = e.version_number;

-- view: report_predictions
-- One row per row of a prediction_query: the latest answer of a live version. Join it to your own table by row_key, a text.
-- is_by_live = 0: another version is live now, and the next predictions ask the row again.
SELECT p.adapter_name AS adapter_name,
       p.version_number AS version_number,
       p.row_key AS row_key,
       p.run_id AS run_id,
       COALESCE(v.adapter_label, p.adapter_name) AS adapter_label,
       CASE WHEN a.version_number IS NULL THEN 0 ELSE 1 END AS is_by_live,
       p.answer AS answer,
       p.finish_reason AS finish_reason,
       p.prompt_tokens AS prompt_tokens,
       p.output_tokens AS output_tokens,
       p.latency_ms AS latency_ms,
       p.attempt_count AS attempt_count,
       p.answered_at AS answered_at,
       DATE(p.answered_at) AS answered_date,
       p.error_code AS error_code,
       p.error_message AS error_message
  FROM predictions p
  LEFT JOIN adapter_versions v ON v.adapter_name = p.adapter_name AND v.version_number = p.version_number
  LEFT JOIN aliases a ON a.adapter_name = p.adapter_name AND a.alias = 'live' AND a.version_number = p.version_number;

-- view: report_training_steps
-- One row per optimizer step: the loss curve. For a line chart take smoothed_loss: once a step has had samples, it is never NULL.
-- The last step of each epoch has eval_loss where samples are for validation; is_best = 1: the weights after it are the version.
SELECT r.adapter_name AS adapter_name,
       v.version_number AS version_number,
       t.run_id AS run_id,
       t.step AS step,
       r.manifest_id AS manifest_id,
       COALESCE(v.adapter_label, r.adapter_name) AS adapter_label,
       COALESCE(v.is_latest, 0) AS is_latest,
       t.epoch AS epoch,
       t.train_loss AS train_loss,
       t.sample_loss AS sample_loss,
       t.smoothed_loss AS smoothed_loss,
       t.eval_loss AS eval_loss,
       CASE WHEN t.eval_loss IS NOT NULL AND t.epoch = v.best_epoch THEN 1 ELSE 0 END AS is_best,
       t.learning_rate AS learning_rate,
       t.tokens AS tokens,
       t.tokens_seen AS tokens_seen,
       t.logged_at AS logged_at
  FROM training_metrics t
  JOIN runs r ON r.run_id = t.run_id
  LEFT JOIN adapter_versions v ON v.adapter_name = r.adapter_name AND v.run_id = r.run_id;

-- view: report_runs
-- One row per run: what it is for, its state since when, what comes next, how long it took.
-- is_stuck = 1: stuck_reason says why and what a person can do. A lease_expires_at in the past: the runner is gone, and a sync or
-- worker resumes the run. is_simulated = 1: the backend only plays back a script.
SELECT r.adapter_name AS adapter_name,
       r.version_number AS version_number,
       r.run_id AS run_id,
       r.manifest_id AS manifest_id,
       COALESCE(v.adapter_label, r.adapter_name) AS adapter_label,
       r.run_kind AS run_kind,
       r.trigger_reason AS trigger_reason,
       r.backend AS backend,
       r.base_model AS base_model,
       COALESCE(v.is_latest, 0) AS is_latest,
       r.is_forced AS is_forced,
       r.is_trial AS is_trial,
       r.is_simulated AS is_simulated,
       r.state AS state,
       r.desired_state AS desired_state,
       CASE WHEN r.next_step IS NOT NULL THEN r.next_step
            WHEN r.state = 'queued' THEN 'a sync or worker takes it up'
            ELSE NULL END AS next_step,
       r.is_stuck AS is_stuck,
       r.stuck_reason AS stuck_reason,
       CASE WHEN r.state = 'failed' THEN 1 ELSE 0 END AS is_failed,
       r.samples_used AS samples_used,
       r.samples_skipped AS samples_skipped,
       r.samples_validated AS samples_validated,
       r.prompts_selected AS prompts_selected,
       r.steps_done AS steps_done,
       r.steps_total AS steps_total,
       r.tokens_processed AS tokens_processed,
       r.cost_usd AS cost_usd,
       r.wait_seconds AS wait_seconds,
       r.run_seconds AS run_seconds,
       r.queued_at AS queued_at,
       DATE(r.queued_at) AS queued_date,
       r.started_at AS started_at,
       r.state_changed_at AS state_changed_at,
       r.last_alive_at AS last_alive_at,
       r.finished_at AS finished_at,
       s.lease_expires_at AS lease_expires_at,
       r.error_code AS error_code,
       r.error_message AS error_message
  FROM runs r
  LEFT JOIN adapter_states s ON s.adapter_name = r.adapter_name AND s.run_id = r.run_id
  LEFT JOIN adapter_versions v ON v.adapter_name = r.adapter_name AND v.version_number = r.version_number;

-- view: report_datasets
-- One row per manifest: the exact samples that runs were trained on, and what changed since the manifest of the adapter before it.
-- sample_count = sample_count before + samples_added - samples_removed; an edited row whose key stays is in samples_edited alone.
SELECT m.adapter_name AS adapter_name,
       m.dataset_number AS dataset_number,
       m.manifest_id AS manifest_id,
       m.fingerprint AS fingerprint,
       m.sample_count AS sample_count,
       m.validation_count AS validation_count,
       m.samples_added AS samples_added,
       m.samples_edited AS samples_edited,
       m.samples_removed AS samples_removed,
       m.token_count AS token_count,
       m.created_at AS created_at,
       DATE(m.created_at) AS created_date
  FROM manifests m
 WHERE m.state = 'complete';

-- view: report_samples
-- One row per sample of a manifest, with the key of its row and the first 200 characters of its texts.
SELECT m.adapter_name AS adapter_name,
       m.dataset_number AS dataset_number,
       s.manifest_id AS manifest_id,
       s.position AS position,
       s.sample_key AS sample_key,
       s.content_hash AS content_hash,
       s.is_validation AS is_validation,
       c.split AS split,
       c.group_key AS group_key,
       SUBSTR(c.prompt, 1, 200) AS prompt_preview,
       SUBSTR(c.response, 1, 200) AS response_preview,
       c.weight AS weight,
       m.created_at AS created_at
  FROM manifests m
  JOIN manifest_samples s ON s.manifest_id = m.manifest_id
  JOIN contents c ON c.content_hash = s.content_hash
 WHERE m.state = 'complete';

-- view: report_lineage
-- One row per version and sample that it was trained or validated on, with the texts as they were then: whether or not the source row
-- is there still. By adapter_name and version_number, all samples of a version; by sample_key, all versions that saw a row.
SELECT v.adapter_name AS adapter_name,
       v.version_number AS version_number,
       s.sample_key AS sample_key,
       v.run_id AS run_id,
       s.manifest_id AS manifest_id,
       s.position AS position,
       v.adapter_label AS adapter_label,
       v.is_latest AS is_latest,
       CASE WHEN a.version_number IS NULL THEN 0 ELSE 1 END AS is_live,
       s.is_validation AS is_validation,
       s.content_hash AS content_hash,
       c.prompt AS prompt,
       c.response AS response,
       c.system_prompt AS system_prompt,
       c.messages AS messages,
       c.weight AS weight,
       c.group_key AS group_key,
       c.split AS split,
       v.created_at AS trained_at,
       c.forgotten_at AS forgotten_at
  FROM adapter_versions v
  JOIN manifest_samples s ON s.manifest_id = v.manifest_id
  JOIN contents c ON c.content_hash = s.content_hash
  LEFT JOIN aliases a ON a.adapter_name = v.adapter_name AND a.alias = 'live' AND a.version_number = v.version_number;

-- view: report_sample_changes
-- One row per sample that differs between two versions of an adapter, old_version and version_number, with both texts. Every pair of
-- versions is in the view: name both. Rows without keys of their own are never edited: an edit is one sample gone and one added.
SELECT n.adapter_name AS adapter_name,
       n.version_number AS version_number,
       o.version_number AS old_version,
       s.sample_key AS sample_key,
       o.manifest_id AS old_manifest_id,
       n.manifest_id AS manifest_id,
       n.adapter_label AS adapter_label,
       CASE WHEN t.manifest_id IS NOT NULL THEN 'edited'
            WHEN s.manifest_id = n.manifest_id THEN 'added'
            ELSE 'gone' END AS sample_change,
       CASE WHEN s.manifest_id = o.manifest_id THEN cs.prompt ELSE NULL END AS old_prompt,
       CASE WHEN s.manifest_id = n.manifest_id THEN cs.prompt ELSE ct.prompt END AS prompt,
       CASE WHEN s.manifest_id = o.manifest_id THEN cs.response ELSE NULL END AS old_response,
       CASE WHEN s.manifest_id = n.manifest_id THEN cs.response ELSE ct.response END AS response,
       CASE WHEN s.manifest_id = o.manifest_id THEN cs.system_prompt ELSE NULL END AS old_system_prompt,
       CASE WHEN s.manifest_id = n.manifest_id THEN cs.system_prompt ELSE ct.system_prompt END AS system_prompt,
       CASE WHEN s.manifest_id = o.manifest_id THEN cs.messages ELSE NULL END AS old_messages,
       CASE WHEN s.manifest_id = n.manifest_id THEN cs.messages ELSE ct.messages END AS messages,
       CASE WHEN s.manifest_id = o.manifest_id THEN cs.weight ELSE NULL END AS old_weight,
       CASE WHEN s.manifest_id = n.manifest_id THEN cs.weight ELSE ct.weight END AS weight,
       CASE WHEN s.manifest_id = o.manifest_id THEN cs.group_key ELSE NULL END AS old_group_key,
       CASE WHEN s.manifest_id = n.manifest_id THEN cs.group_key ELSE ct.group_key END AS group_key,
       CASE WHEN s.manifest_id = o.manifest_id THEN cs.split ELSE NULL END AS old_split,
       CASE WHEN s.manifest_id = n.manifest_id THEN cs.split ELSE ct.split END AS split,
       n.created_at AS trained_at
  FROM adapter_versions n
  JOIN adapter_versions o ON o.adapter_name = n.adapter_name AND o.manifest_id <> n.manifest_id
  JOIN manifest_samples s ON s.manifest_id IN (o.manifest_id, n.manifest_id)
  JOIN contents cs ON cs.content_hash = s.content_hash
  LEFT JOIN manifest_samples t ON t.sample_key = s.sample_key
                              AND t.manifest_id = CASE WHEN s.manifest_id = o.manifest_id THEN n.manifest_id ELSE o.manifest_id END
  LEFT JOIN contents ct ON ct.content_hash = t.content_hash
 WHERE t.manifest_id IS NULL
    OR (s.manifest_id = o.manifest_id AND t.content_hash <> s.content_hash);

-- view: report_live_history
-- One row per move of an alias: which version it pointed to from when until when, why, and who moved it. ended_at is NULL for what is
-- live now, so `alias = 'live' AND began_at <= :t AND (ended_at > :t OR ended_at IS NULL)` is what was live at time t.
SELECT h.adapter_name AS adapter_name,
       h.new_version AS version_number,
       h.alias AS alias,
       h.move_number AS move_number,
       h.old_version AS old_version,
       COALESCE(v.adapter_label, h.adapter_name) AS adapter_label,
       h.changed_at AS began_at,
       n.changed_at AS ended_at,
       CASE WHEN n.move_number IS NULL THEN 1 ELSE 0 END AS is_now,
       COALESCE(h.moved_by, 'gate') AS moved_by,
       h.run_id AS run_id,
       h.reason AS reason
  FROM alias_history h
  LEFT JOIN alias_history n ON n.adapter_name = h.adapter_name AND n.alias = h.alias AND n.move_number = h.move_number + 1
  LEFT JOIN adapter_versions v ON v.adapter_name = h.adapter_name AND v.version_number = h.new_version;

-- view: report_erasures
-- One row per erasure and version that saw what was forgotten; an erasure of rows that no version saw has one row. weights_kept = 1:
-- the weights may still say it, until `sqltune retire` removes them. erased_at is NULL while `sqltune forget` has to be repeated.
SELECT COALESCE(v.adapter_name, e.adapter_name) AS adapter_name,
       v.version_number AS version_number,
       e.erasure_id AS erasure_id,
       v.adapter_label AS adapter_label,
       e.state AS state,
       e.requested_by AS requested_by,
       e.sample_count AS sample_count,
       s.sample_count AS samples_seen,
       CASE WHEN v.version_number IS NULL THEN NULL WHEN v.retired_at IS NULL THEN 1 ELSE 0 END AS weights_kept,
       e.samples_removed AS samples_removed,
       e.prompts_removed AS prompts_removed,
       e.answers_removed AS answers_removed,
       e.messages_removed AS messages_removed,
       e.files_removed AS files_removed,
       e.samples_left AS samples_left,
       e.queries_left AS queries_left,
       e.requested_at AS requested_at,
       e.erased_at AS erased_at
  FROM erasures e
  LEFT JOIN erasure_versions s ON s.erasure_id = e.erasure_id
  LEFT JOIN adapter_versions v ON v.adapter_name = s.adapter_name AND v.version_number = s.version_number;

-- view: report_data_issues
-- One row per finding in the rows of a selection: of a run, or of the adapter's last `sqltune validate`, whose run_id is NULL.
-- Of each rule the first 1,000 rows are findings; data_issue_counts and row_check_counts count all.
SELECT r.adapter_name AS adapter_name,
       r.version_number AS version_number,
       i.run_id AS run_id,
       i.issue_number AS issue_number,
       'run' AS found_by,
       i.selection AS selection,
       i.severity AS severity,
       i.rule AS rule,
       i.row_key AS row_key,
       i.column_name AS column_name,
       i.message AS message,
       r.started_at AS found_at
  FROM data_issues i
  JOIN runs r ON r.run_id = i.run_id
UNION ALL
SELECT i.adapter_name AS adapter_name,
       NULL AS version_number,
       NULL AS run_id,
       i.issue_number AS issue_number,
       'row_check' AS found_by,
       i.selection AS selection,
       i.severity AS severity,
       i.rule AS rule,
       i.row_key AS row_key,
       i.column_name AS column_name,
       i.message AS message,
       v.checked_at AS found_at
  FROM row_check_issues i
  JOIN row_checks v ON v.adapter_name = i.adapter_name;

-- view: report_orphans
-- One row per orphan that `sqltune gc` ever found; state = 'found' are those that still exist.
SELECT o.adapter_name AS adapter_name,
       o.version_number AS version_number,
       o.orphan_key AS orphan_key,
       o.run_id AS run_id,
       COALESCE(v.adapter_label, o.adapter_name) AS adapter_label,
       o.orphan_kind AS orphan_kind,
       o.backend AS backend,
       o.place AS place,
       o.external_id AS external_id,
       o.address AS address,
       o.is_unknown_run AS is_unknown_run,
       o.state AS state,
       o.reason AS reason,
       o.size_bytes AS size_bytes,
       o.found_at AS found_at,
       DATE(o.found_at) AS found_date,
       o.last_seen_at AS last_seen_at,
       o.removed_at AS removed_at,
       o.error_message AS error_message
  FROM orphans o
  LEFT JOIN adapter_versions v ON v.adapter_name = o.adapter_name AND v.version_number = o.version_number;

-- view: report_questions
-- One row per question, with its answer once there is one. version_number is the version that answered, asked_version what the row asks for.
SELECT q.adapter_name AS adapter_name,
       q.answered_version AS version_number,
       q.question_id AS question_id,
       COALESCE(v.adapter_label, q.adapter_name) AS adapter_label,
       v.base_model AS base_model,
       v.backend AS backend,
       q.alias AS alias,
       q.version_number AS asked_version,
       q.state AS state,
       q.prompt AS prompt,
       q.system_prompt AS system_prompt,
       q.messages AS messages,
       q.answer AS answer,
       q.finish_reason AS finish_reason,
       q.prompt_tokens AS prompt_tokens,
       q.output_tokens AS output_tokens,
       q.latency_ms AS latency_ms,
       q.asked_by AS asked_by,
       q.asked_at AS asked_at,
       DATE(q.asked_at) AS asked_date,
       q.answered_at AS answered_at,
       q.error_code AS error_code,
       q.error_message AS error_message
  FROM questions q
  LEFT JOIN adapter_versions v ON v.adapter_name = q.adapter_name AND v.version_number = q.answered_version;

-- view: report_feedback
-- One row per feedback, with the answer that it is about: of a question, or of the version that a run evaluated. adapter_name is NULL where
-- there is no such question and no such answer.
SELECT COALESCE(q.adapter_name, r.adapter_name) AS adapter_name,
       COALESCE(q.answered_version, r.version_number) AS version_number,
       f.feedback_id AS feedback_id,
       f.question_id AS question_id,
       f.run_id AS run_id,
       f.prompt_key AS prompt_key,
       COALESCE(v.adapter_label, q.adapter_name, r.adapter_name) AS adapter_label,
       COALESCE(q.prompt, c.prompt) AS prompt,
       COALESCE(q.answer, a.response) AS answer,
       f.rating AS rating,
       f.correction AS correction,
       f.given_by AS given_by,
       f.given_at AS given_at,
       DATE(f.given_at) AS given_date
  FROM feedback f
  LEFT JOIN questions q ON q.question_id = f.question_id
  LEFT JOIN run_prompts p ON p.run_id = f.run_id AND p.prompt_key = f.prompt_key
  LEFT JOIN runs r ON r.run_id = p.run_id
  LEFT JOIN contents c ON c.content_hash = p.content_hash
  LEFT JOIN responses a ON a.run_id = p.run_id AND a.prompt_key = p.prompt_key AND a.phase = 'after'
  LEFT JOIN adapter_versions v ON v.adapter_name = COALESCE(q.adapter_name, r.adapter_name)
                              AND v.version_number = COALESCE(q.answered_version, r.version_number);

-- view: report_use
-- One row per model, version and hour in which it was asked, by OpenAI's API or complete(). Percentiles are upper bounds: the answers took
-- no longer than 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000 or 300000 ms, or than the longest one.
SELECT CASE WHEN u.version_number > 0 THEN u.model_name ELSE NULL END AS adapter_name,
       CASE WHEN u.version_number > 0 THEN u.version_number ELSE NULL END AS version_number,
       u.hour_at AS hour_at,
       DATE(u.hour_at) AS hour_date,
       u.model_name AS model_name,
       COALESCE(v.adapter_label, u.model_name) AS adapter_label,
       u.request_count AS request_count,
       u.answered_count AS answered_count,
       u.error_count AS error_count,
       u.cancelled_count AS cancelled_count,
       u.prompt_tokens AS prompt_tokens,
       u.output_tokens AS output_tokens,
       CASE WHEN u.answered_count = 0 THEN NULL ELSE u.latency_ms_sum / u.answered_count END AS latency_ms_mean,
       CASE WHEN u.answered_count = 0 THEN NULL
            WHEN u.within_50_ms >= 0.5 * u.answered_count THEN 50
            WHEN u.within_100_ms >= 0.5 * u.answered_count THEN 100
            WHEN u.within_250_ms >= 0.5 * u.answered_count THEN 250
            WHEN u.within_500_ms >= 0.5 * u.answered_count THEN 500
            WHEN u.within_1000_ms >= 0.5 * u.answered_count THEN 1000
            WHEN u.within_2500_ms >= 0.5 * u.answered_count THEN 2500
            WHEN u.within_5000_ms >= 0.5 * u.answered_count THEN 5000
            WHEN u.within_10000_ms >= 0.5 * u.answered_count THEN 10000
            WHEN u.within_30000_ms >= 0.5 * u.answered_count THEN 30000
            WHEN u.within_60000_ms >= 0.5 * u.answered_count THEN 60000
            WHEN u.within_300000_ms >= 0.5 * u.answered_count THEN 300000
            ELSE u.latency_ms_max END AS latency_ms_p50,
       CASE WHEN u.answered_count = 0 THEN NULL
            WHEN u.within_50_ms >= 0.95 * u.answered_count THEN 50
            WHEN u.within_100_ms >= 0.95 * u.answered_count THEN 100
            WHEN u.within_250_ms >= 0.95 * u.answered_count THEN 250
            WHEN u.within_500_ms >= 0.95 * u.answered_count THEN 500
            WHEN u.within_1000_ms >= 0.95 * u.answered_count THEN 1000
            WHEN u.within_2500_ms >= 0.95 * u.answered_count THEN 2500
            WHEN u.within_5000_ms >= 0.95 * u.answered_count THEN 5000
            WHEN u.within_10000_ms >= 0.95 * u.answered_count THEN 10000
            WHEN u.within_30000_ms >= 0.95 * u.answered_count THEN 30000
            WHEN u.within_60000_ms >= 0.95 * u.answered_count THEN 60000
            WHEN u.within_300000_ms >= 0.95 * u.answered_count THEN 300000
            ELSE u.latency_ms_max END AS latency_ms_p95,
       CASE WHEN u.answered_count = 0 THEN NULL
            WHEN u.within_50_ms >= 0.99 * u.answered_count THEN 50
            WHEN u.within_100_ms >= 0.99 * u.answered_count THEN 100
            WHEN u.within_250_ms >= 0.99 * u.answered_count THEN 250
            WHEN u.within_500_ms >= 0.99 * u.answered_count THEN 500
            WHEN u.within_1000_ms >= 0.99 * u.answered_count THEN 1000
            WHEN u.within_2500_ms >= 0.99 * u.answered_count THEN 2500
            WHEN u.within_5000_ms >= 0.99 * u.answered_count THEN 5000
            WHEN u.within_10000_ms >= 0.99 * u.answered_count THEN 10000
            WHEN u.within_30000_ms >= 0.99 * u.answered_count THEN 30000
            WHEN u.within_60000_ms >= 0.99 * u.answered_count THEN 60000
            WHEN u.within_300000_ms >= 0.99 * u.answered_count THEN 300000
            ELSE u.latency_ms_max END AS latency_ms_p99,
       CASE WHEN u.answered_count = 0 THEN NULL ELSE u.latency_ms_max END AS latency_ms_max
  FROM (SELECT s.model_name AS model_name,
               s.version_number AS version_number,
               s.hour_at AS hour_at,
               CAST(SUM(s.request_count) AS SIGNED) AS request_count,
               CAST(SUM(s.request_count - s.error_count - s.cancelled_count) AS SIGNED) AS answered_count,
               CAST(SUM(s.error_count) AS SIGNED) AS error_count,
               CAST(SUM(s.cancelled_count) AS SIGNED) AS cancelled_count,
               CAST(SUM(s.prompt_tokens) AS SIGNED) AS prompt_tokens,
               CAST(SUM(s.output_tokens) AS SIGNED) AS output_tokens,
               SUM(s.latency_ms_sum) AS latency_ms_sum,
               MAX(s.latency_ms_max) AS latency_ms_max,
               SUM(s.within_50_ms) AS within_50_ms,
               SUM(s.within_100_ms) AS within_100_ms,
               SUM(s.within_250_ms) AS within_250_ms,
               SUM(s.within_500_ms) AS within_500_ms,
               SUM(s.within_1000_ms) AS within_1000_ms,
               SUM(s.within_2500_ms) AS within_2500_ms,
               SUM(s.within_5000_ms) AS within_5000_ms,
               SUM(s.within_10000_ms) AS within_10000_ms,
               SUM(s.within_30000_ms) AS within_30000_ms,
               SUM(s.within_60000_ms) AS within_60000_ms,
               SUM(s.within_300000_ms) AS within_300000_ms
          FROM served_use s
         GROUP BY s.model_name, s.version_number, s.hour_at) u
  LEFT JOIN adapter_versions v ON v.adapter_name = u.model_name AND v.version_number = u.version_number;
