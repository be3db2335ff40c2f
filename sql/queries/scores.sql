-- Scores of responses, and the pairs that the comparison reads.

-- name: fetch_unscored_responses
-- The next answers of a phase without scores, with what the scorers need. Errors are not scored.
-- All scores of one answer are written together, so one row shows that it was scored.
SELECT r.prompt_key,
       r.response,
       c.prompt,
       c.response AS expected,
       p.scorer
  FROM run_prompts p
  JOIN responses r ON r.run_id = p.run_id AND r.prompt_key = p.prompt_key
  JOIN contents c ON c.content_hash = p.content_hash
 WHERE p.run_id = :run_id
   AND p.prompt_key > :after_key
   AND r.phase = :phase
   AND r.error_code IS NULL
   AND NOT EXISTS (SELECT 1
                     FROM scores s
                    WHERE s.run_id = r.run_id
                      AND s.prompt_key = r.prompt_key
                      AND s.phase = r.phase)
 ORDER BY p.prompt_key
 LIMIT :page_size;

-- name: insert_score
-- The score that one scorer gave to one answer.
INSERT INTO scores (run_id, prompt_key, phase, scorer, is_primary_scorer, score, pass_threshold, error_message, reason, scored_at)
VALUES (:run_id, :prompt_key, :phase, :scorer, :is_primary_scorer, :score, :pass_threshold, :error_message, :reason, :scored_at);

-- name: fetch_error_scores
-- The next answers that a scorer could not score.
SELECT DISTINCT prompt_key,
       phase
  FROM scores
 WHERE run_id = :run_id
   AND score IS NULL
 ORDER BY prompt_key, phase
 LIMIT :page_size;

-- name: delete_scores
-- Delete all scores of one answer, so that it is scored again.
DELETE FROM scores
 WHERE run_id = :run_id
   AND prompt_key = :prompt_key
   AND phase = :phase;

-- name: fetch_score_pairs
-- The primary scores of the next prompts that can be scored, in two phases side by side; NULL where an answer or a score is missing
-- or an error.
SELECT p.prompt_key,
       p.content_hash,
       p.category,
       p.is_leaked,
       b.decoding_key AS decoding_key_before,
       a.decoding_key AS decoding_key_after,
       sb.score AS score_before,
       sa.score AS score_after
  FROM run_prompts p
  LEFT JOIN responses b ON b.run_id = p.run_id AND b.prompt_key = p.prompt_key AND b.phase = :compared_phase
  LEFT JOIN responses a ON a.run_id = p.run_id AND a.prompt_key = p.prompt_key AND a.phase = 'after'
  LEFT JOIN scores sb ON sb.run_id = p.run_id AND sb.prompt_key = p.prompt_key
                     AND sb.phase = :compared_phase AND sb.scorer = p.scorer
  LEFT JOIN scores sa ON sa.run_id = p.run_id AND sa.prompt_key = p.prompt_key
                     AND sa.phase = 'after' AND sa.scorer = p.scorer
 WHERE p.run_id = :run_id
   AND p.prompt_key > :after_key
   AND p.is_scored = 1
 ORDER BY p.prompt_key
 LIMIT :page_size;

-- name: fetch_evaluated_prompts
-- The next prompts that can be scored, with the primary score of the version that the run evaluated; NULL where its answer or its
-- score is missing or an error.
SELECT p.prompt_key,
       p.content_hash,
       p.scorer,
       p.is_leaked,
       s.score
  FROM run_prompts p
  LEFT JOIN scores s ON s.run_id = p.run_id AND s.prompt_key = p.prompt_key AND s.phase = 'after' AND s.scorer = p.scorer
 WHERE p.run_id = :run_id
   AND p.prompt_key > :after_key
   AND p.is_scored = 1
 ORDER BY p.prompt_key
 LIMIT :page_size;

-- name: count_trained_prompts
-- How many prompts that are trained on have a score after the training, and how many of them pass.
SELECT COUNT(*) AS prompt_count,
       COALESCE(SUM(CASE WHEN s.score >= s.pass_threshold THEN 1 ELSE 0 END), 0) AS right_count
  FROM run_prompts p
  JOIN scores s ON s.run_id = p.run_id AND s.prompt_key = p.prompt_key AND s.phase = 'after' AND s.scorer = p.scorer
 WHERE p.run_id = :run_id
   AND p.leaked_by = 'prompt'
   AND s.score IS NOT NULL;
