-- The other reports. Labels are ready for a chart; times are UTC; every main time has its date beside it.

-- view: report_scores
-- One row per answer and scorer, of each version's latest evaluation. Average score over is_primary_scorer = 1 only.
SELECT s.run_id AS run_id,
       s.prompt_key AS prompt_key,
       s.scorer AS scorer,
       s.is_primary_scorer AS is_primary_scorer,
       v.adapter_name AS adapter_name,
       v.version_number AS adapter_version,
       v.adapter_label AS adapter_label,
       v.is_latest AS is_latest,
       v.base_model AS base_model,
       v.adapter_name AS dataset,
       p.category AS category,
       c.prompt AS prompt,
       s.phase AS phase,
       CASE s.phase WHEN 'base' THEN 0 WHEN 'before' THEN 1 ELSE 2 END AS phase_order,
       ROUND(s.score, 6) AS score,
       s.pass_threshold AS pass_threshold,
       CASE WHEN s.score IS NULL THEN NULL WHEN s.score >= s.pass_threshold THEN 1 ELSE 0 END AS passed,
       s.error_message AS error_message,
       r.output_tokens AS output_tokens,
       r.latency_ms AS latency_ms,
       s.scored_at AS scored_at,
       DATE(s.scored_at) AS scored_date
  FROM adapter_versions v
  JOIN scores s ON s.run_id = v.evaluation_run_id
  JOIN run_prompts p ON p.run_id = s.run_id AND p.prompt_key = s.prompt_key
  JOIN contents c ON c.content_hash = p.content_hash
  JOIN responses r ON r.run_id = s.run_id AND r.prompt_key = s.prompt_key AND r.phase = s.phase;

-- view: report_adapter_versions
-- One row per adapter version, wide: what it was trained on, what it cost, how it answers.
SELECT v.adapter_name AS adapter_name,
       v.version_number AS adapter_version,
       v.adapter_label AS adapter_label,
       v.is_latest AS is_latest,
       CASE WHEN a.version_number IS NULL THEN 0 ELSE 1 END AS is_live,
       v.state AS state,
       v.backend AS backend,
       v.base_model AS base_model,
       v.method AS method,
       v.lora_rank AS lora_rank,
       v.epochs AS epochs,
       v.rehearsal AS rehearsal,
       v.adapter_name AS dataset_name,
       m.dataset_number AS version_number,
       v.sample_count AS sample_count,
       e.prompts_evaluated AS prompts_evaluated,
       ROUND(e.score_before, 4) AS score_before,
       ROUND(e.score_after, 4) AS score_after,
       ROUND(e.score_after - e.score_before, 4) AS score_change,
       e.prompts_improved AS prompts_improved,
       e.prompts_regressed AS prompts_regressed,
       ROUND(e.pass_rate_before, 4) AS pass_rate_before,
       ROUND(e.pass_rate_after, 4) AS pass_rate_after,
       v.final_train_loss AS final_train_loss,
       v.steps AS steps,
       ROUND(v.train_seconds / 60.0, 2) AS train_minutes,
       v.cost_usd AS cost_usd,
       v.tokens_processed AS tokens_processed,
       COALESCE(f.failed_runs, 0) AS failed_runs,
       v.created_at AS created_at,
       DATE(v.created_at) AS created_date
  FROM adapter_versions v
  LEFT JOIN manifests m ON m.manifest_id = v.manifest_id
  LEFT JOIN aliases a ON a.adapter_name = v.adapter_name AND a.alias = 'live' AND a.version_number = v.version_number
  LEFT JOIN (SELECT b.adapter_name AS adapter_name,
                    b.adapter_version AS adapter_version,
                    COUNT(*) AS prompts_evaluated,
                    AVG(CASE WHEN b.score_change IS NULL THEN NULL ELSE b.score_before END) AS score_before,
                    AVG(CASE WHEN b.score_change IS NULL THEN NULL ELSE b.score_after END) AS score_after,
                    COUNT(CASE WHEN b.is_improved = 1 THEN 1 END) AS prompts_improved,
                    COUNT(CASE WHEN b.is_regressed = 1 THEN 1 END) AS prompts_regressed,
                    AVG(1.0 * b.passed_before) AS pass_rate_before,
                    AVG(1.0 * b.passed_after) AS pass_rate_after
               FROM report_before_after b
              GROUP BY b.adapter_name, b.adapter_version) e
         ON e.adapter_name = v.adapter_name AND e.adapter_version = v.version_number
  LEFT JOIN (SELECT r.adapter_name AS adapter_name,
                    r.training_key AS training_key,
                    COUNT(*) AS failed_runs
               FROM runs r
              WHERE r.state = 'failed'
              GROUP BY r.adapter_name, r.training_key) f
         ON f.adapter_name = v.adapter_name AND f.training_key = v.training_key;

