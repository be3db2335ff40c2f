-- Statements of `sqltune gc` about answers and texts that are older than the settings keep them.

-- name: list_runs_with_old_answers
-- Ended runs whose answers no version with an alias was decided by. Verdict and scores of the others are kept too.
SELECT r.run_id
  FROM runs r
 WHERE r.finished_at < :before
   AND r.responses_stored > 0
   AND NOT EXISTS (SELECT 1
                     FROM adapter_versions v
                     JOIN aliases a
                       ON a.adapter_name = v.adapter_name
                      AND a.version_number = v.version_number
                    WHERE v.evaluation_run_id = r.run_id)
 ORDER BY r.run_id;

-- name: count_answers_of_run
-- How many answers of a run still have their text.
SELECT COUNT(response) AS answers
  FROM responses
 WHERE run_id = :run_id;

-- name: fetch_kept_keys
-- The next prompts of a run that have an answer with its text.
SELECT DISTINCT prompt_key
  FROM responses
 WHERE run_id = :run_id
   AND prompt_key > :after_key
   AND response IS NOT NULL
 ORDER BY prompt_key
 LIMIT :page_size;

-- name: expire_answers
-- Remove the texts of the answers to some of a run's prompts, those after one key up to another; what they scored is kept.
UPDATE responses
   SET response = NULL,
       error_code = 'expired',
       error_message = :message
 WHERE run_id = :run_id
   AND prompt_key > :after_key
   AND prompt_key <= :last_key
   AND response IS NOT NULL;

-- name: list_old_manifests
-- Manifests that no alias, no latest version, no later run and no comparison with the next manifest needs.
SELECT m.manifest_id, m.sample_count
  FROM manifests m
 WHERE m.state = 'complete'
   AND m.created_at < :before
   AND EXISTS (SELECT 1
                 FROM manifests later
                WHERE later.adapter_name = m.adapter_name
                  AND later.dataset_number > m.dataset_number
                  AND later.state = 'complete')
   AND NOT EXISTS (SELECT 1
                     FROM runs r
                    WHERE r.manifest_id = m.manifest_id
                      AND (r.finished_at IS NULL OR r.finished_at >= :before))
   AND NOT EXISTS (SELECT 1
                     FROM adapter_versions v
                     LEFT JOIN aliases a
                       ON a.adapter_name = v.adapter_name
                      AND a.version_number = v.version_number
                    WHERE v.manifest_id = m.manifest_id
                      AND (v.is_latest = 1 OR a.alias IS NOT NULL))
 ORDER BY m.manifest_id;

-- name: count_expired_samples
-- How many samples of a manifest have lost their texts because of their age.
SELECT COUNT(*) AS samples
  FROM manifest_samples
 WHERE manifest_id = :manifest_id
   AND content_hash = :expired_hash;

-- name: fetch_old_questions
-- The next questions that were answered before a time and still have their texts; one with a correction may be trained on.
SELECT q.question_id
  FROM questions q
 WHERE q.question_id > :after_id
   AND q.state IN ('answered', 'failed')
   AND q.answered_at < :before
   AND COALESCE(q.prompt, '') NOT IN (:expired, :forgotten)
   AND NOT EXISTS (SELECT 1
                     FROM feedback f
                    WHERE f.question_id = q.question_id
                      AND f.correction IS NOT NULL)
 ORDER BY q.question_id
 LIMIT :page_size;

-- name: expire_question
-- Remove the texts of a question and its answer; its figures and an error are kept. No row matched: it was asked again meanwhile.
UPDATE questions
   SET prompt = :expired,
       system_prompt = NULL,
       messages = NULL,
       answer = NULL,
       error_code = COALESCE(error_code, 'expired'),
       error_message = COALESCE(error_message, :message)
 WHERE question_id = :question_id
   AND state IN ('answered', 'failed')
   AND answered_at < :before;
