-- What models answered: the prompts to ask, the answers that are known already, and their rows.

-- name: fetch_prompt_page
-- The next prompts of a run with their texts, in the order of prompt_key, which is the order of asking.
SELECT p.prompt_key,
       p.content_hash,
       c.prompt,
       c.response AS expected,
       c.system_prompt,
       c.messages,
       p.category,
       p.scorer
  FROM run_prompts p
  JOIN contents c ON c.content_hash = p.content_hash
 WHERE p.run_id = :run_id
   AND p.prompt_key > :after_key
 ORDER BY p.prompt_key
 LIMIT :page_size;

-- name: fetch_answered_keys
-- Which prompts between two keys have a row in this phase: an answer or an error.
SELECT prompt_key
  FROM responses
 WHERE run_id = :run_id
   AND phase = :phase
   AND prompt_key >= :first_key
   AND prompt_key <= :last_key;

-- name: fetch_known_answers
-- What the same model answered to the same content under the same decoding settings, first asked first.
-- Only rows that were really asked count: copies would multiply with every run.
SELECT p.prompt_key,
       r.run_id,
       r.response,
       r.finish_reason,
       r.prompt_tokens,
       r.output_tokens,
       r.latency_ms
  FROM run_prompts p
  JOIN responses r ON r.content_hash = p.content_hash
 WHERE p.run_id = :run_id
   AND p.prompt_key >= :first_key
   AND p.prompt_key <= :last_key
   AND r.model_key = :model_key
   AND r.decoding_key = :decoding_key
   AND r.reused_run_id IS NULL
   AND r.error_code IS NULL
 ORDER BY p.prompt_key, r.answered_at, r.run_id, r.prompt_key;

-- name: insert_response
-- One answer, or the error in its place.
INSERT INTO responses (run_id, prompt_key, phase, content_hash, model_key, decoding_key, response, error_code, error_message,
                       finish_reason, prompt_tokens, output_tokens, latency_ms, reused_run_id, answered_at)
VALUES (:run_id, :prompt_key, :phase, :content_hash, :model_key, :decoding_key, :response, :error_code, :error_message,
        :finish_reason, :prompt_tokens, :output_tokens, :latency_ms, :reused_run_id, :answered_at);

-- name: add_responses_stored
-- Show the progress in the run, in the transaction that stores the answers.
UPDATE runs
   SET responses_stored = responses_stored + :added
 WHERE run_id = :run_id;

-- name: count_responses
-- How many prompts of a phase have an answer or an error.
SELECT COUNT(*) AS response_count,
       COUNT(error_code) AS error_count
  FROM responses
 WHERE run_id = :run_id
   AND phase = :phase;

-- name: fetch_error_responses
-- The next errors in the place of answers; what was forgotten or is older than it is kept is not asked again.
SELECT prompt_key,
       phase
  FROM responses
 WHERE run_id = :run_id
   AND error_code IS NOT NULL
   AND error_code NOT IN ('forgotten', 'expired')
 ORDER BY prompt_key, phase
 LIMIT :page_size;

-- name: delete_response
-- Delete one row, so that its prompt is asked again.
DELETE FROM responses
 WHERE run_id = :run_id
   AND prompt_key = :prompt_key
   AND phase = :phase;
