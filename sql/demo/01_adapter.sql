-- The adapter of the demo: which base model to tune, for how many epochs, and how to score its answers, which are kept short.
-- Everything else has its default: the backend is local, and the adapter reads the dataset of its own name.
INSERT INTO adapters (adapter_name, base_model, epochs, scorer, max_new_tokens)
VALUES ('Pavanmodel', 'HuggingFaceTB/SmolLM2-135M-Instruct', 3, 'contains', 40);
