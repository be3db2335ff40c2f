"""Says clearly that a training step does not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqltune.errors import OutOfMemory, PipelineError
from sqltune.local_lora.gradients.memory_use import is_out_of_memory
from sqltune.local_lora.tokenising import TokenisedSample


@contextmanager
def translate_memory(samples: Sequence[TokenisedSample]) -> Iterator[None]:
    """Raise OutOfMemory where a step on these samples does not fit into memory."""
    try:
        yield
    except PipelineError:
        raise
    except (MemoryError, RuntimeError) as exc:
        if not is_out_of_memory(exc):
            raise
        longest = max((len(sample.token_ids) for sample in samples), default=0)
        raise OutOfMemory(
            f"a training step does not fit into memory (longest sample: {longest} tokens); lower "
            "tokens_at_once, leave long samples out, quantise the base model, or use a smaller one"
        ) from exc
