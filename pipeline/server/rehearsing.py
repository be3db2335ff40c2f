"""What an adapter of a client rehearses: the base model's own answers, asked for as prompts come.

The first call asks most; a later one asks a little more for each prompt that is new. Kept in a file
beside the adapter's weights.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.local_lora.answering import Question
from pipeline.local_lora.files import write_file
from pipeline.local_lora.models import BaseModel
from pipeline.local_lora.rehearsal import PROMPTS_LOOKED_AT, pair_up, rehearsal_prompts
from pipeline.local_lora.sampling import Decoding
from pipeline.local_lora.steps import Pair

REHEARSAL_FILE = "rehearsal.json"
#: Longest answer of the base model that is rehearsed.
_ANSWER_TOKENS = 64
#: What a later call asks for each prompt that is new to the adapter.
_QUESTIONS_PER_PROMPT = 32


@dataclass
class Rehearsal:
    """What one adapter rehearses."""

    #: Prompts of the samples so far.
    prompts: list[str] = field(default_factory=list)
    #: The base model's answers to others.
    pairs: list[Pair] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Rehearsal:
        """What lies in an adapter's folder; empty at first."""
        try:
            content = json.loads((folder / REHEARSAL_FILE).read_text("utf-8"))
        except FileNotFoundError:
            return cls()
        return cls(content["prompts"], [Pair(**fields) for fields in content["pairs"]])

    def write(self, folder: Path) -> None:
        """Keep it in an adapter's folder."""
        content = {"prompts": self.prompts, "pairs": [asdict(pair) for pair in self.pairs]}
        write_file(folder / REHEARSAL_FILE, json.dumps(content, ensure_ascii=False).encode())

    def add(
        self, prompts: Sequence[str], base: BaseModel, *, seed: int, count: int, is_embedded: bool
    ) -> Generator[None, None, bool]:
        """Ask the base model what prompts that are new call for; True if there was anything new.

        Args:
            prompts: of the samples of a call.
            base: the base model.
            seed: decides names and choice.
            count: how many questions the first call asks.
            is_embedded: whether the embedded model's own list of questions is among them.
        """
        is_first = not self.prompts and not self.pairs
        new = [p for p in dict.fromkeys(prompts) if p not in self.prompts]
        new = new[: PROMPTS_LOOKED_AT - len(self.prompts)]
        if not new and not is_first:
            return False
        questions = rehearsal_prompts(
            new,
            seed=seed + len(self.prompts),
            count=count if is_first else min(count, _QUESTIONS_PER_PROMPT * len(new)),
            is_embedded=is_embedded and is_first,
        )
        answers = yield from _ask(base, questions)
        self.prompts += new
        # What a client teaches now is no longer to stay as it was.
        pairs = [*self.pairs, *pair_up(questions, answers)]
        self.pairs = [pair for pair in pairs if pair.prompt not in self.prompts]
        return True


def _ask(base: BaseModel, prompts: Sequence[str]) -> Generator[None, None, list[str]]:
    """The base model's answers; other calls may come between two batches."""
    texts = [""] * len(prompts)
    decoding = Decoding(max_new_tokens=_ANSWER_TOKENS)
    for answer in base.answer([Question(prompt) for prompt in prompts], decoding=decoding):
        texts[answer.index] = answer.text or ""
        yield
    return texts
