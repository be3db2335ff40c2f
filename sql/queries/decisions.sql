-- The verdicts of the gate: one row per run that evaluated a version.

-- name: find_later_evaluation
-- The run whose verdict a version has, if it began after this run.
SELECT later.run_id
  FROM adapter_versions v
  JOIN runs later ON later.run_id = v.evaluation_run_id
  JOIN runs own ON own.run_id = :run_id
 WHERE v.adapter_name = :adapter_name
   AND v.version_number = :version_number
   AND later.started_at > own.started_at;

-- name: delete_decision
-- Delete the verdict of a run before it is decided again.
DELETE FROM gate_decisions
 WHERE run_id = :run_id;

-- name: insert_decision
-- Store the verdict with its figures.
INSERT INTO gate_decisions (run_id, adapter_name, version_number, decision, reason, compared_phase, prompts_compared, error_count,
                            leaked_count, wins, losses, ties, mean_before, mean_after, mean_change, interval_low, interval_high,
                            interval_level, p_value, min_gain, rule, worst_prompts, decided_at)
VALUES (:run_id, :adapter_name, :version_number, :decision, :reason, :compared_phase, :prompts_compared, :error_count,
        :leaked_count, :wins, :losses, :ties, :mean_before, :mean_after, :mean_change, :interval_low, :interval_high,
        :interval_level, :p_value, :min_gain, :rule, :worst_prompts, :decided_at);
