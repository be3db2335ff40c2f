-- Statements of `sqltune forget`: what holds a text, its removal, and the certificate.

-- name: list_forget_keys
-- The secrets of the keyed hashes.
SELECT key_id, made_key
  FROM forget_keys;

-- name: insert_forget_key
-- A secret that is used from now on.
INSERT INTO forget_keys (key_id, made_key, created_at)
VALUES (:key_id, :made_key, :now);

-- name: list_forgotten_hashes
-- All keyed hashes of what was forgotten.
SELECT key_id, hash_kind, keyed_hash
  FROM forgotten_samples;

-- name: insert_forgotten_hash
-- What may not be trained, asked or stored again.
INSERT INTO forgotten_samples (erasure_id, hash_kind, keyed_hash, key_id, forgotten_at)
VALUES (:erasure_id, :hash_kind, :keyed_hash, :key_id, :now);

-- name: insert_erasure
-- The certificate, before anything is removed.
INSERT INTO erasures (erasure_id, adapter_name, state, requested_by, sample_count, samples_left, queries_left, requested_at)
VALUES (:erasure_id, :adapter_name, 'erasing', :requested_by, :sample_count, :samples_left, :queries_left, :now);

-- name: insert_erasure_version
-- A version that saw what is forgotten.
INSERT INTO erasure_versions (erasure_id, adapter_name, version_number, sample_count)
VALUES (:erasure_id, :adapter_name, :version_number, :sample_count);

-- name: count_removed
-- Count what one transaction removed in the certificate.
UPDATE erasures
   SET samples_removed = samples_removed + :samples,
       prompts_removed = prompts_removed + :prompts,
       answers_removed = answers_removed + :answers,
       messages_removed = messages_removed + :messages,
       files_removed = files_removed + :files
 WHERE erasure_id = :erasure_id;

-- name: list_open_erasures
-- Erasures that broke off.
SELECT erasure_id
  FROM erasures
 WHERE state = 'erasing'
 ORDER BY requested_at;

-- name: complete_erasure
-- Everything is removed, also from free pages.
UPDATE erasures
   SET state = 'done',
       erased_at = :now
 WHERE erasure_id = :erasure_id;

-- name: find_samples_of_key
-- The contents that a key ever had, and the manifests with them.
SELECT s.manifest_id, s.content_hash, m.adapter_name, c.forgotten_at
  FROM manifest_samples s
  JOIN manifests m ON m.manifest_id = s.manifest_id
  JOIN contents c ON c.content_hash = s.content_hash
 WHERE s.sample_key = :sample_key;

-- name: list_known_adapters
-- The adapters that are declared, or of which a manifest or a version is kept.
SELECT adapter_name
  FROM adapters
 UNION
SELECT adapter_name
  FROM manifests
 UNION
SELECT adapter_name
  FROM adapter_versions;

-- name: list_adapters_with_finding
-- The adapters of which a finding names a sample by its key.
SELECT r.adapter_name
  FROM data_issues i
  JOIN runs r ON r.run_id = i.run_id
 WHERE i.selection = 'training'
   AND i.row_key = :sample_key
 UNION
SELECT adapter_name
  FROM row_check_issues
 WHERE selection = 'training'
   AND row_key = :sample_key;

-- name: get_dataset_of_sample
-- The dataset of one row that people wrote.
SELECT dataset
  FROM training_samples
 WHERE sample_id = :sample_id;

-- name: find_manifests_of_content
-- The manifests with a content, and how often each has it.
SELECT s.manifest_id, m.adapter_name, COUNT(*) AS samples
  FROM manifest_samples s
  JOIN manifests m ON m.manifest_id = s.manifest_id
 WHERE s.content_hash = :content_hash
 GROUP BY s.manifest_id, m.adapter_name;

-- name: find_key_of_content
-- A row that has a content.
SELECT s.sample_key, m.adapter_name
  FROM manifest_samples s
  JOIN manifests m ON m.manifest_id = s.manifest_id
 WHERE s.content_hash = :content_hash
 LIMIT 1;

-- name: list_versions_of_manifest
-- The versions that were trained on a manifest.
SELECT adapter_name, version_number, retired_at
  FROM adapter_versions
 WHERE manifest_id = :manifest_id
 ORDER BY adapter_name, version_number;

-- name: list_ended_runs_of_manifest
-- The runs whose leftover files may hold samples of a manifest.
SELECT run_key, backend
  FROM runs
 WHERE manifest_id = :manifest_id
   AND run_key IS NOT NULL;

-- name: select_all_contents
-- Every stored text of samples and prompts; streamed.
SELECT content_hash, weight, prompt, response, system_prompt, messages
  FROM contents
 WHERE forgotten_at IS NULL;

