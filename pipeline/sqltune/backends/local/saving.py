"""Writes a trained adapter's folder between two rows of the journal: announced, and settled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqltune.backends.base import Journal, TrainingJob
from sqltune.local_lora.adapters import SavedAdapter
from sqltune.local_lora.training import LoraTrainer


def save_announced(
    trainer: LoraTrainer,
    folder: Path,
    job: TrainingJob,
    journal: Journal,
    *,
    call_kind: str,
    rehearsal_pairs: int,
    measured: Mapping[str, object] | None = None,
) -> SavedAdapter:
    """Write the adapter as it is now.

    Args:
        trainer: what has the weights.
        folder: where to.
        job: names the samples.
        journal: gets the call.
        call_kind: what the call is named.
        rehearsal_pairs: how many were rehearsed beside the samples.
        measured: the epoch of the weights and its loss, where that is known.

    Raises:
        BackendError: it cannot be written, for instance because the disk is full.
    """
    calls: list[int] = []
    saved = trainer.save(
        folder,
        fingerprint=job.fingerprint,
        rehearsal_pairs=rehearsal_pairs,
        # Committed as late as possible: a training that lost the adapter meanwhile ends here.
        announce=lambda: calls.append(journal.intend(call_kind, str(folder))),
        measured=measured,
    )
    outcome = f"sha256 {saved.weights_sha256}"
    journal.settle(calls[0], "done", external_id=None, outcome=outcome)
    return saved
