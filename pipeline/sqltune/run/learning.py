"""Whether a training taught what it was given, said in words where it did not.

Prompts that are trained on say nothing about other questions, but this much: where the version
still answers most of them wrong, it has not learnt its samples.
"""

from __future__ import annotations

import math

from sqltune.database.tables import scores
from sqltune.records import AdapterVersion, Run, RunKind
from sqltune.run.work import Work

#: So many steps with samples make use of a small set.
ENOUGH_STEPS = 100
#: More epochs than this are not advised, however few the samples are.
MOST_EPOCHS = 20


def explain_little_learnt(work: Work, run: Run, version: AdapterVersion) -> str | None:
    """Return what was not learnt and what to change; None where most was, or nothing can be said.

    Args:
        work: the run's parts.
        run: one that trained and was asked and scored.
        version: what it trained.
    """
    if run.run_kind is not RunKind.TRAIN:
        return None
    with work.scope.read() as session:
        trained = scores.count_trained_prompts(session, run.run_id)
    if 2 * trained.right >= trained.prompts:
        return None
    wrong = trained.prompts - trained.right
    return (
        f"little learnt: {wrong:,} of {trained.prompts:,} prompts that are trained on are still "
        f"answered wrong after {_describe_steps(run, version)}"
    )


def _describe_steps(run: Run, version: AdapterVersion) -> str:
    """Return how long was trained, and what to change."""
    epochs = f"{version.epochs} epoch{'s' * (version.epochs != 1)}"
    if version.batch_size is None or not run.samples_used:
        return f"{epochs}; try more epochs"
    per_epoch = math.ceil(run.samples_used / version.batch_size)
    steps = per_epoch * version.epochs
    done = f"{steps:,} steps with samples ({epochs})"
    advised = min(MOST_EPOCHS, math.ceil(ENOUGH_STEPS / per_epoch))
    if version.epochs >= advised:
        return f"{done}; try more epochs, a larger lora_rank or a larger base model"
    return f"{done}, which are few: try epochs = {advised}"
