-- The answers before and after training side by side: what most people look at first.
-- Views are a public contract: plain columns, one row one fact, no clock. A breaking change is a new view.

-- view: report_before_after
-- One row per adapter version and evaluation prompt, of the version's latest evaluation, scored by the prompt's primary scorer.
-- Where nothing was live when the run began, the base model's answer stands as the one before, and before_is_base is 1.
-- Answers that were given under unequal decoding settings are shown and not compared; a change up to 1e-9 is none.
SELECT v.adapter_name AS adapter_name,
       v.version_number AS adapter_version,
       v.adapter_label AS adapter_label,
       v.is_latest AS is_latest,
       v.base_model AS base_model,
       p.prompt_key AS prompt_key,
       v.adapter_name AS dataset,
       p.category AS category,
       c.prompt AS prompt,
       c.response AS expected,
       r0.response AS response_base,
       rb.response AS response_before,
       ra.response AS response_after,
       CASE WHEN g.compared_phase = 'base' THEN 1 ELSE 0 END AS before_is_base,
       p.scorer AS scorer,
       ROUND(s0.score, 6) AS score_base,
       ROUND(sb.score, 6) AS score_before,
       ROUND(sa.score, 6) AS score_after,
       CASE WHEN rb.decoding_key = ra.decoding_key THEN ROUND(sa.score - sb.score, 6) ELSE NULL END AS score_change,
       CASE WHEN rb.decoding_key = ra.decoding_key AND sa.score - sb.score > 0.000000001 THEN 'improved'
            WHEN rb.decoding_key = ra.decoding_key AND sb.score - sa.score > 0.000000001 THEN 'regressed'
            WHEN rb.decoding_key = ra.decoding_key AND sa.score IS NOT NULL AND sb.score IS NOT NULL THEN 'unchanged'
            ELSE 'not_compared' END AS outcome,
       CASE WHEN rb.decoding_key = ra.decoding_key AND sa.score - sb.score > 0.000000001 THEN 1 ELSE 0 END AS is_improved,
       CASE WHEN rb.decoding_key = ra.decoding_key AND sb.score - sa.score > 0.000000001 THEN 1 ELSE 0 END AS is_regressed,
       CASE WHEN sb.score IS NULL THEN NULL WHEN sb.score >= sb.pass_threshold THEN 1 ELSE 0 END AS passed_before,
       CASE WHEN sa.score IS NULL THEN NULL WHEN sa.score >= sa.pass_threshold THEN 1 ELSE 0 END AS passed_after,
       rb.latency_ms AS latency_ms_before,
       ra.latency_ms AS latency_ms_after,
       g.run_id AS run_id,
       g.decided_at AS evaluated_at,
       DATE(g.decided_at) AS evaluated_date
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
