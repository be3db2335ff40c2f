"""Token counts of samples as training would see them, without loading weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from sqltune.local_lora.models import load_tokenizer
from sqltune.local_lora.sources import BaseModelSource
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.tokenising import count_tokens
from sqltune.records import Sample


def count_sample_tokens(source: BaseModelSource, samples: Iterable[Sample]) -> Iterator[int]:
    """Give the tokens of each sample: prompt form, response and end mark."""
    tokenizer = _tokenizer(source)
    for sample in samples:
        pair = Pair(sample.prompt, sample.response, sample.system_prompt)
        yield count_tokens([pair], tokenizer)


@lru_cache(maxsize=2)
def _tokenizer(source: BaseModelSource) -> Any:
    return load_tokenizer(source)
