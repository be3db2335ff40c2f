"""Pages of rows as columns ready to hash and to store, and the content hashes of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import repeat
from typing import Any, cast

from sqltune.selection.columns import Column
from sqltune.selection.content_hash import HASH_BYTES, HEADER, NULL_LENGTH, raw_digest
from sqltune.selection.rules import as_weight
from sqltune.selection.validation_rows import find_validation, mark_digests

Texts = Sequence[bytes | None]


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Samples that may be trained on, column by column, with their content hashes."""

    keys: Sequence[bytes]
    prompts: Sequence[bytes]
    responses: Sequence[bytes]
    system_prompts: Texts
    messages: Texts  #: canonical JSON of a conversation; None: a prompt with its response
    weights: Sequence[float]
    groups: Texts
    splits: Texts
    digests: Sequence[bytes]
    validation: frozenset[int] = frozenset()  #: the indexes of those that are never trained

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.prompts)


def encode_samples(columns: Sequence[Column], *, named: bool = True) -> SampleBatch | None:
    """Hash a page of samples; None if a value is of a type that content may not have.

    A missing key becomes the content hash; `named` False leaves the keys out.
    """
    keys, prompts, responses, systems, messages, weights, groups, splits = columns
    if set(map(type, prompts)) != {bytes} or set(map(type, responses)) != {bytes}:
        return None
    if not (_is_text(systems) and _is_text(messages) and _is_text(splits)):
        return None
    numbers, group_texts = _encode_weights(weights), encode_keys(groups)
    if numbers is None or group_texts is None:
        return None
    digests = digest_columns(prompts, responses, systems, numbers, group_texts, splits, messages)
    names = _name_keys(encode_keys(keys), digests) if named else []
    return SampleBatch(
        names, prompts, responses, systems, messages, numbers, group_texts, splits, digests
    )


def digest_columns(
    prompts: Sequence[bytes],
    responses: Texts,
    systems: Texts,
    weights: Iterable[float],
    groups: Texts,
    splits: Texts,
    messages: Texts | None = None,
) -> list[bytes]:
    """Return the content hash of each row, as `content_digest` defines it, many times faster."""
    columns = [_lengths_and_texts(c) for c in (prompts, responses, systems, groups, splits)]
    (p_len, p), (r_len, r), (s_len, s), (g_len, g), (t_len, t) = columns
    headers = map(HEADER.pack, p_len, r_len, s_len, weights, g_len, t_len)
    m = repeat(b"") if messages is None else _lengths_and_texts(messages)[1]
    join = b"".join
    return [
        blake2b(join(parts), digest_size=HASH_BYTES).digest()
        for parts in zip(headers, p, r, s, g, t, m, strict=False)
    ]


def digest_rows(columns: Sequence[Column]) -> list[bytes]:
    """Hash rows one by one, including those that cannot be trained on."""
    digests = []
    for row in zip(*columns, strict=True):
        batch = encode_samples([(value,) for value in row], named=False)
        digests.append(raw_digest(row[1:]) if batch is None else batch.digests[0])
    return digests


def digest_refused(
    rows: Sequence[Sequence[Any]], share: float | None = None
) -> tuple[Sequence[bytes], int]:
    """Hash rows that were refused, for the selection's fingerprint; return hashes and number."""
    if not rows:
        return [], 0
    columns = list(zip(*rows, strict=True))
    digests = digest_rows(columns)
    validation = find_validation(columns[0], columns[-2], columns[-1], digests, share)
    return mark_digests(digests, validation), len(rows)


def encode_keys(column: Column) -> Texts | None:
    """Return keys as text, integers in decimal digits; None if a value is neither."""
    types = set(map(type, column))
    if types <= {bytes, type(None)}:
        return column
    if types == {int}:
        return [b"%d" % key for key in column]
    if types <= {bytes, int, bool, type(None)}:
        return [b"%d" % key if isinstance(key, int) else key for key in column]
    return None


def _encode_weights(column: Column) -> Sequence[float] | None:
    types = set(map(type, column))
    if types == {float}:
        return column
    if types == {type(None)}:
        return [1.0] * len(column)
    weights = [as_weight(value) for value in column]
    if None in weights:
        return None
    return [weight for weight in weights if weight is not None]


def _name_keys(keys: Texts | None, digests: Sequence[bytes]) -> Sequence[bytes]:
    """Return each row's key; the content hash where it has none."""
    texts = keys or [None] * len(digests)
    if None not in texts:
        return cast("Sequence[bytes]", texts)
    return [
        digest.hex().encode() if key is None else key
        for key, digest in zip(texts, digests, strict=True)
    ]


def _lengths_and_texts(column: Texts) -> tuple[Iterable[int], Iterable[bytes]]:
    missing = column.count(None)
    if missing == len(column):
        return repeat(NULL_LENGTH), repeat(b"")
    if missing == 0:
        texts = cast("Sequence[bytes]", column)
        return map(len, texts), texts
    lengths = [NULL_LENGTH if text is None else len(text) for text in column]
    return lengths, [text or b"" for text in column]


def _is_text(column: Column) -> bool:
    return set(map(type, column)) <= {bytes, type(None)}
