"""The shapes, rows and options that sqltune and trl are both timed on by `tests.bench.gpu`.

Weights are random and made on the device, so that no file is needed; speed and memory do not depend
on their values. Imports neither sqltune nor trl.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.bench.training_rows import SHAPE, draw_rows

LORA = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "target_modules": "all-linear"}
LEARNING_RATE = 1e-4
#: trl's packs are of this many tokens.
PACK_LENGTH = 1024
SEED = 0
#: Steps that are not timed: kernels are chosen and memory is reserved in them.
WARM_UP = 3


@dataclass(frozen=True)
class Shape:
    """A model to make, and how many tokens a step has."""

    config: dict[str, Any]
    packs_per_step: int


_QWEN = {
    "model_type": "qwen2", "vocab_size": 151_936, "hidden_size": 1536, "intermediate_size": 8960,
    "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2,
    "max_position_embeddings": 32_768, "tie_word_embeddings": True,
}  # fmt: skip
_MISTRAL = {
    "model_type": "mistral", "vocab_size": 32_768, "hidden_size": 4096, "intermediate_size": 14_336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "max_position_embeddings": 32_768, "sliding_window": None, "tie_word_embeddings": False,
}  # fmt: skip
_TINY = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2}
_ENDS = {"bos_token_id": 1, "eos_token_id": 0, "pad_token_id": 0}

SHAPES = {
    "SmolLM2-135M": Shape({"model_type": "llama", **SHAPE}, packs_per_step=8),
    "Qwen2.5-1.5B": Shape({**_QWEN, **_ENDS}, packs_per_step=8),
    "Mistral-7B": Shape({**_MISTRAL, **_ENDS}, packs_per_step=4),
    "tiny": Shape(
        {"model_type": "llama", **SHAPE, **_TINY, "num_attention_heads": 4, "vocab_size": 512,
         "num_key_value_heads": 2},
        packs_per_step=2,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Timing:
    """What a process is asked to time, as its argument."""

    shape: str
    device: str
    steps: int
    variant: str

    @classmethod
    def read(cls) -> Timing:
        """Return what this process was asked for."""
        return cls(**json.loads(sys.argv[1]))

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.device == "cuda" else torch.float32

    def draw_rows(self) -> list[tuple[list[int], int]]:
        """Return about as many rows as fill the packs of all steps."""
        packs = (self.steps + WARM_UP) * SHAPES[self.shape].packs_per_step
        vocabulary = SHAPES[self.shape].config["vocab_size"]
        rows, tokens = [], 0
        for ids, start in draw_rows(packs * PACK_LENGTH // 20):
            tokens += len(ids)
            if tokens > packs * PACK_LENGTH * 0.97:
                break
            rows.append(([token % vocabulary for token in ids], start))
        return rows


def make_network(timing: Timing) -> Any:
    """Return a causal LM with random weights, made on the device in its number format."""
    torch.manual_seed(SEED)
    config = dict(SHAPES[timing.shape].config)
    with torch.device(timing.device):
        return AutoModelForCausalLM.from_config(
            AutoConfig.for_model(config.pop("model_type"), **config), dtype=timing.dtype
        )


def synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def report(timing: Timing, rows: list[tuple[list[int], int]], **figures: Any) -> None:
    """Print the figures of one process: the tokens of `rows`, which were timed, per second.

    Args:
        timing: what was timed.
        rows: the rows of the timed steps.
        figures: `seconds`, `loss` and what else is to be in the table.
    """
    seconds = figures["seconds"]
    line = {
        "shape": timing.shape,
        "variant": timing.variant,
        "tokens_per_second": sum(len(ids) for ids, _ in rows) / seconds,
        "trained_tokens_per_second": sum(len(ids) - start for ids, start in rows) / seconds,
        **figures,
    }
    if timing.device == "cuda":
        line["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
        line["reserved_gib"] = torch.cuda.max_memory_reserved() / 2**30
        line["card"] = torch.cuda.get_device_name()
    sys.__stdout__.write(json.dumps(line) + "\n")
    sys.__stdout__.flush()
