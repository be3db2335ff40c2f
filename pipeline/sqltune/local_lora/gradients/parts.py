"""Samples of one step in parts of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqltune.local_lora.tokenising import TokenisedSample


def cut_into_parts(
    samples: Sequence[TokenisedSample], limit: int, *, padded: bool
) -> Iterator[list[TokenisedSample]]:
    """Yield the samples in parts of at most `limit` tokens (padding counted), longest first."""
    part: list[TokenisedSample] = []
    size = 0
    for sample in sorted(samples, key=lambda sample: -len(sample.token_ids)):
        length = len(part[0].token_ids) if padded and part else len(sample.token_ids)
        if part and size + length > limit:
            yield part
            part, size, length = [], 0, len(sample.token_ids)
        part.append(sample)
        size += length
    if part:
        yield part
