"""Decides which samples are for validation: by their split, or by a share of all samples.

A share is decided row by row, by a hash of the row's group, else its key, else its content, so that
a row never changes sides while the table grows, and the rows of a group are on one side. A larger
share keeps the rows of a smaller one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from sqltune.selection.columns import Column
from sqltune.selection.content_hash import HASH_BYTES

#: The split of rows that are for validation, whatever the share.
VALIDATION = b"validation"
_NUMBER_BYTES = 8


def find_validation(
    keys: Column, groups: Column, splits: Column, digests: Sequence[bytes], share: float | None
) -> frozenset[int]:
    """Return the indexes of the rows of a page that are for validation.

    Args:
        keys: the rows' own keys; empty: they have none.
        groups: their groups.
        splits: their splits; rows that are held out are not among them.
        digests: their content hashes.
        share: the adapter's validation_share.
    """
    chosen: set[int] = set()
    if VALIDATION in splits:
        chosen = {index for index, split in enumerate(splits) if split == VALIDATION}
    if share:
        names = _name_rows(keys or [None] * len(digests), groups, digests)
        limit = share * 2.0 ** (8 * _NUMBER_BYTES)
        chosen |= {index for index, name in enumerate(names) if _draw(name) < limit}
    return frozenset(chosen)


def mark_digests(digests: Sequence[bytes], validation: frozenset[int]) -> Sequence[bytes]:
    """Return content hashes as a fingerprint counts them: other ones for validation.

    Only so is a selection another one once a row changes sides.
    """
    if not validation:
        return digests
    return [
        mark_digest(digest) if index in validation else digest
        for index, digest in enumerate(digests)
    ]


def mark_digest(digest: bytes) -> bytes:
    """Return the hash that a row for validation has in a fingerprint."""
    return blake2b(VALIDATION + digest, digest_size=HASH_BYTES).digest()


def _name_rows(keys: Column, groups: Column, digests: Sequence[bytes]) -> Iterable[bytes]:
    for key, group, digest in zip(keys, groups, digests, strict=True):
        yield _as_name(group) or _as_name(key) or digest.hex().encode()


def _as_name(value: Any) -> bytes | None:
    """Return a label as text; None: it is missing, or of a type that no sample may have."""
    if isinstance(value, int):
        return b"%d" % value
    return value if isinstance(value, bytes) and value else None


def _draw(name: bytes) -> int:
    return int.from_bytes(blake2b(VALIDATION + name, digest_size=_NUMBER_BYTES).digest())
