"""The text of an answer while its tokens come, for readers who do not wait for its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

    @property
    def is_stopped(self) -> bool:
        """Whether a stop has come."""
        return bool(self.stops) and self._find_stop(self._decode()) is not None

    @property
    def final(self) -> str:
        """The answer, without outer spaces."""
        text = self._decode()
        return text[: self._find_stop(text)].strip()

    @property
    def settled(self) -> str:
        """The beginning of the answer that no further token changes."""
        text = self._decode()
        place = self._find_stop(text)
        if place is None:
            text = text.rstrip(_HALF_CHARACTER)
            place = len(text) - max((_overlap(text, stop) for stop in self.stops), default=0)
        return text[:place].strip()

    def _decode(self) -> str:
        # Cleaned up, spaces before punctuation are lost; some releases of transformers do not clean
        # up BPE, which is all that causal models have, and print a line about it instead.
        text: str = self.tokenizer.decode(
            self.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _find_stop(self, text: str) -> int | None:
        places = [text.find(stop) for stop in self.stops]
        return min((place for place in places if place >= 0), default=None)


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of the text may begin the stop."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
