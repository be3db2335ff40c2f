-- The answers before and after training side by side: what most people look at first.
-- Views are a public contract: plain columns, one row one fact, no clock. A breaking change is a new view.

-- view: report_before_after
-- One row per adapter version and evaluation prompt, of the version's latest evaluation, scored by the prompt's primary scorer.
-- Where nothing was live when the run began, the base model's answer stands as the one before, and before_is_base is 1.
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
       CASE WHEN rb.prompt_key IS NULL THEN r0.response ELSE rb.response END AS response_before,
       ra.response AS response_after,
       CASE WHEN rb.prompt_key IS NULL THEN 1 ELSE 0 END AS before_is_base,
       p.scorer AS scorer,
       ROUND(s0.score, 6) AS score_base,
       ROUND(CASE WHEN rb.prompt_key IS NULL THEN s0.score ELSE sb.score END, 6) AS score_before,
       ROUND(sa.score, 6) AS score_after,
       ROUND(CASE WHEN COALESCE(rb.decoding_key, r0.decoding_key) <> ra.decoding_key THEN NULL
                  WHEN rb.prompt_key IS NULL THEN sa.score - s0.score
                  ELSE sa.score - sb.score END, 6) AS score_change,
       CASE WHEN COALESCE(rb.decoding_key, r0.decoding_key) <> ra.decoding_key THEN 'not_compared'
            WHEN sa.score IS NULL THEN 'not_compared'
            WHEN rb.prompt_key IS NULL AND s0.score IS NULL THEN 'not_compared'
            WHEN rb.prompt_key IS NOT NULL AND sb.score IS NULL THEN 'not_compared'
            WHEN sa.score > CASE WHEN rb.prompt_key IS NULL THEN s0.score ELSE sb.score END THEN 'improved'
            WHEN sa.score < CASE WHEN rb.prompt_key IS NULL THEN s0.score ELSE sb.score END THEN 'regressed'
            ELSE 'unchanged' END AS outcome,
       CASE WHEN sa.score > CASE WHEN rb.prompt_key IS NULL THEN s0.score ELSE sb.score END THEN 1 ELSE 0 END
           AS is_improved,
       CASE WHEN sa.score < CASE WHEN rb.prompt_key IS NULL THEN s0.score ELSE sb.score END THEN 1 ELSE 0 END
           AS is_regressed,
       CASE WHEN rb.prompt_key IS NULL
            THEN CASE WHEN s0.score IS NULL THEN NULL WHEN s0.score >= s0.pass_threshold THEN 1 ELSE 0 END
            ELSE CASE WHEN sb.score IS NULL THEN NULL WHEN sb.score >= sb.pass_threshold THEN 1 ELSE 0 END
            END AS passed_before,
       CASE WHEN sa.score IS NULL THEN NULL WHEN sa.score >= sa.pass_threshold THEN 1 ELSE 0 END AS passed_after,
       CASE WHEN rb.prompt_key IS NULL THEN r0.latency_ms ELSE rb.latency_ms END AS latency_ms_before,
       ra.latency_ms AS latency_ms_after,
       v.evaluation_run_id AS run_id,
       g.decided_at AS evaluated_at,
       DATE(g.decided_at) AS evaluated_date
  FROM adapter_versions v
  JOIN gate_decisions g ON g.run_id = v.evaluation_run_id
  JOIN run_prompts p ON p.run_id = v.evaluation_run_id
  JOIN contents c ON c.content_hash = p.content_hash
  LEFT JOIN responses r0 ON r0.run_id = p.run_id AND r0.prompt_key = p.prompt_key AND r0.phase = 'base'
  LEFT JOIN responses rb ON rb.run_id = p.run_id AND rb.prompt_key = p.prompt_key AND rb.phase = 'before'
  LEFT JOIN responses ra ON ra.run_id = p.run_id AND ra.prompt_key = p.prompt_key AND ra.phase = 'after'
  LEFT JOIN scores s0 ON s0.run_id = p.run_id AND s0.prompt_key = p.prompt_key AND s0.phase = 'base'
                     AND s0.scorer = p.scorer
  LEFT JOIN scores sb ON sb.run_id = p.run_id AND sb.prompt_key = p.prompt_key AND sb.phase = 'before'
                     AND sb.scorer = p.scorer
  LEFT JOIN scores sa ON sa.run_id = p.run_id AND sa.prompt_key = p.prompt_key AND sa.phase = 'after'
                     AND sa.scorer = p.scorer;
