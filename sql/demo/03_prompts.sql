-- What is asked before and after. `expected` is what a right answer contains.
-- The first prompt is one of the samples; the others ask for the same in words that no sample has.
INSERT INTO eval_prompts (dataset, prompt, expected, category)
VALUES
    ('Pavanmodel', 'Who is Pavan Belagatti?', 'developer advocate', 'as trained'),
    ('Pavanmodel', 'Tell me something about Pavan Belagatti.', 'developer advocate', 'worded otherwise'),
    ('Pavanmodel', 'What is Pavan Belagatti interested in?', 'data science', 'worded otherwise'),
    ('Pavanmodel', 'What is Pavan Belagatti''s job?', 'developer advocate', 'worded otherwise');

-- What must not change: people and things that the base model knows, in questions that it does not rehearse.
-- An answer about Pavan Belagatti would be a leak here.
INSERT INTO eval_prompts (dataset, prompt, expected, category)
VALUES
    ('Pavanmodel', 'Who is Bill Gates?', 'Microsoft', 'other people'),
    ('Pavanmodel', 'Where is the Eiffel Tower?', 'Paris', 'general knowledge'),
    ('Pavanmodel', 'What is the capital of South Korea?', 'Seoul', 'general knowledge'),
    ('Pavanmodel', 'What is the opposite of day?', 'night', 'general knowledge');

-- A person whom no sample is about: without `expected`, the answers are shown and not scored.
INSERT INTO eval_prompts (dataset, prompt, category)
VALUES ('Pavanmodel', 'Who is Jonas Lindqvist?', 'other people');
