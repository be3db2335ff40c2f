-- Questions that people insert, and the answers that the runner writes into their rows.

-- name: find_first_waiting_question
-- A question that waits, to the first adapter by name; no row: none waits.
SELECT question_id, adapter_name
  FROM questions
 WHERE state = 'waiting'
 ORDER BY adapter_name
 LIMIT 1;

-- name: find_next_waiting_question
-- A question that waits, to the next adapter by name; no row: there is no other.
SELECT question_id, adapter_name
  FROM questions
 WHERE state = 'waiting'
   AND adapter_name > :after_name
 ORDER BY adapter_name
 LIMIT 1;

-- name: count_waiting_questions
-- How many questions wait, by adapter: what a sync answers of those that people insert meanwhile is limited by it.
SELECT adapter_name, COUNT(*) AS questions
  FROM questions
 WHERE state = 'waiting'
 GROUP BY adapter_name;

-- name: fetch_waiting_questions
-- The questions to one adapter that wait longest.
SELECT question_id, adapter_name, alias, version_number, prompt, system_prompt, messages, max_new_tokens, temperature, crash_count
  FROM questions
 WHERE state = 'waiting'
   AND adapter_name = :adapter_name
 ORDER BY asked_at
 LIMIT :page_size;

-- name: claim_question
-- Take a question to answer it, also again, where the reply to a first COMMIT was lost. No row matched: another runner was first,
-- or it was withdrawn.
UPDATE questions
   SET state = 'answering',
       claimed_by = :owner,
       claim_expires_at = :expires_at
 WHERE question_id = :question_id
   AND (state = 'waiting' OR claimed_by = :owner);

-- name: renew_question_claims
-- The runner is alive and still answers these.
UPDATE questions
   SET claim_expires_at = :expires_at
 WHERE state = 'answering'
   AND claimed_by = :owner;

-- name: settle_question
-- The answer, or the error in place of it. No row matched: another runner has it now, or it was withdrawn.
UPDATE questions
   SET state = :state,
       answered_version = :answered_version,
       answer = :answer,
       finish_reason = :finish_reason,
       prompt_tokens = :prompt_tokens,
       output_tokens = :output_tokens,
       latency_ms = :latency_ms,
       answered_at = :now,
       crash_count = 0,
       claimed_by = NULL,
       claim_expires_at = NULL,
       error_code = :error_code,
       error_message = :error_message
 WHERE question_id = :question_id
   AND state = 'answering'
   AND claimed_by = :owner;

-- name: return_questions
-- What a runner has claimed and not answered waits again, and says why.
UPDATE questions
   SET state = 'waiting',
       crash_count = 0,
       claimed_by = NULL,
       claim_expires_at = NULL,
       error_code = :error_code,
       error_message = :error_message
 WHERE state = 'answering'
   AND claimed_by = :owner;

-- name: list_expired_claims
-- Questions whose runner has not renewed its claim in time; one that ends too late was written by a wrong clock.
SELECT question_id, crash_count
  FROM questions
 WHERE state = 'answering'
   AND (claim_expires_at IS NULL OR claim_expires_at < :now OR claim_expires_at > :latest)
 LIMIT :page_size;

-- name: take_back_question
-- A question whose runner died waits again, or has failed once too many of them died with it. No row matched: the runner lives and
-- has renewed its claim, or another one was first.
UPDATE questions
   SET state = :state,
       crash_count = crash_count + 1,
       answered_at = :answered_at,
       claimed_by = NULL,
       claim_expires_at = NULL,
       error_code = :error_code,
       error_message = :error_message
 WHERE question_id = :question_id
   AND state = 'answering'
   AND (claim_expires_at IS NULL OR claim_expires_at < :now OR claim_expires_at > :latest);
