"""Batches of an external function of SingleStore: two texts come in for each row, one goes back.

SingleStore sends one of two formats. Both are read here and not by the package singlestoredb, whose
compiled reader ends the process on bytes that are no batch.

Source: release 1.18.1 of the Python package singlestoredb, singlestoredb.functions.ext.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic_core import from_json

JSON, ROWDAT_1 = "application/json", "application/octet-stream"
_ROW_ID, _LENGTH = struct.Struct("<q"), struct.Struct("<q")
_ARGUMENTS = 2
#: Rows of a batch: many times what SingleStore sends unless it is set otherwise.
MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One row of a batch."""

    row_id: int
    model: str | None
    prompt: str | None


def read_batch(content_type: str, body: bytes) -> list[FunctionRow]:
    """Return the rows of a batch.

    Raises:
        ValueError: it is not in the format that it says, or has too many rows.
    """
    read = _read_json(body) if content_type == JSON else _read_rowdat(body)
    rows = list(islice(read, MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise ValueError(f"the batch has more than {MOST_ROWS:,} rows: send fewer at once")
    return [FunctionRow(*row) for row in rows]


def write_batch(content_type: str, results: Sequence[tuple[int, str | None]]) -> bytes:
    """Return the batch of results, by the ids of their rows."""
    if content_type == JSON:
        return json.dumps({"data": [list(result) for result in results]}).encode()
    return b"".join(_ROW_ID.pack(row_id) + _write_text(text) for row_id, text in results)


def _read_json(body: bytes) -> Iterator[tuple[int, str | None, str | None]]:
    try:
        # Unlike Python's reader, it refuses half characters, of which no text can be made.
        rows = iter(from_json(body)["data"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"the batch is not JSON with a list of rows in data: {error}") from None
    for row in rows:
        if not isinstance(row, list) or len(row) != 1 + _ARGUMENTS or not _is_row(*row):
            raise ValueError("each row of data must be a number and two texts or nulls")
        yield row[0], row[1], row[2]


def _is_row(row_id: object, *texts: object) -> bool:
    is_number = isinstance(row_id, int) and not isinstance(row_id, bool)
    return is_number and all(text is None or isinstance(text, str) for text in texts)


def _read_rowdat(body: bytes) -> Iterator[tuple[int, str | None, str | None]]:
    place = 0
    while place < len(body):
        try:
            (row_id,) = _ROW_ID.unpack_from(body, place)
            model, place = _read_text(body, place + _ROW_ID.size)
            prompt, place = _read_text(body, place)
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise ValueError(f"the batch is not in ROWDAT_1: {error}") from None
        yield row_id, model, prompt


def _read_text(body: bytes, place: int) -> tuple[str | None, int]:
    """Return a text, or None, and the place behind it: a byte for NULL, a length, and UTF-8."""
    is_null = body[place]
    (length,) = _LENGTH.unpack_from(body, place + 1)
    begin = place + 1 + _LENGTH.size
    if not 0 <= length <= len(body) - begin:
        raise ValueError("the batch is not in ROWDAT_1: a text is longer than what is there")
    text = body[begin : begin + length].decode()
    return None if is_null else text, begin + length


def _write_text(text: str | None) -> bytes:
    encoded = (text or "").encode()
    return bytes([text is None]) + _LENGTH.pack(len(encoded)) + encoded
