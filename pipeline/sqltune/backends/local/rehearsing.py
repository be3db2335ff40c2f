"""The pairs that a local training rehearses beside its samples, for all attempts at a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

from sqltune.backends.base import Journal, Samples, TrainingOptions
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
    chosen: TrainingOptions,
    give_way: Callable[[], None],
) -> RehearsalPairs:
    """Return the pairs of an earlier attempt, or those that the base model answers now.

    Either way they are stored for this attempt. `give_way` is called between two answers, while
    others may use the base model.
    """
    found = files.find_pairs()
    if found is not None:
        return files.write_pairs(found.pairs)
    prompts = [sample.prompt for sample in islice(samples, PROMPTS_READ)]
    questions = rehearsal_questions(prompts, options, seed=chosen.seed)
    journal.event(
        "rehearsal_begun", f"the base model answers {len(questions)} questions to rehearse"
    )
    asked = [Question(question, prompt_format=chosen.prompt_format) for question in questions]
    answers, seconds = _ask(base, journal, options.answer_tokens, asked, give_way)
    pairs = pair_up(questions, answers, options.weight)
    stored = replace(_store(files, pairs, journal), answer_seconds=seconds)
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
    answer_tokens: int,
    asked: Sequence[Question],
    give_way: Callable[[], None],
) -> tuple[list[BaseAnswer], float]:
    """Return the answers, and the seconds that they took without those of others."""
    given = [BaseAnswer("")] * len(asked)
    sampling = Sampling(max_new_tokens=answer_tokens)

    def show(done: float) -> None:
        journal.check()
        journal.progress("answering to rehearse", int(done), len(asked))

    began, of_others = time.monotonic(), 0.0
    show(0)
    for answer in base.answer(asked, sampling=sampling, on_progress=show):
        given[answer.index] = BaseAnswer.read(answer)
        gave_way = time.monotonic()
        give_way()
        of_others += time.monotonic() - gave_way
    return given, time.monotonic() - began - of_others
