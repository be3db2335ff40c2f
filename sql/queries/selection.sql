-- The selections of adapters whose own queries are NULL. They run on the selection connection, which only reads.

-- name: select_training_samples
-- The rows of one dataset.
SELECT sample_id AS sample_key, prompt, response, system_prompt, messages, weight, group_key, split
  FROM training_samples
 WHERE dataset = :dataset;

-- name: select_eval_prompts
-- The evaluation prompts of one dataset.
SELECT prompt_id AS prompt_key, prompt, expected, system_prompt, messages, category, scorer, group_key
  FROM eval_prompts
 WHERE dataset = :dataset;
