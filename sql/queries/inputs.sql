-- Statements about the tables that people write: used by `sqltune import` and the demo only.

-- name: insert_sample
-- One training sample.
INSERT INTO training_samples (dataset, prompt, response, system_prompt, messages, weight, group_key, split)
VALUES (:dataset, :prompt, :response, :system_prompt, :messages, :weight, :group_key, :split);

-- name: insert_prompt
-- One evaluation prompt.
INSERT INTO eval_prompts (dataset, prompt, expected, system_prompt, messages, category, scorer)
VALUES (:dataset, :prompt, :expected, :system_prompt, :messages, :category, :scorer);

-- name: insert_echo
-- A text that `sqltune check` writes and reads back before it rolls back.
INSERT INTO eval_prompts (dataset, prompt)
VALUES (:dataset, :prompt);

-- name: get_echo
-- The text as the database returns it.
SELECT prompt
  FROM eval_prompts
 WHERE dataset = :dataset;
