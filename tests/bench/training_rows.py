"""The rows and the models that sqltune and trl are both timed on. Imports neither.

For the random weights token ids are drawn, not words: speed does not depend on them, and no
tokenizer is needed. For a pretrained model a file has the rows, tokenised once for both.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

#: SmolLM-135M's shape, with random weights.
SHAPE: dict[str, Any] = {
    "vocab_size": 49_152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
LORA = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "target_modules": "all-linear"}
#: Of the random weights, which hardly change at a rate for pretrained ones.
LEARNING_RATE = 1e-2
#: Of pretrained weights.
PRETRAINED_RATE = 1e-3
ROWS_PER_STEP = 8
#: trl's packs are of this many tokens, one pack a step: about as many tokens as eight rows have.
PACK_LENGTH = 1024
SEED = 0


def draw_rows(count: int) -> list[tuple[list[int], int]]:
    """Return rows of 20 to 400 tokens, mean about 115, 64 % of them response.

    Returns:
        For each row its token ids and the index where the response begins. Two thirds of the ids
        are from a small set, so that there is something to learn.
    """
    rng = random.Random(SEED)
    rows = []
    for _ in range(count):
        length = min(400, max(20, round(rng.lognormvariate(4.58, 0.6))))
        ids = [
            rng.randrange(2, 200) if rng.random() < 2 / 3 else rng.randrange(2, SHAPE["vocab_size"])
            for _ in range(length - 1)
        ]
        rows.append(([*ids, SHAPE["eos_token_id"]], round(length * 0.36)))
    return rows


@dataclass(frozen=True)
class TimedModel:
    """What is timed: the random weights, or a folder with the file of its rows."""

    folder: Path | None = None
    rows_file: Path | None = None

    @classmethod
    def from_words(cls, words: list[str]) -> Self:
        """Read folder and file from a command line; none means the random weights."""
        return cls(*map(Path, words))

    @property
    def words(self) -> list[str]:
        """What `from_words` reads."""
        return [str(path) for path in (self.folder, self.rows_file) if path is not None]

    @property
    def learning_rate(self) -> float:
        """The rate of all variants."""
        return LEARNING_RATE if self.folder is None else PRETRAINED_RATE

    def rows(self, count: int) -> list[tuple[list[int], int]]:
        """Return so many rows as `draw_rows` does."""
        if self.rows_file is None:
            return draw_rows(count)
        stored = json.loads(self.rows_file.read_text("utf-8"))
        return [(ids, start) for ids, start in stored[:count]]
