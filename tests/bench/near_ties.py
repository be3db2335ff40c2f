"""Whether an answer depends on the prompts beside it, and if so, whether two tokens nearly tied."""

from __future__ import annotations

import torch

from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.tokenising import tokenise_prompt

#: Logits of two tokens that rounding may exchange in float32.
NEAR = 1e-4


def count_differences(base: LoadedModel, prompts: list[str], *, tokens: int) -> tuple[int, int]:
    """Return how many answers differ alone and together, and how many of these have no near tie."""
    sampling = Sampling(max_new_tokens=tokens)
    questions = [Question(prompt) for prompt in prompts]
    together = {a.index: a.text or "" for a in base.answer(questions, sampling=sampling)}
    alone = [next(iter(base.answer([q], sampling=sampling))).text or "" for q in questions]
    different = [n for n, text in enumerate(alone) if text != together[n]]
    unexplained = [
        n for n in different if not _is_near_tie(base, prompts[n], alone[n], together[n])
    ]
    return len(different), len(unexplained)


@torch.no_grad()
def _is_near_tie(base: LoadedModel, prompt: str, alone: str, together: str) -> bool:
    """Return whether the two best logits are near where the two answers begin to differ."""
    prompt_ids = list(tokenise_prompt(prompt, base.tokenizer))
    texts = [
        base.tokenizer(f" {text}", add_special_tokens=False)["input_ids"]
        for text in (alone, together)
    ]
    shared = 0
    for one, other in zip(*texts, strict=False):
        if one != other:
            break
        shared += 1
    ids = torch.tensor([prompt_ids + texts[0][:shared]])
    best = base.network(input_ids=ids).logits[0, -1].float().topk(2).values
    return bool(best[0] - best[1] < NEAR)
