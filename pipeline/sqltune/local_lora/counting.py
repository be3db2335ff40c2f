"""Token counts of samples as training would read them, without loading weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from sqltune.local_lora.loading import load_tokenizer
from sqltune.local_lora.prompt_format import resolve_format
from sqltune.local_lora.sources import BaseModelSource
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.tokenising import count_tokens
from sqltune.records import Sample


def count_sample_tokens(
    source: BaseModelSource, samples: Iterable[Sample], prompt_format: str
) -> Iterator[int]:
    """Yield the tokens of each sample: prompt form, response and end mark."""
    tokenizer = _tokenizer(source)
    form = resolve_format(prompt_format, tokenizer)
    for sample in samples:
        yield count_tokens([Pair.from_sample(sample)], tokenizer, prompt_format=form)


@lru_cache(maxsize=2)
def _tokenizer(source: BaseModelSource) -> Any:
    return load_tokenizer(source)