-- view: report_training_steps
-- One row per optimizer step: the loss curve.
SELECT t.run_id AS run_id,
       r.adapter_name AS adapter_name,
       v.version_number AS adapter_version,
       COALESCE(v.adapter_label, r.adapter_name) AS adapter_label,
       COALESCE(v.is_latest, 0) AS is_latest,
       t.step AS step,
       t.epoch AS epoch,
       t.train_loss AS train_loss,
       t.eval_loss AS eval_loss,
       t.learning_rate AS learning_rate,
       t.tokens AS tokens,
       t.tokens_seen AS tokens_seen,
       t.logged_at AS logged_at
  FROM training_metrics t
  JOIN runs r ON r.run_id = t.run_id
  LEFT JOIN adapter_versions v ON v.adapter_name = r.adapter_name AND v.run_id = r.run_id;

-- view: report_runs
-- One row per run: what it was for, how it stands since when, what comes next, how long it took.
-- Stuck runs say why and what a person can do; where lease_expires_at has passed, the runner is gone and a sync or worker goes on. is_simulated is 1 where the backend only plays back a script.
SELECT r.run_id AS run_id,
       r.run_kind AS run_kind,
       r.state AS state,
       r.adapter_name AS adapter_name,
       r.version_number AS adapter_version,
       COALESCE(v.adapter_label, r.adapter_name) AS adapter_label,
       COALESCE(v.is_latest, 0) AS is_latest,
       r.trigger_reason AS trigger_reason,
       r.backend AS backend,
       r.is_simulated AS is_simulated,
       r.base_model AS base_model,
       r.samples_used AS samples_used,
       r.samples_skipped AS samples_skipped,
       r.prompts_selected AS prompts_selected,
       r.steps_done AS steps_done,
       r.steps_total AS steps_total,
       r.queued_at AS queued_at,
       DATE(r.queued_at) AS queued_date,
       r.started_at AS started_at,
       r.finished_at AS finished_at,
       r.wait_seconds AS wait_seconds,
       r.run_seconds AS run_seconds,
       ROUND(r.run_seconds / 60.0, 2) AS run_minutes,
       CASE WHEN r.state = 'failed' THEN 1 ELSE 0 END AS is_failed,
       r.error_code AS error_code,
       r.error_message AS error_message,
       r.tokens_processed AS tokens_processed,
       r.cost_usd AS cost_usd,
       r.desired_state AS desired_state,
       r.is_forced AS is_forced,
       r.is_trial AS is_trial,
       r.state_changed_at AS state_changed_at,
       r.last_alive_at AS last_alive_at,
       s.lease_expires_at AS lease_expires_at,
       r.is_stuck AS is_stuck,
       r.stuck_reason AS stuck_reason,
       CASE WHEN r.next_step IS NOT NULL THEN r.next_step
            WHEN r.state = 'queued' THEN 'a sync or worker takes it up'
            ELSE NULL END AS next_step
  FROM runs r
  LEFT JOIN adapter_states s ON s.adapter_name = r.adapter_name AND s.run_id = r.run_id
  LEFT JOIN adapter_versions v ON v.adapter_name = r.adapter_name AND v.version_number = r.version_number;

-- view: report_datasets
-- One row per training manifest: the exact samples that runs were trained on.
SELECT m.manifest_id AS manifest_id,
       m.adapter_name AS dataset_name,
       m.dataset_number AS version_number,
       m.fingerprint AS fingerprint,
       m.sample_count AS sample_count,
       m.samples_added AS samples_added,
       m.samples_removed AS samples_removed,
       m.token_count AS token_count,
       m.created_at AS created_at,
       DATE(m.created_at) AS created_date
  FROM manifests m
 WHERE m.state = 'complete';

-- view: report_samples
-- One row per sample of a manifest, by its own key; the first 200 characters of its texts.
SELECT m.adapter_name AS dataset_name,
       m.dataset_number AS version_number,
       s.manifest_id AS manifest_id,
       s.position AS position,
       s.sample_key AS sample_key,
       s.content_hash AS content_hash,
       c.split AS split,
       c.group_key AS group_key,
       c.weight AS weight,
       SUBSTR(c.prompt, 1, 200) AS prompt_preview,
       SUBSTR(c.response, 1, 200) AS response_preview,
       m.created_at AS created_at
  FROM manifests m
  JOIN manifest_samples s ON s.manifest_id = m.manifest_id
  JOIN contents c ON c.content_hash = s.content_hash
 WHERE m.state = 'complete';
