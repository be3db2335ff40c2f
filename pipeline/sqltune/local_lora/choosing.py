"""Chooses one of a few texts as the answer: the one that the model finds likeliest."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sqltune.errors import RequestRejected
from sqltune.local_lora.answering import tokenise_asked
from sqltune.local_lora.asked_questions import FinishReason, GeneratedAnswer, Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.marks import encode, veil


@torch.no_grad()
def choose_answer(
    base: LoadedModel, question: Question, choices: Sequence[str], *, adapter: str | None
) -> GeneratedAnswer:
    """Return the choice that is likeliest as the whole answer: its tokens, then the end mark.

    Args:
        base: the base model.
        question: what is asked.
        choices: at least one.
        adapter: name of an adapter in memory; None asks the base model.

    Raises:
        RequestRejected: the question leaves no room for a choice.
    """
    prompt = tokenise_asked(question, base.tokenizer, question.prompt_format or base.prompt_format)
    started = time.monotonic()
    tokens = [_encode(choice, base) for choice in choices]
    with base.active(adapter):
        scores = [_log_probability(base, prompt, ids) for ids in tokens]
    best = scores.index(max(scores))
    return GeneratedAnswer(
        index=0,
        text=choices[best],
        finish_reason=FinishReason.STOP,
        prompt_tokens=len(prompt),
        output_tokens=len(tokens[best]),
        latency_seconds=time.monotonic() - started,
    )


def _encode(choice: str, base: LoadedModel) -> tuple[int, ...]:
    """Return a choice as it would be answered: after a space, as the response of a sample is."""
    ids = encode(veil(f" {choice}", base.tokenizer), base.tokenizer).ids
    end = base.tokenizer.eos_token_id
    return tuple(ids) if end is None else (*ids, end)


def _log_probability(base: LoadedModel, prompt: tuple[int, ...], choice: tuple[int, ...]) -> float:
    if len(prompt) + len(choice) > base.max_length:
        raise RequestRejected(
            f"the prompt has {len(prompt)} tokens, which leaves no room for an answer",
            code="prompt_too_long",
        )
    ids = torch.tensor([prompt + choice], device=base.network.device)
    arguments: dict[str, Any] = {"input_ids": ids, "use_cache": False}
    if "logits_to_keep" in inspect.signature(type(base.network).forward).parameters:
        arguments["logits_to_keep"] = len(choice) + 1
    logits: Tensor = base.network(**arguments).logits
    predicted = logits[0, -len(choice) - 1 : -1].float().log_softmax(1)
    return float(predicted.gather(1, ids[0, len(prompt) :, None]).sum())
