-- Texts of samples and prompts, once per content hash.

-- name: add_content
-- Store a content, unless it is there already.
INSERT INTO contents (content_hash, prompt, response, system_prompt, messages, weight, group_key, split)
VALUES (:content_hash, :prompt, :response, :system_prompt, :messages, :weight, :group_key, :split)
ON CONFLICT (content_hash) DO NOTHING;
