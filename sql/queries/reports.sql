-- Statements of `sqltune status`, `show` and `compare`; the report views show the same to people.

-- name: list_status
-- One row per declared adapter: what the last sync decided, and which runner works on it.
SELECT a.adapter_name, a.is_enabled, a.backend, a.base_model,
       s.decision, s.decision_reason, s.decided_at, s.lease_owner, s.claimed_at, s.heartbeat_at, s.lease_expires_at,
       l.version_number AS live_version
  FROM adapters a
  LEFT JOIN adapter_states s ON s.adapter_name = a.adapter_name
  LEFT JOIN aliases l ON l.adapter_name = a.adapter_name AND l.alias = 'live'
 ORDER BY a.adapter_name;

-- name: list_adapter_health
-- What monitoring watches of each enabled adapter: the score of its live version, and its last success.
SELECT a.adapter_name,
       g.mean_after AS live_score,
       (SELECT MAX(r.finished_at)
          FROM runs r
         WHERE r.adapter_name = a.adapter_name
           AND r.state = 'succeeded'
           AND r.is_trial = 0) AS last_success_at
  FROM adapters a
  LEFT JOIN aliases l ON l.adapter_name = a.adapter_name AND l.alias = 'live'
  LEFT JOIN adapter_versions v ON v.adapter_name = l.adapter_name AND v.version_number = l.version_number
  LEFT JOIN gate_decisions g ON g.run_id = v.evaluation_run_id
 WHERE a.is_enabled = 1
 ORDER BY a.adapter_name;

-- name: find_last_run
-- The run of the adapter that was queued last.
SELECT run_id, state, state_changed_at, last_alive_at, is_stuck, stuck_reason, next_step, error_message
  FROM runs
 WHERE adapter_name = :adapter_name
 ORDER BY queued_at DESC, run_id DESC
 LIMIT 1;

-- name: get_run_report
-- One run with everything that people ask about.
SELECT run_id, adapter_name, state, state_changed_at, desired_state, is_stuck, stuck_reason, next_step, last_alive_at,
       is_forced, is_trial, run_kind, trigger_reason, backend, is_simulated, base_model,
       base_model_revision, fingerprint, manifest_id, version_number, samples_selected, samples_skipped,
       samples_held_out, samples_validated, samples_used, prompts_selected, responses_stored, steps_done, steps_total,
       tokens_processed, cost_usd, attempt_count, queued_at, started_at, finished_at, wait_seconds, run_seconds,
       is_retryable, failure_count, next_attempt_at, error_code, error_message
  FROM runs
 WHERE run_id = :run_id;

-- name: list_issue_counts
-- How many rows of a run's selections break each rule.
SELECT selection, rule, severity, issue_count
  FROM data_issue_counts
 WHERE run_id = :run_id
 ORDER BY selection, rule;

-- name: list_issues
-- The first findings of a run.
SELECT selection, severity, rule, row_key, column_name, message
  FROM data_issues
 WHERE run_id = :run_id
 ORDER BY issue_number
 LIMIT :page_size;

-- name: get_gate_report
-- What the gate decided about a run, with its figures.
SELECT version_number, decision, reason, compared_phase, prompts_compared, error_count, wins, losses, ties,
       mean_before, mean_after, mean_change, interval_low, interval_high, interval_level, min_gain, decided_at
  FROM gate_decisions
 WHERE run_id = :run_id;

-- name: find_compared_version
-- The adapter's latest version that was evaluated to the end; a trial is never the latest.
SELECT MAX(v.version_number) AS version_number
  FROM adapter_versions v
  JOIN runs r ON r.run_id = v.run_id
 WHERE v.adapter_name = :adapter_name
   AND v.evaluation_run_id IS NOT NULL
   AND r.is_trial = 0;

-- name: get_comparison
-- What the answers of a run's version were compared with, and the verdict.
SELECT g.compared_phase,
       g.decision,
       g.reason,
       r.before_version
  FROM gate_decisions g
  JOIN runs r ON r.run_id = g.run_id
 WHERE g.run_id = :run_id;

-- name: list_before_after
-- The answers before and after of one version: regressions first, then by the size of the change.
SELECT run_id, prompt_key, category, prompt, expected, response_before, response_after, score_before, score_after,
       score_change, outcome, not_compared_reason, before_is_base, is_leaked
  FROM report_before_after
 WHERE adapter_name = :adapter_name
   AND version_number = :version_number
 ORDER BY CASE outcome WHEN 'regressed' THEN 0 WHEN 'improved' THEN 1 WHEN 'unchanged' THEN 2 ELSE 3 END,
          ABS(score_change) DESC,
          prompt_key;
