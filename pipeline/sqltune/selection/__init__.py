"""From a person's query to the rows of a run: guarded, streamed, validated, hashed and frozen.

Nothing here imports sqlglot before a query of a person's own has to be guarded.
"""

from __future__ import annotations

from sqltune.selection.content_hash import Fingerprint
from sqltune.selection.eval_prompts import FrozenPrompts, freeze_eval_prompts
from sqltune.selection.eval_prompts import fingerprint_prompts as fingerprint_evaluation
from sqltune.selection.guard import guard_query
from sqltune.selection.manifest import Manifest, write_manifest
from sqltune.selection.new_samples import count_new_samples
from sqltune.selection.samples import ManifestSamples, read_samples
from sqltune.selection.scan import fingerprint_samples as fingerprint_training
from sqltune.selection.scan import select_samples
from sqltune.selection.sources import default_eval_query, default_training_query

__all__ = [
    "Fingerprint",
    "FrozenPrompts",
    "Manifest",
    "ManifestSamples",
    "count_new_samples",
    "default_eval_query",
    "default_training_query",
    "fingerprint_evaluation",
    "fingerprint_training",
    "freeze_eval_prompts",
    "guard_query",
    "read_samples",
    "select_samples",
    "write_manifest",
]
