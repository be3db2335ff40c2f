-- The adapter of the demo: which base model to tune, for how many epochs, and how to judge it.
-- Everything else keeps its default: the backend is local, and the rows below carry the adapter's name as their dataset.
INSERT INTO adapters (adapter_name, base_model, epochs, scorer)
VALUES ('Pavanmodel', 'sqltune/embedded', 3, 'contains');
