"""Defines the content hash of a row and the fingerprint of a selection.

Content hash of a row: BLAKE2b-256 over a header of fixed size and the UTF-8 bytes of its texts,

    three int64     bytes of prompt, response and system prompt; -1 for NULL; little-endian
    one double      weight, IEEE 754; a NaN for NULL, which no valid weight is
    two int64       bytes of group and split; -1 for NULL
    texts           prompt, response, system prompt, group, split as they are, not normalised
    messages        canonical JSON where the row is a conversation of several turns, else nothing

All lengths precede all texts, so that fields cannot run into each other: what follows the texts is
the messages. The row's key is not
content.

Fingerprint of a selection: '<rows>-<hex>', where hex is the sum of the rows' hashes modulo 2^256. A
sum does not depend on the order, and unlike XOR two equal rows do not cancel.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

HASH_BYTES = 32
HEADER = struct.Struct("<qqqdqq")
NULL_LENGTH = -1
NULL_WEIGHT = math.nan
_MODULUS = 1 << (8 * HASH_BYTES)
_LENGTH = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The order-free hash of a selection's content."""

    text: str  #: '<rows>-<64 hexadecimal digits>'
    row_count: int


class FingerprintSum:
    """Adds up content hashes; single ones can be subtracted again."""

    def __init__(self) -> None:
        self._total = 0
        self._rows = 0

    def add(self, digests: Iterable[bytes], count: int) -> None:
        """Add `count` content hashes."""
        self._total += sum(map(int.from_bytes, digests))
        self._rows += count

    def remove(self, digest: bytes) -> None:
        """Subtract one content hash that was added before."""
        self._total -= int.from_bytes(digest)
        self._rows -= 1

    def result(self) -> Fingerprint:
        """Return the fingerprint of what was added."""
        return Fingerprint(f"{self._rows}-{self._total % _MODULUS:064x}", self._rows)


def content_digest(
    prompt: bytes,
    response: bytes | None,
    system_prompt: bytes | None,
    weight: float | None,
    group_key: bytes | None,
    split: bytes | None,
    messages: bytes | None = None,
) -> bytes:
    """Hash one row's content; a prompt's `response` is its expected answer, its weight None."""
    texts = (prompt, response, system_prompt, group_key, split)
    first, second, third, fourth, fifth = (
        NULL_LENGTH if text is None else len(text) for text in texts
    )
    number = NULL_WEIGHT if weight is None else weight
    header = HEADER.pack(first, second, third, number, fourth, fifth)
    message = header + b"".join(text for text in texts if text is not None)
    return blake2b(message + (messages or b""), digest_size=HASH_BYTES).digest()


def prompt_digest(content: bytes, scorer: bytes | None) -> bytes:
    """Hash an evaluation prompt as its fingerprint counts it: content hash and own scorer."""
    length = NULL_LENGTH if scorer is None else len(scorer)
    message = content + _LENGTH.pack(length) + (scorer or b"")
    return blake2b(message, digest_size=HASH_BYTES).digest()


def raw_digest(values: Iterable[object]) -> bytes:
    """Hash a row that has no content hash, because a value is of a type that content may not have.

    Such a row is never trained on; its hash only shows that it was edited.
    """
    texts = [repr(value).encode("utf-8", "surrogatepass") for value in values]
    message = b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    return blake2b(b"raw" + message, digest_size=HASH_BYTES).digest()
