-- Statements that read samples with their texts.

-- name: fetch_samples_page
-- The samples of a range of positions, in order.
SELECT m.position, m.sample_key, c.prompt, c.response, c.system_prompt, c.messages, c.weight, c.group_key, c.split
  FROM manifest_samples AS m
  JOIN contents AS c
    ON c.content_hash = m.content_hash
 WHERE m.manifest_id = :manifest_id
   AND m.position >= :first_position
   AND m.position < :end_position
 ORDER BY m.position;

-- name: fetch_samples_at
-- The samples of up to sixteen positions, in any order.
SELECT m.position, m.sample_key, c.prompt, c.response, c.system_prompt, c.messages, c.weight, c.group_key, c.split
  FROM manifest_samples AS m
  JOIN contents AS c
    ON c.content_hash = m.content_hash
 WHERE m.manifest_id = :manifest_id
   AND m.position IN (:p0, :p1, :p2, :p3, :p4, :p5, :p6, :p7,
                      :p8, :p9, :p10, :p11, :p12, :p13, :p14, :p15);

-- name: select_manifest_prompts
-- The key, the prompt, its context and the group of every trained sample of a manifest; streamed, to be compared with the
-- evaluation prompts.
SELECT m.sample_key, c.prompt, c.system_prompt, c.messages, c.group_key
  FROM manifest_samples AS m
  JOIN contents AS c
    ON c.content_hash = m.content_hash
 WHERE m.manifest_id = :manifest_id
   AND m.is_validation = 0;

-- name: add_run_prompt
-- One evaluation prompt of a run as it will be asked.
INSERT INTO run_prompts (run_id, prompt_key, content_hash, category, scorer, is_scored)
VALUES (:run_id, :prompt_key, :content_hash, :category, :scorer, :is_scored);

-- name: mark_leaked_prompt
-- Mark a prompt of a run that a trained sample has too.
UPDATE run_prompts
   SET is_leaked = 1,
       leaked_by = :leaked_by
 WHERE run_id = :run_id
   AND prompt_key = :prompt_key;

-- name: get_prompt_text
-- The text of a prompt of a run.
SELECT c.prompt
  FROM run_prompts AS r
  JOIN contents AS c
    ON c.content_hash = r.content_hash
 WHERE r.run_id = :run_id
   AND r.prompt_key = :prompt_key;

-- name: delete_run_prompts
-- Delete the prompts of a run, before they are frozen again.
DELETE FROM run_prompts
 WHERE run_id = :run_id;

-- name: list_removed_positions
-- The positions of the samples of a manifest whose texts were removed, because they were forgotten or are older than they are kept.
SELECT s.position
  FROM manifest_samples s
  JOIN contents c ON c.content_hash = s.content_hash
 WHERE s.manifest_id = :manifest_id
   AND c.forgotten_at IS NOT NULL
 ORDER BY s.position;
