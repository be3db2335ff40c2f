"""The row of an adapter with all its defaults, for tests without a database."""

from __future__ import annotations

from sqltune.records import Adapter

ADAPTER = Adapter(
    adapter_name="office",
    base_model="toy",
    is_enabled=True,
    backend="scripted",
    base_model_revision=None,
    training_query=None,
    eval_query=None,
    epochs=3,
    learning_rate=None,
    lora_rank=None,
    lora_alpha=None,
    batch_size=None,
    rehearsal="auto",
    seed=0,
    on_bad_row="stop",
    max_skipped_share=0.01,
    scorer="token_f1",
    extra_scorers=(),
    pass_threshold=None,
    max_new_tokens=128,
    temperature=0.0,
    min_gain=None,
)
