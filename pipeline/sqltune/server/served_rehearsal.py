"""What a client's adapter rehearses, and which samples it was trained on.

It rehearses the base model's own answers, asked and trained in one form: the first call asks most
of the questions, a later one a few more where a prompt is new. Stored in a file beside the
adapter's weights.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.files import write_file
from sqltune.local_lora.rehearsal.options import RehearsalOptions
from sqltune.local_lora.rehearsal.pairs import BaseAnswer, describe_refusals, pair_up
from sqltune.local_lora.rehearsal.questions import PROMPTS_READ, rehearsal_questions
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.training import LoraTrainer

logger = logging.getLogger(__name__)

REHEARSAL_FILE = "rehearsal.json"
#: What a later call asks for each prompt that is new to the adapter.
_QUESTIONS_PER_PROMPT = 32
#: Samples whose passes are counted; further ones count as new each time.
_MOST_SEEN = 4096


@dataclass
class ServedRehearsal:
    """What one adapter rehearses."""

    #: Prompts of the samples so far.
    prompts: list[str] = field(default_factory=list)
    #: The base model's answers to other questions.
    pairs: list[Pair] = field(default_factory=list)
    #: How often each sample was trained, by a hash of its text.
    seen: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> ServedRehearsal:
        """Return what is stored in an adapter's folder; empty at first."""
        try:
            content = json.loads((folder / REHEARSAL_FILE).read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return cls()
        pairs = [Pair(**fields) for fields in content["pairs"]]
        return cls(content["prompts"], pairs, content["seen"])

    def write(self, folder: Path) -> None:
        """Store it in an adapter's folder."""
        write_file(folder / REHEARSAL_FILE, json.dumps(asdict(self), ensure_ascii=False).encode())

    def passes(self, texts: Sequence[str]) -> float:
        """Return how often these samples were trained before, on average."""
        return sum(self.seen.get(_hash(text), 0) for text in texts) / max(1, len(texts))

    def count_pass(self, texts: Sequence[str]) -> None:
        """Count one more training of these samples."""
        for key in map(_hash, texts):
            if key in self.seen or len(self.seen) < _MOST_SEEN:
                self.seen[key] = self.seen.get(key, 0) + 1

    def add(
        self, prompts: Sequence[str], trainer: LoraTrainer, options: RehearsalOptions, *, seed: int
    ) -> Generator[None, None, None]:
        """Ask the base model the questions that new prompts call for.

        Args:
            prompts: of the samples of a call.
            trainer: the adapter's, which trains the pairs.
            options: how much the first call rehearses.
            seed: decides names and choice.
        """
        is_first = not self.prompts and not self.pairs
        new = [p for p in dict.fromkeys(prompts) if p not in self.prompts]
        new = new[: PROMPTS_READ - len(self.prompts)]
        if not new and not is_first:
            return
        if not is_first:
            count = min(options.count, _QUESTIONS_PER_PROMPT * len(new))
            options = replace(options, count=count)
        questions = rehearsal_questions(new, options, seed=seed + len(self.prompts))
        answers = yield from _ask(trainer, questions, options.answer_tokens)
        if (refusals := describe_refusals(answers)) is not None:
            logger.warning("rehearsal: %s", refusals, extra={"event": "not_rehearsed"})
        self.prompts += new
        # What a client teaches now must no longer stay as it was.
        pairs = [*self.pairs, *pair_up(questions, answers, options.weight)]
        self.pairs = [pair for pair in pairs if pair.prompt not in self.prompts]


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _ask(
    trainer: LoraTrainer, questions: Sequence[str], answer_tokens: int
) -> Generator[None, None, list[BaseAnswer]]:
    """Return the base model's answers; other calls can be served between two batches."""
    given = [BaseAnswer("")] * len(questions)
    sampling = Sampling(max_new_tokens=answer_tokens)
    asked = [Question(question, prompt_format=trainer.prompt_format) for question in questions]
    for answer in trainer.base.answer(asked, sampling=sampling):
        given[answer.index] = BaseAnswer.read(answer)
        yield
    return given