-- name: get_content
-- The texts of one content.
SELECT content_hash, weight, prompt, response, system_prompt, messages, forgotten_at
  FROM contents
 WHERE content_hash = :content_hash;

-- name: count_contents
-- 1 if there is such a content.
SELECT COUNT(*) AS contents
  FROM contents
 WHERE content_hash = :content_hash;

-- name: add_forgotten_content
-- What is in the place of a forgotten content.
INSERT INTO contents (content_hash, prompt, response, weight, forgotten_at)
VALUES (:content_hash, :prompt, :response, :weight, :now);

-- name: delete_content
-- Remove the texts of a content.
DELETE FROM contents
 WHERE content_hash = :content_hash;

-- name: replace_sample_content
-- Samples of a content that is removed; where rows have no keys of their own, its hash is their key.
UPDATE manifest_samples
   SET sample_key = CASE WHEN sample_key = :content_hash THEN :new_hash ELSE sample_key END,
       content_hash = :new_hash
 WHERE content_hash = :content_hash;

-- name: select_prompts_by_content
-- Every evaluation prompt of every run; streamed.
SELECT content_hash, run_id, prompt_key
  FROM run_prompts;

-- name: replace_prompt_content
-- An evaluation prompt whose texts are removed.
UPDATE run_prompts
   SET content_hash = :new_hash
 WHERE run_id = :run_id
   AND prompt_key = :prompt_key;

-- name: forget_answers_to_content
-- The answers to a prompt whose texts are removed.
UPDATE responses
   SET response = NULL,
       error_code = 'forgotten',
       error_message = :message
 WHERE content_hash = :content_hash
   AND response IS NOT NULL;

-- name: replace_answered_content
-- What was answered, or an error in the place of it, and is removed.
UPDATE responses
   SET content_hash = :new_hash
 WHERE content_hash = :content_hash;

-- name: forget_answer
-- An answer that holds a forgotten text.
UPDATE responses
   SET response = NULL,
       error_code = 'forgotten',
       error_message = :message
 WHERE run_id = :run_id
   AND prompt_key = :prompt_key
   AND phase = :phase;

-- name: select_all_answers
-- Every answer and every error in the place of one; streamed.
SELECT run_id, prompt_key, phase, response, error_message
  FROM responses;

-- name: forget_prediction
-- An answer to a row that holds a forgotten text.
UPDATE predictions
   SET answer = NULL,
       error_code = 'forgotten',
       error_message = :message
 WHERE adapter_name = :adapter_name
   AND row_key = :row_key;

-- name: select_all_predictions
-- Every answer to a row and every error in the place of one; streamed.
SELECT adapter_name, row_key, content_hash, answer, error_message
  FROM predictions;

-- name: count_forgotten_in_manifest
-- How many samples of a manifest are forgotten; texts that are older than they are kept are not.
SELECT COUNT(*) AS samples
  FROM manifest_samples s
  JOIN contents c ON c.content_hash = s.content_hash
 WHERE s.manifest_id = :manifest_id
   AND s.content_hash <> :expired_hash
   AND c.forgotten_at IS NOT NULL;

-- name: set_forgotten_count
-- Mark a manifest, and with it the versions that were trained on it.
UPDATE manifests
   SET forgotten_count = :forgotten_count
 WHERE manifest_id = :manifest_id;

-- name: select_all_questions
-- Every question with its answer; streamed.
SELECT question_id, answer, prompt, system_prompt, messages
  FROM questions;

-- name: forget_question
-- A question that holds a forgotten text, with its answer; a runner that has it stores nothing.
UPDATE questions
   SET state = 'failed',
       prompt = :shown,
       system_prompt = NULL,
       messages = NULL,
       answer = NULL,
       claimed_by = NULL,
       claim_expires_at = NULL,
       error_code = 'forgotten',
       error_message = :message
 WHERE question_id = :question_id;

-- name: forget_answer_to_question
-- An answer that holds a forgotten text.
UPDATE questions
   SET state = 'failed',
       answer = NULL,
       error_code = 'forgotten',
       error_message = :message
 WHERE question_id = :question_id;

-- name: select_all_corrections
-- Every correction; streamed.
SELECT feedback_id, run_id, prompt_key, correction
  FROM feedback
 WHERE correction IS NOT NULL;

-- name: forget_correction
-- A correction that holds a forgotten text. It may be selected for training, so that nothing is put in its place.
UPDATE feedback
   SET correction = NULL
 WHERE feedback_id = :feedback_id;

-- name: forget_corrections_of_question
-- The corrections of a question that is forgotten.
UPDATE feedback
   SET correction = NULL
 WHERE question_id = :question_id
   AND correction IS NOT NULL;
