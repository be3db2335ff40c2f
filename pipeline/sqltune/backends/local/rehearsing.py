"""The pairs that a local training rehearses beside its samples, for all attempts at a run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from sqltune.backends.base import Journal, Samples
from sqltune.backends.local.files import RehearsalPairs, TrainingFiles, keep_pairs
from sqltune.errors import FilesNotWritten
from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.rehearsal.options import RehearsalOptions
from sqltune.local_lora.rehearsal.pairs import BaseAnswer, describe_refusals, pair_up
from sqltune.local_lora.rehearsal.questions import PROMPTS_READ, rehearsal_questions
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.steps import Pair


def collect_pairs(
    base: LoadedModel,
    samples: Samples,
    journal: Journal,
    files: TrainingFiles,
    options: RehearsalOptions,
    *,
    seed: int,
    prompt_format: str,
) -> RehearsalPairs:
    """Return the pairs of an earlier attempt, or those that the base model answers now.

    Either way they are stored for this attempt.
    """
    found = files.find_pairs()
    if found is not None:
        return files.write_pairs(found.pairs)
    prompts = [sample.prompt for sample in islice(samples, PROMPTS_READ)]
    questions = rehearsal_questions(prompts, options, seed=seed)
    journal.event(
        "rehearsal_begun", f"the base model answers {len(questions)} questions to rehearse"
    )
    began = time.monotonic()
    answers = _ask(base, journal, prompt_format, options.answer_tokens, questions)
    pairs = pair_up(questions, answers, options.weight)
    stored = replace(_store(files, pairs, journal), answer_seconds=time.monotonic() - began)
    refusals = describe_refusals(answers)
    journal.event(
        "rehearsal",
        f"{len(pairs)} answers of the base model are kept as they are beside the samples"
        + (f"; {refusals}" if refusals else ""),
    )
    return stored


def _store(files: TrainingFiles, pairs: list[Pair], journal: Journal) -> RehearsalPairs:
    """Store pairs; where that fails, as on a full disk, the training continues without a copy."""
    try:
        return files.write_pairs(pairs)
    except FilesNotWritten as error:
        journal.event("checkpoint_not_written", str(error))
        return keep_pairs(pairs)


def _ask(
    base: LoadedModel,
    journal: Journal,
    prompt_format: str,
    answer_tokens: int,
    questions: Sequence[str],
) -> list[BaseAnswer]:
    given = [BaseAnswer("")] * len(questions)
    sampling = Sampling(max_new_tokens=answer_tokens)
    asked = [Question(question, prompt_format=prompt_format) for question in questions]

    def show(done: float) -> None:
        journal.check()
        journal.progress("answering to rehearse", int(done), len(questions))

    show(0)
    for answer in base.answer(asked, sampling=sampling, on_progress=show):
        given[answer.index] = BaseAnswer.read(answer)
    return given
