"""Recognises the ways in which Python and torch report that memory ran out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqltune.errors import OutOfMemory, PipelineError
from sqltune.local_lora.tokenising import TokenisedSample

#: What torch's allocators report, on processors and on accelerators.
_NO_MEMORY = re.compile("allocate memory|out of memory", re.IGNORECASE)


@contextmanager
def translate_memory(samples: Sequence[TokenisedSample]) -> Iterator[None]:
    """Raise OutOfMemory where a step on these samples does not fit into memory."""
    try:
        yield
    except PipelineError:
        raise
    except (MemoryError, RuntimeError) as exc:
        if not isinstance(exc, MemoryError) and not _NO_MEMORY.search(str(exc)):
            raise
        longest = max((len(sample.token_ids) for sample in samples), default=0)
        raise OutOfMemory(
            f"a training step does not fit into memory (longest sample: {longest} tokens); lower "
            "tokens_at_once, leave long samples out, or use a smaller base model"
        ) from exc
