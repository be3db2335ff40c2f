"""What an adapter of a client rehearses, and which samples it has seen.

It rehearses the base model's own answers: the first call asks for most of them, a later one for a
few more where a prompt is new. Kept in a file beside the adapter's weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sqltune.local_lora.answering import Question
from sqltune.local_lora.files import write_file
from sqltune.local_lora.models import LoadedModel
from sqltune.local_lora.rehearsal.rehearsal import PROMPTS_LOOKED_AT, pair_up, rehearsal_prompts
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.steps import Pair

REHEARSAL_FILE = "rehearsal.json"
#: Longest answer of the base model that is rehearsed.
_ANSWER_TOKENS = 64
#: What a later call asks for each prompt that is new to the adapter.
_QUESTIONS_PER_PROMPT = 32
#: Samples that are remembered; further ones are taken for new each time.
_MOST_SEEN = 4096


@dataclass
class Rehearsal:
    """What one adapter rehearses."""

    #: Prompts of the samples so far.
    prompts: list[str] = field(default_factory=list)
    #: The base model's answers to others.
    pairs: list[Pair] = field(default_factory=list)
    #: How often each sample was trained, by a hash of its text.
    seen: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Rehearsal:
        """What lies in an adapter's folder; empty at first."""
        try:
            content = json.loads((folder / REHEARSAL_FILE).read_text("utf-8"))
        except FileNotFoundError:
            return cls()
        pairs = [Pair(**fields) for fields in content["pairs"]]
        return cls(content["prompts"], pairs, content["seen"])

    def write(self, folder: Path) -> None:
        """Keep it in an adapter's folder."""
        write_file(folder / REHEARSAL_FILE, json.dumps(asdict(self), ensure_ascii=False).encode())

    def passes(self, texts: Sequence[str]) -> float:
        """How often these samples were trained before, on average."""
        return sum(self.seen.get(_hash(text), 0) for text in texts) / max(1, len(texts))

    def note_seen(self, texts: Sequence[str]) -> None:
        """Note that these samples were trained once more."""
        for key in map(_hash, texts):
            if key in self.seen or len(self.seen) < _MOST_SEEN:
                self.seen[key] = self.seen.get(key, 0) + 1

    def add(
        self, prompts: Sequence[str], base: LoadedModel, *, seed: int, count: int, is_embedded: bool
    ) -> Generator[None, None, None]:
        """Ask the base model what prompts that are new call for.

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
            return
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


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _ask(base: LoadedModel, prompts: Sequence[str]) -> Generator[None, None, list[str]]:
    """The base model's answers; other calls may come between two batches."""
    texts = [""] * len(prompts)
    decoding = Sampling(max_new_tokens=_ANSWER_TOKENS)
    for answer in base.answer([Question(prompt) for prompt in prompts], decoding=decoding):
        texts[answer.index] = answer.text or ""
        yield
    return texts
