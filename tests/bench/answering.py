"""Answering on SmolLM2 beside transformers' generate: `python -m tests.bench.answering`.

The held-out support tickets are asked greedily, up to so many tokens each: by sqltune, by
`generate` one by one, and by `generate` in padded batches in the order given. All use the same
network, weights and chat template. Figures by CPU-second leave other load on the machine out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.cores import usable_cores
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.tokenising import tokenise_prompt
from tests.bench.support.company import make_company
from tests.bench.support.rows import read_from_sqlite
from tests.bench.support_job import BASE_MODEL
from tests.bench.training import compare

PROMPTS, TOKENS, BATCH = 200, 64, 32


@dataclass(frozen=True)
class Asked:
    """What one way of asking took."""

    name: str
    texts: list[str]
    seconds: float
    cpu_seconds: float

    def __str__(self) -> str:
        return (
            f"{self.name:22} {self.seconds:7.1f} s {self.cpu_seconds:7.1f} CPU-s "
            f"{len(self.texts) / self.cpu_seconds:6.2f} answers a CPU-s"
        )


def main() -> int:
    """Measure and print; return 1 if sqltune is slower."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--threads", type=int, default=usable_cores())
    options = parser.parse_args()
    rows = read_from_sqlite(make_company(tickets=0, held_out=options.prompts, seed=1))
    prompts = [row.prompt for row in rows]
    base = load_base_model(BASE_MODEL, threads=options.threads)
    ask_ours(base, prompts[:1], 2)  # what is only done once is not counted
    ways: dict[str, Callable[[], list[str]]] = {
        "sqltune": lambda: ask_ours(base, prompts, options.tokens),
        f"generate, batches of {BATCH}": lambda: generate(base, prompts, options.tokens),
        "generate, one by one": lambda: generate(base, prompts, options.tokens, 1),
    }
    asked: list[Asked] = []
    for name, work in ways.items():
        asked.append(measure(name, work))
        pairs = zip(asked[0].texts, asked[-1].texts, strict=True)
        equal = sum(a == b for a, b in pairs)
        # At once: one by one takes so long that it may be stopped.
        print(f"{asked[-1]}; {equal} of {len(prompts)} answers as sqltune's", flush=True)
    ours, *others = asked
    return 0 if all([compare_with(ours, other) for other in others]) else 1


def measure(name: str, work: Callable[[], list[str]]) -> Asked:
    """Time one way of asking."""
    started, busy = time.monotonic(), time.process_time()
    texts = work()
    return Asked(name, texts, time.monotonic() - started, time.process_time() - busy)


def compare_with(ours: Asked, other: Asked) -> bool:
    """Print our time in another's; return whether it is not longer."""
    share = ours.cpu_seconds / other.cpu_seconds
    return compare(f"our CPU time in that of {other.name}", share, 1.0)


def ask_ours(base: LoadedModel, prompts: Sequence[str], tokens: int) -> list[str]:
    """Ask as a run does."""
    questions = [Question(prompt) for prompt in prompts]
    answers = base.answer(questions, sampling=Sampling(max_new_tokens=tokens))
    texts = {answer.index: answer.text or "" for answer in answers}
    return [texts[place] for place in range(len(prompts))]


def generate(
    base: LoadedModel, prompts: Sequence[str], tokens: int, at_once: int = BATCH
) -> list[str]:
    """Ask as transformers' documentation does."""
    texts: list[str] = []
    for first in range(0, len(prompts), at_once):
        texts += _generate_batch(base, prompts[first : first + at_once], tokens)
    return texts


@torch.inference_mode()
def _generate_batch(base: LoadedModel, prompts: Sequence[str], tokens: int) -> list[str]:
    ids = [
        list(tokenise_prompt(prompt, base.tokenizer, prompt_format=base.prompt_format))
        for prompt in prompts
    ]
    longest = max(map(len, ids))
    pad: Any = base.tokenizer.pad_token_id
    padded = torch.tensor([[pad] * (longest - len(one)) + one for one in ids])
    mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in ids])
    made = base.network.generate(
        input_ids=padded,
        attention_mask=mask,
        max_new_tokens=tokens,
        do_sample=False,
        pad_token_id=pad,
    )
    return [
        text.strip()
        for text in base.tokenizer.batch_decode(made[:, longest:], skip_special_tokens=True)
    ]


if __name__ == "__main__":
    sys.exit(main())
