"""Cuts a JSON list into its items without reading the whole list into memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TextIO

_CHARACTERS_READ = 64_000
#: An error so near to the end of what was read may only mean that more has to be read.
_NEAR_THE_END = 16
_DECODER = json.JSONDecoder()


def array_items(stream: TextIO) -> Iterator[str]:
    """Yield the text of each item of a list, whose first character is `[`.

    Raises:
        ValueError: an item is no JSON, the list has no end, or something follows it.
    """
    text = _skip(stream, "")[1:]
    number = 0
    while not (text := _skip(stream, text)).startswith("]"):
        if number and not text.startswith(","):
            raise ValueError(f"a comma or the end of the list is missing after row {number}")
        text = _skip(stream, text[1:]) if number else text
        number += 1
        end, text = _find_end(stream, text, number)
        yield text[:end]
        text = text[end:]
    if _skip(stream, text[1:]):
        raise ValueError("something follows the end of the list")


def _skip(stream: TextIO, text: str) -> str:
    """Return the text from its first character that is no blank, reading on if there is none."""
    while not (rest := text.lstrip()):
        text = stream.read(_CHARACTERS_READ)
        if not text:
            return ""
    return rest


def _find_end(stream: TextIO, text: str, number: int) -> tuple[int, str]:
    """Return the end of the item that begins the text, and the text, of which more may be read."""
    while True:
        try:
            end = _DECODER.raw_decode(text)[1]
        except RecursionError:
            raise ValueError(f"row {number} is nested too deeply") from None
        except json.JSONDecodeError as error:
            is_cut = error.msg.startswith("Unterminated") or error.pos > len(text) - _NEAR_THE_END
            more = stream.read(max(_CHARACTERS_READ, len(text))) if is_cut else ""
            if not more:
                raise ValueError(f"row {number} is not JSON: {error.msg}") from None
            text += more
            continue
        return end, text
