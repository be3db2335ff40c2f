"""From a person's query to the rows of a run: guarded, streamed, validated, hashed and frozen.

Nothing here imports sqlglot before a query of a person's own has to be guarded.
"""

from __future__ import annotations

from pipeline.selection.eval_prompts import FrozenPrompts, freeze_eval_prompts
from pipeline.selection.eval_prompts import fingerprint_prompts as fingerprint_evaluation
from pipeline.selection.fingerprint import Fingerprint
from pipeline.selection.fingerprinting import fingerprint_samples as fingerprint_training
from pipeline.selection.fingerprinting import select_samples
from pipeline.selection.guard import guard_query
from pipeline.selection.manifest import Manifest, write_manifest
from pipeline.selection.new_samples import count_new_samples
from pipeline.selection.samples import ManifestSamples, read_samples
from pipeline.selection.sources import default_eval_query, default_training_query

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
