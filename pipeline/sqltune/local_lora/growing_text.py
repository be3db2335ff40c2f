"""The text of an answer while its tokens come, for readers who do not wait for its end.

Only the last tokens are decoded at each step: from where the text was whole before the last
addition, since a tokenizer writes the first token of a text otherwise than a later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: What a tokenizer shows in place of a character of which tokens are missing.
_HALF_CHARACTER = "\ufffd"


@dataclass
class GrowingText:
    """The answer that a list of token ids stands for; it grows as ids are added to the list."""

    tokenizer: Any
    ids: list[int]
    #: Texts that end the answer and do not belong to it.
    stops: Sequence[str] = ()
    #: Whether spaces around the answer belong to it.
    keeps_spaces: bool = False
    #: The text of the first ids, up to `_end`; it ends with a whole character.
    _text: str = field(default="", init=False)
    #: The text of the ids behind them, which further ids may change.
    _tail: str = field(default="", init=False)
    #: The ids that `_text` ends with, by which those behind them are decoded.
    _begin: int = field(default=0, init=False)
    _end: int = field(default=0, init=False)
    #: How many ids were decoded.
    _decoded: int = field(default=0, init=False)
    #: Where the first stop begins; None: none has come.
    _stop: int | None = field(default=None, init=False)

    @property
    def is_stopped(self) -> bool:
        """Whether a stop has come."""
        if self.stops:
            self._catch_up()
        return self._stop is not None

    @property
    def final(self) -> str:
        """The answer, without outer spaces unless it keeps them."""
        text = self._decode(self.ids)
        return self._trim(text[: self._find_stop(text)])

    @property
    def settled(self) -> str:
        """The beginning of the answer that no further token changes."""
        self._catch_up()
        text, place = self._text + self._tail, self._stop
        if place is None:
            text = text.rstrip(_HALF_CHARACTER)
            place = len(text) - max((_overlap(text, stop) for stop in self.stops), default=0)
        return self._trim(text[:place])

    def _trim(self, text: str) -> str:
        return text if self.keeps_spaces else text.strip()

    def _catch_up(self) -> None:
        """Read what was added since the last time."""
        if self._decoded == len(self.ids):
            return
        self._decoded = len(self.ids)
        known = len(self._text)
        before = self._decode(self.ids[self._begin : self._end])
        self._tail = self._decode(self.ids[self._begin :])[len(before) :]
        if self._stop is None:
            # A stop may have begun before what was added.
            first = max(0, known - max(map(len, self.stops), default=1) + 1)
            place = self._find_stop(self._text[first:] + self._tail)
            self._stop = None if place is None else first + place
        if self._tail and not self._tail.endswith(_HALF_CHARACTER):
            self._text, self._tail = self._text + self._tail, ""
            self._begin, self._end = self._end, len(self.ids)

    def _decode(self, ids: Sequence[int]) -> str:
        # Cleaned up, spaces before punctuation are lost; some releases of transformers do not clean
        # up BPE, which is all that causal models have, and print a line about it instead.
        text: str = self.tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _find_stop(self, text: str) -> int | None:
        places = [text.find(stop) for stop in self.stops]
        return min((place for place in places if place >= 0), default=None)


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of the text may begin the stop."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
